"""Where on the sky an observation may put events: the dithered chips, cut by the filters of its events."""

from __future__ import annotations

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.engine import bind, load_tool
from ciaopy.errors import NoDataError
from ciaopy.pipelines.imaging.job import FluxRequest, field_of_view_parameters

__all__ = ["Limits", "field_limits"]

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
    from ciaopy.fits import Table

    made = request.work / "grid_fov.fits"
    space = ws.for_step(Console(0))
    space.console.warnings = ws.console.warnings
    space.keep_in_memory(made)
    parameters = {**field_of_view_parameters(request), "outfile": str(made), "clobber": "yes", "verbose": "0"}
    load_tool("skyfov").run(bind("skyfov", parameters), space)
    table = space.read(made)
    space.forget(made)
    assert isinstance(table, Table)
    found = []
    axes = fov_limits(table, width, request.names.fov.name, space.console)
    for (low, high, _), limit in zip(axes, request.events.limits, strict=True):
        low, high = max(low, limit[0]), min(high, limit[1])
        if not low < high:
            raise NoDataError(
                f"{request.events.name}: its filters and the field of view do not overlap; is the aspect solution "
                f"{', '.join(request.companions.aspect)} that of the observation?"
            )
        found.append((low, high))
    return found[0], found[1]
