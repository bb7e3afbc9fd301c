"""Observations that the tests of the mosaics share."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.param import open_parameters
from ciaopy.simulation import Source

CENTRE = (150.12, 2.21)
SOURCES = tuple(Source(CENTRE[0] + dx, CENTRE[1] + dy, f) for dx, dy, f in ((0, 0, 8e-4), (0.05, 0.03, 4e-4)))
POINTINGS = (
    (0.0, 0.0, 60.0, "2012-06-01T00:00:00", False),
    (0.08, 0.03, 75.0, "2012-06-03T00:00:00", False),
    (-0.06, 0.07, 240.0, "2013-01-10T00:00:00", True),
)
OBSIDS = ("9101", "9102", "9103")


def tool(name: str, *arguments: object) -> tuple[Any, str]:
    """Run a tool; return what it returned and what it printed."""
    par = open_parameters(name, [*map(str, arguments), "mode=h"], mode="h")
    out = io.StringIO()
    return run_tool(par, Console(1, out, out)), out.getvalue()


@dataclass
class Merged:
    """What merge_obs made, once for all tests."""

    folder: Path
    result: Any
    said: str
    weights: Path


def infiles(sky: Path) -> str:
    return "infiles=" + ",".join(str(sky / o) for o in OBSIDS)


def events_of(sky: Path, obsid: str) -> Path:
    return next((sky / obsid / "primary").glob("*evt2.fits"))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(fits.getdata(path), float)


def world(data: Any, header: Any) -> tuple[np.ndarray, np.ndarray]:
    """RA, Dec of events by astropy.wcs."""
    n = [c.lower() for c in data.names].index("x") + 1
    wcs = WCS(naxis=2)
    for key in ("ctype", "crval", "crpix", "cdelt"):
        short = {"ctype": "TCTYP", "crval": "TCRVL", "crpix": "TCRPX", "cdelt": "TCDLT"}[key]
        setattr(wcs.wcs, key, [header[f"{short}{n}"], header[f"{short}{n + 1}"]])
    return wcs.all_pix2world(data["x"].astype(float), data["y"].astype(float), 1)


# --- sums and positions ---------------------------------------------------------------------------------------
