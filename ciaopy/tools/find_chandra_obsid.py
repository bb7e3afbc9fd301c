"""Find the Chandra observations of a position, a source or around an ObsID, and download them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet
    from ciaopy.transfer import Found


def unasked(par: ParameterSet, name: str) -> str | None:
    """Ask for no declination: without one, `arg` is an ObsID or a name."""
    return "" if name == "dec" else None


def run(par: ParameterSet, ws: Workspace) -> list[Found]:
    """Run find_chandra_obsid; returns what was found, by separation.

    Raises
    ------
    UserError
        `arg` and `dec` are no position, ObsID or name.
    DataError
        The archive is not reached.
    """
    from ciaopy.transfer import find_observations, position_of

    words = [w for w in (par["arg"].strip(), par["dec"].strip()) if w]
    if not words or not par["arg"].strip():
        raise UserError("arg is empty; give RA and Dec, an ObsID, or the name of a source")
    ra, dec = position_of(words)
    ws.console.say(f"Position: {ra:.5f} {dec:+.5f} deg", 2)
    found = find_observations(ra, dec, par["radius"], par["instrument"], par["grating"])
    for line in _lines(found, par["detail"]):
        ws.console.output(line)
    if not found:
        ws.console.say("# no observation is found", 1)
    if par["download"] != "none" and found:
        _download(found, par, ws)
    return found


def _lines(found: Sequence[Found], detail: str) -> list[str]:
    """Return what is printed: one line for each observation, below a line of headings."""
    if detail == "obsid":
        return [str(f.obs_id) for f in found]
    lines = ["# obsid  sepn   inst grat   time    obsdate piname target"] if found else []
    for f in found:
        date = f.date if detail == "all" else f.date.partition(" ")[0].partition("T")[0]
        name = f.target if detail == "all" else f.target[:40]
        lines.append(
            f"{f.obs_id:<7d} {f.separation:5.1f} {f.instrument:>6s} {f.grating:>4s} {f.exposure:6.1f} {date:>10s}"
            f" {f.observer} {name!r}"
        )
    return lines


def _download(found: Sequence[Found], par: ParameterSet, ws: Workspace) -> None:
    """Fetch the observations: all, or those that the user agrees to."""
    import sys

    from ciaopy.transfer import archive_mirrors, fetch_observation

    mirrors = archive_mirrors([par["mirror"].strip()] if par["mirror"].strip() else [])
    for one in found:
        if par["download"] == "ask":
            ws.console.output(f"Download ObsID {one.obs_id}? (yes or no)")
            answer = sys.stdin.readline()
            if not answer:
                raise UserError("download=ask: nobody answers; set download=all or none")
            if answer.strip().lower() not in ("y", "yes"):
                continue
        made = fetch_observation(str(one.obs_id), Path(str(one.obs_id)), mirrors)
        ws.console.say(f"ObsID {one.obs_id}: {len(made.files)} files, {made.size / 1e6:.1f} MB transferred", 1)
