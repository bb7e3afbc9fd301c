"""`ciaopy shims DIR`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ciaopy.cli import run
from ciaopy.cli.shims import is_ours, write_shims
from ciaopy.errors import OutputExistsError, UserError


def test_a_shim_runs_its_tool(ciaopy, tmp_path):
    folder = tmp_path / "with blank" / "bin"
    result = ciaopy("shims", folder)
    assert result.returncode == 0 and str(folder) in result.stdout
    names = {p.name for p in folder.iterdir()}
    assert {"pget", "plist", "dmstat"} <= names
    assert names == {*run.parameter_commands(), *(n for n in run.tool_names() if run.is_implemented(n))}
    shown = subprocess.run([folder / "pget", "fluximage", "bands"], capture_output=True, text=True, check=True)
    assert shown.stdout == "default\n"
    failed = subprocess.run([folder / "dmstat", "a b", "c"], capture_output=True, text=True, check=False)
    assert failed.returncode == 2 and failed.stderr.startswith("# dmstat (")


def test_modules_of_the_current_folder_are_not_imported(tmp_path):
    (tmp_path / "ciaopy.py").write_text("raise SystemExit('the wrong ciaopy')\n")
    (shim,) = write_shims(tmp_path / "bin", ["pget"])
    result = subprocess.run([shim, "geom", "sky"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (result.returncode, result.stdout) == (0, "CALDB\n"), result.stderr


def test_own_shims_are_renewed(tmp_path):
    (path,) = write_shims(tmp_path, ["dmcopy"], python="/old/python")
    assert is_ours(path) and "/old/python" in path.read_text()
    write_shims(tmp_path, ["dmcopy"])
    assert sys.executable in path.read_text() and os.access(path, os.X_OK)


def test_what_is_not_ours_is_never_overwritten_and_nothing_is_written(ciaopy, tmp_path):
    theirs = tmp_path / "pset"
    theirs.write_text("#!/bin/sh\necho CIAO\n")
    result = ciaopy("shims", tmp_path)
    assert result.returncode == 1 and "pset" in result.stderr and "Traceback" not in result.stderr
    assert theirs.read_text() == "#!/bin/sh\necho CIAO\n"
    assert [p.name for p in tmp_path.iterdir()] == ["pset"]


def test_a_dangling_link_is_not_ours(tmp_path):
    (tmp_path / "dmcopy").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError, match="not ciaopy's \\(dmcopy\\)"):
        write_shims(tmp_path, ["dmcopy"])


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write shims into"):
        write_shims(tmp_path / "file" / "bin", ["dmcopy"])
