"""The command-line grammar of every tool.

=====================  ==================================================================
`name=value`           any parameter; a unique prefix of the name will do
`name+`  `name-`       a boolean: yes, no
`value`                the next non-hidden parameter in file order
`@@file`               as the first argument: use that parameter file
`--name value`         as `name=value`; also `--name=value`, `--flag`, `--no-flag`; `--` ends these forms
=====================  ==================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ciaopy.errors import UnknownParamError, UsageError
from ciaopy.param.evaluate import split_attribute
from ciaopy.param.parfile import ParFile
from ciaopy.param.values import match_name, parse_boolean

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")
#: Switches that CIAO's scripts take off their command line before anything else.
DEBUG_SWITCHES = frozenset({"--paramdebug", "--tracebackdebug", "--regtestonly"})


class UnknownArgumentError(UsageError, UnknownParamError):
    """An argument names no parameter, or several."""


class Assignments:
    """What a command line sets.

    Attributes
    ----------
    values : dict of str to str
        Full parameter name to text as typed.
    attributes : dict of (str, str) to str
        (Full parameter name, field) to text, from `name.p_min=...`.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.attributes: dict[tuple[str, str], str] = {}


def split_at_file(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take the debugging switches and a leading `@@file` off a command line.

    Raises
    ------
    UsageError
        `@@` stands alone.
    """
    rest = [arg for arg in argv if arg not in DEBUG_SWITCHES]
    if not rest or not rest[0].startswith("@@"):
        return None, rest
    if rest[0] == "@@":
        raise UsageError("@@ needs the name of a parameter file behind it: @@file.par")
    return rest[0][2:], rest[1:]


def parse_arguments(file: ParFile, argv: Sequence[str], *, attributes: bool = False) -> Assignments:
    """Bind arguments to the parameters of a file; the values are not checked.

    Parameters
    ----------
    file : ParFile
        The declarations.
    argv : sequence of str
        Arguments without the program name and without `@@file`.
    attributes : bool
        Allow `name.p_min=...` as `pset` does.

    Raises
    ------
    UsageError
        Unknown or ambiguous name (also an `UnknownParamError`), more values than parameters, an option without value,
        or one parameter both by name and by position.
    """
    return _Binder(file, attributes).bind(argv)


class _Binder:
    """The state of one command line: what is set, and which positional parameter is next."""

    def __init__(self, file: ParFile, attributes: bool) -> None:
        self.file, self.allow_attributes = file, attributes
        self.result = Assignments()
        self.free = [p.name for p in file if not p.hidden]
        self.positional: dict[str, str] = {}

    def bind(self, argv: Sequence[str]) -> Assignments:
        """Go through the arguments once."""
        pending = list(argv)
        options = True
        while pending:
            argument = pending.pop(0)
            if options and argument == "--":
                options = False
            elif options and argument.startswith("--"):
                self._option(argument[2:], pending)
            elif not self._named(argument) and not self._switch(argument):
                self._positional(argument)
        for name in self.positional:
            if name in self.result.values:
                raise UsageError(
                    f"{self.file.tool}: {name} is set twice, by position ({self.positional[name]}) "
                    f"and by name ({self.result.values[name]})"
                )
        self.result.values = {**self.positional, **self.result.values}
        return self.result

    def _match(self, stem: str) -> str:
        """Full name, with the grammar's own class of error."""
        names = self.file.names
        if stem == "mode" and "mode" not in names:
            return "mode"
        try:
            return match_name(self.file.tool, names, stem)
        except UnknownParamError as error:
            raise UnknownArgumentError(str(error)) from error

    def _named(self, argument: str) -> bool:
        """Handle `name=value`; False where the argument is not of that form."""
        stem, equals, text = argument.partition("=")
        if not equals or not _NAME.match(stem):
            return False
        self._set(stem, text)
        return True

    def _set(self, stem: str, text: str) -> None:
        if self.allow_attributes:
            stem, field = split_attribute(self.file.names, stem)
            if field == "type":
                raise UsageError(f"{self.file.tool}.{stem}: the type of a parameter cannot be changed")
            if field not in {None, "value"}:
                self.result.attributes[self._match(stem), str(field)] = text
                return
        self.result.values[self._match(stem)] = text

    def _switch(self, argument: str) -> bool:
        """Handle `name+` and `name-`; False where no boolean is meant."""
        stem = argument[:-1]
        if argument[-1:] not in {"+", "-"} or not _NAME.match(stem):
            return False
        booleans = [p.name for p in self.file if p.kind == "b"]
        if not any(name.startswith(stem) for name in booleans):
            return False
        try:
            name = match_name(self.file.tool, booleans, stem)
        except UnknownParamError as error:
            raise UnknownArgumentError(str(error)) from error
        self.result.values[name] = "yes" if argument.endswith("+") else "no"
        return True

    def _option(self, text: str, pending: list[str]) -> None:
        """Handle `--name=value`, `--name value`, `--flag` and `--no-flag`."""
        stem, equals, value = text.partition("=")
        stem = stem if stem in self.file else stem.replace("-", "_")
        if equals:
            self._set(stem, value)
            return
        negated = stem.startswith("no_") and not any(name.startswith(stem) for name in self.file.names)
        name = self._match(stem.removeprefix("no_") if negated else stem)
        is_boolean = name in self.file and self.file[name].kind == "b"
        if negated and not is_boolean:
            raise UnknownArgumentError(f"There is no parameter for {self.file.tool} that matches '{stem}'")
        if is_boolean:
            takes_next = not negated and bool(pending) and parse_boolean(pending[0]) is not None
            self.result.values[name] = pending.pop(0) if takes_next else ("no" if negated else "yes")
        elif not pending or pending[0].startswith("--"):
            raise UsageError(f"{self.file.tool}: --{text} needs a value")
        else:
            self.result.values[name] = pending.pop(0)

    def _positional(self, argument: str) -> None:
        """Give the argument to the next parameter that is not hidden."""
        if not self.free:
            count = len(self.positional)
            raise UsageError(
                f"{self.file.tool} takes {count} value{'' if count == 1 else 's'} without a name, "
                f"and {argument!r} is one too many; write it as name=value"
            )
        self.positional[self.free.pop(0)] = argument
