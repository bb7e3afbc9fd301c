"""Figures of one observation: counts image, light curve with good times, spectrum, bad pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.plots.sky import (
    SkyPicture,
    add_circles,
    add_colour_bar,
    add_scale,
    draw_picture,
    sky_axes,
    smoothed,
)
from ciaopy.plots.style import COLOURS, GREY, new_figure, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bad_pixels", "counts_image", "light_curve", "new_figure", "png", "spectrum"]

FloatArray = NDArray[np.float64]


def counts_image(
    picture: SkyPicture, title: str, circles: ArrayLike | None = None, blur: float | None = None
) -> Figure:
    """Return an image on the sky with its colour bar and a scale.

    Parameters
    ----------
    picture : SkyPicture
    title : str
    circles : array, shape (n, 3), optional
        x, y, radius in physical pixels.
    blur : float
        Width (sigma) in pixels of the picture of the Gaussian that it is shown with; 0 for none. Default: 1 where most
        pixels of the field have no count, else none.
    """
    figure = new_figure(8.4, 7.2)
    axes = sky_axes(figure, picture)
    shown = picture
    if blur is None:
        blur = 1.0 if np.count_nonzero(picture.data) < 0.25 * picture.data.size else 0.0
    if blur > 0:
        shown = picture.with_data(smoothed(picture.data, blur), f"{picture.quantity}, smoothed")
    drawn = draw_picture(axes, shown)
    add_colour_bar(figure, axes, drawn, shown.quantity)
    add_scale(axes, shown)
    add_circles(axes, shown, () if circles is None else circles)
    axes.set_title(title, fontsize=11)
    return figure


def light_curve(
    edges: FloatArray, counts: Mapping[str, ArrayLike], good: FloatArray, zero: tuple[float, str], title: str
) -> Figure:
    """Return a light curve with errors (square root of the counts) and the good times shaded.

    Parameters
    ----------
    edges : array, shape (n + 1,)
        Edges of the time bins, s.
    counts : dict of name to array, shape (n,)
        Events per bin.
    good : array, shape (m, 2)
        Good time intervals, s.
    zero : (float, str)
        Time that counts as 0, s, and its date.
    title : str
    """
    figure = new_figure(9.0, 3.6)
    axes = figure.subplots()
    at = (np.asarray(edges) - zero[0]) / 1000.0
    width = np.diff(edges)
    for number, (start, stop) in enumerate(good):
        ends = (start - zero[0]) / 1000.0, (stop - zero[0]) / 1000.0
        axes.axvspan(*ends, color="0.92", zorder=0, label="" if number else "good times")
    top = 0.0
    for (name, values), colour in zip(counts.items(), COLOURS, strict=False):
        n = np.asarray(values, np.float64)
        rate, error = n / width, np.sqrt(n) / width
        axes.stairs(rate, at, label=name, lw=1.1, color=colour)
        axes.errorbar((at[1:] + at[:-1]) / 2, rate, error, fmt="none", ecolor=colour, elinewidth=0.6, alpha=0.6)
        top = max(top, float(np.max(rate + error, initial=0.0)))
    axes.set_xlim(float(at[0]), float(at[-1]))
    axes.set_ylim(0.0, 1.05 * top or 1.0)
    axes.set_xlabel(f"Time since {zero[1]} [ks]")
    axes.set_ylabel("Rate [count s⁻¹]")
    axes.set_title(title, fontsize=11)
    figure.legend(loc="outside lower right", ncols=4, fontsize=9, frameon=False)
    return figure


def spectrum(edges: FloatArray, curves: Mapping[str, ArrayLike], title: str, channels: bool = False) -> Figure:
    """Return histograms of energies in keV, or of channels, with errors (square root of the counts).

    Parameters
    ----------
    edges : array, shape (n + 1,)
        keV, or channels.
    curves : dict of name to array, shape (n,)
        Events per bin.
    title : str
    channels : bool
    """
    figure = new_figure(7.6, 4.4)
    axes = figure.subplots()
    axes.set_xscale("log")
    width = np.diff(edges)
    middle = np.sqrt(np.maximum(edges[1:] * edges[:-1], 0.0))
    for (name, counts), colour in zip(curves.items(), COLOURS, strict=False):
        n = np.asarray(counts, np.float64)
        seen = np.where(n > 0, n, np.nan)
        axes.stairs(seen / width, edges, label=name, color=colour, lw=1.0, baseline=None)
        error = np.sqrt(seen) / width
        low = np.minimum(error, 0.999 * seen / width)
        axes.errorbar(middle, seen / width, (low, error), fmt="none", ecolor=colour, elinewidth=0.7)
        if np.nansum(seen) > 0:
            axes.set_yscale("log")
            axes.set_ylim(0.3 * float(np.nanmin(seen / width)), 2.0 * float(np.nanmax(seen / width)))
    known = [np.asarray(c) > 0 for c in curves.values()]
    filled = np.flatnonzero(np.any(known, axis=0)) if known else np.zeros(0, int)
    if filled.size:
        axes.set_xlim(float(edges[filled[0]]) * 0.9 or 0.5, float(edges[filled[-1] + 1]) * 1.1)
    _plain_numbers(axes.xaxis)
    axes.set_xlabel("PI [channel]" if channels else "Energy [keV]")
    axes.set_ylabel("Counts per channel" if channels else "Counts keV⁻¹")
    axes.set_title(title, fontsize=11)
    if len(curves) > 1:
        axes.legend(fontsize=9, frameon=False)
    axes.grid(color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    return figure


def _plain_numbers(axis: Any) -> None:
    """Write 0.5, 1, 2, 5, 10 on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def bad_pixels(
    maps: dict[int, NDArray[Any]], title: str, size: tuple[int, int] = (1024, 1024), chip: str = "CCD"
) -> Figure:
    """Return maps of bad pixels, one panel per chip.

    Parameters
    ----------
    maps : dict of int to array, shape (ky, kx)
        How many pixels are bad in each block of a chip.
    title : str
    size : (int, int)
        Pixels of a chip along x and y.
    chip : str
        What a chip is called.
    """
    columns = min(len(maps), 3) or 1
    rows = -(-len(maps) // columns) or 1
    tall = min(max(size[1] / size[0], 0.5), 3.0)
    figure = new_figure(max(3.1 * columns + 0.2, 4.8), max(3.0 * tall * rows + 0.8, 4.4))
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in panels[len(maps) :]:
        axes.set_axis_off()
    extent = (0.5, size[0] + 0.5, 0.5, size[1] + 0.5)
    for axes, (ccd, image) in zip(panels, sorted(maps.items()), strict=False):
        axes.imshow(image > 0, origin="lower", extent=extent, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        total = int(image.sum())
        axes.set_title(f"{chip} {ccd}: {total:,} bad ({100 * total / (size[0] * size[1]):.2g} %)", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.locator_params(nbins=4)
        axes.set_xlabel("CHIPX [pixel]", fontsize=8)
        axes.set_ylabel("CHIPY [pixel]", fontsize=8)
    if not maps:
        panels[0].text(0.5, 0.5, "no chips", ha="center", color=GREY)
    figure.suptitle(title, fontsize=11)
    return figure
