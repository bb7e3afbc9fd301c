"""Find the times of a light curve that are free of background flares, and write them as good times."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.datamodel import Gti
from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import ParameterError, UserError
from ciaopy.fits import Image, Table
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.lightcurve import LightCurve, QuietTimes
    from ciaopy.param import ParameterSet
    from ciaopy.plots import FlareStyle

FORMATS = ("pdf", "ps", "eps", "png", "svg")
# Size of the pixels in which `exclude=auto` looks for sources, arcsec.
SEARCH_PIXEL = 2.0


@dataclass(frozen=True)
class Deflared:
    """What a run found.

    Attributes
    ----------
    curve : LightCurve
    found : QuietTimes
    gti : Gti
        Good times, s.
    """

    curve: LightCurve
    found: QuietTimes
    gti: Gti


def run(par: ParameterSet, ws: Workspace) -> Deflared:
    """Run deflare.

    `infile` is a light curve, or an event file, of which one is made in bins of `binlength` without the sources that
    `exclude` names (a region file) or that are found (`auto`).

    Raises
    ------
    ParameterError
        A parameter out of range.
    DataError
        The light curve lacks a column, or has too few bins.
    NoDataError
        Nothing good is left.
    """
    from ciaopy.lightcurve import LightCurve, TooFewGoodError

    infile, outfile = par["infile"].strip(), _name(par["outfile"])
    if not infile:
        raise UserError("infile is empty; give a light curve")
    picture = _picture_name(par["save"])
    for target in filter(None, (outfile, picture)):
        ws.check_output(target, True, (infile,))
    if picture or par["plot"]:
        _style(par).check()
    ws.console.say(f"Running deflare (ciaopy {__version__})")
    table = _light_curve_table(par, ws, infile)
    curve = LightCurve.from_table(table, infile)
    _describe(curve, ws.console)
    try:
        found = _search(par, curve, ws.console)
    except TooFewGoodError as error:
        _draw(par, curve, error.found, None, picture, ws.console)
        raise
    gti = _gti(table, curve, found)
    _report(curve, found, gti, ws.console)
    if outfile:
        _write(par, ws, table, found, gti, outfile)
    _draw(par, curve, found, gti if outfile else None, picture, ws.console)
    ws.console.say(f"Light curve cleaned using the {found.method} routine.")
    return Deflared(curve, found, gti)


def _name(text: str) -> str:
    return "" if text.strip().lower() in ("", "none") else text.strip()


def _picture_name(text: str) -> str:
    """Return the name of the picture: with `.pdf` unless it ends in a format that can be drawn; empty for none."""
    name = _name(text)
    return name if not name or Path(name).suffix.lower().lstrip(".") in FORMATS else f"{name}.pdf"


def _light_curve_table(par: ParameterSet, ws: Workspace, infile: str) -> Table:
    """Read the light curve, or make it from events."""
    from ciaopy.lightcurve import RATES

    block = ws.read(f"{infile}[#row=1:1]") if _is_plain(infile) else ws.read(infile)
    if isinstance(block, Image):
        raise UserError(f"{infile}: an image; a light curve is needed, as made by dmextract with opt=ltc1")
    events = "time" in block and block.vector("sky") is not None and not any(r in block for r in RATES)
    exclude = _name(par["exclude"])
    if not events:
        if exclude:
            raise UserError(f"{infile}: exclude={exclude} needs an event file (with SKY positions) as infile")
        whole = ws.read(infile)
        assert isinstance(whole, Table)
        return whole
    if not par["binlength"] > 0:
        raise ParameterError(f"binlength={par['binlength']} must be above 0")
    left_out = _exclusion(exclude, infile, ws) if exclude else ""
    ws.console.say(f"{infile}: events; a light curve in bins of {par['binlength']:g} s is made of them")
    return events_light_curve(f"{infile}{left_out}[bin time=::{par['binlength']!r}]", ws)


def _is_plain(infile: str) -> bool:
    """True where a row filter may be put behind the name."""
    from ciaopy.datamodel import parse

    return parse(infile).binning is None


def events_light_curve(text: str, ws: Workspace) -> Table:
    """Return the light curve of a virtual file with a binning in time, as `dmextract opt=ltc1` does.

    Raises
    ------
    UserError, DataError
        The file cannot be read, or the binning is not of one column.
    """
    from ciaopy.analysis import light_curve
    from ciaopy.datamodel import OpenFile, open_selection, parse, require_table

    vfile = parse(text)
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        require_table(opened, info)
        return light_curve(open_selection(opened, info, vfile, ws))


def _exclusion(exclude: str, infile: str, ws: Workspace) -> str:
    """Return the filter that leaves sources out; empty where `auto` finds none."""
    if exclude.lower() != "auto":
        if not Path(file_of(exclude)).exists():
            raise UserError(f"{exclude}: no such region file (parameter exclude)")
        return f"[exclude sky=region({exclude})]"
    shapes = auto_sources(infile, ws)
    ws.console.say(f"exclude=auto: {len(shapes)} sources are left out of the light curve")
    for shape in shapes:
        ws.console.say(f"  {shape}", 2)
    return f"[exclude sky={'+'.join(shapes)}]" if shapes else ""


def auto_sources(infile: str, ws: Workspace) -> list[str]:
    """Return circles about the sources of an event file, as region texts in SKY pixels.

    See `ciaopy.lightcurve.find_sources`; the image has pixels of about 2 arcsec.

    Raises
    ------
    UserError
        No image can be made of the events.
    """
    from ciaopy.datamodel import physical_axis, table_wcs
    from ciaopy.lightcurve import find_sources

    head = ws.read(f"{infile}[#row=1:1]")
    wcs = table_wcs(head) if isinstance(head, Table) else None
    step = max(round(SEARCH_PIXEL / 3600.0 / wcs.scale), 1) if wcs is not None else 4
    image = ws.read(f"{infile}[bin sky={step}]")
    if not isinstance(image, Image) or image.data is None:
        raise UserError(f"{infile}: no image of the events can be made; exclude=auto needs SKY positions")
    axes = [physical_axis(image.header, n) for n in (1, 2)]
    shapes = []
    for circle in find_sources(image.data.astype(np.int64)):
        x, y = (float(a.from_logical(p + 1)) for a, p in zip(axes, (circle.x, circle.y), strict=True))
        shapes.append(f"circle({x:.2f},{y:.2f},{circle.radius * step:.2f})")
    return shapes


def _describe(curve: LightCurve, console: Console) -> None:
    """Say how many bins there are and how many have less exposure than the others, none, or no rate."""
    console.say(f"  number of bins: {len(curve.rate)}")
    if curve.exposure is not None:
        longest = curve.bin_width
        partial = (curve.exposure > 0) & (curve.exposure < longest)
        console.say(f"  longest bin: {longest:.6g} s")
        console.say(f"  bins with a shorter exposure: {np.count_nonzero(partial)}")
        console.say(f"  bins without exposure: {np.count_nonzero(~(curve.exposure > 0))}")
    console.say(f"  bins without a rate above 0: {np.count_nonzero(~curve.valid)}")


def _search(par: ParameterSet, curve: LightCurve, console: Console) -> QuietTimes:
    from ciaopy.lightcurve import lc_clean, lc_sigma_clip

    if par["method"] == "sigma":
        return lc_sigma_clip(curve, par["nsigma"], int(par["minlength"]))
    mean = par["mean"] if par["mean"] and par["mean"] > 0 else None
    if mean is not None:
        console.warn(f"the quiet level is {mean:g} count/s as given by mean, not found from the light curve")
    sigma = par["stddev"] if par["stddev"] and par["stddev"] > 0 else None
    return lc_clean(curve, mean, par["nsigma"], sigma, par["scale"], par["minfrac"])


def user_limit(curve: LightCurve, limits: tuple[float, float]) -> str:
    """Return the limits as a condition for dmgti, with all digits."""
    return f"({curve.rate_name}>{limits[0]!r} && {curve.rate_name}<{limits[1]!r})"


def _gti(table: Table, curve: LightCurve, found: QuietTimes) -> Gti:
    """Return the good times: those that dmgti gives for the limits, or the runs of bins."""
    from ciaopy.analysis import good_times, limit_status, parse_limit
    from ciaopy.datamodel import Subspace
    from ciaopy.errors import NoDataError

    if found.intervals is not None:
        return found.intervals
    status = limit_status(table, [parse_limit(user_limit(curve, found.limits))])
    gti = good_times(table, np.asarray(~status.any(axis=1)))
    own = [value.gti for value in Subspace.from_header(table.header, table.companions).tables()]
    if own:
        gti &= Gti.union(own)
    if not len(gti):
        raise NoDataError(f"{curve.name}: the good bins have no good time in common with the light curve's GTIs")
    return gti


def _write(par: ParameterSet, ws: Workspace, table: Table, found: QuietTimes, gti: Gti, outfile: str) -> None:
    """Write the good time file: FILTER and GTI blocks, the history of dmgti and of deflare."""
    from ciaopy.datamodel import filter_block

    block = filter_block(table, gti)
    for header in (block.header, *(b.header for b in block.companions)):
        header["COMMENT"] = f"deflare version ciaopy {__version__}, routine {found.method}"
    ws.write(outfile, block, par, clobber=True)
    ws.console.say(f"Created: {outfile}")


def _report(curve: LightCurve, found: QuietTimes, gti: Gti, console: Console) -> None:
    from ciaopy.plots import histogram_edges

    low, high = found.limits
    console.say(f"  rate limits: {low:.6g} to {high:.6g} count/s; mean of the good bins: {found.mean:.6g} count/s")
    console.say(f"  good bins: {np.count_nonzero(found.good)} of {found.good.size}")
    live = float(curve.labels.get("DTCOR", 1.0) or 1.0)
    total = 0.0
    middle = curve.time if curve.start is None or curve.stop is None else (curve.start + curve.stop) / 2
    for start, stop in gti:
        inside = np.flatnonzero((middle >= start) & (middle < stop))
        seconds = (stop - start) * live if curve.exposure is None else float(np.sum(curve.exposure[inside]))
        total += seconds
        first = int(inside[0]) + 1 if inside.size else 0
        console.say(f"  ((time >= {start:.3f}) && (time < {stop:.3f})) ; {seconds / 1000:.3f} ksec, bin {first}")
    if "EXPOSURE" in curve.labels:
        console.say(f"  exposure of the light curve: {float(curve.labels['EXPOSURE']) / 1000:.3f} ksec")
    console.say(f"  exposure of the good times: {total / 1000:.3f} ksec")
    console.say(f"  DTCOR: {live:.6g}")
    finite = curve.rate[np.isfinite(curve.rate)]
    if finite.size and histogram_edges(finite, found.limits)[1]:
        console.say("  the bins of the histogram are wider than usual: there would be more than 1000", 2)


def _style(par: ParameterSet) -> FlareStyle:
    from ciaopy.plots import FlareStyle

    return FlareStyle(par["rateaxis"] == "x", par["pattern"], par["good_color"], par["exclude_color"])


def _draw(
    par: ParameterSet, curve: LightCurve, found: QuietTimes, gti: Gti | None, picture: str, console: Console
) -> None:
    """Draw the picture that `save` and `plot` ask for."""
    from ciaopy.plots import flare_figure

    if not (par["plot"] or picture):
        return
    style = _style(par)
    if picture:
        from io import BytesIO

        from ciaopy.fits import AtomicFile

        buffer = BytesIO()
        flare_figure(curve, found, gti, style).savefig(buffer, format=Path(picture).suffix.lower().lstrip("."))
        with AtomicFile(picture, True) as file:
            file.write(buffer.getvalue())
        console.say(f"Created: {picture}")
    if par["plot"]:
        _show(curve, found, gti, style, console)


def _show(curve: LightCurve, found: QuietTimes, gti: Gti | None, style: FlareStyle, console: Console) -> None:
    """Open a window and wait for the Enter key; without a display say so."""
    from ciaopy.plots import flare_figure

    if not os.environ.get("DISPLAY") and sys.platform != "darwin":
        console.warn("plot=yes: no display ($DISPLAY is not set), so no window is opened; save=NAME writes the picture")
        return
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(8, 8), layout="constrained")
    flare_figure(curve, found, gti, style, figure)
    console.activity.stop()
    figure.show()
    console.say("Press Enter to end.", 0)
    sys.stdin.readline()
    pyplot.close(figure)
