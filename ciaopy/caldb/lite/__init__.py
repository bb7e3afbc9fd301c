"""The embedded calibration: approximate figures that carry the pipeline where there is no CALDB.

`product(name, header)` gives the same dataclasses as the CALDB readers, with `is_lite` set; `PRODUCTS` says what there
is and how good it is (measured in docs/accuracy.md). Products made with it carry the keywords of `provenance`.

There is no charge-transfer correction and no time-dependent gain: a tool that lacks them keeps the archive's own
PHA, ENERGY, PI, FLTGRADE and GRADE columns instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ciaopy.caldb.lite.tables import VERSION as CALDBVER
from ciaopy.caldb.products_base import Product
from ciaopy.errors import CalibrationError
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.caldb.lite import tables
    from ciaopy.caldb.lite.gratings import letg_hrcs_area, meg_line_shape, zero_order_size
    from ciaopy.caldb.lite.when import time_of_year, year_of

__all__ = [
    "CALDBVER",
    "LITE_VERSION",
    "PRODUCTS",
    "has",
    "letg_hrcs_area",
    "meg_line_shape",
    "product",
    "provenance",
    "tables",
    "time_of_year",
    "year_of",
    "zero_order_size",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {"gratings": "letg_hrcs_area meg_line_shape zero_order_size", "when": "time_of_year year_of", "": "tables"},
    )

LITE_VERSION = 1

# CALDB name -> what the embedded calibration has and how far to trust it.
PRODUCTS: dict[str, str] = {
    "GEOM": "chip corners, origins, aim points: the CALDB's own numbers",
    "AIMPTS": "nominal SIM positions: the CALDB's own numbers",
    "TDET": "tiled detector coordinates: exact",
    "SKY": "DET and SKY systems: exact",
    "SGEOM": "nothing is read from it",
    "GRADE": "ASCA grades of the 256 flight grades: exact",
    "EVTSPLT": "13 adu on every chip: exact",
    "SUBPIX": "EDSER offsets within 0.015 pixel of the CALDB table",
    "DET_GAIN": "gain per CCD and node: 0.4 % rms for CTI-corrected data; FI data without CTI correction 5-25 % off",
    "BADPIX": "ACIS node boundaries and frame-store shadow only; no individual bad pixels",
    "AXEFFA": "mirror area within 1.5 % (0.6-10 keV), 3-5 % below",
    "VIGNET": "vignetting within 1 % rms to 20 arcmin, 4 % at most; whole mirror only",
    "QE": "ACIS within 1 %, HRC within 2 % of the CALDB at mission start; the decline of the HRC in time is unverified",
    "QEU": "one factor per energy for FI and BI chips, 2-3 % after 2000-01-29; 1 for the HRC",
    "CONTAM": "ACIS contaminant: 3-5 % of its depth to 2014, 15-20 % to 2020, extrapolated after",
    "DEAD_AREA": "cosmic-ray loss of FI chips, 0.2 %",
    "GREFF": "HETG to order +-3, LETG to +-8, within 2 % or 0.0002, the mirror shares aside",
    "REEF": "radii of 20-98 % of the mirror PSF on a flat plane, 0.5-2 %; azimuth scatter of 2-8 % left out",
    "OSIP": "order-sorting windows of ACIS-S: CIAO's order for 99 % of the events in the arms; chips 0-4 not measured",
    "TGMASK2": "extraction regions of LETG/HRC-S: the CALDB's own numbers",
    "GMAP": "HRC-I gain 3 % (median; 14 % in 2010, 15-30 % at the edges); HRC-S not calibrated",
    "TAPRINGTEST": "HRC ringing correction: exact on 165,591 events of the archive, WIDTHRES 2 only",
    "FPTEST": "HRC hyperbolic test: exact on 165,591 events of the archive",
    "SATTEST": "HRC saturation test: exact on 165,591 events of the archive",
    "EFTEST": "HRC flatness test: exact on 165,591 events of the archive",
    "AMP_SF_COR": "HRC amplifier scale: exact on 165,591 events of the archive, RANGELEV 115 (I), 125 (S) +-5 only",
}

# Where each product is made; those of the coordinate system live in ciaopy.coords.
_MAKERS = {
    "GRADE": "events.grades",
    "EVTSPLT": "events.split_threshold",
    "SUBPIX": "events.sub_pixel",
    "DET_GAIN": "events.det_gain",
    "BADPIX": "events.bad_pixels",
    "GMAP": "events.hrc_gain",
    "AXEFFA": "area.mirror_area",
    "VIGNET": "area.vignetting",
    "QE": "area.quantum_efficiency",
    "QEU": "area.qe_uniformity",
    "CONTAM": "area.contamination",
    "DEAD_AREA": "area.dead_area",
    "GREFF": "area.grating_efficiency",
    "OSIP": "gratings.order_sorting",
    "TGMASK2": "gratings.grating_regions",
    "REEF": "area.psf_radius",
    "TAPRINGTEST": "hrc.tap_ring",
    "FPTEST": "hrc.hyperbolic",
    "SATTEST": "hrc.saturation",
    "EFTEST": "hrc.flatness",
    "AMP_SF_COR": "hrc.amp_scale",
}

# What to do about the products whose absence users meet first.
_INSTEAD = {
    "CTI": "keep the pulse heights and grades of the archive (apply_cti=no), or set $CALDB",
    "T_GAIN": "keep PHA and ENERGY of the archive (apply_tgain=no), or set $CALDB",
    "GRDIMG": "keep the grades of the archive (apply_cti=no), or set $CALDB",
}


def has(name: str) -> bool:
    """Return whether the embedded calibration has the CALDB product `name` (case-insensitive)."""
    return name.strip().upper() in PRODUCTS


def product(name: str, header: Mapping[str, Any] | None = None, **constraints: Any) -> Product:
    """Return an embedded product.

    Parameters
    ----------
    name : str
        CALDB name, such as `QE`; case-insensitive.
    header : mapping, optional
        Header of the observation: DETNAM, INSTRUME, GRATING, DATE-OBS are looked at where the product needs them.
    **constraints
        `ccd_id`, `detnam`, `grating`, `time` (mission seconds) override the header; ``surface="acis-i"`` selects the
        PSF radii on the tilted ACIS-I chips.

    Returns
    -------
    Product
        The dataclass of `ciaopy.caldb.products` for that name, with `is_lite`.

    Raises
    ------
    CalibrationError
        There is no such embedded product, or the header does not say what it must.
    """
    key = name.strip().upper()
    if key not in PRODUCTS:
        advice = _INSTEAD.get(key, "set $CALDB to a Chandra CALDB, or name a file")
        raise CalibrationError(f"{key}: the embedded calibration ({CALDBVER}) has none; {advice}")
    if key not in _MAKERS:
        from ciaopy.caldb.products_hrc import CalibrationFile

        return CalibrationFile(source=f"{CALDBVER}: ciaopy.coords", is_lite=True, product=key, blocks={})
    module, function = _MAKERS[key].split(".")
    made: Product = getattr(import_module(f"ciaopy.caldb.lite.{module}"), function)(header or {}, constraints)
    return made


def provenance(header: Mapping[str, Any], used: Iterable[str], kept: bool) -> dict[str, str]:
    """Return the keywords that say which embedded products went into a file.

    LITECAL names them, with the version. CALDBVER names the embedded calibration as well, but for a file that keeps
    values which the archive calibrated: these rest on the CALDB that its CALDBVER names.

    Parameters
    ----------
    header : mapping
        Of the file that the values come from.
    used : iterable of str
        CALDB names; empty where no embedded product was used.
    kept : bool
        Some values are the archive's.

    Returns
    -------
    dict
        Empty where none was used.
    """
    products = sorted(set(used))
    if not products:
        return {}
    keys = {"LITECAL": f"{CALDBVER}: {','.join(products)}"}
    archived = str(header.get("CALDBVER", "")).strip().upper()
    if not kept or archived in {"", "NONE", "UNKNOWN"} or archived.startswith("CIAOPY-LITE"):
        keys["CALDBVER"] = CALDBVER
    return keys
