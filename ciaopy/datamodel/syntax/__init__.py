"""The language of virtual files and of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.syntax.assignments import Assignment, parse_assignments
    from ciaopy.datamodel.syntax.bits import bit_conditions, bit_name, bit_of, parse_bits, with_bit
    from ciaopy.datamodel.syntax.expressions import Expression, cast_values, parse_expression
    from ciaopy.datamodel.syntax.names import file_of, hdu_suffix, split_file, whole_path
    from ciaopy.datamodel.syntax.parser import parse
    from ciaopy.datamodel.syntax.running import smoothed
    from ciaopy.datamodel.syntax.terms import (
        All,
        AnyOf,
        Axis,
        ColumnItem,
        CompareTerm,
        FileTerm,
        Filter,
        FilterExpression,
        Item,
        RangeTerm,
        RegionTerm,
    )
    from ciaopy.datamodel.syntax.virtualfile import VirtualFile

__all__ = [
    "All",
    "AnyOf",
    "Assignment",
    "Axis",
    "ColumnItem",
    "CompareTerm",
    "Expression",
    "FileTerm",
    "Filter",
    "FilterExpression",
    "Item",
    "RangeTerm",
    "RegionTerm",
    "VirtualFile",
    "bit_conditions",
    "bit_name",
    "bit_of",
    "cast_values",
    "file_of",
    "hdu_suffix",
    "parse",
    "parse_assignments",
    "parse_bits",
    "parse_expression",
    "smoothed",
    "split_file",
    "whole_path",
    "with_bit",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "assignments": "Assignment parse_assignments",
            "bits": "bit_conditions bit_name bit_of parse_bits with_bit",
            "expressions": "Expression cast_values parse_expression",
            "names": "file_of hdu_suffix split_file whole_path",
            "parser": "parse",
            "running": "smoothed",
            "terms": "All AnyOf Axis ColumnItem CompareTerm FileTerm Filter FilterExpression Item RangeTerm RegionTerm",
            "virtualfile": "VirtualFile",
        },
    )
