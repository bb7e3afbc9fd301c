"""What a selection says about times and about single columns, read off its tree without looking at events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

from ciaopy.datamodel import Gti
from ciaopy.errors import UserError
from ciaopy.xmm.evaluate import constant
from ciaopy.xmm.expressions import Node, Selection
from ciaopy.xmm.flags import mask_text

__all__ = ["SimpleFilter", "requires_zero_flag", "selected_ccds", "simple_filters", "time_condition"]

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class SimpleFilter(NamedTuple):
    """A condition on one column as the data subspace writes it: DSTYP, DSVAL, DSFORM (may be empty)."""

    column: str
    value: str
    form: str = ""


def _terms(node: Node) -> list[Node]:
    """Return the conditions that are and-ed at the top of a tree."""
    if node.kind != "all":
        return [node]
    return [term for operand in node.operands for term in _terms(operand)]


def _mentions_time(node: Node) -> bool:
    if any(n.kind == "gti" or (n.kind == "column" and n.value == "time") for n in node.walk()):
        return True
    limits = [
        limit
        for n in node.walk()
        if n.kind == "intervals"
        for interval in n.value
        for limit in (interval.low, interval.high)
        if limit is not None
    ]
    return any(_mentions_time(limit) for limit in limits)


def _is_time(node: Node) -> bool:
    return node.kind == "column" and node.value == "time"


class _Times:
    """Good times that a tree stands for."""

    def __init__(self, text: str, gtis: Mapping[str, Gti]) -> None:
        self.text, self.gtis = text, gtis

    def of(self, node: Node) -> Gti | None:
        """Return the times of a tree that depends on nothing but TIME; None for any other tree."""
        if node.kind == "gti":
            return self.gtis[node.value] if _is_time(node.operands[0]) else None
        if node.kind in ("all", "any"):
            parts = [self.of(n) for n in node.operands]
            known = [p for p in parts if p is not None]
            if len(known) != len(parts):
                return None
            return reduce(Gti.__and__, known) if node.kind == "all" else Gti.union(known)
        if node.kind == "unary" and node.value == "!":
            inner = self.of(node.operands[0])
            return None if inner is None else ~inner
        if node.kind == "compare":
            return self._compared(node)
        return self._intervals(node) if node.kind == "intervals" and _is_time(node.operands[0]) else None

    def _number(self, node: Node) -> float | None:
        if any(n.kind in ("column", "gti") for n in node.walk()):
            return None
        return constant(node, self.text)

    def _compared(self, node: Node) -> Gti | None:
        left, right = node.operands
        operator = node.value
        if _is_time(right):
            left, right, operator = right, left, _FLIPPED[operator]
        limit = self._number(right) if _is_time(left) else None
        if limit is None or operator in ("==", "!="):
            return None
        return Gti([-math.inf], [limit]) if operator in ("<", "<=") else Gti([limit], [math.inf])

    def _intervals(self, node: Node) -> Gti | None:
        starts, stops = [], []
        for interval in node.value:
            low = -math.inf if interval.low is None else self._number(interval.low)
            high = math.inf if interval.high is None else self._number(interval.high)
            if low is None or high is None or interval.single:
                return None
            starts.append(low)
            stops.append(high)
        return Gti(starts, stops)


def time_condition(selection: Selection, gtis: Mapping[str, Gti]) -> Gti | None:
    """Return the times that a selection admits, whatever the other columns; None where it says nothing of time.

    Parameters
    ----------
    selection : Selection
    gtis : mapping of str to Gti
        Good times of each of `selection.files`.

    Raises
    ------
    UserError
        Time is mixed with other columns under `||`, `!` or arithmetic, so that no interval can be told.
    """
    reader = _Times(selection.text, gtis)
    found: Gti | None = None
    for term in _terms(selection.root):
        if not _mentions_time(term):
            continue
        times = reader.of(term)
        if times is None:
            raise UserError(
                "expression: time is joined to other conditions by || or by arithmetic, so that good times cannot be "
                "told; and-connect the time condition, or set updateexposure=no filterexposure=no"
            )
        found = times if found is None else found & times
    return found


def _limits_text(node: Node, text: str) -> str | None:
    """Return `lo:hi` of one comparison or interval list with numbers; None for anything else."""
    if node.kind == "compare":
        number, operator = node.operands[1], node.value
        if any(n.kind in ("column", "gti") for n in number.walk()):
            return None
        limit = f"{constant(number, text):.15g}"
        return {"<=": f":{limit}", ">=": f"{limit}:", "==": limit}.get(operator)
    pieces = []
    for interval in node.value:
        if interval.single:
            low = interval.low
            if any(n.kind in ("column", "gti") for n in low.walk()):
                return None
            pieces.append(f"{constant(low, text):.15g}")
            continue
        ends = [n for n in (interval.low, interval.high) if n is not None]
        columns = any(n.kind in ("column", "gti") for end in ends for n in end.walk())
        if columns or not (interval.includes_low and interval.includes_high):
            return None
        low_text, high_text = ("" if n is None else f"{constant(n, text):.15g}" for n in (interval.low, interval.high))
        pieces.append(f"{low_text}:{high_text}")
    return ",".join(pieces)


def _flag_mask(node: Node) -> int | None:
    """Return the mask of `(FLAG & mask) == 0`, or None."""
    if node.kind != "compare" or node.value != "==" or node.operands[1].kind != "number" or node.operands[1].value != 0:
        return None
    inner = node.operands[0]
    if inner.kind != "binary" or inner.value != "&":
        return None
    column, mask = inner.operands if inner.operands[0].kind == "column" else inner.operands[::-1]
    if column.kind != "column" or column.value != "flag" or mask.kind != "number" or not isinstance(mask.value, int):
        return None
    return mask.value


def simple_filters(selection: Selection) -> list[SimpleFilter]:
    """Return the and-ed conditions on one column that the data subspace can hold; those on TIME are left out."""
    found = []
    for term in _terms(selection.root):
        mask = _flag_mask(term)
        if mask is not None:
            found.append(SimpleFilter("FLAG", mask_text(mask), "X"))
        elif term.kind in ("compare", "intervals"):
            column = term.operands[0]
            if column.kind == "column" and column.value != "time":
                limits = _limits_text(term, selection.text)
                if limits is not None:
                    found.append(SimpleFilter(column.value.upper(), limits))
    return found


def requires_zero_flag(selection: Selection) -> bool:
    """Tell whether a selection demands FLAG == 0."""
    return SimpleFilter("FLAG", "0") in simple_filters(selection)


def selected_ccds(selection: Selection) -> set[int] | None:
    """Return the CCD numbers that a selection admits; None where it names none."""
    chosen: set[int] | None = None
    for item in simple_filters(selection):
        if item.column != "CCDNR":
            continue
        numbers: set[int] = set()
        for piece in item.value.split(","):
            low, colon, high = piece.partition(":")
            first = math.ceil(float(low)) if low else 0
            last = math.floor(float(high)) if high else (99 if colon else math.floor(float(low)))
            numbers |= set(range(first, last + 1))
        chosen = numbers if chosen is None else chosen & numbers
    return chosen
