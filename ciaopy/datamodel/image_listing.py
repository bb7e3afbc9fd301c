"""What `dmlist IMAGE cols` prints: the pixels, and from logical to physical to world coordinates of each axis."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel.listing import LETTERS, heading
from ciaopy.datamodel.wcs import physical_axis
from ciaopy.fits import Image

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["axes"]


@dataclass(frozen=True)
class _Group:
    """Axes that a vector joins (`sky` of x and y), or a single axis; `axes` are 1-based."""

    name: str
    parts: tuple[str, ...]
    axes: tuple[int, ...]

    def label(self, number: int) -> str:
        """Return `sky(x)` for the first part, `(y)` for the others, the name alone where there is one part."""
        if len(self.parts) == 1:
            return self.name
        return f"{self.name if number == 0 else ' ' * len(self.name)}({self.parts[number]})"


def axes(image: Image) -> list[str]:
    """Return the list of an image: name, unit, type and size; physical and world transforms of its axes."""
    header, data = image.header, image.data
    lines = heading(f"Columns for Image Block {image.name}")
    lines.append(f"{'ColNo':<6s} {'Name':<20s} {'Unit':<12s} {'Type':<14s} Range")
    if data is None:
        return [*lines, f"   1   {image.name:<20s} (no pixels)"]
    size = ",".join(str(n) for n in reversed(data.shape))
    kind = f"{LETTERS.get(data.dtype.str[1:], str(data.dtype))}({size.replace(',', 'x')})"
    unit = str(header.get("BUNIT", "")).strip()
    lines.append(f"   1   {f'{image.name}[{size}]':<20s} {unit:<12s} {kind:<14s} {_range(header)}".rstrip())
    for title, made in (("Physical Axis", _physical), ("World Coordinate Axis", _world)):
        found = [line for group in _groups(header, data.ndim) for line in made(header, group)]
        if found:
            lines += heading(f"{title} Transforms for Image Block {image.name}")
            lines += ["   Axis#", *found]
    return lines


def _range(header: Header) -> str:
    low, high = header.get("DATAMIN"), header.get("DATAMAX")
    return "-Inf:+Inf" if low is None or high is None else f"{float(low):.8g}:{float(high):.8g}"


def _groups(header: Header, count: int) -> list[_Group]:
    """Return the axes, joined as MTYPE and MFORM say; without these the two of a projection are a pair."""
    names = [str(header.get(f"CTYPE{k}P", f"#{k}")).strip() or f"#{k}" for k in range(1, count + 1)]
    groups, done = [], set[int]()
    for key in [k for k in header if re.fullmatch(r"MTYPE\d+", k)]:
        parts = [p.strip() for p in str(header.get(f"MFORM{key[5:]}", "")).split(",")]
        numbers = [names.index(p) + 1 for p in parts if p in names]
        if len(parts) == len(numbers) > 1 and not done & set(numbers):
            groups.append(_Group(str(header[key]).strip(), tuple(parts), tuple(numbers)))
            done |= set(numbers)
    rest = [k for k in range(1, count + 1) if k not in done]
    if {1, 2} <= set(rest) and all("-" in str(header.get(f"CTYPE{k}", "")) for k in (1, 2)):
        groups.append(_Group("pos", (names[0], names[1]), (1, 2)))
        rest = rest[2:]
    groups += [_Group(names[k - 1], (names[k - 1],), (k,)) for k in rest]
    return sorted(groups, key=lambda g: g.axes)


def _number(value: float) -> str:
    return f"{value:+.10g}"


def _physical(header: Header, group: _Group) -> list[str]:
    lines = []
    for n, k in enumerate(group.axes):
        axis = physical_axis(header, k)
        start = float(axis.from_logical(0.5))
        head = f"   {','.join(map(str, group.axes)):<6s} " if n == 0 else " " * 10
        lines.append(f"{head}{group.label(n)} = ({_number(start)}) + ({_number(axis.cdelt)}) * (#{k} - (+0.5))")
    return lines


def _world(header: Header, group: _Group) -> list[str]:
    """Return a line for each axis with a CTYPE; a rotation or a distortion is named below them."""
    world = [str(header.get(f"CTYPE{k}", "")).strip() for k in group.axes]
    if not all(world):
        return []
    vector = _world_vector(header, world)
    lines = []
    for n, k in enumerate(group.axes):
        axis, step = physical_axis(header, k), _step(header, k)
        pixel = float(axis.from_logical(header.number(f"CRPIX{k}", 0.0)))
        projection = world[n].rpartition("-")[2] if "-" in world[n] else ""
        unit = str(header.get(f"CUNIT{k}", "")).strip()
        head = f"   {','.join(map(str, group.axes)):<6s} " if n == 0 else " " * 10
        lines.append(
            f"{head}{vector.label(n)} = ({_number(header.number(f'CRVAL{k}', 0.0))})[{unit}] + "
            f"{projection}[({_number(step / axis.cdelt)}) * ({group.label(n).strip()} - ({_number(pixel)}))]"
        )
    turned = _mixing(header, group.axes)
    return [*lines, f"{'':10s}with {', '.join(turned)}"] if turned else lines


def _world_vector(header: Header, world: list[str]) -> _Group:
    """Return the names of the world coordinates: EQPOS(RA,DEC) as MTYPE and MFORM say, else those of the CTYPEs."""
    short = [w.split("-")[0] for w in world]
    for key in [k for k in header if re.fullmatch(r"MTYPE\d+", k)]:
        parts = [p.strip() for p in str(header.get(f"MFORM{key[5:]}", "")).split(",")]
        if len(parts) == len(short) and [p.upper() for p in parts] == [s.upper() for s in short]:
            return _Group(str(header[key]).strip(), tuple(parts), ())
    name = "EQPOS" if short == ["RA", "DEC"] else "WORLD"
    return _Group(name if len(short) > 1 else short[0], tuple(short), ())


def _step(header: Header, k: int) -> float:
    """Return world units per pixel along an axis: CDELT, or the length of its column of the CD matrix."""
    column = [header.number(f"CD{i}_{k}", 0.0) for i in (1, 2)]
    if any(column):
        own = header.number(f"CD{k}_{k}", 0.0) if k < 3 else 1.0
        return math.copysign(math.hypot(*column), own)
    return header.number(f"CDELT{k}", 1.0)


def _mixing(header: Header, numbers: tuple[int, ...]) -> list[str]:
    """Return the keywords, with values, that turn or distort the axes."""
    found: list[str] = []
    for key in header:
        match = re.fullmatch(
            r"(CROTA|PC|CD|PV|PS|LONPOLE|LATPOLE|RADESYS|EQUINOX|A_ORDER|B_ORDER)(\d*)(?:_(\d+))?", key
        )
        if match is None:
            continue
        value: Any = header[key]
        on_axis = not match[2] or int(match[2]) in numbers
        plain = match[1] in ("PC", "CD") and match[2] == match[3] and not _off_diagonal(header)
        if on_axis and len(numbers) > 1 and not plain and not (match[1] in ("CROTA", "PC", "CD") and value == 0):
            found.append(f"{key}={value}")
    return found


def _off_diagonal(header: Header) -> bool:
    return any(header.number(f"{m}{i}_{3 - i}", 0.0) != 0 for m in ("PC", "CD") for i in (1, 2))
