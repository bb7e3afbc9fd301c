"""Filters and binning of images: cut by physical coordinates, and sum pixels.

A pixel belongs to a filter if its centre does. What is cut away is cropped to the bounding box of the filter (unless
`[opt full]`); pixels inside the box and outside the filter become 0, or the value of `[opt null=...]`. Rebinning sums
pixels; the type of the image is kept unless `[opt type=...]` says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.binning import SLACK, TYPES, as_type, image_type
from ciaopy.datamodel.filtering import Always, Rows, bind, resolve_region, window_bounds
from ciaopy.datamodel.images.access import null_pixels, values
from ciaopy.datamodel.images.axes import axis_names, axis_vectors
from ciaopy.datamodel.images.validity import keep_mask, outside_subspace
from ciaopy.datamodel.regions import EVERYWHERE
from ciaopy.datamodel.subspace import Subspace
from ciaopy.datamodel.syntax import All, Axis, CompareTerm, Filter, FilterExpression, RangeTerm, RegionTerm, VirtualFile
from ciaopy.datamodel.wcs import AxisTable, PhysicalAxis, columns_frame, move_axis, physical_axis
from ciaopy.errors import UserError, VirtualFileError
from ciaopy.fits import Array, Column, Image, Table, Vector

if TYPE_CHECKING:
    from ciaopy.datamodel.datasource import DataSource
    from ciaopy.fits import Header


def select_image(image: Image, vfile: VirtualFile, ws: DataSource) -> Image:
    """Return an image after the filters, binning and options of a virtual file.

    Raises
    ------
    UserError
        Columns asked for, or a filter that keeps no pixel.
    VirtualFileError
        An axis that the image does not have.
    """
    if image.data is None:
        return image
    if vfile.columns:
        raise UserError(f"{vfile.text}: [cols ...] needs a table, and block {image.name} is an image")
    result = Image(image.name, image.data, image.header.copy(), list(image.companions))
    if vfile.filters:
        result = _filtered(result, vfile, ws)
    if vfile.binning is not None:
        result = _rebinned(result, vfile)
    wanted = image_type(vfile.options)
    if wanted:
        result.data = _typed(result, wanted, vfile.text)
    edited = _edited_subspace(result, vfile, ws)
    result.companions = edited.to_header(result.header) if edited is not None else result.companions
    keep_mask(result)
    return result


def _typed(image: Image, wanted: str, text: str) -> Array:
    """Return the pixels as `[opt type=...]` says; BLANK becomes NaN in reals, and NaN has no integer.

    Raises
    ------
    UserError
        NaN where integers are wanted.
    """
    assert image.data is not None
    if TYPES[wanted] in (np.float32, np.float64):
        data = values(image)
        image.header.remove("BLANK", ignore_missing=True)
        return as_type(data, wanted)
    if null_pixels(image).any() and image.data.dtype.kind == "f":
        raise UserError(f"{text}: the image has NaN pixels, which no integer can stand for; keep a real type")
    return as_type(image.data.astype(np.int64), wanted)


def _grid_table(image: Image) -> AxisTable:
    """Return a table without rows whose columns are the axes of an image, for binding filters."""
    from ciaopy.fits import Header

    assert image.data is not None
    names = axis_names(image.header, image.data.ndim)
    logical, physical = np.zeros(0, np.int64), np.zeros(0)
    columns = {k: Column(k, logical if k.startswith("#") else physical) for k in names}
    vectors = [v for _, v in axis_vectors(image.header)]
    if not any(v.name.lower() == "sky" for v in vectors) and {"x", "y"} <= set(columns):
        vectors.append(Vector("sky", ("x", "y")))
    if image.data.ndim > 1 and "pos" not in {v.name.lower() for v in vectors}:
        vectors.append(Vector("pos", _first_two(names)))
    return AxisTable(image.name, columns, Header(), vectors, image=image.header, numbers=names)


def _first_two(names: dict[str, int]) -> tuple[str, str]:
    """Return the physical names of axes 1 and 2, which CIAO calls `pos` where the file has no name for the pair."""
    physical = {i: n for n, i in names.items() if not n.startswith("#")}
    return physical.get(1, "#1"), physical.get(2, "#2")


def _filtered(image: Image, vfile: VirtualFile, ws: DataSource) -> Image:
    assert image.data is not None
    table = _grid_table(image)
    names = axis_names(image.header, image.data.ndim)
    axes = [physical_axis(image.header, i) for i in range(1, image.data.ndim + 1)]
    bound = bind(vfile.filters, table, Subspace(), ws, vfile.text)
    inside = ~outside_subspace(image)
    if not isinstance(bound.predicate, Always):
        inside &= _pixel_mask(image.data.shape, names, axes, bound.predicate.mask)
    if not inside.any():
        raise UserError(f"{vfile.text}: no pixel of the image is inside the filter")
    result = _emptied(image, ~inside, vfile)
    full = vfile.options.get("full", "no").lower() in ("yes", "true")
    return result if full else crop(result, _box(vfile, table, inside, names, axes, ws))


def _emptied(image: Image, outside: NDArray[np.bool_], vfile: VirtualFile) -> Image:
    """Return an image whose pixels outside hold 0, or what `[opt null=...]` says: then BLANK of an integer image.

    Raises
    ------
    UserError
        A null value that is no number, or that the type of the image cannot hold.
    """
    data, text = np.asarray(image.data), vfile.options.get("null", "").strip().lower()
    try:
        fill = float(text or "0")
    except ValueError:
        raise UserError(f"{vfile.text}: [opt null={text}] is not a number") from None
    if math.isnan(fill) and data.dtype.kind != "f":
        data = values(image).astype(np.float32 if data.dtype.itemsize < 4 else np.float64)
        image.header.remove("BLANK", ignore_missing=True)
    elif data.dtype.kind != "f" and text:
        limits = np.iinfo(data.dtype)
        if not (fill.is_integer() and limits.min <= fill <= limits.max):
            raise UserError(f"{vfile.text}: [opt null={text}] does not go into pixels of {limits.min}:{limits.max}")
        data = _with_blank(image, data, outside, int(fill), vfile.text)
    data = np.where(outside, np.array(fill, data.dtype), data)
    return Image(image.name, data, image.header, image.companions, outside)


def _with_blank(image: Image, data: Array, outside: NDArray[np.bool_], blank: int, text: str) -> Array:
    """Return integer pixels whose nulls are `blank`, and write BLANK; pixels inside must not hold it already."""
    null = null_pixels(image)
    if blank and (data[~outside & ~null] == blank).any():
        raise UserError(f"{text}: [opt null={blank}] is the value of pixels inside the filter; choose another")
    if blank:
        image.header["BLANK"] = (blank, "value of null pixels")
        data = np.where(null, np.array(blank, data.dtype), data)
    return data


def _pixel_mask(
    shape: tuple[int, ...], names: dict[str, int], axes: list[PhysicalAxis], mask: object
) -> NDArray[np.bool_]:
    """Return which pixel centres a predicate keeps."""
    assert callable(mask)
    ndim, rows = len(shape), []
    height = max(1, 2**20 // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], height):
        part = (min(height, shape[0] - start), *shape[1:])
        index = np.indices(part).reshape(ndim, -1)
        index[0] += start
        logical = {i: index[ndim - i] + 1 for i in range(1, ndim + 1)}
        columns = {
            k: logical[i] if k.startswith("#") else axes[i - 1].from_logical(logical[i]) for k, i in names.items()
        }
        count = math.prod(part)
        rows.append(mask(Rows(columns, 0, count)).reshape(part))
    return np.concatenate(rows)


@dataclass(frozen=True)
class Window:
    """Pixels to keep on one axis: 0-based, `stop` excluded."""

    start: int
    stop: int


def _box(
    vfile: VirtualFile,
    table: Table,
    inside: NDArray[np.bool_],
    names: dict[str, int],
    axes: list[PhysicalAxis],
    ws: DataSource,
) -> list[Window]:
    """Return the window on each axis (1, 2, ...): the bounding boxes of what the filters include.

    Without such a box it is that of the pixels kept; `exclude` and masks leave the size alone.
    """
    ndim = inside.ndim
    limits = {i: [0, inside.shape[ndim - i]] for i in range(1, ndim + 1)}
    including = [f.expression for f in vfile.filters if not f.exclude]
    known = not including
    for term in (t for e in including for t in _terms(e)):
        for i, first, last in _term_windows(term, table, inside.shape, (names, axes), ws, vfile.text):
            known = True
            limits[i] = [max(limits[i][0], first), min(limits[i][1], last)]
    windows = []
    for i in range(1, ndim + 1):
        start, stop = limits[i]
        if not known or start >= stop:
            others = tuple(k for k in range(ndim) if k != ndim - i)
            hit = np.flatnonzero(inside.any(axis=others))
            start, stop = int(hit[0]), int(hit[-1]) + 1
        windows.append(Window(start, stop))
    return windows


def _terms(expression: FilterExpression) -> list[RangeTerm | CompareTerm | RegionTerm]:
    if isinstance(expression, All):
        return [t for p in expression.parts for t in _terms(p)]
    return [expression] if isinstance(expression, RangeTerm | CompareTerm | RegionTerm) else []


def _term_windows(
    term: RangeTerm | CompareTerm | RegionTerm,
    table: Table,
    shape: tuple[int, ...],
    system: tuple[dict[str, int], list[PhysicalAxis]],
    ws: DataSource,
    text: str,
) -> list[tuple[int, int, int]]:
    """Return (axis, first pixel, end) of the box around a term, 0-based, end excluded; nothing for a mask.

    A range is asked which pixel centres it keeps, so that the window ends where its filter does.
    """
    names, axes = system
    ndim = len(shape)
    if not isinstance(term, RegionTerm):
        i = names.get(term.name.lower())
        if i is None:
            return []
        logical = np.arange(1, shape[ndim - i] + 1)
        at = logical if term.name.startswith("#") else axes[i - 1].from_logical(logical)
        kept = bind((Filter(term),), table, Subspace(), ws, text).predicate
        hit = np.flatnonzero(kept.mask(Rows({term.name.lower(): at}, 0, len(at))))
        return [(i, int(hit[0]), int(hit[-1]) + 1)] if len(hit) else []
    vector = table.vector(term.names[0])
    pair = [c.lower() for c in (vector.components if vector is not None else term.names)]
    bounds = window_bounds(resolve_region(term.text, columns_frame(table, (pair[0], pair[1])), ws))
    if bounds == EVERYWHERE:
        return [(names[n], 0, shape[ndim - names[n]]) for n in pair]
    found = []
    for name, lo, hi in ((pair[0], bounds.xlo, bounds.xhi), (pair[1], bounds.ylo, bounds.yhi)):
        i = names[name]
        ends = sorted([lo, hi] if name.startswith("#") else axes[i - 1].to_logical([lo, hi]).tolist())
        first = max(0, math.ceil(ends[0] - 1 - SLACK)) if math.isfinite(ends[0]) else 0
        last = math.floor(ends[1] - 1 + SLACK) + 1 if math.isfinite(ends[1]) else shape[ndim - i]
        found.append((i, first, last))
    return found


def crop(image: Image, windows: list[Window]) -> Image:
    """Return the part of an image inside the windows (axis 1 first), with all coordinates moved along."""
    assert image.data is not None
    cut = tuple(slice(w.start, w.stop) for w in reversed(windows))
    header = image.header.copy()
    for i, window in enumerate(windows, 1):
        move_axis(header, i, window.start + 0.5, 1.0)
    outside = None if image.outside is None else np.ascontiguousarray(image.outside[cut])
    return Image(image.name, np.ascontiguousarray(image.data[cut]), header, image.companions, outside)


def _rebinned(image: Image, vfile: VirtualFile) -> Image:
    assert image.data is not None and vfile.binning is not None
    if vfile.binning.weight:
        raise UserError(f"{vfile.text}: an image has no columns to weight with")
    ndim = image.data.ndim
    names = axis_names(image.header, ndim)
    plan: dict[int, Axis] = {}
    for axis in vfile.binning.axes:
        for i in _axis_numbers(axis, image.header, names, vfile.text):
            plan[i] = axis
    outside, old, blank = outside_subspace(image), image.header.copy(), image.header.get("BLANK")
    null = null_pixels(image) & ~outside if image.data.dtype.kind != "f" else np.zeros(0, dtype=bool)
    data = np.where(outside, np.zeros((), image.data.dtype), image.data) if outside.any() else image.data

    def summed(pixels: Array, header: Header) -> Array:
        for i, axis in plan.items():
            pixels = _rebin_axis(pixels, header, i, axis, vfile.text)
        return pixels

    data = summed(data, image.header)
    wanted = vfile.binning.type
    kept = as_type(data, wanted) if wanted else _kept_type(data, image.data.dtype)
    if null.any():  # a sum with an unknown in it is unknown
        unknown = summed(null.astype(np.int64), old.copy()) > 0
        kept = np.where(unknown, np.array(np.nan if kept.dtype.kind == "f" else blank, kept.dtype), kept)
    result = Image(image.name, kept, image.header, image.companions)
    if outside.any():
        return _emptied(result, summed((~outside).astype(np.int64), old.copy()) == 0, vfile)
    return result


def _axis_numbers(axis: Axis, header: Header, names: dict[str, int], text: str) -> list[int]:
    if axis.region or axis.grid:
        raise VirtualFileError("an image is binned by numbers only; dmregrid matches grids", text, axis.position)
    lower = [n.lower() for n in axis.names]
    if len(lower) == 1 and lower[0] not in names:
        vector = next((v for _, v in axis_vectors(header) if v.name.lower() == lower[0]), None)
        if vector is None and lower[0] == "sky" and {"x", "y"} <= set(names):
            vector = Vector("sky", ("x", "y"))
        if vector is None:
            raise VirtualFileError(f"the image has no axis {lower[0]}; it has {', '.join(names)}", text, axis.position)
        lower = [c.lower() for c in vector.components]
    missing = [n for n in lower if n not in names]
    if missing:
        raise VirtualFileError(f"the image has no axis {missing[0]}; it has {', '.join(names)}", text, axis.position)
    return [names[n] for n in lower]


def _rebin_axis(data: Array, header: Header, i: int, axis: Axis, text: str) -> Array:
    """Sum pixels along axis i; a pixel goes where its centre falls."""
    physical = physical_axis(header, i)
    where = data.ndim - i
    size = data.shape[where]
    ends = sorted(float(physical.from_logical(p)) for p in (0.5, size + 0.5))
    lo = ends[0] if axis.lo is None else axis.lo
    hi = ends[1] if axis.hi is None else axis.hi
    if not lo < hi:
        raise VirtualFileError(f"the range {lo:g}:{hi:g} to bin is empty", text, axis.position)
    step = (hi - lo) / axis.count if axis.count is not None else axis.step if axis.step is not None else 1.0
    count = axis.count if axis.count is not None else max(1, math.ceil((hi - lo) / step * (1 - SLACK) - SLACK))
    if count * (data.size // max(size, 1)) * 8 > 2**36:
        raise UserError(f"{text}: the image would have {count} pixels on axis {i}; use a larger bin size")
    cell = np.floor((physical.from_logical(np.arange(size) + 1.0) - lo) / step).astype(np.int64)
    good = (cell >= 0) & (cell < count)
    shape = list(data.shape)
    shape[where] = count
    wide = np.zeros(shape, np.float64 if data.dtype.kind == "f" else np.int64)
    np.add.at(np.moveaxis(wide, where, 0), cell[good], np.moveaxis(data, where, 0)[good])
    move_axis(header, i, float(physical.to_logical(lo)), step / physical.cdelt)
    return wide


def _kept_type(data: Array, dtype: np.dtype[np.generic]) -> Array:
    if dtype.kind == "f":
        return data.astype(dtype)
    return as_type(data, {1: "i2", 2: "i2", 4: "i4", 8: "i8"}[dtype.itemsize])


def _edited_subspace(image: Image, vfile: VirtualFile, ws: DataSource) -> Subspace | None:
    """Return the image's subspace after the filters and `[subspace]` edits; None where nothing changes it."""
    if not vfile.filters and not vfile.subspace:
        return None
    assert image.data is not None
    table, subspace = _grid_table(image), Subspace.from_header(image.header, image.companions)
    left = image.outside is not None and bool(image.outside.any())
    told = tuple(f for f in vfile.filters if isinstance(f.expression, RegionTerm) or (left and _is_range(f)))
    subspace = bind(told, table, subspace, ws, vfile.text).subspace
    for edit in vfile.subspace:
        for name in edit.delete:
            subspace.remove(name)
        if edit.expression is not None:
            subspace = bind((Filter(edit.expression),), table, subspace, ws, vfile.text).subspace
    return subspace


def _is_range(one: Filter) -> bool:
    """Return whether a filter is of ranges of physical axes, which the subspace can say."""
    return isinstance(one.expression, RangeTerm) and not one.expression.name.startswith("#")
