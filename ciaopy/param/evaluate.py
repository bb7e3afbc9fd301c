"""From stored text to a value: redirection, environment, type, range.

=================  =====================================================================
`)name`            value of `name` in the same file
`)file.name`       value of `name` in another file, found as a tool; `)*file.name` is the older spelling
`))command`        output of a shell command, only with `CIAOPY_PARAM_COMMANDS=yes` in the environment
`${VAR}`           environment variable, anywhere in the text; left as it is where undefined
=================  =====================================================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from ciaopy.errors import ParameterError, UnknownParamError
from ciaopy.param.parfile import Parameter, ParFile
from ciaopy.param.search import Location, locate, system_par_dir
from ciaopy.param.values import Value, canonical, check_range, convert, is_deferred, match_name, parse_boolean

#: The switch that lets a parameter file run programs.
COMMAND_SWITCH = "CIAOPY_PARAM_COMMANDS"
ATTRIBUTES = ("p_value", "p_mode", "p_min", "p_max", "p_prompt", "p_type")
_VARIABLE = re.compile(r"\$\{([^${}]*)\}")

Reader = Callable[[str], ParFile]


def read_tool(name: str) -> ParFile:
    """Read the parameter file of another tool for a redirection."""
    return read_current(locate(name))


def split_attribute(names: list[str], text: str) -> tuple[str, str | None]:
    """Split `name.p_min` into name and field; an exact parameter name comes first.

    Returns
    -------
    name : str
        What stands before the attribute, or the whole text.
    field : str or None
        `value`, `mode`, `min`, `max`, `prompt` or `type`.
    """
    if text not in names:
        for attribute in ATTRIBUTES:
            if text.endswith("." + attribute):
                return text[: -len(attribute) - 1], attribute.removeprefix("p_")
    return text, None


def expand_environment(text: str) -> str:
    """Replace every `${VAR}` that is defined; CIAO's own variables have defaults (`ASCDS_WORK_PATH` is `/tmp`)."""
    if "${" not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        value = os.environ.get(name)
        return value if value is not None else _ciao_default(name) or match.group(0)

    return _VARIABLE.sub(replacement, text)


def _ciao_default(name: str) -> str | None:
    """Value of CIAO's variables where CIAO has not set them."""
    if name == "ASCDS_WORK_PATH":
        return "/tmp"
    if name in {"ASCDS_INSTALL", "ASCDS_CONTRIB", "ASCDS_BIN", "ASCDS_CALIB"}:
        return str(system_par_dir().parent)
    return None


def run_command(command: str, owner: str) -> str:
    """Output of a shell command: last newlines cut, inner ones blanks.

    Raises
    ------
    ParameterError
        The switch is off, or the command fails.
    """
    if not parse_boolean(os.environ.get(COMMAND_SWITCH, "no")):
        raise ParameterError(
            f"{owner} is the output of the command '{command.strip()}', and parameter files may not run programs; "
            f"set {COMMAND_SWITCH}=yes in the environment if you trust this file"
        )
    import subprocess

    done = subprocess.run(command, shell=True, capture_output=True, text=True, errors="surrogateescape", check=False)
    if done.returncode != 0:
        raise ParameterError(f"{owner}: the command '{command.strip()}' failed: {done.stderr.strip()}")
    return done.stdout.rstrip("\n").replace("\n", " ")


class Evaluator:
    """Evaluate the parameters of one file.

    Parameters
    ----------
    file : ParFile
        The declarations and stored texts.
    override : dict of str to str, optional
        Texts of this run (command line, prompts) that stand before the stored ones.
    reader : callable, optional
        Reads another tool's file for `)file.name`.
    """

    def __init__(self, file: ParFile, override: dict[str, str] | None = None, reader: Reader = read_tool) -> None:
        self.file, self.reader = file, reader
        self.override = override if override is not None else {}

    def stored(self, name: str) -> str:
        """Text of this run, else of the file; "" where undefined."""
        text = self.override.get(name)
        return self.file[name].default if text is None else text

    def text(self, name: str) -> str:
        """Evaluated text, before conversion.

        Raises
        ------
        ParameterError
            A redirection loops, leads nowhere, or wants a command that is not allowed.
        """
        return expand_environment(self._follow(self.file, name, [], self.override))

    def _follow(self, file: ParFile, name: str, seen: list[str], override: dict[str, str]) -> str:
        """Follow redirections from one parameter to text that is none."""
        here = f"{file.tool}.{name}"
        key = f"{file.path}:{name}"
        if key in seen:
            chain = " -> ".join(k.rsplit(":", 1)[1] for k in [*seen[seen.index(key) :], key])
            raise ParameterError(f"{file.path}: the redirection of {here} loops: {chain}")
        text = override.get(name)
        if text is None:
            text = file[name].default
        if not text.startswith(")"):
            return text
        if text.startswith("))"):
            return run_command(text[2:], here)
        other, target = self._target(file, text[1:], here, override)
        return self._follow(other, target, [*seen, key], override if other is file else {})

    def _target(self, file: ParFile, text: str, here: str, override: dict[str, str]) -> tuple[ParFile, str]:
        """File and parameter that the redirection `)text` names."""
        text = text.strip().removeprefix("*")
        if text in file:
            return file, text
        tool, dot, name = text.rpartition(".")
        if not dot or not tool or not name:
            raise UnknownParamError(f"{here} refers to {text}, and {file.tool} has no such parameter")
        if name in ATTRIBUTES:
            raise ParameterError(f"{here} refers to {text}: a redirection cannot read an attribute")
        if tool in file and file[tool].type == "pset":
            tool = override.get(tool) or file[tool].default or tool
        other = self.reader(tool)
        if name not in other:
            raise UnknownParamError(f"{here} refers to {text}, and {other.path} has no such parameter")
        return other, name

    def value(self, name: str) -> Value:
        """Typed value, checked against type, enumeration and range."""
        parameter = self.file[name]
        return self.check(parameter, self.text(name))[1]

    def check(self, parameter: Parameter, text: str) -> tuple[str, Value]:
        """Check evaluated text as a value of `parameter`.

        Returns
        -------
        text : str
            As it is stored: canonical, with enumeration prefixes completed.
        value : bool, int, float, str or None
            Typed.

        Raises
        ------
        ParameterError
            Wrong type, not in the enumeration, or out of range.
        """
        owner = f"{self.file.tool}.{parameter.name}"
        text = canonical(parameter, text, owner)
        value = convert(parameter, text, owner)
        if parameter.kind in {"i", "r"} and value is not None:
            low, high = (self._bound(parameter, bound, owner) for bound in (parameter.minimum, parameter.maximum))
            check_range(value, low, high, owner, text)
        return text, value

    def check_new(self, parameter: Parameter, text: str) -> str:
        """Check text that is about to be set and return it as it is stored.

        Redirections and texts with `${VAR}` are settled when the value is asked for.
        """
        return text if is_deferred(text) else self.check(parameter, text)[0]

    def _bound(self, parameter: Parameter, text: str, owner: str) -> Value:
        """Value of a range limit, which may be a redirection to a parameter; None where open."""
        if text.startswith(")"):
            file, name = self._target(self.file, text[1:], owner, self.override)
            text = self._follow(file, name, [], self.override if file is self.file else {})
        text = expand_environment(text)
        return convert(parameter, text, f"the limit of {owner}")

    def attribute(self, text: str) -> str:
        """Evaluated text of `name`, or the raw text of an attribute `name.p_min`; prefixes are completed.

        Raises
        ------
        UnknownParamError, ParameterError
        """
        stem, field = split_attribute(self.file.names, text)
        name = match_name(self.file.tool, self.file.names, stem)
        parameter = self.file[name]
        if field is None:
            return self.check_stored(name)
        return self.stored(name) if field == "value" else str(getattr(parameter, field))

    def check_stored(self, name: str) -> str:
        """Evaluated text as `pget` prints it, after the checks of `value`."""
        text = self.text(name)
        parameter = self.file[name]
        if parameter.kind == "b" and not text.strip():
            return ""
        return self.check(parameter, text)[0]


def keep_values(old: ParFile, new: ParFile) -> ParFile:
    """Carry the values of a user's file over to a changed system file.

    A value is kept where the parameter still exists with the same type and the value still passes its checks.
    """
    checker = Evaluator(new)
    for parameter in old:
        if parameter.name not in new or new[parameter.name].type != parameter.type:
            continue
        if parameter.value == new[parameter.name].value:
            continue
        try:
            checker.check_new(new[parameter.name], parameter.default)
        except ParameterError:
            continue
        new.set(parameter.name, "value", parameter.value)
    return new


def read_current(location: Location) -> ParFile:
    """Read the file of a tool; a user copy that an update of the system file made stale is merged, in memory."""
    current = ParFile.read(location.path)
    if location.user is None or location.system is None:
        return current
    system = ParFile.read(location.system)
    if not _is_stale(location.user, location.system, current, system):
        return current
    return keep_values(old=current, new=system.copy(location.user))


def _is_stale(user: Path, system: Path, current: ParFile, new: ParFile) -> bool:
    """True where names or types differ, or the system file is newer and anything else about a parameter differs.

    Modification times alone say nothing: package managers set them to any date.
    """
    if [(p.name, p.type) for p in current] != [(p.name, p.type) for p in new]:
        return True
    same = all(
        (a.mode, a.min, a.max, a.prompt) == (b.mode, b.min, b.max, b.prompt) for a, b in zip(current, new, strict=True)
    )
    if same:
        return False
    try:
        return system.stat().st_mtime > user.stat().st_mtime
    except OSError:
        return False
