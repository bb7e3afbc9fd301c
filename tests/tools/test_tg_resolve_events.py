"""tg_create_mask and tg_resolve_events as commands: layout, headers, archive values, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import LETG_HRC, make_mask, resolve, run, write_aspect, write_level_1

from ciaopy.errors import DataError, NoDataError, OutputExistsError, ParameterError, UserError

ZERO = (4085.0, 4101.0)


@pytest.fixture(scope="module")
def observation(tmp_path_factory):
    """Level-1 events, aspect and mask of a small HETG observation, with the truth."""
    folder = tmp_path_factory.mktemp("hetg")
    aspect = write_aspect(folder / "asol1.fits")
    truth = write_level_1(folder / "evt1.fits", aspect, ZERO)
    make_mask(folder / "evt1.fits", folder / "mask.fits", ZERO)
    resolve(folder / "evt1.fits", folder / "evt1a.fits", folder / "mask.fits", aspect)
    return folder, truth


def test_parts_orders_wavelengths(observation):
    folder, truth = observation
    with fits.open(folder / "evt1a.fits") as hdus:
        e, header = hdus["EVENTS"].data, hdus["EVENTS"].header
        names = [b.name for b in hdus]
        same = e["tg_part"] == truth["part"]
        assert same.mean() > 0.99
        assert (e["tg_m"] == truth["order"])[same].mean() > 0.99
        arms = same & (truth["part"] > 0)
        assert np.abs(e["tg_mlam"] - truth["mlam"])[arms].max() < 0.012
        assert names == ["PRIMARY", "EVENTS", "GTI", "REGION"]
        assert header["CONTENT"] == "TGEVT1" and header["HDUCLAS3"] == "RESOLVED" and header["GRATING"] == "HETG"
        assert header["CALDBVER"].startswith("ciaopy-lite") and header["OSIPFILE"].startswith("ciaopy-lite")
        column = e.names.index("tg_m") + 1
        assert (header[f"TNULL{column}"], header[f"TLMIN{column}"], header[f"TLMAX{column}"]) == (99, -62, 62)


def test_letg_on_the_hrc(tmp_path):
    """Sign of the wavelength is the order; no energies needed; the other detector's event definition is named."""
    zero = (32600.0, 32900.0)
    aspect = write_aspect(tmp_path / "asol1.fits")
    truth = write_level_1(tmp_path / "evt1.fits", aspect, zero, 800, **LETG_HRC)
    mask = make_mask(tmp_path / "evt1.fits", tmp_path / "mask.fits", zero)
    layout = (
        "{d:time,f:rd,s:chip,l:tdet,f:sky,s:chip_id,s:tg_m,f:tg_lam,f:tg_mlam,s:tg_srcid,s:tg_part,s:tg_smap,x:status}"
    )
    resolve(tmp_path / "evt1.fits", tmp_path / "evt1a.fits", mask, aspect, eventdef=layout, osipfile="none")
    e = fits.getdata(tmp_path / "evt1a.fits", "EVENTS")
    same = e["tg_part"] == truth["part"]
    assert same.mean() > 0.99 and (e["tg_m"] == truth["order"])[same].all()
    with pytest.raises(DataError, match=r"column expno of eventdef.*stdlev1_HRC"):
        resolve(tmp_path / "evt1.fits", tmp_path / "x.fits", mask, aspect)


def test_one_arm_and_random_positions(observation, tmp_path):
    folder, _ = observation
    aspect = folder / "asol1.fits"
    meg = resolve(folder / "evt1.fits", tmp_path / "meg.fits", folder / "mask.fits", aspect, grating_obs="MEG")
    e = fits.getdata(meg, "EVENTS")
    assert set(np.unique(e["tg_part"])) <= {0, 2, 99}
    shifted = resolve(folder / "evt1.fits", tmp_path / "r.fits", folder / "mask.fits", aspect, rand_pix_size=0.5)
    again = resolve(folder / "evt1.fits", tmp_path / "r2.fits", folder / "mask.fits", aspect, rand_pix_size=0.5)
    a, b, c = (fits.getdata(p, "EVENTS") for p in (folder / "evt1a.fits", shifted, again))
    arms = (a["tg_part"] == b["tg_part"]) & np.isin(a["tg_part"], (1, 2))
    width = np.std((b["tg_r"] - a["tg_r"])[arms]) / 1.592e-4
    assert width == pytest.approx(1 / np.sqrt(12), rel=0.1) and np.array_equal(b["tg_r"], c["tg_r"])
    assert fits.getheader(shifted, "EVENTS")["RAND_TG"] == 0.5


def test_several_sources(observation, tmp_path):
    folder, _ = observation
    run(
        "tg_create_mask", folder / "evt1.fits", tmp_path / "two.fits", "", use_user_pars=True, last_source_toread="B",
        sA_zero_x=ZERO[0], sA_zero_y=ZERO[1], sB_zero_x=ZERO[0] + 150, sB_zero_y=ZERO[1] - 200, sB_zero_rad=12.5,
        sB_width_heg=40, sB_width_meg=50,
    )  # fmt: skip
    r = fits.getdata(tmp_path / "two.fits", "REGION")
    assert r["SOURCE"].tolist() == [1, 1, 1, 2, 2, 2] and r["TG_PART"].tolist() == [0, 1, 2] * 2
    assert r["R"][3][0] == 12.5 and r["R"][4][1] == 40 and r["R"][5][1] == 50
    resolve(folder / "evt1.fits", tmp_path / "e.fits", tmp_path / "two.fits", folder / "asol1.fits")
    e = fits.getdata(tmp_path / "e.fits", "EVENTS")
    core = np.hypot(e["x"] - ZERO[0], e["y"] - ZERO[1]) < 10
    assert (e["tg_srcid"][core] == 1).all() and ((e["tg_smap"][core] & 1) == 1).all()


def test_positions_from_a_table(observation, tmp_path):
    folder, _ = observation
    table = fits.BinTableHDU.from_columns(
        [fits.Column(n, "D", array=[v]) for n, v in (("X", ZERO[0]), ("Y", ZERO[1]))], name="SRCLIST"
    )
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "src.fits")
    run("tg_create_mask", str(folder / "evt1.fits"), str(tmp_path / "m.fits"), str(tmp_path / "src.fits"))
    a, b = (fits.getdata(p, "REGION") for p in (tmp_path / "m.fits", folder / "mask.fits"))
    assert all(np.array_equal(a[n], b[n]) for n in ("X", "Y", "R", "ROTANG", "TG_PART", "COMPONENT"))
    table.columns["X"].name = "POSX"
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "bad.fits")
    with pytest.raises(DataError, match=r"needs columns X and Y.*POSX"):
        run("tg_create_mask", str(folder / "evt1.fits"), str(tmp_path / "n.fits"), str(tmp_path / "bad.fits"))


def test_bad_positions_and_parameters(observation, tmp_path):
    folder, _ = observation
    events, out = str(folder / "evt1.fits"), str(tmp_path / "m.fits")
    with pytest.raises(UserError, match=r"x=9000.*outside the sky of ACIS"):
        make_mask(folder / "evt1.fits", tmp_path / "m.fits", (9000.0, 4000.0))
    with pytest.raises(UserError, match=r"input_pos_tab: no table"):
        run("tg_create_mask", events, out, "")
    with pytest.raises(ParameterError, match=r"input_psf_tab=psf.fits"):
        make_mask(folder / "evt1.fits", tmp_path / "m.fits", ZERO, input_psf_tab="psf.fits")
    with pytest.raises(ParameterError, match=r"r_astig_max_hetg"):
        make_mask(folder / "evt1.fits", tmp_path / "m.fits", ZERO, r_astig_max_hetg=0.3)
    with pytest.raises(OutputExistsError, match=r"clobber=yes"):
        run("tg_create_mask", events, str(folder / "mask.fits"), "", use_user_pars=True)
    assert not Path(out).exists()


def edited(source: Path, target: Path, block: str, **keys: object) -> Path:
    """Copy a file with header keywords of one block changed (None removes one)."""
    with fits.open(source) as hdus:
        for key, value in keys.items():
            if value is None:
                del hdus[block].header[key]
            else:
                hdus[block].header[key] = value
        hdus.writeto(target, overwrite=True)
    return target


def test_bad_input_of_tg_resolve_events(observation, tmp_path):
    folder, _ = observation
    events, mask, aspect, out = (folder / n for n in ("evt1.fits", "mask.fits", "asol1.fits", "none.fits"))
    none = edited(events, tmp_path / "none.fits", "EVENTS", GRATING="NONE")
    with pytest.raises(DataError, match=r"GRATING is NONE"):
        resolve(none, out, mask, aspect)
    letg = edited(events, tmp_path / "letg.fits", "EVENTS", GRATING="LETG")
    with pytest.raises(DataError, match=r"a mask of HETG, and the events are of LETG"):
        resolve(letg, out, mask, aspect)
    with pytest.raises(DataError, match=r"no REGION block.*tg_create_mask"):
        resolve(events, out, events, aspect)
    with pytest.raises(UserError, match=r"regionfile: no mask given"):
        resolve(events, out, Path("none"), aspect)
    early = write_aspect(tmp_path / "early.fits", 1e8, 1e8 + 500)
    with pytest.raises(NoDataError, match=r"no event falls in the aspect solution"):
        resolve(events, out, mask, early)
    moved = edited(mask, tmp_path / "moved.fits", "REGION", RA_NOM=83.86)
    with pytest.raises(DataError, match=r"another tangent point"):
        resolve(events, out, moved, aspect)
    with fits.open(mask) as hdus:
        hdus["REGION"].data = hdus["REGION"].data[:1]
        hdus.writeto(tmp_path / "zero.fits")
    with pytest.raises(DataError, match=r"source 1 has no arm"):
        resolve(events, out, tmp_path / "zero.fits", aspect)
    with fits.open(events) as hdus:
        keep = [c for c in hdus["EVENTS"].columns if c.name != "energy"]
        bare = fits.BinTableHDU.from_columns(fits.ColDefs(keep), header=hdus["EVENTS"].header, name="EVENTS")
        fits.HDUList([hdus[0].copy(), bare]).writeto(tmp_path / "bare.fits")
    with pytest.raises(DataError, match=r"no column energy.*acis_process_events"):
        resolve(tmp_path / "bare.fits", out, mask, aspect)
    assert not out.exists()


def test_no_events_in_any_arm(observation, tmp_path):
    folder, _ = observation
    resolve(Path(f"{folder / 'evt1.fits'}[x<0]"), tmp_path / "empty.fits", folder / "mask.fits", folder / "asol1.fits")
    with fits.open(tmp_path / "empty.fits") as hdus:
        assert len(hdus["EVENTS"].data) == 0 and hdus["EVENTS"].header["CONTENT"] == "TGEVT1" and "REGION" in hdus


@pytest.mark.parametrize("obsid", ["13839", "14392"])
def test_masks_of_the_archive(data, tmp_path, obsid):
    """Centres and lengths of CIAO's boxes to 0.05 pixel, angles to 0.002 deg."""
    events = data / "gratings" / obsid / f"{obsid}_evt2.fits.gz"
    want = fits.getdata(events, "REGION")
    make_mask(events, tmp_path / "m.fits", (float(want["X"][0]), float(want["Y"][0])))
    have = fits.getdata(tmp_path / "m.fits", "REGION")
    assert np.allclose(have["X"], want["X"], atol=0.05) and np.allclose(have["Y"], want["Y"], atol=0.05)
    assert np.allclose(have["R"][1:, 0], want["R"][1:, 0], atol=0.05)
    assert np.allclose(have["R"], want["R"], rtol=0.01) and np.allclose(have["ROTANG"], want["ROTANG"], atol=2e-3)
    assert have["SHAPE"].tolist() == ["circle", "rotbox", "rotbox"] and have["GRATING"].tolist() == ["hetg"] * 3
