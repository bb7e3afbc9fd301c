"""Grounds for the examples of the manual, and how an example is run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from ciaopy.cli import run
from ciaopy.cli.main import run_application

#: Small ones: an example shows how, not how much.
GROUNDS = {
    "demo": "demo ciaopy-demo --events 20000",
    "hetg": "demo ciaopy-demo --events 20000 --grating hetg",
    "hrc": "demo ciaopy-demo --events 20000 --detector hrc-i",
    "xmm": "simulate ciaopy-demo --mission xmm",
}
#: What only a shell can do.
SHELL = set("|<>;$&`*?{}~#!")


def make_ground(name: str, folder: Path) -> Path:
    """Make one ground below `folder`, unless it is there, and return the folder that examples start in."""
    made = folder / name
    if not made.is_dir():
        making = folder / f"{name}.making"
        making.mkdir(parents=True)
        command = [sys.executable, "-m", "ciaopy.cli", *GROUNDS[name].split()]
        subprocess.run(command, cwd=making, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        making.rename(made)
    return made / "ciaopy-demo"


def make_shims(folder: Path) -> Path:
    """Make commands of all tools."""
    subprocess.run([sys.executable, "-m", "ciaopy.cli", "shims", folder], check=True, capture_output=True)
    return folder


def needs_shell(line: str) -> bool:
    """True where a line has more than words in quotes."""
    quote = ""
    for character in line:
        if quote:
            if quote == '"' and character in "$`\\":
                return True
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in SHELL:
            return True
    words = shlex.split(line)
    return not (words[0] == "ciaopy" or run.is_command(words[0]))


def run_line(line: str, shims: Path) -> tuple[int, str]:
    """Run one line in the working directory; return its status, and what it said where a shell ran it."""
    if not needs_shell(line):
        words = shlex.split(line)
        if words[0] == "ciaopy":
            return run_application(words[1:]), ""
        return run.run_command(words[0], words[1:]), ""
    environment = os.environ | {"PATH": f"{shims}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def run_script(code: str) -> tuple[int, str]:
    """Run Python in the working directory, in a process of its own."""
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300)
    return done.returncode, done.stdout + done.stderr


def copy_ground(ground: Path, to: Path) -> Path:
    """Copy a ground for one page: its examples may change files."""
    return Path(shutil.copytree(ground, to))
