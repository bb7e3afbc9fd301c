"""The field-of-view block: made of polygons, and the grid that encloses one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits import Column, Table, Vector
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.coords.fov import FovPolygon
    from ciaopy.coords.tangent import SkyFrame
    from ciaopy.fits import Header

__all__ = ["FovAxis", "fov_limits", "fov_table"]

# Keywords of the event file that an archive fov1 file repeats (ObsIDs 1230, 22793).
CARRIED = (
    "ORIGIN", "ASCDSVER", "REVISION", "MISSION", "TELESCOP", "INSTRUME", "DETNAM", "GRATING", "OBJECT", "TITLE",
    "OBSERVER", "OBS_ID", "OBI_NUM", "SEQ_NUM", "DS_IDENT", "OBS_MODE", "DATAMODE", "READMODE", "CYCLE", "FLSHTIME",
    "DATACLAS", "ASPTYPE", "SIM_X", "SIM_Y", "SIM_Z", "FOC_LEN", "DEFOCUS", "RA_PNT", "DEC_PNT", "ROLL_PNT", "RA_TARG",
    "DEC_TARG", "RA_NOM", "DEC_NOM", "ROLL_NOM", "RADESYS", "RADECSYS", "EQUINOX", "DATE-OBS", "DATE-END", "MJD-OBS",
    "MJD_OBS", "TIMESYS", "MJDREF", "TIMEZERO", "TIMEUNIT", "TIMEREF", "TASSIGN", "CLOCKAPP", "TIERRELA", "TIERABSO",
    "TIMVERSN", "TIMEPIXR", "TIMEDEL", "TSTART", "TSTOP", "BTIMNULL", "BTIMRATE", "BTIMDRFT", "BTIMCORR", "STARTMJF",
    "STARTMNF", "STARTOBT", "STOPMJF", "STOPMNF", "ONTIME", "FP_TEMP", "RAND_SKY", "RAND_PI", "CTI_CORR", "CTI_APP",
    "CALDBVER", "DTCOR", "LIVETIME", "EXPOSURE", "DY_AVG", "DZ_AVG", "DTH_AVG",
)  # fmt: skip
# Times of single chips, which fov1 files of CIAO 4.16 repeat.
OF_CHIPS = re.compile(r"(ONTIME|LIVTIME|EXPOSUR)\d$")


class FovAxis(NamedTuple):
    """One axis of the grid around a field of view: outer edges, sky pixels, and the number of pixels."""

    low: float
    high: float
    pixels: int


def fov_table(polygons: list[FovPolygon], frame: SkyFrame, header: Header) -> Table:
    """Return the FOV block in the layout of an archive fov1 file.

    Parameters
    ----------
    polygons : list of FovPolygon
        One row each; shorter polygons are padded with NaN.
    frame : SkyFrame
        For the world coordinates of X, Y.
    header : Header
        Of the event file; `CARRIED` keywords are copied.
    """
    from ciaopy.fits import Header as New

    n, width = len(polygons), max(p.x.size for p in polygons)
    x, y = (np.full((n, width), np.nan) for _ in range(2))
    for i, p in enumerate(polygons):
        x[i, : p.x.size], y[i, : p.y.size] = p.x, p.y
    world = frame.column_keywords()
    keys = [{k: (v, "") for k, v in world[c].items() if not k.startswith("TL")} for c in ("x", "y")]
    blank = np.full((n, 2), np.nan)
    columns = [
        Column("X", x, f"{width}D", "pixel", "Position", keys[0]),
        Column("Y", y, f"{width}D", "pixel", "Position", keys[1]),
        Column("SHAPE", np.full(n, b"Polygon", "S16"), "16A", "", "Region shape type"),
        Column("R", blank, "2D", "pixel", "Radius"),
        Column("ROTANG", blank.copy(), "2D", "deg", "Angle"),
        Column("COMPONENT", np.arange(1, n + 1, dtype=np.int16), "1I", "", "Component number"),
        Column("CCD_ID", np.array([p.chip_id for p in polygons], np.int16), "1I", "", "CCD ID"),
    ]
    new = New()
    new["EXTNAME"] = ("FOV", "name of this binary table extension")
    new["HDUNAME"] = ("FOV", "ASCDM block name")
    for key, value in (("HDUCLASS", "ASC"), ("HDUCLAS1", "REGION"), ("HDUCLAS2", "FOV")):
        new[key] = (value, "Region extension")
    new["CONTENT"] = ("FOV", "CXC Content key")
    for key in (*CARRIED, *(k for k in header if OF_CHIPS.match(k))):
        if key in header:
            new[key] = (header[key], header.comments[key])
    vectors = [Vector("POS", ("X", "Y")), Vector("EQPOS", ("RA", "DEC"))]
    return Table("FOV", {c.name.lower(): c for c in columns}, new, vectors)


def fov_limits(table: Table, width: float, name: str, console: Console) -> tuple[FovAxis, FovAxis]:
    """Return, for x and y, the limits of all polygons on a grid with edges at 0.5 + k width: outer edges and pixels.

    Parameters
    ----------
    table : Table
        FOV block: SHAPE, X and Y (or POS), padded polygons with a repeated vertex.
    width : float
        Pixel size, sky pixels.
    name : str
        For messages.
    console : Console
        Rows that are no polygons cost a warning.

    Raises
    ------
    DataError
        A column is missing, no polygon is there, or one is not closed.
    """
    for column in ("SHAPE", "X", "Y"):
        if column not in table:
            has = enumerated(table.names)
            raise DataError(f"{name}: no column {column}; it has {has}; is it a field-of-view file?")
    x, y = (np.asarray(table[c], float).reshape(table.nrows, -1) for c in ("X", "Y"))
    shapes = [s.decode("ascii", "replace").strip() for s in np.asarray(table["SHAPE"], "S")]
    spans = []
    for row, shape in enumerate(shapes):
        if shape.lower() != "polygon":
            console.warn(f"{name}: row {row + 1} is a {shape or 'blank shape'}, not a polygon; ignored")
            continue
        same = np.flatnonzero((x[row] == x[row, 0]) & (y[row] == y[row, 0]))
        if same.size < 2:
            raise DataError(f"{name}: the polygon of row {row + 1} is not closed: its first vertex does not come again")
        used = slice(0, int(same[-1]))
        spans.append([(np.nanmin(v[row, used]), np.nanmax(v[row, used])) for v in (x, y)])
    if not spans:
        raise DataError(f"{name}: no polygon; is it a field-of-view file?")
    low, high = (f(np.array(spans)[:, :, k], axis=0) for f, k in ((np.min, 0), (np.max, 1)))
    return aligned(low[0], high[0], width), aligned(low[1], high[1], width)


def aligned(low: float, high: float, width: float) -> FovAxis:
    """Return limits moved outwards to 0.5 + k width, and the number of pixels."""
    start = 0.5 + (low - 0.5) // width * width
    count, rest = divmod(high - start, width)
    count = int(count) + (1 if rest else 0)
    return FovAxis(float(start), float(start + count * width), count)
