"""The response of one chip as a tool's parameters name it: ardlib strings, calibration files, masks, bad pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.caldb import Ardlib, ArdlibSpec
from ciaopy.datamodel.syntax import file_of, split_file
from ciaopy.errors import DataError, UserError
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.coords import FloatArray
    from ciaopy.datamodel import Workspace
    from ciaopy.exposure import ChipResponse, PixelGrid
    from ciaopy.fits import Table

__all__ = ["chip_response", "pixel_factor"]

# EXPTIME where the header has none: the full frame.
FULL_FRAME_S = 3.2


def chip_response(
    detector: ArdlibSpec, mirror: ArdlibSpec, grating: str, dafile: str, header: Mapping[str, Any], ardlib: Ardlib
) -> ChipResponse:
    """Load what lies between the sky and one chip.

    Parameters
    ----------
    detector, mirror : ArdlibSpec
        Of `detsubsys` and `mirror`.
    grating : str
        NONE, HETG or LETG.
    dafile : str
        Dead area: CALDB, NONE or a file.
    header : mapping
        Observation keywords: date, temperature, exposure, for the look-ups.
    ardlib : Ardlib

    Raises
    ------
    DataError
        The detector is not that of the observation.
    CalibrationError
        A product is missing or damaged.
    """
    from ciaopy.caldb import load
    from ciaopy.exposure import ChipResponse

    instrument = str(header.get("INSTRUME", detector.instrument)).strip().upper()
    if instrument != detector.instrument:
        raise DataError(
            f"detsubsys={detector.text}: the observation was made with {instrument}; check detsubsys, obsfile"
        )
    chip = int(detector.chip or 0)
    acis = detector.instrument == "ACIS"
    which = {"ccd_id": chip} if acis else {}

    def product(name: str, spec: ArdlibSpec) -> Any:
        return load(name, ardlib.value(name, spec), header, **(which if spec is detector else {}))

    dead = load("DEAD_AREA", dafile, header, **which) if acis and not detector.ideal else None
    qe = product("QE", detector)
    area = product("AXEFFA", mirror)
    parts: dict[str, Any] = {
        "mirror": (1.0 if mirror.area is None else mirror.area) if area is None else area,
        "vignetting": product("VIGNET", mirror),
        "efficiency": (1.0 if detector.efficiency is None else detector.efficiency) if qe is None else qe,
        "uniformity": product("QEU", detector),
        "contamination": product("CONTAM", detector) if acis else None,
        "dead_area": dead,
        "grating": _grating(grating, header, ardlib),
    }
    return ChipResponse(
        chip,
        shells=mirror.bitmap,
        time=_time(detector, header),
        exposure=_number(header, "EXPTIME", FULL_FRAME_S),
        first_row=int(_number(header, "FIRSTROW", 1)),
        **parts,
    )


def _grating(text: str, header: Mapping[str, Any], ardlib: Ardlib) -> Any:
    """Return the efficiency of a grating's zeroth order, None without one."""
    from ciaopy.caldb import load, parse_grating

    spec = parse_grating(text)
    if spec.element == "NONE":
        return None
    return load("GREFF", ardlib.value("GREFF", spec), header, grating=spec.element)


def _time(detector: ArdlibSpec, header: Mapping[str, Any]) -> float:
    """Return the mission time (s) for the contaminant: TIME=, the middle of the observation, or its date."""
    from ciaopy.caldb.lite import time_of_year, year_of

    if detector.time is not None:
        return detector.time
    start, stop = header.get("TSTART"), header.get("TSTOP")
    if isinstance(start, (int, float)) and isinstance(stop, (int, float)):
        return 0.5 * (float(start) + float(stop))
    return float(time_of_year(year_of("CONTAM", header, {}))[0])


def _number(header: Mapping[str, Any], key: str, default: float) -> float:
    value = header.get(key)
    return float(value) if isinstance(value, (int, float)) and value > 0 else default


def pixel_factor(
    detector: ArdlibSpec, maskfile: str, header: Mapping[str, Any], grid: PixelGrid, ardlib: Ardlib, ws: Workspace
) -> FloatArray | None:
    """Return what windows and bad pixels leave of every pixel, None where nothing is taken off.

    Parameters
    ----------
    detector : ArdlibSpec
    maskfile : str
        NONE or blank, or the msk1 file, with its block or without.
    header : mapping
        Observation keywords.
    grid : PixelGrid
        On the chip.
    ardlib : Ardlib
        Names the bad pixel file.
    ws : Workspace

    Raises
    ------
    DataError
        A block is missing, of another chip, or not in its layout.
    """
    from ciaopy.exposure import bad_pixel_factor, mask_factor, mask_windows

    chip, factor = int(detector.chip or 0), None
    if maskfile.strip().lower() not in ("", "none") and not maskfile.strip().lower().startswith("none["):
        table = _block(maskfile.strip(), f"MASK{chip}", chip, ws)
        factor = mask_factor(mask_windows(table, maskfile), grid)
    boxes = _bad_boxes(detector, chip, header, ardlib, ws)
    if len(boxes):
        bad = bad_pixel_factor(boxes, grid)
        factor = bad if factor is None else factor * bad
    return factor


def _bad_boxes(detector: ArdlibSpec, chip: int, header: Mapping[str, Any], ardlib: Ardlib, ws: Workspace) -> FloatArray:
    """Return the rectangles of bad pixels of the chip, shape (n, 4): x and y limits."""
    value = ardlib.value("BADPIX", detector).strip()
    if value.lower() in ("", "none"):
        return np.zeros((0, 4))
    if value.upper().startswith("CALDB") or value.lower() == "lite":
        from ciaopy.caldb import BadPixelList, load

        listed = load("BADPIX", value, header, **({"ccd_id": chip} if detector.instrument == "ACIS" else {}))
        if not isinstance(listed, BadPixelList):
            return np.zeros((0, 4))
        rows = (listed.chip == chip) & np.asarray(detector.is_bad(listed.status))
        return np.asarray(np.concatenate([listed.x, listed.y], axis=1)[rows], np.float64)
    name = f"BADPIX{chip}" if detector.instrument == "ACIS" else "BADPIX"
    table = _block(value, name, chip, ws)
    for column in ("CHIPX", "CHIPY", "STATUS"):
        if column not in table:
            raise DataError(f"{value}: block {table.name} has no column {column}; it has {enumerated(table.names)}")
    x, y = (_limits(table[c]) for c in ("CHIPX", "CHIPY"))
    status = np.asarray(table["STATUS"])
    if status.ndim != 1:
        raise DataError(f"{value}: block {table.name}: STATUS is not a column of 8, 16 or 32 bits")
    rows = np.asarray(detector.is_bad(status))
    if "CHIP_ID" in table:
        rows &= np.asarray(table["CHIP_ID"]) == chip
    return np.asarray(np.concatenate([x, y], axis=1)[rows], np.float64)


def _limits(data: Any) -> FloatArray:
    """Return (n, 2) sorted limits from a scalar column or a pair; a pair (v, 0) of a point repeats its value."""
    pair = np.asarray(data, np.float64)
    if not len(pair):
        return np.zeros((0, 2))
    pair = pair.reshape(len(pair), -1)
    high = np.where(pair[:, -1] > 0, pair[:, -1], pair[:, 0])
    return np.sort(np.stack([pair[:, 0], high], axis=1), axis=1)


def _block(name: str, wanted: str, chip: int, ws: Workspace) -> Table:
    """Return the table of one chip: the block named in brackets, else `wanted`.

    Raises
    ------
    DataError
        There is none, or it belongs to another chip.
    """
    from ciaopy.fits import Table

    if not ws.exists(name):
        raise UserError(f"{file_of(name)}: no such file")
    table = ws.read(name if split_file(name)[1] else f"{name}[{wanted}]")
    if not isinstance(table, Table):
        raise DataError(f"{name}: an image, not a table {wanted}")
    own = table.header.get("CCD_ID", chip)
    if own != chip:
        raise DataError(f"{name}: block {table.name} is of chip {own}, not {chip}; name block {wanted}")
    return table
