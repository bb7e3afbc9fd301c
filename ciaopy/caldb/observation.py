"""What a query needs to know of an observation: the header of its events, and the products that serve it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ciaopy.fits import FitsFile, HduInfo, Header

__all__ = ["event_files", "observation_header", "observation_products"]

_GEOMETRY = {
    "GEOM": "chip positions",
    "AIMPTS": "aim points",
    "TDET": "tiled coordinates",
    "SKY": "sky coordinates",
    "SGEOM": "shell geometry",
}
_MIRROR = {"AXEFFA": "mirror area", "VIGNET": "vignetting", "REEF": "PSF radius"}
_GRATING = {"GREFF": "grating efficiency", "LSFPARM": "line spread", "WPSF": "PSF width of grating masks"}
_ACIS = {
    "GRADE": "event grades",
    "EVTSPLT": "split threshold",
    "GRDIMG": "grades for the CTI adjustment",
    "CTI": "charge-transfer inefficiency",
    "DET_GAIN": "gain",
    "T_GAIN": "gain drift",
    "SUBPIX": "sub-pixel positions",
    "BADPIX": "bad pixels",
    "QE": "quantum efficiency",
    "QEU": "efficiency over the chip",
    "CONTAM": "contaminant",
    "DEAD_AREA": "cosmic-ray dead area",
}
_HRC = {
    "GMAP": "gain map",
    "T_GMAP": "gain map in time",
    "GAPLOOKUP": "degap table",
    "DEGAP": "degap coefficients",
    "AMP_SF_COR": "amplifier scale",
    "TAPRINGTEST": "tap ringing test",
    "FPTEST": "hyperbola test",
    "EFTEST": "flatness test",
    "SATTEST": "saturation test",
    "BADPIX": "bad pixels",
    "QE": "quantum efficiency",
    "QEU": "efficiency over the chip",
}


def observation_products(header: Mapping[str, Any]) -> dict[str, str]:
    """Return the products that serve an observation, with what each is: by INSTRUME, DETNAM and GRATING."""
    instrument = str(header.get("INSTRUME") or "").strip().upper()
    grating = str(header.get("GRATING") or "NONE").strip().upper()
    found = _GEOMETRY | {"ACIS": _ACIS, "HRC": _HRC}.get(instrument, {}) | _MIRROR
    if grating in ("HETG", "LETG"):
        found |= _GRATING
        found |= {"OSIP": "order sorting"} if instrument == "ACIS" else {"TGPIMASK2": "background filter of PI"}
        found |= {"TGMASK2": "grating regions"} if grating == "LETG" and instrument == "HRC" else {}
    return found


def observation_header(path: str) -> Header:
    """Return the header of a file's EVENTS block, else of its first block that names an instrument.

    Parameters
    ----------
    path : str
        An event file (or another of the observation); filters in brackets are ignored.

    Raises
    ------
    DataError
        No such file, or no block of it names an instrument.
    """
    from ciaopy.fits import open_fits

    with open_fits(file_of(path)) as fits:
        # Looked for first: to list all blocks, a compressed file must be inflated to its end.
        for info in _events_first(fits):
            if info.header.get("INSTRUME"):
                return info.header
    raise DataError(f"{path}: no block names an instrument (INSTRUME); give an event file")


def _events_first(fits: FitsFile) -> Iterator[HduInfo]:
    with suppress(DataError):
        yield fits.hdu("EVENTS")
    yield from fits.hdus


def event_files(folder: Path) -> list[Path]:
    """Return the event files of an observation folder (itself, primary/, secondary/, repro/), sorted; level 2 last."""
    found = [p for sub in (".", "primary", "secondary", "repro") for p in (folder / sub).glob("*evt[12]*.fits*")]
    return sorted(found, key=lambda p: ("evt2" in p.name, str(p)))
