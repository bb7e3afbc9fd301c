"""A dithering observation of ACIS, made of arrays."""

from __future__ import annotations

import numpy as np

from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame
from ciaopy.datamodel import Gti
from ciaopy.exposure import AspectHistogram, PixelGrid, SkyView, aspect_histogram, parse_pixelgrid

HEADER = {
    "INSTRUME": "ACIS",
    "DETNAM": "ACIS-0123",
    "SIM_X": -0.78,
    "SIM_Y": 0.0,
    "SIM_Z": -233.6,
    "RA_NOM": 150.0,
    "DEC_NOM": 40.0,
    "ROLL_NOM": 57.0,
    "RA_PNT": 150.0,
    "DEC_PNT": 40.0,
    "ROLL_PNT": 57.0,
    "TSTART": 1000.0,
    "TSTOP": 9000.0,
    "DATE-OBS": "2005-03-01T00:00:00",
    "DTCOR": 0.987,
}
CHIP_GRID: PixelGrid = parse_pixelgrid("1:1024:#1024,1:1024:#1024")


def solution(n: int = 8000, dy: float = 0.0, roll_swing: float = 0.003, amplitude: float = 8.0) -> AspectSolution:
    """Return n records, 1 s apart from 1000 s on, on a Lissajous figure of `amplitude` arcsec."""
    t = 1000.0 + np.arange(n, dtype=float)
    a = amplitude / 3600
    ra = 150.0 + a / np.cos(np.deg2rad(40.0)) * np.sin(2 * np.pi * t / 1000.0)
    dec = 40.0 + a * np.sin(2 * np.pi * t / 707.1)
    roll = 57.0 + roll_swing * np.sin(2 * np.pi * t / 3000.0)
    return AspectSolution(t, ra, dec, roll, np.full(n, dy), np.full(n, -dy / 2), np.full(n, dy / 10))


def view() -> SkyView:
    return SkyView(FocalPlane.from_header(HEADER), SkyFrame.from_header(HEADER))


def histogram(**options: float) -> AspectHistogram:
    return aspect_histogram(solution(**options), Gti([1000.0], [9000.0]), view().frame)
