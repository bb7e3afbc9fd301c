"""Make counts images, exposure maps and exposure-corrected images of one observation."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.engine import (
    NATIVE,
    Backend,
    Provenance,
    Recipe,
    RunOptions,
    Timing,
    check_outputs,
    choose_backend,
    make_folder,
    recorded_parameters,
    run_recipe,
)
from ciaopy.errors import NoDataError, UserError
from ciaopy.observation import GivenFiles, find_companions
from ciaopy.pipelines.imaging.bands import CSC, parse_bands
from ciaopy.pipelines.imaging.field import field_limits, field_stands
from ciaopy.pipelines.imaging.grid import AxisRange, SkyGrid, explicit_grid
from ciaopy.pipelines.imaging.inputs import FluxEvents, find_events, open_events
from ciaopy.pipelines.imaging.job import (
    Background,
    FluxJob,
    FluxOptions,
    FluxRequest,
    files_of,
    intermediates,
)
from ciaopy.pipelines.imaging.names import Names, split_outroot
from ciaopy.pipelines.imaging.object_frame import aspect_of_frame, check_aspect, in_object_frame
from ciaopy.pipelines.imaging.steps import recipe
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.param import ParameterSet

PROGRAM = f"fluximage (ciaopy {__version__})"
#: Values of expmapthresh that drop no pixel.
NO_CUT = ("", "none", "0", "0%", ":")
DEFAULT_BINSIZE = {"ACIS": 8.0, "HRC": 32.0}
_RECORDED = (
    "infile", "outroot", "bands", "xygrid", "binsize", "asolfile", "badpixfile", "maskfile", "dtffile", "units",
    "expmapthresh", "background", "bkgparams", "psfecf", "random", "parallel", "nproc", "tmpdir", "cleanup", "clobber",
    "verbose",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run made.

    Attributes
    ----------
    counts, exposure, flux, psf : dict of str to Path
        Band to file: the clipped versions where pixels of low exposure are dropped.
    fov : Path
        Field of view.
    others : list of Path
        Intermediates that stay (cleanup=no).
    previews : list of Path
        Pictures.
    timings : list of Timing
        Seconds per step.
    """

    counts: dict[str, Path]
    exposure: dict[str, Path]
    flux: dict[str, Path]
    psf: dict[str, Path]
    fov: Path
    others: list[Path]
    previews: list[Path]
    timings: list[Timing]

    @property
    def products(self) -> list[Path]:
        """All files, in order."""
        bands = [p for kind in (self.counts, self.exposure, self.flux, self.psf) for p in kind.values()]
        return [*bands, self.fov, *self.others, *self.previews]

    def __repr__(self) -> str:
        return "fluximage made:\n" + "\n".join(f"  {p}" for p in self.products)


def run(par: ParameterSet, ws: Workspace, options: RunOptions | None = None) -> Result:
    """Run fluximage.

    Raises
    ------
    UserError, DataError
        Parameters or files are not as they should be.
    NoDataError
        No event or no sky is left.
    """
    options = options or RunOptions()
    console = ws.console
    console.say(f"Running {PROGRAM}", 1)
    folder = temporary_folder(par) if _early(par) else None
    with tempfile.TemporaryDirectory(prefix="ciaopy-fluximage-", dir=folder) as work, closing(ws):
        job = _job(par, ws, Path(work), make=True)
        steps = recipe(job)
        pictures = _pictures(job) if par["preview"] else {}
        check_outputs([*files_of(job), *pictures], job.options.clobber)
        console.say("", 1)
        workers = ws.nproc
        console.say(f"Running with {workers} processors" if workers > 1 else "Running on one processor", 1)
        timings = run_recipe(steps, _backend(par, options, ws, job), console, job.options.cleanup)
    previews: list[Path] = []
    if pictures:
        from ciaopy.plots import write_previews

        flux = {b.label: job.names.flux(b.label) for b in job.bands}
        previews = write_previews(pictures, flux, Workspace(console, workers), job.options.clobber)
    result = _result(job, previews, timings)
    _tell_products(job, result, console)
    return result


def plan(par: ParameterSet, ws: Workspace) -> list[Recipe]:
    """Return the steps; nothing is made.

    Raises
    ------
    UserError, DataError, NoDataError
        As `run`, before any work.
    """
    ws.console.say(f"Running {PROGRAM}", 1)
    folder = temporary_folder(par) if _early(par) else None
    with tempfile.TemporaryDirectory(prefix="ciaopy-fluximage-", dir=folder) as work, closing(ws):
        return [recipe(_job(par, ws, Path(work), make=False))]


def _early(par: ParameterSet) -> bool:
    """Check what needs no file, first things first: names before places."""
    if not par["infile"].strip():
        raise UserError("infile is empty; give an event file or the folder of an observation")
    if not par["bands"].strip():
        raise UserError("bands is empty; give names (broad, csc, ...), ranges lo:hi:effective in keV, or weights files")
    return True


def temporary_folder(par: ParameterSet) -> Path:
    """Return the folder of temporary files.

    Raises
    ------
    UserError
        It is no folder.
    """
    text = os.path.expandvars(par["tmpdir"].strip())
    if not text or text.startswith("$"):
        text = tempfile.gettempdir()
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise UserError(f"tmpdir={folder}: no such folder; create it or name another")
    if not os.access(folder, os.W_OK):
        raise UserError(f"tmpdir={folder}: cannot write there; name another folder")
    return folder


def _job(par: ParameterSet, ws: Workspace, work: Path, make: bool) -> FluxJob:
    """Read and check everything, in the order of the parameters; make the output folder if `make`."""
    console = ws.console
    name = find_events(par["infile"], console, ws)
    ws.keep_constant(name)
    folder, head = split_outroot(par["outroot"])
    events = open_events(name, console, ws)
    bands = parse_bands(par["bands"], events.instrument)
    for band in bands:
        console.say(f"{events.instrument} {band.describe}", 1)
    grid = _explicit(par, events, ws)
    frame = par["frame"]
    aspect = aspect_of_frame(events, par["asolfile"], frame)
    check_aspect(aspect, frame, events, ws)
    given = GivenFiles(aspect=aspect, bad_pixels=par["badpixfile"], mask=par["maskfile"], dead_time=par["dtffile"])
    files = find_companions(events, given, console, ws)
    if frame == "object":
        _check_object(par)
        events = in_object_frame(events, work, ws)
    cut = exposure_cut(par["expmapthresh"])
    check_psfecf(par)
    if make:
        make_folder(Path(folder or "."))
    background = background_for(par, events, console)
    chips = events.chips_inside(grid.filter, ws) if grid is not None else events.chips
    if not chips:
        assert grid is not None
        raise NoDataError(f"{name}: no events inside xygrid: x={grid.x.text}, y={grid.y.text}")
    request = FluxRequest(
        events=events,
        companions=files,
        bands=bands,
        names=Names(folder, head, str(events.id), bool(cut)),
        chips=chips,
        options=flux_options(par),
        provenance=Provenance(program=PROGRAM, parameters=_recorded(par, events, grid is not None)),
        work=work,
        background=background,
    )
    if not par["clobber"] and field_stands(request, ws):
        console.say(f"The field of view is there already and is kept: {request.names.fov}", 1)
        request = replace(request, keeps_field=True)
    check_outputs(files_of(request), par["clobber"])
    job = request.on(grid or _automatic(request, par, ws))
    _tell_grid(job, console)
    return job


def _check_object(par: ParameterSet) -> None:
    """Refuse what does not go with the frame of a moving object.

    Raises
    ------
    UserError
    """
    if par["psfecf"] is not None:
        raise UserError("frame=object: no PSF map: an object's place on the detector changes; set psfecf=INDEF")
    if par["tools"] != NATIVE:
        raise UserError("frame=object: CIAO's asphist does not take an aspect in an object's frame; set tools=native")


def _explicit(par: ParameterSet, events: FluxEvents, ws: Workspace) -> SkyGrid | None:
    """Return the grid of xygrid; None where the field of view decides."""
    if not par["xygrid"].strip():
        _binsize(par, events.instrument)
        return None
    grid = explicit_grid(par["xygrid"], ws)
    if grid.x.width != grid.y.width:
        ws.console.warn(f"xygrid={par['xygrid']}: the pixels are not square: {grid.x.width:g} by {grid.y.width:g}")
    if grid.partial:
        ws.console.warn(
            f"xygrid={par['xygrid']}: no whole number of pixels fits along {grid.partial}; "
            "the last ones are cut, and their flux is too low"
        )
    return grid


def _binsize(par: ParameterSet, instrument: str) -> float:
    width = par["binsize"]
    if width is None:
        return DEFAULT_BINSIZE[instrument]
    if not width > 0:
        raise UserError(f"binsize={width:g}: the size of a pixel must be above 0")
    return float(width)


def check_psfecf(par: ParameterSet) -> None:
    """Check the enclosed fraction of the PSF maps.

    Raises
    ------
    UserError
        It is no fraction.
    """
    psfecf = par["psfecf"]
    if psfecf is not None and not 0 < psfecf <= 1:
        raise UserError(f"psfecf={psfecf:g}: a fraction above 0 and up to 1 is needed, or INDEF for no map")


def flux_options(par: ParameterSet) -> FluxOptions:
    """Return what the parameters of fluximage, or of a mosaic, decide.

    Raises
    ------
    UserError
        expmapthresh cannot be understood.
    """
    return FluxOptions(
        units=par["units"],
        cut=exposure_cut(par["expmapthresh"]),
        psfecf=par["psfecf"],
        clobber=par["clobber"],
        cleanup=par["cleanup"],
        verbose=par["verbose"],
    )


def exposure_cut(text: str) -> str:
    """Return the threshold as dmimgthresh takes it, blank for none."""
    from ciaopy.analysis import parse_cut

    plain = text.strip()
    if plain.lower() in NO_CUT:
        return ""
    parse_cut(plain)
    return plain


def background_for(par: ParameterSet, events: FluxEvents, console: Console) -> Background | None:
    """Return the HRC-I background to take off, None where there is none or nobody wants it.

    Raises
    ------
    UserError
        `bkgparams` is no filter.
    """
    if events.detector != "HRC-I" or par["background"] == "none":
        return None
    method = "time" if par["background"] == "default" else par["background"]
    chosen = par["bkgparams"].strip()
    if method == "particle" and chosen and not (chosen.startswith("[") and chosen.endswith("]")):
        raise UserError(f"bkgparams={chosen}: expected a filter in brackets, as [pi=300:500], or nothing")
    from ciaopy.pipelines.imaging.background import locate

    file = locate(events, console)
    return (
        None
        if file is None
        else Background(file=file, method=method, filter=chosen if method == "particle" else "", seed=par["random"])
    )


def _automatic(request: FluxRequest, par: ParameterSet, ws: Workspace) -> SkyGrid:
    """Return the grid that holds the dithered chips, or the part of them that the filters of the events leave."""
    width = _binsize(par, request.events.instrument)
    if request.companions.mask == "NONE":
        ws.console.warn("no mask file: the images may be larger than needed")
    x, y = field_limits(request, width, ws)
    return SkyGrid.automatic(AxisRange.around(*x, width), AxisRange.around(*y, width))


def _tell_grid(job: FluxJob, console: Console) -> None:
    grid = job.grid
    size = f"{grid.x.count} by {grid.y.count} pixels"
    if not grid.explicit:
        size += f" of {grid.binsize * job.events.arcsec:.3f} arcsec"
    console.say(f"\nThe images will have {size}", 1)
    console.say(f"  {grid.binning}", 1)


def _recorded(par: ParameterSet, events: FluxEvents, explicit: bool) -> tuple[tuple[str, str], ...]:
    """Return the parameters for HISTORY as the user gave them."""
    effective = {}
    if explicit:
        effective["binsize"] = "INDEF"
    if not par["parallel"]:
        effective["nproc"] = "INDEF"
    if events.instrument == "ACIS":
        effective["dtffile"] = ""
    names = _RECORDED if par["frame"] == "sky" else (*_RECORDED, "frame")
    return recorded_parameters(par, names, **effective)


def _backend(par: ParameterSet, options: RunOptions, ws: Workspace, job: FluxJob) -> Backend:
    from ciaopy.pipelines.imaging.native import FluxBackend

    return choose_backend(par["tools"], ws, options.roots, lambda own: FluxBackend(own, job))


def _pictures(job: FluxJob) -> dict[Path, tuple[str, ...]]:
    """Return the pictures to make and the bands that each shows."""
    labels = [b.label for b in job.bands]
    wanted: dict[Path, tuple[str, ...]] = {job.names.preview(f"{b}_flux"): (b,) for b in labels}
    if set(CSC) <= set(labels):
        wanted[job.names.preview("csc_flux")] = CSC
    return wanted


def _result(job: FluxJob, previews: list[Path], timings: list[Timing]) -> Result:
    names, labels, clips = job.names, [b.label for b in job.bands], job.clips
    return Result(
        counts={b: names.counts(b, clips) for b in labels},
        exposure={b: names.exposure(b, clips) for b in labels},
        flux={b: names.flux(b) for b in labels},
        psf={b: names.psf(b) for b in labels} if job.options.psfecf is not None else {},
        fov=names.fov,
        others=[] if job.options.cleanup else intermediates(job),
        previews=previews,
        timings=timings,
    )


def _tell_products(job: FluxJob, result: Result, console: Console) -> None:
    """List the files, kind by kind."""
    clipped = "clipped " if job.clips else ""
    kinds: list[tuple[str, list[Path]]] = [
        (f"{clipped}counts image", list(result.counts.values())),
        ("field-of-view file", [result.fov]),
        (f"{clipped}exposure map", list(result.exposure.values())),
        ("PSF map", list(result.psf.values())),
        ("exposure-corrected image", list(result.flux.values())),
        ("intermediate file", result.others),
        ("picture", result.previews),
    ]
    for name, paths in kinds:
        if paths:
            console.say(f"\nThe {name}{' is' if len(paths) == 1 else 's are'}:", 1)
            for path in paths:
                console.say(f"     {path}", 1)
