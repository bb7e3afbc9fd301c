"""A light curve with its quiet part, and the histogram of its rates: what `deflare` draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.errors import ParameterError
from ciaopy.plots.style import BLACK, BLUE, moment, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ciaopy.lightcurve import LightCurve, QuietTimes

__all__ = ["FlareStyle", "flare_figure", "histogram_edges"]

FloatArray = NDArray[np.float64]

# Hatches of matplotlib for the patterns of CIAO.
HATCHES = {
    "solid": "", "nofill": "", "updiagonal": "//", "downdiagonal": "\\\\", "horizontal": "--", "vertical": "||",
    "crisscross": "xx", "grid": "++", "polkadot": "o",
}  # fmt: skip
MOST_BINS = 1000


@dataclass(frozen=True)
class FlareStyle:
    """How to draw: colours are matplotlib's, `none` draws no excluded times.

    Good and bad bins differ in shape and filling too, so that any two colours will do.
    """

    rate_on_x: bool = False
    pattern: str = "solid"
    good_color: str = "lime"
    exclude_color: str = "red"

    def check(self) -> None:
        """Refuse a colour that matplotlib does not know.

        Raises
        ------
        ParameterError
        """
        from matplotlib.colors import is_color_like

        for name in ("good_color", "exclude_color"):
            color = getattr(self, name)
            if color.lower() != "none" and not is_color_like(color):
                raise ParameterError(f"{name}={color} is no colour that matplotlib knows")

    @property
    def shade(self) -> dict[str, Any]:
        """Arguments of matplotlib for the shading of excluded times."""
        if self.pattern == "nofill":
            return {"fill": False, "edgecolor": self.exclude_color, "linestyle": "--", "alpha": 0.6}
        hatch = HATCHES[self.pattern]
        if hatch:
            return {"facecolor": "none", "edgecolor": self.exclude_color, "hatch": hatch, "alpha": 0.6, "lw": 0.5}
        return {"facecolor": self.exclude_color, "edgecolor": "none", "alpha": 0.2}


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


def flare_figure(
    curve: LightCurve, found: QuietTimes, gti: Gti | None, style: FlareStyle, figure: Figure | None = None
) -> Figure:
    """Draw a light curve.

    Above: rate with its errors against time (ks since the first bin), bad bins as open squares, good ones as filled
    circles, mean and limits as lines, excluded times shaded where `gti` is given. Below: the histograms of all and of
    good rates with the same lines.

    Parameters
    ----------
    curve : LightCurve
    found : QuietTimes
    gti : Gti or None
        Good times that were written.
    style : FlareStyle
    figure : matplotlib.figure.Figure, optional
        To draw on; default: a new one, without a window.

    Raises
    ------
    ParameterError
        A colour that matplotlib does not know.
    """
    style.check()
    figure = figure if figure is not None else new_figure(8.4, 8.0)
    above, below = figure.subplots(2, 1, height_ratios=(3, 2))
    _draw_curve(above, curve, found, gti, style)
    _draw_histogram(below, curve, found, style)
    target = str(curve.labels.get("OBJECT", "")).strip()
    obsid = str(curve.labels.get("OBS_ID", "")).strip()
    name = curve.name.rpartition("/")[2].partition("[")[0]
    title = ", ".join(t for t in (target, f"ObsID {obsid}" if obsid else "", name) if t)
    figure.suptitle(f"{title}\n{found.method}: mean {found.mean:.4g} count s⁻¹", fontsize=11)
    return figure


def _draw_curve(axes: Axes, curve: LightCurve, found: QuietTimes, gti: Gti | None, style: FlareStyle) -> None:
    first, last = _ends(curve)
    time = (curve.time - first) / 1000.0
    bad = ~found.good & np.isfinite(curve.rate)

    def pair(t: Any, r: Any) -> tuple[Any, Any]:
        return (r, t) if style.rate_on_x else (t, r)

    errors = curve.error if curve.error is not None else np.zeros_like(curve.rate)
    for chosen, label, look in ((bad, "bad bins", _look(None)), (found.good, "good bins", _look(style.good_color))):
        if not chosen.any():
            continue
        sizes: dict[str, Any] = {"xerr" if style.rate_on_x else "yerr": errors[chosen]}
        x, y = pair(time[chosen], curve.rate[chosen])
        axes.errorbar(x, y, **sizes, **look, label=label, zorder=3)
    _draw_limits(axes, found, style.rate_on_x)
    span = axes.axhspan if style.rate_on_x else axes.axvspan
    if gti is not None and style.exclude_color.lower() != "none":
        for number, (start, stop) in enumerate(Gti([first], [last]) - gti):
            label = "" if number else "excluded times"
            span((start - first) / 1000.0, (stop - first) / 1000.0, **style.shade, zorder=1, label=label)
    names = pair(f"Time since {moment(first, curve.labels)} [ks]", "Rate [count s⁻¹]")
    axes.set(xlabel=names[0], ylabel=names[1])
    ends = 0.0, (last - first) / 1000.0
    if ends[1] > 0:
        (axes.set_ylim if style.rate_on_x else axes.set_xlim)(*ends)
    axes.legend(fontsize=8, loc="best")


def _look(color: str | None) -> dict[str, Any]:
    """Return how bins are drawn: good ones are filled circles of a colour, bad ones (None) open squares."""
    common = {"linestyle": "none", "elinewidth": 0.8, "ms": 4.5, "mew": 0.9}
    if color is None:
        return {**common, "fmt": "s", "mfc": "white", "mec": BLUE, "ecolor": BLUE}
    fill = "none" if color.lower() == "none" else color
    return {**common, "fmt": "o", "mfc": fill, "mec": BLACK, "ecolor": "0.35"}


def _draw_limits(axes: Axes, found: QuietTimes, rate_on_x: bool) -> None:
    """Draw the mean (dotted) and the limits (dashed) of the good rates."""
    line = axes.axvline if rate_on_x else axes.axhline
    line(found.mean, linestyle=":", color=BLACK, lw=1.2, zorder=4, label=f"mean {found.mean:.4g} count s⁻¹")
    low, high = found.limits
    for number, limit in enumerate(v for v in found.limits if np.isfinite(v)):
        label = "" if number else f"limits {low:.4g} to {high:.4g} count s⁻¹"
        line(limit, linestyle="--", color="0.3", lw=0.9, zorder=4, label=label)


def _ends(curve: LightCurve) -> tuple[float, float]:
    start = curve.time if curve.start is None else curve.start
    stop = curve.time if curve.stop is None else curve.stop
    return float(start[0]), float(stop[-1])


def _draw_histogram(axes: Axes, curve: LightCurve, found: QuietTimes, style: FlareStyle) -> None:
    finite = curve.rate[np.isfinite(curve.rate)]
    edges, _ = histogram_edges(finite, found.limits)
    if (~found.good).any():
        axes.stairs(np.histogram(finite, edges)[0], edges, color=BLUE, lw=1.0, label="all bins")
    good = np.histogram(curve.rate[found.good], edges)[0]
    fill = "none" if style.good_color.lower() == "none" else style.good_color
    axes.stairs(good, edges, fill=True, facecolor=fill, label="good bins")
    axes.stairs(good, edges, color=BLACK, lw=0.4)
    _draw_limits(axes, found, rate_on_x=True)
    axes.set(xlabel=f"Rate [count s⁻¹], in steps of {edges[1] - edges[0]:.2g}", ylabel="Number of bins")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, loc="upper right")
