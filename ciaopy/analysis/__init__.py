"""What is made of events and images: extraction, profiles, statistics, smoothing, regridding, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.analysis.statistics import statistics
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.analysis import extract, imageprofile, profile
    from ciaopy.analysis.compare import Comparison, compare_events, counts_images
    from ciaopy.analysis.extract import light_curve
    from ciaopy.analysis.image_arithmetic import OPERATIONS, combine, evaluate, images_equal
    from ciaopy.analysis.limits import Limit, bin_edges, good_times, limit_status, parse_limit, smoothed
    from ciaopy.analysis.regridding import BinSpec, Motion, parse_bins, regrid, regridded_header
    from ciaopy.analysis.smoothing import filter_images
    from ciaopy.analysis.statistics import Clipping, Statistics, image_centroid
    from ciaopy.analysis.thresholds import parse_cut

__all__ = [
    "OPERATIONS",
    "BinSpec",
    "Clipping",
    "Comparison",
    "Limit",
    "Motion",
    "Statistics",
    "bin_edges",
    "combine",
    "compare_events",
    "counts_images",
    "evaluate",
    "extract",
    "filter_images",
    "good_times",
    "image_centroid",
    "imageprofile",
    "images_equal",
    "light_curve",
    "limit_status",
    "parse_bins",
    "parse_cut",
    "parse_limit",
    "profile",
    "regrid",
    "regridded_header",
    "smoothed",
    "statistics",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "compare": "Comparison compare_events counts_images",
            "extract": "light_curve",
            "image_arithmetic": "OPERATIONS combine evaluate images_equal",
            "limits": "Limit bin_edges good_times limit_status parse_limit smoothed",
            "regridding": "BinSpec Motion parse_bins regrid regridded_header",
            "smoothing": "filter_images",
            "statistics": "Clipping Statistics image_centroid",
            "thresholds": "parse_cut",
            "": "extract imageprofile profile",
        },
    )
