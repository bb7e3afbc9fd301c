"""CPU time of commands beside `python3 -c pass`: `python3 benchmarks/startup.py`.

Each command is run once to warm the file cache, then ROUNDS times; printed are the least and the median. The dm tools
work on an event table of 1000 rows, so that what is timed is their start.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
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
    ("python3", "-c", "import astropy.io.fits"),
    ("python3", "-c", "import numpy"),
    ("ciaopy", "dmkeypar", "evt.fits", "DETNAM"),
    ("ciaopy", "dmlist", "evt.fits", "blocks"),
    ("ciaopy", "dmcopy", "evt.fits", "out.fits", "clobber=yes"),
    ("ciaopy", "dmcopy", "evt.fits[energy=500:7000]", "out.fits", "clobber=yes"),
    ("ciaopy", "dmcopy", "evt.fits[bin sky=64]", "img.fits", "clobber=yes"),
    ("ciaopy", "dmcopy", "evt.fits[sky=circle(4096,4096,300)]", "out.fits", "clobber=yes"),
)


def make_events(path: Path) -> None:
    """Write the event table."""
    import numpy as np
    from astropy.io import fits

    rng = np.random.default_rng(1)
    sky = rng.normal(4096.5, 300, (2, 1000)).astype("f4")
    columns = [
        fits.Column("time", "1D", unit="s", array=np.sort(rng.uniform(0, 1e4, 1000))),
        fits.Column("x", "1E", array=sky[0]),
        fits.Column("y", "1E", array=sky[1]),
        fits.Column("energy", "1E", array=rng.uniform(0, 1e4, 1000)),
    ]
    header = fits.Header({"DETNAM": "ACIS-7", "MTYPE1": "sky", "MFORM1": "x,y"})
    for n in (2, 3):
        header[f"TLMIN{n}"], header[f"TLMAX{n}"] = 0.5, 8192.5
    fits.BinTableHDU.from_columns(columns, header=header, name="EVENTS").writeto(path)


def seconds(command: tuple[str, ...], env: dict[str, str]) -> list[float]:
    """CPU times (user and system) of ROUNDS runs, in the folder HOME."""
    program = shutil.which(command[0], path=f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}")
    if program is None:
        raise SystemExit(f"{command[0]} is not installed")
    times = []
    for _ in range(ROUNDS + 1):
        process = subprocess.Popen([program, *command[1:]], env=env, cwd=env["HOME"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            raise SystemExit(f"{' '.join(command)}: status {status}")
        times.append(usage.ru_utime + usage.ru_stime)
    return times[1:]


def main() -> None:
    """Print one row per command."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home}
        env.pop("PFILES", None)
        make_events(Path(home) / "evt.fits")
        print(f"{'command':<74}{'least (s)':>10}{'median (s)':>12}")
        for command in COMMANDS:
            times = seconds(command, env)
            print(f"{' '.join(command):<74}{min(times):>10.3f}{statistics.median(times):>12.3f}")


main()
