"""Headers of aspect histograms, instrument maps and exposure maps: grids, observation keywords, chips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, NoDataError, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ciaopy.coords import Detector, SkyFrame
    from ciaopy.datamodel import Workspace
    from ciaopy.exposure import Axis, PixelGrid, Spectrum
    from ciaopy.fits import Header, Image


def obsfile_header(name: str, ws: Workspace, parameter: str) -> Header:
    """Return the observation keywords of an event file (no row is read) or of a parameter file (dmmakepar).

    Raises
    ------
    UserError
        Nothing is named, or there is no such file.
    DataError
        The file is neither.
    """
    from ciaopy.datamodel import block_without_rows
    from ciaopy.response.obsfile import looks_like_fits, observation_header, own_keywords_removed

    plain = Path(file_of(name))
    if not str(name).strip() or name.strip().lower() == "none":
        raise UserError(f"{parameter}: no file given; name the event file of the observation")
    if ws.in_memory(plain) is None and plain.is_file() and not looks_like_fits(plain):
        return observation_header(name, ws)
    if not ws.exists(plain):
        raise UserError(f"{plain}: no such file; give the event file of the observation ({parameter})")
    return own_keywords_removed(block_without_rows(name, ws, parameter).header)


def chip_of_header(header: Mapping[str, Any], detector: Detector, where: str) -> int:
    """Return the chip that a map belongs to: CCD_ID, CHIP_ID, or the end of DETNAM (`ACIS-7`, `HRC-I`, `HRC-S2`).

    Raises
    ------
    DataError
        The header does not say, or the detector has no such chip.
    """
    for key in ("CCD_ID", "CHIP_ID"):
        if isinstance(header.get(key), int):
            return detector.chip(int(header[key])).id
    name = str(header.get("DETNAM", "")).strip().upper()
    tail = name.removeprefix("ACIS-").removeprefix("HRC-S")
    if name == "HRC-I":
        return 0
    if len(tail) == 1 and tail.isdecimal():
        return detector.chip(int(tail)).id
    raise DataError(
        f"{where}: neither CCD_ID nor DETNAM ({name or 'missing'}) names one chip; is it an instrument map?"
    )


def write_axes(
    header: Header, grid: PixelGrid, names: tuple[str, str], vector: str, columns: Mapping[str, Any]
) -> None:
    """Write the physical axes of a grid and the world coordinates that two columns of that system have.

    Parameters
    ----------
    header : Header
        Changed.
    grid : PixelGrid
    names : (str, str)
        `("x", "y")` or `("chipx", "chipy")`, keys of `columns`.
    vector : str
        `sky` or `chip`.
    columns : mapping
        `SkyFrame.column_keywords()`.
    """
    header["MTYPE1"] = (vector, "DM Keyword: Descriptor name.")
    header["MFORM1"] = (",".join(n.upper() if vector == "chip" else n for n in names), "[pixel]")
    if vector == "sky":
        header["MTYPE2"] = ("EQPOS", "DM Keyword: Descriptor name.")
        header["MFORM2"] = ("RA,DEC", "[deg]")
    for i, (name, axis) in enumerate(zip(names, (grid.x, grid.y), strict=True), 1):
        _write_axis(header, i, name.upper() if vector == "chip" else name, axis, columns[name])


def _write_axis(header: Header, i: int, name: str, axis: Axis, column: Mapping[str, Any]) -> None:
    header[f"CTYPE{i}P"] = name
    header[f"CRVAL{i}P"] = axis.low
    header[f"CRPIX{i}P"] = 0.5
    header[f"CDELT{i}P"] = axis.step
    header[f"WCSTY{i}P"] = "PHYSICAL"
    header[f"LTV{i}"] = 0.5 - axis.low / axis.step
    header[f"LTM{i}_{i}"] = 1.0 / axis.step
    header[f"CTYPE{i}"] = column["TCTYP"]
    header[f"CRVAL{i}"] = float(column["TCRVL"])
    header[f"CRPIX{i}"] = (float(column["TCRPX"]) - axis.low) / axis.step + 0.5
    header[f"CDELT{i}"] = float(column["TCDLT"]) * axis.step
    header[f"CUNIT{i}"] = column["TCUNI"]


def image_pixel_grid(image: Image) -> PixelGrid:
    """Return the grid of an image in physical coordinates, without rounding."""
    from ciaopy.datamodel.images import image_grid
    from ciaopy.exposure import Axis, PixelGrid

    found = image_grid(image)
    return PixelGrid(*(Axis(a.low, a.high, a.count) for a in (found.x, found.y)))


def sky_grid(text: str, frame: SkyFrame, ws: Workspace) -> PixelGrid:
    """Return the grid that `xygrid` means: `lo:hi:#n,lo:hi:#n`, or that of an image on the same tangent plane.

    Raises
    ------
    ParameterError, DataError
        It is neither, or the image has another tangent point.
    """
    from ciaopy.datamodel import TangentTransform, image_wcs
    from ciaopy.exposure import parse_xygrid
    from ciaopy.fits import Image

    name = text.strip()
    if not name or not ws.exists(name) or name.count(":") == 4:
        return parse_xygrid(name)
    image = ws.read(name)
    if not isinstance(image, Image) or image.data is None or image.data.ndim != 2:
        raise DataError(f"{name}: not an image; give xygrid=lo:hi:#n,lo:hi:#n or an image")
    wcs = image_wcs(image)
    if wcs is not None and not isinstance(wcs, TangentTransform):
        raise DataError(f"{name}: not a tangent plane with North up in ICRS; give an image binned from the events")
    nominal = (frame.ra_nom, frame.dec_nom)
    off = wcs is not None and max(abs(a - b) for a, b in zip(wcs.crval, nominal, strict=True))
    if off and off > 1e-5:
        raise DataError(
            f"{name}: its tangent point differs from RA_NOM, DEC_NOM of the observation; reproject it first"
        )
    return image_pixel_grid(image)


def write_spectrum(header: Header, spectrum: Spectrum) -> None:
    """Write ENERG_LO, ENERG_HI, SPECTRUM and WGTFILE."""
    name = Path(spectrum.name).name
    header["SPECTRUM"] = (name or float(spectrum.energy[0]), "weights file" if name else "[keV] energy")
    header["WGTFILE"] = (name or "NONE", "weights file")
    header["ENERG_LO"] = (spectrum.low, "[keV] lower limit of the band")
    header["ENERG_HI"] = (spectrum.high, "[keV] upper limit of the band")


def no_overlap(outfile: str, grid: str, chip: int) -> NoDataError:
    """Return the error of a sky grid that a chip never reaches."""
    return NoDataError(
        f"{outfile}: the grid {grid} has nothing in common with chip {chip} at any attitude; check xygrid"
    )
