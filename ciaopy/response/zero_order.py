"""The zero order of an event file, as the tgdetect tools find it, and the table that says where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.coords import Attitude, ChipPosition, FloatArray, FocalPlane, SkyFrame
from ciaopy.errors import DataError, ParameterError
from ciaopy.fits import Column, Table, Vector
from ciaopy.gratings import (
    ZeroOrder,
    arms_of,
    brightest_cell,
    clipped_centroid,
    column_peak,
    piled_up,
    streak_crossing,
    unit,
)
from ciaopy.response.grating import is_collapsed, kept_header

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

__all__ = ["Field", "by_centroid", "by_column", "by_streak", "is_piled_up", "read_field", "source_table"]

# Side of the search box and radius of the centroid, SKY pixels, as tgdetect has them.
_BOX = {"ACIS": 400.0, "HRC": 1800.0}
_CORE = {"ACIS": 4.0, "HRC": 15.0}
_LEAST_ON_A_LINE = 25


@dataclass(frozen=True, eq=False)
class Field:
    """Events about a guess.

    Attributes
    ----------
    header : Header
    x, y : float64 arrays, shape (n,)
        SKY positions, pixels.
    guess : (float, float)
        SKY position to search about.
    plane : FocalPlane
    frame : SkyFrame
    where : str
        Name of the file, for messages.
    """

    header: Header
    x: FloatArray
    y: FloatArray
    guess: tuple[float, float]
    plane: FocalPlane
    frame: SkyFrame
    where: str

    @property
    def instrument(self) -> str:
        """`ACIS` or `HRC`."""
        return self.plane.detector.name[:4].rstrip("-")

    @property
    def clocked(self) -> bool:
        """Continuous clocking: no image, one line of events on the sky."""
        return is_collapsed(self.header)

    @property
    def core(self) -> float:
        """Radius of the core, pixels."""
        return _CORE[self.instrument]


def read_field(par: ParameterSet, ws: Workspace) -> Field:
    """Read the events of `infile` and the guess `zo_pos_x`, `zo_pos_y` (default: the target, else the tangent point).

    Raises
    ------
    DataError
        No SKY positions, no grating in the header.
    ParameterError
        A guess that is no number or outside the sky.
    """
    infile = par["infile"].strip()
    table = ws.read(infile)
    if not isinstance(table, Table) or "x" not in table or "y" not in table:
        raise DataError(f"{infile}: no event table with sky positions x, y")
    header = table.header
    plane, frame = FocalPlane.from_header(header, where=infile), SkyFrame.from_header(header, where=infile)
    x, y = (np.ascontiguousarray(table[c], np.float64) for c in ("x", "y"))
    good = np.isfinite(x) & np.isfinite(y)
    guess = _guess(par, header, frame)
    return Field(header, x[good], y[good], guess, plane, frame, infile)


def _guess(par: ParameterSet, header: Header, frame: SkyFrame) -> tuple[float, float]:
    ref = frame.detector.ref
    ra, dec = header.get("RA_TARG"), header.get("DEC_TARG")
    usual = (ref, ref)
    if isinstance(ra, (int, float)) and isinstance(dec, (int, float)):
        x, y = frame.plane.world_to_pixel(float(ra), float(dec))
        usual = (float(x), float(y))
    found = []
    for name, value in zip(("zo_pos_x", "zo_pos_y"), usual, strict=True):
        text = str(par[name]).strip()
        try:
            number = value if text.lower() in ("default", "") else float(text)
        except ValueError:
            raise ParameterError(f"{name}={text}: give a sky pixel, or default") from None
        low, high = frame.detector.det_range
        if not low <= number <= high:
            raise ParameterError(f"{name}={number:g}: outside the sky ({low:g} to {high:g} pixels)")
        found.append(number)
    return found[0], found[1]


def by_centroid(
    field: Field, snr_limit: float, box: tuple[float, float] | None = None, cell: int = 15
) -> ZeroOrder | None:
    """Return the brightest source in the search box if it is above `snr_limit`, by its clipped centroid."""
    side = _BOX[field.instrument]
    size = box or (side, side)
    factor = 1 if field.instrument == "ACIS" else 4
    near = (np.abs(field.x - field.guess[0]) <= size[0] / 2) & (np.abs(field.y - field.guess[1]) <= size[1] / 2)
    x, y = field.x[near], field.y[near]
    found = brightest_cell(x / factor, y / factor, _scaled(field.guess, factor), _scaled(size, factor), cell)
    if found is None or not found[3] >= snr_limit:
        return None
    at = clipped_centroid(x, y, (found[0] * factor, found[1] * factor), field.core)
    return ZeroOrder(at[0], at[1], found[2], found[3], "tgdetect")


def by_column(field: Field, snr_limit: float) -> ZeroOrder | None:
    """Return the zero order of continuous clocking: the peak along the columns, on the row of the guess.

    Raises
    ------
    DataError
        The guess is on no chip.
    """
    chip = _chip_at(field, field.guess, Attitude.from_header(field.header)).chip_id
    e_x, e_y = field.plane.column_direction(field.frame.roll_nom, int(chip))
    along = (field.x - field.guess[0]) * e_x + (field.y - field.guess[1]) * e_y
    found = column_peak(along, _BOX["ACIS"] / 2, field.core)
    if found is None or not found[2] >= snr_limit:
        return None
    place, counts, snr = found
    return ZeroOrder(field.guess[0] + place * e_x, field.guess[1] + place * e_y, counts, snr, "tg_findzo")


def _chip_at(field: Field, at: tuple[float, float], attitude: Attitude) -> ChipPosition:
    place = field.plane.sky_to_chip(*at, attitude, field.frame)
    if int(place.chip_id) < 0:
        raise DataError(
            f"{field.where}: the zero order at x={at[0]:.1f}, y={at[1]:.1f} is on no chip; "
            "give its position (tg_zo_position=RA,Dec)"
        )
    return place


def _scaled(pair: tuple[float, float], factor: float) -> tuple[float, float]:
    return pair[0] / factor, pair[1] / factor


def is_piled_up(field: Field, at: tuple[float, float]) -> bool:
    """Return True if the core at a position is piled up (ACIS)."""
    ontime, step = (field.header.get(k) for k in ("ONTIME", "TIMEDEL"))
    known = isinstance(ontime, (int, float)) and isinstance(step, (int, float)) and step > 0
    return field.instrument == "ACIS" and piled_up(field.x, field.y, at, field.core, ontime / step if known else 0.0)


def by_streak(field: Field) -> ZeroOrder | None:
    """Return the crossing of the read-out streak with a dispersed arm, MEG before HEG; None where it cannot be seen.

    Raises
    ------
    DataError
        Not ACIS; no grating.
    """
    if field.instrument != "ACIS":
        raise DataError(f"{field.where}: the HRC has no read-out streak; use tgdetect")
    arms = arms_of(str(field.header.get("GRATING", "")), field.where)
    best: ZeroOrder | None = None
    for arm in sorted(arms, key=lambda a: a.name != "MEG"):
        axis = unit(-field.frame.roll_nom - arm.angle("ACIS"))
        for start in _starts(field):
            found = streak_crossing(field.x, field.y, start, _chip_direction(field, start), axis)
            counts = float(min(found[2:])) if found is not None else 0.0
            if found is not None and counts >= max(_LEAST_ON_A_LINE, best.counts if best else 0.0):
                best = ZeroOrder(found[0], found[1], counts, float(np.sqrt(counts)), "tg_findzo")
        if best is not None:
            break
    return best


def _starts(field: Field) -> list[tuple[float, float]]:
    """Return where to look for the crossing: about the guess, and about the brightest spot near it."""
    found = by_centroid(field, 3.0)
    return [field.guess] + ([(found.x, found.y)] if found is not None else [])


def _chip_direction(field: Field, at: tuple[float, float]) -> FloatArray:
    """Return the unit vector on the sky along CHIPY of the chip at a position, for the mean attitude."""
    attitude = Attitude.from_header(field.header)
    place = _chip_at(field, at, attitude)
    ends = [
        field.plane.chip_to_sky(place.chip_id, place.chipx, place.chipy + d, attitude, field.frame) for d in (-100, 100)
    ]
    step = np.array([float(ends[1][k]) - float(ends[0][k]) for k in (0, 1)])
    return np.asarray(step / np.hypot(*step))


def source_table(field: Field, found: ZeroOrder | None) -> Table:
    """Return the SRCLIST table of what was found, without rows for nothing."""
    n = 0 if found is None else 1
    x, y = ([found.x], [found.y]) if found is not None else ([], [])
    ra, dec = field.frame.plane.pixel_to_world(np.array(x, float), np.array(y, float))
    columns = [
        Column("X", np.array(x, np.float64), "1D", "pixel", "Sky position"),
        Column("Y", np.array(y, np.float64), "1D", "pixel", "Sky position"),
        Column("RA", np.asarray(ra, np.float64), "1D", "deg", "Right ascension"),
        Column("DEC", np.asarray(dec, np.float64), "1D", "deg", "Declination"),
        Column("NET_COUNTS", np.array([found.counts] if found else [], np.float32), "1E", "count", "Net counts"),
        Column("SNR", np.array([found.snr] if found else [], np.float32), "1E", "", "Signal to noise"),
        Column("SHAPE", np.array(["ellipse"] * n, "S10"), "10A", "", "Shape of the source region"),
        Column("R", np.full((n, 2), 3 * field.core, np.float32), "2E", "pixel", "Radii of the source region"),
        Column("ROTANG", np.zeros(n, np.float32), "1E", "deg", "Angle of the source region"),
        Column("TG_SRCID", np.arange(1, n + 1, dtype=np.int16), "1I", "", "Source number"),
    ]
    header = kept_header(field.header)
    header["EXTNAME"], header["HDUNAME"], header["CONTENT"] = "SRCLIST", "SRCLIST", "SRCLIST"
    header["TGMETHOD"] = (found.method if found is not None else "none", "how the zero order was found")
    return Table("SRCLIST", {c.name.lower(): c for c in columns}, header, [Vector("SKY", ("X", "Y"))])
