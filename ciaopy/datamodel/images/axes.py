"""The names of the axes of an image, and the vectors that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.fits import Vector

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["axis_names", "axis_vectors"]


def axis_names(header: Header, ndim: int) -> dict[str, int]:
    """Return lower-case names of the axes (`x`, `#1`) with their 1-based numbers."""
    names = {f"#{i}": i for i in range(1, ndim + 1)}
    for i in range(1, ndim + 1):
        name = str(header.get(f"CTYPE{i}P", "")).strip().lower()
        if name:
            names[name] = i
    for first, vector in axis_vectors(header):
        for k, part in enumerate(vector.components):
            names.setdefault(part.lower(), first + k)
    if ndim >= 2 and not {"x", "y"} & set(names):
        names |= {"x": 1, "y": 2}
    return names


def axis_vectors(header: Header) -> list[tuple[int, Vector]]:
    """Return the vectors of pixel coordinates with the axis they begin at."""
    found = []
    axis = 1
    for n in range(1, 10):
        name, parts = str(header.get(f"MTYPE{n}", "")).strip(), str(header.get(f"MFORM{n}", ""))
        components = tuple(p.strip() for p in parts.split(",") if p.strip())
        physical = [str(header.get(f"CTYPE{i}P", "")).strip().lower() for i in range(axis, axis + len(components))]
        if name and [c.lower() for c in components] == physical:
            found.append((axis, Vector(name, components)))
            axis += len(components)
    return found
