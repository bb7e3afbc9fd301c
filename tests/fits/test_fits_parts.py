"""Check sums, HISTORY records, header cards, and what importing the room costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

import ciaopy.fits
from ciaopy.fits import HistoryEntry, add_history, new_header, parse_history, read_dataset, write_dataset
from ciaopy.fits.checksum import block_sum, checksum_text, fold
from ciaopy.fits.header import card_value, make_card


def test_public_names_resolve() -> None:
    for name in ciaopy.fits.__all__:
        assert getattr(ciaopy.fits, name) is not None


def test_reading_imports_no_numba() -> None:
    code = "import sys, ciaopy.fits.reader, ciaopy.fits.writer; print('numba' in sys.modules, 'astropy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


@given(st.binary(max_size=300), st.integers(0, 300))
def test_sum_in_two_parts(data: bytes, cut: int) -> None:
    words = np.frombuffer(data.ljust(-(-len(data) // 4) * 4, b"\0"), ">u4")
    whole = fold(int(words.sum(dtype=np.uint64)))
    head, tail = data[:cut], data[cut:]
    assert block_sum(data) == whole
    assert fold(block_sum(head) + block_sum(tail, len(head) % 4)) == whole


@given(st.integers(0, 2**32 - 1))
def test_checksum_text_is_astropys(total: int) -> None:
    assert checksum_text(total) == fits.PrimaryHDU()._char_encode(0xFFFFFFFF - total)


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)


@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,12}", fullmatch=True), TEXT), max_size=5))
def test_history_round_trip(items: list[tuple[str, str]]) -> None:
    header = new_header()
    add_history(header, "dmcopy", items, "2025-11-19T15:54:30")
    add_history(header, "dmsort", [("clobber", True), ("nothing", None)], "2025-11-20T00:00:00")
    records = [str(r) for r in header["HISTORY"]]
    assert all(len(r) == 72 and r.endswith(f"ASC{n:05d}") for n, r in enumerate(records, 1))
    assert header["HISTNUM"] == len(records)
    entries = parse_history(header)
    assert entries[0] == HistoryEntry("dmcopy", "2025-11-19T15:54:30", items)
    assert entries[1].items == [("clobber", "yes"), ("nothing", "")]


def test_history_layout_of_ciao() -> None:
    header = new_header()
    header["HISTNUM"] = 709
    name = "/Users/somebody/Desktop/Research/Chandra/Chandra_pipeline/3393/repro/acisf03393_bary_evt2.fits"
    add_history(header, "dmcopy", [("infile", name)], "2025-11-19T15:54:30")
    records = [str(r) for r in header["HISTORY"]]
    assert records[0] == " TOOL  :dmcopy   2025-11-19T15:54:30".ljust(64) + "ASC00710"
    assert records[1] == f" PARM  :infile={name}"[:64] + "ASC00711"
    assert records[2].startswith(" CONT  :" + name[49:]) and header["HISTNUM"] == 712


def test_history_of_a_real_product(data: Path) -> None:
    header = fits.getheader(data / "evt" / "3393_evt2.fits.gz", 1)
    entries = parse_history(header)
    last = entries[-1]
    assert (last.tool, last.when) == ("dmcopy", "2025-11-19T15:54:30")
    assert dict(last.items)["infile"].endswith("/3393/repro/sgra.reg)]") and dict(last.items)["option"] == "all"


@given(st.one_of(st.integers(-(2**63), 2**63), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), TEXT))
def test_card_values(value: object) -> None:
    if isinstance(value, str):
        value = value[:30]
    got, comment = card_value(make_card("KEY", value, "a comment"))
    assert got == value and type(got) is type(value)
    assert "a comment".startswith(comment)


def test_real_event_file_round_trip(data: Path, tmp_path: Path) -> None:
    source = data / "evt" / "3393_evt2.fits.gz"
    write_dataset(tmp_path / "o.fits", read_dataset(source))
    with fits.open(source) as a, fits.open(tmp_path / "o.fits", checksum=True) as b:
        assert [h.name for h in a] == [h.name for h in b]
        for one, two in zip(a[1:], b[1:], strict=True):
            for name in one.columns.names:
                np.testing.assert_array_equal(one.data[name], two.data[name])
            mine = {k: v for k, v in two.header.items() if k not in ("CHECKSUM", "DATASUM", "COMMENT", "HISTORY", "")}
            theirs = {k: v for k, v in one.header.items() if k not in ("CHECKSUM", "DATASUM", "COMMENT", "HISTORY", "")}
            assert mine == theirs and list(one.header.get("HISTORY", [])) == list(two.header.get("HISTORY", []))
