"""LSFPARM: line spread functions of the gratings."""

from __future__ import annotations

import re

import numpy as np

from ciaopy.caldb.products_base import FloatArray
from ciaopy.caldb.products_gratings import LineSpread
from ciaopy.caldb.readers.access import CalibrationSource, CalTable

_COMPONENT = re.compile(r"(gauss|lorentz)(\d+)_parms?", re.IGNORECASE)


def read(file: CalibrationSource) -> LineSpread:
    """Read WIDTHS, LAMBDAS, EE_FRACS[w, n], GAUSSi_PARMS and LORENTZi_PARMS[w, n, 3].

    Layout of the interface document of mkgrmf's input, revision 1.0.0; names in its text are WIDTH and EE_FRAC, in the
    files WIDTHS and EE_FRACS: both are read. NUM_WIDTHS and NUM_LAMBDAS, where there, say how much of a vector counts.
    Of several rows (off-axis angles) that of the axis is taken: THETA_MIN 0.

    Raises
    ------
    CalibrationError
        No such table; shapes that do not go together; widths, fractions or amplitudes that cannot be.
    """
    tables = [t for t in file.tables() if t.has("LAMBDAS") and _components(t)]
    if not tables:
        file.fail("no table with columns LAMBDAS and GAUSSi_PARMS or LORENTZi_PARMS")
    table = tables[0]
    row = _row_on_axis(table)
    widths, wavelengths = _axis(table, row, "WIDTHS", "WIDTH"), _axis(table, row, "LAMBDAS")
    shape = (widths.size, wavelengths.size)
    enclosed = _cube(table, row, shape, 1, "EE_FRACS", "EE_FRAC")[..., 0]
    if not ((enclosed > 0) & (enclosed <= 1.0 + 1e-6)).all():
        table.fail("EE_FRACS is not between 0 and 1")
    parts: dict[str, list[FloatArray]] = {"gauss": [], "lorentz": []}
    for name in _components(table):
        match = _COMPONENT.fullmatch(name)
        assert match is not None
        part = _cube(table, row, shape, 3, name)
        part[..., 2] -= wavelengths
        used = part[..., 0] != 0
        if not (part[..., 1][used] > 0).all():
            table.fail(f"{name.upper()} has widths that are not above 0")
        part[..., 1] = np.where(used, part[..., 1], 1.0)
        parts[match[1].lower()].append(part)
    total = sum(p[..., 0] for kind in parts.values() for p in kind)
    if not (np.asarray(total) > 0).all():
        table.fail("the amplitudes of all components sum to 0 or less")
    gaussians, lorentzians = (np.array(parts[k]).reshape(-1, *shape, 3) for k in ("gauss", "lorentz"))
    return LineSpread(
        source=file.source,
        widths=widths,
        wavelengths=wavelengths,
        enclosed=np.minimum(enclosed, 1.0),
        gaussians=gaussians,
        lorentzians=lorentzians,
    )


def _components(table: CalTable) -> list[str]:
    """Return the columns of Gaussians and Lorentzians."""
    return [c.name for c in table.info.columns if _COMPONENT.fullmatch(c.name)]


def _row_on_axis(table: CalTable) -> int:
    n = table.block.nrows
    if n == 1 and not table.has("THETA_MIN"):
        return 0
    if not table.has("THETA_MIN"):
        table.fail(f"{n} rows and no THETA_MIN to tell them apart")
    found = np.flatnonzero(table.scalars("THETA_MIN") <= 0)
    if found.size != 1:
        table.fail(f"{found.size} rows for the axis (THETA_MIN 0), expected 1")
    return int(found[0])


def _axis(table: CalTable, row: int, *names: str) -> FloatArray:
    """Return an axis of the vectors, as many values as NUM_<axis> says."""
    values = np.atleast_1d(table.numbers(*names)[row]).ravel()
    count = f"NUM_{names[0]}"
    if table.has(count):
        n = int(np.ravel(table.integers(count))[row])
        if not 1 <= n <= values.size:
            table.fail(f"{count} is {n}, and {names[0]} has {values.size} values")
        values = values[:n]
    if not (np.isfinite(values).all() and (values > 0).all() and (np.diff(values) > 0).all()):
        table.fail(f"{names[0]} does not ascend from above 0")
    return np.ascontiguousarray(values)


def _cube(table: CalTable, row: int, shape: tuple[int, int], last: int, *names: str) -> FloatArray:
    """Return a vector column as (width, wavelength, last); its own dimensions may be larger (padded)."""
    values = table.numbers(*names)[row]
    wanted = (*shape, last) if last > 1 else shape
    if values.ndim == 1 and values.size == int(np.prod(wanted)):
        values = values.reshape(wanted)
    if values.ndim != len(wanted) or any(have < want for have, want in zip(values.shape, wanted, strict=True)):
        table.fail(f"{names[0].upper()} has the shape {values.shape}, expected {wanted}")
    cut = np.array(values[tuple(slice(0, n) for n in wanted)], np.float64)
    if not np.isfinite(cut).all():
        table.fail(f"{names[0].upper()} has NaN or infinite values")
    return cut if last > 1 else cut[..., None]
