"""Photons through a transmission grating: into which order they go, and where on the chips they land."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb import GratingEfficiency, MirrorArea
from ciaopy.caldb.lite import product
from ciaopy.coords import Attitude, FloatArray, FocalPlane, SkyFrame
from ciaopy.gratings import HC_KEV_ANGSTROM, Arm, Dispersion, arms_of, default_windows, enclosed, light_within

__all__ = ["NO_ORDER", "Branch", "Landing", "Spectrograph"]

#: Part and order of what did not come through the grating.
NO_ORDER = 99

_ORDERS = (-3, -2, -1, 1, 2, 3)
# Width (sigma) of a spectrum across the dispersion, arcsec.
_CORE = 0.45
# Groups of wavelength in which blurs are drawn.
_GROUPS = 48


@dataclass(frozen=True)
class Branch:
    """A way through the grating: an arm and an order; no arm for the zero order."""

    arm: Arm | None
    order: int

    @property
    def part(self) -> int:
        """TG_PART: 0 for the zero order."""
        return 0 if self.arm is None else self.arm.part


@dataclass(frozen=True, eq=False)
class Landing:
    """Chip positions of photons: chip -1 and NaN off every chip; shapes (n,)."""

    chip_id: NDArray[np.int64]
    chipx: FloatArray
    chipy: FloatArray


class Spectrograph:
    """HETG or LETG behind the embedded calibration.

    Parameters
    ----------
    grating : str
        `HETG` or `LETG`.
    plane : FocalPlane
    frame : SkyFrame
    """

    def __init__(self, grating: str, plane: FocalPlane, frame: SkyFrame) -> None:
        self._plane, self._frame = plane, frame
        header = {"INSTRUME": "ACIS", "GRATING": grating}
        self._efficiency = cast(GratingEfficiency, product("GREFF", header))
        self._mirror = cast(MirrorArea, product("AXEFFA", header))
        self.branches = (Branch(None, 0), *(Branch(arm, m) for arm in arms_of(grating) for m in _ORDERS))

    def choose(self, keV: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the branch of each photon, -1 for those that are lost; shape (n,)."""
        shares = [
            self._efficiency.at(keV, b.order, b.arm.name if b.arm is not None else "", self._mirror)
            for b in self.branches
        ]
        edges = np.cumsum(np.stack(shares), axis=0)
        chance = rng.random(keV.size)
        found = (chance[None, :] >= edges).sum(axis=0)
        return np.where(found < len(self.branches), found, -1)

    def land(
        self,
        branch: Branch,
        zero: tuple[float, float],
        keV: FloatArray,
        attitude: Attitude,
        rng: np.random.Generator,
    ) -> Landing:
        """Return where photons of a dispersed branch fall.

        Parameters
        ----------
        branch : Branch
            With an arm.
        zero : (float, float)
            SKY position of the source, pixels.
        keV : float64 array, shape (n,)
        attitude : Attitude
            Of each photon.

        Raises
        ------
        ValueError
            The branch is the zero order.
        """
        arm = branch.arm
        if arm is None:
            raise ValueError("the zero order is not dispersed")
        lam = HC_KEV_ANGSTROM / keV
        seen = lam + blur(arm, branch.order, lam, rng)
        sine = np.clip(branch.order * seen / arm.period, -1.0, 1.0)
        spectrum = Dispersion(self._plane, self._frame, arm, zero)
        place = spectrum.to_chip(np.rad2deg(np.arcsin(sine)), width_across(arm, keV.size, rng), attitude)
        return Landing(place.chip_id, place.chipx, place.chipy)


def width_across(arm: Arm, n: int, rng: np.random.Generator) -> FloatArray:
    """Return n angles across the dispersion (deg of tg_d): a core of 0.45 arcsec, and wings outside the usual window.

    As much light lies within the window as mkgrmf says.
    """
    half = default_windows(arm.grating).source[1]
    core = np.clip(rng.normal(0.0, _CORE / 3600.0, n), -0.95 * half, 0.95 * half)
    wings = rng.choice([-1.0, 1.0], n) * rng.uniform(1.05 * half, 4.0 * half, n)
    return np.where(rng.random(n) < light_within(arm, half, half), core, wings)


def blur(arm: Arm, order: int, lam: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return deviations from the wavelength (Angstrom) drawn from the line shapes that mkgrmf has; shape (n,)."""
    u = rng.random(lam.size) * 2.0 - 1.0
    out = np.zeros(lam.size)
    if not lam.size:
        return out
    edges = np.linspace(lam.min(), lam.max() + 1e-9, _GROUPS + 1)
    group = np.clip(np.digitize(lam, edges) - 1, 0, _GROUPS - 1)
    reach = (0.6 if arm.name == "LEG" else 0.08) / abs(order)
    distance = np.linspace(0.0, reach, 800)
    for g in np.unique(group):
        inside = enclosed(arm, order, np.array(0.5 * (edges[g] + edges[g + 1])), distance)
        k = group == g
        out[k] = np.sign(u[k]) * np.interp(np.abs(u[k]), inside, distance)
    return out
