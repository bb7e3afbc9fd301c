"""Tables and images in memory: what the FITS room hands out and takes back.

A `Table` or `Image` is one block (HDU). Its header is a `ciaopy.fits.Header` without structural keywords
(SIMPLE, XTENSION, BITPIX, NAXISn, PCOUNT, GCOUNT, TFIELDS) and without per-column keywords (TTYPEn, TLMINn, ...):
the latter live, without their number, in `Column.keys`, so that columns can be dropped, added and reordered freely.
The data subspace (DSTYPn, DSVALn, DSREFn ...) stays in the header; `ciaopy.datamodel.subspace` reads and writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.fits.keywords import Header, as_header
from ciaopy.fits.outlets import outlets
from ciaopy.spelling import did_you_mean

if TYPE_CHECKING:
    from os import PathLike

    from astropy.nddata import CCDData
    from astropy.table import Table as AstropyTable
    from astropy.wcs import WCS

Array: TypeAlias = NDArray[Any]


@dataclass
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Name as written in the file (TTYPEn).
    data : ndarray, shape (n,) or (n, ...)
        Native-endian, C-contiguous. Logical columns are bool, strings are `S`, bit columns of 8, 16 and 32 bits
        (`8X`, `16X`, `32X`) are uint8, uint16 and uint32 with the first FITS bit as the most significant one; other
        `nX` are uint8 arrays of shape (n, bytes). Variable-length columns are object arrays of 1-D arrays.
    form : str
        TFORMn (`D`, `9I`, `32X`, `PE(12)`); empty: taken from the dtype on output.
    unit, comment : str
        TUNITn and the comment of TTYPEn.
    keys : dict
        Every other per-column keyword without its number, as (value, comment): TLMIN, TLMAX, TNULL, TDIM, TDISP,
        TCTYP, TCRVL, TCRPX, TCDLT, TCUNI, TCNAM, TDBIN ... (TSCAL and TZERO are already applied to `data`.)
    """

    name: str
    data: Array
    form: str = ""
    unit: str = ""
    comment: str = ""
    keys: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def key(self, name: str, default: Any = None) -> Any:
        """Return the value of a per-column keyword, such as `TLMIN`, or `default`."""
        return self.keys[name][0] if name in self.keys else default

    @property
    def world_names(self) -> set[str]:
        """Lower-case names by which the world coordinate of this column goes (TCNAM, else the type: `RA---TAN`)."""
        names = {str(self.keys[k][0]).lower() for k in ("TCNAM", "TCNA") if k in self.keys}
        return names or ({str(self.keys["TCTYP"][0]).split("-")[0].lower()} if "TCTYP" in self.keys else set())

    @property
    def null(self) -> int | None:
        """The integer that stands for no value (TNULL); None for other types, and where there is none."""
        value = self.keys["TNULL"][0] if "TNULL" in self.keys else None
        if self.data.dtype.kind not in "iu" or self.form.strip().upper().endswith("X"):
            return None
        return int(value) if isinstance(value, int) else None

    @property
    def values(self) -> Array:
        """The data with nulls as NaN: the array itself, or doubles where integers hold TNULL."""
        if self.null is None:
            return self.data
        unknown = self.data == self.null
        return np.where(unknown, np.nan, self.data.astype(np.float64)) if unknown.any() else self.data

    def with_data(self, data: Array) -> Column:
        """Return the same column description with other data."""
        return Column(self.name, data, self.form, self.unit, self.comment, dict(self.keys))


@dataclass(frozen=True)
class Vector:
    """A vector column (`MTYPEn='sky'`, `MFORMn='x,y'`): a name for a pair of columns or of world coordinates."""

    name: str
    components: tuple[str, ...]


@dataclass(repr=False)
class Image:
    """An image block. `data` is None for an HDU without pixels (the usual primary HDU).

    Attributes
    ----------
    name : str
        Block name (HDUNAME, else EXTNAME, else `PRIMARY`).
    data : ndarray or None
        Native-endian; first index is the slow FITS axis (y, x).
    header : Header
        All keywords but the structural ones; WCS, LTV/LTM, physical WCS and subspace included.
        One of astropy's is taken too, and converted.
    companions : list of blocks
        Blocks that this one refers to and takes along when written: GTIs, masks.
    outside : ndarray of bool or None
        Pixels that filters have taken out, whatever value stands there; None: what the data subspace says. In memory
        only: a file says it by its subspace.
    """

    name: str
    data: Array | None
    header: Header
    companions: list[Block] = field(default_factory=list)
    outside: Array | None = None

    def __post_init__(self) -> None:
        self.header = as_header(self.header)

    @property
    def wcs(self) -> WCS:
        """World coordinates of all axes, an `astropy.wcs.WCS`; pixels where the header has none.

        Made anew from the header each time: keep it where it is used often. `wcs.celestial` is the part on the sky.

        Raises
        ------
        DataError
            The image has no pixels, or the header describes no coordinates that wcslib knows.
        """
        made: WCS = outlets.wcs(self)
        return made

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return the pixels: `numpy.asarray(image)`.

        Raises
        ------
        DataError
            The image has no pixels.
        """
        if self.data is None:
            raise DataError(f"block {self.name} has no pixels")
        if copy is False and dtype is not None and np.dtype(dtype) != self.data.dtype:
            raise ValueError(f"the pixels are {self.data.dtype}: as {np.dtype(dtype)} they must be copied")
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def __repr__(self) -> str:
        from ciaopy.fits.display import image_line

        return image_line(self)

    def _repr_html_(self) -> str:
        """Return the image as a notebook shows it: what it is, its keywords, a picture."""
        from ciaopy.fits.display import image_html

        return image_html(self)

    def to_astropy(self) -> CCDData:
        """Return the image as an `astropy.nddata.CCDData`; see `ciaopy.fits.convert`."""
        converted: CCDData = outlets.to_astropy(self)
        return converted

    def write(self, path: str | PathLike[str], clobber: bool = False) -> None:
        """Write the image and its companions to a FITS file, atomically; see `write_dataset`."""
        outlets.write(path, self, clobber)


@dataclass(repr=False)
class Table:
    """A table block: named columns, a header, the vectors declared on the columns.

    Attributes
    ----------
    name : str
        Block name (HDUNAME, else EXTNAME).
    columns : dict
        Lower-case name to `Column`, in file order.
    header : Header
        All keywords but the structural and the per-column ones; one of astropy's is taken too, and converted.
    vectors : list of Vector
        From MTYPEn/MFORMn, in file order.
    companions : list of blocks
        Blocks that this one refers to and takes along when written: GTIs, masks.
    """

    name: str
    columns: dict[str, Column]
    header: Header
    vectors: list[Vector] = field(default_factory=list)
    companions: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.header = as_header(self.header)

    def __len__(self) -> int:
        return self.nrows

    @property
    def nrows(self) -> int:
        """Number of rows."""
        return next((len(c.data) for c in self.columns.values()), 0)

    @property
    def names(self) -> list[str]:
        """Column names as written in the file, in order."""
        return [c.name for c in self.columns.values()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.columns

    def __getitem__(self, name: str) -> Array:
        """Return the data of a column (case-insensitive)."""
        return self.column(name).data

    def __setitem__(self, name: str, data: Array) -> None:
        """Replace the data of a column, or add a new one at the end."""
        old = self.columns.get(name.lower())
        self.columns[name.lower()] = old.with_data(data) if old is not None else Column(name, data)

    def column(self, name: str) -> Column:
        """Return the `Column` of that name.

        Raises
        ------
        DataError
            No such column; the message lists those there are.
        """
        try:
            return self.columns[name.lower()]
        except KeyError:
            alike = did_you_mean(name, self.names)
            raise DataError(f"block {self.name}: no column {name}{alike}; it has {', '.join(self.names)}") from None

    def vector(self, name: str) -> Vector | None:
        """Return the vector of that name (`sky`), or None."""
        return next((v for v in self.vectors if v.name.lower() == name.lower()), None)

    def take(self, rows: Array | slice) -> Table:
        """Return the table with the rows of a boolean mask, an index array or a slice; header and companions shared."""
        columns = {k: c.with_data(np.ascontiguousarray(c.data[rows])) for k, c in self.columns.items()}
        return Table(self.name, columns, self.header, self.vectors, self.companions)

    def select(self, names: Iterable[str]) -> Table:
        """Return the table with the named columns only, in the order given."""
        columns = {n.lower(): self.column(n) for n in names}
        known = columns.keys() | {world for c in columns.values() for world in c.world_names}
        vectors = [v for v in self.vectors if all(c.lower() in known for c in v.components)]
        return Table(self.name, columns, self.header, vectors, self.companions)

    def __repr__(self) -> str:
        from ciaopy.fits.display import table_line

        return table_line(self)

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it: its columns with their units and first values, its keywords."""
        from ciaopy.fits.display import table_html

        return table_html(self)

    def __astropy_table__(self, cls: Any, copy: bool, **kwargs: Any) -> Any:
        """Return the table as `cls`: `astropy.table.Table(table)`, `QTable(table)`."""
        return cls(self.to_astropy(), copy=copy, **kwargs)

    def to_astropy(self) -> AstropyTable:
        """Return the table as an `astropy.table.Table`; see `ciaopy.fits.convert`."""
        converted: AstropyTable = outlets.to_astropy(self)
        return converted

    def write(self, path: str | PathLike[str], clobber: bool = False) -> None:
        """Write the table and its companions to a FITS file, atomically; see `write_dataset`."""
        outlets.write(path, self, clobber)


Block: TypeAlias = Table | Image


@dataclass
class Dataset:
    """All blocks of one file, in order; block 0 is the primary HDU."""

    blocks: list[Block]
    path: Path | None = None

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def block(self, name: str) -> Block:
        """Return the first block of that name (case-insensitive).

        Raises
        ------
        DataError
            No such block; the message lists those there are.
        """
        for b in self.blocks:
            if b.name.lower() == name.lower():
                return b
        names = [b.name for b in self.blocks]
        raise DataError(
            f"{self.path or 'dataset'}: no block {name}{did_you_mean(name, names)}; it has {', '.join(names)}"
        )

    def tables(self, prefix: str) -> list[Table]:
        """Return the tables whose name begins with `prefix` (`GTI`, `BADPIX`, `MASK`), in order."""
        return [b for b in self.blocks if isinstance(b, Table) and b.name.lower().startswith(prefix.lower())]
