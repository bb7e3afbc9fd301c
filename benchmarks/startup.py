"""Wall time of the light commands beside `python3 -c pass`: `python3 benchmarks/startup.py`.

Each command is run once to warm the file cache, then ROUNDS times; printed are the least and the median.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
COMMANDS = (
    ("python3", "-c", "pass"),
    ("plist", "fluximage"),
    ("pget", "fluximage", "binsize"),
    ("pset", "fluximage", "binsize=2"),
    ("chandra_repro", "--help"),
    ("ciaopy", "--version"),
    ("ciaopy", "list"),
)


def seconds(command: tuple[str, ...], env: dict[str, str]) -> list[float]:
    """Wall times of ROUNDS runs."""
    program = shutil.which(command[0], path=f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}")
    if program is None:
        raise SystemExit(f"{command[0]} is not installed")
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        subprocess.run([program, *command[1:]], env=env, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return times[1:]


def main() -> None:
    """Print one row per command."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home}
        env.pop("PFILES", None)
        print(f"{'command':<32}{'least (s)':>10}{'median (s)':>12}")
        for command in COMMANDS:
            times = seconds(command, env)
            print(f"{' '.join(command):<32}{min(times):>10.3f}{statistics.median(times):>12.3f}")


main()
