"""Figures of grating observations: order sorting, the dispersed image with its mask, spectra of the arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.plots.figures import counts_image, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["dispersed_image", "grating_spectra", "order_sorting"]

FloatArray = NDArray[np.float64]

# hc, keV Angstrom.
_HC = 12.39842


def order_sorting(panels: dict[str, tuple[FloatArray, FloatArray, NDArray[Any]]], title: str) -> Figure:
    """Return pulse heights against m lambda, a panel for each arm; events with and without an order in two colours.

    Parameters
    ----------
    panels : dict of name to (m lambda in Angstrom, energy in keV, order with 99 for none)
    title : str
    """
    figure = new_figure(9.0, 3.6 * max(len(panels), 1))
    rows = np.ravel(figure.subplots(max(len(panels), 1), 1, squeeze=False))
    for axes, (name, (mlam, energy, order)) in zip(rows, panels.items(), strict=False):
        reach = float(np.quantile(np.abs(mlam), 0.995)) if mlam.size else 1.0
        for chosen, colour, label in ((order == 99, "0.7", "no order"), (order != 99, "tab:blue", "order found")):
            axes.plot(mlam[chosen], energy[chosen], ",", color=colour, label=label, alpha=0.7)
        grid = np.linspace(0.5, max(reach, 1.0), 300)
        for m in (1, 2, 3):
            for side in (-1, 1):
                axes.plot(side * grid, m * _HC / grid, color="tab:red", lw=0.5)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(0, 10)
        axes.set_xlabel("order times wavelength [Angstrom]")
        axes.set_ylabel("energy [keV]")
        axes.set_title(f"{title}: {name}, orders 1-3 in red", fontsize=10)
        axes.legend(fontsize=8, markerscale=8, loc="upper right")
    return figure


def dispersed_image(
    counts: FloatArray, extent: tuple[float, float, float, float], corners: Sequence[tuple[str, FloatArray]], title: str
) -> Figure:
    """Return the image with the outlines of the mask; `corners`: name and vertices (n, 2) in sky pixels."""
    figure = counts_image(counts, extent, title)
    axes = figure.axes[0]
    for name, points in corners:
        closed = np.concatenate([points, points[:1]])
        axes.plot(closed[:, 0], closed[:, 1], color="lime", lw=0.8)
        axes.annotate(name, tuple(points[0]), color="lime", fontsize=8)
    axes.set_xlim(extent[0], extent[1])
    axes.set_ylim(extent[2], extent[3])
    return figure


def grating_spectra(curves: dict[str, tuple[FloatArray, FloatArray]], title: str, bins: int = 8) -> Figure:
    """Return spectra, a panel each.

    Parameters
    ----------
    curves : dict of name to (ascending edges in Angstrom, counts)
    title : str
    bins : int
        Channels that are joined to one step.
    """
    figure = new_figure(9.0, 2.4 * max(len(curves), 1))
    rows = np.ravel(figure.subplots(max(len(curves), 1), 1, squeeze=False))
    for axes, (name, (edges, counts)) in zip(rows, curves.items(), strict=False):
        n = len(counts) // bins
        joined = counts[: n * bins].reshape(n, bins).sum(axis=1)
        axes.stairs(joined, edges[: n * bins + 1 : bins], lw=0.7)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("wavelength [Angstrom]")
        axes.set_ylabel("counts")
        axes.set_title(f"{title}: {name}, {int(counts.sum())} counts", fontsize=9)
    return figure
