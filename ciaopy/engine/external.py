"""Suites of programs that others make: where they are, how they are called, what their messages mean.

A `Suite` is data: `ciaopy.engine.ciao.CIAO` is one, `ciaopy.engine.sas.SAS` another, and nothing else asks which of
them it has. `find_installation` looks for one on this machine; an `Installation` finds programs and writes argument
lists and environments. Programs are started with argument lists, never by a shell, with a parameter folder of their
own, so that the user's parameter files are neither read nor changed.

`ciaopy.engine.external_steps` runs the steps of a recipe on a suite, `ciaopy.engine.external_job` a list of calls in
one private folder.
"""

from __future__ import annotations

import os
import shutil
import string
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ciaopy.errors import CiaopyError, ExternalToolError, UserError
from ciaopy.messages import reason

__all__ = ["Installation", "LogLine", "Suite", "execute", "find_installation", "no_lines"]


@dataclass(frozen=True)
class LogLine:
    """A message of a program that its suite marks as a warning or an error.

    Attributes
    ----------
    is_error : bool
        False for a warning.
    task : str
        Who says it.
    code : str
        Its short name.
    text : str
    """

    is_error: bool
    task: str
    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} raised by {self.task} - {self.text}"


def no_lines(text: str) -> list[LogLine]:
    """Read the log of a suite that does not mark its messages: no line is one."""
    return []


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite of external programs.

    Attributes
    ----------
    name : str
        As options and parameters spell it: `tools=ciao`, `--ciao DIR`.
    title : str
        As users do.
    root_variable : str
        Environment variable that names the folder of the installation.
    folders : tuple of str
        Folders of programs below the root, in order; the first is in every installation.
    on_path : bool
        A program that is in none of them may be anywhere on PATH.
    last_words : tuple of str
        Arguments at the end of every call.
    parameter_folders : tuple of str
        Folders of the suite's own parameter files; `$NAME` stands for an environment variable, the root's included.
        Those that do not exist are left out.
    needed : tuple of str
        Variables that must name an existing folder with something in it (or several, joined by colons).
    private : tuple of str
        Variables of the user that no program gets to see, unless the job sets them.
    fixed : mapping of str to str
        Variables that every program gets.
    when_missing : str
        What the user is told where there is no installation; `{what}` stands for what needs it.
    missing_error : type
        The error that carries it.
    read_log : callable
        Returns the marked messages in the output of a program.
    version_words : tuple of str
        Program and arguments that print the version; empty: it is not asked for.
    read_version : callable
        Returns the version in that output, or None.
    """

    name: str
    title: str
    root_variable: str
    folders: tuple[str, ...]
    when_missing: str
    on_path: bool = False
    last_words: tuple[str, ...] = ()
    parameter_folders: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    missing_error: type[CiaopyError] = UserError
    read_log: Callable[[str], list[LogLine]] = no_lines
    version_words: tuple[str, ...] = ()
    read_version: Callable[[str], tuple[int, ...] | None] = lambda text: None

    @property
    def option(self) -> str:
        """The option that names the folder on a command line."""
        return f"--{self.name}"


@dataclass(frozen=True)
class Installation:
    """A suite on this machine.

    Attributes
    ----------
    suite : Suite
    root : Path
    """

    suite: Suite
    root: Path

    @property
    def programs(self) -> Path:
        """The folder of programs that every installation has."""
        return self.root / self.suite.folders[0]

    def find(self, program: str) -> Path | None:
        """Return the path of a program, None where the installation lacks it."""
        for folder in self.suite.folders:
            path = self.root / folder / program
            if path.is_file() and os.access(path, os.X_OK):
                return path
        found = shutil.which(program) if self.suite.on_path else None
        return Path(found) if found else None

    def require(self, program: str) -> Path:
        """Return the path of a program.

        Raises
        ------
        ExternalToolError
            The installation lacks it; the message names the program and the folder.
        """
        path = self.find(program)
        if path is None:
            also = " and not on PATH" if self.suite.on_path else ""
            raise ExternalToolError(
                f"{program} is not in {self.programs}{also}; check the {self.suite.title} installation "
                f"({self.suite.root_variable}, {self.suite.option})"
            )
        return path

    def argument_list(self, path: Path, parameters: Mapping[str, str]) -> list[str]:
        """Return the words of a call: program, `name=value` for every parameter, the suite's last words."""
        return [str(path), *(f"{name}={value}" for name, value in parameters.items()), *self.suite.last_words]

    def environment(self, parameters: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a program.

        Parameters
        ----------
        parameters : Path
            Folder for parameter files of its own.
        extra : mapping of str to str, optional
            Variables of the job; they have the last word.
        """
        suite = self.suite
        kept = {name: value for name, value in os.environ.items() if name not in suite.private}
        kept[suite.root_variable] = str(self.root)
        system = [string.Template(text).safe_substitute(kept) for text in suite.parameter_folders]
        system = [folder for folder in system if Path(folder).is_dir()]
        return {
            **kept,
            "PFILES": f"{parameters};{':'.join(system) or parameters}",
            **suite.fixed,
            **(extra or {}),
        }

    def version(self) -> tuple[int, ...] | None:
        """Return the version that the suite tells, None where it tells none.

        Raises
        ------
        ExternalToolError
            The program that tells it is missing or cannot be run.
        """
        words = self.suite.version_words
        if not words:
            return None
        with tempfile.TemporaryDirectory(prefix="ciaopy-pfiles-") as folder:
            _, text = execute([str(self.require(words[0])), *words[1:]], self.environment(Path(folder)))
        return self.suite.read_version(text)


def find_installation(suite: Suite, folder: Path | None = None, what: str = "") -> Installation:
    """Look for a suite: in the folder given, else where its environment variable says.

    Parameters
    ----------
    suite : Suite
    folder : Path, optional
        From the command line.
    what : str
        What needs it, for the message; default: `tools=NAME`.

    Raises
    ------
    CiaopyError
        The suite's own error: there is no installation, it has no folder of programs, or a variable that it needs names
        no folder with something in it.
    """
    named = os.environ.get(suite.root_variable)
    root = folder or (Path(named) if named else None)
    what = what or f"tools={suite.name}"
    if root is None:
        raise suite.missing_error(suite.when_missing.format(what=what))
    if not (root / suite.folders[0]).is_dir():
        raise suite.missing_error(
            f"{root}: no {suite.title} installation: it has no folder {suite.folders[0]} "
            f"(from {suite.option} or {suite.root_variable})"
        )
    for variable in suite.needed:
        value = os.environ.get(variable, "")
        folders = [Path(p) for p in value.split(os.pathsep) if p]
        if not folders:
            raise suite.missing_error(suite.when_missing.format(what=what))
        if not any(p.is_dir() and any(p.iterdir()) for p in folders):
            raise suite.missing_error(f"{variable}={value}: no folder with files in it; {what} needs it")
    return Installation(suite, root)


def execute(
    words: Sequence[str], environment: Mapping[str, str], folder: Path | None = None, log: IO[bytes] | None = None
) -> tuple[int, str]:
    """Run a program to its end, in the process group of the caller; it has nothing to read.

    Parameters
    ----------
    words : sequence of str
        Program and arguments.
    environment : mapping of str to str
        The whole environment.
    folder : Path, optional
        Working folder.
    log : binary file, optional
        Open for reading and writing; what the program says is put at its end as it comes.

    Returns
    -------
    status : int
        Exit status; minus the number of the signal that ended it.
    text : str
        What it said, on both streams.

    Raises
    ------
    ExternalToolError
        It cannot be started.
    """
    if log is None:
        with tempfile.TemporaryFile() as own:
            return execute(words, environment, folder, own)
    start = log.seek(0, os.SEEK_END)
    try:
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            check=False,
        )
    except OSError as e:
        raise ExternalToolError(f"{words[0]} cannot be run: {reason(e)}") from e
    log.seek(start)
    return done.returncode, log.read().decode(errors="replace").strip()
