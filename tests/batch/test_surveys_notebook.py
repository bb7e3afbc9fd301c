"""The notebook on surveys: its cells are those of the script beside it, and the script runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_notebook_is_the_script():
    script = (DOCS / "surveys_example.py").read_text().splitlines()
    cells = json.loads((DOCS / "surveys.ipynb").read_text())["cells"]
    code = [line for c in cells if c["cell_type"] == "code" for line in "".join(c["source"]).splitlines()]
    changed = {"import tempfile", "here = Path(tempfile.mkdtemp())"}
    assert not [line for line in code if line not in script and line not in changed]
    left = {"here = Path(sys.argv[1])"}
    kept = [line for line in script[script.index("import subprocess") :] if line and line[0] != "#"]
    assert not [line for line in kept if line not in code and line not in left]


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    words = [sys.executable, str(DOCS / "surveys_example.py"), str(tmp_path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "skipped: no aspect solution" in done.stdout and "['hard.fits', 'hard.fits']" in done.stdout
