"""Docstrings, signatures and examples of every tool; names that are nearly right."""

from __future__ import annotations

import ast
import inspect
import pydoc
import re

import pytest

import ciaopy
from ciaopy import runtool
from ciaopy.errors import DataError, UnknownParamError
from ciaopy.fits import Dataset, Header, Table
from ciaopy.param import ParFile, list_tools, system_par_dir
from ciaopy.runtool import Tool, make_tool
from ciaopy.spelling import did_you_mean
from ciaopy.tooldocs import example_call, signature, tool_docstring, tool_summary

TEXT = """infile,f,a,"",,,"Input"
num,i,a,1,0,5,"Number"
energy,r,h,INDEF,0.1,,"Energy (keV)"
method,s,h,"mean",mean|median,,"Method"
clobber,b,h,no,,,"Replace?"
out,r,h,0,,,"Found (result)"
mode,s,h,"ql",,,
"""
TOOLS = [name for name in list_tools() if name not in ("ardlib", "geom")]


@pytest.fixture
def file(tmp_path):
    (tmp_path / "t.par").write_text(TEXT)
    return ParFile.read(tmp_path / "t.par")


def test_a_docstring_has_types_defaults_units_limits_and_an_example(file):
    lines = tool_docstring("t", file, "Do it").splitlines()
    assert lines[:4] == ["Do it.", "", "Parameters", "----------"]
    assert lines[4:14] == [
        "infile : str or Path", "    Input.", "num : int", "    Number. From 0 to 5.",
        "energy : float or None, default None (INDEF)", "    Energy (keV). At least 0.1.",
        "method : str, default 'mean'", "    Method. One of: mean, median.", "clobber : bool, default False",
        "    Replace?",
    ]  # fmt: skip
    at = lines.index("Attributes")
    assert lines[at + 2 : at + 4] == ["out : float", "    Found; after a run."], "results are no parameters of the call"
    assert '>>> t("evt2.fits", clobber=True)' in lines


def test_a_tool_that_is_not_there_has_no_example(file):
    assert "Examples" not in tool_docstring("t", file, "") and "does not do yet" in tool_docstring("t", file, "")


def test_help_shows_it_and_the_signature_has_the_defaults():
    tool = make_tool("dmcopy")
    assert isinstance(tool, Tool) and type(tool).__name__ == "dmcopy"
    assert "Virtual file to copy." in pydoc.render_doc(tool, renderer=pydoc.plaintext)
    assert str(inspect.signature(tool)).startswith("(infile='', outfile='', *, kernel='default'")
    assert inspect.getdoc(tool).startswith(tool_summary("dmcopy"))
    from ciaopy.cli.catalog import find_tool

    assert tool_summary("dmcopy") == find_tool("dmcopy").summary


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_has_an_example_that_its_parameters_take(name):
    file = ParFile.read(system_par_dir() / f"{name}.par")
    lines = example_call(name, file)
    assert all(len(line) <= 100 for line in lines)
    source = "\n".join(re.sub(r"^(>>>|\.\.\.) ", "", line) for line in lines)
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call) and call.func.id == name
    values = [ast.literal_eval(a) for a in call.args]
    named = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    signature(file).bind(*values, **named)
    tool = make_tool(name)
    bound = tool._bound(tuple(values), named)
    for parameter, value in bound.items():
        setattr(tool, parameter, value)
    for parameter in file:
        needed = (
            not parameter.hidden
            and parameter.name != "mode"
            and not parameter.default
            and "(result)" not in parameter.prompt
        )
        assert not needed or parameter.name in bound or parameter.name in ("spectrum", "dec"), parameter.name


# ---- names that are nearly right


def test_what_is_spelt_nearly_right_is_named():
    assert did_you_mean("clobbr", ["infile", "clobber"]) == " (did you mean clobber?)"
    assert did_you_mean("EXPOSUR", ["exposure"]) == " (did you mean exposure?)"
    assert did_you_mean("zz", ["infile"]) == ""


def test_tools_parameters_and_attributes_suggest():
    with pytest.raises(AttributeError, match=r"no tool 'dmcpy' \(did you mean dmcopy"):
        _ = runtool.dmcpy
    with pytest.raises(UnknownParamError, match=r"'clobbr' \(did you mean clobber\?\)"):
        make_tool("dmcopy")("a", "b", clobbr=True)
    with pytest.raises(AttributeError, match=r"'outfle' \(did you mean outfile\?\)"):
        _ = make_tool("dmcopy").outfle
    with pytest.raises(AttributeError, match=r"no attribute 'Imge' \(did you mean Image\?\)"):
        _ = ciaopy.Imge
    table = Table("EVENTS", {}, Header())
    table["energy"] = [1.0]
    with pytest.raises(DataError, match=r"no column enrgy \(did you mean energy\?\); it has energy"):
        _ = table["enrgy"]
    with pytest.raises(DataError, match=r"no block EVENT \(did you mean EVENTS\?\); it has EVENTS"):
        Dataset([table]).block("EVENT")
