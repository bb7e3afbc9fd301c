"""Asking for values."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ciaopy.errors import ParameterError
from ciaopy.param import Evaluator, ParFile, Prompter
from ciaopy.param import prompt as prompt_module
from ciaopy.param.prompt import prompt_text

FILE = ParFile(
    b"""infile,f,a,"",,,"Input file"
n,i,a,3,0,5,"Number"
m,s,a,"mean",mean|median|min,,"Method"
low,r,a,,1,,
copy,s,a,")m",,,"Copy"
""",
    Path("t.par"),
)


@pytest.mark.parametrize(
    ("name", "current", "text"),
    [
        ("infile", "", "Input file: "),
        ("infile", "a.fits", "Input file (a.fits): "),
        ("n", "3", "Number (0:5) (3): "),
        ("m", "mean", "Method (mean|median|min) (mean): "),
        ("low", "", "low (1:): "),
    ],
)
def test_prompt_texts(name: str, current: str, text: str) -> None:
    assert prompt_text(FILE[name], current) == text


def asked(name: str, answers: str) -> tuple[str, str]:
    err = io.StringIO()
    return Prompter(io.StringIO(answers), err).ask(Evaluator(FILE), name), err.getvalue()


def test_an_answer_is_checked_and_completed() -> None:
    assert asked("m", "med\n")[0] == "median"
    assert asked("infile", "a b.fits")[0] == "a b.fits"


def test_enter_keeps_the_stored_text() -> None:
    assert asked("n", "\n")[0] == "3"
    text, err = asked("copy", "\n")
    assert text == ")m"
    assert err == "Copy (mean): "


def test_a_bad_answer_is_asked_for_again() -> None:
    text, err = asked("n", "9\nx\n4\n")
    assert text == "4"
    assert err == (
        "Number (0:5) (3): t.n must be <= 5 but set to 9\n"
        "Number (0:5) (3): t.n must be an integer, sent x\n"
        "Number (0:5) (3): "
    )


def test_the_end_of_input_is_an_error_that_says_what_to_give() -> None:
    with pytest.raises(ParameterError, match="t: no value for n, and no terminal to ask on; give n=VALUE"):
        asked("n", "9\n")


def test_a_silent_pipe_is_an_error_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_module, "SILENCE", 0.05)
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "w") as answers:
        answers.write("5\n7\n\n")
        answers.flush()
        prompter = Prompter(source, io.StringIO())
        assert prompter.ask(Evaluator(FILE), "n") == "5"
        assert prompter.ask(Evaluator(FILE), "low") == "7"
        assert prompter.ask(Evaluator(FILE), "m") == "mean"
        with pytest.raises(ParameterError, match="no terminal"):
            prompter.ask(Evaluator(FILE), "n")


def test_a_closed_input_is_an_error() -> None:
    source = io.StringIO()
    source.close()
    assert Prompter(source, io.StringIO()).read_line() is None


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    (tmp_path / "t.par").write_bytes(FILE.to_bytes())
    code = (
        "import sys; from ciaopy.param import open_parameters as o\n"
        f"par = o({str(tmp_path / 't.par')!r}, ['a.fits']); par.close(); print(par['n'], par['m'], par['low'])"
    )
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.close(terminal)
    os.write(main, b"9\n2\nmin\n1.5\n\n")
    out, err = process.communicate(timeout=30)
    os.close(main)
    assert out == "2 min 1.5\n"
    assert err.count("Number (0:5) (3): ") == 2
    assert 'n,i,a,2,0,5,"Number"\nm,s,a,"min"' in (tmp_path / "t.par").read_text()
