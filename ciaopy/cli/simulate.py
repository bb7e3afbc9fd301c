"""`ciaopy simulate OUTDIR`: a made-up ACIS observation in archive layout, with its truth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ciaopy.console import Console, shown
from ciaopy.errors import UsageError

if TYPE_CHECKING:
    from ciaopy.simulation import Setup, Simulated

_EPILOG = """Example: ciaopy simulate obs --events 1e6 --mode VFAINT --chips 235678 --seed 3, then
ciaopy chandra_repro obs ''. The folder gets primary/ and secondary/, as in an archive download, and truth/: truth.fits
tells row by row of evt1 what the event is and where its charge fell, sources.txt the sources with their fluxes,
troubles.txt afterglows, hot pixels and streaks. Charge-transfer losses are not simulated (CTI_CORR=F): energies belong
to the embedded calibration, and so do the effective areas."""


_IMAGING_CHIPS, _SPECTROSCOPY_CHIPS = "235678", "456789"


def _whole(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Return a whole number, written as `1e6` too."""
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not number.is_integer():
        raise click.BadParameter(f"{value!r} is not a whole number")
    return int(number)


@click.command("simulate", context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.argument("outdir", type=click.Path(path_type=Path))
@click.option(
    "--detector", type=click.Choice(["acis", "hrc-i", "hrc-s"], case_sensitive=False), default="acis", show_default=True
)
@click.option("--mission", type=click.Choice(["chandra", "xmm"]), default="chandra", show_default=True)
@click.option("--events", metavar="N", default="1e5", callback=_whole, show_default=True, help="1e3 to 2e7 events.")
@click.option("--mode", type=click.Choice(["FAINT", "VFAINT", "GRADED"], case_sensitive=False), default="FAINT")
@click.option(
    "--chips",
    default=_IMAGING_CHIPS,
    show_default="235678, with a grating 456789",
    help="CCDs that are on, at most six, such as 0123.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed and options, same bytes.")
@click.option("--exposure", type=float, metavar="S", help="Length [s]; default: from the number of events.")
@click.option("--date", default="2012-06-01", show_default=True, help="Start (UTC).")
@click.option("--pointing", nargs=3, type=float, default=(150.12, 2.21, 68.8), metavar="RA DEC ROLL", show_default=True)
@click.option("--sim", nargs=3, type=float, metavar="X Y Z", help="SIM position [mm]; default: aimpoint of the array.")
@click.option("--subarray", nargs=2, type=int, metavar="FIRST ROWS", help="Read these rows only.")
@click.option("--sources", type=click.Path(path_type=Path), metavar="FILE", help="Lines: ra dec flux [gamma].")
@click.option("--psf", type=click.Choice(["king", "gauss"]), default="king", show_default=True)
@click.option("--dither", nargs=2, type=float, default=(8.0, 8.0), show_default=True, help="Amplitudes [arcsec].")
@click.option("--flare/--no-flare", default=True, help="A background flare that the good times do not leave out.")
@click.option("--artifacts/--no-artifacts", default=True, help="Bad pixels, afterglows, streaks, lost frames, a gap.")
@click.option("--grating", type=click.Choice(["none", "hetg", "letg"], case_sensitive=False), default="none")
@click.option(
    "--moving",
    nargs=3,
    type=float,
    metavar="SPEED ANGLE AU",
    help="The first source is a planet or comet: arcsec/min, position angle [deg], distance [AU].",
)
@click.option("--obsid", type=int, default=90001, show_default=True)
@click.option("--target", default="SIMULATED FIELD", show_default=True, help="OBJECT.")
@click.option("--gzip/--no-gzip", "compress", default=True, help="Write .fits.gz, as in the archive.")
@click.option("--clobber", is_flag=True, help="Replace files in a folder that is not empty.")
@click.pass_context
def command(
    context: click.Context,
    /,
    outdir: Path,
    detector: str,
    mission: str,
    compress: bool,
    clobber: bool,
    **options: object,
) -> int:
    """Make an ACIS observation to practise on, in the folder OUTDIR.

    Point sources with power-law spectra behind the embedded calibration, dither, particle background, event islands
    with consistent grades and energies, and what goes wrong in real observations. With --grating hetg or letg one
    source with emission lines at the aim point of ACIS-S, in orders -3 to 3.

    With --moving an object of the solar system crosses the field, among sources that stand still; the ephemerides of
    spacecraft and object come with it, and chandra_repro freezes the events in its frame.

    With --mission xmm: event lists of two MOS1 sub-exposures, MOS2 with an anomalous CCD, pn with out-of-time events,
    flares, their truth; of the other options --seed, --exposure and --clobber count.

    With --detector hrc-i or hrc-s: raw amplifiers with ringing, saturated and background events; with --grating letg
    one source with an even spectrum and lines. Of the other options --events, --seed, --exposure, --pointing, --obsid
    and --target count.
    """
    if mission == "xmm":
        return _simulate_xmm(context, outdir, clobber, options)
    if detector != "acis":
        return _simulate_hrc(context, outdir, (clobber, compress), options | {"detector": detector.upper()})
    from ciaopy.simulation import simulate

    console = Console()
    setup = _setup(options)
    started = time.perf_counter()
    with shown(console, "simulate"):
        made = simulate(setup, outdir, clobber, compress)
    for line in summary(made):
        console.output(line)
    faults = _checked(made, console) if setup.events <= MOST_CHECKED else []
    console.output(f"{time.perf_counter() - started:.1f} s")
    return 1 if faults else 0


#: Most events of an observation that is read again to be checked.
MOST_CHECKED = 2_000_000


def _checked(made: Simulated, console: Console) -> list[str]:
    """Check the files made, say how many, and return the lines about those with an error."""
    from ciaopy.cli.check import faulty_files

    count, faults = faulty_files(made.folder / name for name in ("primary", "secondary"))
    for line in faults or [f"  {count} files checked: all are what they should be"]:
        console.output(line)
    return faults


_FOR_XMM = ("outdir", "mission", "seed", "exposure", "clobber")


_FOR_HRC = (
    "outdir", "mission", "detector", "events", "seed", "exposure", "pointing", "obsid", "target", "grating",
    "clobber", "compress",
)  # fmt: skip


def _simulate_hrc(context: click.Context, outdir: Path, how: tuple[bool, bool], options: dict[str, object]) -> int:
    """Make an observation with the HRC.

    Raises
    ------
    UsageError
        An option is given that means nothing there.
    """
    from ciaopy.simulation import HrcSetup, simulate_hrc

    _refuse_others(context, _FOR_HRC, f"--detector {str(options['detector']).lower()}")
    values = {k: v for k, v in options.items() if k in ("detector", "events", "seed", "exposure", "obsid", "target")}
    values["grating"] = str(options["grating"]).upper()
    values["ra"], values["dec"], values["roll"] = options["pointing"]  # type: ignore[misc]
    made = simulate_hrc(HrcSetup(**values), outdir, *how)  # type: ignore[arg-type]
    kinds = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in made.kinds.items())
    console = Console()
    console.output(f"{made.folder}: ObsID {made.setup.obsid}, {made.setup.detector}, {made.setup.duration:.0f} s")
    console.output(f"  {made.setup.events} events: {kinds}")
    console.output(f"  truth: {made.folder / 'truth'}")
    return 0


def _refuse_others(context: click.Context, known: tuple[str, ...], choice: str) -> None:
    """Refuse options on the command line that mean nothing with a choice.

    Raises
    ------
    UsageError
        Names the first one.
    """
    for name in context.params:
        typed = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if typed and name not in known:
            raise UsageError(f"--{name.replace('_', '-')} means nothing with {choice}")


def _simulate_xmm(context: click.Context, outdir: Path, clobber: bool, options: dict[str, object]) -> int:
    """Make a small XMM-Newton observation.

    Raises
    ------
    UsageError
        An option is given that means nothing there.
    """
    from ciaopy.simulation import XmmSetup, simulate_xmm

    _refuse_others(context, _FOR_XMM, "--mission xmm")
    exposure = options["exposure"]
    length = exposure if isinstance(exposure, float) else XmmSetup.exposure
    made = simulate_xmm(XmmSetup(seed=int(str(options["seed"])), exposure=length), outdir, clobber)
    console = Console()
    for name, path in made.lists.items():
        console.output(f"{path}: {sum(made.counts[name].values())} events")
    console.output(f"truth: {made.folder / 'truth'}")
    return 0


def _setup(options: dict[str, object]) -> Setup:
    from ciaopy.simulation import Motion, Setup, parse_chips, read_sources

    values = dict(options)
    values["mode"] = str(values["mode"]).upper()
    values["grating"] = str(values["grating"]).upper()
    if values["grating"] != "NONE" and values["chips"] == _IMAGING_CHIPS:
        values["chips"] = _SPECTROSCOPY_CHIPS
    values["chips"] = parse_chips(str(values["chips"]))
    values["ra"], values["dec"], values["roll"] = values.pop("pointing")  # type: ignore[misc]
    moving = values.pop("moving")
    values["motion"] = Motion(*moving) if moving is not None else None  # type: ignore[misc]
    seed = values["seed"]
    if isinstance(seed, int) and seed < 0:
        raise UsageError(f"--seed {seed}: give 0 or more")
    if isinstance(values["sources"], Path):
        values["sources"] = read_sources(values["sources"])
    return Setup(**values)  # type: ignore[arg-type]


def summary(made: Simulated) -> list[str]:
    """Return what `ciaopy simulate` prints."""
    setup = made.setup
    kinds = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in made.kinds.items() if n)
    return [
        f"{made.folder}: ObsID {setup.obsid}, {setup.detnam} {setup.mode}, {made.duration:.0f} s",
        f"  {setup.events} events: {kinds}",
        f"  {len(made.counts)} sources with {min(made.counts, default=0)} to {max(made.counts, default=0)} events",
        f"  truth: {made.folder / 'truth'}",
    ]
