"""Find the times of an XMM-Newton EPIC exposure that are free of background flares, and cut events to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel import Gti, note_tool
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.fits import AtomicFile, Column, Table, new_header
from ciaopy.xmm import (
    CORNERS_AND_FOV,
    FIELD_OF_VIEW,
    OUT_OF_FOV,
    EventList,
    exposure,
    flares,
    geometry,
    is_mos,
    open_event_list,
    selecting,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

OUTPUTS = ("gtiset", "histset", "filteredset", "filteredootset")
# Energies of SAS for the ratio method, eV.
RATIO_BAND = (8000, 12000)


class _Taker:
    """Hands the times of selected rows to a light curve."""

    def __init__(self, curve: flares.FlareCurve) -> None:
        self.curve = curve

    def add(self, table: Table, mask: NDArray[np.bool_]) -> None:
        """Count selected rows."""
        self.curve.add(table["time"][mask])


def run(par: ParameterSet, ws: Workspace) -> flares.Quiet:
    """Find quiet times and write what is asked for.

    Raises
    ------
    UserError
        A parameter is out of range, or no output is asked for.
    DataError
        The event list is not as needed.
    NoDataError
        No counts (noCounts), or no quiet time.
    """
    outputs = {name: str(par[name]).strip() for name in OUTPUTS}
    if not any(outputs.values()):
        raise UserError("no output asked for; give gtiset, histset or filteredset")
    ootfile = _name(par["ootfile"])
    if bool(ootfile) != bool(outputs["filteredootset"]):
        raise UserError("ootfile and filteredootset belong together: give both or none")
    inputs = (str(par["eventfile"]), *([ootfile] if ootfile else []))
    for name in filter(None, outputs.values()):
        ws.check_output(name, par["clobber"], inputs)
    events = open_event_list(str(par["eventfile"]))
    settings = _settings(par, events)
    try:
        quiet = (
            _by_ratio(par, ws, events, settings) if par["method"] == "ratio" else _by_histogram(par, events, settings)
        )
    except NoDataError as error:
        raise NoDataError(f"{events.path}: {error}") from None
    total = events.central_gti().duration
    ws.console.say(f"{events.path.name}: {quiet.gti.duration:.1f} s of {total:.1f} s are quiet")
    _write(par, ws, events, quiet, outputs, ootfile)
    return quiet


def _name(text: str) -> str:
    return "" if str(text).strip().lower() in ("", "none", "dataset") else str(text).strip()


def _settings(par: ParameterSet, events: EventList) -> flares.FlareSettings:
    words = str(par["limits"]).replace(",", " ").split()
    try:
        low, high = (float(w) for w in words)
    except ValueError:
        raise UserError(f"limits={par['limits']}: two numbers are needed, such as 0.1 6.5") from None
    if not 0 < low < high:
        raise UserError(f"limits={par['limits']}: need 0 < first < second")
    for key in ("ratio", "allowsigma"):
        if not (par[key] or 0) > 0:
            raise UserError(f"{key}={par[key]}: must be above 0")
    if par["elow"] >= par["ehigh"]:
        raise UserError(f"elow={par['elow']} ehigh={par['ehigh']}: the first must be below the second (eV)")
    scale = par["rangescale"] or (6.0 if is_mos(events.instrument) else 15.0)
    return flares.FlareSettings(
        par["smooth"] if par["withsmoothing"] else 0.0,
        par["binsize"] if par["withbinning"] else 1.0,
        par["ratio"],
        par["allowsigma"],
        scale,
        (low, high),
    )


def _base(par: ParameterSet, events: EventList) -> str:
    patterns = 12 if is_mos(events.instrument) else 4
    return f"PI in [{par['elow']}:{par['ehigh']}] && PATTERN <= {patterns}"


def _count(events: EventList, expression: str, curve: flares.FlareCurve) -> None:
    plan = selecting.plan_selection(events, expression, update=False, filter_frames=False)
    selecting.run_selection(plan, [_Taker(curve)], ["time"])


def _by_histogram(par: ParameterSet, events: EventList, settings: flares.FlareSettings) -> flares.Quiet:
    curve = flares.FlareCurve(events.central_gti())
    _count(events, f"{_base(par, events)} && (FLAG & {FIELD_OF_VIEW[events.instrument]:#x}) == 0", curve)
    return flares.quiet_by_histogram(curve, settings)


def _by_ratio(par: ParameterSet, ws: Workspace, events: EventList, settings: flares.FlareSettings) -> flares.Quiet:
    if (par["elow"], par["ehigh"]) != RATIO_BAND:
        low, high = RATIO_BAND
        energies = f"elow={par['elow']} ehigh={par['ehigh']}"
        ws.console.warn(f"method=ratio with {energies}; SAS takes {low} to {high} eV for it")
    core, corner = geometry.FLARE_CORE[events.instrument], geometry.FLARE_CORNER[events.instrument]
    gti = events.central_gti()
    field, corners = flares.FlareCurve(gti), flares.FlareCurve(gti)
    clean = f"{_base(par, events)} && (FLAG & {CORNERS_AND_FOV[events.instrument]:#x}) == 0"
    outside = "!circle({},{},{},DETX,DETY)"
    _count(events, f"{clean} && (FLAG & {OUT_OF_FOV:#x}) == 0 && {outside.format(*core)}", field)
    _count(events, f"{clean} && (FLAG & {OUT_OF_FOV:#x}) != 0 && {outside.format(*corner)}", corners)
    areas = geometry.ratio_areas(events.instrument, exposure.fit_positions(events), events.ccds)
    return flares.quiet_by_ratio(field, corners, *areas, settings)


def _write(
    par: ParameterSet, ws: Workspace, events: EventList, quiet: flares.Quiet, outputs: dict[str, str], ootfile: str
) -> None:
    clobber = par["clobber"]
    if outputs["histset"]:
        with AtomicFile(outputs["histset"], clobber) as file:
            file.write(_text(quiet, par).encode())
    if outputs["filteredset"]:
        _cut(par, events, quiet.gti, outputs["filteredset"])
    if outputs["filteredootset"]:
        other = open_event_list(ootfile)
        if other.instrument != events.instrument:
            raise DataError(f"{other.path}: of {other.instrument}, the events are of {events.instrument}")
        _cut(par, other, quiet.gti, outputs["filteredootset"])
    if outputs["gtiset"]:
        ws.write(outputs["gtiset"], gti_table(par, events, quiet), par, clobber)


def _cut(par: ParameterSet, events: EventList, gti: Gti, outfile: str) -> None:
    """Write the events of field of view and corners within the good times."""
    name = re.sub(r"[^\w.+-]", "_", Path(str(par["gtiset"]).strip() or "espfilt").name)
    expression = f"(FLAG & {CORNERS_AND_FOV[events.instrument]:#x}) == 0 && GTI({name},TIME)"
    plan = selecting.plan_selection(events, expression, files={name: gti})
    note_tool(plan.header, par)
    selecting.run_selection(plan, [], [], outfile, par["clobber"])


def gti_table(par: ParameterSet, events: EventList, quiet: flares.Quiet) -> Table:
    """Return the table STDGTI of the quiet times."""
    header = new_header()
    header["EXTNAME"] = ("STDGTI", "name of this table")
    for key in ("TELESCOP", "INSTRUME", "OBS_ID", "EXPIDSTR", "MJDREF", "TIMESYS", "TIMEUNIT", "TIMEREF", "TASSIGN"):
        if key in events.header:
            header[key] = (events.header[key], events.header.comments[key])
    header["HDUCLASS"], header["HDUCLAS1"], header["HDUCLAS2"] = "OGIP", "GTI", "STANDARD"
    header["ONTIME"] = (quiet.gti.duration, "[s] sum of all Good Time Intervals")
    values: list[tuple[str, Any, str]] = [("METHOD", par["method"], "how quiet times are told")]
    if quiet.fit is not None:
        values += [
            ("MEAN", quiet.fit.mean, "[count/s] mean of the Gaussian"),
            ("SIGMA", quiet.fit.sigma, "[count/s] its sigma"),
            ("PEAK", quiet.fit.peak, "[count/s] fullest bin of the histogram"),
            ("ALLOWSIG", par["allowsigma"], "sigma about the mean that are good"),
        ]
    else:
        values.append(("RATIO", par["ratio"], "highest ratio that is good"))
    values += [("ELOW", par["elow"], "[eV] lowest energy"), ("EHIGH", par["ehigh"], "[eV] highest energy")]
    for key, value, comment in values:
        header[key] = (value, comment)
    columns = [Column(n, np.array(v), "D", "s") for n, v in (("START", quiet.gti.start), ("STOP", quiet.gti.stop))]
    return Table("STDGTI", {c.name.lower(): c for c in columns}, header)


def _text(quiet: flares.Quiet, par: ParameterSet) -> str:
    """Return three blocks for QDP: light curve, histogram with the fit, accepted bins."""
    rows = [f"! {par['method']}: time (s), rate (count/s or ratio)"]
    known = np.isfinite(quiet.rate)
    rows += [f"{t:.3f} {r:.6g}" for t, r in zip(quiet.time[known], quiet.rate[known], strict=True)]
    rows += ["NO NO", "! rate (count/s), bins, fit"]
    if quiet.fit is not None:
        middle = 0.5 * (quiet.edges[:-1] + quiet.edges[1:])
        model = quiet.fit.height * np.exp(-0.5 * ((middle - quiet.fit.mean) / quiet.fit.sigma) ** 2)
        rows += [f"{m:.6g} {n} {f:.6g}" for m, n, f in zip(middle, quiet.histogram, model, strict=True)]
    rows += ["NO NO NO", "! accepted: time (s), rate"]
    good = known & quiet.good
    rows += [f"{t:.3f} {r:.6g}" for t, r in zip(quiet.time[good], quiet.rate[good], strict=True)]
    return "\n".join(rows) + "\n"
