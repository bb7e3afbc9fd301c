"""Add to an event file, in place, the keywords that later tools need and older processing did not write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel import change_header
from ciaopy.errors import DataError
from ciaopy.fits import Header, Table, add_history
from ciaopy.response import check_same_obsid, file_to_change
from ciaopy.stack import build as build_stack

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

_PBK_KEYS = ("OCLKPAIR", "ORC_MODE", "SUM_2X2")
_OFFSETS = (("DY_AVG", "dy", "mm"), ("DZ_AVG", "dz", "mm"), ("DTH_AVG", "dtheta", "deg"))
_FEPS = 6


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run r4_header_update on `infile`: the header of the event block gains keywords, nothing else changes.

    Raises
    ------
    UserError
        The name is empty or has brackets.
    DataError
        The file has no event table, or an auxiliary file is not what its parameter asks for or of another observation.
    """
    path = file_to_change(par["infile"], "infile", ws)
    dataset = ws.dataset(path)
    events = next((b for b in dataset.blocks if isinstance(b, Table) and "time" in b), None)
    if events is None:
        raise DataError(f"{path}: no table with a TIME column; give an event file")
    new = Header()
    if str(events.header.get("INSTRUME", "")).strip().upper() == "ACIS":
        _add_parameter_block(events.header, new, par, ws)
    _add_aspect_offsets(events.header, new, par, ws)
    if not new:
        ws.console.say(f"{path}: nothing to add", 1)
        return

    def change(header: Header) -> None:
        header.update(new)
        add_history(header, par.tool, [(n, v) for n, v in par.items() if n != "mode"])

    number = next(i for i, b in enumerate(dataset.blocks, 1) if b is events)
    change_header(f"{path}[{number}]", ws, change)
    ws.console.say(f"{path}: added {', '.join(new)}", 1)


def _add_parameter_block(header: Header, new: Header, par: ParameterSet, ws: Workspace) -> None:
    pbkfile = par["pbkfile"]
    if all(k in header for k in (*_PBK_KEYS, "FEP_CCD")):
        return
    if not pbkfile.strip() or pbkfile.strip().lower() == "none":
        ws.console.warn("no parameter block file: OCLKPAIR, ORC_MODE, SUM_2X2 and FEP_CCD are not added")
        return
    block = ws.read(pbkfile)
    if not isinstance(block, Table):
        raise DataError(f"{pbkfile}: not a parameter block file: its first block is no table")
    check_same_obsid(pbkfile, block.header, par["infile"], header)
    continuous = str(header.get("READMODE", "")).strip().upper().startswith("CONTINUOUS")
    for key in _PBK_KEYS:
        if key in header:
            continue
        if key == "SUM_2X2" and continuous:
            new[key] = (0, "On-chip summing")
        elif key in block.header:
            new[key] = (block.header[key], block.header.comments[key])
    if "FEP_CCD" not in header:
        new["FEP_CCD"] = (fep_ccd(block), "CCD of each FEP, FEP 0 first")


def fep_ccd(block: Table) -> str:
    """Return FEP_CCD of a parameter block: six characters, position FEP_ID, the CCD number or `x`."""
    text = ["x"] * _FEPS
    for fep, ccd in zip(block["FEP_ID"].tolist(), block["CCD_ID"].tolist(), strict=True):
        if 0 <= fep < _FEPS and 0 <= ccd <= 9:
            text[fep] = str(ccd)
    return "".join(text)


def _add_aspect_offsets(header: Header, new: Header, par: ParameterSet, ws: Workspace) -> None:
    asolfile = par["asolfile"]
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
        check_same_obsid(name, table.header, par["infile"], header)
        for column in values:
            values[column].append(np.asarray(table[column], np.float64))
    for key, column, unit in missing:
        every = np.concatenate(values[column]) if values[column] else np.zeros(0)
        every = every[np.isfinite(every)]
        new[key] = (float(every.mean()) if len(every) else 0.0, f"[{unit}] Mean {column} of the aspect solution")
