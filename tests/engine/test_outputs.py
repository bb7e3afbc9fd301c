"""What a run writes: clobber checks, folders, recorded parameters."""

import os
from pathlib import Path

import pytest

from ciaopy.engine.outputs import check_outputs, make_folder, output_folder, recorded_parameters
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.param import open_parameters


def test_files_are_not_replaced_without_clobber(tmp_path):
    paths = [tmp_path / f"{i:02d}" for i in range(13)]
    check_outputs(paths, clobber=False)
    for path in paths:
        path.touch()
    with pytest.raises(
        OutputExistsError, match=r"^00, .*, 09 and 3 more exist in .*; set clobber=yes .*another outdir$"
    ):
        check_outputs(paths, clobber=False, parameter="outdir")
    with pytest.raises(OutputExistsError, match=r"^00 exists in"):
        check_outputs(paths[:1], clobber=False)
    check_outputs(paths, clobber=True)


def test_inputs_are_never_replaced(tmp_path):
    source, link = tmp_path / "a", tmp_path / "b"
    source.touch()
    link.symlink_to(source)
    for inputs in ([source], [link]):
        with pytest.raises(UserError, match="would overwrite an input"):
            check_outputs([source], clobber=True, inputs=inputs)
    with pytest.raises(UserError, match="is a folder"):
        check_outputs([tmp_path], clobber=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_files_and_folders_without_permission(tmp_path):
    path = tmp_path / "a"
    path.touch(0o444)
    with pytest.raises(UserError, match="cannot be replaced"):
        check_outputs([path], clobber=True)
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="cannot be written to"):
        make_folder(tmp_path)
    tmp_path.chmod(0o755)


def test_a_folder_is_made_in_one_that_is_there(tmp_path):
    assert make_folder(tmp_path / "a") and not make_folder(tmp_path / "a")
    (tmp_path / "file").touch()
    for bad in (tmp_path / "no/such", tmp_path / "file"):
        with pytest.raises(UserError, match="the output folder cannot be made"):
            make_folder(bad)


def test_a_folder_that_stays_empty_goes_with_the_error(tmp_path):
    for name, leaves in (("empty", False), ("full", True)):
        with pytest.raises(ValueError, match="stop"), output_folder(tmp_path / name) as folder:
            if leaves:
                (folder / "x").touch()
            raise ValueError("stop")
        assert (tmp_path / name).exists() == leaves
    with pytest.raises(ValueError, match="stop"), output_folder(tmp_path / "full"):
        Path(tmp_path / "full/x").unlink()
        raise ValueError("stop")
    assert (tmp_path / "full").exists(), "it was there before"


def test_parameters_are_recorded_as_they_took_effect():
    par = open_parameters("dmcopy", ["a", "b", "mode=h"], mode="h")
    assert recorded_parameters(par, ("infile", "clobber"), clobber="yes") == (("infile", "a"), ("clobber", "yes"))
    with pytest.raises(KeyError, match="not recorded: option"):
        recorded_parameters(par, ("infile",), option="all")
