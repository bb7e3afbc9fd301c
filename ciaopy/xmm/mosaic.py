"""Sums of EPIC images on one grid, and the share of out-of-time events of the pn camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import UserError
from ciaopy.fits import Image

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["OUT_OF_TIME", "check_grids", "mosaic_header", "out_of_time_share", "weighted_sum"]

# Share of events read out of time, by SUBMODE of pn (SAS documents).
OUT_OF_TIME: Mapping[str, float] = MappingProxyType({
    "PrimeFullWindow": 0.063,
    "PrimeFullWindowExtended": 0.0232,
    "PrimeLargeWindow": 0.0015,
    "PrimeSmallWindow": 0.011,
})  # fmt: skip
# Grids agree to this part of a pixel.
TOLERANCE = 1e-4
_COPIED = (
    "TELESCOP", "OBS_ID", "OBSERVER", "OBJECT", "DATAMODE", "RA_PNT", "DEC_PNT", "PA_PNT", "RADECSYS", "EQUINOX",
    "BUNIT", "CONTENT", "WCSNAMEL", "WCSAXESL",
    *(f"{k}{n}{s}" for n in (1, 2) for k in ("CTYPE", "CRPIX", "CRVAL", "CUNIT", "CDELT") for s in ("", "L")),
    "LTV1", "LTV2", "LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2", "CALDBVER",
)  # fmt: skip


def out_of_time_share(submode: str) -> float:
    """Return the share of out-of-time events of a pn mode.

    Raises
    ------
    UserError
        The mode has none, or none that is known.
    """
    share = OUT_OF_TIME.get(submode.strip())
    if share is None:
        raise UserError(
            f"SUBMODE {submode!r} has no known share of out-of-time events; known: {', '.join(OUT_OF_TIME)}"
        )
    return share


def check_grids(images: Sequence[Image], names: Sequence[str]) -> None:
    """Check that images lie on one grid, to 1e-4 pixel.

    Raises
    ------
    UserError
        A keyword differs; there is no resampling.
    """
    first = images[0]
    assert first.data is not None
    for image, name in zip(images[1:], names[1:], strict=True):
        assert image.data is not None
        if image.data.shape != first.data.shape:
            raise UserError(
                f"{name}: NAXIS {image.data.shape[::-1]} is not {first.data.shape[::-1]} of {names[0]}; images of "
                f"one grid are needed"
            )
        for axis in (1, 2):
            _check_axis(first.header, image.header, axis, (names[0], name))


def _check_axis(one: Header, two: Header, axis: int, names: tuple[str, str]) -> None:
    step = abs(float(one.get(f"CDELT{axis}", 1.0))) or 1.0
    pixels = max(float(one.get(f"CRPIX{axis}", 1.0)), 1.0)
    for key, unit in (("CRPIX", 1.0), ("CRVAL", step), ("CDELT", step / pixels)):
        a, b = (h.number(f"{key}{axis}", 0.0) for h in (one, two))
        if abs(a - b) > TOLERANCE * unit:
            raise UserError(
                f"{names[1]}: {key}{axis} {b} is not {a} of {names[0]}; images of one grid are needed (no resampling)"
            )
    kind, other = (str(h.get(f"CTYPE{axis}", "")).strip() for h in (one, two))
    if kind != other:
        raise UserError(f"{names[1]}: CTYPE{axis} {other} is not {kind} of {names[0]}; images of one grid are needed")


def weighted_sum(images: Sequence[Image], weights: Sequence[float]) -> NDArray[np.generic]:
    """Return the sum of images times weights; float32 where all are, else float64."""
    assert images[0].data is not None
    total = np.zeros(images[0].data.shape)
    for image, weight in zip(images, weights, strict=True):
        total += weight * np.asarray(image.data, np.float64)
    single = all(image.data is not None and image.data.dtype == np.float32 for image in images)
    return total.astype(np.float32) if single else total


def mosaic_header(images: Sequence[Image], names: Sequence[str], weights: Sequence[float]) -> Header:
    """Return the header of a sum: the grid of the first image, and EMSC?nnn for every input."""
    from ciaopy.fits import new_header

    header = new_header()
    for key in _COPIED:
        if key in images[0].header:
            header[key] = (images[0].header[key], images[0].header.comments[key])
    for number, (image, name, weight) in enumerate(zip(images, names, weights, strict=True), 1):
        for stem, key, comment in (
            ("EMSCI", "INSTRUME", "Instrument"),
            ("EMSCE", "EXPOSURE", "Exposure (s)"),
            ("EMSCJ", "DATE-OBS", "Date obs made"),
            ("EMSCK", "DATE-END", "Date obs ended"),
        ):
            header[f"{stem}{number:03d}"] = (str(image.header.get(key, "??")).strip(), comment)
        header[f"EMSCF{number:03d}"] = (name, "Input filename")
        header[f"EMSCW{number:03d}"] = (weight, "Weight")
    instruments = {str(i.header.get("INSTRUME", "")).strip() for i in images}
    header["INSTRUME"] = instruments.pop() if len(instruments) == 1 else "EPIC"
    return header
