"""The steps of fluximage: what runs, in which order, with which parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.engine import Message, Recipe, Step
from ciaopy.pipelines.imaging import headers as headers
from ciaopy.pipelines.imaging.bands import Band
from ciaopy.pipelines.imaging.inputs import FluxEvents
from ciaopy.pipelines.imaging.job import FluxJob, field_of_view_parameters, products
from ciaopy.stack import join, quote

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = ["FluxJob", "recipe", "tasks"]

# Status bits 0-17 of a bad pixel; 17 is the shadow of the frame store.
BAD_BITS = "0x03ffff"
HRC_I_PIXELS = 16384


def recipe(job: FluxJob) -> Recipe:
    """Return the whole step list."""
    steps = [*_prepare(job), *_aspect(job)]
    if not job.keeps_field:
        steps.append(_field_of_view(job))
    for band in job.bands:
        steps += _counts(job, band)
    if job.background is not None:
        from ciaopy.pipelines.imaging.background import background_steps

        steps += background_steps(job, job.background)
    steps += [*_instrument_maps(job), *_exposure_maps(job)]
    for band in job.bands:
        steps += _finish(job, band)
    if not job.keeps_field:
        steps.append(_record(job, [job.names.fov]))
    if not job.options.cleanup:
        chips = [job.names.aspect(c) for c in job.chips]
        chips += [job.names.instrument(c, b.label) for c in job.chips for b in job.bands]
        chips += [job.names.chip_exposure(c, b.label) for c in job.chips for b in job.bands]
        steps.append(_record(job, chips))
    return Recipe(tuple(steps), tuple(products(job)))


def tasks(job: FluxJob, count: int, one: str, many: str = "") -> str:
    """Return `n things` or `one thing`, with the observation."""
    what = one if count == 1 else f"{count} {many or one + 's'}"
    return f"{what} for obsid {job.events.id}"


def _says(*texts: str) -> tuple[Message, ...]:
    return tuple(Message(1, t) for t in texts)


def _first(is_first: bool, text: str) -> tuple[Message, ...]:
    return _says(text) if is_first else ()


def _prepare(job: FluxJob) -> list[Step]:
    steps = [Step("write rules", {"file": str(job.rules)}, action=lambda ws: headers.write_rules(job.rules))]
    values = bad_pixel_parameters(job)
    steps.append(
        Step(
            "write ardlib",
            {"file": str(job.ardlib), **values},
            action=lambda ws: write_ardlib(job.ardlib, values, ws),
        )
    )
    return steps


def bad_pixel_parameters(job: FluxJob) -> dict[str, str]:
    """Return the parameters of ardlib that name the bad pixels: none for CALDB (the HRC has none by default)."""
    bad = job.companions.bad_pixels
    if bad == "CALDB":
        return {}
    plain = bad if bad == "NONE" else str(Path(file_of(bad)).absolute())
    if job.events.instrument == "HRC":
        return {f"AXAF_{job.events.detector}_BADPIX_FILE": bad if bad == "NONE" else f"{plain}[BADPIX]"}
    if bad == "NONE":
        return {f"AXAF_ACIS{chip}_BADPIX_FILE": "NONE" for chip in job.chips}
    return {f"AXAF_ACIS{chip}_BADPIX_FILE": f"{plain}[BADPIX{chip}]" for chip in job.chips}


def write_ardlib(path: Path, values: dict[str, str], ws: Workspace) -> None:
    """Write a parameter file like the system's ardlib.par with other values; it stays as it is from then on."""
    from ciaopy.param import ParFile, system_par_dir

    file = ParFile.read(system_par_dir() / "ardlib.par").copy(path)
    for name, value in values.items():
        file.set(name, "value", value)
    path.write_bytes(file.to_bytes())
    ws.keep_constant(path)


def _aspect(job: FluxJob) -> list[Step]:
    text = "Creating " + tasks(job, len(job.chips), "aspect histogram")
    dead = "" if job.companions.dead_time == "NONE" else job.companions.dead_time
    steps = []
    for chip in job.chips:
        made = job.names.aspect(chip)
        parameters = {
            "infile": job.aspect,
            "outfile": str(made),
            "evtfile": quote(f"{job.events.name}[{job.events.chip_column}={chip}]"),
            "dtffile": dead if job.events.instrument == "HRC" else "",
            "max_bin": str(job.companions.most_bins(job.resolution)),
            "res_xy": repr(job.resolution),
            **job.common,
        }
        says = _first(chip == job.chips[0], text)
        steps.append(Step("asphist", parameters, (), (made,), says))
    return steps


def _field_of_view(job: FluxJob) -> Step:
    made = job.names.fov
    parameters = {**field_of_view_parameters(job), "outfile": str(made), **job.common, "clobber": "yes"}
    return Step("skyfov", parameters, (), (made,))


def _counts(job: FluxJob, band: Band) -> list[Step]:
    made = job.names.counts(band.label)
    orders = "[tg_m=0,Null]" if _has_orders(job.events) else ""
    virtual = f"{job.events.name}{orders}{band.filter}[bin {job.grid.binning}][opt type=i4]"
    return [
        Step("dmcopy", {"infile": virtual, "outfile": str(made), **job.common}, (), (made,)),
        Step(
            "write band",
            {"file": str(made), "band": band.label},
            (made,),
            (made,),
            action=lambda ws: headers.label_counts(ws, made, band),
        ),
    ]


def _has_orders(events: FluxEvents) -> bool:
    """ACIS grating data with the orders resolved: the zeroth is imaged."""
    return events.instrument == "ACIS" and events.grating != "NONE" and "tg_m" in events.columns


def detector_parameters(job: FluxJob, chip: int) -> dict[str, str]:
    """Return pixelgrid, detsubsys and maskfile of mkinstmap."""
    ideal = ";IDEAL" if job.options.units == "time" else ""
    mask = job.companions.mask
    if job.events.instrument == "ACIS":
        grid, detector = "1:1024:#1024,1:1024:#1024", f"ACIS-{chip}{ideal};BPMASK={BAD_BITS}"
        return {"pixelgrid": grid, "detsubsys": detector, "maskfile": mask}
    mask = mask if mask == "NONE" else f"{mask}[MASK{chip}]"
    if job.events.detector == "HRC-I":
        count = hrc_i_pixels(job.grid.binsize)
        grid = f"1:{HRC_I_PIXELS}:#{count},1:{HRC_I_PIXELS}:#{count}"
        return {"pixelgrid": grid, "detsubsys": f"HRC-I{ideal}", "maskfile": mask}
    return {"pixelgrid": "1:4096:#4096,1:16456:#16456", "detsubsys": f"HRC-S{chip}{ideal}", "maskfile": mask}


def hrc_i_pixels(binsize: float) -> int:
    """Return the pixels along a side of an HRC-I instrument map: about those of the image, a divisor of 16384."""
    step = math.ceil(binsize)
    while HRC_I_PIXELS % step:
        step -= 1
    return HRC_I_PIXELS // step


def _instrument_maps(job: FluxJob) -> list[Step]:
    text = "Creating " + tasks(job, len(job.chips) * len(job.bands), "instrument map")
    mirror, dead = ("HRMA;area=1", "NONE") if job.options.units == "time" else ("HRMA", "CALDB")
    steps = []
    for chip in job.chips:
        for band in job.bands:
            made = job.names.instrument(chip, band.label)
            parameters = {
                "outfile": str(made),
                "spectrumfile": band.weights or "NONE",
                "monoenergy": "1.0" if band.energy is None else repr(band.energy),
                "obsfile": job.events.plain,
                **detector_parameters(job, chip),
                "grating": job.events.grating,
                "mirror": mirror,
                "dafile": dead,
                "ardlibparfile": str(job.ardlib),
                **job.common,
            }
            says = _first(chip == job.chips[0] and band is job.bands[0], text)
            steps.append(Step("mkinstmap", parameters, (), (made,), says))
            if job.options.units == "time":
                steps.append(_unit(made, ""))
    return steps


def _unit(path: Path, unit: str) -> Step:
    return Step(
        "write unit",
        {"file": str(path), "unit": unit},
        (path,),
        (path,),
        action=lambda ws: headers.set_keys(ws, path, {"BUNIT": unit}),
    )


def _exposure_maps(job: FluxJob) -> list[Step]:
    text = "Creating " + tasks(job, len(job.chips) * len(job.bands), "exposure map")
    steps = []
    for chip in job.chips:
        for band in job.bands:
            source, made = job.names.instrument(chip, band.label), job.names.chip_exposure(chip, band.label)
            histogram = job.names.aspect(chip)
            parameters = {
                "outfile": str(made),
                "instmapfile": str(source),
                "asphistfile": f"{histogram}[asphist]",
                "xygrid": job.grid.xygrid,
                "normalize": "yes" if job.options.units == "area" else "no",
                "useavgaspect": "no",
                **job.common,
            }
            says = _first(chip == job.chips[0] and band is job.bands[0], text)
            steps.append(Step("mkexpmap", parameters, (source, histogram), (made,), says))
            steps.append(_copied(source, made))
            if job.options.units == "time":
                steps.append(_unit(made, "s"))
    return steps


def _copied(source: Path, target: Path) -> Step:
    return Step(
        "copy keywords",
        {"infile": str(source), "outfile": str(target)},
        (source, target),
        (target,),
        action=lambda ws: headers.copy_keys(ws, source, target, headers.RESPONSE_KEYS),
    )


def _combine(job: FluxJob, band: Band, is_first: bool) -> list[Step]:
    parts = [job.names.chip_exposure(c, band.label) for c in job.chips]
    made = job.names.exposure(band.label)
    if len(parts) == 1:
        return [Step("dmcopy", {"infile": str(parts[0]), "outfile": str(made), **job.common}, tuple(parts), (made,))]
    what = f"{len(parts)} exposure maps" + (f" in {len(job.bands)} bands" if len(job.bands) > 1 else "")
    parameters = {
        "infile": join(parts),
        "infile2": "",
        "outfile": f"{made}[EXPMAP]",
        "operation": "imgout=" + "+".join(f"img{i}" for i in range(1, len(parts) + 1)),
        "lookupTab": str(job.rules),
        **job.common,
    }
    says = _first(is_first, f"Combining {what} for obsid {job.events.id}")
    detector = str(job.events.header["DETNAM"])

    def restore(ws: Workspace) -> None:
        unit = ws.read(str(parts[0])).header.get("BUNIT", "")
        headers.set_keys(ws, made, {"DETNAM": detector, "BUNIT": unit})

    return [
        Step("dmimgcalc", parameters, tuple(parts), (made,), says),
        Step("write detector", {"file": str(made), "DETNAM": detector}, (made, parts[0]), (made,), action=restore),
    ]


def _finish(job: FluxJob, band: Band) -> list[Step]:
    """Return the steps of one band after the exposure maps of its chips."""
    first = band is job.bands[0]
    names, label = job.names, band.label
    steps = _combine(job, band, first)
    if job.clips:
        steps += _threshold(job, band, first)
    counts, exposure, flux = names.counts(label, job.clips), names.exposure(label, job.clips), names.flux(label)
    parameters = {
        "infile": quote(counts),
        "infile2": str(exposure),
        "outfile": f"{flux}[PFLUX_IMAGE]",
        "operation": "div",
        "weight": "1",
        "weight2": "1",
        "lookupTab": str(job.rules),
        **job.common,
    }
    says = _first(first, "Exposure-correcting " + tasks(job, len(job.bands), "image"))
    steps += [
        Step("dmimgcalc", parameters, (counts, exposure), (flux,), says),
        Step(
            "write unit",
            {"file": str(flux)},
            (counts, exposure, flux),
            (flux,),
            action=lambda ws: headers.finish_flux(ws, counts, exposure, flux),
        ),
    ]
    kept = [flux, counts, exposure]
    if job.options.psfecf is not None:
        steps += _psf(job, band, first)
        kept.append(names.psf(label))
    if job.clips and not job.options.cleanup:
        kept += [names.counts(label), names.exposure(label)]
    return [*steps, _record(job, kept)]


def _threshold(job: FluxJob, band: Band, is_first: bool) -> list[Step]:
    names, label = job.names, band.label
    steps = []
    pairs = [(names.counts(label), names.counts(label, True)), (names.exposure(label), names.exposure(label, True))]
    for number, (source, made) in enumerate(pairs):
        parameters = {
            "infile": str(source),
            "outfile": str(made),
            "expfile": str(names.exposure(label)) if number == 0 else "",
            "cut": job.options.cut,
            "value": "0.0",
            **job.common,
        }
        what = tasks(job, len(job.bands), "image")
        says = _first(is_first and number == 0, f"Dropping pixels of low exposure in {what}")
        steps.append(Step("dmimgthresh", parameters, (source, names.exposure(label)), (made,), says))
    return steps


def _psf(job: FluxJob, band: Band, is_first: bool) -> list[Step]:
    names, label = job.names, band.label
    counts, exposure = names.counts(label, job.clips), names.exposure(label, job.clips)
    made, raw = names.psf(label), job.work / f"{label}.psfmap"
    parameters = {
        "infile": f"{counts}[sky=MASK({exposure})]",
        "outfile": f"{raw}[PSFMAP]",
        "energy": "INDEF" if band.energy is None else repr(band.energy),
        "spectrum": band.weights,
        "ecf": repr(job.options.psfecf),
        "clobber": "yes",
    }
    says = _first(is_first, "Creating " + tasks(job, len(job.bands), "PSF map"))
    return [
        Step("mkpsfmap", parameters, (counts, exposure), (raw,), says),
        Step("dmcopy", {"infile": f"{raw}[subspace -sky]", "outfile": str(made), **job.common}, (raw,), (made,)),
    ]


def _record(job: FluxJob, paths: Sequence[Path]) -> Step:
    def write(ws: Workspace) -> None:
        for path in paths:
            headers.record(ws, path, job.provenance.program, job.provenance.parameters)

    files = tuple(paths)
    return Step("write records", {"files": " ".join(p.name for p in files)}, files, files, action=write)
