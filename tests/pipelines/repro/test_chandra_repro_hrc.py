"""chandra_repro on the HRC: ObsID 2886 as a user runs it, small made observations for what it lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hrc_helpers import (
    START,
    made_columns,
    write_aspect,
    write_bad_pixels,
    write_events,
    write_rates,
    write_timeline,
)

from ciaopy.cli.main import run_application

EVT2 = "hrcf02886_repro_evt2.fits"


def repro(*words):
    return run_application(["chandra_repro", *map(str, words), "mode=h"])


@pytest.fixture(scope="module")
def tree(data, tmp_path_factory):
    target = tmp_path_factory.mktemp("obs") / "2886"
    shutil.copytree(data / "obs/2886", target)
    return target


def test_level_2_is_the_archives(tree, tmp_path, capsys, conforms):
    assert repro(f"indir={tree}", f"outdir={tmp_path / 'r'}", "asol_update=no", "set_ardlib=no", "report=yes") == 0
    said = capsys.readouterr().out
    assert "Recomputing the dead time" in said
    assert "Filtering the events on status." in said
    names = {p.name for p in (tmp_path / "r").iterdir()}
    assert {EVT2, "hrcf02886_repro_dtfstats.fits", "hrcf02886_repro_flt2.fits", "hrcf02886_repro_fov1.fits"} <= names
    assert not [n for n in names if "evt1" in n or "obs.par" in n]
    conforms(*(tmp_path / "r").glob("*_repro_*.fits"), strict=True)
    e, head = fits.getdata(tmp_path / "r" / EVT2, "EVENTS"), fits.getheader(tmp_path / "r" / EVT2, "EVENTS")
    a = fits.getdata(next((tree / "primary").glob("*evt2*")), "EVENTS")
    for name in ("time", "chipx", "tdety", "pi", "amp_sf", "sumamps"):
        assert np.array_equal(e[name], a[name]), name
    assert np.sqrt(np.mean((e["x"] - a["x"]) ** 2)) < 0.003
    assert head["DTCOR"] == pytest.approx(0.994409060004732, rel=1e-9)
    assert head["LIVETIME"] == head["EXPOSURE"] == pytest.approx(head["DTCOR"] * head["ONTIME"], rel=1e-12)
    html = (tmp_path / "r" / "hrcf02886_repro_report.html").read_text()
    assert "with the status of level 2 (as in the input)" in html
    assert "30,959" in html


def test_random_shift_and_refused_methods(tree, tmp_path, capsys):
    fixed = ("asol_update=no", "set_ardlib=no", "verbose=0")
    assert repro(f"indir={tree}", f"outdir={tmp_path / 'r'}", "pix_adj=randomize", *fixed) == 0
    assert fits.getheader(tmp_path / "r" / EVT2, "EVENTS")["RAND_SKY"] == 0.5
    for method in ("edser", "centroid"):
        assert repro(f"indir={tree}", f"outdir={tmp_path / 'x'}", f"pix_adj={method}", *fixed) == 1
        assert f"pix_adj={method} is for ACIS" in capsys.readouterr().err
    assert not list((tmp_path / "x").glob("*"))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A small observation without sub-pixel columns of the archive, CHIP = RAW + 1."""
    folder = tmp_path / "made"
    (folder / "primary").mkdir(parents=True)
    (folder / "secondary").mkdir()
    columns = made_columns(300)
    for axis, name in (("u", "x"), ("v", "y")):
        a1, a2, a3 = (columns[f"a{axis}{k}"].astype(float) for k in (1, 2, 3))
        raw = np.floor(256 * (columns[f"crs{axis}"] + (a3 - a1) / (a1 + a2 + a3) + 0.5) + 0.5)
        columns |= {f"raw{name}": raw.astype(np.int32), f"chip{name}": (raw + 1).astype(np.int16)}
    columns["sumamps"][:] = 2000
    columns["pi"][:] = columns["pha"]
    keys = {"ASPTYPE": "KALMAN", "RA_TARG": 150.1, "DEC_TARG": 2.2, "DATAMODE": "OBSERVING", "ONTIME": 900.0}
    write_events(folder / "secondary/hrcf99014_000N001_evt1.fits", columns, RANGELEV=None, **keys)
    write_aspect(folder / "primary/pcadf99014_000N001_asol1.fits")
    write_bad_pixels(folder / "secondary/hrcf99014_000N001_bpix1.fits", [(0, 1, 600, 1, 16384)])
    write_rates(folder / "primary/hrcf99014_000N001_dtf1.fits")
    write_timeline(folder / "secondary/hrcf99014_000N001_mtl1.fits", np.r_[0:20])
    times = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[START]), fits.Column("STOP", "D", array=[START + 900])], name="GTI"
    )
    filtered = fits.BinTableHDU.from_columns([fits.Column("TIME", "D", array=[])], name="FILTER")
    filtered.header.update({"DSTYP1": "TIME", "DSVAL1": "TABLE", "DSFORM1": "D", "DSREF1": ":GTI"})
    for hdu in (times, filtered):
        hdu.header.update({"TSTART": START, "TSTOP": START + 900.0, "ONTIME": 900.0, "OBS_ID": "99014"})
    fits.HDUList([fits.PrimaryHDU(), filtered, times]).writeto(folder / "secondary/hrcf99014_000N001_flt1.fits")
    mask = fits.BinTableHDU.from_columns(
        [
            fits.Column("SHAPE", "16A", array=["rectangle"]),
            fits.Column("COMPONENT", "I", array=[0]),
            fits.Column("CHIPX", "2I", array=[[640, 14624]]),
            fits.Column("CHIPY", "2I", array=[[682, 14676]]),
            fits.Column("SAMP_CYC", "I", array=[1]),
        ],
        name="MASK",
    )
    mask.header.update({"HDUNAME": "MASK0", "CCD_ID": 0, "OBS_ID": "99014", "CONTENT": "MSK"})
    mask.writeto(folder / "secondary/hrcf99014_000N001_msk1.fits")
    return folder


def run(made: Path, *words: str) -> fits.HDUList:
    out = made.parent / "out"
    assert repro(f"indir={made}", f"outdir={out}", "set_ardlib=no", "clobber=yes", *words) == 0
    return fits.open(out / "hrcf99014_repro_evt2.fits")


def test_events_without_rangelev_get_that_of_their_date(made, capsys):
    with run(made) as f:
        assert f["EVENTS"].header["RANGELEV"] == 115
        assert len(f["EVENTS"].data) > 200
    assert "The events have no RANGELEV: 115 is used." in capsys.readouterr().out
    assert not list((made.parent / "out").glob("*rangelev*"))


def test_corrupt_rates_are_repaired_on_the_way(made, capsys):
    with run(made) as f:
        before = f["EVENTS"].header["DTCOR"]
    rates = made / "primary/hrcf99014_000N001_dtf1.fits"
    with fits.open(rates, mode="update") as f:
        f[1].data["TOTAL_EVT_COUNT"][100:110] = 60000
        f[1].data["DTF"][100:110] = 0.01
    with run(made) as f:
        spoilt = f["EVENTS"].header["DTCOR"]
    assert spoilt < before - 0.01
    capsys.readouterr()
    with run(made, "patch_hrc_ssc=yes") as f:
        assert f["EVENTS"].header["DTCOR"] == pytest.approx(before, abs=0.001)
        assert f["EVENTS"].header["SSCFIX"]
        assert f["EVENTS"].header["ONTIME"] == pytest.approx(860.0, abs=0.1)
        assert f["EVENTS"].data["time"].min() >= START + 40
    assert (made.parent / "out/hrcf99014_repro_dtf1.fits").is_file()
    assert not list((made.parent / "out").glob("*patch_flt1*"))
    assert "Checking for corruption" in capsys.readouterr().out


def test_sound_rates_leave_everything_as_it_is(made, capsys):
    with run(made) as f:
        plain = f["EVENTS"].data["time"].copy(), f["EVENTS"].header["DTCOR"]
    stale = made.parent / "out/hrcf99014_patch_flt1.fits"
    stale.write_text("of an earlier run")
    capsys.readouterr()
    with run(made, "patch_hrc_ssc=yes") as f:
        assert np.array_equal(f["EVENTS"].data["time"], plain[0])
        assert f["EVENTS"].header["DTCOR"] == plain[1]
    assert "No corruption detected." in capsys.readouterr().out


def test_letg(made, capsys):
    """With LETG: orders by sign, spectra and responses; the archive's zero order is missing and that is said."""
    path = next((made / "secondary").glob("*evt1*"))
    fits.setval(path, "GRATING", value="LETG", extname="EVENTS")
    out = made.parent / "o"
    assert repro(f"indir={made}", f"outdir={out}", "asol_update=no", "set_ardlib=no") == 1
    assert "tg_zo_position=detect" in capsys.readouterr().err
    assert not list(out.glob("*"))
    fixed = ("asol_update=no", "set_ardlib=no", "tg_zo_position=150.1,2.2")
    assert repro(f"indir={made}", f"outdir={out}", *fixed) == 0
    root = "hrcf99014"
    e, h = (
        fits.getdata(out / f"{root}_repro_evt2.fits", "EVENTS"),
        fits.getheader(out / f"{root}_repro_evt2.fits", "EVENTS"),
    )
    light = e["tg_part"] == 3
    assert light.sum() > 5 and (e["tg_m"][light] == np.sign(e["tg_mlam"][light])).all()
    assert set(e["tg_part"]) <= {0, 3, 99} and h["OSIPFILE"] == "none" and h["HDUCLAS2"] == "ACCEPTED"
    p = fits.getdata(out / f"{root}_repro_pha2.fits", "SPECTRUM")
    assert p["TG_M"].tolist() == [-1, 1] and p["COUNTS"].shape == (2, 16384)
    ends = {f"{root}_repro_leg_{s}1{x}" for s in "mp" for x in (".pha", "_bkg.pha", ".arf", ".rmf")}
    assert {f.name for f in (out / "tg").iterdir()} == ends
    assert fits.getheader(out / f"tg/{root}_repro_leg_p1.pha", "SPECTRUM")["ANCRFILE"] == f"{root}_repro_leg_p1.arf"
    assert fits.getdata(out / f"tg/{root}_repro_leg_p1.arf", "SPECRESP")["SPECRESP"].max() > 5


@pytest.mark.parametrize("product", ["dtf1", "other"])
def test_dead_time_of_another_observation_or_time(made, product, capsys):
    rates = made / "primary/hrcf99014_000N001_dtf1.fits"
    if product == "other":
        fits.setval(rates, "OBS_ID", value="7", ext=1)
        wanted = "is of ObsID 7, the events are of ObsID 99014"
    else:
        with fits.open(rates, mode="update") as f:
            f[1].data["TIME"] += 1e6
        wanted = "lies inside the good times"
    assert repro(f"indir={made}", f"outdir={made.parent / 'o'}", "set_ardlib=no") == 1
    assert wanted in capsys.readouterr().err
    assert not list((made.parent / "o").glob("*evt2*"))


def test_zero_good_time(made, capsys):
    times = made / "secondary/hrcf99014_000N001_flt1.fits"
    with fits.open(times, mode="update") as f:
        f["GTI"].data["START"][0], f["GTI"].data["STOP"][0] = START - 500, START - 400
    assert repro(f"indir={made}", f"outdir={made.parent / 'o'}", "set_ardlib=no") == 1
    assert "good time" in capsys.readouterr().err
    assert not list((made.parent / "o").glob("*evt2*"))
