"""Light curves and their quiet times: arrays in, limits and good bins out.

`lc_clean` and `lc_sigma_clip` are what `deflare` uses; they can be called on any `LightCurve`:
``lc_clean(LightCurve.read("bg.lc")).mean``.
"""

from __future__ import annotations

from ciaopy.lightcurve.clean import lc_clean
from ciaopy.lightcurve.curve import LightCurve, QuietTimes, runs
from ciaopy.lightcurve.sigma_clip import lc_sigma_clip
from ciaopy.lightcurve.sources import Circle, find_sources

__all__ = ["Circle", "LightCurve", "QuietTimes", "find_sources", "lc_clean", "lc_sigma_clip", "runs"]
