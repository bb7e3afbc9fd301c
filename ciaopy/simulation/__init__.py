"""Simulated ACIS observations in archive layout, with their truth: for tests, benchmarks and practice.

`simulate(Setup(...), folder)` writes a complete observation; `ciaopy simulate` and `ciaopy demo` call it.
"""

from __future__ import annotations

from ciaopy.simulation.observation import Simulated, simulate
from ciaopy.simulation.setup import MODES, Setup, Source

__all__ = ["MODES", "Setup", "Simulated", "Source", "simulate"]
