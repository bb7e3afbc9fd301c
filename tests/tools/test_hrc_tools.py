"""hrc_dtfstats, hrc_build_badpix and patch_hrc_ssc as users call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hrc_helpers import START, made_columns, write_bad_pixels, write_events, write_rates, write_timeline
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.errors import CiaopyError


def call(tool: str, **values: Any) -> Any:
    from ciaopy.runtool import make_tool

    return make_tool(tool)(**{k: str(v) if isinstance(v, Path) else v for k, v in values.items()})


def write_gti(path: Path, start: float, stop: float, **keys: Any) -> Path:
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[start]), fits.Column("STOP", "D", array=[stop])], name="GTI"
    )
    hdu.header.update({"OBS_ID": "99014"} | keys)
    hdu.writeto(path, overwrite=True)
    return path


def test_dead_time_of_the_good_times_alone(tmp_path):
    rates, gti = write_rates(tmp_path / "dtf.fits"), write_gti(tmp_path / "gti.fits", START + 99.9, START + 300)
    call("hrc_dtfstats", infile=rates, outfile=tmp_path / "s.fits", gtifile=gti, chisqlim=20)
    row = fits.getdata(tmp_path / "s.fits", "DTFSTATS")
    want = (0.98 + 0.01 * np.sin(np.arange(450)))[50:149]  # records at 100 to 296 s, the last ends at 298.05 s
    assert_allclose(row["DTCOR"], want.mean(), rtol=1e-12)
    assert (row["DTF_DEGFREE"][0], row["RED_CHISQ_LIMIT"][0], bool(row["DTF_VAR"][0])) == (97, 20, False)
    head = fits.getheader(tmp_path / "s.fits", "DTFSTATS")
    assert_allclose((head["ONTIME"], head["LIVETIME"]), (99 * 2.05, 99 * 2.05 * want.mean()))
    assert head["HDUCLAS1"] == head["CONTENT"] == "DTFSTATS"
    call("hrc_dtfstats", infile=rates, outfile=tmp_path / "all.fits")
    assert fits.getdata(tmp_path / "all.fits", 1)["DTF_DEGFREE"][0] == 448
    assert bool(fits.getdata(tmp_path / "all.fits", 1)["DTF_VAR"][0])


def test_dead_time_that_cannot_be_had(tmp_path):
    rates, out = write_rates(tmp_path / "dtf.fits"), tmp_path / "s.fits"
    gti = write_gti(tmp_path / "gti.fits", START + 5000, START + 6000)
    other = write_gti(tmp_path / "other.fits", START, START + 600, OBS_ID="3")
    wrong = write_gti(tmp_path / "wrong.fits", 0.0, 1.0)
    for match, values in {
        r"dtf.fits: no dead-time record to use: none of its 450 lies inside the good times": {"gtifile": gti},
        "other.fits is of ObsID 3, .*dtf.fits of ObsID 99014": {"gtifile": other},
        "no column DTF in block GTI|no column TIME": {"infile": wrong},
        "none.fits: no such file": {"infile": tmp_path / "none.fits"},
        "no such file": {"gtifile": tmp_path / "none.fits"},
        "no good time intervals in it": {"gtifile": f"{rates}[DTF]"},
    }.items():
        with pytest.raises(CiaopyError, match=match):
            call("hrc_dtfstats", **({"infile": rates, "outfile": out} | values))
        assert not out.exists()


def write_list(path: Path, system: str, rows: list[tuple[int, ...]]) -> Path:
    """A list of bad regions: x, y limits, status, time range."""
    t = np.array(rows)
    names = {"raw": ("RAWX", "RAWY"), "chip": ("CHIPX", "CHIPY")}[system]
    fits.BinTableHDU.from_columns(
        [
            fits.Column("SHAPE", "16A", array=np.array(["RECTANGLE"] * len(t))),
            fits.Column(names[0], "2J", array=t[:, 0:2]),
            fits.Column(names[1], "2J", array=t[:, 2:4]),
            fits.Column("STATUS", "8X", array=np.unpackbits(t[:, 4].astype(np.uint8)[:, None], axis=1).astype(bool)),
            fits.Column("TIME", "D", array=t[:, 5].astype(float)),
            fits.Column("TIME_STOP", "D", array=t[:, 6].astype(float)),
        ],
        name="BADPIX",
    ).writeto(path, overwrite=True)
    return path


def test_bad_regions_of_the_time_in_chip_coordinates(tmp_path):
    events = write_events(tmp_path / "evt1.fits", made_columns(3))
    rows = [
        (0, 639, 0, 16383, 64, 0, 0),
        (700, 710, 800, 820, 32, int(START) - 100, int(START) - 50),
        (500, 510, 900, 920, 128, int(START) + 50, int(START) + 60),
    ]
    listed = write_list(tmp_path / "list.fits", "raw", rows)
    call("hrc_build_badpix", infile=listed, outfile=tmp_path / "b.fits", obsfile=events, degapfile="NONE")
    b, head = fits.getdata(tmp_path / "b.fits", "BADPIX"), fits.getheader(tmp_path / "b.fits", "BADPIX")
    assert_array_equal(b["CHIPX"], [[1, 640], [501, 511]])
    assert_array_equal(b["CHIPY"], [[1, 16384], [901, 921]])
    assert_array_equal(b["STATUS"][:, :2], [[False, True], [True, False]])
    assert [c.format for c in b.columns] == ["I", "16A", "I", "2I", "2I", "8X"]
    assert (head["CONTENT"], head["HDUCLAS2"], head["DEGAP"], head["OBS_ID"]) == ("BADPIX", "BADPIX", "NONE", "99014")
    bent = {"degapfile": "COEFF", "cfu1": 1.1, "cfu2": 0.0}
    call("hrc_build_badpix", infile=listed, outfile=tmp_path / "c.fits", obsfile=events, **bent)
    # raw 639: tap 2, fine -0.00390625: 256 * 1.1 * (-0.0039) = -1.1 from the centre 640 -> chip 639.9
    assert fits.getdata(tmp_path / "c.fits", 1)["CHIPX"][0].tolist() == [1, 640]


def test_bad_regions_of_the_hrc_s_are_cut_at_the_plates(tmp_path):
    events = write_events(tmp_path / "evt1.fits", made_columns(3, hrc_s=True), DETNAM="HRC-S")
    listed = write_list(tmp_path / "list.fits", "raw", [(0, 574, 0, 49151, 64, 0, 0)])
    call("hrc_build_badpix", infile=listed, outfile=tmp_path / "b.fits", obsfile=events, degapfile="NONE")
    b = fits.getdata(tmp_path / "b.fits", 1)
    assert b["CHIP_ID"].tolist() == [1, 2, 3]
    assert_array_equal(b["CHIPX"], [[1, 575]] * 3)
    # raw y 0-16639, 16640-32767, 32768-49151 and the offsets 12.5, -16459.5, -32929.5, cut at 1..16456
    assert_array_equal(b["CHIPY"], [[13, 16456], [181, 16308], [1, 16222]])


def test_bad_regions_in_chip_coordinates_need_no_degap(tmp_path):
    events = write_events(tmp_path / "evt1.fits", made_columns(3))
    listed = write_bad_pixels(tmp_path / "mine.fits", [(0, 5, 9, 7, 8)])
    call("hrc_build_badpix", infile=listed, outfile=tmp_path / "b.fits", obsfile=events)
    assert fits.getdata(tmp_path / "b.fits", 1)["CHIPX"].tolist() == [[5, 9]]


def test_bad_regions_without_a_caldb(tmp_path):
    events = write_events(tmp_path / "evt1.fits", made_columns(3))
    listed = write_list(tmp_path / "list.fits", "raw", [(0, 5, 0, 5, 64, 0, 0)])
    out = tmp_path / "b.fits"
    with pytest.raises(CiaopyError, match=r"no list of bad regions \(BADPIX\) of the HRC-I in a CALDB"):
        call("hrc_build_badpix", infile="CALDB", outfile=out, obsfile=events)
    with pytest.raises(CiaopyError, match="the list is in raw coordinates: name a degap file, or set degapfile=NONE"):
        call("hrc_build_badpix", infile=listed, outfile=out, obsfile=events)
    acis = write_events(tmp_path / "acis.fits", made_columns(3), INSTRUME="ACIS")
    with pytest.raises(CiaopyError, match="INSTRUME is ACIS, not HRC"):
        call("hrc_build_badpix", infile=listed, outfile=out, obsfile=acis)
    assert not out.exists()


class Broken:
    """Corrupt rates from 200 to 220 s, and a voltage that reads wrong there and in the first 40 s."""

    def __init__(self, folder: Path, spike: bool = True) -> None:
        count = np.full(450, 300)
        if spike:
            count[100:110] = 60000
        self.rates = write_rates(folder / "dtf1.fits", count)
        with fits.open(self.rates, mode="update") as f:
            f[1].data["DTF"][100:110] = 0.01
        self.timeline = write_timeline(folder / "mtl1.fits", np.r_[0:20, 100:110])
        self.events = write_events(folder / "evt1.fits", made_columns(20), ONTIME=900.0, DTCOR=0.5)
        self.out = {k: folder / f"new_{k[:3]}.fits" for k in ("evt_outfile", "gti_outfile", "dtf_outfile")}

    def __call__(self, **values: Any) -> Any:
        given = {"dtf_infile": self.rates, "mtl_infile": self.timeline, "evt_infile": self.events, "threshold": 4000}
        return call("patch_hrc_ssc", **(given | self.out | values))


def test_corrupt_rates_are_repaired(tmp_path):
    broken = Broken(tmp_path)
    assert "12 of 450 dead-time records repaired" in broken()
    rates = fits.getdata(broken.out["dtf_outfile"], "DTF")
    old = fits.getdata(broken.rates, "DTF")
    sound = np.delete(old["DTF"], np.s_[100:110])
    assert_allclose(rates["DTF"][99:111], np.median(sound))
    assert_array_equal(rates["DTF"][:99], old["DTF"][:99])
    gti = fits.getdata(broken.out["gti_outfile"], "GTI")
    # the voltage is trusted when it first reads well (40 s); its later failure is that of the telemetry
    assert_allclose(np.r_[gti["START"], gti["STOP"]] - START, [40.0, 900.0])
    head = fits.getheader(broken.out["evt_outfile"], "EVENTS")
    inside = rates["DTF"][20:449]
    assert_allclose(head["DTCOR"], inside.mean())
    assert_allclose(head["LIVETIME"], 900.0 * inside.mean())
    assert (head["SSC"], head["SSCFIX"], head["DTFFILE"], head["FLTFILE"]) == (
        True,
        True,
        "new_dtf.fits",
        "new_gti.fits",
    )
    assert len(fits.getdata(broken.out["evt_outfile"], "EVENTS")) == 20
    again = {"evt_infile": broken.out["evt_outfile"], "evt_outfile": tmp_path / "x", "gti_outfile": tmp_path / "y"}
    with pytest.raises(CiaopyError, match="repaired before"):
        broken(**again, dtf_outfile=tmp_path / "z")


def test_sound_rates_are_left_alone(tmp_path):
    broken = Broken(tmp_path, spike=False)
    assert "nothing to repair" in broken()
    assert not any(p.exists() for p in broken.out.values())


def test_repairs_that_cannot_be_made(tmp_path):
    broken = Broken(tmp_path)
    with pytest.raises(CiaopyError, match="no block MTL; give the mtl1 file"):
        broken(mtl_infile=broken.rates)
    with pytest.raises(CiaopyError, match=r"mtl_infile=.*: no such file"):
        broken(mtl_infile=tmp_path / "none.fits")
    with fits.open(broken.timeline) as f:
        f["LIMITS"].data["gti_limits"][1] = "(DTF>0)"
        f.writeto(tmp_path / "other.fits")
    with pytest.raises(CiaopyError, match="0 of its LIMITS are about the high voltage"):
        broken(mtl_infile=tmp_path / "other.fits")
    assert not any(p.exists() for p in broken.out.values())
