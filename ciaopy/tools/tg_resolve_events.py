"""Give events grating coordinates, arm, order and wavelength (level 1.5)."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.errors import CalibrationError, DataError, NoDataError, UserError
from ciaopy.fits import Array, Dataset, Table
from ciaopy.response import acis_observation as around
from ciaopy.response import header_grating, header_with_detector, is_collapsed
from ciaopy.stack import join

if TYPE_CHECKING:
    from ciaopy.coords import FocalPlane, SkyFrame
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.gratings import Arm, GratingMask, OrderTest, ResolvedEvents
    from ciaopy.param import ParameterSet

# The streams of random numbers of rand_pix_size.
_SHIFT_X, _SHIFT_Y = 21, 22
# A mask made for another tangent point is refused from this difference on, sky pixels. RA_NOM, DEC_NOM of the REGION
# blocks of ObsIDs 13839 and 14392 are 0.4 and 0.5 pixel from those of their events, whose frame the regions fit.
_FRAME_TOLERANCE = 5.0


@dataclass(frozen=True, eq=False)
class _Run:
    """What one run has in hand."""

    par: ParameterSet
    ws: Workspace
    infile: str
    table: Table
    header: Header


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run tg_resolve_events: level-1 events and a mask to level 1.5, the mask appended as block REGION.

    Raises
    ------
    UserError, ParameterError
        A parameter cannot be honoured; the output exists.
    DataError
        No grating; a mask that does not fit; columns missing; an aspect solution that covers no event.
    CalibrationError
        Order-sorting windows that are missing, or lack a chip.
    """
    from ciaopy.events import parse_event_definition
    from ciaopy.gratings import level_15_header, resolved_table

    definition = parse_event_definition(par["eventdef"])
    run = _open(par, ws)
    grating = header_grating(par["grating_obs"], run.header)
    resolved, mask_block, test, detector = _resolved(run, grating)
    _check_lost(run, resolved)
    level_15_header(run.header, test.source, par["rand_pix_size"], detector, run.header["GRATING"])
    if test.product is not None and test.product.is_lite:
        _note_lite(run)
    events = resolved_table(run.table, run.header, resolved.columns, definition, run.infile)
    ws.write(par["outfile"], _with_region(events, mask_block), par, par["clobber"])
    _report(run, resolved, test)


def _open(par: ParameterSet, ws: Workspace) -> _Run:
    infile = par["infile"].strip()
    ws.check_output(par["outfile"], par["clobber"], (infile,))
    table = ws.read(infile)
    if not isinstance(table, Table):
        raise DataError(f"{infile}: an image, not an event table; give the level-1 event file")
    for column in ("time", "chipx", "chipy"):
        if column not in table:
            raise DataError(f"{infile}: no column {column} in block {table.name}; give the level-1 event file")
    if "x" not in table or "y" not in table:
        raise DataError(f"{infile}: no columns x, y; run acis_process_events or hrc_process_events with stop=sky first")
    header = header_with_detector(par["detector"], table.header).copy()
    return _Run(par, ws, infile, table, header)


def _resolved(run: _Run, grating: str) -> tuple[ResolvedEvents, Table, OrderTest, str]:
    """Resolve the events; return them with the mask's block, the order test and the detector's name."""
    from ciaopy.coords import FocalPlane, SkyFrame
    from ciaopy.gratings import Resolver, arms_of
    from ciaopy.response import chosen_geometry

    par, header = run.par, run.header
    arms = arms_of(grating, run.infile)
    header["GRATING"] = (arms[0].grating, header.comments["GRATING"] if "GRATING" in header else "Grating")
    geometry, names = chosen_geometry(par["geompar"], header)
    header.update(names)
    plane = FocalPlane.from_header(header, geometry, run.infile)
    frame = SkyFrame.from_header(header, geometry, run.infile)
    mask, block = _mask(run, arms, frame)
    test = _order_test(run, plane)
    aspect, sources = around.read_aspect(par["acaofffile"], header, run.ws, run.ws.console)
    if sources:
        header["ASOLFILE"] = join(sources)
    clocked = plane.detector.name == "ACIS" and is_collapsed(header)
    resolver = Resolver(plane, frame, aspect, arms, mask, test, clocked)
    try:
        return resolver(_columns(run, plane), run.ws.nproc), block, test, plane.detector.name
    except (DataError, CalibrationError) as error:
        raise type(error)(f"{run.infile}: {error}{_advice(str(error))}") from error


def _advice(message: str) -> str:
    if "energy" in message:
        return " (order sorting needs energies: run acis_process_events first)"
    return ""


def _columns(run: _Run, plane: FocalPlane) -> dict[str, Array]:
    """Return the columns of the input by lower-case name, chip positions shifted where rand_pix_size asks for it."""
    columns = {name: column.data for name, column in run.table.columns.items()}
    half = float(run.par["rand_pix_size"])
    if half:
        from ciaopy.events import event_keys, uniform

        seed = run.par["rand_seed"] or clock.time_ns() % 2**31
        ids = columns.get(plane.detector.id_column, np.zeros(run.table.nrows))
        parts = [np.ascontiguousarray(v, np.int64) for v in (ids, columns["chipx"], columns["chipy"])]
        keys = event_keys(seed, np.ascontiguousarray(columns["time"], np.float64), *parts)
        columns["chipx"] = columns["chipx"] + (2.0 * half) * (uniform(keys, _SHIFT_X) - 0.5)
        columns["chipy"] = columns["chipy"] + (2.0 * half) * (uniform(keys, _SHIFT_Y) - 0.5)
    return columns


def _mask(run: _Run, arms: tuple[Arm, ...], frame: SkyFrame) -> tuple[GratingMask, Table]:
    from ciaopy.gratings import mask_of_table

    name = run.par["regionfile"].strip()
    if name.lower() in ("", "none"):
        raise UserError("regionfile: no mask given; make one with tg_create_mask, or take the REGION block of the evt2")
    table = _region_block(name, run.ws)
    mask = mask_of_table(table, arms, name)
    moved = [
        np.hypot(*(np.subtract(frame.plane.world_to_pixel(float(ra), float(dec)), frame.detector.ref)))
        for ra, dec in [(table.header.get("RA_NOM"), table.header.get("DEC_NOM"))]
        if isinstance(ra, (int, float)) and isinstance(dec, (int, float))
    ]
    if moved and not moved[0] < _FRAME_TOLERANCE:
        raise DataError(
            f"{name}: made for another tangent point (RA_NOM, DEC_NOM), {moved[0]:.1f} sky pixels from that of "
            f"{run.infile}; make a mask for these events with tg_create_mask (chandra_repro: tg_zo_position=detect)"
        )
    return mask, table


def _region_block(name: str, ws: Workspace) -> Table:
    """Return the mask of a file: the block asked for, else REGION, else the only table."""
    dataset = ws.dataset(name)
    tables = [b for b in dataset.blocks if isinstance(b, Table)]
    table = next((t for t in tables if t.name.upper() == "REGION"), None)
    table = table or (tables[0] if len(tables) == 1 and "shape" in tables[0] else None)
    if table is None:
        raise DataError(
            f"{name}: no REGION block; it has {', '.join(b.name for b in dataset.blocks)}; make a mask with "
            "tg_create_mask (chandra_repro: tg_zo_position=detect)"
        )
    return Table(table.name, table.columns, table.header, table.vectors)


def _order_test(run: _Run, plane: FocalPlane) -> OrderTest:
    from ciaopy.caldb import OrderSorting, load
    from ciaopy.gratings import by_nearest, by_sign, by_windows

    par = run.par
    if plane.detector.name != "ACIS":
        return by_sign()
    value = par["osipfile"].strip() or "none"
    if value.lower() == "none":
        return by_nearest(par["osort_lo"], par["osort_hi"])
    product = load("OSIP", value, run.header)
    if not isinstance(product, OrderSorting):
        raise CalibrationError(f"osipfile={value}: no order-sorting windows in it")
    return by_windows(product, par["energy_lo_adj"], par["energy_hi_adj"])


def _check_lost(run: _Run, resolved: ResolvedEvents) -> None:
    n = run.table.nrows
    if n and resolved.lost == n and not around.is_none(run.par["acaofffile"]):
        raise NoDataError(
            f"{run.infile}: no event falls in the aspect solution {run.par['acaofffile']}; "
            "give the asol1 files of this observation"
        )


def _note_lite(run: _Run) -> None:
    from ciaopy.caldb.lite import provenance

    before = [name for name in str(run.header.get("LITECAL", "")).partition(": ")[2].split(",") if name]
    run.header.update(provenance(run.header, [*before, "OSIP"], kept="KEPTCOLS" in run.header))
    note = "tg_resolve_events: order-sorting windows solved from archive orders, not a CALDB file (99 % agreement)."
    if note not in [str(c) for c in run.header.get("COMMENT", [])]:
        run.header.add_comment(note)


def _with_region(events: Table, mask: Table) -> Dataset:
    """Return the file: events, their GTIs, the mask."""
    from ciaopy.datamodel import with_companions

    kept = [c for c in events.companions if c.name.upper() != "REGION"]
    main = Table(events.name, events.columns, events.header, events.vectors, kept)
    return Dataset([*with_companions(main), mask])


def _report(run: _Run, resolved: ResolvedEvents, test: OrderTest) -> None:
    """Tell warnings and the result on the screen, and in the log file if there is one."""
    n = run.table.nrows
    lines = []
    if resolved.lost:
        lines.append(f"{resolved.lost} of {n} events at times without aspect solution or on no chip: part 99")
    if test.product is not None and test.product.is_lite:
        lines.append("order-sorting windows from the embedded calibration (CIAO's order for 99 % of the events)")
    console = run.ws.console.at(max(1, run.ws.console.verbose))  # warnings are shown even with verbose=0, as in CIAO
    for line in lines:
        console.warn(line)
    part, order = resolved.columns["tg_part"], resolved.columns["tg_m"]
    arms = (part > 0) & (part < 99)
    zero, light, resolved_light = (int(np.count_nonzero(k)) for k in (part == 0, arms, arms & (order != 99)))
    summary = (
        f"tg_resolve_events: {n} events written to {run.par['outfile']}: {zero} in the zero order, {light} in the "
        f"arms, {resolved_light} with an order"
    )
    run.ws.console.say(summary, 1)
    logfile = str(run.par["logfile"]).strip()
    if logfile.lower() in ("", "none", "stdout", "stderr"):
        return
    try:
        with Path(logfile).open("a", encoding="utf-8") as log:
            log.write("\n".join([*lines, summary]) + "\n")
    except OSError as error:
        raise UserError(f"logfile={logfile}: cannot be written ({error.strerror})") from error
