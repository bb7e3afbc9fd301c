"""The ASPHIST block: an aspect histogram in the layout of CIAO (aspect histograms of ObsID 16375, CIAO 4.9)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.fits import Column, Table, Vector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ciaopy.exposure.aspect_histogram import AspectHistogram
    from ciaopy.fits import Header

__all__ = ["histogram_table"]

VECTORS = (
    Vector("POS_OFFSET", ("X_OFFSET", "Y_OFFSET")),
    Vector("POS_OFFBIN", ("X_OFFBIN", "Y_OFFBIN")),
    Vector("POS_OFFDEG", ("X_OFFDEG", "Y_OFFDEG")),
)
CLASSES = {"HDUCLASS": "ASC", "HDUCLAS1": "ARRAY", "HDUCLAS2": "HISTOGRAM"}


def histogram_table(
    histogram: AspectHistogram, header: Header, chip: int | None, aspect: Mapping[str, tuple[Any, str]]
) -> Table:
    """Return the ASPHIST block: CAH_REC, X_OFFSET, Y_OFFSET (pixel), ROLL_OFFSET (deg), DURATION (s).

    Parameters
    ----------
    histogram : AspectHistogram
    header : Header
        Observation keywords; copied.
    chip : int or None
        CCD_ID that the good times belong to.
    aspect : mapping
        Keywords of the aspect solution: value and comment.
    """
    new = header.copy()
    new["EXTNAME"] = ("ASPHIST", "name of this binary table extension")
    new["HDUNAME"] = ("ASPHIST", "ASCDM block name")
    new["CONTENT"] = ("ASPHIST", "aspect histogram")
    for key, value in CLASSES.items():
        new[key] = value
    new.remove("HDUCLAS3", ignore_missing=True)
    for key in ("LIVETIME", "EXPOSURE"):
        new[key] = (histogram.total, "[s] sum of DURATION")
    if chip is not None and str(header.get("INSTRUME", "")).strip().upper() == "ACIS":
        new["DETNAM"] = f"ACIS-{chip}"
        new["CCD_ID"] = (chip, "chip of the good times")
    for key, (value, comment) in aspect.items():
        new[key] = (value, comment)
    _write_averages(new, histogram)
    return Table("ASPHIST", _columns(histogram, new), new, list(VECTORS))


def _write_averages(header: Header, histogram: AspectHistogram) -> None:
    """Write the range, the widths of the bins and the time-weighted means of the offsets."""
    mean = histogram.mean()
    offsets = (histogram.x_off, histogram.y_off, histogram.roll_off)
    axes = zip(("X", "Y", "ROLL"), offsets, ("pixel", "pixel", "deg"), histogram.width, strict=True)
    for axis, values, unit, width in axes:
        header[f"{axis}_MIN"] = (float(values.min()), f"[{unit}] least offset")
        header[f"{axis}_MAX"] = (float(values.max()), f"[{unit}] greatest offset")
        if math.isfinite(width):
            header[f"{axis}_RES"] = (width, f"[{unit}] width of the bins")
    header["AVG_XOFF"] = (float(mean.x_off[0]), "[pixel] mean offset, weighted with time")
    header["AVG_YOFF"] = (float(mean.y_off[0]), "[pixel] mean offset, weighted with time")
    header["AVG_ROLL"] = (float(mean.roll_off[0]), "[deg] mean offset, weighted with time")


def _columns(histogram: AspectHistogram, header: Header) -> dict[str, Column]:
    """Return the columns; the bins of x and y are world coordinates of them, their angles second ones (`A`)."""
    keys: list[dict[str, tuple[Any, str]]] = [{}, {}]
    bins = zip(keys, ("X_OFFBIN", "Y_OFFBIN"), histogram.first[:2], histogram.width[:2], strict=True)
    for own, name, first, width in bins:
        if math.isfinite(first) and width > 0:
            values = {"TCTYP": name, "TCRVL": 1.0, "TCRPX": first, "TCDLT": 1.0 / width, "TCUNI": "bin"}
            own.update({stem: (value, "") for stem, value in values.items()})
    scale = 0.492 / 3600 if str(header.get("INSTRUME", "")).strip().upper() == "ACIS" else 0.13175 / 3600
    for number, name in ((2, "X_OFFDEG"), (3, "Y_OFFDEG")):
        values = {"TCTYP": name, "TCRVL": 0.0, "TCRPX": 0.0, "TCDLT": scale, "TCUNI": "degree"}
        for stem, value in values.items():
            header[f"{stem}{number}A"] = value
    record = Column("CAH_REC", np.arange(1, len(histogram) + 1, dtype=np.int32), "1J", "bin", "histogram bin")
    made = (
        record,
        Column("X_OFFSET", histogram.x_off, "1D", "pixel", "offset of the optical axis, west", keys[0]),
        Column("Y_OFFSET", histogram.y_off, "1D", "pixel", "offset of the optical axis, north", keys[1]),
        Column("ROLL_OFFSET", histogram.roll_off, "1D", "deg", "ROLL - ROLL_NOM"),
        Column("DURATION", histogram.duration, "1D", "s", "live time"),
    )
    return {c.name.lower(): c for c in made}
