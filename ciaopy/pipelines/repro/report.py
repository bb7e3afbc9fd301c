"""The report of chandra_repro: one HTML page that stands alone, with its figures also beside the products."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError, OutputExistsError
from ciaopy.pipelines.repro import grating_report, moving_report
from ciaopy.plots import figures, moment, picture_of_events
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.engine import Timing
    from ciaopy.fits import Dataset, Header, Table
    from ciaopy.pipelines.repro.job import Job

__all__ = ["check_report", "report_files", "write_report"]

_FIGURES = ("image", "lightcurve", "spectrum", "badpix")

_OBSERVATION = (
    "OBS_ID", "OBJECT", "OBSERVER", "DATE-OBS", "INSTRUME", "DETNAM", "DATAMODE", "READMODE", "GRATING", "RA_TARG",
    "DEC_TARG", "RA_PNT", "DEC_PNT", "ROLL_PNT", "ONTIME", "LIVETIME", "EXPOSURE", "DTCOR",
)  # fmt: skip

_CALIBRATION = (
    "CALDBVER", "CTIFILE", "CTI_APP", "TGAINFIL", "GAINFILE", "GRD_FILE", "THRFILE", "SUBPIXFL", "PIX_ADJ", "GEOMFILE",
    "AIMPFILE", "TDETFILE", "SKYFILE", "BPIXFILE", "ASOLFILE", "MASKFILE", "FLTFILE", "DEGAP", "GAINCORF", "TAPRING",
    "HYPFILE", "SATFILE", "FLATFILE", "AMPSFFIL", "RANGELEV", "WIDTHRES", "RAND_SKY", "DTFFILE",
)  # fmt: skip

_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.15em;border-bottom:1px solid #ccc;margin-top:1.8em}
table{border-collapse:collapse}td,th{padding:.15em .9em .15em 0;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%}code{font-size:.92em}"""

_GOOD_GRADES = (0, 2, 3, 4, 6)
_WHAT_IS_GOOD = {"ACIS": "with grade 0, 2, 3, 4, 6", "HRC": "with the status of level 2"}

# Largest side of the counts image, pixels.
_IMAGE_SIZE = 512


@dataclass(frozen=True)
class _Facts:
    """What the page tells."""

    events: Table
    good: dict[int, NDArray[np.float64]]
    steps: list[tuple[str, int]]
    raw: tuple[NDArray[np.float64], NDArray[Any]]


def report_files(job: Job) -> tuple[Path, ...]:
    """Return the files of a report: the page and its figures."""
    return (job.file("repro_report.html"), *(job.file(f"repro_{name}.png") for name in _figure_names(job)))


def _figure_names(job: Job) -> tuple[str, ...]:
    gratings = grating_report.FIGURES if grating_report.has_gratings(job) else ()
    return _FIGURES + gratings + ((moving_report.FIGURE,) if job.freezes else ())


def check_report(job: Job) -> None:
    """Refuse a report before any work.

    Raises
    ------
    OutputExistsError
        Files of an earlier report exist and clobber=no.
    """
    there = [p.name for p in report_files(job) if p.exists()]
    if there and not job.options.clobber:
        raise OutputExistsError(f"{job.out}: {', '.join(there)} exist; set clobber=yes to replace them")


def write_report(job: Job, timings: Sequence[Timing], warnings: Sequence[str]) -> list[Path]:
    """Write the report of one finished dataset.

    Parameters
    ----------
    job : Job
        The products lie under the names it gives.
    timings : sequence of Timing
        Seconds of each step.
    warnings : sequence of str
        What was warned about; repeated texts are shown once.

    Returns
    -------
    list of Path
        The page and the figures.

    Raises
    ------
    OutputExistsError
        Files of an earlier report exist and clobber=no.
    """
    from ciaopy.fits import AtomicFile, read_dataset

    check_report(job)
    facts = _facts(job)
    page, *pictures = report_files(job)
    drawn = [figures.png(f) for f in _figures(job, facts)]
    if grating_report.has_gratings(job):
        products = read_dataset(job.file("repro_evt2.fits"))
        picture = picture_of_events(facts.events, _IMAGE_SIZE)
        drawn += [figures.png(f) for f in grating_report.grating_figures(job, products, picture)]
    frozen = job.freezes and moving_report.is_frozen(facts.events)
    if frozen:
        drawn.append(figures.png(moving_report.moving_figure(job, facts.events)))
    elif job.freezes:  # freezing failed: there is nothing to show
        pictures = pictures[:-1]
    for path, data in zip(pictures, drawn, strict=True):
        with AtomicFile(path, clobber=True) as file:
            file.write(data)
    html = _page(job, facts, drawn, timings, warnings)
    with AtomicFile(page, clobber=True) as file:
        file.write(html.encode("utf-8"))
    return [page, *pictures]


def _facts(job: Job) -> _Facts:
    from ciaopy.fits import read_dataset

    final = job.file("repro_evt2.fits")
    products = read_dataset(final)
    events = products.block("EVENTS")
    raw = _level1(job)
    good = {int(t.header.get("CCD_ID", -1)): np.stack([t["START"], t["STOP"]], axis=1) for t in _gti(products)}
    time, ccd = raw["time"], raw["chip"]
    inside = np.zeros(len(time), bool)
    for chip, intervals in good.items():
        k = np.flatnonzero(ccd == chip) if chip >= 0 else np.arange(len(time))
        edges = intervals[np.argsort(intervals[:, 0])].ravel()
        inside[k] |= np.searchsorted(edges, time[k], side="right") % 2 == 1
    kept = inside & raw["good"]
    table = _as_table(events, final)
    steps = [
        ("level 1", len(time)),
        ("in the new good times", int(inside.sum())),
        (f"... {_WHAT_IS_GOOD[job.obs.events.instrument]} (as in the input)", int(kept.sum())),
        ("level 2 (as processed anew)", table.nrows),
    ]
    return _Facts(table, good, steps, (time, ccd))


def _gti(products: Dataset) -> list[Table]:
    return products.tables("GTI")


def _as_table(block: Any, path: Path) -> Table:
    from ciaopy.fits import Table

    if not isinstance(block, Table):
        raise DataError(f"{path}: the block EVENTS is no table")
    return block


def _level1(job: Job) -> dict[str, NDArray[Any]]:
    """Return time, chip and quality (`good`) of the level-1 events as the archive has them."""
    from ciaopy.fits import open_fits

    seen = job.obs.events
    acis = seen.instrument == "ACIS"
    names = ["time", seen.chip_column, "grade" if acis else "status"]
    with open_fits(seen.path) as file:
        table = _as_table(file.read("EVENTS", columns=names), seen.path)
    if acis:
        good = np.isin(table["grade"], _GOOD_GRADES)
    else:
        from ciaopy.hrc import HrcDetector

        mask = HrcDetector.of_header(seen.header, str(seen.path)).status_mask
        good = (table["status"] & np.uint32(int(mask.replace("0", "1").replace("x", "0"), 2))) == 0
    return {"time": table["time"], "chip": table[seen.chip_column], "good": good}


def _figures(job: Job, facts: _Facts) -> Iterable[Any]:
    """Return the figures in the order of `_FIGURES`."""
    events, name = facts.events, job.file("repro_evt2.fits").name
    yield figures.counts_image(picture_of_events(events, _IMAGE_SIZE), f"{name}: {events.nrows:,} events")
    yield _light_curve(facts, name)
    if job.obs.events.instrument == "HRC":
        edges = np.arange(0.5, 400.0, 3.0)
        channels = np.asarray(events["pi"], float) if "pi" in events else np.zeros(0)
        yield figures.spectrum(edges, {"level 2": np.histogram(channels, edges)[0]}, name, channels=True)
        yield figures.bad_pixels(*_bad_area_maps(job), chip="chip")
        return
    edges = np.geomspace(0.2, 12.0, 120)
    energy = np.asarray(events["energy"], float) / 1000.0 if "energy" in events else np.zeros(0)
    yield figures.spectrum(edges, {"level 2": np.histogram(energy, edges)[0]}, name)
    yield figures.bad_pixels(_bad_pixel_maps(job.bad_pixels), job.bad_pixels.name)


def _light_curve(facts: _Facts, name: str) -> Any:
    time = facts.raw[0][np.isfinite(facts.raw[0])]
    if not time.size:
        none = np.array([0.0, 1.0]), {"level 1": np.zeros(1)}, np.empty((0, 2))
        return figures.light_curve(*none, (0.0, "the start"), name)
    start, stop = float(time.min()), float(time.max())
    edges = np.linspace(start, max(stop, start + 1.0), 201)
    counts = {"level 1": np.histogram(time, edges)[0], "level 2": np.histogram(facts.events["time"], edges)[0]}
    chip = next(iter(facts.good), None)
    good = facts.good[chip] if chip is not None else np.empty((0, 2))
    return figures.light_curve(edges, counts, good, (start, moment(start, facts.events.header)), name)


def _bad_pixel_maps(path: Path, block: int = 8) -> dict[int, NDArray[np.int64]]:
    """Return, per CCD, the number of bad pixels (neighbours included) in blocks of `block` x `block` pixels."""
    from ciaopy.acis import ccd_of, expand, rows_of
    from ciaopy.fits import read_dataset

    maps = {}
    for table in read_dataset(path).tables("BADPIX"):
        pixels = expand(rows_of(table))
        bad = np.zeros((1024, 1024), bool)
        bad[pixels.y - 1, pixels.x - 1] = True
        n = 1024 // block
        maps[ccd_of(table)] = bad.reshape(n, block, n, block).sum(axis=(1, 3))
    return maps


def _bad_area_maps(job: Job, block: int = 128) -> tuple[dict[int, NDArray[np.int64]], str, tuple[int, int]]:
    """Return, per chip of the HRC, how many pixels of the bad rectangles lie in blocks of `block` x `block` pixels.

    Returns
    -------
    maps : dict of int to int64 array
    name : str
        Of the bad pixel file.
    size : (int, int)
        Pixels of a chip, blocks at the upper edges filled up.
    """
    from ciaopy.fits import read_dataset
    from ciaopy.hrc import HrcDetector, rectangles

    detector = HrcDetector.of_header(job.obs.events.header, str(job.obs.events.path))
    size = (16384, 16384) if len(detector.chips) == 1 else (4096, 16456)
    edges = [np.arange(0, n + block, block) for n in size]
    maps = {}
    tables = read_dataset(job.bad_pixels).tables("BADPIX")
    boxes = np.concatenate([rectangles(t, str(job.bad_pixels), detector) for t in tables] or [np.zeros((0, 5), int)])
    for chip in detector.chips:
        total = np.zeros((len(edges[1]) - 1, len(edges[0]) - 1), np.int64)
        for _, x_lo, x_hi, y_lo, y_hi in boxes[boxes[:, 0] == chip]:
            across, along = (
                np.clip(np.minimum(e[1:], hi) - np.maximum(e[:-1], lo - 1), 0, block)
                for e, lo, hi in ((edges[0], x_lo, x_hi), (edges[1], y_lo, y_hi))
            )
            total += along[:, None] * across[None, :]
        maps[chip] = total
    return maps, job.bad_pixels.name, (int(edges[0][-1]), int(edges[1][-1]))


def _page(job: Job, facts: _Facts, drawn: Sequence[bytes], timings: Sequence[Timing], warnings: Sequence[str]) -> str:
    header = facts.events.header
    title = f"ObsID {header.get('OBS_ID', '?')}: {header.get('OBJECT', '')}"
    first = job.obs.events.path
    moving = ""
    if job.freezes and moving_report.is_frozen(facts.events):
        shown = _picture(drawn[-1], "the sky with the object's track, and the frame of the object")
        moving = _section(moving_report.TITLE, shown + _table(moving_report.moving_rows(job, facts.events)))
    parts = [
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
        f"<p>chandra_repro of ciaopy {escape(__version__)}; input <code>{escape(str(first))}</code></p>",
        _section("Observation", _table(observation_rows(header))),
        _section("Image", _picture(drawn[0], "counts image")),
        moving,
        _section("Events", _table([(name, f"{count:,}") for name, count in facts.steps], numbers=True)),
        _section("Light curve", _picture(drawn[1], "light curve with good times") + _good_times(facts)),
        _section("Spectrum", _picture(drawn[2], "energy histogram")),
        _section("Bad pixels", _picture(drawn[3], "bad pixels of each chip")),
        *(
            _section(text, _picture(data, text))
            for text, data in zip(grating_report.TITLES, drawn[len(_FIGURES) :], strict=False)
            if grating_report.has_gratings(job)
        ),
        _section("Calibration", _table(_keywords(header, _CALIBRATION))),
        _section("Warnings", _list(dict.fromkeys(warnings))),
        _section("Timings", _timings(timings)),
        _section("Parameters", _table(job.provenance.parameters)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{body}"


def _picture(data: bytes, text: str) -> str:
    return f"<img alt='{escape(text)}' src='data:image/png;base64,{base64.b64encode(data).decode()}'>"


def _table(rows: Iterable[tuple[str, str]], numbers: bool = False) -> str:
    kind = " class='n'" if numbers else ""
    lines = [f"<tr><th>{escape(name)}</th><td{kind}>{escape(value)}</td></tr>" for name, value in rows]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def observation_rows(header: Header) -> list[tuple[str, str]]:
    """Return what the page says of an observation: keywords with sensible digits and units."""
    return [(name, observed(name, header[name])) for name in _OBSERVATION if name in header]


def observed(name: str, value: object) -> str:
    """Return the value of a keyword as people write it.

    Positions are degrees, with hours or degrees, minutes and seconds; times s and ks.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    if name.startswith("RA_"):
        return f"{value:.5f}° ({_sexagesimal(value / 15.0, 'hms', 2)})"
    if name.startswith("DEC_"):
        return f"{value:.5f}° ({_sexagesimal(value, '°′″', 1)})"
    if name == "ROLL_PNT":
        return f"{value:.3f}°"
    if name in ("ONTIME", "LIVETIME", "EXPOSURE"):
        return f"{value:,.1f} s ({value / 1000:.2f} ks)"
    return f"{value:.5f}" if name == "DTCOR" else str(value)


def _sexagesimal(value: float, signs: str, digits: int) -> str:
    """Return `15h13m53.68s` or `-59°08′20.4″`."""
    unit = 10**digits
    whole, rest = divmod(round(abs(value) * 3600 * unit), 3600 * unit)
    minutes, seconds = divmod(rest, 60 * unit)
    whole = whole % 24 if signs[0] == "h" else whole
    sign = "-" if value < 0 else "" if signs[0] == "h" else "+"
    return f"{sign}{whole:02d}{signs[0]}{minutes:02d}{signs[1]}{seconds / unit:0{digits + 3}.{digits}f}{signs[2]}"


def _keywords(header: Header, names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, str(header[name])) for name in names if name in header]


def _list(texts: Iterable[str]) -> str:
    items = "\n".join(f"<li>{escape(t)}</li>" for t in texts)
    return f"<ul>\n{items}\n</ul>" if items else "<p>None.</p>"


def _good_times(facts: _Facts) -> str:
    rows = [
        (
            f"chip {ccd}" if ccd >= 0 else "all",
            f"{len(g)} interval{'' if len(g) == 1 else 's'}, {float((g[:, 1] - g[:, 0]).sum()):.2f} s",
        )
        for ccd, g in facts.good.items()
    ]
    return _table(rows)


def _timings(timings: Sequence[Timing]) -> str:
    rows = [(t.tool, f"{t.seconds:.2f} s") for t in timings if t.seconds >= 0.005]
    return _table([*rows, ("total", f"{sum(t.seconds for t in timings):.2f} s")], numbers=True)
