"""The pictures of `ciaopy demo`: counts image with the sources, light curve, spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.fits import AtomicFile
from ciaopy.plots import figures

if TYPE_CHECKING:
    from ciaopy.fits import Table
    from ciaopy.simulation import ListedSource, Simulated

FloatArray = NDArray[np.float64]

# Side of the counts image, pixels, and the number of bins of the light curve.
_SIZE, _TIMES = 720, 150


def write_previews(
    folder: Path,
    level2: Table,
    level1: Table,
    sources: tuple[ListedSource, ...],
    made: Simulated,
    clobber: bool,
) -> list[Path]:
    """Write demo_image.png, demo_lightcurve.png and demo_spectrum.png; returns their paths.

    Raises
    ------
    OutputExistsError
        One exists and `clobber` is false.
    """
    from ciaopy.simulation import make_view

    paths = [folder / f"demo_{name}.png" for name in ("image", "lightcurve", "spectrum")]
    image, extent = _counts(level2)
    sky = make_view(made.setup).frame.plane
    places = np.array([sky.world_to_pixel(s.source.ra, s.source.dec) for s in sources]).reshape(-1, 2)
    time = level1["time"]
    edges = np.linspace(time.min(), time.max(), _TIMES + 1)
    width = edges[1] - edges[0]
    rates = {n: np.histogram(t["time"], edges)[0] / width for n, t in (("level 1", level1), ("level 2", level2))}
    bins = np.geomspace(0.2, 12.0, 120)
    energy = np.histogram(level2["energy"] / 1000.0, bins)[0]
    circles = np.column_stack([places, [20.0 + 8.0 * s.half_light for s in sources]])
    drawn = [
        figures.counts_image(image, extent, f"{level2.nrows} events, {len(sources)} sources", circles),
        figures.light_curve(edges, rates, _good_times(level2), float(edges[0]), "light curve"),
        figures.spectrum(bins, {"level 2": energy}, "energies"),
    ]
    for path, figure in zip(paths, drawn, strict=True):
        with AtomicFile(path, clobber) as file:
            file.write(figures.png(figure))
    return paths


def _counts(events: Table) -> tuple[FloatArray, tuple[float, float, float, float]]:
    """Return a square counts image of all events and its edges in sky pixels."""
    x, y = (np.asarray(events[c], np.float64) for c in ("x", "y"))
    if not x.size:
        return np.zeros((2, 2)), (0.5, 8192.5, 0.5, 8192.5)
    side = max(float(np.ptp(x)), float(np.ptp(y))) + 40.0
    edges = [(v.max() + v.min() - side) / 2 + np.linspace(0.0, side, _SIZE + 1) for v in (x, y)]
    image = np.histogram2d(y, x, (edges[1], edges[0]))[0]
    return image, (edges[0][0], edges[0][-1], edges[1][0], edges[1][-1])


def _good_times(events: Table) -> FloatArray:
    """Return the good times of the first chip, shape (n, 2)."""
    from ciaopy.fits import Table

    for block in events.companions:
        if isinstance(block, Table) and block.name.upper().startswith("GTI"):
            return np.stack([block["START"], block["STOP"]], axis=1)
    return np.empty((0, 2))
