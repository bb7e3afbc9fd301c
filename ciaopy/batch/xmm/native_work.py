"""XMM-Newton stages done natively, from event lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ciaopy.batch.attempt import Job, Made
from ciaopy.batch.xmm.commands import IMAGE_GRID, cleaning_expression
from ciaopy.batch.xmm.names import energy_tag, product
from ciaopy.batch.xmm.workroom import Camera, check_band, link, place_copy, run_tool, upstream_file

__all__ = ["clean", "find_flares", "image_and_map", "judge_ccds", "merge_family"]

EVENTS, OOT, GTI = "events.fits", "ootevents.fits", "gti.fits"


def judge_ccds(job: Job, made: Made, name: str) -> None:
    """Write the log of the CCDs' states."""
    link(upstream_file(job, "emchain", "evt_list"), job.out / EVENTS)
    run_tool(job, made, "xmm_emanom", {"eventfile": EVENTS, "logfile": name})


def find_flares(job: Job, made: Made, chain: str, has_oot: bool) -> dict[str, str]:
    """Find quiet times; return kind of product -> name in the private folder."""
    p = job.parameters
    link(upstream_file(job, chain, "evt_list"), job.out / EVENTS)
    found = {"gti": GTI, "hist": "hist.qdp", "good": "good.fits"}
    parameters = {
        "eventfile": EVENTS,
        "gtiset": found["gti"],
        "histset": found["hist"],
        "filteredset": found["good"],
        "method": p["method"],
        "ratio": repr(float(p["ratio"])),
        "elow": str(round(p["filter_lo_en"])),
        "ehigh": str(round(p["filter_hi_en"])),
        "rangescale": repr(float(p["range_scale"]["pn" if job.fields["instrument"] == "PN" else "mos"])),
        "allowsigma": repr(float(p["allowed_sigma"])),
        "limits": " ".join(f"{v:g}" for v in p["gauss_fit_lims"]),
    }
    for switch, width, value in (
        ("withsmoothing", "smooth", "with_smoothing"),
        ("withbinning", "binsize", "with_binning"),
    ):
        parameters[switch] = "no" if p[value] is False else "yes"
        if not isinstance(p[value], bool):
            parameters[width] = repr(float(p[value]))
    if has_oot:
        link(upstream_file(job, chain, "oot_evt_list"), job.out / OOT)
        found["good_oot"] = "goodoot.fits"
        parameters |= {"ootfile": OOT, "filteredootset": found["good_oot"]}
    quiet = run_tool(job, made, "xmm_espfilt", parameters)
    made.values["good_time"] = quiet.gti.duration
    return found


def clean(job: Job, made: Made, source: Path, gti: Path, out: str, ccds: list[int] | None) -> None:
    """Write the clean events of a list."""
    link(source, job.out / "source.fits")
    link(gti, job.out / GTI)
    expression = cleaning_expression(*_conditions(job), ccds, GTI)
    count = run_tool(job, made, "xmm_evselect", {"table": "source.fits", "filteredset": out, "expression": expression})
    made.values["expression"] = expression
    if not count:
        made.notes.append(f"{out}: no event passes {expression}")


def _conditions(job: Job) -> tuple[list[str], tuple[float, float] | None]:
    p = job.parameters
    parts = p["pn_filt_expr"] if job.fields["instrument"] == "PN" else p["mos_filt_expr"]
    return parts, (p["lo_en"], p["hi_en"]) if p["lo_en"] is not None else None


def merge_family(job: Job, made: Made, sources: list[Path], out: str) -> None:
    """Write the merged list; a single one is linked."""
    if len(sources) == 1:
        place_copy(sources[0], job.out / out)
        return
    names = []
    for number, source in enumerate(sources):
        names.append(f"part{number}-{out}")
        link(source, job.out / names[-1])
    run_tool(job, made, "xmm_merge", {"sets": ",".join(names), "outset": out})


def image_and_map(job: Job, made: Made, camera: Camera, band: tuple[float, float]) -> dict[str, str]:
    """Make the image and the exposure map of a band (keV); return kind -> name in the private folder.

    Maps are made of each sub-exposure and added: their bad pixels differ.
    """
    low, high = round(band[0] * 1000), round(band[1] * 1000)
    tag = energy_tag(*band)
    found = {kind: product(job.ident, kind, "fits", [tag]) for kind in ("image", "expmap")}
    link(camera.final, job.out / "final.fits")
    expression = " && ".join([*camera.conditions, f"PI in [{low}:{high}]"])
    parameters = {"table": "final.fits", "imageset": found["image"], "expression": expression, **IMAGE_GRID}
    count = run_tool(job, made, "xmm_evselect", parameters)
    check_band(_pixels(job.out / found["image"]), count, found["image"])
    names = []
    for number, source in enumerate(camera.lists):
        names.append(f"list{number}.fits")
        link(source, job.out / names[-1])
    parameters = {"imageset": found["image"], "eventset": ",".join(names), "expimageset": found["expmap"]}
    parameters |= {"pimin": str(low), "pimax": str(high)}
    if camera.attitude is not None:
        link(camera.attitude, job.out / "attitude.fits")
        parameters["attitudeset"] = "attitude.fits"
    run_tool(job, made, "xmm_eexpmap", parameters)
    return found


def _pixels(path: Path) -> Any:
    from ciaopy.fits import Image, open_fits

    with open_fits(path) as file:
        block = file.read(0)
    assert isinstance(block, Image) and block.data is not None
    return block.data
