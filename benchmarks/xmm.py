"""The native XMM-Newton tools on event lists of 1e6 and 1e7 events: wall time against reading the file once, memory.

    python benchmarks/xmm.py [EVENTS ...]

Every step is a process of its own, after one run that compiles; the peak is the largest resident set that the kernel
reports for it.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

GRID = [
    "ximagebinsize=87", "yimagebinsize=87", "withxranges=yes", "ximagemin=3649", "ximagemax=48106", "withyranges=yes",
    "yimagemin=3649", "yimagemax=48106",
]  # fmt: skip


def make(folder: Path, events: int) -> Path:
    """Repeat the events of a simulated MOS2 list until there are as many as asked for."""
    import numpy as np

    from ciaopy.fits import Table, read_dataset, write_dataset
    from ciaopy.simulation import XmmSetup, simulate_xmm

    made = simulate_xmm(XmmSetup(), folder / "small")
    dataset = read_dataset(made.lists["M2S003MI"])
    small = dataset.block("EVENTS")
    assert isinstance(small, Table)
    rows = np.sort(np.arange(events) % small.nrows)
    dataset.blocks[dataset.blocks.index(small)] = small.take(rows)
    path = folder / "events.fits"
    write_dataset(path, dataset)
    return path


def read_once(path: Path) -> None:
    """Read all columns."""
    from ciaopy.fits import open_fits

    with open_fits(path) as file:
        for _ in file.iter_rows("EVENTS"):
            pass


def run_tool(name: str, *words: str) -> None:
    """Run a tool in this process."""
    from ciaopy.console import Console
    from ciaopy.engine.run import run_tool as run
    from ciaopy.param import open_parameters

    run(open_parameters(name, [*words, "clobber=yes", "verbose=0", "mode=h"], mode="h"), Console(0))


def step(path: Path, name: str) -> None:
    """Run one step."""
    out = path.parent
    good = "#XMMEA_EM && PATTERN <= 12 && FLAG == 0 && PI in [500:2000]"
    if name == "read":
        read_once(path)
    elif name == "image":
        run_tool("xmm_evselect", f"table={path}", f"imageset={out}/image.fits", f"expression={good}", *GRID)
    elif name == "list":
        expression = f"expression=TIME < 2.0001e8 && {good}"
        run_tool("xmm_evselect", f"table={path}", f"filteredset={out}/list.fits", expression)
    elif name == "espfilt":
        run_tool("xmm_espfilt", f"eventfile={path}", f"gtiset={out}/gti.fits")
    else:
        words = [f"imageset={out}/image.fits", f"eventset={path}", f"expimageset={out}/map.fits"]
        run_tool("xmm_eexpmap", *words, "pimin=500", "pimax=2000")


def measured(path: Path, name: str) -> tuple[float, float]:
    """Return (s, MB) of one step in a process of its own; the second of two calls is timed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        step(path, name)
        start = time.perf_counter()
        step(path, name)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(writer, f"{seconds} {peak}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    seconds, peak = os.read(reader, 100).split()
    return float(seconds), float(peak)


def main(counts: list[int]) -> None:
    """Print one line for each step and size."""
    print(f"{'events':>10} {'step':8} {'s':>7} {'x reading':>9} {'MB':>6}")
    for events in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = make(Path(folder), events)
            reading = 0.0
            for name in ("read", "image", "list", "espfilt", "map"):
                seconds, peak = measured(path, name)
                reading = reading or seconds
                print(f"{events:10d} {name:8} {seconds:7.2f} {seconds / reading:9.1f} {peak:6.0f}", flush=True)


if __name__ == "__main__":
    main([int(float(a)) for a in sys.argv[1:]] or [1_000_000, 10_000_000])
