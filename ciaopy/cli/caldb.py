"""`ciaopy caldb`: what calibration there is, which file serves an observation, and how to get it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from ciaopy.console import Console
from ciaopy.documents import document, to_json
from ciaopy.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ciaopy.caldb import FetchReport

_OBSERVATION = ("OBS_ID", "INSTRUME", "DETNAM", "GRATING", "DATAMODE", "DATE-OBS", "FP_TEMP", "CTI_APP")
_HELP = {"help_option_names": ["-h", "--help"]}


@click.group("caldb", context_settings=_HELP, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int:
    """Find, check and fetch calibration files of the Chandra CALDB."""
    if context.invoked_subcommand is None:
        Console().output(context.get_help())
    return 0


@command.command("status", context_settings=_HELP)
@click.argument("events")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs (docs/json.md).")
def status(events: str, as_json: bool) -> int:
    """Show which calibration file serves EVENTS, product by product.

    Without a CALDB: what the embedded calibration has, and how good it is.
    """
    from ciaopy.caldb import Caldb, caldb_version, observation_header, product_status
    from ciaopy.caldb.lite import CALDBVER

    console = Console()
    header = observation_header(events)
    caldb = Caldb.open()
    if as_json:
        content = {
            "events": events,
            "caldb": None
            if caldb is None
            else {"folder": caldb.root, "version": caldb_version(), "config": caldb.config},
            "embedded": CALDBVER,
            "observation": {n: header[n] for n in _OBSERVATION if header.get(n) not in (None, "")},
            "products": [asdict(row) for row in product_status(caldb, header)],
        }
        console.output(to_json(document("caldb-status", content)))
        return 0
    if caldb is None:
        console.output(f"CALDB:       not set; the embedded calibration ({CALDBVER}) is used")
    else:
        console.output(f"CALDB:       {caldb.root}")
        console.output(f"version:     {caldb_version()}")
        console.output(f"config:      {caldb.config}")
    console.output(f"observation: {_describe(header)}")
    console.output("")
    rows = product_status(caldb, header)
    for row in rows:
        console.output(f"{row.product:<11} {row.source:<8} {row.use}: {row.detail}")
    if any(row.source == "missing" for row in rows):
        console.output("\nmissing: in the index, but not on this disk; `ciaopy caldb fetch` gets these files")
    elif any(row.source in ("lite", "none") for row in rows):
        console.output(f"\nlite: the approximate calibration that comes with ciaopy ({CALDBVER})")
    return 0


def _describe(header: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {header[name]}" for name in _OBSERVATION if header.get(name) not in (None, ""))


@command.command("find", context_settings=_HELP)
@click.argument("product")
@click.argument("events")
@click.argument("constraints", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--all", "every", is_flag=True, help="Print every file that fits, not the one.")
def find(product: str, events: str, constraints: tuple[str, ...], every: bool) -> int:
    """Print the file of a PRODUCT (such as T_GAIN or QE) for EVENTS, with the number of its HDU.

    Boundary conditions that the header of EVENTS does not settle follow as NAME=VALUE, such as ccd_id=3.
    """
    from ciaopy.caldb import observation_header, resolve

    console = Console()
    given = _constraints(constraints)
    header = observation_header(events)
    files = _search(product, header, given, every)
    if not files:
        found = resolve(product, "CALDB", header, **given)
        if found is not None:
            console.output(f"lite ({getattr(found, 'warning', '')})")
        return 0
    for file in files:
        console.output(str(file))
        if not file.exists:
            console.warn(f"{file.path}: in the index, but not there; `ciaopy caldb fetch` gets it")
    return 0


def _search(product: str, header: Mapping[str, Any], given: Mapping[str, Any], every: bool) -> Sequence[Any]:
    """Return the file, or all files, that a CALDB has for a product."""
    from ciaopy.caldb import Caldb

    caldb = Caldb.open()
    if caldb is None:
        return []
    if every:
        return caldb.search(product, header, **given)
    found = caldb.try_find(product, header, **given)
    return [] if found is None else [found]


def _constraints(words: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{word}: expected NAME=VALUE, such as ccd_id=3")
        found[name.strip().lower()] = value.strip()
    return found


@command.command("fetch", context_settings=_HELP)
@click.argument("observations", nargs=-1, metavar="[EVENTS|FOLDER]...")
@click.option("--all", "everything", is_flag=True, help="Fetch every file of good quality (many GB).")
@click.option("--dest", metavar="FOLDER", help="Where to put the files [default: $CALDB, else a cache folder].")
@click.option("--mirror", metavar="URL|PATH", help="Where to take them from [default: the CXC].")
def fetch(observations: tuple[str, ...], everything: bool, dest: str | None, mirror: str | None) -> int:
    """Fetch the calibration files that observations need.

    EVENTS is an event file, FOLDER one of an observation (with primary/ and secondary/). The files get the layout of
    the CALDB; what is there already is not fetched again, and an interrupted transfer continues.
    """
    from ciaopy.caldb import default_folder, fetch_files, observation_header
    from ciaopy.transfer import DEFAULT_MIRROR, open_mirror

    console = Console()
    if not observations and not everything:
        raise UsageError("name an event file or the folder of an observation, or use --all")
    headers = [observation_header(name) for item in observations for name in _event_files(item)]
    folder = Path(dest).expanduser() if dest else default_folder()
    source = open_mirror(mirror or DEFAULT_MIRROR)
    console.say(f"from {source.where('')}\nto   {folder}")
    with _Bar(console) as bar:
        report = fetch_files(source, folder, headers, everything, bar)
    _conclude(report, console)
    return 0


def _event_files(item: str) -> list[str]:
    from ciaopy.caldb import event_files

    if not Path(item).is_dir():
        return [item]
    found = event_files(Path(item))
    if not found:
        raise DataError(f"{item}: no event file (*evt1*.fits, *evt2*.fits) in it; name an event file")
    return [str(path) for path in found[:1]]


def _conclude(report: FetchReport, console: Console) -> None:
    console.say(
        f"{len(report.fetched)} files fetched ({report.size / 1e6:.1f} MB), {len(report.present)} were there already"
    )
    if report.without:
        console.say(f"the index has nothing for: {', '.join(report.without)}")
    console.say(f"To use them: export CALDB={report.folder.absolute()}")


class _Bar:
    """Progress of transfers: a bar on a terminal, a line per file elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> _Bar:
        if self._console.is_terminal:
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._progress = Progress(*columns, transient=True)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def start(self, name: str, done: int, total: int | None) -> None:
        """Show a new bar."""
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(name.rpartition("/")[2], total=total, completed=done)

    def advance(self, size: int) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.advance(self._task, size)

    def finish(self, name: str) -> None:
        """Name the file."""
        if self._progress is not None:
            self._progress.console.print(f"  {name}", highlight=False)
        else:
            self._console.say(f"  {name}")
