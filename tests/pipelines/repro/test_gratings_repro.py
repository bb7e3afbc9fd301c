"""chandra_repro with gratings on simulated observations: products, choices of the zero order, what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run

from ciaopy.errors import DataError, OutputExistsError, ParameterError

USUAL = {"badpixel": False, "set_ardlib": False}


@pytest.fixture(scope="module")
def letg(data, tmp_path_factory):
    """The whole of chandra_repro on the simulated LETG/ACIS-S observation, in a folder with blanks."""
    out = tmp_path_factory.mktemp("letg") / "new products"
    text = run("chandra_repro", data / "gratings/sim_letg", out, **USUAL)
    return out, text


def test_products_and_messages(letg):
    out, text = letg
    have = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    root = "acisf91002"
    assert {f"{root}_evt1a.fits", f"{root}_tgmask.fits", f"{root}_repro_evt2.fits", f"{root}_repro_pha2.fits"} <= have
    tg = {p for p in have if p.startswith("tg/")}
    spectra = {f"tg/{root}_repro_leg_{s}{n}{e}" for s in "mp" for n in (1, 2, 3) for e in (".pha", "_bkg.pha")}
    assert tg == spectra | {f"tg/{root}_repro_leg_{s}1{e}" for s in "mp" for e in (".arf", ".rmf")}
    assert not [p for p in have if "evt1.fits" in p or "reprofilt" in p]
    for words in ("Zero order", "Assigning grating arms", "Extracting", "response matrices"):
        assert words in text
    with fits.open(out / f"{root}_repro_evt2.fits") as hdus:
        assert hdus[-1].name == "REGION" and hdus["EVENTS"].header["CONTENT"] == "EVT2"
        assert hdus["EVENTS"].header["FLTFILE"] == f"{root}_repro_flt2.fits"


def test_products_conform(letg, conforms):
    """But for the mask, which is a copy of that of the simulated events and lacks their keywords."""
    out, _ = letg
    conforms(*out.glob("*repro_pha2*"), *out.glob("*repro_f*"), *sorted((out / "tg").iterdir()))
    conforms(out / "acisf91002_evt1a.fits", out / "acisf91002_repro_evt2.fits", but={"KEY-1"})


def test_lines_are_where_they_were_put(letg, data):
    """Means of both orders within 0.1 bin (0.0125 Angstrom) of the simulated lines, over four lines."""
    out, _ = letg
    e = fits.getdata(out / "acisf91002_repro_evt2.fits", "EVENTS")
    chosen = np.abs(e["tg_d"]) < 0.00066
    offsets = []
    for at in (12.132, 15.014, 18.967, 24.781):
        k = chosen & (np.abs(e["tg_m"]) == 1) & (np.abs(e["tg_lam"] - at) < 0.06)
        assert k.sum() > 150
        offsets.append(float(np.mean(e["tg_lam"][k])) - at)
    assert abs(np.mean(offsets)) < 0.00125


def test_counts_fold_through_the_responses(letg):
    """A flat spectrum through area and matrix: the channels' sum is the area's times the share within the width."""
    out, _ = letg
    arf = fits.getdata(out / "tg/acisf91002_repro_leg_m1.arf", "SPECRESP")
    with fits.open(out / "tg/acisf91002_repro_leg_m1.rmf") as hdus:
        rmf, bounds = hdus["MATRIX"].data, hdus["EBOUNDS"].data
        assert (rmf["N_GRP"] == 1).all() and np.array_equal(bounds["CHANNEL"], np.arange(1, len(bounds) + 1))
        assert np.allclose(bounds["E_MIN"], arf["ENERG_LO"]) and np.allclose(rmf["ENERG_HI"], arf["ENERG_HI"])
        counts = np.zeros(len(bounds))
        for i, row in enumerate(rmf["MATRIX"]):
            first, n = int(np.ravel(rmf["F_CHAN"][i])[0]), int(np.ravel(rmf["N_CHAN"][i])[0])
            assert n == len(row)
            counts[first - 1 : first - 1 + n] += arf["SPECRESP"][i] * row
    assert counts.sum() == pytest.approx(0.9 * arf["SPECRESP"].sum(), rel=0.01)


def region(path):
    return fits.getdata(path, "REGION")


def test_a_zero_order_one_pixel_off_moves_the_lines(letg, data, tmp_path):
    """By one ACIS pixel of the LEG, 0.0274 Angstrom, with opposite signs in the two orders."""
    out, _ = letg
    from ciaopy.coords import SkyFrame

    header = dict(fits.getheader(out / "acisf91002_repro_evt2.fits", "EVENTS"))
    r = region(out / "acisf91002_repro_evt2.fits")
    axis = np.deg2rad(r["ROTANG"][1])
    ra, dec = SkyFrame.from_header(header).plane.pixel_to_world(r["X"][0] + np.cos(axis), r["Y"][0] + np.sin(axis))
    run(
        "chandra_repro",
        data / "gratings/sim_letg",
        tmp_path,
        tg_zo_position=f"{float(ra)!r},{float(dec)!r}",
        tg_orders="none",
        **USUAL,
    )
    assert not (tmp_path / "tg").exists() and not (tmp_path / "acisf91002_tgmask.fits").exists()
    a, b = (fits.getdata(p / "acisf91002_repro_evt2.fits", "EVENTS") for p in (out, tmp_path))
    place = {k: i for i, k in enumerate(zip(a["time"], a["ccd_id"], a["chipx"], a["chipy"], strict=True))}
    pairs = [
        (place[k], i)
        for i, k in enumerate(zip(b["time"], b["ccd_id"], b["chipx"], b["chipy"], strict=True))
        if k in place
    ]
    i, j = np.array(pairs).T
    step = 9912.16 * 0.492 / 3600 * np.pi / 180 * 10070 / 8637.0
    shifts = []
    for m in (-1, 1):
        k = (a["tg_m"][i] == m) & (b["tg_m"][j] == m)
        assert k.sum() > 3000
        shifts.append(float(np.median(b["tg_lam"][j][k].astype(float) - a["tg_lam"][i][k])))
    assert shifts[0] == pytest.approx(-shifts[1], rel=0.02) and abs(shifts[0]) == pytest.approx(step, rel=0.02)


def test_detected_zero_order_and_report(data, tmp_path):
    keys = {"tg_zo_position": "detect", "tg_orders": "none", "report": True}
    run("chandra_repro", data / "gratings/sim_hetg", tmp_path, **keys, **USUAL)
    page = (tmp_path / "acisf91001_repro_report.html").read_text()
    for text, name in (
        ("Order sorting", "orders"),
        ("Zero order and arms", "mask"),
        ("Spectra of the first orders", "arms"),
    ):
        assert f"<h2>{text}</h2>" in page
        assert (tmp_path / f"acisf91001_repro_{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    text = (data / "gratings/sim_hetg/truth/source.txt").read_text().splitlines()[1].split()
    r = region(tmp_path / "acisf91001_repro_evt2.fits")
    assert np.hypot(r["X"][0] - float(text[2]), r["Y"][0] - float(text[3])) < 0.2
    left = {p.name for p in tmp_path.iterdir()}
    assert not [n for n in left if any(w in n for w in ("src1a", "goodevt1", "tgmask", "reprofilt"))]


@pytest.fixture
def archive(data, tmp_path):
    """A copy of the LETG observation that tests may damage."""
    folder = tmp_path / "obs"
    shutil.copytree(data / "gratings/sim_letg", folder, copy_function=shutil.copy)
    return folder


def test_refused_before_any_work(archive, tmp_path):
    out = tmp_path / "out"
    evt2 = next((archive / "primary").glob("*evt2*"))
    for keys, match in (
        ({"tg_zo_position": "nonsense"}, r"tg_zo_position=nonsense"),
        ({"tg_zo_position": "10.0,10.0"}, r"off the sky"),
        ({"tg_orders": "1,2.5"}, r"tg_orders=1,2\.5"),
        ({"tg_orders": "0"}, "order 0 is the image"),
        ({"tg_orders": "-1,63"}, "63"),
        ({"tg_orders": "1,12"}, r"tg_orders=1,12: no efficiency of order \+12"),
    ):
        with pytest.raises(ParameterError, match=match):
            run("chandra_repro", archive, out, **keys, **USUAL)
    with fits.open(evt2) as hdus:
        header = hdus["EVENTS"].header
        far = f"{header['RA_NOM'] + 0.5},{header['DEC_NOM']}"
    with pytest.raises(ParameterError, match="on no chip"):
        run("chandra_repro", archive, out, tg_zo_position=far, **USUAL)
    with fits.open(evt2) as hdus:
        fits.HDUList([h.copy() for h in hdus if h.name != "REGION"]).writeto(tmp_path / "bare.fits")
    evt2.unlink()
    with pytest.raises(DataError, match=r"no \*evt2\.fits\*.*tg_zo_position=detect"):
        run("chandra_repro", archive, out, **USUAL)
    shutil.copy(tmp_path / "bare.fits", evt2.with_suffix(""))
    with pytest.raises(DataError, match=r"no REGION block.*tg_zo_position=detect"):
        run("chandra_repro", archive, out, **USUAL)
    assert not [p for p in out.glob("*") if p.is_file()]


def test_products_that_exist_stop_the_run(letg, data):
    out, _ = letg
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    with pytest.raises(OutputExistsError, match="clobber=yes"):
        run("chandra_repro", data / "gratings/sim_letg", out, clobber=False, **USUAL)
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}


def test_bad_spectrum_files_of_mktgresp(letg, tmp_path):
    out, _ = letg
    events, spectra = out / "acisf91002_repro_evt2.fits", out / "acisf91002_repro_pha2.fits"
    with fits.open(spectra) as hdus:
        fits.HDUList([h.copy() for h in hdus if h.name != "REGION"]).writeto(tmp_path / "bare.fits")
    with pytest.raises(DataError, match="no REGION block"):
        run("mktgresp", tmp_path / "bare.fits", events, tmp_path / "r")
    with pytest.raises(ParameterError, match="order 0"):
        run("mktgresp", spectra, events, tmp_path / "r", orders="0")
    with pytest.raises(ParameterError, match="wvgrid_arf"):
        run("mktgresp", spectra, events, tmp_path / "r", wvgrid_arf="1:10:0.1")
    assert not list(tmp_path.glob("r*"))
