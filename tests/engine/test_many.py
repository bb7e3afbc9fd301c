"""Many datasets at once: order of results and messages, warnings, errors, groups, threads."""

import threading
import time

import pytest
from engine_helpers import console

from ciaopy.console import StepConsole
from ciaopy.datamodel import Workspace
from ciaopy.engine.many import DatasetTask, run_many, values
from ciaopy.errors import DataError


def tasks(work, count=4, **options):
    return [DatasetTask(f"obs{i}", lambda ws, i=i: work(i, ws), **options) for i in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_and_messages_come_in_order(workers):
    out = console(1)

    def work(i, ws):
        time.sleep(0.02 * (4 - i) if workers > 1 else 0)
        ws.console.say(f"begin {i}")
        ws.console.output(f"end {i}")
        return i * i

    outcomes = run_many(tasks(work), Workspace(out, nproc=4), workers)
    assert [o.value for o in outcomes] == [0, 1, 4, 9] == values(outcomes)
    assert [o.label for o in outcomes] == ["obs0", "obs1", "obs2", "obs3"]
    assert out.out.getvalue().split() == [w for i in range(4) for w in ("begin", str(i), "end", str(i))]


@pytest.mark.parametrize("workers", [1, 3])
def test_warnings_stay_on_the_error_stream_with_their_dataset(workers):
    out = console(1)

    def work(i, ws):
        for _ in range(2):
            StepConsole(ws.console).warn(f"careful {i}")
        ws.console.say("fine")

    run_many(tasks(work, 3), Workspace(out, nproc=3), workers)
    assert out.err.getvalue().splitlines() == [f"WARNING: obs{i}: careful {i}" for i in range(3)]
    assert "WARNING" not in out.out.getvalue()
    assert out.warnings == ["careful 0", "careful 0", "careful 1", "careful 1", "careful 2", "careful 2"]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_common_warning_is_said_once_with_the_list(workers):
    out = console(1)

    def work(i, ws):
        ws.console.warn("approximate" if i != 1 else "exact")
        if i == 2:
            raise DataError("bad")

    run_many(tasks(work, 3), Workspace(out, nproc=3), workers)
    assert out.err.getvalue().splitlines() == ["WARNING: obs0, obs2: approximate", "WARNING: obs1: exact"]
    assert out.warnings == ["approximate", "exact", "approximate"]


def test_the_only_dataset_needs_no_mark():
    out = console(1)
    run_many(tasks(lambda i, ws: ws.console.warn("careful"), 1), Workspace(out, nproc=2))
    assert out.err.getvalue() == "WARNING: careful\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_does_not_stop_the_others(workers):
    def work(i, ws):
        if i in (1, 2):
            raise DataError(f"bad {i}")
        return i

    outcomes = run_many(tasks(work), Workspace(console(), nproc=2), workers)
    assert [o.value for o in outcomes] == [0, None, None, 3]
    assert [str(o.error) for o in outcomes if o.error] == ["bad 1", "bad 2"]
    with pytest.raises(DataError, match="bad 1"):
        values(outcomes)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_the_program_is_raised(workers):
    def work(i, ws):
        return 1 // (i - 1)

    with pytest.raises(ZeroDivisionError, match="division"):
        run_many(tasks(work), Workspace(console(), nproc=2), workers)


def test_tasks_of_one_group_do_not_overlap():
    inside, most, lock = [0], [0], threading.Lock()

    def work(i, ws):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        with lock:
            inside[0] -= 1

    run_many(tasks(work, 6, group="one folder"), Workspace(console(), nproc=4))
    assert most[0] == 1


def test_threads_are_shared_out():
    seen = [o.value for o in run_many(tasks(lambda i, ws: ws.nproc, 3), Workspace(console(), nproc=7))]
    assert seen == [2, 2, 2]
    assert run_many([], Workspace(console(), nproc=7)) == []
