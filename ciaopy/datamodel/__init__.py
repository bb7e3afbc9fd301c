"""Virtual files, filters, binning, regions, the data subspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel.column_range import column_range
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel import image_listing, listing
    from ciaopy.datamodel.block_header import block_without_rows
    from ciaopy.datamodel.column_range import Range, outwards, set_range
    from ciaopy.datamodel.copying import copy
    from ciaopy.datamodel.gti import Gti
    from ciaopy.datamodel.gti_block import filter_block, named
    from ciaopy.datamodel.headers import change_header, full_header, split_unit, typed_value, value_text
    from ciaopy.datamodel.livetime import PER_CHIP, chip_times, update_livetime, write_date
    from ciaopy.datamodel.merge import MergeReport, merge_headers, merge_tables, read_rules
    from ciaopy.datamodel.opened import BlockInfo, OpenFile
    from ciaopy.datamodel.operands import operand, vector_values
    from ciaopy.datamodel.output import empty_primary, finish, note_tool, renamed, with_companions
    from ciaopy.datamodel.reading import read_block
    from ciaopy.datamodel.selection import Selection, open_selection, require_table
    from ciaopy.datamodel.sky import PixelFrame, SkyTransform, TangentTransform
    from ciaopy.datamodel.subspace import Component, Descriptor, Ranges, Subspace, Text, TimeTable
    from ciaopy.datamodel.syntax.parser import parse
    from ciaopy.datamodel.syntax.virtualfile import VirtualFile
    from ciaopy.datamodel.timeframe import TimeFrame, require_one_time
    from ciaopy.datamodel.wcs import (
        PhysicalAxis,
        check_movable,
        clear_world,
        columns_frame,
        columns_wcs,
        image_frame,
        image_wcs,
        linear_matrix,
        move_axis,
        physical_axis,
        scale_world,
        table_wcs,
        vector_columns,
        world_descriptions,
    )
    from ciaopy.datamodel.workspace import Workspace, read

__all__ = [
    "PER_CHIP",
    "BlockInfo",
    "Component",
    "Descriptor",
    "Gti",
    "MergeReport",
    "OpenFile",
    "PhysicalAxis",
    "PixelFrame",
    "Range",
    "Ranges",
    "Selection",
    "SkyTransform",
    "Subspace",
    "TangentTransform",
    "Text",
    "TimeFrame",
    "TimeTable",
    "VirtualFile",
    "Workspace",
    "block_without_rows",
    "change_header",
    "check_movable",
    "chip_times",
    "clear_world",
    "column_range",
    "columns_frame",
    "columns_wcs",
    "copy",
    "empty_primary",
    "filter_block",
    "finish",
    "full_header",
    "image_frame",
    "image_listing",
    "image_wcs",
    "linear_matrix",
    "listing",
    "merge_headers",
    "merge_tables",
    "move_axis",
    "named",
    "note_tool",
    "open_selection",
    "operand",
    "outwards",
    "parse",
    "physical_axis",
    "read",
    "read_block",
    "read_rules",
    "renamed",
    "require_one_time",
    "require_table",
    "scale_world",
    "set_range",
    "split_unit",
    "table_wcs",
    "typed_value",
    "update_livetime",
    "value_text",
    "vector_columns",
    "vector_values",
    "with_companions",
    "world_descriptions",
    "write_date",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "block_header": "block_without_rows",
            "column_range": "Range outwards set_range",
            "copying": "copy",
            "gti": "Gti",
            "gti_block": "filter_block named",
            "headers": "change_header full_header split_unit typed_value value_text",
            "livetime": "PER_CHIP chip_times update_livetime write_date",
            "merge": "MergeReport merge_headers merge_tables read_rules",
            "opened": "BlockInfo OpenFile",
            "operands": "operand vector_values",
            "output": "empty_primary finish note_tool renamed with_companions",
            "reading": "read_block",
            "selection": "Selection open_selection require_table",
            "timeframe": "TimeFrame require_one_time",
            "subspace": "Component Descriptor Ranges Subspace Text TimeTable",
            "syntax.parser": "parse",
            "syntax.virtualfile": "VirtualFile",
            "sky": "PixelFrame SkyTransform TangentTransform",
            "wcs": "PhysicalAxis check_movable clear_world columns_frame columns_wcs image_frame image_wcs "
            "linear_matrix move_axis physical_axis scale_world table_wcs vector_columns world_descriptions",
            "workspace": "Workspace read",
            "": "image_listing listing",
        },
    )
