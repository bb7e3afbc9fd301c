"""Which rows a virtual file keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.filtering.binder import kind_of
    from ciaopy.datamodel.filtering.columns import Output, output_template, select
    from ciaopy.datamodel.filtering.filters import Bound, bind
    from ciaopy.datamodel.filtering.maskregion import (
        MASK_BLOCK,
        Combination,
        MaskRegion,
        Shape2D,
        kept_mask,
        resolve_region,
        text_shape,
        window_bounds,
    )
    from ciaopy.datamodel.filtering.predicate import AllOf, Always, InRegion, Predicate, Rows
    from ciaopy.datamodel.filtering.restriction import column_limits
    from ciaopy.datamodel.filtering.timefilter import TimeSet, read_time_filter

__all__ = [
    "MASK_BLOCK",
    "AllOf",
    "Always",
    "Bound",
    "Combination",
    "InRegion",
    "MaskRegion",
    "Output",
    "Predicate",
    "Rows",
    "Shape2D",
    "TimeSet",
    "bind",
    "column_limits",
    "kept_mask",
    "kind_of",
    "output_template",
    "read_time_filter",
    "resolve_region",
    "select",
    "text_shape",
    "window_bounds",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "binder": "kind_of",
            "columns": "Output output_template select",
            "filters": "Bound bind",
            "maskregion": "Combination MASK_BLOCK MaskRegion Shape2D kept_mask resolve_region text_shape window_bounds",
            "predicate": "AllOf Always InRegion Predicate Rows",
            "restriction": "column_limits",
            "timefilter": "TimeSet read_time_filter",
        },
    )
