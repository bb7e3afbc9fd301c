"""What the Chandra stages do, in the child that does it: ciaopy's pipelines and tools, bound to the private folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.batch.attempt import Job, Made
from ciaopy.batch.chandra_common import begin, event_header, is_hrc, kev, notes_of, product_name, run_step
from ciaopy.batch.oif import find_oif, folder_members, parse_oif, summarise_folder
from ciaopy.batch.records import fingerprint
from ciaopy.errors import DataError
from ciaopy.filenames import filter_file

if TYPE_CHECKING:
    from ciaopy.fits import Header
    from ciaopy.pipelines.repro import Part

__all__ = ["clean_events", "find_quiet_times", "prepare", "reprocess"]

#: Kinds of files that reprocessing may read: the inputs of a job.
_READ = frozenset({"EVT1", "EVT2", "ASPSOLOBI", "OBCSOL", "BADPIX", "FOV", "GTI", "MSK", "mtl", "EXPSTATS", "PBK",
                   "BIAS0", "DTF", "ORBITEPHEM1", "SOLAREPHEM1", "LUNAREPHEM1"})  # fmt: skip
_POINTERS = ("ASOLFILE", "BPIXFILE", "MASKFILE", "FLTFILE", "DTFFILE", "PBKFILE")
#: A list of aspect files that chandra_repro wrote before it updated them, and kept under a name with the time.
_OLD_LIST = re.compile(r"\.lis_\d{8}T\d{6}$")
#: Grades that chandra_repro leaves (ASCA system).
_GRADES = (0, 2, 3, 4, 6)


# ---------------------------------------------------------------- prepare_chandra_info
def prepare(job: Job) -> Made:
    """Find out what an observation is, which idents it has, and which files they are made from."""
    inventory = find_oif(job.folder)
    summary = parse_oif(inventory) if inventory is not None else summarise_folder(job.folder)
    instrument, told = next(iter(summary.items()))
    _check_identity(job, inventory, instrument)
    made = Made(values={"summary": summary, "idents": [], "folder_listing": len(folder_members(job.folder))})
    counts = told["file_content_counts"]
    here = [place for place, kind, _ in folder_members(job.folder) if kind == "EVT1"]
    if "EVT1" not in counts and not here:
        made.skipped = "no level-1 events (EVT1): there is nothing to reprocess"
    elif (
        "ASPSOL" not in counts
        and "ASPSOLOBI" not in counts
        and not (counts.get("OBCSOL") and _on_board(job.folder, here))
    ):
        made.skipped = "no aspect solution (asol1, ASPSOL): the events cannot be placed on the sky"
    else:
        if len(here) > counts.get("EVT1", len(here)):
            raise DataError(
                f"{job.folder}: {len(here)} level-1 event files are here, {inventory} lists {counts['EVT1']}:"
                f" {', '.join(Path(p).name for p in here)}; take away what does not belong here"
            )
        made.values["idents"] = [_ident(job, instrument, told, *one) for one in _exposures(told, job.folder)]
    return made


def _on_board(folder: Path, events: Sequence[str]) -> bool:
    """Return True where the aspect is that of the on-board computer, so that no asol1 exists."""
    from ciaopy.fits import read_header

    return any(
        str(read_header(folder / e, "EVENTS").get("ASPTYPE", "KALMAN")).strip().upper() != "KALMAN" for e in events
    )


def _check_identity(job: Job, inventory: Path | None, instrument: str) -> None:
    """Raise where a folder is of another observation, or instrument, than its name or its inventory says."""
    from ciaopy.fits import read_header

    events = [place for place, kind, _ in folder_members(job.folder) if kind in ("EVT1", "EVT2")]
    sources = [job.folder / events[0]] if events else []
    for source in [*sources, *([inventory] if inventory is not None else [])]:
        header = read_header(source, 1)
        text = str(header.get("OBS_ID", job.obs_id)).strip()
        if text.isdecimal() and int(text) != int(job.obs_id):
            raise DataError(f"{source}: of ObsID {text}, not {job.obs_id}; it is in the wrong folder")
        own = str(header.get("INSTRUME", instrument)).strip()
        if own != instrument:
            raise DataError(f"{source}: of {own}, but {inventory} says {instrument}; one of them is in the wrong place")


def _exposures(told: Mapping[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Return (Ennn, e1 or e2 or empty) of the idents of an observation."""
    cycles = ("e1", "e2") if told["alt_exp_mode"] else ("",)
    return [(exposure, cycle) for exposure in told["sub_exp_ids"] for cycle in cycles]


def _ident(job: Job, instrument: str, told: Mapping[str, Any], exposure: str, cycle: str) -> dict[str, Any]:
    """Return the facts of one ident (see `ciaopy.batch.mission.Facts`)."""
    interval = exposure[1:] if told["sub_exp"] else ""
    members = [
        (p, k) for p, k, _ in folder_members(job.folder) if k in _READ and _fits_to(Path(p).name, interval, cycle)
    ]
    events = next((job.folder / p for p, k in members if k == "EVT1"), None)
    skip: dict[str, str] = {}
    continuous = False
    if events is not None:
        header = event_header(events)
        continuous = str(header.get("READMODE", "")).strip().upper().startswith("CONTINUOUS")
        skip = _reasons(header, instrument, continuous)
    full = job.fields.get("digest") == "full"
    return {
        "name": f"{job.obs_id}{instrument}{exposure}{cycle}",
        "obs_id": job.obs_id,
        "fields": {
            "instrument": instrument,
            "exposure": f"{exposure}{cycle}",
            "interval": interval,
            "cycle": cycle,
            "alone": not interval and not cycle,
            "detector": told["DETECTOR"],
            "grating": told["GRATING_NAME"],
        },
        "inputs": {p: fingerprint(job.folder / p, full) for p, _ in members},
        "skip": skip,
        "size": events.stat().st_size if events is not None else 0,
    }


def _reasons(header: Header, instrument: str, continuous: bool) -> dict[str, str]:
    """Return {stage: why it does not apply}."""
    if continuous:
        why = "continuous clocking: no images are made of it"
        return {"flux_image": why, "rate_image": why}
    return {}


def _fits_to(name: str, interval: str, cycle: str) -> bool:
    """Return True for a file that belongs to an interval and a cycle, by its name."""
    own = re.search(r"_(\d{3})N\d{3}_", name)
    part = re.search(r"_(e[12])_", name)
    return (not interval or own is None or own[1] == interval) and (part is None or part[1] == cycle)


# ---------------------------------------------------------------- chandra_repro
def reprocess(job: Job) -> Made:
    """Run chandra_repro on the files of one ident; all its products stay, under CIAO's names."""
    console = begin(job)
    values = job.parameters
    folder = job.folder if job.fields["alone"] else _view(job)
    place = "repro" if job.fields["alone"] else f"repro/{job.fields['exposure']}"
    out = job.out / place
    out.mkdir(parents=True)
    interval = job.fields["interval"]
    run_step(
        "chandra_repro",
        {
            "indir": folder,
            "outdir": out,
            "root": f"{job.fields['instrument'].lower()}f{int(job.obs_id):05d}_{interval}" if interval else "",
            "badpixel": True,
            "process_events": True,
            "set_ardlib": False,
            "tg_zo_position": "evt2",
            "clobber": True,
            "destreak": values["destreak"],
            "check_vf_pha": values["check_very_faint"],
            "pix_adj": values["pix_adj"],
            "asol_update": values["asol_update"],
            "pi_filter": values["grating_pi_filter"],
            "nproc": job.threads,
            "mode": "h",
        },
        job,
        console,
    )
    made = Made(notes=notes_of(console))
    for path in sorted(p for p in out.rglob("*") if p.is_file() and not _OLD_LIST.search(p.name)):
        made.products[str(path.relative_to(job.out))] = f"{job.place}/{place}/{path.relative_to(out)}"
    _link_products(job, out, made)
    return made


def _view(job: Job) -> Path:
    """Return a folder with links to the files of one interval or cycle of the observation, in archive layout."""
    from ciaopy.pipelines.repro import files_of, find_parts

    view = job.out.parent / "in"
    for source, place in files_of(job.folder, _part(job, find_parts(job.folder))):
        goal = view / place
        goal.parent.mkdir(parents=True, exist_ok=True)
        goal.symlink_to(source.resolve())
    return view


def _part(job: Job, parts: Sequence[Part]) -> Part:
    interval, cycle = job.fields["interval"], job.fields["cycle"]
    for part in parts:
        if part.cycle == cycle and (not interval or f"_{interval}N" in part.events.path.name):
            return part
    raise DataError(f"{job.folder}: no level-1 events (evt1) of {job.fields['exposure']} are there")


def _link_products(job: Job, out: Path, made: Made) -> None:
    """Give the main products DAXA's names, as links."""
    header = event_header(_one(out, "*_repro_evt2.fits"))
    kinds: list[tuple[str, str, str, list[str]]] = [
        ("evt_list", "events", "events", [_one(out, "*_repro_evt2.fits").name]),
        ("default_gti", "cleaning", "defaultGTI", [p.name for p in sorted(out.glob("*_repro_flt2.fits"))]),
        ("badpix", "misc", "badpix", _named(header, "BPIXFILE", out, "*_repro_bpix1.fits")),
        ("fov_reg", "misc", "FOVreg", [p.name for p in sorted(out.glob("*_repro_fov1.fits"))]),
        ("msk_file", "misc", "mask", _named(header, "MASKFILE", out, "*_msk1.fits")),
        ("asol_file", "misc", "aspectsolution", _named(header, "ASOLFILE", out, "*_asol1.fits")),
    ]
    if is_hrc(job):
        kinds.append(("dead_time_file", "misc", "deadtimefile", _named(header, "DTFFILE", out, "*_dtf1.fits")))
    for key, folder, kind, names in kinds:
        links = []
        for number, name in enumerate(names, 1):
            link = f"{job.place}/{folder}/{product_name(job, kind if len(names) == 1 else f'{kind}{number}')}"
            made.links[link] = made.products[str((out / name).relative_to(job.out))]
            links.append(link)
        if len(links) > 1:
            made.products[_listed(job, kind, links)] = (
                f"{job.place}/{folder}/{product_name(job, kind).removesuffix('.fits')}.lis"
            )
        if links:
            made.paths[key] = links[0] if len(links) == 1 else links


def _listed(job: Job, kind: str, links: Sequence[str]) -> str:
    """Write a stack of the links of one kind; returns its name below `out`."""
    path = job.out / f"{kind}.lis"
    path.write_text("".join(f"{Path(link).name}\n" for link in links))
    return path.name


def _named(header: Mapping[str, Any], keyword: str, folder: Path, pattern: str) -> list[str]:
    """Return the files of a folder that a keyword names; where they are not there, those of a pattern."""
    there = [n for n in _names(header, keyword) if (folder / n).is_file()]
    return there or sorted(p.name for p in folder.glob(pattern))


def _names(header: Mapping[str, Any], keyword: str) -> list[str]:
    """Return the file names that a keyword holds."""
    text = str(header.get(keyword, "")).strip()
    return [w.strip() for w in text.split(",") if w.strip() and w.strip().upper() != "NONE"]


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataError(f"chandra_repro made no {pattern}")
    return found[0]


# ---------------------------------------------------------------- deflare
def find_quiet_times(job: Job) -> Made:
    """Make a light curve of the reprocessed events and find the times that are free of flares."""
    console = begin(job)
    values = job.parameters
    events = job.upstream["chandra_repro"]["evt_list"]
    chosen = "" if is_hrc(job) else f"[energy={values['lc_lo_en']!r}:{values['lc_hi_en']!r}]"
    curve, quiet = job.out / product_name(job, "lightcurve"), job.out / product_name(job, "flaringGTI")
    source = f"{events}{chosen}[bin time=::{values['time_bin_size']!r}]"
    run_step("dmextract", {"infile": source, "outfile": curve, "opt": "ltc1", "clobber": True}, job, console)
    run_step(
        "deflare",
        {
            "infile": curve,
            "outfile": quiet,
            "method": values["method"],
            "nsigma": values["allowed_sigma"],
            "minlength": values["min_length"],
            "mode": "h",
        },
        job,
        console,
    )
    made = Made(notes=notes_of(console))
    if is_hrc(job):
        made.notes.append("lc_lo_en and lc_hi_en are not used: HRC has no energies")
    for key, path in (("lightcurve", curve), ("flaring_gti", quiet)):
        made.products[path.name] = made.paths[key] = f"{job.place}/cleaning/{path.name}"
    return made


# ---------------------------------------------------------------- cleaned_chandra_evts
def clean_events(job: Job) -> Made:
    """Select good events in quiet times, and in grade and energy where the instrument has them."""
    console = begin(job)
    values = job.parameters
    events = Path(job.upstream["chandra_repro"]["evt_list"])
    low, high = values["lo_en"], values["hi_en"]
    made = Made()
    tag, filters = "", "[status=0]"
    if is_hrc(job):
        if low is not None or values["allowed_grades"] is not None:
            made.notes.append("lo_en, hi_en and allowed_grades are not used: HRC has no energies and grades")
    else:
        grades = values["allowed_grades"] or list(_GRADES)
        removed = [g for g in grades if g not in _GRADES]
        if removed:
            made.notes.append(
                f"allowed_grades: {', '.join(map(str, removed))} are gone already: chandra_repro removes them"
            )
        filters += f"[grade={','.join(map(str, grades))}]"
        if low is not None:
            filters += f"[energy={low!r}:{high!r}]"
            tag = f"-en{kev(low / 1e3)}_{kev(high / 1e3)}keV"
    name = product_name(job, "cleanevents", tag)
    quiet = job.upstream["deflare"]["flaring_gti"]
    run_step(
        "dmcopy",
        {"infile": f"{events}[EVENTS][{filter_file(quiet)}]{filters}", "outfile": job.out / name, "clobber": True},
        job,
        console,
    )
    _point_to_companions(job.out / name, events.resolve().parent, job)
    goal = f"{job.place}/events/{name}"
    made.products[name] = made.paths["cleaned_events"] = goal
    made.values["en_key"] = tag.removeprefix("-")
    made.notes += notes_of(console)
    if not _rows(job.out / name):
        made.notes.append("no event is left")
    return made


def _rows(path: Path) -> int:
    from ciaopy.fits import open_fits

    with open_fits(path) as file:
        return next((int(h.nrows) for h in file.hdus if h.name.upper() == "EVENTS"), 0)


def _point_to_companions(path: Path, companions: Path, job: Job) -> None:
    """Let the header of a moved event file name its companions by relative paths."""
    from ciaopy.fits import edit_header

    header = event_header(path)
    relative = os.path.relpath(companions, job.survey / job.place / "events")
    new = {}
    for keyword in _POINTERS:
        names = _names(header, keyword)
        if names:
            new[keyword] = ",".join(f"{relative}/{n}" if (companions / n).is_file() else n for n in names)
    edit_header(path, "EVENTS", lambda found: found.update(new), sync=False)
