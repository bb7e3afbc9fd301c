"""chandra_repro on simulated observations of every mode, held against their truth."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from simulation_helpers import make

from ciaopy.cli.main import run_application
from ciaopy.datamodel import read
from ciaopy.simulation.check import check_events, matched_rows
from ciaopy.simulation.setup import parse_chips


def reduce(tree, out, *words):
    fixed = ["set_ardlib=no", "verbose=0", "mode=h"]
    assert run_application(["chandra_repro", f"indir={tree.made.folder}", f"outdir={out}", *fixed, *words]) == 0
    return next(out.glob("*_repro_evt2.fits"))


def checks(tree, events):
    level1, simulated = (read(f"{tree.find(p)}[EVENTS]") for p in ("*evt1*", "*N001_evt2*"))
    return check_events(read(f"{events}[EVENTS]"), level1, simulated, read(f"{tree.find('truth.fits')}[TRUTH]"))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("FAINT", {}),
        ("VFAINT", {"chips": parse_chips("01236"), "seed": 5}),
        ("GRADED", {"chips": parse_chips("78")}),
        ("FAINT", {"chips": (7,), "subarray": (385, 256)}),
    ],
    ids=["faint", "vfaint", "graded", "subarray"],
)
def test_level_2_is_what_was_put_in(tmp_path, mode, options):
    tree = make(tmp_path / "obs", mode=mode, events=30_000, **options)
    events = reduce(tree, tmp_path / "repro")
    found = checks(tree, events)
    assert [c.what for c in found if not c.passed] == []
    header = fits.getheader(events, "EVENTS")
    assert header["DATAMODE"] == mode and header["PIX_ADJ"] == "EDSER"
    truth = fits.getheader(tree.find("*flt1*"), "FILTER")
    chip = tree.made.setup.chips[0]
    assert header[f"EXPOSUR{chip}"] == pytest.approx(truth[f"EXPOSUR{chip}"], abs=2.2 * header["TIMEDEL"])


def test_vfaint_screening_rejects_background_and_spares_sources(tmp_path):
    tree = make(tmp_path / "obs", mode="VFAINT", chips=(7, 3))
    plain = reduce(tree, tmp_path / "a")
    screened = reduce(tree, tmp_path / "b", "check_vf_pha=yes")
    level1, truth = read(f"{tree.find('*evt1*')}[EVENTS]"), tree.table("truth.fits")
    kept = [
        np.bincount(truth["KIND"][matched_rows(read(f"{p}[EVENTS]"), level1)], minlength=7) for p in (plain, screened)
    ]
    assert kept[1][0] < 0.97 * kept[0][0]
    assert kept[1][1] > 0.98 * kept[0][1]


def test_a_run_that_loses_events_falls_short(tmp_path):
    """The checks of the demo see what they are meant to see."""
    tree = make(tmp_path / "obs", chips=(7, 8))
    level1, simulated = (read(f"{tree.find(p)}[EVENTS]") for p in ("*evt1*", "*N001_evt2*"))
    truth = read(f"{tree.find('truth.fits')}[TRUTH]")
    passed = {c.what: c.passed for c in check_events(simulated, level1, simulated, truth)}
    assert passed["good events kept"] and not passed["afterglow events found"]
    assert not passed["sky positions, scatter"]
    half = simulated.take(np.arange(0, simulated.nrows, 2))
    assert not {c.what: c.passed for c in check_events(half, level1, simulated, truth)}["good events kept"]
    moved = simulated.take(slice(None))
    moved["x"] = moved["x"] + np.float32(0.2)
    assert not {c.what: c.passed for c in check_events(moved, level1, simulated, truth)}["sky positions, mean offset"]
    none = simulated.take(np.zeros(0, int))
    assert [c.passed for c in check_events(none, level1, simulated, truth)] == [False]
