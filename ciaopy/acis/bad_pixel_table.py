"""Bad pixel blocks of FITS files: from and to rows of rectangles.

Layout of ObsID 1230 (archive and CIAO 4.6): one block BADPIX<ccd> per chip with SHAPE, COMPONENT, CHIPX[2], CHIPY[2],
TIME, TIME_STOP and STATUS (32 bits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.bad_pixels import BadPixelRows
from ciaopy.datamodel import write_date
from ciaopy.errors import DataError
from ciaopy.fits import Column, Table, Vector

if TYPE_CHECKING:
    from ciaopy.fits import Header

# Keywords of the bad pixel files of ObsID 1230 (CIAO 4.6), and CALDBVER.
_PRIMARY = """
    ORIGIN MJD_OBS MJD-OBS DS_IDENT DATE-OBS DATE-END STARTMJF STOPMJF STARTMNF STOPMNF TIMESYS MJDREF TIMEZERO TIMEUNIT
    CLOCKAPP TSTART TSTOP MISSION TELESCOP INSTRUME OBS_ID OBI_NUM SEQ_NUM
"""
_BLOCK = """
    ORIGIN ASCDSVER MJD_OBS MJD-OBS DS_IDENT REVISION RAND_SKY RAND_PI EQUINOX RADESYS RADECSYS DATE-OBS DATE-END
    OBS_MODE TIMESYS MJDREF TIMEZERO TIMEUNIT BTIMNULL BTIMRATE BTIMDRFT BTIMCORR DATACLAS TIMEREF TASSIGN CLOCKAPP
    SIM_X SIM_Y SIM_Z FOC_LEN TIERRELA TIERABSO TIMVERSN TSTART TSTOP GRATING DETNAM RA_PNT DEC_PNT ROLL_PNT RA_TARG
    DEC_TARG DEFOCUS RA_NOM DEC_NOM ROLL_NOM STARTMJF STARTMNF STARTOBT STOPMJF STOPMNF TIMEPIXR TIMEDEL CTI_CORR
    CTI_APP MISSION TELESCOP INSTRUME READMODE DATAMODE FLSHTIME CYCLE TITLE OBSERVER OBJECT OBS_ID OBI_NUM SEQ_NUM
    ONTIME LIVETIME EXPOSURE DTCOR ASPTYPE FP_TEMP BPIXFILE CALDBVER
"""
PRIMARY_KEYS = frozenset(_PRIMARY.split())
BLOCK_KEYS = frozenset(_BLOCK.split())
RUN_TIMES = ("TSTART", "TSTOP", "STARTMJF", "STOPMJF", "STARTMNF", "STOPMNF")
RUN_KEYS = ("STARTBEP", "STOPBEP", "STARTROW", "ROWCNT")


def ccd_of(table: Table) -> int:
    """Return the CCD number of a BADPIX, MASK or GTI block, from CCD_ID or from the end of its name.

    Raises
    ------
    DataError
        Neither is there.
    """
    if "CCD_ID" in table.header:
        return int(table.header["CCD_ID"])
    digits = table.name[len(table.name.rstrip("0123456789")) :]
    if not digits:
        raise DataError(f"block {table.name}: no CCD_ID keyword and no CCD number in its name")
    return int(digits)


def rows_of(table: Table) -> BadPixelRows:
    """Return the rectangles of a BADPIX block; a file without times gives rows that hold always (0, 0).

    Raises
    ------
    DataError
        A column is missing, or a shape is neither point nor rectangle.
    """
    n = table.nrows
    shapes = {_text(s) for s in table["SHAPE"]} if "SHAPE" in table else set()
    unknown = shapes - {"point", "rectangle", "box", ""}
    if unknown:
        raise DataError(f"block {table.name}: shape {sorted(unknown)[0]!r}; bad pixels are points and rectangles")
    x, y = _limits(table["CHIPX"]), _limits(table["CHIPY"])
    zero = np.zeros(n)
    time = np.asarray(table["TIME"], np.float64) if "TIME" in table else zero
    stop = np.asarray(table["TIME_STOP"], np.float64) if "TIME_STOP" in table else zero
    status = table["STATUS"]
    if status.dtype != np.uint32 or status.ndim != 1:
        raise DataError(f"block {table.name}: STATUS is not a column of 32 bits")
    return BadPixelRows(x[:, 0], x[:, 1], y[:, 0], y[:, 1], time, stop, status)


def rows_by_chip(tables: Sequence[Table], where: str) -> dict[int, BadPixelRows]:
    """Return the rectangles of BADPIX blocks by CCD_ID: a column of that name, else the block's own CCD.

    Raises
    ------
    DataError
        A block is not a list of bad pixels (see `rows_of`), or does not tell its CCD; the message names `where`.
    """
    parts: dict[int, list[BadPixelRows]] = {}
    for table in tables:
        try:
            rows = rows_of(table)
            chips = np.asarray(table["ccd_id"], np.int64) if "ccd_id" in table else np.full(len(rows), ccd_of(table))
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        for ccd in np.unique(chips):
            parts.setdefault(int(ccd), []).append(rows.take(chips == ccd))
    names = [f.name for f in fields(BadPixelRows)]
    return {
        ccd: BadPixelRows(*(np.concatenate([getattr(p, n) for p in found]) for n in names))
        for ccd, found in parts.items()
    }


def _text(value: Any) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip().lower()


def _limits(data: NDArray[Any]) -> NDArray[np.int64]:
    """Return (n, 2) limits from a scalar column or a pair; a pair (v, 0) of a point repeats its value."""
    pair = np.asarray(data, np.int64)
    if pair.ndim == 1:
        pair = np.stack([pair, pair], axis=1)
    if pair.shape[1] == 1:
        pair = np.repeat(pair, 2, axis=1)
    pair = pair[:, :2].copy()
    lone = pair[:, 1] <= 0
    pair[lone, 1] = pair[lone, 0]
    return pair


def bad_pixel_table(ccd: int, rows: BadPixelRows, header: Header) -> Table:
    """Return the BADPIX<ccd> block of a list of rectangles.

    Parameters
    ----------
    ccd : int
    rows : BadPixelRows
        In the order wanted.
    header : Header
        Observation keywords; copied, the block's own are added.
    """
    n = len(rows)
    point = (rows.x_lo == rows.x_hi) & (rows.y_lo == rows.y_hi)
    limits: dict[str, tuple[Any, str]] = {"TLMIN": (1, ""), "TLMAX": (1024, "")}
    # CIAO's limits, though a chip has more rows than that.
    numbers: dict[str, tuple[Any, str]] = {"TLMIN": (0, ""), "TLMAX": (36, "")}
    small = n <= np.iinfo(np.int16).max
    component = np.arange(1, n + 1).astype(np.int16 if small else np.int32)
    columns = [
        Column("SHAPE", np.where(point, b"point", b"rectangle").astype("S16"), "16A", "", "region shape"),
        Column("COMPONENT", component, "1I" if small else "1J", "", "Component number", numbers),
        Column("CHIPX", _pair(rows.x_lo, rows.x_hi), "2I", "pixel", "CHIP X location", dict(limits)),
        Column("CHIPY", _pair(rows.y_lo, rows.y_hi), "2I", "pixel", "CHIP Y location", dict(limits)),
        Column("TIME", rows.time.astype(np.float64), "1D", "s", "Time pixel went bad"),
        Column("TIME_STOP", rows.time_stop.astype(np.float64), "1D", "s", "Time pixel stopped being bad"),
        Column("STATUS", rows.status.astype(np.uint32), "32X", "coded", "Bad pixel status code"),
    ]
    own = header.copy()
    own["EXTNAME"] = ("BADPIX", "name of this binary table extension")
    own["EXTVER"] = ccd
    own["HDUNAME"] = (f"BADPIX{ccd}", "ASCDM block name")
    own["CONTENT"] = "BADPIX"
    own["HDUCLASS"] = "ASC"
    own["HDUCLAS1"] = "REGION"
    own["HDUCLAS2"] = "BADPIX"
    own["CCD_ID"] = ccd
    named = {c.name.lower(): c for c in columns}
    return Table(f"BADPIX{ccd}", named, own, [Vector("CHIP", ("CHIPX", "CHIPY"))])


def bad_pixel_headers(
    observation: Header, run: Header, feps: Mapping[int, int | None]
) -> tuple[Header, dict[int, Header]]:
    """Return the header of the primary HDU and those of the BADPIX blocks, in the layout of CIAO (ObsID 1230).

    Parameters
    ----------
    observation : Header
        Keywords of the events: what concerns the observation is handed on, not what event processing wrote.
    run : Header
        Of the parameter block: the science run has times of its own (in PRIMARY), and rows of the CCD.
    feps : mapping of int to int
        CCD_ID to FEP_ID (None: not known), of every chip that was on.
    """
    primary, block = observation.copy(), observation.copy()
    for header, kept in ((primary, PRIMARY_KEYS), (block, BLOCK_KEYS)):
        for key in {k for k in header if k not in kept}:
            header.remove(key, ignore_missing=True, remove_all=True)
    for header, keys in ((primary, RUN_TIMES), (block, RUN_KEYS)):
        for key in keys:
            if key in run:
                header[key] = (run[key], run.comments[key])
    for key, time in (("DATE-OBS", "TSTART"), ("DATE-END", "TSTOP")):
        if isinstance(run.get(time), (int, float)):
            write_date(primary, key, float(run[time]))
            stated = str(run.get(key, ""))
            if (
                key in run and stated[:16] == str(primary.get(key, ""))[:16]
            ):  # the same but for the rounding of the seconds
                primary[key] = (stated, run.comments[key])
    blocks = {}
    for ccd, fep in feps.items():
        blocks[ccd] = block.copy()
        if fep is not None:
            blocks[ccd]["FEP_ID"] = (fep, "Front end processor")
    return primary, blocks


def _pair(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int16]:
    return np.ascontiguousarray(np.stack([low, high], axis=1).astype(np.int16))
