"""The part of the report that is of gratings: figures of orders, mask and spectra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.gratings import arms_of
from ciaopy.plots import dispersed_image, grating_spectra, order_sorting

if TYPE_CHECKING:
    from ciaopy.fits import Dataset, Table
    from ciaopy.pipelines.repro.job import Job
    from ciaopy.plots import SkyPicture

__all__ = ["FIGURES", "TITLES", "grating_figures", "has_gratings"]

#: Names of the figures' files, and what the page calls them.
FIGURES = ("orders", "mask", "arms")
TITLES = ("Order sorting", "Zero order and arms", "Spectra of the first orders")

# Most events that are drawn in the order-sorting plot.
_MOST = 60_000


def has_gratings(job: Job) -> bool:
    """Return True where the products are those of a grating."""
    return job.obs.events.grating != "NONE" and job.options.process_events


def grating_figures(job: Job, products: Dataset, picture: SkyPicture) -> Iterator[Any]:
    """Yield the figures in the order of `FIGURES`.

    Parameters
    ----------
    job : Job
    products : Dataset
        The level-2 file.
    picture : SkyPicture
        Counts image of it.
    """
    from ciaopy.fits import Table, read_dataset

    events, region = products.block("EVENTS"), products.block("REGION")
    assert isinstance(events, Table)
    assert isinstance(region, Table)
    name = job.file("repro_evt2.fits").name
    arms = arms_of(job.obs.events.grating)
    yield order_sorting({a.name: _arm_events(events, a.part) for a in arms}, name, channels="energy" not in events)
    yield dispersed_image(picture, _outlines(region), name)
    spectra = read_dataset(job.file("repro_pha2.fits")).block("SPECTRUM")
    assert isinstance(spectra, Table)
    curves: dict[str, dict[str, tuple[Any, Any]]] = {}
    for arm in arms:
        for m in (-1, 1):
            rows = np.flatnonzero((spectra["TG_PART"] == arm.part) & (spectra["TG_M"] == m))
            if rows.size:
                edges = np.append(spectra["BIN_LO"][rows[0]][::-1], spectra["BIN_HI"][rows[0]][0])
                counts = np.asarray(spectra["COUNTS"][rows[0]][::-1], np.float64)
                curves.setdefault(arm.name, {})[f"{m:+d}"] = (edges, counts)
    yield grating_spectra(curves, job.file("repro_pha2.fits").name)


def _arm_events(events: Table, part: int) -> tuple[Any, Any, Any]:
    """Return m lambda, energy (keV; of the HRC its PI) and order of an arm's events, thinned evenly."""
    rows = np.flatnonzero(events["tg_part"] == part)
    rows = rows[:: max(1, rows.size // _MOST)]
    energy = (
        np.asarray(events["energy"][rows], np.float64) / 1e3
        if "energy" in events
        else np.asarray(events["pi"][rows], float)
    )
    return np.asarray(events["tg_mlam"][rows], np.float64), energy, events["tg_m"][rows]


def _outlines(region: Table) -> list[tuple[str, NDArray[np.float64]]]:
    """Return name and vertices of every shape of a mask."""
    names = {0: "zero order", 1: "HEG", 2: "MEG", 3: "LEG"}
    out = []
    for x, y, size, angle, part in zip(*(region[c] for c in ("X", "Y", "R", "ROTANG", "TG_PART")), strict=True):
        if int(part) == 0:
            turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
            points = float(size[0]) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        else:
            t = np.deg2rad(float(angle))
            along, across = np.array([np.cos(t), np.sin(t)]), np.array([-np.sin(t), np.cos(t)])
            half = 0.5 * np.asarray(size, np.float64)
            points = np.array(
                [i * half[0] * along + j * half[1] * across for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            )
        out.append((names.get(int(part), str(int(part))), points + np.array([float(x), float(y)])))
    return out
