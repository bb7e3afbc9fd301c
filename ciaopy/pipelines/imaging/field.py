"""Where on the sky an observation may put events: the dithered chips, cut by the filters of its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.engine import bind, load_tool
from ciaopy.errors import CiaopyError, NoDataError
from ciaopy.fits import Image
from ciaopy.pipelines.imaging.job import FluxRequest, field_of_view_parameters

__all__ = ["Limits", "field_limits", "field_stands"]

if TYPE_CHECKING:
    from ciaopy.fits import Table

#: Polygons that differ by less are the same field of view, sky pixels.
SAME_FIELD = 0.01

Limits = tuple[tuple[float, float], tuple[float, float]]


def field_limits(request: FluxRequest, width: float, ws: Workspace) -> Limits:
    """Return the range of x and of y, sky pixels.

    Parameters
    ----------
    request : FluxRequest
    width : float
        The limits of the field of view are moved outwards to edges at 0.5 + k width.
    ws : Workspace
        Gets the warnings of skyfov.

    Raises
    ------
    NoDataError
        The filters and the field of view do not overlap.
    """
    from ciaopy.coords import fov_limits

    found = []
    quiet = Console(0)
    quiet.warnings = ws.console.warnings
    axes = fov_limits(_field(request, ws, quiet), width, request.names.fov.name, quiet)
    for (low, high, _), limit in zip(axes, request.events.limits, strict=True):
        low, high = max(low, limit[0]), min(high, limit[1])
        if not low < high:
            raise NoDataError(
                f"{request.events.name}: its filters and the field of view do not overlap; is the aspect solution "
                f"{', '.join(request.companions.aspect)} that of the observation?"
            )
        found.append((low, high))
    return found[0], found[1]


def field_stands(request: FluxRequest, ws: Workspace) -> bool:
    """True where the field of view that this run would make is there already: one band was imaged after the other.

    The polygons must be the same to 0.01 pixel, chip by chip, and those of this observation.
    """
    import numpy as np

    from ciaopy.fits import Table

    path = request.names.fov
    if not path.is_file():
        return False
    try:
        old = ws.read(path)
    except CiaopyError:
        return False
    if not isinstance(old, Table):
        return False
    if str(old.header.get("OBS_ID", "")).strip() != str(request.events.header.get("OBS_ID", "")).strip():
        return False
    new = _field(request, ws, Console(0))
    wanted = [name for name in ("x", "y", "ccd_id", "chip_id") if name in new.columns]
    return all(
        name in old.columns
        and old[name].shape == new[name].shape
        and np.allclose(old[name].astype(float), new[name].astype(float), rtol=0, atol=SAME_FIELD, equal_nan=True)
        for name in wanted
    )


def _field(request: FluxRequest, ws: Workspace, console: Console) -> Table:
    """Return the field of view of a request, made in memory."""
    made = request.work / "grid_fov.fits"
    space = ws.for_step(console)
    space.keep_in_memory(made)
    parameters = {**field_of_view_parameters(request), "outfile": str(made), "clobber": "yes", "verbose": "0"}
    load_tool("skyfov").run(bind("skyfov", parameters), space)
    table = space.read(made)
    space.forget(made)
    assert not isinstance(table, Image)
    return table
