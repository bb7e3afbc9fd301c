"""Time region tests, expressions, image filters and regridding: `python3 benchmarks/regions_images.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from ciaopy.analysis.regridding import Motion, parse_bins, regrid
from ciaopy.analysis.smoothing import filter_images
from ciaopy.analysis.statistics import statistics
from ciaopy.datamodel.regions import parse_region
from ciaopy.datamodel.syntax.expressions import parse_expression

POINTS = 5_000_000


def best_of(task: Callable[[], object], runs: int = 3) -> float:
    """Return the least time of some runs, in ms, the first call (compilation) left out."""
    task()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main() -> None:
    """Print a table of times."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 8192, (2, POINTS)).astype(np.float32)
    corners = [(4096 + 3000 * np.cos(a), 4096 + 3000 * np.sin(a)) for a in np.linspace(0, 6.2, 20)]
    shapes = {
        "circle": "circle(4096,4096,1000)",
        "circle less rotbox": "circle(4096,4096,1000)-rotbox(4096,4096,300,100,30)",
        "polygon of 20": "polygon(" + ",".join(f"{u:.2f},{v:.2f}" for u, v in corners) + ")",
        "100 circles": "+".join(f"circle({u:.1f},{v:.1f},20)" for u, v in rng.uniform(500, 7500, (100, 2))),
    }
    image = rng.poisson(2, (1024, 1024)).astype(float)
    mask, bins = parse_region("box(0,0,3,3)"), parse_bins("1:1024:1,1:1024:1", True)
    expression = parse_expression("img1*2+img2>5?img1:0")
    tasks: dict[str, Callable[[], object]] = {
        f"inside, {name}": partial(parse_region(text).inside, x, y) for name, text in shapes.items()
    }
    tasks |= {
        "statistics with median": lambda: statistics(x),
        "dmimgfilt mean, box of 3": lambda: filter_images([image], "mean", mask),
        "dmimgfilt median, box of 3": lambda: filter_images([image], "median", mask),
        "expression": lambda: expression.evaluate({"img1": image, "img2": image}),
        "dmregrid, exact areas, 30 degrees": lambda: regrid(image, bins, Motion(30.0, (512.0, 512.0))),
    }
    for name, task in tasks.items():
        print(f"{name:40s} {best_of(task):8.1f} ms")


if __name__ == "__main__":
    main()
