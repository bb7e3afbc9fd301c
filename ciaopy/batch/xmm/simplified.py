"""What DAXA's `process.simple` does for XMM-Newton: everything in one call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ciaopy.batch.archive import Archive, warned
from ciaopy.batch.arguments import NUM_CORES, Common
from ciaopy.batch.launching import launch, set_parameters
from ciaopy.batch.run import Run
from ciaopy.batch.xmm.mission import XMM
from ciaopy.batch.xmm.stage import mission_of

__all__ = ["full_process_xmm"]


def full_process_xmm(
    obs_archive: Archive,
    lo_en: Any = None,
    hi_en: Any = None,
    process_unscheduled: bool = True,
    find_mos_anom_state: bool = False,
    num_cores: int = NUM_CORES,
    timeout: Any = None,
) -> Run:
    """Run all stages without barriers: the chain of an observation runs on while others begin.

    RGS takes part where SAS is found; emanom only if asked for.

    Parameters
    ----------
    obs_archive : Archive
    lo_en, hi_en : Quantity, optional
        Energies of the clean events, both or neither.
    process_unscheduled : bool
        Unscheduled exposures too.
    find_mos_anom_state : bool
        Run emanom as well.
    num_cores : int
        Cores in all.
    timeout : Quantity, optional
        Limit of one try of one job, convertible to s.

    Returns
    -------
    Run

    Raises
    ------
    TypeError, ValueError, UnitConversionError
        An argument is wrong; nothing has been started.
    NoValidMissionsError
        No observation of XMM-Newton.
    SASNotFoundError
        There is no SAS, and no observation has event lists.
    """
    if not isinstance(obs_archive, Archive):
        raise TypeError(f"full_process_xmm: the first argument should be an Archive, not {obs_archive!r}")
    Common(num_cores=num_cores, timeout=timeout)
    if type(find_mos_anom_state) is not bool:
        raise TypeError(f"find_mos_anom_state should be True or False, not {find_mos_anom_state!r}")
    stages = {s.name: s for s in XMM.stages}
    given = {
        "cleaned_evt_lists": {"lo_en": lo_en, "hi_en": hi_en},
        **{n: {"process_unscheduled": process_unscheduled} for n in ("epchain", "emchain", "rgs_events")},
    }
    changes = {
        name: {k: stages[name].parameter(k).check(f"{name}.{k}", v) for k, v in values.items()}
        for name, values in given.items()
    }
    stages["cleaned_evt_lists"].check({**stages["cleaned_evt_lists"].defaults, **changes["cleaned_evt_lists"]})
    mission_of(obs_archive)
    set_parameters(obs_archive.survey, obs_archive.survey.settings(), changes)
    names = [s.name for s in XMM.stages if s.name != "emanom" or find_mos_anom_state]
    wishes = Common(num_cores=num_cores, timeout=timeout).wishes(tuple(names), {})
    return warned(obs_archive, launch(obs_archive.survey, replace(wishes, drop_missing=True)))
