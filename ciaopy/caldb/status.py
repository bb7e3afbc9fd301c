"""What the calibration in use has for an observation: one line per product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciaopy.caldb import lite
from ciaopy.caldb.observation import observation_products
from ciaopy.caldb.query import Caldb, CalFile
from ciaopy.errors import CalibrationError

__all__ = ["ProductStatus", "product_status"]


@dataclass(frozen=True)
class ProductStatus:
    """One product of an observation.

    Attributes
    ----------
    product, use : str
        CALDB name, and what it is.
    source : str
        `CALDB`, `lite`, `missing` (in the index, not on disk), or `none`.
    detail : str
        Files, or what the embedded calibration has, or why there is nothing.
    """

    product: str
    use: str
    source: str
    detail: str


def product_status(caldb: Caldb | None, header: Mapping[str, Any]) -> list[ProductStatus]:
    """Return what serves an observation, in the order of processing.

    Raises
    ------
    CalibrationError
        The header has no date, or an index is damaged.
    """
    return [_status(caldb, name, use, header) for name, use in observation_products(header).items()]


def _status(caldb: Caldb | None, name: str, use: str, header: Mapping[str, Any]) -> ProductStatus:
    found = caldb.search(name, header) if caldb is not None else []
    if found:
        there = all(file.exists for file in found)
        return ProductStatus(name, use, "CALDB" if there else "missing", _files(found))
    if _has_lite(name, header):
        return ProductStatus(name, use, "lite", lite.PRODUCTS[name])
    reason = "the embedded calibration has none" if caldb is None else "nothing in the index fits"
    return ProductStatus(name, use, "none", reason)


def _has_lite(name: str, header: Mapping[str, Any]) -> bool:
    """Return whether the embedded calibration has a product for this observation (none of the HRC's bad pixels)."""
    try:
        lite.product(name, header)
    except CalibrationError:
        return False
    return True


def _files(found: list[CalFile]) -> str:
    """Return the file names with their HDUs: `acisD1997-04-17qeN0006.fits[1-10]`."""
    hdus: dict[str, list[int]] = {}
    for file in found:
        hdus.setdefault(file.path.name, []).append(int(file.hdu or 0))
    return ", ".join(f"{name}[{_spans(sorted(set(numbers)))}]" for name, numbers in hdus.items())


def _spans(numbers: list[int]) -> str:
    """Return ascending numbers as text: 1, 2, 3, 7 is `1-3,7`."""
    spans: list[list[int]] = []
    for n in numbers:
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
