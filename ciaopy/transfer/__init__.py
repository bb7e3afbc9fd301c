"""Downloads: resume, checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.transfer.downloads import DEFAULT_MIRROR, Mirror, Progress, Silent, download, open_mirror

__all__ = [
    "DEFAULT_MIRROR",
    "Mirror",
    "Progress",
    "Silent",
    "download",
    "open_mirror",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "downloads": "DEFAULT_MIRROR Mirror Progress Silent download open_mirror",
        },
    )
