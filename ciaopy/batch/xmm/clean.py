"""What DAXA's `process.xmm.clean` holds: times free of background flares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from astropy.units import Quantity

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES
from ciaopy.batch.run import Run
from ciaopy.batch.xmm.stage import run_xmm_stage

__all__ = ["espfilt"]


def espfilt(
    obs_archive: Archive,
    method: str = "histogram",
    with_smoothing: Any = True,
    with_binning: Any = True,
    ratio: float = 1.2,
    filter_lo_en: Any = Quantity(2500, "eV"),  # noqa: B008 - a constant
    filter_hi_en: Any = Quantity(8500, "eV"),  # noqa: B008 - a constant
    range_scale: Mapping[str, float] | None = None,
    allowed_sigma: float = 3.0,
    gauss_fit_lims: tuple[float, float] = (0.1, 6.5),
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
    """Find the times of every EPIC exposure that are free of background flares.

    Parameters
    ----------
    obs_archive : Archive
    method : str
        histogram, or ratio (field of view over corners).
    with_smoothing, with_binning : bool or Quantity
        Width of the running mean, 1 to 60 s (True: 51 s); bin size, at least 1 s (True: 60 s).
    filter_lo_en, filter_hi_en : Quantity
        Energies of the light curve.
    range_scale : dict
        Widths of the fitted histogram; None: {"pn": 15.0, "mos": 6.0}.
    ratio, allowed_sigma : float
        Highest ratio that is good (ratio); rates within this many sigma are good (histogram).
    gauss_fit_lims : tuple of two floats
        Least and greatest sigma of the fit, in units of the expected spread.
    num_cores, disable_progress, timeout, backend, engine, retries, memory, threads, force, only
        As of `cif_build`.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError, NoDependencyProcessError
        No observation of XMM-Newton; neither epchain nor emchain has worked, and no event lists were given.
    SASNotFoundError, SASVersionError
        SAS is needed, and not there or too old.
    """
    return run_xmm_stage("espfilt", locals())
