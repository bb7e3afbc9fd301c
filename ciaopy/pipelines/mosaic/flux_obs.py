"""Exposure-corrected mosaics of several observations that share a tangent point."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import Workspace
from ciaopy.engine import check_outputs, run_recipe
from ciaopy.errors import UserError
from ciaopy.observation import Companions, GivenFiles, find_all_companions
from ciaopy.pipelines.imaging import (
    AxisRange,
    Background,
    Band,
    FluxBackend,
    FluxJob,
    Names,
    SkyGrid,
    explicit_grid,
    files_of,
    fluximage,
    parse_bands,
    products,
    recipe,
)
from ciaopy.pipelines.mosaic.combine import Mosaic, combine_psf
from ciaopy.pipelines.mosaic.fov import union_of_fields
from ciaopy.pipelines.mosaic.grid import (
    Limits,
    Memory,
    available_memory,
    common_grid,
    field_limits,
    inside_grid,
    pixel_for,
    user_grid,
)
from ciaopy.pipelines.mosaic.inputs import SAME_POINT, Member, find_members, separation
from ciaopy.pipelines.mosaic.reproject_obs import for_each, list_products, output_targets
from ciaopy.stack import join
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.param import ParameterSet

# Stands in until the grid of all observations is known.
_NO_GRID = SkyGrid.automatic(AxisRange(0, 1, 1, 1), AxisRange(0, 1, 1, 1))


@dataclass
class MosaicResult:
    """What a run made.

    Attributes
    ----------
    members : list of Member
        Observations used, in order.
    grid : SkyGrid
    memory : Memory
        As stated before the run; it does not depend on the number of observations.
    counts, exposure, flux, psf : dict of str to Path
        Band to file, of the mosaic.
    fov : Path
    single : dict of str to list of Path
        Products of each observation, by label.
    """

    members: list[Member]
    grid: SkyGrid
    memory: Memory
    counts: dict[str, Path] = field(default_factory=dict)
    exposure: dict[str, Path] = field(default_factory=dict)
    flux: dict[str, Path] = field(default_factory=dict)
    psf: dict[str, Path] = field(default_factory=dict)
    fov: Path = field(default_factory=Path)
    single: dict[str, list[Path]] = field(default_factory=dict)

    @property
    def products(self) -> list[Path]:
        """All files, the mosaic's first."""
        bands = [p for kind in (self.counts, self.exposure, self.flux, self.psf) for p in kind.values()]
        return [*bands, self.fov, *(p for paths in self.single.values() for p in paths)]


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
    psfecf = par["psfecf"]
    if psfecf is not None and not 0 < psfecf <= 1:
        raise UserError(f"psfecf={psfecf:g}: a fraction above 0 and up to 1 is needed, or INDEF for no map")
    width = par["binsize"]
    if width is not None and not width > 0:
        raise UserError(f"binsize={width:g}: the size of a pixel must be above 0")
    fluximage.exposure_cut(par["expmapthresh"])
    fluximage.temporary_folder(par)


def check_grid_and_bands(par: ParameterSet, members: Sequence[Member], ws: Workspace) -> tuple[Band, ...]:
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
    par: ParameterSet, ws: Workspace, members: list[Member], companions: list[Companions], start: str
) -> MosaicResult:
    """Make the images of every observation on one grid, and their sums."""
    console = ws.console
    warn_of_tangent_points(members, console)
    bands = parse_bands(par["bands"], members[0].events.instrument)
    for band in bands:
        console.say(f"{members[0].events.instrument} {band.describe}")
    with tempfile.TemporaryDirectory(prefix=f"ciaopy-{par.tool}-", dir=fluximage.temporary_folder(par)) as scratch:
        jobs = make_jobs(par, members, companions, bands, start, Path(scratch))
        jobs = with_backgrounds(par, jobs, console)
        for job in jobs:
            job.work.mkdir()
        jobs = on_grid(par, jobs, ws)
        result = expected_result(jobs, min(ws.nproc, len(jobs)), start)
        check_mosaic(result.products, jobs, par["clobber"])
        tell_plan(result, console)
        by_label = {job.names.obsid: job for job in jobs}
        used = [m for m in members if m.label in by_label]
        result.members = used
        for_each(lambda m, own: run_one(by_label[m.label], own), used, ws, result.memory.workers)
        combine(par, ws, result, jobs, Path(scratch))
    result.single = {job.names.obsid: [p for p in products(job) if p.exists()] for job in jobs}
    list_products(result.products, console)
    return result


def warn_of_tangent_points(members: Sequence[Member], console: Console) -> None:
    """Say that images of different tangent points do not fit on each other."""
    first = members[0]
    apart = [m.label for m in members if separation(m.point, first.point) > SAME_POINT]
    if apart:
        console.warn(
            f"ObsID {', '.join(apart)}: another tangent point than that of {first.label}; "
            "the images do not fit on one another; run reproject_obs first, or merge_obs"
        )


def make_jobs(
    par: ParameterSet,
    members: Sequence[Member],
    companions: Sequence[Companions],
    bands: tuple[Band, ...],
    start: str,
    work: Path,
) -> list[FluxJob]:
    """Return what fluximage would do for every observation; the grid comes later."""
    cut = fluximage.exposure_cut(par["expmapthresh"])
    jobs = []
    for member, files in zip(members, companions, strict=True):
        jobs.append(
            FluxJob(
                member.events,
                files,
                bands,
                _NO_GRID,
                Names(start, f"{member.label}_", member.label, bool(cut)),
                member.events.chips,
                par["units"],
                cut,
                par["psfecf"],
                work / member.label,
                True,
                par["cleanup"],
                par["verbose"],
                f"{par.tool} (ciaopy {__version__})",
                _recorded(par, member, files, start),
            )
        )
    return jobs


def _recorded(par: ParameterSet, member: Member, files: Companions, start: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of fluximage that make the images of one observation, for HISTORY."""
    own = {"infile": member.name, "outroot": f"{start}{member.label}", "asolfile": join(files.aspect)}
    own |= {"badpixfile": files.bad_pixels, "maskfile": files.mask, "dtffile": files.dead_time}
    shared = (
        "bands", "xygrid", "binsize", "units", "expmapthresh", "background", "bkgparams", "psfecf", "random",
        "parallel", "nproc", "tmpdir", "cleanup", "clobber", "verbose",
    )  # fmt: skip
    return (*own.items(), *((name, par.text(name)) for name in shared))


def with_backgrounds(par: ParameterSet, jobs: list[FluxJob], console: Console) -> list[FluxJob]:
    """Return the jobs with their HRC-I backgrounds; those without one are dropped where others have one."""
    found: list[Background | None] = [fluximage.background_for(par, job.events, console) for job in jobs]
    if not any(found):
        return jobs
    for job, background in zip(jobs, found, strict=True):
        if background is None:
            console.say(f"Skipping ObsID {job.names.obsid}: there is no background file for it")
    pairs = zip(jobs, found, strict=True)
    return [replace(job, background=background) for job, background in pairs if background is not None]


def on_grid(par: ParameterSet, jobs: list[FluxJob], ws: Workspace) -> list[FluxJob]:
    """Return the jobs on their common grid, those outside a grid given by the user left out."""
    if par["xygrid"].strip():
        grid = user_grid(par["xygrid"], ws)
        chips = inside_grid({job.names.obsid: job.events for job in jobs}, grid, ws)
        return [replace(job, grid=grid, chips=chips[job.names.obsid]) for job in jobs if job.names.obsid in chips]
    limits: list[Limits] = [field_limits(job, ws) for job in jobs]
    width = par["binsize"] or fluximage.DEFAULT_BINSIZE[jobs[0].events.instrument]
    if par["maxsize"] is not None:
        width = pixel_for(limits, par["maxsize"])
        ws.console.say(f"maxsize={par['maxsize']}: pixels of {width:g} sky pixels")
        if width < 1:
            ws.console.warn(f"the pixels of the mosaic ({width:g}) are smaller than those of SKY")
    grid = common_grid(limits, float(width))
    return [replace(job, grid=grid) for job in jobs]


def expected_result(jobs: Sequence[FluxJob], workers: int, start: str) -> MosaicResult:
    """Return the names of the products and the memory that will be needed.

    Raises
    ------
    UserError
        There is not enough memory for a single observation.
    """
    first = jobs[0]
    largest = max(jobs, key=lambda job: len(job.chips))
    memory = Memory.of(largest, workers).fitted(available_memory())
    result = MosaicResult([], first.grid, memory)
    names = Names(start, "", "merged", first.clips)
    result.fov = merged_fov(start)
    for band in (b.label for b in first.bands):
        result.counts[band], result.exposure[band] = names.counts(band, first.clips), names.exposure(band, first.clips)
        result.flux[band] = names.flux(band)
        if first.psfecf is not None:
            result.psf[band] = names.psf(band)
    return result


def merged_fov(start: str) -> Path:
    """Return the name of the field of view of all."""
    return Path(f"{start}merged.fov")


def named_products(job: FluxJob, start: str) -> list[Path]:
    """Return the names of the mosaic's files, those that clipping leaves out too."""
    names = Names(start, "", "merged", job.clips)
    found = [merged_fov(start)]
    for band in (b.label for b in job.bands):
        found += [names.counts(band, job.clips), names.exposure(band, job.clips), names.flux(band), names.psf(band)]
    return found


def check_mosaic(paths: Sequence[Path], jobs: Sequence[FluxJob], clobber: bool) -> None:
    """Refuse, before any work, to replace inputs, and files without clobber: `paths`, and those of every observation.

    Raises
    ------
    UserError, OutputExistsError
    """
    own = [p for job in jobs for p in files_of(job)]
    check_outputs([*paths, *own], clobber, inputs=[Path(job.events.plain) for job in jobs])


def tell_plan(result: MosaicResult, console: Console) -> None:
    """Say what size the images will have, and what memory that takes."""
    grid = result.grid
    console.say(f"\nThe images will have {grid.x.count} by {grid.y.count} pixels")
    console.say(f"  {grid.binning}")
    console.say(f"  memory: {result.memory.describe}")
    console.say("")


def run_one(job: FluxJob, ws: Workspace) -> None:
    """Make the images of one observation."""
    run_recipe(recipe(job), FluxBackend(ws), ws.console, job.cleanup)


def combine(par: ParameterSet, ws: Workspace, result: MosaicResult, jobs: Sequence[FluxJob], work: Path) -> None:
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
