"""pset plist pget pquery paccess pline punlearn pdump pedit, and the conformance table of the specification."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from ciaopy.cli.param_commands import COMMANDS
from ciaopy.console import Console
from ciaopy.errors import ParameterError, UnknownParamError
from ciaopy.param import ParFile, find_par, open_parameters

TEXT = """infile,f,a,"",,,"In"
n,i,h,3,0,5,"N"
m,s,h,"mean",mean|median|min,,"M"
clobber,b,h,no,,,"C"
copy,s,h,")infile",,,
tmp,s,h,"${ASCDS_WORK_PATH}/x",,,
mode,s,h,"ql",,,
"""


class Folders:
    """A user and a system folder, the latter with t.par."""

    def __init__(self, base: Path) -> None:
        self.user, self.system = base / "u", base / "s"
        self.user.mkdir()
        self.system.mkdir()
        (self.system / "t.par").write_text(TEXT)

    def stored(self) -> dict[str, str | None]:
        return {p.name: p.value for p in ParFile.read(find_par("t"))}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    made = Folders(tmp_path)
    monkeypatch.setenv("PFILES", f"{made.user};{made.system}")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    return made


def run(command: str, *words: str) -> list[str]:
    """Lines of output; the exit status must be 0."""
    out = io.StringIO()
    assert COMMANDS[command](list(words), Console(out=out, err=io.StringIO())) == 0
    return out.getvalue().splitlines()


def test_nine_commands() -> None:
    assert list(COMMANDS) == ["pset", "plist", "pget", "pquery", "paccess", "pline", "punlearn", "pdump", "pedit"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_usage(name: str, folders: Folders) -> None:
    assert run(name, "--help")[0].startswith(f"Usage: {name} TOOL")
    with pytest.raises(ParameterError, match=f"give the name of a tool or a parameter file: {name} TOOL"):
        run(name)
    with pytest.raises(ParameterError, match="unable to open parameter file for nosuchtool"):
        run(name, "nosuchtool", "a=1")


def test_positional_value_and_redirection(folders: Folders) -> None:
    assert run("pset", "t", "a.fits") == []
    assert run("pget", "t", "infile", "copy") == ["a.fits", "a.fits"]
    assert run("pget", "t", "copy.p_value") == [")infile"]


def test_boolean_prefix(folders: Folders) -> None:
    run("pset", "t", "clob+")
    assert run("pget", "t", "clobber") == ["yes"]
    run("pset", "t", "clob-")
    assert run("pget", "t", "clobber") == ["no"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["n=6"], r"t\.n must be <= 5 but set to 6"),
        (["m=me"], "must be one of: mean median min"),
        (["foo=1"], "There is no parameter for t that matches 'foo'"),
        (["n=x"], "must be an integer"),
        (["clobber=x"], "should be a boolean"),
        (["c=1"], "Multiple matches for t parameter 'c', choose from: clobber copy"),
        (["a", "b"], "one too many"),
        (["n=4", "m=x"], "must be one of"),
        (["infile=a\nb"], "line break"),
        (["n.p_type=s"], "type of a parameter cannot be changed"),
        (["n.p_mode=z"], "letters a, q, h, l"),
        (["--nosuch", "1"], "no parameter"),
    ],
)
def test_pset_changes_all_or_nothing_with_status_1(folders: Folders, words: list[str], message: str) -> None:
    run("pset", "t", "n=2")
    before = (folders.user / "t.par").read_bytes()
    with pytest.raises(ParameterError, match=message) as caught:
        run("pset", "t", *words)
    assert caught.value.exit_code == 1
    assert (folders.user / "t.par").read_bytes() == before


def test_unknown_names_keep_their_class(folders: Folders) -> None:
    with pytest.raises(UnknownParamError, match="foo"):
        run("pset", "t", "foo=1")


def test_enumeration_prefix_is_stored_in_full(folders: Folders) -> None:
    run("pset", "t", "m=med")
    assert folders.stored()["m"] == "median"


@pytest.mark.parametrize("words", [["infile=e.fits[energy=1:2]"], ["e.fits[energy=1:2]"]])
def test_filters_are_values(folders: Folders, words: list[str]) -> None:
    run("pset", "t", *words)
    assert folders.stored()["infile"] == "e.fits[energy=1:2]"


def test_environment(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCDS_WORK_PATH", "/tmp")
    assert run("pget", "t", "tmp") == ["/tmp/x"]
    run("pset", "t", "n=1")
    assert folders.stored()["tmp"] == "${ASCDS_WORK_PATH}/x"


def test_pquery_learns(folders: Folders) -> None:
    assert run("pquery", "t", "n", "n=4") == ["4"]
    assert folders.stored()["n"] == "4"
    assert run("pquery", "t", "n", "n=5", "mode=h") == ["5"]
    assert (folders.stored()["n"], folders.stored()["mode"]) == ("4", "ql")


def test_pquery_asks_where_the_tool_would(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed.fits\n"))
    assert run("pquery", "t", "infile") == ["typed.fits"]
    assert folders.stored()["infile"] == "typed.fits"
    with pytest.raises(ParameterError, match="no value for infile"):
        run("pquery", "t", "infile")
    assert run("pquery", "t", "infile", "mode=h") == ["typed.fits"]
    assert run("pquery", "t", "m") == ["mean"]
    assert run("pquery", "t", "m.p_min") == ["mean|median|min"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("n m\nclobber"))
    assert run("pquery", "t", "-") == ["3", "mean", "no"]
    with pytest.raises(ParameterError, match="matches 'zz'"):
        run("pquery", "t", "zz")


def test_a_tool_run_learns_automatic_parameters_only(folders: Folders) -> None:
    open_parameters("t", ["a.fits", "n=4"]).close()
    assert (folders.stored()["infile"], folders.stored()["n"]) == ("a.fits", "3")
    open_parameters("t", ["b.fits", "mode=h"]).close()
    assert folders.stored()["infile"] == "a.fits"


def test_at_file_touches_only_that_file(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "my.par").write_text(TEXT)
    open_parameters("t", [f"@@{tmp_path / 'my.par'}", "a.fits"]).close()
    assert 'infile,f,a,"a.fits"' in (tmp_path / "my.par").read_text()
    assert not (folders.user / "t.par").exists()


def test_paccess(folders: Folders) -> None:
    assert run("paccess", "t", "r") == [str(folders.system / "t.par")]
    assert not (folders.user / "t.par").exists()
    assert run("paccess", "t") == [str(folders.user / "t.par")]
    assert (folders.user / "t.par").read_text() == TEXT
    assert run("paccess", "t", "infile") == ["1"]
    assert run("paccess", "t", "nosuch") == ["0"]


def test_pset_without_words_at_the_end_of_input(folders: Folders) -> None:
    with pytest.raises(ParameterError, match="no value for infile"):
        run("pset", "t")
    assert not (folders.user / "t.par").exists()


def test_pset_without_words_asks_for_all(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a.fits\n9\n2\nmin\nyes\n\n\n\n"))
    run("pset", "t")
    assert folders.stored() == {
        "infile": "a.fits", "n": "2", "m": "min", "clobber": "yes", "copy": ")infile",
        "tmp": "${ASCDS_WORK_PATH}/x", "mode": "ql",
    }  # fmt: skip


def test_indef_is_none_in_python(folders: Folders) -> None:
    run("pset", "t", "n=INDEF")
    assert run("pget", "t", "n") == ["INDEF"]
    assert open_parameters("t", ["mode=h"])["n"] is None
    run("pset", "t", "n=")
    assert run("pget", "t", "n") == [""]
    assert open_parameters("t", ["mode=h"])["n"] is None


def test_a_loop_is_an_error(folders: Folders) -> None:
    run("pset", "t", "copy=)tmp", "tmp=)copy")
    with pytest.raises(ParameterError, match="loops: tmp -> copy -> tmp"):
        run("pget", "t", "tmp")
    assert any(line.endswith(")copy -> ?)") for line in run("plist", "t"))


def test_pset_of_attributes(folders: Folders) -> None:
    run("pset", "t", "n.p_max=9", "n=8", "n.p_prompt=How many?", "m.p_mode=a")
    assert run("pget", "t", "n", "n.p_max", "n.p_prompt", "m.p_mode") == ["8", "9", "How many?", "a"]
    assert 'n,i,h,8,0,9,"How many?"' in (folders.user / "t.par").read_text()


def test_plist_layout(folders: Folders) -> None:
    run("pset", "t", "a.fits")
    assert run("plist", "t") == [
        "",
        f"Parameters for {folders.user / 't.par'}",
        "",
        "        infile = a.fits           In",
        "            (n = 3)               N",
        "            (m = mean)            M",
        "      (clobber = no)              C",
        "         (copy = )infile -> a.fits)",
        "          (tmp = ${ASCDS_WORK_PATH}/x)",
        "         (mode = ql)",
        "",
    ]
    assert run("plist", "t", "t").count(f"Parameters for {folders.user / 't.par'}") == 2


def test_pget_gives_an_empty_line_for_what_it_cannot(folders: Folders) -> None:
    out = io.StringIO()
    with pytest.raises(ParameterError, match=r"'zz'.*; .*'yy'"):
        COMMANDS["pget"](["t", "n", "zz", "m", "yy"], Console(out=out))
    assert out.getvalue() == "3\n\nmean\n\n"
    with pytest.raises(ParameterError, match="give the name of a parameter of t: pget TOOL NAME"):
        run("pget", "t")
    with pytest.raises(ParameterError, match="give the name of a parameter of t: pquery TOOL NAME"):
        run("pquery", "t")


def test_pline_and_pdump_are_read_by_a_shell(folders: Folders) -> None:
    import subprocess

    run("pset", "t", 'infile=a "b" `c` $d \\e')
    (line,) = run("pline", "t")
    assert line.startswith('t infile="')
    shown = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True)
    words = shown.stdout.splitlines()
    assert words[0] == "t"
    assert dict(word.split("=", 1) for word in words[1:]) == {n: v or "" for n, v in folders.stored().items()}
    dump = "\n".join(run("pdump", "t", "n=2"))
    script = dump + '\nprintf \'%s\\n\' "$copy" "$n" "$tmp"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ['a "b" `c` $d \\e', "2", "/tmp/x"]
    assert folders.stored()["n"] == "3"


def test_punlearn(folders: Folders) -> None:
    run("pset", "t", "a.fits", "n=1")
    assert run("punlearn", "t") == []
    assert (folders.user / "t.par").read_text() == TEXT
    (folders.user / "only.par").write_text(TEXT)
    with pytest.raises(ParameterError, match="no system parameter file for only"):
        run("punlearn", "only")


def editor(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"sh -c '{script}' edit")


def test_pedit_saves_a_sound_file(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, 'sed -i s/^n,i,h,3/n,i,h,4/ "$1"')
    run("pedit", "t")
    assert (folders.user / "t.par").read_text() == TEXT.replace("n,i,h,3", "n,i,h,4")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('sed -i s/^n,i,h,3/n,i,h,9/ "$1"', r"t\.par, line 2: t\.n must be <= 5 but set to 9; .* is kept in "),
        ('echo "x,s,h,\\"open" >> "$1"', "missing closing quote"),
        ("exit 3", "ended with status 3; nothing was saved"),
    ],
)
def test_pedit_saves_nothing_that_is_not_sound(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    editor(monkeypatch, script)
    with pytest.raises(ParameterError, match=message):
        run("pedit", "t")
    assert not (folders.user / "t.par").exists()


def test_pedit_notices_a_change_by_another_program(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    run("pset", "t", "n=1")
    editor(monkeypatch, f'sed -i s/mean,/min,/ "$1"; echo "# other" >> {folders.user}/t.par; echo >> "$1"')
    with pytest.raises(ParameterError, match="changed by another program"):
        run("pedit", "t")
    assert "# other" in (folders.user / "t.par").read_text()


def test_pedit_without_an_editor(folders: Folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "u"))
    with pytest.raises(ParameterError, match="cannot start the editor"):
        run("pedit", "t")
    assert list((tmp_path / "u").iterdir()) == []
