"""Speed of the HRC tools: `python benchmarks/hrc.py [1e6 1e7 ...] [--folder DIR] [--flux]`.

Simulates HRC-I observations of N events, then measures, each in a process of its own: the kernel of the amplifiers
alone and one vectorised numpy pass over the same columns; hrc_process_events from file to file with one thread and two;
reading and writing the same table with nothing in between; chandra_repro; with --flux also fluximage. Prints one line
per measurement.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def paths(folder: Path) -> dict[str, str]:
    names = {"evt1": "secondary", "bpix1": "secondary", "msk1": "secondary", "asol1": "primary", "dtf1": "primary"}
    return {k: str(next((folder / part).glob(f"*{k}*"))) for k, part in names.items()}


def best(work: Callable[[], Any], repeat: int = 3) -> dict[str, float]:
    """Least wall and CPU seconds of a few runs; the CPU ones are less disturbed by other work on the machine."""
    wall, cpu = [], []
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return {"wall s": min(wall), "cpu s": min(cpu)}


def columns_of(folder: Path) -> Any:
    from ciaopy.fits import read_dataset

    return read_dataset(paths(folder)["evt1"]).block("EVENTS")


def kernel(folder: Path) -> dict[str, float]:
    """The pulse-height kernel, and the same sums and fine positions as numpy array expressions, events per second."""
    from ciaopy.caldb import lite
    from ciaopy.hrc.pulse_height import TAPS, TapRules, measure_taps

    table = columns_of(folder)
    names = ("AMP_SF_COR", "TAPRINGTEST", "FPTEST", "SATTEST", "EFTEST")
    rules = TapRules.of_products({n: lite.product(n, {"DETNAM": "HRC-I"}) for n in names}, (0.5, 0.5, 75.0), (115.0, 2))
    n = table.nrows
    taps = tuple(np.ascontiguousarray(table[t]) for t in TAPS)
    coarse = tuple(np.ascontiguousarray(table[c]) for c in ("crsu", "crsv"))
    before = (np.ones(n, np.int16), np.zeros(n, np.int32), np.zeros((2, n), np.int32))

    def compiled() -> None:
        measure_taps(taps, coarse, table["pha"], rules, before, table["status"].copy())

    def numpy_pass() -> None:
        for a1, a2, a3, crs in ((*taps[:3], coarse[0]), (*taps[3:], coarse[1])):
            total = a1.astype(np.float64) + a2 + a3
            fine = (a3 - a1.astype(np.float64)) / total
            np.floor(256.0 * (crs + fine + 0.5) + 0.5)

    compiled()
    return {"kernel/s": n / best(compiled)["cpu s"], "numpy/s": n / best(numpy_pass)["cpu s"]}


def process(folder: Path, nproc: int) -> dict[str, float]:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.engine import bind, load_tool

    p = paths(folder)
    values = {
        "infile": p["evt1"], "outfile": str(folder / "out.fits"), "badpixfile": p["bpix1"], "acaofffile": p["asol1"],
        "badfile": "NONE", "degapfile": "CALDB", "clobber": "yes", "verbose": "0",
    }  # fmt: skip

    def work() -> None:
        load_tool("hrc_process_events").run(bind("hrc_process_events", values), Workspace(Console(0), nproc))

    return best(work)


def floor(folder: Path) -> dict[str, float]:
    from ciaopy.fits import read_dataset, write_dataset

    def work() -> None:
        write_dataset(folder / "copy.fits", read_dataset(paths(folder)["evt1"]).blocks, clobber=True)

    return best(work)


def pipeline(folder: Path, tool: str, *words: str) -> dict[str, float]:
    from ciaopy.cli.main import run_application

    def work() -> None:
        if run_application([tool, *words, "clobber=yes", "verbose=0", "mode=h"]):
            raise SystemExit(f"{tool} failed")

    return best(work, 2)


def measure(what: str, folder: Path) -> dict[str, float]:
    if what == "simulate":
        from ciaopy.simulation import HrcSetup, simulate_hrc

        setup = HrcSetup(events=int(folder.name.removeprefix("hrc")))
        return best(lambda: simulate_hrc(setup, folder, clobber=True, compress=False), 1)
    p = paths(folder)
    if what == "kernel":
        found = kernel(folder)
    elif what.startswith("process"):
        found = process(folder, int(what[-1]))
    elif what == "floor":
        found = floor(folder)
    elif what == "repro":
        found = pipeline(folder, "chandra_repro", f"indir={folder}", f"outdir={folder / 'repro'}", "set_ardlib=no")
    else:
        events = next((folder / "primary").glob("*evt2*"))
        companions = [f"asolfile={p['asol1']}", f"badpixfile={p['bpix1']}", f"maskfile={p['msk1']}"]
        words = [str(events), str(folder / "flux"), f"dtffile={p['dtf1']}", "background=none", *companions]
        found = pipeline(folder, "fluximage", *words)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return found | {"peak MB": usage.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="*", default=["1e6"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--flux", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FOLDER"))
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure[0], Path(args.measure[1]))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for text in args.events:
            n = int(float(text))
            folder = (args.folder or Path(scratch)) / f"hrc{n}"
            for what in (
                "simulate",
                "kernel",
                "floor",
                "process1",
                "process2",
                "repro",
                *(["flux"] if args.flux else []),
            ):
                call = [sys.executable, __file__, "--measure", what, str(folder)]
                done = subprocess.run(call, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                shown = ", ".join(f"{k} {v:.4g}" for k, v in found.items())
                print(f"{n:>9} {what:<10}{shown}", flush=True)


if __name__ == "__main__":
    main()
