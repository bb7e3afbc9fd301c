"""GMAP: gain image of the HRC."""

from __future__ import annotations

import numpy as np

from ciaopy.caldb.products_hrc import HrcGainImage
from ciaopy.caldb.readers.access import CalibrationSource

# Raw pixels of the detector (x, y).
RAW_SIZE = {"HRC-I": (16384, 16384), "HRC-S": (4096, 49152)}


def read(file: CalibrationSource) -> HrcGainImage:
    """Read an image of gains and the keyword SAMPNORM; blocks cover the detector evenly.

    Checked on hrciD*sampgainN0001 of 2000, 2010 and 2018 (128 x 128 blocks of 128 raw pixels).

    Raises
    ------
    CalibrationError
        No two-dimensional image, values not finite or negative, an unknown detector.
    """
    for image in file.images():
        pixels = image.pixels
        if pixels.ndim == 2:
            break
    else:
        file.fail("no two-dimensional gain image")
    detector = next((d for d in RAW_SIZE if d in image.text("DETNAM", "CONTENT")), None)
    if detector is None:
        image.fail(f"DETNAM is {image.text('DETNAM') or 'missing'}, expected HRC-I or HRC-S")
    if np.any(pixels < 0):
        image.fail("negative gains")
    ny, nx = pixels.shape
    size_x, size_y = RAW_SIZE[detector]
    norm = image.number("SAMPNORM") if image.key("SAMPNORM") is not None else None
    if norm is not None and norm <= 0:
        image.fail(f"SAMPNORM is {norm:g}")
    return HrcGainImage(source=file.source, gain=pixels, cell_x=size_x / nx, cell_y=size_y / ny, norm=norm)
