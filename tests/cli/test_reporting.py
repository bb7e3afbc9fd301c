"""Errors become one line and a status."""

from __future__ import annotations

import pytest

from ciaopy.cli import reporting
from ciaopy.cli.reporting import run_guarded
from ciaopy.errors import DataError, ExternalToolError, UsageError, VirtualFileError


def failing(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (DataError("a.fits: no EVENTS"), 1, ["ERROR a.fits: no EVENTS"]),
        (UsageError("too many"), 2, ["ERROR too many"]),
        (DataError("ERROR in a.fits"), 1, ["ERROR in a.fits"]),
        (FileNotFoundError(2, "No such file or directory", "a.fits"), 1, ["a.fits: No such file or directory"]),
        (OSError(28, "No space left on device"), 1, ["No space left on device"]),
        (OSError(18, "Invalid cross-device link", "a", None, "b"), 1, ["a and b: Invalid cross-device link"]),
        (MemoryError(), 1, ["not enough memory", "nproc"]),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            ["bug in ciaopy", "ZeroDivisionError: division by zero", "--debug"],
        ),
        (RecursionError("deep"), 1, ["bug in ciaopy", "RecursionError"]),
        (ExternalToolError("dmcopy failed"), 1, ["dmcopy failed"]),
        (KeyboardInterrupt(), 130, ["Keyboard interrupt (control-c)"]),
    ],
)
def test_one_line_and_the_status(capsys, error, status, words):
    assert run_guarded("dmcopy", failing(error)) == status
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("# dmcopy (ciaopy ") and all(word in err for word in words)
    assert err.count("ERROR") <= 1


def test_a_caret_keeps_its_lines(capsys):
    run_guarded("dmcopy", failing(VirtualFileError("unexpected ]", "a.fits[x=]", 9)))
    lines = capsys.readouterr().err.splitlines()
    assert lines[2].index("^") == lines[1].index("]")


def test_status_of_the_action(capsys):
    assert run_guarded("t", lambda: None) == 0
    assert run_guarded("t", lambda: 3) == 3
    assert capsys.readouterr() == ("", "")


def test_debug_shows_the_traceback_before_the_line(capsys):
    assert run_guarded("t", failing(DataError("x")), debug=True) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.splitlines()[-1].endswith("ERROR x")


def test_red_only_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR")
    run_guarded("t", failing(DataError("x")))
    assert capsys.readouterr().err.startswith("\033[1;31m# t")
    monkeypatch.setenv("NO_COLOR", "1")
    run_guarded("t", failing(DataError("x")))
    assert capsys.readouterr().err.startswith("# t")


def test_a_bug_names_the_innermost_line_of_ciaopy():
    def crash():
        from ciaopy.console import Console

        Console().output(1)  # type: ignore[arg-type]

    try:
        crash()
    except TypeError as error:
        assert "console.py:" in reporting.describe_bug(error, debug=False)
    else:
        pytest.fail("no error")
