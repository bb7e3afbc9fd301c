"""Speed of sso_freeze: `python benchmarks/moving.py [1e6 5e6 ...] [--folder DIR] [--repeat N]`.

Makes ACIS events of N rows (82 bytes each, layout of an evt1), an orbit and a comet, and freezes them from file to
file, after import and compilation. The floor is measured in turns with it: the input's bytes read once, the output's
written once and brought to the disk. Then the table in memory (as in chandra_repro). Last chandra_repro on a simulated
observation with the ephemerides and without. Prints wall and CPU seconds, best of N, and peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

MAIN = "from ciaopy.cli.main import main; main()"


def observation(folder: Path, events: int) -> Path:
    """Simulate a comet among stars."""
    from ciaopy.simulation import Motion, Setup, simulate

    setup = Setup(events=events, chips=(7, 6, 3, 2, 5, 8), motion=Motion(5.0, 60.0, 0.4), target="COMET")
    return simulate(setup, folder, clobber=True).folder


def make_events(path: Path, like: Path, rows: int) -> None:
    """Write events of 15 columns within the times of an observation."""
    from ciaopy.fits import Column, Table, Vector, read_dataset, write_dataset

    header = read_dataset(like).block("EVENTS").header
    for key in [k for k in header if "DSTYP" in k or "DSREF" in k or "DSVAL" in k]:
        header.remove(key)
    rng = np.random.default_rng(1)
    world = [
        {"TLMIN": (0.5, ""), "TLMAX": (8192.5, ""), "TCTYP": (kind, ""), "TCRVL": (header[nominal], ""),
         "TCRPX": (4096.5, ""), "TCDLT": (sign * 0.492 / 3600, ""), "TCUNI": ("deg", "")}
        for kind, nominal, sign in (("RA---TAN", "RA_NOM", -1), ("DEC--TAN", "DEC_NOM", 1))
    ]  # fmt: skip
    columns = [
        Column("time", np.sort(rng.uniform(header["TSTART"], header["TSTOP"], rows)), unit="s"),
        *(Column(n, rng.integers(0, k, rows).astype("i2")) for n, k in (("ccd_id", 10), ("node_id", 4))),
        Column("expno", rng.integers(0, 10000, rows).astype("i4")),
        *(Column(n, rng.integers(1, 1024, rows).astype("i2")) for n in ("chipx", "chipy")),
        Column("det", rng.uniform(0, 8192, (rows, 2)).astype("f4")),
        *(
            Column(n, rng.normal(4096, 900, rows).astype("f4"), "", "pixel", "", w)
            for n, w in zip("xy", world, strict=True)
        ),
        Column("phas", rng.integers(0, 4095, (rows, 9)).astype("i2")),
        Column("pha", rng.integers(0, 4096, rows).astype("i4")),
        Column("energy", rng.uniform(100, 12000, rows).astype("f4")),
        Column("pi", rng.integers(1, 1024, rows).astype("i4")),
        Column("status", np.zeros(rows, "u4"), "32X"),
        Column("weight", rng.uniform(0, 1, rows)),
    ]
    table = Table("EVENTS", {c.name: c for c in columns}, header, [Vector("sky", ("x", "y"))])
    write_dataset(path, [table], clobber=True)


def floor(source: Path, made: Path, scratch: Path) -> None:
    """Read a file's bytes and write another's, brought to the disk."""
    with source.open("rb") as file:
        while file.read(1 << 22):
            pass
    left, piece = made.stat().st_size, bytes(1 << 22)
    with scratch.open("wb") as file:
        while left > 0:
            left -= file.write(piece[: min(left, len(piece))])
        file.flush()
        os.fsync(file.fileno())


def best(task: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Return least wall and CPU seconds."""
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def time_tool(folder: Path, rows: int, repeat: int) -> None:
    """Print one line for a number of rows."""
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.engine import bind
    from ciaopy.tools import sso_freeze

    orbit, comet = (next((folder / "obs/primary").glob(f"{n}*eph1*")) for n in ("orbit", "comet"))
    source, made = folder / "evt.fits", folder / "out.fits"
    make_events(source, next((folder / "obs/secondary").glob("*evt1*")), rows)
    values = {"infile": str(source), "scephemfile": str(orbit), "ssoephemfile": str(comet), "outfile": str(made)}
    par = bind("sso_freeze", {**values, "clobber": "yes", "logfile": "NONE"})
    sso_freeze.run(par, Workspace(Console(0)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    walls: list[tuple[float, float]] = []
    floors: list[tuple[float, float]] = []
    for _ in range(repeat):
        floors.append(best(lambda: floor(source, made, folder / "scratch"), 1))
        walls.append(best(lambda: sso_freeze.run(par, Workspace(Console(0))), 1))
    wall, least = min(w for w, _ in walls), min(w for w, _ in floors)
    held = Workspace(Console(0))
    held.hold(source, held.dataset(source))
    held.keep_in_memory(made)
    memory = best(lambda: (held.forget(made), held.keep_in_memory(made), sso_freeze.run(par, held)), repeat)
    print(
        f"{rows:>9,} rows, {source.stat().st_size / 2**20:.0f} MB: {wall:.2f} s wall, {min(c for _, c in walls):.2f} s "
        f"CPU; floor {least:.2f} s wall, {min(c for _, c in floors):.2f} s CPU; ratio {wall / least:.2f}; "
        f"in memory {memory[0]:.3f} s wall, {memory[1]:.3f} s CPU; "
        f"peak of the streamed runs {before / 1024:.0f} MB"
    )


def run_repro(obs: Path, out: Path) -> tuple[float, float]:
    """Wall and CPU seconds of chandra_repro in a process of its own."""
    words = [
        sys.executable,
        "-c",
        MAIN,
        "chandra_repro",
        str(obs),
        str(out),
        "set_ardlib=no",
        "verbose=0",
        "clobber=yes",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([*words, "mode=h"], check=True, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def time_repro(folder: Path, events: int, repeat: int) -> None:
    """Print the times of chandra_repro with the comet's ephemeris and without, taken in turns."""
    obs = observation(folder / "repro_obs", events)
    comet = next((obs / "primary").glob("comet*eph1*"))
    away = folder / comet.name
    times: dict[str, list[tuple[float, float]]] = {"frozen": [], "not frozen": []}
    for _ in range(repeat):
        times["frozen"].append(run_repro(obs, folder / "r"))
        comet.rename(away)
        times["not frozen"].append(run_repro(obs, folder / "r2"))
        away.rename(comet)
    least = {k: (min(w for w, _ in v), min(c for _, c in v)) for k, v in times.items()}
    told = "; ".join(f"{k} {w:.2f} s wall, {c:.2f} s CPU" for k, (w, c) in least.items())
    ratio = [least["frozen"][i] / least["not frozen"][i] for i in (0, 1)]
    print(f"chandra_repro on {events:,} events: {told}; ratio {ratio[0]:.3f} wall, {ratio[1]:.3f} CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=float, default=[1e6, 5e6])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--repro", type=float, default=1e6, help="events for chandra_repro; 0: leave it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        observation(folder / "obs", 2000)
        for rows in options.rows:
            time_tool(folder, int(rows), options.repeat)
        if options.repro:
            time_repro(folder, int(options.repro), options.repeat)


if __name__ == "__main__":
    main()
