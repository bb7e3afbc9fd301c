"""Make an instrument map: the effective area over a chip, at one energy or for a spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ciaopy.coords import Detector
    from ciaopy.datamodel import Workspace
    from ciaopy.exposure import InstrumentMap, Spectrum
    from ciaopy.fits import Header, Image
    from ciaopy.param import ParameterSet

#: Exposure keywords and those of one chip, without its number.
TIMES_OF_CHIPS = {"ONTIME": "ONTIME", "LIVETIME": "LIVTIME", "EXPOSURE": "EXPOSUR"}


def run(par: ParameterSet, ws: Workspace) -> InstrumentMap:
    """Run the tool.

    `pbkfile` is accepted and not needed: what it would tell about the dead area is in the header.
    """
    from ciaopy.caldb import Ardlib, parse_detector, parse_mirror
    from ciaopy.coords import Attitude, FocalPlane
    from ciaopy.exposure import instrument_map, parse_pixelgrid
    from ciaopy.response import chip_response, chosen_geometry, obsfile_header, pixel_factor

    outfile, obsfile = par["outfile"].strip(), par["obsfile"].strip()
    ws.check_output(outfile, par["clobber"], (obsfile,))
    detector, mirror = parse_detector(par["detsubsys"]), parse_mirror(par["mirror"])
    grid, spectrum = parse_pixelgrid(par["pixelgrid"]), _spectrum(par, ws)
    files = (obsfile, par["ardlibparfile"], par["maskfile"])
    header = ws.once("observation header", obsfile, (obsfile,), lambda: obsfile_header(obsfile, ws, "obsfile"))
    geometry, _ = chosen_geometry(par["geompar"], header)
    plane, attitude = FocalPlane.from_header(header, geometry, obsfile), Attitude.from_header(header, obsfile)
    names = par["ardlibparfile"]
    ardlib = ws.once("ardlib", names, (names,), lambda: Ardlib.read(names))
    key = (*files, par["detsubsys"])
    response = ws.once(
        "chip response",
        (*key, par["mirror"], par["grating"], par["dafile"]),
        files,
        lambda: chip_response(detector, mirror, par["grating"], par["dafile"], header, ardlib),
    )

    def left_over() -> NDArray[np.float32] | None:
        found = pixel_factor(detector, par["maskfile"], header, grid, ardlib, ws)
        return None if found is None else found.astype("float32")

    factor = ws.once("pixel factor", (*key, grid), files, left_over)
    result = instrument_map(response, spectrum, plane, attitude, grid, factor)
    image = instmap_image(result, spectrum, header, plane.detector, par["grating"])
    image.header["DETNAM"] = (detector.element, "chip of this map")
    if response.is_lite:
        from ciaopy.caldb.lite import CALDBVER

        image.header["CALDBVER"] = CALDBVER
        ws.console.warn(
            f"embedded approximate calibration; the header says CALDBVER={CALDBVER}; "
            "for more exact areas set $CALDB to a Chandra CALDB"
        )
    for product in response.products:
        ws.console.say(f"{type(product).__name__}: {getattr(product, 'source', '')}", 3)
    peak = float(result.data.max())
    ws.console.say(f"{detector.element}: largest value {peak:.2f}", 1)
    ws.write(outfile, image, par, par["clobber"])
    return result


def _spectrum(par: ParameterSet, ws: Workspace) -> Spectrum:
    """Return the weights of `spectrumfile`, or the energy of `monoenergy`."""
    from ciaopy.exposure import Spectrum

    name = par["spectrumfile"].strip()
    if name.lower() not in ("", "none"):
        spectrum = Spectrum.read(name)
        if abs(spectrum.total - 1.0) > 1e-3:
            ws.console.warn(f"{name}: the weights sum up to {spectrum.total:g}, not 1; they are used as they are")
        return spectrum
    if par["monoenergy"] is None:
        raise ParameterError("monoenergy is undefined and spectrumfile is NONE; give one of them")
    return Spectrum.mono(float(par["monoenergy"]))


def instmap_image(
    result: InstrumentMap, spectrum: Spectrum, header: Header, detector: Detector, grating: str = "NONE"
) -> Image:
    """Return the INSTMAP block of an instrument map.

    Parameters
    ----------
    result : InstrumentMap
    spectrum : Spectrum
    header : Header
        Observation keywords; copied.
    detector : Detector
    grating : str
        For GRATING.
    """
    from ciaopy.coords import SkyFrame
    from ciaopy.fits import Image
    from ciaopy.response import write_axes, write_spectrum

    new = header.copy()
    new["HDUNAME"] = ("INSTMAP", "ASCDM block name")
    new["CONTENT"] = ("INSTMAP", "instrument map")
    new["BUNIT"] = ("cm**2", "effective area, counts per photon")
    new["GRATING"] = grating.strip().upper() or "NONE"
    new["CCD_ID" if detector.name == "ACIS" else "CHIP_ID"] = (result.chip, "chip of this map")
    for key, of_chip in TIMES_OF_CHIPS.items() if detector.name == "ACIS" else ():
        if f"{of_chip}{result.chip}" in new:
            new[key] = (new[f"{of_chip}{result.chip}"], new.comments[f"{of_chip}{result.chip}"])
    write_spectrum(new, spectrum)
    frame = SkyFrame(float(new.get("RA_NOM", 0.0)), float(new.get("DEC_NOM", 0.0)), 0.0, detector)
    write_axes(new, result.grid, ("chipx", "chipy"), "chip", frame.column_keywords())
    return Image("INSTMAP", result.data, new)
