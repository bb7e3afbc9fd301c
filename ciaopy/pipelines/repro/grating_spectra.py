"""The spectra and responses that chandra_repro makes of a grating observation."""

from __future__ import annotations

from pathlib import Path

from ciaopy.engine import Step
from ciaopy.errors import ParameterError, UserError
from ciaopy.gratings import SpectrumId, arms_of, default_orders, names_of
from ciaopy.pipelines.repro.common import io, says, stacked
from ciaopy.pipelines.repro.job import Job
from ciaopy.pipelines.repro.zero_order import keeps_mask, sources
from ciaopy.response import order_list
from ciaopy.stack import join

__all__ = ["check_orders", "extract_spectra", "make_responses", "products", "response_orders"]


def response_orders(job: Job) -> list[int] | None:
    """Return the orders that responses are made for; None where there are none to be made.

    Raises
    ------
    ParameterError
        tg_orders is no list of orders.
    """
    text = job.options.tg_orders.strip()
    if text.lower() in ("none", ""):
        return None
    if text.lower() in ("default", "indef"):
        events = job.obs.events
        many = events.grating == "LETG" and events.detector.startswith("HRC-S")
        return [*range(-8, 0), *range(1, 9)] if many else [-1, 1]
    return order_list(text, "tg_orders")


def check_orders(job: Job) -> None:
    """Refuse, before any work, orders that the calibration at hand has no efficiency for.

    Raises
    ------
    ParameterError
        tg_orders is no list of orders, or names one that is not there.
    """
    orders = response_orders(job)
    if orders is None or job.options.caldb:
        return
    from ciaopy.caldb import Ardlib, GratingEfficiency, load, parse_grating

    events = job.obs.events
    value = Ardlib.read().value("GREFF", parse_grating(events.grating))
    efficiency = load("GREFF", value, events.header, grating=events.grating)
    if not isinstance(efficiency, GratingEfficiency):
        return
    missing = [m for m in orders if not all(efficiency.has(m, a.name) for a in arms_of(events.grating))]
    if missing:
        raise ParameterError(
            f"tg_orders={job.options.tg_orders}: no efficiency of order {missing[0]:+d} in {efficiency.source}; "
            "leave it out, or get a CALDB (ciaopy caldb fetch)"
        )


def products(job: Job) -> list[Path]:
    """Return the files that stay, beside those of imaging."""
    if not job.options.process_events:
        return []
    made = [job.file("evt1a.fits"), job.file("repro_pha2.fits")]
    if keeps_mask(job):
        made.append(job.file("tgmask.fits"))
    orders = response_orders(job)
    if orders is None:
        return made
    events = job.obs.events
    arms = arms_of(events.grating)
    spectra = [
        SpectrumId(0, a.part, m, s) for s in sources(job) for a in arms for m in default_orders(a, events.detector)
    ]
    responses = [SpectrumId(0, a.part, m, s) for s in sources(job) for a in arms for m in orders]
    made += [Path(f"{root}{end}") for _, root in names_of(spectra, _root(job)) for end in (".pha", "_bkg.pha")]
    made += [Path(f"{root}{end}") for _, root in names_of(responses, _root(job)) for end in (".arf", ".rmf")]
    return made


def _root(job: Job) -> str:
    """Return the start of the names of spectra and responses."""
    return str(job.out / "tg" / f"{job.root}_repro")


def extract_spectra(job: Job) -> list[Step]:
    """Return the step that extracts the spectra of type II."""
    final, made = job.file("repro_evt2.fits"), job.file("repro_pha2.fits")
    parameters = io(str(final), made, clobber=job.clobber)
    if job.obs.events.instrument == "HRC" and job.obs.events.grating == "LETG":
        parameters["inregion_file"] = "CALDB"
    text = says("Extracting the grating spectra.", f"The spectra are in {made}")
    return [Step("tgextract", parameters, (final,), (made,), text)]


def make_responses(job: Job) -> list[Step]:
    """Return the steps that make effective areas, response matrices and spectra of type I."""
    final, spectra, root = job.file("repro_evt2.fits"), job.file("repro_pha2.fits"), _root(job)
    orders = response_orders(job) or []
    files = [p for p in products(job) if p.parent.name == "tg"]
    areas, matrices = (tuple(p for p in files if p.suffix == s) for s in (".arf", ".rmf"))
    parameters = {
        "infile": str(spectra),
        "evtfile": str(final),
        "outroot": root,
        "orders": ",".join(map(str, orders)),
        "asolfile": f"@{stacked(job.aspect_list)}",
        "bpixfile": str(job.bad_pixels),
        "mskfile": str(job.copy_of(job.obs["msk1"])),
        "clobber": job.clobber,
    }
    if "dtf1" in job.obs:
        parameters["dtffile"] = str(job.copy_of(job.obs["dtf1"]))
    split = {
        "infile": str(spectra),
        "arffile": join(map(str, areas)),
        "rmffile": join(map(str, matrices)),
        "outroot": root,
    }
    reads = (final, spectra, job.aspect_list, job.bad_pixels)
    return [
        Step("make folder", {"folder": str(job.out / "tg")}, action=lambda ws: _make_folder(job.out / "tg")),
        Step(
            "mktgresp", parameters, reads, (*areas, *matrices), says("Creating effective areas and response matrices.")
        ),
        Step(
            "tgsplit",
            {**split, "clobber": job.clobber},
            (spectra, *areas, *matrices),
            tuple(p for p in files if p.suffix == ".pha"),
        ),
    ]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the folder cannot be made ({error.strerror})") from error
