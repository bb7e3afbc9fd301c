"""Filters and binning of images: cut by physical coordinates, and sum pixels.

A pixel belongs to a filter if its centre does. What is cut away is cropped to the bounding box of the filter (unless
`[opt full]`); pixels inside the box and outside the filter become 0, or the value of `[opt null=...]`. Rebinning sums
pixels; the type of the image is kept unless `[opt type=...]` says otherwise.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel.binning import SLACK, TYPES, as_type, image_type
from ciaopy.datamodel.filtering import Always, Rows, bind, resolve_region
from ciaopy.datamodel.subspace import Subspace
from ciaopy.datamodel.syntax import All, Axis, Filter, FilterExpression, RangeTerm, RegionTerm, VirtualFile
from ciaopy.datamodel.wcs import PhysicalAxis, image_wcs, physical_axis
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
        assert result.data is not None
        data = result.data.astype(np.int64) if TYPES[wanted] in (np.int16, np.int32) else result.data
        result.data = as_type(data, wanted)
    edited = _edited_subspace(result, vfile, ws)
    result.companions = edited.to_header(result.header) if edited is not None else result.companions
    return result


def axis_names(header: Header, ndim: int) -> dict[str, int]:
    """Return lower-case names of the axes (`x`, `#1`) with their 1-based numbers."""
    names = {f"#{i}": i for i in range(1, ndim + 1)}
    for i in range(1, ndim + 1):
        name = str(header.get(f"CTYPE{i}P", "")).strip().lower()
        if name:
            names[name] = i
    for first, vector in _vectors(header):
        for k, part in enumerate(vector.components):
            names.setdefault(part.lower(), first + k)
    if ndim >= 2 and not {"x", "y"} & set(names):
        names |= {"x": 1, "y": 2}
    return names


def _vectors(header: Header) -> list[tuple[int, Vector]]:
    """Return the vectors of pixel coordinates with the axis they begin at."""
    found = []
    axis = 1
    for n in range(1, 10):
        name, parts = str(header.get(f"MTYPE{n}", "")).strip(), str(header.get(f"MFORM{n}", ""))
        components = tuple(p.strip() for p in parts.split(",") if p.strip())
        physical = [str(header.get(f"CTYPE{i}P", "")).strip().lower() for i in range(axis, axis + len(components))]
        if name and [c.lower() for c in components] == physical:
            found.append((axis, Vector(name, components)))
            axis += len(components)
    return found


def _grid_table(image: Image) -> Table:
    """Return a table without rows whose columns are the axes of an image, for binding filters."""
    from ciaopy.fits import Header

    assert image.data is not None
    names = axis_names(image.header, image.data.ndim)
    logical, physical = np.zeros(0, np.int64), np.zeros(0)
    columns = {k: Column(k, logical if k.startswith("#") else physical) for k in names}
    vectors = [v for _, v in _vectors(image.header)]
    if not any(v.name.lower() == "sky" for v in vectors) and {"x", "y"} <= set(columns):
        vectors.append(Vector("sky", ("x", "y")))
    table = Table(image.name, columns, Header(), vectors)
    sky = image_wcs(image) if image.data.ndim == 2 else None
    if sky is not None:
        by_axis = {axis: name for name, axis in names.items() if not name.startswith("#")}
        for i in (1, 2):
            keys = table.columns[by_axis[i]].keys
            keys["TCTYP"] = (("RA---TAN", "DEC--TAN")[i - 1], "")
            keys["TCRVL"], keys["TCRPX"] = (sky.crval[i - 1], ""), (sky.crpix[i - 1], "")
            keys["TCDLT"] = (sky.matrix[i - 1][i - 1], "")
    return table


def _filtered(image: Image, vfile: VirtualFile, ws: DataSource) -> Image:
    assert image.data is not None
    table = _grid_table(image)
    names = axis_names(image.header, image.data.ndim)
    axes = [physical_axis(image.header, i) for i in range(1, image.data.ndim + 1)]
    bound = bind(vfile.filters, table, Subspace(), ws, vfile.text)
    inside = np.ones(image.data.shape, dtype=bool)
    if not isinstance(bound.predicate, Always):
        inside = _pixel_mask(image.data.shape, names, axes, bound.predicate.mask)
    if not inside.any():
        raise UserError(f"{vfile.text}: no pixel of the image is inside the filter")
    keep = np.asarray(image.data)
    null = vfile.options.get("null", "0").lower()
    fill = math.nan if null == "nan" else float(null)
    if math.isnan(fill) and keep.dtype.kind != "f":
        keep = keep.astype(np.float32 if keep.dtype.itemsize < 4 else np.float64)
    data = np.where(inside, keep, np.array(fill, keep.dtype))
    full = vfile.options.get("full", "no").lower() in ("yes", "true")
    result = Image(image.name, data, image.header, image.companions)
    if not full and not any(f.exclude for f in vfile.filters):
        result = crop(result, _box(vfile.filters, table, inside, names, axes, ws))
    return result


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
    filters: tuple[Filter, ...],
    table: Table,
    inside: NDArray[np.bool_],
    names: dict[str, int],
    axes: list[PhysicalAxis],
    ws: DataSource,
) -> list[Window]:
    """Return the window on each axis (1, 2, ...): the bounding boxes of the filters, else of the pixels kept."""
    windows = []
    ndim = inside.ndim
    limits = {i: [0, inside.shape[ndim - i]] for i in range(1, ndim + 1)}
    known = False
    for term in (t for f in filters for t in _terms(f.expression)):
        for name, lo, hi in _term_limits(term, table, ws):
            i, known = names[name], True
            logical = [lo, hi] if name.startswith("#") else sorted(axes[i - 1].to_logical([lo, hi]).tolist())
            low = max(0, math.ceil(logical[0] - 1 - SLACK)) if math.isfinite(logical[0]) else 0
            high = math.floor(logical[1] - 1 + SLACK) + 1 if math.isfinite(logical[1]) else inside.shape[ndim - i]
            limits[i] = [max(limits[i][0], low), min(limits[i][1], high)]
    for i in range(1, ndim + 1):
        start, stop = limits[i]
        if not known or start >= stop:
            others = tuple(k for k in range(ndim) if k != ndim - i)
            hit = np.flatnonzero(inside.any(axis=others))
            start, stop = int(hit[0]), int(hit[-1]) + 1
        windows.append(Window(start, stop))
    return windows


def _terms(expression: FilterExpression) -> list[RangeTerm | RegionTerm]:
    if isinstance(expression, All):
        return [t for p in expression.parts for t in _terms(p)]
    return [expression] if isinstance(expression, RangeTerm | RegionTerm) else []


def _term_limits(term: RangeTerm | RegionTerm, table: Table, ws: DataSource) -> list[tuple[str, float, float]]:
    if isinstance(term, RangeTerm):
        los = [float(i.lo) if i.lo else -math.inf for i in term.items]
        his = [float(i.hi) if i.hi else math.inf for i in term.items]
        return [(term.name.lower(), min(los), max(his))]
    vector = table.vector(term.names[0])
    pair = [c.lower() for c in (vector.components if vector is not None else term.names)]
    from ciaopy.datamodel.wcs import columns_wcs

    bounds = resolve_region(term.text, columns_wcs(table, (pair[0], pair[1])), ws).bounds
    return [(pair[0], bounds.xlo, bounds.xhi), (pair[1], bounds.ylo, bounds.yhi)]


def crop(image: Image, windows: list[Window]) -> Image:
    """Return the part of an image inside the windows (axis 1 first), with all coordinates moved along."""
    assert image.data is not None
    cut = tuple(slice(w.start, w.stop) for w in reversed(windows))
    header = image.header.copy()
    for i, window in enumerate(windows, 1):
        change_axis(header, i, window.start, 1.0)
    return Image(image.name, np.ascontiguousarray(image.data[cut]), header, image.companions)


def change_axis(header: Header, i: int, first: float, factor: float) -> None:
    """Write the coordinates of axis i after `first` pixels are cut off and `factor` pixels become one.

    New pixel p' covers old pixels first + (p' - 1) factor + 0.5 .. first + p' factor + 0.5 (edges, 1-based centres).
    """
    if f"LTV{i}" in header or f"LTM{i}_{i}" in header or f"CDELT{i}P" in header or first or factor != 1:
        axis = physical_axis(header, i)
        edge = float(axis.from_logical(first + 0.5))
        step = axis.cdelt * factor
        if axis.name or f"CDELT{i}P" in header:
            header[f"CRVAL{i}P"], header[f"CRPIX{i}P"], header[f"CDELT{i}P"] = edge, 0.5, step
            header[f"WCSTY{i}P"] = "PHYSICAL"
        header[f"LTV{i}"], header[f"LTM{i}_{i}"] = 0.5 - edge / step, 1.0 / step
    if f"CRPIX{i}" in header:
        header[f"CRPIX{i}"] = (float(header[f"CRPIX{i}"]) - first - 0.5) / factor + 0.5
    if f"CDELT{i}" in header:
        header[f"CDELT{i}"] = float(header[f"CDELT{i}"]) * factor
    for keyword in [c for c in header if re.fullmatch(rf"CD\d_{i}", c)]:
        header[keyword] = float(header[keyword]) * factor


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
    data, header = image.data, image.header
    for i, axis in plan.items():
        data = _rebin_axis(data, header, i, axis, vfile.text)
    wanted = vfile.binning.type
    kept = as_type(data, wanted) if wanted else _kept_type(data, image.data.dtype)
    return Image(image.name, kept, header, image.companions)


def _axis_numbers(axis: Axis, header: Header, names: dict[str, int], text: str) -> list[int]:
    if axis.region or axis.grid:
        raise VirtualFileError("an image is binned by numbers only; dmregrid matches grids", text, axis.position)
    lower = [n.lower() for n in axis.names]
    if len(lower) == 1 and lower[0] not in names:
        vector = next((v for _, v in _vectors(header) if v.name.lower() == lower[0]), None)
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
    edge, factor = float(physical.to_logical(lo)), step / abs(physical.cdelt)
    change_axis(header, i, edge - 0.5, factor)
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
    regions = tuple(f for f in vfile.filters if isinstance(f.expression, RegionTerm))
    subspace = bind(regions, table, subspace, ws, vfile.text).subspace
    for edit in vfile.subspace:
        for name in edit.delete:
            subspace.remove(name)
        if edit.expression is not None:
            subspace = bind((Filter(edit.expression),), table, subspace, ws, vfile.text).subspace
    return subspace
