"""Reprocess an observation with the newest calibration: new level-2 events, bad pixels, field of view."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy import __version__
from ciaopy.console import Console
from ciaopy.datamodel.workspace import Workspace
from ciaopy.engine.ciao import CiaoBackend, find_ciao
from ciaopy.engine.native import NativeBackend
from ciaopy.engine.options import RunOptions
from ciaopy.engine.runner import Backend, Timing, check_products, run_recipe, show_plan
from ciaopy.engine.step import Recipe
from ciaopy.errors import CiaopyError, DataError, NotAvailableError, UserError
from ciaopy.kernels import default_nproc
from ciaopy.pipelines.acis_steps import Job, Wishes, recipe
from ciaopy.pipelines.aspect_choice import choose
from ciaopy.pipelines.observation import Events, find_events, gather, read_events, root_name
from ciaopy.stack import build as build_stack

if TYPE_CHECKING:
    from ciaopy.param import ParameterSet

PROGRAM = f"chandra_repro (ciaopy {__version__})"
_RECORDED = (
    "indir", "outdir", "root", "badpixel", "process_events", "destreak", "set_ardlib", "check_vf_pha", "pix_adj",
    "tg_zo_position", "tg_orders", "asol_update", "pi_filter", "patch_hrc_ssc", "cleanup", "clobber", "verbose",
    "tools",
)  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """One level-1 event file to reprocess, and where the products go."""

    folder: Path
    out: Path
    events: Path
    cycle: str


@dataclass
class Result:
    """What a run made.

    Attributes
    ----------
    products : list of Path
        Files written, of all datasets.
    timings : dict
        Output root to seconds per step.
    failed : dict
        Input folder to the error of datasets that could not be processed.
    """

    products: list[Path] = field(default_factory=list)
    timings: dict[str, list[Timing]] = field(default_factory=dict)
    failed: dict[str, CiaopyError] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "chandra_repro made:\n" + "\n".join(f"  {p}" for p in self.products)


def run(par: ParameterSet, ws: Workspace, options: RunOptions | None = None) -> Result:
    """Run chandra_repro.

    Raises
    ------
    UserError, DataError
        Folders, files or parameters are not as they should be; everything found wrong with a dataset is listed.
    NotAvailableError
        HRC and grating observations.
    """
    options = options or RunOptions()
    console = ws.console
    console.say(f"Running {PROGRAM}")
    datasets = _datasets(par, console, make=not options.plan)
    shared = len({(d.folder, d.out) for d in datasets}) > 1
    if shared and par["set_ardlib"]:
        console.say("WARNING: several observations: ardlib.par is not set (set_ardlib=no)", 1)
    if not datasets:
        console.say("Nothing to process.", 1)
        return Result()
    jobs = [_job(d, par, set_ardlib=par["set_ardlib"] and not shared) for d in datasets]
    recipes = [recipe(job) for job in jobs]
    for one in recipes:
        if options.plan:
            show_plan(one, console)
        else:
            check_products(one, par["clobber"])
    if par["report"] and par["process_events"] and not options.plan:
        from ciaopy.pipelines.report import check_report

        for job in jobs:
            check_report(job)
    return Result() if options.plan else _run_all(par, ws, options, list(zip(jobs, recipes, strict=True)))


def _datasets(par: ParameterSet, console: Console, make: bool) -> list[Dataset]:
    """Return all datasets of the input stack; output folders are made."""
    indir, outdir = par["indir"].strip(), par["outdir"].strip()
    if not indir:
        raise UserError("indir is empty; give the folder of an observation")
    folders = _folders(indir, Path(indir).is_dir())
    one_name = len(folders) == 1 and "," not in outdir and not outdir.startswith("@")
    outs: list[Path | None] = [*_folders(outdir, one_name)] if outdir else [None]
    if len(outs) not in (1, len(folders)):
        raise UserError(f"indir has {len(folders)} folders and outdir {len(outs)}; give one outdir, or one for each")
    if len(outs) == 1:
        outs *= len(folders)
    datasets: list[Dataset] = []
    for folder, out in zip(folders, outs, strict=True):
        if not folder.is_dir():
            if len(folders) == 1:
                raise UserError(f"{folder}: no such folder (parameter indir)")
            console.say(f"Skipping {folder}: it is not a folder", 1)
            continue
        found = find_events(folder)
        if not found:
            if len(folders) == 1:
                raise DataError(f"{folder}: cannot find a level-1 event file (*evt1.fits*), also not in secondary/")
            console.say(f"Skipping {folder}: cannot find a level-1 event file (*evt1.fits*)", 1)
        target = (out or folder / "repro").absolute()
        if found and make:
            _make_folder(target)
        datasets += [Dataset(folder.absolute(), target, path.absolute(), cycle) for path, cycle in found]
    return datasets


def _folders(text: str, one_name: bool) -> list[Path]:
    """Return the folders of a stack; a single name may have blanks in it."""
    return [Path(text).expanduser()] if one_name else [Path(p) for p in build_stack(text)]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        probe = folder / ".ciaopy-write-test"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise UserError(f"{folder}: unable to create or write to the output folder ({e.strerror})") from e


def _job(dataset: Dataset, par: ParameterSet, set_ardlib: bool) -> Job:
    events = read_events(dataset.events, dataset.cycle)
    _refuse_what_is_not_done(events, dataset)
    badpixel = par["badpixel"] and not events.continuous
    obs = gather(dataset.folder, events, badpixel, par["process_events"])
    root = root_name(events, par["root"].strip())
    wishes = Wishes(
        badpixel=badpixel,
        process_events=par["process_events"],
        destreak=par["destreak"],
        set_ardlib=set_ardlib,
        check_vf_pha=par["check_vf_pha"],
        pix_adj=par["pix_adj"],
        asol_update=par["asol_update"],
        cleanup=par["cleanup"],
        clobber=par["clobber"],
        caldb=par["tools"] == "ciao" or _has_caldb(),
        recorded=_recorded(par, dataset, root, badpixel, set_ardlib, events),
        program=PROGRAM,
    )
    if dataset.out in {obs.primary, obs.secondary}:
        raise UserError(f"{dataset.out}: outdir is an input folder; inputs are never changed, give another outdir")
    return Job(obs, dataset.out, root, wishes, choose(obs.aspect))


def _has_caldb() -> bool:
    from ciaopy.caldb import Caldb

    return Caldb.open() is not None


def _refuse_what_is_not_done(events: Events, dataset: Dataset) -> None:
    what = ""
    if events.instrument != "ACIS":
        what = f"INSTRUME={events.instrument}"
    elif events.grating != "NONE":
        what = f"GRATING={events.grating}"
    if what:
        raise NotAvailableError(
            f"{dataset.events}: {what} observations are not reprocessed by ciaopy yet; nothing was done"
            " (imaging and continuous-clocking ACIS observations are)"
        )


def _recorded(
    par: ParameterSet, dataset: Dataset, root: str, badpixel: bool, set_ardlib: bool, events: Events
) -> tuple[tuple[str, str], ...]:
    """Return the parameters for HISTORY, with the values that took effect."""
    used = {n: par.text(n) for n in _RECORDED}
    used |= {"indir": str(dataset.folder), "outdir": str(dataset.out), "root": root}
    used |= {"badpixel": _yes(badpixel), "set_ardlib": _yes(set_ardlib)}
    if used["pix_adj"] == "default":
        used["pix_adj"] = "none" if events.continuous else "edser"
    return tuple(used.items())


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _run_all(par: ParameterSet, ws: Workspace, options: RunOptions, work: list[tuple[Job, Recipe]]) -> Result:
    """Run every dataset; several go in parallel, their messages printed in order."""
    result = Result()
    nproc = par["nproc"] or default_nproc()
    workers = min(len(work), nproc) if par["tools"] == "native" else 1
    if workers <= 1:
        for job, one in work:
            _run_guarded(par, ws.console, nproc, options, job, one, result, alone=len(work) == 1)
    else:
        _run_parallel(par, ws.console, nproc, workers, options, work, result)
    if result.failed:
        listed = "".join(f"\n  {name}: {error}" for name, error in result.failed.items())
        raise DataError(f"{len(result.failed)} of {len(work)} datasets could not be processed:{listed}")
    return result


def _run_parallel(
    par: ParameterSet,
    console: Console,
    nproc: int,
    workers: int,
    options: RunOptions,
    work: list[tuple[Job, Recipe]],
    result: Result,
) -> None:
    def one(job: Job, steps: Recipe) -> StringIO:
        text = StringIO()
        _run_guarded(par, Console(console.verbose, text, text), max(nproc // workers, 1), options, job, steps, result)
        return text

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(one, job, steps) for job, steps in work]:
            for line in done.result().getvalue().splitlines():
                console.say(line, 0)


def _run_guarded(
    par: ParameterSet,
    console: Console,
    nproc: int,
    options: RunOptions,
    job: Job,
    steps: Recipe,
    result: Result,
    alone: bool = False,
) -> None:
    """Run one dataset; its error is kept for the end unless it is the only one."""
    try:
        _run_one(par, console, nproc, options, job, steps, result)
    except CiaopyError as e:
        if alone:
            raise
        console.say(f"ERROR {job.obs.folder}: {e}", 0)
        result.failed[str(job.obs.folder)] = e


def _run_one(
    par: ParameterSet, console: Console, nproc: int, options: RunOptions, job: Job, steps: Recipe, result: Result
) -> None:
    workspace = Workspace(console, nproc)
    _introduce(job, console)
    backend: Backend = (
        CiaoBackend(find_ciao(options.ciao), workspace)
        if par["tools"] == "ciao"
        else NativeBackend(workspace, keep=not par["cleanup"])
    )
    timings = run_recipe(steps, backend, console, par["cleanup"])
    result.timings[job.root] = timings
    result.products += [p for p in steps.products if p.exists()]
    if par["report"] and job.wishes.process_events:
        from ciaopy.pipelines.report import write_report

        result.products += write_report(job, timings, console.warnings)
    _conclude(job, console)


def _introduce(job: Job, console: Console) -> None:
    """Say what is about to be done, and what for want of calibration will not be."""
    console.say(f"\nProcessing input directory '{job.obs.folder}'")
    events = job.obs.events
    if not events.kalman:
        console.say("NOTE: no guide stars (ASPTYPE is not KALMAN): the on-board computer's aspect is used.", 0)
    if not job.wishes.process_events:
        console.say("WARNING: process_events=no: no new event file; the archive's level=2 file is copied.")
    if not job.make_bad_pixels:
        console.say(f"The archive's bad pixel file is used: {job.copy_of(job.obs['bpix1']).name}")
    if job.obs.objects:
        console.say("WARNING: solar-system object: sso_freeze is not available yet; the events are not frozen.", 0)
    for name, path in sorted(job.obs.files.items()):
        console.say(f"  {name.upper()}: {path}", 3)
    if job.wishes.process_events:
        for line in calibration_notice(events):
            console.say(line)


def calibration_notice(events: Events) -> list[str]:
    """Return what the user should know before a run without a CALDB; nothing where there is one."""
    from ciaopy.caldb import caldb_version

    if _has_caldb():
        return []
    corrected = events.header.get("CTI_CORR") in {True, "T"}
    kept = "FLTGRADE, GRADE, PHA and ENERGY" if corrected else "ENERGY"
    made = "" if corrected else "grades and pulse heights, "
    return [
        f"No CALDB: the embedded calibration ({caldb_version()}) is used.",
        f"  computed anew: {made}positions (CHIP to SKY), sub-pixel offsets, status bits, filters",
        f"  carried over from the archive's own processing: {kept}, calibration rows of the bad pixel file",
        "  for the full calibration: 'ciaopy caldb fetch' and set CALDB",
    ]


def _conclude(job: Job, console: Console) -> None:
    if not job.wishes.cleanup:
        console.say("WARNING: cleanup=no: intermediate files are kept.")
    if job.wishes.set_ardlib:
        console.say(
            f"The bad pixel file in ardlib.par is\n  {job.bad_pixels}\nrun 'punlearn ardlib' when you are done."
        )
    if job.obs.report is not None:
        console.say(f"The V&V report is\n  {job.copy_of(job.obs.report)}")
    console.say(f"The data have been reprocessed. The products are in\n  {job.out}")
