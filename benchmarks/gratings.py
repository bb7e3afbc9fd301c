"""Time and memory of the grating tools: `python3 benchmarks/gratings.py [EVENTS] [FOLDER]`.

A simulated HETG observation of 100,000 events is reduced; its level-1 events are drawn again, in order of time, until
there are EVENTS (default 1e6), and go through dmcopy (the floor: the same bytes read and written), tg_resolve_events
and tgextract with 1 and 2 threads.
"""

from __future__ import annotations

import io
import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.engine import bind, load_tool
from ciaopy.fits import Dataset, read_dataset, write_dataset
from ciaopy.simulation import Setup, simulate


def timed(tool: str, nproc: int, **values: str) -> float:
    """Run a tool and return the seconds."""
    start = time.perf_counter()
    out = io.StringIO()
    load_tool(tool).run(bind(tool, values | {"clobber": "yes"}), Workspace(Console(0, out, out), nproc))
    return time.perf_counter() - start


def enlarged(source: Path, target: Path, events: int) -> float:
    """Write level-1 events drawn again from a level 1.5 file; return its size in MB."""
    dataset = read_dataset(source)
    table = dataset.block("EVENTS")
    rows = np.sort(np.random.default_rng(1).integers(0, table.nrows, events))
    kept = table.select([n for n in table.names if not n.lower().startswith("tg_")]).take(rows)
    kept.companions = []
    gti = [b for b in dataset.blocks if b.name.upper().startswith("GTI")]
    write_dataset(target, Dataset([dataset.blocks[0], kept, *gti]).blocks, clobber=True)
    return target.stat().st_size / 2**20


def peak() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print one line per tool and number of threads."""
    events = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    obs, out = folder / "obs", folder / "repro"
    if not out.exists():
        simulate(Setup(events=100_000, grating="HETG", chips=(7, 4, 5, 6, 8, 9), mode="GRADED"), obs)
        out.mkdir()
        timed("chandra_repro", 1, indir=str(obs), outdir=str(out), set_ardlib="no", badpixel="no", tg_orders="none")
    first = next(out.glob("*_evt1a.fits"))
    mask, aspect = next(out.glob("*_tgmask.fits")), next(out.glob("pcad*asol1.fits"))
    big, resolved, spectra = folder / "big.fits", folder / "big1a.fits", folder / "big_pha2.fits"
    with get_context("spawn").Pool(1) as pool:  # its memory is not ours
        size = pool.apply(enlarged, (first, big, events))
    frame = {"regionfile": str(mask), "acaofffile": str(aspect)}
    timed("tg_resolve_events", 1, infile=str(first), outfile=str(resolved), **frame)  # compiles
    timed("tgextract", 1, infile=str(resolved), outfile=str(spectra))
    base = peak()
    print(f"{events} events, {size:.0f} MB")
    for nproc in (1, 2):
        floor = timed("dmcopy", nproc, infile=str(big), outfile=str(folder / "copy.fits"))
        one = timed("tg_resolve_events", nproc, infile=str(big), outfile=str(resolved), **frame)
        two = timed("tgextract", nproc, infile=str(resolved), outfile=str(spectra))
        print(f"  {nproc} threads: dmcopy {floor:.2f} s, tg_resolve_events {one:.2f} s, tgextract {two:.2f} s")
    print(f"  memory above the start: {peak() - base:.0f} MB")


if __name__ == "__main__":
    main()
