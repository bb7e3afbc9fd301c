"""Headers of the images of fluximage: rules for merging, units, keywords carried over, records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.pipelines.imaging.bands import Band
from ciaopy.pipelines.repro import replacing

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

__all__ = ["RESPONSE_KEYS", "RULES", "copy_keys", "flux_unit", "label_counts", "record", "set_keys", "write_rules"]

#: BUNIT of counts images.
COUNTS = "count"

# What an instrument map says of its spectrum and grating.
RESPONSE_KEYS = ("SPECTRUM", "WGTFILE", "ENERG_LO", "ENERG_HI", "GRATING")

_SAME = (
    "MISSION TELESCOP OBJECT OBSERVER TITLE OBS_ID DS_IDENT SEQ_NUM INSTRUME DETNAM ASPTYPE GRATING OBS_MODE DATAMODE"
)
_FIRST = (
    "ORIGIN CREATOR TIMVERSN CLOCKAPP HDUNAME EXTNAME BUNIT CONTENT HDUCLASS HDUCLAS1 HDUCLAS2 REVISION ASCDSVER "
    "TIMEUNIT TIMESYS TIMEPIXR MJDREF TIMEZERO BTIMNULL BTIMRATE BTIMDRFT BTIMCORR ONTIME LIVETIME EXPOSURE DTCOR "
    "ENERGYLO ENERGYHI PILO PIHI CALDBVER DATE TIERRELA TIERABSO TIMEDEL SPECTRUM "
    "WGTFILE ENERG_LO ENERG_HI CYCLE HISTNUM "
    "CTYPE1 CTYPE2 CRVAL1 CRVAL2 CRPIX1 CRPIX2 CDELT1 CDELT2 CUNIT1 CUNIT2 LONPOLE LATPOLE CCD_ID CHIP_ID"
)
_TOLERANCES = {
    "RA_NOM": 0.0003, "DEC_NOM": 0.0003, "RA_PNT": 0.0003, "DEC_PNT": 0.0003, "ROLL_NOM": 1.0, "ROLL_PNT": 1.0,
    "FOC_LEN": 1.0, "FP_TEMP": 2.0, "RAND_SKY": 0.05, "RAND_PI": 0.05, "RAND_TG": 0.05, "SIM_X": 0.001, "SIM_Y": 0.001,
    "SIM_Z": 0.1,
}  # fmt: skip
_DROPPED = (
    "OBI_NUM THRFILE GAINFILE CTIFILE MTLFILE TGAINFIL GRD_FILE BIASFILE GEOMFILE SKYFILE TDETFILE SHELLFIL FLTFILE "
    "PBKFILE AMPSFFIL DTFFILE FLATFILE HYPFILE LIMFILE SATFILE OSIPFILE ASOLFILE BPIXFILE AIMPFILE MASKFILE SUBPIXFL "
    # what the aspect histogram of one chip says of itself
    "AVG_XOFF AVG_YOFF AVG_ROLL X_MIN X_MAX X_RES Y_MIN Y_MAX Y_RES ROLL_MIN ROLL_MAX ROLL_RES"
)

#: Header rules for adding the exposure maps of chips, in the layout of CIAO's lookup tables.
RULES = "\n".join(
    [
        "# How the headers of images of one observation are merged",
        *(f"{k} Merge-Merged" for k in _SAME.split()),
        *(f"{k} Default" for k in _FIRST.split()),
        *(f"{k} WarnOmit-{t}" for k, t in _TOLERANCES.items()),
        *(f"{k} Skip" for k in _DROPPED.split()),
    ]
)


def write_rules(path: Path) -> None:
    """Write the header rules as a lookup table."""
    with replacing(path) as part:
        part.write_text(RULES + "\n")


def change(ws: Workspace, path: Path, edit: Callable[[Header], None]) -> None:
    """Change the header of a file's main block, in memory or on disk."""
    from ciaopy.datamodel import change_header

    change_header(str(path), ws, edit)


def label_counts(ws: Workspace, path: Path, band: Band) -> None:
    """Write the band into the header of a counts image."""

    def edit(header: Header) -> None:
        header["BUNIT"] = (COUNTS, "")
        header.add_comment(f"Counts in the band {band.describe}")
        if band.low is None or band.high is None:
            return
        if band.filter.startswith("[pi"):
            header["PILO"] = (int(band.low), "[channel] Lowest PI")
            header["PIHI"] = (int(band.high), "[channel] Highest PI")
        else:
            header["ENERGYLO"] = (band.low, "[keV] Low energy limit")
            header["ENERGYHI"] = (band.high, "[keV] High energy limit")

    change(ws, path, edit)


def copy_keys(ws: Workspace, source: Path, target: Path, keys: Sequence[str]) -> None:
    """Copy keywords that exist from one file's header to another's, with a comment that says so."""
    header = ws.read(str(source)).header
    there = [k for k in keys if k in header]

    def edit(new: Header) -> None:
        for key in there:
            new[key] = (header[key], header.comments[key])
        if there:
            new.add_comment(f"{', '.join(there)}: from {source.name}")

    change(ws, target, edit)


def set_keys(ws: Workspace, path: Path, values: dict[str, object]) -> None:
    """Set keywords."""

    def edit(header: Header) -> None:
        for key, value in values.items():
            header[key] = (value, header.comments[key]) if key in header else value

    change(ws, path, edit)


def flux_unit(counts: str, exposure: str) -> str:
    """Return the unit of counts divided by exposure.

    An area counts the photons that it catches (cm**2 count/photon, written cm**2), so that a flux is in photons.

    Parameters
    ----------
    counts, exposure : str
        BUNIT of the counts image (blank: counts) and of the exposure map.
    """
    counts, exposure = counts.strip() or COUNTS, exposure.strip()
    if counts == exposure:
        return ""
    known = {"s": "count/s", "cm**2": "photon/cm2", "cm**2 s": "photon/cm2/s", "cm**2 sec": "photon/cm2/s"}
    if counts == COUNTS and exposure in known:
        return known[exposure]
    return f"{counts}/({exposure})" if exposure else counts


def finish_flux(ws: Workspace, counts: Path, exposure: Path, flux: Path) -> None:
    """Write unit and spectrum keywords of an exposure-corrected image."""
    units = [str(ws.read(str(p)).header.get("BUNIT", "")) for p in (counts, exposure)]
    copy_keys(ws, exposure, flux, RESPONSE_KEYS[:-1])
    set_keys(ws, flux, {"BUNIT": flux_unit(*units)})


def record(ws: Workspace, path: Path, program: str, recorded: Sequence[tuple[str, str]]) -> None:
    """Add the HISTORY of fluximage and a COMMENT with its version."""
    from ciaopy.fits import add_history

    def edit(header: Header) -> None:
        header.add_comment(program)
        add_history(header, "fluximage", recorded)

    change(ws, path, edit)
