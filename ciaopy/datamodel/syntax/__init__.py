"""The language of virtual files and of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.syntax.expressions import (
        Assignment,
        Expression,
        cast_values,
        parse_assignments,
        parse_expression,
    )
    from ciaopy.datamodel.syntax.names import file_of, split_file
    from ciaopy.datamodel.syntax.parser import parse
    from ciaopy.datamodel.syntax.virtualfile import (
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
        VirtualFile,
    )

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
    "cast_values",
    "file_of",
    "parse",
    "parse_assignments",
    "parse_expression",
    "split_file",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "expressions": "Assignment Expression cast_values parse_assignments parse_expression",
            "names": "file_of split_file",
            "parser": "parse",
            "virtualfile": "All AnyOf Axis ColumnItem CompareTerm FileTerm Filter FilterExpression Item "
            "RangeTerm RegionTerm VirtualFile",
        },
    )
