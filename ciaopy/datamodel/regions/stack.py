"""The regions of `[bin sky=...]`: one per row of a table of counts."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.regions.coordinates import SYSTEMS, SkyMapping
from ciaopy.datamodel.regions.reading import ReadBlock, parse_region, read_region_file
from ciaopy.datamodel.regions.region import Region
from ciaopy.errors import RegionError, StackError
from ciaopy.streams import decoded, is_stream, read_bytes

if TYPE_CHECKING:
    from ciaopy.datamodel.syntax import Axis

SHAPE = re.compile(r"\s*([A-Za-z]+)\s*\((.*)\)\s*$", re.S)
RANGE = re.compile(r"\s*([-+.\deE]+)\s*:\s*([-+.\deE]+)\s*:\s*(#?)\s*([-+.\deE]+)\s*$")
MAX_REGIONS = 100_000
# Position of the first radius (or angle) that a range may stand for, and whether two arguments are one interval.
PAIRED = {"annulus": ((2, 3),), "pie": ((2, 3), (4, 5)), "sector": ((2, 3),)}


def axis_regions(axis: Axis, wcs: SkyMapping | None, read: ReadBlock) -> list[Region]:
    """Return the regions of a binning axis: `annulus(x,y,r0:r1:dr)`, `region(file)`, `@file` (a region per line).

    Parameters
    ----------
    axis : Axis
        Of the binning.
    wcs : SkyMapping or None
        For sky coordinates.
    read : callable
        Reads region files with a block or a filter: `Workspace.read`.

    Raises
    ------
    RegionError, StackError
        A region cannot be parsed, or a file is missing.
    """
    if axis.grid:
        return _from_stack(axis.grid, wcs, read)
    return [parse_region(text, wcs, read) for text in expand_ranges(axis.region)]


def _from_stack(name: str, wcs: SkyMapping | None, read: ReadBlock) -> list[Region]:
    path = Path(name.lstrip("-"))
    if not path.is_file() and not is_stream(path):
        raise StackError(f"{path}: no such file of regions")
    data = read_bytes(path)
    if data.startswith(b"SIMPLE  ="):
        return [Region((c,)) for c in read_region_file(path, wcs, read).components]
    texts, system = [], ""
    for line in decoded(data, str(path)).splitlines():
        for piece in line.partition("#")[0].split(";"):
            text = piece.strip()
            if text.lower() in SYSTEMS:
                system = f"{text};"
            elif "(" in text and not text.lower().startswith("global"):
                texts += [system + t for t in expand_ranges(text.lstrip("+").strip())]
    if not texts:
        raise RegionError(f"{path}: no regions in it")
    return [parse_region(t, wcs, read) for t in texts]


def expand_ranges(text: str) -> list[str]:
    """Expand ranges `lo:hi:step` or `lo:hi:#n` among the sizes of one shape.

    The radii of an annulus or pie (and the angles of a pie) become consecutive intervals: `annulus(1,2,0:30:10)` is
    three annuli. Any other argument takes the values lo, lo + step, ..., hi.
    """
    match = SHAPE.match(text)
    if match is None:
        return [text]
    name, arguments = match[1].lower(), [a.strip() for a in match[2].split(",")]
    arguments = _counted(name, arguments)
    texts = [arguments]
    for number in range(len(arguments) - 1, 1, -1):
        found = RANGE.match(arguments[number])
        if found is None:
            continue
        edges = _edges(found, text)
        new = []
        for one in texts:
            index = number if one[number] == arguments[number] else one.index(arguments[number])
            if name in PAIRED:
                pairs = [[f"{a:.10g}", f"{b:.10g}"] for a, b in pairwise(edges)]
                new += [one[:index] + pair + one[index + 1 :] for pair in pairs]
            else:
                new += [[*one[:index], f"{v:.10g}", *one[index + 1 :]] for v in edges]
        texts = new
        if len(texts) > MAX_REGIONS:
            raise RegionError(f"{text}: more than {MAX_REGIONS} regions")
    return [f"{match[1]}({','.join(t)})" for t in texts]


def _counted(name: str, arguments: list[str]) -> list[str]:
    """Return `annulus(x,y,r0,r1,n=3)` of ds9 as the range r0:r1:#3; radii with units stay, as one region."""
    number = re.fullmatch(r"n\s*=\s*(\d+)", arguments[-1], re.IGNORECASE)
    if name != "annulus" or number is None or len(arguments) != 5:
        return arguments
    if not all(re.fullmatch(r"[-+.\deE]+", a) for a in arguments[2:4]):
        return arguments
    return [*arguments[:2], f"{arguments[2]}:{arguments[3]}:#{number[1]}"]


def _edges(found: re.Match[str], text: str) -> list[float]:
    try:
        lo, hi, size = float(found[1]), float(found[2]), float(found[4])
    except ValueError:
        raise RegionError(f"{text}: {found[0].strip()} is not a range") from None
    count = int(size) if found[3] else math.floor((hi - lo) / size + 1e-9) if size > 0 else 0
    if not lo < hi or not 0 < count <= MAX_REGIONS:
        raise RegionError(f"{text}: the range {found[0].strip()} is empty or too fine")
    step = (hi - lo) / count if found[3] else size
    return [lo + k * step for k in range(count + 1)]
