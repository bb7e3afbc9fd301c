"""DET_GAIN: pulse height to energy on regions of each chip."""

from __future__ import annotations

from ciaopy.caldb.products_acis import DetGain
from ciaopy.caldb.products_base import ChipCurves
from ciaopy.caldb.readers.access import CalibrationSource


def read(file: CalibrationSource) -> DetGain:
    """Read CCD_ID, CHIPX_MIN/MAX, CHIPY_MIN/MAX, NPOINTS, PHA[] (adu), ENERGY[] (eV, or keV by its unit).

    Checked on a real file of that layout (3072 rows of 89 points).

    Raises
    ------
    CalibrationError
        Columns missing, points that do not ascend or are not finite, or rows without a chip.
    """
    chips: dict[int, ChipCurves] = {}
    for table in file.tables():
        if not table.has("PHA", "ENERGY"):
            continue
        pha, energy = table.numbers("PHA"), table.numbers("ENERGY")
        if pha.ndim != 2 or pha.shape != energy.shape:
            table.fail("PHA and ENERGY are not vectors of the same length")
        ccd = table.chip_column(len(pha))
        if ccd.min() < 0:
            table.fail("rows without a chip (column CCD_ID)")
        scale = 1000.0 * table.energy_scale("ENERGY")
        chips |= table.chip_curves(pha, {"energy": energy * scale}, ccd)
    if not chips:
        file.fail("no table with columns PHA, ENERGY")
    return DetGain(source=file.source, chips=chips)
