"""The Workspace: what is held in memory never reaches the disk."""

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.datamodel import Workspace
from ciaopy.fits import read_dataset


def table(path, values):
    columns = [fits.Column("A", "J", array=np.asarray(values))]
    fits.BinTableHDU.from_columns(columns, name="EVENTS").writeto(path)
    return path


@pytest.mark.parametrize("there", [True, False])
def test_what_is_held_is_read_and_never_written(tmp_path, monkeypatch, there):
    source = table(tmp_path / "source.fits", [1, 2, 3])
    name = tmp_path / "user.fits"
    if there:
        table(name, [9])
    before = name.read_bytes() if there else None
    ws = Workspace()
    ws.hold(f" {name} ", read_dataset(source))
    assert ws.read(f"{name}[a=2:]")["a"].tolist() == [2, 3]
    assert ws.exists(name) and ws.in_memory(name) is not None
    monkeypatch.chdir(tmp_path)
    assert ws.read("user.fits")["a"].tolist() == [1, 2, 3], "another spelling of the same name"
    assert (name.read_bytes() if name.exists() else None) == before
    ws.forget(name)
    assert (name.read_bytes() if name.exists() else None) == before


def test_a_name_that_does_not_match_costs_no_file(tmp_path):
    mine = table(tmp_path / "mine.fits", [7])
    before = mine.read_bytes()
    ws = Workspace()
    ws.keep_in_memory(tmp_path / "other.fits")
    ws.hold(mine, ws.dataset(table(tmp_path / "source.fits", [1])))
    assert mine.read_bytes() == before and ws.read(mine)["a"].tolist() == [1]
