"""Where raw data and calibration come from: the tables [download] and [caldb] of survey.toml, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciaopy.batch.quantities import size_bytes

__all__ = ["CALDB_KEYS", "CONNECTIONS", "DOWNLOAD_KEYS", "caldb_folder", "mirror_of", "rate", "read_source"]

#: Most connections of a survey at once.
CONNECTIONS = 4
DOWNLOAD_KEYS = ("mirror", "types", "concurrency", "limit_rate", "delete_raw_when_done")
CALDB_KEYS = ("mirror", "folder")
#: Where the calibration of a survey goes if it does not say.
_FOLDER = "caldb"


def read_source(table: str, key: str, value: Any) -> Any:
    """Return the JSON value of one key of [download] or [caldb].

    Parameters
    ----------
    table : str
        `download` or `caldb`.
    key : str
        One of `DOWNLOAD_KEYS` or `CALDB_KEYS`.
    value : object
        As written in TOML.

    Returns
    -------
    list of str, str, int or bool
        `mirror` of [download] and `types` as lists, `limit_rate` in bytes per second.

    Raises
    ------
    ValueError
        It is of the wrong kind, or out of range.
    """
    if key == "concurrency":
        if type(value) is not int or not 1 <= value <= CONNECTIONS:
            raise ValueError(f"concurrency={value!r}: a whole number from 1 to {CONNECTIONS} is needed")
        return value
    if key == "delete_raw_when_done":
        if type(value) is not bool:
            raise ValueError(f"delete_raw_when_done={value!r}: true or false")
        return value
    if key == "limit_rate":
        return rate(key, value)
    if key == "folder" or (key == "mirror" and table == "caldb"):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{key}={value!r}: a text is needed")
        return value
    words = [w.strip() for w in value.split(",")] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
        raise ValueError(f"{key}={value!r}: a text, or a list of texts, is needed")
    if key == "types":
        from ciaopy.errors import UsageError
        from ciaopy.transfer import wanted_types

        try:
            wanted_types(words)
        except UsageError as error:
            raise ValueError(str(error)) from error
    return words


def rate(owner: str, value: object) -> int:
    """Return bytes per second: a number, or a text such as `2 MB` or `2 MB/s`.

    Raises
    ------
    ValueError
        It is none, or not above 0.
    """
    found = size_bytes(owner, re.sub(r"/\s*s(ec)?\s*$", "", value) if isinstance(value, str) else value)
    if not found > 0:
        raise ValueError(f"{owner}={value}: bytes per second above 0 are needed")
    return found


def caldb_folder(survey: Path, caldb: Mapping[str, Any]) -> Path:
    """Return the folder of a survey's own calibration."""
    return survey / Path(str(caldb.get("folder", _FOLDER))).expanduser()


def mirror_of(survey: Path, text: str) -> str:
    """Return a mirror as survey.toml names it: an address, or a folder, which may be below the survey."""
    return str(survey / text) if text and "://" not in text and (survey / text).is_dir() else text
