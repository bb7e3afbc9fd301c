"""The exceptions of ciaopy.

::

    CiaopyError                     exit status 1
      UserError                     what the user asked for cannot be done
        UsageError                  the command line itself is wrong; exit status 2
        ParameterError              a parameter file or a parameter value (also a ValueError)
          UnknownParamError         no parameter, or several, match a name (also a TypeError)
        VirtualFileError            syntax of `file[...]`; draws a caret under the offending character
        RegionError                 a region that cannot be parsed or has no shapes
        StackError                  a stack that cannot be built (also an OSError)
        OutputExistsError           the output exists and clobber=no
        NotAvailableError           a tool, branch or option that ciaopy does not have yet
      DataError                     a file is missing what the step needs, damaged, truncated or not FITS
        NoDataError                 nothing is left to work on (no good time, no events, no overlap)
        SASInputInvalidError        a summary file of an XMM-Newton observation that cannot be read (also a ValueError)
      CalibrationError              a calibration product is missing, ambiguous or unreadable
      ExternalToolError             an external program (CIAO, SAS) is missing or failed (also an OSError)
        SASNotFoundError            XMM SAS is needed and not set up (also a UserError)
        SASVersionError             this SAS is too old for what is asked (also a UserError)

Every message says what is wrong, in which file, keyword or parameter, and what to do. Nothing else catches them but
`cli/`, which prints one line and exits with `exit_code`.
"""

from __future__ import annotations

from ciaopy.messages import caret_message

__all__ = [
    "CalibrationError",
    "CiaopyError",
    "DataError",
    "ExternalToolError",
    "NoDataError",
    "NotAvailableError",
    "OutputExistsError",
    "ParameterError",
    "RegionError",
    "SASInputInvalidError",
    "SASNotFoundError",
    "SASVersionError",
    "StackError",
    "UnknownParamError",
    "UsageError",
    "UserError",
    "VirtualFileError",
]


class CiaopyError(Exception):
    """Base class of every error that ciaopy raises on purpose."""

    exit_code: int = 1


class UserError(CiaopyError):
    """What the user asked for cannot be done as asked."""


class UsageError(UserError):
    """The command line itself is wrong."""

    exit_code = 2


class ParameterError(UserError, ValueError):
    """A parameter file cannot be read, or a value is not of the declared type, range or list."""


class UnknownParamError(ParameterError, TypeError):
    """No parameter, or more than one, matches the name given."""


class VirtualFileError(UserError):
    """The text of a virtual file (`file[...]`) cannot be understood.

    Parameters
    ----------
    problem : str
        What is wrong, in one clause.
    text : str
        The whole virtual file as typed.
    position : int or None
        0-based index into `text` of the offending character.
    """

    def __init__(self, problem: str, text: str = "", position: int | None = None) -> None:
        self.problem, self.text, self.position = problem, text, position
        super().__init__(caret_message(problem, text, position))


class RegionError(UserError):
    """A region cannot be parsed, has no shapes, or has impossible sizes."""


class StackError(UserError, OSError):
    """A stack cannot be built from the text given."""


class OutputExistsError(UserError):
    """The output file exists and clobber=no."""


class NotAvailableError(UserError):
    """A tool, branch or option that exists in CIAO and not yet here."""


class DataError(CiaopyError):
    """A data file is damaged, or lacks what the step needs."""


class NoDataError(DataError):
    """Nothing is left to work on."""


class SASInputInvalidError(DataError, ValueError):
    """A summary file (SUM.SAS) of an XMM-Newton observation is cut short, contradicts itself, or is something else."""


class CalibrationError(CiaopyError):
    """A calibration product is missing, ambiguous or unreadable."""


class ExternalToolError(CiaopyError, OSError):
    """An external program is missing or failed."""


class SASNotFoundError(UserError, ExternalToolError):
    """XMM SAS is needed, and is not set up."""


class SASVersionError(UserError, ExternalToolError):
    """This version of XMM SAS cannot do what is asked."""
