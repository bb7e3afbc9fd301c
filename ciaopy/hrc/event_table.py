"""The output table of hrc_process_events: columns with their descriptions, vectors, and coordinate keywords.

Names, units and ranges are those of archive level-1 files (ObsIDs 2886, 1011).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ciaopy.coords import Geometry, SkyFrame
from ciaopy.datamodel import clear_world
from ciaopy.events import PAIRS, DefinedColumn
from ciaopy.fits import Array, Column, Table, Vector
from ciaopy.hrc.detector import HrcDetector

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["COMMENTS", "coordinate_systems", "event_table"]

# Name: (comment, unit, TLMIN, TLMAX); None leaves a keyword out.
_DESCRIPTIONS: dict[str, tuple[str, str, float | None, float | None]] = {
    "time": ("Time tag (TT)", "s", None, None),
    "crsv": ("Coarse position V axis", "", 0, None),
    "crsu": ("Coarse position U axis", "", 0, None),
    "amp_sf": ("Amplitude scale factor", "", 0, 3),
    **{f"a{a.lower()}{k}": (f"{a} axis ADC {k}", "", 0, 4095) for a in "UV" for k in (1, 2, 3)},
    "rawx": ("Raw coords", "pixel", 0, None),
    "rawy": ("Raw coords", "pixel", 0, None),
    "chipx": ("Chip coords", "pixel", 1, None),
    "chipy": ("Chip coords", "pixel", 1, None),
    "tdetx": ("Tdet coords", "pixel", 1, None),
    "tdety": ("Tdet coords", "pixel", 1, None),
    "detx": ("Det coords", "pixel", 0.5, None),
    "dety": ("Det coords", "pixel", 0.5, None),
    "x": ("Sky coords", "pixel", 0.5, None),
    "y": ("Sky coords", "pixel", 0.5, None),
    "samp": ("Scaled sum of amps", "", None, None),
    "pha": ("Pulse height", "chan", 0, 255),
    "pi": ("Pulse Invariant", "chan", 0, 1023),
    "sumamps": ("Sum of all amp readouts", "", 0, 24570),
    "chip_id": ("Chip ID", "", None, None),
    "status": ("Event status bits", "", None, None),
}

#: Comments of the keywords that the tool writes.
COMMENTS = {
    "DEGAP": "degap correction file used",
    "GAINCORF": "gain correction file used",
    "HYPFILE": "hyperbolic test file used",
    "TAPRING": "tapring coeff file used",
    "FLATFILE": "flatness test file used",
    "SATFILE": "saturation test file used",
    "AMPSFFIL": "AMP_SF correction file used",
    "ADCCORF": "ADC correction file used",
    "BPIXFILE": "Bad pixel file used",
    "ASOLFILE": "aspect offset files",
    "AMPSFCOR": "amplifier scale factor corrected?",
    "RANGELEV": "range_switch_level",
    "WIDTHRES": "width threshold",
    "RAND_SKY": "pixel randomization",
    "KEPTCOLS": "columns kept from the input (no calibration)",
    "KEPTFROM": "file they come from",
    "LITECAL": "products of the embedded calibration used",
    "CREATOR": "tool that created this output",
}

_WORLD = (
    ("CPC", ("CPCX", "CPCY"), "chipx"),
    ("MSC", ("PHI", "THETA"), "detx"),
    ("EQPOS", ("RA", "DEC"), "x"),
)


def coordinate_systems(detector: HrcDetector) -> dict[str, str]:
    """Return ACSYS1 to ACSYS5, the systems of RAW, CHIP, TDET, DET and SKY."""
    tdet, version = ("HRC-2.4I", "2.1") if detector.name == "HRC-I" else ("HRC-2.7S", "2.3")
    names = ("RAW:AXAF-HRC-1.1", "CHIP:AXAF-HRC-1.1", f"TDET:{tdet}", f"DET:ASC-FP-{version}", f"SKY:ASC-FP-{version}")
    return {f"ACSYS{k}": name for k, name in enumerate(names, 1)}


def event_table(
    source: Table,
    header: Header,
    arrays: Mapping[str, Array],
    definition: tuple[DefinedColumn, ...],
    frame: SkyFrame | None,
    detector: HrcDetector,
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
    detector : HrcDetector
    """
    world = frame.column_keywords() if frame is not None else {}
    limits = _upper_limits(detector)
    columns: dict[str, Column] = {}
    for item in definition:
        column = _column(source, item, arrays[item.name], limits)
        if item.name in world:
            clear_world(column, world[item.name])
        for key, value in world.get(item.name, {}).items():
            column.keys[key] = (value, column.keys[key][1] if key in column.keys else "")
        if world and item.name in ("detx", "dety"):
            column.keys.setdefault("TCNA", ("PHI" if item.name == "detx" else "THETA", ""))
        columns[item.name] = column
    vectors = [Vector(name, pair) for name, pair in PAIRS.items() if all(n in columns for n in pair)]
    vectors += [Vector(name, pair) for name, pair, on in _WORLD if on in columns and "TCTYP" in columns[on].keys]
    return Table(source.name or "EVENTS", columns, header, vectors, source.companions)


def _upper_limits(detector: HrcDetector) -> dict[str, tuple[float, float]]:
    """Return TLMIN and TLMAX of the columns whose range depends on the detector."""
    plane = Geometry.embedded().detector(detector.name)
    found: dict[str, tuple[float, float]] = {
        "crsu": (0, detector.taps[0] - 1),
        "crsv": (0, detector.taps[1] - 1),
        "rawx": (0, detector.raw_size[0] - 1),
        "rawy": (0, detector.raw_size[1] - 1),
        "chip_id": (detector.chips[0], detector.chips[-1]),
        "tdetx": plane.tdetx_range,
        "tdety": plane.tdety_range,
    }
    for k, axis in enumerate("xy"):
        found |= {f"chip{axis}": (1, plane.chips[0].size[k]), f"det{axis}": plane.det_range, axis: plane.det_range}
    return found


def _column(source: Table, item: DefinedColumn, data: Array, limits: dict[str, tuple[float, float]]) -> Column:
    """Return a column with the description of the input's, completed by the archive's."""
    comment, unit, low, high = _DESCRIPTIONS.get(item.name, ("", "", None, None))
    low, high = limits.get(item.name, (low, high))
    keys: dict[str, tuple[Any, str]] = {}
    if low is not None:
        keys["TLMIN"] = (low, "")
    if high is not None:
        keys["TLMAX"] = (high, "")
    if item.name not in source:
        return Column(item.name, data, item.form, unit, comment, keys)
    old = source.column(item.name)
    kept = dict(old.keys)
    if old.data.dtype.kind != data.dtype.kind:
        for key in ("TNULL", "TLMIN", "TLMAX", "TDISP"):
            kept.pop(key, None)
    return Column(old.name, data, item.form, old.unit or unit, old.comment or comment, keys | kept)
