"""fluximage in the frame of a moving object: events at ocx, ocy, and the aspect solution of that frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.pipelines.imaging.inputs import FluxEvents
from ciaopy.stack import build, quote

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header, Table

__all__ = ["FRAMES", "aspect_of_frame", "check_aspect", "in_object_frame"]

#: Values of the parameter `frame`.
FRAMES = ("sky", "object")
_COLUMNS = {"ocx": "x", "ocy": "y"}
_DESCRIPTORS = {"oc": "sky", "oc(ocx,ocy)": "sky(x,y)", **_COLUMNS}
_ON_SKY = ("sky", "sky(x,y)", "x", "y")


def aspect_of_frame(events: FluxEvents, given: str, frame: str) -> str:
    """Return `asolfile` for a frame: as given, and for the object's the `_sso_asol1` beside the events.

    Raises
    ------
    UserError
        There is none, or several.
    """
    if given.strip() or frame != "object":
        return given
    folder = Path(events.plain).absolute().parent
    root = Path(events.plain).name.partition("_")[0]
    found = sorted(p for p in folder.glob("*_sso_asol1.fits*") if p.name.startswith(root))
    if len(found) != 1:
        what = ", ".join(p.name for p in found) or f"no {root}_*_sso_asol1.fits"
        raise UserError(f"frame=object: {what} beside {events.plain}; set asolfile to the ocsolfile of sso_freeze")
    return quote(found[0])


def check_aspect(stack: str, frame: str, events: FluxEvents, ws: Workspace) -> None:
    """Refuse an aspect solution of another frame than the images: maps and counts would not belong together.

    Raises
    ------
    UserError, DataError
    """
    from ciaopy.datamodel import block_without_rows
    from ciaopy.events import ASPECT_BLOCK
    from ciaopy.response import check_held_at

    for name in build(stack) if stack.strip().lower() not in ("", "none") else ():
        block = block_without_rows(name, ws)
        own = block.name.lower() == ASPECT_BLOCK
        if own and frame == "sky":
            raise UserError(f"{name}: the aspect in the frame of a moving object; set frame=object, or give the asol1")
        if not own and frame == "object":
            raise UserError(
                f"frame=object: {name} is the aspect on the sky, with which the map would not follow the object; "
                "give the ocsolfile of sso_freeze (R_repro_sso_asol1.fits)"
            )
        check_held_at(name, block.header, events.plain, events.header)


def in_object_frame(events: FluxEvents, work: Path, ws: Workspace) -> FluxEvents:
    """Return the events with ocx, ocy in the place of x, y, in a file of the work folder.

    Raises
    ------
    DataError
        They have not been frozen, or in km.
    UserError
        They are filtered on the sky, which is not where the images will be.
    NoDataError
        No event has a place in the frame.
    """
    from ciaopy.datamodel import TangentTransform, table_wcs
    from ciaopy.fits import Table

    table = ws.read(events.name)
    assert isinstance(table, Table)
    missing = [c for c in _COLUMNS if c not in table]
    if missing:
        raise DataError(f"frame=object: {events.plain}: no column {', '.join(missing)}; run sso_freeze first")
    if not isinstance(table_wcs(table, "oc"), TangentTransform):
        raise DataError(
            f"frame=object: {events.plain}: ocx, ocy are no angles (scale > 0); an exposure map needs them with scale=0"
        )
    header = _moved_subspace(table.header, events.name)
    known = np.isfinite(table["ocx"]) & np.isfinite(table["ocy"])
    if not known.any():
        raise NoDataError(f"frame=object: {events.plain}: no event has finite ocx, ocy")
    if not known.all():
        ws.console.warn(
            f"{events.plain}: {int((~known).sum())} events without place in the object's frame are left out"
        )
    moved = _moved(table.take(known), header)
    path = work / Path(file_of(events.name)).name.removesuffix(".gz")
    ws.write(path, moved, clobber=True)
    limits = [(float(moved.column(c).key("TLMIN")), float(moved.column(c).key("TLMAX"))) for c in ("x", "y")]
    return replace(
        events, name=str(path), header=header, columns=frozenset(moved.columns), limits=(limits[0], limits[1])
    )


def _moved(table: Table, header: Header) -> Table:
    """Return the table with the columns of the object's frame under the names of the sky."""
    from ciaopy.fits import Table

    columns = {}
    for name, column in table.columns.items():
        if name in _COLUMNS:
            continue
        source = {v: k for k, v in _COLUMNS.items()}.get(name)
        columns[name] = replace(table.columns[source], name=column.name) if source else column
    vectors = [v for v in table.vectors if v.name.lower() != "oc"]
    return Table(table.name, columns, header, vectors, table.companions)


def _moved_subspace(header: Header, name: str) -> Header:
    """Return the header with filters on oc, ocx, ocy as those on sky, x, y.

    Raises
    ------
    UserError
        There are filters on the sky itself.
    """
    header = header.copy()
    for card in list(header.cards):
        if not card.keyword.startswith("DSTYP"):
            continue
        kind = str(card.value).strip().lower()
        if kind in _ON_SKY:
            raise UserError(
                f"frame=object: {name} is filtered on {kind}, which moves in the object's frame; filter on oc, ocx, ocy"
            )
        if kind in _DESCRIPTORS:
            header[card.keyword] = (_DESCRIPTORS[kind], card.comment)
    return header
