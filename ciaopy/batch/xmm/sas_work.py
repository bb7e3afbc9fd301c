"""XMM-Newton stages done by SAS."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from ciaopy.batch.attempt import Job, Made
from ciaopy.batch.xmm import commands
from ciaopy.batch.xmm.names import energy_tag, product, split_ident
from ciaopy.batch.xmm.workroom import Camera, check_band, link, place_copy, run_sas, upstream_file
from ciaopy.errors import DataError

__all__ = ["chain_mos", "chain_pn", "clean", "find_flares", "image_and_map", "index", "ingest", "judge_ccds",
           "merge_family", "observation_date", "process_rgs"]  # fmt: skip

_START = re.compile(r"^(\d{4}-\d\d-\d\d)\S*\s*/\s*Observation Start Time", re.M)
SUMMARY = re.compile(r"SUM\.SAS$", re.I)


def version(job: Job) -> tuple[int, ...]:
    """Return the version of SAS that the run has found."""
    return tuple(job.parameters.get("sas_version") or ())


def observation_date(folder: Path) -> str:
    """Return the day on which an observation began, YYYY-mm-dd: of the ASCII summary, else of a constituent.

    Raises
    ------
    FileNotFoundError
        Neither tells.
    """
    for path in sorted(folder.rglob("*SUM.ASC*")):
        found = _START.search(path.read_text(errors="replace"))
        if found:
            return found[1]
    from ciaopy.errors import CiaopyError
    from ciaopy.fits import read_header

    for path in sorted(folder.rglob("*.FIT*")):
        try:
            day = str(read_header(path, 0).get("DATE-OBS", ""))[:10]
        except CiaopyError:  # a constituent that is not FITS tells nothing
            continue
        if re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            return day
    raise FileNotFoundError(
        f"{folder}: the day of the observation is told neither by *SUM.ASC nor by DATE-OBS of a file"
    )


def index(job: Job) -> Made:
    """Make the index of calibration files."""
    import os
    from datetime import UTC, datetime

    analysis = job.parameters["analysis_date"]
    if analysis == "now":
        analysis = datetime.now(UTC).strftime("%Y-%m-%d")
    day = observation_date(job.folder)
    made = Made(values={"obs_date": day, "analysis_date": analysis, "ccf_folder": os.environ.get("SAS_CCFPATH", "")})
    found = run_sas(job, made, [commands.cifbuild(day, analysis)], {"index of calibration files": "ccf.cif"})
    made.values["ccf_digest"] = _digest(next(iter(found.files.values())))
    made.products["ccf.cif"] = made.paths["ccf_path"] = f"{job.place}/ccf.cif"
    return made


def _digest(path: Path) -> str:
    """Return a digest of the list of calibration files, whatever the dates in the headers."""
    import hashlib

    from ciaopy.fits import Table, open_fits

    digest = hashlib.sha256()
    with open_fits(path) as file:
        for hdu in file.hdus:
            block = file.read(hdu)
            for column in block.columns.values() if isinstance(block, Table) else ():
                digest.update(column.name.encode() + column.data.tobytes())
    return digest.hexdigest()[:16]


def ingest(job: Job) -> tuple[Made, Path]:
    """Make the summary file beside links to the raw files; return it and where it lies for now."""
    view = job.survey / job.place / "odf"
    view.mkdir(parents=True, exist_ok=True)
    files = _raw_files(job.folder)
    for old in view.iterdir():
        if old.is_symlink() and old.name not in files:
            old.unlink()
    for name, path in files.items():
        link(path, view / name)
    made = Made()
    result = run_sas(job, made, [commands.odfingest(str(view), str(job.out))], {"summary file": "*SUM.SAS"})
    summary = result.files["summary file"]
    made.products[summary.name] = made.paths["sum_path"] = f"{job.place}/odf/{summary.name}"
    return made, summary


def _raw_files(folder: Path) -> dict[str, Path]:
    """Return name -> path of every file of the folders in which constituents lie, but for old summaries."""
    from ciaopy.xmm import take_inventory

    places = dict.fromkeys(p.parent for p in take_inventory(folder).odf)
    files = (p for place in places for p in sorted(place.iterdir()) if p.is_file())
    return {p.name: p for p in files if not SUMMARY.search(p.name)}


def _odf(job: Job) -> str:
    return str(upstream_file(job, "odf_ingest", "sum_path").parent)


def _take(job: Job, made: Made, files: dict[str, Path], goals: dict[str, tuple[str, str]]) -> Made:
    """Enter files of the private folder as products: word -> (key, path below the observation's folder)."""
    for word, (key, goal) in goals.items():
        made.products[files[word].name] = made.paths[key] = f"{job.place}/{goal}"
    made.values["backend"] = "sas"
    return made


def chain_pn(job: Job) -> Made:
    """Run the pn chain: events, out-of-time events, attitude."""
    obs_id, _, exposure = split_ident(job.ident)
    made = Made()
    calls = commands.epchain(_odf(job), exposure, job.fields["ccds"], version(job))
    expected = {
        "event list": f"P{obs_id}PN{exposure}PIEVLI*",
        "out-of-time list": f"P{obs_id}PN{exposure}OOEVLI*",
        "attitude": "*ATTTSR*",
    }
    files = dict(run_sas(job, made, calls, expected).files)
    attitude = f"P{obs_id}OBX000ATTTSR0000.FIT"
    goals = {
        "event list": ("evt_list", f"events/{product(job.ident, 'events', 'fits')}"),
        "out-of-time list": ("oot_evt_list", f"events/{product(job.ident, 'ootevents', 'fits')}"),
        "attitude": ("attitude", attitude),
    }
    made.shared.add(f"{job.place}/{attitude}")
    return _take(job, made, files, goals)


def chain_mos(job: Job) -> Made:
    """Run the MOS chain of one sub-exposure: events, attitude."""
    obs_id, instrument, exposure = split_ident(job.ident)
    made = Made()
    expected = {"event list": f"P{obs_id}{instrument}{exposure}MIEVLI*", "attitude": "*ATTTSR*"}
    files = dict(run_sas(job, made, [commands.emchain(_odf(job), instrument, exposure)], expected).files)
    attitude = f"P{obs_id}OBX000ATTTSR0000.FIT"
    goals = {
        "event list": ("evt_list", f"events/{product(job.ident, 'events', 'fits')}"),
        "attitude": ("attitude", attitude),
    }
    made.shared.add(f"{job.place}/{attitude}")
    return _take(job, made, files, goals)


def process_rgs(job: Job, step: str) -> Made:
    """Run one step of the RGS chain on a copy of the folder that the step before has left."""
    obs_id, instrument, exposure = split_ident(job.ident)
    base = f"P{obs_id}{instrument}{exposure}"
    made = Made(values={"backend": "sas"})
    if step != "1:events":
        earlier = job.upstream["rgs_events" if step == "2:angles" else "rgs_angles"].get("rgs_dir", "")
        if not Path(earlier).is_dir():
            raise FileNotFoundError(
                f"{earlier or job.ident}: the folder of the RGS chain is not there; run rgs_events again"
            )
        shutil.copytree(earlier, job.out, dirs_exist_ok=True)
    expected = {"1:events": f"{base}merged*", "2:angles": f"{base}merged*", "3:filter": f"{base}EVENLI*"}
    result = run_sas(job, made, [commands.rgsproc(instrument, exposure, step)], {"event list": expected[step]})
    if step == "3:filter":
        goals = {"event list": ("evt_clean_path", f"events/{product(job.ident, 'finalevents', 'fits')}")}
        return _take(job, made, dict(result.files), goals)
    folder = f"misc/rgs-{job.ident}"
    if step == "1:events":
        evt_list = f"{base}merged0000.FIT"
        place_copy(result.files["event list"], job.out / f"copy-{evt_list}")
        made.products[f"copy-{evt_list}"] = made.paths["evt_list"] = f"{job.place}/misc/{evt_list}"
    for path in sorted(job.out.iterdir()):
        if path.is_file() and not path.name.startswith("copy-"):
            goal = f"{job.place}/{folder}/{path.name}"
            made.products[path.name] = goal
            made.shared.add(goal)
    made.paths["rgs_dir"] = f"{job.place}/{folder}"
    return made


def judge_ccds(job: Job, made: Made, name: str) -> None:
    """Run emanom on a copy of the list: it writes keywords into it."""
    source = upstream_file(job, "emchain", "evt_list")
    events = product(job.ident, "events", "fits")
    shutil.copy2(source, job.out / events)
    result = run_sas(job, made, [commands.emanom(events)], {"log": "*-anom.log"})
    if result.files["log"].name != name:
        result.files["log"].rename(job.out / name)


def find_flares(job: Job, made: Made, chain: str, has_oot: bool) -> dict[str, str]:
    """Run espfilt; return kind of product -> name in the private folder."""
    events = product(job.ident, "events", "fits")
    link(upstream_file(job, chain, "evt_list"), job.out / events)
    oot = None
    expected = {"gti": "*-gti*.fits", "good": "*-allevc[.-]*fits", "hist": "*-hist*.qdp"}
    if has_oot:
        oot = product(job.ident, "ootevents", "fits")
        link(upstream_file(job, chain, "oot_evt_list"), job.out / oot)
        expected["good_oot"] = "*-allevcoot*.fits"
    call = commands.espfilt(events, oot, job.parameters, version(job))
    return {word: path.name for word, path in run_sas(job, made, [call], expected).files.items()}


def clean(job: Job, made: Made, source: Path, gti: Path, out: str, ccds: list[int] | None) -> None:
    """Write the clean events of a list."""
    p = job.parameters
    plain, times = f"{job.ident}.fits", f"gti{job.ident}.fits"
    link(source, job.out / plain)
    link(gti, job.out / times)
    parts = p["pn_filt_expr"] if job.fields["instrument"] == "PN" else p["mos_filt_expr"]
    energies = (p["lo_en"], p["hi_en"]) if p["lo_en"] is not None else None
    expression = commands.cleaning_expression(parts, energies, ccds, times)
    run_sas(job, made, [commands.evselect_list(plain, out, expression)], {"clean list": out})
    made.values["expression"] = expression


def merge_family(job: Job, made: Made, sources: list[Path], out: str) -> None:
    """Merge lists one after the other; a single one is linked."""
    if len(sources) == 1:
        place_copy(sources[0], job.out / out)
        return
    names = []
    for number, source in enumerate(sources):
        names.append(f"part{number}-{out}")
        link(source, job.out / names[-1])
    calls, last = [], names[0]
    for number, name in enumerate(names[1:], 1):
        goal = out if number == len(names) - 1 else f"sum{number}-{out}"
        calls.append(commands.merge(last, name, goal))
        last = goal
    run_sas(job, made, calls, {"merged list": out})


def image_and_map(job: Job, made: Made, camera: Camera, band: tuple[float, float]) -> dict[str, str]:
    """Make the image and the exposure map of a band (keV); return kind -> name in the private folder."""
    low, high = round(band[0] * 1000), round(band[1] * 1000)
    if camera.attitude is None:
        raise FileNotFoundError(f"{job.ident}: no attitude file; SAS's eexpmap needs one")
    tag = energy_tag(*band)
    found = {kind: product(job.ident, kind, "fits", [tag]) for kind in ("image", "expmap")}
    link(camera.final, job.out / "final.fits")
    link(camera.attitude, job.out / "attitude.fits")
    expression = " && ".join([*camera.conditions, f"PI in [{low}:{high}]"])
    calls = [
        commands.evselect_image("final.fits", found["image"], expression),
        commands.eexpmap(found["image"], "attitude.fits", "final.fits", found["expmap"], low, high),
    ]
    result = run_sas(job, made, calls, {"image": found["image"], "exposure map": found["expmap"]})
    check_band(_pixels(result.files["image"]), _count(camera.final, low, high), found["image"])
    if not _pixels(result.files["exposure map"]).any():
        raise DataError(f"{found['expmap']}: zero everywhere")
    return found


def _pixels(path: Path) -> Any:
    from ciaopy.fits import Image, open_fits

    with open_fits(path) as file:
        block = file.read(0)
    if not isinstance(block, Image) or block.data is None:
        raise DataError(f"{path.name}: no image in it")
    return block.data


def _count(events: Path, low: float, high: float) -> int:
    """Return how many events of a list are in a band, eV."""
    from ciaopy.fits import open_fits

    total = 0
    with open_fits(events) as file:
        for table in file.iter_rows("EVENTS", ["PI"]):
            total += int(((table["PI"] >= low) & (table["PI"] <= high)).sum())
    return total
