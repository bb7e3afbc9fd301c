"""Rules on the file as such: readable, check sums, dates, HDUs that must be there, companions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ciaopy.conformance.findings import ERROR, NOTE, Finding
from ciaopy.conformance.product import Part, Product
from ciaopy.fits import FitsFile

__all__ = ["checksum_rules", "companion_rules", "date_rules", "hdu_rules"]

DATES = ("DATE", "DATE-OBS", "DATE-END")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$")
#: What the standard allows and Chandra products do not use: a day without time, and the form up to 1998.
_OTHER_DATE = re.compile(r"(\d{4}-\d\d-\d\d|\d\d/\d\d/\d\d)$")
COMPANIONS = ("FLTFILE", "BPIXFILE", "MASKFILE", "PBKFILE", "MTLFILE", "ASOLFILE")
#: Values of a companion keyword that name no file.
NO_FILE = {"", "NONE", "CALDB", "INDEF"}
_ALL_ONES = 0xFFFFFFFF


def checksum_rules(file: FitsFile, part: Part) -> Iterator[Finding]:
    """Check FIT-2 and FIT-3 of one HDU, and that its data are there to the last byte.

    A blank DATASUM or CHECKSUM means that it is not defined (FITS standard 4.0, section 4.4.2.7).

    Raises
    ------
    DataError
        The HDU is cut short or damaged.
    """
    whole, stated = part.text("CHECKSUM"), str(part.keys.get("DATASUM") or "").strip().strip("'")
    missing = [name for name in ("CHECKSUM", "DATASUM") if name not in part.keys]
    if missing:
        yield part.find("FIT-3", NOTE, f"no {' and no '.join(missing)}")
    elif stated and not stated.isdecimal():
        yield part.find("FIT-3", NOTE, f"DATASUM is {stated!r}, no number")
    if not whole and not stated.isdecimal():
        file.check_data(part.info)
        return
    header, data = file.sums(part.info)
    if stated.isdecimal() and int(stated) != data:
        yield part.find("FIT-2", ERROR, f"DATASUM is {stated}, the data add to {data}")
    elif whole.strip("0") and _ones_sum(header, data) not in (0, _ALL_ONES):
        yield part.find("FIT-2", ERROR, "CHECKSUM does not hold: the header was changed after it was written")


def _ones_sum(a: int, b: int) -> int:
    """Return the ones'-complement sum of two 32-bit words."""
    total = a + b
    return (total & _ALL_ONES) + (total >> 32)


def date_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check FIT-4; where the kind is not known, a day without time and an impossible day are let pass."""
    for name in DATES:
        if name not in part.keys:
            continue
        value = part.keys[name]
        if not _is_date(value) and not (product.kind is None and _may_be_date(value)):
            shown = "undefined" if value is None else repr(value)
            yield part.find("FIT-4", ERROR, f"{name} is {shown}, expected yyyy-mm-ddThh:mm:ss")


def _is_date(value: Any) -> bool:
    text = str(value).strip()
    if not _DATE.match(text):
        return False
    seconds = text[17:19]
    try:
        # A leap second is legal; datetime does not know it.
        datetime.fromisoformat(f"{text[:17]}{'59' if seconds == '60' else seconds}")
    except ValueError:
        return False
    return True


def _may_be_date(value: Any) -> bool:
    text = str(value or "").strip()
    return not text or bool(_OTHER_DATE.match(text) or _DATE.match(text))


def hdu_rules(product: Product) -> Iterator[Finding]:
    """Check HDU-1: every HDU that the kind requires is there, and is a table where it has columns."""
    if product.layout is None:
        return
    for name, layout in product.layout.hdus.items():
        parts = product.named(name)
        if not parts and layout.need == "r":
            yield Finding("HDU-1", ERROR, "", f"no {name} block, which every {product.kind} file has")
        for part in parts:
            if layout.columns and (part.info.kind != "table" or part.info.unusual):
                what = part.info.unusual or ("image" if part.info.kind == "image" else "HDU without data")
                yield part.find("HDU-1", ERROR, f"{name} is not a binary table (it is: {what})")


def companion_rules(product: Product, folder: Path, names: set[str]) -> Iterator[Finding]:
    """Check COM-1 and COM-2 of a file found in a folder.

    Parameters
    ----------
    product : Product
    folder : Path
        The folder that is checked.
    names : set of str
        Names of all files below it, without `.gz`.
    """
    if product.layout is None or len(product.parts) < 2:
        return
    part = product.parts[1]
    for keyword in COMPANIONS:
        for word in part.text(keyword).split(","):
            name = word.strip()
            if name.upper().partition("(")[0] in NO_FILE:
                continue
            if "/" in name:
                yield part.find("COM-2", NOTE, f"{keyword} names a path: {name}")
            base = name.rpartition("/")[2].removesuffix(".gz").lstrip("@")
            if base not in names:
                yield part.find("COM-1", NOTE, f"{keyword} = {base} is not in {folder}")
