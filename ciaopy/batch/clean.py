"""What DAXA's `process.chandra.clean` holds: times free of background flares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from astropy.units import Quantity

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.calls import run_stage
from ciaopy.batch.run import Run

__all__ = ["deflare"]


def deflare(
    obs_archive: Archive,
    method: str = "sigma",
    allowed_sigma: float = 3.0,
    min_length: int = 3,
    time_bin_size: Any = Quantity(200, "s"),  # noqa: B008 - a constant
    lc_lo_en: Any = Quantity(500, "eV"),  # noqa: B008
    lc_hi_en: Any = Quantity(7000, "eV"),  # noqa: B008
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
    """Find the times of each observation that are free of background flares.

    Parameters
    ----------
    obs_archive : Archive
        After `chandra_repro`.
    method : str
        sigma (clipping) or clean (about the quiet level).
    allowed_sigma : float
        Limits in units of the standard deviation.
    min_length : int
        Fewest consecutive good bins.
    time_bin_size : Quantity
        Bins of the light curve.
    lc_lo_en, lc_hi_en : Quantity
        Energies of the light curve; not used for HRC.
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
        chandra_repro has not been run.
    """
    return run_stage("deflare", locals())
