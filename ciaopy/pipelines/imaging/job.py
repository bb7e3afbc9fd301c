"""What fluximage is asked to do for one observation, whole before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.stack import join

if TYPE_CHECKING:
    from ciaopy.engine import Provenance
    from ciaopy.observation import Companions
    from ciaopy.pipelines.imaging.bands import Band
    from ciaopy.pipelines.imaging.grid import SkyGrid
    from ciaopy.pipelines.imaging.inputs import FluxEvents
    from ciaopy.pipelines.imaging.names import Names

__all__ = [
    "Background",
    "FluxJob",
    "FluxOptions",
    "FluxRequest",
    "field_of_view_parameters",
    "files_of",
    "intermediates",
    "products",
]


@dataclass(frozen=True, kw_only=True)
class Background:
    """HRC-I background events: the file, and how they are scaled (`time` or `particle` with a filter)."""

    file: str
    method: str
    filter: str = ""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FluxOptions:
    """What the user decides.

    Attributes
    ----------
    units : {'default', 'area', 'time'}
    cut : str
        Threshold on the exposure map; blank for none.
    psfecf : float or None
        Enclosed fraction of the PSF maps; None for no maps.
    clobber, cleanup : bool
    verbose : int
    """

    units: str
    cut: str
    psfecf: float | None
    clobber: bool
    cleanup: bool
    verbose: int


@dataclass(frozen=True, kw_only=True)
class FluxRequest:
    """Everything that the step list depends on, but for the grid.

    Attributes
    ----------
    events, companions, bands, names
    chips : tuple of int
        That have events in the grid.
    options : FluxOptions
    provenance : Provenance
        For COMMENT and HISTORY.
    work : Path
        Folder for what nobody keeps.
    keeps_field : bool
        The field of view of an earlier run serves.
    background : Background or None
        HRC-I only.
    """

    events: FluxEvents
    companions: Companions
    bands: tuple[Band, ...]
    names: Names
    chips: tuple[int, ...]
    options: FluxOptions
    provenance: Provenance
    work: Path
    keeps_field: bool = False
    background: Background | None = None

    def on(self, grid: SkyGrid) -> FluxJob:
        """Return the job on a grid."""
        return FluxJob(grid=grid, **{f.name: getattr(self, f.name) for f in fields(FluxRequest)})

    @property
    def common(self) -> dict[str, str]:
        """Parameters of every tool."""
        level = {0: 0, 1: 0, 5: 5}.get(self.options.verbose, self.options.verbose - 1)
        return {"clobber": "yes" if self.options.clobber else "no", "verbose": str(level)}

    @property
    def rules(self) -> Path:
        """Table of header rules."""
        return self.work / "header_rules.txt"

    @property
    def ardlib(self) -> Path:
        """Parameter file that names the bad pixels."""
        return self.work / "ardlib.par"

    @property
    def aspect(self) -> str:
        """The aspect solutions as a stack."""
        return join(self.companions.aspect)

    @property
    def method(self) -> str:
        """How the field of view follows the aspect."""
        return "convexhull" if self.companions.content == "ASPSOLOBI" else "minmax"

    @property
    def clips(self) -> bool:
        """Pixels of low exposure are dropped."""
        return bool(self.options.cut)


@dataclass(frozen=True, kw_only=True)
class FluxJob(FluxRequest):
    """Everything that the step list depends on.

    Attributes
    ----------
    grid : SkyGrid
        Others: see `FluxRequest`.
    """

    grid: SkyGrid

    @property
    def resolution(self) -> float:
        """Bin of the aspect histogram, arcsec: half a pixel of the images, and half an arcsec for small ones."""
        pixel = self.grid.binsize * self.events.arcsec
        return 0.5 * pixel if pixel > 1.0 else 0.5


def products(job: FluxRequest) -> list[Path]:
    """Return the files that stay; with cleanup=no all but those of the work folder."""
    names = job.names
    kept = [] if job.keeps_field else [names.fov]
    for band in job.bands:
        kept += [names.counts(band.label, job.clips), names.exposure(band.label, job.clips), names.flux(band.label)]
        if job.options.psfecf is not None:
            kept.append(names.psf(band.label))
    if not job.options.cleanup:
        kept += [p for p in intermediates(job) if p not in kept]
    return kept


def intermediates(job: FluxRequest) -> list[Path]:
    """Return the files that cleanup=yes deletes."""
    names, bands = job.names, [b.label for b in job.bands]
    made = [names.aspect(c) for c in job.chips]
    made += [names.instrument(c, b) for c in job.chips for b in bands]
    made += [names.chip_exposure(c, b) for c in job.chips for b in bands]
    if job.clips:
        made += [p for b in bands for p in (names.counts(b), names.exposure(b))]
    if job.background is not None:
        made.append(names.background_events)
        made += [p for b in bands for p in (names.unsubtracted(b), names.background(b))]
    return made


def files_of(job: FluxRequest) -> list[Path]:
    """Return every file that a run makes under its own name, those that it deletes again too."""
    return list(dict.fromkeys([*products(job), *intermediates(job)]))


def field_of_view_parameters(job: FluxRequest) -> dict[str, str]:
    """Return the parameters of skyfov, output name left out."""
    chips = ",".join(str(c) for c in job.chips)
    return {
        "infile": f"{job.events.name}[{job.events.chip_column}={chips}]",
        "aspect": job.aspect,
        "mskfile": job.companions.mask,
        "kernel": "FITS",
        "method": job.method,
    }
