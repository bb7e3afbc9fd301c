"""Good times from a time series: limit expressions, smoothing, and the edges of its bins.

The language is that of `expressions`, with what the LIMITS blocks of mtl1 files add: `NAME:n` (the column smoothed over
n samples), `T` and `F`, and `NAME==X3F` (bit 3 of a bit column is clear), also as a list
`NAME==X1F,X2F` whose conditions must all hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti, operand
from ciaopy.datamodel.syntax import Expression, bit_conditions, parse_expression, smoothed
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Table
from ciaopy.messages import enumerated

__all__ = ["Limit", "bin_edges", "good_times", "limit_status", "parse_limit", "smoothed"]

_WIDTH = re.compile(r"\b([A-Za-z_]\w*):(\d+)")


@dataclass(frozen=True)
class Limit:
    """A condition on the columns of a time series.

    Attributes
    ----------
    text : str
        As typed.
    expression : Expression
    widths : dict of str to int
        Samples over which each column (lower case) is smoothed; 1 for none.
    """

    text: str
    expression: Expression
    widths: dict[str, int]


def parse_limit(text: str) -> Limit:
    """Parse a limit such as `(EXPNO:1>2)&&(ASPTYPE:1!="OBC")`.

    Raises
    ------
    UserError
        The text is not an expression, or smooths over 0 samples.
    """
    widths: dict[str, int] = {}
    for name, width in _WIDTH.findall(text):
        if int(width) < 1:
            raise UserError(f"limit {text!r}: {name}:{width} smooths over no sample")
        widths[name.lower()] = int(width)
    plain = _WIDTH.sub(r"\1", text)
    return Limit(text.strip(), parse_expression(bit_conditions(plain)), widths)


def limit_status(table: Table, limits: Sequence[Limit], smooth: bool = True) -> NDArray[np.bool_]:
    """Return which limits each row violates, shape (rows, limits).

    Parameters
    ----------
    table : Table
        Names in a limit are its columns, then its header keywords.
    smooth : bool
        Apply the `:n` of the limits.

    Raises
    ------
    UserError
        A name is neither a column nor a keyword.
    """
    status = np.zeros((table.nrows, len(limits)), dtype=bool)
    for i, limit in enumerate(limits):
        values = {n: _value(table, n, limit, smooth) for n in limit.expression.names}
        good = limit.expression.evaluate(values)
        if good.dtype.kind not in "biuf":
            raise UserError(f"limit {limit.text!r}: is not a condition")
        status[:, i] = np.broadcast_to(~((good != 0) & (good == good)), (table.nrows,))
    return status


def _value(table: Table, name: str, limit: Limit, smooth: bool) -> Any:
    if name in ("t", "f") and name not in table:
        return name == "t"
    value = operand(table, name, nulls=True)
    if value is not None:
        return smoothed(value, limit.widths.get(name, 1)) if smooth and name in table else value
    raise UserError(f"limit {limit.text!r}: no column {name} in block {table.name}; it has {enumerated(table.names)}")


def bin_edges(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return start and stop of every sample of a time series, s.

    TIME - TIMEPIXR*TIMEDEL and TIMEDEL later (TIMEPIXR is 0.5 if not given); without TIMEDEL the middle between
    neighbouring samples, the outer ones extended symmetrically. Checked on mtl1 of 1230, 22772 and 22793: the
    interval of a row is TIME +- TIMEDEL/2 in the MTL block and begins at TIME (TIMEPIXR 0) in MTL_S.

    Raises
    ------
    DataError
        No TIME, times that do not ascend, or a single time without TIMEDEL.
    """
    time = np.asarray(table["time"], dtype=np.float64)
    if np.isnan(time).any() or (np.diff(time) <= 0).any():
        raise DataError(f"block {table.name}: TIME does not ascend; sort it with dmsort")
    width = table.header.get("TIMEDEL")
    if isinstance(width, (int, float)) and width > 0:
        start = time - table.header.number("TIMEPIXR", 0.5) * float(width)
        return start, start + float(width)
    if len(time) < 2:
        raise DataError(f"block {table.name}: no TIMEDEL, and too few rows to tell the width of a bin")
    middle = (time[1:] + time[:-1]) / 2
    start = np.concatenate([[2 * time[0] - middle[0]], middle])
    return start, np.concatenate([middle, [2 * time[-1] - middle[-1]]])


def good_times(table: Table, good: NDArray[np.bool_]) -> Gti:
    """Return the intervals of consecutive good samples; bins that nearly touch (a hundredth of their width) are joined.

    Parameters
    ----------
    table : Table
        With TIME, ascending.
    good : ndarray of bool, shape (rows,)
    """
    if not good.any():
        return Gti()
    start, stop = bin_edges(table)
    rows = np.flatnonzero(good)
    gap = start[rows[1:]] - stop[rows[:-1]]
    apart = (np.diff(rows) > 1) | (gap > 0.01 * (stop - start)[rows[1:]])
    first = rows[np.concatenate([[True], apart])]
    last = rows[np.concatenate([apart, [True]])]
    return Gti(start[first], stop[last])
