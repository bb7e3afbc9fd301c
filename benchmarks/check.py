"""Time `ciaopy check` on an event file of 5 million rows, and the start of `ciaopy check --rules`.

    python benchmarks/check.py [--rows N] [--repeat K] [--folder DIR]

The events are those of a small simulated observation, every row repeated, so that times stay in order. Figures are of
the whole command in a process of its own: least elapsed time of K runs, CPU time and peak memory of that run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVENTS = 200_000


def make(folder: Path, rows: int) -> Path:
    """Return a level-1 event file of about `rows` rows."""
    import numpy as np

    from ciaopy.fits import Dataset, Table, read_dataset, write_dataset
    from ciaopy.simulation import Setup, simulate

    path = folder / "big_evt1.fits"
    if not path.exists():
        made = simulate(Setup(events=EVENTS), folder / "obs", clobber=True, compress=False)
        source = next((made.folder / "secondary").glob("*evt1.fits"))
        blocks = []
        for block in read_dataset(source):
            if isinstance(block, Table) and block.name == "EVENTS":
                block = block.take(np.repeat(np.arange(block.nrows), rows // EVENTS))
            blocks.append(block)
        write_dataset(path, Dataset(blocks).blocks)
    return path


def run(*words: str) -> tuple[float, float, float]:
    """Run `ciaopy WORDS`; return elapsed time, CPU time [s] and peak memory [MB]."""
    start = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    command = [sys.executable, "-P", "-m", "ciaopy.cli", *words]
    child = os.posix_spawn(sys.executable, command, dict(os.environ), file_actions=silent)
    _, _, used = os.wait4(child, 0)
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(path: str, repeat: int) -> None:
    """Print the figures; the process is small, since a child's peak memory begins with its parent's."""
    print(f"{Path(path).stat().st_size / 1e6:.0f} MB")
    for name, words in (("events", ("check", path)), ("--rules", ("check", "--rules"))):
        elapsed, cpu, memory = min(run(*words) for _ in range(repeat))
        print(f"{name:<10}{elapsed:6.2f} s, {cpu:5.2f} s of CPU, {memory:5.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", metavar="FILE", help="Only measure this file.")
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.repeat)
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = make(options.folder or Path(scratch), options.rows)
        again = [sys.executable, __file__, "--measure", str(path), "--repeat", str(options.repeat)]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
