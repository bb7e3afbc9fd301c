"""What the XMM-Newton stages do, in the child that does it: with SAS or natively, as the parameters say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ciaopy.batch.attempt import Job, Made, SkipJobError
from ciaopy.batch.records import fingerprint
from ciaopy.batch.xmm.emanom_log import parse_emanom_out
from ciaopy.batch.xmm.names import energy_tag, product, split_ident
from ciaopy.batch.xmm.workroom import Camera, members, upstream_file
from ciaopy.errors import DataError

__all__ = ["angles", "chain_mos", "chain_pn", "cif_build", "clean", "filter_rgs", "generate", "judge_ccds", "merge",
           "odf_ingest", "prepare", "rgs_events", "search_flares"]  # fmt: skip

EPIC_STAGES = ("espfilt", "cleaned_evt_lists")
STAGES_OF = {
    "PN": ("epchain", *EPIC_STAGES),
    "M1": ("emchain", "emanom", *EPIC_STAGES),
    "M2": ("emchain", "emanom", *EPIC_STAGES),
    "R1": ("rgs_events", "rgs_angles", "cleaned_rgs_event_lists"),
    "R2": ("rgs_events", "rgs_angles", "cleaned_rgs_event_lists"),
}


def _backend(job: Job) -> ModuleType:
    """Return the module that does the work."""
    from ciaopy.batch.xmm import native_work, sas_work

    return sas_work if job.parameters.get("backend") == "sas" else native_work


# ---------------------------------------------------------------- setup
def prepare(job: Job) -> Made:
    """Look what an observation brings: an ODF, event lists, or both."""
    from ciaopy.xmm import take_inventory

    found = take_inventory(job.folder)
    made = Made(values={"summary": found.summary or {}, "idents": [], "has_odf": found.has_odf, "given": {}})
    if not found.has_odf and not found.event_lists:
        made.skipped = "neither an ODF (constituents and *SUM.ASC) nor imaging event lists of EPIC"
        return made
    if not found.has_odf:
        skip = "no ODF: the event lists that came with the observation are used"
        made.values["skip"] = {"cif_build": skip, "odf_ingest": skip}
        if found.sum_path is not None:
            del made.values["skip"]["odf_ingest"]
            made.values["given"] = {"odf_ingest": _given({"sum_path": found.sum_path}, "")}
    full = job.fields.get("digest") == "full"
    if found.event_lists:
        made.values["idents"] = _adopted(job, found, full)
    return made


def _given(paths: dict[str, Path], creator: str) -> dict[str, Any]:
    """Return the extra information of a stage whose result came with the observation."""
    return {
        "paths": {k: str(p.resolve()) for k, p in paths.items()},
        "values": {"backend": "archive", "creator": creator},
    }


def _adopted(job: Job, found: Any, full: bool) -> list[dict[str, Any]]:
    idents = _idents(job, found.summary)
    by_name = {i["name"]: i for i in idents}
    for name, info in found.event_lists.items():
        if name not in by_name:
            raise DataError(f"{info.path}: exposure {info.exposure} is not in the summary {found.sum_path}")
        paths = {"evt_list": info.path}
        if name in found.oot_lists:
            paths["oot_evt_list"] = found.oot_lists[name].path
        if found.attitude is not None:
            paths["attitude"] = found.attitude
        one = by_name[name]
        one["given"] = {"epchain" if info.instrument == "PN" else "emchain": _given(paths, info.creator)}
        one["inputs"] = {
            str(p.relative_to(job.folder)) if p.is_relative_to(job.folder) else str(p): fingerprint(p, full)
            for p in paths.values()
        }
        one["size"] = info.path.stat().st_size
    return [i for i in idents if i.get("given")] if not found.has_odf else [i for i in idents if "given" in i]


def _idents(job: Job, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the facts of every exposure of EPIC and RGS; those that are not used have the reason."""
    from ciaopy.xmm import usable_exposures

    found = []
    for instrument, exposures in usable_exposures(summary).items():
        stages = STAGES_OF.get(instrument)
        if stages is None:
            continue
        for key, verdict in exposures.items():
            told = summary[instrument]["exposures"][key]
            found.append(
                {
                    "name": f"{job.obs_id}{instrument}{key}",
                    "obs_id": job.obs_id,
                    "stages": list(stages),
                    "group": f"{job.obs_id}{instrument}" if instrument in ("PN", "M1", "M2") else "",
                    "fields": {
                        "instrument": instrument,
                        "exposure": key,
                        "scheduled": told["scheduled"],
                        "mode": told["mode"],
                        "filter": told["filter"],
                        "ccds": sorted(int(c) for c, m in told["ccd_modes"].items() if m == "Imaging"),
                    },
                    "skip": {} if verdict is True else dict.fromkeys(stages, str(verdict)),
                }
            )
    return found


def cif_build(job: Job) -> Made:
    """Make ccf.cif."""
    from ciaopy.batch.xmm import sas_work

    return sas_work.index(job)


def odf_ingest(job: Job) -> Made:
    """Make the summary file, and find the exposures."""
    from ciaopy.batch.xmm import sas_work
    from ciaopy.xmm import read_summary

    made, path = sas_work.ingest(job)
    summary = read_summary(path, job.obs_id)
    if summary.obs_id and summary.obs_id != job.obs_id:
        raise DataError(f"{path.name}: of {summary.obs_id}, not {job.obs_id}")
    made.values |= {"summary": summary.instruments, "idents": _idents(job, summary.instruments)}
    return made


# ---------------------------------------------------------------- chains
def _check_scheduled(job: Job) -> None:
    if not job.fields["scheduled"] and not job.parameters["process_unscheduled"]:
        raise SkipJobError("an unscheduled exposure, and process_unscheduled is False")


def chain_pn(job: Job) -> Made:
    """Make pn event lists."""
    from ciaopy.batch.xmm import sas_work

    _check_scheduled(job)
    return sas_work.chain_pn(job)


def chain_mos(job: Job) -> Made:
    """Make the MOS event list."""
    from ciaopy.batch.xmm import sas_work

    _check_scheduled(job)
    return sas_work.chain_mos(job)


def _rgs(step: str) -> Callable[[Job], Made]:
    def work(job: Job) -> Made:
        from ciaopy.batch.xmm import sas_work

        if step == "1:events":
            _check_scheduled(job)
        return sas_work.process_rgs(job, step)

    return work


rgs_events, angles, filter_rgs = _rgs("1:events"), _rgs("2:angles"), _rgs("3:filter")


# ---------------------------------------------------------------- EPIC
def judge_ccds(job: Job) -> Made:
    """Tell the states of the CCDs of a MOS exposure."""
    _, instrument, exposure = split_ident(job.ident)
    name = f"mos{instrument[1]}{exposure}-anom.log"
    made = Made(values={"backend": job.parameters["backend"]})
    _backend(job).judge_ccds(job, made, name)
    parse_emanom_out(job.out / name)  # a log that cannot be read is no result
    made.products[name] = made.paths["log_path"] = f"{job.place}/misc/{name}"
    return made


def _chain(job: Job) -> str:
    return "epchain" if job.fields["instrument"] == "PN" else "emchain"


def _has_oot(job: Job) -> bool:
    return job.fields["instrument"] == "PN" and bool(job.upstream["epchain"].get("oot_evt_list"))


def search_flares(job: Job) -> Made:
    """Find the times without flares."""
    p = job.parameters
    made = Made(values={"backend": p["backend"]})
    found = _backend(job).find_flares(job, made, _chain(job), _has_oot(job))
    tag = energy_tag(p["filter_lo_en"] / 1000, p["filter_hi_en"] / 1000)
    goals = {
        "good": ("all_good_evts", f"background/{product(job.ident, 'allgoodevents', 'fits')}"),
        "good_oot": ("all_good_oot_evts", f"background/{product(job.ident, 'allgoodOoTevents', 'fits')}"),
        "gti": ("gti_path", f"cleaning/{product(job.ident, 'gti', 'fits', [tag])}"),
        "hist": ("hist_path", f"cleaning/{product(job.ident, 'hist', 'qdp', [tag])}"),
    }
    for kind, name in found.items():
        key, goal = goals[kind]
        made.products[name] = made.paths[key] = f"{job.place}/{goal}"
    return made


def clean(job: Job) -> Made:
    """Keep the good events of quiet times."""
    p = job.parameters
    tags = [] if p["lo_en"] is None else [energy_tag(p["lo_en"] / 1000, p["hi_en"] / 1000)]
    made = Made(values={"backend": p["backend"], "en_key": tags[0] if tags else ""})
    made.values["conditions"] = {k: p[k] for k in ("pn_filt_expr", "mos_filt_expr", "lo_en", "hi_en")}
    ccds = None
    if p["filt_mos_anom_state"] and job.fields["instrument"] != "PN":
        ccds = parse_emanom_out(upstream_file(job, "emanom", "log_path"), p["acc_mos_anom_states"])
    gti = upstream_file(job, "espfilt", "gti_path")
    families = [("evt_list", "cleanevents", "evt_clean_path")]
    if _has_oot(job):
        families.append(("oot_evt_list", "cleanootevents", "oot_evt_clean_path"))
    for source, kind, key in families:
        name = product(job.ident, kind, "fits", tags)
        _backend(job).clean(job, made, upstream_file(job, _chain(job), source), gti, name, ccds)
        made.products[name] = made.paths[key] = f"{job.place}/events/{name}"
    return made


def merge(job: Job) -> Made:
    """Merge the sub-exposures of a camera."""
    cleaned, quiet = members(job, "cleaned_evt_lists"), members(job, "espfilt")
    made = Made(values={"backend": job.parameters["backend"], "exposures": [split_ident(i)[2] for i in cleaned]})
    for ident, why in job.fields.get("left_out", {}).items():
        made.notes.append(f"{ident} is left out: {why}")
    tags = sorted({extra.get("en_key", "") for extra in cleaned.values()})
    if len(tags) > 1:
        raise DataError(f"{job.ident}: lists of different energies ({', '.join(tags)}); run cleaned_evt_lists again")
    families = (
        (cleaned, "evt_clean_path", "events", "finalevents", "final_evt"),
        (cleaned, "oot_evt_clean_path", "events", "finalootevents", "final_oot_evt"),
        (quiet, "all_good_evts", "background", "finalallgoodevents", "final_allgood_evt"),
        (quiet, "all_good_oot_evts", "background", "finalallgoodootevents", "final_allgood_oot_evt"),
    )
    for source, have, folder, kind, key in families:
        files = [Path(extra[have]) for ident, extra in source.items() if ident in cleaned and extra.get(have)]
        if not files:
            continue
        missing = [str(f) for f in files if not f.is_file()]
        if missing:
            raise FileNotFoundError(f"{missing[0]} is not there; run the stage that made it again")
        name = product(job.ident, kind, "fits", tags if folder == "events" else [])
        _backend(job).merge_family(job, made, files, name)
        made.products[name] = made.paths[key] = f"{job.place}/{folder}/{name}"
    made.values["en_key"] = tags[0] if tags else ""
    return made


def generate(job: Job) -> Made:
    """Make images and exposure maps of every band."""
    p = job.parameters
    cleaned = members(job, "cleaned_evt_lists")
    conditions = next(iter(cleaned.values()))["conditions"]
    attitudes = [e["attitude"] for c in ("emchain", "epchain") for e in members(job, c).values() if e.get("attitude")]
    camera = Camera(
        upstream_file(job, "merge_subexposures", "final_evt"),
        tuple(Path(e["evt_clean_path"]) for e in cleaned.values()),
        Path(attitudes[0]) if attitudes else None,
        tuple(conditions["pn_filt_expr" if split_ident(job.ident)[1] == "PN" else "mos_filt_expr"]),
    )
    made = Made(
        values={"backend": p["backend"], "en_idents": [], "skipped_bands": []}, paths={"image": [], "expmap": []}
    )
    key = job.upstream["merge_subexposures"].get("en_key", "")
    for low, high in _bands(p):
        tag = energy_tag(low, high)
        covered = _covered(conditions, low, high)
        if not covered:
            made.values["skipped_bands"].append(tag)
            made.notes.append(f"{tag} is left out: the clean events were cut to {key}")
            continue
        if covered < 1:
            made.notes.append(f"{tag} holds only part of its band: the clean events were cut to {key}")
        found = _backend(job).image_and_map(job, made, camera, (low, high))
        made.values["en_idents"].append(tag)
        for kind, name in found.items():
            goal = f"{job.place}/images/{name}"
            made.products[name] = goal
            made.paths[kind].append(goal)
    if not made.values["en_idents"]:
        raise DataError(f"{job.ident}: no band is covered by the clean events ({key})")
    return made


def _bands(p: dict[str, Any]) -> list[tuple[float, float]]:
    lows, highs = (v if isinstance(v, list) else [v] for v in (p["lo_en"], p["hi_en"]))
    return list(zip(lows, highs, strict=True))


def _covered(cleaning: dict[str, Any], low: float, high: float) -> float:
    """Return the share of a band (keV) that the clean events cover."""
    if cleaning.get("lo_en") is None:
        return 1.0
    first, last = max(low, cleaning["lo_en"] / 1000), min(high, cleaning["hi_en"] / 1000)
    share = max(last - first, 0.0) / (high - low)
    return 1.0 if share > 1 - 1e-9 else share
