"""Where parameter files are: PDIRS, PFILES, UPARM, user copies and system files.

Each variable reads `user[:user2...];system[:system2...]`; without `;` its folders serve as both. The package's own
folder is always the last system folder, so that every tool of ciaopy is found whatever the variables say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ciaopy.errors import ParameterError

VARIABLES = ("PDIRS", "PFILES", "UPARM")
#: Folder that CIAO 4 uses in the home directory, used here where none of the variables is set.
DEFAULT_USER_DIR = "cxcds_param4"


class SearchPath:
    """Folders in search order.

    Attributes
    ----------
    user, system : tuple of Path
        User folders (copies are written to the first writable one) and system folders (never written).
    create_user : bool
        True where the user folder is the default one, which is made on first write.
    """

    def __init__(self, user: tuple[Path, ...], system: tuple[Path, ...], create_user: bool) -> None:
        self.user, self.system, self.create_user = user, system, create_user

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> SearchPath:
        """Read the variables; with none set, `$HOME/cxcds_param4` and the package's own files."""
        environ = os.environ if environ is None else environ
        user: list[Path] = []
        system: list[Path] = []
        for variable in VARIABLES:
            text = environ.get(variable, "")
            if not text.strip():
                continue
            before, semicolon, after = text.partition(";")
            folders = _folders(before)
            user += folders
            system += _folders(after.replace(";", ":")) if semicolon else folders
        create = not any(environ.get(variable, "").strip() for variable in VARIABLES)
        if create:
            user = [Path(environ.get("HOME") or Path.home()) / DEFAULT_USER_DIR]
        own = system_par_dir()
        if own not in system:
            system.append(own)
        return cls(tuple(dict.fromkeys(user)), tuple(dict.fromkeys(system)), create)

    def describe(self) -> str:
        """Return the folders for a message."""
        return ", ".join(str(folder) for folder in dict.fromkeys((*self.user, *self.system)))


def _folders(text: str) -> list[Path]:
    """Split one side of a variable at `:`, `,` and blanks; a name with blanks stays whole if it is a folder."""
    found: list[Path] = []
    for entry in text.replace(",", ":").split(":"):
        entry = entry.strip()
        if not entry:
            continue
        names = [entry] if Path(entry).expanduser().is_dir() else entry.split()
        found += [Path(name).expanduser() for name in names]
    return found


def system_par_dir() -> Path:
    """Folder of the package's own parameter files: `ciaopy/params` when installed, else `params` of the source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "params"
    return installed if installed.is_dir() else package.parent / "params"


def list_tools() -> list[str]:
    """Names of all parameter files that come with the package, sorted (`ardlib` and the like included)."""
    return sorted(path.stem for path in system_par_dir().glob("*.par"))


def extensions() -> tuple[str, ...]:
    """Extensions tried on a tool name: `.par`, `.rdb` and `$PFEXTN`."""
    extra = os.environ.get("PFEXTN", "").strip()
    if extra and not extra.startswith("."):
        extra = "." + extra
    return tuple(dict.fromkeys(e for e in (".par", ".rdb", extra) if e))


class Location:
    """Where the file of one tool was found.

    Attributes
    ----------
    tool : str
        Name without folder and extension.
    user : Path or None
        Existing user copy, or the file itself where a path was given.
    system : Path or None
        System file; None for a path.
    path_given : bool
        True where the user named a path instead of a tool.
    """

    def __init__(self, tool: str, user: Path | None, system: Path | None, path_given: bool = False) -> None:
        self.tool, self.user, self.system, self.path_given = tool, user, system, path_given

    @property
    def path(self) -> Path:
        """The file to read: the user copy, else the system file."""
        found = self.user or self.system
        if found is None:
            raise ParameterError(f"no parameter file for {self.tool}")
        return found


def locate(name: str, search: SearchPath | None = None) -> Location:
    """Find the parameter file of a tool, `tool.par`, or a path.

    A name with `/`, or one that ends in `.par` and exists, is a path (`.par` may be left off). Otherwise the user
    folders, the system folders and at last the current folder are tried.

    Raises
    ------
    ParameterError
        Nothing was found; the message names the folders.
    """
    if not name or "\0" in name:
        raise ParameterError(f"{name!r} is not the name of a tool or a parameter file")
    if "/" in name or (name.endswith(".par") and Path(name).is_file()):
        for path in (Path(name), Path(name + ".par")):
            if path.is_file():
                return Location(path.stem, path, None, path_given=True)
        raise ParameterError(f"unable to open parameter file {name}: no such file")
    search = search or SearchPath.from_environ()
    suffixes = extensions()
    stem = next((name[: -len(e)] for e in suffixes if name.endswith(e) and name != e), name)
    user, system = _first(search.user, stem, suffixes), _first(search.system, stem, suffixes)
    if user is None and system is None:
        here = _first((Path(),), stem, suffixes)
        if here is None:
            raise ParameterError(f"unable to open parameter file for {name}; looked in {search.describe()}")
        return Location(stem, here, None, path_given=True)
    if system == user:  # a folder that serves as both: the system file is the one behind the user's
        system = _first(tuple(f for f in search.system if f not in search.user), stem, suffixes)
    return Location(stem, user, system)


def _first(folders: tuple[Path, ...], stem: str, suffixes: tuple[str, ...]) -> Path | None:
    """First existing file of that stem."""
    for folder in folders:
        for suffix in suffixes:
            path = folder / (stem + suffix)
            if path.is_file():
                return path
    return None


def find_par(name: str) -> Path:
    """Path of the parameter file that reading `name` would use: the user copy, else the system file."""
    return locate(name).path


def writable_path(location: Location, search: SearchPath | None = None) -> Path:
    """Path that a change is written to: the file itself, or a copy in the first writable user folder.

    The default user folder is made if it is missing; folders named by the user's variables are not.

    Raises
    ------
    ParameterError
        No user folder can be written to; the message names them.
    """
    if location.user is not None:
        if not os.access(location.user.parent, os.W_OK):
            raise ParameterError(f"cannot change {location.user}: its folder is read-only")
        return location.user
    search = search or SearchPath.from_environ()
    if search.create_user:
        try:
            search.user[0].mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParameterError(f"cannot make the parameter folder {search.user[0]}: {error.strerror}") from error
    for folder in search.user:
        if folder.is_dir() and os.access(folder, os.W_OK):
            return folder / location.path.name
    if not search.user:
        raise ParameterError(f"PFILES names no user folder, so {location.tool}.par has nowhere to be changed")
    names = ", ".join(str(folder) for folder in search.user)
    raise ParameterError(
        f"cannot write a copy of {location.tool}.par: no folder of the user part of PFILES can be written to ({names})"
    )
