"""hrc_bkgrnd_lookup on a made CALDB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run

from ciaopy.errors import CalibrationError, DataError


@pytest.fixture
def caldb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CALDB with backgrounds of the HRC-I for 2010 and 2011, two for 2012."""
    root = tmp_path / "caldb"
    folder = root / "data" / "chandra" / "hrc" / "bkgrnd"
    folder.mkdir(parents=True)
    (root / "software" / "tools").mkdir(parents=True)
    line = "CHANDRA HRC CALDB data/chandra/hrc caldb.indx CALDB data/chandra/hrc"
    (root / "software" / "tools" / "caldb.config").write_text(line + "\n")
    rows = []
    for year, letter in (("2010", "a"), ("2011", "a"), ("2012", "a"), ("2012", "b")):
        name = f"hrci{'D' if letter == 'a' else 'X'}{year}-01-01bkgrndN0001.fits"
        events = fits.BinTableHDU.from_columns([fits.Column("pi", "I", array=[1])], name="EVENTS")
        fits.HDUList([fits.PrimaryHDU(), events]).writeto(folder / name)
        rows.append((name, year))
    texts = {
        "TELESCOP": ["CHANDRA"] * 4, "INSTRUME": ["HRC"] * 4, "DETNAM": ["HRC-I"] * 4, "FILTER": ["NONE"] * 4,
        "CAL_DEV": ["ONLINE"] * 4, "CAL_DIR": ["data/chandra/hrc/bkgrnd"] * 4, "CAL_FILE": [r[0] for r in rows],
        "CAL_CLAS": ["BCF"] * 4, "CAL_DTYP": ["DATA"] * 4, "CAL_CNAM": ["BKGRND"] * 4,
        "CAL_VSD": [f"{r[1]}-01-01" for r in rows], "CAL_VST": ["00:00:00"] * 4, "CAL_DATE": ["2013-01-01"] * 4,
        "CAL_DESC": ["background"] * 4,
    }  # fmt: skip
    columns = [fits.Column(k, "60A", array=np.array(v)) for k, v in texts.items()]
    columns.append(fits.Column("CAL_CBD", "630A", array=np.full((4, 9), "", "U70"), dim="(70,9)"))
    columns += [fits.Column("CAL_XNO", "I", array=[1] * 4), fits.Column("CAL_QUAL", "I", array=[0] * 4)]
    columns.append(
        fits.Column("REF_TIME", "D", array=[{"2010": 55197.0, "2011": 55562.0, "2012": 55927.0}[r[1]] for r in rows])
    )
    fits.BinTableHDU.from_columns(columns, name="CIF").writeto(root / "data" / "chandra" / "hrc" / "caldb.indx")
    monkeypatch.setenv("CALDB", str(root))
    return folder


def observation(path: Path, date: str, **keys: str) -> str:
    events = fits.BinTableHDU.from_columns([fits.Column("pi", "I", array=[1])], name="EVENTS")
    events.header.update({"TELESCOP": "CHANDRA", "INSTRUME": "HRC", "DETNAM": "HRC-I", "DATE-OBS": date} | keys)
    events.writeto(path, overwrite=True)
    return str(path)


@pytest.mark.parametrize(("date", "year"), [("2010-06-01T00:00:00", "2010"), ("2011-12-31T23:00:00", "2011")])
def test_file_of_the_year(caldb, tmp_path, date, year):
    par, said = lookup(observation(tmp_path / "e.fits", date), "verbose=0")
    name = str(caldb / f"hrciD{year}-01-01bkgrndN0001.fits")
    assert par["outfile"] == name and said.strip() == name


@pytest.mark.parametrize(
    ("blname", "suffix"), [("none", ""), ("name", "[EVENTS]"), ("number", "[2]"), ("cfitsio", "[1]")]
)
def test_block(caldb, tmp_path, blname, suffix):
    par, _ = lookup(observation(tmp_path / "e.fits", "2010-06-01T00:00:00"), f"blname={blname}")
    assert par["outfile"].endswith(f"bkgrndN0001.fits{suffix}")


def lookup(*arguments):
    """Run the tool without questions."""
    return run("hrc_bkgrnd_lookup", *arguments, "mode=h")


def test_refusals(caldb, tmp_path, monkeypatch):
    name = tmp_path / "e.fits"
    with pytest.raises(CalibrationError, match="2 BKGRND files serve"):
        lookup(observation(name, "2012-06-01T00:00:00"))
    with pytest.raises(CalibrationError, match="no BKGRND for"):
        lookup(observation(name, "2005-06-01T00:00:00"))
    with pytest.raises(CalibrationError, match="no PIBGSPEC for"):
        lookup(observation(name, "2010-06-01T00:00:00"), "spectrum")
    with pytest.raises(DataError, match="INSTRUME is ACIS"):
        lookup(observation(name, "2010-06-01T00:00:00", INSTRUME="ACIS"))
    next(caldb.glob("*2010*")).unlink()
    with pytest.raises(CalibrationError, match="but not there"):
        lookup(observation(name, "2010-06-01T00:00:00"))
    monkeypatch.delenv("CALDB")
    with pytest.raises(CalibrationError, match="CALDB is not set"):
        lookup(observation(name, "2010-06-01T00:00:00"))
