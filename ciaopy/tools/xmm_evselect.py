"""Select events of an XMM-Newton EPIC list: a filtered list, an image, a light curve.

`ciaopy xmm_evselect table=mos1.fits filteredset=clean.fits expression='#XMMEA_EM && GTI(gti.fits,TIME)'`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel import note_tool
from ciaopy.errors import UserError
from ciaopy.xmm import Axis, Grid, eventlist, make_axis, selecting

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> int:
    """Select events; return how many.

    Raises
    ------
    UserError
        No output is asked for, or parameters or the expression are wrong.
    DataError
        The event list or a good time file is not as needed.
    """
    outputs = {name: str(par[name]).strip() for name in ("filteredset", "imageset", "rateset")}
    if not any(outputs.values()):
        raise UserError("no output asked for; give filteredset, imageset or rateset")
    given = [name for name in outputs.values() if name]
    if len(set(given)) < len(given):
        raise UserError(f"{given[0]}: two outputs of one name; give each its own")
    source, _ = eventlist.split_table_name(str(par["table"]))
    for name in given:
        ws.check_output(name, par["clobber"], (source,))
    events = eventlist.open_event_list(str(par["table"]))
    plan = selecting.plan_selection(
        events,
        str(par["expression"]),
        update=par["updateexposure"],
        filter_frames=par["filterexposure"],
        subspace=par["writedss"],
    )
    for note in plan.selection.notes:
        ws.console.warn(note)
    grid = _grid(par, events) if outputs["imageset"] else None
    curve = _curve(par, events) if outputs["rateset"] else None
    columns = [par["xcolumn"], par["ycolumn"]] if grid else []
    columns += [par["timecolumn"]] if curve else []
    sinks = [sink for sink in (grid, curve) if sink is not None]
    if outputs["filteredset"]:
        note_tool(plan.header, par)
    count = selecting.run_selection(plan, sinks, columns, outputs["filteredset"] or None, par["clobber"])
    if grid is not None:
        image = selecting.image_block(plan, grid, par["imagedatatype"])
        ws.write(outputs["imageset"], image, par, par["clobber"])
    if curve is not None:
        ws.write(outputs["rateset"], selecting.rate_block(plan, curve, par["makeratecolumn"]), par, par["clobber"])
    if not count and events.nrows:
        ws.console.warn(f"{events.path.name}: no event passes {plan.selection.text}")
    ws.console.say(f"{events.path.name}: {count} of {events.nrows} events selected")
    return count


def _axis(par: ParameterSet, events: eventlist.EventList, which: str) -> Axis:
    name = str(par[f"{which}column"]).strip()
    if name not in events.template:
        raise UserError(f"{which}column={name}: no such column; EVENTS has {', '.join(events.template.names)}")
    limits = (par[f"{which}imagemin"], par[f"{which}imagemax"]) if par[f"with{which}ranges"] else None
    if limits is not None and None in limits:
        raise UserError(f"{which}imagemin and {which}imagemax must be numbers")
    by_size = par["imagebinning"] == "binSize"
    column = events.template.column(name)
    if by_size:
        return make_axis(column, par[f"{which}imagebinsize"] or 0.0, None, limits)
    return make_axis(column, None, par[f"{which}imagesize"], limits)


def _grid(par: ParameterSet, events: eventlist.EventList) -> Grid:
    x, y = _axis(par, events, "x"), _axis(par, events, "y")
    if par["squarepixels"] and x.size != y.size:
        size = max(x.size, y.size)
        x, y = (Axis(a.column, a.edge, size, max(1, int(-(-a.count * a.size // size))), a.world) for a in (x, y))
    return Grid(x, y)


def _curve(par: ParameterSet, events: eventlist.EventList) -> selecting.Curve:
    name = str(par["timecolumn"]).strip()
    if name not in events.template:
        raise UserError(f"timecolumn={name}: no such column; EVENTS has {', '.join(events.template.names)}")
    return selecting.Curve.over(events, name, par["timebinsize"] or 0.0)
