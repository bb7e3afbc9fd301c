"""The live-time fraction of an observation: a dead-time file (HRC), or DTCOR of the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError, NoDataError
from ciaopy.exposure import LiveFraction
from ciaopy.fits import Table
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header

__all__ = ["live_fraction"]


def live_fraction(dtffile: str, header: Header, where: str, ws: Workspace) -> LiveFraction:
    """Return the live-time fraction of the dead-time files, or DTCOR of the header.

    Raises
    ------
    DataError
        A table without TIME and DTF, or a DTCOR that is no fraction.
    """
    if dtffile.strip().lower() not in ("", "none"):
        times, factors = [], []
        for name in build(dtffile):
            table = ws.read(name)
            if not isinstance(table, Table) or "TIME" not in table or "DTF" not in table:
                raise DataError(f"{name}: no columns TIME and DTF; give the dtf1 file or leave dtffile empty")
            time, factor = (np.asarray(table[c], np.float64) for c in ("TIME", "DTF"))
            good = np.isfinite(time) & np.isfinite(factor)
            # TIME is the start of a row's interval.
            width = float(np.median(np.diff(time[good]))) if good.sum() > 1 else 0.0
            times.append(time[good] + width / 2)
            factors.append(factor[good])
        when, what = np.concatenate(times), np.concatenate(factors)
        if not when.size:
            raise NoDataError(f"{dtffile}: no dead-time factor in it")
        order = np.argsort(when, kind="stable")
        return LiveFraction(when[order], what[order])
    value = header.get("DTCOR")
    if value is None:
        ontime, livetime = header.get("ONTIME"), header.get("LIVETIME")
        known = isinstance(ontime, (int, float)) and isinstance(livetime, (int, float)) and ontime > 0
        value = float(livetime) / float(ontime) if known else None
    if value is None:
        ws.console.warn(f"{where}: no DTCOR; no dead time is taken off")
        return LiveFraction.constant(1.0)
    if not isinstance(value, (int, float)) or not 0 < value <= 1.0 + 1e-9:
        raise DataError(f"{where}: DTCOR is {value!r}, not a live-time fraction between 0 and 1; set it with dmhedit")
    return LiveFraction.constant(float(value))
