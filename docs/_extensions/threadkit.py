"""What every thread begins with: commands of all tools on the PATH, parameter files of its own, no CALDB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FORGOTTEN = ("CALDB", "CALDBCONFIG", "CALDBALIAS", "ASCDS_INSTALL", "SAS_DIR", "UPARM", "PDIRS")


def begin() -> None:
    """Prepare the folder of a thread."""
    here = Path.cwd()
    subprocess.run([sys.executable, "-m", "ciaopy.cli", "shims", here / ".bin"], check=True, capture_output=True)
    (here / ".par").mkdir(exist_ok=True)
    for name in FORGOTTEN:
        os.environ.pop(name, None)
    os.environ["PATH"] = f"{here / '.bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["PFILES"] = f"{here / '.par'};"
    os.environ["COLUMNS"] = "100"
