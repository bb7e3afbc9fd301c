"""What is published agrees with itself: versions, dependencies, recipe, citation, forms of the forge."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ciaopy.cli.doctor import DEPENDENCIES
from ciaopy.version import __version__

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Names that conda-forge gives to what pip knows otherwise.
CONDA = {"astropy": "astropy-base", "isal": "python-isal", "matplotlib": "matplotlib-base"}


def load(path: str):
    """Read a YAML file of the repository; a tab or a stray colon in it is an error here."""
    return yaml.safe_load((ROOT / path).read_text())


def name_and_limit(requirement: str) -> tuple[str, str]:
    """Split `numpy>=1.26` or `numpy >=1.26`."""
    name, limit = re.fullmatch(r"([\w.-]+)\s*(>=[\w.]+)", requirement).groups()
    return name, limit


def test_the_recipe_asks_for_what_the_package_asks_for():
    recipe = load("packaging/conda/recipe.yaml")
    run = {name_and_limit(r) for r in recipe["requirements"]["run"] if not r.startswith("python ")}
    wanted = {name_and_limit(r) for r in PROJECT["dependencies"]}
    assert run == {(CONDA.get(name, name), limit) for name, limit in wanted}


def test_one_version_everywhere():
    assert load("packaging/conda/recipe.yaml")["context"]["version"] == __version__
    assert load("CITATION.cff")["version"] == __version__


def test_the_recipe_is_one():
    recipe = load("packaging/conda/recipe.yaml")
    assert recipe["schema_version"] == 1
    assert {"package", "source", "build", "requirements", "tests", "about"} <= set(recipe)
    assert re.fullmatch(r"[0-9a-f]{64}", recipe["source"]["sha256"])
    assert recipe["build"]["noarch"] == "python"
    assert recipe["about"]["license"] == PROJECT["license"]


def test_the_citation_can_be_read():
    citation = load("CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "license", "type"} <= set(citation)
    assert citation["license"] == PROJECT["license"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(citation["date-released"]))


def test_doctor_knows_every_dependency():
    assert set(DEPENDENCIES) == {name_and_limit(r)[0] for r in PROJECT["dependencies"]}


def test_ci_runs_the_one_script_on_every_python():
    jobs = load(".github/workflows/ci.yml")["jobs"]
    assert any(step.get("run") == ".ci/run" for job in jobs.values() for step in job["steps"])
    pythons = set(jobs["ci"]["strategy"]["matrix"]["python"])
    listed = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert pythons == listed


def test_reports_ask_for_the_set_up():
    form = load(".github/ISSUE_TEMPLATE/bug.yml")
    texts = [part["attributes"].get("description", "") for part in form["body"]]
    assert any("ciaopy doctor --json" in text for text in texts)
    assert len({part["id"] for part in form["body"]}) == len(form["body"])
    assert load(".github/ISSUE_TEMPLATE/feature.yml")["body"]


@pytest.mark.parametrize(
    "name", ["SECURITY.md", "GOVERNANCE.md", "packaging/RELEASE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
)
def test_pages_for_contributors_name_only_files_that_exist(name):
    """Names in code that look like files of the repository."""
    text = (ROOT / name).read_text()
    named = re.findall(r"`((?:scripts|packaging|docs|tests|ciaopy|\.ci)/[\w./-]+)`", text)
    assert not [path for path in named if "NAME" not in path and not (ROOT / path).exists()]
