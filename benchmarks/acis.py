"""Speed of acis_process_events: `python benchmarks/acis.py [1e6 5e6 ...] [--folder DIR]`.

Makes FAINT observations of N events (3x3 islands, dithered aspect, 200 bad pixels), then measures, each in a process of
its own: the processing of columns in memory, the whole tool from file to file, and reading and writing the same columns
with nothing in between; in one thread and in two. Prints one line per measurement.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

START, FRAME = 500_000_000.0, 3.24104
HEADER = {
    "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "DETNAM": "ACIS-0123", "DATAMODE": "FAINT", "READMODE": "TIMED",
    "GRATING": "NONE", "DATE-OBS": "2013-11-05T00:00:00", "OBS_ID": "99001", "TIMEDEL": FRAME, "EXPTIME": 3.2,
    "RA_NOM": 150.1163, "DEC_NOM": 2.2058, "ROLL_NOM": 68.8, "SIM_X": -0.78234819833843, "SIM_Y": 0.0,
    "SIM_Z": -233.59246309,
}  # fmt: skip
DEFINITION = (
    "{d:time,l:expno,s:ccd_id,s:node_id,s:chip,s:tdet,f:det,f:sky,s:phas,l:pha,l:pha_ro,f:energy,l:pi,s:fltgrade,"
    "s:grade,x:status}"
)


def make_events(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    expno = np.sort(rng.integers(3, 3 + n // 300, n)).astype(np.int32)
    chipx = rng.integers(2, 1024, n).astype(np.int16)
    phas = rng.normal(0, 2.2, (n, 3, 3)).astype(np.int16)
    pha = (30 + rng.exponential(300, n)).astype(np.int32)
    split = np.flatnonzero(rng.random(n) < 0.4)
    phas[split, rng.integers(0, 3, len(split)), rng.integers(0, 3, len(split))] += (pha[split] * 0.3).astype(np.int16)
    phas[:, 1, 1] = pha
    zero = np.zeros(n, np.float32)
    return {
        "time": START + expno * FRAME, "expno": expno, "ccd_id": rng.integers(0, 4, n).astype(np.int16),
        "node_id": ((chipx - 1) // 256).astype(np.int16), "chipx": chipx,
        "chipy": rng.integers(2, 1024, n).astype(np.int16), "tdetx": chipx, "tdety": chipx, "detx": zero, "dety": zero,
        "x": zero, "y": zero, "phas": phas, "pha": pha, "pha_ro": pha, "energy": (pha * 4.1).astype(np.float32),
        "pi": pha, "fltgrade": chipx, "grade": chipx, "status": np.zeros(n, np.uint32),
    }  # fmt: skip


def write_observation(folder: Path, n: int) -> None:
    from astropy.io.fits import Header

    from ciaopy.fits import write_dataset
    from ciaopy.fits.blocks import Column, Image, Table

    def write(name: str, block: str, columns: dict[str, np.ndarray], **keys: Any) -> None:
        header = Header()
        header.update(HEADER | keys)
        made = {k: Column(k, v, "32X" if k == "status" else "") for k, v in columns.items()}
        write_dataset(folder / name, [Image("PRIMARY", None, Header()), Table(block, made, header)], clobber=True)

    write("evt1.fits", "EVENTS", make_events(n))
    t = np.arange(START - 20, START + (n // 300 + 20) * FRAME, 0.25625)
    zero = np.zeros(len(t))
    ra, dec = 150.1163 + 2e-3 * np.sin(t / 160), 2.2058 + 2e-3 * np.cos(t / 110)
    aspect = {"time": t, "ra": ra, "dec": dec, "roll": zero + 68.8, "dy": zero, "dz": zero, "dtheta": zero}
    write("asol1.fits", "ASPSOL", aspect, CONTENT="ASPSOLOBI")
    rng = np.random.default_rng(2)
    pixels = rng.integers(2, 1024, (2, 200, 1)).repeat(2, axis=2).astype(np.int16)
    write("bpix1.fits", "BADPIX", {"chipx": pixels[0], "chipy": pixels[1], "time": np.zeros(200), "time_stop":
          np.zeros(200), "status": np.full(200, 2, np.uint32)}, CCD_ID=3)  # fmt: skip


def copy_columns(folder: Path, threads: int) -> float:
    """Read all columns and write them, nothing else; seconds."""
    from ciaopy.datamodel import Workspace

    start = time.perf_counter()
    ws = Workspace(nproc=threads)
    ws.write(folder / "copy.fits", ws.read(folder / "evt1.fits"), clobber=True)
    return time.perf_counter() - start


def run_tool(folder: Path, threads: int) -> float:
    """Run the whole tool from file to file; seconds."""
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet, ParFile, locate
    from ciaopy.tools import acis_process_events

    location = locate("acis_process_events")
    values = {"infile": "evt1.fits", "outfile": "out.fits", "acaofffile": "asol1.fits", "badpixfile": "bpix1.fits"}
    values = {k: str(folder / v) for k, v in values.items()} | {"gainfile": "lite", "clobber": "yes", "verbose": "0"}
    par = ParameterSet(ParFile.read(location.system or location.path), "acis_process_events", values, list(values))
    workspace = Workspace(nproc=threads)
    workspace.console.verbose = 0
    start = time.perf_counter()
    acis_process_events.run(par, workspace)
    return time.perf_counter() - start


def process_columns(folder: Path, threads: int) -> float:
    """Process columns that are in memory; seconds."""
    from ciaopy.acis.gain import gain_tables
    from ciaopy.acis.observing_mode import ObservingMode
    from ciaopy.acis.process import process_events
    from ciaopy.acis.processing import Calibration, ObservingSetup, ProcessingOptions
    from ciaopy.acis.recalibration import ColumnPlan
    from ciaopy.caldb import lite
    from ciaopy.coords import AspectSolution, EventTransform, FocalPlane, SkyFrame
    from ciaopy.datamodel import Workspace
    from ciaopy.events import parse_event_definition

    table = Workspace().read(folder / "evt1.fits")
    columns = {k: c.data for k, c in table.columns.items()}
    place = EventTransform(
        FocalPlane.from_header(HEADER), SkyFrame.from_header(HEADER), AspectSolution.read(folder / "asol1.fits")
    )
    gain: Any = lite.product("DET_GAIN", HEADER)
    subpixel: Any = lite.product("SUBPIX", HEADER)
    seen = ObservingSetup(mode=ObservingMode("FAINT", False, True), transform=place)
    options = ProcessingOptions(plan=ColumnPlan("raw", "sum", False, "gain", "computed"))
    calibration = Calibration(gain=gain_tables(gain), subpixel=subpixel)
    definition = parse_event_definition(DEFINITION)
    start = time.perf_counter()
    process_events(columns, definition, calibration, seen, options, (threads, 65536))
    return time.perf_counter() - start


MEASUREMENTS = {"copy": copy_columns, "tool": run_tool, "process": process_columns}


def measure(kind: str, folder: Path, threads: int) -> dict[str, float]:
    """Run one measurement three times in a process of its own; best time and peak memory."""
    command = [sys.executable, __file__, "--one", kind, str(folder), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="*", type=float, default=[1e6, 5e6])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("KIND", "FOLDER", "THREADS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, folder, threads = arguments.one
        times = [MEASUREMENTS[kind](Path(folder), int(threads)) for _ in range(3)]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": min(times), "first": times[0], "megabytes": memory}))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        for n in map(int, arguments.events):
            write_observation(folder, n)
            size = (folder / "evt1.fits").stat().st_size / 2**20
            for threads in (1, 2):
                found = {kind: measure(kind, folder, threads) for kind in MEASUREMENTS}
                ratio = found["tool"]["seconds"] / found["copy"]["seconds"]
                print(f"{n:.0e} events ({size:.0f} MB), {threads} thread(s): " + "; ".join(
                    f"{k} {v['seconds']:.2f} s, {n / v['seconds'] / 1e6:.1f} M/s, {v['megabytes']:.0f} MB"
                    for k, v in found.items()) + f"; tool/copy {ratio:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
