"""Spectrum files: type II (one spectrum per row), type I (one spectrum, a row per channel), and the REGION block.

Layout of ObsIDs 14392 (HETG, CIAO 4.16) and 24781 (LETG/HRC-S, CIAO 4.12).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits import Array, Column, Table, Vector
from ciaopy.gratings.extract import KINDS, SpectrumRow
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["ROW_KEYS", "region_table", "spectrum_table", "type_one"]

#: Columns of a type II file that become keywords of a type I file.
ROW_KEYS = ("SPEC_NUM", "TG_M", "TG_PART", "TG_SRCID", "X", "Y")

_KEYWORDS: dict[str, tuple[Any, str]] = {
    "CONTENT": ("SPECTRUM", ""),
    "HDUCLASS": ("OGIP", ""),
    "HDUCLAS1": ("SPECTRUM", ""),
    "HDUCLAS2": ("TOTAL", ""),
    "HDUCLAS3": ("COUNT", ""),
    "HDUCLAS4": ("TYPE:II", ""),
    "HDUCLAS5": ("TG", ""),
    "HDUVERS": ("1.1.0", ""),
    "HDUVERS1": ("1.0.0", ""),
    "BACKSCAL": (1.0, "BACKSCAL of the source spectra"),
    "CORRFILE": ("none", "Correction file name"),
    "AREASCAL": (1.0, "Area scaling factor"),
    "CORRSCAL": (1.0, "Correction scale factor"),
    "CHANTYPE": ("PI", ""),
    "POISSERR": (False, ""),
    "QUALITY": (0, "Quality flag"),
    "GROUPING": (0, "Grouping vector"),
}

# Name: (comment, unit, further keywords)
_DESCRIPTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "SPEC_NUM": ("Spectrum Number", "", {"TLMIN": 1, "TNULL": 0}),
    "TG_M": ("Diffraction order (m)", "", {"TLMIN": -62, "TLMAX": 62, "TNULL": 99}),
    "TG_PART": ("Spectral component (HEG, MEG, LEG, HESF parts)", "", {"TLMIN": 0, "TLMAX": 99}),
    "TG_SRCID": ("Source ID, output by detect", "", {"TLMIN": 1, "TNULL": 0}),
    "X": ("X sky coord of source", "pixel", {"TLMIN": 0.5, "TLMAX": 65534.5}),
    "Y": ("Y sky coord of source", "pixel", {"TLMIN": 0.5, "TLMAX": 65534.5}),
    "CHANNEL": ("Vector of spectral bin numbers.", "", {"TDBIN": 1, "TNULL": 0}),
    "COUNTS": ("Counts array (a spectrum)", "count", {"TLMIN": 0, "TDBIN": 1, "TNULL": -1}),
    "STAT_ERR": ("Statistical uncertainty (error) on counts", "count", {"TLMIN": 0.0}),
    "BACKGROUND_UP": ("Background count vector.", "count", {"TLMIN": 0, "TDBIN": 1, "TNULL": -1}),
    "BACKGROUND_DOWN": ("Background count vector.", "count", {"TLMIN": 0, "TDBIN": 1, "TNULL": -1}),
    "BIN_LO": ("Bin boundary, left edge", "angstrom", {"TLMIN": 0.0, "TLMAX": 400.0, "TDBIN": 0.0001}),
    "BIN_HI": ("Bin boundary, right edge", "angstrom", {"TLMIN": 0.0, "TLMAX": 400.0, "TDBIN": 0.0001}),
}


def statistical_error(counts: Array) -> Array:
    """Return 1 + sqrt(N + 0.75), float32 (Gehrels 1986, as tgextract writes it)."""
    return np.asarray(1.0 + np.sqrt(counts + 0.75), np.float32)


def _column(name: str, data: Array, form: str) -> Column:
    comment, unit, keys = _DESCRIPTIONS[name]
    return Column(name, data, form, unit, comment, {k: (v, "") for k, v in keys.items()})


def _whole(values: Array) -> tuple[Array, str]:
    """Return counts in the narrowest of the integer types that CIAO reads: I as CIAO, J where they do not fit."""
    fits = not values.size or values.max() <= np.iinfo(np.int16).max
    return values.astype(np.int16 if fits else np.int32), "I" if fits else "J"


def spectrum_table(rows: Sequence[SpectrumRow], header: Header, background: bool, region_file: str) -> Table:
    """Return the SPECTRUM table of type II.

    Parameters
    ----------
    rows : sequence of SpectrumRow
        With their counts; all grids of the same number of bins.
    header : Header
        Keywords of the observation; a copy is completed.
    background : bool
        Write the background columns and their scales.
    region_file : str
        For INREGION.
    """
    bins = {r.grid.bins for r in rows}
    if len(bins) != 1:
        raise DataError(f"grids of {sorted(bins)} bins do not fit one file of type II; extract the arms apart")
    n = bins.pop()
    made: list[tuple[str, Array, str]] = [
        ("SPEC_NUM", np.arange(1, len(rows) + 1, dtype=np.int16), "1I"),
        ("TG_M", np.array([r.order for r in rows], np.int16), "1I"),
        ("TG_PART", np.array([r.arm.part for r in rows], np.int16), "1I"),
        ("TG_SRCID", np.array([r.source for r in rows], np.int16), "1I"),
        ("X", np.array([r.zero[0] for r in rows], np.float32), "1E"),
        ("Y", np.array([r.zero[1] for r in rows], np.float32), "1E"),
        ("CHANNEL", np.tile(np.arange(1, n + 1, dtype=np.int16 if n < 32768 else np.int32), (len(rows), 1)), ""),
    ]
    counts = np.stack([r.counts for r in rows])
    for kind, name in enumerate(("COUNTS", "BACKGROUND_UP", "BACKGROUND_DOWN")):
        if kind == 0 or background:
            values, letter = _whole(counts[:, kind])
            made.append((name, values, f"{n}{letter}"))
        if kind == 0:
            made.append(("STAT_ERR", statistical_error(counts[:, 0]), f"{n}E"))
    edges = [r.grid.channels(r.order) for r in rows]
    made += [(name, np.stack([e[k] for e in edges]), f"{n}D") for k, name in enumerate(("BIN_LO", "BIN_HI"))]
    columns = {name.lower(): _column(name, data, form) for name, data, form in made}
    columns["channel"].form = f"{n}{'I' if n < 32768 else 'J'}"
    return Table("SPECTRUM", columns, _spectrum_header(rows, header, n, background, region_file))


def _spectrum_header(
    rows: Sequence[SpectrumRow], header: Header, channels: int, background: bool, region_file: str
) -> Header:
    out = header.copy()
    out["EXTNAME"], out["HDUNAME"] = "SPECTRUM", "SPECTRUM"
    for key, value in _KEYWORDS.items():
        out[key] = value
    out["INREGION"] = (region_file, "region file used for filtering events")
    out["DETCHANS"] = (channels, "Total number of detector channels available")
    if background:
        out["BACKSCUP"] = (rows[0].scale(1), "BACKSCAL of the background up spectra")
        out["BACKSCDN"] = (rows[0].scale(2), "BACKSCAL of the background down spectra")
    for key, comment in (("BACKFILE", "Background file name"), ("RESPFILE", "RMF"), ("ANCRFILE", "ARF")):
        out[key] = (out.get(key, "none"), comment)
    return out


def region_table(rows: Sequence[SpectrumRow], header: Header, background: bool) -> Table:
    """Return the REGION table of the spectra: boxes, or polygons with their vertices, in wavelength and tg_d."""
    kinds = range(3 if background else 1)
    corners = max([len(r.polygons[k].x) for r in rows for k in kinds if r.polygons] + [1])
    shape = [(i, k) for i in range(len(rows)) for k in kinds]
    lam, tg_d = np.full((len(shape), corners), np.nan, np.float32), np.full((len(shape), corners), np.nan, np.float32)
    size = np.zeros((len(shape), 2), np.float32)
    for n, (i, k) in enumerate(shape):
        r = rows[i]
        if r.polygons:
            points = r.polygons[k].vertices(r.arm, r.order)
            lam[n, : len(points)], tg_d[n, : len(points)] = points[:, 0], points[:, 1]
            continue
        low, high = r.windows.all()[k]
        edges = r.grid.edges(r.order)
        lam[n, 0], tg_d[n, 0] = 0.5 * (edges[0] + edges[-1]), 0.5 * (low + high)
        size[n] = edges[-1] - edges[0], high - low
    numbers = {
        "TG_PART": ([rows[i].arm.part for i, _ in shape], "Grating part index (HEG=1, MEG=2, LEG=3)", (0, 9)),
        "TG_SRCID": ([rows[i].source for i, _ in shape], "Source identification number", (1, None)),
        "TG_M": ([rows[i].order for i, _ in shape], "Diffraction order", (-62, 62)),
        "COMPONENT": (list(range(1, len(shape) + 1)), "Component number", (None, None)),
    }
    text = "Wavelength(angstrom), Cross Dispersion(degrees)"
    kind = ["polygon" if rows[i].polygons else "box" for i, _ in shape]
    columns = [
        Column("SPEC_NUM", np.array([i + 1 for i, _ in shape], np.int16), "1I", "", "Spectrum number: row of SPECTRUM"),
        Column("ROWID", np.array([KINDS[k] for _, k in shape], "S64"), "64A", "", "Source or a background region?"),
        Column("SHAPE", np.array(kind, "S16"), "16A", "", "Shape of region"),
        Column("TG_LAM", lam[:, 0] if corners == 1 else lam, f"{corners}E", "", text),
        Column("TG_D", tg_d[:, 0] if corners == 1 else tg_d, f"{corners}E", "", text),
        Column("R", size, "2E", "(angstrom , degrees)", "Radius vector for SHAPE"),
        Column("ROTANG", np.zeros(len(shape), np.float32), "1E", "degrees", "Rotation angle for SHAPE"),
    ]
    for name, (values, comment, limits) in numbers.items():
        keys = {k: (v, "") for k, v in zip(("TLMIN", "TLMAX"), limits, strict=True) if v is not None}
        columns.append(Column(name, np.array(values, np.int16), "1I", "", comment, keys))
    out = header.copy()
    names = {"EXTNAME": "REGION", "HDUNAME": "REGION", "CONTENT": "TGMASK2", "HDUCLASS": "OGIP"}
    out.update(names | {"HDUCLAS1": "REGION", "HDUCLAS2": "TG"})
    return Table("REGION", {c.name.lower(): c for c in columns}, out, [Vector("WAVPOS", ("TG_LAM", "TG_D"))])


def type_one(table: Table, row: int) -> Table:
    """Return one row of a type II table as a table of type I: vectors become columns, numbers keywords.

    Raises
    ------
    DataError
        No such row, or no vector columns.
    """
    if not 0 <= row < table.nrows:
        raise DataError(f"block {table.name}: no row {row + 1}; it has {table.nrows}")
    vectors = {k: c for k, c in table.columns.items() if c.data.ndim == 2}
    if not vectors:
        raise DataError(
            f"block {table.name} has no vector columns ({enumerated(table.names)}); give a spectrum file of type II"
        )
    columns = {}
    for name, c in vectors.items():
        letter = c.form.lstrip("0123456789")[:1] or ""
        columns[name] = Column(
            c.name, np.ascontiguousarray(c.data[row]), f"1{letter}" if letter else "", c.unit, c.comment, dict(c.keys)
        )
    header = table.header.copy()
    for c in table.columns.values():
        if c.data.ndim == 1 and c.name.upper() in ROW_KEYS:
            header[c.name.upper()] = (c.data[row].item(), c.comment[:47])
    header["HDUCLAS4"] = "TYPE:I"
    return Table(table.name, columns, header)
