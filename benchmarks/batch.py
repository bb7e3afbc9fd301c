"""Many observations: cost of a job that does nothing, the same products everywhere, deaths, downloads.

    python3 benchmarks/batch.py nothing 10000 [--engine dask]   jobs of `true`: time, memory of the supervisor, ledger
    python3 benchmarks/batch.py entries 2000                    what the ledger and the record of a job cost
    python3 benchmarks/batch.py survey 20                       simulated observations, all stages; an unchanged rerun
    python3 benchmarks/batch.py plain 4                         with barriers, without loaded modules, single commands
    python3 benchmarks/batch.py deaths 2 --kills 20 [--victim supervisor|child|worker|scheduler]
    python3 benchmarks/batch.py same 2                          1 core, 2 cores, Dask, job array: product by product
    python3 benchmarks/batch.py download 200                    from a server here, with and without dropped connections

Everything happens in a folder of its own (--folder), which is removed.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import http.server
import os
import random
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
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


def simulate(number: int, events: str, different: int = 4) -> list[str]:
    """Make observations: some simulated ones, and copies of them under other ObsIDs."""
    names = [str(90001 + k) for k in range(number)]
    for k, name in enumerate(names):
        if Path(name).is_dir():
            continue
        if k < different:
            run("simulate", name, "--events", events, "--chips", "3", "--obsid", name, "--seed", str(k + 1))
        else:
            copy_observation(names[k % different], name)
    return names


def copy_observation(name: str, new: str) -> None:
    """Copy an observation whose number has as many digits as the new one; the data are the same."""
    for path in (p for p in Path(name).rglob("*.fits.gz") if "truth" not in p.parts):
        goal = Path(new) / Path(str(path.relative_to(name)).replace(name, new))
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(name.encode(), new.encode()), 1))


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


def watched(words: list[str], done: Path) -> tuple[float, float, list[tuple[int, float]], str]:
    """Run a command; return wall and CPU time (s), (jobs done, memory in MB) once a second, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    own, memory = psutil.Process(process.pid), []
    while process.poll() is None:
        try:
            rss = own.memory_info().rss / 1e6
            with sqlite3.connect(f"file:{done}?mode=ro", uri=True) as db:
                memory.append((db.execute("select count(*) from job where state = 'done'").fetchone()[0], rss))
        except (psutil.Error, sqlite3.Error):
            pass
        time.sleep(1.0)
    text = process.communicate()[0]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, cpu, memory, text


def run_words(folder: str) -> list[str]:
    return [*CIAOPY, "batch", "run", folder, "--num-cores", "2", "--disable-progress", *BANDS]


def busy(folder: str, cores: int = 2) -> float:
    """Return the fraction of the time between first and last job in which all cores had a job."""
    with sqlite3.connect(f"{folder}/ledger.sqlite") as db:
        spans = db.execute("select started, ended from attempt where ended > 0").fetchall()
    steps = sorted([(a, 1) for a, _ in spans] + [(b, -1) for _, b in spans])
    full, running, last = 0.0, 0, float(steps[0][0])
    for when, change in steps:
        full += (when - last) * (running >= cores)
        running, last = running + change, when
    return float(full / (steps[-1][0] - steps[0][0]))


def survey(number: int) -> None:
    names = simulate(number, "1e3")
    run("batch", "init", "s", *names)
    wall, cpu, memory, text = watched(run_words("s"), Path("s/ledger.sqlite"))
    with sqlite3.connect("s/ledger.sqlite") as db:
        jobs, own = db.execute("select count(*), sum(cpu_seconds) from job").fetchone()
    start = time.monotonic()
    again = run("batch", "run", "s", "--num-cores", "2", "--disable-progress")
    unchanged = time.monotonic() - start
    print(text.splitlines()[-1], "/", again.stdout.splitlines()[-1])
    print(
        f"{number} observations, {jobs} jobs in {wall:.1f} s on 2 cores; CPU of the jobs {own:.1f} s, of all"
        f" {cpu:.1f} s ({cpu / number:.2f} s an observation); both cores had a job for {100 * busy('s'):.0f}%"
        f" of the time; unchanged rerun {unchanged:.2f} s"
    )
    tenth = max(len(memory) // 8, 1)
    print("memory of the supervisor:", ", ".join(f"{n} jobs done {m:.0f} MB" for n, m in memory[::tenth]))


def plain(number: int) -> None:
    """What no barriers and loaded modules save, and what single commands cost."""
    names = simulate(number, "1e3")
    figures = {}
    for way in ("batch", "barriers", "fresh"):
        run("batch", "init", way, *names)
        stages = [
            "prepare_chandra_info",
            "chandra_repro",
            "deflare",
            "cleaned_chandra_evts",
            "flux_image",
            "rate_image",
        ]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        for stage in stages if way == "barriers" else [",".join(stages)]:
            words = [*run_words(way), "--stages", stage]
            if way == "fresh":
                code = "import sys, dataclasses, ciaopy.batch.chandra as c\n"
                code += "c.CHANDRA = dataclasses.replace(c.CHANDRA, modules=())\n"
                code += "from ciaopy.cli.main import run_application\nsys.exit(run_application(sys.argv[1:]))"
                words = [sys.executable, "-c", code, *words[3:]]
            subprocess.run(words, check=True, capture_output=True)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        figures[way] = (wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for name in names:
        single_commands(name)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    alone = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for way, (wall, cpu) in figures.items():
        print(f"{way}: {wall / number:.2f} s wall, {cpu / number:.2f} s CPU an observation")
    print(f"single commands: {alone / number:.2f} s CPU an observation; ratio {figures['batch'][1] / alone:.2f}")


def single_commands(name: str) -> None:
    """Do by hand what a survey does with one observation."""
    out = f"single/{name}"
    events = f"{out}/repro/acisf{name}_repro_evt2.fits"
    lines = [
        ["chandra_repro", name, f"{out}/repro", "clobber=yes", "mode=h"],
        ["dmextract", f"{events}[energy=500:7000][bin time=::200]", f"{out}/lc.fits", "opt=ltc1"],
        ["deflare", f"{out}/lc.fits", f"{out}/gti.fits", "sigma", "mode=h"],
        ["dmcopy", f"{events}[EVENTS][@{out}/gti.fits][status=0][grade=0,2,3,4,6]", f"{out}/repro/clean.fits"],
        ["fluximage", f"{out}/repro/clean.fits", f"{out}/flux/", "bands=0.5:7:2.3", "binsize=16", "psfecf=0.9"],
        ["fluximage", f"{out}/repro/clean.fits", f"{out}/rate/", "bands=0.5:7:2.3", "binsize=16", "units=time"],
    ]
    Path(out).mkdir(parents=True, exist_ok=True)
    for words in lines:
        done = run(*words)
        assert done.returncode == 0, (words, done.stderr)


def entries(number: int) -> None:
    """Ledger and record of a job as the supervisor and the watcher write them, and a status."""
    from ciaopy.batch.ledger import Ledger
    from ciaopy.batch.records import write_record

    Path("l").mkdir()
    row = {"stage": "flux_image", "config": "c", "state": "running", "parameters": {"en_bounds": [[0.5, 7.0]] * 5},
           "inputs": {f"f{k}": {"size": 1, "sha256": "0" * 64} for k in range(6)}, "versions": {"ciaopy": "0"},
           "extra": {"paths": {}, "values": {}}, "notes": [], "limits": {}, "log": "l", "message": ""}  # fmt: skip
    made = {"products": {f"images/p{k}.fits": {"size": 1, "mtime_ns": 1} for k in range(20)}, "mission": "chandra"}
    start = [time.monotonic(), time.process_time()]
    with Ledger(Path("l/ledger.sqlite"), write=True) as ledger:
        for k in range(number):
            job = row | {"ident": f"{k}ACISE001", "obs_id": str(k)}
            ledger.put_job(job)
            ledger.put_attempt(job | {"number": 1})
            ledger.commit()
            record = job | made | {"state": "done", "attempt": 1}
            write_record(Path("l"), record)
            ledger.take(record)
            ledger.commit()
    wall, cpu = time.monotonic() - start[0], time.process_time() - start[1]
    size = Path("l/ledger.sqlite").stat().st_size
    print(
        f"{number} jobs: ledger and record {1e3 * wall / number:.2f} ms a job ({1e3 * cpu / number:.2f} ms CPU);"
        f" ledger {size / number:.0f} bytes a job"
    )


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


def deaths(number: int, kills: int, victim: str) -> bool:
    names = simulate(number, "1e3")
    for name in ("undisturbed", "killed"):
        run("batch", "init", name, *names)
    start = time.monotonic()
    run("batch", "run", "undisturbed", "--num-cores", "2", "--disable-progress", *BANDS)
    whole = time.monotonic() - start
    dice = random.Random(15)
    tally = {"hit": 0, "left": 0, "runs": 0}
    with cluster(victim in ("worker", "scheduler")) as words:
        while tally["hit"] < kills and tally["runs"] < 3 * kills:
            one_death(victim, words, dice, whole, tally)
            unsound = [
                p for p in Path("killed").rglob("processed_data/**/*.fits") if p.is_file() and p.stat().st_size % 2880
            ]
            assert not unsound, unsound
    end = run("batch", "run", "killed", "--num-cores", "2", "--disable-progress", *BANDS)
    print(
        f"{tally['hit']} deaths of a {victim} in {tally['runs']} runs; {tally['left']} processes half a second after;"
        f" last exit {end.returncode}"
    )
    return compare("after the deaths", Path("undisturbed"), Path("killed")) and not tally["left"]


@contextlib.contextmanager
def cluster(wanted: bool) -> Iterator[list[str]]:
    """Yield the options of a run; with a Dask scheduler that keeps its address, and two workers that come back."""
    if not wanted:
        yield ["--num-cores", "2"]
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    parts = {
        "scheduler": ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
        "worker": ["distributed.cli.dask_worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard",
                   "--memory-limit", "0"],
    }  # fmt: skip
    ended = threading.Event()

    def keep(part: str) -> None:
        while not ended.is_set():
            words = [sys.executable, "-m", *parts[part]]
            PARTS[part] = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            PARTS[part].wait()

    threads = [threading.Thread(target=keep, args=(p,)) for p in parts]
    for thread in threads:
        thread.start()
    try:
        yield ["--scheduler", address]
    finally:
        ended.set()
        for process in PARTS.values():
            process.terminate()
        for thread in threads:
            thread.join()


PARTS: dict[str, subprocess.Popen[bytes]] = {}


def one_death(victim: str, words: list[str], dice: random.Random, whole: float, tally: dict[str, int]) -> None:
    """Begin a run, kill somebody at a random moment, and look who is left half a second later."""
    process = subprocess.Popen(
        [*CIAOPY, "batch", "run", "killed", "--disable-progress", *words, *BANDS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tally["runs"] += 1
    time.sleep(dice.uniform(0.5, 0.5 + whole / 5))
    chosen = psutil.Process(process.pid) if victim == "supervisor" else chosen_victim(victim, process, dice)
    if chosen is not None and process.poll() is None:
        with contextlib.suppress(psutil.Error):
            family = chosen.children(recursive=True)
            chosen.kill()
            tally["hit"] += 1
            if victim == "supervisor":
                process.wait()
            if victim != "scheduler":
                psutil.wait_procs([chosen], timeout=5)
                time.sleep(0.5)
                tally["left"] += sum(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)
    if victim in ("child", "worker"):
        process.wait()
        with sqlite3.connect("killed/ledger.sqlite") as db:  # so that there is something to do in the next run
            db.execute("delete from job where stage = 'chandra_repro'")
            db.commit()
    elif victim == "scheduler":
        process.wait()


def chosen_victim(victim: str, process: subprocess.Popen[bytes], dice: random.Random) -> psutil.Process | None:
    """Return the process of a job, or a worker or the scheduler of the cluster."""
    with contextlib.suppress(psutil.Error):
        if victim == "scheduler":
            return psutil.Process(PARTS["scheduler"].pid)
        if victim == "worker":
            found = psutil.Process(PARTS["worker"].pid).children()
            workers = [p for p in found if "spawn_main" in " ".join(p.cmdline())]
            return dice.choice(workers) if workers else None
        servers = psutil.Process(process.pid).children()
        jobs = [job for server in servers for watcher in server.children() for job in watcher.children()]
        return dice.choice(jobs) if jobs else None
    return None


def download(number: int) -> None:
    """Fetch files from a server here: as it is, over connections that drop, and by curl."""
    from ciaopy.transfer import Transfers, archive_mirrors, fetch_observation

    root = Path("http/byobsid/1/90101/secondary")
    root.mkdir(parents=True)
    data = os.urandom(1 << 20)
    for k in range(number):
        (root / f"acisf90101_{k:04d}_evt1.dat").write_bytes(data)
    total = number * len(data) / 1e6
    os.environ["no_proxy"] = "*"
    server = subprocess.Popen([sys.executable, __file__, "serve", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    base = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        for way, path in (("sound", "plain"), ("every connection drops after 300 kB", "drop")):
            start, cpu = time.monotonic(), time.process_time()
            out = Path(f"out-{path}")
            fetch_observation("90101", out, archive_mirrors([f"{base}/{path}"]), None, Transfers())
            wall = time.monotonic() - start
            whole = all((out / "secondary" / p.name).read_bytes() == data for p in root.iterdir())
            print(f"{way}: {total / wall:.0f} MB/s, {time.process_time() - cpu:.1f} s CPU, all files whole: {whole}")
        for way, options in (("curl, one after the other", []), ("curl, 4 at a time", ["-Z", "--parallel-max", "4"])):
            start = time.monotonic()
            names = f"{base}/plain/byobsid/1/90101/secondary/acisf90101_[0000-{number - 1:04d}]_evt1.dat"
            Path("curl").mkdir(exist_ok=True)
            subprocess.run(["curl", "-s", *options, names, "-o", "curl/#1"], check=True)
            print(f"{way}: {total / (time.monotonic() - start):.0f} MB/s")
    finally:
        server.terminate()
        server.wait()


class Files(http.server.BaseHTTPRequestHandler):
    """plain/ and drop/ over the same files; the latter end after 300 kB."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        return None

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        way, _, rest = self.path.lstrip("/").partition("/")
        path = Path("http") / rest
        if path.is_dir():
            names = [p.name + "/" * p.is_dir() for p in path.iterdir()]
            data = "".join(f'<a href="{n}">{n}</a>\n' for n in names).encode()
        else:
            data = path.read_bytes()
        start = int(self.headers["Range"][6:].split("-")[0]) if self.headers.get("Range") else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "GET":
            rest_of_it = data[start:]
            cut = way == "drop" and len(rest_of_it) > 300_000
            self.wfile.write(rest_of_it[:300_000] if cut else rest_of_it)
            self.close_connection = self.close_connection or cut


def serve() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    print(server.server_port, flush=True)
    server.serve_forever()


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
    names = ["nothing", "entries", "survey", "plain", "deaths", "same", "download", "serve"]
    parser.add_argument("what", choices=names)
    parser.add_argument("number", type=int)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--victim", default="supervisor", choices=["supervisor", "child", "worker", "scheduler"])
    parser.add_argument("--folder")
    given = parser.parse_args()
    if given.what == "serve":
        serve()
        return
    folder = Path(given.folder) if given.folder else Path(tempfile.mkdtemp(prefix="ciaopy-batch-"))
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    ways: dict[str, Callable[[], bool | None]] = {
        "nothing": lambda: nothing(given.number, given.engine),
        "entries": lambda: entries(given.number),
        "survey": lambda: survey(given.number),
        "plain": lambda: plain(given.number),
        "deaths": lambda: deaths(given.number, given.kills, given.victim),
        "same": lambda: same(given.number),
        "download": lambda: download(given.number),
    }
    try:
        good = ways[given.what]() is not False
    finally:
        os.chdir("/")
        if not given.folder:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
