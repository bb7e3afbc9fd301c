"""`[@file]`: the good times in a file, chip by chip where it says so, or filters written in a text file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Ranges, Subspace, TimeTable
from ciaopy.datamodel.syntax import All, Filter, FilterExpression, parse, split_file
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Dataset, Table
from ciaopy.messages import enumerated
from ciaopy.streams import is_stream, read_text, start_of

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource

FITS_START = (b"SIMPLE  =", b"\x1f\x8b")


@dataclass(frozen=True)
class TimeSet:
    """Good times for some chips (None: all), and the block they came from."""

    chips: Ranges | None
    gti: Gti
    source: Table | None


def read_time_filter(name: str, ws: DataSource) -> tuple[TimeSet, ...] | Filter:
    """Read what stands after `@` in a filter.

    A block named in brackets, or the only one with START and STOP, holds for all rows. Otherwise the data subspace of
    the file's main block pairs chips with times; without one, GTI blocks are paired by CCD_ID (or the number in their
    name). A text file is a table of START and STOP (its two columns, where they have no names), or gives filters, one
    per line, all of which must hold.

    Raises
    ------
    UserError, DataError
        No such file, or no times in it.
    """
    vfile = parse(name)
    path = Path(vfile.path)
    if not ws.exists(path):
        raise UserError(f"filter file {path}: no such file")
    if _is_text(path, ws):
        times = _text_times(name, path, ws)
        return (times,) if times is not None else _text_filter(path)
    dataset = ws.dataset(name)
    if vfile.block is not None and not vfile.filters:
        block = ws.read(name)
        if isinstance(block, Table) and "start" in block and "stop" in block:
            return (TimeSet(None, Gti.from_table(block), block),)
    found = _from_subspaces(dataset) or _from_blocks(dataset)
    if not found:
        raise DataError(f"{name}: no block with START and STOP; a time filter needs a GTI table")
    return found


def _is_text(path: Path, ws: DataSource) -> bool:
    if ws.in_memory(path) is not None or not (path.is_file() or is_stream(path)):
        return False
    return not start_of(path, 9).startswith(FITS_START)


def _text_times(name: str, path: Path, ws: DataSource) -> TimeSet | None:
    """Return the good times of a text table, or None where the text is not one but filters.

    Raises
    ------
    DataError
        A table without START and STOP and with other than two columns, or with words among the times.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    body = [line for line in lines if line and not line.startswith("#")]
    if not body or any(re.search(r"[=<>@\[\]]", line) for line in body):
        return None
    table = ws.read(name if split_file(name)[1] else f"{path}[opt kernel=text]")
    if not isinstance(table, Table):
        return None
    pair = ["start", "stop"] if "start" in table and "stop" in table else list(table.columns)
    if len(pair) != 2 or any(table[c].dtype.kind not in "iuf" for c in pair):
        raise DataError(
            f"{name}: a table of good times has columns START and STOP of numbers; "
            f"this one has {enumerated(table.names)}"
        )
    times = Table("GTI", {k: table.column(c) for k, c in zip(("start", "stop"), pair, strict=True)}, table.header)
    return TimeSet(None, Gti.from_table(times), None)


def _text_filter(path: Path) -> Filter:
    parts: list[FilterExpression] = []
    lines = read_text(path).splitlines()
    for line in lines:
        text = line.partition("#")[0].strip() if not line.lstrip().startswith("#row") else line.strip()
        if text:
            parts += [f.expression for f in parse(f"{path}[{text.strip('[]')}]").filters]
    if not parts:
        raise UserError(f"filter file {path}: no filter in it")
    return Filter(parts[0] if len(parts) == 1 else All(tuple(parts)))


def _from_subspaces(dataset: Dataset) -> tuple[TimeSet, ...]:
    """Return the chip and time sets of the first block whose subspace has time tables."""
    every = [*dataset.blocks, *(c for b in dataset.blocks for c in b.companions)]
    tables = [b for b in every if isinstance(b, Table)]
    for block in dataset.blocks:
        subspace = Subspace.from_header(block.header, tables)
        sets = []
        for component in subspace.components:
            time, chips = component.get("time"), component.get("ccd_id")
            if isinstance(time, TimeTable):
                sets.append(TimeSet(chips if isinstance(chips, Ranges) else None, time.gti, time.table))
        if sets:
            return tuple(sets)
    return ()


def _from_blocks(dataset: Dataset) -> tuple[TimeSet, ...]:
    blocks = [b for b in dataset.blocks if isinstance(b, Table) and "start" in b and "stop" in b]
    named = [b for b in blocks if "GTI" in b.name.upper()]
    blocks = named or blocks[:1]
    if len(blocks) == 1:
        return (TimeSet(None, Gti.from_table(blocks[0]), blocks[0]),)
    sets = []
    for block in blocks:
        chip = block.header.get("CCD_ID")
        number = re.search(r"(\d+)$", block.name)
        chip = int(number[1]) if chip is None and number else chip
        sets.append(TimeSet(None if chip is None else Ranges(((int(chip), int(chip)),)), Gti.from_table(block), block))
    return tuple(sets)
