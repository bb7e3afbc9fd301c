"""Simulated ACIS and HRC-I observations in archive layout, with their truth: for tests, benchmarks and practice.

`simulate(Setup(...), folder)` writes a complete observation; `ciaopy simulate` and `ciaopy demo` call it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.simulation.check import Check, FluxRow, ListedSource, check_events, flux_rows, listed_sources
    from ciaopy.simulation.grating_checks import check_gratings, listed_lines
    from ciaopy.simulation.hrc import HrcSetup, HrcSimulated, simulate_hrc
    from ciaopy.simulation.observation import Simulated, make_view, simulate
    from ciaopy.simulation.setup import MODES, Motion, Setup, Source, parse_chips, read_sources
    from ciaopy.simulation.xmm import XmmSetup, XmmSimulated, simulate_xmm

__all__ = [
    "MODES",
    "Check",
    "FluxRow",
    "HrcSetup",
    "HrcSimulated",
    "ListedSource",
    "Motion",
    "Setup",
    "Simulated",
    "Source",
    "XmmSetup",
    "XmmSimulated",
    "check_events",
    "check_gratings",
    "flux_rows",
    "listed_lines",
    "listed_sources",
    "make_view",
    "parse_chips",
    "read_sources",
    "simulate",
    "simulate_hrc",
    "simulate_xmm",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "grating_checks": "check_gratings listed_lines",
            "check": "Check FluxRow ListedSource check_events flux_rows listed_sources",
            "hrc": "HrcSetup HrcSimulated simulate_hrc",
            "observation": "Simulated make_view simulate",
            "setup": "MODES Motion Setup Source parse_chips read_sources",
            "xmm": "XmmSetup XmmSimulated simulate_xmm",
        },
    )
