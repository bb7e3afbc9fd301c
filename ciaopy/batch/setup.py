"""What DAXA's `process.chandra.setup` holds: the inventory of observations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.calls import run_stage
from ciaopy.batch.oif import parse_oif
from ciaopy.batch.run import Run

__all__ = ["parse_oif", "prepare_chandra_info"]


def prepare_chandra_info(
    archive: Archive,
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
    """Read what each observation of an archive is, and which idents it has.

    Parameters
    ----------
    archive : Archive
    num_cores : int
        Cores in all.
    disable_progress : bool
        Show nothing.
    timeout : Quantity, optional
        Limit of one try of one job, convertible to s.
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
        How many jobs were launched, done, failed, skipped, blocked. A job that fails raises nothing: it is in the
        ledger, and one UserWarning tells how many there are.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    """
    return run_stage("prepare_chandra_info", locals())
