"""Raw data that a survey has fetched, used up and deleted: what they were is kept, so that nothing is due for that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

__all__ = ["delete_raw", "deleted_listing", "forget_deletion"]

#: In the folder of an observation: the listing of its files before they were deleted.
_NOTE = ".ciaopy-deleted.json"
_MANIFEST = ".ciaopy-download.json"


def deleted_listing(folder: Path) -> list[tuple[str, int, int]] | None:
    """Return the listing of an observation whose raw data were deleted; None where they were not."""
    try:
        told = json.loads((folder / _NOTE).read_bytes())
    except (OSError, ValueError):
        return None
    return [(str(name), int(size), int(time)) for name, size, time in told["listing"]]


def forget_deletion(folder: Path) -> None:
    """Tell that the raw data of an observation are there again."""
    (folder / _NOTE).unlink(missing_ok=True)


def delete_raw(folder: Path, listing: Sequence[tuple[str, int, int]]) -> int:
    """Delete the files of an observation that were downloaded, and no others; the note comes first.

    Parameters
    ----------
    folder : Path
    listing : sequence of (path below the folder, size, mtime_ns)
        What a plan is made from.

    Returns
    -------
    int
        Bytes that were freed.
    """
    try:
        fetched = json.loads((folder / _MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError):
        return 0
    there = [folder / name for name in fetched if (folder / name).is_file()]
    if not there:
        return 0
    if deleted_listing(folder) is None:
        part = folder / f"{_NOTE}.part"
        part.write_text(json.dumps({"listing": list(listing)}) + "\n")
        part.replace(folder / _NOTE)
    freed = 0
    for path in there:
        freed += path.stat().st_size
        path.unlink()
    for place in sorted({p.parent for p in there} - {folder}, reverse=True):
        if not any(place.iterdir()):
            place.rmdir()
    return freed
