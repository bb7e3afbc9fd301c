"""Reprocess an observation with the newest calibration: new level-2 events, bad pixels, field of view."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.engine import NATIVE, NativeBackend, Recipe, RunOptions, Timing, check_products, choose_backend, run_recipe
from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.kernels import default_nproc
from ciaopy.observation import EventFile, choose, gather, read_level1, root_name
from ciaopy.pipelines.repro.inputs import ReproInput, find_inputs
from ciaopy.pipelines.repro.job import Job, Options, Provenance
from ciaopy.pipelines.repro.notices import conclude, has_caldb, introduce
from ciaopy.pipelines.repro.registry import builder_of
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.param import ParameterSet

PROGRAM = f"chandra_repro (ciaopy {__version__})"
_RECORDED = (
    "indir", "outdir", "root", "badpixel", "process_events", "destreak", "set_ardlib", "check_vf_pha", "pix_adj",
    "tg_zo_position", "tg_orders", "asol_update", "pi_filter", "patch_hrc_ssc", "cleanup", "clobber", "verbose",
    "tools",
)  # fmt: skip


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
    result = Result()
    work = _prepared(par, ws.console, result, make=True)
    total = len(work) + len(result.failed)
    for job, one in work:
        check_products(one, par["clobber"])
        _check_report(par, job)
    _run_all(_Run(par, options or RunOptions(), result), ws, work)
    _raise_failures(result, total)
    return result


def plan(par: ParameterSet, ws: Workspace) -> Iterator[Recipe]:
    """Give the steps for every dataset; nothing is made.

    Raises
    ------
    UserError, DataError, NotAvailableError
        As `run`, before any work.
    """
    result = Result()
    work = _prepared(par, ws.console, result, make=False)
    yield from (one for _, one in work)
    _raise_failures(result, len(work) + len(result.failed))


def _prepared(par: ParameterSet, console: Console, result: Result, make: bool) -> list[tuple[Job, Recipe]]:
    """Return the step lists of all datasets that can be processed; output folders are made if `make`."""
    console.say(f"Running {PROGRAM}")
    datasets, failed = find_inputs(par["indir"].strip(), par["outdir"].strip(), console, make_folders=make)
    result.failed |= failed
    shared = len({(d.folder, d.out) for d in datasets}) > 1
    if shared and par["set_ardlib"]:
        console.say("WARNING: several observations: ardlib.par is not set (set_ardlib=no)", 1)
    if not datasets and not result.failed:
        console.say("Nothing to process.", 1)
    return _planned(datasets, par, console, result, set_ardlib=par["set_ardlib"] and not shared)


def _raise_failures(result: Result, total: int) -> None:
    """Raise what was kept of the datasets that could not be processed.

    Raises
    ------
    DataError
        Lists them.
    """
    if result.failed:
        listed = "".join(f"\n  {name}: {error}" for name, error in result.failed.items())
        raise DataError(f"{len(result.failed)} of {total} datasets could not be processed:{listed}")


def _check_report(par: ParameterSet, job: Job) -> None:
    """Refuse, before any work, a report that cannot be made."""
    if par["report"] and job.options.process_events:
        from ciaopy.pipelines.repro.report import check_report

        check_report(job)


def _planned(
    datasets: list[ReproInput], par: ParameterSet, console: Console, result: Result, set_ardlib: bool
) -> list[tuple[Job, Recipe]]:
    """Return the step lists of all datasets; one that cannot be processed is kept for the end, if there are others.

    Raises
    ------
    UserError
        Two datasets would have the same products.
    """
    work: list[tuple[Job, Recipe]] = []
    names: dict[tuple[Path, str], ReproInput] = {}
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
        work.append((job, builder_of(job.obs.events).recipe(job)))
    return work


def _keep(error: CiaopyError, name: str, console: Console, result: Result) -> None:
    """Say what is wrong with a dataset and keep it for the end: the others are processed."""
    console.say(f"ERROR {name}: {error}", 0)
    result.failed[name] = error


def _job(dataset: ReproInput, par: ParameterSet, set_ardlib: bool) -> Job:
    events = read_level1(dataset.events, dataset.cycle)
    builder_of(events)
    badpixel = par["badpixel"] and not events.continuous
    obs = gather(dataset.folder, events, badpixel, par["process_events"])
    root = root_name(events, par["root"].strip())
    options = Options(
        badpixel=badpixel,
        process_events=par["process_events"],
        destreak=par["destreak"],
        set_ardlib=set_ardlib,
        check_vf_pha=par["check_vf_pha"],
        pix_adj=par["pix_adj"],
        tg_zo_position=par["tg_zo_position"],
        tg_orders=par["tg_orders"],
        asol_update=par["asol_update"],
        pi_filter=par["pi_filter"],
        patch_hrc_ssc=par["patch_hrc_ssc"],
        cleanup=par["cleanup"],
        clobber=par["clobber"],
        caldb=par["tools"] != NATIVE or has_caldb(),
    )
    if dataset.out in {obs.layout.primary, obs.layout.secondary}:
        raise UserError(f"{dataset.out}: outdir is an input folder; inputs are never changed, give another outdir")
    made = Provenance(
        program=f"chandra_repro version ciaopy {__version__}",
        parameters=_recorded(par, dataset, root, badpixel, set_ardlib, events),
    )
    return Job(
        obs=obs,
        out=dataset.out,
        root=root,
        options=options,
        provenance=made,
        aspect=choose(obs.companions.aspect_paths),
    )


def _recorded(
    par: ParameterSet, dataset: ReproInput, root: str, badpixel: bool, set_ardlib: bool, events: EventFile
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
    workers = min(len(groups), nproc) if par["tools"] == NATIVE else 1
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
    introduce(job, console)
    keep = not par["cleanup"]
    backend = choose_backend(par["tools"], workspace, shared.options.roots, lambda own: NativeBackend(own, keep=keep))
    timings = run_recipe(steps, backend, console, par["cleanup"])
    result.timings[job.root] = timings
    result.products += [p for p in steps.products if p.exists()]
    if par["report"] and job.options.process_events:
        from ciaopy.pipelines.repro.report import write_report

        result.products += write_report(job, timings, console.warnings)
    conclude(job, console)
