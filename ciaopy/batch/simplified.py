"""What DAXA's `process.simple` does for Chandra: everything in one call."""

from __future__ import annotations

from typing import Any

from ciaopy.batch.archive import Archive
from ciaopy.batch.arguments import NUM_CORES, Common
from ciaopy.batch.launching import set_parameters
from ciaopy.batch.run import Run

__all__ = ["full_process_chandra"]


def full_process_chandra(
    obs_archive: Archive,
    evt_lo_en: Any = None,
    evt_hi_en: Any = None,
    num_cores: int = NUM_CORES,
    timeout: Any = None,
) -> Run:
    """Run all six stages without barriers: an observation's chain runs on while others begin.

    Parameters
    ----------
    obs_archive : Archive
    evt_lo_en, evt_hi_en : Quantity, optional
        Energies of the cleaned events, both or neither.
    num_cores : int
        Cores in all.
    timeout : Quantity, optional
        Limit of one try of one job, convertible to s.

    Returns
    -------
    Run
        How many jobs were launched, done, failed, skipped, blocked.

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    """
    if not isinstance(obs_archive, Archive):
        raise TypeError(f"full_process_chandra: the first argument should be an Archive, not {obs_archive!r}")
    Common(num_cores=num_cores, timeout=timeout)
    settings = obs_archive.survey.settings()
    stage = next(s for s in settings.mission.stages if s.name == "cleaned_chandra_evts")
    given = {"lo_en": evt_lo_en, "hi_en": evt_hi_en}
    values = {k: stage.parameter(k).check(f"evt_{k}", v) for k, v in given.items()}
    stage.check({**stage.defaults, **values})
    set_parameters(obs_archive.survey, settings, {stage.name: values})
    return obs_archive.run([s.name for s in settings.mission.stages], num_cores=num_cores, timeout=timeout)
