"""Report the physical limits of an image, as a binning filter and as a grid for exposure maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel.images import image_grid, read_image
from ciaopy.errors import UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool: the results go to `dmfilter` and `xygrid`, with `precision` decimals.

    Raises
    ------
    UserError
        The file is not an image.
    """
    name, digits = par["image"].strip(), int(par["precision"])
    if not name:
        raise UserError("image: no file given")
    par.put("dmfilter", "")
    par.put("xygrid", "")
    grid = image_grid(read_image(ws, name))
    par.put("dmfilter", grid.dm_filter(digits))
    par.put("xygrid", grid.xygrid(digits))
    say = ws.console.say
    say(f"Checking binning of image: {name}")
    say(f"  Image has {grid.x.count} x {grid.y.count} pixels")
    say(f"  Pixel size is {grid.x.step:.{digits}f} by {grid.y.step:.{digits}f}")
    say(f"  Lower left ({grid.x.name},{grid.y.name}) corner is {grid.x.low:.{digits}f},{grid.y.low:.{digits}f}")
    say(f"  Upper right ({grid.x.name},{grid.y.name}) corner is {grid.x.high:.{digits}f},{grid.y.high:.{digits}f}")
    say(f"  DM filter is:\n    {grid.dm_filter(digits)}")
    say(f"  mkexpmap xygrid value is:\n    {grid.xygrid(digits)}")
