"""Text tables: the kernels text/simple, text/tsv, text/dtf (and text/raw, which is simple without a header line).

Simple: an optional `#` line with the column names, then rows separated by blanks or tabs. TSV: `#` lines, a line of
names, rows separated by tabs. DTF: the first line is `#TEXT/DTF`, then FITS-like cards after `#`, among them TTYPEn,
then rows separated by blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError, OutputExistsError, UserError
from ciaopy.fits import Array, AtomicFile, Block, Column, Table, Vector
from ciaopy.streams import is_standard
from ciaopy.streams import read_text as read_text_file

if TYPE_CHECKING:
    from ciaopy.fits import Header

KERNELS = ("text", "text/simple", "text/raw", "text/tsv", "text/dtf", "text/dtf-fixed")
NAMES_LINE = re.compile(r"#\s*([A-Za-z_]\w*(?:\([^)]*\))?(?:[\s,]+[A-Za-z_]\w*(?:\([^)]*\))?)*)\s*$")
TOKEN = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s,]+)")


def read_text(path: Path, options: dict[str, str]) -> Table:
    """Read a text table.

    Parameters
    ----------
    path : Path
    options : dict
        `kernel` (detected if missing), `colname=first` (names in the first row), `skip` (lines), `sep` (separator),
        `comment` (character that begins comments).

    Raises
    ------
    DataError
        The file is missing, has no rows that fit, or is not text.
    """
    kernel = options.get("kernel", "text")
    if kernel not in KERNELS:
        raise UserError(f"[opt kernel={kernel}]: unknown; use fits, {', '.join(KERNELS)}")
    lines = read_text_file(path).splitlines()
    skip = options.get("skip", "0")
    lines = lines[int(skip) if skip.isdecimal() else 0 :]
    header, names, rows = _split(lines, kernel, options, path)
    if not rows and not names:
        raise DataError(f"{path}: neither FITS nor a text table: no rows in it")
    width = len(rows[0]) if rows else len(names)
    names = names or [f"col{i}" for i in range(1, width + 1)]
    flat, vectors = _flat_names(names)
    for number, row in enumerate(rows, 1):
        if len(row) != len(flat):
            raise DataError(f"{path}: row {number} has {len(row)} values, and there are {len(flat)} columns")
    columns = {
        name.lower(): Column(name, data, unit=_unit(header, i))
        for i, (name, data) in enumerate(zip(flat, _columns(rows, len(flat)), strict=True), 1)
    }
    for key in [k for k in header if re.fullmatch(r"(TTYPE|TFORM|TUNIT)\d+", k)]:
        header.remove(key)
    name = "".join(c if " " <= c <= "~" else "_" for c in path.name.partition(".")[0])  # FITS holds no others
    return Table(name or "TABLE", columns, header, vectors)


def _unit(header: Header, number: int) -> str:
    return str(header.get(f"TUNIT{number}", "")).strip()


def _split(
    lines: list[str], kernel: str, options: dict[str, str], path: Path
) -> tuple[Header, list[str], list[list[str]]]:
    """Return header, column names and rows of words."""
    from ciaopy.fits import Header, parse_card

    header = Header()
    mark, separator = options.get("comment", "#"), options.get("sep", "")
    is_dtf = kernel.startswith("text/dtf") or bool(lines and lines[0].strip().upper().startswith("#TEXT/DTF"))
    comments = [s for s in lines if s.lstrip().startswith(mark)]
    body = [s for s in lines if s.strip() and not s.lstrip().startswith(mark)]
    names: list[str] = []
    if is_dtf:
        for line in comments[1:]:
            card = line.lstrip()[len(mark) :].lstrip()
            if re.match(r"[A-Z0-9_-]{1,8}\s*=", card):
                parsed = parse_card(card.ljust(80)[:80])
                header[parsed.keyword] = (parsed.value, parsed.comment)
        count = sum(1 for k in header if re.fullmatch(r"TTYPE\d+", k))
        names = [str(header[f"TTYPE{i}"]).strip() for i in range(1, count + 1) if f"TTYPE{i}" in header]
    tabs = kernel == "text/tsv" or (kernel == "text" and bool(body) and "\t" in body[0])
    separator = separator or ("\t" if tabs else "")
    first_names = options.get("colname") == "first" or (tabs and bool(body) and not _has_number(body[0]))
    rows = [_words(s, separator) for s in body]
    if first_names and rows and not names:
        names, rows = rows[0], rows[1:]
    if not names and kernel != "text/raw":
        matches = [m for s in comments if (m := NAMES_LINE.match(s.strip()))]
        found = [re.findall(r"[A-Za-z_]\w*(?:\([^)]*\))?", m[1]) for m in matches]
        width = len(rows[0]) if rows else 0
        names = next((f for f in reversed(found) if len(_flat_names(f)[0]) == width or not rows), [])
    return header, names, rows


def _has_number(line: str) -> bool:
    return any(_is_number(w) for w in line.split())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _words(line: str, separator: str) -> list[str]:
    if separator and not separator.isspace():
        return [w.strip() for w in line.split(separator)]
    if separator == "\t":
        return [w.strip() for w in line.split("\t")]
    return [a or b or c for a, b, c in TOKEN.findall(line)]


def _flat_names(names: Sequence[str]) -> tuple[list[str], list[Vector]]:
    """Return the column names with vectors (`sky(x,y)`) taken apart, and the vectors."""
    flat, vectors = [], []
    for name in names:
        head, bracket, rest = name.partition("(")
        parts = [p.strip() for p in rest.rstrip(")").split(",")] if bracket else [head]
        flat += parts
        if bracket:
            vectors.append(Vector(head, tuple(parts)))
    return flat, vectors


def _columns(rows: list[list[str]], width: int) -> list[Array]:
    """Return one array per column: int32 or int64, else float64, else strings."""
    out: list[Array] = []
    for i in range(width):
        words = [r[i] for r in rows]
        data: Array | None = None
        for kind in (np.int64, np.float64):
            try:
                data = np.array([kind(w) for w in words], dtype=kind)
                break
            except (ValueError, OverflowError):
                continue
        if data is None:
            data = np.array([w.encode("latin-1", "replace") for w in words], dtype="S")
        elif data.dtype == np.int64 and (not len(data) or (abs(data) < 2**31).all()):
            data = data.astype(np.int32)
        out.append(data)
    return out


def write_text(path: Path, block: Block, kernel: str, clobber: bool) -> None:
    """Write a table as text, atomically.

    Raises
    ------
    UserError
        The block is an image, or the kernel is unknown.
    OutputExistsError
        The file exists and `clobber` is false.
    """
    if kernel not in KERNELS:
        raise UserError(f"[opt kernel={kernel}]: unknown; use fits, {', '.join(KERNELS)}")
    if not isinstance(block, Table):
        raise UserError(f"{path}: only tables can be written as text; block {block.name} is an image")
    if not is_standard(path) and path.exists() and not clobber:
        raise OutputExistsError(f"{path}: the file exists; set clobber=yes to replace it")
    with AtomicFile(path, clobber) as file:
        file.write(("\n".join(text_lines(block, kernel)) + "\n").encode())


def text_lines(table: Table, kernel: str) -> list[str]:
    """Return the lines of a text table; array columns are spread over `name_1`, `name_2`, ..."""
    separator = "\t" if kernel == "text/tsv" else " "
    names, columns = [], []
    for column in table.columns.values():
        data = column.data
        if data.dtype.kind == "O":
            continue
        flat = data.reshape(len(data), int(np.prod(data.shape[1:], dtype=np.int64)))
        many = flat.shape[1] > 1
        for k in range(flat.shape[1]):
            names.append(f"{column.name}_{k + 1}" if many else column.name)
            columns.append([cell_text(v, quote=separator == " ") for v in flat[:, k]])
    rows = [separator.join(row) for row in zip(*columns, strict=True)]
    if kernel == "text/raw":
        return rows
    if kernel == "text/tsv":
        return ["#TEXT/TSV", separator.join(names), *rows]
    if kernel.startswith("text/dtf"):
        types = [f"# TTYPE{i:<3}= '{n}'" for i, n in enumerate(names, 1)]
        return ["#TEXT/DTF", f"# EXTNAME = '{table.name}'", *types, *rows]
    return ["#TEXT/SIMPLE", "# " + " ".join(names), *rows]


def cell_text(value: Any, quote: bool = True) -> str:
    """Return one value as text that reads back the same; with `quote`, strings with blanks stand in quotes."""
    if isinstance(value, bytes | np.bytes_):
        text = value.decode("latin-1").rstrip()
        return f'"{text}"' if quote and (not text or re.search(r"[\s,#]", text)) else text
    if isinstance(value, np.bool_ | bool):
        return "T" if value else "F"
    if isinstance(value, np.float32):
        return f"{float(value):.9g}"
    return f"{float(value):.17g}" if isinstance(value, np.floating) else str(value)
