"""Arithmetic on whole images: the two-image operations of dmimgcalc and its expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.images import pixels, values
from ciaopy.datamodel.syntax import cast_values, parse_assignments
from ciaopy.errors import UserError
from ciaopy.fits import Image

__all__ = ["OPERATIONS", "combine", "evaluate", "images_equal"]

OPERATIONS = ("add", "sub", "mul", "div")

_NAME = re.compile(r"img(\d+)(?:_(\w+))?")


def combine(
    first: NDArray[Any],
    second: NDArray[Any] | None,
    operation: str,
    weight: float = 1.0,
    weight2: float = 1.0,
) -> NDArray[Any]:
    """Return ``first*weight OPERATION second*weight2``, pixel by pixel.

    The result is double if a weight is not 1, if integers are divided, or if the types differ; else of the images'
    type (a wider integer where it would overflow). A division by 0 gives 0. Without a second image: ``first*weight``.

    Parameters
    ----------
    first, second : ndarray of one shape
    operation : {'add', 'sub', 'mul', 'div'}
    weight, weight2 : float
    """
    weighted = weight != 1.0 or weight2 != 1.0
    if second is None:
        return first * np.float64(weight) if weight != 1.0 else first.copy()
    integers = first.dtype.kind in "iu" and second.dtype.kind in "iu"
    real = weighted or first.dtype != second.dtype or (integers and operation == "div")
    work = np.dtype(np.float64) if real else np.dtype(np.int64) if integers else first.dtype
    a, b = (n.astype(work, copy=weighted) for n in (first, second))
    if weighted:
        a *= weight
        b *= weight2
    with np.errstate(all="ignore"):
        match operation:
            case "add":
                result = a + b
            case "sub":
                result = a - b
            case "mul":
                result = a * b
            case _:
                result = np.divide(a, b, out=np.zeros_like(a), where=b != 0)
    return result if real or not integers else narrowed(result, [first.dtype])


def narrowed(numbers: NDArray[Any], wanted: Sequence[np.dtype[Any]]) -> NDArray[Any]:
    """Return 64-bit integers in the largest of the wanted integer types, or the first wider one that holds them."""
    types = [t for t in wanted if t.kind in "iu"]
    size = max((t.itemsize for t in types), default=2)
    low, high = (int(numbers.min()), int(numbers.max())) if numbers.size else (0, 0)
    preferred = [t for t in types if t.itemsize == size]
    wider = [np.dtype(t) for t in (np.int16, np.int32, np.int64) if np.dtype(t).itemsize >= size]
    for dtype in [*preferred, *wider]:
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return numbers.astype(dtype)
    return numbers


def evaluate(operation: str, images: Sequence[Image]) -> NDArray[Any]:
    """Return the image of an expression `imgout=...`.

    Names: `img1` ... `imgN`; `img2_EXPOSURE`, a header keyword of the second image; any other name, a keyword of the
    first. An integer result takes the type of the largest integer image, or a wider one that holds it.

    Raises
    ------
    UserError
        The expression is not `imgout=...`, cannot be parsed, or names an image or a numeric keyword that is not there.
    """
    assignments = parse_assignments(operation)
    if len(assignments) != 1 or assignments[0].name.lower() != "imgout":
        raise UserError(f"operation={operation!r}: expected add, sub, mul, div, tst or imgout=expression")
    assignment = assignments[0]
    if assignment.bits:
        raise UserError(f"operation={operation!r}: bits can be set in columns, with dmtcalc, not in images")
    operands = {name: _operand(name, images, operation) for name in assignment.expression.names}
    shape = pixels(images[0]).shape
    result = assignment.expression.evaluate(operands)
    result = np.ascontiguousarray(np.broadcast_to(result, shape))
    if assignment.dtype is not None:
        result = cast_values(result, assignment.dtype)
    if result.dtype.kind == "b":
        return result.astype(np.int16)
    if result.dtype == np.int64:
        return narrowed(result, [pixels(i).dtype for i in images])
    return result


def _operand(name: str, images: Sequence[Image], operation: str) -> Any:
    match = _NAME.fullmatch(name)
    number, keyword = (int(match[1]), match[2]) if match else (1, name)
    if not 1 <= number <= len(images):
        raise UserError(f"operation={operation!r}: no img{number}; infile has {len(images)} image(s)")
    image = images[number - 1]
    if not keyword:
        return values(image)
    value = image.header.get(keyword)
    if not isinstance(value, (int, float, np.integer, np.floating)):
        what = "no such keyword" if value is None else "not a number"
        raise UserError(f"operation={operation!r}: {keyword.upper()} of img{number}: {what}")
    return np.float64(value) if isinstance(value, (float, np.floating)) else int(value)


def images_equal(first: NDArray[Any], second: NDArray[Any]) -> int:
    """Return in how many pixels two images differ; NaN equals NaN."""
    same = first == second
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        same |= np.isnan(first) & np.isnan(second)
    return int(np.count_nonzero(~same))
