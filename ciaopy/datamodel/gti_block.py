"""Good times as a block of their own: what dmgti and deflare write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel.gti import Gti
from ciaopy.datamodel.subspace import Subspace
from ciaopy.fits import Column, Table

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["filter_block", "named"]


def named(header: Header, name: str) -> Header:
    """Name a block in its header, which is changed and returned."""
    header["EXTNAME"] = (name, "name of this binary table extension")
    header["HDUNAME"] = (name, "ASCDM block name")
    return header


def filter_block(table: Table, gti: Gti) -> Table:
    """Return the FILTER block (an empty TIME column whose subspace is the GTI block), the GTI block beside it.

    Parameters
    ----------
    table : Table
        The time series: its header is handed on.
    gti : Gti
        At least one interval.
    """
    header = table.header.copy()
    subspace = Subspace()
    subspace.to_header(header)
    for key in ("TIMEDEL", "TIMEPIXR", "MTL_RLEN"):
        header.remove(key, ignore_missing=True, remove_all=True)
    header["CONTENT"] = ("GTI", "Data product identification")
    header["TSTART"], header["TSTOP"] = float(gti.start[0]), float(gti.stop[-1])
    header["ONTIME"] = (gti.duration, "[s] Sum of GTIs")
    times = named(header.copy(), "GTI")
    for key, value in (("HDUCLASS", "OGIP"), ("HDUCLAS1", "GTI"), ("HDUCLAS2", "STANDARD")):
        times[key] = value
    columns = [Column(n, np.array(v), "1D", "s") for n, v in (("START", gti.start), ("STOP", gti.stop))]
    block = Table("GTI", {c.name.lower(): c for c in columns}, times)
    filtered = named(header, "FILTER")
    values: list[tuple[str, Any]] = [("DSTYP1", "TIME"), ("DSVAL1", "TABLE"), ("DSREF1", ":GTI")]
    for key, value in [*values, ("DSFORM1", "D"), ("DSUNIT1", "s")]:
        filtered[key] = value
    time = Column("TIME", np.empty(0), "1D", "s", "time")
    return Table("FILTER", {"time": time}, filtered, [], [block])
