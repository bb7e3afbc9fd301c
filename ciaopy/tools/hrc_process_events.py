"""Recalibrate HRC events: amplifier tests, positions, pulse heights, bad pixels, coordinates."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.console import Console
from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.events import DefinedColumn, parse_event_definition
from ciaopy.fits import Table
from ciaopy.hrc import (
    COMMENTS,
    HrcDetector,
    Observation,
    Options,
    ProcessedEvents,
    coordinate_systems,
    event_table,
    process_events,
)
from ciaopy.response import HrcProducts, apply_obsfile, base_name, is_none, load_hrc_products, read_aspect

if TYPE_CHECKING:
    from ciaopy.coords import EventTransform
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

_PLACES = ("tdet", "det", "sky")


@dataclass(frozen=True, eq=False)
class _Run:
    """What one run has in hand: parameters, the events as read, and the header of the output."""

    par: ParameterSet
    ws: Workspace
    console: Console
    infile: str
    table: Table
    header: Header
    detector: HrcDetector
    levels: tuple[float, int]


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run hrc_process_events.

    Raises
    ------
    UserError, ParameterError
        A parameter cannot be honoured; an output exists.
    DataError
        The events or a companion file lack what is needed, or are of another detector.
    CalibrationError
        A calibration file that was asked for is missing or unreadable.
    """
    definition = parse_event_definition(par["eventdef"])
    rejected = None if is_none(par["badfile"]) else parse_event_definition(par["badeventdef"], "badeventdef")
    run = _open(par, ws)
    products = load_hrc_products(par, run.detector, run.header, frozenset(run.table.columns), run.levels)
    for message in _before(run, products):
        run.console.warn(message)
    ratio = (par["grid_ratio"], par["pha_ratio"], par["amp_gain"]) if par["do_ratio"] else None
    calibration = products.rules(run.detector, run.header, ratio, run.levels)
    transform, aspect = _transform(run)
    origin = _origin(run, transform) if calibration.chips is None and par["start"] == "coarse" else None
    observation = Observation(run.detector, transform, _bad_areas(run), run.infile, origin)
    columns = {name: column.data for name, column in run.table.columns.items()}
    done = process_events(columns, definition, calibration, observation, _options(par), (ws.nproc, 65536))
    _check_aspect(run, done, aspect)
    messages = _after(run, done)
    _write_keywords(run, products, aspect)
    frame = transform.frame if transform is not None else None
    out = event_table(run.table, run.header, done.columns, definition, frame, run.detector)
    if rejected is not None:
        ws.write(par["badfile"], _rejected_events(run, rejected, done), par=par, clobber=par["clobber"])
    ws.write(par["outfile"], out, par=par, clobber=par["clobber"])
    _report(run, messages, len(out))


def _options(par: ParameterSet) -> Options:
    seed = par["rand_seed"]
    return Options(
        start=par["start"],
        stop=par["stop"],
        rand_pix_size=par["rand_pix_size"] or 0.0,
        rand_seed=seed if seed else clock.time_ns() % 2**31,
    )


def _open(par: ParameterSet, ws: Workspace) -> _Run:
    """Read the events and settle the detector."""
    if not is_none(par["ADCfile"]):
        raise UserError(f"ADCfile={par['ADCfile']}: corrections of the ADC are not done by ciaopy; set ADCfile=NONE")
    names = _input_names(par["infile"], ws)
    ws.check_output(par["outfile"], par["clobber"], tuple(names))
    if not is_none(par["badfile"]):
        ws.check_output(par["badfile"], par["clobber"], tuple(names))
    console = ws.console if par.given("verbose") else ws.console.at(max(ws.console.verbose, 1))
    tables = []
    for name in names:
        block = ws.read(name)
        if not isinstance(block, Table):
            raise DataError(f"{name}: an image, not an event table; give the level-1 event file")
        HrcDetector.of_header(block.header, name)
        if "time" not in block:
            raise DataError(f"{name}: no column TIME in block {block.name}; give the level-1 event file")
        tables.append(block)
    table = tables[0] if len(tables) == 1 else _joined(tables, names)
    header = table.header.copy()
    apply_obsfile(header, par["obsfile"], ws)
    levels = _levels(header, par["obsfile"], ws, HrcDetector.of_header(header, names[0]))
    return _Run(par, ws, console, ",".join(names), table, header, HrcDetector.of_header(header, names[0]), levels)


def _input_names(text: str, ws: Workspace) -> list[str]:
    from ciaopy.stack import build

    whole = str(text).strip()
    names = [whole] if whole and ws.exists(whole) else [n for n in build(whole) if n.strip()]
    if not names:
        raise UserError("infile is empty; give the level-1 event file")
    for name in names:
        if not ws.exists(name):
            raise UserError(f"{file_of(name)}: no such file; infile names event files")
    return names


def _joined(tables: list[Table], names: list[str]) -> Table:
    """Return the rows of a stack of files one after the other, with a merged header.

    Raises
    ------
    DataError
        The files are of different detectors, or of different columns.
    """
    from ciaopy.datamodel import merge_tables

    detectors = {HrcDetector.of_header(t.header, n).name for t, n in zip(tables, names, strict=True)}
    if len(detectors) > 1:
        raise DataError(f"{names[0]}, ...: events of {' and '.join(sorted(detectors))}; give files of one detector")
    merged, _ = merge_tables(tables)
    return merged


def _levels(header: Header, obsfile: str, ws: Workspace, detector: HrcDetector) -> tuple[float, int]:
    """Return RANGELEV and WIDTHRES: of the obsfile, else of the events, else what held at the date."""
    known: dict[str, Any] = dict(header)
    given: dict[str, Any] = {}
    if not is_none(obsfile):
        from ciaopy.response import observation_header

        other = observation_header(obsfile, ws)
        for name in ("RANGE_SWITCH_LEVEL", "RANGELEV", "WIDTH_THRESHOLD", "WIDTHRES"):
            key = "RANGELEV" if name.startswith("RANGE") else "WIDTHRES"
            if name in other and key not in given:
                given[key] = other[name]
    return detector.range_switch_level(known | given), detector.width_threshold(known | given)


def _transform(run: _Run) -> tuple[EventTransform | None, tuple[str, ...]]:
    """Return the coordinate transformation, None if no coordinates are wanted, and the aspect files."""
    if run.par["stop"] not in _PLACES and run.par["start"] != "tdet":
        return None, ()
    from ciaopy.coords import EventTransform, FocalPlane, SkyFrame
    from ciaopy.response import chosen_geometry

    geometry, names = chosen_geometry(run.par["geompar"], run.header)
    run.header.update(names)
    plane = FocalPlane.from_header(run.header, geometry, run.infile)
    frame = SkyFrame.from_header(run.header, geometry, run.infile)
    aspect, sources = read_aspect(run.par["acaofffile"], run.header, run.ws, run.console)
    return EventTransform(plane, frame, aspect), sources


def _origin(run: _Run, transform: EventTransform | None) -> EventTransform | None:
    """Return the transformation of the aspect solution behind the input's DET: its ASOLFILE, beside the one given.

    An old solution that was brought up to date has other offsets than it had then.
    """
    from ciaopy.coords import AspectSolution, EventTransform, FocalPlane

    if transform is None or not isinstance(transform.aspect, AspectSolution) or not transform.aspect.sources:
        return None
    names = [n.strip() for n in str(run.table.header.get("ASOLFILE", "")).split(",") if n.strip()]
    folder = Path(file_of(transform.aspect.sources[0])).parent
    given = {base_name(name) for name in transform.aspect.sources}
    paths = [folder / base_name(n) for n in names if n.upper() != "NONE"]
    if not paths or {p.name for p in paths} == given or not all(run.ws.exists(p) for p in paths):
        return None
    plane = FocalPlane.from_header(run.table.header, where=run.infile)
    return EventTransform(plane, transform.frame, AspectSolution.read(paths, run.ws))


def _bad_areas(run: _Run) -> Any:
    """Return the rectangles of the bad pixel file, None for NONE."""
    from ciaopy.hrc import rectangles
    from ciaopy.response import obsid

    value = run.par["badpixfile"].strip()
    if is_none(value):
        return None
    if value.upper().startswith("CALDB"):
        raise UserError("badpixfile=CALDB: give the bpix1 file, or make one with hrc_build_badpix; NONE skips the test")
    tables = run.ws.dataset(value).tables("BADPIX")
    if not tables:
        raise DataError(f"{value}: no BADPIX table in it; give the bpix1 file of the observation, or badpixfile=NONE")
    instrument = str(tables[0].header.get("INSTRUME", "HRC")).strip().upper()
    if instrument != "HRC":
        raise DataError(f"{value}: a bad pixel file of {instrument}; give that of the {run.detector.name}")
    detnam = str(tables[0].header.get("DETNAM", run.detector.name)).strip().upper()
    if detnam.startswith("HRC-") and detnam[:5] != run.detector.name[:5]:
        raise DataError(f"{value}: a bad pixel file of the {detnam}; the events are of the {run.detector.name}")
    other, own = obsid(tables[0].header), obsid(run.header)
    if other and own and other != own:
        run.console.warn(f"{value}: made for ObsID {other}, the events are of {own}")
    return rectangles(tables[0], value, run.detector)


def _check_aspect(run: _Run, done: ProcessedEvents, names: tuple[str, ...]) -> None:
    n = len(done.columns["time"]) if "time" in done.columns else run.table.nrows
    if n and done.counts.outside == n and names:
        raise NoDataError(
            f"{run.infile}: no event falls in the aspect solution {', '.join(names)}; "
            "give the asol1 files of this observation"
        )


def _before(run: _Run, products: HrcProducts) -> list[str]:
    """Return what is said before the work begins: what is carried over, embedded or left out."""
    found = []
    if products.notes:
        kept = "; ".join(f"{what}: {why}" for what, why in products.notes.items())
        found.append(f"kept from {base_name(run.infile)}, for want of calibration ({kept}); set $CALDB or name files")
    if products.embedded:
        from ciaopy.caldb.lite import CALDBVER

        found.append(
            f"{', '.join(products.embedded)} from the embedded calibration; the header says so (LITECAL, {CALDBVER})"
        )
    if products.skipped:
        found.append(f"not applied: {', '.join(products.skipped)}")
    return found


def _after(run: _Run, done: ProcessedEvents) -> list[str]:
    """Return the messages on events."""
    n, counts = run.table.nrows, done.counts
    found = []
    if done.kept is not None:
        lost = n - int(done.kept.sum())
        where = "left out" if is_none(run.par["badfile"]) else f"written to {run.par['badfile']}"
        found.append(f"{lost} of {n} events with a coarse position that the {run.detector.name} does not have: {where}")
    if counts.outside:
        found.append(
            f"{counts.outside} of {n} events at times without aspect solution: kept, with DET and SKY undefined (NaN)"
        )
    if counts.shifted:
        found.append(f"{counts.shifted} of {n} events whose RAW changed: CHIP of the input is moved with it (no degap)")
    if counts.strange:
        found.append(
            f"{counts.strange} of {n} events whose RAW does not follow from the amplifiers: CHIP of the input is kept"
        )
    if n and counts.whole > n // 2 and run.par["stop"] in _PLACES:
        found.append(
            "DET of the input does not belong to this aspect solution: positions are those of whole chip pixels "
            "(0.05 arcsec rms)"
        )
    return found


def _write_keywords(run: _Run, products: HrcProducts, aspect: tuple[str, ...]) -> None:
    """Write into the header what was used."""
    from ciaopy import __version__
    from ciaopy.caldb.lite import provenance

    par, header = run.par, run.header
    keys: dict[str, Any] = {"CREATOR": f"hrc_process_events - ciaopy {__version__}", "CONTENT": "EVT1"}
    keys |= {"HDUCLAS2": "ALL", **products.keywords, "ADCCORF": "NONE"}
    keys["BPIXFILE"] = "NONE" if is_none(par["badpixfile"]) else base_name(par["badpixfile"])
    if aspect:
        keys["ASOLFILE"] = ",".join(aspect)
    if not products.carry_taps:
        keys["AMPSFCOR"] = products.scale_applied
    keys |= {"RANGELEV": int(run.levels[0]), "WIDTHRES": run.levels[1]}
    if par["stop"] in _PLACES:
        keys["RAND_SKY"] = float(par["rand_pix_size"] or 0.0)
        keys |= coordinate_systems(run.detector)
    keys |= provenance(header, products.embedded, kept=bool(products.notes))
    header.remove("LITECAL", ignore_missing=True)
    for key, value in keys.items():
        header[key] = (value, header.comments[key] if key in header else COMMENTS.get(key, ""))
    for key in ("KEPTCOLS", "KEPTFROM"):
        header.remove(key, ignore_missing=True)
    if products.notes:
        header["KEPTCOLS"] = ("; ".join(products.notes), COMMENTS["KEPTCOLS"])
        header["KEPTFROM"] = (base_name(run.infile), COMMENTS["KEPTFROM"])


def _rejected_events(run: _Run, definition: tuple[DefinedColumn, ...], done: ProcessedEvents) -> Table:
    """Return the events that have no place on the detector, as `badeventdef` wants them."""
    import numpy as np

    from ciaopy.hrc import scaled_sums

    lost = np.zeros(run.table.nrows, bool) if done.kept is None else ~done.kept
    source = run.table.take(lost)
    arrays: dict[str, Any] = {}
    for item in definition:
        if item.name in source:
            arrays[item.name] = np.asarray(source[item.name]).astype(item.dtype)
        elif item.name == "samp" and {"sumamps", "amp_sf"} <= set(source.columns):
            samp = scaled_sums(source["sumamps"].astype(np.int32), source["amp_sf"].astype(np.int16))
            arrays["samp"] = samp.astype(item.dtype)
        elif item.name == "samp":
            sums = sum(source[n].astype(np.int32) for n in ("au1", "au2", "au3", "av1", "av2", "av3"))
            scale = source["amp_sf"].astype(np.int16) if "amp_sf" in source else np.ones(len(source), np.int16)
            arrays["samp"] = scaled_sums(np.asarray(sums, np.int32), scale).astype(item.dtype)
        else:
            raise DataError(f"{run.infile}: no column {item.name.upper()}, which badeventdef asks for; leave it out")
    table = event_table(source, run.header.copy(), arrays, definition, None, run.detector)
    table.header["CONTENT"] = "BADEVT1"
    return table


def _report(run: _Run, messages: list[str], count: int) -> None:
    """Tell warnings and the result on the screen, and in the log file if there is one."""
    for message in messages:
        run.console.warn(message)
    summary = f"hrc_process_events: {count} events of {run.infile} written to {run.par['outfile']}"
    run.ws.console.say(summary, 1)
    logfile = str(run.par["logfile"]).strip()
    if logfile.lower() in ("", "none", "stdout", "stderr"):
        return
    try:
        with Path(logfile).open("a", encoding="utf-8") as log:
            log.write("\n".join([*messages, summary]) + "\n")
    except OSError as error:
        raise UserError(f"logfile={logfile}: cannot be written ({error.strerror})") from error
