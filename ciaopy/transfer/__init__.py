"""Downloads: resume, checks, a limit of speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.transfer.chandra_archive import (
        MANIFEST,
        REPROCESSING_TYPES,
        TYPES,
        AbstractSlot,
        Fetched,
        MissingFilesError,
        NotThereError,
        Transfers,
        archive_mirrors,
        fetch_observation,
        kept_observation,
        wanted_types,
    )
    from ciaopy.transfer.downloads import DEFAULT_MIRROR, Mirror, Progress, Silent, download, open_mirror
    from ciaopy.transfer.footprints import Found, find_observations, position_of
    from ciaopy.transfer.pace import Pace

__all__ = [
    "DEFAULT_MIRROR",
    "MANIFEST",
    "REPROCESSING_TYPES",
    "TYPES",
    "AbstractSlot",
    "Fetched",
    "Found",
    "Mirror",
    "MissingFilesError",
    "NotThereError",
    "Pace",
    "Progress",
    "Silent",
    "Transfers",
    "archive_mirrors",
    "download",
    "fetch_observation",
    "find_observations",
    "kept_observation",
    "open_mirror",
    "position_of",
    "wanted_types",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "chandra_archive": "MANIFEST REPROCESSING_TYPES TYPES AbstractSlot Fetched MissingFilesError NotThereError"
            " Transfers archive_mirrors fetch_observation kept_observation wanted_types",
            "downloads": "DEFAULT_MIRROR Mirror Progress Silent download open_mirror",
            "footprints": "Found find_observations position_of",
            "pace": "Pace",
        },
    )
