"""A calibration database on disk: configuration, indexes as the CIF memo lays them out, version, small data files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from astropy.io import fits

CONFIG = """# comment
CHANDRA ACIS CALDB data/chandra/acis caldb.indx CALDB data/chandra/acis CALDB data/chandra/acis key.config
CHANDRA HRC CALDB data/chandra/hrc caldb.indx CALDB data/chandra/hrc
CHANDRA PCAD CALDB data/chandra/pcad caldb.indx CALDB data/chandra/pcad

CHANDRA DEFAULT CALDB data/chandra/default caldb.indx CALDB data/chandra/default  # mirror, gratings
"""


@dataclass
class Row:
    """What a test says of one row; the rest are defaults."""

    file: str
    product: str
    start: str = "1999-07-22"
    clock: str = "00:00:00"
    cbd: Sequence[str] = ()
    hdu: int = 1
    instrument: str = "ACIS"
    detector: str = "-"
    filter: str = "NONE"
    quality: int = 0
    date: str = "2020-01-01"
    device: str = "ONLINE"
    telescope: str = "CHANDRA"
    ref_time: float | None = None

    @property
    def mjd(self) -> float:
        h, m, s = map(int, self.clock.split(":"))
        days = (date.fromisoformat(self.start) - date(1858, 11, 17)).days
        return days + (3600 * h + 60 * m + s) / 86400 if self.ref_time is None else self.ref_time

    def folder(self, place: str) -> str:
        return f"data/chandra/{place}/{self.product.lower()}"


def index_table(rows: Sequence[Row], place: str, width: int = 70, count: int = 9, dim: bool = True) -> fits.BinTableHDU:
    """The CIF of some rows; `width` and `count` set the format of CAL_CBD."""

    def text(name, form, values):
        return fits.Column(name, form, array=np.array(list(values)))

    padded = ["".join(c.ljust(width) for c in [*r.cbd, *["NONE"] * (count - len(r.cbd))]) for r in rows]
    form = f"{width * count}A{width}" if dim else f"{width * count}A"
    cells = np.array(padded).view(f"U{width}").reshape(len(rows), count) if dim else np.array(padded)
    cbd = fits.Column("CAL_CBD", form, dim=f"({width},{count})" if dim else None, array=cells)
    columns = [
        text("TELESCOP", "10A", (r.telescope for r in rows)),
        text("INSTRUME", "10A", (r.instrument for r in rows)),
        text("DETNAM", "20A", (r.detector for r in rows)),
        text("FILTER", "10A", (r.filter for r in rows)),
        text("CAL_DEV", "20A", (r.device for r in rows)),
        text("CAL_DIR", "70A", (r.folder(place) for r in rows)),
        text("CAL_FILE", "80A", (r.file for r in rows)),
        text("CAL_CLAS", "3A", ("BCF" for _ in rows)),
        text("CAL_DTYP", "4A", ("DATA" for _ in rows)),
        text("CAL_CNAM", "20A", (r.product for r in rows)),
        cbd,
        fits.Column("CAL_XNO", "I", array=[r.hdu for r in rows]),
        text("CAL_VSD", "10A", (r.start for r in rows)),
        text("CAL_VST", "8A", (r.clock for r in rows)),
        fits.Column("REF_TIME", "D", array=[r.mjd for r in rows]),
        fits.Column("CAL_QUAL", "I", array=[r.quality for r in rows]),
        text("CAL_DATE", "10A", (r.date for r in rows)),
        text("CAL_DESC", "70A", ("made for a test" for _ in rows)),
    ]
    return fits.BinTableHDU.from_columns(columns, name="CIF")


def write_index(path: Path, rows: Sequence[Row], place: str = "acis", **form) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), index_table(rows, place, **form)]).writeto(path, overwrite=True)
    return path


def write_data(path: Path, rows: int = 3) -> Path:
    """A small calibration file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    column = fits.Column("CCD_ID", "J", array=np.arange(rows))
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])]).writeto(path, overwrite=True)
    return path


def write_version(root: Path, versions: Sequence[str] = ("4.11.4", "4.11.5")) -> Path:
    path = root / "docs/chandra/caldb_version/caldb_version.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [
        fits.Column("CALDB_VER", "10A", array=np.array(versions)),
        fits.Column("CALDB_DATE", "20A", array=np.array([f"2024-0{k + 1}-01T00:00:00" for k in range(len(versions))])),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
    return path


def make_caldb(
    root: Path, acis: Sequence[Row] = (), default: Sequence[Row] = (), hrc: Sequence[Row] = (), files: bool = True
) -> Path:
    """Write a database with the indexes that have rows (and their files)."""
    (root / "software/tools").mkdir(parents=True, exist_ok=True)
    (root / "software/tools/caldb.config").write_text(CONFIG)
    for place, rows in (("acis", acis), ("hrc", hrc), ("default", default)):
        if rows:
            write_index(root / f"data/chandra/{place}/caldb.indx", rows, place)
        for row in rows if files else ():
            write_data(root / row.folder(place) / row.file)
    return root


def header(**more):
    """The header of an ACIS observation of 2010, as far as queries look at it."""
    return {
        "TELESCOP": "CHANDRA",
        "INSTRUME": "ACIS",
        "DETNAM": "ACIS-0123",
        "GRATING": "NONE",
        "DATAMODE": "FAINT",
        "READMODE": "TIMED",
        "FP_TEMP": 153.446,
        "CTI_CORR": True,
        "CTI_APP": "PPPPPBPBPP",
        "SIM_Z": -233.587,
        "DATE-OBS": "2010-05-13T02:19:25",
    } | more


def write_events(path: Path, **more) -> Path:
    hdu = fits.BinTableHDU.from_columns([fits.Column("TIME", "D", array=[0.0])], name="EVENTS")
    for key, value in header(OBS_ID="11843", **more).items():
        hdu.header[key] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path
