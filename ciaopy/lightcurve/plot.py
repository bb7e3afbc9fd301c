"""A light curve and the histogram of its rates, in two panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel import Gti
from ciaopy.errors import ParameterError
from ciaopy.lightcurve.curve import FloatArray, LightCurve, QuietTimes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PlotStyle", "draw", "histogram_edges"]

# Hatches of matplotlib for the patterns of CIAO.
HATCHES = {
    "solid": "", "nofill": "", "updiagonal": "//", "downdiagonal": "\\\\", "horizontal": "--", "vertical": "||",
    "crisscross": "xx", "grid": "++", "polkadot": "o",
}  # fmt: skip
MOST_BINS = 1000


@dataclass(frozen=True)
class PlotStyle:
    """How to draw: colours are matplotlib's, `none` draws no excluded times."""

    rate_on_x: bool = False
    pattern: str = "solid"
    good_color: str = "lime"
    exclude_color: str = "red"


def histogram_edges(rates: FloatArray, limits: tuple[float, float]) -> tuple[FloatArray, bool]:
    """Return the edges for a histogram of rates, and whether the bins had to be widened.

    The bins are min(0.01, (limits[1] - limits[0]) / 5) wide, wider where that would make more than 1000 of them.

    Parameters
    ----------
    rates : ndarray, shape (n,)
        count/s; not empty, finite.
    limits : tuple of float
        count/s.
    """
    low, high = float(rates.min()), float(rates.max())
    width = min(0.01, (limits[1] - limits[0]) / 5)
    widened = width <= 0 or (high - low) / width > MOST_BINS
    if widened:
        width = (high - low) / MOST_BINS or 0.01
    count = int(np.floor((high - low) / width)) + 1
    return np.asarray(low + width * np.arange(count + 1), np.float64), widened and high > low


def draw(
    curve: LightCurve, found: QuietTimes, gti: Gti | None, style: PlotStyle, figure: Figure | None = None
) -> Figure:
    """Draw a light curve.

    Above: rate against time (ks from the first bin), bad bins as blue squares, good ones as circles, the mean dotted,
    excluded times shaded where `gti` is given. Below: the histograms of all and of good rates.

    Parameters
    ----------
    curve : LightCurve
    found : QuietTimes
    gti : Gti or None
        Good times that were written.
    style : PlotStyle
    figure : matplotlib.figure.Figure, optional
        To draw on; default: a new one, without a window.

    Raises
    ------
    ParameterError
        A colour that matplotlib does not know.
    """
    from matplotlib.colors import is_color_like
    from matplotlib.figure import Figure as New

    for name in ("good_color", "exclude_color"):
        color = getattr(style, name)
        if color.lower() != "none" and not is_color_like(color):
            raise ParameterError(f"{name}={color} is no colour that matplotlib knows")
    figure = figure if figure is not None else New(figsize=(8, 8), layout="constrained")
    above, below = figure.subplots(2, 1)
    _draw_curve(above, curve, found, gti, style)
    _draw_histogram(below, curve, found, style)
    labels = (curve.name.rpartition("/")[2].partition("[")[0], found.method)
    figure.text(0.01, 0.995, "  ".join(labels), va="top", fontsize="small")
    title = f"{curve.labels.get('OBJECT', '')}  {curve.labels.get('OBS_ID', '')}".strip()
    figure.text(0.99, 0.995, title, va="top", ha="right", fontsize="small")
    return figure


def _draw_curve(axes: Axes, curve: LightCurve, found: QuietTimes, gti: Gti | None, style: PlotStyle) -> None:
    origin = float((curve.time if curve.start is None else curve.start)[0])
    time = (curve.time - origin) / 1000.0
    bad = ~found.good & np.isfinite(curve.rate)

    def pair(t: Any, r: Any) -> tuple[Any, Any]:
        return (r, t) if style.rate_on_x else (t, r)

    axes.plot(*pair(time[bad], curve.rate[bad]), "s", color="blue", markersize=4, zorder=2)
    axes.plot(*pair(time[found.good], curve.rate[found.good]), "o", color=style.good_color, markersize=4, zorder=3)
    line, span = (axes.axvline, axes.axhspan) if style.rate_on_x else (axes.axhline, axes.axvspan)
    line(found.mean, linestyle=":", color="black", zorder=4)
    if gti is not None and style.exclude_color.lower() != "none":
        first, last = _ends(curve)
        for start, stop in Gti([first], [last]) - gti:
            span((start - origin) / 1000.0, (stop - origin) / 1000.0, **_shade(style), zorder=1)
    names = pair("Time offset (ks)", "Rate (count/s)")
    axes.set(xlabel=names[0], ylabel=names[1], title=f"mean rate {found.mean:.4g} count/s")


def _ends(curve: LightCurve) -> tuple[float, float]:
    start = curve.time if curve.start is None else curve.start
    stop = curve.time if curve.stop is None else curve.stop
    return float(start[0]), float(stop[-1])


def _shade(style: PlotStyle) -> dict[str, Any]:
    if style.pattern == "nofill":
        return {"fill": False, "edgecolor": style.exclude_color, "linestyle": "--", "alpha": 0.5}
    hatch = HATCHES[style.pattern]
    if hatch:
        return {"facecolor": "none", "edgecolor": style.exclude_color, "hatch": hatch, "alpha": 0.85}
    return {"facecolor": style.exclude_color, "edgecolor": "none", "alpha": 0.85}


def _draw_histogram(axes: Axes, curve: LightCurve, found: QuietTimes, style: PlotStyle) -> None:
    finite = curve.rate[np.isfinite(curve.rate)]
    edges, _ = histogram_edges(finite, found.limits)
    sets = [(finite, "blue")] if (~found.good).any() else []
    for rates, color in [*sets, (curve.rate[found.good], style.good_color)]:
        counts, _ = np.histogram(rates, edges)
        heights = np.where(counts > 0, counts, np.nan)
        axes.stairs(heights, edges, color=color)
    axes.axvline(found.mean, linestyle=":", color="black")
    axes.set(xlabel="Rate (count/s)", ylabel="Number of bins")
