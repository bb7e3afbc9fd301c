"""chandra_repro and splitobs: from the archive's files to new events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.pipelines.repro.files import replacing

__all__ = [
    "replacing",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "files": "replacing",
        },
    )
