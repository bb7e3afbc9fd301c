"""From the six amplifiers of an event to its scale, flags and raw position.

Exact on 165,591 real events (HRC-I ObsID 2886, an HRC-I exposure of 2010, an HRC-S exposure), ringing events included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import AmpScale, FlatnessTest, HyperbolicTest, Product, SaturationTest, TapRing
from ciaopy.errors import CalibrationError

__all__ = ["TAPS", "TapBlock", "TapRules", "measure_taps"]

#: The amplifiers, in the order in which they are passed on.
TAPS = ("au1", "au2", "au3", "av1", "av2", "av3")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TapRules:
    """Which tests are applied, and their constants as the kernel takes them.

    Attributes
    ----------
    tests : int
        Bits of `ciaopy.kernels.hrc_events`.
    amp : float64 array, shape (5,)
    ring : float64 array, shape (2, 8)
    hyper : float64 array, shape (2, 5)
    saturation : float64 array, shape (4, 3)
    flatness : float
    ratio : float64 array, shape (3,)
        grid_ratio, pha_ratio, amp_gain.
    """

    tests: int = 0
    amp: FloatArray = field(default_factory=lambda: np.ones(5))
    ring: FloatArray = field(default_factory=lambda: np.ones((2, 8)))
    hyper: FloatArray = field(default_factory=lambda: np.ones((2, 5)))
    saturation: FloatArray = field(default_factory=lambda: np.ones((4, 3)))
    flatness: float = 1.0
    ratio: FloatArray = field(default_factory=lambda: np.array([0.5, 0.5, 75.0]))

    @property
    def carried(self) -> bool:
        """True if scale, sums, raw positions and the flags that need the corrected amplifiers stay as they are."""
        from ciaopy.kernels.hrc_events import CARRIED

        return bool(self.tests & CARRIED)

    @classmethod
    def carry(cls, ratio: tuple[float, float, float] | None) -> TapRules:
        """Return rules that keep what the input has and compute the ratio tests alone (None: not even those)."""
        from ciaopy.kernels import hrc_events as k

        if ratio is None:
            return cls(k.CARRIED)
        return cls(k.CARRIED | k.RATIOS, ratio=np.array(ratio, np.float64))

    @classmethod
    def of_products(
        cls, products: Mapping[str, Product], ratio: tuple[float, float, float] | None, levels: tuple[float, int]
    ) -> TapRules:
        """Return the rules of calibration products.

        Parameters
        ----------
        products : mapping of str to Product
            AMP_SF_COR, TAPRINGTEST, FPTEST, SATTEST, EFTEST; tests that are not there are skipped.
        ratio : (grid_ratio, pha_ratio, amp_gain) or None
            None skips the ratio tests.
        levels : (RANGELEV, WIDTHRES)
            AMP_SF_COR without a row for RANGELEV is skipped.

        Raises
        ------
        CalibrationError
            A ringing coefficient that the formula would divide by is 0.
        """
        from ciaopy.kernels import hrc_events as k

        tests, values = 0, dict[str, Any]()
        for product in products.values():
            if isinstance(product, AmpScale):
                row = product.row(levels[0])
                if row is not None:
                    tests |= k.SCALE
                    parts = (product.pha_12, product.width_12, product.pha_23, product.width_23, product.gain)
                    values["amp"] = np.array([float(part[row]) for part in parts])
            elif isinstance(product, TapRing):
                tests |= k.RING | (k.RING_BY_WIDTH if levels[1] == 2 else 0)
                names = ("a", "b", "c", "d", "beta", "gamma", "threshold", "offset")
                values["ring"] = _by_axis(product.axis, names)
                if np.any(values["ring"][:, 0] == 0):
                    raise CalibrationError(f"{product.source}: TRING_A is 0; the correction would be infinite")
            elif isinstance(product, HyperbolicTest):
                tests |= k.HYPERBOLIC
                values["hyper"] = _by_axis(product.axis, ("a", "b", "h", "delta_h", "c"))
            elif isinstance(product, SaturationTest):
                tests |= k.SATURATION
                rows = (product.ntaps.astype(np.float64), product.lower, product.upper)
                values["saturation"] = np.stack(rows, axis=1)
            elif isinstance(product, FlatnessTest):
                tests |= k.FLATNESS
                values["flatness"] = product.limit
        if ratio is not None:
            tests |= k.RATIOS
            values["ratio"] = np.array(ratio, np.float64)
        return cls(tests, **values)


def _by_axis(axis: dict[str, dict[str, float]], names: tuple[str, ...]) -> FloatArray:
    return np.array([[axis[a][n] for n in names] for a in "UV"], dtype=np.float64)


@dataclass(eq=False)
class TapBlock:
    """What the taps of a block of events give.

    Attributes
    ----------
    scale : int16 array, shape (n,)
        AMP_SF.
    sums : int32 array, shape (n,)
        SUMAMPS.
    raw : int32 array, shape (2, n)
        RAWX, RAWY.
    fine : float64 array, shape (2, n)
        Fine positions along U and V, taps.
    place : float64 array, shape (2, n)
        Raw positions before rounding, pixels; RAW is floor(place + 0.5).
    """

    scale: NDArray[np.int16]
    sums: NDArray[np.int32]
    raw: NDArray[np.int32]
    fine: FloatArray
    place: FloatArray


def measure_taps(
    taps: tuple[NDArray[np.int16], ...],
    coarse: tuple[NDArray[np.int16], NDArray[np.int16]],
    pha: NDArray[np.int16],
    rules: TapRules,
    before: tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.int32]],
    status: NDArray[np.uint32],
) -> TapBlock:
    """Measure a block of events.

    Parameters
    ----------
    taps : six int16 arrays, shape (n,)
        In the order of `TAPS`.
    coarse : two int16 arrays, shape (n,)
        CRSU, CRSV.
    pha : int16 array, shape (n,)
    rules : TapRules
    before : (int16 array (n,), int32 array (n,), int32 array (2, n))
        AMP_SF, SUMAMPS and RAW of the input (kept if the rules carry them). Not modified.
    status : uint32 array, shape (n,)
        Changed in place: bits 0-5, 8-14, 30, 31.

    Raises
    ------
    ValueError
        Arrays of different lengths.
    """
    from ciaopy.kernels.hrc_events import pulse_heights

    n = len(status)
    if any(len(a) != n for a in (*taps, *coarse, pha, before[0], before[1], before[2][0])) or len(taps) != len(TAPS):
        raise ValueError("six amplifiers, coarse positions, pulse heights and status must be arrays of one length")
    block = TapBlock(before[0].copy(), before[1].copy(), before[2].copy(), np.empty((2, n)), np.empty((2, n)))
    pulse_heights(
        taps,
        *coarse,
        pha,
        rules.amp,
        rules.ring,
        rules.hyper,
        rules.saturation,
        rules.flatness,
        rules.ratio,
        rules.tests,
        block.scale,
        status,
        block.sums,
        block.raw,
        block.fine,
        block.place,
    )
    return block
