"""What a run writes: nothing is replaced unasked, folders are made once, parameters recorded as they took effect."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import OutputExistsError, UserError

if TYPE_CHECKING:
    from ciaopy.param import ParameterSet

__all__ = ["Provenance", "check_outputs", "make_folder", "output_folder", "recorded_parameters"]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What the products say of how they were made.

    Attributes
    ----------
    program : str
        Name and version, for a COMMENT.
    parameters : tuple of (str, str)
        Names and values that took effect, for HISTORY.
    """

    program: str
    parameters: tuple[tuple[str, str], ...]


#: Names that a message lists.
_MOST_NAMES = 10


def check_outputs(
    paths: Iterable[Path], clobber: bool, *, inputs: Iterable[Path] = (), parameter: str = "outroot"
) -> None:
    """Refuse, before any work, to replace inputs, and files without clobber.

    Parameters
    ----------
    paths : iterable of Path
        What the run will write.
    clobber : bool
        Files that exist may be replaced.
    inputs : iterable of Path
        What the run reads, without filters.
    parameter : str
        The parameter that gives the names, for the message.

    Raises
    ------
    UserError
        An output is an input, is a folder, or cannot be replaced.
    OutputExistsError
        Files exist and `clobber` is false; names them.
    """
    there = [p for p in dict.fromkeys(paths) if p.exists()]
    read = {p.resolve() for p in inputs}
    for path in there:
        if path.resolve() in read:
            raise UserError(f"{path}: the output would overwrite an input; choose another {parameter}")
        if path.is_dir():
            raise UserError(f"{path}: is a folder; choose another {parameter}")
    if there and not clobber:
        names = ", ".join(p.name for p in there[:_MOST_NAMES])
        more = f" and {len(there) - _MOST_NAMES} more" if len(there) > _MOST_NAMES else ""
        verb = "exists" if len(there) == 1 else "exist"
        raise OutputExistsError(
            f"{names}{more} {verb} in {there[0].absolute().parent}; set clobber=yes to replace, or another {parameter}"
        )
    for path in there:
        if not os.access(path, os.W_OK):
            raise UserError(f"{path}: exists and cannot be replaced; change its permissions or {parameter}")


def make_folder(folder: Path) -> bool:
    """Make an output folder, in one that is there; returns False where it was there already.

    Raises
    ------
    UserError
        It cannot be made or written to.
    """
    is_new = not folder.is_dir()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as problem:
        raise UserError(f"{folder}: the output folder cannot be made ({problem.strerror})") from problem
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: the output folder cannot be written to")
    return is_new


@contextmanager
def output_folder(folder: Path) -> Iterator[Path]:
    """Make an output folder, and take it away again if an error leaves it empty.

    Raises
    ------
    UserError
        It cannot be made or written to.
    """
    is_new = make_folder(folder)
    try:
        yield folder
    except BaseException:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()
        raise


def recorded_parameters(par: ParameterSet, names: Sequence[str], **effective: str) -> tuple[tuple[str, str], ...]:
    """Return parameters for HISTORY: as given, but for those whose values that took effect are others.

    Parameters
    ----------
    par : ParameterSet
    names : sequence of str
        Which, in order.
    **effective : str
        Values that took effect; all are among `names`.

    Raises
    ------
    KeyError
        One is not.
    """
    unknown = effective.keys() - set(names)
    if unknown:
        raise KeyError(f"not recorded: {', '.join(sorted(unknown))}")
    return tuple((name, effective.get(name, par.text(name))) for name in names)
