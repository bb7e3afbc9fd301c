"""merge_obs on 1 to N simulated observations: wall time and peak memory against N.

    python benchmarks/mosaic.py [N] [binsize]

Every run is a process of its own; the peak is the largest resident set that the kernel reports for it. Default: N = 20,
binsize 2 (images of 1700 by 1700 pixels, the same for every N).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

CENTRE = (150.12, 2.21)


def simulate_all(folder: Path, count: int) -> list[Path]:
    """Make observations about one place, all of the same number of events."""
    import math

    from ciaopy.simulation import Setup, Source, simulate

    sources = tuple(Source(CENTRE[0] + d, CENTRE[1] + d / 2, 3e-4) for d in (0.0, 0.03, -0.04))
    made = []
    for i in range(count):
        angle = 2.4 * i  # a spiral that stays within 3 arcmin
        dx, dy = (0.05 * f(angle) * math.sqrt((i + 1) / count) for f in (math.cos, math.sin))
        setup = Setup(
            events=60_000, mode="GRADED", chips=(0, 1, 2, 3), seed=i + 1, exposure=20_000.0,
            date=f"2012-{1 + i % 12:02d}-{1 + i // 12:02d}T00:00:00", ra=CENTRE[0] + dx, dec=CENTRE[1] + dy,
            roll=(18.0 * i) % 360, obsid=91000 + i, sources=sources, flare=False, artifacts=False,
        )  # fmt: skip
        made.append(simulate(setup, folder / str(setup.obsid), compress=False).folder)
    return made


def run_merge(folders: list[Path], out: Path, binsize: str) -> None:
    """Run merge_obs in this process."""
    from ciaopy.console import Console
    from ciaopy.engine.run import run_tool
    from ciaopy.param import open_parameters

    names = ",".join(str(f) for f in folders)
    grid = f"2400.5:5800.5:{binsize}"
    values = [f"infiles={names}", f"outroot={out}/", f"xygrid={grid},{grid}", f"refcoord={CENTRE[0]} {CENTRE[1]}"]
    values += ["clobber=yes", "verbose=0", "mode=h"]
    result = run_tool(open_parameters("merge_obs", values, mode="h"), Console(0))
    made = result.mosaic
    print(f"{made.grid.x.count} x {made.grid.y.count} pixels, {made.memory.describe}:", end=" ", flush=True)


def measured(folders: list[Path], out: Path, binsize: str) -> tuple[float, float, float]:
    """Return wall seconds, CPU seconds and peak MB of a run in a child process."""
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        out.mkdir()
        os.execv(sys.executable, [sys.executable, __file__, "--run", binsize, str(out), *map(str, folders)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"merge_obs failed for {len(folders)} observations")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    binsize = sys.argv[2] if len(sys.argv) > 2 else "2"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["HOME"] = place
        folders = simulate_all(folder, count)
        measured(folders[:1], folder / "warm", binsize)  # compiles the kernels
        print(f"{'N':>4} {'wall s':>8} {'cpu s':>8} {'peak MB':>8}")
        for n in [n for n in (1, 2, 5, 10, 20, 50, 100) if n < count] + [count]:
            wall, cpu, peak = measured(folders[:n], folder / f"out{n}", binsize)
            print(f"{n:>4} {wall:>8.1f} {cpu:>8.1f} {peak:>8.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run_merge([Path(p) for p in sys.argv[4:]], Path(sys.argv[3]), sys.argv[2])
    else:
        main()
