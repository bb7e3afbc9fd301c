"""The CALDB of a survey of Chandra observations, fetched from a mirror."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ciaopy.transfer import Progress

__all__ = ["fetch_calibration"]


def fetch_calibration(mirror: str, folder: Path, observations: Sequence[Path], progress: Progress) -> None:
    """Bring the files that observations need into a folder; the version that is there is kept.

    Parameters
    ----------
    mirror : str
        Address or path; empty for the archive of the CXC.
    folder : Path
        Gets the layout of the CALDB.
    observations : sequence of Path
        Folders of observations.
    progress : Progress
        Told of every piece.

    Raises
    ------
    CalibrationError
        The mirror lacks a file, or sends something else.
    DataError
        An event file cannot be read.
    """
    from ciaopy.caldb import event_files, fetch_files, observation_header
    from ciaopy.transfer import DEFAULT_MIRROR, open_mirror

    files = [found[0] for place in observations if (found := event_files(place))]
    headers = [observation_header(str(path)) for path in files]
    fetch_files(open_mirror(mirror or DEFAULT_MIRROR), folder, headers, False, progress, renew=False)
