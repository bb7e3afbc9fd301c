"""Merge XMM-Newton event lists of one camera: sub-exposures of an observation, or parts of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import UserError
from ciaopy.fits import read_dataset
from ciaopy.stack import build
from ciaopy.xmm import merge_lists, open_event_list

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> int:
    """Merge; return the number of lists. One list is copied.

    All events are held in memory while they are put in order.

    Raises
    ------
    UserError
        The lists are of several cameras, overlap in time, or one is named twice.
    DataError
        A list is not as needed.
    """
    names = build(str(par["sets"]))
    ws.check_output(par["outset"], par["clobber"], tuple(names))
    lists = [open_event_list(name) for name in names]
    paths = [e.path.resolve() for e in lists]
    if len(set(paths)) < len(paths):
        raise UserError("sets: an event list is named twice")
    result = read_dataset(paths[0]) if len(lists) == 1 else merge_lists(lists, ws.console.warn)
    ws.write(par["outset"], result, par, par["clobber"])
    ws.console.say(f"{par['outset']}: {len(lists)} lists merged, {sum(e.nrows for e in lists)} events")
    return len(lists)
