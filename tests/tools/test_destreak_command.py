"""destreak as a command: flagging and removing, masks, thresholds, reports, columns that are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import FRAME, START, status_words, write_events
from astropy.io import fits
from image_tools_helpers import run

from ciaopy.errors import CiaopyError, DataError, OutputExistsError, ParameterError, UserError

STREAK = 1 << 15


def columns(chip: int = 8, n: int = 4000, status: bool = True) -> dict[str, Any]:
    """Events of one chip, in 400 frames; the last twelve are a streak: frame 200, node 1, row 555."""
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.integers(2, 1023, n), 260 + 15 * np.arange(12)])
    made = {
        "expno": np.concatenate([rng.integers(1, 400, n), np.full(12, 200)]),
        "ccd_id": np.full(n + 12, chip),
        "node_id": (x - 1) // 256,
        "chipx": x,
        "chipy": np.concatenate([rng.integers(2, 1023, n), np.full(12, 555)]),
        "grade": np.concatenate([np.zeros(n), np.full(12, 7)]),
    }
    made["time"] = START + made["expno"] * FRAME
    if status:
        made["status"] = np.zeros((n + 12, 32), bool)
    return made


def streak(made: dict[str, Any]) -> Any:
    return (made["expno"] == 200) & (made["chipy"] == 555) & (made["node_id"] == 1)


def destreak(folder: Path, events: Path, *words: object) -> str:
    return run("destreak", events, folder / "out.fits", "mask=none", "mode=h", "verbose=1", *words)[1]


def flagged(folder: Path) -> Any:
    return (status_words(fits.getdata(folder / "out.fits", "EVENTS")) & STREAK) != 0


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return write_events(tmp_path / "evt1.fits", columns(), DETNAM="ACIS-8")


def test_flags_the_streak_and_hardly_anything_else(tmp_path: Path, events: Path) -> None:
    text = destreak(tmp_path, events, "filter=no")
    found, truth = flagged(tmp_path), streak(columns())
    assert found[truth].all() and found[~truth].sum() <= 2
    assert "CCD 8" in text and f"{found.sum()} of 4012 events are in streaks" in text


def test_removes_the_streak_and_keeps_the_other_columns(tmp_path: Path, events: Path) -> None:
    destreak(tmp_path, events, "filter=no")
    expected = fits.getdata(tmp_path / "out.fits")[~flagged(tmp_path)]
    destreak(tmp_path, events, "filter=yes", "clobber=yes")
    kept = fits.getdata(tmp_path / "out.fits", "EVENTS")
    assert all(np.array_equal(kept[n], expected[n]) for n in kept.names)


def test_other_blocks_and_bits_stay(tmp_path: Path) -> None:
    made = columns()
    made["status"][:5, 27] = True  # bit 4
    path = write_events(tmp_path / "evt1.fits", made)
    destreak(tmp_path, path, "filter=no")
    with fits.open(tmp_path / "out.fits", checksum=True) as hdus:
        assert hdus["GTI"].header["CCD_ID"] == 3 and len(hdus["GTI"].data) == 1
        words = status_words(hdus["EVENTS"].data)
    assert (words[:5] & 16).all() and not (words & ~np.uint32(STREAK | 16)).any()


def test_the_mask_picks_what_counts_and_whole_rows_are_flagged(tmp_path: Path, events: Path) -> None:
    destreak(tmp_path, events, "filter=no", "mask=[grade=0,2:4,6]")
    assert not flagged(tmp_path)[streak(columns())].any()  # the streak has grade 7 only
    made = columns()
    made["grade"][-6:] = 0
    write_events(events, made)
    destreak(tmp_path, events, "filter=no", "mask=[status=0,grade=0,2:4,6]", "clobber=yes")
    assert flagged(tmp_path)[streak(made)].all()


@pytest.mark.parametrize(("given", "found"), [("11", True), ("12", False), ("0:11:0:0", True), ("0:12:0:0", False)])
def test_a_threshold_is_for_all_nodes_or_each(tmp_path: Path, events: Path, given: str, found: bool) -> None:
    destreak(tmp_path, events, "filter=no", f"max={given}")
    assert flagged(tmp_path)[streak(columns())].all() == found


def test_chips_are_those_named(tmp_path: Path, events: Path) -> None:
    destreak(tmp_path, events, "filter=no", "ccd_id=7")
    assert not flagged(tmp_path).any()
    destreak(tmp_path, events, "filter=no", "ccd_id=7,8", "clobber=yes")
    assert flagged(tmp_path).any()


def test_reports(tmp_path: Path, events: Path) -> None:
    names = [f"{k}file={tmp_path / k}.fits" for k in ("count", "frac", "time")]
    destreak(tmp_path, events, "filter=no", *names)
    count, frac, time = (fits.getdata(tmp_path / f"{k}.fits") for k in ("count", "frac", "time"))
    assert (count["events"] * count["rows"]).sum() == 4012
    top = count["rows"][(count["node_id"] == 1) & (count["events"] == 12)]
    assert top.tolist() == [1] and frac["fraction"].min() == 0 and frac["fraction"].max() < 0.01
    assert time["time"][554] == pytest.approx(3.2) and len(time) == 1024


def test_no_events_is_a_valid_result(tmp_path: Path) -> None:
    path = write_events(tmp_path / "evt1.fits", {k: v[:0] for k, v in columns().items()})
    destreak(tmp_path, path, "filter=yes", f"countfile={tmp_path / 'c.fits'}")
    assert len(fits.getdata(tmp_path / "out.fits", "EVENTS")) == 0


def test_nodes_come_from_chipx_where_there_is_no_column(tmp_path: Path) -> None:
    made = columns()
    del made["node_id"]
    destreak(tmp_path, write_events(tmp_path / "evt1.fits", made), "filter=no")
    assert flagged(tmp_path)[streak(columns())].all()


def test_bad_input(tmp_path: Path, events: Path) -> None:
    bare = columns()
    del bare["expno"]
    none = write_events(tmp_path / "none.fits", columns(status=False))
    cases: list[tuple[type[CiaopyError], str, Path, tuple[str, ...]]] = [
        (DataError, "no column expno", write_events(tmp_path / "bare.fits", bare), ()),
        (DataError, "no column STATUS", none, ("filter=no", f"countfile={tmp_path / 'c.fits'}")),
        (DataError, "no column chip_id", events, ("ccd_col=chip_id",)),
        (ParameterError, "max='1:2' *: give one threshold", events, ("max=1:2",)),
        (ParameterError, "max='many' must hold whole numbers", events, ("max=many",)),
        (ParameterError, "ccd_id is empty", events, ("ccd_id=",)),
        (UserError, "would overwrite the input", events, (f"timefile={events}",)),
        (UserError, "nosuch", events, ("mask=[nosuch=1]",)),
        (DataError, "no such file", tmp_path / "nothing.fits", ()),
    ]
    for error, match, path, words in cases:
        with pytest.raises(error, match=match):
            destreak(tmp_path, path, *words)
        assert not (tmp_path / "out.fits").exists() and not (tmp_path / "c.fits").exists()
    destreak(tmp_path, events)
    with pytest.raises(OutputExistsError, match="clobber"):
        destreak(tmp_path, events)
