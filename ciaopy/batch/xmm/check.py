"""What DAXA's `process.xmm.check` holds: the states of MOS CCDs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.run import Run
from ciaopy.batch.xmm.emanom_log import parse_emanom_out
from ciaopy.batch.xmm.stage import run_xmm_stage

__all__ = ["emanom", "parse_emanom_out"]


def emanom(
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
    """Tell which CCDs of every MOS exposure are in an anomalous state.

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
        No observation of XMM-Newton; emchain has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("emanom", locals())
