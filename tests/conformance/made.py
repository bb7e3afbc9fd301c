"""Conforming products of every kind, made by code from the table of layouts, and the means to break them."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ciaopy.conformance.layouts import ColumnLayout, HduLayout, keyword_types, layouts

TSTART, TSTOP = 1.0e8, 1.0e8 + 1000
#: Two good times per chip, s.
GTIS = {3: [(TSTART, TSTART + 400), (TSTART + 500, TSTOP)], 7: [(TSTART, TSTART + 300), (TSTART + 310, TSTOP)]}
ROWS = 12
CHANNELS = 8
VECTORS = {"chip": "chipx,chipy", "tdet": "tdetx,tdety", "det": "detx,dety", "sky": "x,y", "rd": "tg_r,tg_d"}


def ontime(chip: int) -> float:
    return sum(b - a for a, b in GTIS[chip])


def _date(seconds: float) -> str:
    return (datetime(1998, 1, 1) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _value(name: str, layout: HduLayout, hrc: bool) -> Any:
    fixed = {
        "TSTART": TSTART, "TSTOP": TSTOP, "DATE-OBS": _date(TSTART), "DATE-END": _date(TSTOP), "DATE": _date(TSTOP),
        "ONTIME": ontime(7), "DTCOR": 0.98, "LIVETIME": 0.98 * ontime(7), "EXPOSURE": 0.98 * ontime(7),
        "RA_NOM": 266.4, "DEC_NOM": -29.0, "INSTRUME": "HRC" if hrc else "ACIS",
        "DETNAM": "HRC-I" if hrc else "ACIS-37",
        "DETCHANS": CHANNELS, "EXTNAME": layout.name, "HDUNAME": layout.name, "BACKSCAL": 1.0, "AREASCAL": 1.0,
        "POISSERR": True, "CCD_ID": 7, "TIMESYS": "TT", "OBS_ID": "123",
        "ONTIME3": ontime(3), "ONTIME7": ontime(7),
    }  # fmt: skip
    if name in fixed:
        return fixed[name]
    text = layout.values.get(name, ("",))[0] if name in layout.values else None
    kind = keyword_types().get(name, "str")
    if name == "MJDREF" or (text is not None and kind == "real"):
        return float(text or 0)
    if text is not None:
        return text == "True" if kind == "bool" else text
    return {"str": "made", "int": 1, "real": 1.0, "bool": True}[kind]


def _cells(column: ColumnLayout, form: str, rows: int, level2: bool) -> np.ndarray:
    """Values inside the limits, in order where the order matters."""
    count = int("".join(c for c in form if c.isdigit()) or 1)
    letter = form.lstrip("0123456789")
    if letter == "X":
        return np.zeros((rows, count), bool)
    if letter == "A":
        return np.array([b"point" if column.name == "SHAPE" else b"made"] * rows, f"S{count}")
    if letter == "L":
        return np.zeros(rows, bool)
    low, high = column.limits[0] if column.limits else (None, None)
    value = 1.0 if low is None and high is None else (low if low is not None else high)
    if column.name in ("TIME", "TIME_STOP"):
        cells = TSTART + 5 + np.arange(rows, dtype=float) + (column.name == "TIME_STOP")
    elif column.name == "CCD_ID":
        cells = np.where(np.arange(rows) % 2, 3, 7)
    elif column.name in ("X", "Y", "DETX", "DETY") and low is not None:
        cells = np.full(rows, 4096.5)
    else:
        cells = np.full((rows, count) if count > 1 else rows, value)
    return cells.astype({"B": "u1", "I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8"}[letter])


def _special(kind: str, name: str, rows: int) -> np.ndarray | None:
    edges = np.linspace(1.0, 2.0, rows + 1)
    wave = np.tile(np.linspace(1.0, 2.0, CHANNELS + 1), (rows, 1))
    counts = np.tile(np.arange(CHANNELS), (rows, 1))
    table = {
        ("garf", "ENERG_LO"): edges[:-1], ("garf", "ENERG_HI"): edges[1:],
        ("rmf", "ENERG_LO"): edges[:-1], ("rmf", "ENERG_HI"): edges[1:],
        ("pha2", "BIN_LO"): wave[:, :-1], ("pha2", "BIN_HI"): wave[:, 1:], ("pha2", "COUNTS"): counts,
        ("pha2", "STAT_ERR"): np.sqrt(counts), ("asol1", "Q_ATT"): np.tile([0.5, 0.5, 0.5, 0.5], (rows, 1)),
    }  # fmt: skip
    return table.get((kind, name))


def _form(kind: str, column: ColumnLayout) -> str:
    form = column.tform[0]
    if form[0] != "*":
        return form
    if kind == "rmf":
        return f"P{form[1:]}"
    count = 32 if form[1] in "AX" else CHANNELS if kind == "pha2" else 4
    return f"{count}{form[1:]}"


def _column(kind: str, column: ColumnLayout, rows: int) -> fits.Column:
    form = _form(kind, column)
    if form[0] == "P":
        cells = np.empty(rows, object)
        item = {"F_CHAN": [1], "N_CHAN": [4], "MATRIX": [0.25] * 4}[column.name]
        cells[:] = [np.array(item, "f4" if form == "PE" else "i2") for _ in range(rows)]
        return fits.Column(column.spelt, form, array=cells, unit=column.unit[0] or None)
    cells = _special(kind, column.name, rows)
    if cells is None:
        cells = _cells(column, form, rows, kind.startswith("evt2"))
    if form.endswith("A"):
        cells = np.char.decode(cells)
    null = column.tnull[0] if column.tnull and form[-1] in "BIJK" else None
    return fits.Column(column.spelt, form, array=cells, unit=column.unit[0] or None, null=null)


def _table(kind: str, layout: HduLayout, chip: int | None = None) -> fits.BinTableHDU:
    rows = CHANNELS if layout.name == "EBOUNDS" or kind == "pha1" else ROWS
    if layout.name == "GTI":
        start, stop = np.transpose(GTIS[chip or 7])
        columns = [fits.Column(n, "1D", array=v, unit="s") for n, v in (("START", start), ("STOP", stop))]
    else:
        columns = [_column(kind, c, rows) for c in layout.columns if c.need != "o"]
    hdu = fits.BinTableHDU.from_columns(columns, nrows=len(columns[0].array) if columns else 0)
    for number, column in enumerate(columns, 1):
        known = layout.column(column.name)
        for stem, value in zip(("TLMIN", "TLMAX"), known.limits[0] if known and known.limits else (), strict=False):
            if value is not None:
                hdu.header[f"{stem}{number}"] = value
    _keywords(hdu.header, layout, "_hrc" in kind)
    if layout.name == "EVENTS":
        _sky(hdu, kind)
    if layout.name == "GTI" and chip is not None and "_hrc" not in kind:
        hdu.header["HDUNAME"], hdu.header["CCD_ID"], hdu.header["EXTVER"] = f"GTI{chip}", chip, chip
    return hdu


def _keywords(header: fits.Header, layout: HduLayout, hrc: bool) -> None:
    if layout.name == "SPECTRUM":
        header["DETCHANS"] = CHANNELS
    for name in sorted(layout.required - {"EXTNAME"} if layout.name == "PRIMARY" else layout.required):
        header[name] = _value(name, layout, hrc)


def _sky(hdu: fits.BinTableHDU, kind: str) -> None:
    """World coordinates, vectors, subspace and exposures of an event list."""
    header, names = hdu.header, [c.upper() for c in hdu.columns.names]
    pixel = 0.13175 / 3600 if "_hrc" in kind else 0.492 / 3600
    for name, ctype, value, step in (("X", "RA---TAN", 266.4, -pixel), ("Y", "DEC--TAN", -29.0, pixel)):
        n = names.index(name) + 1
        values = {"TCTYP": ctype, "TCRVL": value, "TCRPX": 4096.5, "TCDLT": step, "TCUNI": "deg"}
        header.update({f"{stem}{n}": v for stem, v in values.items()})
    for n in range(1, 9):
        for stem in ("MTYPE", "MFORM"):
            header.pop(f"{stem}{n}", None)
    vectors = {v: f for v, f in VECTORS.items() if f.split(",")[0].upper() in names}
    if "TG_R" in names:
        vectors = {"rd": vectors["rd"], **vectors}
    if "RAWX" in names:
        vectors = {"raw": "rawx,rawy", **vectors}
    for n, (vector, form) in enumerate(vectors.items(), 1):
        header[f"MTYPE{n}"], header[f"MFORM{n}"] = vector, form
    header["STATFILT"] = "0" * 32
    if "_hrc" in kind:
        header.update(DSTYP1="time", DSVAL1="TABLE", DSFORM1="D", DSUNIT1="s", DSREF1=":GTI")
        return
    header.update(DSTYP1="time", DSVAL1="TABLE", DSFORM1="D", DSUNIT1="s", DSREF1=":GTI7")
    header["2DSREF1"] = ":GTI3"
    header.update(DSTYP2="ccd_id", DSVAL2="7:7", DSFORM2="I")
    header["2DSVAL2"] = "3:3"
    header.update(DSTYP3="energy", DSVAL3="0:1000", DSFORM3="E")
    header["2DSVAL3"] = "0:1000"
    header["ONTIME3"], header["ONTIME7"] = ontime(3), ontime(7)


def _image(kind: str, layout: HduLayout | None) -> fits.PrimaryHDU:
    hdu = fits.PrimaryHDU(np.ones((8, 8), "i2"))
    pixel = 0.492 / 3600
    for axis, (name, ctype, value, step) in enumerate(
        (("x", "RA---TAN", 266.4, -pixel), ("y", "DEC--TAN", -29.0, pixel)), 1
    ):
        hdu.header[f"CTYPE{axis}P"], hdu.header[f"CRVAL{axis}P"] = name, 4000.0
        hdu.header[f"CRPIX{axis}P"], hdu.header[f"CDELT{axis}P"] = 0.5, 4.0
        hdu.header[f"CTYPE{axis}"], hdu.header[f"CRVAL{axis}"] = ctype, value
        hdu.header[f"CRPIX{axis}"], hdu.header[f"CDELT{axis}"] = 4.5, step * 4
        hdu.header[f"CUNIT{axis}"] = "deg"
    if layout is not None:
        names = [n for n in sorted(layout.required) if n not in hdu.header]
        hdu.header.update({n: _value(n, layout, False) for n in names})
    else:
        hdu.header.update(HDUCLAS1="EVENTS", TELESCOP="CHANDRA", INSTRUME="ACIS", RA_NOM=266.4, DEC_NOM=-29.0)
    return hdu


def product(kind: str) -> fits.HDUList:
    """Return a conforming product of a kind."""
    if kind == "image":
        return fits.HDUList([_image(kind, None)])
    table, hdus = layouts()[kind], fits.HDUList()
    primary = table.hdus["PRIMARY"]
    if "CTYPE1" in primary.required or "MFORM2" in primary.required or kind in ("bias0_acis", "instmap"):
        hdus.append(_image(kind, primary))
    else:
        hdus.append(fits.PrimaryHDU())
        _keywords(hdus[0].header, primary, "_hrc" in kind)
    for name, layout in table.hdus.items():
        if name in ("PRIMARY", "GTI") or not layout.columns:
            continue
        hdus.append(_table(kind, layout))
    if "GTI" in table.hdus:
        chips = [7] if "_hrc" in kind or kind in ("asphist", "pha1", "img2") else [7, 3]
        hdus.extend(_table(kind, table.hdus["GTI"], chip) for chip in chips)
        if "FILTER" in table.hdus:
            first = hdus["FILTER"].header
            names = [h.header["HDUNAME"] for h in hdus if h.name == "GTI"]
            first.update(DSTYP1="time", DSVAL1="TABLE", DSREF1=f":{names[0]}")
            for component, name in enumerate(names[1:], 2):
                first[f"{component}DSREF1"] = f":{name}"
    return hdus


def write(hdus: fits.HDUList, path: Path) -> Path:
    """Write with check sums."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdus.writeto(path, checksum=True, overwrite=True)
    return path


class Cards:
    """Change header cards in the bytes of a file, which astropy would write anew from its columns.

    Parameters
    ----------
    hdu : str
        EXTNAME.
    change : callable
        Takes the header, returns keyword to value; None blanks the card. New keywords take the place of the
        check sums, which would not hold any more.
    """

    def __init__(self, hdu: str, change: Callable[[fits.Header], dict[str, Any]]) -> None:
        self.hdu, self.change = hdu, change

    def __call__(self, path: Path) -> None:
        with fits.open(path) as hdus:
            info = hdus[self.hdu].fileinfo()
            new = self.change(hdus[self.hdu].header)
        raw = bytearray(path.read_bytes())
        spare = []
        for at in range(info["hdrLoc"], info["datLoc"], 80):
            word = raw[at : at + 8].decode().strip()
            if word in ("CHECKSUM", "DATASUM"):
                raw[at : at + 80] = b" " * 80
                spare.append(at)
            if word in new:
                value = new.pop(word)
                raw[at : at + 80] = b" " * 80 if value is None else str(fits.Card(word, value)).encode()
        for word, value in new.items():
            at = spare.pop()
            raw[at : at + 80] = str(fits.Card(word, value)).encode()
        path.write_bytes(bytes(raw))


def made(kind: str, folder: Path, change: Callable[[fits.HDUList], None] | Cards | None = None, name: str = "") -> Path:
    """Write a product of a kind, changed by `change` before the check sums are made."""
    path = folder / (name or f"made_{kind}.fits")
    if change is None or isinstance(change, Cards):
        path.write_bytes(content(kind))
        if change is not None:
            change(path)
        return path
    hdus = product(kind)
    change(hdus)
    return write(hdus, path)


@cache
def content(kind: str) -> bytes:
    """Return the bytes of a conforming product of a kind."""
    with tempfile.TemporaryDirectory() as folder:
        return write(product(kind), Path(folder) / "made.fits").read_bytes()
