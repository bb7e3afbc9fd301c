"""Errors say which of the values that they speak of were remembered, and how to be rid of them."""

from __future__ import annotations

import pytest

from ciaopy.cli import run
from ciaopy.console import Console
from ciaopy.engine import run_tool
from ciaopy.errors import CiaopyError
from ciaopy.param import open_parameters


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.txt").write_text("#x y\n1 2\n3 4\n")
    return "t.txt"


def message(tool, *words):
    with pytest.raises(CiaopyError) as caught:
        run_tool(open_parameters(tool, words), Console())
    return str(caught.value)


def test_a_remembered_value_that_is_the_cause_is_named(table, tmp_path):
    run_tool(open_parameters("dmcopy", [table, "out.fits"]), Console())
    said = message("dmcopy", table, "out.fits", "option=nothing")
    assert "remembered" not in said and "punlearn" not in said
    assert run.run_command("pset", ["dmcopy", "option=nothing"]) == 0
    said = message("dmcopy", table, "new.fits")
    assert "option=nothing: remembered in " in said and "cxcds_param4/dmcopy.par" in said
    assert "not from this command line; `punlearn dmcopy` resets it)" in said.splitlines()[0]
    assert run.run_command("punlearn", ["dmcopy"]) == 0
    run_tool(open_parameters("dmcopy", [table, "new.fits"]), Console())


def test_a_remembered_value_that_is_not_spoken_of_is_not_named(table):
    assert run.run_command("pset", ["dmcopy", "verbose=1"]) == 0
    assert "remembered" not in message("dmcopy", "nothing.fits", "out.fits")


def test_a_value_out_of_its_choices_in_the_file_is_named(table, tmp_path):
    run_tool(open_parameters("dmcopy", [table, "out.fits", "mode=hl"]), Console())
    par = open_parameters("dmcopy", [table, "out.fits"])
    par.path.write_text(par.path.read_text().replace("verbose,i,h,0", "verbose,i,h,77"))
    said = message("dmcopy", table, "out.fits")
    assert "verbose=77: remembered in" in said
