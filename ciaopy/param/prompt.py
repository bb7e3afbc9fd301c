"""Asking the user for a value.

The text is `Prompt (range or list) (value): `, written to the error stream so that the output stays clean. Enter keeps
the value, a bad value is asked for again, and where nobody can answer there is an error instead of a hang.
"""

from __future__ import annotations

import os
import select
import sys
from typing import IO

from ciaopy.errors import ParameterError
from ciaopy.param.evaluate import Evaluator
from ciaopy.param.parfile import Parameter

#: Seconds to wait for a line where standard input is neither a terminal nor at its end, such as a silent pipe.
SILENCE = 2.0


def prompt_text(parameter: Parameter, current: str) -> str:
    """Return what the user is asked.

    Parameters
    ----------
    parameter : Parameter
        Its prompt (or name), and its enumeration or range.
    current : str
        Value that Enter keeps; not shown where empty.
    """
    parts = [parameter.prompt.strip() or parameter.name]
    if parameter.choices:
        parts.append("(" + "|".join(parameter.choices) + ")")
    elif parameter.minimum or parameter.maximum:
        parts.append(f"({parameter.minimum}:{parameter.maximum})")
    if current:
        parts.append(f"({current})")
    return " ".join(parts) + ": "


class Prompter:
    """Ask on a terminal, or read answers from a pipe.

    Parameters
    ----------
    source, err : file-like, optional
        Where answers come from and questions go. Default: the process's own streams, looked up at each question.
    """

    def __init__(self, source: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self._source, self._err = source, err

    def ask(self, evaluator: Evaluator, name: str) -> str:
        """Return checked text for a parameter.

        Returns
        -------
        str
            As it is stored; the stored text itself (perhaps a redirection) if the user keeps it.

        Raises
        ------
        ParameterError
            There is nobody to answer: end of input, or no terminal.
        """
        parameter = evaluator.file[name]
        while True:
            stored = evaluator.stored(name)
            try:
                current = evaluator.check_stored(name)
            except ParameterError:
                current = stored
            line = self.question(prompt_text(parameter, current))
            if line is None:
                raise ParameterError(
                    f"{evaluator.file.tool}: no value for {name}, and no terminal to ask on; give {name}=VALUE, "
                    "or mode=h to take all values from the parameter file"
                )
            answer = line.strip()
            try:
                if answer:
                    return evaluator.check_new(parameter, answer)
                evaluator.check_stored(name)
                return stored
            except ParameterError as error:
                self._stream.write(f"{error}\n")

    @property
    def _stream(self) -> IO[str]:
        return self._err if self._err is not None else sys.stderr

    def question(self, text: str) -> str | None:
        """Write `text` and return the line that answers it, None if there is nobody."""
        self._stream.write(text)
        self._stream.flush()
        line = self.read_line()
        if line is None:
            self._stream.write("\n")
        return line

    def read_line(self) -> str | None:
        """Return one line without its end, or None at the end of input or after a silence on a pipe."""
        source = self._source if self._source is not None else sys.stdin
        if source is None or source.closed:
            return None
        try:
            descriptor = source.fileno()
        except (OSError, AttributeError):
            return _stripped(source.readline())
        if source.isatty():
            return _stripped(source.readline())
        return _read_pipe(descriptor)


def _stripped(line: str) -> str | None:
    return line.rstrip("\n") if line else None


def _read_pipe(descriptor: int) -> str | None:
    """Read one line byte by byte, so that what follows is left for later questions and other programs."""
    taken = b""
    while True:
        ready, _, _ = select.select([descriptor], [], [], SILENCE)
        byte = os.read(descriptor, 1) if ready else b""
        if byte in {b"", b"\n"}:
            text = taken.decode("utf-8", "surrogateescape")
            return text if taken or byte else None
        taken += byte
