"""Reprocess an observation with the newest calibration: new level-2 events, bad pixels, field of view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.engine import (
    NATIVE,
    DatasetTask,
    NativeBackend,
    Outcome,
    Provenance,
    Recipe,
    RunOptions,
    Timing,
    check_products,
    choose_backend,
    run_many,
    run_recipe,
    values,
)
from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.messages import with_list
from ciaopy.observation import EventFile, choose, gather, read_level1, root_name
from ciaopy.pipelines.repro.files import copied
from ciaopy.pipelines.repro.inputs import ReproInput, find_inputs
from ciaopy.pipelines.repro.job import Job, Options
from ciaopy.pipelines.repro.moving import has_object_columns
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


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run made.

    Attributes
    ----------
    products : list of Path
        Files written, of all datasets, in their order.
    timings : dict
        Output root to seconds per step.
    failed : dict
        Input folder to the error of datasets that could not be processed.
    """

    products: list[Path]
    timings: dict[str, list[Timing]]
    failed: dict[str, CiaopyError]

    def __repr__(self) -> str:
        return "chandra_repro made:\n" + "\n".join(f"  {p}" for p in self.products)


def run(par: ParameterSet, ws: Workspace, options: RunOptions | None = None) -> Result:
    """Run chandra_repro.

    Raises
    ------
    UserError, DataError
        Folders, files or parameters are not as they should be; everything found wrong with a dataset is listed.
    NotAvailableError
        An instrument without steps.
    """
    failed: dict[str, CiaopyError] = {}
    work = _prepared(par, ws.console, failed, make=True)
    total = len(work) + len(failed)
    for job, one in work:
        check_products(one, par["clobber"], _untouchable(job))
        _check_report(par, job)
    outcomes = _run_all(par, options or RunOptions(), ws, work, alone=total == 1)
    failed |= {o.label: o.error for o in outcomes if o.error is not None}
    _raise_failures(failed, total)
    done = values(outcomes)
    return Result(
        products=[p for one in done for p in one.products],
        timings={one.root: one.timings for one in done},
        failed=failed,
    )


def _untouchable(job: Job) -> list[Path]:
    """Return the inputs that nothing may be written over; those that would be copied onto themselves are not."""
    in_place = {p for p in copied(job.obs, job.options.process_events) if p == job.copy_of(p)}
    return [p for p in job.obs.paths if p not in in_place]


def plan(par: ParameterSet, ws: Workspace) -> Iterator[Recipe]:
    """Give the steps for every dataset; nothing is made.

    Raises
    ------
    UserError, DataError, NotAvailableError
        As `run`, before any work.
    """
    failed: dict[str, CiaopyError] = {}
    work = _prepared(par, ws.console, failed, make=False)
    yield from (one for _, one in work)
    _raise_failures(failed, len(work) + len(failed))


def _prepared(
    par: ParameterSet, console: Console, failed: dict[str, CiaopyError], make: bool
) -> list[tuple[Job, Recipe]]:
    """Return the step lists of all datasets that can be processed, the others in `failed`; folders made if `make`."""
    console.say(f"Running {PROGRAM}")
    datasets, unusable = find_inputs(par["indir"].strip(), par["outdir"].strip(), console, make_folders=make)
    failed |= unusable
    shared = len({(d.folder, d.out) for d in datasets}) > 1
    if shared and par["set_ardlib"]:
        console.say("WARNING: several observations: ardlib.par is not set (set_ardlib=no)", 1)
    if not datasets and not failed:
        console.say("Nothing to process.", 1)
    return _planned(datasets, par, console, failed, set_ardlib=par["set_ardlib"] and not shared)


def _raise_failures(failed: dict[str, CiaopyError], total: int) -> None:
    """Raise what was kept of the datasets that could not be processed.

    Raises
    ------
    DataError
        Lists them.
    """
    if failed:
        listed = [f"{name}: {error}" for name, error in failed.items()]
        raise DataError(with_list(f"{len(failed)} of {total} datasets could not be processed", listed))


def _check_report(par: ParameterSet, job: Job) -> None:
    """Refuse, before any work, a report that cannot be made."""
    if par["report"] and job.options.process_events:
        from ciaopy.pipelines.repro.report import check_report

        check_report(job)


def _planned(
    datasets: list[ReproInput],
    par: ParameterSet,
    console: Console,
    failed: dict[str, CiaopyError],
    set_ardlib: bool,
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
            if len(datasets) == 1 and not failed:
                raise
            console.say(f"ERROR {dataset.events}: {e}", 0)
            failed[str(dataset.events)] = e
            continue
        other = names.setdefault((job.out, job.root), dataset)
        if other is not dataset:
            raise UserError(
                f"{other.events} and {dataset.events} would both make {job.file('repro_evt2.fits')};"
                " give each an outdir of its own, or leave root empty"
            )
        work.append((job, builder_of(job.obs.events).recipe(job)))
    return work


def _job(dataset: ReproInput, par: ParameterSet, set_ardlib: bool) -> Job:
    events = read_level1(dataset.events, dataset.cycle)
    builder = builder_of(events)
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
        caldb=par["tools"] != NATIVE or (has_caldb() and builder.calibrated(events)),
        verbose=par["verbose"],
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
        was_frozen=par["process_events"] and has_object_columns(events.path),
    )


def _recorded(
    par: ParameterSet, dataset: ReproInput, root: str, badpixel: bool, set_ardlib: bool, events: EventFile
) -> tuple[tuple[str, str], ...]:
    """Return the parameters for HISTORY, with the values that took effect."""
    used = {n: par.text(n) for n in _RECORDED}
    used |= {"indir": str(dataset.folder), "outdir": str(dataset.out), "root": root}
    used |= {"badpixel": _yes(badpixel), "set_ardlib": _yes(set_ardlib)}
    if used["pix_adj"] == "default":
        used["pix_adj"] = "none" if events.continuous or events.instrument != "ACIS" else "edser"
    return tuple(used.items())


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What came of one dataset."""

    root: str
    products: list[Path]
    timings: list[Timing]


def _run_all(
    par: ParameterSet, options: RunOptions, ws: Workspace, work: list[tuple[Job, Recipe]], alone: bool
) -> list[Outcome[_Made]]:
    """Run every dataset; those with folders of their own go in parallel on ciaopy's own tools.

    Raises
    ------
    CiaopyError
        That of the only dataset.
    """

    def task(job: Job, steps: Recipe) -> DatasetTask[_Made]:
        def run_it(own: Workspace) -> _Made:
            try:
                return _run_one(par, options, own, job, steps)
            except CiaopyError as e:
                if not alone:
                    own.console.say(f"ERROR {job.obs.events.path}: {e}", 0)
                raise

        return DatasetTask(str(job.obs.events.path), run_it, group=job.out)

    outcomes = run_many([task(*one) for one in work], ws, None if par["tools"] == NATIVE else 1)
    if alone:
        values(outcomes)
    return outcomes


def _run_one(par: ParameterSet, options: RunOptions, ws: Workspace, job: Job, steps: Recipe) -> _Made:
    introduce(job, ws.console)
    keep = not par["cleanup"]
    backend = choose_backend(par["tools"], ws, options.roots, lambda own: NativeBackend(own, keep=keep))
    timings = run_recipe(steps, backend, ws.console, par["cleanup"])
    products = [p for p in steps.products if p.exists()]
    if par["report"] and job.options.process_events:
        from ciaopy.pipelines.repro.report import write_report

        products += write_report(job, timings, ws.console.warnings)
    conclude(job, ws.console)
    return _Made(root=job.root, products=products, timings=timings)
