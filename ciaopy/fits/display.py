"""Tables, images and headers as Python prompts and notebooks show them: one line, or a page of HTML.

The HTML stands alone (no styles from elsewhere, pictures inside), shows first values only, and never fails because of
what a file holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ciaopy.fits.blocks import Array, Column, Image, Table
    from ciaopy.fits.keywords import Header

__all__ = ["header_html", "header_line", "image_html", "image_line", "table_html", "table_line"]

#: Rows of a table, and pixels along the longer side of an image, that a notebook shows.
ROWS = 5
PIXELS = 320
#: Columns that the line of a table names.
NAMES = 8
#: What a header is known by.
TITLE = ("OBJECT", "OBS_ID", "INSTRUME", "DATE-OBS")

_STYLE = "style='text-align:left'"


def table_line(table: Table) -> str:
    """Return `<Table EVENTS: 258408 rows, 19 columns: time, ccd_id, ...; vectors det, sky; 4 companions>`."""
    names = table.names
    shown = ", ".join(names[:NAMES]) + (", ..." if len(names) > NAMES else "")
    parts = [
        f"{table.nrows} row{_s(table.nrows)}, {len(names)} column{_s(len(names))}" + (f": {shown}" if names else "")
    ]
    parts += [f"vectors {', '.join(v.name for v in table.vectors)}"] if table.vectors else []
    parts += [f"{len(table.companions)} companion{_s(len(table.companions))}"] if table.companions else []
    return f"<Table {table.name}: {'; '.join(parts)}>"


def image_line(image: Image) -> str:
    """Return `<Image FLUX: 1024 x 1024 pixels (x, y), float32, photon/cm2/s>`."""
    parts = [_shape(image.data)] if image.data is not None else ["no pixels"]
    parts += [str(image.data.dtype)] if image.data is not None else []
    unit = str(image.header.get("BUNIT", "") or "").strip()
    parts += [unit] if unit else []
    parts += [f"{len(image.companions)} companion{_s(len(image.companions))}"] if image.companions else []
    return f"<Image {image.name}: {', '.join(parts)}>"


def header_line(header: Header) -> str:
    """Return `<Header: 214 cards, OBJECT='M31', ...>`; `print(header)` shows the cards."""
    known = [f"{key}={header[key]!r}" for key in TITLE if key in header]
    return f"<Header: {', '.join([f'{len(header.images)} card{_s(len(header.images))}', *known])}>"


def table_html(table: Table) -> str:
    """Return the columns with type, unit, description and first values, and the keywords folded away."""
    rows = [(str(i), c.name, _type(c), c.unit, c.comment, _values(c)) for i, c in enumerate(table.columns.values(), 1)]
    body = _rows(("#", "column", "type", "unit", "description", f"first {min(ROWS, table.nrows)} values"), rows)
    return f"<div><b>{escape(table_line(table)[1:-1])}</b>{body}{_folded(table.header)}</div>"


def image_html(image: Image) -> str:
    """Return the picture of an image of two axes, its size and its keywords folded away."""
    return f"<div><b>{escape(image_line(image)[1:-1])}</b><br>{_picture(image)}{_folded(image.header)}</div>"


def header_html(header: Header) -> str:
    """Return a table of keywords, values and comments."""
    rows = [(c.keyword, "" if c.value is None else str(c.value), c.comment or "") for c in header.cards]
    return f"<div><b>{escape(header_line(header)[1:-1])}</b>{_rows(('keyword', 'value', 'comment'), rows)}</div>"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _shape(data: Array) -> str:
    """Return `1024 x 512 pixels`, FITS axis 1 first."""
    return " x ".join(str(n) for n in data.shape[::-1]) + " pixels"


def _type(column: Column) -> str:
    """Return the numpy type and, of arrays, their shape."""
    data = column.data
    if data.dtype.kind == "S":
        return f"text[{data.dtype.itemsize}]"
    shape = "".join(f"[{n}]" for n in data.shape[1:])
    return ("variable" if data.dtype.kind == "O" else str(data.dtype)) + shape


def _values(column: Column) -> str:
    """Return the first values; nulls as --."""
    with np.printoptions(precision=8, threshold=6, edgeitems=2):
        return ", ".join(_value(column, v) for v in column.data[:ROWS])


def _value(column: Column, value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip()
    if column.null is not None and np.ndim(value) == 0 and value == column.null:
        return "--"
    return " ".join(str(value).split())


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    first = "".join(f"<th {_STYLE}>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td {_STYLE}>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"


def _folded(header: Header) -> str:
    """Return the header behind a line that opens it."""
    if not header.images:
        return ""
    return f"<details><summary>{len(header.images)} header cards</summary>{header_html(header)}</details>"


def _picture(image: Image) -> str:
    """Return a small picture, brightness by asinh, first pixel at the lower left; none of other than two axes."""
    data = image.data
    if data is None or data.ndim != 2 or not data.size or data.dtype.kind not in "iufb":
        return ""
    import base64
    from io import BytesIO

    from matplotlib.image import imsave

    step = max(-(-max(data.shape) // PIXELS), 1)
    ny, nx = (-(-n // step) for n in data.shape)
    padded = np.zeros((ny * step, nx * step))
    padded[: data.shape[0], : data.shape[1]] = np.nan_to_num(np.asarray(data, np.float64), posinf=0.0, neginf=0.0)
    shown = np.maximum(padded.reshape(ny, step, nx, step).mean(axis=(1, 3)), 0.0)
    seen = shown[shown > 0]
    soft = 2.0 * float(np.median(seen)) if seen.size else 1.0
    top = float(np.percentile(seen, 99.98)) if seen.size else 1.0
    bright = np.clip(np.arcsinh(shown / soft) / np.arcsinh(top / soft), 0.0, 1.0)
    out = BytesIO()
    imsave(out, bright, cmap="inferno", vmin=0.0, vmax=1.0, origin="lower", format="png")
    return f"<img alt='{escape(image.name)}' src='data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}'>"
