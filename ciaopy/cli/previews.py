"""The pictures of `ciaopy demo`: counts image with the sources, light curve, spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.fits import AtomicFile
from ciaopy.plots import figures, moment, picture_of_events

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ciaopy.fits import Table
    from ciaopy.simulation import ListedSource, Simulated

FloatArray = NDArray[np.float64]

# Largest side of the counts image, pixels; number of bins of the light curve; band of the image, keV.
_SIZE, _TIMES, _BAND = 720, 120, (0.5, 7.0)


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
    paths = [folder / f"demo_{name}.png" for name in ("image", "lightcurve", "spectrum")]
    time = level1["time"]
    edges = np.linspace(time.min(), time.max(), _TIMES + 1)
    counts = {n: np.histogram(t["time"], edges)[0] for n, t in (("level 1", level1), ("level 2", level2))}
    zero = float(edges[0]), moment(float(edges[0]), level1.header)
    bins = np.geomspace(0.2, 12.0, 120)
    energy = np.histogram(level2["energy"] / 1000.0, bins)[0]
    title = _title(level2)
    drawn = [
        _image(level2, sources, made, title),
        figures.light_curve(edges, counts, _good_times(level2), zero, f"{title}: all events"),
        figures.spectrum(bins, {"level 2": energy}, f"{title}: level-2 events"),
    ]
    for path, figure in zip(paths, drawn, strict=True):
        with AtomicFile(path, clobber) as file:
            file.write(figures.png(figure))
    return paths


def _title(events: Table) -> str:
    """Return `CIAOPY DEMO, ObsID 90001, ACIS-235678, 3.0 ks`."""
    header = events.header
    exposure = float(header.get("EXPOSURE", 0.0)) / 1000.0
    words = [str(header.get(k, "")).strip() for k in ("OBJECT", "OBS_ID", "DETNAM")]
    return f"{words[0]}, ObsID {words[1]}, {words[2]}, {exposure:.1f} ks"


def _image(events: Table, sources: tuple[ListedSource, ...], made: Simulated, title: str) -> Figure:
    """Return the counts image of the band in which the mirror is good, with the sources circled."""
    from ciaopy.simulation import make_view

    sky = make_view(made.setup).frame.plane
    places = np.array([sky.world_to_pixel(s.source.ra, s.source.dec) for s in sources]).reshape(-1, 2)
    circles = np.column_stack([places, [25.0 + 8.0 * s.half_light for s in sources]])
    low, high = _BAND
    chosen = events.take((events["energy"] >= 1000 * low) & (events["energy"] < 1000 * high))
    picture = picture_of_events(chosen, _SIZE)
    return figures.counts_image(picture, f"{title}, {low:g}–{high:g} keV", circles, blur=1.2)


def _good_times(events: Table) -> FloatArray:
    """Return the good times of the first chip, shape (n, 2)."""
    from ciaopy.fits import Table

    for block in events.companions:
        if isinstance(block, Table) and block.name.upper().startswith("GTI"):
            return np.stack([block["START"], block["STOP"]], axis=1)
    return np.empty((0, 2))
