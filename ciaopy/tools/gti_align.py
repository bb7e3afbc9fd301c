"""Align good time intervals with the exposures of each ACIS chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.acis import Exposures, align, read_exposures
from ciaopy.datamodel import Descriptor, Gti, Ranges, Subspace, TimeTable
from ciaopy.datamodel.filtering import TimeSet, read_time_filter
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits import Column, Dataset, Image, Table, add_history, new_header
from ciaopy.response import check_same_obsid

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run gti_align.

    Raises
    ------
    DataError
        The good time file has no intervals, the files are of two observations, or not of a TIMED one.
    NoDataError
        No CCD has both exposures and an entry in the good time file.
    """
    ws.check_output(par["outfile"], par["clobber"], (par["times"], par["statfile"]))
    sets = _good_times(par["times"], ws)
    exposures = _exposures(par, ws, _header(par["times"], ws))
    subspace = Subspace([Descriptor("TIME", "D", "s"), Descriptor("CCD_ID", "I")])
    for ccd in _order(par["evtfile"], sets, sorted(exposures), ws):
        own = [s.gti for s in sets if s.chips is None or ccd in _members(s.chips)]
        if not own:
            ws.console.say(f"WARNING: CCD {ccd} has no good times in {par['times']}; it is left out", 0)
            continue
        if ccd not in exposures:
            ws.console.say(f"WARNING: CCD {ccd} has no exposures in {par['statfile']}; it is left out", 0)
            continue
        times = Gti.union(own)
        start, stop = align(times.start, times.stop, exposures[ccd])
        table = TimeTable(f"GTI{ccd}", Gti(start, stop), None)
        subspace.components.append({"time": table, "ccd_id": Ranges(((ccd, ccd),))})
        ws.console.say(f"CCD {ccd}: {len(table.gti)} intervals, {table.gti.duration:.3f} s", 2)
    if not subspace.components:
        raise NoDataError(f"{par['statfile']}: none of its CCDs has good times in {par['times']}")
    ws.write(par["outfile"], _filter_dataset(subspace, par), clobber=par["clobber"])


def _good_times(path: str, ws: Workspace) -> tuple[TimeSet, ...]:
    if not path.strip():
        raise UserError("times is empty; give the good time file (flt1)")
    sets = read_time_filter(path, ws)
    if not isinstance(sets, tuple) or not sets:
        raise DataError(f"{path}: no good time intervals; give a flt1 file or another file with a GTI block")
    return sets


def _header(path: str, ws: Workspace) -> Header:
    """Return the header of the first table of a file: that of the good times, of the exposures or of the events."""
    return next(b.header for b in ws.dataset(path).blocks if isinstance(b, Table))


def _exposures(par: ParameterSet, ws: Workspace, header: Header) -> dict[int, Exposures]:
    path = par["statfile"]
    if not path.strip():
        raise UserError("statfile is empty; give the exposure statistics file (stat1)")
    stat = ws.read(path)
    if not isinstance(stat, Table):
        raise DataError(f"{path}: not an exposure statistics file: its first block is no table")
    if str(stat.header.get("READMODE", "TIMED")).strip().upper().startswith("CONTINUOUS"):
        raise DataError(f"{path}: continuous clocking has no exposures to align with")
    check_same_obsid(path, stat.header, par["times"], header)
    return read_exposures(stat)


def _order(events: str, sets: tuple[TimeSet, ...], ccds: list[int], ws: Workspace) -> list[int]:
    """Return the CCDs in the order of the event file, of the good time file, else ascending."""
    chosen = _good_times(events, ws) if events.strip().lower() not in {"", "none"} else ()
    named = [c for s in (*chosen, *sets) if s.chips is not None for c in _members(s.chips)]
    return list(dict.fromkeys([*named, *ccds]))


def _members(chips: Ranges) -> list[int]:
    return [c for lo, hi in chips.spans for c in range(int(lo or 0), int(9 if hi is None else hi) + 1)]


def _filter_dataset(subspace: Subspace, par: ParameterSet) -> Dataset:
    """Return an empty FILTER block whose data subspace holds the good times of each CCD, with its GTI blocks.

    The headers hold names, subspace and HISTORY only, as those of CIAO 4.16 do: what the times are for is told by the
    event file that they filter.
    """
    header = new_header()
    header["EXTNAME"], header["HDUNAME"] = "FILTER", "FILTER"
    gtis = subspace.to_header(header)
    add_history(header, par.tool, [(n, v) for n, v in par.items() if n != "mode"])
    columns = {
        "time": Column("TIME", np.zeros(0), "1D"),
        "ccd_id": Column("CCD_ID", np.zeros(0, np.int16), "1I"),
    }
    primary = Image("PRIMARY", None, new_header())
    return Dataset([primary, Table("FILTER", columns, header, [], list(gtis)), *gtis])
