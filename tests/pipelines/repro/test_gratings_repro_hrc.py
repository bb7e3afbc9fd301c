"""chandra_repro on LETG with HRC-S and HRC-I: simulated observations, their truth, what a run leaves."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run
from made_caldb import Row, make_caldb

from ciaopy.simulation import HrcSetup, simulate_hrc

USUAL = {"badpixel": False, "set_ardlib": False}
ROOT = "hrcf90014"


@pytest.fixture(scope="module")
def hrc_s(tmp_path_factory):
    """The observation, its products, and what was said."""
    folder = tmp_path_factory.mktemp("hrcs")
    simulate_hrc(HrcSetup(events=40_000, detector="HRC-S", grating="LETG"), folder / "obs", compress=False)
    text = run("chandra_repro", folder / "obs", folder / "out", tg_orders="-3,-2,-1,1,2,3", **USUAL)
    return folder / "obs", folder / "out", text


def truth_of(obs, events):
    """Rows of the truth of events of an observation."""
    level1 = fits.getdata(next((obs / "secondary").glob("*evt1*")), "EVENTS")
    return fits.getdata(obs / "truth/truth.fits")[np.searchsorted(level1["time"], events["time"])]


def test_products(hrc_s):
    _, out, text = hrc_s
    have = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert {f"{ROOT}_{n}.fits" for n in ("evt1a", "tgmask", "repro_evt2", "repro_pha2", "repro_dtfstats")} <= have
    tg = {f"tg/{ROOT}_repro_leg_{s}{n}.{e}" for s in "mp" for n in (1, 2, 3) for e in ("arf", "rmf")}
    tg |= {f"tg/{ROOT}_repro_leg_{s}1{e}.pha" for s in "mp" for e in ("", "_bkg")}
    assert {n for n in have if n.startswith("tg/")} == tg
    assert not [n for n in have if "evt1.fits" in n or "filt" in n]
    assert "No background filter of pulse heights" in text


def test_products_conform(hrc_s, conforms):
    _, out, _ = hrc_s
    conforms(*out.glob("*_repro_pha2*"), *out.glob("*_repro_f*"), *out.glob("*evt1a*"), *sorted((out / "tg").iterdir()))
    conforms(out / f"{ROOT}_repro_evt2.fits")


def test_spectra_have_the_live_time_of_the_events(hrc_s):
    """DTCOR is averaged before the spectra are extracted: they have the events' exposure."""
    _, out, _ = hrc_s
    events = fits.getheader(out / f"{ROOT}_repro_evt2.fits", "EVENTS")
    assert events["DTCOR"] != 0.985 and events["EXPOSURE"] == pytest.approx(events["ONTIME"] * events["DTCOR"])
    for name in (f"{ROOT}_repro_pha2.fits", f"tg/{ROOT}_repro_leg_m1.pha"):
        header = fits.getheader(out / name, "SPECTRUM")
        assert (header["DTCOR"], header["EXPOSURE"]) == (events["DTCOR"], events["EXPOSURE"])


def test_the_truth_comes_back(hrc_s):
    """Arm, side, m lambda; the lines of both orders together to 0.1 bin and their error."""
    obs, out, _ = hrc_s
    e = fits.getdata(out / f"{ROOT}_repro_evt2.fits", "EVENTS")
    truth = truth_of(obs, e)
    light = truth["PART"] == 3
    found = light & (e["tg_part"] == 3)
    assert found.sum() > 0.995 * light.sum() > 15_000
    assert np.array_equal(e["tg_m"][found], np.sign(truth["ORDER"][found]))
    assert (e["tg_part"][truth["PART"] == 0] == 0).mean() > 0.99
    off = e["tg_mlam"] - truth["ORDER"] * truth["LAMBDA"]
    assert abs(np.median(off[found])) < 0.00125
    first = found & (np.abs(truth["ORDER"]) == 1)
    lines = [float(w.split()[1]) for w in (obs / "truth/lines.txt").read_text().splitlines()[1:]]
    offsets = []
    for line in lines:
        k = first & (np.abs(truth["LAMBDA"] - line) < 1e-3)
        offsets += list((e["tg_lam"][k] - line) / 0.0125)
    assert len(offsets) > 2500 and abs(np.mean(offsets)) < 0.1 + 2 * np.std(offsets) / np.sqrt(len(offsets))


def test_counts_fold_through_the_responses(hrc_s):
    """Net counts of the first-order grid: orders 1 to 3 of the even spectrum through area and matrix, 3 % + Poisson.

    From 20 Angstrom up, where areas of simulation and responses are the same curve; channel k of order m is at
    lambda / m.
    """
    obs, out, _ = hrc_s
    density = float((obs / "truth/source.txt").read_text().splitlines()[1].split()[2])
    lines = [[float(v) for v in w.split()[1:]] for w in (obs / "truth/lines.txt").read_text().splitlines()[1:]]
    with fits.open(out / f"{ROOT}_repro_pha2.fits") as hdus:
        spectra, header = hdus["SPECTRUM"].data.copy(), hdus["SPECTRUM"].header
    for row, sign in ((0, "m"), (1, "p")):
        expected = 0.0
        for m in (1, 2, 3):
            arf = fits.getdata(out / f"tg/{ROOT}_repro_leg_{sign}{m}.arf", "SPECRESP")
            rows = fits.getdata(out / f"tg/{ROOT}_repro_leg_{sign}{m}.rmf", "MATRIX")["MATRIX"]
            low, high = arf["BIN_LO"].astype(float), arf["BIN_HI"].astype(float)
            flux = density * (np.clip(high, 2, 175) - np.clip(low, 2, 175))
            for line, strength in lines:
                flux[np.argmin(np.abs(0.5 * (low + high) - line))] += strength
            expected = expected + arf["SPECRESP"] * flux * [r.sum() for r in rows] * header["EXPOSURE"]
        p = spectra[row]
        scale = header["BACKSCUP"] + header["BACKSCDN"]
        net = p["COUNTS"] - (p["BACKGROUND_UP"] + p["BACKGROUND_DOWN"]) / scale
        chosen = (p["BIN_LO"] > 20) & (p["BIN_HI"] < 160)
        counts = float(p["COUNTS"][chosen].sum())
        assert counts > 4000
        assert net[chosen].sum() / expected[chosen].sum() == pytest.approx(1.0, abs=0.03 + 2 / np.sqrt(counts))


@pytest.mark.slow
def test_detected_zero_order(hrc_s, tmp_path):
    obs, out, _ = hrc_s
    run("chandra_repro", obs, tmp_path, tg_zo_position="detect", tg_orders="none", **USUAL)
    a, b = (fits.getdata(p / f"{ROOT}_repro_evt2.fits", "REGION") for p in (out, tmp_path))
    assert np.hypot(a["X"][0] - b["X"][0], a["Y"][0] - b["Y"][0]) < 0.5  # 0.07 arcsec
    assert not (tmp_path / "tg").exists() and not list(tmp_path.glob("*tgmask*"))


def test_background_filter_of_pulse_heights(hrc_s, tmp_path, monkeypatch):
    """TGPIMASK2 of a CALDB, on TG_MLAM and PI: what lies outside its polygon is gone from level 2, not from 1.5."""
    obs, _, _ = hrc_s
    row = Row("letgtgpimaskN001.fits", "TGPIMASK2", instrument="HRC", detector="HRC-S", cbd=("GRATING(LETG)",))
    root = make_caldb(tmp_path / "caldb", hrc=[row])
    path = root / row.folder("hrc") / row.file
    path.unlink()
    corners = {"TG_MLAM": [[-170.0, 170, 170, -170, -170]], "PI": [[60.0, 60, 200, 200, 60]]}
    columns = [fits.Column("SHAPE", "16A", array=["polygon"])]
    columns += [fits.Column(n, "5D", array=np.array(v)) for n, v in corners.items()]
    hdu = fits.BinTableHDU.from_columns(columns, name="REGION")
    hdu.header.update({"MTYPE1": "pos", "MFORM1": "tg_mlam,pi", "HDUCLAS1": "REGION"})
    hdu.writeto(path)
    monkeypatch.setenv("CALDB", str(root))
    monkeypatch.setenv("CALDBCONFIG", str(root / "software/tools/caldb.config"))
    text = run("chandra_repro", obs, tmp_path / "out", tg_orders="none", pi_filter=True, **USUAL)
    assert f"Filtering the background on pulse heights: {row.file}" in text
    level15, level2 = (fits.getdata(tmp_path / f"out/{ROOT}_{n}.fits", "EVENTS") for n in ("evt1a", "repro_evt2"))
    assert (level15["pi"] < 60).any() and level2["pi"].min() >= 60 and level2["pi"].max() <= 200
    assert np.abs(level2["tg_mlam"]).max() <= 170 and len(level2) > 20_000


@pytest.mark.slow
def test_letg_on_the_hrc_i(tmp_path):
    simulate_hrc(HrcSetup(events=6000, grating="LETG"), tmp_path / "obs", compress=False)
    text = run("chandra_repro", tmp_path / "obs", tmp_path / "out", **USUAL)
    assert "LETG on the HRC-I: the area beyond 20 Angstrom is too low" in text
    assert "HRC-I" in str(fits.getheader(tmp_path / f"out/tg/{ROOT}_repro_leg_m1.arf", "SPECRESP")["COMMENT"])
    e = fits.getdata(tmp_path / f"out/{ROOT}_repro_evt2.fits", "EVENTS")
    truth = truth_of(tmp_path / "obs", e)
    found = (truth["PART"] == 3) & (e["tg_part"] == 3)
    assert found.sum() > 1500 and abs(np.median((e["tg_mlam"] - truth["ORDER"] * truth["LAMBDA"])[found])) < 0.0025
    names = {p.name for p in (tmp_path / "out/tg").iterdir()}
    assert names == {f"{ROOT}_repro_leg_{s}1{e}" for s in "mp" for e in (".pha", "_bkg.pha", ".arf", ".rmf")}
