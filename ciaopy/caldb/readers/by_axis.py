"""Tables of the HRC with one row per axis, U and V."""

from __future__ import annotations

from ciaopy.caldb.readers.access import CalibrationSource, CalTable

NAMES = {"U": "U", "X": "U", "V": "V", "Y": "V"}


def axis_names(table: CalTable) -> list[str]:
    """Return `U` or `V` for each row; CalibrationError for anything else."""
    found = [NAMES.get(t.upper()[:1], "") for t in table.texts("AXIS")]
    if not all(found):
        table.fail("AXIS is not U or V in every row")
    return found


def coefficients(
    file: CalibrationSource, columns: dict[str, str], optional: tuple[str, ...] = ()
) -> dict[str, dict[str, float]]:
    """Return the coefficients of both axes.

    Parameters
    ----------
    file : CalibrationSource
        The file; its table has AXIS and one row per axis.
    columns : dict of str to str
        Our name to column name.
    optional : tuple of str
        Our names that are 0 where the column is absent.

    Raises
    ------
    CalibrationError
        Columns missing, values not finite, or not one row for each axis.
    """
    needed = [c for name, c in columns.items() if name not in optional]
    table = file.table_with("AXIS", *needed)
    axes = axis_names(table)
    if sorted(axes) != ["U", "V"]:
        table.fail("not one row for U and one for V")
    values = {name: table.scalars(c) for name, c in columns.items() if name not in optional or table.has(c)}
    return {
        axis: {name: float(values[name][row]) if name in values else 0.0 for name in columns}
        for row, axis in enumerate(axes)
    }
