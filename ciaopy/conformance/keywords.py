"""Rules on keywords: present, of the right value and type, the same in PRIMARY and the first extension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ciaopy.conformance.findings import ERROR, NOTE, WARNING, Finding
from ciaopy.conformance.layouts import HduLayout, keyword_types
from ciaopy.conformance.product import Part, Product, number

__all__ = ["agreement_rules", "keyword_rules"]

#: Keywords without which a product cannot be used: missing, they are an error.
_CORE = """
    CONTENT HDUCLASS HDUCLAS1 TELESCOP INSTRUME DETNAM GRATING OBS_ID DATAMODE READMODE TSTART TSTOP TIMEDEL MJDREF
    TIMESYS TIMEUNIT TIMEZERO DATE-OBS DATE-END RA_NOM DEC_NOM ROLL_NOM RA_PNT DEC_PNT ROLL_PNT SIM_X SIM_Y SIM_Z
    ONTIME LIVETIME EXPOSURE DTCOR MTYPE1 MFORM1 EXTNAME BUNIT CTYPE1 CTYPE2
"""
CORE = frozenset(_CORE.split())
#: Keywords whose value tells what a file is: a wrong one is an error.
_IDENTITY = "TELESCOP HDUCLASS HDUCLAS1 HDUCLAS2 CONTENT TIMESYS MJDREF TIMEUNIT"
IDENTITY = frozenset(_IDENTITY.split())
#: The frame is named by RADECSYS with EQUINOX up to DS 8, by RADESYS later: any of them will do.
FRAME = frozenset({"RADESYS", "RADECSYS", "EQUINOX"})
#: Standard 4.4.1: MJDREF may be split into a whole and a fraction.
ALTERNATIVES = {"MJDREF": ("MJDREFI", "MJDREFF")}
#: Written by the barycentre correction only.
BARYCENTRED = "XPOSUR"
OF_GRATINGS = frozenset({"TG_M", "TG_PART", "TG_SRCID"})
SHARED = ("CONTENT", "OBS_ID", "INSTRUME", "TELESCOP", "GRATING", "DETNAM")
TYPES = {"str": (str,), "bool": (bool,), "int": (int,), "real": (int, float)}


def keyword_rules(part: Part) -> Iterator[Finding]:
    """Check KEY-1, KEY-2 and KEY-3 of one HDU."""
    layout = part.layout
    if layout is None:
        return
    yield from _missing(part, layout)
    for name, allowed in layout.values.items():
        if name[:5] in ("MTYPE", "MFORM") and layout.name == "EVENTS":
            continue  # numbered differently where columns are left out: WCS-4 judges them
        if name in part.keys and not any(_same(part.keys[name], text) for text in allowed):
            severity = ERROR if name in IDENTITY else WARNING
            expected = " or ".join(repr(text) for text in allowed)
            yield part.find("KEY-2", severity, f"{name} is {part.keys[name]!r}, expected {expected}")
    types = keyword_types()
    for name, value in part.keys.items():
        wanted = types.get(name)
        if wanted and value is not None and not _has_type(value, wanted):
            yield part.find("KEY-3", WARNING, f"{name} = {value!r} is not of type {wanted}")


def _missing(part: Part, layout: HduLayout) -> Iterator[Finding]:
    """Check KEY-1: one finding per severity, with all keywords."""
    keys = part.keys
    absent = {
        name
        for name in layout.required - keys.keys()
        if not (name in ALTERNATIVES and all(other in keys for other in ALTERNATIVES[name]))
    }
    if FRAME & keys.keys():
        absent -= FRAME
    if part.text("TIMEREF") != "SOLARSYSTEM":
        absent = {name for name in absent if not name.startswith(BARYCENTRED)}
    if part.text("GRATING") == "NONE":
        absent -= OF_GRATINGS
    if part.info.index == 0:
        groups = {NOTE: absent}
    else:
        groups = {ERROR: absent & CORE, WARNING: absent - CORE}
    for severity, names in groups.items():
        if names:
            yield part.find("KEY-1", severity, f"missing: {', '.join(sorted(names))}")


def _same(value: Any, text: str) -> bool:
    """Tell whether a keyword has the value that the table writes as `text`."""
    if isinstance(value, str) or value is None:
        return (value or "").strip() == text
    if isinstance(value, bool):
        return str(value) == text
    try:
        return number(value) == float(text)
    except ValueError:
        return False


def _has_type(value: Any, wanted: str) -> bool:
    return isinstance(value, TYPES[wanted]) and (wanted == "bool" or not isinstance(value, bool))


def agreement_rules(product: Product) -> Iterator[Finding]:
    """Check KEY-4: PRIMARY and the first extension tell the same where both tell it."""
    if product.layout is None or len(product.parts) < 2 or product.parts[0].info.kind == "image":
        return
    first, second = product.parts[:2]
    for name in SHARED:
        if name in first.keys and name in second.keys and _plain(first.keys[name]) != _plain(second.keys[name]):
            yield first.find(
                "KEY-4", WARNING, f"{name} is {first.keys[name]!r}, in {second.name} {second.keys[name]!r}"
            )


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
