"""Fixtures shared by all tests: the shared data, a private HOME and parameter folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import settings

# No test asserts a time: a loaded machine must not fail one.
settings.register_profile("ciaopy", deadline=None)
settings.load_profile("ciaopy")

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


@pytest.fixture(scope="session")
def conforms() -> Callable[..., None]:
    """Return a function that fails where a product is not what its kind should be.

    It takes files and folders, and the rules (`KEY-1`) that the case at hand may break.
    """
    from ciaopy.conformance import check, check_folder

    def judge(*places: Path, but: Iterable[str] = (), strict: bool = False) -> None:
        reports = [r for p in places for r in (check_folder(p) if p.is_dir() else [check(p)])]
        assert reports
        levels = {"error", "warning"} if strict else {"error"}
        broken = {r.file: [f for f in r.findings if f.severity in levels and f.rule not in but] for r in reports}
        assert not {name: found for name, found in broken.items() if found}

    return judge


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test its own HOME and no parameter or calibration environment."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("PFILES", "PDIRS", "UPARM", "CALDB", "CALDBCONFIG", "CALDBALIAS", "ASCDS_INSTALL", "ASCDS_WORK_PATH"):
        monkeypatch.delenv(name, raising=False)
    return home
