"""Figures with axes, by matplotlib: counts image, light curve with good times, spectrum, bad pixels."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bad_pixels", "counts_image", "light_curve", "new_figure", "png", "spectrum"]

FloatArray = NDArray[np.float64]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=100, format="png", metadata={"Software": "ciaopy"})
    return buffer.getvalue()


def counts_image(
    counts: ArrayLike, extent: tuple[float, float, float, float], title: str, circles: ArrayLike | None = None
) -> Figure:
    """Return an image of counts.

    Parameters
    ----------
    counts : array, shape (ny, nx)
    extent : (float, float, float, float)
        x0, x1, y0, y1 of its edges, sky pixels.
    title : str
    circles : array, shape (n, 3), optional
        x, y, radius in sky pixels.
    """
    from matplotlib.patches import Circle

    figure = new_figure(7.5, 7.0)
    axes = figure.subplots()
    image = np.asarray(counts, float)
    positive = image[image > 0]
    soft = float(np.median(positive)) if positive.size else 1.0
    axes.imshow(np.arcsinh(image / soft), origin="lower", extent=extent, cmap="magma", interpolation="nearest")
    for number, (x, y, radius) in enumerate(np.reshape([] if circles is None else circles, (-1, 3)), 1):
        axes.add_patch(Circle((x, y), radius, fill=False, color="lime", lw=1))
        axes.annotate(str(number), (x + radius, y + radius), color="lime", fontsize=8)
    axes.set_xlabel("x [sky pixel]")
    axes.set_ylabel("y [sky pixel]")
    axes.set_title(title, fontsize=10)
    return figure


def light_curve(edges: FloatArray, rates: dict[str, FloatArray], good: FloatArray, zero: float, title: str) -> Figure:
    """Return a light curve with the good times shaded.

    Parameters
    ----------
    edges : array, shape (n + 1,)
        Edges of the time bins, s.
    rates : dict of name to array, shape (n,)
        Counts per second.
    good : array, shape (m, 2)
        Good time intervals, s.
    zero : float
        Time that counts as 0, s.
    title : str
    """
    figure = new_figure(9.0, 3.4)
    axes = figure.subplots()
    for number, (start, stop) in enumerate(good):
        axes.axvspan(start - zero, stop - zero, color="0.9", label="" if number else "good times")
    for name, rate in rates.items():
        axes.stairs(rate, edges - zero, label=name, lw=1.1)
    axes.set_xlabel(f"time - {zero:.0f} s")
    axes.set_ylabel("events per second")
    axes.set_ylim(bottom=0)
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8)
    return figure


def spectrum(edges: FloatArray, curves: dict[str, ArrayLike], title: str, unit: str = "energy [keV]") -> Figure:
    """Return energy histograms; edges in keV, or in channels where `unit` says so."""
    figure = new_figure(7.5, 4.0)
    axes = figure.subplots()
    for name, counts in curves.items():
        axes.stairs(np.asarray(counts), edges, label=name)
    axes.set_xscale("log")
    if any(np.any(np.asarray(c) > 0) for c in curves.values()):
        axes.set_yscale("log")
    axes.set_xlabel(unit)
    axes.set_ylabel("events per bin")
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8)
    return figure


def bad_pixels(maps: dict[int, NDArray[Any]], title: str, chip: str = "CCD") -> Figure:
    """Return maps of bad pixels, one panel per chip; arrays of shape (k, k) hold how many are bad in each block."""
    columns = min(len(maps), 3) or 1
    rows = -(-len(maps) // columns) or 1
    figure = new_figure(2.9 * columns, 3.0 * rows + 0.3)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in panels[len(maps) :]:
        axes.set_axis_off()
    for axes, (ccd, image) in zip(panels, sorted(maps.items()), strict=False):
        axes.imshow(np.minimum(image, 4), origin="lower", extent=(0.5, 1024.5, 0.5, 1024.5), cmap="Greys", vmin=0)
        axes.set_title(f"{chip} {ccd}: {int(image.sum())} pixels", fontsize=9)
        axes.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=10)
    return figure
