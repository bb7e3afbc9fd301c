"""Steps on the programs of a suite: stand-ins for CIAO's that record how they are called."""

import json
import os
import stat
from pathlib import Path

import pytest
from astropy.io import fits
from engine_helpers import console, copies

from ciaopy.datamodel import Workspace
from ciaopy.engine.ciao import CIAO
from ciaopy.engine.external import Installation
from ciaopy.engine.external_steps import ExternalBackend
from ciaopy.engine.runner import run_recipe
from ciaopy.engine.step import Recipe, Step
from ciaopy.errors import ExternalToolError

STAND_IN = """#!/usr/bin/env python3
import json, os, sys
with open(os.environ["RECORD"], "a") as f:
    f.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:], os.environ["PFILES"]]) + "\\n")
print("said something")
for a in sys.argv[1:]:
    if a.startswith("outfile="):
        open(a[8:], "w").write("made")
sys.exit(int(os.environ.get("FAIL", "0")))
"""


@pytest.fixture
def ciao(tmp_path, monkeypatch):
    root = tmp_path / "ciao"
    (root / "bin").mkdir(parents=True)
    (root / "param").mkdir()
    tool = root / "bin/dmcopy"
    tool.write_text(STAND_IN)
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return root


def calls(tmp_path: Path):
    return [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]


def test_ciao_tools_get_arguments_and_a_parameter_folder_of_their_own(table, tmp_path, ciao):
    recipe, middle, out = copies(table, tmp_path)
    c = console(5)
    run_recipe(recipe, ExternalBackend(Installation(CIAO, ciao), Workspace(c)), c)
    first, second = calls(tmp_path)
    assert first[:4] == ["dmcopy", f"infile={table}[a=2:7]", f"outfile={middle}", "mode=hl"]
    assert second[2] == f"outfile={out}"
    user, system = first[-1].split(";")
    assert system == str(ciao / "param") and not Path(user).exists() and os.environ.get("PFILES") is None
    assert out.read_text() == "made" and not middle.exists()
    assert "said something" in c.out.getvalue()


def test_a_failing_ciao_tool_is_an_error_with_its_output(table, tmp_path, ciao, monkeypatch):
    monkeypatch.setenv("FAIL", "3")
    recipe, *_ = copies(table, tmp_path)
    with pytest.raises(ExternalToolError, match=r"(?s)'dmcopy' \(status 3\).*said something"):
        run_recipe(recipe, ExternalBackend(Installation(CIAO, ciao), Workspace(console())), console())


def test_a_tool_that_the_installation_lacks_is_done_natively(table, tmp_path, ciao):
    (ciao / "bin/dmcopy").unlink()
    recipe, _, out = copies(table, tmp_path)
    c = console(1)
    run_recipe(recipe, ExternalBackend(Installation(CIAO, ciao), Workspace(c)), c)
    assert len(fits.getdata(out)) == 4 and "done by ciaopy itself" in c.out.getvalue()


def test_a_tool_that_nobody_has_is_an_error(tmp_path, ciao):
    recipe = Recipe((Step("dmnothing", {}),), ())
    with pytest.raises(ExternalToolError, match=r"dmnothing is not in .*bin, and ciaopy does not have it either"):
        run_recipe(recipe, ExternalBackend(Installation(CIAO, ciao), Workspace(console())), console())


def test_a_program_that_cannot_start_is_an_error(table, tmp_path, ciao):
    (ciao / "bin/dmcopy").write_text("#!/no/such/interpreter\n")
    recipe, *_ = copies(table, tmp_path)
    with pytest.raises(ExternalToolError, match="dmcopy cannot be run"):
        run_recipe(recipe, ExternalBackend(Installation(CIAO, ciao), Workspace(console())), console())
