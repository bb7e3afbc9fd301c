"""Areas and matrices of grating spectra as parameters name them: energy grids, chips, calibration, headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import Ardlib, ArdlibSpec, GratingEfficiency, OrderSorting, load
from ciaopy.coords import FocalPlane
from ciaopy.errors import CalibrationError, DataError, ParameterError
from ciaopy.exposure import Axis, PixelGrid
from ciaopy.fits import Table
from ciaopy.gratings import Arm, ChipLight
from ciaopy.response.instrument import chip_response, pixel_factor

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

_NOTE = "effective area from the embedded approximate calibration: 10 % (see docs/accuracy.md)"
_LONG_WAVES = (
    "LETG on the HRC-I: the area beyond 20 Angstrom is too low, 10-25 % at 30, a factor of 8 at 100; give a CALDB"
)

__all__ = ["AreaRequest", "area_notes", "chip_light", "energy_grid", "lite_note", "response_header"]

FloatArray = NDArray[np.float64]

# Cell of the map of good pixels, chip pixels.
_CELL = {"ACIS": 1, "HRC": 8}

_GRID = re.compile(r"grid\((.+)\)\s*$", re.IGNORECASE | re.DOTALL)


def energy_grid(text: str, ws: Workspace) -> tuple[FloatArray, FloatArray, str]:
    """Return ENERG_LO, ENERG_HI (keV, ascending) of an `engrid` value, and the name for RESPFILE.

    `grid(file[cols ENERG_LO,ENERG_HI])` takes the bins of a table; `low:high:step` and `low:high:#n` make even ones.

    Raises
    ------
    ParameterError
        The text is neither.
    DataError
        The table has no energies, or they do not ascend.
    """
    match = _GRID.match(text.strip())
    if match:
        name = match.group(1).strip()
        table = ws.read(name)
        if not isinstance(table, Table) or "ENERG_LO" not in table or "ENERG_HI" not in table:
            raise DataError(f"engrid={text}: no columns ENERG_LO, ENERG_HI in that file")
        low, high = (np.ascontiguousarray(table[c], np.float64) for c in ("ENERG_LO", "ENERG_HI"))
        if not (low.size and (high > low).all() and (np.diff(low) > 0).all() and low[0] > 0):
            raise DataError(f"engrid={text}: the energies are not above 0 and ascending")
        return low, high, f"grid({PurePath(name.partition('[')[0]).name})"
    parts = text.split(":")
    try:
        start, stop = float(parts[0]), float(parts[1])
        last = parts[2].strip()
        n = int(last[1:]) if last.startswith("#") else round((stop - start) / float(last))
    except (ValueError, IndexError, ZeroDivisionError):
        raise ParameterError(
            f"engrid={text}: give grid(file[cols ENERG_LO,ENERG_HI]), low:high:step or low:high:#n (keV)"
        ) from None
    if len(parts) != 3 or not 0 < start < stop or n < 1:
        raise ParameterError(f"engrid={text}: the energies must be above 0 and ascend")
    edges = np.linspace(start, stop, n + 1)
    return edges[:-1], edges[1:], f"grid({text.strip()})"


@dataclass(frozen=True, eq=False)
class AreaRequest:
    """Parameters that say what the light of one chip goes through; names and values as in mkgarf.

    Attributes
    ----------
    detector, mirror : ArdlibSpec
        Of `detsubsys` and `mirror`.
    osipfile, maskfile, dafile : str
    grating : str
        `HETG` or `LETG`.
    """

    detector: ArdlibSpec
    mirror: ArdlibSpec
    osipfile: str
    maskfile: str
    dafile: str
    grating: str


def chip_light(request: AreaRequest, plane: FocalPlane, header: Header, ardlib: Ardlib, ws: Workspace) -> ChipLight:
    """Load what lies between the sky and one chip for dispersed light.

    Raises
    ------
    CalibrationError, DataError
        A product or file is missing, damaged or of another chip.
    """
    detector = request.detector
    response = chip_response(detector, request.mirror, "NONE", request.dafile, header, ardlib)
    value = _greff_value(ardlib, request.grating)
    efficiency = load("GREFF", value, header, grating=request.grating)
    if not isinstance(efficiency, GratingEfficiency):
        raise CalibrationError(f"GREFF={value}: an effective area needs the efficiency of the grating")
    sorting: OrderSorting | None = None
    if detector.instrument == "ACIS" and request.osipfile.strip().lower() not in ("", "none"):
        found = load("OSIP", request.osipfile, header)
        if not isinstance(found, OrderSorting):
            raise CalibrationError(f"osipfile={request.osipfile}: no order-sorting windows in it")
        found.table(response.chip)
        sorting = found
    grid = _chip_grid(plane, response.chip)
    good = pixel_factor(detector, request.maskfile, header, grid, ardlib, ws)
    return ChipLight(response, efficiency, sorting, grid if good is not None else None, good)


def _greff_value(ardlib: Ardlib, grating: str) -> str:
    from ciaopy.caldb import parse_grating

    return ardlib.value("GREFF", parse_grating(grating))


def _chip_grid(plane: FocalPlane, chip: int) -> PixelGrid:
    """Return the cells of a chip on which good pixels are kept."""
    cell = _CELL[plane.detector.name[:4].rstrip("-")]
    size = plane.sizes[chip]
    return PixelGrid(*(Axis(0.5, float(s) + 0.5, int(s) // cell) for s in size))


_RESPONSE_KEYS = ("GRATING", "TG_M", "TG_PART", "TG_SRCID")


def response_header(header: Mapping[str, Any], arm: Arm, order: int, source: int, base: Header) -> Header:
    """Return the keywords of a response: the observation's, and what it is of."""
    from ciaopy.response.grating import kept_header

    out = kept_header(base)
    out["GRATING"] = (arm.grating, "Grating")
    out["TG_M"] = (order, "Diffraction order")
    out["TG_PART"] = (arm.part, "Grating part index (HEG=1, MEG=2, LEG=3)")
    out["TG_SRCID"] = (source, "Source identification number")
    for key, value in header.items():
        out[key] = value
    return out


def area_notes(light: ChipLight, arm: Arm, detector: str) -> list[str]:
    """Return what the header and the screen say of an area: nothing where all of it is a CALDB's."""
    if not (light.response.is_lite or light.efficiency.is_lite):
        return []
    return [_NOTE, *([_LONG_WAVES] if detector == "HRC-I" and arm.name == "LEG" else [])]


def lite_note(header: Header, what: str) -> None:
    """Say in a header that numbers are of the embedded calibration, and how good they are."""
    from ciaopy.caldb.lite import CALDBVER

    header["CALDBVER"] = CALDBVER
    if what not in [str(c) for c in header.get("COMMENT", [])]:
        header.add_comment(what)
