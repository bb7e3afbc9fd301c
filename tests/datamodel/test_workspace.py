"""The Workspace: what is held in memory never reaches the disk."""

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.datamodel import Workspace
from ciaopy.errors import DataError
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


def test_a_constant_file_is_opened_once_and_what_is_made_of_it_is_made_once(tmp_path):
    name, made = table(tmp_path / "evt.fits", [1, 2, 3]), []

    def make():
        made.append(len(made))
        return made[-1]

    ws = Workspace()
    assert [ws.once("sum", "a", [name], make) for _ in range(2)] == [0, 1], "nobody said that it does not change"
    ws.keep_constant(f"{name}[EVENTS]", "NONE")
    step = ws.for_step(ws.console)
    assert ws.read(f"{name}[a=2:]")["a"].tolist() == [2, 3]
    assert ws.open_file(name) is step.open_file(name) is not None
    assert step.read(name)["a"].tolist() == [1, 2, 3], "reading leaves it open"
    assert [w.once("sum", "a", [f"{name}[EVENTS]", "none"], make) for w in (ws, step)] == [2, 2]
    assert ws.once("sum", "b", [name], make) == 3
    assert ws.once("sum", "a", [name], make) == 4, "one value of a kind is kept"
    assert ws.once("sum", "a", [name, tmp_path / "other.fits"], make) == 5
    ws.close()
    assert ws.open_file(name) is None and step.read(name)["a"].tolist() == [1, 2, 3]
    assert step.once("sum", "a", [name], make) == 6


def test_a_constant_file_that_is_no_fits_is_read_as_what_it_is(tmp_path):
    text = tmp_path / "list.txt"
    text.write_text("# a b\n1 2\n3 4\n")
    ws = Workspace()
    ws.keep_constant(text, tmp_path / "missing.fits")
    assert ws.read(text)["a"].tolist() == [1, 3]
    with pytest.raises(DataError, match=r"missing\.fits"):
        ws.read(tmp_path / "missing.fits")
