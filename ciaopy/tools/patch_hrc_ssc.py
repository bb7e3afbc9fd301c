"""Repair HRC data whose secondary science rates are corrupt: dead time, good times and the header of the events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.analysis import good_times as samples_to_gti
from ciaopy.analysis import limit_status, parse_limit
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits import Column, Dataset, Table
from ciaopy.hrc import corrupt_rates, patched, step_onto, table_statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Gti, Workspace
    from ciaopy.hrc import RatePatch
    from ciaopy.param import ParameterSet

_COUNT, _FACTOR, _ERROR = "TOTAL_EVT_COUNT", "DTF", "DTF_ERR"


@dataclass(frozen=True, eq=False)
class _Timeline:
    """The mission timeline: samples, smoothed samples, texts of the limits."""

    samples: Table
    smoothed: Table
    limits: list[str]
    where: str


def run(par: ParameterSet, ws: Workspace) -> bool:
    """Run patch_hrc_ssc; return whether corruption was found. Without it nothing is written.

    Raises
    ------
    UserError, DataError
        A file is missing or not what its parameter asks for, or the events were repaired before.
    NoDataError
        Nothing sound is left.
    """
    names = {k: par[k].strip() for k in ("dtf_infile", "mtl_infile", "evt_infile")}
    outputs = {k: par[k].strip() for k in ("evt_outfile", "gti_outfile", "dtf_outfile")}
    for parameter, name in names.items():
        if not name or not ws.exists(name):
            raise UserError(f"{parameter}={name}: no such file")
    for name in outputs.values():
        ws.check_output(name, par["clobber"], tuple(names.values()))
    rates = _table(names["dtf_infile"], ws, "DTF", ("TIME", _COUNT, _FACTOR, _ERROR), "dtf1")
    time, count, factor, error = (np.asarray(rates[c], np.float64) for c in ("TIME", _COUNT, _FACTOR, _ERROR))
    patch = corrupt_rates(time, count, factor, error, float(par["threshold"]), par["smooth_count"])
    if patch is None:
        ws.console.say(f"{names['dtf_infile']}: no rate above {par['threshold']}; nothing to repair", 1)
        return False
    events = ws.dataset(names["evt_infile"])
    if any("SSCFIX" in b.header for b in [*events.blocks, rates]):
        raise DataError(f"{names['evt_infile']}: repaired before (keyword SSCFIX); give the files of the archive")
    timeline = _timeline(names["mtl_infile"], ws)
    gti = _good_times(timeline, time, count, patch, par)
    mended = _mended_rates(rates, patch)
    live = _live_fraction(mended, gti, names["dtf_infile"])
    _write(par, ws, mended, gti, timeline, events, live)
    ws.console.say(
        f"{int(patch.corrupt.sum())} of {len(time)} dead-time records repaired; {gti.duration:.1f} s of good time, "
        f"DTCOR {live:.6f}",
        1,
    )
    return True


def _table(name: str, ws: Workspace, block: str, columns: tuple[str, ...], product: str) -> Table:
    dataset = ws.dataset(name)
    table = next((b for b in dataset.blocks if isinstance(b, Table) and b.name.upper() == block), None)
    missing = [c for c in columns if table is None or c not in table]
    if table is None or missing:
        what = f"column {missing[0]} in block {block}" if table is not None else f"block {block}"
        raise DataError(f"{name}: no {what}; give the {product} file")
    return table


def _timeline(name: str, ws: Workspace) -> _Timeline:
    samples = _table(name, ws, "MTL", ("TIME", _FACTOR), "mtl1")
    smoothed = _table(name, ws, "MTL_S", ("TIME", "limit_status"), "mtl1")
    limits = _table(name, ws, "LIMITS", ("gti_limits",), "mtl1")
    texts = [v.decode("ascii", "replace") if isinstance(v, bytes) else str(v) for v in limits["gti_limits"].tolist()]
    return _Timeline(samples, smoothed, texts, name)


def _good_times(
    timeline: _Timeline, time: NDArray[np.float64], count: NDArray[np.float64], patch: RatePatch, par: ParameterSet
) -> Gti:
    """Return the good times of the repaired timeline: no limit on the voltage, from the first sound time on.

    The high voltage of corrupt telemetry cannot be trusted; the time when it first read as good can.
    """
    voltage = [k for k, text in enumerate(timeline.limits) if "LV" in text.upper()]
    if len(voltage) != 1:
        raise DataError(
            f"{timeline.where}: {len(voltage)} of its LIMITS are about the high voltage (LV), expected one; "
            "give the mtl1 file of an HRC observation"
        )
    good = np.flatnonzero(~_limit_bit(timeline.smoothed, voltage[0], timeline.where))
    if not len(good):
        raise NoDataError(f"{timeline.where}: the high voltage is never within its limits")
    start = max(float(timeline.smoothed["TIME"][good[0]]), patch.first_sound)
    samples = timeline.samples
    rate = step_onto(np.asarray(samples["TIME"], np.float64), time, count)
    again = corrupt_rates(
        *(np.asarray(samples["TIME"], np.float64), rate, np.zeros(len(rate)), np.zeros(len(rate))),
        float(par["threshold"]),
        par["smooth_count"],
    )
    table = Table(samples.name, dict(samples.columns), samples.header, samples.vectors, samples.companions)
    if again is not None:
        table[_FACTOR] = patched(samples[_FACTOR], again.corrupt, patch.factor)
    kept = [parse_limit(text) for k, text in enumerate(timeline.limits) if k != voltage[0] and text.strip()]
    bad = limit_status(table, kept).any(axis=1) | (np.asarray(table["TIME"]) < start)
    gti = samples_to_gti(table, np.asarray(~bad))
    if not len(gti):
        raise NoDataError(f"{timeline.where}: no good time is left after the repair")
    return gti


def _limit_bit(table: Table, number: int, where: str) -> NDArray[np.bool_]:
    """Return bit `number` of limit_status, counted from the first (most significant) one."""
    data = np.asarray(table["limit_status"])
    if data.ndim == 1:
        data = np.ascontiguousarray(data.astype(data.dtype.newbyteorder(">"))).view(np.uint8).reshape(len(data), -1)
    bits = np.unpackbits(np.ascontiguousarray(data, np.uint8), axis=1)
    if number >= bits.shape[1]:
        raise DataError(f"{where}: limit_status has {bits.shape[1]} bits, fewer than LIMITS has rows")
    return bits[:, number].astype(bool)


def _mended_rates(rates: Table, patch: RatePatch) -> Table:
    header = rates.header.copy()
    header["SSC"] = (True, "Secondary science corruption detected")
    header["SSCFIX"] = (True, "Secondary science corruption repaired")
    table = Table(rates.name, dict(rates.columns), header, rates.vectors, rates.companions)
    table[_FACTOR] = patched(rates[_FACTOR], patch.corrupt, patch.factor)
    table[_ERROR] = patched(rates[_ERROR], patch.corrupt, patch.error)
    return table


def _live_fraction(rates: Table, gti: Gti, where: str) -> float:
    return table_statistics(rates, where, gti, "the repaired good times").mean


def _write(
    par: ParameterSet, ws: Workspace, rates: Table, gti: Gti, timeline: _Timeline, events: Dataset, live: float
) -> None:
    from ciaopy.datamodel import filter_block

    blocks: list[Any] = []
    for block in events.blocks:
        if isinstance(block, Table) and block.name.upper() == "EVENTS":
            block = _mended_events(block, par, live)
        blocks.append(block)
    clobber = par["clobber"]
    ws.write(par["dtf_outfile"], rates, par=par, clobber=clobber)
    ws.write(par["gti_outfile"], filter_block(timeline.samples, gti), par=par, clobber=clobber)
    ws.write(par["evt_outfile"], Dataset(blocks), par=par, clobber=clobber)


def _mended_events(table: Table, par: ParameterSet, live: float) -> Table:
    header = table.header.copy()
    keys: dict[str, tuple[Any, str]] = {
        "DTCOR": (live, "Dead time correction"),
        "FLTFILE": (Path(par["gti_outfile"]).name, ""),
        "DTFFILE": (Path(par["dtf_outfile"]).name, ""),
        "SSC": (True, "Secondary science corruption detected"),
        "SSCFIX": (True, "Secondary science corruption repaired"),
    }
    ontime = header.get("ONTIME")
    if isinstance(ontime, (int, float)):
        keys |= {"LIVETIME": (ontime * live, "[s] Livetime"), "EXPOSURE": (ontime * live, "[s] Exposure time")}
    for key, (value, comment) in keys.items():
        header[key] = (value, header.comments[key] if key in header else comment)
    return Table(
        table.name, {n: Column(**vars(c)) for n, c in table.columns.items()}, header, table.vectors, table.companions
    )
