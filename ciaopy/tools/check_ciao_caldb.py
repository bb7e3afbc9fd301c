"""Check that the calibration database is complete and can be queried."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import CalibrationError

if TYPE_CHECKING:
    from ciaopy.caldb import Caldb, CalIndex
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

_MOST_LISTED = 5


def run(par: ParameterSet, ws: Workspace) -> str:
    """Run check_ciao_caldb; returns the version of the database (of the embedded calibration without one).

    Raises
    ------
    CalibrationError
        The folder, its configuration, an index, the version file or files of the index are missing or damaged; the
        message names them.
    """
    from ciaopy.caldb import VERSION_FILE, Caldb, read_version

    console = ws.console
    caldb = Caldb.open()
    if caldb is None:
        from ciaopy.caldb.lite import CALDBVER

        console.say(f"CALDB is not set: the embedded calibration ({CALDBVER}) is used.")
        console.say("For the full calibration: `ciaopy caldb fetch`, or install the CALDB, and set CALDB.")
        version = CALDBVER
    else:
        console.say(f"CALDB          {caldb.root}")
        console.say(f"configuration  {caldb.config}")
        found = read_version(caldb.root / VERSION_FILE)
        console.say(f"version        {found.version}" + (f" of {found.date}" if found.date else ""))
        _check_indexes(caldb, console)
        console.say("The calibration database is sound.")
        version = found.version
    if par["latest"]:
        _compare(version, console)
    return version


def _check_indexes(caldb: Caldb, console: Console) -> None:
    """Read every Chandra index and look for its files."""
    from ciaopy.caldb import is_partial, read_index

    entries = list(dict.fromkeys(e for e in caldb.entries if e.telescope == "CHANDRA" and e.is_used))
    if not entries:
        raise CalibrationError(f"{caldb.config}: no Chandra index in it; install the CALDB again")
    partial = is_partial(caldb.root)
    for entry in entries:
        if partial and not entry.index.exists():
            console.say(f"{entry.instrument:<14} not fetched")
            continue
        index = read_index(entry.index)
        files, missing = _files(index, entry.root)
        console.say(f"{entry.instrument:<14} {index.nrows} rows, {files} files in use, {len(missing)} not there")
        for path in missing:
            console.say(f"  not there: {path}", 2)
        if missing and not partial:
            listed = ", ".join(str(path) for path in missing[:_MOST_LISTED])
            more = f" and {len(missing) - _MOST_LISTED} more" if len(missing) > _MOST_LISTED else ""
            raise CalibrationError(
                f"{entry.index}: {len(missing)} of {files} files are not there: {listed}{more}; install the CALDB "
                "again, or get what an observation needs with `ciaopy caldb fetch`"
            )
    if partial:
        console.say("This database was made by `ciaopy caldb fetch` and holds some of the files only.")


def _files(index: CalIndex, root: Path) -> tuple[int, list[Path]]:
    """Return the number of files of good quality, and those that are not there."""
    from ciaopy.caldb import CalFile

    paths = {root / row.folder.strip("/ ") / row.file for name in index.products for row in index.rows(name)}
    return len(paths), sorted(p for p in paths if not CalFile("", p).exists)


def _compare(version: str, console: Console) -> None:
    """Say whether the CXC has a newer version."""
    from ciaopy.caldb import VERSION_FILE, read_version
    from ciaopy.transfer import DEFAULT_MIRROR, Silent, download, open_mirror

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "caldb_version.fits"
        download(open_mirror(DEFAULT_MIRROR), VERSION_FILE, target, Silent(), resume=False)
        newest = read_version(target).version
    console.say(f"newest version {newest}" + (" (yours)" if newest == version else ""))
