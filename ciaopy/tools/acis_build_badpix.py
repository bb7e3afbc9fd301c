"""Make the bad pixel file of an ACIS observation from the calibration list, the bias maps and the user's own list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis.bad_pixel_table import bad_pixel_table, ccd_of, rows_of
from ciaopy.acis.bad_pixels import BadPixelEntries, BadPixelRows, BitFlag, build, empty_entries, expand, join, merge
from ciaopy.acis.bias import BIAS_PARITY_BIT, bias_entries
from ciaopy.errors import DataError, UserError
from ciaopy.fits.blocks import Dataset, Image, Table
from ciaopy.stack import build as build_stack
from ciaopy.tools._obsfile import looks_like_fits, observation_header

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

_USER_COLUMNS = ("ccd_id", "x_lo", "x_hi", "y_lo", "y_hi")


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_build_badpix.

    Raises
    ------
    UserError, DataError, CalibrationError
        A file is missing or is not what its parameter asks for.
    """
    flag = BitFlag.parse(par["bitflag"])
    ws.check_output(par["outfile"], par["clobber"], (par["pbkfile"], par["calibfile"]))
    block = ws.read(par["pbkfile"])
    if not isinstance(block, Table) or "CCD_ID" not in block:
        raise DataError(f"{par['pbkfile']}: not a parameter block file: it has no table with a CCD_ID column")
    ccds = sorted({int(c) for c in block["CCD_ID"]})
    start, stop = _times(block.header, par["pbkfile"])
    header = observation_header(par["obsfile"], ws)
    bias = _bias_maps(par, ws)
    listed = _merge_lists(_calibration_list(par, ws, header, ccds), _user_list(par["usrfile"], ws))
    parity = _parity_errors(par, ws, start, stop)
    tables = []
    for ccd in ccds:
        seen = _bias_pixels(bias.get(ccd), par["biasthresh"], start, stop) if par["procbias"] else empty_entries()
        seen = merge(join(seen, parity.get(ccd, empty_entries())))
        rows = build(listed.get(ccd, empty_entries()), seen, flag, stop)
        tables.append(bad_pixel_table(ccd, rows, header))
        ws.console.say(f"CCD {ccd}: {len(rows)} rows, {len(seen)} bad pixels from the bias map", 1)
    if par["procbias"] and not bias:
        ws.console.warn("no bias maps (biasfile): only the calibration list is used")
    primary = Image("PRIMARY", None, header.copy())
    ws.write(par["outfile"], Dataset([primary, *tables]), par=par, clobber=par["clobber"])
    if par["writebias"]:
        _write_bias(par, ws, bias)


def _times(header: Header, path: str) -> tuple[float, float]:
    try:
        return float(header["TSTART"]), float(header["TSTOP"])
    except KeyError as e:
        raise DataError(f"{path}: parameter block without keyword {e.args[0]}") from e


def _given(value: str) -> bool:
    return value.strip().lower() not in {"", "none"}


def _bias_maps(par: ParameterSet, ws: Workspace) -> dict[int, Image]:
    maps: dict[int, Image] = {}
    if not (par["procbias"] and _given(par["biasfile"])):
        return maps
    for name in build_stack(par["biasfile"]):
        image = ws.read(name)
        if not isinstance(image, Image) or image.data is None or image.data.ndim != 2:
            raise DataError(f"{name}: not a bias map: its first block is no image")
        if "CCD_ID" not in image.header:
            raise DataError(f"{name}: bias map without keyword CCD_ID")
        maps[int(image.header["CCD_ID"])] = image
    return maps


def _bias_pixels(image: Image | None, threshold: float, start: float, stop: float) -> BadPixelEntries:
    if image is None or image.data is None:
        return empty_entries()
    whole = image.data.shape[0] >= 1024
    first_row = 1 if whole else int(image.header.get("STARTROW", 0)) + 1
    return bias_entries(image.data, threshold, first_row, start, stop)


def _calibration_list(par: ParameterSet, ws: Workspace, header: Header, ccds: list[int]) -> dict[int, BadPixelEntries]:
    value = par["calibfile"].strip()
    if not _given(value):
        return {}
    if value.partition("(")[0].upper() == "CALDB":
        return _from_caldb(value, header, ccds, ws)
    return _from_file(value, ws)


def _from_file(path: str, ws: Workspace) -> dict[int, BadPixelEntries]:
    lists: dict[int, BadPixelEntries] = {}
    for table in ws.dataset(path).tables(""):
        if {"CHIPX", "CHIPY", "STATUS"} <= {n.upper() for n in table.names}:
            ccd = ccd_of(table)
            lists[ccd] = join(lists.get(ccd, empty_entries()), expand(rows_of(table)))
    if not lists:
        raise DataError(f"{path}: no block with CHIPX, CHIPY and STATUS; give a bad pixel file")
    return lists


def _from_caldb(value: str, header: Header, ccds: list[int], ws: Workspace) -> dict[int, BadPixelEntries]:
    from ciaopy.caldb.load import load
    from ciaopy.caldb.products import BadPixelList

    lists: dict[int, BadPixelEntries] = {}
    lite = False
    for ccd in ccds:
        product = load("BADPIX", value, header, ccd_id=ccd)
        if not isinstance(product, BadPixelList):
            continue
        own = product.of_chip(ccd) if (product.chip >= 0).any() else product
        x, y = own.x.astype(np.int64), own.y.astype(np.int64)
        rows = BadPixelRows(x[:, 0], x[:, 1], y[:, 0], y[:, 1], own.time, own.time_stop, own.status)
        lists[ccd] = expand(rows)
        lite |= product.is_lite
    if lite:
        ws.console.warn(
            "no CALDB: the calibration list holds node boundaries only; archived bad pixels and columns are not in it"
        )
    return lists


def _user_list(path: str, ws: Workspace) -> dict[int, BadPixelEntries]:
    """Read usrfile: a bad pixel file, or text lines `ccd_id x_lo x_hi y_lo y_hi [bit]`, comments with #."""
    if not _given(path):
        return {}
    plain = Path(path.partition("[")[0])
    if not ws.exists(plain):
        raise UserError(f"{plain}: no such file (parameter usrfile)")
    if ws.in_memory(plain) is not None or looks_like_fits(plain):
        return _from_file(path, ws)
    lists: dict[int, list[tuple[int, ...]]] = {}
    for number, line in enumerate(plain.read_text(errors="replace").splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            values = [int(w) for w in words]
        except ValueError:
            values = []
        if len(values) not in (5, 6) or not 0 <= values[-1] <= 1024 or (len(values) == 6 and values[5] > 31):
            raise UserError(f"{plain}, line {number}: write {' '.join(_USER_COLUMNS)} and, if you like, a status bit")
        lists.setdefault(values[0], []).append((*values[1:5], values[5] if len(values) == 6 else 0))
    return {ccd: _text_entries(rows) for ccd, rows in lists.items()}


def _text_entries(rows: list[tuple[int, ...]]) -> BadPixelEntries:
    v = np.array(rows, np.int64)
    zero = np.zeros(len(v))
    status = (np.uint32(1) << v[:, 4].astype(np.uint32)).astype(np.uint32)
    return expand(BadPixelRows(v[:, 0], v[:, 1], v[:, 2], v[:, 3], zero, zero, status))


def _merge_lists(*parts: dict[int, BadPixelEntries]) -> dict[int, BadPixelEntries]:
    ccds = {c for p in parts for c in p}
    return {c: join(*(p[c] for p in parts if c in p)) for c in ccds}


def _parity_errors(par: ParameterSet, ws: Workspace, start: float, stop: float) -> dict[int, BadPixelEntries]:
    """Read berrfile: pixels with a bias parity error become bit 4; more than `maxerr` in one exposure are ignored."""
    if not _given(par["berrfile"]):
        return {}
    lists: dict[int, BadPixelEntries] = {}
    for name in build_stack(par["berrfile"]):
        table = ws.read(name)
        if not isinstance(table, Table):
            raise DataError(f"{name}: not a bias parity error file: its first block is no table")
        x = table["CHIPX" if "CHIPX" in table else "CCDX"].astype(np.int64)
        y = table["CHIPY" if "CHIPY" in table else "CCDY"].astype(np.int64)
        ccd = table["CCD_ID"] if "CCD_ID" in table else np.full(len(x), int(table.header["CCD_ID"]))
        keep = _few_per_exposure(table, ccd, par["maxerr"])
        for c in np.unique(ccd[keep]):
            k = keep & (ccd == c)
            n = int(k.sum())
            status = np.full(n, 1 << BIAS_PARITY_BIT, np.uint32)
            new = BadPixelEntries(x[k], y[k], np.full(n, start), np.full(n, stop), status)
            lists[int(c)] = join(lists.get(int(c), empty_entries()), new)
    return lists


def _few_per_exposure(table: Table, ccd: NDArray[Any], most: int) -> NDArray[np.bool_]:
    if "EXPNO" not in table:
        return np.ones(table.nrows, bool)
    key = table["EXPNO"].astype(np.int64) * 16 + ccd
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(count[inverse] <= most)


def _write_bias(par: ParameterSet, ws: Workspace, bias: dict[int, Image]) -> None:
    root = par["outbias"].strip()
    if not root:
        raise UserError("writebias=yes needs outbias, the start of the file names")
    for ccd, image in sorted(bias.items()):
        ws.write(f"{root}_{ccd}_bias.fits", image, par=par, clobber=par["clobber"])
