"""T_GAIN: drift of the pulse height between two epochs."""

from __future__ import annotations

from datetime import UTC, datetime

from ciaopy.caldb.products_acis import TimeGain
from ciaopy.caldb.products_base import ChipCurves
from ciaopy.caldb.readers.access import CalibrationSource, CalTable

_ZERO = datetime(1998, 1, 1, tzinfo=UTC)


def _epoch(table: CalTable, name: str) -> float:
    """Return an epoch in mission seconds: a number, or a date."""
    value = table.key(name)
    if isinstance(value, str):
        try:
            return (datetime.fromisoformat(value.strip()).replace(tzinfo=UTC) - _ZERO).total_seconds()
        except ValueError:
            table.fail(f"keyword {name} is {value!r}, neither a number nor a date")
    return table.number(name)


def read(file: CalibrationSource) -> TimeGain:
    """Read CCD_ID, CHIPX/CHIPY limits, NPOINTS, PHA[], DELTPHA1[], DELTPHA2[] and keywords EPOCH1, EPOCH2.

    The column names are from memory of the public documentation, no CALDB file was at hand; a single column DELTPHA
    holds for both epochs.

    Raises
    ------
    CalibrationError
        Columns or epochs missing, points that do not ascend or are not finite, or rows without a chip.
    """
    chips: dict[int, ChipCurves] = {}
    first = second = 0.0
    for table in file.tables():
        if not table.has("PHA") or table.find("DELTPHA1", "DELTPHA_1", "DELTPHA") is None:
            continue
        pha = table.numbers("PHA")
        shifts = {
            "shift1": table.numbers("DELTPHA1", "DELTPHA_1", "DELTPHA"),
            "shift2": table.numbers("DELTPHA2", "DELTPHA_2", "DELTPHA"),
        }
        if pha.ndim != 2 or any(s.shape != pha.shape for s in shifts.values()):
            table.fail("PHA and DELTPHA are not vectors of the same length")
        ccd = table.chip_column(len(pha))
        if ccd.min() < 0:
            table.fail("rows without a chip (column CCD_ID)")
        flat = table.find("DELTPHA1", "DELTPHA_1") is None and table.key("EPOCH1") is None
        first, second = (0.0, 0.0) if flat else (_epoch(table, "EPOCH1"), _epoch(table, "EPOCH2"))
        chips |= table.chip_curves(pha, shifts, ccd)
    if not chips:
        file.fail("no table with columns PHA, DELTPHA1, DELTPHA2")
    return TimeGain(source=file.source, chips=chips, epoch1=first, epoch2=second)
