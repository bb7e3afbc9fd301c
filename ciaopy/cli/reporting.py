"""Where errors become one line and an exit status: 0 ok, 1 data or processing, 2 usage, 130 and 143 interrupted.

The line is CIAO's, `# tool (version): ERROR message`, on the error stream, red on a terminal. `--debug` shows the
traceback too.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from types import TracebackType

from ciaopy.cli import signals
from ciaopy.cli.streams import flush_output, silence
from ciaopy.errors import CiaopyError
from ciaopy.logfile import current_log
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
        `exit_code` of a `CiaopyError`; 1 for files that cannot be opened, full disks and bugs; 130 after
        SIGINT (Ctrl-C), 143 after SIGTERM, whatever became of the exception on its way.
    """
    try:
        status = action() or OK
        flush_output()
    except BaseException as error:  # noqa: BLE001 - everything ends here, in one line
        if signals.received():  # also where an import or a callback made another error of it
            return interrupted(tool)
        return _failed(tool, error, debug)
    return interrupted(tool) if signals.received() else status


def interrupted(tool: str) -> int:
    """Say that a signal ended the run; return 130 or 143."""
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    number = signals.received() or signals.NUMBERS[0]  # before the handlers are in place: Python's own interrupt
    _line(tool, signals.describe(number))
    return 128 + number


def _failed(tool: str, error: BaseException, debug: bool) -> int:
    """Say in one line what went wrong; return the exit status."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, BrokenPipeError):
        silence(sys.stdout)
        return BROKEN_PIPE
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("\n" if sys.stderr.isatty() else "")
        _line(tool, "Keyboard interrupt (control-c)")
        return INTERRUPTED
    _show_traceback(error, debug)
    if isinstance(error, CiaopyError):
        _line(tool, _with_error(str(error)))
        return error.exit_code
    if isinstance(error, OSError):
        _line(tool, _with_error(describe_os_error(error)))
    elif isinstance(error, MemoryError):
        _line(tool, "ERROR not enough memory; filter the input, choose larger bins or fewer processes (nproc)")
    else:
        _line(tool, "ERROR " + describe_bug(error, debug))
    return FAILED


#: What to do about what the system refused.
_CURES = {
    errno.ENOSPC: "free some space, or write to another place",
    errno.EDQUOT: "your disk quota is used up",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose another place",
    errno.ENOENT: "check the name and the folder",
    errno.EISDIR: "name a file in it",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "too many files are open; give fewer inputs at once, or raise `ulimit -n`",
    errno.EIO: "the disk or the network drive fails; copy the file elsewhere",
    errno.ELOOP: "symbolic links lead in a circle",
}


def describe_os_error(error: OSError) -> str:
    """Say what the system refused, for which file, and what can be done."""
    reason = error.strerror or str(error) or type(error).__name__
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    place = " and ".join(names) or ("standard output" if error.errno in (errno.ENOSPC, errno.EIO) else "a file")
    cure = _CURES.get(error.errno or 0)
    return f"{place}: {reason}" + (f"; {cure}" if cure else "")


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
    log = current_log()
    if log is not None:
        log.write("ERROR", message)
    if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        text = f"\033[1;31m{text}\033[0m"
    for stream, words in ((sys.stdout, ""), (sys.stderr, text + "\n")):
        try:
            stream.write(words)
            stream.flush()
        except OSError:  # nobody listens, or the disk is full: the exit status tells
            silence(stream)


def _show_traceback(error: BaseException, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exception(error)
