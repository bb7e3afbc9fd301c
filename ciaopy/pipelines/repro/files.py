"""Files that chandra_repro copies, lists and edits by itself."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.engine import Step
from ciaopy.errors import DataError
from ciaopy.fits import Dataset, Table
from ciaopy.messages import reason
from ciaopy.observation import Observation

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

_OBC_LIMIT = re.compile(r"point_.*limbang|asptype.*=.*obc", re.IGNORECASE)


def obsid(obs: Observation) -> int:
    """Return the observation number.

    Raises
    ------
    DataError
        OBS_ID is missing or no number.
    """
    text = str(obs.events.header.get("OBS_ID", "")).strip()
    if not text.isdecimal():
        raise DataError(f"{obs.events.path}: OBS_ID is {text!r}, not a number; the output names need it")
    return int(text)


def copied(obs: Observation, process_events: bool) -> tuple[Path, ...]:
    """Return the input files that stand beside the products, in the order of their copying."""
    companions = obs.companions
    paths = [obs["bpix1"], *companions.fov, *companions.aspect_paths]
    paths += [obs[k] for k in ("msk1", "mtl1", "stat1", "pbk0", "dtf1") if k in obs]
    if not process_events:
        paths.append(obs["evt2"])
    if companions.report is not None:
        paths.append(companions.report)
    return tuple(dict.fromkeys(paths))


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside `target` that takes its place at the end, or vanishes on an error.

    Raises
    ------
    UserError
        The folder cannot be written to, or the disk is full.
    """
    from ciaopy.fits import AtomicFile, write_error

    with AtomicFile(target, clobber=True, sync=False) as file:
        try:
            yield file.temporary
        except OSError as e:
            raise write_error(target, e) from e


def copy_bytes(source: Path, target: Path) -> None:
    """Copy a file as it is; the source is not changed. An existing target is replaced."""
    with replacing(target) as part, part.open("wb") as file:
        for piece in _pieces(source, packed=False):
            file.write(piece)


def copy_plain(source: Path, target: Path) -> None:
    """Copy a file, inflating `.gz`; the source is not changed. An existing target is replaced.

    Raises
    ------
    DataError
        The source cannot be read, or the compressed file is damaged.
    """
    if source.resolve() == target.resolve():
        return
    with replacing(target) as part, part.open("wb") as plain:
        for piece in _pieces(source, packed=source.suffix == ".gz"):
            plain.write(piece)


def _pieces(source: Path, packed: bool) -> Iterator[bytes]:
    """Yield the bytes of a file, inflated where it is packed."""
    from isal import igzip

    try:
        with igzip.open(source, "rb") if packed else source.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece
    except (EOFError, OSError, igzip.BadGzipFile) as e:
        what = "be inflated" if packed and not getattr(e, "strerror", None) else "be read"
        raise DataError(f"{source}: cannot {what} ({reason(e)}); take the file from the archive again") from e


def copy_all(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Copy files, each as `copy_plain` does."""
    for source, target in zip(sources, targets, strict=True):
        copy_plain(source, target)


def copy_events(ws: Workspace, source: Path, target: Path) -> None:
    """Copy the level-1 events to where their status bits will be reset: in memory, or as a plain file."""
    if ws.wants_memory(target):
        ws.write(target, ws.dataset(source), clobber=True)
    else:
        copy_plain(source, target)


def list_step(target: Path, paths: Sequence[Path]) -> Step:
    """Return the step that writes a list file; an older list is kept under a name with its date.

    Files beside the list stand in it by their bare names, which stacks take relative to the list: the folder of
    products can be moved.
    """
    lines = "".join(f"{p.name if p.parent == target.parent else p.absolute()}\n" for p in paths)
    return Step(
        "write list",
        {"file": str(target), "entries": str(len(paths))},
        makes=(target,),
        action=lambda ws: write_list(ws, target, lines),
    )


def write_list(ws: Workspace, target: Path, text: str) -> None:
    """Write a list file; an older one with other content is renamed `<name>_YYYYMMDDTHHMMSS`."""
    if target.exists() and target.read_text() != text:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(target.stat().st_mtime))
        older = target.rename(target.with_name(f"{target.name}_{stamp}"))
        ws.console.say(f"An older list is kept as {older.name}", 0)
    with replacing(target) as part:
        part.write_text(text)


def time_range(path: Path) -> tuple[float, float]:
    """Return TSTART and TSTOP of a file's first table [s, mission time].

    Raises
    ------
    DataError
        The keywords are missing.
    """
    from ciaopy.fits import read_header

    header = read_header(path, 1)
    if "TSTART" not in header or "TSTOP" not in header:
        raise DataError(f"{path}: no TSTART and TSTOP in its first table")
    return header.number("TSTART"), header.number("TSTOP")


def aspect_range(ws: Workspace, paths: Sequence[Path]) -> tuple[float, float]:
    """Return the first and the last TIME of all aspect solutions [s, mission time].

    Raises
    ------
    DataError
        They hold no times.
    """
    low, high = np.inf, -np.inf
    for path in paths:
        table = ws.read(f"{path}[cols time]")
        times = table["time"] if isinstance(table, Table) else np.zeros(0)
        times = times[np.isfinite(times)]
        if len(times):
            low, high = min(low, float(times.min())), max(high, float(times.max()))
    if high < low:
        raise DataError(f"{paths[0]}: the aspect solution holds no times")
    return low, high


def _edited(ws: Workspace, path: Path, name: str, header: Header) -> None:
    """Replace the header of one block of a file."""
    dataset = ws.dataset(path)
    blocks: list[Any] = []
    for block in dataset.blocks:
        if isinstance(block, Table) and block.name.upper() == name:
            blocks.append(Table(block.name, block.columns, header, block.vectors, block.companions))
        else:
            blocks.append(block)
    ws.write(path, Dataset(blocks, dataset.path), clobber=True)


def _block(ws: Workspace, path: Path, has: str) -> Table:
    for block in ws.dataset(path).blocks:
        if isinstance(block, Table) and has in block:
            return block
    raise DataError(f"{path}: no table with a column {has}")


def finish_aspect(ws: Workspace, path: Path) -> None:
    """Give an updated aspect solution its CONTENT, and the nominal pointing of its mean pointing."""
    block = _block(ws, path, "roll")
    header = block.header.copy()
    header["CONTENT"] = "ASPSOLOBI"
    for name in ("RA", "DEC", "ROLL"):
        if f"{name}_PNT" in header:
            header[f"{name}_NOM"] = (header[f"{name}_PNT"], f"[deg] Nominal {name}")
    _edited(ws, path, block.name.upper(), header)


def write_pointing(ws: Workspace, events: Header, aspect: Path, target: Path) -> None:
    """Write the event header as a parameter file, with the pointing of the updated aspect solution."""
    header = events.copy()
    new = _block(ws, aspect, "roll").header
    for name in ("RA", "DEC", "ROLL"):
        if f"{name}_PNT" in new:
            header[f"{name}_PNT"] = header[f"{name}_NOM"] = new[f"{name}_PNT"]
    for name in ("DY_AVG", "DZ_AVG", "DTH_AVG"):
        if name in header:
            header[name] = 0.0
    lines = [_par_line(c.keyword, c.value, c.comment) for c in header.cards if re.fullmatch(r"[A-Z][\w-]*", c.keyword)]
    with replacing(target) as part:
        part.write_text("".join(line for line in lines if line) + 'mode,s,h,"ql",,,\n')


def _par_line(key: str, value: object, comment: str) -> str:
    if key in {"COMMENT", "HISTORY", "CONTINUE", "MODE"}:
        return ""
    prompt = comment.replace('"', "'")
    if isinstance(value, bool):
        return f'{key.lower()},b,h,{"yes" if value else "no"},"","","{prompt}"\n'
    if isinstance(value, int):
        return f'{key.lower()},i,h,{value},"","","{prompt}"\n'
    if isinstance(value, float):
        return f'{key.lower()},r,h,{value!r},"","","{prompt}"\n'
    text = str(value).rstrip().replace("\\", "\\\\").replace('"', '\\"')
    return f'{key.lower()},s,h,"{text}","","","{prompt}"\n'


def write_limits(ws: Workspace, mtl: Path, target: Path) -> None:
    """Write the limits of the mission time line without those that on-board aspect cannot meet.

    Raises
    ------
    DataError
        The block LIMITS is no table.
    """
    block = ws.read(f"{mtl}[LIMITS]")
    if not isinstance(block, Table):
        raise DataError(f"{mtl}: the block LIMITS is no table")
    text = [t.decode("ascii", "replace") if isinstance(t, bytes) else str(t) for t in block["gti_limits"]]
    ws.write(target, block.take(np.array([not _OBC_LIMIT.search(t) for t in text], bool)), clobber=True)


def write_calibration_list(ws: Workspace, archive: Path, target: Path) -> None:
    """Write the calibration rows of an archived bad pixel file, without what the observation itself added."""
    from ciaopy.acis import CALIBRATION_BITS, bad_pixel_table, ccd_of, expand, merge, rows_of, to_rows

    dataset = ws.dataset(archive)
    blocks: list[Any] = []
    for block in dataset.blocks:
        if isinstance(block, Table) and "STATUS" in block and "CHIPX" in block:
            entries = expand(rows_of(block))
            listed = merge(entries.with_status(entries.status & CALIBRATION_BITS))
            blocks.append(bad_pixel_table(ccd_of(block), to_rows(listed), block.header))
        else:
            blocks.append(block)
    ws.write(target, Dataset(blocks), clobber=True)


def report_good_time(ws: Workspace, path: Path) -> None:
    """Say how much good time the limits of the mission time line leave."""
    times = [b for b in ws.dataset(path).blocks if isinstance(b, Table) and "start" in b and "stop" in b]
    total = sum(float((b["stop"] - b["start"]).sum()) for b in times)
    count = sum(b.nrows for b in times)
    ws.console.say(f"Recovered {total / 1000:.3f} ks of good time in {count} intervals.", 1)


def calibration_version() -> str:
    """Return the version of the calibration in use: the user's CALDB, else the embedded one."""
    from ciaopy.caldb import caldb_version

    return caldb_version()


def write_records(ws: Workspace, path: Path, program: str, recorded: Sequence[tuple[str, str]]) -> None:
    """Add to the events the HISTORY of chandra_repro and a COMMENT with its version."""
    from ciaopy.fits import add_history

    block = _block(ws, path, "time")
    header = block.header.copy()
    header.add_comment(program)
    add_history(header, "chandra_repro", recorded)
    _edited(ws, path, block.name.upper(), header)


def set_ardlib(ws: Workspace, bad_pixels: str) -> None:
    """Point the user's ardlib.par to a bad pixel file."""
    from ciaopy.response import set_bad_pixels

    set_bad_pixels(ws, bad_pixels)


def set_ardlib_value(name: str, value: str) -> None:
    """Set one parameter of the user's ardlib.par."""
    from ciaopy.response import store

    store("ardlib", {name: value})


def good_time(ws: Workspace, path: Path) -> float | None:
    """Return ONTIME of a file of good times, s; None where it has none."""
    for block in ws.dataset(path).blocks:
        if isinstance(block, Table) and "ONTIME" in block.header:
            return block.header.number("ONTIME")
    return None


def write_dead_time(ws: Workspace, events: Path, statistics: Path) -> None:
    """Write DTCOR of hrc_dtfstats into the events, and LIVETIME = EXPOSURE = DTCOR x ONTIME.

    Raises
    ------
    DataError
        DTCOR is no fraction, or the events have no ONTIME.
    """
    table = _block(ws, statistics, "dtcor")
    live = float(table["dtcor"][0]) if table.nrows else float("nan")
    if not 0.0 < live <= 1.0:
        raise DataError(f"{statistics}: DTCOR is {live}, not a live-time fraction between 0 and 1")
    block = _block(ws, events, "time")
    header = block.header.copy()
    if "ONTIME" not in header:
        raise DataError(f"{events}: no keyword ONTIME, the sum of the good times")
    seconds = live * header.number("ONTIME")
    for key, value, comment in (
        ("DTCOR", live, "Dead time correction"),
        ("LIVETIME", seconds, "[s] Livetime"),
        ("EXPOSURE", seconds, "[s] Exposure time"),
    ):
        header[key] = (value, header.comments[key] if key in header else comment)
    _edited(ws, events, block.name.upper(), header)
