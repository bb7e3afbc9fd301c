"""Regions of the plane: CIAO's shapes, their combination, their text and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.datamodel.regions.coordinates import SkyMapping
    from ciaopy.datamodel.regions.parser import OPERATORS, closing_parenthesis
    from ciaopy.datamodel.regions.reading import ReadBlock, parse_region, read_region_file, region_from_table
    from ciaopy.datamodel.regions.region import Region
    from ciaopy.datamodel.regions.shapes import EVERYWHERE, NOWHERE, Bounds, Shape
    from ciaopy.datamodel.regions.stack import axis_regions
    from ciaopy.datamodel.regions.writing import region_to_table, write_region_file

__all__ = [
    "EVERYWHERE",
    "NOWHERE",
    "OPERATORS",
    "Bounds",
    "ReadBlock",
    "Region",
    "Shape",
    "SkyMapping",
    "axis_regions",
    "closing_parenthesis",
    "parse_region",
    "read_region_file",
    "region_from_table",
    "region_to_table",
    "write_region_file",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "coordinates": "SkyMapping",
            "parser": "OPERATORS closing_parenthesis",
            "reading": "ReadBlock parse_region read_region_file region_from_table",
            "region": "Region",
            "shapes": "Bounds EVERYWHERE NOWHERE Shape",
            "stack": "axis_regions",
            "writing": "region_to_table write_region_file",
        },
    )
