"""Whole event files: simulated truth, real archive columns, bad files, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from coords_helpers import ACIS_HEADER, aspect_columns, make_aspect, make_table, write_table

from ciaopy.console import Console
from ciaopy.coords import (
    Attitude,
    EventTransform,
    FocalPlane,
    Geometry,
    SkyFrame,
    acis_event_positions,
    event_positions,
)
from ciaopy.datamodel import Workspace
from ciaopy.errors import DataError, NoDataError

AXES = ("detx", "dety", "x", "y")


def files(folder: Path) -> tuple[Path, Path]:
    return next(folder.glob("secondary/*evt1.fits*")), next(folder.glob("primary/*asol1.fits*"))


@pytest.mark.parametrize("run", ["marx_acisi_grid", "marx_aciss_multi", "marx_hrci"])
def test_simulated_truth(data: Path, run: str) -> None:
    p = event_positions(*files(data / "obs" / run))
    truth = fits.getdata(next((data / "obs" / run).glob("truth/truth.fits*")), 1)
    assert p.outside == 0
    for axis in AXES:
        d = getattr(p, axis) - truth[axis.upper()]
        assert np.sqrt(np.mean(d**2)) < (2e-4 if axis in "xy" else 5e-4)
        assert np.abs(d).max() < 0.05


def test_sky_of_obsid_754_is_within_its_randomisation(data: Path) -> None:
    """Real events: X, Y differ from the integer chip's by the +-0.5 pixel randomisation, without bias."""
    evt, asol = files(data / "obs/754")
    p, t = event_positions(evt, asol), fits.getdata(evt, "EVENTS")
    for axis in AXES:
        d = getattr(p, axis) - t[axis]
        assert abs(d.mean()) < 1e-3
        assert d.std() == pytest.approx(0.2885, abs=0.001)
    assert np.array_equal(p.tdetx, t["tdetx"])
    assert np.array_equal(p.tdety, t["tdety"])


def test_hrc_i_2886_is_within_its_rounding(data: Path) -> None:
    evt, asol = files(data / "obs/2886")
    p, t = event_positions(evt, asol), fits.getdata(evt, "EVENTS")
    for axis in AXES:
        d = getattr(p, axis) - t[axis]
        assert abs(d.mean()) < 0.005
        assert 0.27 < d.std() < 0.31
        assert np.abs(d).max() < 1.0
    assert np.array_equal(p.tdetx, t["tdetx"])
    assert np.array_equal(p.tdety, t["tdety"])


def test_real_acis_det_columns(data: Path) -> None:
    """DET of unsplit events (no sub-pixel shift) of CIAO 4.16 output: 0.0003 pixel rms, TDET exact."""
    seen = []
    for path in sorted((data / "evt").glob("*_evt2.fits*")):
        p, t = event_positions(path), fits.getdata(path, "EVENTS")
        assert p.x is None
        single = t["fltgrade"] == 0
        d = np.hypot(p.detx - t["detx"], p.dety - t["dety"])[single]
        assert d.size
        assert np.sqrt(np.mean(d**2)) < 5e-4, path.name
        assert d.max() < 1e-3, path.name
        assert np.array_equal(p.tdetx, t["tdetx"])
        assert np.array_equal(p.tdety, t["tdety"])
        seen.append(path.name)
    assert len(seen) >= 3


def test_virtual_file(data: Path) -> None:
    evt, asol = files(data / "obs/marx_acisi_grid")
    whole = event_positions(evt, str(asol))
    chips = fits.getdata(evt, "EVENTS")["ccd_id"]
    part = event_positions(f"{evt}[ccd_id=3]", str(asol))
    np.testing.assert_array_equal(part.x, whole.x[chips == 3])


def events(n: int = 50, header: dict[str, Any] | None = None, **columns: Any) -> Any:
    base = {
        "time": np.linspace(1000.0, 1020.0, n),
        "ccd_id": np.arange(n) % 4,
        "chipx": np.arange(n) + 100,
        "chipy": np.arange(n) + 200,
    }
    return make_table("EVENTS", ACIS_HEADER if header is None else header, **(base | columns))


def aspect(start: float = 990.0, n: int = 200) -> Any:
    return make_aspect(start + 0.25625 * np.arange(n), ra=150.1, dec=2.2, roll=57.9)


def test_written_file_and_stack_of_asols(tmp_path: Path) -> None:
    t = events()
    evt = write_table(tmp_path / "evt.fits", "EVENTS", ACIS_HEADER, **{c.name: c.data for c in t.columns.values()})
    for i, part in enumerate((slice(0, 80), slice(60, 200))):
        time = (990.0 + 0.25625 * np.arange(200))[part]
        write_table(tmp_path / f"a{i}.fits", "ASPSOL", {}, **aspect_columns(time, ra=150.1, dec=2.2, roll=57.9))
    (tmp_path / "asol.lis").write_text("a1.fits\na0.fits\n")
    want = event_positions(t, aspect())
    for stack in (f"@{tmp_path}/asol.lis", [tmp_path / "a0.fits", tmp_path / "a1.fits"]):
        got = event_positions(evt, stack)
        np.testing.assert_array_equal(got.x, want.x)
        np.testing.assert_array_equal(got.y, want.y)


def test_chain_is_that_of_the_single_steps() -> None:
    t, a = events(), aspect()
    plane, frame = FocalPlane.from_header(ACIS_HEADER), SkyFrame.from_header(ACIS_HEADER)
    p = event_positions(t, a)
    x, y = plane.chip_to_sky(t["ccd_id"], t["chipx"], t["chipy"], a.at(t["time"]), frame)
    np.testing.assert_allclose(p.x, x, atol=1e-9)
    np.testing.assert_allclose(p.y, y, atol=1e-9)
    np.testing.assert_allclose(plane.det_to_sky(p.detx, p.dety, a.at(t["time"]), frame), (x, y), atol=1e-8)


def test_header_offsets_without_aspect() -> None:
    header = ACIS_HEADER | {"DY_AVG": 0.1, "DZ_AVG": -0.2, "DTH_AVG": 0.01}
    t = events(header=header)
    p = event_positions(t)
    plane = FocalPlane.from_header(header)
    want = plane.chip_to_det(t["ccd_id"], t["chipx"], t["chipy"], Attitude.of(0, 0, 0, 0.1, -0.2, 0.01))
    np.testing.assert_allclose((p.detx, p.dety), want, atol=1e-9)
    assert p.y is None
    assert event_positions(t, "none").x is None


def test_events_outside_the_aspect_are_nan_and_counted() -> None:
    console = Console(0)
    p = event_positions(events(), aspect(1010.0, 20), ws=Workspace(console, 1))
    inside = np.isfinite(p.x)
    assert 0 < inside.sum() < 50
    assert p.outside == 50 - inside.sum()
    assert np.isnan(p.detx[~inside]).all()
    assert np.isfinite(p.tdetx).all()
    assert f"{p.outside} of 50 events at times without aspect solution" in console.warnings[0]


def test_aspect_that_does_not_overlap() -> None:
    with pytest.raises(NoDataError, match=r"EVENTS: no event falls in the aspect solution asol \(events 1000.00"):
        event_positions(events(), aspect(5000.0))


def test_no_events() -> None:
    p = event_positions(events(0), aspect(5000.0))
    assert p.x is not None
    assert p.x.size == p.tdetx.size == 0
    assert event_positions(events(0)).detx.size == 0


def test_unknown_chip_numbers_are_nan() -> None:
    ccd = np.arange(50) % 4
    ccd[7] = 12
    p = event_positions(events(ccd_id=ccd), aspect())
    assert np.flatnonzero(np.isnan(p.detx)).tolist() == [7]
    assert np.flatnonzero(np.isnan(p.tdetx)).tolist() == [7]
    assert p.outside == 0


@pytest.mark.parametrize("key", ["SIM_X", "SIM_Y", "SIM_Z", "RA_NOM", "DEC_NOM"])
def test_missing_keyword(key: str) -> None:
    header = {k: v for k, v in ACIS_HEADER.items() if k != key}
    with pytest.raises(DataError, match=f"EVENTS: no keyword {key}"):
        event_positions(events(header=header), aspect())


def test_unusable_keywords() -> None:
    with pytest.raises(DataError, match="keyword SIM_Z is 'far', not a number"):
        event_positions(events(header=ACIS_HEADER | {"SIM_Z": "far"}))
    with pytest.raises(DataError, match="unknown detector INSTRUME='EPIC'"):
        event_positions(events(header=ACIS_HEADER | {"INSTRUME": "EPIC"}))


@pytest.mark.parametrize("column", ["time", "ccd_id", "chipx", "chipy"])
def test_missing_column(column: str) -> None:
    t = events()
    del t.columns[column]
    with pytest.raises(DataError, match=f"no column {column}; it has"):
        event_positions(t, aspect())


def test_bad_aspect_files(tmp_path: Path) -> None:
    t = events()
    columns = aspect_columns([990.0, 1000.0, 1030.0])
    good = {k: v for k, v in columns.items() if k != "roll"}
    path = write_table(tmp_path / "a.fits", "ASPSOL", {}, **good)
    with pytest.raises(DataError, match=r"a\.fits: not an aspect solution: block ASPSOL lacks roll"):
        event_positions(t, path)
    columns["ra"][1] = np.nan
    path = write_table(tmp_path / "b.fits", "ASPSOL", {}, **columns)
    with pytest.raises(DataError, match=r"b\.fits: 1 of 3 records have no finite ra"):
        event_positions(t, path)
    with pytest.raises(DataError, match=r"c\.fits"):
        event_positions(t, tmp_path / "c.fits")
    fits.HDUList([fits.PrimaryHDU(np.zeros((4, 4)))]).writeto(tmp_path / "i.fits")
    with pytest.raises(DataError, match=r"i\.fits: an image, not an aspect solution"):
        event_positions(t, tmp_path / "i.fits")
    with pytest.raises(DataError, match=r"i\.fits: an image, not an event table"):
        event_positions(tmp_path / "i.fits")


def test_sub_pixel_shift_moves_sky_and_not_tdet() -> None:
    t, a = events(), aspect()
    transform = EventTransform(FocalPlane.from_header(ACIS_HEADER), SkyFrame.from_header(ACIS_HEADER), a)
    whole = acis_event_positions(t["time"], t["ccd_id"], t["chipx"], t["chipy"], transform)
    shifted = acis_event_positions(t["time"], t["ccd_id"], t["chipx"] + 0.495, t["chipy"] - 0.495, transform)
    np.testing.assert_array_equal(shifted.tdetx, whole.tdetx)
    np.testing.assert_array_equal(shifted.tdety, whole.tdety)
    step = np.hypot(shifted.x - whole.x, shifted.y - whole.y)
    np.testing.assert_allclose(step, 0.495 * np.sqrt(2) * 0.4913 / 0.492, rtol=4e-3)  # chips are tilted by 4 degrees
    given = acis_event_positions(
        t["time"], t["ccd_id"], t["chipx"] + 0.7, t["chipy"], transform, integer=(t["chipx"], t["chipy"])
    )
    np.testing.assert_array_equal(given.tdetx, whole.tdetx)


def test_many_threads_same_bytes() -> None:
    rng = np.random.default_rng(5)
    n = 200_000
    time, ids = rng.uniform(1000, 1030, n), rng.integers(0, 10, n)
    cx, cy = rng.uniform(1, 1024, (2, n))
    transform = EventTransform(FocalPlane.from_header(ACIS_HEADER), SkyFrame.from_header(ACIS_HEADER), aspect())
    one, four = transform.all(time, ids, cx, cy, 1), transform.all(time, ids, cx, cy, 4)
    with ThreadPoolExecutor(4) as pool:
        blocks = list(pool.map(lambda i: transform(time[i::4], ids[i::4], cx[i::4], cy[i::4]), range(4)))
    for axis in ("tdetx", "tdety", *AXES):
        np.testing.assert_array_equal(getattr(one, axis), getattr(four, axis))
        for i, block in enumerate(blocks):
            np.testing.assert_array_equal(getattr(block, axis), getattr(one, axis)[i::4])
    assert one.outside == four.outside == 0


def test_lengths_that_differ() -> None:
    transform = EventTransform(FocalPlane.of("ACIS"), SkyFrame.of(1, 2, 3, "ACIS"), Attitude.of(1, 2, 3))
    with pytest.raises(ValueError, match="one length"):
        transform(np.zeros(3), np.zeros(2, int), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="one length"):
        transform.all(np.zeros(3), np.zeros(3, int), np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="one attitude"):
        EventTransform(FocalPlane.of("ACIS"), SkyFrame.of(1, 2, 3, "ACIS"), Attitude.of([1, 2], 2, 3))


def test_geometry_from_caldb_gives_the_same_positions(data: Path) -> None:
    folder = data / "caldb/chandra/default"
    geometry = Geometry.from_files(folder / "telD1999-07-23geomN0006.fits")
    own, read = event_positions(events(), aspect()), event_positions(events(), aspect(), geometry=geometry)
    np.testing.assert_allclose(read.x, own.x, atol=1e-6)
