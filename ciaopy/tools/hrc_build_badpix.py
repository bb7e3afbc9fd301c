"""Make the bad pixel file of an HRC observation from a list of bad regions in raw or chip coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import CalibrationError, DataError, ParameterError, UserError
from ciaopy.fits import Column, Table
from ciaopy.hrc import HrcDetector

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from numpy.typing import NDArray

    from ciaopy.caldb import BadPixelList
    from ciaopy.datamodel import Workspace
    from ciaopy.hrc import ChipRules
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run hrc_build_badpix.

    Raises
    ------
    UserError, DataError
        A file is missing or is not what its parameter asks for.
    CalibrationError
        No list of bad regions, or no degap correction for lists in raw coordinates.
    """
    from ciaopy.coords import Geometry
    from ciaopy.hrc import chip_rectangles, raw_rectangles
    from ciaopy.response import observation_header

    obsfile = par["obsfile"].strip()
    if not obsfile:
        raise UserError("obsfile is empty; give the event file, or what dmmakepar made of it")
    ws.check_output(par["outfile"], par["clobber"], (par["infile"], obsfile))
    header = observation_header(obsfile, ws)
    detector = HrcDetector.of_header(header, obsfile)
    listed = _listed(par["infile"].strip(), header, detector)
    keep = _in_time(listed, header, obsfile)
    name = ""
    if listed.system == "chip":
        chips = np.where(listed.chip < 0, detector.chips[0], listed.chip).astype(np.int64)
        if not set(chips.tolist()) <= set(detector.chips):
            raise DataError(f"{par['infile']}: bad regions on chips that the {detector.name} does not have")
        limits = [np.asarray(v, np.int64) for v in (listed.x, listed.y)]
        boxes = np.concatenate([chips[:, None], *limits], axis=1)[keep]
        status = listed.status[keep]
    else:
        rules, name = _degap(par, header, detector)
        scale = 256.0 if listed.system == "coarse" else 1.0
        x, y = (scale * np.asarray(v, np.float64)[keep] + np.array([0.0, scale - 1.0]) for v in (listed.x, listed.y))
        raw, rows = raw_rectangles(detector, x, y)
        raw, rows = _of_their_chip(raw, rows, listed.chip[keep])
        size = Geometry.embedded().detector(detector.name).chips[0].size
        boxes, status = chip_rectangles(rules, raw, (int(size[0]), int(size[1]))), listed.status[keep][rows]
    if not len(boxes):
        ws.console.warn(f"{par['infile']}: no bad region holds for the time of {obsfile}")
    ws.write(par["outfile"], _table(header, boxes, status, name), par=par, clobber=par["clobber"])
    ws.console.say(f"{par['outfile']}: {len(boxes)} bad regions", 1)


def _listed(infile: str, header: Header, detector: HrcDetector) -> BadPixelList:
    """Return the list of bad regions that `infile` names."""
    from ciaopy.caldb import BadPixelList, load

    if infile.lower() in ("", "none"):
        raise ParameterError("infile is empty; give CALDB or a list of bad regions")
    try:
        found = load("BADPIX", infile, header)
    except CalibrationError as problem:
        if not infile.upper().startswith("CALDB"):
            raise
        raise CalibrationError(
            f"infile={infile}: no list of bad regions (BADPIX) of the {detector.name} in a CALDB ({problem})"
        ) from None
    if not isinstance(found, BadPixelList):
        raise CalibrationError(f"{infile}: not a list of bad regions")
    unknown = sorted(set(found.shape) - {"rectangle", "point", "box", ""})
    if unknown:
        raise DataError(f"{infile}: bad regions of shape {unknown[0]}; only rectangles and points are understood")
    if np.any(found.status > 0xFF):
        raise DataError(f"{infile}: STATUS has more than 8 bits; give a list of HRC bad regions")
    return found


def _in_time(listed: BadPixelList, header: Header, where: str) -> NDArray[np.bool_]:
    """Return which regions hold at some time of the observation; TIME_STOP of 0 or less is no end."""
    if not np.any(listed.time_stop > 0) and not np.any(listed.time > 0):
        return np.ones(len(listed.time), bool)
    try:
        start, stop = header.number("TSTART"), header.number("TSTOP")
    except KeyError as missing:
        raise DataError(
            f"{where}: no keyword {missing.args[0]}, and the list of bad regions depends on time; give the event file"
        ) from None
    return np.asarray((listed.time <= stop) & ((listed.time_stop <= 0) | (listed.time_stop >= start)), bool)


def _of_their_chip(
    raw: NDArray[np.int64], rows: NDArray[np.int64], chip: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Drop pieces of regions on chips other than the one that the list names (-1: it names none)."""
    named = chip[rows]
    good = (named < 0) | (named == raw[:, 0])
    return raw[good], rows[good]


def _degap(par: ParameterSet, header: Header, detector: HrcDetector) -> tuple[ChipRules, str]:
    from ciaopy.response import load_degap

    rules, name, reason = load_degap(par, header, detector)
    if rules is None:
        raise CalibrationError(
            f"degapfile={par['degapfile']}: {reason}; the list is in raw coordinates: name a degap file, or set "
            "degapfile=NONE or COEFF"
        )
    return rules, name


def _table(header: Header, boxes: NDArray[np.int64], status: NDArray[np.uint32], degap: str) -> Table:
    """Return the BADPIX block."""
    new = header.copy()
    keys = {
        "EXTNAME": ("BADPIX", "name of this binary table extension"),
        "HDUNAME": ("BADPIX", "ASCDM block name"),
        "CONTENT": ("BADPIX", "Data product identification"),
        "HDUCLASS": ("ASC", ""),
        "HDUCLAS1": ("REGION", ""),
        "HDUCLAS2": ("BADPIX", ""),
    }
    for key, value in keys.items():
        new[key] = value
    if degap:
        new["DEGAP"] = (degap, "degap correction file used")
    n = len(boxes)
    parts = (
        ("CHIP_ID", boxes[:, 0].astype(np.int16), "1I", ""),
        ("SHAPE", np.full(n, b"RECTANGLE", "S16"), "16A", ""),
        ("COMPONENT", np.ones(n, np.int16), "1I", ""),
        ("CHIPX", boxes[:, 1:3].astype(np.int16), "2I", "pixel"),
        ("CHIPY", boxes[:, 3:5].astype(np.int16), "2I", "pixel"),
        ("STATUS", status.astype(np.uint8), "8X", ""),
    )
    columns = {name.lower(): Column(name, np.ascontiguousarray(d), form, unit) for name, d, form, unit in parts}
    return Table("BADPIX", columns, new)
