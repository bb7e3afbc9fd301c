"""Files that are only identified here: GEOM, AIMPTS, TDET, SKY, SGEOM (read by ciaopy.coords) and BKGRND."""

from __future__ import annotations

from ciaopy.caldb.products_hrc import CalibrationFile
from ciaopy.caldb.readers.access import CalibrationSource

# Columns that some table of the file must have, per product; none: the layout is unknown, any table or image will do.
EVIDENCE: dict[str, tuple[tuple[str, ...], ...]] = {
    "GEOM": (("INSTRUMENT", "ORIGIN"), ("CHIP_ID", "LL", "LR", "UR", "UL")),
    "AIMPTS": (("AIMPOINT_NAME", "AIMPOINT"),),
    "TDET": (),
    "SKY": (),
    "SGEOM": (),
    "BKGRND": (),
}


def read(file: CalibrationSource) -> CalibrationFile:
    """Return the file's blocks and column names, after checking that it is what it should be.

    The layout of TDET, SKY, SGEOM and BKGRND is unknown: only some data are asked for.

    Raises
    ------
    CalibrationError
        Columns that the product must have are nowhere in the file, or it has no data at all.
    """
    tables = list(file.tables())
    for needed in EVIDENCE[file.product]:
        if not any(t.has(*needed) and t.block.nrows for t in tables):
            file.fail(f"no table with columns {', '.join(needed)}")
    blocks = {i.name: tuple(c.name for c in i.columns) for i in file.infos() if i.kind != "empty"}
    if not blocks:
        file.fail("the file has no data")
    return CalibrationFile(source=file.source, product=file.product, blocks=blocks)
