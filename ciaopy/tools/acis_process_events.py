"""Recalibrate ACIS events: status bits, CTI, grades, gain, sub-pixel positions, coordinates."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.acis import (
    CalibrationRecord,
    ColumnPlan,
    Counts,
    CtiRules,
    InputState,
    ObservingMode,
    ObservingSetup,
    ProcessingOptions,
    RequestedSteps,
    choose_columns,
    event_table,
    process_events,
    write_keywords,
)
from ciaopy.console import Console
from ciaopy.errors import DataError, NoDataError, ParameterError, UserError
from ciaopy.events import parse_event_definition
from ciaopy.fits import Table
from ciaopy.response import EventProducts, load_products
from ciaopy.response import acis_observation as around

if TYPE_CHECKING:
    from ciaopy.coords import EventTransform
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

_PLACES = ("tdet", "det", "tan", "sky")


@dataclass(frozen=True, eq=False)
class _Run:
    """What one run has in hand: parameters, the events as read, and the header of the output."""

    par: ParameterSet
    ws: Workspace
    console: Console
    infile: str
    table: Table
    header: Header
    mode: ObservingMode
    method: str


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run acis_process_events.

    Raises
    ------
    UserError, ParameterError
        A parameter cannot be honoured; the output exists.
    DataError
        The events or a companion file lack what the mode needs.
    CalibrationError
        A calibration file that was asked for is missing or unreadable.
    """
    definition = parse_event_definition(par["eventdef"])
    run = _open(par, ws)
    temperature = around.read_temperature(par["mtlfile"], ws)
    if temperature is not None and "FP_TEMP" not in run.header:
        run.header["FP_TEMP"] = (float(temperature[1][0]), "[K] Focal Plane Temperature")
    keeps_cti = not par["doevtgrade"] or (par["apply_cti"] and _flag(run.header, "CTI_CORR"))
    products = load_products(_wanted_products(run), run.header, keeps_cti)
    plan = _plan(run, products)
    transform, aspect_names = _transform(run)
    observation = replace(_observation(run, transform), temperature=temperature)
    options = _options(run, plan)
    columns = {name: column.data for name, column in run.table.columns.items()}
    done = process_events(
        columns, definition, products.tables(plan.energy == "gain"), observation, options, (ws.nproc, 65536)
    )
    _check_aspect(run, done.counts, aspect_names)
    record = _record(run, products, plan, aspect_names)
    messages = _messages(run, products, plan, done.counts)
    write_keywords(run.header, record)
    frame = transform.frame if transform is not None else None
    out = event_table(run.table, run.header, done.columns, definition, frame, par["pi_num_bins"])
    ws.write(par["outfile"], out, par=par, clobber=par["clobber"])
    _report(run, messages, len(out))


def _open(par: ParameterSet, ws: Workspace) -> _Run:
    """Read the events and settle the mode."""
    from ciaopy.stack import build

    whole = str(par["infile"]).strip()
    names = [whole] if whole and ws.exists(whole) else [n for n in build(whole) if n.strip()]
    if len(names) != 1:
        raise UserError(f"infile={par['infile']!r} names {len(names)} files; give one (dmmerge joins event files)")
    ws.check_output(par["outfile"], par["clobber"], (names[0],))
    console = ws.console if par.given("verbose") else ws.console.at(max(ws.console.verbose, 1))
    table = ws.read(names[0])
    if not isinstance(table, Table):
        raise DataError(f"{names[0]}: an image, not an event table; give the level-1 event file")
    for column in ("time", "ccd_id", "chipx", "chipy"):
        if column not in table:
            raise DataError(f"{names[0]}: no column {column} in block {table.name}; give the level-1 event file")
    header = table.header.copy()
    around.apply_obsfile(header, par["obsfile"], ws)
    mode = ObservingMode.of_header(header, names[0])
    method = str(par["pix_adj"]).strip().upper()
    if method == "CENTROID" and not mode.islands:
        console.warn(f"pix_adj=CENTROID needs event islands, which {mode.name} mode does not send; NONE is used")
        method = "NONE"
    return _Run(par, ws, console, names[0], table, header, mode, method)


def _wanted_products(run: _Run) -> dict[str, str]:
    """Return CALDB name to parameter value, of the products that this run needs."""
    par = run.par
    values = {}
    if run.mode.islands:
        values["EVTSPLT"] = par["threshfile"]
    if par["doevtgrade"]:
        values["GRADE"] = par["gradefile"]
    if par["doevtgrade"] and par["apply_cti"]:
        values["CTI"] = par["ctifile"]
        if not run.mode.islands:
            values["GRDIMG"] = par["grade_image_file"]
    if par["apply_tgain"]:
        values["T_GAIN"] = par["tgainfile"]
    if par["calculate_pi"]:
        values["DET_GAIN"] = par["gainfile"]
    if run.method == "EDSER" and par["stop"] in _PLACES:
        values["SUBPIX"] = par["subpixfile"]
        if around.is_none(values["SUBPIX"]):
            raise ParameterError("subpixfile=NONE does not go with pix_adj=EDSER; set pix_adj=NONE or give a file")
    return values


def _flag(header: Header, key: str) -> bool:
    """Return a header flag that is a logical, or the text T or F."""
    value = header.get(key, False)
    return value.strip().upper() in ("T", "TRUE", "YES") if isinstance(value, str) else bool(value)


def _plan(run: _Run, products: EventProducts) -> ColumnPlan:
    """Decide which columns are computed and which stay."""
    par = run.par
    gain = "none" if products.gain is None else "lite" if products.gain.is_lite and not products.gain_named else "real"
    wanted = RequestedSteps(
        grades=par["doevtgrade"],
        cti=par["apply_cti"] and not around.is_none(par["ctifile"]),
        drift=par["apply_tgain"] and not around.is_none(par["tgainfile"]),
        energy=par["calculate_pi"],
        has_cti=products.cti is not None and (run.mode.islands or products.grade_images is not None),
        has_drift=products.drift is not None,
        gain=gain,  # type: ignore[arg-type]
        standard_channels=par["pi_bin_width"] == 14.6 and par["pi_num_bins"] == 1024,
    )
    state = InputState(
        columns=frozenset(run.table.columns),
        cti_applied=_flag(run.header, "CTI_CORR"),
        drift_applied=_flag(run.header, "TGAINCOR"),
        where=run.infile,
    )
    return choose_columns(run.mode, wanted, state)


def _transform(run: _Run) -> tuple[EventTransform | None, tuple[str, ...]]:
    """Return the coordinate transformation, None if no coordinates are wanted, and the aspect files.

    The keywords that name the geometry's files are written into the header.
    """
    if run.par["stop"] not in _PLACES:
        return None, ()
    from ciaopy.coords import EventTransform, FocalPlane, SkyFrame
    from ciaopy.response import chosen_geometry

    geometry, names = chosen_geometry(run.par["geompar"], run.header)
    run.header.update(names)
    plane = FocalPlane.from_header(run.header, geometry, run.infile)
    frame = SkyFrame.from_header(run.header, geometry, run.infile)
    aspect, sources = around.read_aspect(run.par["acaofffile"], run.header, run.ws, run.console)
    return EventTransform(plane, frame, aspect), sources


def _observation(run: _Run, transform: EventTransform | None) -> ObservingSetup:
    par, header, mode = run.par, run.header, run.mode
    pixels = around.read_bad_pixels(par["badpixfile"], header, run.ws)
    seen = ObservingSetup(
        mode=mode,
        transform=transform,
        pixels=around.bad_pixel_map(pixels, run.table["time"]),
        active=around.active_chips(header),
        rows=around.read_out_rows(header, mode.continuous),
    )
    if not mode.continuous or transform is None:
        return seen
    return replace(seen, **_clocking(run, transform))


def _clocking(run: _Run, transform: EventTransform) -> dict[str, Any]:
    """Return what continuous clocking needs to know: the time per row, the target, the roll."""
    from ciaopy.acis import ROW_TIME

    header = run.header
    row_time = header.number("TIMEDEL", ROW_TIME)
    if not 0.0 < row_time < 0.1:
        row_time = ROW_TIME
    source = None
    if "chipy_tg" not in run.table:
        if header.get("RA_TARG") is None or header.get("DEC_TARG") is None:
            raise DataError(
                f"{run.infile}: no keywords RA_TARG and DEC_TARG, which continuous clocking needs to place the source"
            )
        x, y = transform.frame.plane.world_to_pixel(header.number("RA_TARG"), header.number("DEC_TARG"))
        source = (float(x), float(y))
    return {"row_time": row_time, "source": source, "roll_nom": header.number("ROLL_NOM", 0.0)}


def _options(run: _Run, plan: ColumnPlan) -> ProcessingOptions:
    par = run.par
    seed = par["rand_seed"]
    return ProcessingOptions(
        plan=plan,
        pix_adj=run.method,
        stop=par["stop"],
        rand_seed=seed if seed else clock.time_ns() % 2**31,
        rand_pha=par["rand_pha"],
        trail=par["trail"] if par["check_vf_pha"] else None,
        pi_bin_width=par["pi_bin_width"],
        pi_num_bins=par["pi_num_bins"],
        cti=CtiRules(par["max_cti_iter"], par["cti_converge"]),
    )


def _check_aspect(run: _Run, counts: Counts, names: tuple[str, ...]) -> None:
    if run.table.nrows and counts.outside == run.table.nrows and names:
        raise NoDataError(
            f"{run.infile}: no event falls in the aspect solution {', '.join(names)}; "
            "give the asol1 files of this observation"
        )


def _record(run: _Run, products: EventProducts, plan: ColumnPlan, aspect: tuple[str, ...]) -> CalibrationRecord:
    """Return the keywords that say what was done."""
    from ciaopy import stack
    from ciaopy.caldb.lite import provenance
    from ciaopy.version import __version__

    par, header = run.par, run.header
    keys: dict[str, Any] = {"CREATOR": f"acis_process_events - ciaopy {__version__}"}
    if aspect:
        keys["ASOLFILE"] = stack.join(aspect)
    places = par["stop"] in _PLACES
    if places:
        keys |= {"PIX_ADJ": run.method, "RAND_SKY": 0.5 if run.method == "RANDOMIZE" else 0.0}
        keys["SUBPIXFL"] = products.subpixel.filename if run.method == "EDSER" and products.subpixel else "NONE"
        systems = ("CHIP:AXAF-ACIS-1.0", "TDET:ACIS-2.2", "DET:ASC-FP-1.1", "SKY:ASC-FP-1.1")
        keys |= {f"ACSYS{i}": text for i, text in enumerate(systems, 1)}
    keys["CHKVFPHA"] = bool(par["check_vf_pha"])
    keys["BPIXFILE"] = "NONE" if around.is_none(par["badpixfile"]) else around.base_name(par["badpixfile"])
    keys["MTLFILE"] = "NONE" if around.is_none(par["mtlfile"]) else around.base_name(par["mtlfile"])
    keys |= _pulse_height_keywords(run, products, plan)
    if plan.energy == "gain" and products.gain is not None:
        keys |= {"GAINFILE": products.gain.filename, "RAND_PI": 1.0 if par["rand_pha"] else 0.0}
    elif "GAINFILE" not in header:
        keys["GAINFILE"] = "NONE"
    if run.mode.continuous and places:
        keys["TIME_ADJ"] = "GRATING" if "chipy_tg" in run.table else "TARGET"
    keys |= provenance(header, _lite_used(products, plan), kept=bool(plan.carried))
    source = around.base_name(run.infile)
    notes = []
    if plan.carried:
        notes.append(f"acis_process_events: {', '.join(plan.carried)} kept from {source}, not recalibrated.")
    return CalibrationRecord(keys, plan.carried, source, notes)


def _pulse_height_keywords(run: _Run, products: EventProducts, plan: ColumnPlan) -> dict[str, Any]:
    """Return the keywords on thresholds, grades, CTI and time-dependent gain; kept ones where columns are kept."""
    header = run.header
    keys: dict[str, Any] = {}
    if plan.grades != "carried":
        keys["GRD_FILE"] = products.grades.filename if products.grades else "NONE"
        keys["THRFILE"] = products.split.filename if products.split else "NONE"
        keys |= {"CORNERS": 2, "GRADESYS": "ASCA"}
    kept = plan.pulse_height == "carried"
    if plan.cti_applied and products.cti is not None:
        keys |= {"CTI_CORR": True, "CTI_APP": products.cti_application, "CTIFILE": products.cti.filename}
    elif not kept or "CTI_CORR" not in header:
        keys |= {"CTI_CORR": False, "CTI_APP": "N" * 10, "CTIFILE": "NONE"}
    if plan.drift and products.drift is not None:
        keys |= {"TGAINCOR": "T", "TGAINFIL": products.drift.filename}
    elif not kept or "TGAINCOR" not in header:
        keys |= {"TGAINCOR": "F", "TGAINFIL": "NONE"}
    return keys


def _messages(run: _Run, products: EventProducts, plan: ColumnPlan, counts: Counts) -> list[str]:
    """Return the warnings of a run."""
    found = []
    par = run.par
    if plan.carried:
        found.append(
            f"columns kept from {around.base_name(run.infile)}, not recalibrated: {', '.join(plan.carried)} "
            f"({_reasons(par, products, plan)})"
        )
    skipped = [n for n in ("CTI", "T_GAIN", "GRDIMG") if n in products.missing]
    if skipped and "PHA" not in plan.carried:
        found.append(f"not applied: {', '.join(skipped)} (not in a CALDB)")
    lite = _lite_used(products, plan)
    if lite:
        found.append(
            f"{', '.join(lite)} from the embedded calibration; the header says so (LITECAL, {_lite_version()})"
        )
    n = run.table.nrows
    if counts.outside:
        found.append(
            f"{counts.outside} of {n} events at times without aspect solution: kept, with DET and SKY undefined (NaN)"
        )
    if counts.unsettled:
        found.append(
            f"{counts.unsettled} of {n} events whose CTI adjustment did not settle in {par['max_cti_iter']} steps"
        )
    if counts.without_gain:
        found.append(f"{counts.without_gain} of {n} events on pixels that the gain does not cover: no ENERGY, PI 0")
    if counts.off_chip:
        found.append(f"the target is not on the chip of {counts.off_chip} of {n} events; the nearest row is taken")
    return found


def _reasons(par: ParameterSet, products: EventProducts, plan: ColumnPlan) -> str:
    """Return why columns are kept: products that no CALDB has, or a gain that was declined."""
    found = [str(n) for n in ("CTI", "T_GAIN", "GRDIMG") if n in products.missing and "PHA" in plan.carried]
    declined = around.is_none(par["gainfile"])
    if "ENERGY" in plan.carried and not declined:
        found.append("DET_GAIN")
    reasons = [f"no {', '.join(found)} in a CALDB"] if found else []
    return "; ".join([*reasons, "gainfile=NONE"] if "ENERGY" in plan.carried and declined else reasons)


def _lite_used(products: EventProducts, plan: ColumnPlan) -> list[str]:
    """Return the CALDB names of what came from the embedded calibration and went into the result."""
    unused = {"DET_GAIN": plan.energy != "gain", "GRADE": plan.grades == "carried"}
    return [name for name in products.lite if not unused.get(name, False)]


def _lite_version() -> str:
    from ciaopy.caldb.lite import CALDBVER

    return CALDBVER


def _report(run: _Run, messages: list[str], count: int) -> None:
    """Tell warnings and the result on the screen, and in the log file if there is one."""
    for message in messages:
        run.console.warn(message)
    summary = f"acis_process_events: {count} events of {run.infile} written to {run.par['outfile']}"
    run.ws.console.say(summary, 1)
    logfile = str(run.par["logfile"]).strip()
    if logfile.lower() in ("", "none", "stdout", "stderr"):
        return
    try:
        with Path(logfile).open("a", encoding="utf-8") as log:
            log.write("\n".join([*messages, summary]) + "\n")
    except OSError as error:
        raise UserError(f"logfile={logfile}: cannot be written ({error.strerror})") from error
