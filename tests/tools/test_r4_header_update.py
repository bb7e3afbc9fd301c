"""r4_header_update as a command: which keywords, from where, in place, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import make_columns, write_aspect, write_events
from astropy.io import fits
from bad_pixel_helpers import write_block
from image_tools_helpers import run

from ciaopy.errors import DataError, UserError

ADDED = ("OCLKPAIR", "ORC_MODE", "SUM_2X2", "FEP_CCD", "DY_AVG", "DZ_AVG", "DTH_AVG")


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = write_events(folder / "evt1.fits", make_columns(20))
        self.block = write_block(folder / "pbk0.fits", ccds=(7, 3, 2))
        self.aspect = write_aspect(folder / "asol1.fits")
        with fits.open(self.aspect, mode="update") as hdus:
            hdus[1].data["dy"], hdus[1].data["dtheta"] = 0.02, -0.003
            hdus[1].data["dz"][::2] = 0.1
            hdus[1].data["dz"][0] = np.nan

    def __call__(self, **values: Any) -> tuple[Any, str]:
        given = {"infile": self.events, "pbkfile": self.block, "asolfile": self.aspect, "verbose": 1} | values
        text = run("r4_header_update", *(f"{k}={v}" for k, v in given.items()))[1]
        return fits.getheader(self.events, "EVENTS"), text


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def data_of(path: Path) -> list[str]:
    with fits.open(path) as hdus:
        return [hashlib.sha256(b.data.tobytes()).hexdigest() for b in hdus[1:]]


def test_missing_keywords_are_added_and_the_data_stay(bench: Bench) -> None:
    before = data_of(bench.events)
    header, text = bench()
    assert (header["OCLKPAIR"], header["ORC_MODE"], header["SUM_2X2"], header["FEP_CCD"]) == (8, 0, 0, "732xxx")
    assert header["DY_AVG"] == pytest.approx(0.02) and header["DTH_AVG"] == pytest.approx(-0.003)
    assert header["DZ_AVG"] == pytest.approx(0.05, abs=1e-4)  # NaN rows left out
    assert "[mm]" in header.comments["DY_AVG"] and "[deg]" in header.comments["DTH_AVG"]
    assert any("r4_header_update" in line for line in header["HISTORY"]) and "CREATOR" not in header
    assert data_of(bench.events) == before and all(k in text for k in ADDED)
    with fits.open(bench.events, checksum=True) as hdus:
        assert "HISTORY" not in hdus["GTI"].header and "FEP_CCD" not in hdus["GTI"].header


def test_what_is_there_stays(bench: Bench) -> None:
    write_events(bench.events, make_columns(20), FEP_CCD="x", DY_AVG=9.0, OCLKPAIR=3)
    header, text = bench()
    assert (header["FEP_CCD"], header["DY_AVG"], header["OCLKPAIR"]) == ("x", 9.0, 3) and "DY_AVG" not in text
    again, text = bench()
    assert "nothing to add" in text and list(again) == list(header)


def test_continuous_clocking_has_no_summing(bench: Bench) -> None:
    write_events(bench.events, make_columns(20), READMODE="CONTINUOUS")
    assert bench(pbkfile=write_block(bench.folder / "p.fits", SUM_2X2=1))[0]["SUM_2X2"] == 0


def test_hrc_gets_aspect_offsets_only(bench: Bench) -> None:
    write_events(bench.events, make_columns(20), INSTRUME="HRC")
    header, _ = bench(pbkfile="")
    assert "DY_AVG" in header and "FEP_CCD" not in header


def test_without_files_it_warns_and_adds_nothing(bench: Bench) -> None:
    header, text = bench(pbkfile="", asolfile="none")
    assert "no parameter block" in text and "no aspect solution" in text and not set(ADDED) & set(header)


def test_a_stack_of_aspect_solutions_is_averaged(bench: Bench) -> None:
    second = write_aspect(bench.folder / "b_asol1.fits")
    (bench.folder / "asol.lis").write_text("asol1.fits\nb_asol1.fits\n")
    assert second.exists() and bench(asolfile=f"@{bench.folder / 'asol.lis'}")[0]["DY_AVG"] == pytest.approx(0.01)


def test_bad_input(bench: Bench) -> None:
    folder, raw = bench.folder, bench.events.read_bytes()
    bare = fits.HDUList([fits.PrimaryHDU(np.zeros((3, 3)))])
    bare.writeto(folder / "image.fits")
    other = write_aspect(folder / "o.fits")
    fits.setval(other, "OBS_ID", value="5", ext=1)
    timeless = write_events(folder / "x.fits", {"chipx": np.zeros(2)})
    for error, match, values in (
        (UserError, "infile is empty", {"infile": ""}),
        (UserError, "plain name", {"infile": f"{bench.events}[EVENTS]"}),
        (DataError, "no table with a TIME column", {"infile": timeless}),
        (DataError, "not a parameter block", {"pbkfile": folder / "image.fits"}),
        (DataError, "no column FEP_ID", {"pbkfile": bench.aspect}),
        (DataError, "not an aspect solution", {"asolfile": folder / "image.fits"}),
        (DataError, "no column dy", {"asolfile": bench.block}),
        (DataError, r"o.fits is of ObsID 5, .*evt1.fits of ObsID 99001", {"asolfile": other}),
        (DataError, r"p5.fits is of ObsID 5", {"pbkfile": write_block(folder / "p5.fits", OBS_ID="5")}),
    ):
        with pytest.raises(error, match=match):
            bench(**values)
        assert bench.events.read_bytes() == raw
