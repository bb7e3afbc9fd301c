"""Good times of merged events: every chip keeps its own, whatever the files bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ciaopy.datamodel import Workspace
from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Subspace
from ciaopy.param import open_parameters
from ciaopy.pipelines.mosaic.merge_events import merge_events

#: Intervals on a coarse grid, so that edges often coincide; may be empty, may touch.
intervals = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda p: (100.0 * p[0], 100.0 * (p[0] + p[1]))), max_size=5
)
chips = st.dictionaries(st.sampled_from([0, 2, 3, 7]), intervals, min_size=1, max_size=3)


def write(path: Path, good: dict[int, list[tuple[float, float]]], step: float = 50.0) -> None:
    """Write events of all chips in their good times, one every `step` s, and one GTI block per chip."""
    rows = [(t, c) for c, g in good.items() for a, b in Gti(*_edges(g)) for t in np.arange(a, b, step)]
    time, chip = (np.array([r[k] for r in rows], float) for k in (0, 1))
    columns = [
        fits.Column("time", "D", array=time), fits.Column("ccd_id", "I", array=chip),
        fits.Column("x", "E", array=chip * 100), fits.Column("y", "E", array=time / 10),
    ]  # fmt: skip
    events = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    header = events.header
    header.update({"HDUNAME": "EVENTS", "OBS_ID": path.stem, "DTCOR": 0.9, "MTYPE1": "sky", "MFORM1": "x,y"})
    header.update({"DSTYP1": "time", "DSFORM1": "D", "DSTYP2": "ccd_id", "DSFORM2": "I"})
    blocks = [fits.PrimaryHDU(), events]
    for k, (number, g) in enumerate(good.items(), 1):
        prefix = "" if k == 1 else str(k)
        header[f"{prefix}DSVAL1"], header[f"{prefix}DSREF1"] = "TABLE", f":GTI{number}"
        header[f"{prefix}DSVAL2"] = f"{number}:{number}"
        own = Gti(*_edges(g))
        header[f"ONTIME{number}"] = own.duration
        header[f"LIVTIME{number}"] = header[f"EXPOSUR{number}"] = own.duration * 0.9
        start, stop = (fits.Column(n, "D", array=v) for n, v in (("START", own.start), ("STOP", own.stop)))
        gti = fits.BinTableHDU.from_columns([start, stop], name="GTI")
        gti.header.update({"HDUNAME": f"GTI{number}", "CCD_ID": number})
        blocks.append(gti)
    fits.HDUList(blocks).writeto(path, overwrite=True)


def _edges(g: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [a for a, _ in g], [b for _, b in g]


def times_of(path: Path) -> dict[int, Gti]:
    """Good times of each chip as the merged file states them."""
    table = Workspace().read(str(path))
    found: dict[int, Gti] = {}
    for component in Subspace.from_header(table.header, table.companions).components:
        (low, high) = component["ccd_id"].spans[0]
        assert low == high
        found[int(low)] = found.get(int(low), Gti()) | component["time"].gti
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(chips, min_size=1, max_size=3))
def test_each_chip_has_the_union_of_its_times(tmp_path, files):
    names = []
    for i, good in enumerate(files):
        names.append(tmp_path / f"{i}.fits")
        write(names[-1], good)
    par = open_parameters("reproject_obs", ["x", "y", "clobber=yes", "mode=h"], mode="h")
    made = merge_events([str(n) for n in names], tmp_path / "m.fits", "ACIS", Workspace(), par)
    expected = {
        c: Gti.union([Gti(*_edges(good[c])) for good in files if c in good])
        for c in sorted({c for g in files for c in g})
    }
    found = times_of(made.path)
    assert {c: g for c, g in found.items() if len(g)} == {c: g for c, g in expected.items() if len(g)}
    data = fits.getdata(made.path, "EVENTS")
    parts = [fits.getdata(n, "EVENTS") for n in names]
    assert len(data) == sum(len(p) for p in parts) == made.rows
    for chip, gti in expected.items():
        assert gti.filter(data["time"][data["ccd_id"] == chip]).all()
    header = fits.getheader(made.path, "EVENTS")
    for chip in expected:
        total = sum(Gti(*_edges(good[chip])).duration for good in files if chip in good)
        assert header[f"ONTIME{chip}"] == pytest.approx(total)


def test_filter_by_other_good_times(tmp_path):
    """A good time file, as deflare makes it, cuts the times of every chip, and edges belong to the start only."""
    from ciaopy.runtool import dmcopy

    write(tmp_path / "a.fits", {3: [(0.0, 500.0), (700.0, 900.0)], 2: [(100.0, 300.0)]})
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[200.0]), fits.Column("STOP", "D", array=[750.0])], name="GTI"
    )
    gti.header["HDUNAME"] = "GTI"
    fits.HDUList([fits.PrimaryHDU(), gti]).writeto(tmp_path / "g.fits")
    dmcopy(f"{tmp_path}/a.fits[@{tmp_path}/g.fits]", str(tmp_path / "b.fits"))
    assert times_of(tmp_path / "b.fits") == {3: Gti([200.0, 700.0], [500.0, 750.0]), 2: Gti([200.0], [300.0])}
    data = fits.getdata(tmp_path / "b.fits", "EVENTS")
    assert sorted(data["time"][data["ccd_id"] == 2]) == [200.0, 250.0]
    assert data["time"][data["ccd_id"] == 3].tolist() == [*np.arange(200.0, 500.0, 50.0), 700.0]
