"""make_instmap_weights as users call it."""

from __future__ import annotations

import numpy as np
import pytest

from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.errors import DataError, NotAvailableError, OutputExistsError, ParameterError, UserError
from ciaopy.param import open_parameters

NAMES = ("outfile", "model", "paramvals", "emin", "emax", "ewidth")


def weights(*values, clobber="no"):
    """Run the tool with values for its parameters in order."""
    arguments = [f"{n}={v}" for n, v in zip(NAMES, values, strict=True)]
    par = open_parameters("make_instmap_weights", [*arguments, f"clobber={clobber}", "mode=h"], mode="h")
    return run_tool(par, Console(0))


def test_file(tmp_path):
    out = tmp_path / "w.txt"
    made = weights(out, "xsphabs.gal*powlaw1d.pl", "gal.nh=0.12;pl.gamma=1.7", 0.5, 7.0, 0.25)
    lines = out.read_text().splitlines()
    assert lines[:2] == ["#TEXT/SIMPLE", "# X WEIGHT"]
    keys = {s[2:].partition(" = ")[0]: s.partition(" = ")[2].partition(" / ")[0] for s in lines[2:] if s[0] == "#"}
    assert list(keys) == ["DATE", "MODELEXPR", "ENERG_LO", "ENERG_HI"]
    assert (keys["ENERG_LO"], keys["ENERG_HI"]) == ("0.5", "7.0")
    assert keys["MODELEXPR"] == "xsphabs.gal*powlaw1d.pl [gal.nh=0.12;pl.gamma=1.7]"
    x, w = np.loadtxt(out, unpack=True)
    assert x == pytest.approx(np.arange(0.625, 7, 0.25)) and w.sum() == pytest.approx(1)
    assert w.tolist() == made.weight.tolist()
    import ciaopy

    table = ciaopy.read(str(out))
    assert table.names == ["X", "WEIGHT"] and table["WEIGHT"].tolist() == w.tolist()


def test_spectrum_of_a_file(tmp_path):
    (tmp_path / "s.dat").write_text("# energy flux\n0.5 1\n2 1\n2.0001 0\n8 0\n")
    weights(tmp_path / "w.txt", tmp_path / "s.dat", "", 0.5, 4.5, 0.5)
    _, w = np.loadtxt(tmp_path / "w.txt", unpack=True)
    assert w == pytest.approx([1 / 3] * 3 + [0] * 5, abs=1e-4)


def test_refusals(tmp_path):
    out = tmp_path / "w.txt"
    (tmp_path / "one.dat").write_text("1\n2\n")
    (tmp_path / "down.dat").write_text("2 1\n1 1\n")
    good = ["powlaw1d.p", "p.gamma=1"]
    for arguments, error, message in [
        (["", "x.y=1", 1, 2, 0.1], ParameterError, "model is empty"),
        (["powlaw1d.p", ";", 1, 2, 0.1], ParameterError, "paramvals is empty"),
        ([*good, "INDEF", 2, 0.1], ParameterError, "emin must be a number"),
        ([*good, 2, 1, 0.1], ParameterError, "must be below"),
        (["xsapec.a", "a.kt=1", 1, 2, 0.1], NotAvailableError, "install sherpa"),
        (["powlaw1d.p", "p.ampl=-1", 1, 2, 0.1], ParameterError, "negative"),
        (["powlaw1d.p", "p.ampl=0", 1, 2, 0.1], ParameterError, "no photons"),
        ([tmp_path / "one.dat", "", 1, 2, 0.1], UserError, "two columns are needed"),
        ([tmp_path / "down.dat", "", 1, 2, 0.1], DataError, "do not ascend"),
    ]:
        with pytest.raises(error, match=message):
            weights(out, *arguments)
        assert not out.exists()
    out.write_text("old")
    with pytest.raises(OutputExistsError, match="clobber=yes"):
        weights(out, *good, 1, 2, 0.1)
    assert out.read_text() == "old"
    weights(out, *good, 1, 2, 0.1, clobber="yes")
