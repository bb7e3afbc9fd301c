"""Recipes on back ends: order, memory, cleanup, plan, clobber, CIAO stand-ins."""

import json
import os
import stat
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.console import Console, StepConsole
from ciaopy.datamodel import Workspace
from ciaopy.engine.ciao import CiaoBackend, find_ciao
from ciaopy.engine.native import NativeBackend, bind
from ciaopy.engine.runner import check_products, run_recipe, show_plan
from ciaopy.engine.step import Message, Recipe, Step, command_line
from ciaopy.errors import DataError, ExternalToolError, OutputExistsError, ParameterError, UserError


def console(verbose=0):
    return Console(verbose, StringIO(), StringIO())


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.fits"
    columns = [fits.Column("A", "J", array=np.arange(10)), fits.Column("B", "E", array=np.arange(10) / 2)]
    fits.BinTableHDU.from_columns(columns, name="EVENTS").writeto(path)
    return path


def copies(table, tmp_path):
    """Two dmcopy steps: in -> middle -> out."""
    middle, out = tmp_path / "middle.fits", tmp_path / "out.fits"
    steps = (
        Step("dmcopy", {"infile": f"{table}[a=2:7]", "outfile": str(middle)}, (table,), (middle,)),
        Step("dmcopy", {"infile": f"{middle}[a=4:]", "outfile": str(out)}, (middle,), (out,)),
    )
    return Recipe(steps, (out,)), middle, out


def test_native_steps_hand_files_on_in_memory(table, tmp_path):
    recipe, middle, out = copies(table, tmp_path)
    seen = []
    watch = Step(
        "look", action=lambda ws: seen.append((middle.exists(), ws.in_memory(middle) is not None)), reads=(middle,)
    )
    recipe = Recipe((recipe.steps[0], watch, recipe.steps[1]), recipe.products)
    timings = run_recipe(recipe, NativeBackend(Workspace(console()), keep=False), console())
    assert seen == [(False, True)]
    assert not middle.exists() and fits.getdata(out)["A"].tolist() == [4, 5, 6, 7]
    assert [t.tool for t in timings] == ["dmcopy", "look", "dmcopy", "writing products"]


def test_cleanup_no_keeps_intermediates(table, tmp_path):
    recipe, middle, out = copies(table, tmp_path)
    run_recipe(recipe, NativeBackend(Workspace(console()), keep=True), console(), cleanup=False)
    assert len(fits.getdata(middle)) == 6 and len(fits.getdata(out)) == 4


def test_a_failing_step_leaves_no_product(table, tmp_path):
    recipe, *_ = copies(table, tmp_path)

    def fail(ws):
        raise DataError("broken on purpose")

    recipe = Recipe((*recipe.steps, Step("fail", action=fail)), recipe.products)
    with pytest.raises(DataError, match="on purpose"):
        run_recipe(recipe, NativeBackend(Workspace(console()), keep=False), console())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.fits"]


def test_what_is_left_after_a_failure_is_said(tmp_path):
    left = tmp_path / "a.lis"
    out = console(1)

    def fail(ws):
        raise DataError("x")

    steps = (Step("write", makes=(left,), action=lambda ws: left.write_text("1")), Step("fail", action=fail))
    with pytest.raises(DataError):
        run_recipe(Recipe(steps, (left,)), NativeBackend(Workspace(out), keep=False), out)
    assert str(left) in out.out.getvalue()


def test_messages_by_level(table, tmp_path):
    recipe, _, _ = copies(table, tmp_path)
    step = recipe.steps[0]
    spoken = Step(step.tool, step.parameters, step.reads, step.makes, (Message(1, "one"), Message(3, "three")))
    for verbose, wanted, unwanted in (
        (0, (), ("one",)),
        (1, ("one",), (">>>",)),
        (2, ("one", ">>> dmcopy"), ("three",)),
    ):
        out = console(verbose)
        run_recipe(Recipe((spoken,), ()), NativeBackend(Workspace(out), keep=False), out)
        text = out.out.getvalue()
        assert all(w in text for w in wanted) and not any(u in text for u in unwanted)


def test_plan_prints_and_runs_nothing(table, tmp_path):
    recipe, _, out = copies(table, tmp_path)
    c = console(1)
    show_plan(recipe, c)
    assert c.out.getvalue().count("dmcopy") == 2 and str(out) in c.out.getvalue() and not out.exists()


def test_command_lines_quote_what_a_shell_would_take_apart():
    step = Step("dmcopy", {"infile": "a.fits[energy=1:2]", "option": "", "clobber": "yes"})
    assert command_line(step) == 'dmcopy infile="a.fits[energy=1:2]" option="" clobber=yes'


def test_clobber_is_decided_before_any_work(table, tmp_path):
    recipe, _, out = copies(table, tmp_path)
    out.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"out\.fits.*clobber=yes"):
        check_products(recipe, clobber=False)
    check_products(recipe, clobber=True)
    assert out.read_text() == "mine"


def test_late_parameters_are_asked_for_at_their_turn(table, tmp_path):
    recipe, middle, out = copies(table, tmp_path)
    last = recipe.steps[1]
    late = Step(
        last.tool,
        last.parameters,
        last.reads,
        last.makes,
        late=lambda ws: {"infile": f"{middle}[a={len(ws.read(middle))}:]"},
    )
    run_recipe(Recipe((recipe.steps[0], late), (out,)), NativeBackend(Workspace(console()), keep=False), console())
    assert fits.getdata(out)["A"].tolist() == [6, 7]


def test_bound_parameters_are_checked():
    assert bind("dmcopy", {"infile": "a", "outfile": "b"})["clobber"] is False
    with pytest.raises(ParameterError, match="clobber"):
        bind("dmcopy", {"clobber": "perhaps"})


def test_a_warning_is_shown_once_and_reaches_the_pipelines_console():
    parent = console(1)
    for _ in range(3):
        StepConsole(parent).warn("careful")
    assert parent.err.getvalue().count("careful") == 1 and parent.warnings == ["careful"] * 3


STAND_IN = """#!/usr/bin/env python3
import json, os, sys
with open(os.environ["RECORD"], "a") as f:
    f.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:], os.environ["PFILES"]]) + "\\n")
print("said something")
for a in sys.argv[1:]:
    if a.startswith("outfile="):
        open(a[8:], "w").write("made")
sys.exit(int(os.environ.get("FAIL", "0")))
"""


@pytest.fixture
def ciao(tmp_path, monkeypatch):
    root = tmp_path / "ciao"
    (root / "bin").mkdir(parents=True)
    (root / "param").mkdir()
    tool = root / "bin/dmcopy"
    tool.write_text(STAND_IN)
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return root


def calls(tmp_path: Path):
    return [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]


def test_ciao_tools_get_arguments_and_a_parameter_folder_of_their_own(table, tmp_path, ciao):
    recipe, middle, out = copies(table, tmp_path)
    c = console(5)
    run_recipe(recipe, CiaoBackend(ciao, Workspace(c)), c)
    first, second = calls(tmp_path)
    assert first[:4] == ["dmcopy", f"infile={table}[a=2:7]", f"outfile={middle}", "mode=hl"]
    assert second[2] == f"outfile={out}"
    user, system = first[-1].split(";")
    assert system == str(ciao / "param") and not Path(user).exists() and os.environ.get("PFILES") is None
    assert out.read_text() == "made" and not middle.exists()
    assert "said something" in c.out.getvalue()


def test_a_failing_ciao_tool_is_an_error_with_its_output(table, tmp_path, ciao, monkeypatch):
    monkeypatch.setenv("FAIL", "3")
    recipe, *_ = copies(table, tmp_path)
    with pytest.raises(ExternalToolError, match=r"(?s)'dmcopy' \(status 3\).*said something"):
        run_recipe(recipe, CiaoBackend(ciao, Workspace(console())), console())


def test_a_tool_that_the_installation_lacks_is_done_natively(table, tmp_path, ciao):
    (ciao / "bin/dmcopy").unlink()
    recipe, _, out = copies(table, tmp_path)
    c = console(1)
    run_recipe(recipe, CiaoBackend(ciao, Workspace(c)), c)
    assert len(fits.getdata(out)) == 4 and "done by ciaopy itself" in c.out.getvalue()


def test_without_ciao_the_user_is_told(tmp_path):
    with pytest.raises(UserError, match="--ciao"):
        find_ciao(None)
    with pytest.raises(UserError, match="no folder bin"):
        find_ciao(tmp_path)
