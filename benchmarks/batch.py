"""Many observations: cost of a job that does nothing, the same products everywhere, deaths.

    python3 benchmarks/batch.py nothing 10000 [--engine dask]   jobs of `true`: time, memory of the supervisor, ledger
    python3 benchmarks/batch.py survey 20                       simulated observations, all stages; an unchanged rerun
    python3 benchmarks/batch.py deaths 2 --kills 20             SIGKILL of the supervisor at random moments
    python3 benchmarks/batch.py same 2                          1 core, 2 cores, Dask, job array: product by product

Everything happens in a folder of its own (--folder), which is removed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

CIAOPY = [sys.executable, "-m", "ciaopy.cli"]
BANDS = [
    "--set",
    "flux_image.en_bounds=0.5:7",
    "--set",
    "flux_image.effective_ens=2.3",
    "--set",
    "flux_image.acis_bin_size=16",
    "--set",
    "rate_image.en_bounds=0.5:7",
    "--set",
    "rate_image.effective_ens=2.3",
    "--set",
    "rate_image.acis_bin_size=16",
]
DATE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def run(*words: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CIAOPY, *words], check=False, capture_output=True, text=True, **how)  # type: ignore[call-overload]


def simulate(number: int, events: str) -> list[str]:
    names = []
    for k in range(number):
        name = str(90001 + k)
        if not Path(name).is_dir():
            run("simulate", name, "--events", events, "--chips", "3", "--obsid", name, "--seed", str(k + 1))
        names.append(name)
    return names


def nothing(number: int, engine: str) -> None:
    """Jobs of `true` for observations of which only the inventory is read."""
    per = 100
    for k in range(-(-number // per)):
        folder = Path(f"tiny/{95001 + k}")
        (folder / "primary").mkdir(parents=True)
    source = simulate(1, "1e3")[0]
    for k in range(-(-number // per)):
        folder = Path(f"tiny/{95001 + k}")
        for kind in ("secondary/*evt1*", "primary/*asol1*"):
            path = next(Path(source).glob(kind))
            (folder / path.parent.name).mkdir(exist_ok=True)
            change_obsid(path, folder / path.parent.name / path.name, 95001 + k)
    run("batch", "init", "s", *map(str, sorted(Path("tiny").iterdir())))
    toml = Path("s/survey.toml")
    commands = "".join(f'\n[[command]]\nname = "c{k}"\nargv = ["true"]\n' for k in range(per))
    toml.write_text(toml.read_text() + commands)
    names = ",".join(f"c{k}" for k in range(per))
    run("batch", "run", "s", "--stages", "prepare_chandra_info")
    start = time.monotonic()
    words = [
        *CIAOPY,
        "batch",
        "run",
        "s",
        "--stages",
        names,
        "--disable-progress",
        "--num-cores",
        "2",
        "--engine",
        engine,
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    peak = 0
    own = psutil.Process(process.pid)
    cpu = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, own.memory_info().rss)
            cpu = own.cpu_times().user + own.cpu_times().system
        except psutil.Error:
            break
        time.sleep(0.2)
    text = process.communicate()[0]
    wall = time.monotonic() - start
    start = time.monotonic()
    run("batch", "status", "s")
    status = time.monotonic() - start
    size = Path("s/ledger.sqlite").stat().st_size
    print(text.splitlines()[-1])
    print(
        f"{engine}: {number} jobs in {wall:.1f} s: {1e3 * wall / number:.2f} ms a job; the supervisor's own CPU "
        f"{1e3 * cpu / number:.2f} ms a job, its peak memory {peak / 1e6:.0f} MB;"
        f" ledger {size / 1e6:.1f} MB; status {status:.2f} s"
    )


def change_obsid(source: Path, target: Path, obs_id: int) -> None:
    from astropy.io import fits

    with fits.open(source) as file:
        for hdu in file:
            hdu.header["OBS_ID"] = str(obs_id)
        file.writeto(target)


def survey(number: int) -> None:
    names = simulate(number, "1e3")
    run("batch", "init", "s", *names)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = run("batch", "run", "s", "--num-cores", "2", "--disable-progress", *BANDS)
    wall = time.monotonic() - start
    with sqlite3.connect("s/ledger.sqlite") as db:
        jobs, cpu, seconds = db.execute("select count(*), sum(cpu_seconds), sum(seconds) from job").fetchone()
    start = time.monotonic()
    again = run("batch", "run", "s", "--num-cores", "2", "--disable-progress")
    unchanged = time.monotonic() - start
    print(done.stdout.splitlines()[-1], "/", again.stdout.splitlines()[-1])
    print(
        f"{number} observations, {jobs} jobs in {wall:.1f} s on 2 cores; CPU of the jobs {cpu:.1f} s; "
        f"both cores had a job for {100 * min(seconds / 2 / wall, 1):.0f}% of the time;"
        f" unchanged rerun {unchanged:.2f} s"
    )
    del before


def fingerprint(folder: Path) -> dict[str, str]:
    """Digest of every product, creation dates and check sums aside."""
    from astropy.io import fits

    found = {}
    place = folder / "processed_data"
    for path in sorted(p for p in place.rglob("*") if p.is_file() and p.parent.name not in ("logs", "records")):
        digest = hashlib.sha256()
        if path.suffix == ".fits":
            with fits.open(path, checksum=False) as file:
                for hdu in file:
                    for card in hdu.header.cards:
                        if card.keyword not in ("CHECKSUM", "DATASUM", "DATE"):
                            digest.update(DATE.sub(b"date", str(card).encode()))
                    digest.update(b"" if hdu.data is None else hdu.data.tobytes())
        else:
            digest.update(path.read_bytes())
        found[str(path.relative_to(place))] = digest.hexdigest()
    return found


def table(folder: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        sql = "select ident, stage, config, state, parameters, inputs, extra from job"
        sql += " where state != 'superseded' order by ident, stage"
        return db.execute(sql).fetchall()


def compare(title: str, one: Path, other: Path) -> bool:
    a, b = fingerprint(one), fingerprint(other)
    differ = sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
    same = not differ and table(one) == table(other)
    print(
        f"{title}: {len(a)} products, {'equal' if not differ else 'DIFFERENT: ' + ', '.join(differ[:5])}; "
        f"ledgers {'equal' if table(one) == table(other) else 'DIFFERENT'}"
    )
    return same


def deaths(number: int, kills: int) -> bool:
    names = simulate(number, "1e3")
    for name in ("undisturbed", "killed"):
        run("batch", "init", name, *names)
    start = time.monotonic()
    run("batch", "run", "undisturbed", "--num-cores", "2", "--disable-progress", *BANDS)
    whole = time.monotonic() - start
    dice = random.Random(15)
    orphans = resumed = 0
    for _ in range(kills):
        process = subprocess.Popen(
            [*CIAOPY, "batch", "run", "killed", "--num-cores", "2", "--disable-progress", *BANDS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(dice.uniform(0.5, 0.5 + whole / 5))
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        resumed += process.poll() is None
        process.kill()
        process.wait()
        time.sleep(0.5)
        orphans += sum(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)
        unsound = [
            p for p in Path("killed").rglob("processed_data/**/*.fits") if p.is_file() and p.stat().st_size % 2880
        ]
        assert not unsound, unsound
    end = run("batch", "run", "killed", "--num-cores", "2", "--disable-progress", *BANDS)
    print(
        f"{kills} deaths, {resumed} of them in the middle of a run; {orphans} processes half a second after;"
        f" last exit {end.returncode}"
    )
    return compare("after the deaths", Path("undisturbed"), Path("killed")) and not orphans


def same(number: int) -> bool:
    names = simulate(number, "1e3")
    ways = {"one": ["--num-cores", "1"], "two": ["--num-cores", "2"], "dask": ["--engine", "dask", "--workers", "2"]}
    for name, words in ways.items():
        run("batch", "init", name, *names)
        run("batch", "run", name, "--disable-progress", *words, *BANDS)
    run("batch", "init", "array", *names)
    shutil.copy("one/survey.toml", "array/survey.toml")
    run("batch", "slurm", "array")
    for index in range(number):
        subprocess.run(
            ["bash", "array/slurm/array.sh"],
            check=True,
            env={**os.environ, "SLURM_ARRAY_TASK_ID": str(index)},
            capture_output=True,
        )
    run("batch", "collect", "array")
    good = [compare(f"{name} and 1 core", Path("one"), Path(name)) for name in ("two", "dask", "array")]
    return all(good)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["nothing", "survey", "deaths", "same"])
    parser.add_argument("number", type=int)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--folder")
    given = parser.parse_args()
    folder = Path(given.folder) if given.folder else Path(tempfile.mkdtemp(prefix="ciaopy-batch-"))
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    good = True
    try:
        if given.what == "nothing":
            nothing(given.number, given.engine)
        elif given.what == "survey":
            survey(given.number)
        elif given.what == "deaths":
            good = deaths(given.number, given.kills)
        else:
            good = same(given.number)
    finally:
        os.chdir("/")
        if not given.folder:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
