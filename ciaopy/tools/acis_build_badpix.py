"""Make the bad pixel file of an ACIS observation from the calibration list, the bias maps and the user's own list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis import (
    BIAS_PARITY_BIT,
    CHIP_SIZE,
    BadPixelEntries,
    BadPixelRows,
    BitFlag,
    bad_pixel_headers,
    bad_pixel_table,
    bias_entries,
    build,
    ccd_of,
    empty_entries,
    expand,
    join,
    merge,
    rows_of,
)
from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Dataset, Image, Table
from ciaopy.response import check_same_obsid, looks_like_fits, observation_header
from ciaopy.stack import build as build_stack

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

#: Largest values of the columns of a user's text list: CCD, four pixels, status bit.
_USER_LIMITS = (9, 1024, 1024, 1024, 1024, 31)
_USER_COLUMNS = ("ccd_id", "x_lo", "x_hi", "y_lo", "y_hi")


@dataclass(frozen=True)
class _Observation:
    """Chips (CCD_ID to FEP_ID), times [s] and keywords of the observation, from the parameter block and obsfile."""

    feps: dict[int, int | None]
    start: float
    stop: float
    header: Header
    run: Header

    @property
    def ccds(self) -> tuple[int, ...]:
        """Chips that were on, ascending."""
        return tuple(self.feps)


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_build_badpix.

    Raises
    ------
    UserError, DataError, CalibrationError
        A file is missing or is not what its parameter asks for, or is of another observation.
    """
    flag = BitFlag.parse(par["bitflag"])
    ws.check_output(par["outfile"], par["clobber"], (par["pbkfile"], par["calibfile"]))
    if par["writebias"] and not par["outbias"].strip():
        raise UserError("writebias=yes needs outbias, the start of the file names")
    if _given(par["evt0file"]):
        ws.console.warn("evt0file is not used: overclock levels do not make bad pixels")
    obs = _observation(par, ws)
    bias = _bias_maps(par, ws, obs)
    listed = _merge_lists(_calibration_list(par, ws, obs), _user_list(par["usrfile"], ws, obs, par["obsfile"]))
    parity = _parity_errors(par, ws, obs)
    primary, headers = bad_pixel_headers(obs.header, obs.run, obs.feps)
    tables = []
    for ccd in obs.ccds:
        seen = _bias_pixels(bias.get(ccd), par["biasthresh"], obs)
        seen = merge(join(seen, parity.get(ccd, empty_entries())))
        rows = build(listed.get(ccd, empty_entries()), seen, flag, obs.stop)
        tables.append(bad_pixel_table(ccd, rows, headers[ccd]))
        ws.console.say(f"CCD {ccd}: {len(rows)} rows, {len(seen)} bad pixels from the bias map", 1)
    first = Image("PRIMARY", None, primary)
    ws.write(par["outfile"], Dataset([first, *tables]), par=par, clobber=par["clobber"])
    if par["writebias"]:
        _write_bias(par, ws, bias)


def _observation(par: ParameterSet, ws: Workspace) -> _Observation:
    path = par["pbkfile"]
    if not _given(path):
        raise UserError("pbkfile is empty; give the parameter block file (pbk0) of the observation")
    block = ws.read(path)
    if not isinstance(block, Table) or "CCD_ID" not in block:
        raise DataError(f"{path}: not a parameter block file: it has no table with a CCD_ID column")
    places = block["FEP_ID"].tolist() if "FEP_ID" in block else [None] * block.nrows
    found = dict(zip(block["CCD_ID"].tolist(), places, strict=True))
    feps = {ccd: found[ccd] for ccd in sorted(found) if 0 <= ccd <= 9}
    if not feps:
        raise DataError(f"{path}: the parameter block names no CCD (column CCD_ID)")
    header = observation_header(par["obsfile"], ws)
    check_same_obsid(path, block.header, par["obsfile"], header)
    return _Observation(feps, *_times(block.header, path), header, block.header)


def _times(header: Header, path: str) -> tuple[float, float]:
    try:
        return header.number("TSTART"), header.number("TSTOP")
    except KeyError as e:
        raise DataError(f"{path}: parameter block without keyword {e.args[0]}") from e


def _given(value: str) -> bool:
    return value.strip().lower() not in {"", "none"}


def _bias_maps(par: ParameterSet, ws: Workspace, obs: _Observation) -> dict[int, Image]:
    """Read the bias maps of the chips that were on; says which chips have none."""
    maps: dict[int, Image] = {}
    if not par["procbias"]:
        return maps
    for name in build_stack(par["biasfile"]) if _given(par["biasfile"]) else ():
        image = ws.read(name)
        if not isinstance(image, Image) or image.data is None or image.data.ndim != 2:
            raise DataError(f"{name}: not a bias map: its first block is no image")
        if "CCD_ID" not in image.header:
            raise DataError(f"{name}: bias map without keyword CCD_ID")
        check_same_obsid(name, image.header, par["obsfile"], obs.header)
        ccd, last = int(image.header["CCD_ID"]), _first_row(image) + image.data.shape[0] - 1
        if image.data.shape[1] != CHIP_SIZE or last > CHIP_SIZE:
            raise DataError(f"{name}: {image.data.shape[1]} columns and rows to {last}: not a bias map of a CCD")
        if ccd not in obs.ccds:
            ws.console.warn(f"{name}: CCD {ccd} is not in the parameter block; this bias map is not used")
        elif ccd in maps:
            ws.console.warn(f"{name}: a second bias map of CCD {ccd}; the first one is used")
        else:
            maps[ccd] = image
    without = [str(c) for c in obs.ccds if c not in maps]
    if without:
        ws.console.warn(f"no bias map (biasfile) of CCD {', '.join(without)}: no bad pixels are taken from it")
    return maps


def _first_row(image: Image) -> int:
    """CHIPY of the first row of a bias map: 1, or the first row of a sub-array (STARTROW counts from 0)."""
    whole = image.data is not None and image.data.shape[0] >= CHIP_SIZE
    return 1 if whole else int(image.header.get("STARTROW", 0)) + 1


def _bias_pixels(image: Image | None, threshold: float, obs: _Observation) -> BadPixelEntries:
    if image is None or image.data is None:
        return empty_entries()
    return bias_entries(image.data, threshold, _first_row(image), obs.start, obs.stop)


def _calibration_list(par: ParameterSet, ws: Workspace, obs: _Observation) -> dict[int, BadPixelEntries]:
    value = par["calibfile"].strip()
    if not _given(value):
        return {}
    if value.partition("(")[0].upper() == "CALDB":
        return _from_caldb(value, obs, ws)
    return _from_file(value, ws, obs, par["obsfile"])


def _from_file(path: str, ws: Workspace, obs: _Observation, obsfile: str) -> dict[int, BadPixelEntries]:
    lists: dict[int, BadPixelEntries] = {}
    for table in ws.dataset(path).tables(""):
        if {"CHIPX", "CHIPY", "STATUS"} <= {n.upper() for n in table.names}:
            check_same_obsid(path, table.header, obsfile, obs.header)
            ccd = ccd_of(table)
            lists[ccd] = join(lists.get(ccd, empty_entries()), expand(rows_of(table)))
    if not lists:
        raise DataError(f"{path}: no block with CHIPX, CHIPY and STATUS; give a bad pixel file")
    if not set(lists) & set(obs.ccds):
        ccds = ", ".join(map(str, sorted(lists)))
        raise DataError(
            f"{path}: bad pixels of CCD {ccds}, none of a CCD that was on; give the file of this observation"
        )
    return lists


def _from_caldb(value: str, obs: _Observation, ws: Workspace) -> dict[int, BadPixelEntries]:
    from ciaopy.caldb import BadPixelList, load

    lists: dict[int, BadPixelEntries] = {}
    lite = False
    for ccd in obs.ccds:
        product = load("BADPIX", value, obs.header, ccd_id=ccd)
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


def _user_list(path: str, ws: Workspace, obs: _Observation, obsfile: str) -> dict[int, BadPixelEntries]:
    """Read usrfile: a bad pixel file, or text lines `ccd_id x_lo x_hi y_lo y_hi [bit]`, comments with #."""
    if not _given(path):
        return {}
    plain = Path(file_of(path))
    if not ws.exists(plain):
        raise UserError(f"{plain}: no such file (parameter usrfile)")
    if ws.in_memory(plain) is not None or looks_like_fits(plain):
        return _from_file(path, ws, obs, obsfile)
    lists: dict[int, list[tuple[int, ...]]] = {}
    for number, line in enumerate(plain.read_text(errors="replace").splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            values = [int(w) for w in words]
        except ValueError:
            values = []
        if len(values) not in (5, 6) or not all(0 <= v <= m for v, m in zip(values, _USER_LIMITS, strict=False)):
            raise UserError(
                f"{plain}, line {number}: write {' '.join(_USER_COLUMNS)} (CCD 0 to 9, pixels 1 to 1024) and, if you"
                " like, a status bit (0 to 31)"
            )
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


def _parity_errors(par: ParameterSet, ws: Workspace, obs: _Observation) -> dict[int, BadPixelEntries]:
    """Read berrfile: pixels with a bias parity error become bit 4; more than `maxerr` in one exposure are ignored."""
    if not _given(par["berrfile"]):
        return {}
    lists: dict[int, BadPixelEntries] = {}
    for name in build_stack(par["berrfile"]):
        table = ws.read(name)
        if not isinstance(table, Table):
            raise DataError(f"{name}: not a bias parity error file: its first block is no table")
        check_same_obsid(name, table.header, par["obsfile"], obs.header)
        x = table["CHIPX" if "CHIPX" in table else "CCDX"].astype(np.int64)
        y = table["CHIPY" if "CHIPY" in table else "CCDY"].astype(np.int64)
        ccd = table["CCD_ID"].astype(np.int64) if "CCD_ID" in table else np.full(len(x), ccd_of(table))
        keep = _few_per_exposure(table, ccd, par["maxerr"])
        keep &= (x >= 1) & (x <= CHIP_SIZE) & (y >= 1) & (y <= CHIP_SIZE)
        for c in np.unique(ccd[keep]):
            k = keep & (ccd == c)
            n = int(k.sum())
            status = np.full(n, 1 << BIAS_PARITY_BIT, np.uint32)
            new = BadPixelEntries(x[k], y[k], np.full(n, obs.start), np.full(n, obs.stop), status)
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
    for ccd, image in sorted(bias.items()):
        ws.write(f"{root}_{ccd}_bias.fits", image, par=par, clobber=par["clobber"])
