"""man/ is what scripts/make_man would write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ciaopy.cli import catalog, manual, run
from ciaopy.cli.manual.markdown import escape

MAN = Path(__file__).resolve().parent.parent / "man"


def test_man_pages_are_current():
    expected = manual.pages()
    found = {path.name: path.read_text() for path in MAN.glob("*.1")}
    stale = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    assert not stale, f"run scripts/make_man: {stale}"


def test_every_name_has_a_page_and_a_description():
    assert {f"{name}.1" for name in (*run.tool_names(), *run.parameter_commands(), "ciaopy")} == set(manual.pages())
    for tool in catalog.all_tools():
        assert 10 <= len(tool.summary) <= 200, tool
        assert not tool.summary[0].islower() and not tool.summary.endswith("."), tool


def test_descriptions_name_no_strangers():
    import tomllib

    tables = tomllib.loads((catalog.PACKAGE / "cli" / "descriptions.toml").read_text())
    assert set(tables["files"]) == catalog.PLAIN_FILES
    assert set(tables["tools"]) <= set(run.tool_names())


def test_page_shows_every_parameter():
    text = manual.pages()["fluximage.1"]
    for name, parameter in run.declared_parameters("fluximage").items():
        if name != "mode":
            assert f"\n\\fB{escape(name)}\\fR\nDefault \\fB" in text
            assert escape(parameter.default).replace(",", ",\\:") in text
    assert "Default \\fB1.5%\\fR; text." in text and 'Default \\fB""\\fR; file.' in text


def test_roff_specials_are_escaped():
    assert escape(".x") == "\\&.x" and escape("'x") == "\\&'x"
    assert escape("a-b\\c") == "a\\-b\\ec"


def test_writing_changes_only_what_differs(tmp_path):
    assert len(manual.write_pages(tmp_path)) == len(manual.pages())
    (tmp_path / "dmcopy.1").write_text("old")
    (tmp_path / "nosuch.1").write_text("stray")
    assert [p.name for p in manual.write_pages(tmp_path)] == ["dmcopy.1", "nosuch.1"]
    assert not (tmp_path / "nosuch.1").exists()
    assert manual.write_pages(tmp_path) == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("name", ["ciaopy.1", "fluximage.1", "acis_process_events.1", "plist.1"])
def test_pages_format_without_complaint(name):
    text = manual.pages()[name]
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=text, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_summary_from_a_docstring(tmp_path):
    path = tmp_path / "dmfoo.py"
    path.write_text('"""dmfoo: do this,\nand that. More.\n\nRest."""\nraise SystemExit\n')
    assert catalog.docstring_summary(path) == "Do this, and that"
    path.write_text("x = 1\n")
    assert catalog.docstring_summary(path) == ""
