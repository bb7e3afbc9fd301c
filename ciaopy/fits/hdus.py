"""The HDUs of a file: where each header and data unit stands, what kind it is, what columns it has.

HDUs are scanned one after the other, on demand, from the header text alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError
from ciaopy.fits.cards import parse_card
from ciaopy.fits.header import (
    BLOCK_BYTES,
    CARD_BYTES,
    card_keyword,
    card_value,
    column_keyword,
    is_structural,
    make_header,
    named_stem,
    padded,
    split_cards,
)
from ciaopy.fits.source import Source
from ciaopy.fits.tforms import Field, Tform, parse_tdim, parse_tform

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = ["ColumnInfo", "HduInfo", "HduList"]

MAX_HEADER_BLOCKS = 100_000
MAX_COLUMNS = 999  # FITS standard 4.0, 7.3.1
#: Rows that a table without columns may claim: nothing in the file bears them out.
MAX_EMPTY_ROWS = 1 << 31
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")


@dataclass(frozen=True)
class ColumnInfo:
    """One column of a table, as the header declares it.

    Attributes
    ----------
    number : int
        1-based, as in TTYPEn.
    name, unit, comment, form_text : str
        TTYPEn, TUNITn, the comment of TTYPEn, and TFORMn as it is spelt.
    field : Field
        Position and layout in the row.
    keys : dict
        The other per-column keywords without their number: (value, comment).
    """

    number: int
    name: str
    unit: str
    comment: str
    field: Field
    keys: dict[str, tuple[Any, str]]
    form_text: str

    @property
    def form(self) -> Tform:
        """The parsed TFORM."""
        return self.field.form


@dataclass(frozen=True)
class HduInfo:
    """One HDU.

    Attributes
    ----------
    index : int
        0-based; 0 is the primary HDU.
    kind : str
        `image` (pixels, compressed ones included), `table` (binary or ASCII), or `empty` (no data).
    cards : tuple of str
        All card images, without END.
    start, data_start, data_bytes : int
        Byte positions of header and data, and the length of the data without padding.
    nrows, row_bytes : int
        Table size; 0 for images.
    columns : tuple of ColumnInfo
        Of a binary table.
    shape : tuple of int
        Image size, slowest axis first.
    bitpix : int
        BITPIX.
    unusual : str
        `compressed image` or `ASCII table`: read through astropy; empty for all others.
    path : str
        The file, for messages.
    """

    index: int
    kind: str
    cards: tuple[str, ...]
    start: int
    data_start: int
    data_bytes: int
    nrows: int = 0
    row_bytes: int = 0
    columns: tuple[ColumnInfo, ...] = ()
    shape: tuple[int, ...] = ()
    bitpix: int = 8
    unusual: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    path: str = ""

    @property
    def end(self) -> int:
        """Byte after the padded data."""
        return self.data_start + padded(self.data_bytes)

    @property
    def name(self) -> str:
        """Block name: HDUNAME, else EXTNAME, else `PRIMARY` or `HDU` with the 1-based number."""
        default = "PRIMARY" if self.index == 0 else f"HDU{self.index + 1}"
        return str(self.values.get("HDUNAME") or self.values.get("EXTNAME") or default).strip()

    @property
    def extname(self) -> str:
        """EXTNAME, or an empty text."""
        return str(self.values.get("EXTNAME") or "").strip()

    @property
    def extver(self) -> int:
        """EXTVER, 1 where there is none."""
        version = self.values.get("EXTVER")
        return version if isinstance(version, int) else 1

    @cached_property
    def header(self) -> Header:
        """The whole header as it stands in the file, structural keywords included."""
        return make_header(self.cards, self.path)

    def keyword(self, name: str) -> tuple[Any, str] | None:
        """Return (value, comment) of a keyword that stands once on one ordinary card, without making a `Header`.

        None where it is missing, repeated, undefined, continued, or of a form that only `header` understands.
        """
        wanted = name.strip().upper()
        found = [c for c in self.cards if card_keyword(c) == wanted and c[8:10] == "= "]
        value, comment = card_value(found[0]) if len(found) == 1 else (None, "")
        quoted = bool(found) and found[0][10:].lstrip().startswith("'")
        if value is None or (isinstance(value, str) and (not quoted or value.endswith("&"))):
            return None
        return value, comment

    def describe(self) -> str:
        """Return `HDU 2 (EVENTS)`, with the 1-based number that the Data Model uses."""
        return f"HDU {self.index + 1} ({self.name})"


class HduList:
    """The HDUs of a source, scanned as far as needed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: list[HduInfo] = []
        self._complete = False

    def __iter__(self) -> Iterator[HduInfo]:
        index = 0
        while True:
            if index < len(self._known):
                yield self._known[index]
                index += 1
            elif self._complete or not self._scan_next():
                return

    def all(self) -> list[HduInfo]:
        """Return every HDU of the file."""
        return list(self)

    def find(self, hdu: int | str | tuple[str, int] | HduInfo) -> HduInfo:
        """Return an HDU by 0-based index, block name, (EXTNAME, EXTVER), or itself.

        A name is compared without case with the block names (HDUNAME, else EXTNAME), then with EXTNAME, then with
        EXTNAME followed by EXTVER (`GTI3`).

        Raises
        ------
        DataError
            No such HDU; the message lists those there are.
        """
        if isinstance(hdu, HduInfo):
            return hdu
        for test in _name_tests(hdu):
            for info in self:
                if test(info):
                    return info
        blocks = ", ".join(f"{info.index + 1}: {info.name}" for info in self)
        what = f"block number {hdu + 1}" if isinstance(hdu, int) else f"block {hdu}"
        raise DataError(f"{self._source.path}: no {what}; it has {blocks}")

    def _scan_next(self) -> bool:
        start = self._known[-1].end if self._known else 0
        info = scan_hdu(self._source, len(self._known), start)
        if info is None:
            self._complete = True
            return False
        self._known.append(info)
        return True


def _name_tests(hdu: int | str | tuple[str, int]) -> list[Callable[[HduInfo], bool]]:
    """Return the tests that find an HDU, to be tried one after the other on all HDUs."""
    if isinstance(hdu, int):
        return [lambda info: info.index == hdu]
    if isinstance(hdu, tuple):
        name, version = hdu[0].strip().lower(), hdu[1]
        return [lambda info: info.extname.lower() == name and info.extver == version]
    name = hdu.strip().lower()
    return [
        lambda info: info.name.lower() == name,
        lambda info: info.extname.lower() == name,
        lambda info: f"{info.extname}{info.extver}".lower() == name,
    ]


def _read(source: Source, start: int, nbytes: int) -> bytes:
    buffer = bytearray(nbytes)
    got = source.read_into(start, memoryview(buffer))
    return bytes(buffer[:got])


def scan_hdu(source: Source, index: int, start: int) -> HduInfo | None:
    """Parse the header at byte `start`; None at the end of the file (or where only unrelated trailing bytes follow).

    Raises
    ------
    DataError
        Not FITS, or header or data are cut short; the message names file, HDU and byte.
    """
    first = _read(source, start, BLOCK_BYTES)
    begins = b"SIMPLE  =" if index == 0 else b"XTENSION="
    if index and not first.startswith(begins):
        _check_rest(source, index, start, first)
        return None
    if not first.startswith(begins):
        raise DataError(f"{source.path}: not a FITS file (it does not begin with SIMPLE)")
    cards, nbytes = _header_cards(source, index, start, first)
    try:
        info = _describe(cards, index, start, start + nbytes)
    except DataError as problem:
        raise DataError(f"{source.path}: HDU {index + 1}, header at byte {start}: {problem}") from None
    _check_length(source, info)
    return replace(info, path=str(source.path))


def _check_rest(source: Source, index: int, start: int, block: bytes) -> None:
    """Raise `DataError` where the bytes behind the last HDU hold another one: the sizes of the last one are wrong."""
    at = start
    while block:
        found = block.find(b"XTENSION= '")
        if found >= 0:
            raise DataError(
                f"{source.path}: HDU {index} ends at byte {start} by its header, where none begins; the next one is at "
                f"byte {at + found}: BITPIX, NAXISn, PCOUNT or GCOUNT of HDU {index} is wrong, or bytes are lost"
            )
        at += len(block)
        block = _read(source, at, BLOCK_BYTES)


def _header_cards(source: Source, index: int, start: int, first: bytes) -> tuple[tuple[str, ...], int]:
    """Read header blocks up to END; return the cards and the number of bytes.

    A header whose END card is lost runs on into what follows it: into data, which are hardly ever printable text, or
    into the next header. Both are errors that say where, as is a damaged character (FITS standard 4.0, 4.1.2.3).
    """
    blocks, block = [], first
    for count in range(1, MAX_HEADER_BLOCKS):
        at = start + (count - 1) * BLOCK_BYTES
        if len(block) < BLOCK_BYTES:
            raise DataError(
                f"{source.path}: HDU {index + 1}: the file ends at byte {at + len(block)} within "
                "the header (no END card); the file is truncated or not FITS"
            )
        end = next((i for i in range(0, BLOCK_BYTES, CARD_BYTES) if block[i : i + 8] == b"END     "), None)
        _check_text(source, index, at, block if end is None else block[: end + CARD_BYTES])
        if count > 1 and block.startswith((b"XTENSION=", b"SIMPLE  =")):
            raise DataError(
                f"{source.path}: HDU {index + 1}: no END card before the next header at byte {at}; the file is damaged"
            )
        blocks.append(block)
        if end is not None:
            return tuple(split_cards(b"".join(blocks).decode("latin-1"))), count * BLOCK_BYTES
        block = _read(source, start + count * BLOCK_BYTES, BLOCK_BYTES)
    raise DataError(f"{source.path}: HDU {index + 1}, header at byte {start}: no END card")


def _check_text(source: Source, index: int, start: int, block: bytes) -> None:
    """Raise `DataError` where header text at byte `start` is not printable ASCII."""
    found = _UNPRINTABLE.search(block)
    if found is None:
        return
    card = block[found.start() // CARD_BYTES * CARD_BYTES :][:CARD_BYTES]
    keyword = card[:8].decode("latin-1").strip()
    named = f" of {keyword}" if re.fullmatch(r"[A-Z0-9_-]+", keyword) else ""
    raise DataError(
        f"{source.path}: HDU {index + 1}: the header card{named} at byte {start + found.start()} has the character "
        f"0x{found[0][0]:02x}, which is no printable ASCII; the card is damaged, or the END card before it is missing"
    )


def _check_length(source: Source, info: HduInfo) -> None:
    end = info.data_start + info.data_bytes
    if info.data_bytes and not source.reaches(end):
        raise DataError(truncated(source, info, end))


def truncated(source: Source, info: HduInfo, end: int) -> str:
    """Return the message for data that stop before byte `end`."""
    size = getattr(source, "size", None)
    where = f"ends at byte {size}" if size is not None else "ends early"
    return f"{source.path}: truncated: {info.describe()} needs data up to byte {end}, the file {where}"


def _describe(cards: tuple[str, ...], index: int, start: int, data_start: int) -> HduInfo:
    """Make the `HduInfo` of parsed cards."""
    values: dict[str, Any] = {}
    columns: dict[tuple[str, int], tuple[Any, str]] = {}
    for card in cards:
        keyword = card_keyword(card)
        if not keyword or keyword in ("HISTORY", "COMMENT", "CONTINUE") or card[8:10] != "= ":
            continue
        parsed = parse_card(card.ljust(CARD_BYTES))
        split = column_keyword(keyword)
        if parsed.problem and (split or is_structural(keyword)):
            raise DataError(f"{keyword}: {parsed.problem}")
        if split:
            columns.setdefault(split, (parsed.value, parsed.comment))
        elif keyword not in values:
            values[keyword] = parsed.value
    if not index and values.get("SIMPLE") is not True:
        raise DataError(f"SIMPLE = {values.get('SIMPLE')!r}: a file that departs from the FITS standard is not read")
    bitpix = _integer(values, "BITPIX", least=None)
    axes = [_integer(values, f"NAXIS{n}") for n in range(1, _integer(values, "NAXIS") + 1)]
    default = (None, None) if index else (0, 1)  # an extension must say them (standard 4.4.1.2)
    pcount, gcount = _integer(values, "PCOUNT", default[0]), _integer(values, "GCOUNT", default[1])
    if bitpix not in (8, 16, 32, 64, -32, -64):
        raise DataError(f"BITPIX = {bitpix} is not allowed")
    extension = str(values.get("XTENSION", "") if index else "IMAGE").strip().upper()
    common = (index, cards, start, data_start, values)
    if extension in ("BINTABLE", "A3DTABLE", "TABLE"):
        return _table(common, extension, axes, pcount, columns)
    if values.get("GROUPS") is True and axes and axes[0] == 0:
        raise DataError("random groups are not supported; convert the file to tables first")
    if extension not in ("IMAGE", "IUEIMAGE"):
        raise DataError(f"extension type {extension} is not supported; the types known are IMAGE, TABLE and BINTABLE")
    data_bytes = abs(bitpix) // 8 * gcount * (pcount + math.prod(axes)) if axes else 0
    shape = tuple(reversed(axes))
    kind = "image" if data_bytes else "empty"
    return HduInfo(index, kind, cards, start, data_start, data_bytes, shape=shape, bitpix=bitpix, values=values)


def _integer(values: dict[str, Any], keyword: str, default: int | None = None, least: int | None = 0) -> int:
    value = values.get(keyword, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DataError(f"{keyword} is missing" if value is None else f"{keyword} = {value!r} is not an integer")
    if least is not None and value < least:
        raise DataError(f"{keyword} = {value} is negative")
    return value


def _table(
    common: tuple[int, tuple[str, ...], int, int, dict[str, Any]],
    extension: str,
    axes: list[int],
    pcount: int,
    keys: dict[tuple[str, int], tuple[Any, str]],
) -> HduInfo:
    index, cards, start, data_start, values = common
    if len(axes) != 2:
        raise DataError(f"NAXIS = {len(axes)}: a table has 2 axes")
    row_bytes, nrows = axes
    if not row_bytes and nrows > MAX_EMPTY_ROWS:
        raise DataError(f"NAXIS2 = {nrows} rows of NAXIS1 = 0 bytes: one of them is damaged")
    nbytes = row_bytes * nrows + pcount
    infos, offset = [], 0
    count = _integer(values, "TFIELDS") if extension != "TABLE" else 0
    if count > MAX_COLUMNS:
        raise DataError(f"TFIELDS = {count}: a table has at most {MAX_COLUMNS} columns")
    names = [str(keys.get(("TTYPE", n), ("",))[0] or f"col{n}").strip() for n in range(1, count + 1)]
    for number in range(1, count + 1):
        info = _column(number, offset, {named_stem(s, names): v for (s, n), v in keys.items() if n == number})
        infos.append(info)
        offset += info.form.width
    if offset != row_bytes and (infos or row_bytes) and extension != "TABLE":
        raise DataError(f"the columns need {offset} bytes in a row, NAXIS1 gives {row_bytes}")
    compressed = values.get("ZIMAGE") is True
    return HduInfo(
        index,
        "image" if compressed else "table",
        cards,
        start,
        data_start,
        nbytes,
        nrows=nrows,
        row_bytes=row_bytes,
        columns=tuple(infos),
        unusual="compressed image" if compressed else "ASCII table" if extension == "TABLE" else "",
        values=values,
    )


def _column(number: int, offset: int, keys: dict[str, tuple[Any, str]]) -> ColumnInfo:
    """Make the `ColumnInfo` of column `number` from its keywords."""
    if "TFORM" not in keys:
        raise DataError(f"TFORM{number} is missing")
    for stem in ("TFORM", "TTYPE"):
        if stem in keys and not isinstance(keys[stem][0], str):
            raise DataError(f"{stem}{number} = {keys[stem][0]!r} is not a text")
    form = parse_tform(keys["TFORM"][0])
    scale, zero = (_numeric(keys, stem, number, default) for stem, default in (("TSCAL", 1), ("TZERO", 0)))
    null = keys["TNULL"][0] if "TNULL" in keys else None
    name, comment = keys.get("TTYPE", ("", ""))
    layout = Field(offset, form, _cell_shape(form, keys), scale, zero, null if isinstance(null, int) else None)
    rest = {stem: v for stem, v in keys.items() if stem not in ("TTYPE", "TFORM", "TUNIT", "TSCAL", "TZERO", "TBCOL")}
    if layout.null is not None and layout.unsigned:
        rest["TNULL"] = (layout.null + int(zero), rest["TNULL"][1])
    elif layout.is_scaled:
        rest.pop("TNULL", None)  # null values have become NaN
    unit, spelt = str(keys.get("TUNIT", ("",))[0] or ""), str(keys["TFORM"][0]).strip()
    return ColumnInfo(number, str(name or f"col{number}").strip(), unit, comment, layout, rest, spelt)


def _numeric(keys: dict[str, tuple[Any, str]], stem: str, number: int, default: int) -> float:
    return finite_number(keys[stem][0] if stem in keys else None, f"{stem}{number}", default)


def finite_number(value: Any, keyword: str, default: int) -> float:
    """Return the value of a keyword that scales or shifts; an int where it is whole, `default` where it is undefined.

    Raises
    ------
    DataError
        It is no finite real number.
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise DataError(f"{keyword} = {value!r} is not a number")
    return int(value) if value == int(value) else value


def _cell_shape(form: Tform, keys: dict[str, tuple[Any, str]]) -> tuple[int, ...]:
    """Return the shape of one cell from TFORM and TDIM; a TDIM that does not fit the TFORM is ignored."""
    if form.is_variable or form.letter == "X":
        return ()
    dims = parse_tdim(keys["TDIM"][0]) if "TDIM" in keys else None
    if form.letter == "A":
        if dims is not None and math.prod(dims) == form.repeat and len(dims) > 1:
            return dims[:-1]
        return (form.repeat // int(form.element),) if form.element and form.repeat > int(form.element) else ()
    if dims is not None and math.prod(dims) == form.repeat and dims != (1,):
        return dims
    return () if form.repeat == 1 else (form.repeat,)
