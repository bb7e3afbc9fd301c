"""Energy bands of fluximage: names, `lo:hi:effective`, and files of spectral weights.

`bands` is a stack. ACIS: names of the Chandra Source Catalog and ranges in keV, any number of them. HRC: one band, a
range of PI or all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ciaopy.errors import DataError, UserError
from ciaopy.messages import reason
from ciaopy.stack import build

__all__ = ["Band", "parse_bands", "weights_range"]

# Low, high and effective energy, keV: the bands of the Chandra Source Catalog.
NAMED = {
    "broad": (0.5, 7.0, 2.3),
    "ultrasoft": (0.2, 0.5, 0.4),
    "soft": (0.5, 1.2, 0.92),
    "medium": (1.2, 2.0, 1.56),
    "hard": (2.0, 7.0, 3.8),
}
CSC = ("soft", "medium", "hard")
# Effective energy of the HRC band `wide`, keV.
WIDE_ENERGY = 1.5
# Energies that the calibration covers, keV, both ends included.
LOWEST, HIGHEST = 0.1, 10.0


@dataclass(frozen=True)
class Band:
    """One band.

    Attributes
    ----------
    label : str
        Part of the file names.
    low, high : float or None
        keV (ACIS) or PI channels (HRC); None for no limit (HRC).
    energy : float or None
        Effective energy, keV; None where a file of weights holds.
    weights : str
        Name of the file of weights; blank if none.
    filter : str
        Data Model filter of the events, with brackets.
    named : bool
        The user gave a name, not a range.
    """

    label: str
    low: float | None
    high: float | None
    energy: float | None
    weights: str
    filter: str
    named: bool = False

    @property
    def describe(self) -> str:
        """What the user is told."""
        if self.weights:
            span = "" if self.low is None else f", {self.low:g} to {self.high:g} keV"
            return f"{self.label}: weights of {self.weights}{span}"
        if self.named:
            return f"{self.label} band"
        if self.filter.startswith("[pi"):
            span = "all PI" if self.low is None else f"PI {self.low} to {self.high}"
        else:
            span = f"{self.low:g} to {self.high:g} keV"
        return f"{self.label}: {span}, effective energy {self.energy:g} keV"


def parse_bands(text: str, instrument: str) -> tuple[Band, ...]:
    """Return the bands that the parameter names, repetitions dropped.

    Parameters
    ----------
    text : str
    instrument : {'ACIS', 'HRC'}

    Raises
    ------
    UserError
        A band cannot be understood or is out of range, two bands have one label, or there are several for the HRC.
    DataError
        A file of weights gives no energies.
    """
    if not text.strip():
        raise UserError("bands is empty; give names (broad, csc, ...), ranges lo:hi:effective in keV, or weights files")
    tokens = list(dict.fromkeys(build(text)))
    return _hrc(tokens, text) if instrument == "HRC" else _acis(tokens, text)


def _plain(token: str) -> str:
    return token.replace(" ", "").lower()


def _acis(tokens: list[str], text: str) -> tuple[Band, ...]:
    found: dict[str, Band] = {}
    files = 0
    for token in tokens:
        if Path(token).is_file():
            files += 1
            bands = [_weighted(token, files)]
        else:
            word = _plain(token)
            names = CSC if word == "csc" else (("broad" if word == "default" else word),)
            bands = [_named(n) if n in NAMED else _range(n, token) for n in names]
        for band in bands:
            old = found.get(band.label)
            if old is not None and old.energy != band.energy:
                raise UserError(
                    f"bands={text}: two bands would be called {band.label}, with effective energies "
                    f"{old.energy:g} and {band.energy:g} keV; write one of the limits differently (0.5 as 0.50)"
                )
            found.setdefault(band.label, band)
    if not found:
        raise UserError(f"bands={text}: names no band")
    return tuple(found.values())


def _energies(low: float, high: float) -> str:
    return f"[energy={low * 1000.0}:{high * 1000.0}]"


def _named(name: str) -> Band:
    low, high, energy = NAMED[name]
    return Band(name, low, high, energy, "", _energies(low, high), named=True)


def _range(word: str, token: str) -> Band:
    parts = word.split(":")
    try:
        if len(parts) != 3:
            raise ValueError
        low, high, energy = (float(p) for p in parts)
    except ValueError:
        raise UserError(
            f"bands: cannot understand {token!r}; for ACIS a band is lo:hi:effective in keV (0.5:7:2.3), one of "
            f"{', '.join([*NAMED, 'csc', 'default'])}, or a file of weights"
        ) from None
    for value in (low, high, energy):
        _check_energy(value, token)
    _check_order(low, high, token, "keV")
    return Band(f"{parts[0]}-{parts[1]}", low, high, energy, "", _energies(low, high))


def _check_energy(value: float, where: str) -> None:
    if not LOWEST <= value <= HIGHEST:
        raise UserError(
            f"bands: {where}: {value:g} keV is out of range; energies are in keV, from {LOWEST} to {HIGHEST}"
        )


def _check_order(low: float, high: float, where: str, unit: str) -> None:
    if not low < high:
        raise UserError(
            f"bands: {where}: the lower limit is not below the upper one ({unit}); write the lower one first"
        )


def _weighted(name: str, number: int) -> Band:
    low, high = weights_range(Path(name))
    for value in (low, high):
        _check_energy(value, name)
    _check_order(low, high, name, "keV")
    return Band(f"band{number}", low, high, None, name, _energies(low, high))


def _hrc(tokens: list[str], text: str) -> tuple[Band, ...]:
    bands = []
    for token in tokens:
        word = _plain(token)
        if Path(token).is_file():
            bands.append(Band("band1", None, None, None, token, "[pi=:]"))
        elif word in ("default", "wide"):
            bands.append(Band("wide", None, None, WIDE_ENERGY, "", "[pi=:]", named=True))
        else:
            bands.append(_channels(word, token))
    if len(set(bands)) > 1:
        raise UserError(f"bands={text}: the HRC has no energy resolution to speak of; give one band")
    return (bands[0],)


def _channels(word: str, token: str) -> Band:
    parts = word.split(":")
    try:
        if len(parts) != 3 or bool(parts[0]) != bool(parts[1]):
            raise ValueError
        low, high = (int(p) if p else None for p in parts[:2])
        energy = float(parts[2])
    except ValueError:
        raise UserError(
            f"bands: cannot understand {token!r}; for the HRC a band is wide, lo:hi:effective (PI channels and keV: "
            "30:200:1.1), ::effective, or a file of weights"
        ) from None
    _check_energy(energy, token)
    if low is not None and high is not None:
        _check_order(low, high + 1, token, "PI channels")  # both channels are in the band
    label = "all" if low is None else f"{parts[0]}-{parts[1]}"
    return Band(label, low, high, energy, "", f"[pi={parts[0]}:{parts[1]}]")


def weights_range(path: Path) -> tuple[float, float]:
    """Return the energy range of a file of weights, keV.

    ENERG_LO and ENERG_HI of the leading comment lines; else the edges of the first and the last bin, half a step
    outside the outer energies.

    Raises
    ------
    DataError
        The file cannot be read, has fewer than two rows, a number is none, or energies do not ascend.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(
            f"{path}: the weights cannot be read ({reason(problem)}); two columns are expected, keV and weight"
        ) from None
    found = {}
    for line in lines:
        if not line.startswith("#"):
            break
        for key in ("ENERG_LO", "ENERG_HI"):
            value = _keyword(line, key)
            if value is not None:
                found[key] = value
                break
    energies = _energy_column(path, lines)
    if len(found) == 2:
        return found["ENERG_LO"], found["ENERG_HI"]
    return (3 * energies[0] - energies[1]) / 2, (3 * energies[-1] - energies[-2]) / 2


def _keyword(line: str, key: str) -> float | None:
    place = line.upper().find(key)
    rest = line[place + len(key) :].strip() if place >= 0 else ""
    if not rest.startswith("="):
        return None
    words = rest[1:].split()
    try:
        return float(words[0]) if words else None
    except ValueError:
        return None


def _energy_column(path: Path, lines: list[str]) -> list[float]:
    energies: list[float] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            energy, weight = float(words[0]), float(words[1])
        except (ValueError, IndexError):
            raise DataError(f"{path}: line {number}: expected an energy in keV and a weight, found {line!r}") from None
        if not math.isfinite(energy) or not math.isfinite(weight) or weight < 0:
            raise DataError(f"{path}: line {number}: {line.strip()!r} is no energy with a weight of 0 or more")
        if energies and energy <= energies[-1]:
            raise DataError(f"{path}: line {number}: energies must ascend")
        energies.append(energy)
    if len(energies) < 2:
        raise DataError(f"{path}: {len(energies)} energies; a file of weights needs two or more")
    return energies
