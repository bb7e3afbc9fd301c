"""The geometry that a tool's `geompar` names: files, those of the CALDB, or the embedded one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from ciaopy.coords import Geometry
from ciaopy.errors import CalibrationError, ParameterError

__all__ = ["chosen_geometry"]


def chosen_geometry(geompar: str, header: Mapping[str, Any]) -> tuple[Geometry, dict[str, str]]:
    """Return the geometry, and the header keywords that name its files (none for the embedded one).

    `geompar` is a parameter file (`geom`) whose `instruments` and `aimpoints` are CALDB or a path each. Without a CALDB
    the embedded geometry holds, which is that of telD1999-07-23geomN0006 and aimptsN0002.

    Raises
    ------
    ParameterError
        No such parameter file.
    CalibrationError
        A file that is named cannot be read.
    """
    geom, aimpts = (_file(geompar, name, product, header) for name, product in _PRODUCTS)
    if geom is None:
        return Geometry.embedded(), {}
    names = {"GEOMFILE": PurePath(geom).name} | ({"AIMPFILE": PurePath(aimpts).name} if aimpts else {})
    return Geometry.from_files(geom, aimpts), names


_PRODUCTS = (("instruments", "GEOM"), ("aimpoints", "AIMPTS"))


def _file(geompar: str, name: str, product: str, header: Mapping[str, Any]) -> Path | None:
    """Return the file that one parameter of `geompar` names, None where the embedded numbers hold."""
    value = _value(geompar, name)
    if value.lower() in ("", "none", "lite"):
        return None
    from ciaopy.caldb import resolve

    try:
        found = resolve(product, value, header)
    except CalibrationError:
        if not value.upper().startswith("CALDB"):
            raise
        return None
    path = getattr(found, "path", None)
    return Path(path) if path is not None else None


def _value(geompar: str, name: str) -> str:
    from ciaopy.param import locate, read_current

    text = geompar.strip()
    if text.lower() in ("", "none"):
        return "CALDB"
    file = read_current(locate(text))
    if name not in file:
        raise ParameterError(f"geompar={text}: the file {file.path} has no parameter {name}")
    return file[name].default.strip()
