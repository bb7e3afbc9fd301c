"""Completion in a real shell under a pseudo-terminal: it completes, and it never runs the tool."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ciaopy.cli.shims import shim_text

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(ciaopy completion bash dmcopy)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -u; eval "$(ciaopy completion zsh dmcopy)"'),
    "fish": (["fish", "--no-config", "-i"], "ciaopy completion fish dmcopy | source"),
}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b\x0e-\x1f]")


#: Makes the pseudo-terminal the one that controls the shell, then becomes the shell.
LAUNCH = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A shell that believes in a terminal."""

    def __init__(self, words: list[str], folder: Path, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *words],
            cwd=folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str, seconds: float = 40) -> bool:
        """Read until the screen shows a pattern."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if re.search(pattern, self.seen):
                return True
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += ESCAPES.sub("", os.read(self.master, 65536).decode("utf-8", "replace"))
                except OSError:
                    break
        return bool(re.search(pattern, self.seen))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with an input, a PATH with `ciaopy` and shims, and no parameter files."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ciaopy").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m ciaopy.cli "$@"\n')
    for name in ("dmcopy", "pset"):
        (programs / name).write_text(shim_text(name, sys.executable))
    for path in programs.iterdir():
        path.chmod(0o755)
    (tmp_path / "t.txt").write_text("#x y\n1 2\n")
    env = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "PS1": "% ",
    }
    return tmp_path, env


@pytest.mark.slow
@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_a_shell_completes_and_runs_nothing(place, shell):
    folder, env = place
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    words, setup = SHELLS[shell]
    terminal = Terminal(words, folder, env)
    try:
        terminal.type(f"{setup}; echo re''ady\n")
        assert terminal.wait_for(r"\bready\r?\n"), terminal.seen
        terminal.seen = ""
        terminal.type("dmcopy t.txt out.fits clob\t")
        assert terminal.wait_for("clobber="), terminal.seen
        terminal.type("\x15")
        terminal.type("dmcopy t.txt out.fits \t\t")
        terminal.wait_for("never shown", 2)
    finally:
        terminal.close()
    assert not (folder / "out.fits").exists() and not list(folder.glob("cxcds_param*/dmcopy*"))


@pytest.mark.parametrize("name", ["dmcopy", "pset"])
def test_a_shim_that_is_asked_for_completions_prints_them_and_runs_nothing(place, name):
    folder, env = place
    line = {"dmcopy": "dmcopy t.txt out.fits clob", "pset": "pset fluximage binsize=4"}[name]
    env = {**env, f"_{name.upper()}_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "3"}
    done = subprocess.run([name, "t.txt", "out.fits"], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr
    assert ("plain,clobber=" in done.stdout) == (name == "dmcopy")
    assert not (folder / "out.fits").exists() and not (folder / "cxcds_param4").exists()
