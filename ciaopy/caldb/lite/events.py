"""Event calibration in the embedded calibration: ACIS gain, grades, thresholds, sub-pixel offsets; the HRC gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ciaopy.caldb.lite import tables, when
from ciaopy.caldb.lite.area import detector
from ciaopy.caldb.products_acis import BadPixelList, DetGain, GradeTable, SplitThreshold, SubPixel
from ciaopy.caldb.products_base import ACIS_CCDS, ACIS_SIZE, BACK_ILLUMINATED, ChipCurves, ChipRegions, interpolate
from ciaopy.caldb.products_hrc import HrcGainImage
from ciaopy.errors import CalibrationError

Header = Mapping[str, Any]
Constraints = Mapping[str, Any]

NODE_WIDTH = 256
HRC_NORM = 148.0
HRC_RAW_SIZE = {"HRC-I": (16384, 16384), "HRC-S": (4096, 49152)}

# Years of the two shapes of the HRC-I gain map.
SHAPE_YEARS = (1999.8, 2018.7)


def det_gain(header: Header, constraints: Constraints) -> DetGain:
    """Return the ACIS gain: one curve of 8 points per CCD and node, for CTI-corrected pulse heights."""
    t = tables.array("acis_gain.csv")
    pha = np.array([float(label[3:]) for label in tables.labels("acis_gain.csv")[2:10]])
    chips = {}
    for ccd in ACIS_CCDS:
        rows = t[t[:, 0] == ccd]
        low = rows[:, 1].astype(np.int64) * NODE_WIDTH + 1
        limits = np.stack([low, low + NODE_WIDTH - 1, np.ones_like(low), np.full_like(low, ACIS_SIZE)], axis=1)
        chips[ccd] = ChipCurves(
            ChipRegions.from_limits(limits),
            np.full(len(rows), len(pha), dtype=np.int32),
            np.tile(pha, (len(rows), 1)),
            {"energy": np.ascontiguousarray(rows[:, 2:10])},
        )
    return DetGain(source=tables.source("acis_gain.csv"), is_lite=True, chips=chips)


def grades(header: Header, constraints: Constraints) -> GradeTable:
    """Return the ASCA grade of every flight grade."""
    grade = np.full(256, 7, dtype=np.int16)
    grade[0] = 0
    for value, members in tables.constants()["grade"].items():
        grade[members] = int(value)
    return GradeTable(source=tables.source("acis_constants.toml"), is_lite=True, grade=grade)


def split_threshold(header: Header, constraints: Constraints) -> SplitThreshold:
    """Return the split threshold, the same for all chips and nodes."""
    adu = np.full((len(ACIS_CCDS), 4), float(tables.constants()["split_threshold_adu"]))
    return SplitThreshold(source=tables.source("acis_constants.toml"), is_lite=True, adu=adu)


def sub_pixel(header: Header, constraints: Constraints) -> SubPixel:
    """Return the EDSER offsets: one table for front-, one for back-illuminated chips."""
    groups: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
    for kind, fltgrade, energy, dx, dy in tables.rows("acis_edser.csv"):
        point = (float(energy) * 1000.0, float(dx), float(dy))
        groups.setdefault((int(kind == "BI"), int(fltgrade)), []).append(point)
    width = max(len(points) for points in groups.values())
    npoints = np.zeros((2, 256), dtype=np.int32)
    values = np.zeros((3, 2, 256, width))
    for (table, grade), points in groups.items():
        npoints[table, grade] = len(points)
        values[:, table, grade, : len(points)] = np.array(points).T
    chosen = np.array([int(c in BACK_ILLUMINATED) for c in ACIS_CCDS], dtype=np.int32)
    return SubPixel(
        source=tables.source("acis_edser.csv"),
        is_lite=True,
        table=chosen,
        npoints=npoints,
        energy=values[0],
        dx=values[1],
        dy=values[2],
    )


def bad_pixels(header: Header, constraints: Constraints) -> BadPixelList:
    """Return node boundaries and the rows in the shadow of the frame store; no individually known bad pixels.

    Raises
    ------
    CalibrationError
        The request is about an HRC.
    """
    where = detector("BADPIX", header, constraints)
    if where != "ACIS":
        raise CalibrationError(
            f"BADPIX: the embedded calibration has no bad-pixel list for {where}; "
            "give the bpix1 file of the archive, or set $CALDB"
        )
    known = tables.constants()["badpix"]
    found = []
    for ccd in ACIS_CCDS:
        for bit, columns in known["node_columns"].items():
            found += [(ccd, column, column, 1, ACIS_SIZE, int(bit)) for column in columns]
        found.append((ccd, 1, ACIS_SIZE, 1, known["shadow_rows"][ccd], int(known["shadow_bit"])))
    t = np.array(found, dtype=np.int64)
    always = np.zeros(len(t))
    return BadPixelList(
        source=tables.source("acis_constants.toml"),
        is_lite=True,
        chip=t[:, 0].astype(np.int32),
        x=t[:, 1:3].astype(np.float64),
        y=t[:, 3:5].astype(np.float64),
        time=always,
        time_stop=always,
        status=(np.uint32(1) << t[:, 5].astype(np.uint32)).astype(np.uint32),
        shape=("rectangle",) * len(t),
    )


def hrc_gain(header: Header, constraints: Constraints) -> HrcGainImage:
    """Return the HRC-I gain map at the date of the observation; for HRC-S the scale 1 (not calibrated).

    Raises
    ------
    CalibrationError
        The observation is of ACIS.
    """
    where = detector("GMAP", header, constraints)
    nx, ny = HRC_RAW_SIZE.get(where, (0, 0))
    if not nx:
        raise CalibrationError("GMAP is a product of the HRC, and this is an ACIS observation; ACIS has DET_GAIN")
    if where == "HRC-S":
        name, gain = "scale 1", np.ones((1, 1))
    else:
        year = when.year_of("GMAP", header, constraints)
        name = "hrc_gain.csv"
        lines = tables.rows(name)
        centre = np.array([row for row in lines if row[0][0].isdecimal()], dtype=np.float64)
        early, late = (np.array([row[1:] for row in lines if row[0] == key], dtype=np.float64) for key in "AB")
        share = float(np.clip((year - SHAPE_YEARS[0]) / (SHAPE_YEARS[1] - SHAPE_YEARS[0]), 0.0, 1.0))
        shape = (1.0 - share) * early + share * late
        gain = float(interpolate(year, centre[:, 0], centre[:, 1])) * shape
    return HrcGainImage(
        source=tables.source(name),
        is_lite=True,
        gain=gain,
        cell_x=nx / gain.shape[1],
        cell_y=ny / gain.shape[0],
        norm=HRC_NORM,
    )
