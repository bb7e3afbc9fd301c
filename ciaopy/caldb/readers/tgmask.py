"""TGMASK2, TGPIMASK2: regions on grating coordinates."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_base import FloatArray
from ciaopy.caldb.products_hrc import GratingRegions, RegionShape
from ciaopy.caldb.readers.access import CalibrationSource, CalTable

# Pairs of axes, in order of preference.
AXES = (("TG_R", "TG_D"), ("TG_MLAM", "PI"), ("TG_LAM", "TG_D"), ("TG_MLAM", "TG_D"), ("TG_LAM", "PI"))


def _vertices(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the vertices without padding: up to the first NaN, and not beyond where a polygon closes."""
    good = np.isfinite(x) & np.isfinite(y)
    n = len(x) if good.all() else int(np.argmin(good))
    closed = np.flatnonzero((x[1:n] == x[:1]) & (y[1:n] == y[:1]))
    n = int(closed[0]) + 2 if len(closed) else n
    return x[:n], y[:n]


def _shapes(table: CalTable, axes: tuple[str, str]) -> tuple[RegionShape, ...]:
    kinds = [t.lower() for t in table.texts("SHAPE")]
    rows = len(kinds)
    x, y = (table.numbers(a).reshape(rows, -1) for a in axes)
    if x.shape != y.shape:
        table.fail(f"{axes[0]} and {axes[1]} differ in length")
    names = table.texts("ROWID") if table.has("ROWID") else [""] * rows
    ids = {n: table.integers(n).ravel() if table.has(n) else np.zeros(rows, int) for n in ("TG_PART", "TG_M")}
    ids["TG_SRCID"] = table.integers("TG_SRCID").ravel() if table.has("TG_SRCID") else np.zeros(rows, int)
    backscal = table.scalars("BACKSCAL") if table.has("BACKSCAL") else np.ones(rows)
    out = []
    for row, kind in enumerate(kinds):
        vx, vy = _vertices(x[row], y[row]) if kind.lstrip("!") == "polygon" else (x[row], y[row])
        if len(vx) < (3 if kind.lstrip("!") == "polygon" else 1) or not np.all(np.isfinite(vx) & np.isfinite(vy)):
            table.fail(f"row {row + 1}: a {kind} of {len(vx)} vertices, or vertices that are not finite")
        part, order, source = (int(ids[n][row]) for n in ("TG_PART", "TG_M", "TG_SRCID"))
        out.append(RegionShape(names[row], kind, vx, vy, part, order, source, float(backscal[row])))
    return tuple(out)


def read(file: CalibrationSource) -> GratingRegions:
    """Read SHAPE with TG_R[], TG_D[] (degrees) or TG_MLAM[], PI[] and, where there are, ROWID, TG_PART, TG_M, BACKSCAL.

    Checked on letgD1999-07-22regN0002 (TGMASK2); the axes of TGPIMASK2 are those of the level-2 filter that uses it.

    Raises
    ------
    CalibrationError
        No table with SHAPE and a known pair of axes; polygons without three finite vertices.
    """
    for table in file.tables():
        axes = next((a for a in AXES if table.has("SHAPE", *a)), None)
        if axes is not None:
            return GratingRegions(
                source=file.source, axes=(axes[0].lower(), axes[1].lower()), shapes=_shapes(table, axes)
            )
    file.fail("no table with SHAPE and TG_R, TG_D or TG_MLAM, PI")
