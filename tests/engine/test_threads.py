"""One meaning of `parallel` and `nproc`."""

import pytest

from ciaopy.engine import threads
from ciaopy.engine.threads import thread_count
from ciaopy.errors import UserError
from ciaopy.param import open_parameters


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    monkeypatch.setattr(threads, "default_nproc", lambda: 8)


@pytest.mark.parametrize("tool", ["fluximage", "flux_obs", "merge_obs", "reproject_obs", "chandra_repro"])
@pytest.mark.parametrize(("nproc", "wanted"), [("INDEF", 8), ("3", 3), ("30", 8), ("-2", 6), ("-20", 1)])
def test_numbers(tool, nproc, wanted):
    if tool == "chandra_repro" and nproc.startswith("-"):
        pytest.skip("its parameter file allows no negative number")
    assert thread_count(open_parameters(tool, [f"nproc={nproc}", "mode=h"], mode="h")) == wanted


def test_zero_is_all_where_that_is_the_default():
    assert thread_count(open_parameters("chandra_repro", ["mode=h"], mode="h")) == 8
    with pytest.raises(UserError, match="nproc=0: at least one processor"):
        thread_count(open_parameters("fluximage", ["nproc=0", "mode=h"], mode="h"))


def test_parallel_no_is_one_thread_and_other_tools_take_all():
    assert thread_count(open_parameters("fluximage", ["parallel=no", "nproc=4", "mode=h"], mode="h")) == 1
    assert thread_count(open_parameters("dmcopy", ["a", "b", "mode=h"], mode="h")) == 8
