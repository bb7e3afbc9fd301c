"""Is a file a text table? Decided by its name and its first bytes, without loading what reads one."""

from __future__ import annotations

import re
from pathlib import Path

from ciaopy.streams import has_mark, is_stream, start_of

__all__ = ["is_text_table"]

FITS_NAME = re.compile(r"\.(fits?|fts)(\.gz)?$", re.I)
FITS_STARTS = (b"SIMPLE  =", b"\x1f\x8b")
SNIFF_BYTES = 4096


def is_text_table(path: Path) -> bool:
    """Tell whether a file exists, is not FITS (nor named so), and begins with printable text."""
    if not is_stream(path) and (not path.is_file() or FITS_NAME.search(path.name)):
        return False
    start = start_of(path, SNIFF_BYTES)
    if not start or start.startswith(FITS_STARTS):
        return False
    if has_mark(start):
        return True
    control = sum((b < 32 and b not in b"\t\n\r\f") or b == 127 for b in start)
    return not control and not start.startswith(b"SIMPLE")
