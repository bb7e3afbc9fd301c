"""`ciaopy demo [DIR]`: an observation made up, reduced from end to end, and held against its truth."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ciaopy.console import Console, shown
from ciaopy.errors import DataError, UsageError

if TYPE_CHECKING:
    from ciaopy.fits import Image, Table
    from ciaopy.simulation import Check, FluxRow, ListedSource, Setup, Simulated

#: Energies (keV) at which fluximage makes the exposure maps of the Chandra Source Catalog's bands.
CSC_BANDS = {"soft": 0.92, "medium": 1.56, "hard": 3.8}

#: fluximage and the tools that it runs.
FLUX_TOOLS = ("fluximage", "asphist", "mkinstmap", "mkexpmap")

# Side of a pixel of the demo's images, sky pixels.
BINSIZE = 8


@dataclass(frozen=True)
class _Tables:
    """What the checks and the pictures look at."""

    level1: Table
    simulated2: Table
    truth: Table
    level2: Table
    sources: tuple[ListedSource, ...]


@click.command("demo", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("ciaopy-demo"))
@click.option("--events", type=click.IntRange(5_000, 1_000_000), default=100_000, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, another sky.")
@click.option("--grating", type=click.Choice(["none", "hetg", "letg"], case_sensitive=False), default="none")
@click.option("--images/--no-images", default=True, help="Run fluximage as well, and check the fluxes.")
@click.option(
    "--detector", type=click.Choice(["acis", "hrc-i"], case_sensitive=False), default="acis", show_default=True
)
@click.option("--clobber", is_flag=True, help="Replace the files of an earlier demo.")
@click.option("--verbose", type=click.IntRange(0, 5), default=0, help="Of the tools that are run; 0 to 5.")
def command(
    folder: Path, events: int, seed: int, grating: str, images: bool, detector: str, clobber: bool, verbose: int
) -> int:
    """Simulate a small ACIS observation in DIR (default ciaopy-demo), reduce it, and check the result.

    The observation has point sources, dither, background with a flare, bad pixels, afterglows, hot pixels, streaks and
    lost frames. chandra_repro and fluximage run on it with the embedded calibration, without network or CALDB, and
    what they find is compared with what was put in. Exit status 1 where a comparison falls short.
    With --grating: a source with emission lines behind HETG or LETG on ACIS-S; its spectra and responses are made, and
    zero order, orders and lines checked. With --detector hrc-i: an HRC-I observation and chandra_repro alone.
    """
    if detector.lower() == "hrc-i" and grating.lower() != "none":
        raise UsageError("--grating means nothing with --detector hrc-i")
    console = Console()
    with shown(console, "demo"):
        if detector.lower() == "hrc-i":
            return _demo_hrc(console, folder, (events, seed), clobber, verbose)
        if grating.lower() != "none":
            return _grating_demo(console, folder, (events, seed, grating.upper()), clobber, verbose)
        return _demo_acis(console, folder, (events, seed, images), clobber, verbose)


def _demo_acis(console: Console, folder: Path, what: tuple[int, int, bool], clobber: bool, verbose: int) -> int:
    """Simulate and reduce an ACIS observation, and check events and fluxes; `what`: events, seed, whether images."""
    from ciaopy.simulation import Setup, simulate

    started = time.perf_counter()
    events, seed, images = what
    setup = Setup(events=events, seed=seed, target="CIAOPY DEMO")
    console.say(f"Simulating {events} events of an ACIS observation ...")
    made = simulate(setup, folder / "obs", clobber)
    with _without_caldb(console):
        console.say("Running chandra_repro ...")
        _run(console, "chandra_repro", _repro_words(made.folder, folder / "repro", clobber, verbose))
        tables = _read(made, folder / "repro")
        checks = _checks(tables)
        fluxes: list[FluxRow] = []
        if images and _has_fluximage():
            console.say("Running fluximage ...")
            fluxes = _fluxes(setup, console, folder, tables, (clobber, verbose))
            checks.append(_flux_check(fluxes))
    checks.append(_layout_check(folder, console))
    pictures = _pictures(folder, tables, made, clobber)
    _report(console, folder, checks, fluxes, pictures)
    short = [c.what for c in checks if not c.passed]
    console.output(f"{time.perf_counter() - started:.1f} s; " + (f"SHORT: {', '.join(short)}" if short else "all ok"))
    return 1 if short else 0


def _demo_hrc(console: Console, folder: Path, made_of: tuple[int, int], clobber: bool, verbose: int) -> int:
    """Simulate an HRC-I observation, reprocess it, and check the result."""
    from ciaopy.cli.demo_hrc import hrc_checks
    from ciaopy.simulation import HrcSetup, simulate_hrc

    started = time.perf_counter()
    console.say(f"Simulating {made_of[0]} events of an HRC-I observation ...")
    source = simulate_hrc(HrcSetup(*made_of, target="CIAOPY DEMO"), folder / "obs", clobber).folder
    with _without_caldb(console):
        console.say("Running chandra_repro ...")
        _run(console, "chandra_repro", _repro_words(source, folder / "repro", clobber, verbose))
    checks = hrc_checks(
        _table(_one(folder / "repro", "*_repro_evt2.fits"), "EVENTS"),
        _table(_one(source / "secondary", "*evt1.fits*"), "EVENTS"),
        _table(_one(source / "primary", "*evt2.fits*"), "EVENTS"),
        _table(source / "truth" / "truth.fits", "TRUTH"),
    )
    _report(console, folder, checks, [], [])
    short = [c.what for c in checks if not c.passed]
    console.output(f"{time.perf_counter() - started:.1f} s; " + (f"SHORT: {', '.join(short)}" if short else "all ok"))
    return 1 if short else 0


def _grating_demo(console: Console, folder: Path, what: tuple[int, int, str], clobber: bool, verbose: int) -> int:
    """Simulate and reduce a grating observation, and check its spectra; `what`: events, seed, grating."""
    from ciaopy.simulation import Setup, check_gratings, listed_lines, simulate

    started = time.perf_counter()
    events, seed, grating = what
    setup = Setup(
        events=events, seed=seed, grating=grating, chips=(7, 4, 5, 6, 8, 9), target="CIAOPY DEMO", flare=False
    )
    console.say(f"Simulating {events} events of an observation with {grating} ...")
    made = simulate(setup, folder / "obs", clobber)
    out = folder / "repro"
    with _without_caldb(console):
        console.say("Running chandra_repro ...")
        _run(console, "chandra_repro", _repro_words(made.folder, out, clobber, verbose))
    level2 = _one(out, "*_repro_evt2.fits")
    checks = check_gratings(
        _table(level2, "EVENTS"),
        _table(_one(made.folder / "secondary", "*evt1.fits*"), "EVENTS"),
        _table(made.folder / "truth" / "truth.fits", "TRUTH"),
        _table(level2, "REGION"),
        listed_lines(made.folder),
    )
    console.output("")
    for check in checks:
        state = "ok" if check.passed else "SHORT"
        console.output(f"{state:<6}{check.what:<30}{check.found:<22}wanted: {check.wanted}")
    console.output("")
    for name, path in (("observation", made.folder), ("products", out), ("spectra", out / "tg")):
        console.output(f"{name:<13}{path}")
    console.output(f"try:         ciaopy dmlist {quote(str(_one(out / 'tg', '*m1.pha')))} cols")
    short = [c.what for c in checks if not c.passed]
    console.output(f"{time.perf_counter() - started:.1f} s; " + (f"SHORT: {', '.join(short)}" if short else "all ok"))
    return 1 if short else 0


@contextmanager
def _without_caldb(console: Console) -> Iterator[None]:
    """Hide $CALDB while the tools run: the simulation knows the embedded calibration only."""
    hidden = os.environ.pop("CALDB", None)
    if hidden is not None:
        console.say("The demo uses the embedded calibration, not $CALDB.")
    try:
        yield
    finally:
        if hidden is not None:
            os.environ["CALDB"] = hidden


def _run(parent: Console, tool: str, words: Sequence[str]) -> object:
    """Run a tool with the parameters given; the user's parameter files are neither read nor changed.

    With verbose=0 its warnings are not shown: they tell that there is no CALDB, which the demo knows.
    """
    from ciaopy.engine import bind, run_tool

    console = Console(err=StringIO()) if "verbose=0" in words else Console()
    console.activity = parent.activity
    return run_tool(bind(tool, dict(word.split("=", 1) for word in words)), console)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _repro_words(source: Path, out: Path, clobber: bool, verbose: int) -> list[str]:
    fixed = ["set_ardlib=no", "cleanup=yes", f"verbose={verbose}", f"clobber={_yes(clobber)}"]
    return [f"indir={source}", f"outdir={out}", *fixed]


def _has_fluximage() -> bool:
    from ciaopy.engine import is_available

    return all(is_available(tool) for tool in FLUX_TOOLS)


def _table(path: Path, block: str) -> Table:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

    found = Workspace(Console(0)).read(f"{path}[{block}]")
    if not isinstance(found, Table):
        raise DataError(f"{path}: block {block} is no table")
    return found


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataError(f"{folder}: there is no {pattern}; the step before has not made it")
    return found[0]


def _read(made: Simulated, repro: Path) -> _Tables:
    from ciaopy.simulation import listed_sources

    source = made.folder
    return _Tables(
        _table(_one(source / "secondary", "*evt1.fits*"), "EVENTS"),
        _table(_one(source / "primary", "*evt2.fits*"), "EVENTS"),
        _table(source / "truth" / "truth.fits", "TRUTH"),
        _table(_one(repro, "*_repro_evt2.fits"), "EVENTS"),
        listed_sources(source),
    )


def _checks(t: _Tables) -> list[Check]:
    from ciaopy.simulation import check_events

    return check_events(t.level2, t.level1, t.simulated2, t.truth)


def _fluxes(setup: Setup, console: Console, folder: Path, tables: _Tables, how: tuple[bool, int]) -> list[FluxRow]:
    """Run fluximage in the three bands of the source catalog and measure the sources."""
    from ciaopy.simulation import flux_rows, make_view

    clobber, verbose = how
    events = _one(folder / "repro", "*_repro_evt2.fits")
    out = folder / "flux"
    out.mkdir(exist_ok=True)
    words = [f"infile={events}", f"outroot={out}/demo", "bands=csc", f"binsize={BINSIZE}", f"clobber={_yes(clobber)}"]
    _run(console, "fluximage", [*words, f"verbose={verbose}", "mode=h"])
    view = make_view(setup)
    rows: list[FluxRow] = []
    for band in CSC_BANDS.items():
        pair = (_image(out / f"demo_{band[0]}_flux.img"), _image(out / f"demo_{band[0]}_thresh.img"))
        rows += flux_rows(setup, view, tables.sources, band, pair)
    return sorted(rows, key=lambda r: r.number)


def _image(path: Path) -> Image:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Image

    found = Workspace(Console(0)).read(path)
    if not isinstance(found, Image):
        raise DataError(f"{path}: no image")
    return found


def _flux_check(rows: list[FluxRow]) -> Check:
    from ciaopy.simulation import Check

    good = sum(r.passed for r in rows)
    return Check("fluxes", f"{good} of {len(rows)} agree", "all, and 3 or more", good == len(rows) >= 3)


def _layout_check(folder: Path, console: Console) -> Check:
    """Check the layout of every product, simulated and made."""
    from ciaopy.cli.check import faulty_files
    from ciaopy.simulation import Check

    folders = [folder / name for name in ("obs/primary", "obs/secondary", "repro", "flux")]
    count, faults = faulty_files(folders)
    for line in faults:
        console.output(line)
    wrong = sum(not line.startswith(" ") for line in faults)
    return Check("layout of the products", f"{count - wrong} of {count} conform", "all", not faults and count > 0)


def _pictures(folder: Path, tables: _Tables, made: Simulated, clobber: bool) -> list[Path]:
    """Write the previews."""
    from ciaopy.cli.previews import write_previews

    return write_previews(folder, tables.level2, tables.level1, tables.sources, made, clobber)


def _report(console: Console, folder: Path, checks: list[Check], fluxes: list[FluxRow], pictures: list[Path]) -> None:
    console.output("")
    for line in flux_table(fluxes):
        console.output(line)
    for check in checks:
        state = "ok" if check.passed else "SHORT"
        console.output(f"{state:<6}{check.what:<30}{check.found:<22}wanted: {check.wanted}")
    console.output("")
    rows: list[tuple[str, Any]] = [("observation", folder / "obs"), ("products", folder / "repro")]
    if fluxes:
        rows.append(("flux images", folder / "flux"))
    rows += [("picture", p) for p in pictures]
    for name, path in rows:
        console.output(f"{name:<13}{path}")
    events = quote(str(_one(folder / "repro", "*_repro_evt2.fits")))
    console.output(f"try:         ciaopy dmlist {events} blocks")


def flux_table(fluxes: list[FluxRow]) -> list[str]:
    """Return the table of fluxes, in photons per cm2 and s."""
    if not fluxes:
        return []
    lines = [f"{'source':<8}{'band':<9}{'flux':>11}{'error':>11}{'simulated':>12}{'ratio':>8}"]
    for r in fluxes:
        state = "" if r.passed else "  SHORT"
        ratio = r.flux / r.truth
        lines.append(f"{r.number:<8}{r.band:<9}{r.flux:>11.3e}{r.error:>11.1e}{r.truth:>12.3e}{ratio:>8.3f}{state}")
    return [*lines, ""]
