"""A survey of the toy mission."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ciaopy.batch.launching import Wishes, launch
from ciaopy.batch.mission import MISSIONS
from ciaopy.batch.progress import Progress
from ciaopy.batch.run import Run
from ciaopy.batch.survey import Survey

HERE = Path(__file__).resolve().parent.parent / "helpers"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Survey]:
    """Make a survey with observations 101, 102, ... whose number.txt hold the texts given."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setitem(MISSIONS, "toy", "toy_mission:TOY")

    def make(*texts: object, name: str = "survey", extra: str = "") -> Survey:
        folders = []
        for number, text in enumerate(texts, 101):
            folder = tmp_path / "raw" / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "number.txt").write_text(f"{text}\n")
            folders.append(folder)
        survey = Survey.create(tmp_path / name, "toy")
        if extra:
            survey.toml.write_text(survey.toml.read_text() + extra)
        survey.add(folders, survey.settings().mission)
        return survey

    return make


@pytest.fixture
def go() -> Callable[..., Run]:
    """Run a survey without a word, on two cores, with room on the disk."""

    def run(survey: Survey, **wishes: object) -> Run:
        values = {"num_cores": 2, "min_free": 0, "progress": Progress()} | wishes
        return launch(survey, Wishes(**values))  # type: ignore[arg-type]

    return run
