"""List the exposures of an XMM-Newton observation, what can be used of them and why not, and the event lists there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.errors import UserError
from ciaopy.xmm import Inventory, read_summary, take_inventory, usable_exposures

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> dict[str, Any]:
    """Print the table or JSON; return what JSON holds.

    Raises
    ------
    UserError
        There is no such folder, or nothing of XMM-Newton in it.
    DataError
        The summary file cannot be read.
    """
    place = Path(str(par["infile"]).strip())
    found = _of_file(place) if place.is_file() else take_inventory(place)
    if found.summary is None and not found.odf:
        raise UserError(f"{place}: neither an ODF nor imaging event lists of EPIC in it")
    usable = usable_exposures(found.summary or {})
    result = {
        "obs_id": found.obs_id,
        "revolution": found.revolution,
        "start": found.start,
        "instruments": found.summary or {},
        "usable": usable,
        "event_lists": {ident: str(info.path) for ident, info in found.event_lists.items()},
    }
    if par["json"]:
        ws.console.output(json.dumps(result))
    else:
        _print(found, usable, ws)
    return result


def _of_file(path: Path) -> Inventory:
    summary = read_summary(path)
    return Inventory(path.parent, summary.obs_id, summary.revolution, summary.start, summary.instruments, sum_path=path)


def _print(found: Inventory, usable: dict[str, dict[str, bool | str]], ws: Workspace) -> None:
    say = ws.console.output
    say(f"ObsID {found.obs_id or '?'}  revolution {found.revolution or '?'}  start {found.start or '?'}")
    if found.summary is None:
        say(f"{len(found.odf)} files of an ODF, without summary file: run odf_ingest")
        return
    say(f"{'inst':4} {'exp':4} {'sched':5} {'mode':26} {'filter':10} {'CCDs':>4}  usable / event list")
    for instrument, entry in found.summary.items():
        if not entry["active"]:
            say(f"{instrument:4} inactive")
            continue
        for key, exposure in entry["exposures"].items():
            verdict = usable[instrument][key]
            info = found.event_lists.get(f"{found.obs_id}{instrument}{key}")
            text = ("yes" if verdict is True else f"no: {verdict}") + (f"  {info.path}" if info else "")
            scheduled = "yes" if exposure["scheduled"] else "no"
            mode, filter_name, ccds = exposure["mode"] or "-", exposure["filter"] or "-", len(exposure["ccd_modes"])
            say(f"{instrument:4} {key:4} {scheduled:5} {mode:26} {filter_name:10} {ccds:4}  {text}")
