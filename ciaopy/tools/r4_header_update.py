"""Add to an event file, in place, the keywords that later tools need and older processing did not write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Table
from ciaopy.stack import build as build_stack

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

_PBK_KEYS = ("OCLKPAIR", "ORC_MODE", "SUM_2X2")
_OFFSETS = (("DY_AVG", "dy", "mm"), ("DZ_AVG", "dz", "mm"), ("DTH_AVG", "dtheta", "deg"))
_FEPS = 6


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run r4_header_update on `infile`.

    Raises
    ------
    DataError
        The file has no event table.
    """
    path = par["infile"]
    dataset = ws.dataset(path)
    events = next((b for b in dataset.blocks if isinstance(b, Table) and "time" in b), None)
    if events is None:
        raise DataError(f"{path}: no table with a TIME column; give an event file")
    header = events.header.copy()
    before = header.copy()
    instrument = str(header.get("INSTRUME", "")).strip().upper()
    if instrument == "ACIS":
        _add_parameter_block(header, par["pbkfile"], ws)
    _add_aspect_offsets(header, par["asolfile"], ws)
    added = [k for k in header if k not in before]
    if not added:
        ws.console.say(f"{path}: nothing to add", 1)
        return
    changed = Table(events.name, events.columns, header, events.vectors, events.companions)
    dataset.blocks = [changed if b is events else b for b in dataset.blocks]
    ws.write(path, dataset, par=par, clobber=True)
    ws.console.say(f"{path}: added {', '.join(added)}", 1)


def _add_parameter_block(header: Header, pbkfile: str, ws: Workspace) -> None:
    if all(k in header for k in (*_PBK_KEYS, "FEP_CCD")):
        return
    if not pbkfile.strip() or pbkfile.strip().lower() == "none":
        ws.console.warn("no parameter block file: OCLKPAIR, ORC_MODE, SUM_2X2 and FEP_CCD are not added")
        return
    block = ws.read(pbkfile)
    if not isinstance(block, Table):
        raise DataError(f"{pbkfile}: not a parameter block file: its first block is no table")
    continuous = str(header.get("READMODE", "")).strip().upper().startswith("CONTINUOUS")
    for key in _PBK_KEYS:
        if key in header:
            continue
        if key == "SUM_2X2" and continuous:
            header[key] = (0, "On-chip summing")
        elif key in block.header:
            header[key] = (block.header[key], block.header.comments[key])
    if "FEP_CCD" not in header:
        header["FEP_CCD"] = (fep_ccd(block), "CCD of each FEP, FEP 0 first")


def fep_ccd(block: Table) -> str:
    """Return FEP_CCD of a parameter block: six characters, position FEP_ID, the CCD number or `x`."""
    text = ["x"] * _FEPS
    for fep, ccd in zip(block["FEP_ID"].tolist(), block["CCD_ID"].tolist(), strict=True):
        if 0 <= fep < _FEPS and 0 <= ccd <= 9:
            text[fep] = str(ccd)
    return "".join(text)


def _add_aspect_offsets(header: Header, asolfile: str, ws: Workspace) -> None:
    missing = [o for o in _OFFSETS if o[0] not in header]
    if not missing:
        return
    if not asolfile.strip() or asolfile.strip().lower() == "none":
        ws.console.warn("no aspect solution: DY_AVG, DZ_AVG and DTH_AVG are not added")
        return
    values: dict[str, list[np.ndarray]] = {column: [] for _, column, _ in _OFFSETS}
    for name in build_stack(asolfile):
        table = ws.read(name)
        if not isinstance(table, Table):
            raise DataError(f"{name}: not an aspect solution: its first block is no table")
        for column in values:
            values[column].append(np.asarray(table[column], np.float64))
    for key, column, unit in missing:
        every = np.concatenate(values[column]) if values[column] else np.zeros(0)
        every = every[np.isfinite(every)]
        header[key] = (float(every.mean()) if len(every) else 0.0, f"[{unit}] Mean {column} of the aspect solution")
