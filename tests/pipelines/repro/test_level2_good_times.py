"""Level 2 holds the events of its good times and no others, whatever the good times of level 1 are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.acis import read_exposures
from ciaopy.cli.main import run_application
from ciaopy.datamodel import Gti, Workspace
from ciaopy.fits import Table

CHIPS = (3, 7)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sim") / "obs"
    assert run_application(["simulate", str(folder), "--events", "4000", "--seed", "5", "--chips", "37"]) == 0
    for packed in folder.rglob("*_evt1.fits.gz"):
        with fits.open(packed) as hdus:
            hdus.writeto(packed.with_suffix(""))
        packed.unlink()
    return folder


@pytest.fixture
def tree(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "obs"))


def find(tree: Path, pattern: str) -> Path:
    return next(iter(tree.rglob(pattern)))


def change(path: Path, edit: Callable[[Any], None]) -> None:
    with fits.open(path, mode="update") as hdus:
        edit(hdus)


def reprocess(tree: Path) -> Path:
    words = ["chandra_repro", str(tree), "", "mode=h", "set_ardlib=no", "verbose=0", "badpixel=no"]
    assert run_application(words) == 0
    return tree / "repro"


def good_times(path: Path) -> dict[int, Gti]:
    with fits.open(path) as hdus:
        return {b.header["CCD_ID"]: Gti(b.data["START"], b.data["STOP"]) for b in hdus if b.name == "GTI"}


def events(path: Path) -> Any:
    return fits.getdata(path, "EVENTS")


def good_grades(tree: Path) -> Any:
    rows = events(find(tree, "*_evt1.fits"))
    return rows[np.isin(rows["grade"], [0, 2, 3, 4, 6])]


def test_level_1_with_events_outside_its_times_gets_the_times_of_flt2(tree: Path, conforms: Any) -> None:
    """Good times that end within an exposure, before its events: CIAO's level 2 ends where flt2 does, at its edge."""
    rows = good_grades(tree)
    last = {ccd: float(rows["time"][rows["ccd_id"] == ccd].max()) - 0.5 for ccd in CHIPS}

    def shorten(hdus: Any) -> None:
        for block in hdus:
            if block.name == "GTI":
                block.data["STOP"][-1] = last[block.header["CCD_ID"]]

    change(find(tree, "*_evt1.fits"), shorten)
    packed = find(tree, "*_flt1.fits.gz")
    with fits.open(packed) as hdus:
        shorten(hdus)
        hdus.writeto(packed.with_suffix(""))
    packed.unlink()
    out = reprocess(tree)
    made = good_times(out / "acisf90001_repro_evt2.fits")
    assert made == good_times(out / "acisf90001_repro_flt2.fits")
    level2 = events(out / "acisf90001_repro_evt2.fits")
    for ccd in CHIPS:
        mine = level2["time"][level2["ccd_id"] == ccd]
        assert mine.max() > last[ccd] and made[ccd].filter(mine).all()
    conforms(out / "acisf90001_repro_evt2.fits")


def test_level_1_cut_in_time_loses_no_event_and_counts_no_exposure_without_events(tree: Path, conforms: Any) -> None:
    whole = find(tree, "*_evt1.fits")
    time = events(whole)["time"]
    start, stop = np.quantile(time, [0.2, 0.8]).tolist()
    cut = tree / "cut.fits"
    assert run_application(["dmcopy", f"{whole}[time={start!r}:{stop!r}]", str(cut)]) == 0
    cut.replace(whole)
    out = reprocess(tree)
    level2, made = events(out / "acisf90001_repro_evt2.fits"), good_times(out / "acisf90001_repro_evt2.fits")
    stat = Workspace().read(find(tree, "*_stat1.fits.gz"))
    assert isinstance(stat, Table)
    for ccd, exposures in read_exposures(stat).items():
        inside = (exposures.time >= start) & (exposures.time < stop)
        expected = good_times(out / "acisf90001_repro_flt2.fits")[ccd].filter(exposures.time) & inside
        assert np.array_equal(made[ccd].filter(exposures.time), expected)
        assert made[ccd].duration == pytest.approx(expected.sum() * np.median(np.diff(exposures.time)), rel=2e-3)
    assert len(level2) == pytest.approx(len(good_grades(tree)), rel=0.05)
    conforms(out / "acisf90001_repro_evt2.fits")


def test_events_outside_the_good_times_of_level_1_are_no_level_2(tree: Path, conforms: Any) -> None:
    """Level 1 leaves out a stretch that flt1 does not: neither its time nor its events count."""
    middle = float(np.median(events(find(tree, "*_evt1.fits"))["time"]))

    def open_gap(hdus: Any) -> None:
        for k, block in enumerate(hdus):
            if block.name == "GTI":
                gti = Gti(block.data["START"], block.data["STOP"]) - Gti([middle - 200], [middle + 200])
                data = np.rec.fromarrays([gti.start, gti.stop], dtype=block.data.dtype.newbyteorder("="))
                hdus[k] = fits.BinTableHDU(data, header=block.header)

    change(find(tree, "*_evt1.fits"), open_gap)
    out = reprocess(tree)
    time = events(out / "acisf90001_repro_evt2.fits")["time"]
    assert len(time) and not ((time > middle - 195) & (time < middle + 195)).any()
    conforms(out / "acisf90001_repro_evt2.fits")
