"""Counts with errors, exposures and rates: light curves, spectra, histograms (`dmextract`).

Columns and header keys as in files of CIAO: OGIP memo 93-003 for light curves, OGIP 92-007 for spectra.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ciaopy.analysis.area import ValidArea
from ciaopy.datamodel import Gti, Subspace, Text, chip_times, vector_columns
from ciaopy.datamodel.binning import Grid, GridAxis, bin_selection, make_grid
from ciaopy.datamodel.filtering import Always, Rows, text_shape
from ciaopy.datamodel.regions import Region
from ciaopy.errors import UserError
from ciaopy.fits import Array, Column, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Selection
    from ciaopy.fits import Header

# Pixels in the full sky field of Chandra (8192 x 8192): BACKSCAL is the area in units of it.
FIELD_PIXELS = 8192.0**2


# Takes the text of a warning.
Warn: TypeAlias = Callable[[str], None]


def _quiet(text: str) -> None:
    """Say nothing."""


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
    def of(cls, subspace: Subspace, header: Header) -> Exposure:
        """Read the times from the subspace and DTCOR, EXPOSURE from the header."""
        times = list(chip_times(subspace).values())
        dtcor = header.number("DTCOR", 1.0) or 1.0
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
    """Return the area in square pixels that the filters leave on the sky, of the whole field without any.

    Where nothing limits the sky, a region on another pair of columns (`det`, `chip`) counts in its own pixels.
    """
    pair = vector_columns(selection.source, "sky")
    if pair is not None:
        valid = ValidArea.of(selection.subspace, selection.source, pair)
        if not valid.is_everything:
            area = valid.area()
            return area if math.isfinite(area) else FIELD_PIXELS
    for value in (v for c in selection.subspace.components for v in c.values() if isinstance(v, Text)):
        shape = text_shape(value) if "(" in value.text else None
        if isinstance(shape, Region) and shape.bounds.is_finite:
            return shape.area()
    whole = ValidArea.of(Subspace(), selection.source, pair).area() if pair is not None else math.inf
    return whole if math.isfinite(whole) else FIELD_PIXELS


def _counts(selection: Selection, grid: Grid) -> Array:
    counts = bin_selection(selection, grid)
    return counts.astype(np.int32) if counts.dtype.kind != "f" else counts


def _axis(selection: Selection) -> tuple[Grid, GridAxis]:
    grid = make_grid(selection)
    if len(grid.axes) != 1:
        raise UserError(f"{selection.vfile.text}: one column to bin is needed, and [bin] has {len(grid.axes)}")
    return grid, grid.axes[0]


def _table(name: str, columns: list[Column], selection: Selection) -> Table:
    """Make the output table with the header, subspace and companions of the selection."""
    return counts_table(name, columns, selection.template().header, selection.subspace)


def counts_table(name: str, columns: list[Column], header: Header, subspace: Subspace) -> Table:
    """Return a table of counts; `header` becomes its header, with the subspace and the name written into it."""
    header.remove("EXTVER", ignore_missing=True)
    header["EXTNAME"] = (name, "name of this binary table extension")
    header["HDUNAME"] = (name, "ASCDM block name")
    table = Table(name, {c.name.lower(): c for c in columns}, header)
    table.companions = subspace.to_header(header)
    return table


def _chips_seen(selection: Selection) -> set[int]:
    """Return the chips of the selected rows."""
    predicate = selection.predicate

    def task(rows: Rows, raw: Array | None) -> set[int]:
        chips = rows.columns["ccd_id"]
        return set(np.unique(chips if isinstance(predicate, Always) else chips[predicate.mask(rows)]).tolist())

    columns = sorted({"ccd_id", *predicate.columns})
    return set().union(*selection.opened.scan(selection.info, columns, task))


def good_times(selection: Selection, warn: Warn) -> Gti | None:
    """Return the good times of the rows selected; None where the subspace has none.

    Chips may have good times of their own. Those of the chips that rows come from count; where these differ, time
    counts in which any of them was good, and a warning says so.
    """
    times = chip_times(selection.subspace)
    if not times:
        return None
    if "ccd_id" in selection.source and None not in times and len(set(times.values())) > 1:
        chips = _chips_seen(selection)
        times = {c: t for c, t in times.items() if c in chips} or times
    if len(set(times.values())) > 1:
        listed = ", ".join(str(c) for c in times)
        warn(
            f"the good times of chips {listed} differ: EXPOSURE is the time in which any of them was good; "
            "for the rate of one chip filter it, as in [ccd_id=7]"
        )
    return Gti.union(times.values())


def light_curve(selection: Selection, method: str = "gaussian", warn: Warn = _quiet) -> Table:
    """Bin a selection in time.

    Parameters
    ----------
    selection : Selection
    method : str
        Of the errors.
    warn : callable
        Takes the text of a warning: chips whose good times differ, counts outside the good times.

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
    gti = good_times(selection, warn)
    exposure = replace(Exposure.of(selection.subspace, template.header), gti=gti).in_bins(start, stop)
    dark = int(np.count_nonzero((counts > 0) & (exposure <= 0)))
    if dark:
        warn(f"{dark} bins have counts and no good time: their rate is set to 0; filter the events with their GTIs")
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
    classify(table.header, "LIGHTCURVE", "TOTAL", "COUNT")
    table.header["TIMEPIXR"] = (0.5, "mid-bin times")
    table.header["TIMEDEL"] = (axis.step, "[s] bin size")
    return table


def background_curve(source: Selection, background: Selection, warn: Warn = _quiet) -> tuple[Array, Array, float]:
    """Return counts, live time (s) and area (square pixels) of a background in the time bins of a source.

    Raises
    ------
    UserError
        The two do not count time alike (MJDREF, TIMESYS), or the background has no such column.
    """
    grid, axis = _axis(source)
    ours, theirs = source.template().header, background.template().header
    for key in ("MJDREF", "MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT"):
        a, b = ours.get(key), theirs.get(key)
        if a is not None and b is not None and a != b:
            raise UserError(f"dmextract: {key} of the source is {a}, of the background {b}; their times differ")
    if axis.column not in background.source:
        raise UserError(f"{background.vfile.text}: no column {axis.column} in block {background.source.name}")
    start, stop = axis.edges[:-1], axis.edges[1:]
    gti = good_times(background, warn)
    live = replace(Exposure.of(background.subspace, theirs), gti=gti).in_bins(start, stop)
    return _counts(background, grid), live, sky_area(background)


def classify(header: Header, *classes: str) -> None:
    """Write the OGIP classes HDUCLAS1, HDUCLAS2, ... and take away those beyond."""
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
    exposure = Exposure.of(selection.subspace, template.header)
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
    classify(table.header, "SPECTRUM", "TOTAL", "TYPE:I", "COUNT")
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


def histogram(selection: Selection, method: str) -> Table:
    """Bin a selection by any one column: bin number, edges, centre, counts, errors, rates."""
    grid, axis = _axis(selection)
    counts, edges = _counts(selection, grid), axis.edges
    exposure = Exposure.of(selection.subspace, selection.template().header).total
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
    classify(table.header, "HISTOGRAM", "TOTAL")
    return table
