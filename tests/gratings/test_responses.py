"""Areas and matrices: against real gARFs and a real matrix, and what algebra says of them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.coords import FocalPlane, SkyFrame
from ciaopy.errors import DataError, ParameterError, UserError
from ciaopy.exposure import AspectHistogram, Axis, PixelGrid
from ciaopy.gratings import (
    Dispersion,
    arm_named,
    default_grid,
    diagonal_matrix,
    enclosed,
    light_within,
    response_matrix,
)  # fmt: skip
from ciaopy.gratings.area import active_limits
from ciaopy.kernels.gratings import exposed_share

LAM = 12.39842


def width_at(v, width):
    """Full width at half maximum of a row, linear between bins."""
    k, half = int(np.argmax(v)), v.max() / 2
    left = k - np.interp(half, v[: k + 1], np.arange(k + 1)) if k else 0.0
    right = np.interp(-half, -v[k:], np.arange(v.size - k))
    return (left + right) * width


def test_meg_matrix_of_the_caldb(data):
    """FWHM within 10 % and 92-98 % points of acismeg1D1999-07-22rmfN0002 from 2 to 40 Angstrom."""
    with fits.open(data / "gratings/acismeg1D1999-07-22rmfN0002.fits.gz") as hdus:
        d = hdus["MATRIX"].data
        lam = 0.5 * LAM * (1 / d["ENERG_LO"].astype(float) + 1 / d["ENERG_HI"].astype(float))
        arm = arm_named("MEG")
        low, high = default_grid(arm, "ACIS").channels(1)
        mine = response_matrix(arm, 1, low, high, 1.0, 1e-6)
        for at in (2.0, 3.5, 5.0, 8.0, 10.0, 12.0, 16.0, 20.0, 25.0, 30.0, 35.0, 40.0):
            i, k = int(np.argmin(abs(lam - at))), int(np.argmin(abs(0.5 * (low + high) - at)))
            want = width_at(np.asarray(d["MATRIX"][i], float), 0.005)
            assert width_at(mine.rows[k].astype(float), 0.005) == pytest.approx(want, rel=0.1)
            assert mine.rows[k].max() == pytest.approx(np.max(d["MATRIX"][i]), rel=0.05)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["HEG", "MEG", "LEG"]), st.sampled_from([-3, -1, 1, 2]), st.floats(2, 40), st.floats(0.0, 1.0))
def test_enclosed_light(name, order, lam, d):
    """Odd, ascending, 0 in the middle, 1 far away; orders share the blur in angle."""
    arm = arm_named(name)
    one, more = (float(enclosed(arm, order, lam, x)) for x in (d, d + 0.01))
    assert one == -float(enclosed(arm, order, lam, -d)) and 0 <= one <= more <= 1 + 1e-12
    assert float(enclosed(arm, order, lam, 1e4)) == pytest.approx(1.0, abs=1e-3)
    assert one == pytest.approx(float(enclosed(arm, 1, lam * abs(order), d * abs(order))), abs=1e-12)


def test_heg_is_half_of_meg_at_twice_the_wavelength():
    heg, meg = arm_named("HEG"), arm_named("MEG")
    d = np.linspace(0, 0.03, 50)
    assert np.allclose(enclosed(heg, 1, np.float64(6.0), d), enclosed(meg, 1, np.float64(12.0), 2 * d))
    leg = enclosed(arm_named("LEG"), 1, np.float64(20.0), np.array([0.025 * 0.999, 0.025 * 1.001]))
    centre = enclosed(arm_named("LEG"), 1, np.float64(20.0), np.array([1e-5]))
    assert np.diff(leg)[0] / 5e-5 == pytest.approx(0.5 * centre[0] / 1e-5, rel=1e-3)  # half the peak at FWHM/2


@pytest.mark.parametrize(("name", "order"), [("HEG", -1), ("MEG", 3), ("LEG", 1)])
def test_rows_sum_to_the_light_within(name, order):
    arm = arm_named(name)
    low, high = default_grid(arm, "ACIS").channels(order)
    matrix = response_matrix(arm, order, low, high, 0.9, 1e-6)
    total = np.array([r.sum() for r in matrix.rows])
    assert np.allclose(total[200:-200], 0.9, atol=2e-3) and (total <= 0.9 + 1e-6).all()
    peak = matrix.first - 1 + [int(np.argmax(r)) for r in matrix.rows]
    assert (np.abs(peak - np.arange(low.size))[5:-5] <= 1).all()
    flat = matrix.fold(np.ones(low.size))
    assert np.allclose(flat[200:-200], 0.9, atol=3e-3)
    assert np.array_equal(diagonal_matrix(7).fold(np.arange(7.0)), np.arange(7.0))


def test_light_within():
    meg = arm_named("MEG")
    assert light_within(meg, 1.0, 1.0) == pytest.approx(0.976)
    assert light_within(meg, 2.0, 1.0) == pytest.approx(0.988) and light_within(meg, 0.01, 1.0) == 0.0


def dispersion(name="MEG"):
    plane = FocalPlane.of("ACIS", (-0.68, 0.0, -190.14))
    return Dispersion(plane, SkyFrame.of(83.85, -5.4, 301.3, "ACIS"), arm_named(name), (4085.0, 4101.0))


def histogram(n=40, seed=1):
    rng = np.random.default_rng(seed)
    return AspectHistogram(
        rng.uniform(-16, 16, n), rng.uniform(-16, 16, n), rng.uniform(-2e-3, 2e-3, n), rng.uniform(1, 9, n)
    )


@pytest.mark.parametrize("masked", [False, True])
def test_exposed_share_against_single_positions(masked):
    """The kernel's positions and look-ups against `Dispersion.to_chip` for every attitude and wavelength."""
    spectrum, hist = dispersion(), histogram()
    lam = np.linspace(1.0, 12.0, 300)
    sines = -lam / spectrum.arm.period
    chip, plane = 6, spectrum.plane
    limits = active_limits("ACIS", chip, (1024, 1024))
    attitude = hist.attitudes(spectrum.frame)
    rng = np.random.default_rng(2)
    image = (rng.uniform(size=(1024, 1024)) > 0.3).astype(float) if masked else np.zeros((0, 0))
    want = np.zeros(lam.size)
    for k in range(len(hist)):
        one = type(attitude)(*(getattr(attitude, c)[k] for c in ("ra", "dec", "roll", "dy", "dz", "dtheta")))
        p = spectrum.to_chip(np.rad2deg(np.arcsin(sines)), 0.0, one, chip)
        on = (p.chipx >= 1.5) & (p.chipx < 1023.5) & (p.chipy >= 1.5) & (p.chipy < 1023.5)
        good = (
            image[
                np.clip(np.floor(p.chipy + 0.5).astype(int) - 1, 0, 1023),
                np.clip(np.floor(p.chipx + 0.5).astype(int) - 1, 0, 1023),
            ]
            if masked
            else 1.0
        )
        want += hist.duration[k] * on * good
    records = attitude.records(spectrum.frame.ra_nom, spectrum.frame.dec_nom)
    out = np.zeros(lam.size)
    exposed_share(
        sines, chip, hist.duration, *spectrum.zero, (plane.chips, records, plane.optics), spectrum._arms(), 0, limits,
        image, np.array([0.5, 1.0, 0.5, 1.0]), out,
    )  # fmt: skip
    assert np.allclose(out, want, atol=1e-9) and 0 < want.max() <= hist.total


def areas_of_1597(data, tmp_path, arm, order):
    """CIAO 3.1's area of ObsID 1597 and ours, chips added, for a nominal dither (its aspect is not at hand)."""
    name = data / f"gratings/1597/1597_{arm}_{order}_garf.fits.gz"
    t = np.linspace(0, 2 * np.pi, 400)
    offsets = {
        "X_OFFSET": 16.3 * np.sin(5 * t),
        "Y_OFFSET": 16.3 * np.sin(7 * t),
        "ROLL_OFFSET": 0 * t,
        "DURATION": 0 * t + 1,
    }
    hist = fits.BinTableHDU.from_columns([fits.Column(n, "D", array=v) for n, v in offsets.items()], name="ASPHIST")
    header = fits.getheader(name, "SPECRESP")
    keys = "INSTRUME DETNAM GRATING DATE-OBS SIM_X SIM_Y SIM_Z RA_NOM DEC_NOM ROLL_NOM RA_PNT DEC_PNT ROLL_PNT OBS_ID"
    hist.header.update({k: header[k] for k in keys.split()} | {"HDUNAME": "ASPHIST"})
    fits.HDUList([fits.PrimaryHDU(), hist]).writeto(tmp_path / "ah.fits", overwrite=True)
    for chip in (4, 5, 6, 7) if order < 0 else (7, 8, 9):
        run(
            "mkgarf", asphistfile=f"{tmp_path / 'ah.fits'}[ASPHIST]", outfile=tmp_path / f"c{chip}.arf", order=order,
            sourcepixelx=4088.2944335938, sourcepixely=4082.6940917969, obsfile=f"{name}[SPECRESP]", maskfile="NONE",
            engrid=f"grid({name}[SPECRESP][cols ENERG_LO,ENERG_HI])", osipfile="CALDB", detsubsys=f"ACIS-{chip}",
            grating_arm=arm, pbkfile="", clobber=True,
        )  # fmt: skip
    run("dmarfadd", f"{tmp_path}/c*.arf", tmp_path / "sum.arf", clobber=True)
    return fits.getdata(name, "SPECRESP"), fits.getdata(tmp_path / "sum.arf", "SPECRESP")


@pytest.mark.parametrize(("arm", "order", "reach"), [("HEG", 1, 0.1), ("MEG", -1, 0.2)])
def test_areas_and_gaps_of_1597(data, tmp_path, arm, order, reach):
    """Within 12 % (median) inside the chips; gap edges within 0.1 (HEG) and 0.2 Angstrom (MEG)."""
    want, have = areas_of_1597(data, tmp_path, arm, order)
    lam = 0.5 * (want["BIN_LO"] + want["BIN_HI"]).astype(float)
    both = (want["FRACEXPO"] > 0.98) & (have["FRACEXPO"] > 0.98) & (lam > 1.6) & (lam < (16 if arm == "HEG" else 20))
    assert both.sum() > 1500
    assert abs(np.median(have["SPECRESP"][both] / want["SPECRESP"][both]) - 1) < 0.12

    def edges(t):
        low = (t["FRACEXPO"] < 0.5).astype(int)
        return lam[np.flatnonzero(np.diff(low))]

    mine, real = edges(have), edges(want)
    assert len(mine) >= 3
    assert max(np.min(np.abs(real - e)) for e in mine) < reach


def test_letg_hrcs_area_of_16375(data, tmp_path):
    """Area and segment gap of a real LETG/HRC-S gARF, with its own aspect histograms (dy, dz are in them)."""
    ref = data / "gratings/16375/16375_LEG_1_garf.fits.gz"
    parts = []
    for k in (1, 2):
        run(
            "mkgarf", asphistfile=f"{data}/gratings/16375/16375_ah{k}.fits.gz[ASPHIST]", outfile=tmp_path / f"s{k}.arf",
            order=1, sourcepixelx=32643.2324, sourcepixely=32729.8457, detsubsys=f"HRC-S{k}", grating_arm="LEG",
            engrid=f"grid({ref}[SPECRESP][cols ENERG_LO,ENERG_HI])", obsfile=f"{ref}[SPECRESP]", osipfile="NONE",
            maskfile="NONE", pbkfile="", dafile="NONE",
        )  # fmt: skip
        parts.append(tmp_path / f"s{k}.arf")
    run("dmarfadd", f"{parts[0]},{parts[1]}", tmp_path / "leg.arf")
    want, have = fits.getdata(ref, "SPECRESP"), fits.getdata(tmp_path / "leg.arf", "SPECRESP")
    lam = 0.5 * (want["BIN_LO"] + want["BIN_HI"])
    clear = (want["FRACEXPO"] > 0.995) & (have["FRACEXPO"] > 0.995)
    ratio = have["SPECRESP"][clear] / want["SPECRESP"][clear]
    assert np.median(ratio[(lam[clear] > 4) & (lam[clear] < 18)]) == pytest.approx(1.0, abs=0.1)
    assert (abs(ratio[(lam[clear] > 26) & (lam[clear] < 170)] - 1) < 0.05).mean() > 0.95
    for edge in (np.min, np.max):
        a, b = (edge(lam[(t["FRACEXPO"] < 0.5) & (lam > 55) & (lam < 75)]) for t in (have, want))
        assert abs(a - b) < 0.1
    # the sum is the sum, and another grid is refused
    one, two = (fits.getdata(p, "SPECRESP")["SPECRESP"] for p in parts)
    assert np.allclose(have["SPECRESP"], one + two, rtol=1e-6)
    run(
        "mkgrmf",
        tmp_path / "leg.rmf",
        obsfile=f"{ref}[SPECRESP]",
        order=1,
        grating_arm="LEG",
        regionfile="",
        detsubsys="",
    )
    with fits.open(tmp_path / "leg.rmf") as hdus:
        assert hdus["MATRIX"].header["DETCHANS"] == 16384 == len(hdus["EBOUNDS"].data)
        assert np.allclose(hdus["MATRIX"].data["ENERG_LO"], want["ENERG_LO"], rtol=1e-5)
    with pytest.raises(DataError, match="another energy grid"):
        with fits.open(parts[0]) as hdus:
            hdus["SPECRESP"].data["ENERG_LO"] *= 1.01
            hdus.writeto(tmp_path / "other.arf")
        run("dmarfadd", f"{parts[1]},{tmp_path / 'other.arf'}", tmp_path / "x.arf")


def test_bad_requests(data, tmp_path):
    ref = data / "gratings/16375/16375_LEG_1_garf.fits.gz"
    usual = {
        "asphistfile": f"{data}/gratings/16375/16375_ah2.fits.gz[ASPHIST]", "outfile": tmp_path / "a.arf", "order": 1,
        "sourcepixelx": 32643.0, "sourcepixely": 32729.0, "detsubsys": "HRC-S2", "grating_arm": "LEG",
        "osipfile": "NONE",
        "engrid": "0.1:5:#50", "obsfile": f"{ref}[SPECRESP]", "maskfile": "NONE", "pbkfile": "", "dafile": "NONE",
    }  # fmt: skip
    for change, kind, match in (
        ({"order": 0}, ParameterError, "order=0"),
        ({"sourcepixelx": "INDEF"}, ParameterError, "sourcepixelx, sourcepixely"),
        ({"engrid": "5:1:#3"}, ParameterError, "engrid=5:1:#3"),
        ({"engrid": "words"}, ParameterError, "engrid=words"),
        ({"detsubsys": "ACIS-7"}, DataError, "the observation was made with HRC"),
        ({"asphistfile": f"{ref}[SPECRESP]"}, DataError, "not an aspect histogram"),
    ):
        with pytest.raises(kind, match=match):
            run("mkgarf", **(usual | change))
    assert not (tmp_path / "a.arf").exists()
    with pytest.raises((UserError, OSError), match=r"."):
        run("dmarfadd", "", tmp_path / "b.arf")
    with pytest.raises(ParameterError, match="energies and channels are made on one grid"):
        run("mkgrmf", tmp_path / "m.rmf", "1:20:0.01", "1:20:0.02", 1, f"{ref}[SPECRESP]", "", 1, "", "LEG")
    with pytest.raises(ParameterError, match="order=0"):
        run("mkgrmf", tmp_path / "m.rmf", "compute", "compute", 0, f"{ref}[SPECRESP]", "", 1, "", "LEG")


def test_good_pixels_lower_the_exposure():
    """A dead band of columns takes exactly its share off the wavelengths that fall on it."""
    spectrum = dispersion()
    still = AspectHistogram(np.zeros(1), np.zeros(1), np.zeros(1), np.ones(1))
    from ciaopy.caldb.lite import product
    from ciaopy.exposure import ChipResponse
    from ciaopy.gratings import ChipLight, grating_area

    header = {"INSTRUME": "ACIS", "DETNAM": "ACIS-6", "DATE-OBS": "2013-01-01T00:00:00", "GRATING": "HETG"}
    response = ChipResponse(6, product("AXEFFA", header), efficiency=1.0)
    grid = PixelGrid(Axis(0.5, 1024.5, 1024), Axis(0.5, 1024.5, 1024))
    good = np.ones(grid.shape)
    good[:, 499:520] = 0.0
    lam = np.linspace(1.0, 15.0, 4000)
    whole, cut = (
        grating_area(spectrum, -1, lam, ChipLight(response, product("GREFF", header), None, grid, g), still)
        for g in (np.ones(grid.shape), good)
    )
    lost = (whole.fracexpo > 0) & (cut.fracexpo == 0)
    place = spectrum.to_chip(np.rad2deg(np.arcsin(-lam / 4001.95)), 0.0, still.attitudes(spectrum.frame), 6)
    assert (
        np.array_equal(lost, (place.chipx >= 499.5) & (place.chipx < 520.5) & (whole.fracexpo > 0)) and lost.sum() > 50
    )
    assert np.array_equal(whole.specresp[~lost], cut.specresp[~lost]) and (whole.phafrac == 1).all()
