"""Files for the fuzz campaign: sound ones of every kind, odd but legal ones, and damaged copies of both."""

from __future__ import annotations

import gzip
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from datamodel_helpers import write_events

BLOCK, CARD = 2880, 80
#: Values that no keyword of size, scale or place expects.
EXTREME = (
    "NaN", "INF", "-INF", "1E400", "-1", "0", "T", "'x'", "", "1.5", "99999999999999999999", "2147483648",
    "9223372036854775807", "-32768", "1E-320", "1D300", "'\x07'", "(1,2)", "''", "3.0E", "0x10", "1,5",
)  # fmt: skip
#: Keywords that say what bytes mean, and where things are.
TELLING = (
    "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "THEAP", "TFORM1", "TFORM2", "TFORM3",
    "TTYPE1", "TTYPE2", "TTYPE3", "TNULL1", "TNULL2", "TSCAL1", "TZERO2", "TDIM3", "TLMIN3", "TLMAX3", "TLMIN4",
    "TLMAX4", "TCRVL3", "TCDLT3", "TCRPX4", "TCTYP3", "TUNIT1", "BSCALE", "BZERO", "BLANK", "CRVAL1", "CDELT1",
    "CRPIX2", "CTYPE1", "CTYPE2", "CRPIX1P", "CDELT1P", "LTM1_1", "EXTNAME", "HDUNAME", "MJDREF", "TIMEZERO",
    "TSTART", "TSTOP", "EXPOSURE", "DTCOR", "TIMEDEL", "RA_PNT", "DEC_PNT", "ROLL_PNT", "RA_NOM", "SIM_Z", "SIM_X",
    "INSTRUME", "DETNAM", "DATAMODE", "OBS_ID", "DATE-OBS", "GRATING", "DSTYP1", "DSVAL1", "DSREF1", "MTYPE1",
    "MFORM1", "EQUINOX", "RADESYS", "FP_TEMP", "CYCLE", "OBI_NUM", "ONTIME", "LIVETIME", "TELESCOP", "CONTENT",
)  # fmt: skip


def _table(name: str, columns: list[fits.Column], **keys: Any) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update(keys)
    return hdu


def _scaled_table() -> fits.BinTableHDU:
    """Scaled columns, nulls, unsigned numbers, complex numbers, texts with blanks and nothing."""
    n = 20
    null = np.arange(n, dtype="i2")
    null[::7] = -99
    return _table(
        "EVENTS",
        [
            fits.Column("time", "D", array=np.arange(n) * 1.5, unit="s"),
            fits.Column("x", "I", array=np.arange(n), bzero=3.0),
            fits.Column("y", "I", array=null, null=-99),
            fits.Column("u", "J", array=np.arange(n, dtype="u4") + 2**31, bzero=2**31),
            fits.Column("s", "B", array=np.arange(n, dtype="i1") - 5, bzero=-128),
            fits.Column("k", "K", array=np.arange(n, dtype="i8") * 2**50),
            fits.Column("c", "C", array=np.arange(n) * (1 + 2j)),
            fits.Column("name", "6A", array=["", " a", "b ", "caf'e"] * 5),
            fits.Column("m", "6E", array=np.arange(6.0 * n).reshape(n, 6), dim="(2,3)"),
            fits.Column("bits", "11X", array=np.arange(11 * n).reshape(n, 11) % 3 == 0),
            fits.Column("flag", "L", array=np.arange(n) % 2 == 0),
        ],
        TNULL5=250,
        TSCAL2=0.5,
        TSTART=0.0,
        TSTOP=30.0,
    )


def _odd_tables() -> dict[str, list[Any]]:
    """Tables that are legal and seldom seen."""
    long = [np.arange(k, dtype="i4") for k in (0, 1, 5, 2)]
    nan = np.full(5, np.nan)
    return {
        "no_rows": [_table("EVENTS", [fits.Column(c, "E", array=[]) for c in ("time", "x", "y", "energy")])],
        "one_row": [_table("EVENTS", [fits.Column(c, "D", array=[7.0]) for c in ("time", "x", "y", "energy")])],
        "no_columns": [_table("EVENTS", [])],
        "variable": [_table("EVENTS", [fits.Column("time", "D", array=np.arange(4.0)),
                                       fits.Column("v", "PJ()", array=np.array(long, dtype=object))])],
        "scaled": [_scaled_table()],
        "all_nan": [_table("EVENTS", [fits.Column(c, "E", array=nan) for c in ("time", "x", "y", "energy")])],
        "infinite": [_table("EVENTS", [fits.Column("time", "D", array=[1, np.inf, -np.inf, 2]),
                                       fits.Column("x", "E", array=[1, 2, np.inf, 3.4e38])])],
        "no_name": [_table("", [fits.Column("a", "I", array=[3, 1, 2]), fits.Column("b+c(1)", "I", array=[1, 2, 3]),
                                fits.Column("time", "D", array=[3.0, 1, 1])])],
        "reversed_gti": [_table("GTI", [fits.Column("START", "D", array=[5.0, 1, np.nan]),
                                        fits.Column("STOP", "D", array=[3.0, 9, 2])])],
        "wide": [_table("EVENTS", [fits.Column(f"c{k}", "I", array=[k]) for k in range(200)])],
    }  # fmt: skip


def _odd_images() -> dict[str, list[Any]]:
    """Images that are legal and seldom seen."""
    rng = np.random.default_rng(5)
    ramp = np.arange(12, dtype="i2").reshape(3, 4)
    blank = fits.ImageHDU(ramp, name="IMG")
    blank.header["BLANK"] = 5
    scaled = fits.ImageHDU(ramp, name="IMG")
    scaled.header.update({"BSCALE": 0.25, "BZERO": -3.0})
    sky = fits.PrimaryHDU(rng.poisson(2, (24, 32)).astype("f4"))
    sky.header.update(
        {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CRVAL1": 228.5,
            "CRVAL2": -59.1,
            "CRPIX1": 16.5,
            "CRPIX2": 12.5,
            "CDELT1": -0.001,
            "CDELT2": 0.001,
            "CTYPE1P": "x",
            "CTYPE2P": "y",
            "CRVAL1P": 4000.5,
            "CRVAL2P": 4000.5,
            "CRPIX1P": 0.5,
            "CRPIX2P": 0.5,
            "CDELT1P": 8.0,
            "CDELT2P": 8.0,
            "BUNIT": "count",
        }
    )
    holes = np.where(np.arange(12.0).reshape(3, 4) % 3 == 0, np.nan, 1.5)
    return {
        "image": [sky],
        "blank": [blank],
        "scaled_image": [scaled],
        "holes": [fits.ImageHDU(holes, name="IMG")],
        "line": [fits.PrimaryHDU(np.arange(5.0))],
        "cube": [fits.PrimaryHDU(np.arange(24, dtype="u2").reshape(2, 3, 4))],
        "flat_axes": [fits.PrimaryHDU(np.ones((1, 1, 3, 4), "f8"))],
        "one_pixel": [fits.PrimaryHDU(np.ones((1, 1), "i4"))],
        "empty_axis": [fits.PrimaryHDU(np.zeros((0, 4), "f4"))],
        "nothing": [],
        "bytes": [fits.PrimaryHDU(np.arange(256, dtype="u1").reshape(16, 16))],
        "long_integers": [fits.PrimaryHDU(np.array([[2**62, -(2**62)], [0, 1]]))],
        "packed": [fits.CompImageHDU(rng.poisson(9, (16, 16)).astype("i4"))],
    }


#: Files of text that a tool might be given for a table, a stack or a region.
TEXTS = {
    "table.txt": "#time x y energy\n1 4096 4090 1000\n2 4100 4101 2000\n3 4050.5 4099 600\n",
    "gti.txt": "0 1500\n1600 1800\n",
    "region.reg": "# Region file format: DS9\nphysical\ncircle(4100,4100,60)\n-box(4100,4100,20,10,30)\n",
    "fk5.reg": 'fk5\ncircle(15:14:00,-59:06:00,20")\nellipse(228.5,-59.1,30",10",45)\n',
    "empty.txt": "",
    "null.txt": "a\0b\n\0\n",
    "latin.txt": "# caf\xe9\n1 2\n",
    "edits.txt": "#add\nWIND = 3.5 / [m/s] speed\nNOTE = 'a b'\n#delete\nDTCOR\n",
    "weights.txt": "1.0 0.5\n2.0 0.5\n",
    "numbers.txt": "1 2 3\nnan inf -inf\n1e400 x 3\n",
    "long.txt": "1 " * 20000 + "\n",
    "itself.lis": "@itself.lis\n",
}


def make_library(folder: Path) -> None:
    """Fill a folder with sound and odd files; damaged ones are made of them, run by run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_events(folder / "events.fits", rows=200)
    write_events(folder / "plain.fits", rows=30, gti=False, seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, hdus in {**_odd_tables(), **_odd_images()}.items():
            first = [] if hdus and isinstance(hdus[0], fits.PrimaryHDU) else [fits.PrimaryHDU()]
            fits.HDUList([*first, *hdus]).writeto(folder / f"{name}.fits", overwrite=True)
    (folder / "events.fits.gz").write_bytes(gzip.compress((folder / "events.fits").read_bytes()))
    for name, text in TEXTS.items():
        (folder / name).write_bytes(text.encode("latin-1"))
    (folder / "table.tsv").write_text("a\tb\n1\t2\n")
    (folder / "folder").mkdir(exist_ok=True)


def _header(data: bytes, rng: random.Random) -> tuple[int, int]:
    """(start, END card) of a header picked at random; (0, 0) where there is none."""
    starts = [i for i in range(0, len(data), BLOCK) if data[i : i + 8] in (b"SIMPLE  ", b"XTENSION")]
    if not starts:
        return 0, 0
    start = rng.choice(starts)
    ends = (i for i in range(start, len(data), CARD) if data[i : i + 8] == b"END     ")
    return start, next(ends, start)


def _telling_card(data: bytes, rng: random.Random, start: int, end: int) -> int:
    """Place of a card that says what bytes mean, else of any."""
    cards = [i for i in range(start, end, CARD) if data[i : i + 8].decode("latin-1").strip() in TELLING]
    return rng.choice(cards) if cards else start + CARD * rng.randrange(max((end - start) // CARD, 1))


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """Return the bytes of a file damaged in one to three of twelve ways."""
    data = bytearray(whole)
    if rng.random() < 0.4:  # one odd value, all else sound: it gets deepest
        start, end = _header(whole, rng)
        card = _telling_card(whole, rng, start, end)
        data[card + 8 : card + 30] = b"= " + rng.choice(EXTREME).rjust(20)[:20].encode("latin-1")
        return bytes(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        start, end = _header(bytes(data), rng)
        one = _telling_card(bytes(data), rng, start, end)
        two = start + CARD * rng.randrange(max((end - start) // CARD, 1))
        _damage(data, rng, one, two, end)
    return bytes(data)


def _damage(data: bytearray, rng: random.Random, one: int, two: int, end: int) -> None:
    """Damage in place: the card at `one`, another at `two`, the END card, or anything."""
    match rng.randrange(12):
        case 0:  # bits
            for _ in range(rng.choice((1, 1, 8, 100))):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 1:  # the file is cut
            del data[rng.randrange(len(data)) :]
        case 2 | 3 | 4:  # a value
            data[one + 8 : one + 30] = b"= " + rng.choice(EXTREME).rjust(20)[:20].encode("latin-1")
        case 5:  # a letter of a card
            data[min(one + rng.randrange(80), len(data) - 1)] = rng.randrange(256)
        case 6:  # cards change places
            data[one : one + 80], data[two : two + 80] = data[two : two + 80], data[one : one + 80]
        case 7:  # a card twice
            data[two : two + 80] = data[one : one + 80]
        case 8:  # no END
            data[end : end + 80] = b" " * 80
        case 9:  # the type of a column or image
            types = ("'1J'", "'1D'", "'9E'", "'32X'", "'PJ(5)'", "'QD'", "'1A'", "'0I'", "'1Z'", "'-1E'", "'99999999D'")
            data[one + 8 : one + 30] = b"= " + rng.choice(types).ljust(20).encode()
        case 10:  # a piece is missing
            cut = rng.randrange(len(data))
            del data[cut : cut + rng.randrange(1, 3000)]
        case _:  # something is put in
            cut = rng.randrange(len(data))
            data[cut:cut] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 80, 2880))))
