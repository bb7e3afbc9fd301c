"""chandra_repro and splitobs: from the archive's files to new events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.pipelines.repro.files import replacing
    from ciaopy.pipelines.repro.splitobs import Part, files_of, find_parts

__all__ = [
    "Part",
    "files_of",
    "find_parts",
    "replacing",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "files": "replacing",
            "splitobs": "Part files_of find_parts",
        },
    )
