"""`ciaopy batch`: many observations, from their list to their products."""

from __future__ import annotations

import json
import os
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ciaopy.console import Console
from ciaopy.errors import UsageError

if TYPE_CHECKING:
    from ciaopy.batch import Survey, Wishes

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group("batch", context_settings=_HELP, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int:
    """Reduce many observations: what was done is remembered, what failed is told, nothing is done twice."""
    if context.invoked_subcommand is None:
        Console().output(context.get_help())
    return 0


def _open(survey: str) -> Survey:
    from ciaopy.batch import Survey

    return Survey.open(Path(survey))


@command.command("init", context_settings=_HELP)
@click.argument("survey")
@click.argument("observations", nargs=-1, metavar="[OBS]...")
@click.option("--mission", default="", help="Of this mission only [default: told by the observations].")
@click.option("--clobber", is_flag=True, help="Begin an existing survey anew: its settings and its ledger are lost.")
def init(survey: str, observations: tuple[str, ...], mission: str, clobber: bool) -> int:
    """Make a SURVEY of observations: folders, ObsIDs to be downloaded, or stacks of them (@list)."""
    from ciaopy.batch import Survey

    made = Survey.create(Path(survey), mission, clobber)
    new = made.add(observations, made.settings().mission)
    Console().output(f"{made.folder}: {len(new)} observations added; run them: ciaopy batch run {survey}")
    return 0


@command.command("add", context_settings=_HELP)
@click.argument("survey")
@click.argument("observations", nargs=-1, required=True, metavar="OBS...")
def add(survey: str, observations: tuple[str, ...]) -> int:
    """Add observations to a SURVEY: folders, ObsIDs, or stacks of them (@list)."""
    opened = _open(survey)
    new = opened.add(observations, opened.settings().mission)
    Console().output(f"{opened.folder}: {len(new)} observations added")
    return 0


def _names(context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Read a list of names with commas."""
    return None if text is None else tuple(w.strip() for w in text.split(",") if w.strip())


def _time(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    from ciaopy.batch import seconds

    return None if text is None else _checked(lambda: seconds(f"--{option.name}", text))


def _size(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    from ciaopy.batch import size_bytes

    return None if text is None else _checked(lambda: size_bytes(f"--{str(option.name).replace('_', '-')}", text))


def _checked(make: Any) -> Any:
    try:
        return make()
    except ValueError as error:
        raise UsageError(str(error)) from error


_COUNT = click.IntRange(min=1)


@command.command("run", context_settings=_HELP)
@click.argument("survey")
@click.option(
    "--stages", callback=_names, metavar="A,B", help="Run these only [default: all, and the user's commands]."
)
@click.option("--set", "changes", multiple=True, metavar="STAGE.PARAMETER=VALUE", help="Set a parameter; remembered.")
@click.option("--only", callback=_names, metavar="OBS,IDENT", help="Only these observations or idents.")
@click.option("--num-cores", type=_COUNT, help="Cores in all [default: 90% of those available].")
@click.option("--threads", type=_COUNT, help="Threads of each job [default: the cores are shared out].")
@click.option("--timeout", callback=_time, metavar="TIME", help="Limit of one try of one job: seconds, or '10 min'.")
@click.option("--memory", callback=_size, metavar="SIZE", help="Limit of one job, such as '4 GB'.")
@click.option("--retries", type=click.IntRange(min=0), help="Further tries after a transient failure [default: 2].")
@click.option("--retry-failed", is_flag=False, flag_value="all", metavar="[CAUSES]", help="Try what failed once more.")
@click.option("--force", callback=_names, metavar="STAGE,..", help="Run these stages although they are done.")
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True)
@click.option("--scheduler", metavar="ADDRESS", help="Join this Dask cluster: an address or a scheduler file.")
@click.option("--workers", type=_COUNT, help="Processes of a new Dask cluster.")
@click.option("--min-free", callback=_size, metavar="SIZE", help="With less on the disk no job starts [default: 2 GB].")
@click.option("--keep-failed", is_flag=True, help="Keep the private folder of a failed try.")
@click.option("--offline", is_flag=True, help="Send no request: what is to be downloaded must be there.")
@click.option(
    "--digest", type=click.Choice(["ends", "full"]), help="Know input files by their ends, or by all of them."
)
@click.option("--disable-progress", is_flag=True, help="Show nothing while it runs.")
@click.option("--sas", metavar="DIR", help="Installation of XMM SAS [default: SAS_DIR].")
@click.option("--dry-run", is_flag=True, help="List what would run, and why; run nothing.")
def run(survey: str, changes: tuple[str, ...], dry_run: bool, sas: str | None, **options: Any) -> int:
    """Run everything that is due in a SURVEY."""
    from ciaopy.batch import due_jobs, launch, set_parameters, summary_text

    opened, console = _open(survey), Console()
    if sas is not None:
        os.environ["SAS_DIR"] = sas
    settings = opened.settings()
    parsed = _parsed(settings, changes)
    wishes = _wishes(options, parsed if dry_run else {}, settings)
    if dry_run:
        with _warnings_on(console):
            jobs = due_jobs(opened, wishes)
        for job in jobs:
            console.output(f"{job.ident} {job.stage}: {job.reason}")
        console.output(f"{len(jobs)} jobs would run (what follows a job that is run anew is not counted)")
        return 0
    if parsed:
        set_parameters(opened, settings, parsed, wishes.stages)
    with _warnings_on(console):
        done = launch(opened, wishes)
    names = [s.name for s in opened.settings().stages if wishes.stages is None or s.name in wishes.stages]
    text = summary_text(opened, names)
    if text:
        console.output(text)
    told = f"{done.launched} jobs were run, {done.done} are done" if done.launched else "nothing was due"
    console.output(told + (f"; {done.failed} failed, {done.blocked} blocked" if done.failed or done.blocked else ""))
    if done.unmet:
        console.warn(f"{done.unmet} jobs wait for stages that are not done and were not asked for (--stages)")
    if done.failed:
        console.output(f"see: ciaopy batch status --failed {survey}")
    if done.stopped:
        console.warn(f"the run ended early: {done.stopped}", 0)
    return done.exit_status


@contextmanager
def _warnings_on(console: Console) -> Iterator[None]:
    """Show warnings as the command does, without the place in the program from which they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *rest, **more: console.warn(str(message), 0)
        yield


def _parsed(settings: Any, changes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return {stage: {parameter: JSON value}} of the options --set.

    Raises
    ------
    UsageError
        No such stage or parameter, or a wrong value.
    """
    stages = {s.name: s for s in settings.mission.stages}
    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        stage, dot, parameter = name.strip().partition(".")
        if not equals or not dot:
            raise UsageError(f"--set {change}: expected STAGE.PARAMETER=VALUE")
        if stage not in stages:
            raise UsageError(f"--set {change}: no stage is called {stage!r}; there is {', '.join(stages)}")
        try:
            value = stages[stage].parameter(parameter).parse(name.strip(), text.strip())
        except (TypeError, ValueError) as error:
            raise UsageError(f"--set {change}: {error}") from error
        found.setdefault(stage, {})[parameter] = value
    for stage, values in found.items():
        try:
            stages[stage].check({**settings.parameters[stage], **values})
        except ValueError as error:
            raise UsageError(f"--set {stage}: {error}") from error
    return found


def _wishes(options: dict[str, Any], parsed: dict[str, dict[str, Any]], settings: Any) -> Wishes:
    from ciaopy.batch import CAUSES, Progress, Wishes

    retry = options["retry_failed"]
    causes = () if retry is None else CAUSES if retry == "all" else _names(None, None, retry) or ()  # type: ignore[arg-type]
    return Wishes(
        stages=options["stages"],
        parameters={s: {**settings.parameters[s], **v} for s, v in parsed.items()},
        force=frozenset(options["force"] or ()),
        only=frozenset(options["only"] or ()),
        retry=frozenset(causes),
        timeout=options["timeout"],
        memory=options["memory"],
        num_cores=options["num_cores"],
        threads=options["threads"],
        retries=options["retries"],
        min_free=options["min_free"],
        engine=options["scheduler"] or (None if options["engine"] == "local" else options["engine"]),
        workers=options["workers"],
        keep_failed=options["keep_failed"],
        offline=options["offline"],
        digest=options["digest"],
        progress=Progress() if options["disable_progress"] else None,
    )


@command.command("status", context_settings=_HELP)
@click.argument("survey")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--failed", is_flag=True, help="List what failed or was skipped.")
def status(survey: str, as_json: bool, failed: bool) -> int:
    """Show how many jobs of a SURVEY are done, failed, waiting."""
    from ciaopy.batch import failures, status_json, status_text

    opened, console = _open(survey), Console()
    if as_json:
        console.output(json.dumps(status_json(opened), indent=1))
        return 0
    console.output(status_text(opened))
    if failed:
        for one in failures(opened):
            console.output(f"\n{one['ident']} {one['stage']} {one['state']} ({one['cause']}): {one['message']}")
            if one["log"]:
                console.output(f"  log: {opened.folder / one['log']}")
    return 0


@command.command("logs", context_settings=_HELP)
@click.argument("survey")
@click.argument("ident")
@click.argument("stage", required=False)
def logs(survey: str, ident: str, stage: str | None) -> int:
    """Print the log of an IDENT, of one STAGE or of all, in order."""
    from ciaopy.errors import UserError

    opened, console = _open(survey), Console()
    with opened.ledger() as ledger:
        rows = list(ledger.jobs("ident = ? and state != 'superseded' order by started", (ident,)))
    chosen = [r for r in rows if stage in (None, r["stage"]) and r["log"]]
    if not chosen:
        raise UserError(f"{ident}{' ' + stage if stage else ''}: no log in {survey}; see ciaopy batch status")
    for row in chosen:
        path = opened.folder / row["log"]
        if len(chosen) > 1:
            console.output(f"==> {row['stage']} ({row['state']}) <==")
        console.output(path.read_text(errors="replace").rstrip("\n") if path.is_file() else f"({path} is gone)")
    return 0


@command.command("report", context_settings=_HELP)
@click.argument("survey")
@click.option("--html", "as_html", metavar="FILE", help="Write a report as one HTML file.")
@click.option("--csv", "as_csv", metavar="FILE", help="Write one line per job.")
def report(survey: str, as_html: str | None, as_csv: str | None) -> int:
    """Write a report of a SURVEY [default: SURVEY/report.html]."""
    from ciaopy.batch import write_csv, write_html

    opened, console = _open(survey), Console()
    if as_html is None and as_csv is None:
        as_html = str(opened.folder / "report.html")
    for name, write in ((as_html, write_html), (as_csv, write_csv)):
        if name is not None:
            write(opened, Path(name))
            console.output(f"Created: {name}")
    return 0


@command.command("cancel", context_settings=_HELP)
@click.argument("survey")
def cancel(survey: str) -> int:
    """End the run of a SURVEY in order, from any shell or host; what was running is run again next time."""
    opened, console = _open(survey), Console()
    who = opened.supervisor()
    if who is None:
        console.output(f"{opened.folder}: nothing is running")
        return 0
    opened.cancel_file.touch()
    console.output(f"process {who[0]} on {who[1]} has been asked to end")
    return 0


@command.command("collect", context_settings=_HELP)
@click.argument("survey")
def collect(survey: str) -> int:
    """Take the records beside the products into the ledger; a lost ledger is made anew from them."""
    from ciaopy.batch import collect as take_in

    opened = _open(survey)
    new, observations = take_in(opened, opened.settings())
    Console().output(f"{new} records taken in" + (f", {observations} observations found again" if observations else ""))
    return 0


@command.command("slurm", context_settings=_HELP)
@click.argument("survey")
@click.option("--time", metavar="TIME", help="Time of each index, such as 4:00:00.")
@click.option("--mem", metavar="SIZE", help="Memory of each index, such as 8G.")
@click.option("--cpus", type=_COUNT, help="Cores of each index.")
@click.option("--partition", metavar="NAME")
@click.option("--account", metavar="NAME")
@click.option("--max-running", type=_COUNT, help="Most indexes at once.")
@click.option("--chunk", type=_COUNT, default=1, show_default=True, help="Observations of each index.")
def slurm(survey: str, chunk: int, **options: Any) -> int:
    """Write a Slurm job array for what is due in a SURVEY; no daemon, the ledger is filled afterwards by collect."""
    from ciaopy.batch import ArrayOptions, write_array

    opened, console = _open(survey), Console()
    script, indexes = write_array(opened, ArrayOptions(**options), chunk)
    if not indexes:
        console.output("nothing is due; no script is written")
        return 0
    console.output(f"Created: {script} ({indexes} indexes)")
    console.output(f"sbatch {shlex.quote(str(script))}")
    console.output(f"and in the end: ciaopy batch collect {shlex.quote(survey)}")
    return 0


@command.command("task", context_settings=_HELP)
@click.argument("survey")
@click.argument("index", type=int)
@click.option("--num-cores", type=_COUNT, envvar="SLURM_CPUS_PER_TASK", help="Cores in all.")
def task(survey: str, index: int, num_cores: int | None) -> int:
    """Do what INDEX of a job array has to do; called by slurm/array.sh.

    The status is 0 where everything was tried: how each job ended stands in its record.
    """
    from ciaopy.batch import Wishes, run_task

    console = Console()
    done = run_task(_open(survey), index, Wishes(num_cores=num_cores))
    console.output(f"{done.launched} jobs were run, {done.done} are done, {done.failed} failed, {done.blocked} blocked")
    if done.stopped:
        console.warn(f"ended early: {done.stopped}", 0)
    return done.exit_status if done.stopped else 0
