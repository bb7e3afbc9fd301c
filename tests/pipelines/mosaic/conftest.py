"""Three simulated pointings, and what merge_obs makes of them, once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from mosaic_helpers import CENTRE, OBSIDS, POINTINGS, SOURCES, Merged, infiles, tool

from ciaopy.simulation import Setup, simulate


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three observations."""
    place = tmp_path_factory.mktemp("sky")
    for i, (dx, dy, roll, date, flare) in enumerate(POINTINGS):
        setup = Setup(
            events=14000, mode="GRADED", chips=(0, 1, 2, 3), seed=i + 1, exposure=8000.0, date=date,
            ra=CENTRE[0] + dx, dec=CENTRE[1] + dy, roll=roll, obsid=int(OBSIDS[i]), sources=SOURCES, flare=flare,
            artifacts=False,
        )  # fmt: skip
        simulate(setup, place / OBSIDS[i], compress=False)
    return place


@pytest.fixture(scope="session")
def merged(sky: Path, tmp_path_factory: pytest.TempPathFactory) -> Merged:
    place = tmp_path_factory.mktemp("merged")
    weights = place / "w.txt"
    par = ["model=powlaw1d.p", "paramvals=p.gamma=1.7", "emin=0.5", "emax=7", "ewidth=0.1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place))
        tool("make_instmap_weights", f"outfile={weights}", *par)
        result, said = tool(
            "merge_obs", infiles(sky), f"outroot={place}/m/", f"bands={weights}", "psfecf=0.9", "nproc=2"
        )
    return Merged(place / "m", result, said, weights)
