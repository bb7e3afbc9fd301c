"""gti_align as a command: one GTI per chip, the layout of the product, which chips it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import FRAME, START, make_columns, write_events
from astropy.io import fits
from bad_pixel_helpers import save, table, write_stat
from image_tools_helpers import run

from ciaopy.conformance import check
from ciaopy.errors import DataError, NoDataError, OutputExistsError, UserError


def write_times(path: Path, chips: dict[int | None, list[tuple[float, float]]], **keys: Any) -> Path:
    """Write a good time file: a FILTER block whose subspace pairs chips with GTI blocks."""
    filters = fits.BinTableHDU.from_columns([], name="FILTER")
    filters.header.update(
        {"HDUNAME": "FILTER", "OBS_ID": "99001", "DTCOR": 0.98, "ONTIME": 1.0, "ONTIME8": 5.0, "TSTART": START, **keys}
    )
    filters.header.update({"DSTYP1": "time", "DSVAL1": "TABLE", "DSFORM1": "D", "DSTYP2": "ccd_id", "DSFORM2": "I"})
    blocks = [filters]
    for k, (chip, spans) in enumerate(chips.items(), 1):
        prefix = "" if k == 1 else str(k)
        name = "GTI" if chip is None else f"GTI{chip}"
        filters.header[f"{prefix}DSREF1"] = f":{name}"
        if chip is not None:
            filters.header[f"{prefix}DSVAL2"] = f"{chip}:{chip}"
        values = np.array(spans, float).reshape(-1, 2)
        columns = [fits.Column("START", "D", array=values[:, 0]), fits.Column("STOP", "D", array=values[:, 1])]
        hdu = table("GTI", columns, **({} if chip is None else {"CCD_ID": chip}))
        hdu.header["HDUNAME"] = name
        blocks.append(hdu)
    return save(path, *blocks)


def align(folder: Path, times: Path, *words: str, stat: Path | None = None) -> str:
    stat = stat or write_stat(folder / "stat1.fits")
    return run("gti_align", times, stat, folder / "flt2.fits", "mode=h", "verbose=2", *words)[1]


def read(path: Path) -> dict[int, list[tuple[float, float]]]:
    with fits.open(path, checksum=True) as hdus:
        return {
            b.header["CCD_ID"]: list(zip(b.data["START"].tolist(), b.data["STOP"].tolist(), strict=True))
            for b in hdus
            if b.name == "GTI"
        }


def frame_start(k: int) -> float:
    return START + (k - 0.5) * FRAME


def test_layout(tmp_path: Path) -> None:
    spans = [(frame_start(10) + 1, frame_start(40) - 1)]
    align(tmp_path, write_times(tmp_path / "flt1.fits", {3: spans, 1: spans}))
    with fits.open(tmp_path / "flt2.fits") as hdus:
        assert [b.name for b in hdus] == ["PRIMARY", "FILTER", "GTI", "GTI"]
        header = hdus["FILTER"].header
        assert len(hdus["FILTER"].data) == 0 and hdus["FILTER"].columns.names == ["TIME", "CCD_ID"]
        expected = {"DSTYP1": "TIME", "DSVAL1": "TABLE", "DSREF1": ":GTI3", "DSFORM1": "D", "DSUNIT1": "s",
                    "2DSREF1": ":GTI1", "DSTYP2": "CCD_ID", "DSVAL2": "3:3", "DSFORM2": "I",
                    "2DSVAL2": "1:1"}  # fmt: skip
        assert {k: header[k] for k in header if k.lstrip("23456789").startswith("DS")} == expected
        assert [b.header["HDUNAME"] for b in hdus[2:]] == ["GTI3", "GTI1"]
        assert any("gti_align" in line for line in header["HISTORY"])


def test_headers_hold_names_subspace_and_history_only(tmp_path: Path) -> None:
    """As the flt2 of CIAO 4.16."""
    align(tmp_path, write_times(tmp_path / "flt1.fits", {3: [(frame_start(10), frame_start(40))]}))
    report = check(tmp_path / "flt2.fits")
    assert report.kind == "flt2_acis" and report.clean, report.findings
    with fits.open(tmp_path / "flt2.fits") as hdus:
        assert not {"TELESCOP", "CONTENT", "ONTIME", "CREATOR"} & {k for b in hdus for k in b.header}
        assert hdus["GTI"].header["CCD_ID"] == hdus["GTI"].header["EXTVER"] == 3


def test_intervals_are_whole_exposures_of_each_chip(tmp_path: Path) -> None:
    inside = [(frame_start(10) + 1, frame_start(40) - 1)]
    align(tmp_path, write_times(tmp_path / "flt1.fits", {3: inside, 1: [(frame_start(5), frame_start(6))]}))
    made = read(tmp_path / "flt2.fits")
    assert made[3] == [pytest.approx((frame_start(10), frame_start(40)), abs=1e-6)]
    assert made[1] == [pytest.approx((frame_start(5), frame_start(6)), abs=1e-6)]


def test_the_product_filters_events_chip_by_chip(tmp_path: Path) -> None:
    times = write_times(tmp_path / "flt1.fits", {3: [(frame_start(50), frame_start(90))], 0: [(0.0, START + 1e4)]})
    align(tmp_path, times)
    columns = make_columns(3000)
    events = write_events(tmp_path / "evt.fits", columns)
    run("dmcopy", f"{events}[EVENTS][@{tmp_path / 'flt2.fits'}]", tmp_path / "cut.fits")
    kept = fits.getdata(tmp_path / "cut.fits", "EVENTS")
    inside = (columns["ccd_id"] == 3) & (columns["expno"] >= 50) & (columns["expno"] < 90)
    assert len(kept) == (inside | (columns["ccd_id"] == 0)).sum()


def test_one_list_of_times_serves_every_chip_in_ascending_order(tmp_path: Path) -> None:
    times = write_times(tmp_path / "flt1.fits", {None: [(frame_start(5), frame_start(9))]})
    align(tmp_path, times, stat=write_stat(tmp_path / "s.fits", ccds=(7, 2)))
    assert list(read(tmp_path / "flt2.fits")) == [2, 7]


def test_an_event_file_gives_the_order(tmp_path: Path) -> None:
    spans = [(frame_start(5), frame_start(9))]
    times = write_times(tmp_path / "flt1.fits", {0: spans, 1: spans, 2: spans, 3: spans})
    events = write_events(tmp_path / "evt.fits", make_columns(5))  # its subspace names CCD 3
    align(tmp_path, times, f"evtfile={events}")
    assert list(read(tmp_path / "flt2.fits")) == [3, 0, 1, 2]


def test_chips_without_times_or_exposures_are_named_and_left_out(tmp_path: Path) -> None:
    spans = [(frame_start(5), frame_start(9))]
    text = align(tmp_path, write_times(tmp_path / "flt1.fits", {3: spans, 8: spans}))
    assert list(read(tmp_path / "flt2.fits")) == [3]
    assert "CCD 8 has no exposures" in text and "CCD 0 has no good times" in text


def test_times_outside_all_exposures_give_empty_blocks(tmp_path: Path) -> None:
    align(tmp_path, write_times(tmp_path / "flt1.fits", {3: [(0.0, 10.0)]}))
    assert read(tmp_path / "flt2.fits") == {3: []}


@pytest.mark.data
def test_obsid_1230_stays_as_the_archive_has_it(data: Path, tmp_path: Path) -> None:
    """Its inner edges are exposures' already; the outer ones move by less than a frame."""
    folder = data / "archive/1230/secondary"
    flt, stat = (next(folder.glob(f"*{k}*")) for k in ("flt1", "stat1"))
    align(tmp_path, flt, stat=stat)
    old, new = read_archive(flt), read(tmp_path / "flt2.fits")
    assert list(new) == list(old) == [7, 5, 2, 3, 8, 6]
    for ccd, spans in old.items():
        before, after = np.array(spans), np.array(new[ccd])
        assert before.shape == after.shape
        inner = np.abs(before - after).ravel()[1:-1]
        assert inner.max() < 1e-3 and np.abs(before - after).max() <= 3.25


def read_archive(path: Path) -> dict[int, list[tuple[float, float]]]:
    with fits.open(path) as hdus:
        return {b.header["CCD_ID"]: b.data.tolist() for b in hdus[2:]}


def test_bad_input(tmp_path: Path) -> None:
    times = write_times(tmp_path / "flt1.fits", {3: [(frame_start(5), frame_start(9))]})
    out = tmp_path / "flt2.fits"
    for error, match, first, stat in (
        (UserError, "times is empty", "", write_stat(tmp_path / "s.fits")),
        (DataError, "TIMEDEL", times, write_stat(tmp_path / "a.fits", TIMEDEL=None)),
        (DataError, "continuous clocking", times, write_stat(tmp_path / "b.fits", READMODE="CONTINUOUS")),
        (
            DataError,
            r"c.fits is of ObsID 5, .*flt1.fits of ObsID 99001",
            times,
            write_stat(tmp_path / "c.fits", OBS_ID="5"),
        ),
        (NoDataError, "none of its CCDs", times, write_stat(tmp_path / "d.fits", ccds=(7,))),
        (DataError, "no column", times, times),
        (DataError, "no block with START", write_stat(tmp_path / "e.fits"), write_stat(tmp_path / "f.fits")),
        (UserError, "no such file", tmp_path / "none.fits", write_stat(tmp_path / "g.fits")),
    ):
        with pytest.raises(error, match=match):
            run("gti_align", f"times={first}", f"statfile={stat}", f"outfile={out}", "mode=h")
        assert not out.exists()
    align(tmp_path, times)
    with pytest.raises(OutputExistsError, match="clobber"):
        align(tmp_path, times)
