"""splitobs as a command: intervals and cycles into folders of their own, by names and by the event header."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application

KEYS = {
    "INSTRUME": "ACIS", "DETNAM": "ACIS-7", "DATAMODE": "FAINT", "READMODE": "TIMED", "GRATING": "NONE",
    "DATE-OBS": "2005-01-01T00:00:00", "RA_TARG": 1.0, "DEC_TARG": 2.0, "OBS_ID": "348",
}  # fmt: skip


def make(path: Path, **keys: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.BinTableHDU.from_columns([fits.Column("TIME", "D", array=np.arange(3.0))], name="EVENTS")
    hdu.header.update(KEYS | keys)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


@pytest.fixture
def two_intervals(tmp_path: Path) -> Path:
    root = tmp_path / "348"
    for k in (0, 1):
        own = f"acisf00348_{k:03d}N003_"
        listed = {"ASOLFILE": f"pcadf0{k}N002_asol1.fits", "PBKFILE": f"acisf0{k}N003_pbk0.fits"}
        listed |= {f"BIASFIL{c}": f"acisf0{k}N003_{c}_bias0.fits" for c in (2, 7)}
        make(root / f"secondary/{own}evt1.fits.gz", OBI_NUM=k, **listed)
        for kind in ("flt1", "msk1", "mtl1", "stat1"):
            make(root / f"secondary/{own}{kind}.fits.gz")
        for kind in ("bpix1", "fov1"):
            make(root / f"primary/{own}{kind}.fits.gz")
        make(root / f"primary/pcadf0{k}N002_asol1.fits.gz")
        make(root / f"secondary/acisf0{k}N003_pbk0.fits.gz")
        for c in (2, 7):
            make(root / f"secondary/acisf0{k}N003_{c}_bias0.fits.gz")
    make(root / "primary/acisf00348N003_evt2.fits.gz")
    (root / "oif.fits").write_bytes(b"")
    return root


def listing(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


def splitobs(*words: object) -> int:
    return run_application(["splitobs", *map(str, words), "mode=h"])


def test_each_interval_gets_its_own_files(two_intervals: Path) -> None:
    before = listing(two_intervals)
    assert splitobs(two_intervals) == 0
    assert listing(two_intervals) == before
    for k in (0, 1):
        made = listing(two_intervals.with_name(f"348_{k:03d}"))
        expected = {
            n for n in before if f"_{k:03d}N003" in n or f"f0{k}N00" in n or n.endswith(("evt2.fits.gz", "oif.fits"))
        }
        assert set(made) == expected and len(made) == 13 and all(before[n] == h for n, h in made.items())


def test_a_flat_folder_becomes_the_archives_layout(two_intervals: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in two_intervals.rglob("*.fits.gz"):
        path.rename(flat / path.name)
    assert splitobs(flat, tmp_path / "out") == 0
    assert (tmp_path / "out_001/primary/pcadf01N002_asol1.fits.gz").exists()
    assert (tmp_path / "out_001/secondary/acisf00348_001N003_evt1.fits.gz").exists()
    assert (tmp_path / "out_000/primary/acisf00348_000N003_bpix1.fits.gz").exists()


def test_cycles_of_interleaved_exposures(tmp_path: Path) -> None:
    root = tmp_path / "1612"
    for cycle in ("e1", "e2"):
        make(root / f"secondary/acisf01612_000N003_{cycle}_evt1.fits")
        make(root / f"secondary/acisf01612_000N003_{cycle}_flt1.fits")
    make(root / "secondary/acisf1N003_pbk0.fits")
    assert splitobs(root) == 0
    for cycle in ("e1", "e2"):
        assert set(listing(tmp_path / f"1612_{cycle}")) == {
            f"secondary/acisf01612_000N003_{cycle}_evt1.fits", f"secondary/acisf01612_000N003_{cycle}_flt1.fits",
            "secondary/acisf1N003_pbk0.fits",
        }  # fmt: skip


def test_one_event_file_is_nothing_to_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "1/secondary/acisf00001_000N001_evt1.fits")
    assert splitobs(tmp_path / "1") == 0
    assert "nothing to split" in capsys.readouterr().out and [p.name for p in tmp_path.iterdir()] == ["1"]


def test_bad_input(two_intervals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert splitobs(tmp_path / "none") == 1
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert splitobs(tmp_path / "empty") == 1
    assert "level-1 event file" in capsys.readouterr().err
    two_intervals.with_name("348_001").mkdir()
    assert splitobs(two_intervals) == 1
    assert "clobber=yes" in capsys.readouterr().err and not two_intervals.with_name("348_000").exists()
    assert splitobs(two_intervals, "clobber=yes") == 0
    make(two_intervals / "secondary/acisf00348_001N004_evt1.fits", OBI_NUM=1)
    assert splitobs(two_intervals, "clobber=yes") == 1
    assert "both of interval 1" in capsys.readouterr().err
