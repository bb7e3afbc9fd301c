"""A page of the site for every public room: its docstring, and every name of its face.

Written to docs/reference/api/ when the site is built.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import GenericAlias
from typing import Any

from tool_pages import write_if_changed

#: The rooms that users import from, in order, and for whom.
ROOMS = {
    "ciaopy": "read files",
    "ciaopy.runtool": "every tool as a function",
    "ciaopy.batch": "many observations",
    "ciaopy.fits": "tables, images, headers on disk",
    "ciaopy.datamodel": "virtual files, filters, regions, good times, binning",
    "ciaopy.coords": "chip, detector, sky; aspect solutions",
    "ciaopy.caldb": "calibration database",
    "ciaopy.acis": "events of ACIS",
    "ciaopy.hrc": "events of the HRC",
    "ciaopy.gratings": "dispersed spectra and their responses",
    "ciaopy.exposure": "instrument maps, exposure maps",
    "ciaopy.spectra": "spectra, weights",
    "ciaopy.lightcurve": "light curves, flares",
    "ciaopy.analysis": "extraction, statistics, images",
    "ciaopy.xmm": "EPIC of XMM-Newton",
    "ciaopy.conformance": "what a product must be",
    "ciaopy.simulation": "observations made up, with their truth",
    "ciaopy.observation": "the files of one observation",
    "ciaopy.param": "parameter files",
}


#: The package's own names are described in their rooms.
NO_INDEX = {True: ["   :no-index:"], False: []}


def names_of(module: Any) -> list[str]:
    """Return the public names of a room."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    return sorted(names, key=str.lower)


def room_page(room: str, use: str) -> str:
    """Return the page of a room: MyST with reStructuredText for autodoc."""
    module = importlib.import_module(room)
    lines = [f"# {room}: {use}", "", "```{eval-rst}", f".. automodule:: {room}", "   :no-members:", ""]
    constants = []
    for name in names_of(module):
        value = getattr(module, name)
        if inspect.isclass(value) and not isinstance(value, GenericAlias):
            lines += [f".. autoclass:: {room}.{name}", "   :members:", *NO_INDEX[room == "ciaopy"], ""]
        elif inspect.isroutine(value) or inspect.isfunction(value):
            lines += [f".. autofunction:: {room}.{name}", ""]
        elif not inspect.ismodule(value):
            constants.append(name)
    if constants:
        lines += ["Constants and types: " + ", ".join(f"``{name}``" for name in constants) + ".", ""]
    return "\n".join([*lines, "```", ""])


def write_pages(app: Any) -> None:
    """Write the pages and their list."""
    folder = Path(app.srcdir) / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    for room, use in ROOMS.items():
        write_if_changed(folder / f"{room}.md", room_page(room, use))
    rows = [f"| [`{room}`]({room}.md) | {use} |" for room, use in ROOMS.items()]
    lines = ["# Python", "", "| room | |", "|---|---|", *rows, "", "```{toctree}", ":hidden:", "", *ROOMS, "```", ""]
    write_if_changed(folder / "index.md", "\n".join(lines))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
