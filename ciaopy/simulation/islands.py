"""Event islands: the charge of an event spread over its pixels, with noise, so that grades and sums belong together."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis import DEFAULT_SPLIT, SUM_MASK, EventBlock, grade_islands, split_array
from ciaopy.caldb import DetGain, interpolate
from ciaopy.caldb.lite import product
from ciaopy.simulation.charges import KINDS, Charges
from ciaopy.simulation.setup import BACK_ILLUMINATED

FloatArray = NDArray[np.float64]

#: Width of the charge cloud, pixels: single-pixel events are 64 % (FI) and 42 % (BI) at 1.5 keV.
CLOUD = {False: 0.03, True: 0.05}

#: Noise of a pixel, adu, and the Fano factor of silicon with its energy per electron, keV.
NOISE, FANO, PAIR = 1.8, 0.115, 0.00368

#: Share of background events with charge in an outer pixel of the 5x5 island, as tracks of particles leave it, and
#: its range, adu.
TRACK, TRACK_ADU = 0.3, (20.0, 300.0)

#: Least pulse height of the centre, adu: the event thresholds of front- and back-illuminated chips.
THRESHOLD = {False: 38, True: 20}

BLOCK = 1 << 18


class Gain:
    """The gain of the embedded calibration, both ways."""

    def __init__(self) -> None:
        self._gain = cast(DetGain, product("DET_GAIN"))

    def energy(
        self, ccd_id: NDArray[np.int16], block: tuple[NDArray[np.int16], NDArray[np.int16]], pha: FloatArray
    ) -> FloatArray:
        """Return the energy, eV, of pulse heights (adu) at pixels (chipx, chipy); shapes (n,)."""
        out = np.empty(len(pha))
        for ccd in np.unique(ccd_id):
            k = np.flatnonzero(ccd_id == ccd)
            out[k] = self._gain.energy(int(ccd), block[0][k], block[1][k], pha[k])
        return out

    def pulse_height(self, ccd_id: NDArray[np.int16], chipx: NDArray[np.int16], energy: FloatArray) -> FloatArray:
        """Return the pulse height, adu, of energies (eV): the inverse, per node; shapes (n,)."""
        out = np.empty(len(energy))
        for ccd in np.unique(ccd_id):
            table = self._gain.table(int(ccd))
            rows = table.regions.rows(np.arange(4) * 256 + 1, np.ones(4))
            for node, row in enumerate(rows):
                k = np.flatnonzero((ccd_id == ccd) & ((chipx - 1) // 256 == node))
                out[k] = interpolate(energy[k], table.y["energy"][row], table.x[row], extrapolate=True)
        return out


def make_islands(
    charges: Charges, ccd_id: NDArray[np.int16], side: int, gain: Gain, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Return the pulse heights of islands, int16, shape (n, side, side), side 3 or 5.

    The charge cloud has a logistic profile in each direction about the place of the charge, so that its share in a
    pixel is a difference of logistic functions. Charge in neighbours below the split threshold stays in the centre:
    the gain is that of the sum that is made of the pixels that count.

    Parameters
    ----------
    charges : Charges
        On living pixels.
    ccd_id : int16 array, shape (n,)
    side : int
    gain : Gain
    rng : Generator
    """
    out = np.empty((len(charges), side, side), np.int16)
    for start in range(0, len(charges), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(charges)))
        out[rows] = _block(charges.take(rows), ccd_id[rows], side, gain, rng)
    return out


def _block(
    charges: Charges, ccd_id: NDArray[np.int16], side: int, gain: Gain, rng: np.random.Generator
) -> NDArray[np.int16]:
    n = len(charges)
    back = np.isin(ccd_id, BACK_ILLUMINATED)
    x, y = np.floor(charges.x + 0.5), np.floor(charges.y + 0.5)
    width = np.where(charges.spread > 0, charges.spread, np.where(back, CLOUD[True], CLOUD[False]))
    blurred = charges.energy + np.sqrt(FANO * PAIR * charges.energy) * rng.standard_normal(n)
    adu = gain.pulse_height(ccd_id, x.astype(np.int16), np.maximum(blurred, 0.1) * 1000.0)
    least = np.where(back, THRESHOLD[True], THRESHOLD[False]) + 2.0
    adu = np.maximum(adu, least)
    parts = [_shares(v - centre, width, side) for v, centre in ((charges.y, y), (charges.x, x))]
    total = adu[:, None, None] * parts[0][:, :, None] * parts[1][:, None, :]
    noise = NOISE * rng.standard_normal((n, side, side), dtype=np.float32)
    if side == 5:
        _add_tracks(total, charges, rng)
    middle = side // 2
    centre = total[:, middle, middle].copy()
    islands = np.rint(total + noise)
    islands = np.minimum(islands, np.floor(centre)[:, None, None])
    islands[:, middle, middle] = 0.0
    inner = islands[:, middle - 1 : middle + 2, middle - 1 : middle + 2].reshape(n, 9)
    islands[:, middle, middle] = np.rint(adu - _counted(inner, centre))
    highest = np.maximum(islands.reshape(n, -1).max(axis=1), least)
    islands[:, middle, middle] = np.maximum(islands[:, middle, middle], highest)
    return np.clip(islands, -4096, 4095).astype(np.int16)


def _add_tracks(total: FloatArray, charges: Charges, rng: np.random.Generator) -> None:
    """Put charge into one outer pixel of some background events, in place."""
    ring = np.array([k for k in range(25) if k // 5 in (0, 4) or k % 5 in (0, 4)])
    hit = np.flatnonzero((charges.kind == KINDS["background"]) & (rng.random(len(charges)) < TRACK))
    place = rng.choice(ring, len(hit))
    total[hit, place // 5, place % 5] += rng.uniform(*TRACK_ADU, len(hit))


def _shares(offset: FloatArray, width: FloatArray, side: int) -> FloatArray:
    """Return the share of a cloud at `offset` from the centre of the middle pixel in each of `side` pixels in a row."""
    edges = np.arange(side - 1) - (side - 2) / 2.0
    below = 1.0 / (1.0 + np.exp(np.clip((offset[:, None] - edges) / width[:, None], -60.0, 60.0)))
    cumulated = np.concatenate([np.zeros((len(offset), 1)), below, np.ones((len(offset), 1))], axis=1)
    return np.diff(cumulated, axis=1)


def _counted(inner: FloatArray, centre: FloatArray) -> FloatArray:
    """Return the pulse height of the neighbours that are summed with the centre."""
    islands = inner.copy()
    islands[:, 4] = centre
    n = len(islands)
    zero = np.zeros(n, np.int16)
    block = EventBlock(np.zeros(n), zero, np.ones(n, np.int16), zero, np.zeros(n, np.uint64))
    grade = grade_islands(block, islands, split_array(None)).fltgrade
    mask = SUM_MASK[grade][:, None] >> np.arange(9) & 1
    mask[:, 4] = 0
    return np.asarray((islands * mask).sum(axis=1))


def corner_mean(islands: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return CORN_PHA of graded mode: the mean of the corner pixels below the split threshold, rounded; 0 for none.

    `islands` has shape (n, side, side), the result int16, shape (n,).
    """
    side = islands.shape[1]
    m = side // 2
    corners = islands[:, [m - 1, m - 1, m + 1, m + 1], [m - 1, m + 1, m - 1, m + 1]].astype(np.float64)
    low = corners < DEFAULT_SPLIT
    count = low.sum(axis=1)
    mean = np.where(low, corners, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.asarray(np.rint(mean), np.int16)
