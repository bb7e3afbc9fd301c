"""The parameters of one run: modes, learning, results."""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import pytest

from ciaopy import param
from ciaopy.errors import ParameterError, UnknownParamError, UsageError
from ciaopy.param import ParFile, Prompter, open_parameters

TEXT = """infile,f,a,"old.fits",,,"In"
n,i,h,3,0,5,"N"
learned,s,hl,"",,,
asked,s,q,"q",,,
x,r,h,,,,
clobber,b,h,no,,,
flag,b,h,,,,
out,r,h,0,,,
copy,s,h,")infile",,,
mode,s,h,"ql",,,
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "t.par").write_text(TEXT)
    return tmp_path / "t.par"


def stored(path: Path) -> dict[str, str | None]:
    return {p.name: p.value for p in ParFile.read(path)}


def answers(text: str) -> Prompter:
    return Prompter(io.StringIO(text), io.StringIO())


def test_public_names() -> None:
    for name in param.__all__:
        assert hasattr(param, name)


def test_values_are_typed(path: Path) -> None:
    par = open_parameters(str(path), ["a.fits", "n=0x4", "clob+", "mode=h"])
    assert par["infile"] == "a.fits"
    assert par["n"] == 4
    assert par["x"] is None
    assert par["clobber"] is True
    assert isinstance(par["out"], float)
    assert par["copy"] == "a.fits"
    assert par.raw("copy") == ")infile"
    assert par.text("clobber") == "yes"
    assert par.given("infile")
    assert not par.given("x")
    assert par.tool == "t"
    assert "n" in par
    assert "zz" not in par
    assert par.get("zz", 7) == 7
    assert list(par) == list(stored(path))
    assert len(par) == 10
    assert "ParameterSet of t" in repr(par)
    assert par.items()[:2] == [("infile", "a.fits"), ("n", "0x4")]
    with pytest.raises(UnknownParamError, match="There is no parameter for t that matches 'zz'"):
        par["zz"]
    with pytest.raises(ParameterError, match=r"t\.flag should be a boolean, not ''"):
        par["flag"]


def test_learning_under_ql(path: Path) -> None:
    open_parameters(str(path), ["a.fits", "n=4", "learned=yes", "asked=b"]).close()
    assert stored(path) == {**stored(path), "infile": "a.fits", "n": "3", "learned": "yes", "asked": "q", "mode": "ql"}


def test_mode_h_asks_nothing_and_learns_nothing(path: Path) -> None:
    par = open_parameters(str(path), ["a.fits", "learned=x", "mode=h"])
    par.close()
    assert par["infile"] == "a.fits"
    assert par["asked"] == "q"
    assert path.read_text() == TEXT


def test_mode_hl_learns_without_asking(path: Path) -> None:
    open_parameters(str(path), ["a.fits", "mode=hl"]).close()
    assert stored(path) == {**stored(path), "infile": "a.fits", "mode": "ql"}


def test_missing_values_are_asked_for_in_file_order_and_learned(path: Path) -> None:
    par = open_parameters(str(path), [], prompter=answers("new.fits\nb\n"))
    assert (par["infile"], par["asked"]) == ("new.fits", "b")
    assert not par.given("infile")
    par.close()
    assert stored(path) == {**stored(path), "infile": "new.fits", "asked": "q"}


def test_nobody_to_ask_is_an_error_and_changes_nothing(path: Path) -> None:
    with pytest.raises(ParameterError, match="no value for infile"):
        open_parameters(str(path), ["asked=x"], prompter=answers(""))
    assert path.read_text() == TEXT


def test_query_false_and_h_do_not_ask(path: Path) -> None:
    assert open_parameters(str(path), query=False)["infile"] == "old.fits"
    assert open_parameters(str(path), mode="rwH")["infile"] == "old.fits"


def test_read_only_never_saves_and_l_learns_all(path: Path) -> None:
    par = open_parameters(str(path), ["a.fits", "n=4"], mode="rH")
    par.put("out", 2)
    par.close()
    assert path.read_text() == TEXT
    open_parameters(str(path), ["a.fits", "n=4"], mode="wLH").close()
    assert stored(path) == {**stored(path), "infile": "a.fits", "n": "4"}


def test_results_are_always_saved(path: Path) -> None:
    with open_parameters(str(path), ["a.fits", "mode=h"]) as par:
        par.put("out", 12.5)
        par.put("n", None)
        assert par.has_results
        assert par["out"] == 12.5
    assert stored(path) == {**stored(path), "infile": "old.fits", "out": "12.5", "n": "INDEF"}
    par.close()


def test_results_are_checked(path: Path) -> None:
    par = open_parameters(str(path), ["mode=h"])
    with pytest.raises(ParameterError, match=r"t\.n must be <= 5 but set to 6"):
        par.put("n", 6)
    with pytest.raises(UnknownParamError, match="zz"):
        par.put("zz", 6)
    par.close()
    assert path.read_text() == TEXT


def test_a_failed_run_saves_no_results(path: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="the tool fails"), open_parameters(str(path), ["mode=h"]) as par:
        par.put("out", 1)
        raise ZeroDivisionError("the tool fails")
    assert path.read_text() == TEXT


def test_set_is_for_this_run(path: Path) -> None:
    with open_parameters(str(path), ["mode=h"]) as par:
        par.set("x", 0.1)
        assert par["x"] == 0.1
    assert path.read_text() == TEXT


def test_another_file_by_at_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = path.with_name("my.par")
    other.write_text(TEXT.replace("old", "other"))
    monkeypatch.setenv("PFILES", f";{path.parent}")
    par = open_parameters("t", [f"@@{other}", "mode=hl", "new.fits"])
    assert par.tool == "t"
    par.close()
    assert path.read_text() == TEXT
    assert stored(other)["infile"] == "new.fits"
    assert open_parameters("t", ["@@my", "mode=h"])["infile"] == "new.fits"
    assert open_parameters("t", [f"@@{str(other).removesuffix('.par')}", "mode=h"])["infile"] == "new.fits"
    with pytest.raises(UsageError, match="@@ needs"):
        open_parameters("t", ["@@"])


def test_mode_of_a_file_without_one(tmp_path: Path) -> None:
    (tmp_path / "t.par").write_text('infile,f,a,"x",,,\n')
    par = open_parameters(str(tmp_path / "t.par"), ["mode=h"])
    assert par.run_mode == "h"
    assert par["infile"] == "x"
    par.close()
    open_parameters(str(tmp_path / "t.par"), ["y"]).close()
    assert stored(tmp_path / "t.par") == {"infile": "y"}


@pytest.mark.parametrize(
    ("words", "message"),
    [(["n=6"], "must be <= 5"), (["n=a"], "must be an integer"), (["clobber=2"], "boolean"), (["mode=xyz"], "letters")],
)
def test_bad_values_are_parameter_errors(path: Path, words: list[str], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        open_parameters(str(path), words, query=False)
    assert caught.value.exit_code == 1


def test_imports_are_light() -> None:
    import subprocess
    import sys

    names = ("ciaopy.param", "ciaopy.stack", "ciaopy.cli.param_commands", "ciaopy.runtool", "ciaopy.engine.run")
    for name in names:
        importlib.import_module(name)
    code = (
        f"import sys, {', '.join(names)}\n"
        "print({'numpy', 'numba', 'astropy', 'rich', 'matplotlib', 'fitsio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
