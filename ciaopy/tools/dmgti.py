"""Make good time intervals from limits on the columns of a time series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import Limit, bin_edges, good_times, limit_status, parse_limit, smoothed
from ciaopy.datamodel import Gti, Subspace, filter_block, named
from ciaopy.errors import NoDataError, UserError
from ciaopy.fits import Column, Table
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool; see `ciaopy.analysis.limits` for the language of limits and the edges of intervals.

    Raises
    ------
    NoDataError
        No sample is good.
    """
    infile, mtlfile = par["infile"], _name(par["mtlfile"])
    for output in filter(None, (par["outfile"], mtlfile)):
        ws.check_output(output, par["clobber"], (infile,))
    table = _read_table(ws, infile)
    limits = [parse_limit(par["userlimit"])] if par["userlimit"].strip() else []
    if lookup := _name(par["lkupfile"]):
        limits += _limits_of(_read_table(ws, lookup), lookup)
    if not limits:
        raise UserError("no limits given; set userlimit or lkupfile")
    status = limit_status(table, limits, par["smooth"])
    gti = good_times(table, np.asarray(~status.any(axis=1)))
    own = [value.gti for value in Subspace.from_header(table.header, table.companions).tables()]
    if own:
        gti &= Gti.union(own)
    if not len(gti):
        raise NoDataError(f"{infile}: no time passes the limits {'; '.join(limit.text for limit in limits)}")
    ws.console.say(f"{len(gti)} good time intervals, {gti.duration:.3f} s in all", 1)
    if mtlfile:
        ws.write(mtlfile, _timeline(table, limits, status, par["smooth"]), par, par["clobber"])
    ws.write(par["outfile"], filter_block(table, gti), par, par["clobber"])


def _name(text: str) -> str:
    cleaned = text.strip()
    return "" if cleaned.lower() == "none" else cleaned


def _read_table(ws: Workspace, name: str) -> Table:
    block = ws.read(name)
    if not isinstance(block, Table):
        raise UserError(f"{name}: an image; a table is needed")
    return block


def _limits_of(table: Table, name: str) -> list[Limit]:
    """Return the limits of a lookup table: column gti_limits, or the only column of text."""
    texts = [c for c in table.columns.values() if c.data.dtype.kind in "SU"]
    column = next((c for c in texts if c.name.lower() == "gti_limits"), texts[0] if len(texts) == 1 else None)
    if column is None:
        raise UserError(f"{name}: no column gti_limits in block {table.name}; it has {enumerated(table.names)}")
    rows = [v.decode("ascii", "replace") if isinstance(v, bytes) else str(v) for v in column.data.tolist()]
    return [parse_limit(text) for text in rows if text.strip()]


def _timeline(table: Table, limits: list[Limit], status: NDArray[np.bool_], smooth: bool) -> Table:
    """Return the smoothed time series: TIME is the start of each bin (TIMEPIXR 0), and limit_status is added."""
    columns = dict(table.columns)
    if smooth:
        for limit in limits:
            for name, width in limit.widths.items():
                if name in columns and width > 1:
                    columns[name] = table.column(name).with_data(smoothed(table[name], width))
    columns["time"] = table.column("time").with_data(bin_edges(table)[0])
    columns["limit_status"] = _bit_column("limit_status", status)
    header = table.header.copy()
    header["TIMEPIXR"] = (0.0, "TIME is the start of a bin")
    return Table(f"{table.name}_S", columns, named(header, f"{table.name}_S"), list(table.vectors), table.companions)


def _bit_column(name: str, bits: NDArray[np.bool_]) -> Column:
    count = bits.shape[1]
    packed = np.packbits(bits, axis=1)
    words = {8: np.uint8, 16: np.uint16, 32: np.uint32}.get(count)
    data = packed
    if words is not None:
        data = np.ascontiguousarray(packed).view(np.dtype(words).newbyteorder(">")).astype(words).ravel()
    return Column(name, data, f"{count}X", comment="1: limit violated")
