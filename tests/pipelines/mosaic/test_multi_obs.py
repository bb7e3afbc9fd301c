"""Which observations go together, and what happens when one of many fails: the rules without images."""

from __future__ import annotations

import io
from typing import Any

import pytest
from astropy.io.fits import Header

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.errors import DataError
from ciaopy.pipelines.imaging.inputs import FluxEvents
from ciaopy.pipelines.mosaic.inputs import MosaicInput, _check, _order
from ciaopy.pipelines.mosaic.merge_obs import position_angle, summarize
from ciaopy.pipelines.mosaic.reproject_obs import _letter, for_each, warn_of_differences

WHOLE = frozenset(["time", "chipx", "chipy", "detx", "dety", "x", "y", "ccd_id", "chip_id", "energy", "pi"])


def member(
    obsid: str, columns: frozenset[str] = WHOLE, cycle: str = "", obi: int | None = None, **keys: Any
) -> MosaicInput:
    """An observation that exists as a header only."""
    values = {"INSTRUME": "ACIS", "DETNAM": "ACIS-0123", "GRATING": "NONE", "READMODE": "TIMED", "TSTART": 1.0}
    parts = {"CYCLE": cycle, "TIMEDELB": 3.2 if cycle else 0.0} | ({} if obi is None else {"OBI_NUM": obi})
    header = Header({"OBS_ID": obsid, **values, **parts, **keys})
    free = (0.5, 8192.5)
    events = FluxEvents(name=f"{obsid}{cycle}.fits", header=header, columns=columns, chips=(0,), limits=(free, free))
    return MosaicInput(events, (10.0, 20.0))


HRC = {"INSTRUME": "HRC", "DETNAM": "HRC-I", "READMODE": ""}


def test_detectors_of_the_hrc_do_not_mix():
    _check(member("2", **HRC), [member("1", **HRC)], True)
    with pytest.raises(DataError, match="DETNAM is HRC-S, that of 1"):
        _check(member("2", **HRC | {"DETNAM": "HRC-S"}), [member("1", **HRC)], True)
    with pytest.raises(DataError, match="INSTRUME is HRC, that of 1"):
        _check(member("2", **HRC), [member("1")], True)
    _check(member("2", DETNAM="ACIS-7"), [member("1")], True)  # chips of ACIS may differ


def test_labels_tell_parts_of_an_observation_apart():
    first = member("433", cycle="P")
    _check(member("433", cycle="S"), [first], True)
    _check(member("433", obi=2), [member("433", obi=1)], True)
    with pytest.raises(DataError, match="it is of ObsID 433_001"):
        _check(member("433", obi=1), [member("433", obi=1)], True)
    assert (first.label, member("433", obi=2).label) == ("433e1", "433_002")


def test_columns_of_the_instrument():
    with pytest.raises(DataError, match="no column energy"):
        _check(member("1", WHOLE - {"energy"}), [], True)
    with pytest.raises(DataError, match="no column chip_id"):
        _check(member("1", WHOLE - {"chip_id"}, **HRC), [], True)
    _check(member("1", WHOLE - {"energy"}), [], False)


def test_order_is_by_time_and_secondary_exposures_come_first():
    found = [member("9", TSTART=5.0), member("3", cycle="P"), member("3", cycle="S"), member("1", TSTART=2.0)]
    assert [m.label for m in sorted(found, key=_order)] == ["3e2", "3e1", "1", "9"]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_and_messages_keep_the_order(workers):
    import time

    out = io.StringIO()
    members = [member(str(n)) for n in range(6)]

    def task(m: MosaicInput, ws: Workspace) -> str:
        time.sleep(0.01 * (6 - int(m.label)))
        ws.console.say(f"did {m.label}")
        ws.console.warn("the same for all")
        return m.label

    results = for_each(task, members, Workspace(Console(1, out, out), 4), workers)
    assert results == list("012345")
    said = out.getvalue().splitlines()
    assert [s for s in said if s.startswith("did")] == [f"did {n}" for n in range(6)]
    assert [s for s in said if "WARNING" in s] == ["WARNING: 0, 1, 2, 3, 4, 5: the same for all"]


def test_the_first_failure_is_raised_when_all_have_ended():
    done = []

    def task(m: MosaicInput, ws: Workspace) -> None:
        done.append(m.label)
        if m.label in "13":
            raise DataError(f"{m.label} is damaged")

    with pytest.raises(DataError, match="1 is damaged"):
        for_each(task, [member(str(n)) for n in range(5)], Workspace(Console(0), 2))
    assert sorted(done) == list("01234")


def test_differences_are_told():
    out = io.StringIO()
    console = Console(1, out, out)
    warn_of_differences([member("1", FP_TEMP=153.5, SIM_Z=-190.0), member("2", FP_TEMP=154.0, SIM_Z=-190.0)], console)
    assert out.getvalue() == ""
    warn_of_differences([member("1", FP_TEMP=153.5, SIM_Z=-190.0), member("2", FP_TEMP=158.0)], console)
    assert "differ in FP_TEMP, SIM_Z;" in out.getvalue()


def test_summary_and_letters():
    out = io.StringIO()
    summarize([member("1", EXPOSURE=9900.0), member("2")], Console(1, out, out))
    lines = [s for s in out.getvalue().splitlines() if s]
    assert len(lines) == 4 and "9.9" in lines[2] and lines[3].split()[-2] == "0.00"
    assert position_angle((10.0, 0.0), (10.0, 1.0)) == pytest.approx(0.0)
    assert position_angle((10.0, 0.0), (11.0, 0.0)) == pytest.approx(90.0)
    assert [_letter(n) for n in (0, 1, 25, 26, 27, 52)] == ["a", "b", "z", "aa", "ab", "ba"]
