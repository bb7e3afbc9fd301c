"""Aspect histograms, instrument maps, exposure maps, PSF maps: arrays in, arrays out.

From an event file's header to an exposure map of one chip in several bands::

    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    view = SkyView(plane, frame)
    histogram = aspect_histogram(AspectSolution.read("asol1.fits"), gti, frame, LiveFraction.constant(header["DTCOR"]))
    grid = parse_pixelgrid("1:1024:#1024,1:1024:#1024")
    maps = [instrument_map(response, Spectrum.mono(e), plane, Attitude.from_header(header), grid) for e in (0.92, 2.3)]
    result = exposure_map(maps, histogram, view, parse_xygrid("0.5:8192.5:#1024,0.5:8192.5:#1024"))
    total = np.zeros(result.grid.shape); result.add_to(total, band=0)      # cm2 s
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.exposure.aspect_histogram import aspect_histogram
from ciaopy.exposure.exposure_map import exposure_map
from ciaopy.exposure.instrument_map import instrument_map
from ciaopy.exposure.psf_map import psf_map
from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.exposure.aspect_histogram import AspectHistogram, AspectOffsets, LiveFraction
    from ciaopy.exposure.aspect_table import histogram_table
    from ciaopy.exposure.exposure_map import ExposureMaps
    from ciaopy.exposure.grids import Axis, PixelGrid, parse_pixelgrid, parse_xygrid
    from ciaopy.exposure.instrument_map import ChipResponse, InstrumentMap
    from ciaopy.exposure.pixel_factor import MaskWindow, bad_pixel_factor, mask_factor, mask_windows
    from ciaopy.exposure.projection import SkyView
    from ciaopy.exposure.spectrum import Spectrum

__all__ = [
    "AspectHistogram",
    "AspectOffsets",
    "Axis",
    "ChipResponse",
    "ExposureMaps",
    "InstrumentMap",
    "LiveFraction",
    "MaskWindow",
    "PixelGrid",
    "SkyView",
    "Spectrum",
    "aspect_histogram",
    "bad_pixel_factor",
    "exposure_map",
    "histogram_table",
    "instrument_map",
    "mask_factor",
    "mask_windows",
    "parse_pixelgrid",
    "parse_xygrid",
    "psf_map",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "aspect_histogram": "AspectHistogram AspectOffsets LiveFraction",
            "aspect_table": "histogram_table",
            "exposure_map": "ExposureMaps",
            "grids": "Axis PixelGrid parse_pixelgrid parse_xygrid",
            "instrument_map": "ChipResponse InstrumentMap",
            "pixel_factor": "MaskWindow bad_pixel_factor mask_factor mask_windows",
            "projection": "SkyView",
            "spectrum": "Spectrum",
        },
    )
