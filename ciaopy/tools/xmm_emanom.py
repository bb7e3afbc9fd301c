"""Tell which CCDs of an XMM-Newton MOS exposure are in an anomalous state, from the hardness of their corners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import UserError
from ciaopy.fits import AtomicFile, Table
from ciaopy.xmm import anomalous, ccd_of, is_mos, open_event_list, selecting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


class _Bands:
    """Counts of the two bands for each CCD."""

    def __init__(self) -> None:
        self.low = np.zeros(32, dtype=np.int64)
        self.high = np.zeros(32, dtype=np.int64)

    def add(self, table: Table, mask: NDArray[np.bool_]) -> None:
        """Count selected rows."""
        pi, ccd = table["pi"][mask], ccd_of(table["ccdnr"][mask], "EMOS1").astype(np.int64)
        for counts, (first, last) in ((self.low, anomalous.LOW_BAND), (self.high, anomalous.HIGH_BAND)):
            counts += np.bincount(ccd[(pi >= first) & (pi <= last)], minlength=32)[:32]


def run(par: ParameterSet, ws: Workspace) -> list[anomalous.Hardness]:
    """Write the log; the event list is not changed.

    Raises
    ------
    UserError
        The list is not of a MOS camera.
    DataError
        The event list is not as needed.
    """
    ws.check_output(par["logfile"], par["clobber"], (str(par["eventfile"]),))
    events = open_event_list(str(par["eventfile"]))
    if not is_mos(events.instrument):
        raise UserError(f"{events.path}: of {events.instrument}; only MOS CCDs have an anomalous state")
    plan = selecting.plan_selection(
        events, anomalous.corner_expression(events.instrument), update=False, filter_frames=False
    )
    bands = _Bands()
    selecting.run_selection(plan, [bands], ["pi", "ccdnr"])
    found = []
    for ccd in range(2, 8):
        live = events.header.get(f"LIVETI{ccd:02d}", 0.0)
        seconds = float(live) if isinstance(live, (int, float)) else 0.0
        found.append(anomalous.hardness(events.instrument, ccd, int(bands.low[ccd]), int(bands.high[ccd]), seconds))
    text = anomalous.log_text(events.instrument, found)
    with AtomicFile(par["logfile"], par["clobber"]) as file:
        file.write(text.encode())
    ws.console.say(text.rstrip("\n"))
    return found
