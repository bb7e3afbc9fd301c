"""Aspect histograms and instrument maps from files, and the exposure map as a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError, NoDataError

if TYPE_CHECKING:
    from ciaopy.coords import Detector, SkyFrame
    from ciaopy.datamodel import Workspace
    from ciaopy.exposure import AspectHistogram, ExposureMaps, InstrumentMap
    from ciaopy.fits import Header, Image

__all__ = ["expmap_image", "read_histogram", "read_instrument_map"]

# Keywords that the instrument map hands on.
HANDED_ON = ("SPECTRUM", "WGTFILE", "ENERG_LO", "ENERG_HI", "GRATING", "DETNAM", "CCD_ID", "CHIP_ID", "CALDBVER")
COLUMNS = ("X_OFFSET", "Y_OFFSET", "ROLL_OFFSET", "DURATION")


def read_histogram(name: str, ws: Workspace) -> tuple[AspectHistogram, Header]:
    """Return an aspect histogram and its header.

    Raises
    ------
    DataError
        The block is something else (an aspect solution, an image), or holds values that are not finite.
    NoDataError
        There is no time in it.
    """
    from ciaopy.exposure import AspectHistogram
    from ciaopy.fits import Table

    table = ws.read(name)
    names = table.names if isinstance(table, Table) else []
    missing = [c for c in COLUMNS if not isinstance(table, Table) or c not in table]
    if missing or not isinstance(table, Table):
        kind = "an aspect solution" if {"ra", "dec", "roll"} <= {n.lower() for n in names} else f"block {table.name}"
        raise DataError(f"{name}: {kind}, not an aspect histogram (no {', '.join(missing)}); make one with asphist")
    values = [np.asarray(table[c], np.float64) for c in COLUMNS]
    if not all(np.isfinite(v).all() for v in values) or (values[3] < 0).any():
        raise DataError(f"{name}: an offset or duration is not finite, or a duration is negative; make it again")
    if not values[3].sum() > 0:
        raise NoDataError(f"{name}: no time in the aspect histogram")
    return AspectHistogram(values[0], values[1], values[2], values[3]), table.header


def read_instrument_map(name: str, detector: Detector, ws: Workspace) -> tuple[InstrumentMap, Header]:
    """Return an instrument map and its header.

    Raises
    ------
    DataError
        Not an image in chip coordinates of one chip, or it holds values that are not finite.
    """
    from ciaopy.exposure import InstrumentMap
    from ciaopy.fits import Image
    from ciaopy.response.exposure_headers import chip_of_header, image_pixel_grid

    image = ws.read(name)
    if not isinstance(image, Image) or image.data is None or image.data.ndim != 2:
        raise DataError(f"{name}: not an image; give the instrument map of mkinstmap")
    axis = str(image.header.get("CTYPE1P", "chipx")).strip().lower()
    if axis not in ("chipx", "chip"):
        raise DataError(f"{name}: its axes are {axis}, not chipx, chipy; give the instrument map of mkinstmap")
    data = np.ascontiguousarray(image.data, np.float32)
    if not np.isfinite(data).all():
        raise DataError(f"{name}: {int((~np.isfinite(data)).sum())} pixels are not finite; make the map again")
    chip = chip_of_header(image.header, detector, name)
    return InstrumentMap(chip, image_pixel_grid(image), data), image.header


def expmap_image(
    result: ExposureMaps, band: int, header: Header, instmap: Header, frame: SkyFrame, normalize: bool
) -> Image:
    """Return the EXPMAP block of one band, float32.

    Parameters
    ----------
    result : ExposureMaps
    band : int
    header : Header
        Of the aspect histogram: observation keywords and times.
    instmap : Header
        Of the instrument map: energies, grating, chip, unit.
    frame : SkyFrame
    normalize : bool
        Divide by the exposure time.
    """
    from ciaopy.fits import Image
    from ciaopy.response.exposure_headers import write_axes
    from ciaopy.response.obsfile import own_keywords_removed

    new = own_keywords_removed(header)
    new["HDUNAME"] = ("EXPMAP", "ASCDM block name")
    new["CONTENT"] = ("EXPMAP", "exposure map")
    for key in HANDED_ON:
        if key in instmap:
            new[key] = (instmap[key], instmap.comments[key])
    unit = str(instmap.get("BUNIT", "cm**2")).strip()
    new["BUNIT"] = unit if normalize else f"{unit} s".strip()
    write_axes(new, result.grid, ("x", "y"), "sky", frame.column_keywords())
    image = (result.normalized() if normalize else result).full(band)
    return Image("EXPMAP", image, new)
