"""Align good time intervals with the exposures of each ACIS chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.acis.exposures import align, read_exposures
from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Descriptor, Ranges, Subspace, TimeTable
from ciaopy.datamodel.timefilter import TimeSet, read_time_filter
from ciaopy.errors import DataError, NoDataError
from ciaopy.fits.blocks import Column, Dataset, Image, Table
from ciaopy.tools._obsfile import own_keywords_removed

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run gti_align.

    Raises
    ------
    DataError
        The good time file has no intervals, or the observation is not in TIMED mode.
    """
    ws.check_output(par["outfile"], par["clobber"], (par["times"], par["statfile"]))
    sets = read_time_filter(par["times"], ws)
    if not isinstance(sets, tuple) or not sets:
        raise DataError(f"{par['times']}: no good time intervals; give a flt1 file or another file with a GTI block")
    stat = ws.read(par["statfile"])
    if not isinstance(stat, Table):
        raise DataError(f"{par['statfile']}: not an exposure statistics file: its first block is no table")
    if str(stat.header.get("READMODE", "TIMED")).strip().upper().startswith("CONTINUOUS"):
        raise DataError(f"{par['statfile']}: continuous clocking has no exposures to align with")
    exposures = read_exposures(stat)
    order = _order(sets, sorted(exposures))
    subspace = Subspace([Descriptor("time", "D", "s"), Descriptor("ccd_id", "I")])
    for ccd in order:
        times, own = _times_of(ccd, sets)
        if not own and any(s.chips is not None for s in sets):
            ws.console.say(f"WARNING: CCD {ccd} has no intervals of its own in {par['times']}", 0)
        if ccd not in exposures:
            continue
        start, stop = align(times.start, times.stop, exposures[ccd])
        table = TimeTable(f"GTI{ccd}", Gti(start, stop), None)
        subspace.components.append({"time": table, "ccd_id": Ranges(((ccd, ccd),))})
        ws.console.say(f"CCD {ccd}: {len(table.gti)} intervals, {(stop - start).sum():.3f} s", 2)
    if not subspace.components:
        raise NoDataError(f"{par['statfile']}: none of its CCDs has good times in {par['times']}")
    header = own_keywords_removed(stat.header)
    ws.write(par["outfile"], _filter_dataset(header, subspace), par=par, clobber=par["clobber"])


def _order(sets: tuple[TimeSet, ...], ccds: list[int]) -> list[int]:
    """Return the CCDs in the order of the good time file, those that it does not name last."""
    named = [lo for s in sets if s.chips is not None for lo in _members(s.chips)]
    return list(dict.fromkeys([*named, *ccds]))


def _members(chips: Ranges) -> list[int]:
    return [c for lo, hi in chips.spans for c in range(int(lo or 0), int(9 if hi is None else hi) + 1)]


def _times_of(ccd: int, sets: tuple[TimeSet, ...]) -> tuple[Gti, bool]:
    """Return the good times of a CCD, and whether the file has any for it (else: those of all CCDs together)."""
    own = [s.gti for s in sets if s.chips is None or ccd in _members(s.chips)]
    if own:
        return Gti.union(own), True
    return Gti.union(s.gti for s in sets), False


def _filter_dataset(header: Header, subspace: Subspace) -> Dataset:
    """Return an empty FILTER block whose data subspace holds the good times of each CCD, with its GTI blocks."""
    block = header.copy()
    block["EXTNAME"], block["HDUNAME"], block["CONTENT"] = "FILTER", "FILTER", "FILTER"
    gtis = subspace.to_header(block)
    for gti in gtis:
        for key in ("TELESCOP", "INSTRUME", "MJDREF", "TIMESYS", "TIMEUNIT", "TSTART", "TSTOP", "OBS_ID"):
            if key in header:
                gti.header[key] = header[key]
        gti.header["HDUCLASS"], gti.header["HDUCLAS1"], gti.header["HDUCLAS2"] = "OGIP", "GTI", "STANDARD"
    columns = {
        "time": Column("TIME", np.zeros(0), "1D", "s"),
        "ccd_id": Column("CCD_ID", np.zeros(0, np.int16), "1I"),
    }
    return Dataset([Image("PRIMARY", None, header.copy()), Table("FILTER", columns, block, [], list(gtis)), *gtis])
