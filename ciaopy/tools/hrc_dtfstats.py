"""Average the dead-time factors of an HRC observation over its good times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import NoDataError, UserError
from ciaopy.fits import Column, Table
from ciaopy.hrc import table_statistics

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel import Gti, Workspace
    from ciaopy.hrc import DeadTimeStatistics
    from ciaopy.param import ParameterSet

_COMMENTS = {
    "DTCOR": "Dead Time Correction",
    "DTF_CHISQ": "Chi-Square of the deadtime factor",
    "DTF_RCHISQ": "Reduced Chi-Square of the DEAD TIME Factor",
    "DTF_MIN": "Minimum Dead Time Factor",
    "DTF_MAX": "Maximum Dead Time Factor",
    "DTF_DEGFREE": "Degrees of Freedom of the Dead Time Factor",
    "RED_CHISQ_LIMIT": "Reduced Chi-square limit",
    "DTF_VAR": "Dead Time Factor Variability Flag",
}


def run(par: ParameterSet, ws: Workspace) -> float:
    """Run hrc_dtfstats; return DTCOR.

    Raises
    ------
    DataError
        The input is no dead-time file, the good times are of another observation, or there are none.
    NoDataError
        No record lies inside the good times.
    """
    infile, gtifile = par["infile"].strip(), par["gtifile"].strip()
    if not infile:
        raise UserError("infile is empty; give the dtf1 file")
    inputs = (infile,) if gtifile.lower() in ("", "none") else (infile, gtifile)
    ws.check_output(par["outfile"], par["clobber"], inputs)
    for name in inputs:
        if not ws.exists(name):
            raise UserError(f"{file_of(name)}: no such file")
    table = ws.read(infile)
    gti = None if len(inputs) == 1 else good_times(gtifile, ws)
    statistics = table_statistics(table, infile, gti, gtifile, (par["maincol"], par["errcol"]))
    if gti is not None:
        from ciaopy.response import check_same_obsid

        check_same_obsid(gtifile, ws.read(gtifile).header, infile, table.header)
    ws.write(par["outfile"], _result(table.header, statistics, par["chisqlim"]), par=par, clobber=par["clobber"])
    ws.console.say(f"{statistics.records} records, DTCOR {statistics.mean:.6f}", 1)
    return statistics.mean


def good_times(name: str, ws: Workspace) -> Gti:
    """Return the good times of a GTI block, or of the block whose subspace names one (FILTER, EVENTS).

    Raises
    ------
    DataError
        There are none.
    """
    from ciaopy.datamodel import Gti, Subspace

    block = ws.read(name)
    if isinstance(block, Table) and "start" in block and "stop" in block:
        gti = Gti.from_table(block)
    else:
        companions = [b for b in block.companions if isinstance(b, Table)]
        gti = Gti.union(value.gti for value in Subspace.from_header(block.header, companions).tables())
    if not len(gti):
        raise NoDataError(f"{name}: no good time intervals in it; give a GTI file, its block, or gtifile=NONE")
    return gti


def _result(source: Header, statistics: DeadTimeStatistics, limit: float) -> Table:
    header = source.copy()
    for key in ("DTF_RLEN", "DTF_MIN", "DTF_MAX", "HDUCLAS2"):
        header.remove(key, ignore_missing=True)
    length = source.get("DTF_RLEN", source.get("TIMEDEL"))
    ontime = statistics.records * float(length)
    keys = {
        "EXTNAME": ("DTFSTATS", "name of this binary table extension"),
        "HDUNAME": ("DTFSTATS", "ASCDM block name"),
        "CONTENT": ("DTFSTATS", "Data product identification"),
        "HDUCLASS": ("ASC", ""),
        "HDUCLAS1": ("DTFSTATS", ""),
        "ONTIME": (ontime, "[s] On Time"),
        "LIVETIME": (ontime * statistics.mean, "[s] Live Time"),
        "EXPOSURE": (ontime * statistics.mean, "[s] Total exposure time, with all known corr. applied"),
    }
    header.update(keys)
    values = {
        "DTCOR": statistics.mean,
        "DTF_CHISQ": statistics.chisq,
        "DTF_RCHISQ": statistics.reduced,
        "DTF_MIN": statistics.minimum,
        "DTF_MAX": statistics.maximum,
        "DTF_DEGFREE": np.int32(statistics.degrees),
        "RED_CHISQ_LIMIT": float(limit),
        "DTF_VAR": bool(statistics.reduced > limit),
    }
    forms = {"DTF_DEGFREE": "1J", "DTF_VAR": "1L"}
    columns = {}
    for name, value in values.items():
        column = Column(name, np.array([value]), forms.get(name, "1D"), "", _COMMENTS[name])
        if name in ("DTCOR", "DTF_MIN", "DTF_MAX"):
            column.keys = {"TLMIN": (0.0, ""), "TLMAX": (1.0, "")}
        columns[name.lower()] = column
    return Table("DTFSTATS", columns, header)
