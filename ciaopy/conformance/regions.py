"""Rules on regions (bad pixels, masks, fields of view, grating arms) and on aspect solutions, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ciaopy.conformance.findings import ERROR
from ciaopy.conformance.product import Part, Product
from ciaopy.conformance.rows import BadRows, Columns, RowRule, flat
from ciaopy.conformance.subspace import SHAPES
from ciaopy.conformance.times import TimeOrder
from ciaopy.fits import Array

__all__ = ["aspect_row_rules", "region_row_rules"]

NORM_TOLERANCE = 1e-6


def region_row_rules(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the tests of REG-1, REG-2 and REG-3 on the rows of one table."""
    shape = part.columns.get("SHAPE")
    has_shape = shape is not None and shape.form.letter == "A" and shape.form.repeat > 0
    if part.layout is None:
        return
    if has_shape and shape is not None and not shape.field.cell_shape:
        yield BadRows(part, "REG-1", ERROR, ("SHAPE",), _unknown_shape, "unknown SHAPE")
        pairs = [part.columns.get(name) for name in ("CHIPX", "CHIPY")]
        if product.base in ("bpix1", "msk1") and all(
            p is not None and p.form.letter in "BIJKED" and p.form.repeat == 2 for p in pairs
        ):
            text = "rectangle upside down"
            yield BadRows(part, "REG-2", ERROR, ("SHAPE", "CHIPX", "CHIPY"), _inverted, text)
    if product.base == "bpix1" and part.scalar("TIME") is not None and part.scalar("TIME_STOP") is not None:
        text = "TIME is after TIME_STOP"
        yield BadRows(part, "REG-3", ERROR, ("TIME", "TIME_STOP"), lambda r: r["TIME"] > r["TIME_STOP"], text)


def _shapes(rows: Columns) -> Array:
    """Return the shapes in lower case, without the sign of an excluded one."""
    names: Any = rows["SHAPE"]
    return np.asarray(np.char.lower(np.char.lstrip(np.char.strip(names), b"!-")))


def _unknown_shape(rows: Columns) -> Array:
    return ~np.isin(_shapes(rows), [name.encode() for name in SHAPES])


def _inverted(rows: Columns) -> Array:
    wrong = (rows["CHIPX"][:, 0] > rows["CHIPX"][:, 1]) | (rows["CHIPY"][:, 0] > rows["CHIPY"][:, 1])
    return np.asarray(wrong & (_shapes(rows) == b"rectangle"))


def aspect_row_rules(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the tests of ASP-1 and ASP-2 on the rows of an aspect solution."""
    if product.kind != "asol1" or part.layout is None or part.layout.name != "ASPSOL":
        return
    time = part.scalar("TIME")
    if time is not None and time.form.letter in "DE":
        yield TimeOrder(part, ERROR, rule="ASP-1", strict=True)
    attitude = part.columns.get("Q_ATT")
    if attitude is not None and attitude.form.letter in "DE" and attitude.form.repeat == 4:
        yield BadRows(part, "ASP-2", ERROR, ("Q_ATT",), _not_unit, "q_att is not of unit length")


def _not_unit(rows: Columns) -> Array:
    attitude = flat(rows["Q_ATT"]).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = np.sqrt((attitude * attitude).sum(axis=1))
    return np.asarray(~(np.abs(norm - 1) <= NORM_TOLERANCE))
