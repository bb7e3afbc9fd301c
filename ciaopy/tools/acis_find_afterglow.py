"""Find cosmic-ray afterglows and hot pixels in ACIS level-1 events and add them to a bad pixel file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis import (
    CHIP_SIZE,
    AfterglowSettings,
    BadPixelEntries,
    BadPixelRows,
    Exposures,
    Frames,
    bad_pixel_table,
    ccd_of,
    empty_entries,
    expand,
    find_bad_pixels,
    read_exposures,
    rows_of,
)
from ciaopy.errors import DataError, ParameterError, UserError
from ciaopy.fits import Block, Dataset, Table
from ciaopy.response import check_same_obsid, own_keywords_removed
from ciaopy.stack import build as build_stack

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

_INVALID = np.uint32(1)
_COLUMNS = ("ccd_id", "chipx", "chipy", "expno")


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_find_afterglow.

    Raises
    ------
    DataError
        Events are not TIMED, or a file lacks columns.
    """
    if par["regwidth"] % 2 == 0:
        raise ParameterError(f"acis_find_afterglow: regwidth={par['regwidth']} must be odd: the pixel is in the middle")
    settings = AfterglowSettings(**{f.name: par[f.name] for f in fields(AfterglowSettings)})
    ws.check_output(par["outfile"], par["clobber"], (par["badpixfile"],))
    names = build_stack(par["infile"]) if par["infile"].strip() else []
    if not names:
        raise UserError("infile is empty; give the level-1 event file")
    events = [_events(name, ws) for name in names]
    header = events[0].header
    exposures = _exposures(par, ws, header)
    windows = _windows(par, ws, header)
    blocks: list[Block] = _known(par, ws, header)

    def search(block: Block) -> BadPixelEntries:
        if not _lists_bad_pixels(block):
            return empty_entries()
        ccd = ccd_of(block)
        return _search(ccd, events, exposures.get(ccd), _good_map(rows_of(block), windows, ccd), settings)

    with ThreadPoolExecutor(max(ws.nproc, 1)) as pool:
        every = list(pool.map(search, blocks))
    for i, (block, found) in enumerate(zip(blocks, every, strict=True)):
        if _lists_bad_pixels(block):
            ccd = ccd_of(block)
            ws.console.say(f"CCD {ccd}: {len(found)} afterglows and hot pixels", 1)
            base = own_keywords_removed(block.header)
            blocks[i] = bad_pixel_table(ccd, _append(rows_of(block), found), base)
    ws.write(par["outfile"], Dataset(blocks), par=par, clobber=par["clobber"])


def _lists_bad_pixels(block: Block) -> TypeGuard[Table]:
    return isinstance(block, Table) and "STATUS" in block and "CHIPX" in block


def _known(par: ParameterSet, ws: Workspace, header: Header) -> list[Block]:
    """Return the blocks of the bad pixel file that the search adds to."""
    path = par["badpixfile"]
    blocks = list(ws.dataset(path).blocks)
    lists = [b for b in blocks if _lists_bad_pixels(b)]
    if not lists:
        raise DataError(f"{path}: no BADPIX block; give the bad pixel file of acis_build_badpix")
    for block in lists:
        check_same_obsid(path, block.header, par["infile"], header)
    return blocks


def _exposures(par: ParameterSet, ws: Workspace, header: Header) -> dict[int, Exposures]:
    path = par["statfile"]
    if path.strip().lower() in {"", "none"}:
        raise UserError("statfile is empty; give the exposure statistics file (stat1) of the observation")
    stat = ws.read(path)
    if not isinstance(stat, Table):
        raise DataError(f"{path}: not an exposure statistics file: its first block is no table")
    check_same_obsid(path, stat.header, par["infile"], header)
    return read_exposures(stat)


def _events(name: str, ws: Workspace) -> Table:
    table = ws.read(name)
    if not isinstance(table, Table):
        raise DataError(f"{name}: not an event file: the block is no table")
    mode = str(table.header.get("READMODE", "TIMED")).strip().upper()
    if mode != "TIMED":
        raise DataError(f"{name}: READMODE is {mode}; afterglows are searched in TIMED exposures only")
    for column in _COLUMNS:
        table.column(column)
    return table


def _search(
    ccd: int, events: list[Table], exposures: Exposures | None, good: NDArray[np.bool_], settings: AfterglowSettings
) -> BadPixelEntries:
    if exposures is None:
        return empty_entries()
    parts = []
    for table in events:
        keep = table["ccd_id"] == ccd
        if "status" in table:
            keep &= (table["status"] & _INVALID) == 0
        parts.append([table[c][keep] for c in ("chipx", "chipy", "expno")])
    x, y, expno = (np.concatenate(column) for column in zip(*parts, strict=True))
    frames = _in_good_time(exposures.frames(), ccd, events)
    return find_bad_pixels(x, y, expno, frames, good, settings)


def _in_good_time(frames: Frames, ccd: int, events: list[Table]) -> Frames:
    """Keep the exposures whose middle lies in the good times of the event files, where they have any for the CCD."""
    keep = np.zeros(len(frames), bool)
    seen = False
    middle = (frames.start + frames.stop) / 2
    for table in events:
        for block in table.companions:
            if isinstance(block, Table) and "START" in block and "STOP" in block and _is_for(block, ccd):
                seen = True
                for start, stop in zip(block["START"], block["STOP"], strict=True):
                    keep |= (middle >= start) & (middle < stop)
    if not seen:
        return frames
    return Frames(frames.expno[keep], frames.start[keep], frames.stop[keep])


def _is_for(gti: Table, ccd: int) -> bool:
    try:
        return ccd_of(gti) == ccd
    except DataError:
        return True


def _windows(par: ParameterSet, ws: Workspace, header: Header) -> dict[int, NDArray[np.bool_]] | None:
    """Return the pixels that each CCD sends down, first index CHIPY, from a mask file; None without one.

    A component of the mask is its rectangles without its `!rectangle` ones; it is sent down where SAMP_CYC is not 0.
    """
    path = par["maskfile"]
    if path.strip().lower() in {"", "none"}:
        return None
    maps: dict[int, NDArray[np.bool_]] = {}
    for table in ws.dataset(path).tables("MASK"):
        check_same_obsid(path, table.header, par["infile"], header)
        active = maps.setdefault(ccd_of(table), np.zeros((CHIP_SIZE, CHIP_SIZE), bool))
        rate = table["SAMP_CYC"] if "SAMP_CYC" in table else np.ones(table.nrows, np.int16)
        component = table["COMPONENT"] if "COMPONENT" in table else np.arange(table.nrows)
        without = np.array([shape.decode().strip().startswith("!") for shape in table["SHAPE"]], bool)
        for number in np.unique(component[rate > 0]):
            rows = component == number
            inside = _rectangles(table, rows & ~without & (rate > 0))
            active |= inside & ~_rectangles(table, rows & without)
    if not maps:
        raise DataError(f"{path}: no MASK block; give the msk1 file of the observation")
    return maps


def _rectangles(table: Table, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels in any rectangle of the rows chosen; limits are inclusive."""
    inside = np.zeros((CHIP_SIZE, CHIP_SIZE), bool)
    for (x0, x1), (y0, y1) in zip(table["CHIPX"][rows], table["CHIPY"][rows], strict=True):
        inside[max(y0 - 1, 0) : y1, max(x0 - 1, 0) : x1] = True
    return inside


def _good_map(rows: BadPixelRows, windows: dict[int, NDArray[np.bool_]] | None, ccd: int) -> NDArray[np.bool_]:
    good = np.ones((CHIP_SIZE, CHIP_SIZE), bool)
    if windows is not None:
        good &= windows.get(ccd, np.zeros_like(good))
    known = expand(rows)
    neighbour_or_boundary = np.uint32(1 << 8 | 1 << 11 | 1 << 12)
    bad = (known.status & ~neighbour_or_boundary) != 0
    good[known.y[bad] - 1, known.x[bad] - 1] = False
    return good


def _append(rows: BadPixelRows, found: BadPixelEntries) -> BadPixelRows:
    """Return the input rows followed by one point for each new pixel, in order of time."""
    order = np.lexsort((found.x, found.y, found.time))
    new = found.take(order)
    points = BadPixelRows(new.x, new.x, new.y, new.y, new.time, new.time_stop, new.status)
    return BadPixelRows(*(np.concatenate([getattr(rows, f.name), getattr(points, f.name)]) for f in fields(rows)))
