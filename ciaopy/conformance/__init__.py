"""Whether a Chandra product is what its kind should be: `check` judges a file and reports what departs.

The names are looked up when first used, so that listing the rules loads no numerical library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.conformance.checker import check, check_folder, find_products
    from ciaopy.conformance.findings import ERROR, LEVELS, NOTE, WARNING, Finding, Report
    from ciaopy.conformance.layouts import kind_names
    from ciaopy.conformance.registry import RULES, Rule

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

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "checker": "check check_folder find_products",
            "findings": "ERROR Finding LEVELS NOTE Report WARNING",
            "layouts": "kind_names",
            "registry": "RULES Rule",
        },
    )
