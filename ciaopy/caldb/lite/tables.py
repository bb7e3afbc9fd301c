"""The tables of the embedded calibration: small CSV and TOML texts, read once, with their sources in their headers."""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

VERSION = "ciaopy-lite-1"


def source(*names: str) -> str:
    """Return the `source` of a product made from tables of these names."""
    return f"{VERSION}: {', '.join(names)}"


def text(name: str) -> str:
    """Return a table as it stands in the package."""
    return (files("ciaopy.caldb.lite") / "tables" / name).read_text(encoding="utf-8")


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a CSV table as texts, comments left out."""
    lines = [line for line in text(name).splitlines() if line.strip() and not line.startswith("#")]
    return tuple(tuple(row) for row in csv.reader(lines))


@cache
def labels(name: str) -> tuple[str, ...]:
    """Return the column labels of a CSV table: its last comment line."""
    comments = [line for line in text(name).splitlines() if line.startswith("#")]
    return tuple(label.strip() for label in comments[-1].lstrip("# ").split(","))


@cache
def array(name: str) -> FloatArray:
    """Return a CSV table of numbers, shape (rows, columns)."""
    return np.array(rows(name), dtype=np.float64)


@cache
def constants() -> dict[str, Any]:
    """Return the ACIS constants."""
    return tomllib.loads(text("acis_constants.toml"))
