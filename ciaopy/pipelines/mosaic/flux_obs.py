"""Exposure-corrected mosaics of several observations that share a tangent point."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import Workspace
from ciaopy.engine import Provenance, check_outputs, run_recipe
from ciaopy.errors import UserError
from ciaopy.observation import Companions, GivenFiles, find_all_companions
from ciaopy.pipelines.imaging import (
    Background,
    Band,
    FluxBackend,
    FluxJob,
    FluxRequest,
    Names,
    SkyGrid,
    explicit_grid,
    field_limits,
    files_of,
    fluximage,
    parse_bands,
    products,
    recipe,
)
from ciaopy.pipelines.mosaic.combine import Mosaic, combine_psf
from ciaopy.pipelines.mosaic.fov import union_of_fields
from ciaopy.pipelines.mosaic.grid import (
    Memory,
    available_memory,
    common_grid,
    inside_grid,
    pixel_for,
    user_grid,
)
from ciaopy.pipelines.mosaic.inputs import SAME_POINT, MosaicInput, find_members
from ciaopy.pipelines.mosaic.reproject_obs import for_each, list_products, output_targets
from ciaopy.sphere import separation
from ciaopy.stack import join
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.param import ParameterSet

# The limits of a field of view are moved outwards to edges at multiples of this, sky pixels.
FIELD_STEP = 1e-3


@dataclass(frozen=True, kw_only=True)
class MosaicFiles:
    """The files of a mosaic.

    Attributes
    ----------
    counts, exposure, flux, psf : dict of str to Path
        Band to file.
    fov : Path
    """

    counts: dict[str, Path]
    exposure: dict[str, Path]
    flux: dict[str, Path]
    psf: dict[str, Path]
    fov: Path

    @classmethod
    def of(cls, request: FluxRequest, start: str) -> MosaicFiles:
        """Return the names: `request` is that of any observation, `start` what all names begin with."""
        names, bands, clips = Names(start, "", "merged", request.clips), [b.label for b in request.bands], request.clips
        return cls(
            counts={b: names.counts(b, clips) for b in bands},
            exposure={b: names.exposure(b, clips) for b in bands},
            flux={b: names.flux(b) for b in bands},
            psf={b: names.psf(b) for b in bands} if request.options.psfecf is not None else {},
            fov=Path(f"{start}merged.fov"),
        )

    @property
    def products(self) -> list[Path]:
        """All files, in order."""
        bands = [p for kind in (self.counts, self.exposure, self.flux, self.psf) for p in kind.values()]
        return [*bands, self.fov]


@dataclass(frozen=True, kw_only=True)
class MosaicResult(MosaicFiles):
    """What a run made.

    Attributes
    ----------
    members : list of MosaicInput
        Observations used, in order.
    grid : SkyGrid
    memory : Memory
        As stated before the run; it does not depend on the number of observations.
    single : dict of str to list of Path
        Products of each observation, by label. The mosaic's own files: see `MosaicFiles`.
    """

    members: list[MosaicInput]
    grid: SkyGrid
    memory: Memory
    single: dict[str, list[Path]]

    @property
    def products(self) -> list[Path]:
        """All files, the mosaic's first."""
        return [*super().products, *(p for paths in self.single.values() for p in paths)]


def run(par: ParameterSet, ws: Workspace) -> MosaicResult:
    """Run flux_obs.

    Raises
    ------
    UserError, DataError
        No usable observations, missing files, parameters out of range, products that exist.
    """
    ws.console.say(f"Running flux_obs (ciaopy {__version__})")
    check_parameters(par)
    with output_targets(par["outroot"]) as targets:
        members = find_members(par["infiles"], ws.console, ws)
        check_grid_and_bands(par, members, ws)
        companions = find_all_companions([m.events for m in members], given_files(par), ws.console, ws)
        return make_mosaic(par, ws, members, companions, targets.start)


def check_parameters(par: ParameterSet) -> None:
    """Check what needs no file.

    Raises
    ------
    UserError
    """
    if not par["infiles"].strip():
        raise UserError("infiles is empty; give event files or folders of observations")
    if not par["bands"].strip():
        raise UserError("bands is empty; give names (broad, csc, ...), ranges lo:hi:effective in keV, or weights files")
    fluximage.check_psfecf(par)
    width = par["binsize"]
    if width is not None and not width > 0:
        raise UserError(f"binsize={width:g}: the size of a pixel must be above 0")
    fluximage.exposure_cut(par["expmapthresh"])
    fluximage.temporary_folder(par)


def check_grid_and_bands(par: ParameterSet, members: Sequence[MosaicInput], ws: Workspace) -> tuple[Band, ...]:
    """Return the bands, before any work; a grid given by the user is looked at too.

    Raises
    ------
    UserError
    """
    if par["xygrid"].strip():
        explicit_grid(par["xygrid"], ws)
    return parse_bands(par["bands"], members[0].events.instrument)


def given_files(par: ParameterSet) -> GivenFiles:
    """Return the lists of companion files."""
    return GivenFiles(
        aspect=par["asolfiles"], bad_pixels=par["badpixfiles"], mask=par["maskfiles"], dead_time=par["dtffiles"]
    )


def make_mosaic(
    par: ParameterSet, ws: Workspace, members: list[MosaicInput], companions: list[Companions], start: str
) -> MosaicResult:
    """Make the images of every observation on one grid, and their sums."""
    console = ws.console
    warn_of_tangent_points(members, console)
    bands = parse_bands(par["bands"], members[0].events.instrument)
    for band in bands:
        console.say(f"{members[0].events.instrument} {band.describe}")
    with tempfile.TemporaryDirectory(prefix=f"ciaopy-{par.tool}-", dir=fluximage.temporary_folder(par)) as scratch:
        requests = make_requests(par, members, companions, bands, start, Path(scratch))
        requests = with_backgrounds(par, requests, console)
        for request in requests:
            request.work.mkdir()
        jobs = on_grid(par, requests, ws)
        memory = Memory.of(max(jobs, key=lambda job: len(job.chips)), min(ws.nproc, len(jobs)))
        memory = memory.fitted(available_memory())
        sums = MosaicFiles.of(jobs[0], start)
        check_mosaic(sums.products, jobs, par["clobber"])
        tell_plan(jobs[0].grid, memory, console)
        by_label = {job.names.obsid: job for job in jobs}
        used = [m for m in members if m.label in by_label]
        for_each(lambda m, own: run_one(by_label[m.label], own), used, ws, memory.workers)
        combine(par, ws, sums, jobs, Path(scratch))
    single = {job.names.obsid: [p for p in products(job) if p.exists()] for job in jobs}
    result = MosaicResult(members=used, grid=jobs[0].grid, memory=memory, single=single, **vars(sums))
    list_products(result.products, console)
    return result


def warn_of_tangent_points(members: Sequence[MosaicInput], console: Console) -> None:
    """Say that images of different tangent points do not fit on each other."""
    first = members[0]
    apart = [m.label for m in members if separation(*m.point, *first.point) > SAME_POINT]
    if apart:
        console.warn(
            f"ObsID {', '.join(apart)}: another tangent point than that of {first.label}; "
            "the images do not fit on one another; run reproject_obs first, or merge_obs"
        )


def make_requests(
    par: ParameterSet,
    members: Sequence[MosaicInput],
    companions: Sequence[Companions],
    bands: tuple[Band, ...],
    start: str,
    work: Path,
) -> list[FluxRequest]:
    """Return what fluximage would do for every observation; the grid comes later."""
    options = replace(fluximage.flux_options(par), clobber=True)
    program = f"{par.tool} (ciaopy {__version__})"
    return [
        FluxRequest(
            events=member.events,
            companions=files,
            bands=bands,
            names=Names(start, f"{member.label}_", member.label, bool(options.cut)),
            chips=member.events.chips,
            options=options,
            provenance=Provenance(program=program, parameters=_recorded(par, member, files, start)),
            work=work / member.label,
        )
        for member, files in zip(members, companions, strict=True)
    ]


def _recorded(par: ParameterSet, member: MosaicInput, files: Companions, start: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of fluximage that make the images of one observation, for HISTORY."""
    own = {"infile": member.name, "outroot": f"{start}{member.label}", "asolfile": join(files.aspect)}
    own |= {"badpixfile": files.bad_pixels, "maskfile": files.mask, "dtffile": files.dead_time}
    shared = (
        "bands", "xygrid", "binsize", "units", "expmapthresh", "background", "bkgparams", "psfecf", "random",
        "parallel", "nproc", "tmpdir", "cleanup", "clobber", "verbose",
    )  # fmt: skip
    return (*own.items(), *((name, par.text(name)) for name in shared))


def with_backgrounds(par: ParameterSet, requests: list[FluxRequest], console: Console) -> list[FluxRequest]:
    """Return the requests with their HRC-I backgrounds; those without one are dropped where others have one."""
    found: list[Background | None] = [fluximage.background_for(par, job.events, console) for job in requests]
    if not any(found):
        return requests
    for job, background in zip(requests, found, strict=True):
        if background is None:
            console.say(f"Skipping ObsID {job.names.obsid}: there is no background file for it")
    pairs = zip(requests, found, strict=True)
    return [replace(job, background=background) for job, background in pairs if background is not None]


def on_grid(par: ParameterSet, requests: list[FluxRequest], ws: Workspace) -> list[FluxJob]:
    """Return the jobs on their common grid, those outside a grid given by the user left out."""
    if par["xygrid"].strip():
        grid = user_grid(par["xygrid"], ws)
        chips = inside_grid({job.names.obsid: job.events for job in requests}, grid, ws)
        return [replace(r, chips=chips[r.names.obsid]).on(grid) for r in requests if r.names.obsid in chips]
    limits = [field_limits(request, FIELD_STEP, ws) for request in requests]
    width = par["binsize"] or fluximage.DEFAULT_BINSIZE[requests[0].events.instrument]
    if par["maxsize"] is not None:
        width = pixel_for(limits, par["maxsize"])
        ws.console.say(f"maxsize={par['maxsize']}: pixels of {width:g} sky pixels")
        if width < 1:
            ws.console.warn(f"the pixels of the mosaic ({width:g}) are smaller than those of SKY")
    grid = common_grid(limits, float(width))
    return [request.on(grid) for request in requests]


def all_names(request: FluxRequest, start: str) -> list[Path]:
    """Return the names of the mosaic's files, those of PSF maps that nobody asked for too."""
    everything = replace(request, options=replace(request.options, psfecf=request.options.psfecf or 1.0))
    return MosaicFiles.of(everything, start).products


def check_mosaic(paths: Sequence[Path], jobs: Sequence[FluxRequest], clobber: bool) -> None:
    """Refuse, before any work, to replace inputs, and files without clobber: `paths`, and those of every observation.

    Raises
    ------
    UserError, OutputExistsError
    """
    own = [p for job in jobs for p in files_of(job)]
    check_outputs([*paths, *own], clobber, inputs=[Path(job.events.plain) for job in jobs])


def tell_plan(grid: SkyGrid, memory: Memory, console: Console) -> None:
    """Say what size the images will have, and what memory that takes."""
    console.say(f"\nThe images will have {grid.x.count} by {grid.y.count} pixels")
    console.say(f"  {grid.binning}")
    console.say(f"  memory: {memory.describe}")
    console.say("")


def run_one(job: FluxJob, ws: Workspace) -> None:
    """Make the images of one observation."""
    run_recipe(recipe(job), FluxBackend(ws, job), ws.console, job.options.cleanup)


def combine(par: ParameterSet, ws: Workspace, result: MosaicFiles, jobs: Sequence[FluxJob], work: Path) -> None:
    """Sum the images of all observations, band by band, in order of the observations."""
    clips = jobs[0].clips
    ws.console.say(f"Combining {len(jobs)} observation{'s' if len(jobs) > 1 else ''}")
    mosaic = Mosaic(par, ws)
    for band in result.counts:
        maps = [job.names.exposure(band, clips) for job in jobs]
        mosaic.counts([job.names.counts(band, clips) for job in jobs], result.counts[band])
        mosaic.exposure(maps, result.exposure[band])
        mosaic.flux(result.counts[band], result.exposure[band], result.flux[band])
        if band in result.psf:
            psf = [job.names.psf(band) for job in jobs]
            combine_psf(mosaic, psf, maps, result.psf[band], par["psfmerge"], work)
    union_of_fields([job.names.fov for job in jobs], result.fov, ws, par)
