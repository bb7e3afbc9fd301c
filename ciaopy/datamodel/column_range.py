"""The range of a column (TLMIN, TLMAX): found in the rows, written into a header."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel.opened import BlockInfo, OpenFile
    from ciaopy.fits import Header

__all__ = ["Range", "column_range", "outwards", "set_range"]

Range = tuple[float, float]


def column_range(opened: OpenFile, info: BlockInfo, names: list[str]) -> dict[str, Range]:
    """Return lowest and highest finite value of columns, row block by row block; nothing for those without any."""
    import numpy as np

    from ciaopy.datamodel.filtering import Rows
    from ciaopy.fits import Array

    def task(rows: Rows, raw: Array | None) -> dict[str, Range]:
        part = {}
        for name in names:
            values = rows.columns[name]
            good = values[np.isfinite(values)] if values.dtype.kind == "f" else values
            if good.size:
                part[name] = (float(good.min()), float(good.max()))
        return part

    found: dict[str, Range] = {}
    for part in opened.scan(info, names, task):
        for name, (low, high) in part.items():
            old = found.get(name, (low, high))
            found[name] = (min(low, old[0]), max(high, old[1]))
    return found


def outwards(limits: Range) -> Range:
    """Return the range widened to pixel edges (whole numbers and a half)."""
    return math.floor(limits[0] - 0.5) + 0.5, math.ceil(limits[1] - 0.5) + 0.5


def set_range(header: Header, ranges: dict[str, Range]) -> None:
    """Write TLMINn and TLMAXn of columns (lower-case names) into a whole header, in place."""
    for key in [k for k in header if k.startswith("TTYPE") and k[5:].isdecimal()]:
        limits = ranges.get(str(header[key]).strip().lower())
        if limits is None:
            continue
        whole = str(header.get(f"TFORM{key[5:]}", "")).strip().lstrip("1")[:1] in ("I", "J", "B", "K")
        low, high = (int(v) if whole else v for v in limits)
        for word, value in (("TLMIN", low), ("TLMAX", high)):
            if f"{word}{key[5:]}" in header:
                header[f"{word}{key[5:]}"] = value
            else:
                header.insert(key, (f"{word}{key[5:]}", value), after=True)
