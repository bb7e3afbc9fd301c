"""Light curves and their quiet times: arrays in, limits and good bins out.

`lc_clean` and `lc_sigma_clip` are what `deflare` uses; they can be called on any `LightCurve`:
``lc_clean(LightCurve.read("bg.lc")).mean``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.lightcurve.clean import TooFewGoodError, lc_clean
    from ciaopy.lightcurve.curve import RATES, LightCurve, QuietTimes, runs
    from ciaopy.lightcurve.sigma_clip import lc_sigma_clip
    from ciaopy.lightcurve.sources import Circle, find_sources

__all__ = [
    "RATES",
    "Circle",
    "LightCurve",
    "QuietTimes",
    "TooFewGoodError",
    "find_sources",
    "lc_clean",
    "lc_sigma_clip",
    "runs",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "clean": "TooFewGoodError lc_clean",
            "curve": "LightCurve QuietTimes RATES runs",
            "sigma_clip": "lc_sigma_clip",
            "sources": "Circle find_sources",
        },
    )
