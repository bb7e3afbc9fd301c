"""Progress on a terminal: only there, only where something is to be said, within its columns."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from ciaopy.activity import QUIET, open_activity
from ciaopy.console import Console, StepConsole, shown

SCRIPT = """
import sys, time
from ciaopy import activity
activity.DELAY = 0.0
activity.TerminalActivity.__init__.__defaults__ = (0.0,)
from ciaopy.console import Console, shown
console = Console({verbose})
with shown(console, "fluximage"), console.task("steps", 3) as steps:
    for number in range(3):
        steps.show("mkexpmap a_rather_long_name_of_a_product_" + "x" * 90)
        time.sleep(0.15)
        console.say(f"message {{number}}")
        steps.advance()
console.output("the end")
"""


def on_terminal(columns: int, verbose: int = 1, to_file: bool = False) -> tuple[str, str]:
    """Run the script with a terminal as its error stream (and output); return what it shows, and what it prints."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")} | {"TERM": "xterm"}
    out = subprocess.PIPE if to_file else slave
    words = [sys.executable, "-c", SCRIPT.format(verbose=verbose)]
    process = subprocess.Popen(words, stdout=out, stderr=slave, stdin=subprocess.DEVNULL, env=env)
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    printed = process.communicate()[0] or b""
    assert process.returncode == 0, seen
    return seen.decode(), printed.decode()


@pytest.mark.parametrize("columns", [80, 100])
def test_a_terminal_shows_steps_within_its_columns(columns):
    seen, _ = on_terminal(columns)
    assert "fluximage" in seen and "1/3" in seen and "mkexpmap" in seen and "…" in seen
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen))
    assert max(map(len, lines)) <= columns
    plain = [line.strip() for line in lines]
    assert [line for line in plain if line.startswith("message")] == ["message 0", "message 1", "message 2"]
    assert plain[-2:] in (["the end", ""], ["", "the end"]) or "the end" in plain[-1]


def test_output_that_goes_to_a_file_stays_clean():
    seen, printed = on_terminal(80, to_file=True)
    assert "1/3" in seen and printed.splitlines() == ["message 0", "message 1", "message 2", "the end"]


def test_verbose_0_is_silent():
    seen, printed = on_terminal(80, verbose=0, to_file=True)
    assert seen == "" and printed == "the end\n"


def test_nothing_is_shown_without_a_terminal(capsys, monkeypatch):
    assert open_activity(1) is QUIET
    console = Console()
    with shown(console, "tool"):
        assert console.activity is QUIET
        with console.task("steps", 2) as task:
            task.show("first")
            task.advance()
            assert task.done == 1
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert open_activity(1) is QUIET


def test_consoles_of_steps_share_the_display():
    console = Console()
    console.activity = activity = object()
    console.what = "754"
    for other in (console.at(3), StepConsole(console)):
        assert other.activity is activity and other.what == "754"
    console.activity = QUIET
