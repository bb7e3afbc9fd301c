"""Checks of a reduced grating observation against the truth of its simulation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.coords import SkyFrame
from ciaopy.simulation.charges import KINDS
from ciaopy.simulation.check import Check, matched_rows

if TYPE_CHECKING:
    from ciaopy.fits import Table

__all__ = ["check_gratings", "listed_lines"]

# Wavelength bins of the first order, Angstrom, by TG_PART.
_BINS = {1: 0.0025, 2: 0.005, 3: 0.0125}
_HALF_WINDOW = {1: 0.012, 2: 0.024, 3: 0.06}
_HALF_WIDTH = 0.00066388885


def listed_lines(folder: Path) -> tuple[float, ...]:
    """Return the wavelengths (Angstrom) of the simulated lines, from truth/lines.txt."""
    text = (folder / "truth" / "lines.txt").read_text().splitlines()
    return tuple(float(line.split()[1]) for line in text if line.strip() and not line.startswith("#"))


def check_gratings(level2: Table, level1: Table, truth: Table, region: Table, lines: tuple[float, ...]) -> list[Check]:
    """Return the checks: zero order, arms, orders, places of the lines.

    Parameters
    ----------
    level2 : Table
        New level-2 events with grating columns.
    level1, truth : Table
        Simulated level-1 events and what they are, row by row.
    region : Table
        Mask of the level-2 file.
    lines : tuple of float
        Angstrom.
    """
    rows = matched_rows(level2, level1)
    part, order = truth["PART"][rows], truth["ORDER"][rows]
    light = np.isin(part, list(_BINS)) & (truth["KIND"][rows] == KINDS["source"])
    same = light & (level2["tg_part"] == part)
    right = same & (level2["tg_m"] == order)
    frame = SkyFrame.from_header(level2.header)
    x, y = frame.plane.world_to_pixel(level2.header.number("RA_TARG"), level2.header.number("DEC_TARG"))
    off = float(np.hypot(region["X"][0] - x, region["Y"][0] - y))
    arms, orders = (float(k.sum()) / max(int(light.sum()), 1) for k in (same, right))
    checks = [
        Check("zero order", f"{off:.3f} pixel off", "below 0.2", off < 0.2),
        Check("arms of dispersed photons", f"{100 * arms:.2f} %", "above 96", arms > 0.96),
        Check("orders of dispersed photons", f"{100 * orders:.2f} %", "above 85", orders > 0.85),
    ]
    for p, width in _BINS.items():
        offsets = _offsets(level2, p, lines)
        if offsets:
            mean = float(np.mean(offsets)) / width
            checks.append(Check(f"lines in part {p}", f"{mean:+.3f} bins off", "within 0.1", abs(mean) < 0.1))
    return checks


def _offsets(level2: Table, part: int, lines: tuple[float, ...]) -> list[float]:
    """Return the mean offset (Angstrom) of each line in both first orders together, where it has 100 counts."""
    out = []
    chosen = (level2["tg_part"] == part) & (np.abs(level2["tg_m"]) == 1) & (np.abs(level2["tg_d"]) < _HALF_WIDTH)
    lam = level2["tg_lam"][chosen].astype(np.float64)
    sign = level2["tg_m"][chosen]
    for line in lines:
        sides = [lam[(sign == m) & (np.abs(lam - line) < _HALF_WINDOW[part])] for m in (-1, 1)]
        if min(s.size for s in sides) >= 100:
            out.append(float(np.mean([s.mean() - line for s in sides])))
    return out
