"""A user is told, once, when kernels are compiled; what is on disk is loaded in silence."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import numpy as np
from ciaopy.kernels import on_compilation
on_compilation(lambda: print("compiling"))
from ciaopy.kernels import binning_compiled
grid = np.zeros(3, np.int64)
binning_compiled.add_counts(grid, np.array([0, 2, 2, -1]))
binning_compiled.axis_index(np.zeros(2), 0.0, 1.0, 3, 1, np.zeros(2, np.int64))
print(grid.tolist())
"""


def test_the_first_run_says_so_and_the_second_is_silent(tmp_path):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run([sys.executable, "-c", CODE], env=env, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        for _ in range(2)
    ]
    assert said == [["compiling", "[1, 0, 2]", ""], ["[1, 0, 2]", ""]]
