"""hrc_process_events as users call it: the archive's results, what is kept without a CALDB, stacks, level 0, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hrc_helpers import START, made_columns, status_words, write_aspect, write_bad_pixels, write_events
from made_caldb import Row, make_caldb
from numpy.testing import assert_allclose, assert_array_equal

from ciaopy.coords import AspectSolution, EventTransform, FocalPlane, SkyFrame
from ciaopy.errors import CiaopyError

MISSING = ("au1", "av3", "pha", "status", "time", "crsu")


class Bench:
    """A folder with one small observation, and the tool."""

    def __init__(self, folder: Path, n: int = 400) -> None:
        self.folder = folder
        self.columns = made_columns(n)
        self.events = write_events(folder / "evt1.fits", self.columns)
        self.aspect = write_aspect(folder / "asol1.fits")
        self.areas = write_bad_pixels(folder / "bpix1.fits", [(0, 1, 4096, 1, 16384)])
        self.out = folder / "out.fits"

    def __call__(self, **values: Any) -> Any:
        from ciaopy.runtool import make_tool

        given = {
            "infile": self.events, "outfile": self.out, "acaofffile": self.aspect, "badpixfile": self.areas,
            "badfile": "NONE", "degapfile": "NONE", "clobber": True, "verbose": 1,
        }  # fmt: skip
        make_tool("hrc_process_events")(
            **{k: str(v) if isinstance(v, Path) else v for k, v in (given | values).items()}
        )
        with fits.open(values.get("outfile", self.out)) as f:
            return f["EVENTS"].copy()

    def fails(self, match: str, **values: Any) -> None:
        before = sorted(p.name for p in self.folder.iterdir())
        with pytest.raises(CiaopyError, match=match):
            self(**values)
        assert sorted(p.name for p in self.folder.iterdir()) == before


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_taps_to_sky(bench):
    e = bench(gainfile="NONE")
    c, t = bench.columns, e.data
    for axis, name in (("u", "x"), ("v", "y")):
        a1, a2, a3 = (c[f"a{axis}{k}"].astype(float) for k in (1, 2, 3))
        place = 256 * (c[f"crs{axis}"] + (a3 - a1) / (a1 + a2 + a3) + 0.5)
        assert_array_equal(t[f"raw{name}"], np.floor(place + 0.5))
        assert_array_equal(t[f"chip{name}"], np.floor(place + 1.5))
        c[f"place{name}"] = place + 1.0
    assert_array_equal(t["tdetx"], t["chipx"] - 1)
    assert_array_equal(t["tdety"], t["chipy"])
    head = e.header
    transform = EventTransform(
        FocalPlane.from_header(head), SkyFrame.from_header(head), AspectSolution.read(bench.aspect)
    )
    want = transform(c["time"], np.zeros(400, int), c["placex"], c["placey"])
    for name in ("detx", "dety", "x", "y"):
        assert_allclose(t[name], getattr(want, name), atol=0.004)
    assert_array_equal(t["pi"], t["pha"])
    assert_array_equal(t["sumamps"], 2000)
    assert_allclose(t["samp"], 2000 / 148, rtol=1e-6)
    bad = status_words(t) >> 15 & 1
    assert_array_equal(bad, t["chipx"] <= 4096)
    assert (head["DEGAP"], head["GAINCORF"], head["AMPSFCOR"], head["TAPRING"]) == (
        "NONE",
        "NONE",
        True,
        "ciaopy-lite-1",
    )
    assert (head["RANGELEV"], head["WIDTHRES"], head["HDUCLAS2"], head["BPIXFILE"]) == (115, 2, "ALL", "bpix1.fits")
    assert head["ACSYS3"] == "TDET:HRC-2.4I"


def test_the_number_of_threads_and_the_block_change_nothing(bench, monkeypatch):
    from ciaopy.tools import hrc_process_events as tool

    first = bench(rand_pix_size=0.5, rand_seed=4).data
    real = tool.process_events
    monkeypatch.setattr(tool, "process_events", lambda *a: real(*a[:-1], (3, 37)))
    second = bench(rand_pix_size=0.5, rand_seed=4).data
    assert first.tobytes() == second.tobytes()
    assert bench(rand_pix_size=0.5, rand_seed=5).data.tobytes() != first.tobytes()


def test_a_second_run_without_calibration_keeps_positions(bench, capsys):
    first = bench(outfile=bench.folder / "first.fits", gainfile="NONE")
    again = bench(infile=bench.folder / "first.fits", degapfile="CALDB").data
    for name in ("rawx", "chipx", "chipy", "tdety", "pi", "sumamps"):
        assert_array_equal(again[name], first.data[name])
    assert_allclose(again["x"], first.data["x"], atol=0.005)
    assert np.std(again["detx"] - np.rint(again["detx"])) > 0.2
    said = capsys.readouterr().err
    assert "kept from first.fits" in said
    assert "CHIPX, CHIPY (degap): no GAPLOOKUP in a CALDB" in said


def test_chip_moves_with_raw_and_says_so(bench, capsys):
    first = bench(outfile=bench.folder / "first.fits", gainfile="NONE")
    changed = bench.folder / "changed.fits"
    with fits.open(bench.folder / "first.fits") as f:
        f["EVENTS"].data["rawx"][:5] -= 3
        f["EVENTS"].data["rawx"][5:7] += 300
        f.writeto(changed)
    again = bench(infile=changed, degapfile="CALDB").data
    assert_array_equal(again["rawx"], first.data["rawx"])
    assert_array_equal(again["chipx"] - first.data["chipx"], [3] * 5 + [0] * 395)
    said = capsys.readouterr().err
    assert "5 of 400 events whose RAW changed" in said
    assert "2 of 400 events whose RAW does not follow from the amplifiers" in said


def test_another_aspect_keeps_the_parts_through_the_old_one_beside_it_or_says_so(bench, capsys):
    first = bench(outfile=bench.folder / "first.fits", gainfile="NONE")
    for folder in ("beside", "alone"):
        (bench.folder / folder).mkdir()
        with fits.open(bench.aspect) as f:
            f[1].data["dy"] += 0.002
            f.writeto(bench.folder / folder / "moved.fits")
    write_aspect(bench.folder / "beside" / "asol1.fits")
    found = {}
    for folder in ("beside", "alone"):
        capsys.readouterr()
        again = {"infile": bench.folder / "first.fits", "acaofffile": bench.folder / folder / "moved.fits"}
        found[folder] = bench(**again, degapfile="CALDB").data["detx"] - first.data["detx"]
        said = "positions are those of whole chip pixels" in capsys.readouterr().err
        assert said is (folder == "alone")
    # dy of 0.002 mm moves DETX by 0.31 pixel; whole pixels scatter about that
    assert found["beside"].std() < 0.005 and 0.2 < found["alone"].std() < 0.4
    assert abs(found["beside"].mean()) == pytest.approx(0.002 / 0.0064294, abs=0.02)


def test_stop_and_start(bench):
    whole = bench(gainfile="NONE", outfile=bench.folder / "first.fits").data
    chip = bench(stop="chip", gainfile="NONE").data
    assert_array_equal(chip["chipx"], whole["chipx"])
    assert not chip["tdetx"].any()
    assert not chip["x"].any()
    tdet = bench(stop="tdet", gainfile="NONE").data
    assert_array_equal(tdet["tdetx"], whole["tdetx"])
    assert not tdet["detx"].any()
    for start in ("chip", "tdet"):
        again = bench(infile=bench.folder / "first.fits", start=start, gainfile="NONE").data
        assert_array_equal(again["chipy"], whole["chipy"])
        off = again["detx"] - whole["detx"]
        assert 0.2 < off.std() < 0.35
        assert abs(off).max() < 0.72  # half the diagonal: DET is turned by 45 degrees


def test_events_off_the_detector_go_to_their_own_file(bench, capsys):
    columns = made_columns(50)
    columns["crsu"][[3, 7]] = 64, -1
    columns["time"][20:22] = columns["time"][21], columns["time"][20]
    events = write_events(bench.folder / "odd.fits", columns)
    bad = bench.folder / "bad.fits"
    out = bench(infile=events, badfile=bad, gainfile="NONE").data
    assert len(out) == 48
    assert_array_equal(out["time"], np.delete(columns["time"], [3, 7]))
    assert np.flatnonzero(status_words(out) >> 6 & 1).tolist() == [19]
    lost = fits.getdata(bad, 1)
    assert_array_equal(lost["time"], columns["time"][[3, 7]])
    assert [n.lower() for n in lost.names][:4] == ["time", "crsu", "crsv", "au1"]
    assert "2 of 50 events with a coarse position that the HRC-I does not have" in capsys.readouterr().err


def test_stack_of_two_files(bench):
    columns = made_columns(60, seed=9)
    columns["time"] += 1.0
    other = write_events(bench.folder / "other.fits", columns)
    out = bench(infile=f"{bench.events},{other}", gainfile="NONE")
    assert len(out.data) == 460
    assert_array_equal(out.data["time"][400:], columns["time"])


def test_level_0(bench):
    columns = {
        n: v for n, v in made_columns(40).items() if n in ("time", "crsu", "crsv", "pha") or n[:2] in ("au", "av")
    }
    columns["vetostt"] = np.zeros((40, 8), bool)
    columns["e_trig"] = np.ones((40, 8), bool)
    events = write_events(bench.folder / "level0.fits", columns)
    out = bench(infile=events, gainfile="NONE").data
    assert_array_equal(status_words(out) >> 16, 1)
    assert_array_equal(out["chipx"], out["rawx"] + 1)
    bench.fails(
        "no CHIPX, CHIPY to keep; name a file, or set degapfile=NONE or COEFF", infile=events, degapfile="CALDB"
    )
    lite = bench(infile=events).data
    assert (lite["pi"] > 0).all()


@pytest.mark.parametrize("segment", [1, 2, 3])
def test_hrc_s_with_events_on_one_plate(bench, segment):
    columns = made_columns(60, hrc_s=True)
    columns["crsv"] = np.array([0, 5, 64, 65, 90, 127, 128, 160, 191])[3 * segment - 3 : 3 * segment][np.arange(60) % 3]
    events = write_events(bench.folder / "s.fits", columns, DETNAM="HRC-S", RANGELEV=125)
    areas = write_bad_pixels(bench.folder / "s_bpix.fits", [(segment, 1, 4096, 1, 20000)], "HRC-S")
    out = bench(infile=events, badpixfile=areas, gainfile="NONE", tapfile="NONE")
    assert_array_equal(out.data["chip_id"], segment)
    assert (status_words(out.data) >> 15 & 1).sum() == (out.data["chipy"] >= 1).sum()
    shift = {1: (12.5, -12), 2: (-16459.5, 16444), 3: (-32929.5, 32900)}[segment]
    fine = (columns["av3"] - columns["av1"]) / 1000.0
    place = 256 * (columns["crsv"] + fine + 0.5) + shift[0]
    assert_array_equal(out.data["chipy"], np.floor(place + 0.5))
    assert_array_equal(out.data["tdety"], out.data["chipy"].astype(int) + shift[1])
    assert_array_equal(out.data["tdetx"], out.data["chipx"])
    head = out.header
    transform = EventTransform(
        FocalPlane.from_header(head), SkyFrame.from_header(head), AspectSolution.read(bench.aspect)
    )
    chipx = 256 * (columns["crsu"] + (columns["au3"] - columns["au1"]) / 1000.0 + 0.5) + 1
    assert_allclose(out.data["x"], transform(columns["time"], out.data["chip_id"], chipx, place).x, atol=0.005)
    assert head["ACSYS3"] == "TDET:HRC-2.7S"


def test_levels_come_from_the_obsfile_first(bench):
    obs = bench.folder / "obs.par"
    obs.write_text('range_switch_level,i,h,90,,,"x"\nwidth_threshold,i,h,3,,,"x"\nmode,s,h,"h",,,\n')
    columns = dict(bench.columns)
    columns["sumamps"] = np.full(400, 1999, np.int16)
    events = write_events(bench.folder / "kept.fits", columns)
    out = bench(infile=events, obsfile=obs, gainfile="NONE")
    assert (out.header["RANGELEV"], out.header["WIDTHRES"]) == (90, 3)
    assert_array_equal(out.data["sumamps"], 1999)
    assert "AMP_SF, SUMAMPS, RAW" in out.header["KEPTCOLS"]


def test_no_levels_in_the_header_take_those_of_the_date(bench, capsys):
    old = write_events(bench.folder / "old.fits", bench.columns, RANGELEV=None, WIDTHRES=None, DATE_OBS="1999-09-01")
    out = bench(infile=old, gainfile="NONE")
    assert (out.header["RANGELEV"], out.header["WIDTHRES"]) == (90, 3)
    assert "no row for RANGELEV 90" in capsys.readouterr().err
    assert "AMPSFCOR" not in out.header
    new = write_events(bench.folder / "new.fits", bench.columns, RANGELEV=None, WIDTHRES=None)
    out = bench(infile=new, gainfile="NONE")
    assert (out.header["RANGELEV"], out.header["AMPSFCOR"]) == (115, True)


def test_aspect_that_starts_late_or_has_a_gap(bench, capsys):
    late = write_aspect(bench.folder / "late.fits", start=START + 500)
    out = bench(acaofffile=late, gainfile="NONE").data
    assert_array_equal(np.isnan(out["x"]), bench.columns["time"] < START + 500 - 5e-6)
    assert "at times without aspect solution: kept, with DET and SKY undefined" in capsys.readouterr().err
    gap = write_aspect(bench.folder / "gap.fits", gap=True)
    out = bench(acaofffile=gap, gainfile="NONE").data
    time = bench.columns["time"] - START
    assert_array_equal(np.isnan(out["x"]), (time > 310) & (time < 400))
    never = write_aspect(bench.folder / "never.fits", start=START + 5000, stop=START + 6000)
    bench.fails("no event falls in the aspect solution never.fits", acaofffile=never)


def test_events_that_are_not_to_be_used(bench):
    acis = write_events(bench.folder / "acis.fits", made_columns(5), INSTRUME="ACIS", DETNAM="ACIS-7")
    bench.fails(r"acis.fits: INSTRUME is ACIS, not HRC", infile=acis)
    bench.fails("nothere.fits: no such file", infile=bench.folder / "nothere.fits")
    for name in MISSING:
        columns = {n: v for n, v in made_columns(5).items() if n != name}
        events = write_events(bench.folder / "short.fits", columns)
        bench.fails(f"no column {name.upper()}", infile=events)


def test_files_that_are_not_to_be_used(bench):
    folder = bench.folder
    other = write_bad_pixels(folder / "s.fits", [(2, 1, 5, 1, 5)], "HRC-S")
    bench.fails("a bad pixel file of the HRC-S; the events are of the HRC-I", badpixfile=other)
    bench.fails("badpixfile=CALDB: give the bpix1 file", badpixfile="CALDB")
    bench.fails("bpix1.fits: cannot read as GMAP|no two-dimensional gain image", gainfile=bench.areas)
    gain = fits.PrimaryHDU(np.ones((128, 128), np.float32))
    gain.header.update({"DETNAM": "HRC-S", "SAMPNORM": 148.0})
    gain.writeto(folder / "gain.fits")
    bench.fails("gain.fits: a calibration file of HRC-S; the events are of the HRC-I", gainfile=folder / "gain.fits")
    table = fits.BinTableHDU.from_columns(
        [fits.Column("POS", "E", array=[1.0]), fits.Column("CORR", "E", array=[2.0])], name="AXAF_GAPLOOKUP"
    )
    table.writeto(folder / "gap.fits")
    bench.fails("layout of the degap look-up table is not known here.*POS, CORR", degapfile=folder / "gap.fits")
    bench.fails("ADCfile=x.fits: corrections of the ADC are not done", ADCfile="x.fits")
    bench.fails("no amp.fits|amp.fits", ampsfcorfile=folder / "amp.fits")


def test_a_degap_table_of_coefficients_bends_positions(bench):
    rows = [("U", t, 1.0, 0.5, 1.0, 0.5) for t in range(64)] + [("V", t, 1.0, 0.0, 1.0, 0.0) for t in range(64)]
    names = ("AXIS", "TAPNUM", "LA", "LB", "RA", "RB")
    columns = [
        fits.Column(n, f, array=np.array(v))
        for n, f, v in zip(names, ("1A", "I", "D", "D", "D", "D"), zip(*rows, strict=True), strict=True)
    ]
    fits.BinTableHDU.from_columns(columns, name="AXAF_DEGAP").writeto(bench.folder / "degap.fits")
    out = bench(degapfile=bench.folder / "degap.fits", gainfile="NONE")
    coeff = bench(degapfile="COEFF", cfu2=0.5, gainfile="NONE")
    fine = (bench.columns["au3"] - bench.columns["au1"]) / 1000.0
    bent = fine + 0.5 * np.sign(fine) * fine**2
    assert_array_equal(out.data["chipx"], np.floor(256 * (bench.columns["crsu"] + bent + 0.5) + 1.5))
    assert_array_equal(out.data["chipy"], out.data["rawy"] + 1)
    assert_array_equal(coeff.data["chipx"], out.data["chipx"])
    assert (out.header["DEGAP"], coeff.header["DEGAP"]) == ("degap.fits", "COEFF")


def test_existing_outputs_stay(bench):
    bench.out.write_text("mine")
    bench.fails("out.fits: the file exists", clobber=False)
    assert bench.out.read_text() == "mine"


@pytest.fixture(scope="module")
def real(data: Path) -> dict[str, Path]:
    folder = data / "obs" / "2886"
    return {
        "infile": next(folder.glob("secondary/*evt1*")), "acaofffile": next(folder.glob("primary/*asol1*")),
        "badpixfile": next(folder.glob("secondary/*bpix1*")),
    }  # fmt: skip


def test_obsid_2886_as_the_archive_has_it(bench, real):
    a = fits.getdata(real["infile"], "EVENTS")
    o = bench(**real, degapfile="CALDB").data
    for name in (n for n in a.names if n not in ("detx", "dety", "x", "y", "status")):
        assert_array_equal(o[name], a[name], err_msg=name)
    assert_array_equal(status_words(o), status_words(a))
    for name in ("detx", "dety", "x", "y"):
        assert np.sqrt(np.mean((o[name].astype(float) - a[name]) ** 2)) < 0.002


def test_obsid_2886_pi_from_the_gain_map(bench, real, data):
    a = fits.getdata(real["infile"], "EVENTS")
    gain = data / "caldb/chandra/hrc/hrciD2000-12-12sampgainN0001.fits"
    o = bench(**real, degapfile="CALDB", gainfile=gain)
    assert_array_equal(o.data["pi"], a["pi"])
    assert_array_equal(status_words(o.data), status_words(a))
    assert o.header["GAINCORF"] == gain.name


def test_a_scale_table_without_the_row_is_skipped_and_said(bench, capsys):
    names = ("RANGE_SWITCH_LEVEL", "RANGE_SWITCH_TOL", "PHA_1TO2", "WIDTH_1TO2", "PHA_2TO3", "WIDTH_2TO3", "GAIN")
    row = (90, 5, 51.0, 5.0, 99.5, 5.0, 53.0)
    columns = [fits.Column(n, "D", array=[v]) for n, v in zip(names, row, strict=True)]
    fits.BinTableHDU.from_columns(columns, name="AXAF_AMP_SF_COR").writeto(bench.folder / "amp.fits")
    out = bench(ampsfcorfile=bench.folder / "amp.fits", gainfile="NONE")
    assert out.header["AMPSFCOR"] is False
    assert_array_equal(out.data["amp_sf"], bench.columns["amp_sf"])
    assert "not applied: AMP_SF_COR (no row for RANGELEV 115)" in capsys.readouterr().err


def test_a_caldb_whose_degap_table_is_not_understood(bench, capsys, monkeypatch):
    """The gain of the CALDB is used; CHIP is kept, and the message has the columns of the table."""
    place = {"instrument": "HRC", "detector": "HRC-I"}
    rows = [Row("gap.fits", "GAPLOOKUP", **place), Row("gain.fits", "GMAP", hdu=0, **place)]
    root = make_caldb(bench.folder / "caldb", hrc=rows)
    for row in rows:
        (root / row.folder("hrc") / row.file).unlink()
    table = fits.BinTableHDU.from_columns([fits.Column("POSITION", "E", array=[1.0])], name="AXAF_GAPLOOKUP")
    table.writeto(root / rows[0].folder("hrc") / rows[0].file)
    gain = fits.PrimaryHDU(np.full((128, 128), 2.0, np.float32))
    gain.header.update({"DETNAM": "HRC-I", "SAMPNORM": 148.0})
    gain.writeto(root / rows[1].folder("hrc") / rows[1].file)
    first = bench(outfile=bench.folder / "first.fits", gainfile="NONE")
    capsys.readouterr()
    monkeypatch.setenv("CALDB", str(root))
    out = bench(infile=bench.folder / "first.fits", degapfile="CALDB")
    assert_array_equal(out.data["chipx"], first.data["chipx"])
    assert_array_equal(out.data["pi"], np.floor(2000 / 148 * 2 + 0.5))
    assert out.header["GAINCORF"] == "gain.fits"
    said = capsys.readouterr().err
    assert "layout of the degap look-up table is not known" in said and "POSITION" in said
