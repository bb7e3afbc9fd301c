"""Editing a parameter file in the user's editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ciaopy.errors import ParameterError
from ciaopy.messages import reason
from ciaopy.param.evaluate import Evaluator
from ciaopy.param.parfile import ParFile
from ciaopy.param.prompt import Prompter
from ciaopy.param.values import parse_boolean


def edit(before: bytes, target: Path, prompter: Prompter) -> bytes:
    """Let the user edit the text of a parameter file until it is sound.

    Parameters
    ----------
    before : bytes
        The text to start from.
    target : Path
        The file it is meant for; it is not touched.
    prompter : Prompter
        Asks, on a terminal, whether to go back to the editor after a mistake.

    Returns
    -------
    bytes
        A sound text.

    Raises
    ------
    ParameterError
        The editor failed, or the text is not sound; it is kept in a file that the message names.
    """
    folder = Path(tempfile.mkdtemp(prefix="pedit-"))
    draft = folder / target.name
    draft.write_bytes(before)
    while True:
        try:
            run_editor(draft)
        except ParameterError:
            shutil.rmtree(folder)
            raise
        after = draft.read_bytes()
        try:
            check_file(ParFile(after, draft))
        except ParameterError as error:
            if sys.stdin.isatty() and _again(error, prompter):
                continue
            raise ParameterError(f"{error}; {target} is as it was, your text is kept in {draft}") from error
        shutil.rmtree(folder)
        return after


def _again(error: ParameterError, prompter: Prompter) -> bool:
    """Show the mistake and ask whether to edit again."""
    answer = prompter.question(f"{error}\nEdit again? (yes): ")
    return answer is not None and (not answer.strip() or parse_boolean(answer) is True)


def run_editor(path: Path) -> None:
    """Open `path` in `$VISUAL`, `$EDITOR` or vi and wait.

    Raises
    ------
    ParameterError
        There is no such program, or it ends with an error.
    """
    words = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(words), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise ParameterError(f"cannot start the editor '{words}' ({reason(error)}); set EDITOR") from error
    if done.returncode != 0:
        raise ParameterError(f"the editor '{words}' ended with status {done.returncode}; nothing was saved")


def check_file(file: ParFile) -> None:
    """Check every stored value against its type, enumeration and range; undefined ones pass.

    Raises
    ------
    ParameterError
        Names the line of the first bad value.
    """
    evaluator = Evaluator(file)
    for parameter in file:
        if not parameter.default:
            continue
        try:
            evaluator.check_new(parameter, parameter.default)
        except ParameterError as error:
            raise ParameterError(f"{file.path}, line {parameter.line}: {error}") from error
