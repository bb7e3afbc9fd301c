"""How readers look at a calibration file: blocks, columns found by name in any spelling, and errors that tell all.

CALDB files describe themselves, and their column names vary in case and in how they spell limits. A reader asks for
what it needs; whatever it does not find becomes a `CalibrationError` with file, HDU and the columns seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.products_base import BACK_ILLUMINATED, ChipCurves, ChipRegions, FloatArray, IntArray
from ciaopy.errors import CalibrationError
from ciaopy.fits import Image, Table

if TYPE_CHECKING:
    from ciaopy.fits import FitsFile, HduInfo

__all__ = ["CalImage", "CalTable", "CalibrationSource"]

# Spellings of the same thing at the end of a column name.
_ENDINGS = (("_MIN", "_LO", "_LOW", "MIN", "_LOWER"), ("_MAX", "_HI", "_HIGH", "MAX", "_UPPER"))

# More than this cannot be keV: the calibration ends at 20.
_LARGEST_KEV = 100.0


def _as_float64(data: Any) -> FloatArray:
    """Return numbers as contiguous float64; signalling NaNs of a damaged file become quiet ones without a word."""
    with np.errstate(invalid="ignore"):
        return np.ascontiguousarray(data, dtype=np.float64)


def spellings(name: str) -> list[str]:
    """Return the lower-case names that a column may go by, the given one first."""
    upper = name.upper()
    found = [upper]
    for group in _ENDINGS:
        ending = next((e for e in sorted(group, key=len, reverse=True) if upper.endswith(e)), None)
        if ending is not None:
            found += [upper[: -len(ending)] + other for other in group]
    return list(dict.fromkeys(n.lower() for n in found))


@dataclass(frozen=True, eq=False)
class CalBlock:
    """One HDU of a calibration file."""

    file: CalibrationSource
    info: HduInfo

    @property
    def where(self) -> str:
        """File and HDU, for messages."""
        return f"{self.file.path}: {self.info.describe()}"

    def fail(self, problem: str) -> NoReturn:
        """Raise a `CalibrationError` with product, file, HDU, the problem and the columns seen."""
        columns = ", ".join(c.name for c in self.info.columns) or "none"
        seen = f"; columns seen: {columns}" if self.info.kind == "table" else ""
        raise CalibrationError(f"{self.where}: cannot read as {self.file.product}: {problem}{seen}")

    def key(self, *names: str, default: Any = None) -> Any:
        """Return the value of the first keyword that is there, or `default`."""
        return next((self.info.values[n] for n in names if n in self.info.values), default)

    def number(self, name: str) -> float:
        """Return a finite numerical keyword; CalibrationError otherwise."""
        value = self.key(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
            self.fail(f"keyword {name} is {value!r}, not a number")
        return float(value)

    def text(self, *names: str) -> str:
        """Return the first of these keywords as upper-case text, or an empty one."""
        return str(self.key(*names, default="")).strip().upper()

    def boundary(self, name: str) -> str:
        """Return the value of a boundary condition, such as ``1000`` of `SHELL(1000)` in a CBDnnnnn keyword, or ''."""
        for keyword, value in self.info.values.items():
            if re.fullmatch(r"CBD\d{5}", keyword):
                match = re.match(rf"\s*{name}\s*\(([^)]*)\)", str(value), re.IGNORECASE)
                if match:
                    return match.group(1).strip().upper()
        return ""

    def chip(self) -> int | None:
        """Return the chip that the HDU is about: CCD_ID or CHIP_ID as keyword or boundary condition, or None."""
        for name in ("CCD_ID", "CHIP_ID"):
            text = str(self.key(name, default="")).strip() or self.boundary(name)
            if re.fullmatch(r"\d+", text):
                return int(text)
        return None

    def chips(self) -> tuple[int, ...]:
        """Return the ACIS chips of the HDU: its own, or a group named FI or BI; empty if it does not say.

        MARX re-formats CALDB files into blocks `ACIS3_CONTAM` and `..._SUBPIX_BI`; they are understood too.
        """
        chip = self.chip()
        if chip is not None:
            return (chip,)
        named = re.match(r"ACIS(\d)(?!\d)", self.info.name, re.IGNORECASE)
        if named:
            return (int(named.group(1)),)
        kind = re.search(r"(?:^|[_-])(FI|BI)$", self.info.name, re.IGNORECASE)
        if kind:
            back = kind.group(1).upper() == "BI"
            return tuple(c for c in range(10) if (c in BACK_ILLUMINATED) == back)
        return ()


@dataclass(frozen=True, eq=False)
class CalImage(CalBlock):
    """An image HDU with its pixels."""

    block: Image

    @property
    def pixels(self) -> FloatArray:
        """The pixels as float64, slow axis first; CalibrationError if they are not numbers or not finite."""
        data = _as_float64(self.block.data)
        if not np.all(np.isfinite(data)):
            self.fail("the image has NaN or infinite pixels")
        return data


@dataclass(frozen=True, eq=False)
class CalTable(CalBlock):
    """A table HDU with its columns."""

    block: Table

    def find(self, *names: str) -> str | None:
        """Return the key of the first column with one of these names in any spelling, or None."""
        for name in names:
            for spelling in spellings(name):
                if spelling in self.block.columns:
                    return spelling
        return None

    def has(self, *names: str) -> bool:
        """Return whether every one of these columns is there, in any spelling."""
        return all(self.find(n) is not None for n in names)

    def _raw(self, names: tuple[str, ...]) -> tuple[str, Any]:
        name = self.find(*names)
        if name is None:
            self.fail(f"no column {' or '.join(names)}")
        if self.block.nrows == 0:
            self.fail("the table has no rows")
        return name, self.block.columns[name].data

    def numbers(self, *names: str) -> FloatArray:
        """Return the first of these columns as float64, shape (nrow,) or (nrow, ...), NaN left in.

        Variable-length columns are padded with NaN. CalibrationError if it is not there or not numerical.
        """
        name, data = self._raw(names)
        if data.dtype == object:
            width = max((len(cell) for cell in data), default=0)
            padded = np.full((len(data), width), np.nan)
            for row, cell in enumerate(data):
                padded[row, : len(cell)] = cell
            return padded
        if data.dtype.kind not in "iufb":
            self.fail(f"column {name.upper()} is not numerical")
        return _as_float64(data)

    def finite(self, *names: str) -> FloatArray:
        """Return the first of these columns as `numbers` does; CalibrationError if a value is not finite."""
        values = self.numbers(*names)
        if not np.all(np.isfinite(values)):
            self.fail(f"column {' or '.join(names)} has NaN or infinite values")
        return values

    def integers(self, *names: str) -> NDArray[np.int64]:
        """Return the first of these columns as int64; CalibrationError if a value is not a whole number."""
        values = self.finite(*names)
        if np.any(values != np.rint(values)) or np.any(np.abs(values) > 2**53):
            self.fail(f"column {' or '.join(names)} has values that are not whole numbers")
        return values.astype(np.int64)

    def texts(self, *names: str) -> list[str]:
        """Return the first of these columns as stripped texts."""
        name, data = self._raw(names)
        if data.dtype.kind != "S":
            self.fail(f"column {name.upper()} is not text")
        return [bytes(v).decode("ascii", "replace").strip() for v in np.ravel(data)]

    def scalars(self, *names: str) -> FloatArray:
        """Return the first of these columns as finite float64, shape (nrow,); CalibrationError if it is a vector."""
        values = self.finite(*names)
        if values.size != self.block.nrows:
            self.fail(f"column {' or '.join(names)} has {values.size // self.block.nrows} values in a row, expected 1")
        return values.ravel()

    def axis(self, *names: str) -> FloatArray:
        """Return the only row of a vector column as an ascending axis, shape (n,)."""
        values = self.finite(*names)
        if self.block.nrows != 1:
            self.fail(f"{self.block.nrows} rows, expected 1")
        return self._ascending(values.ravel(), " or ".join(names))

    def curve(self, *names: str) -> FloatArray:
        """Return a column as one curve, shape (n,): scalar cells of many rows, or the vector cell of one row."""
        values = self.finite(*names)
        if values.ndim > 1 and self.block.nrows != 1:
            self.fail(f"column {' or '.join(names)} has vectors in {self.block.nrows} rows, expected one curve")
        return values.ravel()

    def _ascending(self, values: FloatArray, what: str) -> FloatArray:
        if len(values) == 0 or np.any(np.diff(values) < 0):
            self.fail(f"{what} is empty or does not ascend")
        return values

    def energy_scale(self, *names: str) -> float:
        """Return the factor that turns an energy column into keV: by TUNIT, else by magnitude (above 100: eV)."""
        name, _ = self._raw(names)
        unit = self.block.columns[name].unit.strip().lower()
        if unit in ("kev", "ev"):
            return 1.0 if unit == "kev" else 1e-3
        values = self.numbers(*names)
        return 1e-3 if np.nanmax(np.abs(values), initial=0.0) > _LARGEST_KEV else 1.0

    def energy_curve(self) -> FloatArray:
        """Return the energies (keV) of one curve: ENERGY, else the middle of ENERG_LO and ENERG_HI."""
        if self.has("ENERGY"):
            return self._ascending(self.curve("ENERGY") * self.energy_scale("ENERGY"), "ENERGY")
        low, high = self.curve("ENERG_LO", "ENERGY_LO"), self.curve("ENERG_HI", "ENERGY_HI")
        if len(low) != len(high):
            self.fail("ENERG_LO and ENERG_HI differ in length")
        return self._ascending(0.5 * (low + high) * self.energy_scale("ENERG_LO", "ENERGY_LO"), "ENERG_LO")

    def limits(self, rows: int) -> NDArray[np.int64]:
        """Return CHIPX_MIN, CHIPX_MAX, CHIPY_MIN, CHIPY_MAX, shape (rows, 4); the whole chip where there are none.

        Vector columns CHIPX[2], CHIPY[2] and the node number NODE_ID (256 columns each) are understood too.
        """
        out = np.tile(np.array([1, 1024, 1, 1024], dtype=np.int64), (rows, 1))
        if self.has("NODE_ID") and not self.has("CHIPX_MIN"):
            node = self.integers("NODE_ID").reshape(rows)
            if np.any((node < 0) | (node > 3)):
                self.fail("NODE_ID outside 0..3")
            out[:, 0], out[:, 1] = node * 256 + 1, node * 256 + 256
        for k, axis in ((0, "CHIPX"), (2, "CHIPY")):
            if self.has(f"{axis}_MIN", f"{axis}_MAX"):
                out[:, k] = self.integers(f"{axis}_MIN").reshape(rows)
                out[:, k + 1] = self.integers(f"{axis}_MAX").reshape(rows)
            elif self.has(axis) and self.numbers(axis).shape == (rows, 2):
                out[:, k : k + 2] = self.integers(axis)
        return out

    def points(self, x: FloatArray, *also: FloatArray) -> IntArray:
        """Return the valid points per row of `x`, shape (rows, points): NPOINTS, else as far as values are finite.

        CalibrationError if NPOINTS is out of range, a valid value is not finite, or `x` does not ascend.
        """
        rows, width = x.shape
        if self.has("NPOINTS"):
            count = self.integers("NPOINTS").reshape(rows)
        else:
            good = np.all([np.isfinite(a) for a in (x, *also)], axis=0)
            count = np.where(good.all(axis=1), width, np.argmin(good, axis=1))
        if np.any((count < 1) | (count > width)):
            self.fail(f"a row has {int(count.min())} to {int(count.max())} points where the columns hold {width}")
        valid = np.arange(width) < count[:, None]
        if any(not np.all(np.isfinite(a[valid])) for a in (x, *also)):
            self.fail("NaN or infinite values among the valid points")
        if np.any((np.diff(x, axis=1) < 0) & valid[:, 1:]):
            self.fail("the abscissa of a row does not ascend")
        return count.astype(np.int32)

    def chip_curves(self, x: FloatArray, curves: dict[str, FloatArray], chips: IntArray) -> dict[int, ChipCurves]:
        """Return per-chip curves of a table with one row per chip region.

        Parameters
        ----------
        x : float64 array, shape (nrow, m)
            Abscissa.
        curves : dict of float64 array, shape (nrow, m)
            Ordinates by name.
        chips : int32 array, shape (nrow,)
            Chip of each row.
        """
        if any(c.shape != x.shape for c in curves.values()):
            self.fail(f"curves of shape {[c.shape for c in curves.values()]} on an abscissa of shape {x.shape}")
        npoints, limits = self.points(x, *curves.values()), self.limits(len(x))
        out = {}
        for chip in np.unique(chips):
            rows = np.flatnonzero(chips == chip)
            try:
                regions = ChipRegions.from_limits(limits[rows])
            except CalibrationError as error:
                self.fail(str(error))
            parts = {name: np.ascontiguousarray(c[rows]) for name, c in curves.items()}
            out[int(chip)] = ChipCurves(regions, npoints[rows], np.ascontiguousarray(x[rows]), parts)
        return out

    def chip_column(self, rows: int) -> IntArray:
        """Return the chip of each row: column CCD_ID or CHIP_ID, else the HDU's own; -1 if neither."""
        if self.find("CCD_ID", "CHIP_ID") is not None:
            return self.integers("CCD_ID", "CHIP_ID").reshape(rows).astype(np.int32)
        chip = self.chip()
        return np.full(rows, -1 if chip is None else chip, dtype=np.int32)


@dataclass
class CalibrationSource:
    """An open calibration file.

    Attributes
    ----------
    product : str
        CALDB name, for messages.
    path : Path
        The file.
    fits : FitsFile
        Open for reading.
    hdu : int, str or None
        HDU that the query selected (0-based number or name): it wins where several HDUs say something about one chip.
    constraints : dict
        Of the request: with `ccd_id` (or `chip_id`), HDUs of other chips are not read.
    """

    product: str
    path: Path
    fits: FitsFile
    hdu: int | str | None = None
    constraints: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Text for `Product.source`."""
        return str(self.path) if self.hdu is None else f"{self.path}[{self.hdu}]"

    def infos(self) -> list[HduInfo]:
        """Return the HDUs to look at, the selected one last so that it overrides the others."""
        found = [i for i in self.fits.hdus if self._wanted(CalBlock(self, i).chip())]
        if self.hdu is not None:
            chosen = self.fits.hdu(self.hdu)
            found = [i for i in found if i.index != chosen.index] + [chosen]
        return found

    def _wanted(self, chip: int | None) -> bool:
        asked = self.constraints.get("ccd_id", self.constraints.get("chip_id"))
        return asked is None or chip is None or str(chip) == str(asked).strip()

    def tables(self) -> Iterator[CalTable]:
        """Yield the tables."""
        for info in self.infos():
            if info.kind == "table":
                block = self.fits.read(info)
                assert isinstance(block, Table)
                yield CalTable(self, info, block)

    def images(self) -> Iterator[CalImage]:
        """Yield the images that have pixels."""
        for info in self.infos():
            if info.kind == "image":
                block = self.fits.read(info)
                assert isinstance(block, Image)
                if block.data is not None:
                    yield CalImage(self, info, block)

    def table_with(self, *columns: str) -> CalTable:
        """Return the last table that has all these columns, in any spelling (the selected one, if it does)."""
        found = None
        for table in self.tables():
            if table.has(*columns):
                found = table
        if found is None:
            self.fail(f"no table with columns {', '.join(columns)}")
        return found

    def fail(self, problem: str) -> NoReturn:
        """Raise a `CalibrationError` with product, file, the problem, and every HDU with its columns."""
        seen = []
        for info in self.fits.hdus:
            columns = ", ".join(c.name for c in info.columns)
            shape = " x ".join(str(n) for n in reversed(info.shape))
            seen.append(f"{info.describe()}: {columns or shape or 'no data'}")
        raise CalibrationError(f"{self.path}: cannot read as {self.product}: {problem}; it has {'; '.join(seen)}")
