"""Energies and weights of an instrument map: one energy, or a spectrum from a weights file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError, ParameterError, UserError
from ciaopy.messages import reason

__all__ = ["Spectrum"]

FloatArray = NDArray[np.float64]
KEYWORD = re.compile(r"^\s*#\s*(ENERG_LO|ENERG_HI)\s*=\s*([^\s/]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Spectrum:
    """Photon weights.

    Attributes
    ----------
    energy : float64 array, shape (n,)
        keV, ascending.
    weight : float64 array, shape (n,)
        Share of the photons, not negative; used as they are (their sum should be 1).
    low, high : float
        Limits of the band, keV.
    name : str
        Weights file, empty for one energy.
    """

    energy: FloatArray
    weight: FloatArray
    low: float
    high: float
    name: str = ""

    @classmethod
    def mono(cls, energy: float) -> Spectrum:
        """Return one energy, keV.

        Raises
        ------
        ParameterError
            It is not a positive number.
        """
        if not (np.isfinite(energy) and energy > 0):
            raise ParameterError(f"monoenergy={energy}: expected an energy in keV above 0")
        return cls(np.array([float(energy)]), np.ones(1), float(energy), float(energy))

    @classmethod
    def read(cls, path: str | Path) -> Spectrum:
        """Read a weights file: two columns, energy (keV) and weight; `#` comments may give ENERG_LO and ENERG_HI.

        Without these the limits lie half a bin outside the first and the last energy.

        Raises
        ------
        UserError
            The file cannot be read as text.
        DataError
            A line is not two numbers, a value is not finite, a weight is negative, all weights are 0, or the energies
            do not rise.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path}: cannot be read as a text file of weights (energy in keV, weight): {reason(error)}"
            ) from error
        limits: dict[str, float] = {}
        rows: list[list[float]] = []
        for number, line in enumerate(lines, 1):
            found = KEYWORD.match(line)
            words = line.partition("#")[0].replace(",", " ").split()
            if found:
                limits[found[1].upper()] = _number(found[2], path, number)
            elif words and not (not rows and words[0].isalpha()):
                if len(words) < 2:
                    raise DataError(f"{path}: line {number} has no weight; expected an energy (keV) and a weight")
                rows.append([_number(w, path, number) for w in words[:2]])
        return cls._checked(np.array(rows, np.float64).reshape(-1, 2), limits, str(path))

    @classmethod
    def _checked(cls, rows: FloatArray, limits: dict[str, float], path: str) -> Spectrum:
        energy, weight = np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])
        if not energy.size:
            raise DataError(f"{path}: holds no weights; expected lines of an energy (keV) and a weight")
        if (np.diff(energy) <= 0).any() or energy[0] <= 0:
            raise DataError(f"{path}: the energies (keV) do not rise from above 0; sort the lines")
        if (weight < 0).any():
            raise DataError(f"{path}: the weight at {energy[np.argmax(weight < 0)]:g} keV is negative")
        if not weight.sum() > 0:
            raise DataError(f"{path}: all weights are 0")
        first, last = (energy[1] - energy[0], energy[-1] - energy[-2]) if energy.size > 1 else (0.0, 0.0)
        low = limits.get("ENERG_LO", float(energy[0] - first / 2))
        high = limits.get("ENERG_HI", float(energy[-1] + last / 2))
        return cls(energy, weight, low, high, path)

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())


def _number(text: str, path: str | Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DataError(f"{path}: line {line}: {text!r} is not a number; every energy needs a finite weight")
    return value
