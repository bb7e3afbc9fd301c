"""The index of a calibration database, `caldb.indx`: one row per HDU of a calibration file.

The table (CIF) is read once per file and change of it, and kept as arrays; rows become objects only where a query
comes close to them.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.boundary import BoundaryCondition, parse_condition
from ciaopy.caldb.dates import parse_mjd
from ciaopy.errors import CalibrationError, DataError
from ciaopy.messages import enumerated, reason

__all__ = ["CalIndex", "CalRow", "read_index"]

_REQUIRED = ("TELESCOP", "INSTRUME", "CAL_DIR", "CAL_FILE", "CAL_CNAM", "CAL_CBD", "CAL_XNO")
_OPTIONAL = ("DETNAM", "FILTER", "GRATING", "CAL_DEV", "CAL_VSD", "CAL_VST", "CAL_DATE", "CAL_DESC")
# Length of one condition where the format of CAL_CBD does not say it (the CIF memo's 70 characters).
_CBD_LENGTH = 70
# Files of this quality and above are bad or superseded.
_BAD_QUALITY = 5
_VERSION = re.compile(r"(.*)N(\d+)(\D*)")


@dataclass(frozen=True)
class CalRow:
    """One row of the index.

    Attributes
    ----------
    number : int
        Row number in the index, from 1.
    telescope, instrument, detector, filter, grating : str
        As written; empty where the index has no such column.
    device, folder, file : str
        CAL_DEV, CAL_DIR, CAL_FILE.
    hdu : int
        CAL_XNO: 0 is the primary.
    product : str
        CAL_CNAM in upper case.
    conditions : tuple of str
        CAL_CBD without empty strings.
    start : float
        MJD from which the file serves.
    quality : int
        CAL_QUAL.
    date : float or None
        MJD of CAL_DATE.
    description : str
        CAL_DESC.
    index : str
        The index file.
    """

    number: int
    telescope: str
    instrument: str
    detector: str
    filter: str
    grating: str
    device: str
    folder: str
    file: str
    hdu: int
    product: str
    conditions: tuple[str, ...]
    start: float
    quality: int
    date: float | None
    description: str
    index: str = ""

    @property
    def series(self) -> str:
        """Folder and file name up to the version; the versions of one series can be compared."""
        found = _VERSION.fullmatch(self._stem)
        return f"{self.folder.strip('/')}/{found[1] if found else self._stem}"

    @property
    def version(self) -> tuple[int, str]:
        """Version in the file name: 12 and `_revA` in `...N0012_revA.fits`; (-1, "") where there is none."""
        found = _VERSION.fullmatch(self._stem)
        return (int(found[2]), found[3]) if found else (-1, "")

    @property
    def _stem(self) -> str:
        return self.file.removesuffix(".gz").partition(".")[0]

    @cached_property
    def boundaries(self) -> tuple[BoundaryCondition, ...]:
        """The conditions; CalibrationError that names row and text if one is malformed."""
        try:
            parsed = [parse_condition(text) for text in self.conditions]
        except CalibrationError as error:
            raise CalibrationError(f"{self.index}: row {self.number} ({self.file}): {error}") from error
        return tuple(c for c in parsed if c is not None)


@dataclass
class CalIndex:
    """An index in memory.

    Attributes
    ----------
    path : Path
        The file.
    columns : dict
        Upper-case name to array, shape (n,); texts as bytes, CAL_CBD shape (n, m).
    start : float64 array, shape (n,)
        MJD from which each row serves, NaN where neither REF_TIME nor CAL_VSD says it.
    quality : int64 array, shape (n,)
        CAL_QUAL; 0 where the column is missing.
    """

    path: Path
    columns: dict[str, NDArray[Any]]
    start: NDArray[np.float64]
    quality: NDArray[np.int64]
    _of_product: dict[str, NDArray[np.intp]] = field(default_factory=dict)
    _rows: dict[int, CalRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names, inverse = np.unique(np.char.upper(np.char.strip(self.columns["CAL_CNAM"])), return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        bounds = np.searchsorted(inverse[order], np.arange(len(names) + 1))
        for k, name in enumerate(names):
            self._of_product[name.decode("ascii", "replace")] = order[bounds[k] : bounds[k + 1]]

    @property
    def nrows(self) -> int:
        """Number of rows."""
        return len(self.start)

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products that have rows, sorted."""
        return tuple(sorted(name for name in self._of_product if name))

    def numbers(self, product: str) -> NDArray[np.intp]:
        """Return the 0-based numbers of the rows of usable quality of a product."""
        found = self._of_product.get(product.strip().upper())
        if found is None:
            return np.empty(0, np.intp)
        return found[self.quality[found] < _BAD_QUALITY]

    def row(self, number: int) -> CalRow:
        """Return one row by its 0-based number."""
        if number not in self._rows:
            self._rows[number] = self._make_row(number)
        return self._rows[number]

    def rows(self, product: str) -> list[CalRow]:
        """Return the rows of usable quality of a product, in file order."""
        return [self.row(int(n)) for n in self.numbers(product)]

    def _text(self, name: str, number: int) -> str:
        if name not in self.columns:
            return ""
        return bytes(self.columns[name][number]).decode("ascii", "replace").strip()

    def _make_row(self, number: int) -> CalRow:
        conditions = [
            bytes(c).decode("ascii", "replace").strip() for c in np.atleast_1d(self.columns["CAL_CBD"][number])
        ]
        return CalRow(
            number=number + 1,
            telescope=self._text("TELESCOP", number),
            instrument=self._text("INSTRUME", number),
            detector=self._text("DETNAM", number),
            filter=self._text("FILTER", number),
            grating=self._text("GRATING", number),
            device=self._text("CAL_DEV", number),
            folder=self._text("CAL_DIR", number),
            file=self._text("CAL_FILE", number),
            hdu=int(self.columns["CAL_XNO"][number]),
            product=self._text("CAL_CNAM", number).upper(),
            conditions=tuple(c for c in conditions if c.strip("\0")),
            start=float(self.start[number]),
            quality=int(self.quality[number]),
            date=parse_mjd(self._text("CAL_DATE", number)),
            description=self._text("CAL_DESC", number),
            index=str(self.path),
        )


_cache: dict[Path, tuple[tuple[int, int], CalIndex]] = {}
_cache_lock = threading.Lock()


def read_index(path: str | os.PathLike[str]) -> CalIndex:
    """Return the index in a file, from memory if the file has not changed since it was read.

    Raises
    ------
    CalibrationError
        The file is missing, damaged, or no calibration index; the message names the columns seen.
    """
    place = Path(path)
    try:
        state = place.stat()
    except OSError as error:
        raise CalibrationError(
            f"{place}: no calibration index there; install the CALDB again: {reason(error)}"
        ) from error
    key = (state.st_mtime_ns, state.st_size)
    with _cache_lock:
        known = _cache.get(place)
        if known is None or known[0] != key:
            known = (key, _load(place))
            _cache[place] = known
    return known[1]


def _load(path: Path) -> CalIndex:
    from ciaopy.fits import Table, open_fits

    try:
        with open_fits(path) as fits:
            tables = [
                i for i in fits.hdus if i.kind == "table" and any(c.name.upper() == "CAL_CNAM" for c in i.columns)
            ]
            if not tables:
                seen = "; ".join(i.describe() for i in fits.hdus)
                raise CalibrationError(
                    f"{path}: no table with a column CAL_CNAM, so no calibration index; it has {seen}"
                )
            block = fits.read(tables[0])
    except (DataError, OSError, ValueError) as error:
        raise CalibrationError(f"{path}: cannot be read as a calibration index: {reason(error)}") from error
    assert isinstance(block, Table)
    return _index(path, block)


def _index(path: Path, block: Any) -> CalIndex:
    """Check the columns and derive the start times."""
    missing = [name for name in _REQUIRED if name not in block]
    if missing or not ("REF_TIME" in block or "CAL_VSD" in block):
        lacking = ", ".join(missing or ["REF_TIME"])
        raise CalibrationError(
            f"{path}: no column {lacking} in this calibration index; it has {enumerated(block.names)}"
        )
    columns = {name: block[name] for name in (*_REQUIRED, *_OPTIONAL) if name in block}
    columns["CAL_CBD"] = _split_conditions(columns["CAL_CBD"])
    for name, data in columns.items():
        wanted = "iu" if name == "CAL_XNO" else "S"
        if data.dtype.kind not in wanted or (name != "CAL_CBD" and data.ndim != 1):
            raise CalibrationError(f"{path}: column {name} of this calibration index has the wrong type {data.dtype}")
    start = np.full(block.nrows, np.nan)
    if "REF_TIME" in block and block["REF_TIME"].dtype.kind in "iuf":
        start = np.array(block["REF_TIME"], np.float64)
    for n in np.flatnonzero(~np.isfinite(start) | (start <= 0)):
        written = [
            bytes(columns[c][n]).decode("ascii", "replace") if c in columns else "" for c in ("CAL_VSD", "CAL_VST")
        ]
        known = parse_mjd(*written)
        start[n] = np.nan if known is None else known
    quality = np.zeros(block.nrows, np.int64)
    if "CAL_QUAL" in block:
        if block["CAL_QUAL"].dtype.kind not in "iuf":
            raise CalibrationError(f"{path}: column CAL_QUAL of this calibration index is not numerical")
        quality = np.nan_to_num(np.asarray(block["CAL_QUAL"], np.float64), nan=_BAD_QUALITY).astype(np.int64)
    return CalIndex(path, columns, start, quality)


def _split_conditions(data: NDArray[Any]) -> NDArray[Any]:
    """Return CAL_CBD with one condition per element, shape (n, m), also where its format says nothing of strings."""
    if data.ndim > 1 or data.dtype.kind != "S":
        return data.reshape(len(data), -1) if data.ndim > 2 else data
    width = data.dtype.itemsize
    if width <= _CBD_LENGTH or width % _CBD_LENGTH:
        return data[:, None]
    return np.ascontiguousarray(data).view(f"S{_CBD_LENGTH}").reshape(len(data), -1)
