"""The REGION block of a mask: a `GratingMask` as a table, and back.

Layout of the archive's evt2 files (ObsIDs 13839, 14392): CONTENT TGMASK1, one row per shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits import Array, Column, Table, Vector
from ciaopy.gratings.arms import ARMS, Arm
from ciaopy.gratings.mask import ArmBox, GratingMask, SourceMask

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["mask_of_table", "mask_table"]

_COLUMNS = ("SOURCE", "SHAPE", "X", "Y", "R", "ROTANG", "TG_PART")
_MAX_SOURCES = 15


def mask_table(mask: GratingMask, grating: str, header: Header) -> Table:
    """Return the REGION table of a mask.

    Parameters
    ----------
    mask : GratingMask
    grating : str
        `HETG` or `LETG`.
    header : Header
        Keywords of the observation; a copy is completed.
    """
    rows: list[tuple[int, str, float, float, tuple[float, float], float, int]] = []
    for s in mask.sources:
        rows.append((s.number, "circle", s.x, s.y, (s.radius, 0.0), 0.0, 0))
        rows += [(s.number, "rotbox", b.x, b.y, (b.length, b.width), b.angle, b.arm.part) for b in s.boxes]

    def column(name: str, k: int, form: str, kind: str, unit: str = "", comment: str = "", **keys: object) -> Column:
        data = np.array([r[k] for r in rows], kind)
        return Column(name, data, form, unit, comment, {key: (v, "") for key, v in keys.items()})

    made = [
        column("SOURCE", 0, "1I", "i2", "", "Source Number", TLMIN=0),
        column("SHAPE", 1, "16A", "S16", "", "Shape of the region"),
        column("X", 2, "1E", "f4", "pixel", "Sky coords"),
        column("Y", 3, "1E", "f4", "pixel", "Sky coords"),
        column("R", 4, "2E", "f4", "pixel", "Radius Vector for SHAPE", TLMIN=0.0, TLMAX=65534.5),
        column("ROTANG", 5, "1E", "f4", "deg", "Rotation angle for SHAPE", TLMIN=-360.0, TLMAX=360.0),
        Column(
            "GRATING", np.array([grating.lower()] * len(rows), "S16"), "16A", "", "Applicable grating. hetg or letg"
        ),
        column("TG_PART", 6, "1I", "i2", "", "TG_PART", TLMIN=0, TLMAX=3),
        Column("COMPONENT", np.arange(1, len(rows) + 1, dtype=np.int16), "1I", "", "Component number"),
    ]
    out = header.copy()
    for key, value in _KEYWORDS.items():
        out[key] = value
    return Table("REGION", {c.name.lower(): c for c in made}, out, [Vector("SKY", ("X", "Y"))])


_KEYWORDS = {
    "EXTNAME": "REGION",
    "HDUNAME": "REGION",
    "CONTENT": "TGMASK1",
    "HDUSPEC": "Region and mask tables of the transmission gratings",
    "HDUVERS": "1.0.0",
    "HDUCLASS": "ASC",
    "HDUCLAS1": "REGION",
    "HDUCLAS2": "TG",
}


def mask_of_table(table: Table, arms: tuple[Arm, ...], where: str) -> GratingMask:
    """Read a mask; only the boxes of `arms` are kept.

    Raises
    ------
    DataError
        Columns are missing; a shape that is neither circle nor box; a source without a circle or without a box of
        these arms; the mask of another grating; more than 15 sources.
    """
    missing = [c for c in _COLUMNS if c not in table]
    if missing:
        raise DataError(
            f"{where}: not a grating mask: block {table.name} has no column {', '.join(missing)}; "
            "make one with tg_create_mask"
        )
    _check_grating(table, arms, where)
    shapes = [_text(v).lower() for v in table["SHAPE"]]
    numbers = table["SOURCE"].astype(int)
    order = list(dict.fromkeys(numbers.tolist()))
    if len(order) > _MAX_SOURCES:
        raise DataError(f"{where}: {len(order)} sources; tg_smap has bits for {_MAX_SOURCES}; split the mask")
    sources = [_source(table, shapes, np.flatnonzero(numbers == n), arms, where) for n in order]
    if not sources:
        raise DataError(f"{where}: block {table.name} has no regions; make the mask with tg_create_mask")
    return GratingMask(tuple(sources))


def _text(value: object) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()


def _check_grating(table: Table, arms: tuple[Arm, ...], where: str) -> None:
    if "GRATING" not in table:
        return
    made_for = {_text(v).upper() for v in table["GRATING"]} - {""}
    if made_for and not made_for <= {a.grating for a in arms} | {a.name for a in ARMS}:
        raise DataError(
            f"{where}: a mask of {', '.join(sorted(made_for))}, and the events are of {arms[0].grating}; "
            "make one for them with tg_create_mask"
        )


def _source(table: Table, shapes: list[str], rows: Array, arms: tuple[Arm, ...], where: str) -> SourceMask:
    number = int(table["SOURCE"][rows[0]])
    circle = None
    boxes = []
    for i in rows:
        x, y, angle = (float(table[c][i]) for c in ("X", "Y", "ROTANG"))
        size = np.ravel(table["R"][i]).astype(float)
        part, shape = int(table["TG_PART"][i]), shapes[i]
        if part == 0 and shape in ("circle", "ellipse") and (shape == "circle" or size[0] == size[-1]):
            circle = (x, y, float(size[0]))
        elif part > 0 and shape in ("rotbox", "box", "rotatedbox") and size.size > 1:
            arm = next((a for a in arms if a.part == part), None)
            if arm is not None:
                boxes.append(ArmBox(arm, x, y, float(size[0]), float(size[1]), angle if shape != "box" else 0.0))
        else:
            raise DataError(
                f"{where}: row {i + 1}: a {shape or 'shape without name'} for part {part}; "
                "ciaopy reads circles for part 0 and boxes for the arms"
            )
    if circle is None:
        raise DataError(f"{where}: source {number} has no zero-order circle (TG_PART 0)")
    if not boxes:
        names = ", ".join(a.name for a in arms)
        raise DataError(
            f"{where}: source {number} has no arm ({names}) but a zero order only; make the mask with tg_create_mask"
        )
    return SourceMask(number, *circle, tuple(sorted(boxes, key=lambda b: b.arm.part)))
