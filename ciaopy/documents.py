"""JSON for programs: plain values, always valid, with the name of what they are.

Every document is one object whose `schema` is `ciaopy/NAME/1`; a change that readers must know of gives another number.
JSON has no NaN and no infinity: they are null. docs/json.md describes each.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

__all__ = ["document", "plain", "to_json"]

VERSION = 1


def document(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of plain values with its schema in front.

    Parameters
    ----------
    name : str
        What makes it: `dmstat`, `caldb-status`.
    content : mapping
        Its values; see `plain`.
    """
    return {"schema": f"ciaopy/{name}/{VERSION}", **{str(k): plain(v) for k, v in content.items()}}


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Numbers that are not finite are None; numpy's scalars and arrays, tuples and sets become numbers and lists, bytes
    and paths texts, and what is left is written as its text.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    return str(value)


def to_json(content: Mapping[str, Any]) -> str:
    """Return a document as text, strict JSON, non-ASCII characters escaped."""
    return json.dumps(plain(content), indent=1, allow_nan=False)
