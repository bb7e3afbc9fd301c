"""A simulated HETG observation, reduced: its truth comes back, and its counts fold through the responses."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run

from ciaopy.errors import UserError
from ciaopy.fits import read_dataset
from ciaopy.gratings import arm_named, enclosed, light_within
from ciaopy.simulation import Setup, check_gratings, listed_lines, simulate
from ciaopy.simulation.spectrograph import blur, width_across

CHIPS = (7, 4, 5, 6, 8, 9)


@pytest.fixture(scope="module")
def reduced(tmp_path_factory):
    """Folders of the observation and of its products."""
    folder = tmp_path_factory.mktemp("sim")
    simulate(Setup(events=90_000, grating="HETG", chips=CHIPS, mode="GRADED", flare=False), folder / "obs")
    run("chandra_repro", folder / "obs", folder / "repro", badpixel=False, set_ardlib=False)
    return folder / "obs", folder / "repro"


def test_the_truth_comes_back(reduced):
    obs, repro = reduced
    level2 = read_dataset(next(repro.glob("*_repro_evt2.fits")))
    level1 = read_dataset(next((obs / "secondary").glob("*evt1*"))).block("EVENTS")
    truth = read_dataset(obs / "truth" / "truth.fits").block("TRUTH")
    checks = check_gratings(level2.block("EVENTS"), level1, truth, level2.block("REGION"), listed_lines(obs))
    assert {c.what for c in checks} >= {"zero order", "arms of dispersed photons", "orders of dispersed photons"}
    assert len(checks) == 5 and [c for c in checks if not c.passed] == []
    photons = truth["KIND"] == 1
    assert set(np.unique(truth["PART"][photons])) == {0, 1, 2} and set(np.unique(truth["PART"][~photons])) <= {
        0,
        1,
        2,
        99,
    }


def test_counts_fold_through_the_responses(reduced):
    """Counts of MEG and HEG, less background, against the spectrum through ARF and RMF: 3 % and the Poisson error."""
    obs, repro = reduced
    row = next(w.split() for w in (obs / "truth/sources.txt").read_text().splitlines() if not w.startswith("#"))
    gamma, broad = float(row[3]), float(row[4])
    norm = broad * (1 - gamma) / (7 ** (1 - gamma) - 0.5 ** (1 - gamma))
    lines = [w.split()[1:] for w in (obs / "truth/lines.txt").read_text().splitlines() if not w.startswith("#")]
    for path in sorted((repro / "tg").glob("*.arf")):
        arf = fits.getdata(path, "SPECRESP")
        low, high = arf["ENERG_LO"].astype(float), arf["ENERG_HI"].astype(float)
        flux = norm * (high ** (1 - gamma) - low ** (1 - gamma)) / (1 - gamma)
        for lam, line in lines:
            flux[np.argmin(np.abs(0.5 * (arf["BIN_LO"] + arf["BIN_HI"]) - float(lam)))] += float(line)
        light = np.array([np.sum(r) for r in fits.getdata(path.with_suffix(".rmf"), "MATRIX")["MATRIX"]])
        with fits.open(path.with_suffix(".pha")) as s, fits.open(f"{str(path)[:-4]}_bkg.pha") as b:
            source, back = s["SPECTRUM"], b["SPECTRUM"]
            net = source.data["COUNTS"].sum() - back.data["COUNTS"].sum() / back.header["BACKSCAL"]
            seen = (low > 0.3) & (high < 9.5)
            expected = float(np.sum(arf["SPECRESP"] * flux * light * seen)) * source.header["EXPOSURE"]
            counts = float(source.data["COUNTS"].sum())
        assert expected > 1000 and abs(net / expected - 1) < 0.03 + 3 / np.sqrt(counts)


def test_same_seed_same_bytes(tmp_path):
    for name in ("a", "b"):
        simulate(Setup(events=3000, grating="LETG", chips=CHIPS, mode="GRADED"), tmp_path / name, compress=False)
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_an_unknown_grating():
    with pytest.raises(UserError, match="grating XETG: known are NONE, HETG, LETG"):
        Setup(grating="XETG")


@pytest.mark.parametrize(("name", "order", "lam"), [("MEG", 1, 12.0), ("HEG", -2, 6.0), ("LEG", 1, 20.0)])
def test_blurs_have_the_shape_of_the_matrices(name, order, lam):
    arm, rng = arm_named(name), np.random.default_rng(5)
    d = blur(arm, order, np.full(40_000, lam), rng)
    assert abs(np.mean(np.sign(d))) < 0.02
    for quantile in (0.3, 0.6, 0.9):
        at = np.quantile(np.abs(d), quantile)
        assert float(enclosed(arm, order, np.float64(lam), at)) == pytest.approx(quantile, abs=0.01)
    across = np.abs(width_across(arm, 40_000, rng))
    half = 2.39 / 3600 if name != "LEG" else 0.0008
    assert (across <= half).mean() == pytest.approx(light_within(arm, half, half), abs=0.005)
