"""What DAXA's `process.xmm.generate` holds: images and exposure maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from astropy.units import Quantity

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.run import Run
from ciaopy.batch.xmm.stage import run_xmm_stage

__all__ = ["generate_images_expmaps"]


def generate_images_expmaps(
    obs_archive: Archive,
    lo_en: Any = Quantity([0.5, 2.0], "keV"),  # noqa: B008 - a constant
    hi_en: Any = Quantity([2.0, 10.0], "keV"),  # noqa: B008 - a constant
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
    """Make an image and an exposure map of each camera and band.

    Parameters
    ----------
    obs_archive : Archive
    lo_en : Quantity
        Lowest energies, one or several.
    hi_en : Quantity
        Highest energies, as many.
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
        No observation of XMM-Newton; merge_subexposures has not worked.
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    """
    return run_xmm_stage("generate_images_expmaps", locals())
