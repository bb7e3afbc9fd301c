"""acis_clear_status_bits as a command: which bits, in place, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import make_columns, status_words, write_events
from astropy.io import fits
from image_tools_helpers import run

from ciaopy.errors import DataError, UserError

KEPT = 0xFF603FC1


def write(path: Path, n: int = 64) -> Path:
    columns = make_columns(n)
    columns["status"] = np.eye(32, dtype=bool)[np.arange(n) % 32]
    return write_events(path, columns)


def blocks(path: Path) -> list[Any]:
    """Header without what every writer renews, and a hash of the data, of each block."""
    with fits.open(path) as hdus:
        return [
            (
                [c.image for c in b.header.cards if c.keyword not in {"CHECKSUM", "DATASUM"}],
                hashlib.sha256(b.data.tobytes() if b.data is not None else b"").hexdigest(),
            )
            for b in hdus
        ]


def test_bits_are_cleared_and_the_rest_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "evt1.fits")
    before, old = fits.getdata(path, "EVENTS"), status_words(fits.getdata(path, "EVENTS"))
    text = run("acis_clear_status_bits", path, "verbose=1")[1]
    with fits.open(path, checksum=True) as hdus:
        after, header = hdus["EVENTS"].data, hdus["EVENTS"].header
        assert np.array_equal(status_words(after), old & np.uint32(KEPT))
        assert all(np.array_equal(after[n], before[n]) for n in before.names if n != "status")
        assert header["CLSTBITS"] == f"{KEPT:032b}" and header.comments["CLSTBITS"] == "0 means clear STATUS bit"
        assert any("acis_clear_status_bits" in line for line in header["HISTORY"]) and "CREATOR" not in header
    assert f"{KEPT:032b}" in text


def test_other_blocks_are_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "evt1.fits")
    gti, primary = blocks(path)[2], blocks(path)[0]
    run("acis_clear_status_bits", path)
    values = {c[:8]: c[10:30].strip() for c in gti[0] if c[8:10] == "= "}
    with fits.open(path) as hdus:
        assert [b.name for b in hdus] == ["PRIMARY", "EVENTS", "GTI"]
        now = hdus["GTI"].header
        assert all(str(now[k.strip()]).strip() in v or k.strip() in now for k, v in values.items())
        assert not [k for k in now if k in {"HISTORY", "CLSTBITS", "CREATOR"}] and "HISTORY" not in hdus[0].header
    assert blocks(path)[2][1] == gti[1] and blocks(path)[0][1] == primary[1]


def test_doing_it_twice_changes_nothing_more(tmp_path: Path) -> None:
    path = write(tmp_path / "evt1.fits")
    run("acis_clear_status_bits", path)
    once = blocks(path)[1][1]
    run("acis_clear_status_bits", path)
    assert blocks(path)[1][1] == once


def test_gzipped_files_stay_gzipped(tmp_path: Path) -> None:
    path = write(tmp_path / "evt1.fits")
    packed = tmp_path / "evt1.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    run("acis_clear_status_bits", path)
    assert not path.exists() and packed.read_bytes()[:2] == b"\x1f\x8b"
    assert not (status_words(fits.getdata(packed, "EVENTS")) & ~np.uint32(KEPT)).any()


def test_no_events(tmp_path: Path) -> None:
    run("acis_clear_status_bits", write(tmp_path / "evt1.fits", 0))
    assert fits.getheader(tmp_path / "evt1.fits", "EVENTS")["CLSTBITS"]


def test_bad_input(tmp_path: Path) -> None:
    path = write(tmp_path / "evt1.fits")
    columns = make_columns(4)
    del columns["status"]
    for error, match, name in (
        (UserError, "evtfile is empty", ""),
        (UserError, "changed in place; give its plain name", f"{path}[ccd_id=3]"),
        (DataError, "no such file", tmp_path / "none.fits"),
        (DataError, "no table with a STATUS column", write_events(tmp_path / "a.fits", columns)),
        (DataError, "not a column of 32 bits", write_events(tmp_path / "b.fits", columns | {"STATUS": np.zeros(4)})),
    ):
        before = Path(name).read_bytes() if Path(name).is_file() else b""
        with pytest.raises(error, match=match):
            run("acis_clear_status_bits", f"evtfile={name}")
        assert not before or Path(name).read_bytes() == before
