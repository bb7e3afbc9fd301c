"""Evaluate a parsed selection on columns of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import UserError
from ciaopy.xmm.expressions import SHAPES, ExpressionError, Interval, Node, Selection

__all__ = ["Column", "constant", "region_of", "select"]

Array = NDArray[Any]


class Column(NamedTuple):
    """Values of one column and its null value (TNULL), if any."""

    data: Array
    null: int | None = None


class _Value(NamedTuple):
    """Values of a node, and where they are null (None: nowhere)."""

    data: Any
    null: Array | None = None


_ELEMENTARY: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log,
    "log10": np.log10, "floor": np.floor, "ceil": np.ceil,
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "%": np.fmod, "**": np.float_power,
}  # fmt: skip
_BITS: dict[str, Callable[[Any, Any], Any]] = {"&": np.bitwise_and, "|": np.bitwise_or, "^": np.bitwise_xor}


def select(selection: Selection, columns: Mapping[str, Column], gtis: Mapping[str, Gti]) -> NDArray[np.bool_]:
    """Tell which rows a selection takes.

    Integers are computed in 64 bits, FLAG as an unsigned number of 32 bits. A null value makes a comparison, an
    interval, a good time and a region false.

    Parameters
    ----------
    selection : Selection
    columns : mapping of str to Column
        Lower-case name to values, all of one length; at least `selection.columns`, or any one column.
    gtis : mapping of str to Gti
        Good times of each of `selection.files`.

    Raises
    ------
    UserError
        A column is missing.
    """
    missing = [name for name in selection.columns if name not in columns]
    if missing:
        raise UserError(
            f"expression: no column {missing[0].upper()} in the event list; it has {', '.join(columns).upper()}"
        )
    rows = len(next(iter(columns.values())).data) if columns else 0
    with np.errstate(all="ignore"):
        value = _Evaluator(selection.text, columns, gtis).value(selection.root)
    truth = _truth(value)
    return np.array(np.broadcast_to(truth, (rows,)))


def constant(node: Node, text: str) -> float:
    """Return the value of a node without columns.

    Raises
    ------
    ExpressionError
        It depends on a column.
    """
    if any(n.kind in ("column", "gti") for n in node.walk()):
        raise ExpressionError("a number is needed here, not a column", text, node.start)
    with np.errstate(all="ignore"):
        return float(_Evaluator(text, {}, {}).value(node).data)


def region_of(node: Node, text: str) -> Any:
    """Return the region of a shape node; box sizes are half widths, angles anticlockwise in degrees.

    Raises
    ------
    ExpressionError
        A wrong number of arguments, or arguments that are not numbers.
    """
    from ciaopy.datamodel.regions import Region, Shape
    from ciaopy.errors import RegionError

    numbers = node.operands[:-2]
    wanted = SHAPES[node.value]
    if len(numbers) != wanted and not (wanted < 0 and len(numbers) >= 6 and len(numbers) % 2 == 0):
        count = wanted if wanted > 0 else "an even number (six or more) of"
        raise ExpressionError(f"{node.value} takes {count} numbers, not {len(numbers)}", text, node.start)
    v = tuple(constant(n, text) for n in numbers)
    try:
        if node.value == "polygon":
            shape = Shape("polygon", v[::2], v[1::2])
        elif node.value in ("box", "rotbox"):
            shape = Shape("rotbox", v[:1], v[1:2], (2 * v[2], 2 * v[3]), (v[4],))
        elif node.value == "ellipse":
            shape = Shape("ellipse", v[:1], v[1:2], v[2:4], (v[4],))
        else:
            shape = Shape(node.value, v[:1], v[1:2], v[2:])
    except RegionError as error:
        raise ExpressionError(str(error), text, node.start) from None
    return Region.from_shape(shape)


def _joined(*values: _Value) -> Array | None:
    nulls = [v.null for v in values if v.null is not None]
    return np.logical_or.reduce(nulls) if nulls else None


def _not_null(truth: Any, *values: _Value) -> Any:
    null = _joined(*values)
    return truth if null is None else np.logical_and(truth, ~null)


def _truth(value: _Value) -> Any:
    data = np.asarray(value.data)
    return _not_null(data if data.dtype.kind == "b" else np.not_equal(data, 0), value)


def _number(data: Any) -> Any:
    """Return truth values as 0 and 1."""
    array = np.asarray(data)
    return array.astype(np.int64) if array.dtype.kind == "b" else array


class _Evaluator:
    """Walks a tree; one instance for each block of rows."""

    def __init__(self, text: str, columns: Mapping[str, Column], gtis: Mapping[str, Gti]) -> None:
        self.text, self.columns, self.gtis = text, columns, gtis
        self._loaded: dict[str, _Value] = {}

    def value(self, node: Node) -> _Value:
        result: _Value = getattr(self, f"_{node.kind}")(node)
        return result

    def _number(self, node: Node) -> _Value:
        return _Value(np.asarray(node.value))

    def _truth(self, node: Node) -> _Value:
        return _Value(np.asarray(node.value))

    def _column(self, node: Node) -> _Value:
        if node.value not in self._loaded:
            self._loaded[node.value] = self._load(node)
        return self._loaded[node.value]

    def _load(self, node: Node) -> _Value:
        data, null = self.columns[node.value]
        if data.dtype.kind not in "iufb" or data.ndim != 1:
            raise ExpressionError(f"column {node.value.upper()} does not hold numbers", self.text, node.start)
        if data.dtype.kind == "f":
            nan = np.isnan(data)
            return _Value(data.astype(np.float64), nan if nan.any() else None)
        bad: Array | None = data == null if null is not None else None
        if node.value == "flag" and data.dtype.itemsize == 4:
            data = data.view(np.uint32)
        return _Value(data.astype(np.int64), bad if bad is not None and bad.any() else None)

    def _any(self, node: Node) -> _Value:
        result = _truth(self.value(node.operands[0]))
        for operand in node.operands[1:]:
            result = np.logical_or(result, _truth(self.value(operand)))
        return _Value(result)

    def _all(self, node: Node) -> _Value:
        result = _truth(self.value(node.operands[0]))
        for operand in node.operands[1:]:
            result = np.logical_and(result, _truth(self.value(operand)))
        return _Value(result)

    def _unary(self, node: Node) -> _Value:
        value = self.value(node.operands[0])
        if node.value == "!":
            return _Value(np.logical_not(_truth(value)))
        if node.value == "~":
            return _Value(np.bitwise_xor(self._whole(value.data, node), 0xFFFFFFFF), value.null)
        data = _number(value.data)
        return _Value(-data if node.value == "-" else data, value.null)

    def _whole(self, data: Any, node: Node) -> Any:
        array = _number(data)
        if array.dtype.kind not in "iu":
            raise ExpressionError(f"{node.value} needs whole numbers", self.text, node.start)
        return array

    def _binary(self, node: Node) -> _Value:
        left, right = (self.value(n) for n in node.operands)
        null = _joined(left, right)
        if node.value in _BITS:
            return _Value(_BITS[node.value](self._whole(left.data, node), self._whole(right.data, node)), null)
        return _Value(_ARITHMETIC[node.value](_number(left.data), _number(right.data)), null)

    def _compare(self, node: Node) -> _Value:
        left, right = (self.value(n) for n in node.operands)
        return _Value(_not_null(_COMPARE[node.value](_number(left.data), _number(right.data)), left, right))

    def _intervals(self, node: Node) -> _Value:
        value = self.value(node.operands[0])
        data = _number(value.data)
        found: Any = np.zeros(np.shape(data), dtype=bool)
        for interval in node.value:
            found = np.logical_or(found, self._in_one(data, interval))
        return _Value(_not_null(found, value))

    def _in_one(self, data: Any, interval: Interval) -> Any:
        if interval.single:
            assert interval.low is not None
            value = self.value(interval.low)
            return _not_null(np.equal(data, _number(value.data)), value)
        inside: Any = np.ones(np.shape(data), dtype=bool)
        for limit, closed, above in (
            (interval.low, interval.includes_low, True),
            (interval.high, interval.includes_high, False),
        ):
            if limit is not None:
                value = self.value(limit)
                operator = (">=" if closed else ">") if above else ("<=" if closed else "<")
                inside = np.logical_and(inside, _not_null(_COMPARE[operator](data, _number(value.data)), value))
        return inside

    def _gti(self, node: Node) -> _Value:
        value = self.value(node.operands[0])
        return _Value(_not_null(self.gtis[node.value].filter(_number(value.data)), value))

    def _shape(self, node: Node) -> _Value:
        x, y = (self.value(n) for n in node.operands[-2:])
        region = region_of(node, self.text)
        inside = region.inside(np.asarray(x.data, np.float64), np.asarray(y.data, np.float64))
        return _Value(_not_null(inside, x, y))

    def _call(self, node: Node) -> _Value:
        values = [self.value(n) for n in node.operands]
        data = [_number(v.data) for v in values]
        null = _joined(*values)
        if node.value == "isnull":
            none = np.zeros(np.shape(data[0]), dtype=bool)
            return _Value(none if null is None else null)
        if node.value == "near":
            return _Value(_not_null(np.abs(data[0] - data[1]) <= data[2], *values))
        if node.value == "ifthenelse":
            return self._chosen(values)
        if node.value in ("min", "max"):
            smaller = np.minimum if node.value == "min" else np.maximum
            result = data[0]
            for other in data[1:]:
                result = smaller(result, other)
            return _Value(result, null)
        return _Value(_ELEMENTARY[node.value](data[0]), null)

    def _chosen(self, values: list[_Value]) -> _Value:
        condition = _truth(values[0])
        data = np.where(condition, _number(values[1].data), _number(values[2].data))
        if values[1].null is None and values[2].null is None:
            return _Value(data)
        nulls = [np.zeros((), bool) if v.null is None else v.null for v in values[1:]]
        return _Value(data, np.where(condition, nulls[0], nulls[1]))
