"""What DAXA's `process.xmm.assemble` holds: event lists, clean ones, merged ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.run import Run
from ciaopy.batch.xmm.stage import run_xmm_stage

__all__ = [
    "cleaned_evt_lists",
    "cleaned_rgs_event_lists",
    "emchain",
    "epchain",
    "merge_subexposures",
    "rgs_angles",
    "rgs_events",
]


def epchain(
    obs_archive: Archive,
    process_unscheduled: bool = True,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Make the event lists of every pn exposure, out-of-time ones too (SAS epchain).

    Parameters
    ----------
    obs_archive : Archive
    process_unscheduled : bool
        Unscheduled exposures too.
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; odf_ingest has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("epchain", locals())


def emchain(
    obs_archive: Archive,
    process_unscheduled: bool = True,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Make the event list of every MOS exposure (SAS emchain); each is a job of its own.

    Parameters
    ----------
    obs_archive : Archive
    process_unscheduled : bool
        Unscheduled exposures too.
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; odf_ingest has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("emchain", locals())


def rgs_events(
    obs_archive: Archive,
    process_unscheduled: bool = True,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Make the RGS events (SAS rgsproc, first stage).

    Parameters
    ----------
    obs_archive : Archive
    process_unscheduled : bool
        Unscheduled exposures too.
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; odf_ingest has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("rgs_events", locals())


def rgs_angles(
    obs_archive: Archive,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Compute the aspect-drift corrected angles of RGS events (SAS rgsproc, second stage).

    Parameters
    ----------
    obs_archive : Archive
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; rgs_events has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("rgs_angles", locals())


def cleaned_rgs_event_lists(
    obs_archive: Archive,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Filter the RGS events (SAS rgsproc, third stage).

    Parameters
    ----------
    obs_archive : Archive
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; rgs_angles has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("cleaned_rgs_event_lists", locals())


def cleaned_evt_lists(
    obs_archive: Archive,
    lo_en: Any = None,
    hi_en: Any = None,
    pn_filt_expr: str | Sequence[str] = ("#XMMEA_EP", "(PATTERN <= 4)", "(FLAG .eq. 0)"),
    mos_filt_expr: str | Sequence[str] = ("#XMMEA_EM", "(PATTERN <= 12)", "(FLAG .eq. 0)"),
    filt_mos_anom_state: bool = False,
    acc_mos_anom_states: str | Sequence[str] = ("G", "I", "U"),
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Keep the good events of quiet times of every EPIC exposure.

    Parameters
    ----------
    obs_archive : Archive
    lo_en, hi_en : Quantity, optional
        Energies, both or neither.
    pn_filt_expr, mos_filt_expr : str or sequence of str
        Conditions for pn and for MOS, and-ed.
    filt_mos_anom_state : bool
        Drop the MOS CCDs whose state (emanom) is not accepted; CCD 1 stays.
    acc_mos_anom_states : str or sequence of str
        States that are accepted, of G I B O U.
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; espfilt (or emanom, if asked for) has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("cleaned_evt_lists", locals())


def merge_subexposures(
    obs_archive: Archive,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    timeout: Any = None,
    *,
    backend: str | None = None,
    engine: Any = None,
    retries: int = 2,
    memory: Any = None,
    threads: int | None = None,
    force: bool = False,
    only: Iterable[str] | None = None,
) -> Run:
    """Merge the clean lists of each camera's sub-exposures; those that failed are left out and named.

    Parameters
    ----------
    obs_archive : Archive
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `prepare_xmm_info`; `backend` is None (SAS where it is found), 'sas' or 'native'.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; cleaned_evt_lists has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("merge_subexposures", locals())
