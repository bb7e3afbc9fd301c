"""Calibration: index, queries, readers, the embedded approximation.

Names are looked up when first used, so that importing the room loads no more than is asked for; but for `load`, which
the module of the same name would hide once that is imported by somebody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.caldb.load import load
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.caldb.ardlib import Ardlib, ArdlibSpec, parse_detector, parse_grating, parse_mirror
    from ciaopy.caldb.fetch import FetchReport, default_folder, fetch_files, is_partial
    from ciaopy.caldb.index import CalIndex, read_index
    from ciaopy.caldb.load import read_product
    from ciaopy.caldb.observation import event_files, observation_header
    from ciaopy.caldb.products_acis import (
        BadPixelList,
        CtiModel,
        DetGain,
        GradeImages,
        GradeTable,
        SplitThreshold,
        SubPixel,
        TimeGain,
    )
    from ciaopy.caldb.products_area import (
        Contamination,
        DeadArea,
        GratingEfficiency,
        MirrorArea,
        PsfRadius,
        QeUniformity,
        QuantumEfficiency,
        Vignetting,
    )
    from ciaopy.caldb.products_base import ALL_SHELLS, SHELLS, ChipCurves, Product, bracket, interpolate
    from ciaopy.caldb.products_gratings import LineSpread
    from ciaopy.caldb.products_hrc import (
        AmpScale,
        Degap,
        FlatnessTest,
        GratingRegions,
        HrcGainImage,
        HrcGainTime,
        HyperbolicTest,
        OrderSorting,
        SaturationTest,
        TapRing,
    )
    from ciaopy.caldb.query import Caldb, CalFile, LiteFile, resolve
    from ciaopy.caldb.status import product_status
    from ciaopy.caldb.value import parse_value
    from ciaopy.caldb.version import VERSION_FILE, caldb_version, read_version

__all__ = [
    "ALL_SHELLS",
    "SHELLS",
    "VERSION_FILE",
    "AmpScale",
    "Ardlib",
    "ArdlibSpec",
    "BadPixelList",
    "CalFile",
    "CalIndex",
    "Caldb",
    "ChipCurves",
    "Contamination",
    "CtiModel",
    "DeadArea",
    "Degap",
    "DetGain",
    "FetchReport",
    "FlatnessTest",
    "GradeImages",
    "GradeTable",
    "GratingEfficiency",
    "GratingRegions",
    "HrcGainImage",
    "HrcGainTime",
    "HyperbolicTest",
    "LineSpread",
    "LiteFile",
    "MirrorArea",
    "OrderSorting",
    "Product",
    "PsfRadius",
    "QeUniformity",
    "QuantumEfficiency",
    "SaturationTest",
    "SplitThreshold",
    "SubPixel",
    "TapRing",
    "TimeGain",
    "Vignetting",
    "bracket",
    "caldb_version",
    "default_folder",
    "event_files",
    "fetch_files",
    "interpolate",
    "is_partial",
    "load",
    "observation_header",
    "parse_detector",
    "parse_grating",
    "parse_mirror",
    "parse_value",
    "product_status",
    "read_index",
    "read_product",
    "read_version",
    "resolve",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "ardlib": "Ardlib ArdlibSpec parse_detector parse_grating parse_mirror",
            "fetch": "FetchReport default_folder fetch_files is_partial",
            "index": "CalIndex read_index",
            "load": "read_product",
            "observation": "event_files observation_header",
            "products_acis": "BadPixelList CtiModel DetGain GradeImages GradeTable SplitThreshold SubPixel TimeGain",
            "products_area": "Contamination DeadArea GratingEfficiency MirrorArea PsfRadius QeUniformity "
            "QuantumEfficiency Vignetting",
            "products_gratings": "LineSpread",
            "products_base": "ALL_SHELLS ChipCurves Product SHELLS bracket interpolate",
            "products_hrc": "AmpScale Degap FlatnessTest GratingRegions HrcGainImage HrcGainTime HyperbolicTest "
            "OrderSorting SaturationTest TapRing",
            "query": "CalFile Caldb LiteFile resolve",
            "status": "product_status",
            "value": "parse_value",
            "version": "VERSION_FILE caldb_version read_version",
        },
    )
