"""Exposure of EPIC event lists: good times and live times, CCD by CCD.

Rules proved on MOS lists of 0201903501 and two more observations (SAS 14): ONTIMEnn is the sum of the good times of
CCD nn. TIME of a frame (EXPOSUnn) is its middle; LIVETInn sums TIMEDEL * FRACEXP over the frames that lie wholly
inside one good interval, with no tolerance. Frames whose TIME is inside are kept in a filtered list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Gti
from ciaopy.xmm.flags import is_mos

__all__ = ["Frames", "central_ccd"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """Frames of one CCD, in the order of the table.

    Attributes
    ----------
    time : ndarray of float64, shape (n,)
        Middle of each frame, s.
    duration : ndarray of float64, shape (n,)
        TIMEDEL, s.
    fraction : ndarray of float64, shape (n,)
        FRACEXP: effective over real time.
    """

    time: F64
    duration: F64
    fraction: F64

    def kept(self, gti: Gti) -> NDArray[np.bool_]:
        """Tell which frames have their middle in the good times."""
        return gti.filter(self.time)

    def live_time(self, gti: Gti) -> float:
        """Return the live time within the good times, s: frames wholly inside one interval."""
        if not len(gti):
            return 0.0
        half = self.duration / 2
        k = np.searchsorted(gti.start, self.time - half, side="right") - 1
        whole = (k >= 0) & (self.time + half <= gti.stop[np.maximum(k, 0)])
        return float(np.sum((self.duration * self.fraction)[whole]))

    @property
    def mean_fraction(self) -> float:
        """Mean of FRACEXP; 0 without frames."""
        return float(np.mean(self.fraction)) if len(self.fraction) else 0.0


def central_ccd(instrument: str, ontime: dict[int, float]) -> int:
    """Return the CCD that ONTIME and LIVETIME stand for: MOS 1; pn (inferred) the one with the longest good time."""
    if is_mos(instrument) and 1 in ontime:
        return 1
    return max(sorted(ontime), key=lambda ccd: ontime[ccd])
