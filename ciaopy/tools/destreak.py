"""Flag or remove readout streaks (mostly of CCD 8): rows of one frame and node with too many events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis import NODES, STREAK_BIT, StreakCells, choose_threshold, find_streaks, group_rows, row_rates
from ciaopy.errors import DataError, ParameterError
from ciaopy.fits import Column, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


_REPORTS = ("countfile", "fracfile", "timefile")


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run destreak.

    Raises
    ------
    DataError
        A column is missing.
    ParameterError
        `max` or `ccd_id` cannot be read.
    """
    ws.check_output(par["outfile"], par["clobber"], (par["infile"],))
    for name in _REPORTS:
        if par[name].strip():
            ws.check_output(par[name], par["clobber"], (par["infile"], par["outfile"]))
    chips = _numbers(par, "ccd_id")
    table = ws.read(par["infile"])
    if not isinstance(table, Table):
        raise DataError(f"{par['infile']}: not an event file: the block is no table")
    ccd, node = _columns(table, par)
    flagged = np.zeros(table.nrows, bool)
    looked_at = _mask(table, par["mask"], ws)
    reports = []
    for chip in chips:
        chosen = np.flatnonzero((ccd == chip) & looked_at)
        nframes = len(np.unique(table["expno"][ccd == chip]))
        cells = group_rows(table["expno"][chosen], node[chosen], table["chipy"][chosen])
        limits = _thresholds(par, cells, nframes)
        streaks = find_streaks(cells, limits)
        flagged |= _events_of(table, (ccd == chip), node, cells, streaks)
        ws.console.say(
            f"CCD {chip}: {int(streaks.sum())} streaks in {nframes} frames; more than"
            f" {', '.join(map(str, limits))} events in a row of node 0 to 3",
            1,
        )
        reports.append((chip, cells, streaks, nframes))
    ws.console.say(f"{int(flagged.sum())} of {table.nrows} events are in streaks", 1)
    result = _result(table, flagged, par["filter"])
    _write_reports(par, ws, table, reports)
    ws.write(par["outfile"], result, par=par, clobber=par["clobber"])


def _numbers(par: ParameterSet, name: str) -> list[int]:
    text = par[name].replace(":", " ").replace(",", " ")
    try:
        values = [int(w) for w in text.split()]
    except ValueError:
        raise ParameterError(f"destreak: {name}={par[name]!r} must hold whole numbers") from None
    if not values:
        raise ParameterError(f"destreak: {name} is empty; name the chips to treat, such as ccd_id=8")
    return values


def _columns(table: Table, par: ParameterSet) -> tuple[NDArray[Any], NDArray[Any]]:
    for name in ("expno", "chipx", "chipy"):
        table.column(name)
    ccd_name, node_name = par["ccd_col"].strip(), par["node_col"].strip()
    ccd = table[ccd_name]
    if node_name.lower() not in {"", "none"} and node_name in table:
        return ccd, np.clip(table[node_name], 0, NODES - 1)
    return ccd, np.clip((table["chipx"].astype(np.int64) - 1) // 256, 0, NODES - 1)


def _mask(table: Table, mask: str, ws: Workspace) -> NDArray[np.bool_]:
    """Return True for the events that the filter `mask` lets through."""
    text = mask.strip()
    if text.lower() in {"", "none"}:
        return np.ones(table.nrows, bool)
    from ciaopy.datamodel import Subspace, parse
    from ciaopy.datamodel.filtering import Rows, bind

    bound = bind(parse(f"mask{text}").filters, table, Subspace(), ws, text)
    return bound.predicate.mask(Rows({n: c.data for n, c in table.columns.items()}, 0, table.nrows))


def _thresholds(par: ParameterSet, cells: StreakCells, nframes: int) -> tuple[int, ...]:
    if par["max"].strip():
        given = _numbers(par, "max")
        if len(given) == 1:
            given *= NODES
        if len(given) != NODES or min(given) < 0:
            raise ParameterError(f"destreak: max={par['max']!r}: give one threshold, or one for each of the 4 nodes")
        return tuple(given)
    loss, sigma = par["max_rowloss_fraction"], par["num_sigma"]
    return tuple(choose_threshold(row_rates(cells, nframes, n), nframes, loss, sigma) for n in range(NODES))


def _events_of(
    table: Table, on_chip: NDArray[np.bool_], node: NDArray[Any], cells: StreakCells, streaks: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return True for all events of the chip, masked or not, in the rows found to be streaks."""
    where = np.flatnonzero(on_chip)
    every = group_rows(table["expno"][where], node[where], table["chipy"][where])
    key = (every.expno * NODES + every.node) * 4096 + every.chipy
    bad = (cells.expno[streaks] * NODES + cells.node[streaks]) * 4096 + cells.chipy[streaks]
    result = np.zeros(table.nrows, bool)
    result[where] = np.isin(key, bad)[every.event_cell]
    return result


def _result(table: Table, flagged: NDArray[np.bool_], remove: bool) -> Table:
    if remove:
        return table.take(~flagged)
    if "status" not in table:
        raise DataError(f"block {table.name}: no column STATUS to flag streaks in; use filter=yes to remove them")
    status = table["status"] | np.where(flagged, np.uint32(1 << STREAK_BIT), np.uint32(0))
    columns = dict(table.columns)
    columns["status"] = table.column("status").with_data(status.astype(np.uint32))
    return Table(table.name, columns, table.header, table.vectors, table.companions)


_Report = tuple[int, StreakCells, NDArray[np.bool_], int]


def _write_reports(par: ParameterSet, ws: Workspace, table: Table, reports: list[_Report]) -> None:
    """Write countfile (events per row), fracfile (share of rows above each threshold), timefile (time lost per row)."""
    exptime = par["exptime"]
    if exptime is None or exptime < 0:
        exptime = table.header.number("EXPTIME", table.header.number("TIMEDEL", 0.0))
    for name in _REPORTS:
        if not par[name].strip():
            continue
        columns = [_report_columns(name, report, exptime) for report in reports]
        joined = {
            key: Column(key.upper(), np.concatenate([c[key] for c in columns]))
            for key in (columns[0] if columns else {})
        }
        ws.write(par[name], Table("DESTREAK", joined, table.header.copy()), par=par, clobber=par["clobber"])


def _report_columns(name: str, report: _Report, exptime: float) -> dict[str, NDArray[Any]]:
    chip, cells, streaks, nframes = report
    top = int(cells.count.max()) if len(cells.count) else 0
    if name == "timefile":
        lost = np.bincount(cells.chipy[streaks], minlength=1025)[1:]
        rows = np.arange(1, 1025, dtype=np.int32)
        return {
            "ccd_id": np.full(1024, chip, np.int16),
            "chipy": rows,
            "frames": lost.astype(np.int32),
            "time": lost * exptime,
        }
    n = np.tile(np.arange(top + 1, dtype=np.int32), NODES)
    node = np.repeat(np.arange(NODES, dtype=np.int16), top + 1)
    counts = np.concatenate([np.bincount(cells.count[cells.node == k], minlength=top + 1) for k in range(NODES)])
    base: dict[str, NDArray[Any]] = {"ccd_id": np.full(len(n), chip, np.int16), "node_id": node, "events": n}
    if name == "countfile":
        return {**base, "rows": counts.astype(np.int64)}
    above = np.concatenate([np.cumsum(c[::-1])[::-1] - c for c in np.split(counts, NODES)]) / max(nframes * 1024, 1)
    return {**base, "fraction": above}
