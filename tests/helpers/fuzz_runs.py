"""Runs of the fuzz campaign: one call in this process, and what became of it."""

from __future__ import annotations

import io
import os
import random
import re
import resource
import shutil
import signal
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from fuzz_oracle import wrong_copy, wrong_keyword, wrong_statistics
from fuzz_words import IN_PLACE, QUICK, SLOW, Call, Maker

#: Outcomes that are faults, and those that are not.
FAULTS = ("bug", "traceback", "garbage", "too slow", "died", "left", "unclear", "input harmed")
FINE = ("done", "refused", "usage", "no memory")
#: Of the processor, not of the clock: other work on the machine does not count.
SECONDS, GIGABYTES = 60, 5
READ_ONLY = ("check", "compare", "plist", "pget", "pline", "pdump", "pquery", "paccess", "punlearn", "pset")


class TooSlow(BaseException):
    """The time of a call is over."""


def limit() -> None:
    """Give this process five gigabytes, an alarm clock, and no network."""
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    signal.signal(signal.SIGPROF, _ring)

    def refuse(*_: Any) -> NoReturn:
        raise ConnectionRefusedError(111, "Connection refused")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse  # type: ignore[assignment]


def _ring(number: int, frame: FrameType | None) -> NoReturn:
    raise TooSlow


def pick_tool(rng: random.Random, tools: list[str]) -> str:
    """Quick tools often, slow ones seldom, the others between."""
    what = rng.random()
    if what < 0.5:
        return rng.choice(QUICK)
    if what < 0.56:
        return rng.choice(SLOW)
    if what < 0.62:
        return rng.choice(READ_ONLY)
    return rng.choice([tool for tool in tools if tool not in SLOW])


def make(number: int, seed: int, place: Path, tools: list[str], observations: list[Path]) -> tuple[Call, str]:
    """Make the folder `run` of a call, the call, and the oracle's question."""
    rng = random.Random(f"{seed}:{number}")
    folder = place / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    maker = Maker(rng, place / "library", folder, rng.choice(observations) if observations else None)
    tool = pick_tool(rng, tools)
    if tool in ("dmcopy", "dmstat", "dmkeypar") and rng.random() < 0.4:
        return _question(maker, tool)
    if tool in READ_ONLY:
        return _other(maker, tool, tools), ""
    return maker.call(tool), ""


def _question(maker: Maker, tool: str) -> tuple[Call, str]:
    """Ask what astropy can answer."""
    name = maker._file(None, "dmsort" if tool == "dmstat" else tool)
    while not name.endswith((".fits", ".gz")):
        name = maker._file(None, tool)
    if tool == "dmcopy":
        return Call(tool, [name, "out.fits", "option=all"], maker.files), f"copy {name}"
    if tool == "dmstat":
        column = maker.rng.choice(("time", "x", "energy", "u", "k"))
        return Call(tool, [f"{name}[2][cols {column}]"], maker.files), f"sum {name} {column}"
    key = maker.rng.choice(
        ("EXPOSURE", "TSTART", "NAXIS2", "TFIELDS", "EXTNAME", "DTCOR", "BLANK", "TTYPE2", "TLMAX3", "MJDREF")
    )
    block = maker.rng.choice((0, 1))
    return Call(tool, [f"{name}[{block + 1}]", key, "echo=yes"], maker.files), f"key {name} {block} {key}"


def _other(maker: Maker, name: str, tools: list[str]) -> Call:
    """Call a command that is no tool."""
    rng = maker.rng
    if name in ("check", "compare"):
        return Call(
            name, [maker._input("dmcopy", "infile", "") for _ in range(1 if name == "check" else 2)], maker.files
        )
    tool = rng.choice(tools)
    words = [tool if rng.random() < 0.9 else rng.choice(("nothing", "../x", "a/b.par", "\0", "in0.par", "n" * 5000))]
    made = maker.call(tool).words
    if name in ("pget", "pquery"):
        words += [w.split("=")[0] for w in made[:2]]
    elif name in ("pset", "pdump"):
        words += made[:3]
    return Call(name, words, maker.files)


def run(call: Call, question: str, place: Path) -> tuple[str, str]:
    """Run a call in the folder `run`; return (outcome, what it said)."""
    from ciaopy.cli.main import run_application

    folder = place / "run"
    os.chdir(folder)
    os.environ.update(
        {"HOME": str(folder / "home"), "PFILES": f"{folder / 'home'};", "NO_COLOR": "1", "TMPDIR": str(folder)}
    )
    (folder / "home").mkdir()
    before = {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file()}
    out, err = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = run_application([call.tool, *call.words])
    except TooSlow:
        return "too slow", err.getvalue()
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException as problem:  # noqa: BLE001  what came through is what is looked for
        return "traceback", repr(problem)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.chdir(place)
    outcome = judge(status, err.getvalue())
    if status == 1 and call.tool in ("check", "compare") and out.getvalue() and not err.getvalue():
        return "done", ""  # they say what they found on standard output
    if outcome[0] in ("refused", "usage") and (left := _left(call, folder, before)):
        return "left", f"{left}: {outcome[1]}"
    if call.tool not in IN_PLACE and (harmed := _harmed(call, before)):
        return "input harmed", f"{harmed}: {outcome[1]}"
    if outcome[0] == "done" and question:
        wrong = answer(question, folder, out.getvalue())
        if wrong:
            return ("read alone" if wrong == "read alone" else "garbage"), wrong
    return outcome


def judge(status: int, said: str) -> tuple[str, str]:
    """Name the outcome of a run by its status and its error lines."""
    lines = [line for line in said.splitlines() if line.startswith("# ") and "(ciaopy " in line[:60]]
    last = lines[-1] if lines else said[-300:]
    if "Traceback" in said:
        return "traceback", said[-600:]
    if "TooSlow" in said:
        return "too slow", last
    if "bug in ciaopy" in said:
        return "bug", last
    if status == 0:
        return "done", ""
    if "not enough memory" in last:
        return "no memory", last
    sound = re.match(r"# \S+ \(ciaopy [^)]*\): ERROR .{8,}", last)
    if len(lines) != 1 or not sound or "[Errno" in said or status not in (1, 2):
        return "unclear", f"status {status}: {said[-500:]}"
    return ("refused" if status == 1 else "usage"), last


def _left(call: Call, folder: Path, before: dict[Path, Any]) -> str:
    """Name a product that a refused run of one step left, and temporary files."""
    hidden = [p.name for p in folder.rglob(".ciaopy-*")]
    if hidden:
        return hidden[0]
    if call.tool in SLOW or call.tool in READ_ONLY:
        return ""
    outs = [w.partition("=")[2] for w in call.words if w.startswith(("outfile=", "outset="))]
    return next((o for o in outs if o and len(o) < 200 and "\0" not in o and o not in call.files
                 and (folder / o).is_file() and folder / o not in before), "")  # fmt: skip


def _harmed(call: Call, before: dict[Path, Any]) -> str:
    """Name an input that a tool changed though it was not its output."""
    outs = {
        w.partition("=")[2].lstrip("!").partition("[")[0]
        for w in call.words
        if w.startswith(("out", "countfile", "fracfile", "timefile", "logfile"))
    }
    for path, (size, when) in before.items():
        if path.name not in call.files or path.name in outs:
            continue
        if not path.exists() or (path.stat().st_size, path.stat().st_mtime_ns) != (size, when):
            return path.name
    return ""


def answer(question: str, folder: Path, text: str) -> str:
    """Ask the oracle; "" where all is well."""
    kind, name, *rest = question.split(" ")
    source = folder / name
    if kind == "copy":
        return wrong_copy(source, folder / "out.fits")
    if kind == "sum":
        return wrong_statistics(source, 1, rest[0], text)
    return wrong_keyword(source, int(rest[0]), rest[1], text)


def flush(line: str) -> None:
    """Write a line to the process that started this one."""
    sys.__stdout__.write(line + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
