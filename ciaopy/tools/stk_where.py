"""Find the entries of a stack that match a text."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

from ciaopy.errors import ParameterError
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Store number of the first match in `outnum` (0 for none) and how many there are in `outcount`.

    With echo=yes both are printed, one a line.

    Raises
    ------
    StackError
        The stack cannot be built.
    ParameterError
        `match` is not a regular expression.
    """
    pattern = match_pattern(par["match"], par["simple"], par["case"])
    found = [number for number, entry in enumerate(build(par["infile"]), 1) if pattern.search(entry)]
    par.put("outnum", found[0] if found else 0)
    par.put("outcount", len(found))
    if par["echo"]:
        ws.console.output(str(found[0] if found else 0))
        ws.console.output(str(len(found)))


def match_pattern(match: str, simple: bool, case: bool) -> re.Pattern[str]:
    """Return what is searched for in each entry.

    Parameters
    ----------
    match : str
        simple: text found anywhere, or with `*` or `?` a pattern for the whole entry. Else a regular expression found
        anywhere. (CIAO's own rule for plain text is not documented; this is the wider one.)
    simple, case : bool
        The parameters of these names.

    Raises
    ------
    ParameterError
        The regular expression is malformed.
    """
    if simple:
        match = fnmatch.translate(match.replace("[", "[[]")) if any(c in match for c in "*?") else re.escape(match)
    try:
        return re.compile(match, 0 if case else re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ParameterError(f"stk_where.match '{match}' is not a regular expression: {error}") from error
