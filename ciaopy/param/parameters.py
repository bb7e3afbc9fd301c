"""The parameters of one run of a tool: file, command line and answers together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ciaopy.errors import ParameterError, UnknownParamError
from ciaopy.param.arguments import parse_arguments, split_at_file
from ciaopy.param.evaluate import Evaluator, read_current
from ciaopy.param.locking import rewrite
from ciaopy.param.parfile import MODE_LETTERS, ParFile
from ciaopy.param.prompt import Prompter
from ciaopy.param.search import Location, locate, writable_path
from ciaopy.param.values import to_text

#: (parameter, field) to text: what is to be changed in a file.
Changes = dict[tuple[str, str], str | None]
#: Says which parameters need not be asked for, given others: text to use, or None to ask.
Unasked = Callable[["ParameterSet", str], "str | None"]


class ParameterSet:
    """Bound values of one tool.

    Parameters
    ----------
    file : ParFile
        Declarations and stored values.
    tool : str
        Name of the tool, which need not be the name of the file.
    values : dict of str to str
        Checked texts of this run: command line, answers.
    given : iterable of str
        Which of them came from the command line.
    location : Location or None
        Where changes are saved; None keeps them in memory.

    Attributes
    ----------
    evaluator : Evaluator
        Follows redirections and checks, with the values of this run.
    run_mode : str
        Mode letters of this run: `mode=` of the command line, else of the file.

    Notes
    -----
    `par["name"]` is typed by the file: `b` bool; `i` int or None; `r` float or None (None is INDEF or undefined);
    everything else str. Redirections and the environment are followed, type, enumeration and range checked.
    """

    def __init__(
        self,
        file: ParFile,
        tool: str,
        values: dict[str, str] | None = None,
        given: Sequence[str] = (),
        location: Location | None = None,
    ) -> None:
        self.file, self.tool = file, tool
        self._values = dict(values or {})
        self._given = frozenset(given)
        self._location = location
        self._results: dict[str, str] = {}
        self._learn: dict[str, str] = {}
        self.evaluator = Evaluator(file, self._values)
        self.run_mode = self._values.get("mode", file.mode)

    def __repr__(self) -> str:
        return f"<ParameterSet of {self.tool}, {len(self.file)} parameters, {self.path}>"

    @property
    def path(self) -> Path:
        """File that the stored values were read from."""
        return self.file.path

    def __contains__(self, name: object) -> bool:
        return name in self.file

    def __iter__(self) -> Iterator[str]:
        return iter(self.file.names)

    def __len__(self) -> int:
        return len(self.file)

    def _known(self, name: str) -> str:
        if name not in self.file:
            raise UnknownParamError(f"There is no parameter for {self.tool} that matches '{name}'")
        return name

    def __getitem__(self, name: str) -> Any:
        """Typed value of a parameter (full name).

        Raises
        ------
        UnknownParamError
            The file has no such parameter.
        ParameterError
            The value is of the wrong type, out of range, not in the enumeration, or its redirection leads nowhere.
        """
        return self.evaluator.value(self._known(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Typed value, or `default` where the file has no such parameter."""
        return self[name] if name in self.file else default

    def raw(self, name: str) -> str:
        """Text before redirection and environment, "" where undefined."""
        return self.evaluator.stored(self._known(name))

    def text(self, name: str) -> str:
        """Evaluated, checked text, as `pget` prints it."""
        return self.evaluator.check_stored(self._known(name))

    def given(self, name: str) -> bool:
        """Return True where the value came from the command line."""
        return self._known(name) in self._given

    def remembered(self, names: Iterable[str] | None = None) -> dict[str, str]:
        """Return the values of this run that an earlier run, or `pset`, left in the user's file.

        Those are the ones not given now that differ from what the package's own file says.
        """
        if self._location is None or self._location.system is None or self._location.user is None:
            return {}
        system = ParFile.read(self._location.system)
        kept = [n for n in (self.file.names if names is None else names) if n in system and n not in self._values]
        return {n: self.file[n].default for n in kept if self.file[n].default != system[n].default and n != "mode"}

    def items(self) -> list[tuple[str, str]]:
        """(name, evaluated text) of all parameters in file order; text that cannot be evaluated comes raw."""
        found = []
        for name in self.file.names:
            try:
                text = self.evaluator.check_stored(name)
            except ParameterError:
                text = self.raw(name)
            found.append((name, text))
        return found

    def set(self, name: str, value: object) -> None:
        """Give a parameter another value for this run only.

        Raises
        ------
        ParameterError
            The value does not pass the checks; nothing is changed.
        """
        self._values[name] = self._checked(name, value)

    def put(self, name: str, value: object) -> None:
        """Store a result: visible at once, saved by `close` whatever the modes say."""
        self._values[name] = self._results[name] = self._checked(name, value)

    def _checked(self, name: str, value: object) -> str:
        parameter = self.file[self._known(name)]
        return self.evaluator.check_new(parameter, to_text(parameter, value, f"{self.tool}.{name}"))

    def ask_missing(self, prompter: Prompter, unasked: Unasked | None = None) -> list[str]:
        """Ask, in file order, for every query parameter without a value from the command line.

        Parameters
        ----------
        prompter : Prompter
        unasked : callable, optional
            Takes these parameters and a name; returns the text to use instead of asking, or None to ask.

        Returns
        -------
        list of str
            Names of those that got their value without being asked for.
        """
        filled = []
        for name in self.file.names:
            if not self.given(name) and asks(self.file, name, self.run_mode):
                text = unasked(self, name) if unasked is not None else None
                if text is not None:
                    filled.append(name)
                self._values[name] = prompter.ask(self.evaluator, name) if text is None else text
        return filled

    @property
    def values(self) -> dict[str, str]:
        """Texts of this run that stand before the stored ones: command line, answers, results."""
        return dict(self._values)

    @property
    def has_results(self) -> bool:
        """True while `put` values wait for `close`."""
        return bool(self._results)

    def will_learn(self, names: Sequence[str]) -> None:
        """Mark values of this run to be remembered by `learn`."""
        self._learn.update({name: self._values[name] for name in names})

    def learn(self) -> None:
        """Write the values to be remembered to the user's file.

        Raises
        ------
        ParameterError
            The file cannot be written.
        """
        if self._location is not None and self._learn:
            save(self._location, {(name, "value"): text for name, text in self._learn.items()})
        self._learn = {}

    def forget(self) -> None:
        """Drop what `learn` would have saved."""
        self._learn = {}

    def close(self) -> None:
        """Write what is to be remembered and the results; a second call does nothing.

        Raises
        ------
        ParameterError
            The file cannot be written.
        """
        self._learn.update(self._results)
        self._results = {}
        self.learn()

    def __enter__(self) -> ParameterSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def open_parameters(
    tool: str,
    argv: Sequence[str] = (),
    *,
    mode: str = "rw",
    query: bool = True,
    prompter: Prompter | None = None,
    unasked: Unasked | None = None,
) -> ParameterSet:
    """Read the parameters of a tool, bind a command line to them, and ask for what is missing.

    Parameters
    ----------
    tool : str
        Name, `name.par` or path.
    argv : sequence of str
        Arguments without the program name; `@@file` as the first one names another file.
    mode : str
        `r` without `w`: nothing is ever saved. `H`: never ask. `L`: remember everything given, hidden or not.
    query : bool
        False is the same as `H`.
    prompter : Prompter, optional
        Who asks.
    unasked : callable, optional
        See `ParameterSet.ask_missing`; what it fills in is not remembered.

    Raises
    ------
    UsageError
        The command line does not follow the grammar (`ciaopy.param.arguments`).
    ParameterError
        No such file, a malformed file, a bad value, or nobody to ask.
    """
    at_file, arguments = split_at_file(argv)
    location = locate(at_file or tool)
    name = locate(tool).tool if at_file is None else Path(tool).stem
    file = read_current(location)
    file.tool = name
    typed = parse_arguments(file, arguments).values
    run_mode = _run_mode(file, typed)
    values = check_values(file, typed)
    given = list(values)
    par = ParameterSet(file, name, values, given, location if "w" in mode else None)
    par.run_mode = run_mode
    filled = ["mode"]
    if query and "H" not in mode:
        filled += par.ask_missing(prompter or Prompter(), unasked)
    remembered = [n for n in par._values if n not in filled and ("L" in mode or _learns(file, n, run_mode))]
    par.will_learn(remembered)
    return par


def _run_mode(file: ParFile, typed: dict[str, str]) -> str:
    """Mode of this run: `mode=` on the command line, else the file's; a file without `mode` takes it off `typed`."""
    text = typed.get("mode", file.mode).strip() or "ql"
    if not MODE_LETTERS.issuperset(text):
        raise ParameterError(f"{file.tool}.mode is made of the letters a, q, h, l, not '{text}'")
    if "mode" not in file:
        typed.pop("mode", None)
    return text


def effective_mode(file: ParFile, name: str, run_mode: str) -> str:
    """Mode letters that count for a parameter: those of the run where it is automatic, else its own."""
    own = file[name].mode
    return run_mode if "a" in own else own


def asks(file: ParFile, name: str, run_mode: str) -> bool:
    """Return True where a value that was not given is asked for."""
    letters = effective_mode(file, name, run_mode)
    return "q" in letters and "h" not in letters and "h" not in run_mode


def _learns(file: ParFile, name: str, run_mode: str) -> bool:
    """Return True where a given value is remembered."""
    return "l" in effective_mode(file, name, run_mode) and "l" in run_mode


def check_values(file: ParFile, typed: dict[str, str]) -> dict[str, str]:
    """Check texts against the file and return them canonical; limits see the new values of other parameters.

    Raises
    ------
    ParameterError
        The first text that does not pass.
    """
    evaluator = Evaluator(file, dict(typed))
    return {name: evaluator.check_new(file[name], text) for name, text in typed.items()}


def save(location: Location, changes: Changes) -> Path:
    """Change fields of the user's file of a tool, making the copy first where there is none.

    The file is read anew under its lock, so that changes of other processes to other parameters stay.

    Parameters
    ----------
    location : Location
        Where the file was found.
    changes : dict
        (parameter, field) to checked text.

    Returns
    -------
    Path
        The file that now holds the values.

    Raises
    ------
    ParameterError
        No folder can be written to, or the file lost a parameter meanwhile.
    """
    target = writable_path(location)

    def changed() -> bytes:
        if target.is_file():
            file = read_current(Location(location.tool, target, location.system, location.path_given))
        else:
            file = ParFile.read(location.path).copy(target)
        for (name, field), text in changes.items():
            if name not in file:
                raise UnknownParamError(f"{target} has no parameter {name}")
            old = getattr(file[name], field)
            if old != text:
                file.set(name, field, text)
        return file.to_bytes()

    rewrite(target, changed)
    return target


def restore(location: Location) -> Path:
    """Put the system file's content over the user's copy (`punlearn`), whatever state that is in.

    Raises
    ------
    ParameterError
        There is no system file, or no folder can be written to.
    """
    if location.path_given and location.system is None:
        try:
            system = locate(location.tool).system
        except ParameterError:
            system = None
        location = Location(location.tool, location.user, system, path_given=True)
    source = location.system
    if source is None:
        raise ParameterError(f"no system parameter file for {location.tool}, so {location.path} cannot be reset")
    target = writable_path(location)
    rewrite(target, ParFile.read(source).to_bytes)
    return target
