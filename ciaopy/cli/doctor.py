"""`ciaopy doctor`: what ciaopy sees of its surroundings, what is wrong, and the cure."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from ciaopy.cli import run
from ciaopy.cli.shims import is_ours
from ciaopy.console import Console
from ciaopy.documents import document, to_json
from ciaopy.errors import CiaopyError
from ciaopy.kernels import default_nproc
from ciaopy.param import VARIABLES, Location, ParFile, SearchPath, list_tools, read_current, system_par_dir
from ciaopy.version import __version__

DEPENDENCIES = (
    "numpy",
    "astropy",
    "numba",
    "click",
    "rich",
    "lark",
    "isal",
    "platformdirs",
    "matplotlib",
    "psutil",
    "markdown-it-py",
)
OPTIONAL = {"dask": "many observations on a cluster"}
OK, NOTE, WRONG = "ok", "note", "WRONG"
MEGABYTE = 1_000_000
#: Less free space than this in the temporary folder is worth a note (bytes).
LITTLE_SPACE = 2_000 * MEGABYTE


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    state : str
        'ok', 'note' (works, worth knowing) or 'WRONG' (something will fail).
    subject, text : str
        What was looked at, and what was found.
    cure : str
        What to do; "" where nothing is to be done.
    """

    state: str
    subject: str
    text: str
    cure: str = ""


def examine() -> list[Finding]:
    """Look at everything and return the findings in the order of the report."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        check_versions,
        check_parameters,
        check_caldb,
        check_ciao,
        check_commands,
        check_folders,
    )
    return [finding for check in checks for finding in check()]


def check_versions() -> Iterator[Finding]:
    """Versions of ciaopy, Python and the libraries."""
    from importlib.metadata import PackageNotFoundError, version

    where = Path(__file__).resolve().parent.parent
    yield Finding(OK, "ciaopy", f"{__version__} in {where}")
    yield Finding(OK, "Python", f"{platform.python_version()} ({sys.executable}), {platform.platform()}")
    yield Finding(OK, "processors", str(default_nproc()))
    for name in (*DEPENDENCIES, *OPTIONAL):
        try:
            yield Finding(OK, name, version(name))
        except PackageNotFoundError:
            if name in OPTIONAL:
                yield Finding(NOTE, name, f"not installed; only needed for {OPTIONAL[name]}")
            else:
                yield Finding(WRONG, name, "not installed", "python3 -m pip install --upgrade --force-reinstall ciaopy")


def check_parameters() -> Iterator[Finding]:
    """Search path of parameter files, the user's folder, and the files in it."""
    for variable in VARIABLES:
        value = os.environ.get(variable)
        if value is not None or variable == "PFILES":
            yield Finding(OK, f"${variable}", value or "not set: $HOME/cxcds_param4, then ciaopy's own files")
    search = SearchPath.from_environ()
    yield from _check_user_folders(search)
    names = list_tools()
    if names:
        yield Finding(OK, "system parameter files", f"{len(names)} in {system_par_dir()}")
    else:
        yield Finding(WRONG, "system parameter files", f"none in {system_par_dir()}", "install ciaopy again")
    yield from _check_user_files(search)


def _check_user_folders(search: SearchPath) -> Iterator[Finding]:
    """Is there a folder that changed parameters can be written to?"""
    subject = "user parameter folder"
    for folder in search.user:
        if not folder.is_dir():
            if search.create_user:
                yield Finding(OK, subject, f"{folder} (made when a parameter is first changed)")
                return
            yield Finding(NOTE, subject, f"{folder} does not exist", f"mkdir -p {folder}")
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield Finding(NOTE, subject, f"{folder} cannot be written to", f"chmod u+wx {folder}")
        else:
            yield Finding(OK, subject, f"{folder} (writable)")
            return
    yield Finding(
        WRONG,
        subject,
        "none that can be written to, so no parameter can be changed or remembered",
        'unset PFILES, or export PFILES="$HOME/cxcds_param4;$PFILES" with that folder made',
    )


def _check_user_files(search: SearchPath) -> Iterator[Finding]:
    """Can every parameter file of the user be read?"""
    known = set(list_tools())
    sound, broken = 0, []
    for folder in search.user:
        for path in sorted(folder.glob("*.par")) if folder.is_dir() else ():
            try:
                system = system_par_dir() / path.name
                location = Location(path.stem, path, system if path.stem in known else None)
                read_current(location) if location.system else ParFile.read(path)
                sound += 1
            except CiaopyError as error:
                cure = f"punlearn {path.stem}" if path.stem in known else f"mend or delete {path}"
                broken.append(Finding(WRONG, "user parameter file", str(error), cure))
    yield from broken
    yield Finding(OK, "user parameter files", f"{sound} can be read" if sound else "none")


def check_caldb() -> Iterator[Finding]:
    """Is there a calibration database, and can its index be found?"""
    root = os.environ.get("CALDB")
    if not root:
        yield Finding(
            NOTE,
            "$CALDB",
            "not set: the approximate calibration that comes with ciaopy is used",
            "for calibrated products install the Chandra CALDB and set CALDB, or see `ciaopy caldb fetch`",
        )
        return
    folder = Path(root)
    if not folder.is_dir():
        yield Finding(WRONG, "$CALDB", f"{root} is no folder", "set CALDB to the folder that holds data/ and software/")
        return
    yield Finding(OK, "$CALDB", root)
    config = Path(os.environ.get("CALDBCONFIG") or folder / "software" / "tools" / "caldb.config")
    if config.is_file():
        yield Finding(OK, "caldb.config", str(config))
    else:
        yield Finding(WRONG, "caldb.config", f"{config} does not exist", "set CALDBCONFIG, or unpack the CALDB again")
    index = folder / "data" / "chandra" / "acis" / "caldb.indx"
    if index.is_file():
        yield Finding(OK, "Chandra index", str(index))
    else:
        yield Finding(WRONG, "Chandra index", f"{index} does not exist", "unpack the main Chandra CALDB file there")


def check_ciao() -> Iterator[Finding]:
    """Is CIAO installed and set up?"""
    root = os.environ.get("ASCDS_INSTALL")
    if root:
        folder = Path(root)
        if not (folder / "bin").is_dir():
            yield Finding(WRONG, "CIAO", f"$ASCDS_INSTALL is {root}, which has no folder bin/", "unset ASCDS_INSTALL")
            return
        version = folder / "VERSION"
        text = version.read_text(errors="replace").strip().splitlines()[:1] if version.is_file() else []
        yield Finding(OK, "CIAO", f"{text[0] if text else 'version unknown'} in {root}; tools=ciao can be used")
    else:
        yield Finding(OK, "CIAO", "not set up; not needed (tools=ciao would need it)")


def check_commands() -> Iterator[Finding]:
    """Which program answers to each of ciaopy's commands?"""
    here = Path(sys.executable).parent
    missing, foreign = [], []
    for name in ("ciaopy", "chandra_repro", "fluximage", *run.parameter_commands()):
        found = shutil.which(name)
        if found is None:
            missing.append(name)
        elif Path(found).parent != here and not is_ours(Path(found)) and not _starts_ciaopy(Path(found)):
            foreign.append(found)
    if missing:
        yield Finding(NOTE, "commands", f"not on PATH: {' '.join(missing)}", f'export PATH="{here}:$PATH"')
    if foreign:
        text = f"other programs come first on PATH: {' '.join(foreign)}"
        yield Finding(NOTE, "commands", text, "run ciaopy's as `ciaopy TOOL`, or put its folder first on PATH")
    if not missing and not foreign:
        yield Finding(OK, "commands", "all found on PATH")


def _starts_ciaopy(path: Path) -> bool:
    """True for the small programs that pip installs for ciaopy."""
    try:
        with path.open("rb") as stream:
            return b"ciaopy.cli.main" in stream.read(2000)
    except OSError:
        return False


def check_folders() -> Iterator[Finding]:
    """Temporary folder, and the folder where compiled kernels are kept."""
    temporary = Path(os.environ.get("ASCDS_WORK_PATH") or tempfile.gettempdir())
    if not temporary.is_dir() or not os.access(temporary, os.W_OK):
        yield Finding(
            WRONG, "temporary folder", f"{temporary} cannot be written to", "set ASCDS_WORK_PATH to one that can"
        )
    else:
        free = shutil.disk_usage(temporary).free
        text = f"{temporary}, {free // MEGABYTE} MB free"
        little = free < LITTLE_SPACE
        cure = "free some space, or set ASCDS_WORK_PATH or tmpdir" if little else ""
        yield Finding(NOTE if little else OK, "temporary folder", text, cure)
    cache = numba_cache()
    if cache is None:
        yield Finding(
            NOTE,
            "kernel cache",
            "no folder can be written to, so the kernels are compiled in every run",
            "set NUMBA_CACHE_DIR to a folder of your own",
        )
    else:
        yield Finding(OK, "kernel cache", str(cache))


def numba_cache() -> Path | None:
    """Return the folder where numba keeps compiled kernels, None if it has none.

    numba's order: `NUMBA_CACHE_DIR`, `__pycache__` beside the source, a folder of the user's own cache.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    kernels = Path(__file__).resolve().parent.parent / "kernels"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
    for folder in (Path(chosen),) if chosen else (kernels / "__pycache__", home):
        existing = next((p for p in (folder, *folder.parents) if p.exists()), None)
        if existing is not None and existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
            return folder
    return None


def report(findings: list[Finding]) -> str:
    """Return the findings as text, each cure on a line of its own."""
    column = max(len(f.subject) for f in findings) + 2
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<6}{finding.subject.ljust(column)}{finding.text}")
        if finding.cure:
            lines.append(" " * (6 + column) + f"cure: {finding.cure}")
    wrong = sum(f.state == WRONG for f in findings)
    lines += ["", f"{wrong} thing{'' if wrong == 1 else 's'} wrong" if wrong else "Nothing is wrong."]
    return "\n".join(lines)


@click.command("doctor", short_help=run.SUBCOMMANDS["doctor"])
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs (docs/json.md).")
def command(as_json: bool) -> int:
    """Print versions, PFILES, CALDB, CIAO and folders; say what is wrong and the cure. Exit status 1 if anything is."""
    findings = examine()
    if as_json:
        wrong = sum(f.state == WRONG for f in findings)
        content = {"version": __version__, "wrong": wrong, "findings": [asdict(f) for f in findings]}
        Console().output(to_json(document("doctor", content)))
    else:
        Console().output(report(findings))
    return 1 if any(f.state == WRONG for f in findings) else 0
