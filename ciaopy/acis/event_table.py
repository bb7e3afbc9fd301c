"""The output table of acis_process_events: columns with their descriptions, and the header keywords.

Names, units, ranges and null values are those of archive level-1 files (ObsID 754 and CIAO 4.16 output).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ciaopy.coords import SkyFrame
from ciaopy.datamodel import clear_world
from ciaopy.events import DefinedColumn
from ciaopy.fits import Array, Column, Table, Vector

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["CalibrationRecord", "event_table", "write_keywords"]

# Name: (comment, unit, TLMIN, TLMAX, TNULL); None leaves a keyword out.
_DESCRIPTIONS: dict[str, tuple[str, str, float | None, float | None, int | None]] = {
    "time": ("S/C TT corresponding to mid-exposure", "s", None, None, None),
    "time_ro": ("S/C TT corresponding to event readout", "s", None, None, None),
    "expno": ("Exposure number of CCD frame containing event", "", 0, None, None),
    "ccd_id": ("CCD reporting event", "", 0, 9, None),
    "node_id": ("CCD serial readout amplifier node", "", 0, 3, None),
    "chipx": ("Chip coords", "pixel", 1, 1024, None),
    "chipy": ("Chip coords", "pixel", 1, 1024, None),
    "tdetx": ("ACIS tiled detector coordinates", "pixel", 1, 8192, 9999),
    "tdety": ("ACIS tiled detector coordinates", "pixel", 1, 8192, 9999),
    "detx": ("ACIS detector coordinates", "pixel", 0.5, 8192.5, None),
    "dety": ("ACIS detector coordinates", "pixel", 0.5, 8192.5, None),
    "x": ("sky coordinates", "pixel", 0.5, 8192.5, None),
    "y": ("sky coordinates", "pixel", 0.5, 8192.5, None),
    "sky_1d": ("1-D sky coordinate", "pixel", 0.5, 8192.5, None),
    "phas": ("array of pixel pulse heights", "adu", -4096, 4095, None),
    "corn_pha": ("mean of corner pixel pulse heights", "adu", -4096, 4095, None),
    "pha": ("total pulse height of event", "adu", 0, 36855, 0),
    "pha_ro": ("total read-out pulse height of event", "adu", 0, 36855, 0),
    "energy": ("nominal energy of event (eV)", "eV", 0.0, 1e6, None),
    "pi": ("pulse invariant energy of event", "chan", 1, 1024, 0),
    "fltgrade": ("event grade, flight system", "", 0, 255, None),
    "grade": ("binned event grade", "", 0, 7, None),
    "status": ("event status bits", "", None, None, None),
}

_PAIRS = (("chip", ("chipx", "chipy")), ("tdet", ("tdetx", "tdety")), ("det", ("detx", "dety")), ("sky", ("x", "y")))
_WORLD = (
    ("CPC", ("CPCX", "CPCY"), "chipx"),
    ("MSC", ("PHI", "THETA"), "detx"),
    ("EQPOS", ("RA", "DEC"), "x"),
)


@dataclass
class CalibrationRecord:
    """What was used, for the header: keyword to value, and the columns carried over from the input.

    Attributes
    ----------
    keywords : dict of str to value
        In the order they are written.
    carried : tuple of str
        Columns that stay as in the input although they were asked for anew.
    source : str
        File they come from.
    notes : list of str
        Sentences for COMMENT records.
    """

    keywords: dict[str, Any] = field(default_factory=dict)
    carried: tuple[str, ...] = ()
    source: str = ""
    notes: list[str] = field(default_factory=list)


_COMMENTS = {
    "PIX_ADJ": "Subpixel adjustment algorithm",
    "CHKVFPHA": "Checked very faint pha",
    "CORNERS": "num adjacent side pix > threshold to include co",
    "GRADESYS": "grade system: ASCA, ACIS, or USER",
    "ACSYS1": "reference for chip coord system",
    "ACSYS2": "reference for tiled detector coord system",
    "ACSYS3": "reference for focal plane coord system",
    "ACSYS4": "reference for sky coord system",
    "TIME_ADJ": "time adjustment algorithm",
    "CREATOR": "tool that created this output",
    "KEPTCOLS": "columns kept from the input (no calibration)",
    "KEPTFROM": "file they come from",
    "LITECAL": "products of the embedded calibration used",
}


def write_keywords(header: Header, record: CalibrationRecord) -> None:
    """Write a record into a header, in place; KEPTCOLS and LITECAL of an earlier run go if nothing is kept or used."""
    header.remove("LITECAL", ignore_missing=True)
    for key, value in record.keywords.items():
        header[key] = (value, header.comments[key] if key in header else _COMMENTS.get(key, ""))
    for key in ("KEPTCOLS", "KEPTFROM"):
        header.remove(key, ignore_missing=True)
    if record.carried:
        header["KEPTCOLS"] = (",".join(record.carried), _COMMENTS["KEPTCOLS"])
        header["KEPTFROM"] = (record.source, _COMMENTS["KEPTFROM"])
    for note in record.notes:
        if note not in [str(c) for c in header.get("COMMENT", [])]:
            header.add_comment(note)


def event_table(
    source: Table,
    header: Header,
    arrays: Mapping[str, Array],
    definition: tuple[DefinedColumn, ...],
    frame: SkyFrame | None,
    channels: int,
) -> Table:
    """Return the output table.

    Parameters
    ----------
    source : Table
        The input events: descriptions of its columns are kept, its companions (GTIs) go along. Not modified.
    header : Header
        Header of the output; used as it is.
    arrays : mapping of str to array
        Data by column name.
    definition : tuple of DefinedColumn
        Columns in order.
    frame : SkyFrame or None
        SKY system, for the world coordinates of the columns; None keeps those of the input.
    channels : int
        Number of PI channels, for the range of PI.
    """
    world = frame.column_keywords() if frame is not None else {}
    columns: dict[str, Column] = {}
    for item in definition:
        column = _column(source, item, arrays[item.name])
        if item.name in world:
            clear_world(column, world[item.name])
        for key, value in world.get(item.name, {}).items():
            column.keys[key] = (value, column.keys[key][1] if key in column.keys else "")
        if item.name == "pi":
            column.keys["TLMAX"] = (channels, "")
        if item.name == "detx" and world:
            column.keys.setdefault("TCNA", ("PHI", ""))
        if item.name == "dety" and world:
            column.keys.setdefault("TCNA", ("THETA", ""))
        columns[item.name] = column
    return Table(source.name or "EVENTS", columns, header, _vectors(source, columns), source.companions)


def _column(source: Table, item: DefinedColumn, data: Array) -> Column:
    """Return a column with the description of the input's, completed by the archive's."""
    form = item.form
    cells = 1
    for n in data.shape[1:]:
        cells *= n
    if cells > 1 and not item.is_bits:
        form = f"{cells}{form}"
    comment, unit, low, high, null = _DESCRIPTIONS.get(item.name, ("", "", None, None, None))
    keys: dict[str, tuple[Any, str]] = {}
    if null is not None and data.dtype.kind in "iu":
        keys["TNULL"] = (null, "")
    if high is not None:
        keys["TLMAX"] = (high, "")
    if low is not None:
        keys["TLMIN"] = (low, "")
    if data.ndim > 2:
        keys["TDIM"] = ("(" + ",".join(str(n) for n in reversed(data.shape[1:])) + ")", "")
    if item.name not in source:
        return Column(item.name, data, form, unit, comment, keys)
    old = source.column(item.name)
    kept = dict(old.keys)
    if old.data.dtype.kind != data.dtype.kind:
        for key in ("TNULL", "TLMIN", "TLMAX", "TDISP"):
            kept.pop(key, None)
    return Column(old.name, data, form, old.unit or unit, old.comment or comment, keys | kept)


def _vectors(source: Table, columns: Mapping[str, Column]) -> list[Vector]:
    """Return the pairs of columns that are there, and the world coordinates on them."""
    found = [Vector(name, pair) for name, pair in _PAIRS if all(n in columns for n in pair)]
    found += [Vector(name, pair) for name, pair, on in _WORLD if "TCTYP" in (columns[on].keys if on in columns else {})]
    known = {v.name.lower() for v in found}
    for vector in source.vectors:
        if vector.name.lower() not in known and all(c.lower() in columns for c in vector.components):
            found.append(vector)
    return found
