"""acis_process_events as users call it: products, keywords, what is kept without a CALDB, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import (
    FRAME,
    START,
    make_columns,
    status_words,
    write_aspect,
    write_bad_pixels,
    write_calibration,
    write_events,
    write_timeline,
)
from astropy.io import fits
from made_caldb import Row, make_caldb

from ciaopy.errors import CiaopyError

LEVEL1 = (
    "time expno ccd_id node_id chipx chipy tdetx tdety detx dety x y phas pha pha_ro energy pi fltgrade grade status"
)


class Bench:
    """A folder with one small observation, and the tool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aspect = write_aspect(folder / "asol1.fits")
        self.events = write_events(folder / "evt1.fits", make_columns(500))
        self.out = folder / "out.fits"

    def __call__(self, **values: Any) -> Any:
        from ciaopy.runtool import make_tool

        tool = make_tool("acis_process_events")
        given = {"infile": self.events, "outfile": self.out, "acaofffile": self.aspect, "verbose": 1}
        tool(**{k: str(v) if isinstance(v, Path) else v for k, v in (given | values).items()})
        return self.read()

    def read(self) -> Any:
        with fits.open(self.out) as f:
            return f["EVENTS"].copy()

    def fails(self, match: str, **values: Any) -> None:
        before = sorted(p.name for p in self.folder.iterdir())
        with pytest.raises(CiaopyError, match=match):
            self(**values)
        assert sorted(p.name for p in self.folder.iterdir()) == before


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_level_1_product(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    old = make_columns(500)
    done = bench()
    assert [n.lower() for n in done.columns.names] == LEVEL1.split()
    for name in ("time", "expno", "ccd_id", "chipx", "chipy", "phas"):
        np.testing.assert_array_equal(np.asarray(done.data[name]).reshape(500, -1), old[name].reshape(500, -1))
    assert np.isfinite(done.data["x"]).all()
    assert (done.data["pha"] > 50).all() and (done.data["grade"] < 8).all()
    np.testing.assert_allclose(done.data["energy"], old["energy"], rtol=1e-6)
    np.testing.assert_array_equal(done.data["pi"], np.floor(done.data["energy"] / 14.6) + 1)
    said = capsys.readouterr().err
    assert "columns kept from evt1.fits, not recalibrated" in said and "ENERGY" in said


def test_header_says_what_was_used(bench: Bench) -> None:
    bad = write_bad_pixels(bench.folder / "bpix1.fits", [])
    mtl = write_timeline(bench.folder / "mtl1.fits", FP_TEMP=np.array(153.4))
    header = bench(badpixfile=bad, mtlfile=mtl).header
    expected = {
        "PIX_ADJ": "EDSER", "SUBPIXFL": "ciaopy-lite-1", "RAND_SKY": 0.0, "CTI_CORR": False, "CTI_APP": "N" * 10,
        "CTIFILE": "NONE", "TGAINCOR": "F", "TGAINFIL": "NONE", "GAINFILE": "NONE", "BPIXFILE": "bpix1.fits",
        "MTLFILE": "mtl1.fits", "ASOLFILE": "asol1.fits", "CORNERS": 2, "GRADESYS": "ASCA", "CHKVFPHA": False,
        "CALDBVER": "ciaopy-lite-1", "LITECAL": "ciaopy-lite-1: EVTSPLT,GRADE,SUBPIX", "KEPTCOLS": "ENERGY",
        "KEPTFROM": "evt1.fits", "ACSYS4": "SKY:ASC-FP-1.1", "CONTENT": "EVT1",
    }  # fmt: skip
    assert {k: header.get(k) for k in expected} == expected
    history = "\n".join(str(c) for c in header["HISTORY"])
    assert "acis_process_events" in history and "pix_adj=EDSER" in history


@pytest.mark.parametrize(
    ("archived", "expected"), [("4.9.2", "4.9.2"), ("NONE", "ciaopy-lite-1"), ("", "ciaopy-lite-1")]
)
def test_caldbver_stays_the_archives_where_its_values_are_kept(bench: Bench, archived: str, expected: str) -> None:
    with fits.open(bench.events, mode="update") as hdus:
        hdus["EVENTS"].header["CALDBVER"] = archived
    header = bench().header
    assert header["KEPTCOLS"] == "ENERGY" and header["CALDBVER"] == expected
    assert header["LITECAL"] == "ciaopy-lite-1: EVTSPLT,GRADE,SUBPIX"


def test_columns_have_ranges_nulls_and_world_coordinates(bench: Bench) -> None:
    header = bench(pi_num_bins=2048).header
    number = {header[f"TTYPE{i}"].lower(): i for i in range(1, header["TFIELDS"] + 1)}
    x, tdet, pi = number["x"], number["tdetx"], number["pi"]
    assert (header[f"TCTYP{x}"], header[f"TCRVL{x}"], header[f"TCRPX{x}"]) == ("RA---TAN", 150.1163, 4096.5)
    assert header[f"TCDLT{x}"] == pytest.approx(-0.492 / 3600, rel=1e-12)
    assert (header[f"TLMIN{x}"], header[f"TLMAX{x}"]) == (0.5, 8192.5)
    assert (header[f"TNULL{tdet}"], header[f"TLMAX{tdet}"]) == (9999, 8192)
    assert (header[f"TNULL{pi}"], header[f"TLMIN{pi}"], header[f"TLMAX{pi}"]) == (0, 1, 2048)
    vectors = {header[k]: header["MFORM" + k[5:]] for k in header if k.startswith("MTYPE")}
    assert vectors["sky"].lower() == "x,y" and vectors["EQPOS"] == "RA,DEC" and vectors["chip"] == "chipx,chipy"


def test_good_time_intervals_go_along(bench: Bench) -> None:
    bench()
    with fits.open(bench.out) as f:
        assert [h.header.get("HDUNAME") for h in f[1:]] == ["EVENTS", "GTI3"]


def test_custom_columns_and_types(bench: Bench) -> None:
    done = bench(eventdef="{d:time,s:ccd_id,f:sky,s:det,l:phas,x:status}", pix_adj="none")
    assert [n.lower() for n in done.columns.names] == ["time", "ccd_id", "x", "y", "detx", "dety", "phas", "status"]
    assert [c.format.lstrip("1") for c in done.columns] == ["D", "I", "E", "E", "I", "I", "9J", "32X"]


def test_redirected_definitions(bench: Bench) -> None:
    plain = bench()
    again = bench(eventdef=")stdlev1", clobber=True)
    assert plain.columns.names == again.columns.names


def test_corrected_input_keeps_its_calibrated_columns(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    used = {"CTI_CORR": True, "CTI_APP": "PPPPPBPBPP", "CTIFILE": "cti.fits", "GAINFILE": "gain.fits", "RAND_PI": 1.0,
            "TGAINCOR": "T", "TGAINFIL": "tgain.fits", "GRD_FILE": "grade.fits"}  # fmt: skip
    old = make_columns(500)
    write_events(bench.events, old, **used)
    done = bench()
    for name in ("fltgrade", "grade", "pha_ro", "pha", "pi"):
        np.testing.assert_array_equal(done.data[name], old[name])
    assert {k: done.header[k] for k in used} == used
    assert done.header["KEPTCOLS"] == "FLTGRADE,GRADE,PHA_RO,PHA,ENERGY,PI"
    assert "FLTGRADE, GRADE, PHA_RO, PHA, ENERGY, PI" in capsys.readouterr().err
    assert np.abs(done.data["x"]).max() < 1e4


def test_gain_lite_is_used_when_named(bench: Bench) -> None:
    kept, forced = bench(), bench(gainfile="lite", clobber=True)
    assert forced.header["GAINFILE"] == "ciaopy-lite-1" and "KEPTCOLS" not in forced.header
    assert forced.header["RAND_PI"] == 1.0
    assert np.mean(kept.data["energy"] != forced.data["energy"]) > 0.99
    assert np.corrcoef(forced.data["energy"], forced.data["pha"])[0, 1] > 0.99


def test_named_calibration_files_are_applied(bench: Bench) -> None:
    """CTI raises the pulse heights with chipy, the drift takes 1-3% off, the gain makes 4 eV of an adu."""
    files = write_calibration(bench.folder)
    mtl = write_timeline(bench.folder / "mtl1.fits", FP_TEMP=np.array(153.5))
    plain = bench(apply_cti=False, apply_tgain=False, gainfile=files["gain"])
    done = bench(ctifile=files["cti"], tgainfile=files["tgain"], gainfile=files["gain"], mtlfile=mtl, clobber=True)
    expected = {"CTI_CORR": True, "CTI_APP": "PPPPNNNNNN", "CTIFILE": "cti.fits", "TGAINCOR": "T",
                "GAINFILE": "gain.fits", "TGAINFIL": "tgain.fits", "RAND_PI": 1.0}  # fmt: skip
    assert {k: done.header[k] for k in expected} == expected
    assert "KEPTCOLS" not in done.header
    np.testing.assert_array_equal(done.data["pha_ro"], plain.data["pha_ro"])
    assert np.abs(done.data["energy"] / 4.0 - done.data["pha"]).max() <= 0.5001
    phase = (done.data["time"] - START) / (500 * FRAME)
    same = done.data["fltgrade"] == plain.data["fltgrade"]
    adjusted = done.data["pha"] / (1 - 0.01 - 0.02 * phase)  # the drift undone, to first order
    raised = (adjusted - done.data["pha_ro"])[same]
    low, high = raised[done.data["chipy"][same] < 200].mean(), raised[done.data["chipy"][same] > 800].mean()
    assert 0 < low < high / 3 < 40
    warm = write_timeline(bench.folder / "warm.fits", FP_TEMP=np.array(163.5))
    hotter = bench(ctifile=files["cti"], tgainfile=files["tgain"], gainfile=files["gain"], mtlfile=warm, clobber=True)
    assert (hotter.data["pha"] - done.data["pha"]).mean() == pytest.approx(0.2 * raised.mean(), rel=0.3)


def test_events_that_the_gain_does_not_cover(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    columns = make_columns(100)
    columns["ccd_id"][:25] = 7
    write_events(bench.events, columns, DETNAM="ACIS-01237")
    done = bench(gainfile=write_calibration(bench.folder)["gain"])
    assert np.isnan(done.data["energy"][:25]).all() and (done.data["pi"][:25] == 0).all()
    assert "25 of 100 events on pixels that the gain does not cover" in capsys.readouterr().err


def test_repeated_run_gives_the_same_bytes(bench: Bench) -> None:
    first, second = bench(gainfile="lite"), bench(gainfile="lite", clobber=True)
    assert first.data.tobytes() == second.data.tobytes()
    other = bench(gainfile="lite", rand_seed=7, clobber=True)
    assert np.mean(other.data["energy"] != first.data["energy"]) > 0.99


def test_bad_pixels_of_limited_time(bench: Bench) -> None:
    old = make_columns(500)
    i = 250
    ccd, x, y, t = (old[n][i] for n in ("ccd_id", "chipx", "chipy", "time"))
    rows = [(int(ccd), int(x), int(y), t - 1.0, t + 1.0, 1 << 15), (int(ccd), int(old["chipx"][3]), 1000, 0, 0, 1 << 1)]
    bad = write_bad_pixels(bench.folder / "bpix1.fits", rows)
    words = status_words(bench(badpixfile=bad).data)
    assert words[i] == (1 << 4) | (1 << 16)
    assert np.count_nonzero(words) <= 2


def test_obsfile_overrides_the_pointing(bench: Bench) -> None:
    par = bench.folder / "obs.par"
    par.write_text('ra_nom,r,h,150.2,"","","[deg] RA"\ndec_nom,r,h,2.3,"","","[deg] Dec"\nobject,s,h,"X","","",""\n')
    plain, moved = bench(), bench(obsfile=par, clobber=True)
    assert (moved.header["RA_NOM"], moved.header["DEC_NOM"]) == (150.2, 2.3)
    shift = (moved.data["x"] - plain.data["x"]).mean()
    assert shift == pytest.approx((150.2 - 150.1163) * np.cos(np.deg2rad(2.25)) * 3600 / 0.492, rel=1e-3)
    assert "OBJECT" not in moved.header


@pytest.mark.data
def test_geometry_that_a_parameter_file_names(bench: Bench, data: Path) -> None:
    folder = data / "caldb/chandra/default"
    par = bench.folder / "mygeom.par"
    par.write_text(
        f'instruments,s,h,"{folder / "telD1999-07-23geomN0006.fits"}",,,"x"\n'
        f'aimpoints,s,h,"{folder / "telD1999-07-23aimptsN0002.fits"}",,,"x"\n'
    )
    plain, named = bench(), bench(geompar=par, clobber=True)
    assert named.header["GEOMFILE"] == "telD1999-07-23geomN0006.fits"
    np.testing.assert_allclose(named.data["x"], plain.data["x"], atol=1e-3)
    wrong = write_geometry(bench.folder, "gone.fits")
    bench.fails("gone.fits", geompar=wrong, clobber=True)


def write_geometry(folder: Path, name: str) -> Path:
    path = folder / "other.par"
    path.write_text(f'instruments,s,h,"{name}",,,"x"\naimpoints,s,h,"CALDB",,,"x"\n')
    return path


@pytest.mark.parametrize("stop", ["chip", "none", "tdet"])
def test_stop_before_the_sky(bench: Bench, stop: str) -> None:
    done = bench(stop=stop, eventdef="{d:time,s:chip,l:pha,s:grade,x:status}")
    assert "PIX_ADJ" not in done.header or stop == "tdet"


def test_graded_mode_keeps_the_telemetry(bench: Bench) -> None:
    columns = make_columns(200, islands=False)
    columns["fltgrade"][:], columns["pha"][:] = 10, 300
    del columns["pha_ro"]
    write_events(bench.events, columns, DATAMODE="GRADED")
    done = bench(eventdef=")grdlev1")
    assert (done.data["fltgrade"] == 10).all() and (done.data["grade"] == 6).all()
    assert (done.data["pha"] == 300).all() and (done.data["pha_ro"] == 300).all()
    np.testing.assert_array_equal(done.data["corn_pha"], columns["corn_pha"])


def test_centroids_of_graded_events_are_none(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    write_events(bench.events, make_columns(20, islands=False), DATAMODE="GRADED")
    assert bench(eventdef=")grdlev1", pix_adj="CENTROID").header["PIX_ADJ"] == "NONE"
    assert "CENTROID needs event islands" in capsys.readouterr().err


def test_very_faint_events(bench: Bench) -> None:
    columns = make_columns(100)
    large = np.zeros((100, 5, 5), int)
    large[:, 1:4, 1:4] = columns["phas"].reshape(-1, 3, 3)
    large[::2, 0, 0] = 50
    columns["phas"] = large
    write_events(bench.events, columns, DATAMODE="VFAINT")
    plain, checked = bench(), bench(check_vf_pha=True, clobber=True)
    assert not (status_words(plain.data) >> 23).any()
    assert (status_words(checked.data) >> 23).tolist() == [1, 0] * 50
    assert checked.header["CHKVFPHA"] is True
    assert checked.data["phas"].shape == (100, 5, 5)
    np.testing.assert_array_equal(plain.data["fltgrade"], checked.data["fltgrade"])


def test_continuous_clocking(bench: Bench) -> None:
    write_events(bench.events, make_columns(100), DATAMODE="CC33_FAINT", READMODE="CONTINUOUS", TIMEDEL=0.00285,
                 RA_TARG=150.1163, DEC_TARG=2.2058)  # fmt: skip
    done = bench(eventdef=")cclev1", pix_adj="NONE")
    early = done.data["time_ro"] - done.data["time"]
    assert (early > 1029 * 0.00285 - 1e-6).all() and (early < 2053 * 0.00285).all()
    assert np.isfinite(done.data["sky_1d"]).all()
    assert done.header["TIME_ADJ"] == "TARGET"


def test_no_events_give_a_valid_empty_product(bench: Bench) -> None:
    write_events(bench.events, make_columns(0))
    done = bench()
    assert len(done.data) == 0
    assert [n.lower() for n in done.columns.names] == LEVEL1.split()


def test_unknown_times_and_short_aspect(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    columns = make_columns(500)
    columns["time"] = columns["time"].copy()
    columns["time"][9] = np.nan
    write_events(bench.events, columns)
    short = write_aspect(bench.folder / "short.fits", stop=START + 150 * FRAME)
    done = bench(acaofffile=short)
    lost = np.isnan(done.data["x"])
    assert len(done.data) == 500 and lost[9] and 100 < lost.sum() < 400
    assert f"{lost.sum()} of 500 events at times without aspect solution: kept" in capsys.readouterr().err


def test_several_aspect_files(bench: Bench) -> None:
    half = START + 150 * FRAME
    first = write_aspect(bench.folder / "a1.fits", stop=half)
    second = write_aspect(bench.folder / "a2.fits", start=half)
    listed = bench.folder / "asol.lis"
    listed.write_text(f"{first}\n{second}\n")
    done = bench(acaofffile=f"@{listed}")
    assert done.header["ASOLFILE"] == "a1.fits,a2.fits"
    assert np.isfinite(done.data["x"]).all()


def test_no_aspect_takes_the_mean_pointing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    dithered, fixed = bench(), bench(acaofffile="NONE", clobber=True)
    assert "mean pointing" in capsys.readouterr().err
    distance = np.hypot(fixed.data["x"] - dithered.data["x"], fixed.data["y"] - dithered.data["y"])
    assert 1.0 < distance.max() < 25.0


def test_log_file(bench: Bench) -> None:
    log = bench.folder / "run.log"
    bench(logfile=log)
    assert "columns kept" in log.read_text() and "500 events" in log.read_text()


def test_warnings_show_with_the_default_verbosity(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    from ciaopy.console import Console
    from ciaopy.engine.run import run_tool
    from ciaopy.param import ParameterSet, ParFile, locate

    location = locate("acis_process_events")
    values = {"infile": str(bench.events), "outfile": str(bench.out), "acaofffile": str(bench.aspect)}
    file = ParFile.read(location.system or location.path)
    run_tool(ParameterSet(file, "acis_process_events", values), Console())
    assert "columns kept" in capsys.readouterr().err
    silent = values | {"verbose": "0", "clobber": "yes"}
    run_tool(ParameterSet(file, "acis_process_events", silent, list(silent)), Console())
    assert capsys.readouterr().err == ""


def test_input_is_not_touched(bench: Bench) -> None:
    before = bench.events.read_bytes(), bench.events.stat().st_mtime_ns
    bench()
    assert (bench.events.read_bytes(), bench.events.stat().st_mtime_ns) == before


def test_missing_input(bench: Bench) -> None:
    bench.fails("no.fits", infile=bench.folder / "no.fits")


def test_input_in_a_folder_with_a_blank_and_a_filter(bench: Bench) -> None:
    folder = bench.folder / "my data"
    folder.mkdir()
    events = write_events(folder / "evt1.fits", make_columns(500))
    assert len(bench(infile=events).data) == 500
    some = bench(infile=f"{bench.events}[EVENTS][ccd_id=1,3]", clobber=True)
    assert set(some.data["ccd_id"]) == {1, 3}


def test_two_inputs(bench: Bench) -> None:
    bench.fails("names 2 files; give one", infile=f"{bench.events},{bench.aspect}")


@pytest.mark.parametrize("column", ["phas", "time", "ccd_id", "chipx"])
def test_missing_columns(bench: Bench, column: str) -> None:
    columns = make_columns(10)
    del columns[column]
    write_events(bench.events, columns)
    bench.fails(f"no column {column}")


def test_missing_column_of_a_graded_mode(bench: Bench) -> None:
    columns = make_columns(10, islands=False)
    del columns["fltgrade"]
    write_events(bench.events, columns, DATAMODE="GRADED")
    bench.fails("no column fltgrade", eventdef=")grdlev1")


def test_unknown_mode(bench: Bench) -> None:
    write_events(bench.events, make_columns(10), DATAMODE="RAW")
    bench.fails("unknown DATAMODE 'RAW'")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{q:time}", "unknown type 'q'"),
        ("{d:time,f:tg_r}", "column tg_r of the event definition"),
        ("time", "write {type"),
    ],
)
def test_bad_event_definitions(bench: Bench, text: str, match: str) -> None:
    bench.fails(match, eventdef=text)


def test_unknown_method(bench: Bench) -> None:
    bench.fails("wobble", pix_adj="wobble")


def test_bad_pixel_file_of_another_observation(bench: Bench) -> None:
    bad = write_bad_pixels(bench.folder / "bpix1.fits", [], obsid="99002")
    bench.fails("made for ObsID 99002, the events are of 99001", badpixfile=bad)


def test_bad_pixel_file_that_is_none(bench: Bench) -> None:
    bench.fails("no BADPIX table", badpixfile=bench.aspect)


def test_timeline_without_temperature(bench: Bench) -> None:
    mtl = write_timeline(bench.folder / "mtl1.fits", OTHER=np.array(1.0))
    bench.fails("no columns TIME and FP_TEMP", mtlfile=mtl)


def test_timeline_without_a_usable_row(bench: Bench) -> None:
    mtl = write_timeline(bench.folder / "mtl1.fits", FP_TEMP=np.array(np.nan))
    bench.fails("no row with a time and a focal-plane temperature", mtlfile=mtl)


def test_aspect_of_another_time(bench: Bench) -> None:
    other = write_aspect(bench.folder / "other.fits", start=START + 1e6, stop=START + 1e6 + 100)
    bench.fails("no event falls in the aspect solution other.fits", acaofffile=other)


def test_very_faint_test_of_small_islands(bench: Bench) -> None:
    bench.fails("needs 5x5 islands", check_vf_pha=True)


def test_missing_pointing(bench: Bench) -> None:
    columns = make_columns(10)
    write_events(bench.events, columns)
    with fits.open(bench.events, mode="update") as f:
        del f["EVENTS"].header["SIM_Z"]
    bench.fails("no keyword SIM_Z")


def test_target_that_continuous_clocking_needs(bench: Bench) -> None:
    write_events(bench.events, make_columns(10), DATAMODE="CC33_FAINT", READMODE="CONTINUOUS")
    bench.fails("no keywords RA_TARG and DEC_TARG", eventdef=")cclev1", pix_adj="NONE")


def test_output_that_exists(bench: Bench) -> None:
    bench()
    bench.fails("exists; set clobber=yes")


def test_output_over_the_input(bench: Bench) -> None:
    bench.fails("would overwrite the input", outfile=bench.events, clobber=True)


def test_calibration_file_that_is_missing(bench: Bench) -> None:
    bench.fails("gone.fits", gainfile="gone.fits")


def test_no_gain_and_no_energy(bench: Bench) -> None:
    columns = make_columns(10)
    del columns["energy"]
    write_events(bench.events, columns)
    bench.fails("no gain", gainfile="NONE")


def test_no_subpixel_table(bench: Bench) -> None:
    bench.fails("subpixfile=NONE does not go with pix_adj=EDSER", subpixfile="NONE")


def test_declined_gain_is_the_reason_given(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench(gainfile="NONE")
    err = capsys.readouterr().err
    assert "not recalibrated: ENERGY (gainfile=NONE)" in err and "DET_GAIN" not in err


def test_bad_pixel_whose_second_limit_is_zero(bench: Bench) -> None:
    """A point written as (v, 0) is one pixel, not the pixels from 0 to v."""
    columns = make_columns(500)
    columns["ccd_id"][:], columns["chipx"][:], columns["chipy"][:] = 3, np.arange(500) + 2, 100
    write_events(bench.events, columns)
    bad = write_bad_pixels(bench.folder / "bpix1.fits", [(3, 300, 100, 0.0, 0.0, 1)])
    with fits.open(bad, mode="update") as f:
        for name in ("CHIPX", "CHIPY"):
            f[4].data[name][:, 1] = 0
    status = status_words(bench(badpixfile=bad).data)
    np.testing.assert_array_equal(np.flatnonzero(status & (1 << 4)), [298])
    np.testing.assert_array_equal(np.flatnonzero(status & (1 << 5)), [297, 299])


def test_a_caldb_drives_the_whole_tool(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The products that the index names are applied as those named one by one, and the header names them."""
    made = write_calibration(bench.folder)
    products = {"CTI": "cti", "T_GAIN": "tgain", "DET_GAIN": "gain"}
    names = {"CTI": "acisD2010-01-01ctiN0012.fits", "T_GAIN": "acisD2013-11-01t_gainN0008.fits",
             "DET_GAIN": "acisD2000-01-29gain_ctiN0008.fits", "GRADE": "acisD1996-11-01gradeN0004.fits",
             "EVTSPLT": "acisD2005-07-01evtspltN0002.fits"}  # fmt: skip
    adjusted = {"T_GAIN": ["CTI_CORR(T)"], "DET_GAIN": ["CTI_CORR(T)"]}
    rows = {p: Row(n, p, cbd=adjusted.get(p, [])) for p, n in names.items()}
    flight, (ccd, node) = np.arange(256), np.divmod(np.arange(40), 4)
    small = {"GRADE": {"FLTGRADE": flight, "GRADE": flight % 8},
             "EVTSPLT": {"CCD_ID": ccd, "NODE_ID": node, "SPLIT_THRESH": 13 + ccd}}  # fmt: skip
    root = make_caldb(bench.folder / "caldb", acis=list(rows.values()))
    for product, row in rows.items():
        path = root / row.folder("acis") / row.file
        path.unlink()
        if product in products:
            path.write_bytes(made[products[product]].read_bytes())
        else:
            columns = [fits.Column(n, "J", array=v) for n, v in small[product].items()]
            fits.BinTableHDU.from_columns(columns, name=f"AXAF_{product}").writeto(path)
    split, grades = (root / rows[p].folder("acis") / rows[p].file for p in ("EVTSPLT", "GRADE"))
    named = bench(**{"ctifile": made["cti"], "tgainfile": made["tgain"], "gainfile": made["gain"],
                     "threshfile": split, "gradefile": grades, "pix_adj": "NONE"})  # fmt: skip
    capsys.readouterr()
    monkeypatch.setenv("CALDB", str(root))
    done = bench(pix_adj="NONE", clobber=True)
    expected = {"CTI_CORR": True, "CTI_APP": "PPPPNNNNNN", "CTIFILE": names["CTI"], "TGAINCOR": "T",
                "TGAINFIL": names["T_GAIN"], "GAINFILE": names["DET_GAIN"], "GRD_FILE": names["GRADE"],
                "THRFILE": names["EVTSPLT"], "SUBPIXFL": "NONE", "RAND_PI": 1.0}  # fmt: skip
    assert {k: done.header[k] for k in expected} == expected
    assert not {"KEPTCOLS", "LITECAL"} & set(done.header) and "lite" not in str(done.header.get("CALDBVER", ""))
    assert done.data.tobytes() == named.data.tobytes()
    assert capsys.readouterr().err == ""
