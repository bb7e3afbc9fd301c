"""Exposure maps: 6 chips at binsize 8 and 1, further bands, instrument maps, memory.

    python benchmarks/exposure.py [chips]

A made observation: 8000 s, dither of 8 arcsec, about 1000 aspect bins of 0.5 arcsec.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "exposure"))

from exposure_helpers import CHIP_GRID, HEADER, histogram, view

from ciaopy.caldb import lite
from ciaopy.coords import Attitude
from ciaopy.exposure import ChipResponse, InstrumentMap, Spectrum, exposure_map, instrument_map, parse_xygrid

ENERGIES = (0.92, 1.5, 2.3, 3.8, 5.0)


def response(chip: int) -> ChipResponse:
    qe, qeu, contam, dead, area, vignet = (
        lite.product(n, HEADER, ccd_id=chip) for n in ("QE", "QEU", "CONTAM", "DEAD_AREA", "AXEFFA", "VIGNET")
    )
    return ChipResponse(chip, area, vignet, "1111", qe, qeu, contam, 2.26e8, dead)


def timed(work: object) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    chips = range(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
    w, h = view(), histogram()
    maps: dict[int, list[InstrumentMap]] = {}

    def make() -> None:
        for chip in chips:
            r = response(chip)
            maps[chip] = [
                instrument_map(r, Spectrum.mono(e), w.plane, Attitude.from_header(HEADER), CHIP_GRID) for e in ENERGIES
            ]

    print(f"{len(h)} aspect bins; instrument maps, {len(chips)} chips x 5 bands: {timed(make)[0]:.2f} s CPU")
    exposure_map(maps[0], h, w, parse_xygrid("4000:4200:#200,4000:4200:#200"), "shift")
    for binsize in (8, 1):
        n = 8192 // binsize
        grid = parse_xygrid(f"0.5:8192.5:#{n},0.5:8192.5:#{n}")
        for bands in (1, 2, 5):
            for nproc in (1, 2):
                total = [np.zeros(grid.shape, np.float32) for _ in range(bands)]

                def work(grid=grid, bands=bands, nproc=nproc, total=total) -> None:
                    for chip in chips:
                        result = exposure_map(maps[chip][:bands], h, w, grid, nproc=nproc)
                        for band, image in enumerate(total):
                            result.add_to(image, band)

                cpu, wall = timed(work)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                label = f"binsize {binsize}, {bands} band(s), nproc {nproc}"
                print(f"{label}: {cpu:.2f} s CPU, {wall:.2f} s; peak of the process so far {peak:.0f} MB")


if __name__ == "__main__":
    main()
