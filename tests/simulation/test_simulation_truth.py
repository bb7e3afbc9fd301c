"""The event file of a simulated observation agrees with its truth, with astropy, and with itself."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from simulation_helpers import make

from ciaopy.coords import event_positions
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.simulation import Setup, Source, simulate
from ciaopy.simulation.photons import Response, enclosed_fraction
from ciaopy.simulation.setup import BANDS

PIXEL = 0.492


@pytest.fixture(scope="module")
def faint(tmp_path_factory):
    return make(tmp_path_factory.mktemp("faint") / "obs")


def world(header):
    """The SKY system of an event file, by astropy."""
    w = WCS(naxis=2)
    index = {header[f"TTYPE{i}"].strip(): i for i in range(1, header["TFIELDS"] + 1)}
    i, j = index["x"], index["y"]
    w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    w.wcs.crpix = header[f"TCRPX{i}"], header[f"TCRPX{j}"]
    w.wcs.crval = header[f"TCRVL{i}"], header[f"TCRVL{j}"]
    w.wcs.cdelt = header[f"TCDLT{i}"], header[f"TCDLT{j}"]
    return w


def listed(tree):
    return np.loadtxt(tree.find("sources.txt"), ndmin=2)


def test_layout_is_that_of_an_archive_download(faint):
    folder = faint.made.folder
    primary = {p.name for p in (folder / "primary").iterdir()}
    secondary = {p.name for p in (folder / "secondary").iterdir()}
    for kind in ("evt2", "asol1", "bpix1", "fov1"):
        assert len([n for n in primary if kind in n]) == 1
    for kind in ("evt1", "flt1", "msk1", "mtl1", "stat1", "pbk0"):
        assert len([n for n in secondary if kind in n]) == 1
    assert len([n for n in secondary if "bias0" in n]) == 6
    assert all(n.endswith(".fits.gz") for n in primary | secondary)


def test_number_of_events_is_the_one_asked_for(faint):
    events, truth = faint.table("*evt1*", "EVENTS"), faint.table("truth.fits")
    assert len(events) == len(truth) == 20_000 == sum(faint.made.kinds.values())
    assert all(n > 0 for n in faint.made.kinds.values())
    counts = np.bincount(truth["SOURCE"])[1:]
    assert tuple(counts) == faint.made.counts == tuple(listed(faint)[:, 10].astype(int))


def test_positions_follow_from_the_chip(faint):
    events = faint.table("*evt1*", "EVENTS")
    again = event_positions(str(faint.find("*evt1*")), str(faint.find("*asol1*")))
    for name, value in (("x", again.x), ("y", again.y), ("detx", again.detx), ("dety", again.dety)):
        assert np.abs(events[name] - value).max() < 1e-3
    assert np.array_equal(events["tdetx"], again.tdetx) and np.array_equal(events["tdety"], again.tdety)


def test_truth_lies_as_far_from_the_pixel_on_the_sky_as_on_the_chip(faint):
    events, truth = faint.table("*evt1*", "EVENTS"), faint.table("truth.fits")
    sky = np.hypot(events["x"] - truth["X_TRUE"], events["y"] - truth["Y_TRUE"])
    chip = np.hypot(events["chipx"] - truth["CHIPX_TRUE"], events["chipy"] - truth["CHIPY_TRUE"])
    assert np.abs(sky - chip).max() < 0.01
    assert chip.max() <= np.sqrt(0.5) + 1e-6


def test_photons_come_from_their_source_by_astropys_reckoning(faint):
    truth, sources = faint.table("truth.fits"), listed(faint)
    w = world(faint.header("*evt1*", "EVENTS"))
    for row in sources:
        own = (truth["SOURCE"] == row[0]) & (truth["KIND"] == 1)
        x, y = w.all_world2pix(row[1], row[2], 1)
        distance = np.hypot(truth["X_TRUE"][own] - x, truth["Y_TRUE"][own] - y) * PIXEL
        n = own.sum()
        assert np.median(distance) == pytest.approx(row[9], rel=0.04 + 4.0 / np.sqrt(n))
        inside = np.mean(distance < 3 * row[9])
        assert inside == pytest.approx(enclosed_fraction(3 * row[9], row[9], "king"), abs=3.0 / np.sqrt(n) + 0.01)


def test_islands_grades_and_sums_belong_together(faint):
    events = faint.table("*evt1*", "EVENTS")
    islands = events["phas"].reshape(-1, 9).astype(int)
    above = islands >= 13
    bits = (above * np.array([1, 2, 4, 8, 0, 16, 32, 64, 128])).sum(axis=1)
    assert np.array_equal(bits, events["fltgrade"])
    assert (islands[:, [4]] >= islands).all() and (islands[:, 4] >= 20).all()
    sides = np.where(above[:, [1, 3, 5, 7]], islands[:, [1, 3, 5, 7]], 0).sum(axis=1)
    alone = ~above[:, [0, 2, 6, 8]].any(axis=1)
    assert np.array_equal((islands[:, 4] + sides)[alone], events["pha"][alone])
    assert np.array_equal(events["pha"], events["pha_ro"])
    assert np.array_equal(np.clip(events["energy"] // 14.6 + 1, 1, 1024), events["pi"])


def test_grades_and_energies_are_those_of_the_chips(faint):
    events, truth = faint.table("*evt1*", "EVENTS"), faint.table("truth.fits")
    good = np.isin(events["grade"], [0, 2, 3, 4, 6])
    photons = truth["KIND"] == 1
    assert 0.90 < good[photons].mean() < 0.97
    assert 0.3 < good[truth["KIND"] == 0].mean() < 0.55
    change = (events["energy"] - truth["ENERGY_TRUE"])[photons]
    assert abs(np.median(change)) < 3.0 and 15.0 < change.std() < 45.0


def test_events_stand_in_order_in_living_pixels_and_frames(faint):
    events = faint.table("*evt1*", "EVENTS")
    assert (np.diff(events["time"]) >= 0).all()
    stat = faint.table("*stat1*")
    there = set(zip(stat["CCD_ID"].tolist(), stat["EXPNO"].tolist(), strict=True))
    sent = dict(zip(zip(stat["CCD_ID"].tolist(), stat["EXPNO"].tolist(), strict=True), stat["EVTSENT"], strict=True))
    pairs, number = np.unique(np.stack([events["ccd_id"], events["expno"]]), axis=1, return_counts=True)
    assert set(map(tuple, pairs.T.tolist())) <= there
    assert all(sent[tuple(p)] == n for p, n in zip(pairs.T.tolist(), number, strict=True))
    for order, ccd in enumerate((7, 6, 3, 2, 5, 8)):
        bias = faint.table(f"*_{order}_bias0*", 0)
        k = events["ccd_id"] == ccd
        assert (bias[events["chipy"][k] - 1, events["chipx"][k] - 1] < 4094).all()


def test_good_times_leave_out_the_gap_and_the_lost_frames(faint):
    stat = faint.find("*stat1*")
    for ccd in (7, 8):
        with fits.open(faint.find("*flt1*")) as h:
            good = next(b.data for b in h if b.name == "GTI" and b.header["CCD_ID"] == ccd)
        with fits.open(stat) as h:
            lost = next(b.data for b in h if b.name == "DROPEXP" and b.header["CCD_ID"] == ccd)
        assert len(good) == 2 + len(lost) - 1
        for time in lost["TIME"]:
            assert not ((good["START"] < time) & (time < good["STOP"])).any()
    live = faint.header("*flt1*", "FILTER")
    assert live["EXPOSUR7"] == pytest.approx(np.sum(good_of(faint, 7)) * 3.2 / 3.24104, rel=1e-9)


def good_of(tree, ccd):
    with fits.open(tree.find("*flt1*")) as h:
        good = next(b.data for b in h if b.name == "GTI" and b.header["CCD_ID"] == ccd)
        return good["STOP"] - good["START"]


def test_the_flare_is_in_the_good_times(faint, tmp_path):
    events, truth = faint.table("*evt1*", "EVENTS"), faint.table("truth.fits")
    flare = truth["KIND"] == 3
    span = events["time"][flare]
    assert span.min() > events["time"][0] and np.ptp(span) < 0.1 * np.ptp(events["time"])
    rate, edges = np.histogram(events["time"], 100)
    during = (edges[:-1] > span.min()) & (edges[1:] < span.max())
    assert rate[during].mean() > 2 * rate[~during].mean()
    assert make(tmp_path / "quiet", flare=False).made.kinds["flare"] == 0


def test_counts_are_flux_times_area_times_exposure(tmp_path):
    """A lone bright source without background troubles, at the aimpoint of S3."""
    source = Source(150.12, 2.21, 2e-3, 1.8)
    setup = Setup(events=40_000, exposure=9000.0, sources=(source,), artifacts=False, flare=False, chips=(7,))
    made = simulate(setup, tmp_path / "one")
    response = Response.of(setup)
    edges = np.geomspace(0.3, 9.5, 800)
    middle = np.sqrt(edges[1:] * edges[:-1])
    photons = np.array([source.band_flux(a, b) for a, b in pairwise(edges)])
    one = np.ones_like(middle)
    share = response.share(7, (224.0 * one, 490.0 * one), (0.3 * one, 0.0 * one), middle)
    frames = round(made.duration / 3.24104)
    want = (photons * response.mirror.at(middle) * share).sum() * 3.2 * frames * 1.06
    assert made.kinds["source"] == pytest.approx(want, abs=4 * np.sqrt(want) + 0.015 * want)
    assert source.band_flux(*BANDS["broad"]) == pytest.approx(2e-3)


def test_more_photons_than_events_is_refused(tmp_path):
    setup = Setup(events=2000, exposure=20000.0, sources=(Source(150.12, 2.21, 1e-2),), chips=(7,))
    with pytest.raises(UserError, match="raise --events"):
        simulate(setup, tmp_path / "x")


def fingerprint(folder):
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_same_seed_same_bytes(tmp_path):
    small = Setup(events=3000, chips=(7, 8), exposure=600.0)
    for name in ("a", "b"):
        simulate(small, tmp_path / name)
    simulate(Setup(events=3000, chips=(7, 8), exposure=600.0, seed=2), tmp_path / "c")
    a, b, c = (fingerprint(tmp_path / n) for n in "abc")
    assert a == b
    assert a.keys() == c.keys() and all(a[k] != c[k] for k in a if "evt" in k.name or k.name == "truth.fits")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    small = Setup(events=2000, chips=(7,), exposure=300.0)
    (tmp_path / "mine.txt").write_text("do not touch")
    with pytest.raises(OutputExistsError, match="clobber"):
        simulate(small, tmp_path)
    simulate(small, tmp_path, clobber=True)
    assert (tmp_path / "mine.txt").read_text() == "do not touch"
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        simulate(small, tmp_path / "file" / "below")


@pytest.mark.parametrize(("events", "chips"), [(1000, (7,)), (12_345, (3, 0, 1, 2, 6)), (300_000, (7, 6, 3, 2, 5, 8))])
def test_sizes(tmp_path, events, chips):
    tree = make(tmp_path / "o", events=events, chips=chips)
    table = tree.table("*evt1*", "EVENTS")
    assert len(table) == events and set(np.unique(table["ccd_id"])) == set(chips)


def test_files_hold_their_check_sums(faint):
    for path in faint.made.folder.rglob("*.fits*"):
        with fits.open(path, checksum=True) as h:
            h.verify("exception")
            assert all("CHECKSUM" in b.header for b in h)
