"""Observation keywords for a tool: from an event file's header or from a parameter file made of one (dmmakepar)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel.syntax import file_of, split_file
from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

#: Keywords of one table or one file, which must not be carried into another.
_OWN = re.compile(
    r"^(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|TFIELDS|EXTNAME|EXTVER|HDUNAME|CHECKSUM|DATASUM|CONTENT"
    r"|HDUCLAS.|HDUSPEC|HDUDOC|HDUVERS|LONGSTRN|HISTNUM|HISTORY|COMMENT|CREATOR|STATFILT|FLTFILE"
    r"|\d*DS(TYP|VAL|REF|FORM|UNIT)\d+|M(TYPE|FORM)\d+|CAL_.*|)$"
)


def observation_header(path: str, ws: Workspace) -> Header:
    """Return the observation's keywords, without those that belong to one file or table.

    Parameters
    ----------
    path : str
        An event file (virtual file accepted) or a parameter file as dmmakepar writes it.
    ws : Workspace

    Raises
    ------
    UserError
        The file does not exist.
    DataError
        It is neither.
    """
    plain = Path(file_of(path))
    if ws.in_memory(plain) is None and plain.is_file() and not looks_like_fits(plain):
        header = _from_par(plain)
    elif ws.exists(plain):
        header = ws.read(path).header
    else:
        raise UserError(f"{plain}: no such file; give an event file or what dmmakepar made of one (parameter obsfile)")
    return own_keywords_removed(header)


def own_keywords_removed(header: Header) -> Header:
    """Return a copy of a header without the keywords that belong to one file or table (names, subspace, history)."""
    kept = header.copy()
    for key in {k for k in kept if _OWN.match(k)}:
        kept.remove(key, ignore_missing=True, remove_all=True)
    return kept


def obsid(header: Header) -> str:
    """Return OBS_ID without leading zeros; empty where it is absent or not a number."""
    text = str(header.get("OBS_ID", "")).strip()
    return str(int(text)) if text.isdecimal() else ""


def check_same_obsid(path: str, header: Header, own_path: str, own: Header) -> None:
    """Refuse a file of another observation; a file without OBS_ID (bias maps, parameter blocks) passes.

    Raises
    ------
    DataError
        Names both files and both observations.
    """
    other, here = obsid(header), obsid(own)
    if other and here and other != here:
        raise DataError(f"{path} is of ObsID {other}, {own_path} of ObsID {here}; give files of one observation")


def check_held_at(path: str, aspect: Header, own_path: str, own: Header) -> None:
    """Refuse an aspect solution in the frame of a moving object that is held elsewhere than at the nominal pointing.

    That is so where events have been brought to another tangent point since: the map would be shifted by as much.

    Raises
    ------
    DataError
    """
    for key, nominal in (("OC_RANOM", "RA_NOM"), ("OC_DENOM", "DEC_NOM")):
        held, here = aspect.get(key), own.get(nominal)
        if isinstance(held, int | float) and isinstance(here, int | float) and abs(held - here) > 1e-5:
            raise DataError(
                f"{path}: the object is held at {key}={held:.7f}, {own_path} has {nominal}={here:.7f}; run "
                "sso_freeze on the events as they are now"
            )


def file_to_change(text: str, parameter: str, ws: Workspace) -> Path:
    """Return the file that a tool changes in place: the name given, or that name with `.gz` where only that exists.

    Raises
    ------
    UserError
        The name is empty, or has brackets.
    DataError
        No such file.
    """
    from ciaopy.fits import find_file

    name = text.strip()
    if not name:
        raise UserError(f"{parameter} is empty; give the event file to change")
    if split_file(name)[1]:
        raise UserError(f"{name}: the file is changed in place; give its plain name ({parameter})")
    return Path(name) if ws.in_memory(name) is not None else find_file(name)


def looks_like_fits(path: Path) -> bool:
    """True where a file begins as FITS or gzip does."""
    with path.open("rb") as f:
        start = f.read(9)
    return start.startswith((b"SIMPLE", b"\x1f\x8b"))


def _from_par(path: Path) -> Header:
    from ciaopy.fits import Header
    from ciaopy.param import ParFile

    header = Header()
    for parameter in ParFile.read(path):
        name = parameter.name.upper()
        if name == "MODE":
            continue
        key = name if len(name) <= 8 else f"HIERARCH {name}"  # old obs.par files: RANGE_SWITCH_LEVEL
        header[key] = (_value(parameter.type, parameter.value), _comment(parameter.prompt))
    if not header:
        raise DataError(f"{path}: holds no keywords; make it with dmmakepar from the event file")
    return header


def _comment(text: str) -> str:
    return "".join(c if " " <= c <= "~" else " " for c in text)[:40]


def _value(kind: str, text: str | None) -> Any:
    value = (text or "").strip()
    try:
        if kind.startswith("b"):
            return value.lower() in {"yes", "y", "true", "t", "1"}
        if kind.startswith("i"):
            return int(value)
        if kind.startswith(("r", "d")):
            return float(value)
    except ValueError:
        return value
    return value
