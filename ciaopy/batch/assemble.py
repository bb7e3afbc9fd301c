"""What DAXA's `process.chandra.assemble` holds: new events, and the good ones among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.calls import run_stage
from ciaopy.batch.run import Run

__all__ = ["chandra_repro", "cleaned_chandra_evts"]


def chandra_repro(
    obs_archive: Archive,
    destreak: bool = True,
    check_very_faint: bool = False,
    pix_adj: str = "default",
    asol_update: bool = True,
    grating_pi_filter: bool = True,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Reprocess every observation with the present calibration.

    Parameters
    ----------
    obs_archive : Archive
        Prepared by `prepare_chandra_info`.
    destreak : bool
        Flag the streaks of ACIS-8.
    check_very_faint : bool
        Flag background with the outer pixels of VFAINT events.
    pix_adj : str
        How events are placed inside their pixel: default, edser, none, randomize or centroid.
    asol_update : bool
        Bring an old aspect solution up to date.
    grating_pi_filter : bool
        HRC-S with LETG: filter the background by PI.
    num_cores, disable_progress, timeout, engine, retries, memory, threads, force, only
        As of `prepare_chandra_info`.

    Returns
    -------
    Run
        How many jobs were launched, done, failed, skipped, blocked.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoDependencyProcessError
        prepare_chandra_info has not been run.
    """
    return run_stage("chandra_repro", locals())


def cleaned_chandra_evts(
    obs_archive: Archive,
    lo_en: Any = None,
    hi_en: Any = None,
    allowed_grades: Sequence[int] | None = None,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Keep the good events of quiet times, and of some energies and grades.

    Parameters
    ----------
    obs_archive : Archive
        After `deflare`.
    lo_en, hi_en : Quantity, optional
        Energies, both or neither; not used for HRC.
    allowed_grades : list of int, optional
        ASCA grades, default 0, 2, 3, 4, 6; not used for HRC.
    num_cores, disable_progress, timeout, engine, retries, memory, threads, force, only
        As of `prepare_chandra_info`.

    Returns
    -------
    Run
        How many jobs were launched, done, failed, skipped, blocked.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoDependencyProcessError
        deflare has not been run.

    Warns
    -----
    UserWarning
        A grade is asked for that chandra_repro has removed already.
    """
    _warn_of_grades(allowed_grades)
    return run_stage("cleaned_chandra_evts", locals())


def _warn_of_grades(allowed: Sequence[int] | None) -> None:
    """Warn of grades that reprocessed events do not have."""
    if isinstance(allowed, (list, tuple)):
        gone = [g for g in allowed if g in (1, 5, 7)]
        if gone:
            import warnings

            text = f"allowed_grades: {', '.join(map(str, gone))} are gone already: chandra_repro removes grades 1, 5, 7"
            warnings.warn(text, UserWarning, stacklevel=3)
