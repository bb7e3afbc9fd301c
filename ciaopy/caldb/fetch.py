"""Make a calibration database of just the files that observations need, from a mirror.

The folder gets the layout of the CALDB (configuration, indexes, version, data), so that `$CALDB` can point to it, and
grows with each call. A note in it says that it is partial: its indexes list files that are not there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.caldb.config import ConfigEntry, read_config
from ciaopy.caldb.index import read_index
from ciaopy.caldb.observation import observation_products
from ciaopy.caldb.query import Caldb
from ciaopy.caldb.version import VERSION_FILE
from ciaopy.errors import CalibrationError
from ciaopy.transfer import Mirror, Progress, Silent, download

__all__ = ["PARTIAL_NOTE", "FetchReport", "default_folder", "fetch_files", "is_partial"]

CONFIG_FILE = "software/tools/caldb.config"
#: Marks a database that `fetch_files` made.
PARTIAL_NOTE = "ciaopy_partial_caldb.txt"
# A run decides these itself: files for every value of them are fetched.
_DECIDED_LATER = ("CTI_APP", "CTI_CORR")


@dataclass
class FetchReport:
    """What `fetch_files` did.

    Attributes
    ----------
    folder : Path
        The database.
    fetched : list of str
        Files that were copied, relative to it.
    present : list of str
        Files that were there already.
    size : int
        Bytes copied.
    without : list of str
        Products for which the index has nothing.
    """

    folder: Path
    fetched: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    size: int = 0
    without: list[str] = field(default_factory=list)


def default_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return where `fetch_files` puts files: `$CALDB`, else a folder of the user's cache."""
    variables = os.environ if environ is None else environ
    named = variables.get("CALDB", "").strip()
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("ciaopy") / "caldb"


def is_partial(root: Path) -> bool:
    """Return whether a database was made by `fetch_files`."""
    return (root / PARTIAL_NOTE).is_file()


def fetch_files(
    mirror: Mirror,
    folder: Path,
    headers: Sequence[Mapping[str, Any]],
    everything: bool,
    progress: Progress | None = None,
    renew: bool = True,
) -> FetchReport:
    """Copy what observations need into a database.

    Configuration, indexes and version are renewed if asked for; data files that are there are left alone: a version is
    in the name.

    Parameters
    ----------
    mirror : Mirror
        Where from.
    folder : Path
        Where to.
    headers : sequence of mapping
        Headers of the observations.
    everything : bool
        Copy all files of good quality of the Chandra indexes.
    progress : Progress, optional
        Told of every piece.
    renew : bool
        Fetch configuration, indexes and version although they are there; False keeps the version of the calibration.

    Raises
    ------
    CalibrationError
        The mirror lacks a file, sends something else, or its index is damaged or names files outside the database.
    UserError
        A file cannot be written.
    """
    job = _Job(mirror, folder, progress or Silent(), FetchReport(folder), renew)
    new = not (folder / CONFIG_FILE).exists()
    caldb = job.indexes(headers, everything)
    if new:
        note = "Made by `ciaopy caldb fetch`: only some of the files in the indexes are here.\n"
        (folder / PARTIAL_NOTE).write_text(f"{note}Mirror: {mirror.where('')}\n")
    names: dict[str, None] = {}
    if everything:
        names |= _all_files(caldb)
    for header in headers:
        kept = {k: header[k] for k in header if k and str(k).upper() not in _DECIDED_LATER}
        for product in observation_products(header):
            found = caldb.search(product, kept)
            names |= dict.fromkeys(job.relative(file.path) for file in found)
            if not found and product not in job.report.without:
                job.report.without.append(product)
    for name in names:
        job.data(name)
    return job.report


def _all_files(caldb: Caldb) -> dict[str, None]:
    """Return all files of good quality."""
    names: dict[str, None] = {}
    for _, index in caldb.indexes():
        for product in index.products:
            names |= dict.fromkeys(_joined(row.folder, row.file) for row in index.rows(product))
    return names


def _joined(folder: str, file: str) -> str:
    return f"{folder.strip('/ ')}/{file}"


@dataclass
class _Job:
    """One call of `fetch_files`."""

    mirror: Mirror
    folder: Path
    progress: Progress
    report: FetchReport
    renewing: bool = True

    def indexes(self, headers: Sequence[Mapping[str, Any]], everything: bool) -> Caldb:
        """Copy configuration, version and the indexes of the instruments."""
        self.renew(CONFIG_FILE)
        entries = read_config(self.folder / CONFIG_FILE, self.folder)
        wanted = {str(h.get("INSTRUME") or "").strip().upper() for h in headers} | {"DEFAULT"}
        used = [e for e in entries if e.telescope == "CHANDRA" and e.is_used and (everything or e.instrument in wanted)]
        if not used:
            raise CalibrationError(f"{self.mirror.where(CONFIG_FILE)}: no Chandra index in it; check --mirror")
        for entry in dict.fromkeys(used):
            self._index(entry)
        self._optional(VERSION_FILE)
        return Caldb(self.folder, self.folder / CONFIG_FILE, tuple(used))

    def _index(self, entry: ConfigEntry) -> None:
        name = self.relative(entry.index)
        new = self.renew(name)
        read_index(entry.index)
        if new:
            self._optional(self.relative(entry.index.with_name("key.config")))

    def _optional(self, name: str) -> None:
        """Copy a file that a mirror need not have."""
        try:
            self.renew(name)
        except CalibrationError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise

    def renew(self, name: str) -> bool:
        """Copy a file whose content changes under one name; returns False where it is there and is to stay."""
        if not self.renewing and (self.folder / name).is_file():
            self.report.present.append(name)
            return False
        self._copy(name, resume=False)
        return True

    def data(self, name: str) -> None:
        """Copy a data file unless it is there."""
        target = self.folder / name
        self.relative(target)
        if target.is_file() or target.with_name(target.name + ".gz").is_file():
            self.report.present.append(name)
        else:
            self._copy(name, resume=True)

    def _copy(self, name: str, resume: bool) -> None:
        self.report.size += download(self.mirror, name, self.folder / name, self.progress, resume)
        self.report.fetched.append(name)

    def relative(self, path: Path) -> str:
        """Return a path below the database with slashes; what leads out of it is refused."""
        inside = os.path.normpath(path)
        root = os.path.normpath(self.folder)
        if not inside.startswith(root + os.sep):
            raise CalibrationError(
                f"{self.mirror.where('')}: names {path}, a file outside the database; check --mirror"
            )
        return Path(inside).relative_to(root).as_posix()
