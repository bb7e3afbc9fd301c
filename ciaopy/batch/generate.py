"""What DAXA's `process.chandra.generate` holds: images, exposure maps, flux and rate maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from astropy.units import Quantity

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.calls import run_stage
from ciaopy.batch.chandra import BANDS, EFFECTIVE
from ciaopy.batch.run import Run

__all__ = ["flux_image", "rate_image"]


def flux_image(
    obs_archive: Archive,
    en_bounds: Any = Quantity(BANDS, "keV"),  # noqa: B008 - a constant
    effective_ens: Any = Quantity(EFFECTIVE, "keV"),  # noqa: B008
    acis_bin_size: float = 4,
    hrc_bin_size: float = 16,
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
    """Make images [count], weighted exposure maps [cm2 s count/photon], flux maps [photon/cm2/s] and PSF maps [arcsec].

    Parameters
    ----------
    obs_archive : Archive
        After `cleaned_chandra_evts`.
    en_bounds : Quantity
        Bands, shape (N, 2); not used for HRC, which has one band.
    effective_ens : Quantity
        Energies at which the bands' exposure maps are made, shape (N,); given together with `en_bounds`.
    acis_bin_size, hrc_bin_size : float
        Pixels of the images, in pixels of 0.492 and 0.1318 arcsec.
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
        cleaned_chandra_evts has not been run.

    Warns
    -----
    UserWarning
        Bands are left out that the cleaned events do not cover.
    """
    return run_stage("flux_image", locals())


def rate_image(
    obs_archive: Archive,
    en_bounds: Any = Quantity(BANDS, "keV"),  # noqa: B008 - a constant
    effective_ens: Any = Quantity(EFFECTIVE, "keV"),  # noqa: B008
    acis_bin_size: float = 4,
    hrc_bin_size: float = 16,
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
    """Make images [count], exposure maps [s], rate maps [count/s] and PSF maps [arcsec].

    Image and PSF map of a band that `flux_image` has made with the same pixels are shared, and the rate is that image
    over the exposure.

    Parameters
    ----------
    obs_archive, en_bounds, effective_ens, acis_bin_size, hrc_bin_size
        As of `flux_image`.
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
        cleaned_chandra_evts has not been run.

    Warns
    -----
    UserWarning
        Bands are left out that the cleaned events do not cover.
    """
    return run_stage("rate_image", locals())
