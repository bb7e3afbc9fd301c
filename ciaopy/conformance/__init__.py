"""Whether a Chandra product is what its kind should be: `check` judges a file and reports what departs.

The names are looked up when first used, so that listing the rules loads no numerical library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ciaopy.conformance.findings import ERROR, LEVELS, NOTE, WARNING, Finding, Report
from ciaopy.conformance.registry import RULES, Rule

if TYPE_CHECKING:
    from ciaopy.conformance.checker import check, check_folder, find_products
    from ciaopy.conformance.layouts import kind_names

__all__ = [
    "ERROR",
    "LEVELS",
    "NOTE",
    "RULES",
    "WARNING",
    "Finding",
    "Report",
    "Rule",
    "check",
    "check_folder",
    "find_products",
    "kind_names",
]

_HOMES = {"check": "checker", "check_folder": "checker", "find_products": "checker", "kind_names": "layouts"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
