"""Spectra and responses in Sherpa (extra `sherpa`): they load by their keywords, and fold as numpy folds them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import run

from ciaopy.simulation import Setup, simulate

CHIPS = (7, 4, 5, 6, 8, 9)


@pytest.fixture(scope="module")
def ui():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optional parts that are not there
        pytest.importorskip("sherpa", reason="sherpa is not installed: pip install 'ciaopy[sherpa]'")
        from sherpa.astro import ui as found
    return found


@pytest.fixture(scope="module")
def products(ui, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sherpa")
    simulate(Setup(events=60_000, grating="HETG", chips=CHIPS, mode="GRADED", flare=False), folder / "obs")
    run("chandra_repro", folder / "obs", folder / "repro", badpixel=False, set_ardlib=False)
    return folder / "obs", folder / "repro/tg"


@pytest.mark.parametrize("order", ["heg_m1", "meg_p1"])
def test_they_load_and_fold(ui, products, order):
    """Data, background, area and matrix come with the data; a flat model folds to area times matrix to 1e-5."""
    _, folder = products
    ui.clean()
    path = next(folder.glob(f"*_{order}.pha"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ui.load_pha(str(path), use_errors=False)
    data, arf, rmf = ui.get_data(), ui.get_arf(), ui.get_rmf()
    assert data.background_ids and data.exposure == fits.getheader(path, "SPECTRUM")["EXPOSURE"]
    assert data.get_background_scale() == pytest.approx(1 / 8.0376568, rel=1e-5)
    table = fits.getdata(next(folder.glob(f"*_{order}.arf")), "SPECRESP")
    assert np.allclose(arf.specresp, table["SPECRESP"]) and np.array_equal(arf.energ_lo, rmf.energ_lo)
    ui.set_source(ui.const1d.flat)
    ui.set_par("flat.c0", 1.0)
    ui.set_analysis("energy")
    folded = ui.get_model()(data.channel)
    rows = fits.getdata(next(folder.glob(f"*_{order}.rmf")), "MATRIX")
    flux = table["ENERG_HI"].astype(float) - table["ENERG_LO"]
    want = np.zeros(len(table))
    for k, row in enumerate(rows["MATRIX"]):
        first = int(rows["F_CHAN"][k]) - 1
        want[first : first + row.size] += table["SPECRESP"][k] * flux[k] * row
    assert np.allclose(folded / data.exposure, want, rtol=1e-4, atol=1e-4 * want.max())


def test_a_fit_finds_what_was_simulated(ui, products):
    """The index of the continuum from all four first orders, background subtracted, within 0.25."""
    obs, folder = products
    row = next(w.split() for w in (obs / "truth/sources.txt").read_text().splitlines() if not w.startswith("#"))
    ui.clean()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k, order in enumerate(("heg_m1", "heg_p1", "meg_m1", "meg_p1"), 1):
            ui.load_pha(k, str(next(folder.glob(f"*_{order}.pha"))))
            ui.subtract(k)
            ui.set_source(k, ui.powlaw1d.cont)
        ui.set_stat("chi2gehrels")
        for k in range(1, 5):
            ui.group_counts(k, 15)
            ui.ignore_id(k)
            ui.notice_id(k, 2.1, 5.0)  # keV: 2.5 to 5.9 Angstrom, no lines
        ui.fit()
    assert ui.get_par("cont.gamma").val == pytest.approx(float(row[3]), abs=0.25)
