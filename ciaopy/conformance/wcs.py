"""Rules on coordinates: the sky of x and y or of an image, and the vectors declared on the columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ciaopy.conformance.findings import ERROR, WARNING, Finding
from ciaopy.conformance.product import Part, Product, number

__all__ = ["image_wcs_rules", "table_wcs_rules", "vector_rules"]

#: Sky pixel, arcsec. Source: TCDLT of archive files, ACIS and HRC.
PIXEL_ARCSEC = {"acis": 0.492, "hrc": 0.13175}
#: wcs_update scales the pixel by up to 1 %.
PIXEL_TOLERANCE = 0.03
#: deg; the reference point is written with 14 digits.
POINT_TOLERANCE_DEG = 1e-6
AXES = (("X", "RA---TAN", "RA_NOM", -1), ("Y", "DEC--TAN", "DEC_NOM", 1))
COLUMN_STEMS = ("TCTYP", "TCRVL", "TCRPX", "TCDLT", "TCUNI")
IMAGE_STEMS = ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT")
#: Short names of the same keywords (TCTYP10 has no room for more).
SHORT = {"TCTYP": "TCTY", "TCUNI": "TCUN", "TCRVL": "TCRV", "TCRPX": "TCRP", "TCDLT": "TCDE"}
VECTORS = {
    "chip": ("CHIPX", "CHIPY"),
    "tdet": ("TDETX", "TDETY"),
    "det": ("DETX", "DETY"),
    "sky": ("X", "Y"),
    "rd": ("TG_R", "TG_D"),
    "raw": ("RAWX", "RAWY"),
}
IMAGE_KINDS = ("image", "img2", "expmap")


def table_wcs_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check WCS-1, WCS-2 and WCS-3 of an event list."""
    if not product.is_events or part.extname != "EVENTS":
        return
    for name, kind, nominal, sign in AXES:
        column = part.columns.get(name)
        if column is None:
            continue
        keys = {stem: column.keys.get(stem, column.keys.get(SHORT[stem], (None,)))[0] for stem in COLUMN_STEMS}
        labels = {stem: f"{stem}{column.number}" for stem in COLUMN_STEMS}
        scale = 1.0
        yield from _axis(product, part, list(keys.values()), list(labels.values()), (kind, nominal, sign, scale))


def image_wcs_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check WCS-1, WCS-2 and WCS-3 of a sky image, the physical (P) coordinates included."""
    if product.kind not in IMAGE_KINDS or part.info.index or len(part.info.shape) != 2:
        return
    for axis, (_, kind, nominal, sign) in enumerate(AXES, 1):
        absent = [f"{stem}{axis}P" for stem in IMAGE_STEMS[:4] if part.keys.get(f"{stem}{axis}P") is None]
        if absent:
            yield part.find("WCS-1", ERROR, f"no physical coordinates: {', '.join(absent)} missing")
        scale = part.real(f"CDELT{axis}P") or 1.0
        labels = [f"{stem}{axis}" for stem in IMAGE_STEMS]
        values = [part.keys.get(label) for label in labels]
        yield from _axis(product, part, values, labels, (kind, nominal, sign, scale))


def _axis(
    product: Product, part: Part, values: list[Any], labels: list[str], expected: tuple[str, str, int, float]
) -> Iterator[Finding]:
    """Check one sky axis.

    Parameters
    ----------
    product, part
        Where.
    values, labels : list
        Type, reference value, reference pixel, step, unit; the keywords that they stand in.
    expected : tuple
        Type, keyword of the nominal pointing, sign of the step, sky pixels in one pixel.
    """
    kind, nominal, sign, scale = expected
    absent = [label for label, value in zip(labels, values, strict=True) if value is None]
    if absent:
        yield part.find("WCS-1", ERROR, f"{', '.join(absent)} missing")
    if values[0] is not None and str(values[0]).strip() != kind:
        yield part.find("WCS-1", ERROR, f"{labels[0]} is {values[0]!r}, expected {kind!r}")
    reference, point = number(values[1]), part.real(nominal)
    if reference is not None and point is not None and abs(reference - point) > POINT_TOLERANCE_DEG:
        yield part.find("WCS-2", WARNING, f"{labels[1]} is {reference:.14g}, {nominal} {point:.14g}")
    step = number(values[3])
    pixel = _pixel_deg(product, part)
    if step is None or pixel is None:
        return
    wanted = sign * pixel * scale
    if abs(step - wanted) > PIXEL_TOLERANCE * abs(wanted):
        yield part.find("WCS-3", ERROR, f"{labels[3]} is {step:.8g} deg, expected {wanted:.8g}")


def _pixel_deg(product: Product, part: Part) -> float | None:
    """Return the sky pixel of the detector, deg, or None where the detector is not known."""
    instrument = part.text("INSTRUME").lower() or product.parts[0].text("INSTRUME").lower()
    arcsec = PIXEL_ARCSEC.get(instrument)
    return None if arcsec is None else arcsec / 3600


def vector_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check WCS-4: the vectors of an event list are declared, and every declared one has its columns."""
    if not product.is_events or part.extname != "EVENTS":
        return
    declared = {}
    for keyword, value in part.keys.items():
        if keyword.startswith("MTYPE") and keyword[5:].isdecimal() and isinstance(value, str):
            parts = part.text(f"MFORM{keyword[5:]}").split(",")
            declared[value.strip().lower()] = (keyword[5:], [p.strip() for p in parts])
    for name, wanted in VECTORS.items():
        has_columns = all(column in part.columns for column in wanted)
        if name not in declared:
            if has_columns:
                yield part.find("WCS-4", ERROR, f"no MTYPE declares the vector {name} ({','.join(wanted).lower()})")
            continue
        index, components = declared[name]
        absent = [c for c in components if c.upper() not in part.columns]
        if absent:
            listed = ",".join(components)
            yield part.find("WCS-4", ERROR, f"vector {name}: MFORM{index} = {listed!r} names no column {absent[0]!r}")
        elif [c.upper() for c in components] != list(wanted):
            yield part.find(
                "WCS-4", ERROR, f"vector {name}: MFORM{index} = {','.join(components)!r}, expected {','.join(wanted)}"
            )
