"""Speed of chandra_repro: `python benchmarks/chandra_repro.py [1.5e6 5e6 ...] [--folder DIR] [--repeat N]`.

Simulates FAINT observations of N level-1 events (six chips with bias maps, gzipped as in the archive) and runs the
whole command on them, in processes of their own, with one thread and with two. The floor is measured beside each run:
every input inflated once with isal, the bytes of the products written once. Prints one line per run, then the slowest
steps.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAIN = "from ciaopy.cli.main import main; main()"


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", MAIN, *map(str, words)]


def floor(obs: Path, out: Path, scratch: Path) -> float:
    """Seconds to inflate every input once and to write the bytes of all products once."""
    from isal import igzip

    contents = [p.read_bytes() for p in out.iterdir() if p.is_file()]
    inputs = sorted(p for part in ("primary", "secondary") for p in (obs / part).iterdir() if "evt2" not in p.name)
    start = time.perf_counter()
    for path in inputs:
        with igzip.open(path, "rb") as file:
            while file.read(1 << 20):
                pass
    for i, data in enumerate(contents):
        with (scratch / f"{i}.dat").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - start


def measure(obs: Path, out: Path, threads: int) -> tuple[float, float, float, dict[str, float]]:
    """Wall and CPU seconds, peak memory [MB], seconds per step."""
    shutil.rmtree(out, ignore_errors=True)
    words = command("chandra_repro", obs, out, "mode=h", "set_ardlib=no", "verbose=2", f"nproc={threads}")
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(text)
    steps: dict[str, float] = {}
    for name, seconds in re.findall(r"^([\w ]+): ([\d.]+) s$", text, re.MULTILINE):
        steps[name] = steps.get(name, 0.0) + float(seconds)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="*", default=["1.5e6", "5e6"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for events in options.events:
            folder = options.folder or Path(scratch)
            obs = folder / f"faint{events}"
            if not obs.exists():
                words = command("simulate", obs, "--events", events, "--chips", "235678", "--seed", "3")
                subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            report(obs, events, Path(scratch), options.repeat)


def report(obs: Path, events: str, scratch: Path, repeat: int) -> None:
    from astropy.io import fits

    packed = next((obs / "secondary").glob("*evt1*"))
    header = fits.getheader(packed, "EVENTS")
    table = header["NAXIS1"] * header["NAXIS2"] / 1e6
    out = scratch / "out"
    measure(obs, out, 2)  # compilation, page cache
    for threads in (1, 2):
        runs = [measure(obs, out, threads) for _ in range(repeat)]
        lowest = min(floor(obs, out, scratch) for _ in range(repeat))
        wall, cpu, memory, steps = min(runs, key=lambda r: r[0])
        print(
            f"{events} events ({table:.0f} MB), {threads} thread{'s' if threads > 1 else ''}: {wall:.2f} s wall,"
            f" {cpu:.2f} s CPU, floor {lowest:.2f} s, ratio {wall / lowest:.1f},"
            f" peak {memory:.0f} MB = {memory / table:.1f} x events"
        )
        slow = sorted(steps.items(), key=lambda s: -s[1])[:8]
        print("   " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in slow if seconds >= 0.02))


if __name__ == "__main__":
    main()
