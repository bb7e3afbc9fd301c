"""The version of the calibration database, from docs/chandra/caldb_version/caldb_version.fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ciaopy.errors import CalibrationError, DataError
from ciaopy.messages import reason

__all__ = ["UNKNOWN", "VERSION_FILE", "CaldbVersion", "caldb_version", "read_version"]

#: Below the root.
VERSION_FILE = "docs/chandra/caldb_version/caldb_version.fits"
#: What `caldb_version` says of a database without a version file.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class CaldbVersion:
    """Version and date of release, as written."""

    version: str
    date: str


def read_version(path: Path) -> CaldbVersion:
    """Return the newest version in a version file: its last row.

    Raises
    ------
    CalibrationError
        The file is missing, damaged, empty, or has no column CALDB_VER.
    """
    from ciaopy.fits import Table, open_fits

    try:
        with open_fits(path) as fits:
            for info in fits.hdus:
                if info.kind != "table" or not any(c.name.upper() == "CALDB_VER" for c in info.columns):
                    continue
                block = fits.read(info)
                assert isinstance(block, Table)
                if block.nrows == 0:
                    break
                return CaldbVersion(*(_last(block, name) for name in ("CALDB_VER", "CALDB_DATE")))
    except DataError as error:
        raise CalibrationError(f"{path}: cannot be read as the version file of the CALDB: {reason(error)}") from error
    raise CalibrationError(f"{path}: no version in it (column CALDB_VER); install the CALDB again")


def _last(block: object, name: str) -> str:
    from ciaopy.fits import Table

    assert isinstance(block, Table)
    if name not in block:
        return ""
    value = block[name][-1]
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()


def caldb_version(environ: Mapping[str, str] | None = None) -> str:
    """Return the version for CALDBVER: that of `$CALDB`, `unknown` if it has no version file; else the embedded one.

    Raises
    ------
    CalibrationError
        CALDB names no database, or its version file is damaged.
    """
    from ciaopy.caldb.query import Caldb

    caldb = Caldb.open(environ)
    if caldb is None:
        from ciaopy.caldb.lite import CALDBVER

        return CALDBVER
    path = caldb.root / VERSION_FILE
    return read_version(path).version if path.is_file() else UNKNOWN
