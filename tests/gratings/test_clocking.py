"""Gratings in continuous clocking: columns to angles and rows, HEG and MEG on one line, the whole of chandra_repro."""

from __future__ import annotations

import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import make_mask, observation_header, resolve, run, write_aspect, write_level_1
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.errors import DataError
from ciaopy.gratings import ARMS, Dispersion, column_peak
from ciaopy.gratings.arms import arm_table
from ciaopy.kernels.grating_clocking import clocked_order, column_angle
from ciaopy.kernels.gratings import BY_NEAREST, NO_ORDER, zero_order_frame
from ciaopy.simulation import Setup, simulate

small = st.floats(-1.0, 1.0)
ZERO = (4085.0, 4101.0)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(ARMS), st.integers(4, 9), small, small, small, small, st.floats(-0.9, 0.9))
def test_columns_tell_angle_and_row(arm, chip, dx, dy, dz, dtheta, tg_r):
    """The inverse of the light's way, for any attitude: a place on an arm's line is found again from its column."""
    header = observation_header()
    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    attitude = Attitude.of(83.85 + 2e-3 * dx, -5.4, 301.3, 2 * dy, 2 * dz, 0.05 * dtheta)
    zero = (4096.5 + 200 * dx, 4096.5 - 200 * dy)
    place = Dispersion(plane, frame, arm, zero).to_chip(tg_r, 0.0, attitude, chip)
    records = attitude.records(frame.ra_nom, frame.dec_nom)
    origin = np.empty(12)
    zero_order_frame(*zero, 0, records, plane.optics, arm.rowland, origin)
    table = arm_table((arm,), "ACIS")
    s, row = column_angle(float(place.chipx), chip, 0, origin, table, 0, plane.chips, records)
    assert np.rad2deg(np.arcsin(s)) == pytest.approx(tg_r, abs=1e-10)
    assert row == pytest.approx(float(place.chipy), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.floats(2.0, 12.0), st.sampled_from(["HEG", "MEG"]))
def test_heg_and_meg_by_their_energies(order, lam, name):
    """A photon's own arm and order; but MEG 2m is HEG m, whose angle and energy are the same."""
    arms = ARMS[:2]
    mlam = order * lam
    mlams = np.array([mlam, 2 * mlam] if name == "HEG" else [mlam / 2, mlam])
    energy = 12398.42 / lam
    found = clocked_order(
        mlams, energy, np.full(2, -1), arm_table(arms, "ACIS"), BY_NEAREST, np.array([0.3, 0.3]), np.zeros((1, 1, 3)),
        np.zeros(1, np.int64),
    )  # fmt: skip
    if name == "MEG" and order % 2:
        assert found == (1, order)
    else:
        assert found == (0, order if name == "HEG" else order // 2)
    alone = np.array([mlam, np.nan])
    assert clocked_order(
        alone, energy * 1.5, np.full(2, -1), arm_table(arms, "ACIS"), BY_NEAREST, np.array([0.1, 0.1]),
        np.zeros((1, 1, 3)), np.zeros(1, np.int64),
    )[0] == 0  # fmt: skip


@pytest.mark.parametrize("grating", ["HETG", "LETG"])
def test_events_get_arm_order_and_row(tmp_path, grating):
    aspect = write_aspect(tmp_path / "asol1.fits")
    truth = write_level_1(tmp_path / "evt1.fits", aspect, ZERO, 6000, clocked=True, GRATING=grating)
    mask = make_mask(tmp_path / "evt1.fits", tmp_path / "mask.fits", ZERO)
    region = fits.getdata(mask, "REGION")
    assert region["TG_PART"].tolist() == [0, 2 if grating == "HETG" else 3] and (region["ROTANG"] == 0).all()
    resolve(tmp_path / "evt1.fits", tmp_path / "e.fits", mask, aspect, osipfile="none", eventdef=LAYOUT)
    e = fits.getdata(tmp_path / "e.fits", "EVENTS")
    assert (e["tg_part"][truth["part"] == 0] == 0).all() and (e["tg_d"] == 0).all()
    arm = truth["part"] > 0
    assert (e["tg_part"] == truth["part"])[arm].all() and (e["tg_m"] == truth["order"])[arm].all()
    # a pixel is 0.0111 Angstrom of MEG, half of HEG, 0.0275 of LEG
    pixel = np.array([np.nan, 0.00556, 0.01112, 0.0275])[truth["part"]]
    off = (e["tg_mlam"] - truth["mlam"]) / pixel
    assert np.abs(off[arm]).max() < 0.7 and abs(off[arm].mean()) < 0.03
    assert np.abs(e["chipy_tg"] - truth["row"])[arm].max() < 4.0  # 1e-4 deg of tg_d is 0.6 pixel
    assert np.ptp(e["chipy_zo"][e["ccd_id"] == 7]) < 60 and np.isfinite(e["chipy_zo"]).all()
    header = fits.getheader(tmp_path / "e.fits", "EVENTS")
    assert header["CONTENT"] == "TGEVT1"


LAYOUT = (
    "{d:time,s:ccd_id,s:chip,f:chipy_tg,f:chipy_zo,f:sky,f:energy,f:rd,s:tg_m,f:tg_lam,f:tg_mlam,s:tg_srcid,"
    "s:tg_part,s:tg_smap,x:status}"
)


def test_all_light_is_within_the_region(tmp_path):
    """tg_d is 0: no background, and the matrix holds all light of a line."""
    aspect = write_aspect(tmp_path / "asol1.fits")
    write_level_1(tmp_path / "evt1.fits", aspect, ZERO, 3000, clocked=True)
    mask = make_mask(tmp_path / "evt1.fits", tmp_path / "mask.fits", ZERO)
    resolve(tmp_path / "evt1.fits", tmp_path / "e.fits", mask, aspect, osipfile="none", eventdef=LAYOUT)
    run("tgextract", tmp_path / "e.fits", tmp_path / "pha2.fits")
    spectra = fits.getdata(tmp_path / "pha2.fits", "SPECTRUM")
    assert spectra["COUNTS"].sum() > 1500 and spectra["BACKGROUND_UP"].sum() == spectra["BACKGROUND_DOWN"].sum() == 0
    run(
        "mkgrmf", tmp_path / "m.rmf", regionfile=tmp_path / "pha2.fits", obsfile=tmp_path / "e.fits", order=1,
        grating_arm="MEG", detsubsys="ACIS-S3",
    )  # fmt: skip
    rows = fits.getdata(tmp_path / "m.rmf", "MATRIX")["MATRIX"]
    assert np.sum(rows[4000]) == pytest.approx(1.0, abs=1e-3)


def test_peak_along_the_columns():
    rng = np.random.default_rng(7)
    along = np.concatenate([rng.normal(31.7, 0.7, 800), rng.uniform(-300, 300, 3000)])
    place, counts, snr = column_peak(along, 200.0)
    assert abs(place - 31.7) < 0.1 and abs(counts - 800) < 60 and snr > 20
    assert column_peak(np.zeros(0), 200.0) is None
    assert column_peak(np.array([500.0]), 200.0) is None


@pytest.fixture(scope="module")
def observation(tmp_path_factory):
    """A simulated HETG observation as it would be in continuous clocking: rows gone, times those of the read-out."""
    folder = tmp_path_factory.mktemp("cc") / "obs"
    setup = Setup(events=40_000, grating="HETG", chips=(7, 4, 5, 6, 8, 9), mode="GRADED", flare=False, artifacts=False)
    simulate(setup, folder)
    rng = np.random.default_rng(3)
    for path in list(folder.glob("*ary/*.fits.gz")):
        with fits.open(path) as hdus:
            for hdu in hdus:
                for key, value in (("READMODE", "CONTINUOUS"), ("DATAMODE", "CC33_GRADED")):
                    if key in hdu.header:
                        hdu.header[key] = value
            if "_evt1" in path.name:
                data = hdus["EVENTS"].data
                data["time"] += (data["chipy"] + 1028) * 0.00285
                data["chipy"] = rng.integers(1, 1025, len(data))
                hdus["EVENTS"].header["TIMEDEL"] = 0.00285
            plain = path.with_suffix("")
            hdus.writeto(plain)
        path.unlink()
        with plain.open("rb") as source, gzip.open(path, "wb", 1) as target:
            shutil.copyfileobj(source, target)
        plain.unlink()
    return folder


USUAL = {"badpixel": False, "set_ardlib": False}


@pytest.fixture(scope="module")
def reduced(observation, tmp_path_factory):
    out = tmp_path_factory.mktemp("ccout")
    return out, run("chandra_repro", observation, out, **USUAL)


def test_chandra_repro_in_continuous_clocking(observation, reduced, conforms):
    out, text = reduced
    root = "acisf90001"
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert {f"{root}_evt1a.fits", f"{root}_repro_evt2.fits", f"{root}_repro_pha2.fits"} <= names
    tg = {f"tg/{root}_repro_{a}_{s}1.{x}" for a in ("heg", "meg") for s in "mp" for x in ("pha", "arf", "rmf")}
    assert tg <= names and not [n for n in names if "ccmode" in n or "repro_cc" in n]
    assert "a first pass" in text
    e = fits.getdata(out / f"{root}_repro_evt2.fits", "EVENTS")
    assert {"time_ro", "sky_1d", "chipy_tg", "chipy_zo"} <= {n.lower() for n in e.names}
    assert fits.getheader(out / f"{root}_repro_evt2.fits", "EVENTS")["TIME_ADJ"] == "GRATING"
    first = fits.getdata(next(observation.glob("secondary/*evt1*")), "EVENTS")
    truth = fits.getdata(observation / "truth/truth.fits")
    place = {
        k: i for i, k in enumerate(zip(first["expno"], first["ccd_id"], first["chipx"], first["chipy"], strict=True))
    }
    rows = [place[k] for k in zip(e["expno"], e["ccd_id"], e["chipx"], e["chipy"], strict=True)]
    t = truth[rows]
    light = (t["KIND"] == 1) & np.isin(t["PART"], (1, 2)) & (np.abs(t["ORDER"]) == 1) & (t["LAMBDA"] < 20)
    right = (e["tg_part"] == t["PART"]) & (e["tg_m"] == t["ORDER"])
    assert light.sum() > 5000 and right[light].mean() > 0.95
    k = light & right
    assert np.abs(e["chipy_tg"] - t["CHIPY_TRUE"])[k].max() < 30 and np.std((e["chipy_tg"] - t["CHIPY_TRUE"])[k]) < 4
    assert abs(np.mean((e["tg_lam"] - t["LAMBDA"])[k & (e["tg_part"] == 2)])) < 0.001
    # the read-out's time less the way from the row told: off by as many rows as the arm is wide
    arrived = first["time"][rows] - (t["CHIPY_TRUE"] + 1028) * 0.00285
    assert np.abs(e["time"] - arrived)[k].max() < 0.06 and abs(np.mean((e["time"] - arrived)[k])) < 0.001
    conforms(*sorted((out / "tg").glob("*1.*")), out / f"{root}_repro_pha2.fits")


@pytest.mark.slow
def test_detected_zero_order_in_continuous_clocking(observation, reduced, tmp_path):
    """One coordinate is found to 0.2 pixel, the other is the target's."""
    run("chandra_repro", observation, tmp_path, tg_zo_position="detect", tg_orders="none", **USUAL)
    a, b = (fits.getdata(p / "acisf90001_repro_evt2.fits", "REGION") for p in (reduced[0], tmp_path))
    assert np.hypot(a["X"][0] - b["X"][0], a["Y"][0] - b["Y"][0]) < 0.2
    assert b["TG_PART"].tolist() == [0, 2]


def test_bad_input(tmp_path):
    aspect = write_aspect(tmp_path / "asol1.fits")
    write_level_1(tmp_path / "evt1.fits", aspect, ZERO, 50, clocked=True)
    mask = make_mask(tmp_path / "evt1.fits", tmp_path / "mask.fits", ZERO)
    with pytest.raises(DataError, match=r"column time_ro of eventdef is neither in the file"):
        resolve(tmp_path / "evt1.fits", tmp_path / "e.fits", mask, aspect, osipfile="none", eventdef=")ccgrdlev1a")
    assert NO_ORDER == 99 and not (tmp_path / "e.fits").exists()
