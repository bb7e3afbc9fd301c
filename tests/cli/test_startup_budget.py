"""What each class of tool may load: start-up is a budget of modules, which a test can hold, not of seconds."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from datamodel_helpers import write_events

#: Libraries that take from 20 ms to a second to load.
HEAVY = frozenset({"astropy", "click", "fitsio", "lark", "matplotlib", "numba", "numpy", "psutil", "rich"})

PARAMETER_TOOLS = ["plist fluximage", "pget fluximage binsize", "pset fluximage binsize=2", "punlearn ardlib"]
HEADER_TOOLS = [
    "dmkeypar evt.fits TELESCOP",
    "dmkeypar evt.fits[EVENTS] TELESCOP echo+",
    "dmkeypar packed.fits.gz TELESCOP",
]
ROW_TOOLS = [
    "dmcopy evt.fits out.fits",
    "dmcopy evt.fits[energy=500:7000] out.fits",
    "dmcopy evt.fits[sky=circle(4096,4096,300)-box(4096,4096,10,20,30)] out.fits",
    "dmcopy evt.fits[bin/sky=64] out.fits",
    "dmlist evt.fits[#row=1:5] data",
    "dmlist evt.fits blocks",
    "dmlist evt.fits header",
    "dmstat evt.fits[cols/energy] verbose=0",
    "dmsort evt.fits out.fits energy",
    "dmhedit evt.fits none add OBSERVER me",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("budget")
    write_events(place / "evt.fits", TELESCOP="CHANDRA")
    (place / "packed.fits.gz").write_bytes(gzip.compress((place / "evt.fits").read_bytes()))
    return place


def loaded(command: str, folder: Path) -> set[str]:
    """Top-level modules in a fresh process after a command; its blanks stand between words, `/` for one inside."""
    words = [w.replace("/", " ") for w in command.split()]
    code = (
        "import sys\n"
        "from ciaopy.cli.main import run_application\n"
        f"status = run_application({words!r})\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    (folder / "out.fits").unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("command", PARAMETER_TOOLS)
def test_parameter_tools_load_nothing(command, folder):
    assert not loaded(command, folder) & HEAVY


@pytest.mark.parametrize("command", HEADER_TOOLS)
def test_header_tools_read_headers_without_numpy(command, folder):
    assert not loaded(command, folder) & HEAVY


@pytest.mark.parametrize("command", ROW_TOOLS)
def test_row_tools_load_numpy_alone(command, folder):
    assert loaded(command, folder) & HEAVY <= {"numpy", "lark"}
