"""What the parameters of the grating tools say about the observation: grating, detector, positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError, ParameterError
from ciaopy.fits import Dataset, Table

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["header_grating", "header_with_detector", "is_collapsed", "kept_header", "order_list", "zero_orders"]

MAX_ORDER = 62


def header_grating(value: str, header: Header) -> str:
    """Return the grating that a `grating_obs` parameter means."""
    return str(header.get("GRATING", "")) if value.strip().lower() == "header_value" else value


def header_with_detector(value: str, header: Header) -> Header:
    """Return the header with INSTRUME and DETNAM of a `detector` parameter that is not `header_value`."""
    if value.strip().lower() == "header_value":
        return header
    out = header.copy()
    out["INSTRUME"] = value[:4].rstrip("-")
    if not (value == "ACIS" and str(out.get("DETNAM", "")).startswith("ACIS")):
        out["DETNAM"] = value
    return out


def order_list(text: str, parameter: str) -> list[int]:
    """Return the orders of a parameter value: whole numbers but 0, separated by commas or blanks, or a stack file.

    Raises
    ------
    ParameterError
        No number, one that is not whole, 0, or one beyond +-62.
    """
    from ciaopy.stack import build

    orders: list[int] = []
    for item in (word for entry in build(text) for word in entry.replace(",", " ").split()):
        try:
            order = int(item)
        except ValueError:
            raise ParameterError(f"{parameter}={text}: {item!r} is not a whole number; give orders as -1,1") from None
        if order == 0 or abs(order) > MAX_ORDER:
            what = "order 0 is the image, it has no grating spectrum" if order == 0 else f"orders go to {MAX_ORDER}"
            raise ParameterError(f"{parameter}={text}: {order}: {what}; give orders as -1,1")
        if order not in orders:
            orders.append(order)
    if not orders:
        raise ParameterError(f"{parameter}={text!r}: no orders in it; give orders as -1,1")
    return orders


def kept_header(header: Header) -> Header:
    """Return the observation's keywords and the history, without what belongs to one table or file."""
    from ciaopy.response.obsfile import own_keywords_removed

    out = own_keywords_removed(header)
    for line in header.get("HISTORY", []):
        out.add_history(str(line))
    return out


def zero_orders(dataset: Dataset, where: str) -> dict[int, tuple[float, float]]:
    """Return the SKY position of the zero order of each source of a file's REGION block, by source number.

    Raises
    ------
    DataError
        No REGION block, or no zero order in it.
    """
    table = next((b for b in dataset.blocks if isinstance(b, Table) and b.name.upper() == "REGION"), None)
    if table is None or any(c not in table for c in ("X", "Y", "TG_PART", "SOURCE")):
        names = ", ".join(b.name for b in dataset.blocks)
        raise DataError(
            f"{where}: no REGION block with the zero orders; it has {names}; append the mask with dmappend, or make "
            "the file with tg_resolve_events"
        )
    zero = {
        int(n): (float(x), float(y))
        for n, x, y, part in zip(table["SOURCE"], table["X"], table["Y"], table["TG_PART"], strict=True)
        if int(part) == 0
    }
    if not zero:
        raise DataError(f"{where}: the REGION block has no zero order (TG_PART 0); make a mask with tg_create_mask")
    return zero


def is_collapsed(header: Mapping[str, Any]) -> bool:
    """Return True in continuous clocking, where all light across the dispersion falls into one row."""
    return str(header.get("READMODE", "")).strip().upper().startswith("CONT")
