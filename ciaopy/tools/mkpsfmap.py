"""Make a map of the size of the point-spread function over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError, ParameterError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.exposure import Spectrum
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool. Pixels of the image that are NaN, null or outside its filter are NaN in the map.

    Raises
    ------
    ParameterError
        `ecf` or `psffile` is out of range.
    DataError
        The file is no image.
    """
    from ciaopy.caldb import PsfRadius, load
    from ciaopy.coords import Attitude, FocalPlane, SkyFrame
    from ciaopy.exposure import psf_map
    from ciaopy.fits import Image
    from ciaopy.response import chosen_geometry, image_pixel_grid, own_keywords_removed

    name, outfile = par["infile"].strip(), par["outfile"].strip()
    ws.check_output(outfile, par["clobber"], (name,))
    spectrum, ecf = _spectrum(par), par["ecf"]
    if ecf is None or not 0 < ecf < 1:
        raise ParameterError(f"ecf={par.text('ecf')}: expected the enclosed fraction, above 0 and below 1")
    image = ws.read(name)
    if not isinstance(image, Image) or image.data is None or image.data.ndim != 2:
        raise DataError(f"{name}: not an image; give the image that the map is for")
    header = image.header
    geometry, _ = chosen_geometry(par["geompar"], header)
    plane, frame = FocalPlane.from_header(header, geometry, name), SkyFrame.from_header(header, geometry, name)
    radius = load("REEF", par["psffile"], header)
    if not isinstance(radius, PsfRadius):
        raise ParameterError(f"psffile={par['psffile']}: expected CALDB, lite or a file")
    grid = image_pixel_grid(image)
    result = psf_map(radius, spectrum, float(ecf), plane, (frame, Attitude.from_header(header, name)), grid)
    result *= np.float32(_scale(par["units"], plane.detector.scale, grid.x.step))
    if image.data.dtype.kind == "f":
        result[~np.isfinite(image.data)] = np.nan
    elif header.get("BLANK") is not None:
        result[image.data == header["BLANK"]] = np.nan
    new = own_keywords_removed(header)
    for key in [k for k in header if k.startswith(("MTYPE", "MFORM"))]:
        new[key] = header[key]
    new.remove("BLANK", ignore_missing=True)
    new["HDUNAME"] = ("PSFMAP", "ASCDM block name")
    new["BUNIT"] = {"arcsec": "arcsec"}.get(par["units"], "pixel")
    new["ECF"] = (float(ecf), "enclosed fraction of the PSF")
    if radius.is_lite:
        new["CALDBVER"] = radius.filename
        ws.console.warn(f"PSF radii from the embedded calibration ({radius.filename})")
    ws.write(outfile, Image("PSFMAP", result, new), par, par["clobber"])


def _spectrum(par: ParameterSet) -> Spectrum:
    from ciaopy.exposure import Spectrum

    if par["energy"] is not None:
        return Spectrum.mono(float(par["energy"]))
    name = par["spectrum"].strip()
    if name.lower() in ("", "none"):
        raise ParameterError("energy is INDEF and spectrum is empty; give an energy in keV or a weights file")
    return Spectrum.read(name)


def _scale(units: str, pixel: float, step: float) -> float:
    """Return what turns arcsec into the unit: `arcsec`, `physical` (sky pixels) or `logical` (image pixels)."""
    return {"arcsec": 1.0, "physical": 1.0 / pixel}.get(units, 1.0 / (pixel * step))
