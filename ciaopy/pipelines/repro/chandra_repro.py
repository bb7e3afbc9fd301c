"""Reprocess an observation with the newest calibration: new level-2 events, bad pixels, field of view."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel.workspace import Workspace
from ciaopy.engine.ciao import CiaoBackend, find_ciao
from ciaopy.engine.native import NativeBackend
from ciaopy.engine.options import RunOptions
from ciaopy.engine.runner import Backend, Timing, check_products, run_recipe, show_plan
from ciaopy.engine.step import Recipe
from ciaopy.errors import CiaopyError, DataError, NotAvailableError, UserError
from ciaopy.kernels import default_nproc
from ciaopy.observation.archive import Events, find_events, gather, read_events, root_name
from ciaopy.observation.aspect_choice import choose
from ciaopy.pipelines.repro.acis import Job, Wishes, recipe
from ciaopy.stack import build as build_stack
from ciaopy.version import __version__

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
    result = Result()
    datasets = _datasets(par, console, result, make=not options.plan)
    total = len(datasets) + len(result.failed)
    shared = len({(d.folder, d.out) for d in datasets}) > 1
    if shared and par["set_ardlib"]:
        console.say("WARNING: several observations: ardlib.par is not set (set_ardlib=no)", 1)
    if not total:
        console.say("Nothing to process.", 1)
        return result
    work = _planned(datasets, par, console, result, set_ardlib=par["set_ardlib"] and not shared)
    for job, one in work:
        if options.plan:
            show_plan(one, console)
        else:
            check_products(one, par["clobber"])
            _check_report(par, job)
    if not options.plan:
        _run_all(_Run(par, options, result), ws, work)
    if result.failed:
        listed = "".join(f"\n  {name}: {error}" for name, error in result.failed.items())
        raise DataError(f"{len(result.failed)} of {total} datasets could not be processed:{listed}")
    return result


def _check_report(par: ParameterSet, job: Job) -> None:
    """Refuse, before any work, a report that cannot be made."""
    if par["report"] and job.wishes.process_events:
        from ciaopy.pipelines.repro.report import check_report

        check_report(job)


def _planned(
    datasets: list[Dataset], par: ParameterSet, console: Console, result: Result, set_ardlib: bool
) -> list[tuple[Job, Recipe]]:
    """Return the step lists of all datasets; one that cannot be processed is kept for the end, if there are others.

    Raises
    ------
    UserError
        Two datasets would have the same products.
    """
    work: list[tuple[Job, Recipe]] = []
    names: dict[tuple[Path, str], Dataset] = {}
    for dataset in datasets:
        try:
            job = _job(dataset, par, set_ardlib)
        except CiaopyError as e:
            if len(datasets) == 1 and not result.failed:
                raise
            _keep(e, str(dataset.events), console, result)
            continue
        other = names.setdefault((job.out, job.root), dataset)
        if other is not dataset:
            raise UserError(
                f"{other.events} and {dataset.events} would both make {job.file('repro_evt2.fits')};"
                " give each an outdir of its own, or leave root empty"
            )
        work.append((job, recipe(job)))
    return work


def _keep(error: CiaopyError, name: str, console: Console, result: Result) -> None:
    """Say what is wrong with a dataset and keep it for the end: the others are processed."""
    console.say(f"ERROR {name}: {error}", 0)
    result.failed[name] = error


def _datasets(par: ParameterSet, console: Console, result: Result, make: bool) -> list[Dataset]:
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
        try:
            found = _events_of(folder, console, alone=len(folders) == 1)
        except CiaopyError as e:
            if len(folders) == 1:
                raise
            _keep(e, str(folder), console, result)
            continue
        target = (out or folder / "repro").absolute()
        if found and make:
            _make_folder(target)
        datasets += [Dataset(folder.absolute(), target, path.absolute(), cycle) for path, cycle in found]
    return datasets


def _events_of(folder: Path, console: Console, alone: bool) -> list[tuple[Path, str]]:
    """Return the event files of a folder and their cycles; nothing, with a message, where others can be processed."""
    if not folder.is_dir():
        if alone:
            raise UserError(f"{folder}: no such folder (parameter indir)")
        console.say(f"Skipping {folder}: it is not a folder", 1)
        return []
    found = find_events(folder)
    if not found:
        if alone:
            raise DataError(f"{folder}: cannot find a level-1 event file (*evt1.fits*), also not in secondary/")
        console.say(f"Skipping {folder}: cannot find a level-1 event file (*evt1.fits*)", 1)
    return found


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
        program=f"chandra_repro version ciaopy {__version__}",
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


@dataclass(frozen=True)
class _Run:
    """What all datasets of one run share."""

    par: ParameterSet
    options: RunOptions
    result: Result


def _run_all(shared: _Run, ws: Workspace, work: list[tuple[Job, Recipe]]) -> None:
    """Run every dataset; those with folders of their own go in parallel, their messages printed in order."""
    par = shared.par
    nproc = par["nproc"] or default_nproc()
    folders = list(dict.fromkeys(job.out for job, _ in work))
    groups = [[(job, one) for job, one in work if job.out == folder] for folder in folders]
    workers = min(len(groups), nproc) if par["tools"] == "native" else 1
    if workers <= 1:
        for job, one in work:
            _run_guarded(shared, ws.console, nproc, job, one, alone=len(work) == 1 and not shared.result.failed)
    else:
        _run_parallel(shared, ws.console, nproc, workers, groups)


def _run_parallel(
    shared: _Run, console: Console, nproc: int, workers: int, groups: list[list[tuple[Job, Recipe]]]
) -> None:
    def one_folder(group: list[tuple[Job, Recipe]]) -> StringIO:
        text = StringIO()
        for job, steps in group:
            _run_guarded(shared, Console(console.verbose, text, text), max(nproc // workers, 1), job, steps)
        return text

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(one_folder, group) for group in groups]:
            for line in done.result().getvalue().splitlines():
                console.say(line, 0)


def _run_guarded(shared: _Run, console: Console, nproc: int, job: Job, steps: Recipe, alone: bool = False) -> None:
    """Run one dataset; its error is kept for the end unless it is the only one."""
    try:
        _run_one(shared, console, nproc, job, steps)
    except CiaopyError as e:
        if alone:
            raise
        _keep(e, str(job.obs.events.path), console, shared.result)


def _run_one(shared: _Run, console: Console, nproc: int, job: Job, steps: Recipe) -> None:
    par, result = shared.par, shared.result
    workspace = Workspace(console, nproc)
    _introduce(job, console)
    backend: Backend = (
        CiaoBackend(find_ciao(shared.options.ciao), workspace)
        if par["tools"] == "ciao"
        else NativeBackend(workspace, keep=not par["cleanup"])
    )
    timings = run_recipe(steps, backend, console, par["cleanup"])
    result.timings[job.root] = timings
    result.products += [p for p in steps.products if p.exists()]
    if par["report"] and job.wishes.process_events:
        from ciaopy.pipelines.repro.report import write_report

        result.products += write_report(job, timings, console.warnings)
    _conclude(job, console)


def _introduce(job: Job, console: Console) -> None:
    """Say what is about to be done, and what for want of calibration will not be."""
    console.say(f"\nProcessing input directory '{job.obs.folder}'")
    events = job.obs.events
    console.say(f"using products found in primary {job.obs.primary}", 2)
    console.say(f"using products found in secondary {job.obs.secondary}", 2)
    if not events.kalman:
        console.say("NOTE: no guide stars (ASPTYPE is not KALMAN): the on-board computer's aspect is used.", 0)
    if not job.wishes.process_events:
        console.say("WARNING: process_events=no: no new event file; the archive's level=2 file is copied.")
    if not job.make_bad_pixels:
        console.say(f"The archive's bad pixel file is used: {job.copy_of(job.obs['bpix1']).name}")
    if job.obs.objects:
        console.say("WARNING: solar-system object: sso_freeze is not available yet; the events are not frozen.", 0)
    listed: dict[str, tuple[Path, ...]] = {k.upper(): (p,) for k, p in job.obs.files.items()}
    listed |= {"EVT1": (events.path,), "ASOL1": job.aspect.paths, "BIAS0": job.obs.bias, "FOV1": job.obs.fov}
    for name, paths in sorted(listed.items()):
        console.say(f"  {name}: {', '.join(str(p) for p in paths)}", 3)
    console.say(f"  cleanup={_yes(job.wishes.cleanup)} clobber={job.clobber} root={job.root}", 3)
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
