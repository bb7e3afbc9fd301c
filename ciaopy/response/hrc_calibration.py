"""Calibration of HRC events for a tool: which products there are, and what stands in for those that are not.

What can be computed is computed; what needs a file that is not there is carried over from the input's columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ciaopy.caldb import (
    AmpScale,
    Degap,
    FlatnessTest,
    HrcGainImage,
    HrcGainTime,
    HyperbolicTest,
    Product,
    SaturationTest,
    TapRing,
)
from ciaopy.errors import CalibrationError, ParameterError
from ciaopy.hrc import Calibration, ChipRules, GainRules, HrcDetector, TapRules

if TYPE_CHECKING:
    from ciaopy.param import ParameterSet

__all__ = ["HrcProducts", "load_degap", "load_hrc_products"]

P = TypeVar("P", bound=Product)

#: Parameter, CALDB name, header keyword.
PARAMETERS = (
    ("ampsfcorfile", "AMP_SF_COR", "AMPSFFIL"),
    ("tapfile", "TAPRINGTEST", "TAPRING"),
    ("hypfile", "FPTEST", "HYPFILE"),
    ("ampsatfile", "SATTEST", "SATFILE"),
    ("evtflatfile", "EFTEST", "FLATFILE"),
)
TAP_COLUMNS = ("amp_sf", "sumamps", "rawx", "rawy")


@dataclass(eq=False)
class HrcProducts:
    """The products of hrc_process_events, and what becomes of each result.

    Attributes
    ----------
    tests : dict of str to Product
        CALDB name to the product, of the pulse-height tests that are applied.
    chips : ChipRules or None
        None: chip positions are carried over.
    gain : HrcGainImage, HrcGainTime or None
    carry_taps, carry_pi : bool
        Results stay as in the input.
    keywords : dict of str to str
        Header keyword to file name, of what is used or skipped; those of carried results are left out.
    notes : dict of str to str
        Result that is carried over, to the reason.
    embedded : list of str
        CALDB names of what came from the embedded calibration.
    skipped : list of str
        What is left out because the user said NONE, or there is no row for the observation.
    scale_applied : bool
        AMP_SF is corrected.
    """

    tests: dict[str, Any] = field(default_factory=dict)
    chips: ChipRules | None = None
    gain: HrcGainImage | HrcGainTime | None = None
    carry_taps: bool = False
    carry_pi: bool = False
    keywords: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    embedded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    scale_applied: bool = False

    def rules(
        self,
        detector: HrcDetector,
        header: Mapping[str, Any],
        ratio: tuple[float, float, float] | None,
        levels: tuple[float, int],
    ) -> Calibration:
        """Return the calibration as the kernels take it.

        Parameters
        ----------
        detector : HrcDetector
        header : mapping
            MJD_OBS, for the gain in time.
        ratio : (grid_ratio, pha_ratio, amp_gain) or None
        levels : (RANGELEV, WIDTHRES)
        """
        if self.carry_taps:
            taps = TapRules.carry(ratio)
        else:
            taps = TapRules.of_products(self.tests, ratio, levels)
        gain = None
        if isinstance(self.gain, HrcGainImage):
            gain = GainRules.of_image(self.gain, detector)
        elif self.gain is not None:
            gain = GainRules.of_time(self.gain, _mjd(header))
        return Calibration(taps, self.chips, gain, self.carry_pi)


def _mjd(header: Mapping[str, Any]) -> float:
    """Return the modified Julian date of the observation.

    Raises
    ------
    CalibrationError
        Neither MJD_OBS nor DATE-OBS is usable.
    """
    for key in ("MJD_OBS", "MJD-OBS"):
        if isinstance(header.get(key), (int, float)):
            return float(header[key])
    from datetime import datetime

    text = str(header.get("DATE-OBS", "")).strip()
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise CalibrationError(
            f"no keyword MJD_OBS, and DATE-OBS is {text or 'missing'}: the time-dependent gain needs the date"
        ) from None
    return (day.replace(tzinfo=None) - datetime(1858, 11, 17)).total_seconds() / 86400.0


def load_hrc_products(
    par: ParameterSet,
    detector: HrcDetector,
    header: Mapping[str, Any],
    columns: frozenset[str],
    levels: tuple[float, int],
) -> HrcProducts:
    """Load what the parameters name and decide what is computed.

    Parameters
    ----------
    par : ParameterSet
        Of hrc_process_events.
    detector : HrcDetector
    header : mapping
        Of the observation.
    columns : frozenset of str
        Of the input, lower case.
    levels : (RANGELEV, WIDTHRES)

    Raises
    ------
    CalibrationError
        A file that was named cannot be read, is of the other detector, or nothing stands in for what is missing.
    """
    products = HrcProducts()
    _load_tests(products, par, detector, header, columns, levels)
    if par["start"] == "coarse" and par["stop"] != "none":
        _load_degap(products, par, detector, header, columns)
    _load_gain(products, par["gainfile"].strip(), detector, header, columns)
    return products


def _is_caldb(value: str) -> bool:
    return value.strip().upper().startswith("CALDB")


def _load(product: str, value: str, header: Mapping[str, Any], kind: type[P], detector: HrcDetector) -> P | None:
    """Return a product, None for NONE; refuse a file of another kind or detector."""
    from ciaopy.caldb import load

    if value.lower() in ("", "none"):
        return None
    if not _is_caldb(value) and value.lower() != "lite":
        _check_detector(value, detector)
    found = load(product, value, header)
    if found is not None and not isinstance(found, kind):
        raise CalibrationError(f"{value}: holds a {type(found).__name__}, not the {product} that is asked for")
    return found


def _check_detector(value: str, detector: HrcDetector) -> None:
    """Refuse a calibration file whose headers name the other detector."""
    from ciaopy.caldb import parse_value
    from ciaopy.fits import open_fits

    with open_fits(parse_value(value).path) as fits:
        names = {str(hdu.header.get("DETNAM", "")).strip().upper() for hdu in fits.hdus}
    other = sorted(n for n in names if n.startswith(("HRC-", "ACIS")) and n != detector.name)
    if other and detector.name not in names:
        raise CalibrationError(f"{value}: a calibration file of {other[0]}; the events are of the {detector.name}")


_KINDS: dict[str, type[Product]] = {
    "AMP_SF_COR": AmpScale,
    "TAPRINGTEST": TapRing,
    "FPTEST": HyperbolicTest,
    "SATTEST": SaturationTest,
    "EFTEST": FlatnessTest,
}


def _load_tests(
    products: HrcProducts,
    par: ParameterSet,
    detector: HrcDetector,
    header: Mapping[str, Any],
    columns: frozenset[str],
    levels: tuple[float, int],
) -> None:
    """Load the pulse-height tests, or decide that their results are carried over."""
    wanted = [p for p in PARAMETERS if p[0] != "ampsfcorfile" or par["do_amp_sf_cor"]]
    for parameter, name, keyword in wanted:
        product = _load(name, par[parameter].strip(), header, _KINDS[name], detector)
        if product is None:
            products.skipped.append(name)
            products.keywords[keyword] = "NONE"
            continue
        products.tests[name] = product
        products.keywords[keyword] = product.filename
    if not par["do_amp_sf_cor"]:
        products.keywords["AMPSFFIL"] = "NONE"
    reason = _unsuited(products.tests, levels)
    if reason:
        missing = [c.upper() for c in TAP_COLUMNS if c not in columns]
        if missing:
            raise CalibrationError(
                f"{reason}, and the input has no {', '.join(missing)} to keep; name ampsfcorfile and tapfile "
                "(or NONE), or set $CALDB"
            )
        products.carry_taps = True
        products.notes["AMP_SF, SUMAMPS, RAW, STATUS bits 0-5, 30, 31"] = reason
        products.tests.clear()
        for _, _, keyword in PARAMETERS:
            products.keywords.pop(keyword, None)
        return
    products.embedded += [n for n, p in products.tests.items() if p.is_lite]
    scale = products.tests.get("AMP_SF_COR")
    products.scale_applied = scale is not None and scale.row(levels[0]) is not None
    if scale is not None and not products.scale_applied:
        products.skipped.append(f"AMP_SF_COR (no row for RANGELEV {levels[0]:g})")


def _unsuited(tests: Mapping[str, Any], levels: tuple[float, int]) -> str:
    """Return why the embedded tests do not hold for an observation; empty where they do."""
    scale, ringing = tests.get("AMP_SF_COR"), tests.get("TAPRINGTEST")
    if scale is not None and scale.is_lite and scale.row(levels[0]) is None:
        return f"the embedded AMP_SF_COR has no row for RANGELEV {levels[0]:g}"
    if ringing is not None and ringing.is_lite and levels[1] != 2:
        return f"the embedded TAPRINGTEST does not hold for WIDTHRES {levels[1]}"
    return ""


def load_degap(
    par: ParameterSet, header: Mapping[str, Any], detector: HrcDetector
) -> tuple[ChipRules | None, str, str]:
    """Return what `degapfile` names: the rules, the name for the header, and, where there are none, the reason.

    Raises
    ------
    ParameterError
        COEFF without coefficients.
    CalibrationError
        A file that was named cannot be read.
    """
    value = par["degapfile"].strip()
    if value.lower() in ("", "none"):
        return ChipRules.of_coefficients(detector, (1.0, 0.0), (1.0, 0.0)), "NONE", ""
    if value.upper() == "COEFF":
        u, v = (par["cfu1"], par["cfu2"]), (par["cfv1"], par["cfv2"])
        if any(c is None for c in (*u, *v)):
            raise ParameterError("degapfile=COEFF needs numbers in cfu1, cfu2, cfv1, cfv2")
        return ChipRules.of_coefficients(detector, u, v), "COEFF", ""
    reason = ""
    try:
        found = _load("GAPLOOKUP", value, header, Degap, detector)
    except CalibrationError as error:
        if not _is_caldb(value):
            raise
        found, reason = None, str(error)
        if "no calibration file" in reason:
            found, reason = _older_degap(value, header, detector, reason)
    if found is not None:
        return ChipRules.of_degap(detector, found), found.filename, ""
    return None, "", "no GAPLOOKUP in a CALDB" if "no calibration file" in reason else reason


def _load_degap(
    products: HrcProducts,
    par: ParameterSet,
    detector: HrcDetector,
    header: Mapping[str, Any],
    columns: frozenset[str],
) -> None:
    """Load the degap correction, or decide that chip positions are carried over."""
    products.chips, name, reason = load_degap(par, header, detector)
    if products.chips is not None:
        products.keywords["DEGAP"] = name
        return
    if not {"chipx", "chipy"} <= columns:
        raise CalibrationError(
            f"{reason}, and the input has no CHIPX, CHIPY to keep; name a file, or set degapfile=NONE or COEFF"
        )
    products.notes["CHIPX, CHIPY (degap)"] = reason


def _older_degap(value: str, header: Mapping[str, Any], detector: HrcDetector, reason: str) -> tuple[Degap | None, str]:
    try:
        return _load("DEGAP", value, header, Degap, detector), ""
    except CalibrationError as error:
        return None, reason if "no calibration file" in str(error) else str(error)


def _only_embedded(product: str, value: str, header: Mapping[str, Any]) -> bool:
    from ciaopy.caldb import LiteFile, resolve

    return isinstance(resolve(product, value, header), LiteFile)


def _load_gain(
    products: HrcProducts, value: str, detector: HrcDetector, header: Mapping[str, Any], columns: frozenset[str]
) -> None:
    """Load the gain: T_GMAP, else GMAP; without one, PI is carried over."""
    if value.lower() in ("", "none"):
        products.keywords["GAINCORF"] = "NONE"
        return
    image: HrcGainImage | None = None
    if value.lower() != "lite":
        try:
            products.gain = _load("T_GMAP", value, header, HrcGainTime, detector)
        except CalibrationError as error:
            products.gain = None
            if _is_caldb(value) and "no calibration file" not in str(error):
                raise
    if products.gain is None:
        if _is_caldb(value) and "pi" in columns and _only_embedded("GMAP", value, header):
            products.carry_pi = True
            products.notes["PI, STATUS bit 7"] = "no T_GMAP, GMAP in a CALDB"
            return
        image = _load("GMAP", value, header, HrcGainImage, detector)
        if image is not None and image.is_lite and detector.name != "HRC-I":
            raise CalibrationError(
                "GMAP: the embedded calibration has no gain of the HRC-S, and the input has no PI to keep; "
                "name a gainfile, set $CALDB, or set gainfile=NONE (PI = PHA)"
            )
        products.gain = image
    if products.gain is not None:
        products.keywords["GAINCORF"] = products.gain.filename
        if products.gain.is_lite:
            products.embedded.append("GMAP")
