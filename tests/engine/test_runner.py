"""Recipes: order, memory, cleanup, plan, clobber."""

import pytest
from astropy.io import fits
from engine_helpers import console, copies

from ciaopy.console import StepConsole
from ciaopy.datamodel import Workspace
from ciaopy.engine.native import NativeBackend, bind
from ciaopy.engine.runner import check_products, run_recipe, show_plan
from ciaopy.engine.step import Message, Recipe, Step, command_line
from ciaopy.errors import DataError, OutputExistsError, ParameterError


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
    with pytest.raises(DataError, match="x"):
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


def test_an_optional_step_that_fails_is_a_warning(table, tmp_path):
    """What it should have made is taken away, what needs that is left out, and the run goes on."""
    recipe, middle, out = copies(table, tmp_path)
    stale, extra = tmp_path / "stale.fits", tmp_path / "extra.fits"
    stale.write_text("of an earlier run")
    ran = []

    def fail(ws):
        stale.write_text("half")
        raise DataError("broken on purpose")

    steps = (
        recipe.steps[0],
        Step("fragile", action=fail, reads=(middle,), makes=(stale,), optional="nothing is frozen"),
        Step("next", action=lambda ws: ran.append("next"), reads=(stale,), makes=(extra,), optional="no next"),
        Step("third", action=lambda ws: ran.append("third"), reads=(extra,), optional="no third"),
        recipe.steps[1],
    )
    c = console(2)
    timings = run_recipe(Recipe(steps, (stale, out)), NativeBackend(Workspace(c), keep=False), c)
    assert c.warnings == ["fragile: broken on purpose; nothing is frozen"]
    assert ran == []
    assert not stale.exists() and fits.getdata(out)["A"].tolist() == [4, 5, 6, 7]
    assert f"created {stale}" not in c.out.getvalue() and f"created {out}" in c.out.getvalue()
    assert [t.tool for t in timings] == ["dmcopy", "fragile", "dmcopy", "writing products"]


def test_an_optional_step_that_works_is_like_any_other(table, tmp_path):
    recipe, _, out = copies(table, tmp_path)
    first = recipe.steps[0]
    fragile = Step(first.tool, first.parameters, first.reads, first.makes, optional="no matter")
    c = console(1)
    run_recipe(Recipe((fragile, recipe.steps[1]), recipe.products), NativeBackend(Workspace(c), keep=False), c)
    assert c.warnings == [] and fits.getdata(out)["A"].tolist() == [4, 5, 6, 7]
