"""Report the limits of a field-of-view file, as a binning filter and as a grid for exposure maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool: the results go to `dmfilter` and `xygrid`.

    Raises
    ------
    UserError
        No file, or a pixel size that is none.
    DataError
        The file is no field of view.
    """
    from ciaopy.coords import fov_limits
    from ciaopy.fits import Table

    name, width = par["infile"].strip(), par["pixsize"]
    if not name:
        raise UserError("infile: no file given")
    par.put("dmfilter", "")
    par.put("xygrid", "")
    if width is None or not width > 0:
        raise UserError(f"pixsize: {par.text('pixsize')} is not a pixel size; give a number above 0")
    block = ws.read(name)
    if not isinstance(block, Table):
        raise DataError(f"{name}: an image, not a field-of-view file")
    axes = fov_limits(block, width, name, ws.console)
    text = [
        (f"{_number(lo)}:{_number(hi)}:{_number(width)}", f"{_number(lo)}:{_number(hi)}:#{n}") for lo, hi, n in axes
    ]
    par.put("dmfilter", f"x={text[0][0]},y={text[1][0]}")
    par.put("xygrid", f"{text[0][1]},{text[1][1]}")
    say = ws.console.say
    say(f"Checking binning of field of view: {name}")
    say(f"  The image will have {axes[0].pixels} x {axes[1].pixels} pixels")
    say(f"  DM filter is:\n    {par['dmfilter']}")
    say(f"  mkexpmap xygrid value is:\n    {par['xygrid']}")


def _number(value: float) -> str:
    """Return a number as Python prints it, whole numbers without a decimal point."""
    return str(int(value)) if float(value).is_integer() else str(float(value))
