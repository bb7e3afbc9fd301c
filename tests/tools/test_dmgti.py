"""dmgti: conditions on time series, edges of intervals, the limits of real mtl1 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run, write_table

from ciaopy.analysis.limits import bin_edges, good_times, limit_status, parse_limit, smoothed
from ciaopy.datamodel.gti import Gti
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits.blocks import Column, Table


def series(path: Path, rate: list[float], **keys: object) -> str:
    columns = [
        fits.Column("TIME", "D", unit="s", array=1000.0 + 10.0 * np.arange(len(rate))),
        fits.Column("COUNT_RATE", "D", array=rate),
    ]
    return write_table(path, columns, "LIGHTCURVE", TIMEDEL=10.0, TIMEPIXR=0.5, **keys)


def intervals(path: Path) -> list[tuple[float, float]]:
    table = fits.getdata(path, "GTI")
    return list(zip(table["START"].tolist(), table["STOP"].tolist(), strict=True))


def test_edges_are_mid_sample(tmp_path: Path) -> None:
    name = series(tmp_path / "lc.fits", [1, 5, 5, 1, 5, np.nan, 5])
    run("dmgti", name, tmp_path / "g.fits", "(COUNT_RATE>2 && count_rate<9)")
    assert intervals(tmp_path / "g.fits") == [(1005.0, 1025.0), (1035.0, 1045.0), (1055.0, 1065.0)]
    with fits.open(tmp_path / "g.fits") as hdus:
        assert hdus["FILTER"].header["DSVAL1"] == "TABLE"
        assert hdus["FILTER"].header["DSREF1"] == ":GTI"
        assert len(hdus["FILTER"].data) == 0
        assert hdus["GTI"].header["ONTIME"] == 40.0


def test_gti_filters_events(tmp_path: Path) -> None:
    name = series(tmp_path / "lc.fits", [1, 5, 5, 1])
    run("dmgti", name, tmp_path / "g.fits", "count_rate>2")
    times = np.arange(990.0, 1050.0)
    events = write_table(tmp_path / "e.fits", [fits.Column("time", "D", array=times)], "EVENTS")
    run("dmcopy", f"{events}[@{tmp_path}/g.fits]", tmp_path / "f.fits")
    assert (
        fits.getdata(tmp_path / "f.fits", "EVENTS")["time"].tolist() == times[(times >= 1005) & (times < 1025)].tolist()
    )


def test_refusals(tmp_path: Path) -> None:
    name = series(tmp_path / "lc.fits", [1, 5])
    out = tmp_path / "g.fits"
    for limit, error, message in (
        ("count_rate>100", NoDataError, "no time passes"),
        ("nosuch>1", UserError, "no column nosuch"),
        ("count_rate>", UserError, "expected a value"),
        ("", UserError, "set userlimit or lkupfile"),
        ("count_rate:0>1", UserError, "no sample"),
        ("count_rate==X1F", UserError, "no bit"),
    ):
        with pytest.raises(error, match=message):
            run("dmgti", name, out, f"userlimit={limit}")
        assert not out.exists()


def test_without_timedel_edges_are_halfway() -> None:
    from astropy.io.fits import Header

    table = Table("T", {"time": Column("TIME", np.array([0.0, 1.0, 4.0]))}, Header())
    start, stop = bin_edges(table)
    assert start.tolist() == [-0.5, 0.5, 2.5]
    assert stop.tolist() == [0.5, 2.5, 5.5]
    assert good_times(table, np.array([True, True, False])) == Gti([-0.5], [2.5])
    assert not len(good_times(table, np.zeros(3, bool)))
    with pytest.raises(DataError, match="does not ascend"):
        bin_edges(Table("T", {"time": Column("TIME", np.array([1.0, 1.0]))}, Header()))
    with pytest.raises(DataError, match="too few rows"):
        bin_edges(Table("T", {"time": Column("TIME", np.array([1.0]))}, Header()))


def test_a_gap_in_time_splits_an_interval() -> None:
    from astropy.io.fits import Header

    time = np.array([0.0, 10, 20, 50, 60])
    table = Table("T", {"time": Column("TIME", time)}, Header([("TIMEDEL", 10.0)]))
    assert good_times(table, np.ones(5, bool)) == Gti([-5.0, 45.0], [25.0, 65.0])


def test_smoothing_is_a_running_mean() -> None:
    values = np.array([0.0, 0, 9, 0, 0])
    assert smoothed(values, 3).tolist() == [0, 3, 3, 3, 0]
    assert smoothed(values, 1) is values
    assert smoothed(np.array([4.0, 0, 0]), 3).tolist() == [2, 4 / 3, 0]


def test_bits_text_and_logicals() -> None:
    from astropy.io.fits import Header

    columns = {
        "status": Column("STATUS", np.array([0, 2, 4], np.uint8), "8X"),
        "mode": Column("MODE", np.array([b"TIMED ", b"CC    ", b"TIMED "])),
        "moving": Column("MOVING", np.array([False, False, True])),
        "n": Column("N", np.array([1, 2, 3])),
    }
    table = Table("T", columns, Header([("LIMIT", 2)]))
    bad = limit_status(
        table,
        [
            parse_limit(t)
            for t in (
                "STATUS:1==X1F",
                'mode:1!="CC"',
                "(MOVING:1==F)",
                "n<=limit",
                "(status==X2T)||(n==1)",
                "(STATUS:1==X1F,X2F)",
                "STATUS!=X1F,X2F",
            )
        ],
    )
    assert bad.T.tolist() == [
        [False, True, False],
        [False, True, False],
        [False, False, True],
        [False, False, True],
        [False, True, False],
        [False, True, True],
        [True, False, False],
    ]


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "span"),
    [
        ("archive/1230/secondary/acisf01230_000N003_mtl1.fits.gz", (51784681.93545585, 51799437.13546959)),
        ("archive/22772/secondary/hrcf22772_000N001_mtl1.fits.gz", None),
        ("archive/22793/secondary/hrcf22793_000N001_mtl1.fits.gz", None),
        ("obs/2886/secondary/hrcf02886_000N004_mtl1.fits.gz", None),
        ("obs/754/secondary/acisf00754_000N004_mtl1.fits.gz", None),
    ],
)
def test_limits_of_real_mtl1_files(data: Path, tmp_path: Path, file: str, span: tuple[float, float] | None) -> None:
    """limit_status of MTL_S, bit by bit, from the LIMITS block; the interval of 1230 is that of its flt1."""
    path = data / file
    out, smooth = tmp_path / "g.fits", tmp_path / "s.fits"
    run("dmgti", f"{path}[MTL]", out, "", f"lkupfile={path}[LIMITS]", f"mtlfile={smooth}")
    want = fits.getdata(path, "MTL_S")
    got = fits.getdata(smooth)
    assert np.array_equal(got["limit_status"], want["limit_status"])
    assert fits.getheader(smooth, 1)["TIMEPIXR"] == 0.0
    if span:
        assert np.allclose(intervals(out), [span], atol=1e-5)
        assert np.allclose(got["time"], want["time"], atol=1e-6)
