"""The commands from outside: version, list, help, exit statuses, flags, start-up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ciaopy.cli import catalog, run
from ciaopy.cli.arguments import split_flags
from ciaopy.cli.helptext import tool_help
from ciaopy.errors import NotAvailableError, UsageError
from ciaopy.param import ParFile
from ciaopy.param.search import system_par_dir
from ciaopy.version import __version__


def one_line(result):
    """The error line of a command that failed as it should."""
    assert result.returncode != 0
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_version(ciaopy):
    result = ciaopy("--version")
    assert (result.returncode, result.stdout) == (0, f"ciaopy {__version__}\n")


def test_no_words_show_the_help(ciaopy):
    result = ciaopy()
    assert result.returncode == 0
    for name in ("Usage: ciaopy", "doctor", "shims", "plist", "dmstat"):
        assert name in result.stdout


def test_list_names_every_tool_once_and_marks_what_is_not_there(ciaopy):
    result = ciaopy("list", COLUMNS="300")
    assert result.returncode == 0
    sections = {}
    for block in result.stdout.split("\n\n"):
        title, *rows = block.strip().splitlines()
        sections[title] = [row.split()[0] for row in rows]
    listed = [name for names in sections.values() for name in names]
    tools = catalog.all_tools()
    assert sorted(n for n in listed if n in {t.name for t in tools}) == [t.name for t in tools]
    assert sections.get("Not yet (parameters only)", []) == [t.name for t in tools if t.kind == "not yet"]
    assert sections["Parameter files"] == ["ardlib", "geom"]
    assert "pset" in sections["Parameter commands"]


@pytest.mark.parametrize("how", [("dmstat", "--help"), ("fluximage", "--help"), ("chandra_repro", "--help")])
def test_help_shows_parameters_defaults_ranges(ciaopy, how):
    result = ciaopy(*how, COLUMNS="120")
    assert result.returncode == 0 and not result.stderr
    declared = run.declared_parameters(how[0])
    for name, parameter in declared.items():
        if name == "mode":
            continue
        assert f"{name} = {parameter.default or chr(34) * 2}" in result.stdout
    assert "0 to 5" in result.stdout and "name+" in result.stdout
    assert ("--plan" in result.stdout) == catalog.offer(how[0]).plan


def test_help_of_fluximage_shows_its_enumerations(ciaopy):
    text = " ".join(ciaopy("fluximage", "--help").stdout.split())
    assert "expmapthresh = 1.5%" in text
    assert "[default | area | time]" in text
    assert "[real, at least 0]" in text


def test_unknown_command_is_a_usage_error_with_a_guess(ciaopy):
    result = ciaopy("fluximag", "a")
    assert result.returncode == 2
    line = one_line(result)
    assert line.startswith(f"# ciaopy (ciaopy {__version__}): ERROR no command fluximag") and "fluximage" in line


def test_unknown_option_of_a_subcommand_is_a_usage_error(ciaopy):
    result = ciaopy("list", "--nosuch")
    assert result.returncode == 2 and "--nosuch" in one_line(result)


def test_ardlib_is_no_command(ciaopy):
    assert ciaopy("ardlib").returncode == 2
    assert ciaopy("plist", "ardlib").returncode == 0


def test_too_many_values_is_a_usage_error(ciaopy):
    result = ciaopy("dmstat", "a.fits", "b.fits")
    assert result.returncode == 2 and "b.fits" in one_line(result)


def test_unknown_parameter_and_wrong_value(ciaopy):
    assert "nosuch" in one_line(ciaopy("dmstat", "a.fits", "nosuch=1"))
    result = ciaopy("dmstat", "a.fits", "verbose=9")
    assert result.returncode == 1 and "verbose" in one_line(result)


def test_missing_value_without_a_terminal_is_an_error(ciaopy):
    result = ciaopy("dmstat")
    assert result.returncode == 1
    assert "infile" in result.stderr.splitlines()[-1]


def test_missing_input_is_one_line_and_status_1(ciaopy):
    result = ciaopy("dmstat", "nosuch.fits")
    assert result.returncode == 1 and "nosuch.fits" in one_line(result)


def test_debug_adds_the_traceback(ciaopy):
    result = ciaopy("dmstat", "nosuch.fits", "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("# dmstat (")


@pytest.mark.parametrize("flag", ["--paramdebug", "--regtestonly", "--tracebackdebug"])
def test_debugging_flags_are_no_parameters(ciaopy, flag):
    result = ciaopy("pget", "fluximage", "binsize", flag)
    assert (result.returncode, result.stdout) == (0, "INDEF\n")


def test_what_is_not_there_yet_says_so(monkeypatch):
    monkeypatch.setattr(catalog, "module_path", lambda name: None)
    with pytest.raises(NotAvailableError, match="asphist is not done by ciaopy yet"):
        run.run_words("asphist", [])


def test_a_subcommand_without_a_module_is_marked_and_refused(monkeypatch, capsys, tmp_path):
    from ciaopy.cli.main import run_application

    monkeypatch.setattr(run, "subcommand_path", lambda name: tmp_path / f"{name}.py")
    assert all(text.endswith(" (not yet)") for _, text in run.subcommand_summaries())
    assert run_application(["demo", "somewhere", "--flag"]) == 1
    assert "ciaopy demo is not done by ciaopy yet" in capsys.readouterr().err


def test_plan_is_for_pipelines(tmp_path):
    with pytest.raises(UsageError, match="dmstat has no --plan"):
        split_flags(["a", "--plan"], "dmstat", catalog.offer("dmstat"))
    request = split_flags(["--plan", "indir=a", "--debug"], "chandra_repro", catalog.offer("chandra_repro"))
    assert request.plan and request.debug and request.arguments == ["indir=a"]
    (tmp_path / "bin").mkdir()
    for words in (["--ciao", str(tmp_path), "x"], [f"--ciao={tmp_path}", "x"]):
        request = split_flags(words, "chandra_repro", catalog.offer("chandra_repro"))
        assert request.roots == {"ciao": tmp_path} and request.arguments == ["x"]
    with pytest.raises(UsageError, match="no CIAO installation"):
        split_flags(["--ciao", str(tmp_path / "none")], "chandra_repro", catalog.offer("chandra_repro"))
    with pytest.raises(UsageError, match="--ciao needs"):
        split_flags(["--ciao"], "chandra_repro", catalog.offer("chandra_repro"))


def test_words_that_look_like_options_reach_the_tool():
    words = ["in.fits", "clobber-", "value=-5", "-", "a=b=c", "--", "--debug"]
    assert split_flags(words, "dmcopy", catalog.offer("dmcopy")).arguments == words


def test_plan_and_ciao_reach_the_pipeline(tmp_path, monkeypatch):
    import ciaopy.engine.run as engine

    seen = []
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(engine, "run_tool", lambda par, console, options: seen.append((par, options)))
    words = ["in", "out", "--ciao", str(tmp_path), "--plan", "--verbose", "2", "mode=h"]
    assert run.run_words("chandra_repro", words) == 0
    par, options = seen[0]
    assert (par["indir"], par["outdir"], par["tools"], par["verbose"]) == ("in", "out", "ciao", 2)
    assert options.plan and options.roots == {"ciao": tmp_path}


def test_options_of_the_shell_style():
    from ciaopy.param import open_parameters

    words = ["--infile", "a.fits", "--outroot=o", "--binsize", "-1e-3", "--clobber", "--no-cleanup", "mode=h"]
    with pytest.raises(ValueError, match="binsize must be >= 0"):
        open_parameters("fluximage", words)
    words[4] = "2"
    par = open_parameters("fluximage", words)
    assert (par["infile"], par["outroot"], par["binsize"]) == ("a.fits", "o", 2.0)
    assert par["clobber"] is True and par["cleanup"] is False


HEAVY = ("numba", "astropy", "matplotlib", "rich", "fitsio", "numpy", "lark")


@pytest.mark.parametrize(
    "words",
    [
        ["plist", "fluximage"],
        ["pget", "fluximage", "binsize"],
        ["chandra_repro", "--help"],
        ["list"],
        ["--version"],
        ["punlearn", "ardlib"],
    ],
    ids=" ".join,
)
def test_start_up_loads_no_heavy_library(words, tmp_path):
    code = (
        "import sys\n"
        "from ciaopy.cli.main import run_application\n"
        f"status = run_application({words!r})\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr.strip() == "[]"


def test_parameter_commands_do_not_even_load_click(tmp_path):
    code = (
        "import sys; from ciaopy.cli import run\n"
        "run.run_command('pget', ['fluximage', 'bands']); print('click' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert result.stdout.split() == ["default", "False"]


def test_console_command_is_named_by_its_file(tmp_path):
    link = tmp_path / "plist"
    link.write_text(f"#!{sys.executable}\nfrom ciaopy.cli.main import console_tool\nconsole_tool()\n")
    link.chmod(0o755)
    result = subprocess.run([str(link), "geom"], capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "(instruments = CALDB)" in result.stdout


def test_a_closed_pipe_is_quiet(tmp_path):
    code = "import sys; sys.argv=['ciaopy','list']; from ciaopy.cli.main import main; main()"
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    finally:
        os.close(write)
    assert result.returncode == 141 and result.stderr == ""


@pytest.mark.parametrize("width", [80, 100])
def test_help_of_every_tool_fits_the_terminal(width: int) -> None:
    for name in run.tool_names():
        parameters = ParFile.read(system_par_dir() / f"{name}.par")
        text = tool_help(catalog.find_tool(name), parameters, width)
        assert max(map(len, text.splitlines())) <= width, name
        assert all(f"{p.name} =" in text for p in parameters if p.name != "mode"), name
        words = text.partition("\n\n")[0].split()
        positional = [p.name for p in parameters if not p.hidden]
        assert words == ["Usage:", name, *positional, "[name=value", "...]"], name
