"""Time and memory of the grating tools: `python3 benchmarks/gratings.py [tools|repro] [EVENTS] [FOLDER]`.

`tools` (the default): a simulated HETG observation of 100,000 events is reduced; its level-1 events are drawn again, in
order of time, until there are EVENTS (default 1e6), and go through dmcopy (the floor: the same bytes read and written),
acis_process_events, tg_resolve_events and tgextract with 1 and 2 threads. `repro`: chandra_repro with all spectra and
responses on a simulated HETG observation (beyond 1e6 events drawn again), its steps, and mktgresp alone. CPU seconds
(user and system of all threads) come first, for shared machines; each tool runs in a process of its own, warmed up on a
small file, which tells the largest memory, too.
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

CHIPS = (7, 4, 5, 6, 8, 9)
# Larger observations are made by drawing the events of one of this size again.
SIMULATED = 1_000_000
ACIS = "{d:time,l:expno,s:ccd_id,s:node_id,s:chip,s:tdet,f:det,f:sky,l:pha,f:energy,l:pi,s:fltgrade,s:grade,x:status}"
HEAD = "\n\n| tool | threads | CPU (s) | wall (s) | memory above the start (MB) |\n|---|---|---|---|---|"


def tool(name: str, nproc: int, values: dict[str, str]) -> object:
    """Run a tool and return what it returns."""
    out = io.StringIO()
    return load_tool(name).run(bind(name, values | {"clobber": "yes"}), Workspace(Console(0, out, out), nproc))


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(
    name: str, nproc: int, small: dict[str, str], large: dict[str, str]
) -> tuple[float, float, float, list[tuple[str, float]]]:
    """Return CPU and wall seconds, MB above the start, and steps of a run on `large` after one on `small`."""
    tool(name, nproc, small)
    before, start, begin = peak(), time.perf_counter(), cpu()
    made = tool(name, nproc, large)
    steps = [(t.tool, t.seconds) for one in getattr(made, "timings", {}).values() for t in one]
    return cpu() - begin, time.perf_counter() - start, peak() - before, steps


def alone(name: str, nproc: int, small: dict[str, str], large: dict[str, str]) -> list[tuple[str, float]]:
    """Measure a tool in a process of its own, print a row, and return the steps."""
    with get_context("spawn").Pool(1) as pool:
        used, wall, memory, steps = pool.apply(measured, (name, nproc, small, large))
    print(f"| {name} | {nproc} | {used:.2f} | {wall:.2f} | {memory:.0f} |", flush=True)
    return steps


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


def tools(events: int, folder: Path) -> None:
    """Print one line per tool and number of threads."""
    obs, out = folder / "obs", folder / "repro"
    if not out.exists():
        simulate(Setup(events=100_000, grating="HETG", chips=CHIPS, mode="GRADED"), obs)
        out.mkdir()
        words = {"indir": str(obs), "outdir": str(out), "set_ardlib": "no", "badpixel": "no", "tg_orders": "none"}
        tool("chandra_repro", 1, words)
    first = next(out.glob("*_evt1a.fits"))
    mask, aspect = next(out.glob("*_tgmask.fits")), next(out.glob("pcad*asol1.fits"))
    big, resolved = folder / "big.fits", folder / "big1a.fits"
    with get_context("spawn").Pool(1) as pool:
        size = pool.apply(enlarged, (first, big, events))
    print(f"{events} events, {size:.0f} MB{HEAD}")
    frame = {"regionfile": str(mask), "acaofffile": str(aspect)}
    calibrate = {"acaofffile": str(aspect), "eventdef": ACIS, "mtlfile": "NONE"}
    trial = str(folder / "trial.fits")
    for nproc in (1, 2):
        for name, source, target, more in (
            ("dmcopy", big, folder / "copy.fits", {}),
            ("acis_process_events", big, folder / "copy.fits", calibrate),
            ("tg_resolve_events", big, resolved, frame),
            ("tgextract", resolved, folder / "big_pha2.fits", {}),
        ):
            files = {"infile": str(source), "outfile": str(target)}
            alone(name, nproc, files | more | {"infile": str(first), "outfile": trial}, files | more)


def repro(events: int, folder: Path) -> None:
    """Print what chandra_repro takes with all responses, step by step, and mktgresp alone."""
    obs, small = folder / "obs_large", folder / "obs_small"
    for place, n in ((obs, events), (small, 20_000)):
        if not place.exists():
            with get_context("spawn").Pool(1) as pool:
                setup = Setup(events=min(n, SIMULATED), grating="HETG", chips=CHIPS, mode="GRADED", flare=False)
                pool.apply(simulate, (setup, place, False, False))
                if n > SIMULATED:
                    evt1 = next(place.glob("secondary/*evt1*"))
                    pool.apply(enlarged, (evt1, evt1, n))
    size = next(obs.glob("secondary/*evt1*")).stat().st_size / 2**20
    print(f"{events} events, {size:.0f} MB{HEAD}")
    usual = {"set_ardlib": "no", "badpixel": "no"}
    words = [{"indir": str(p), "outdir": str(folder / f"out_{p.name}")} | usual for p in (small, obs)]
    steps = alone("chandra_repro", 2, *words)
    files = []
    for one in words:
        out = Path(one["outdir"])
        pha2, evt2 = next(out.glob("*_repro_pha2.fits")), next(out.glob("*_repro_evt2.fits"))
        files.append({"infile": str(pha2), "evtfile": str(evt2), "outroot": str(folder / "resp")})
    for nproc in (1, 2):
        alone("mktgresp", nproc, *(f | {"parallel": "yes", "nproc": str(nproc)} for f in files))
    print("\n| step | wall (s) |\n|---|---|")
    for name, seconds in steps:
        if seconds >= 0.2:
            print(f"| {name} | {seconds:.2f} |")


def main() -> None:
    """Measure what the command line asks for."""
    words = sys.argv[1:]
    mode = words.pop(0) if words and words[0] in ("tools", "repro") else "tools"
    events = int(float(words[0])) if words else 1_000_000
    folder = Path(words[1] if len(words) > 1 else tempfile.mkdtemp())
    (tools if mode == "tools" else repro)(events, folder)


if __name__ == "__main__":
    main()
