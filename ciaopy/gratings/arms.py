"""The grating arms and their constants.

Periods, angles and Rowland diameters are those of CALDB GEOM, HDU GRATINGS; the periods reproduce TG_MLAM of ObsIDs
13839 and 1011 to 1e-9, the angle of LEG on HRC-S 1011 to 0.001 deg.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ciaopy.coords import FloatArray
from ciaopy.errors import DataError
from ciaopy.kernels.gratings import HC_KEV_ANGSTROM

__all__ = ["ARMS", "HC_KEV_ANGSTROM", "Arm", "arm_named", "arm_table", "arms_of"]


@dataclass(frozen=True)
class Arm:
    """One dispersed spectrum.

    Attributes
    ----------
    name : str
        `HEG`, `MEG` or `LEG`.
    part : int
        TG_PART.
    grating : str
        `HETG` or `LETG`.
    period : float
        Grating period, Angstrom.
    angles : dict of str to float
        Angle alpha between the STF's +Y and the dispersion axis, deg, by detector.
    rowland : float
        Rowland diameter, mm.
    """

    name: str
    part: int
    grating: str
    period: float
    angles: dict[str, float]
    rowland: float

    def angle(self, detector: str) -> float:
        """Return alpha (deg) on `ACIS`, `HRC-I` or `HRC-S`."""
        return self.angles[detector]


ARMS = (
    Arm("HEG", 1, "HETG", 2000.81, {"ACIS": -5.205, "HRC-S": -5.205, "HRC-I": -5.205}, 8632.48),
    Arm("MEG", 2, "HETG", 4001.95, {"ACIS": 4.755, "HRC-S": 4.755, "HRC-I": 4.775}, 8632.48),
    Arm("LEG", 3, "LETG", 9912.16, {"ACIS": -0.0167, "HRC-S": 0.07, "HRC-I": 0.07}, 8637.0),
)


def arm_named(name: str) -> Arm:
    """Return an arm by its name.

    Raises
    ------
    DataError
        There is no such arm.
    """
    for arm in ARMS:
        if arm.name == name.strip().upper():
            return arm
    raise DataError(f"{name!r} is no grating arm; they are HEG, MEG and LEG")


def arms_of(grating: str, where: str = "header") -> tuple[Arm, ...]:
    """Return the arms of `HETG`, `LETG`, or the single one of `HEG`, `MEG`, `LEG`, in order of part.

    Raises
    ------
    DataError
        No grating (`NONE`) or an unknown one.
    """
    name = grating.strip().upper()
    found = tuple(arm for arm in ARMS if name in (arm.grating, arm.name))
    if not found:
        raise DataError(
            f"{where}: GRATING is {grating.strip() or 'missing'!s}, and grating coordinates need HETG or LETG; "
            "set grating_obs if the header is wrong"
        )
    return found


def arm_table(arms: tuple[Arm, ...], detector: str) -> FloatArray:
    """Return the arms as the kernels take them, shape (n, 5); see `ciaopy.kernels.gratings`."""
    rows = []
    for arm in arms:
        alpha = np.deg2rad(arm.angle(detector))
        rows.append([arm.part, arm.period, np.cos(alpha), np.sin(alpha), arm.rowland])
    return np.array(rows, dtype=np.float64).reshape(-1, 5)
