"""Running ciaopy's commands as a user does: in a process of their own, with a private HOME."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ciaopy(tmp_path: Path) -> Run:
    """Run `ciaopy WORDS` in `tmp_path`; keywords are environment variables."""

    def run(*words: object, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "ciaopy.cli", *map(str, words)]
        env = {**os.environ, **environ}
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=env, check=False
        )

    return run
