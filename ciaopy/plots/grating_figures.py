"""Figures of grating observations: order sorting, the dispersed image with its mask, spectra of the arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.plots.figures import counts_image, new_figure
from ciaopy.plots.sky import SkyPicture
from ciaopy.plots.style import BLUE, COLOURS, ORANGE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["dispersed_image", "grating_spectra", "order_sorting"]

FloatArray = NDArray[np.float64]

# hc, keV Angstrom.
_HC = 12.39842
_DASHES = ("-", "--", ":")


def order_sorting(
    panels: dict[str, tuple[FloatArray, FloatArray, NDArray[Any]]], title: str, channels: bool = False
) -> Figure:
    """Return pulse heights against m lambda, a panel for each arm; events with and without an order in two colours.

    Parameters
    ----------
    panels : dict of name to (m lambda in Angstrom, energy in keV or PI channel, order with 99 for none)
    title : str
    channels : bool
        The pulse heights are PI channels, of the HRC: they decide no order, and no curves are drawn.
    """
    figure = new_figure(9.0, 3.4 * max(len(panels), 1) + 0.4)
    rows = np.ravel(figure.subplots(max(len(panels), 1), 1, squeeze=False))
    for axes, (name, (mlam, height, order)) in zip(rows, panels.items(), strict=False):
        reach = float(np.quantile(np.abs(mlam), 0.995)) if mlam.size else 1.0
        for chosen, colour, label in ((order == 99, "0.45", "no order"), (order != 99, BLUE, "with an order")):
            if np.any(chosen):
                axes.plot(mlam[chosen], height[chosen], ".", ms=2.4, color=colour, label=label, alpha=0.6, mew=0)
        axes.set_xlim(-reach, reach)
        if channels:
            axes.set_ylabel("PI [channel]")
            axes.set_ylim(bottom=0)
        else:
            _draw_orders(axes, reach)
            axes.set_ylabel("Energy [keV]")
            axes.set_ylim(0, 10)
        axes.set_xlabel("Order × wavelength mλ [Å]")
        axes.set_title(name, fontsize=10)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=8, markerscale=5, loc="upper right", ncols=5, framealpha=0.9)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_orders(axes: Axes, reach: float) -> None:
    """Draw where photons of the orders 1 to 3 lie."""
    grid = np.linspace(0.5, max(reach, 1.0), 300)
    for m, dash in zip((1, 2, 3), _DASHES, strict=True):
        for side in (-1, 1):
            label = f"m = ±{m}" if side > 0 else None
            axes.plot(side * grid, m * _HC / grid, dash, color=VERMILION, lw=0.9, alpha=0.9, label=label)


def dispersed_image(picture: SkyPicture, corners: Sequence[tuple[str, FloatArray]], title: str) -> Figure:
    """Return the image with the outlines of the mask; `corners`: name and vertices (n, 2) in sky pixels."""
    figure = counts_image(picture, title)
    axes = figure.axes[0]
    limits = axes.get_xlim(), axes.get_ylim()
    names = list(dict.fromkeys(name for name, _ in corners))
    marks = dict(zip(names, ("#FFFFFF", "#56B4E9", ORANGE, "#CC79A7"), strict=False))
    named: set[str] = set()
    for name, points in corners:
        closed = np.concatenate([points, points[:1]])
        axes.plot(
            *picture.place(closed[:, 0], closed[:, 1]), color=marks[name], lw=1.0, label=None if name in named else name
        )
        named.add(name)
    axes.set(xlim=limits[0], ylim=limits[1])
    if named:
        axes.legend(fontsize=9, loc="upper right", facecolor="0.15", labelcolor="white", framealpha=0.8)
    return figure


def grating_spectra(arms: dict[str, dict[str, tuple[FloatArray, FloatArray]]], title: str, bins: int = 8) -> Figure:
    """Return spectra, a panel for each arm.

    Parameters
    ----------
    arms : dict of name to dict of order (`-1`, `+1`) to (ascending edges in Angstrom, counts)
    title : str
    bins : int
        Channels that are joined to one step.
    """
    figure = new_figure(9.0, 3.0 * max(len(arms), 1) + 0.4)
    rows = np.ravel(figure.subplots(max(len(arms), 1), 1, squeeze=False))
    for axes, (name, orders) in zip(rows, arms.items(), strict=False):
        width, ends = 0.0, []
        for (order, (edges, counts)), colour in zip(orders.items(), COLOURS, strict=False):
            n = len(counts) // bins
            joined = counts[: n * bins].reshape(n, bins).sum(axis=1)
            steps = edges[: n * bins + 1 : bins]
            width = float(np.median(np.diff(steps)))
            axes.stairs(
                joined, steps, lw=0.8, color=colour, alpha=0.85, label=f"order {order}: {int(counts.sum()):,} counts"
            )
            seen = np.flatnonzero(joined)
            ends += [float(steps[seen[0]]), float(steps[seen[-1] + 1])] if seen.size else []
        if ends:
            axes.set_xlim(max(min(ends) - 0.02 * max(ends), 0.0), 1.02 * max(ends))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Wavelength [Å]")
        axes.set_ylabel(f"Counts per {width:.3g} Å" if width else "Counts")
        axes.set_title(name, fontsize=10)
        axes.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure
