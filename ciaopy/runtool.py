"""CIAO's tools as Python functions: `from ciaopy.runtool import dmcopy; dmcopy("in.fits", "out.fits", clobber=True)`.

Every tool with a parameter file can be imported. A tool object has the parameters as attributes, starts from the system
values, checks what it is given, and touches no parameter file of the user unless `write_params` or `read_params` is
called. The interface is that of `ciao_contrib.runtool`; the work is done in this process.
"""

from __future__ import annotations

import inspect
import io
from typing import Any

from ciaopy.console import Console
from ciaopy.errors import CiaopyError, NotAvailableError, ParameterError, UnknownParamError
from ciaopy.param import (
    AmbiguousParamError,
    ChoiceError,
    Parameter,
    ParameterSet,
    ParFile,
    list_tools,
    locate,
    match_name,
    parse_boolean,
    read_current,
    save,
    to_text,
)
from ciaopy.spelling import did_you_mean
from ciaopy.tooldocs import signature, tool_docstring, tool_summary

__all__ = ["Tool", "ToolError", "UnknownParamError", "list_tools", "make_tool"]


class Tool:
    """One tool with its parameter values.

    Parameters
    ----------
    name : str
        A tool with a parameter file.

    Notes
    -----
    `tool.infile = "evt2.fits"` sets, `tool.infile` returns the typed value (None for INDEF), a unique prefix of a name
    will do. `tool("in", "out", clobber=True)` sets the required parameters in order and others by name, runs the tool,
    and returns what it printed, None if that is nothing. The values stay for the next call, results such as
    `dmstat.out_mean` are attributes afterwards. What the tool made in memory is in `last_result`.
    """

    def __new__(cls, name: str = "") -> Tool:
        """Make an object of a class of the tool's own, which has its docstring."""
        if cls is Tool and name:
            cls = _class_of(name)
        return object.__new__(cls)

    def __init__(self, name: str) -> None:
        location = locate(name)
        source = location.system or location.path
        file = ParFile.read(source)
        object.__setattr__(self, "_system", source)
        object.__setattr__(self, "_name", location.tool)
        object.__setattr__(self, "_par", ParameterSet(file, location.tool))
        object.__setattr__(self, "last_result", None)
        object.__setattr__(self, "__name__", location.tool)

    _system: Any
    _name: str
    _par: ParameterSet
    last_result: object

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._par[self._match(name)]
        except UnknownParamError as error:
            raise _UnknownAttributeError(str(error)) from error

    def __setattr__(self, name: str, value: object) -> None:
        full = self._match(name)
        self._par.set(full, self._checked(self._par.file[full], value))

    @property
    def __signature__(self) -> inspect.Signature:
        """Signature of the call, with the defaults of the parameter file."""
        return signature(ParFile.read(self._system))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._par.file.names]

    def _match(self, name: str) -> str:
        """Full name of a parameter; Python's reserved words may carry a trailing underscore."""
        names = self._par.file.names
        if name.endswith("_") and name[:-1] in names:
            return name[:-1]
        try:
            return match_name(self._name, names, name)
        except AmbiguousParamError as error:
            raise UnknownParamError(error.in_lines) from error

    def _checked(self, parameter: Parameter, value: object) -> str:
        """Text of a value that passes the checks of the parameter file."""
        owner = f"{self._name}.{parameter.name}"
        if parameter.kind == "b" and not isinstance(value, str) and value not in (True, False):
            raise ParameterError(f"{owner} should be a boolean, not '{value}'")
        text = to_text(parameter, value, owner)
        if parameter.kind == "b" and not text.startswith(")") and parse_boolean(text) is None:
            raise ParameterError(f"{owner} should be a boolean, not '{text}'")
        try:
            return self._par.evaluator.check_new(parameter, text)
        except ChoiceError as error:
            raise ParameterError(error.in_lines) from error

    def __call__(self, *args: object, **kwargs: object) -> str | None:
        """Set parameters, run the tool, and return what it printed, without the last newline (None if nothing).

        Raises
        ------
        TypeError
            More positional values than required parameters, or one given twice.
        UnknownParamError, ParameterError
            A name or a value is wrong; no value is changed.
        NotAvailableError
            ciaopy does not do the tool's work yet.
        ToolError
            The tool failed (also an OSError); the error itself is its `__cause__`.
        """
        from ciaopy.engine import result_parameters, run_tool
        from ciaopy.streams import forget_streams

        values = self._bound(args, kwargs)
        texts = {name: self._checked(self._par.file[name], value) for name, value in values.items()}
        par = ParameterSet(self._par.file, self._name, {**self._par.values, **texts}, list(texts))
        out = io.StringIO()
        forget_streams()
        try:
            result = run_tool(par, Console(out=out))
        except (ParameterError, NotAvailableError):
            raise
        except CiaopyError as error:
            for name in result_parameters(self._name):
                self._par.set(name, par.raw(name))
            raise ToolError(self._name, out.getvalue() + str(error)) from error
        object.__setattr__(self, "_par", par)
        object.__setattr__(self, "last_result", result)
        return out.getvalue().rstrip("\n") or None

    def _bound(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        """Full parameter names and values of one call."""
        required = [p.name for p in self._par.file if not p.hidden]
        if len(args) > len(required):
            raise TypeError(
                f"{self._name} takes {len(required)} values without a name ({', '.join(required)}), {len(args)} given"
            )
        values = dict(zip(required, args, strict=False))
        for key, value in kwargs.items():
            name = self._match(key)
            if name in values:
                raise TypeError(f"{self._name}.{name} is given twice")
            values[name] = value
        return values

    def punlearn(self) -> None:
        """Go back to the system values; no file is touched."""
        object.__setattr__(self, "_par", ParameterSet(ParFile.read(self._system), self._name))

    def write_params(self, filename: str | None = None) -> None:
        """Save the values to the user's parameter file, or to `filename`.

        Raises
        ------
        ParameterError
            The file cannot be written.
        """
        texts = {name: self._par.raw(name) for name in self._par.file.names}
        if filename is None:
            save(locate(self._name), {(name, "value"): text for name, text in texts.items()})
            return
        from pathlib import Path

        from ciaopy.param import write_atomic

        path = Path(filename)
        file = self._par.file.copy(path)
        for name, text in texts.items():
            if text != file[name].default:
                file.set(name, "value", text)
        write_atomic(path, file.to_bytes())

    def read_params(self, filename: str | None = None) -> None:
        """Take the values of the user's parameter file, or of `filename`.

        Raises
        ------
        ParameterError
            The file cannot be read or a value is wrong; no value is changed.
        """
        file = read_current(locate(filename or self._name))
        texts = {}
        for parameter in self._par.file:
            if parameter.name in file and file[parameter.name].value is not None:
                texts[parameter.name] = self._checked(parameter, file[parameter.name].default)
        object.__setattr__(self, "_par", ParameterSet(self._par.file, self._name, texts))

    def __repr__(self) -> str:
        sections = (("Required parameters", False), ("Optional parameters", True))
        rows = [f"Parameters for {self._name}:"]
        for title, hidden in sections:
            chosen = [p for p in self._par.file if p.hidden is hidden and p.name != "mode"]
            if chosen:
                rows += ["", f"{title}:"]
                rows += [f"{p.name:>20s} = {self._par.raw(p.name):<20s} {p.prompt}".rstrip() for p in chosen]
        return "\n".join(rows)


class ToolError(CiaopyError, OSError):
    """A tool failed: its name, what it had printed, and why."""

    def __init__(self, tool: str, text: str) -> None:
        lines = "".join(f"\n  {line}" for line in text.splitlines())
        super().__init__(f"An error occurred while running '{tool}':{lines}")


class _UnknownAttributeError(AttributeError, UnknownParamError):
    """An attribute that is no parameter: an AttributeError for Python, an UnknownParamError for the user."""


def _class_of(name: str) -> type[Tool]:
    """Return the class of a tool, whose docstring is written from its system parameter file."""
    location = locate(name)
    tool = location.tool
    text = tool_docstring(tool, ParFile.read(location.system or location.path), tool_summary(tool))
    return type(tool, (Tool,), {"__doc__": text, "__module__": __name__})


_TOOLS: dict[str, Tool] = {}


def make_tool(name: str) -> Tool:
    """Return a new, independent object of a tool.

    Raises
    ------
    ParameterError
        There is no parameter file of that name.
    """
    return Tool(name)


def __getattr__(name: str) -> Any:
    """Return the shared object of a tool, made on first use."""
    if not name.startswith("_") and (name in _TOOLS or name in list_tools()):
        return _TOOLS.setdefault(name, _TOOLS.get(name) or Tool(name))
    alike = "" if name.startswith("_") else did_you_mean(name, list_tools())
    raise AttributeError(f"module 'ciaopy.runtool' has no tool {name!r}{alike}")


def __dir__() -> list[str]:
    return sorted([*__all__, *list_tools()])
