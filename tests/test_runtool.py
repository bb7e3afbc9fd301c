"""Tools as Python functions, running one tool, and the stack tools."""

from __future__ import annotations

import copy
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest

from ciaopy import runtool
from ciaopy.cli.run import run_command
from ciaopy.console import Console
from ciaopy.engine.run import is_available, load_tool, run_tool
from ciaopy.errors import (
    CiaopyError,
    NotAvailableError,
    OutputExistsError,
    ParameterError,
    StackError,
    UnknownParamError,
)
from ciaopy.fits import Header, Image, write_dataset
from ciaopy.param import open_parameters
from ciaopy.runtool import Tool, ToolError, make_tool
from ciaopy.tools.stk_where import match_pattern

TEXT = """infile,f,a,"",,,"Input"
num,i,a,1,0,5,"Number"
x,r,h,0.5,0,,
method,s,h,"mean",mean|median|min,,"Method"
files,f,h,"",,,
clobber,b,h,no,,,"Replace?"
copy,s,h,")infile",,,
result,r,h,0,,,
mode,s,h,"ql",,,
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    (tmp_path / "s").mkdir()
    (tmp_path / "u").mkdir()
    (tmp_path / "s/notyet.par").write_text(TEXT)
    monkeypatch.setenv("PFILES", f"{tmp_path}/u;{tmp_path}/s")
    return make_tool("notyet")


def test_every_tool_can_be_imported_once() -> None:
    from ciaopy.runtool import stk_build, stk_count

    assert isinstance(stk_count, Tool)
    assert runtool.stk_count is stk_count
    assert make_tool("stk_count") is not stk_count
    assert stk_build is not stk_count
    assert {"stk_build", "make_tool"} <= set(dir(runtool))
    with pytest.raises(ImportError, match="nosuchtool"):
        from ciaopy.runtool import nosuchtool  # noqa: F401
    with pytest.raises(ParameterError, match="nosuchtool"):
        make_tool("nosuchtool")


def test_attributes_are_typed_and_checked(tool: Tool) -> None:
    assert (tool.infile, tool.num, tool.x, tool.clobber) == ("", 1, 0.5, False)
    tool.infile, tool.num, tool.x, tool.clobber = Path("a.fits"), 3, 1, True
    assert (tool.infile, tool.num, tool.x, tool.clobber, tool.copy) == ("a.fits", 3, 1.0, True, "a.fits")
    tool.num = None
    assert tool.num is None
    tool.infile = None
    assert tool.infile == ""
    tool.files = ["a", "b"]
    assert tool.files == "a,b"
    tool.meth = "med"
    assert tool.method == "median"
    tool.clob = "on"
    assert tool.clobber is True
    tool.x = math.inf
    assert tool.x == math.inf
    assert {"infile", "punlearn"} <= set(dir(tool))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num", -1, "notyet.num must be >= 0 but set to -1"),
        ("num", 6, "notyet.num must be <= 5 but set to 6"),
        ("method", "x", "The parameter method was set to x when it must be one of:\n  mean median min"),
        ("clobber", "maybe", "notyet.clobber should be a boolean, not 'maybe'"),
        ("clobber", 2, "notyet.clobber should be a boolean, not '2'"),
        ("clobber", None, "notyet.clobber should be a boolean, not 'None'"),
        ("num", "two", "notyet.num must be an integer, sent two"),
        ("num", 2.5, "notyet.num must be an integer, sent 2.5"),
        ("x", "two", "notyet.x must be a float, sent two"),
    ],
)
def test_bad_values_are_value_errors_with_the_texts_that_scripts_know(
    tool: Tool, name: str, value: object, text: str
) -> None:
    before = getattr(tool, name)
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        setattr(tool, name, value)
    assert str(caught.value) == text
    assert getattr(tool, name) == before


def test_unknown_names_are_type_errors(tool: Tool) -> None:
    with pytest.raises(TypeError, match="There is no parameter for notyet that matches 'zz'"):
        tool.zz = 1
    with pytest.raises(
        UnknownParamError, match="Multiple matches for notyet parameter 'c', choose from:\n  clobber copy"
    ):
        tool.c = 1
    with pytest.raises(AttributeError, match="zz"):
        tool.zz
    assert not hasattr(tool, "zz")
    assert not hasattr(copy.copy(tool), "_zz")


def test_a_tool_without_a_module_names_itself(tool: Tool) -> None:
    assert not is_available("notyet")
    with pytest.raises(NotAvailableError, match="notyet is not available in ciaopy yet"):
        tool("a.fits", 2)
    assert tool.infile == ""
    with pytest.raises(NotAvailableError, match="notyet"):
        load_tool("notyet")
    for odd in ("a.b", "../x", "_private", "__init__"):
        assert not is_available(odd)


def test_calls_bind_like_functions(tool: Tool) -> None:
    with pytest.raises(TypeError, match=r"notyet takes 2 values without a name \(infile, num\), 3 given"):
        tool("a", 1, 2)
    with pytest.raises(TypeError, match=r"notyet\.infile is given twice"):
        tool("a", infi="b")
    with pytest.raises(ParameterError, match="must be <= 5"):
        tool("a", 9)
    with pytest.raises(UnknownParamError, match="zz"):
        tool("a", zz=9)
    assert tool.infile == ""


def test_repr_shows_the_values(tool: Tool) -> None:
    tool.num = 4
    assert repr(tool).splitlines()[:5] == [
        "Parameters for notyet:",
        "",
        "Required parameters:",
        "              infile =                      Input",
        "                 num = 4                    Number",
    ]
    assert "copy = )infile" in repr(tool)


def test_files_are_touched_only_when_asked(tool: Tool, tmp_path: Path) -> None:
    tool.num = 4
    tool.infile = "a.fits"
    assert list((tmp_path / "u").iterdir()) == []
    tool.write_params()
    assert [p.name for p in (tmp_path / "u").iterdir()] == ["notyet.par"]
    text = (tmp_path / "u/notyet.par").read_text()
    assert text == TEXT.replace('a,""', 'a,"a.fits"').replace("a,1", "a,4")
    tool.punlearn()
    assert (tool.num, tool.infile) == (1, "")
    assert (tmp_path / "u/notyet.par").read_text() == text
    tool.read_params()
    assert (tool.num, tool.infile) == (4, "a.fits")
    tool.x = 7
    tool.write_params(str(tmp_path / "own.par"))
    tool.punlearn()
    tool.read_params(str(tmp_path / "own.par"))
    assert (tool.num, tool.x) == (4, 7.0)
    assert (tmp_path / "s/notyet.par").read_text() == TEXT
    assert make_tool("notyet").num == 1


def test_a_call_returns_the_output_and_keeps_values_and_results(private_home: Path) -> None:
    count = make_tool("stk_count")
    assert count("a,b c", echo=True) == "3"
    assert (count.count, count.infile, count.echo) == (3, "a,b c", True)
    assert count("a", echo=False) is None
    assert count.count == 1
    assert list(private_home.iterdir()) == []


def test_a_failing_tool_is_an_oserror_with_its_name() -> None:
    count = make_tool("stk_count")
    with pytest.raises(OSError, match="An error occurred while running 'stk_count':\n  Cannot build stack") as caught:
        count("@nofile")
    assert isinstance(caught.value, ToolError)
    assert isinstance(caught.value, CiaopyError)
    assert isinstance(caught.value.__cause__, StackError)
    assert count.infile == ""


def run(name: str, *words: str) -> str:
    out = io.StringIO()
    run_tool(open_parameters(name, [*words, "mode=hl"]), Console(out=out, err=out))
    return out.getvalue()


def test_stk_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stk_build", "a,b lgrid(1:2:1)", "stdout") == "a\nb\n1\n2\n"
    target = tmp_path / "o.lis"
    run("stk_build", "a,b", str(target))
    assert target.read_text() == "a\nb\n"
    with pytest.raises(OutputExistsError, match=r"o\.lis"):
        run("stk_build", "c", str(target))
    assert target.read_text() == "a\nb\n"
    run("stk_build", "c", str(target), "clobber+")
    assert target.read_text() == "c\n"
    assert run("stk_build", "a", "stderr") == ""
    assert capsys.readouterr().err == "a\n"
    with pytest.raises(StackError, match="nofile"):
        run("stk_build", "@nofile", str(target), "clobber+")
    assert target.read_text() == "c\n"


def test_results_are_stored_in_the_parameter_file() -> None:
    assert run("stk_count", "a,b,c") == ""
    assert open_parameters("stk_count", ["mode=h"])["count"] == 3
    assert run("stk_count", "a,b,c", "echo+") == "3\n"
    assert run("stk_read_num", "a,b,c", "2", "echo+") == "b\n"
    par = open_parameters("stk_read_num", ["mode=h"])
    assert (par["outelement"], par["infile"], par["num"]) == ("b", "a,b,c", 2)
    for bad in ("0", "4", "INDEF"):
        with pytest.raises(StackError, match=rf"num={bad}: the stack 'a,b,c' has entries 1 to 3"):
            run("stk_read_num", "a,b,c", bad)


@pytest.mark.parametrize(
    ("match", "options", "first", "hits"),
    [
        ("b", [], 2, 2),
        ("B", ["case+"], 3, 1),
        ("a.c", [], 0, 0),
        ("a?c", [], 1, 1),
        ("b*", [], 2, 2),
        ("^b", ["simple-"], 2, 2),
        ("x", [], 2, 1),
        ("zz", [], 0, 0),
    ],
)
def test_stk_where(match: str, options: list[str], first: int, hits: int) -> None:
    assert run("stk_where", "a-c,bx[1],By", f"match={match}", "echo+", *options) == f"{first}\n{hits}\n"
    par = open_parameters("stk_where", ["mode=h"])
    assert (par["outnum"], par["outcount"]) == (first, hits)


def test_a_bad_regular_expression() -> None:
    with pytest.raises(ParameterError, match=r"stk_where\.match '\(' is not a regular expression"):
        match_pattern("(", simple=False, case=False)


def test_a_parameter_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFILES", f"{tmp_path / 'absent'};{tmp_path}")
    out = run("stk_build", "a,b", "stdout", "verbose=1")
    assert "WARNING: the parameters are not remembered" in out
    assert out.endswith("a\nb\n")
    with pytest.raises(ParameterError, match="absent"):
        run("stk_count", "a,b")


def test_a_text_result_has_no_newline_and_a_failure_leaves_no_old_results(
    private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on the command line, where results are remembered in parameter files."""
    monkeypatch.setenv("PFILES", str(tmp_path))
    image = Image("PRIMARY", np.ones((2, 2)), Header())
    image.header["INSTRUME"] = "ACIS"
    write_dataset(tmp_path / "a.fits", [image])
    tool = make_tool("dmkeypar")
    assert tool(str(tmp_path / "a.fits"), "INSTRUME", echo=True) == "ACIS"
    assert (tool.exist, tool.value) == (True, "ACIS")
    with pytest.raises(ToolError, match="no keyword NOSUCH"):
        tool(str(tmp_path / "a.fits"), "NOSUCH")
    assert (tool.exist, tool.value, tool.keyword) == (False, "", "INSTRUME")

    def remembered() -> list[str]:
        par = open_parameters("dmkeypar", [], mode="rH", query=False)
        return [par.raw(name) for name in ("exist", "value", "datatype")]

    for name, key, results in (
        ("a.fits", "INSTRUME", ["yes", "ACIS", "string"]),
        ("a.fits", "NOSUCH", ["no", "", "null"]),
        ("a.fits", "INSTRUME", ["yes", "ACIS", "string"]),
        ("missing.fits", "INSTRUME", ["no", "", "null"]),
    ):
        run_command("dmkeypar", [str(tmp_path / name), key])
        assert remembered() == results


def test_a_single_folder_in_pfiles_does_not_change_where_python_starts(tmp_path, monkeypatch):
    """PFILES without `;`: the user's copies lie there, and a Python tool starts from the system file all the same."""
    from ciaopy.cli.main import run_application
    from ciaopy.runtool import make_tool

    monkeypatch.setenv("PFILES", str(tmp_path))
    assert run_application(["pset", "dmcopy", "clobber=yes", "infile=mine.fits"]) == 0
    assert (tmp_path / "dmcopy.par").is_file()
    tool = make_tool("dmcopy")
    assert tool.clobber is False and tool.infile == ""
    assert run_application(["punlearn", "dmcopy"]) == 0
    assert make_tool("dmcopy").clobber is False
