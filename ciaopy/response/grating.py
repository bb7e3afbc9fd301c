"""What the parameters of the grating tools say about the observation: grating, detector, positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["header_grating", "header_with_detector"]


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
