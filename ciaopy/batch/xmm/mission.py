"""The XMM-Newton mission: its stages with DAXA's names, parameters and defaults. Declarations only; nothing heavy."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciaopy.batch import checks
from ciaopy.batch.mission import Facts, Mission, Stage, StageOffError
from ciaopy.batch.xmm import parameters as own
from ciaopy.errors import CiaopyError, NotAvailableError, SASVersionError, UserError

__all__ = ["GROUP_STAGES", "NATIVE", "XMM", "settle_stage"]

_WORK = "ciaopy.batch.xmm.work"
_MB = 1 << 20
#: Stages that can be done without SAS.
NATIVE = frozenset({"emanom", "espfilt", "cleaned_evt_lists", "merge_subexposures", "generate_images_expmaps"})
#: Stages of a camera, not of a sub-exposure.
GROUP_STAGES = frozenset({"merge_subexposures", "generate_images_expmaps"})
OLDEST = (14,)
#: SAS from which emanom, and the histogram method of espfilt, are there.
EMANOM_FROM, HISTOGRAM_FROM = (19,), (20,)
_SUFFIX = re.compile(r"\.(?:fits?|ftz|asc|sas)(?:\.gz)?$", re.I)
_RAW_NAME = re.compile(r"\d{4}_(\d{10})_")


class SlewError(NotAvailableError, NotImplementedError):
    """An observation is a slew: only pointed ones are processed."""


def _refuse_slew(obs_id: str) -> str:
    if obs_id.startswith("9"):
        raise SlewError(f"{obs_id}: a slew (its ObsID begins with 9); only pointed observations are processed")
    return obs_id


def observation_of(folder: Path) -> str:
    """Return the ObsID of an observation's folder: of its raw files' names, else of its event lists' headers.

    Raises
    ------
    UserError
        It holds neither.
    SlewError
        It is of a slew.
    """
    for path in _files(folder):
        match = _RAW_NAME.match(path.name)
        if match:
            return _refuse_slew(match[1])
    from ciaopy.xmm import take_inventory

    found = take_inventory(folder)
    if not found.obs_id or not found.event_lists:
        raise UserError(f"{folder}: neither an ODF nor imaging event lists of EPIC in it")
    return _refuse_slew(found.obs_id)


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder and one level down, sorted."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file() and _SUFFIX.search(entry.name):
                found.append(Path(entry.path))
            elif entry.is_dir() and not entry.name.startswith("."):
                found += [p for p in Path(entry.path).iterdir() if _SUFFIX.search(p.name) and p.is_file()]
    return sorted(found)


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Return (path below the folder, size, mtime_ns) of the files that count."""
    found = []
    for path in _files(folder):
        status = path.stat()
        found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return found


def has_event_lists(folder: Path) -> bool:
    """Tell whether an observation brings event lists, with which the native stages can begin."""
    from ciaopy.xmm import take_inventory

    return bool(take_inventory(folder).event_lists)


def calibration() -> str:
    """Return the version of the embedded vignetting law; what SAS uses is told by ccf.cif."""
    from ciaopy.xmm import vignetting

    return vignetting.CALDBVER


def refuse_download(obs_id: str) -> None:
    """Refuse an observation given by its number.

    Raises
    ------
    NotAvailableError
        Always; with the address to get it from.
    """
    _refuse_slew(obs_id)
    raise NotAvailableError(
        f"{obs_id}: XMM-Newton data are not downloaded yet; get them from "
        f"https://nxsa.esac.esa.int/nxsa-sl/servlet/data-action-aio?obsno={obs_id}&level=PPS (event lists) or "
        f"level=ODF (for SAS), unpack them, and give the folder"
    )


def settle_stage(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Decide once for a run who does a stage's work: SAS where it is found, else natively.

    Parameters
    ----------
    name : str
    values : mapping
        Parameters of the stage.

    Returns
    -------
    dict
        The parameters with `backend`, and with `sas_version` where it is SAS.

    Raises
    ------
    SASNotFoundError, SASVersionError
        SAS is needed and not there, or too old.
    UserError
        The stage cannot be done natively.
    StageOffError
        This SAS has no such program; nothing is to be run.
    """
    from ciaopy.engine import SUITES, find_installation
    from ciaopy.errors import SASNotFoundError

    found = dict(values)
    wanted = values.get("backend")
    if wanted == "native" and name not in NATIVE:
        raise UserError(
            f"{name} cannot be done natively: it needs XMM SAS; give event lists (PPS) and start at espfilt"
        )
    if wanted == "native":
        return found
    try:
        installation = find_installation(SUITES["sas"], what=name)
        version = installation.version()
    except (SASNotFoundError, CiaopyError) as error:
        if name in NATIVE and wanted is None and isinstance(error, SASNotFoundError):
            return {**found, "backend": "native"}
        raise
    if version is None or version < OLDEST:
        told = ".".join(map(str, version)) if version else "of unknown version"
        raise SASVersionError(f"{name} needs XMM SAS 14 or later; {installation.root} is {told}")
    _check_version(name, values, version)
    return {**found, "backend": "sas", "sas_version": list(version)}


def _check_version(name: str, values: Mapping[str, Any], version: tuple[int, ...]) -> None:
    told = ".".join(map(str, version))
    if name == "emanom" and version < EMANOM_FROM:
        raise StageOffError(f"emanom is not in XMM SAS {told} (it came with 19); backend='native' does it without SAS")
    if name == "espfilt" and values["method"] == "histogram" and version < HISTOGRAM_FROM:
        raise SASVersionError(
            f"espfilt: method='histogram' needs XMM SAS 20 or later, this is {told}; take method='ratio' or "
            f"backend='native'"
        )
    if name == "emchain" and version < (21,):
        import shutil

        if shutil.which("lcurve") is None:
            warnings.warn(
                f"emchain of XMM SAS {told} runs HEASoft's lcurve, which is not on PATH", UserWarning, stacklevel=2
            )


def _chain_memory(facts: Facts, parameters: Mapping[str, Any]) -> int:
    return 1500 * _MB


def _event_memory(facts: Facts, parameters: Mapping[str, Any]) -> int:
    return 400 * _MB + 4 * facts.size


_UNSCHEDULED = (checks.boolean("process_unscheduled", True), own.backend())
_ONLY_BACKEND = (own.backend(),)

XMM = Mission(
    name="xmm_pointed",
    stages=(
        Stage("prepare_xmm_info", f"{_WORK}:prepare", per_observation=True, memory=lambda f, p: 300 * _MB),
        Stage(
            "cif_build",
            f"{_WORK}:cif_build",
            needs=("prepare_xmm_info",),
            parameters=(own.date("analysis_date"), own.backend()),
            per_observation=True,
            keys=("obs_date", "analysis_date", "ccf_path"),
        ),
        Stage(
            "odf_ingest",
            f"{_WORK}:odf_ingest",
            needs=("cif_build",),
            parameters=_ONLY_BACKEND,
            per_observation=True,
            keys=("sum_path",),
        ),
        Stage(
            "epchain",
            f"{_WORK}:chain_pn",
            needs=("odf_ingest",),
            parameters=_UNSCHEDULED,
            memory=_chain_memory,
            keys=("evt_list", "oot_evt_list", "attitude"),
        ),
        Stage(
            "emchain",
            f"{_WORK}:chain_mos",
            needs=("odf_ingest",),
            parameters=_UNSCHEDULED,
            memory=_chain_memory,
            keys=("evt_list", "attitude"),
        ),
        Stage(
            "emanom",
            f"{_WORK}:judge_ccds",
            needs=("emchain",),
            parameters=_ONLY_BACKEND,
            memory=_event_memory,
            keys=("log_path",),
        ),
        Stage(
            "espfilt",
            f"{_WORK}:search_flares",
            needs=("epchain", "emchain"),
            parameters=(
                checks.choice("method", "histogram", ("histogram", "ratio")),
                own.switch_or_time("with_smoothing", 1.0, 60.0),
                own.switch_or_time("with_binning", 1.0, float("inf")),
                checks.number("ratio", 1.2),
                checks.energy("filter_lo_en", 2500),
                checks.energy("filter_hi_en", 8500),
                own.range_scale(),
                checks.number("allowed_sigma", 3.0),
                own.fit_limits(),
                own.backend(),
            ),
            check=own.check_espfilt,
            memory=_event_memory,
            keys=("all_good_evts", "all_good_oot_evts", "gti_path", "hist_path"),
        ),
        Stage(
            "cleaned_evt_lists",
            f"{_WORK}:clean",
            needs=("espfilt",),
            after=("emanom",),
            parameters=(
                checks.energy("lo_en", None),
                checks.energy("hi_en", None),
                own.expression("pn_filt_expr", ("#XMMEA_EP", "(PATTERN <= 4)", "(FLAG .eq. 0)"), "EPN"),
                own.expression("mos_filt_expr", ("#XMMEA_EM", "(PATTERN <= 12)", "(FLAG .eq. 0)"), "EMOS1"),
                checks.boolean("filt_mos_anom_state", False),
                own.states(),
                own.backend(),
            ),
            check=own.check_cleaning,
            memory=_event_memory,
            keys=("evt_clean_path", "oot_evt_clean_path", "en_key"),
        ),
        Stage(
            "merge_subexposures",
            f"{_WORK}:merge",
            needs=("cleaned_evt_lists",),
            parameters=_ONLY_BACKEND,
            memory=_event_memory,
            keys=("final_evt", "final_oot_evt", "final_allgood_evt", "final_allgood_oot_evt"),
        ),
        Stage(
            "generate_images_expmaps",
            f"{_WORK}:generate",
            needs=("merge_subexposures",),
            parameters=(
                own.bands_kev("lo_en", (0.5, 2.0)),
                own.bands_kev("hi_en", (2.0, 10.0)),
                own.backend(),
            ),
            check=own.check_bands,
            memory=_event_memory,
            keys=("en_idents", "image", "expmap"),
        ),
        Stage(
            "rgs_events",
            f"{_WORK}:rgs_events",
            needs=("odf_ingest",),
            parameters=_UNSCHEDULED,
            memory=_chain_memory,
            keys=("evt_list", "rgs_dir"),
        ),
        Stage("rgs_angles", f"{_WORK}:angles", needs=("rgs_events",), parameters=_ONLY_BACKEND, keys=("rgs_dir",)),
        Stage(
            "cleaned_rgs_event_lists",
            f"{_WORK}:filter_rgs",
            needs=("rgs_angles",),
            parameters=_ONLY_BACKEND,
            keys=("evt_clean_path",),
        ),
    ),
    prepare="prepare_xmm_info",
    observation_of=observation_of,
    listing=listing,
    calibration=calibration,
    obs_ids=r"\d{10}",
    refuse_download=refuse_download,
    plans="ciaopy.batch.xmm.plan:XmmPlan",
    settle=settle_stage,
    stands_alone=has_event_lists,
    modules=("numpy", "ciaopy.batch.xmm.work", "ciaopy.xmm.eventlist"),
)
