"""Regions of the plane: CIAO's shapes, their combination, their text and their files."""

from __future__ import annotations

from ciaopy.datamodel.regions.coordinates import SkyTransform
from ciaopy.datamodel.regions.files import (
    read_region_file,
    region_from_table,
    region_to_table,
    write_region_file,
)
from ciaopy.datamodel.regions.parser import parse_region
from ciaopy.datamodel.regions.region import Region
from ciaopy.datamodel.regions.shapes import Bounds, Shape

__all__ = [
    "Bounds",
    "Region",
    "Shape",
    "SkyTransform",
    "parse_region",
    "read_region_file",
    "region_from_table",
    "region_to_table",
    "write_region_file",
]
