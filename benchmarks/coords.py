"""Time chip -> sky of many events with the aspect look-up, beside astropy.wcs doing its tangent plane alone.

python benchmarks/coords.py [EVENTS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from astropy.wcs import WCS

from ciaopy.coords import AspectSolution, EventTransform, FocalPlane, SkyFrame
from ciaopy.fits import Column, Table


def best(task: Callable[[], object], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def make_aspect(duration: float) -> AspectSolution:
    t = np.arange(0.0, duration, 0.25625)
    zero = np.zeros_like(t)
    columns = {
        "time": t,
        "ra": 150.0 + 0.0022 * np.sin(2 * np.pi * t / 1000.0),
        "dec": -30.0 + 0.0022 * np.sin(2 * np.pi * t / 707.0),
        "roll": 57.9 + zero,
        "dy": 0.5 + zero,
        "dz": -0.3 + zero,
        "dtheta": 0.01 + zero,
    }
    from astropy.io.fits import Header

    return AspectSolution.from_tables(
        [("made", Table("ASPSOL", {k: Column(k, v) for k, v in columns.items()}, Header()))]
    )


def main(n: int) -> None:
    rng = np.random.default_rng(1)
    duration = 50_000.0
    aspect, frame = make_aspect(duration), SkyFrame.of(150.0, -30.0, 57.9, "ACIS")
    frames = np.sort(rng.integers(0, int(duration / 3.24104), n)) * 3.24104
    ccd = rng.integers(0, 4, n).astype(np.int16)
    chipx, chipy = (rng.integers(2, 1024, n).astype(np.int16) for _ in range(2))
    plane = FocalPlane.of("ACIS")
    EventTransform(plane, frame, aspect).all(frames[:10], ccd[:10], chipx[:10], chipy[:10])  # compile

    def chain(nproc: int) -> None:
        EventTransform(plane, frame, aspect).all(frames, ccd, chipx, chipy, nproc)

    one, two = best(lambda: chain(1)), best(lambda: chain(2))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.0, -30.0], [4096.5, 4096.5]
    wcs.wcs.cdelt = [-0.492 / 3600, 0.492 / 3600]
    pixels = np.stack([chipx, chipy], axis=-1).astype(float)
    world = wcs.wcs_pix2world(pixels, 1)
    theirs = best(lambda: wcs.wcs_world2pix(world, 1), 3)
    print(f"{n} events, {len(aspect)} aspect records")
    print(f"chip -> TDET, DET, SKY with aspect look-up, 1 thread : {one:6.3f} s  ({1e9 * one / n:5.1f} ns per event)")
    print(f"chip -> TDET, DET, SKY with aspect look-up, 2 threads: {two:6.3f} s  ({1e9 * two / n:5.1f} ns per event)")
    print(f"astropy.wcs, world -> pixel, tangent plane only: {theirs:6.3f} s  ({1e9 * theirs / n:5.1f} ns per event)")
    print(f"ratio, 1 thread: {theirs / one:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000)
