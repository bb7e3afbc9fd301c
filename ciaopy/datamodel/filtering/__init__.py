"""Which rows a virtual file keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.filtering.binder import kind_of
    from ciaopy.datamodel.filtering.columns import Output, output_template, select
    from ciaopy.datamodel.filtering.filters import Bound, bind
    from ciaopy.datamodel.filtering.maskregion import resolve_region
    from ciaopy.datamodel.filtering.predicate import AllOf, Always, InRegion, Predicate, Rows
    from ciaopy.datamodel.filtering.restriction import column_limits
    from ciaopy.datamodel.filtering.timefilter import TimeSet, read_time_filter

__all__ = [
    "AllOf",
    "Always",
    "Bound",
    "InRegion",
    "Output",
    "Predicate",
    "Rows",
    "TimeSet",
    "bind",
    "column_limits",
    "kind_of",
    "output_template",
    "read_time_filter",
    "resolve_region",
    "select",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "binder": "kind_of",
            "columns": "Output output_template select",
            "filters": "Bound bind",
            "maskregion": "resolve_region",
            "predicate": "AllOf Always InRegion Predicate Rows",
            "restriction": "column_limits",
            "timefilter": "TimeSet read_time_filter",
        },
    )
