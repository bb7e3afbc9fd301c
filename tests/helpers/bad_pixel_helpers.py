"""Bad pixel, bias, parameter block, statistics and mask files for the tests of the ACIS tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from acis_events_helpers import FRAME, START, write_events
from astropy.io import fits
from numpy.typing import NDArray

from ciaopy.acis.bad_pixels import BadPixelRows

STOP = START + 1000


def save(path: Path, *hdus: Any) -> Path:
    """Write HDUs after an empty primary one."""
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def table(name: str, columns: list[fits.Column], **keys: Any) -> fits.BinTableHDU:
    """Make a table with keywords."""
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update({"HDUNAME": name, **keys})
    return hdu


def write_block(path: Path, ccds: tuple[int, ...] = (0, 1, 2, 3), **keys: Any) -> Path:
    """Write a parameter block file."""
    columns = [
        fits.Column("CCD_ID", "I", array=np.array(ccds)),
        fits.Column("FEP_ID", "I", array=np.arange(len(ccds))),
    ]
    given = {"TSTART": START, "TSTOP": STOP, "OCLKPAIR": 8, "ORC_MODE": 0, "SUM_2X2": 0}
    return save(path, table("PBK", columns, **(given | keys)))


def write_bias(path: Path, ccd: int | None = 3, rows: int = 1024, **keys: Any) -> Path:
    """Write a bias map of 300 adu with one outlier (CHIPX 50, row 20 of the map), one 4095 and one 4094 beside it."""
    image = np.full((rows, 1024), 300, np.int16)
    image[19, 49], image[19, 99], image[19, 149] = 320, 4095, 4094
    hdu = fits.PrimaryHDU(image)
    hdu.header.update({"HDUNAME": "BIAS", "CONTENT": "BIAS0", **({} if ccd is None else {"CCD_ID": ccd}), **keys})
    hdu.writeto(path, overwrite=True)
    return path


def write_stat(path: Path, ccds: tuple[int, ...] = (0, 1, 2, 3), frames: int = 300, **keys: Any) -> Path:
    """Write exposure statistics of exposures 1 to `frames`."""
    expno = np.tile(np.arange(1, frames + 1), len(ccds))
    columns = [
        fits.Column("TIME", "D", array=START + expno * FRAME),
        fits.Column("CCD_ID", "I", array=np.repeat(ccds, frames)),
        fits.Column("EXPNO", "J", array=expno),
    ]
    given = {"TIMEDEL": FRAME, "FLSHTIME": 0.0, "READMODE": "TIMED", "OBS_ID": "99001"}
    header = {k: v for k, v in (given | keys).items() if v is not None}
    return save(path, table("EXPSTATS", columns, **header))


def write_mask(path: Path, rows: list[tuple[str, int, int, int, int, int, int]], ccd: int = 3) -> Path:
    """Write a mask: rows (shape, component, x0, x1, y0, y1, SAMP_CYC)."""
    columns = [
        fits.Column("SHAPE", "16A", array=[r[0] for r in rows]),
        fits.Column("COMPONENT", "I", array=[r[1] for r in rows]),
        fits.Column("CHIPX", "2I", array=np.array([r[2:4] for r in rows])),
        fits.Column("CHIPY", "2I", array=np.array([r[4:6] for r in rows])),
        fits.Column("SAMP_CYC", "I", array=[r[6] for r in rows]),
    ]
    return save(path, table("MASK", columns, CCD_ID=ccd, OBS_ID="99001"))


def bits(words: NDArray[Any]) -> NDArray[np.bool_]:
    """Return 32 columns of bits, bit 31 first, as astropy writes `32X`."""
    packed = np.asarray(words, ">u4").view(np.uint8).reshape(len(words), 4)
    return np.unpackbits(packed, axis=1).astype(bool)


def bad_pixel_hdu(ccd: int, rows: BadPixelRows, **keys: Any) -> fits.BinTableHDU:
    """Make a BADPIX block of rectangles."""
    point = (rows.x_lo == rows.x_hi) & (rows.y_lo == rows.y_hi)
    columns = [
        fits.Column("SHAPE", "16A", array=np.where(point, "point", "rectangle")),
        fits.Column("COMPONENT", "I", array=np.arange(1, len(rows) + 1)),
        fits.Column("CHIPX", "2I", array=np.stack([rows.x_lo, rows.x_hi], 1)),
        fits.Column("CHIPY", "2I", array=np.stack([rows.y_lo, rows.y_hi], 1)),
        fits.Column("TIME", "D", array=rows.time),
        fits.Column("TIME_STOP", "D", array=rows.time_stop),
        fits.Column("STATUS", "32X", array=bits(rows.status)),
    ]
    return table("BADPIX", columns, CCD_ID=ccd, **(keys | {"HDUNAME": f"BADPIX{ccd}"}))


def read_rows(hdu: Any) -> BadPixelRows:
    """Read a BADPIX block with astropy."""
    d = hdu.data
    status = np.packbits(d["STATUS"].astype(bool), axis=1).view(">u4").ravel().astype("u4")
    x, y = d["CHIPX"].astype(int), d["CHIPY"].astype(int)
    time, stop = d["TIME"].astype(float), d["TIME_STOP"].astype(float)
    return BadPixelRows(x[:, 0], x[:, 1], y[:, 0], y[:, 1], time, stop, status)


def as_list(rows: BadPixelRows) -> list[tuple[Any, ...]]:
    """Return the rows as tuples."""
    return list(zip(*(getattr(rows, f).tolist() for f in rows.__dataclass_fields__), strict=True))


def read_all(path: Path) -> dict[int, BadPixelRows]:
    """Read all BADPIX blocks of a file by CCD; checksums of plain files are verified."""
    with fits.open(path, checksum=path.suffix != ".gz") as hdus:
        return {b.header["CCD_ID"]: read_rows(b) for b in hdus[1:] if b.name.startswith("BADPIX")}


def one_pixel(*pixels: tuple[int, int, int]) -> BadPixelRows:
    """Rows of single pixels (x, y, status word) that hold always."""
    x, y, status = (np.array(v) for v in zip(*pixels, strict=True))
    zero = np.zeros(len(x))
    return BadPixelRows(x, x, y, y, zero, zero, status.astype("u4"))


def write_burst(path: Path, ccd: int = 3, size: int = 12, background: int = 2000, **keys: Any) -> Path:
    """Write events of one chip: a uniform background and `size` events of pixel (400, 500) from exposure 100 on."""
    rng = np.random.default_rng(3)
    expno = np.concatenate([rng.integers(2, 300, background), 100 + np.arange(size) // 2])
    x = np.concatenate([rng.integers(2, 1024, background), np.full(size, 400)])
    y = np.concatenate([rng.integers(2, 1024, background), np.full(size, 500)])
    order = np.argsort(expno, kind="stable")
    n = len(order)
    columns = {
        "time": START + expno[order] * FRAME, "expno": expno[order], "ccd_id": np.full(n, ccd),
        "node_id": (x[order] - 1) // 256, "chipx": x[order], "chipy": y[order], "pha": np.full(n, 200),
        "grade": np.zeros(n), "status": np.zeros((n, 32), bool),
    }  # fmt: skip
    return write_events(path, columns, **keys)
