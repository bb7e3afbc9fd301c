"""Counts with errors, exposures and rates: light curves, spectra, radial profiles (`dmextract`).

Columns and header keys as in files of CIAO: OGIP memo 93-003 for light curves, OGIP 92-007 for spectra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.binning import Grid, GridAxis, bin_selection, make_grid
from ciaopy.datamodel.filters import column_limits
from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.livetime import chip_times
from ciaopy.datamodel.predicate import AllOf, Always, InRegion, Rows
from ciaopy.datamodel.regions import Region, parse_region
from ciaopy.datamodel.subspace import Text
from ciaopy.datamodel.wcs import table_wcs, vector_columns
from ciaopy.errors import RegionError, UserError
from ciaopy.fits.blocks import Array, Column, Table, Vector

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel.selection import Selection

# Pixels in the full sky field of Chandra (8192 x 8192): BACKSCAL is the area in units of it.
FIELD_PIXELS = 8192.0**2


def errors(counts: Array, method: str) -> Array:
    """Return the errors of counts.

    Parameters
    ----------
    counts : ndarray
    method : str
        `gaussian` sqrt(N); `gehrels` 1 + sqrt(N + 0.75) (Gehrels 1986, equation 7); `none` 0.

    Raises
    ------
    UserError
        Unknown method.
    """
    n = np.asarray(counts, dtype=np.float64)
    if method == "gaussian":
        return np.asarray(np.sqrt(n))
    if method == "gehrels":
        return np.asarray(1.0 + np.sqrt(n + 0.75))
    if method == "none":
        return np.zeros(n.shape)
    raise UserError(f"dmextract: error={method} is not known; use gaussian, gehrels or none")


def ratio(value: Array, divisor: Array | float) -> Array:
    """Return value / divisor, 0 where the divisor is not positive."""
    d = np.broadcast_to(np.asarray(divisor, np.float64), np.shape(value))
    return np.divide(value, d, out=np.zeros(np.shape(value)), where=d > 0)


@dataclass(frozen=True)
class Exposure:
    """Good times and live fraction of a selection, of its first chip (as ONTIME)."""

    gti: Gti | None
    dtcor: float
    total: float

    @classmethod
    def of(cls, selection: Selection, header: Header) -> Exposure:
        """Read the times from the subspace and DTCOR, EXPOSURE from the header."""
        times = list(chip_times(selection.subspace).values())
        dtcor = float(header.get("DTCOR", 1.0) or 1.0)
        total = header.get("EXPOSURE", header.get("LIVETIME"))
        if total is None:
            total = times[0].duration * dtcor if times else 0.0
        return cls(times[0] if times else None, dtcor, float(total))

    def in_bins(self, start: Array, stop: Array) -> Array:
        """Return the live time of each bin, s; without good times the bin's own length."""
        if self.gti is None:
            return np.asarray(stop - start) * self.dtcor
        return self.gti.overlap(start, stop) * self.dtcor


def sky_area(selection: Selection) -> float:
    """Return the area in square pixels of the region filter on the sky, of the whole field without one."""
    for component in selection.subspace.components:
        for value in component.values():
            if isinstance(value, Text) and "(" in value.text and not value.reference:
                region = _region_of(value.text)
                if region is not None:
                    return region.area()
    pair = vector_columns(selection.source, "sky")
    limits = [column_limits(selection.source.column(c)) for c in pair] if pair is not None else []
    sizes = [s.spans[0][1] - s.spans[0][0] for s in limits if s is not None and None not in s.spans[0]]  # type: ignore[operator]
    return float(sizes[0] * sizes[1]) if len(sizes) == 2 else FIELD_PIXELS


def _region_of(text: str) -> Region | None:
    try:
        region = parse_region(text)
    except RegionError:
        return None
    return region if region.bounds.is_finite else None


def _counts(selection: Selection, grid: Grid) -> Array:
    counts = bin_selection(selection, grid)
    return counts.astype(np.int32) if counts.dtype.kind != "f" else counts


def _axis(selection: Selection) -> tuple[Grid, GridAxis]:
    grid = make_grid(selection)
    if len(grid.axes) != 1:
        raise UserError(f"{selection.vfile.text}: one column to bin is needed, and [bin] has {len(grid.axes)}")
    return grid, grid.axes[0]


def _table(name: str, columns: list[Column], selection: Selection, vectors: list[Vector] | None = None) -> Table:
    """Make the output table with the header, subspace and companions of the selection."""
    header = selection.template().header
    for key in ("EXTVER",):
        header.remove(key, ignore_missing=True)
    header["EXTNAME"] = (name, "name of this binary table extension")
    header["HDUNAME"] = (name, "ASCDM block name")
    table = Table(name, {c.name.lower(): c for c in columns}, header, vectors or [])
    table.companions = selection.subspace.to_header(header)
    return table


def light_curve(selection: Selection, method: str = "gaussian") -> Table:
    """Bin a selection in time.

    Returns
    -------
    Table
        LIGHTCURVE: TIME_BIN (1-based), TIME_MIN, TIME (centre), TIME_MAX [s], COUNTS, STAT_ERR, AREA [pixel**2],
        EXPOSURE [s, good time in the bin times DTCOR], COUNT_RATE, COUNT_RATE_ERR [count/s; 0 without exposure].

    Raises
    ------
    UserError, VirtualFileError
        The binning is not of one column.
    """
    grid, axis = _axis(selection)
    counts, edges = _counts(selection, grid), axis.edges
    start, stop = edges[:-1], edges[1:]
    template = selection.template()
    exposure = Exposure.of(selection, template.header).in_bins(start, stop)
    error = errors(counts, method)
    name = selection.source.column(axis.column).name.upper()
    columns = [
        Column(f"{name}_BIN", np.arange(1, axis.count + 1, dtype=np.int32), "1J", "channel"),
        Column(f"{name}_MIN", start, "1D", "s", "Minimum value in bin"),
        Column(name, (start + stop) / 2, "1D", "s", "S/C TT corresponding to mid-exposure"),
        Column(f"{name}_MAX", stop, "1D", "s", "Maximum value in bin"),
        Column("COUNTS", counts, "", "count", "Counts"),
        Column("STAT_ERR", error, "1D", "count", "Statistical error"),
        Column("AREA", np.full(axis.count, sky_area(selection)), "1D", "pixel**2", "Area of extraction"),
        Column("EXPOSURE", exposure, "1D", "s", "Time per interval"),
        Column("COUNT_RATE", ratio(counts, exposure), "1D", "count/s", "Rate"),
        Column("COUNT_RATE_ERR", ratio(error, exposure), "1D", "count/s", "Rate error"),
    ]
    table = _table("LIGHTCURVE", columns, selection)
    _classify(table.header, "LIGHTCURVE", "TOTAL", "COUNT")
    table.header["TIMEPIXR"] = (0.5, "mid-bin times")
    table.header["TIMEDEL"] = (axis.step, "[s] bin size")
    return table


def _classify(header: Header, *classes: str) -> None:
    header["HDUCLASS"] = ("OGIP", "format conforms to OGIP standard")
    for n, text in enumerate(classes, 1):
        header[f"HDUCLAS{n}"] = text
    for n in range(len(classes) + 1, 5):
        header.remove(f"HDUCLAS{n}", ignore_missing=True)


def spectrum(selection: Selection, method: str = "gaussian", sys_err: float = 0.0) -> Table:
    """Bin a selection by channel into an OGIP PHA spectrum (type I, counts).

    Returns
    -------
    Table
        SPECTRUM: CHANNEL, PI (or the column binned), COUNTS, STAT_ERR (unless gaussian, which POISSERR = T says),
        COUNT_RATE.
    """
    grid, axis = _axis(selection)
    counts = _counts(selection, grid)
    template = selection.template()
    exposure = Exposure.of(selection, template.header)
    centres = axis.lo + axis.step * (np.arange(axis.count) + 0.5)
    first = int(np.ceil(axis.lo)) if axis.step == 1 else 1
    channel = np.arange(first, first + axis.count, dtype=np.int32)
    name = selection.source.column(axis.column).name.upper()
    whole = bool((centres == np.floor(centres)).all())
    columns = [Column("CHANNEL", channel, "1J", "channel", "", {"TLMIN": (first, ""), "TLMAX": (int(channel[-1]), "")})]
    columns.append(Column(name, centres.astype(np.int32) if whole else centres, "", "chan"))
    columns.append(Column("COUNTS", counts, "", "count"))
    if method != "gaussian":
        columns.append(Column("STAT_ERR", errors(counts, method), "1D", "count"))
    columns.append(Column("COUNT_RATE", ratio(counts, exposure.total), "1D", "count/s"))
    table = _table("SPECTRUM", columns, selection)
    _classify(table.header, "SPECTRUM", "TOTAL", "TYPE:I", "COUNT")
    values: dict[str, object] = {
        "HDUVERS": "1.2.1", "POISSERR": method == "gaussian", "SYS_ERR": float(sys_err), "GROUPING": 0, "QUALITY": 0,
        "CHANTYPE": name, "DETCHANS": axis.count, "TOTCTS": float(counts.sum()), "AREASCAL": 1.0, "CORRSCAL": 0.0,
        "BACKSCAL": sky_area(selection) / FIELD_PIXELS, "BACKFILE": "none", "CORRFILE": "none", "RESPFILE": "none",
        "ANCRFILE": "none", "FILTER": table.header.get("FILTER", "NONE"), "EXPOSURE": exposure.total,
    }  # fmt: skip
    if method == "gaussian":
        values["STAT_ERR"] = 0
    for key, value in values.items():
        table.header[key] = value
    return table


@dataclass(frozen=True)
class RegionCounts:
    """Counts in regions, with the areas of these in square pixels."""

    regions: list[Region]
    counts: Array
    areas: Array


def count_regions(selection: Selection, regions: list[Region], pair: tuple[str, str]) -> RegionCounts:
    """Count the selected rows in each region; regions may overlap."""
    predicate = selection.predicate
    tests = [InRegion(pair[0], pair[1], r) for r in regions]
    columns = sorted({*pair, *predicate.columns})
    plain = isinstance(predicate, Always)

    def task(rows: Rows, raw: Array | None) -> Array:
        found = []
        for test in tests:
            both = test if plain else AllOf((predicate, test))
            found.append(int(np.count_nonzero(both.mask(rows))))
        return np.array(found, dtype=np.int64)

    total = np.zeros(len(regions), dtype=np.int64)
    for part in selection.opened.scan(selection.info, columns, task):
        total += part
    areas = np.array([r.area() if r.bounds.is_finite else np.nan for r in regions])
    return RegionCounts(regions, total.astype(np.int32), areas)


def profile(selection: Selection, found: RegionCounts, method: str, background: Background | None = None) -> Table:
    """Return the table of counts in regions: positions, shapes, areas, counts, rates, surface brightness.

    SUR_BRI is net counts (counts without background) per square pixel.
    """
    template = selection.template()
    exposure = Exposure.of(selection, template.header).total
    error = errors(found.counts, method)
    shapes = [r.shapes[0] for r in found.regions]
    x = np.array([s.x[0] if s.x else np.nan for s in shapes])
    y = np.array([s.y[0] if s.y else np.nan for s in shapes])
    columns = [Column("X", x, "1D", "pixel"), Column("Y", y, "1D", "pixel")]
    sky = table_wcs(selection.source, "sky")
    if sky is not None:
        ra, dec = sky.pixel_to_sky(x, y)
        columns += [Column("RA", ra, "1D", "deg"), Column("Dec", dec, "1D", "deg")]
    columns += shape_columns(found.regions)
    n = len(shapes)
    time = np.full(n, exposure)
    columns += [
        Column("COMPONENT", np.arange(1, n + 1, dtype=np.int32), "1J"),
        Column("AREA", found.areas, "1D", "pixel**2"),
        Column("EXPOSURE", time, "1D", "s"),
        Column("COUNTS", found.counts, "1J", "count"),
        Column("ERR_COUNTS", error, "1D", "count"),
        Column("COUNT_RATE", ratio(found.counts, time), "1D", "count/s"),
        Column("COUNT_RATE_ERR", ratio(error, time), "1D", "count/s"),
    ]
    net, net_error = found.counts.astype(np.float64), error
    if background is not None:
        extra, net, net_error = background.columns(found.counts, error, found.areas, time)
        columns += extra
    columns += [
        Column("SUR_BRI", ratio(net, found.areas), "1D", "count/pixel**2"),
        Column("SUR_BRI_ERR", ratio(net_error, found.areas), "1D", "count/pixel**2"),
    ]
    table = _table("HISTOGRAM", columns, selection, [Vector("sky", ("X", "Y"))])
    _classify(table.header, "HISTOGRAM", "TOTAL")
    return table


def shape_columns(regions: list[Region]) -> list[Column]:
    """Return SHAPE, R (2) and ROTANG (2); the first shape of a composed region stands for it."""
    names, radii, angles = [], [], []
    for region in regions:
        shape = region.shapes[0]
        sizes = [*shape.radii, np.nan, np.nan][:2]
        turns = [*shape.angles, np.nan, np.nan][:2]
        names.append(shape.kind.capitalize().encode())
        radii.append(sizes)
        angles.append(turns)
    return [
        Column("SHAPE", np.array(names, dtype="S16"), "16A"),
        Column("R", np.array(radii, dtype=np.float64), "2D", "pixel"),
        Column("ROTANG", np.array(angles, dtype=np.float64), "2D", "deg"),
    ]


@dataclass(frozen=True)
class Background:
    """Counts in background regions: one row for all source rows, or as many rows as these."""

    counts: Array
    error: Array
    areas: Array
    exposure: float
    norm: float

    def columns(self, counts: Array, error: Array, areas: Array, time: Array) -> tuple[list[Column], Array, Array]:
        """Return BG_* and NET_* columns, the net counts and their errors.

        The background is scaled to the area and exposure of each source row, times `norm`.

        Raises
        ------
        UserError
            The numbers of rows do not match.
        """
        n = len(counts)
        if len(self.counts) not in (1, n):
            raise UserError(f"dmextract: {len(self.counts)} background regions for {n} source regions; give one or {n}")
        bg, bg_error, bg_area = (
            np.broadcast_to(a, n).astype(np.float64) for a in (self.counts, self.error, self.areas)
        )
        bg_time = np.full(n, self.exposure)
        factor = self.norm * ratio(areas, bg_area) * ratio(time, bg_time)
        net, net_error = counts - factor * bg, np.hypot(error, factor * bg_error)
        made = [
            ("BG_AREA", bg_area, "pixel**2"), ("BG_EXPOSURE", bg_time, "s"), ("BG_COUNTS", bg, "count"),
            ("BG_ERR", bg_error, "count"), ("BG_RATE", ratio(bg, bg_time), "count/s"),
            ("NORM_BG_COUNTS", factor * bg, "count"), ("NORM_BG_ERR", factor * bg_error, "count"),
            ("NET_COUNTS", net, "count"), ("NET_ERR", net_error, "count"),
            ("NET_RATE", ratio(net, time), "count/s"), ("ERR_RATE", ratio(net_error, time), "count/s"),
        ]  # fmt: skip
        return [Column(name, data, "1D", unit) for name, data, unit in made], net, net_error


def histogram(selection: Selection, method: str) -> Table:
    """Bin a selection by any one column: bin number, edges, centre, counts, errors, rates."""
    grid, axis = _axis(selection)
    counts, edges = _counts(selection, grid), axis.edges
    exposure = Exposure.of(selection, selection.template().header).total
    error, source = errors(counts, method), selection.source.column(axis.column)
    name, unit = source.name.upper(), source.unit
    columns = [
        Column(f"{name}_BIN", np.arange(1, axis.count + 1, dtype=np.int32), "1J", "channel"),
        Column(f"{name}_MIN", edges[:-1], "1D", unit),
        Column(name, (edges[:-1] + edges[1:]) / 2, "1D", unit),
        Column(f"{name}_MAX", edges[1:], "1D", unit),
        Column("COUNTS", counts, "", "count"),
        Column("ERR_COUNTS", error, "1D", "count"),
        Column("COUNT_RATE", ratio(counts, exposure), "1D", "count/s"),
        Column("COUNT_RATE_ERR", ratio(error, exposure), "1D", "count/s"),
    ]
    table = _table("HISTOGRAM", columns, selection)
    _classify(table.header, "HISTOGRAM", "TOTAL")
    return table


def sky_pair(selection: Selection) -> tuple[str, str]:
    """Return the two columns of a region binning.

    Raises
    ------
    UserError
        They are not there.
    """
    assert selection.vfile.binning is not None
    names = selection.vfile.binning.axes[0].names
    pair = (names[0].lower(), names[1].lower()) if len(names) == 2 else vector_columns(selection.source, names[0])
    if pair is None or not all(n in selection.source for n in pair):
        raise UserError(f"{selection.vfile.text}: block {selection.source.name} has no such pair of columns")
    return pair
