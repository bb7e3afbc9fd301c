"""Flares on simulated light curves, anomalous CCDs from their corners."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xmm_helpers as made
from astropy.io import fits

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.xmm import anomalous, flares
from ciaopy.xmm.evaluate import Column, select
from ciaopy.xmm.eventlist import open_event_list
from ciaopy.xmm.expressions import parse_selection

DURATION = 40000.0


def poisson_times(g: np.random.Generator, rate: float, spans: list[tuple[float, float, float]]) -> Any:
    t = [g.uniform(0, DURATION, g.poisson(rate * DURATION))]
    t += [g.uniform(a, b, g.poisson(rate * (k - 1) * (b - a))) for a, b, k in spans]
    return np.sort(np.concatenate(t))


def kept(gti: Gti, spans: list[tuple[float, float, float]], edge: float = 121.0) -> tuple[float, float]:
    """Share of quiet seconds kept, and of flaring seconds left; edges of flares are left out."""
    second = np.arange(DURATION) + 0.5
    ok = gti.filter(second)
    bad = np.zeros(len(second), bool)
    near = np.zeros(len(second), bool)
    for a, b, _ in spans:
        bad |= (second >= a) & (second < b)
        near |= (np.abs(second - a) < edge) | (np.abs(second - b) < edge)
    quiet, flaring = ~bad & ~near, bad & ~near
    return float(ok[quiet].mean()), float(ok[flaring].mean()) if flaring.any() else 0.0


@pytest.mark.parametrize(("rate", "scale"), list(itertools.product([0.05, 0.2, 0.8, 5.0], [6.0, 15.0])))
def test_quiet_data_are_kept(rate: float, scale: float) -> None:
    g = np.random.default_rng(int(rate * 100 + scale))
    curve = flares.FlareCurve(Gti([0], [DURATION]))
    curve.add(poisson_times(g, rate, []))
    quiet = flares.quiet_by_histogram(curve, flares.FlareSettings(range_scale=scale))
    assert quiet.gti.duration > 0.95 * DURATION


@pytest.mark.parametrize(("rate", "factor"), list(itertools.product([0.2, 0.8, 5.0], [2.5, 6.0, 20.0])))
def test_flares_are_removed(rate: float, factor: float) -> None:
    spans = [(5000.0, 5400.0, factor), (12000.0, 14000.0, factor), (30000.0, 33600.0, factor)]
    curve = flares.FlareCurve(Gti([0], [DURATION]))
    curve.add(poisson_times(np.random.default_rng(int(rate * 10 + factor)), rate, spans))
    for scale in (6.0, 15.0):
        quiet = flares.quiet_by_histogram(curve, flares.FlareSettings(range_scale=scale))
        good, left = kept(quiet.gti, spans)
        assert good > 0.95 and left < 0.02, (scale, good, left)


def test_ratio_method_recovers_truth() -> None:
    g = np.random.default_rng(8)
    spans = [(12000.0, 14000.0, 4.0), (30000.0, 31000.0, 10.0)]
    field, corners = (flares.FlareCurve(Gti([0], [DURATION])) for _ in range(2))
    field.add(poisson_times(g, 4.0, spans))
    corners.add(poisson_times(g, 1.0, []))
    quiet = flares.quiet_by_ratio(field, corners, 4000.0, 1000.0, flares.FlareSettings(ratio=1.5))
    good, left = kept(quiet.gti, spans)
    assert good > 0.95 and left < 0.02


def test_gaps_of_a_filtered_list_are_not_quiet_time() -> None:
    gti = Gti([0, 10000, 25000.5], [7000, 22000.25, 40000])
    g = np.random.default_rng(5)
    curve = flares.FlareCurve(gti)
    curve.add(poisson_times(g, 0.8, []))
    assert curve.counts.sum() == pytest.approx(0.8 * gti.duration, rel=0.03)
    quiet = flares.quiet_by_histogram(curve, flares.FlareSettings())
    assert (quiet.gti - gti).duration == 0
    assert quiet.gti.duration > 0.95 * gti.duration
    _, rate = curve.binned(0, 60)
    assert np.nanmean(rate) == pytest.approx(0.8, rel=0.03)
    assert np.isnan(rate).sum() == pytest.approx((3000 + 3000) / 60, abs=3)


def test_running_mean_keeps_the_level_and_skips_gaps() -> None:
    curve = flares.FlareCurve(Gti([0, 200], [100, 300]))
    curve.add(np.concatenate([np.arange(100) + 0.5, np.arange(200, 300) + 0.5]))
    _, smooth = curve.binned(51, 1)
    assert np.nanmin(smooth) == np.nanmax(smooth) == 1.0
    assert np.isnan(smooth[100:200]).all()


def test_what_cannot_be_judged() -> None:
    none = flares.FlareCurve(Gti([0], [5000]))
    with pytest.raises(NoDataError, match="noCounts"):
        flares.quiet_by_histogram(none, flares.FlareSettings())
    short = flares.FlareCurve(Gti([0], [600]))
    short.add(np.arange(600.0))
    with pytest.raises(NoDataError, match="only 10 bins"):
        flares.quiet_by_histogram(short, flares.FlareSettings())
    with pytest.raises(NoDataError, match="no good time"):
        flares.FlareCurve(Gti())
    some = flares.FlareCurve(Gti([0], [5000]))
    some.add(np.arange(0.0, 5000.0, 2.0))
    with pytest.raises(NoDataError, match="outside the field of view"):
        flares.quiet_by_ratio(some, none, 10.0, 10.0, flares.FlareSettings())
    with pytest.raises(NoDataError, match="no good time is left"):
        flares.quiet_by_ratio(some, some, 1.0, 1000.0, flares.FlareSettings(ratio=0.1))


def events(tmp_path: Path, name: str = "f.fits", inst: str = "EMOS1", **extra: Any) -> Path:
    g = np.random.default_rng(7)
    spans = [(9000.0, 10000.0, 8.0)]
    t = poisson_times(g, 0.8, spans)
    n = len(t)
    ccds = range(1, 8) if inst != "EPN" else range(1, 13)
    rows = {"TIME": made.T0 + t, "PI": g.integers(2500, 8501, n), "CCDNR": np.ones(n), "PATTERN": g.integers(0, 5, n)}
    return made.event_list(tmp_path / name, rows | extra, inst, duration=DURATION, ccds=ccds)


def test_tool_writes_good_times_curve_and_lists(tmp_path: Path) -> None:
    for inst in ("EMOS2", "EPN"):
        source = events(tmp_path, inst=inst)
        for path in tmp_path.glob("o.*"):
            path.unlink()
        made.run(
            "xmm_espfilt",
            eventfile=source,
            gtiset=tmp_path / "o.gti",
            histset=tmp_path / "o.qdp",
            filteredset=tmp_path / "o.fits",
            ootfile=source,
            filteredootset=tmp_path / "o.oot",
        )
        table, header = fits.getdata(tmp_path / "o.gti", "STDGTI", header=True)
        gti = Gti(table["START"] - made.T0, table["STOP"] - made.T0)
        good, left = kept(gti, [(9000.0, 10000.0, 8.0)])
        assert good > 0.95 and left < 0.02
        assert header["METHOD"] == "histogram" and header["ELOW"] == 2500 and header["MJDREF"] == 50814.0
        assert header["MEAN"] == pytest.approx(0.8, rel=0.1)
        text = (tmp_path / "o.qdp").read_text()
        assert text.count("NO NO") == 2 and "fit" in text
        time = fits.getdata(source, "EVENTS")["TIME"]
        for name in ("o.fits", "o.oot"):
            found = fits.getdata(tmp_path / name, "EVENTS")["TIME"]
            assert len(found) == int(Gti(table["START"], table["STOP"]).filter(time).sum()) > 0
            assert open_event_list(tmp_path / name).header["ONTIME01"] == pytest.approx(gti.duration)


def test_tool_ratio_and_its_band(tmp_path: Path) -> None:
    g = np.random.default_rng(3)
    rows = made.spread(5, 60000)
    hard = g.integers(8000, 12001, 60000)
    far = (rows["DETX"] - 97) ** 2 + (rows["DETY"] + 172) ** 2 > 17152**2
    source = made.event_list(tmp_path / "r.fits", rows | {"PI": hard, "FLAG": np.where(far, 0x10000, 0)})
    made.run("xmm_espfilt", eventfile=source, gtiset=tmp_path / "g.fits", method="ratio", elow=8000, ehigh=12000)
    header = fits.getheader(tmp_path / "g.fits", "STDGTI")
    assert header["METHOD"] == "ratio" and header["ONTIME"] > 0.9 * 20000
    with pytest.raises(NoDataError, match="noCounts"):
        made.run("xmm_espfilt", eventfile=events(tmp_path), gtiset=tmp_path / "h.fits", method="ratio")


def test_tool_refusals(tmp_path: Path) -> None:
    source = events(tmp_path)
    for parameters, problem in (
        ({}, "no output asked for"),
        ({"gtiset": "g.fits", "limits": "3"}, "two numbers"),
        ({"gtiset": "g.fits", "limits": "3 1"}, "0 < first < second"),
        ({"gtiset": "g.fits", "elow": 9000}, "below"),
        ({"gtiset": "g.fits", "allowsigma": 0}, "above 0"),
        ({"gtiset": "g.fits", "ootfile": "o.fits"}, "belong together"),
    ):
        with pytest.raises(UserError, match=problem):
            made.run("xmm_espfilt", eventfile=source, **parameters)
    bare = made.event_list(tmp_path / "b.fits", {"TIME": np.array([made.T0])}, without=["STDGTI"])
    with pytest.raises(DataError, match="no good times"):
        made.run("xmm_espfilt", eventfile=bare, gtiset=tmp_path / "g.fits")
    other = events(tmp_path, "pn.fits", "EPN")
    with pytest.raises(DataError, match="of EPN"):
        made.run(
            "xmm_espfilt",
            eventfile=source,
            filteredset=tmp_path / "a.fits",
            ootfile=other,
            filteredootset=tmp_path / "b2.fits",
        )


# ---------------------------------------------------------------- anomalous CCDs
@pytest.mark.parametrize(
    ("inst", "ccd", "low", "high", "state"),
    [
        ("EMOS1", 4, 200, 549, "B"),
        ("EMOS1", 4, 200, 550, "I"),
        ("EMOS1", 4, 200, 600, "I"),
        ("EMOS1", 4, 200, 601, "G"),
        ("EMOS1", 5, 100, 224, "B"),
        ("EMOS1", 5, 100, 360, "I"),
        ("EMOS2", 2, 100, 209, "B"),
        ("EMOS2", 5, 100, 251, "G"),
        ("EMOS2", 4, 100, 1, "G"),
        ("EMOS1", 2, 0, 50, "U"),
        ("EMOS1", 5, 100, 0, "B"),
    ],
)
def test_states(inst: str, ccd: int, low: int, high: int, state: str) -> None:
    found = anomalous.hardness(inst, ccd, low, high, 1000.0)
    assert found.state == state
    if low and high:
        assert found.error == pytest.approx(high / low * np.sqrt(1 / high + 1 / low))
    assert anomalous.hardness(inst, ccd, low, high, 0.0).state == "O"


def test_log_text() -> None:
    text = anomalous.log_text(
        "EMOS1", [anomalous.Hardness(4, 2.5138, 0.21, "B"), anomalous.Hardness(6, None, None, "O")]
    )
    assert text == "MOS1 CCD: 4 Hardness: 2.514 +/- 0.210 Status: B\nMOS1 CCD: 6 Hardness: - +/- - Status: O\n"


def test_corners_lie_outside_the_field() -> None:
    g = np.random.default_rng(1)
    for inst, (x0, y0, r) in (("EMOS1", (100, -200, 17700)), ("EMOS2", (435, 1006, 17100))):
        x, y = g.integers(-20000, 20001, 20000), g.integers(-20000, 20001, 20000)
        columns = {
            "detx": Column(x),
            "dety": Column(y),
            "flag": Column(np.zeros(20000, np.int32)),
            "pattern": Column(np.zeros(20000, int)),
        }
        found = select(parse_selection(anomalous.corner_expression(inst)), columns, {})
        assert found.any() and ((x - x0) ** 2 + (y - y0) ** 2 > r * r)[found].all()
        assert not (found & (np.abs(x + 20) <= 6500) & (np.abs(y + 17000) <= 500)).any()


def test_tool_refuses_pn_and_an_existing_log(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only MOS"):
        made.run("xmm_emanom", eventfile=events(tmp_path, inst="EPN"), logfile=tmp_path / "a.log")
    source = events(tmp_path)
    made.run("xmm_emanom", eventfile=source, logfile=tmp_path / "b.log")
    assert (tmp_path / "b.log").read_text().count("Status: U") == 6
    with pytest.raises(UserError, match="exists"):
        made.run("xmm_emanom", eventfile=source, logfile=tmp_path / "b.log")
