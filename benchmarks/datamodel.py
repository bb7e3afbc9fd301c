"""Time filters and binning of a 5-million-row event file against cfitsio's `fitscopy`.

    python benchmarks/datamodel.py [--rows N] [--folder DIR]

Needs `fitscopy` (Debian: `apt-get install libcfitsio-bin`) for the comparison; without it only ciaopy is timed. Prints
the in-process times after import (best of 5; the page cache is warm), the time of the whole command, and peak memory.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

FILTER = "[EVENTS][energy=500:7000,ccd_id=0:3,pi=20:600,sky=circle(4096,4096,1500)]"
CFITSIO = "[EVENTS][energy>=500&&energy<7000&&ccd_id>=0&&ccd_id<=3&&pi>=20&&pi<=600&&circle(4096,4096,1500,x,y)]"
BINNING, CFITSIO_BINNING = (
    "[EVENTS][bin x=0.5:8192.5:8,y=0.5:8192.5:8][opt type=i4]",
    "[EVENTS][bin x=0.5:8192.5:8,y=0.5:8192.5:8]",
)
REPEATS = 5


def make_events(path: Path, rows: int) -> None:
    """Write an event file of 15 columns, 82 bytes a row, with the layout of an ACIS evt1."""
    from ciaopy.fits import Column, Table, Vector, new_header, write_dataset

    rng = np.random.default_rng(1)
    half = {"TLMIN": (0.5, ""), "TLMAX": (8192.5, "")}

    def whole(n: int, kind: str = "i2") -> np.ndarray:
        return rng.integers(0, n, rows).astype(kind)

    columns = [
        Column("time", np.sort(rng.uniform(0, 5e4, rows)), unit="s"),
        Column("ccd_id", whole(10)),
        Column("node_id", whole(4)),
        Column("expno", whole(10000, "i4")),
        Column("chipx", whole(1024)),
        Column("chipy", whole(1024)),
        Column("det", rng.uniform(0, 8192, (rows, 2)).astype("f4")),
        Column("x", rng.normal(4096, 1200, rows).astype("f4"), keys=dict(half)),
        Column("y", rng.normal(4096, 1200, rows).astype("f4"), keys=dict(half)),
        Column("phas", rng.integers(0, 4095, (rows, 9)).astype("i2")),
        Column("pha", whole(4096, "i4")),
        Column("energy", rng.uniform(100, 12000, rows).astype("f4")),
        Column("pi", whole(1024, "i4")),
        Column("grade", whole(8)),
        Column("status", np.zeros(rows, "u4"), "32X"),
        Column("spare", np.zeros(rows, "i2")),
        Column("weight", rng.uniform(0, 1, rows).astype("f8")),
    ]
    table = Table("EVENTS", {c.name: c for c in columns}, new_header(), [Vector("sky", ("x", "y"))])
    write_dataset(path, [table], clobber=True)


def best(task: Callable[[], object]) -> float:
    """Return the shortest of some runs, s."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        task()
        times.append(time.perf_counter() - begin)
    return min(times)


def run(arguments: list[str]) -> float:
    """Return the time of one command, s."""
    begin = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def peak_memory(infile: str, outfile: Path) -> float:
    """Return the peak memory of a process that copies `infile`, MB, less that of one that only imports."""
    code = (
        "import sys\nfrom ciaopy.datamodel.copying import copy\nfrom ciaopy.datamodel import Workspace\n"
        "import ciaopy.kernels.regions_compiled, ciaopy.fits.writer, ciaopy.fits.reader\n"
        "def peak():\n"
        "    return next(int(s.split()[1]) for s in open('/proc/self/status') if s.startswith('VmHWM'))\n"
        "before = peak()\n"
        "copy(sys.argv[1], sys.argv[2], Workspace(), clobber=True)\n"
        "print(peak() - before)"
    )
    out = subprocess.run([sys.executable, "-c", code, infile, str(outfile)], check=True, capture_output=True, text=True)
    return float(out.stdout.split()[-1]) / 1024


def main() -> None:
    """Run the benchmark and print its table."""
    from ciaopy.datamodel import Workspace
    from ciaopy.datamodel.copying import copy

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=5_000_000)
    options.add_argument("--folder", type=Path, default=None)
    asked = options.parse_args()
    folder = Path(tempfile.mkdtemp(dir=asked.folder))
    try:
        events = folder / "events.fits"
        make_events(events, asked.rows)
        print(f"{asked.rows} rows, {events.stat().st_size / 2**20:.0f} MB")
        ws, out = Workspace(), folder / "out.fits"
        fitscopy = shutil.which("fitscopy")
        ciaopy = shutil.which("ciaopy")
        for label, ours, theirs in (("filter", FILTER, CFITSIO), ("binning", BINNING, CFITSIO_BINNING)):
            seconds = best(lambda ours=ours: copy(f"{events}{ours}", str(out), ws, clobber=True))
            line = f"{label:8s} ciaopy {seconds:6.3f} s"
            if fitscopy:
                other = min(run([fitscopy, f"{events}{theirs}", f"!{out}"]) for _ in range(REPEATS))
                line += f"   fitscopy {other:6.3f} s   ratio {other / seconds:4.1f}"
            if ciaopy:
                command = [ciaopy, "dmcopy", f"{events}{ours}", str(out), "clobber=yes"]
                line += f"   whole command {min(run(command) for _ in range(3)):6.3f} s"
            print(line)
        print(f"peak memory of the filter above that of the imports: {peak_memory(f'{events}{FILTER}', out):.0f} MB")
        small = folder / "small.fits"
        make_events(small, asked.rows // 4)
        print(f"... on a file of a quarter of the rows: {peak_memory(f'{small}{FILTER}', out):.0f} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
