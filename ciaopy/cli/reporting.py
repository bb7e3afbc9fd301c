"""Where errors become one line and an exit status: 0 ok, 1 data or processing, 2 usage, 130 interrupted.

The line is CIAO's, `# tool (version): ERROR message`, on the error stream, red on a terminal. `--debug` shows the
traceback too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType

from ciaopy.errors import CiaopyError
from ciaopy.version import __version__

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130
#: What the shell reports of a program that SIGPIPE ended.
BROKEN_PIPE = 141


def run_guarded(tool: str, action: Callable[[], int | None], debug: bool = False) -> int:
    """Run `action`, report what goes wrong, and return the exit status.

    Parameters
    ----------
    tool : str
        Name in front of the message.
    action : callable
        Does the work; an int that it returns is the exit status, None is 0.
    debug : bool
        Show the traceback of an error before its line.

    Returns
    -------
    int
        `exit_code` of a `CiaopyError`; 1 for files that cannot be opened, full disks and bugs; 130 after Ctrl-C.
    """
    try:
        status = action() or OK
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("\n" if sys.stderr.isatty() else "")
        _line(tool, "Keyboard interrupt (control-c)")
        return INTERRUPTED
    except CiaopyError as error:
        _show_traceback(error, debug)
        _line(tool, _with_error(str(error)))
        return error.exit_code
    except OSError as error:
        _show_traceback(error, debug)
        _line(tool, _with_error(describe_os_error(error)))
        return FAILED
    except MemoryError as error:
        _show_traceback(error, debug)
        _line(tool, "ERROR not enough memory; filter the input, choose larger bins or fewer processes (nproc)")
        return FAILED
    except Exception as error:  # noqa: BLE001 - a bug must end in one line, too
        _show_traceback(error, debug)
        _line(tool, "ERROR " + describe_bug(error, debug))
        return FAILED


def describe_os_error(error: OSError) -> str:
    """Say what the system refused, and for which file."""
    reason = error.strerror or str(error) or type(error).__name__
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' and '.join(names)}: {reason}" if names else reason


def describe_bug(error: BaseException, debug: bool) -> str:
    """Say that ciaopy is at fault, where, and what to send."""
    place = _innermost(error.__traceback__)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    advice = (
        "please report it with the traceback above" if debug else "run it again with --debug and report the traceback"
    )
    return f"this is a bug in ciaopy: {what} ({place}); {advice}"


def _innermost(traceback: TracebackType | None) -> str:
    """File and line of the last frame inside ciaopy, else of the last frame."""
    place = "no traceback"
    inside = False
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        ours = f"{os.sep}ciaopy{os.sep}" in name
        if ours or not inside:
            place, inside = f"{os.path.basename(name)}:{traceback.tb_lineno}", inside or ours  # noqa: PTH119
        traceback = traceback.tb_next
    return place


def _with_error(message: str) -> str:
    """Put ERROR before a message that does not begin with that word."""
    message = message.strip() or "no message"
    return message if message.split(None, 1)[0].rstrip(":") == "ERROR" else f"ERROR {message}"


def _line(tool: str, message: str) -> None:
    """Write the line of an error."""
    text = f"# {tool} (ciaopy {__version__}): {message}"
    if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        text = f"\033[1;31m{text}\033[0m"
    try:
        sys.stdout.flush()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        _silence_stdout()


def _show_traceback(error: BaseException, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exception(error)


def _silence_stdout() -> None:
    """Let the interpreter's last flush go nowhere: the reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
