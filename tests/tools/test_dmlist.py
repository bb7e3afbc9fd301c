"""dmlist: each list, on a made file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datamodel_helpers import columns, write_events
from image_tools_helpers import run

from ciaopy.errors import OutputExistsError, UserError

C = columns()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def listed(path: object, *arguments: object) -> str:
    return run("dmlist", path, *arguments)[1]


def test_blocks(events: Path) -> None:
    text = listed(events, "blocks")
    assert "Block    2: EVENTS" in text and "Table" in text and "10 cols x 500" in text
    assert text.count("GTI") == 2 and "Block    1: PRIMARY" in text and "-" * 80 in text


def test_columns(events: Path) -> None:
    text = listed(events, "cols")
    line = next(s for s in text.splitlines() if "sky(x,y)" in s)
    assert line.split()[:5] == ["3", "sky(x,y)", "pixel", "Real4", "0.5:8192.5"]
    assert "Bit(32)" in text and "Int2(9)" in text and "String[4]" in text
    assert "EQPOS(RA   ) = (+228.5)[deg] + TAN[(-0.00013666667) * (x - (+4096.5))]" in text


def test_keys_header_and_subspace(events: Path, tmp_path: Path) -> None:
    keys = listed(events, "keys")
    assert "TELESCOP             CHANDRA" in keys and "Real8" in keys and "HISTORY" not in keys
    run("dmcopy", events, tmp_path / "h.fits")
    assert "HISTORY" in listed(tmp_path / "h.fits", "header")
    text = listed(f"{events}[energy=1:2]", "subspace")
    assert "Components: 2 Descriptors: 3" in text and "--- Component 2 ---" in text and "TABLE GTI0" in text
    assert "1000.000000000:1400.000000000" in text


def test_counts_and_data(events: Path) -> None:
    assert listed(f"{events}[ccd_id=3]", "counts").strip() == str((C["ccd_id"] == 3).sum())
    assert listed(f"{events}[bin x=4000:4200:50]", "counts").strip() == "500"
    text = listed(f"{events}[cols ccd_id,pi]", "data", "rows=2:4")
    rows = [s.split() for s in text.splitlines() if s.strip() and s.split()[0].isdigit()]
    assert rows == [[str(i + 1), str(C["ccd_id"][i]), str(C["pi"][i])] for i in (1, 2, 3)]
    clean = listed(f"{events}[cols time,status][#row=1]", "data,clean").splitlines()
    assert clean[0].split() == ["#", "time", "status"] and float(clean[1].split()[0]) == C["time"][0]
    assert clean[1].split()[1] == f"{C['status'][0]:032b}"
    assert "[" + " ".join(str(v) for v in C["phas"][0][1:3]) + "]" in listed(
        f"{events}[cols phas][#row=1]", "data", "cells=2:3"
    )


def test_abbreviations_outfile_and_errors(events: Path, tmp_path: Path) -> None:
    assert listed(events, "bl") == listed(events, "blocks")
    assert "Columns for Table" in listed(events, "struct")
    run("dmlist", events, "counts", f"outfile={tmp_path}/o.txt")
    assert (tmp_path / "o.txt").read_text() == "500\n"
    with pytest.raises(OutputExistsError, match=r"o\.txt"):
        run("dmlist", events, "counts", f"outfile={tmp_path}/o.txt")
    for arguments, message in (
        (["nosuch"], "not known"),
        (["c"], "can mean"),
        (["data", "rows=5:1"], "empty"),
        (["data", "rows=a"], "first:last"),
    ):
        with pytest.raises(UserError, match=message):
            listed(events, *arguments)


@pytest.mark.data
def test_real_file(data: Path) -> None:
    """ObsID 754: number of rows, chips and times as archived."""
    text = listed(f"{data}/obs/754/secondary/acisf00754_000N004_evt1.fits.gz", "blocks")
    assert "258419" in text and text.count("GTI") == 4
    assert np.isfinite(float(listed(f"{data}/evt/242_evt2.fits.gz[ccd_id=7]", "counts")))
