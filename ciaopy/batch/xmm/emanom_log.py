"""The logs of emanom, of SAS's and of our own, and of the older mos-filter."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ciaopy.batch.xmm.parameters import STATES
from ciaopy.errors import DataError

__all__ = ["parse_emanom_out"]

_CCD = re.compile(r"CCD\s*[:=]\s*(\d+)", re.I)
_STATE = re.compile(r"Status\s*[:=]\s*([A-Za-z])\b", re.I)
_OLD = re.compile(r"^\s*Limit\s*>", re.I)


def parse_emanom_out(
    log_file_path: str | os.PathLike[str], acceptable_states: Sequence[str] = ("G", "I", "U")
) -> list[int]:
    """Return the CCDs whose state is one of those asked for, ascending.

    A line holds `CCD: 4 ... Status: B`; blanks, case and `CCD=4` do not matter. Lines of the older mos-filter,
    `Limit>2.5 CCD=5 Hardness=... ****`, mean B with the stars and G without.

    Parameters
    ----------
    log_file_path : path-like
    acceptable_states : sequence of str, or one state
        Of G good, I intermediate, B bad, O off, U undetermined.

    Raises
    ------
    ValueError
        A state that there is not.
    FileNotFoundError
        There is no such log.
    DataError
        A line that names a CCD cannot be read; the message has its number.
    """
    wanted = [acceptable_states] if isinstance(acceptable_states, str) else list(acceptable_states)
    unknown = [s for s in wanted if s not in STATES]
    if unknown:
        raise ValueError(f"acceptable_states: {unknown[0]!r} is none; states are {', '.join(STATES)}")
    path = Path(log_file_path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such log of emanom")
    found = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if "ccd" not in line.lower():
            continue
        ccd = _CCD.search(line)
        state = _STATE.search(line)
        if ccd is not None and _OLD.match(line):
            letter = "B" if "****" in line else "G"
        elif ccd is not None and state is not None and state[1].upper() in STATES:
            letter = state[1].upper()
        else:
            raise DataError(f"{path}: line {number} cannot be read: {line.strip()[:80]!r}")
        if letter in wanted:
            found.append(int(ccd[1]))
    return sorted(set(found))
