"""Show the runs of a tool that a file's HISTORY tells of, or put a tool's parameters into HISTORY.

`dmhistory evt2.fits dmcopy` prints command lines; `action=put` records the tool's current parameters in the file;
`action=pset` sets the tool's parameter file from the last run recorded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import change_header, full_header
from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header, HistoryEntry
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> str | None:
    """Do `action` for the tool `tool` (`all`: every tool); `get` returns the text.

    Raises
    ------
    UserError, DataError
        No such file, block or record; no parameter file for the tool; an output that exists.
    """
    infile, tool = str(par["infile"]), str(par["tool"] or "").strip()
    if not tool:
        raise UserError("no tool named; set tool, for example tool=dmcopy, or tool=all")
    if par["action"] == "put":
        _put(infile, tool, ws)
        return None
    from ciaopy.fits import parse_history

    entries = [e for e in parse_history(full_header(infile, ws)) if tool.lower() in ("all", e.tool.lower())]
    if not entries:
        raise DataError(f"{infile}: HISTORY tells of no run of {tool}")
    if par["action"] == "pset":
        _pset(entries[-1])
        return None
    text = "\n".join(command_line(e) for e in entries)
    _show(text, par, ws)
    return text


def command_line(entry: HistoryEntry) -> str:
    """Return a run as a command line: the tool and `name="value"` for every parameter."""
    parts = [entry.tool]
    for name, value in entry.items:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'{name}="{escaped}"')
    return " ".join(parts)


def _show(text: str, par: ParameterSet, ws: Workspace) -> None:
    outfile = str(par["outfile"] or "stdout").strip()
    if outfile.lower() in ("stdout", "-"):
        ws.console.output(text)
        return
    from ciaopy.fits import AtomicFile

    ws.check_output(outfile, bool(par["clobber"]), (str(par["infile"]),))
    with AtomicFile(Path(outfile), bool(par["clobber"])) as file:
        file.write((text + "\n").encode("latin-1", "replace"))


def _put(infile: str, tool: str, ws: Workspace) -> None:
    from ciaopy.fits import add_history
    from ciaopy.param import ParameterSet, locate, read_current

    location = locate(tool)
    values = ParameterSet(read_current(location), location.tool)

    def change(header: Header) -> None:
        add_history(header, location.tool, [(n, v) for n, v in values.items() if n != "mode"])

    change_header(infile, ws, change)


def _pset(entry: HistoryEntry) -> None:
    from ciaopy.param import locate, read_current, save

    location = locate(entry.tool)
    known = read_current(location)
    changes: dict[tuple[str, str], str | None] = {
        (name, "value"): value for name, value in entry.items if name in known and name != "mode"
    }
    if not changes:
        raise DataError(f"the record of {entry.tool} holds no parameters that its parameter file knows")
    save(location, changes)
