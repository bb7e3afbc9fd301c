"""Two event lists beside each other: counts images, their difference, and how many values are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.plots.sky import (
    SkyPicture,
    add_colour_bar,
    asinh_scale,
    draw_picture,
    picture_of_events,
    sky_axes,
)
from ciaopy.plots.style import BLUE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ciaopy.analysis import Comparison
    from ciaopy.fits import Table

__all__ = ["comparison_figure"]

BINS = 256


def comparison_figure(result: Comparison, tables: tuple[Table, Table], names: tuple[str, str]) -> Figure:
    """Return the counts images of two event lists, B minus A, and the share of identical values of each column.

    Parameters
    ----------
    result : Comparison
    tables : (Table, Table)
        A and B; without X and Y the images are left out.
    names : (str, str)
        What the lists are called.
    """
    pictures = _pictures(tables)
    figure = new_figure(13.0, 10.0) if pictures else new_figure(7.0, 5.5)
    grid = figure.add_gridspec(2, 2) if pictures else figure.add_gridspec(1, 1)
    if pictures:
        a, b = pictures
        norm = asinh_scale(a.data)
        for place, picture, letter, name in ((grid[0, 0], a, "A", names[0]), (grid[0, 1], b, "B", names[1])):
            axes = sky_axes(figure, picture, place)
            add_colour_bar(figure, axes, draw_picture(axes, picture, norm), picture.quantity)
            axes.set_title(f"{letter}: {name}", fontsize=10)
        _draw_difference(figure, grid[1, 0], a, b)
    axes = figure.add_subplot(grid[1, 1] if pictures else grid[0, 0])
    shares = [100 * c.identical for c in result.columns]
    places = np.arange(len(shares))
    bars = axes.barh(places, shares, color=BLUE)
    axes.bar_label(bars, [f"{s:.4g} %" for s in shares], padding=3, fontsize=8)
    axes.set_yticks(places, [c.name for c in result.columns], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 118)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("Identical values [%]")
    axes.set_ylabel("Column")
    axes.set_title(f"{result.matched:,} matched events", fontsize=10)
    return figure


def _pictures(tables: tuple[Table, Table]) -> tuple[SkyPicture, SkyPicture] | None:
    """Return counts images on one grid, with the sky of A; None without X and Y."""
    if not all(n in t for t in tables for n in ("x", "y")):
        return None
    a, b = (picture_of_events(t, BINS, tables) for t in tables)
    return a, a.with_data(b.data, a.quantity)


def _draw_difference(figure: Figure, place: Any, a: SkyPicture, b: SkyPicture) -> None:
    from matplotlib.colors import Normalize, SymLogNorm

    change = b.data - a.data
    limit = max(1.0, float(np.max(np.abs(change))))
    shown = a.with_data(change, a.quantity.replace("counts", "B \u2212 A: counts"))
    axes = sky_axes(figure, shown, place)
    norm = SymLogNorm(1.0, vmin=-limit, vmax=limit) if limit > 10 else Normalize(-limit, limit)
    drawn = draw_picture(axes, shown, norm, "PuOr_r")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9, pad=0.02, aspect=35)
    steps = [10.0**k for k in range(int(np.log10(limit)) + 1)] if limit > 10 else [limit]
    bar.set_ticks(ticks := [-s for s in reversed(steps)] + [0.0, *steps], labels=[f"{t:+g}" for t in ticks])
    bar.minorticks_off()
    bar.set_label(shown.quantity)
    axes.set_title(f"difference: {int(np.abs(change).sum()):,} counts", fontsize=10)
