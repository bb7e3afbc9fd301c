"""`[bin ...]`: regular grids of one or more dimensions over the columns of a table.

Rules (ahelp dmbinning; ObsIDs 754, 1230): a real axis `lo:hi:step` has bins [lo + k step, lo + (k + 1) step) and
ceil((hi - lo) / step) of them, the last one kept whole; the limits of an integer axis are inclusive, its edges are
lo - 0.5 and hi + 0.5; limits left out come from a region filter's bounding box, the subspace, TLMIN/TLMAX, the data.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.filtering import Always, Rows, column_limits, kind_of, resolve_region
from ciaopy.datamodel.subspace import Ranges, TimeTable
from ciaopy.datamodel.syntax import All, Axis, FilterExpression, RegionTerm
from ciaopy.datamodel.wcs import columns_frame, physical_axis, vector_columns
from ciaopy.errors import UserError, VirtualFileError
from ciaopy.fits import Array, Column, Image
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel.selection import Selection

# Relative slack in the number of bins, against rounding of (hi - lo) / step.
SLACK = 1e-9
MAX_AXIS = 2**40
TYPES = {"i2": np.int16, "i4": np.int32, "i8": np.int64, "r4": np.float32, "r8": np.float64}
INTEGERS = ("i2", "i4", "i8")
BITS = {"i2": 15, "i4": 31, "i8": 63}


@dataclass(frozen=True)
class GridAxis:
    """One axis of an image: bin k holds ``lo + k * step <= value < lo + (k + 1) * step``, k = 0 .. count - 1."""

    column: str
    lo: float
    step: float
    count: int

    @property
    def edges(self) -> Array:
        """Bin edges, shape (count + 1,)."""
        return self.lo + self.step * np.arange(self.count + 1)


@dataclass(frozen=True)
class Grid:
    """The axes of an image (fastest first), its weight column (lower case, or empty) and its type (`i4`, or empty)."""

    axes: tuple[GridAxis, ...]
    weight: str = ""
    type: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape, slowest axis first."""
        return tuple(a.count for a in reversed(self.axes))

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(a.count for a in self.axes)


def make_grid(selection: Selection) -> Grid:
    """Work out the grid of a virtual file's `[bin ...]`.

    Raises
    ------
    VirtualFileError, UserError
        Unknown column, a column that is not a number, limits that cannot be found, or a grid beyond the memory.
    """
    binning = selection.vfile.binning
    assert binning is not None
    axes: list[GridAxis] = []
    for axis in binning.axes:
        axes += _Resolver(selection, axis).axes()
    names = [a.column for a in axes]
    if len(set(names)) < len(names):
        raise VirtualFileError("a column stands twice in the binning", selection.vfile.text, binning.axes[0].position)
    weight = binning.weight.lower()
    if weight and (weight not in selection.source or kind_of(selection.source.column(weight)) not in NUMBERS):
        raise VirtualFileError(f"the weight {binning.weight} is not a column of numbers", selection.vfile.text, None)
    grid = Grid(tuple(axes), weight, binning.type or image_type(selection.vfile.options))
    check_memory(grid, selection.vfile.options)
    return grid


NUMBERS = ("real", "integer", "bits")


def image_type(options: dict[str, str]) -> str:
    """Return the type that `[opt type=...]` asks for, or an empty text.

    Raises
    ------
    UserError
    """
    wanted = options.get("type", "").lower()
    if wanted and wanted not in TYPES:
        raise UserError(f"[opt type={wanted}]: unknown image type; use i2, i4, r4 or r8")
    return wanted


def check_memory(grid: Grid, options: dict[str, str]) -> None:
    """Refuse a grid that does not fit in half of the machine's memory, or in `[opt mem=MB]` where that is more.

    `mem` gives memory and never takes any away: what works without it works with it.

    Raises
    ------
    UserError
        With the size of the image and what to do.
    """
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
    if options.get("mem"):
        try:
            limit = max(limit, float(options["mem"]) * 2**20)
        except ValueError:
            raise UserError(f"[opt mem={options['mem']}]: give the memory in MB") from None
    need = grid.size * (8.0 if grid.weight else 4.0)
    if need > limit:
        size = " x ".join(str(a.count) for a in grid.axes)
        raise UserError(
            f"the image would have {size} pixels ({need / 2**30:.3g} GB, the limit is {limit / 2**30:.3g} GB); "
            "use a larger bin size or a smaller range, or raise the limit with [opt mem=MB]"
        )


class _Resolver:
    """Finds the limits of one `[bin]` axis (two grid axes for a vector)."""

    def __init__(self, selection: Selection, axis: Axis) -> None:
        self.selection, self.axis = selection, axis
        self.table, self.text = selection.source, selection.vfile.text

    def _fail(self, problem: str) -> VirtualFileError:
        return VirtualFileError(problem, self.text, self.axis.position if self.text else None)

    def axes(self) -> list[GridAxis]:
        names = self._columns()
        if self.axis.region:
            raise self._fail("binning by regions makes a table of counts: use dmextract with opt=generic")
        if self.axis.grid:
            return self._match(names)
        return [self._one(name, i, names) for i, name in enumerate(names)]

    def _columns(self) -> list[str]:
        names = [n.lower() for n in self.axis.names]
        if len(names) == 1 and names[0] not in self.table:
            pair = vector_columns(self.table, names[0])
            if pair is None:
                listed = enumerated([*(v.name for v in self.table.vectors), *self.table.names])
                raise self._fail(f"block {self.table.name} has no column {self.axis.names[0]}; it has {listed}")
            names = list(pair)
        for name in names:
            if name not in self.table:
                raise self._fail(f"block {self.table.name} has no column {name}; it has {enumerated(self.table.names)}")
            if kind_of(self.table.column(name)) not in NUMBERS:
                raise self._fail(f"{name} is not a column of numbers: no binning")
        return names

    def _match(self, names: list[str]) -> list[GridAxis]:
        image = self.selection.opened.ws.read(self.axis.grid)
        if not isinstance(image, Image) or image.data is None or image.data.ndim != len(names):
            raise self._fail(f"{self.axis.grid}: not an image of {len(names)} dimension(s) whose grid could be matched")
        found = []
        for i, name in enumerate(names, 1):
            axis = physical_axis(image.header, i)
            count = image.data.shape[-i]
            edges = sorted(float(axis.from_logical(p)) for p in (0.5, count + 0.5))
            found.append(GridAxis(name, edges[0], abs(axis.cdelt), count))
        return found

    def _one(self, name: str, index: int, names: list[str]) -> GridAxis:
        column = self.table.column(name)
        integer = kind_of(column) != "real"
        lo, hi = self._limits(column, index, names)
        if integer:
            lo, hi = math.ceil(lo) - 0.5, math.floor(hi) + 0.5
        if not lo < hi:
            raise self._fail(f"{name}: the range {lo:g}:{hi:g} to bin is empty")
        if self.axis.count is not None and math.isfinite(hi - lo):
            return GridAxis(name, lo, (hi - lo) / self.axis.count, self.axis.count)
        step = self._step(column)
        bins = (hi - lo) / step * (1 - SLACK) - SLACK
        if not bins <= MAX_AXIS:
            raise self._fail(f"{name}: {bins:.3g} bins are too many; use a larger bin size, or give the range")
        return GridAxis(name, lo, step, max(1, math.ceil(bins)))

    def _step(self, column: Column) -> float:
        """Return the size of a bin: as given, else the column's own."""
        if self.axis.step is not None:
            return self.axis.step
        own = column.key("TDBIN")
        return float(own) if isinstance(own, (int, float)) and 0 < own < math.inf else 1.0

    def _limits(self, column: Column, index: int, names: list[str]) -> tuple[float, float]:
        lo, hi = self.axis.lo, self.axis.hi
        full = self.selection.vfile.options.get("full", "no").lower() in ("yes", "true")
        for attempt in range(3):
            if lo is not None and hi is not None:
                break
            if attempt == 0:
                found = None if full else self._box(index, names)
            elif attempt == 1:
                found = self._subspace(column, with_limits=not full)
            else:
                found = self._data(column)
            if found is not None:
                lo = found[0] if lo is None and math.isfinite(found[0]) else lo
                hi = found[1] if hi is None and math.isfinite(found[1]) else hi
        if lo is None or hi is None:
            raise self._fail(
                f"{column.name}: no rows and no TLMIN/TLMAX; give the range, as in {column.name}=lo:hi:step"
            )
        return lo, hi

    def _box(self, index: int, names: list[str]) -> tuple[float, float] | None:
        """Return the limits of the region filters on this pair of columns, or None."""
        box: tuple[float, float] | None = None
        for term in _region_terms(self.selection):
            pair = [n.lower() for n in term.names]
            if len(pair) == 1:
                pair = list(vector_columns(self.table, pair[0]) or pair)
            if names[index] not in pair or len(pair) != 2:
                continue
            region = resolve_region(term.text, columns_frame(self.table, (pair[0], pair[1])), self.selection.opened.ws)
            bounds = region.bounds
            side = (bounds.xlo, bounds.xhi) if names[index] == pair[0] else (bounds.ylo, bounds.yhi)
            box = side if box is None else (max(side[0], box[0]), min(side[1], box[1]))
        if box is None:
            return None
        limits = column_limits(self.table.column(names[index]))
        if limits is not None:
            lo, hi = limits.spans[0]
            box = (
                box[0] if math.isfinite(box[0]) or lo is None else lo,
                box[1] if math.isfinite(box[1]) or hi is None else hi,
            )
        return box

    def _subspace(self, column: Column, with_limits: bool) -> tuple[float, float] | None:
        spans: list[tuple[float, float]] = []
        for component in self.selection.subspace.components if with_limits else []:
            value = component.get(column.name.lower())
            if isinstance(value, TimeTable) and len(value.gti):
                spans.append((float(value.gti.start[0]), float(value.gti.stop[-1])))
            elif isinstance(value, Ranges):
                spans += [(-math.inf if a is None else a, math.inf if b is None else b) for a, b in value.spans]
        lo, hi = (min(a for a, _ in spans), max(b for _, b in spans)) if spans else (-math.inf, math.inf)
        limits = column_limits(column)
        if limits is not None:
            a, b = limits.spans[0]
            lo, hi = max(lo, -math.inf if a is None else a), min(hi, math.inf if b is None else b)
        return lo, hi

    def _data(self, column: Column) -> tuple[float, float] | None:
        key, predicate, null = column.name.lower(), self.selection.predicate, column.null

        def task(rows: Rows, raw: Array | None) -> tuple[float, float]:
            values = rows.columns[key]
            if not isinstance(predicate, Always):
                values = values[predicate.mask(rows)]
            values = values[(values == values) & (values != null if null is not None else True)]
            return (float(values.min()), float(values.max())) if len(values) else (math.inf, -math.inf)

        wanted = sorted({key, *predicate.columns})
        ends = list(self.selection.opened.scan(self.selection.info, wanted, task))
        lo, hi = min((a for a, _ in ends), default=math.inf), max((b for _, b in ends), default=-math.inf)
        if lo > hi:
            return None
        if kind_of(column) != "real":
            return lo, hi
        step = self.axis.step if self.axis.step is not None else 1.0
        if self.axis.count is not None or not math.isfinite((hi - lo) / step):
            return lo, math.nextafter(hi, math.inf)
        return lo, lo + (math.floor((hi - lo) / step) + 1) * step


def _region_terms(selection: Selection) -> list[RegionTerm]:
    """Return the region terms that every row must satisfy."""

    def walk(expression: FilterExpression) -> list[RegionTerm]:
        if isinstance(expression, All):
            return [t for p in expression.parts for t in walk(p)]
        return [expression] if isinstance(expression, RegionTerm) else []

    return [t for f in selection.vfile.filters if not f.exclude for t in walk(f.expression)]


def bin_selection(selection: Selection, grid: Grid) -> Array:
    """Return the counts (or sums of weights) in the cells of a grid; rows outside it, and with nulls, are dropped.

    Returns
    -------
    ndarray of the grid's shape
        int32, or float64 with weights.
    """
    from ciaopy.kernels.binning import add_counts, add_weights, axis_index, new_index

    predicate, weight = selection.predicate, grid.weight
    columns = list(dict.fromkeys([*(a.column for a in grid.axes), *([weight] if weight else []), *predicate.columns]))
    binned = [*(a.column for a in grid.axes), *([weight] if weight else [])]
    described = {name: selection.source.column(name).null for name in binned}
    nulls = {name: null for name, null in described.items() if null is not None}
    strides = np.cumprod([1, *(a.count for a in grid.axes)])[:-1].tolist()

    def task(rows: Rows, raw: Array | None) -> tuple[Array, Array | None]:
        index = new_index(rows.count, None if isinstance(predicate, Always) else predicate.mask(rows))
        for name, null in nulls.items():
            index[rows.columns[name] == null] = -1
        for axis, stride in zip(grid.axes, strides, strict=True):
            axis_index(rows.columns[axis.column], axis.lo, axis.step, axis.count, stride, index)
        return index, rows.columns[weight] if weight else None

    flat = np.zeros(grid.size, dtype=np.float64 if weight else np.int32)
    for index, weights in selection.opened.scan(selection.info, columns, task):
        if weights is None:
            add_counts(flat, index)
        else:
            add_weights(flat, index, weights)
    return flat.reshape(grid.shape)


def as_type(counts: Array, wanted: str, default: str = "i2") -> Array:
    """Return an image in the type asked for, or `default`; integers that do not fit are promoted.

    An i2 image with a count above 32767 becomes i4: CIAO does so too, and losing counts would be worse.
    """
    name = wanted or ("r4" if counts.dtype.kind == "f" else default)
    if name not in INTEGERS or not counts.size:
        return counts.astype(TYPES[name], copy=False)
    lo, hi = float(counts.min()), float(counts.max())
    wide_enough = [c for c in INTEGERS[INTEGERS.index(name) :] if -(2.0 ** BITS[c]) <= lo and hi < 2.0 ** BITS[c]]
    return counts.astype(TYPES[wide_enough[0] if wide_enough else "r8"], copy=False)
