"""What DAXA's `process.xmm.setup` holds: calibration index, summary file, inventory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.run import Run
from ciaopy.batch.xmm.stage import run_xmm_stage
from ciaopy.xmm import parse_odf_sum

__all__ = ["cif_build", "odf_ingest", "parse_odf_sum", "prepare_xmm_info"]


def prepare_xmm_info(
    obs_archive: Archive,
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
    """Look what every observation brings: an ODF, event lists, or both. Other stages do it by themselves.

    Parameters
    ----------
    obs_archive : Archive
    num_cores : int
        Cores in all.
    disable_progress : bool
        Show nothing.
    timeout : Quantity, optional
        Limit of one try of one job (a process), convertible to s.
    engine : object, optional
        None: this machine; a `dask.distributed.Client`, a cluster object, or the address of a scheduler.
    retries : int
        Further tries after a transient failure.
    memory : Quantity or int, optional
        Limit of one job; a number is in bytes.
    threads : int, optional
        Of each job; default: the cores are shared out.
    force : bool
        Run also what is done.
    only : iterable of str, optional
        ObsIDs or idents.

    Returns
    -------
    Run
        How many jobs were launched, done, failed, skipped, blocked. A job that fails raises nothing.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError
        No observation of XMM-Newton.
    """
    return run_xmm_stage("prepare_xmm_info", locals())


def cif_build(
    obs_archive: Archive,
    num_cores: int = NUM_CORES,
    disable_progress: bool = False,
    analysis_date: Any = "now",
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
    """Make the index of calibration files of every observation (SAS cifbuild).

    Parameters
    ----------
    obs_archive : Archive
    analysis_date : str or datetime
        `now`, or the day whose calibration files are to be taken.
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
        No observation of XMM-Newton;
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("cif_build", locals())


def odf_ingest(
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
    """Make the summary file of every observation (SAS odfingest); the raw folder is not written to.

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
        No observation of XMM-Newton; cif_build has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("odf_ingest", locals())
