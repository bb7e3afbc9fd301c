"""Downloads: resume, checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.transfer.chandra_archive import (
        REPROCESSING_TYPES,
        TYPES,
        AbstractSlot,
        Fetched,
        NotThereError,
        archive_mirrors,
        fetch_observation,
        wanted_types,
    )
    from ciaopy.transfer.downloads import DEFAULT_MIRROR, Mirror, Progress, Silent, download, open_mirror
    from ciaopy.transfer.footprints import Found, find_observations, position_of

__all__ = [
    "DEFAULT_MIRROR",
    "REPROCESSING_TYPES",
    "TYPES",
    "AbstractSlot",
    "Fetched",
    "Found",
    "Mirror",
    "NotThereError",
    "Progress",
    "Silent",
    "archive_mirrors",
    "download",
    "fetch_observation",
    "find_observations",
    "open_mirror",
    "position_of",
    "wanted_types",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "chandra_archive": "REPROCESSING_TYPES TYPES AbstractSlot Fetched NotThereError archive_mirrors"
            " fetch_observation wanted_types",
            "downloads": "DEFAULT_MIRROR Mirror Progress Silent download open_mirror",
            "footprints": "Found find_observations position_of",
        },
    )
