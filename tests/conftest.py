"""Fixtures shared by all tests: the shared data, a private HOME and parameter folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _data_dir() -> Path | None:
    for place in (os.environ.get("CIAOPY_TEST_DATA"), ROOT.parent / "shared" / "data"):
        if place and Path(place).is_dir():
            return Path(place)
    return None


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of shared test observations; the test is skipped where it is absent."""
    place = _data_dir()
    if place is None:
        pytest.skip("shared test data not found: neither $CIAOPY_TEST_DATA nor ../shared/data is a folder")
    return place


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test its own HOME and no parameter or calibration environment."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("PFILES", "PDIRS", "UPARM", "CALDB", "CALDBCONFIG", "CALDBALIAS", "ASCDS_INSTALL", "ASCDS_WORK_PATH"):
        monkeypatch.delenv(name, raising=False)
    return home
