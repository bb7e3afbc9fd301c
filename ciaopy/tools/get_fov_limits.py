"""Report the limits of a field-of-view file, as a binning filter and as a grid for exposure maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.fits.blocks import Table
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool: the results go to `dmfilter` and `xygrid`."""
    from ciaopy.fits.blocks import Table

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
    axes = fov_limits(block, width, name, ws)
    text = [
        (f"{_number(lo)}:{_number(hi)}:{_number(width)}", f"{_number(lo)}:{_number(hi)}:#{n}") for lo, hi, n in axes
    ]
    par.put("dmfilter", f"x={text[0][0]},y={text[1][0]}")
    par.put("xygrid", f"{text[0][1]},{text[1][1]}")
    say = ws.console.say
    say(f"Checking binning of field of view: {name}")
    say(f"  The image will have {axes[0][2]} x {axes[1][2]} pixels")
    say(f"  DM filter is:\n    {par['dmfilter']}")
    say(f"  mkexpmap xygrid value is:\n    {par['xygrid']}")


def fov_limits(table: Table, width: float, name: str, ws: Workspace) -> tuple[tuple[float, float, int], ...]:
    """Return, for x and y, the limits of all polygons on a grid with edges at 0.5 + k width: low, high, pixels.

    Parameters
    ----------
    table : Table
        FOV block: SHAPE, X and Y (or POS), padded polygons with a repeated vertex.
    width : float
        Pixel size, sky pixels.
    name : str
        For messages.
    ws : Workspace
        Rows that are no polygons cost a warning.

    Raises
    ------
    DataError
        A column is missing, no polygon is there, or one is not closed.
    """
    import numpy as np

    for column in ("SHAPE", "X", "Y"):
        if column not in table:
            raise DataError(f"{name}: no column {column}; it has {', '.join(table.names)}; is it a field-of-view file?")
    x, y = (np.asarray(table[c], float).reshape(table.nrows, -1) for c in ("X", "Y"))
    shapes = [s.decode("ascii", "replace").strip() for s in np.asarray(table["SHAPE"], "S")]
    spans = []
    for row, shape in enumerate(shapes):
        if shape.lower() != "polygon":
            ws.console.warn(f"{name}: row {row + 1} is a {shape or 'blank shape'}, not a polygon; ignored")
            continue
        same = np.flatnonzero((x[row] == x[row, 0]) & (y[row] == y[row, 0]))
        if same.size < 2:
            raise DataError(f"{name}: the polygon of row {row + 1} is not closed: its first vertex does not come again")
        used = slice(0, int(same[-1]))
        spans.append([(np.nanmin(v[row, used]), np.nanmax(v[row, used])) for v in (x, y)])
    if not spans:
        raise DataError(f"{name}: no polygon; is it a field-of-view file?")
    return tuple(_aligned(min(s[k][0] for s in spans), max(s[k][1] for s in spans), width) for k in (0, 1))


def _aligned(low: float, high: float, width: float) -> tuple[float, float, int]:
    """Return limits moved outwards to 0.5 + k width, and the number of pixels."""
    start = low - ((low - 0.5) % width)
    count, rest = divmod(high - start, width)
    count = int(count) + (1 if rest else 0)
    return float(start), float(start + count * width), count


def _number(value: float) -> str:
    """Return a number as Python prints it, whole numbers without a decimal point."""
    return str(int(value)) if float(value).is_integer() else str(float(value))
