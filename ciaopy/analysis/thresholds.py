"""The `cut` of dmimgthresh: limits as numbers or percentages of the largest pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import UserError

__all__ = ["Cut", "parse_cut"]


@dataclass(frozen=True)
class Limit:
    """One end of a cut: a value, or percents of the largest pixel."""

    value: float
    is_percent: bool = False

    def of(self, reference: NDArray[Any]) -> float:
        """Return the limit for a reference image.

        A plain number is cut to a whole one for an integer image, as CIAO does.
        """
        if self.is_percent:
            greatest = float(reference.max(initial=-math.inf)) if reference.dtype.kind == "f" else math.nan
            if math.isfinite(greatest):
                return self.value / 100.0 * greatest
            finite = reference[np.isfinite(reference)] if reference.dtype.kind == "f" else reference
            return self.value / 100.0 * float(finite.max()) if finite.size else math.nan
        return float(math.trunc(self.value)) if reference.dtype.kind in "iu" else self.value


@dataclass(frozen=True)
class Cut:
    """Pixels below `low` or above `high` are replaced; equality stays. `null` replaces NaN instead."""

    low: Limit | None = None
    high: Limit | None = None
    null: bool = False

    def mask(self, reference: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where pixels are to be replaced; NaN pixels only for `null`."""
        if self.null:
            return np.isnan(reference) if reference.dtype.kind == "f" else np.zeros(reference.shape, dtype=bool)
        replaced = np.zeros(reference.shape, dtype=bool)
        if self.low is not None:
            replaced |= reference < self.low.of(reference)
        if self.high is not None:
            replaced |= reference > self.high.of(reference)
        return replaced


def parse_cut(text: str) -> Cut:
    """Parse `lo`, `lo:hi`, `lo:`, `:hi`, each number with an optional `%`, or `INDEF` for null pixels.

    Raises
    ------
    UserError
        Not of that form, or no limit in it.
    """
    cleaned = text.strip()
    if cleaned.upper() in ("INDEF", "NULL", "NAN"):
        return Cut(null=True)
    parts = cleaned.split(":")
    if len(parts) > 2 or not any(p.strip() for p in parts):
        raise UserError(f"cut={text!r}: expected low:high, a value, or a percentage such as 1.5%")
    limits = [_limit(part.strip(), text) for part in parts]
    return Cut(limits[0], limits[1] if len(limits) == 2 else None)


def _limit(part: str, text: str) -> Limit | None:
    if not part or part.upper() == "INDEF":
        return None
    is_percent = part.endswith("%")
    try:
        value = float(part.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"cut={text!r}: {part} is not a number or a percentage")
    return Limit(value, is_percent)
