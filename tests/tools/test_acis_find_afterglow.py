"""acis_find_afterglow and acis_run_hotpix as commands: what is found, where it goes, files that do not belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import FRAME, START, write_bad_pixels, write_events
from astropy.io import fits
from bad_pixel_helpers import (
    as_list,
    bad_pixel_hdu,
    one_pixel,
    read_all,
    save,
    table,
    write_block,
    write_burst,
    write_mask,
    write_stat,
)
from image_tools_helpers import run

from ciaopy.errors import CiaopyError, DataError, OutputExistsError, ParameterError, UserError

AFTERGLOW, HOT = 1 << 15, 1 << 14


class Bench:
    """Events with one burst, a bad pixel file with one known pixel, and the tool."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "aglow.fits"
        self.given: dict[str, Any] = {
            "infile": write_burst(folder / "evt1.fits"),
            "outfile": self.out,
            "badpixfile": write_bad_pixels(folder / "abb.fits", [(3, 7, 9, 0.0, 0.0, 1)]),
            "maskfile": "none",
            "statfile": write_stat(folder / "stat1.fits"),
            "verbose": 1,
            "mode": "h",
        }

    def __call__(self, tool: str = "acis_find_afterglow", **values: Any) -> dict[int, list[tuple[Any, ...]]]:
        self.text = run(tool, *(f"{k}={v}" for k, v in (self.given | values).items()))[1]
        return {ccd: as_list(rows) for ccd, rows in read_all(self.out).items()}

    def fails(self, error: type[CiaopyError], match: str, tool: str = "acis_find_afterglow", **values: Any) -> None:
        with pytest.raises(error, match=match):
            self(tool, **values)
        assert not self.out.exists()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def new_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [r for r in rows if r[-1] & (AFTERGLOW | HOT)]


def test_the_burst_is_found_with_its_times_and_the_known_rows_stay(bench: Bench) -> None:
    made = bench()
    assert made[3][0][:2] == (7, 7) and made[0] == made[1] == made[2] == []
    [(x0, x1, y0, y1, start, stop, status)] = new_rows(made[3])
    assert (x0, x1, y0, y1, status) == (400, 400, 500, 500, AFTERGLOW)
    assert start == pytest.approx(START + 99.5 * FRAME) and stop == pytest.approx(START + 105.5 * FRAME)
    assert "CCD 3: 1 afterglows" in bench.text


def test_the_old_name_does_the_same(bench: Bench) -> None:
    same = bench()
    bench.out.unlink()
    assert bench("acis_run_hotpix", pbkfile="none", biasfile=bench.folder / "b.fits") == same
    assert "biasfile is not used" in bench.text
    bench.out.unlink()
    bench.fails(UserError, "give statfile", "acis_run_hotpix", pbkfile="none", biasfile="none", statfile="")


def test_a_known_bad_pixel_is_not_searched(bench: Bench) -> None:
    known = write_bad_pixels(bench.folder / "known.fits", [(3, 400, 500, 0.0, 0.0, 1)])
    assert new_rows(bench(badpixfile=known)[3]) == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("rectangle", 1, 2, 1023, 2, 1023, 1)], 1),
        ([("rectangle", 1, 2, 1023, 2, 450, 1)], 0),
        ([("rectangle", 1, 390, 410, 490, 510, 0), ("rectangle", 2, 2, 1023, 2, 1023, 1),
          ("!rectangle", 2, 390, 410, 490, 510, 1)], 0),
        ([("rectangle", 1, 2, 1023, 2, 1023, 1), ("rectangle", 2, 1, 1024, 1, 1024, 0),
          ("!rectangle", 2, 2, 1023, 2, 1023, 1)], 1),
    ],
)  # fmt: skip
def test_only_pixels_that_are_sent_down_are_searched(bench: Bench, rows: Any, found: int) -> None:
    made = bench(maskfile=write_mask(bench.folder / "msk1.fits", rows))
    assert len(new_rows(made[3])) == found


def test_invalid_events_and_lost_exposures_do_not_count(bench: Bench) -> None:
    with fits.open(bench.given["infile"]) as hdus:
        burst = (hdus["EVENTS"].data["chipx"] == 400) & (hdus["EVENTS"].data["chipy"] == 500)
        status = hdus["EVENTS"].data["status"].copy()
        status[burst, 31] = True
        hdus["EVENTS"].data["status"] = status
        hdus.writeto(bench.folder / "invalid.fits")
    assert new_rows(bench(infile=bench.folder / "invalid.fits")[3]) == []
    few = write_stat(bench.folder / "few.fits", frames=90)
    assert new_rows(bench(statfile=few, clobber="yes")[3]) == []


def test_several_event_files_are_searched_together(bench: Bench) -> None:
    with fits.open(bench.given["infile"]) as hdus:
        half = hdus["EVENTS"].data["expno"] < 103
        for name, rows in (("a", half), ("b", ~half)):
            part = fits.BinTableHDU(hdus["EVENTS"].data[rows], hdus["EVENTS"].header)
            fits.HDUList([hdus[0], part, hdus[2]]).writeto(bench.folder / f"{name}.fits")
    (bench.folder / "evt.lis").write_text("a.fits\nb.fits\n")
    assert len(new_rows(bench(infile=f"@{bench.folder / 'evt.lis'}")[3])) == 1


def test_no_events_and_chips_without_exposures_give_the_known_rows(bench: Bench) -> None:
    empty = write_burst(bench.folder / "none.fits", size=0, background=0)
    assert [r[:4] for r in bench(infile=empty)[3]] == [(7, 7, 9, 9)]
    other = write_stat(bench.folder / "other.fits", ccds=(0, 1))
    assert [r[:4] for r in bench(statfile=other, clobber="yes")[3]] == [(7, 7, 9, 9)]


def test_without_hot_pixel_search(bench: Bench) -> None:
    n = 4000
    rng = np.random.default_rng(1)
    expno = np.sort(rng.integers(1, 300, n))
    hot = rng.random(n) < 0.05
    columns = {
        "time": START + expno * FRAME, "expno": expno, "ccd_id": np.full(n, 3),
        "chipx": np.where(hot, 700, rng.integers(2, 1024, n)), "chipy": np.where(hot, 300, rng.integers(2, 1024, n)),
    }  # fmt: skip
    events = write_events(bench.folder / "hot.fits", columns)
    found = new_rows(bench(infile=events)[3])
    assert [r[:4] for r in found if r[-1] & HOT] == [(700, 700, 300, 300)]
    assert not [r for r in bench(infile=events, runhotpix="no", clobber="yes")[3] if r[-1] & HOT]


def test_bad_input(bench: Bench) -> None:
    folder = bench.folder
    bench.fails(UserError, "infile is empty", infile="")
    bench.fails(ParameterError, "regwidth=8 must be odd", regwidth=8)
    bench.fails(DataError, "READMODE is CONTINUOUS", infile=write_burst(folder / "cc.fits", READMODE="CONTINUOUS"))
    bare = write_events(folder / "bare.fits", {"time": np.zeros(2), "ccd_id": np.full(2, 3)})
    bench.fails(DataError, "no column chipx", infile=bare)
    bench.fails(DataError, "TIMEDEL", statfile=write_stat(folder / "s.fits", TIMEDEL=None))
    bench.fails(UserError, "statfile is empty", statfile="none")
    bench.fails(DataError, "nosuch", maskfile=folder / "nosuch.fits")
    bench.fails(DataError, "no MASK block", maskfile=bench.given["badpixfile"])
    bench.fails(DataError, "no BADPIX block", badpixfile=write_block(folder / "p.fits"))
    bench.fails(DataError, "no column CHIPY", badpixfile=_without_chipy(folder))
    for name, made in (
        ("badpixfile", write_bad_pixels(folder / "b5.fits", [(3, 1, 1, 0.0, 0.0, 1)], obsid="5")),
        ("statfile", write_stat(folder / "s5.fits", OBS_ID="5")),
    ):
        bench.fails(DataError, r"5.fits is of ObsID 5, .*evt1.fits of ObsID 99001", **{name: made})
    bench()
    with pytest.raises(OutputExistsError, match="clobber"):
        bench()


def _without_chipy(folder: Path) -> Path:
    whole = bad_pixel_hdu(3, one_pixel((1, 1, 1)))
    kept = [c for c in whole.columns if c.name != "CHIPY"]
    return save(folder / "broken.fits", table("BADPIX", kept, CCD_ID=3))
