"""The native back end of fluximage: bands share the geometry of a chip, finished files leave the memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.datamodel.syntax import file_of
from ciaopy.engine import NativeBackend, Recipe, Step, bind, load_tool
from ciaopy.param import ParameterSet
from ciaopy.pipelines.imaging.job import FluxJob

if TYPE_CHECKING:
    from ciaopy.exposure import InstrumentMap

__all__ = ["FluxBackend", "make_exposure_maps"]


class FluxBackend(NativeBackend):
    """Runs the steps of fluximage in this process.

    The first exposure map of a chip makes those of all its bands, because the way from sky to chip is the same; the
    steps of the further bands find their files made. What instrument maps are made of goes from step to step, too.

    Parameters
    ----------
    workspace : Workspace
    job : FluxJob
        Its event file is opened once, its aspect solutions, bad pixels and mask are read once.
    """

    def __init__(self, workspace: Workspace, job: FluxJob) -> None:
        super().__init__(workspace, keep=False)
        files = job.companions
        names = (*files.aspect, files.bad_pixels, files.mask, files.dead_time)
        self._shared = tuple(dict.fromkeys(file_of(n) for n in names if n not in ("NONE", "CALDB")))
        self._events = job.events.plain
        self._maps: list[Step] = []
        self._done: set[Path] = set()
        self._instruments: dict[Path, InstrumentMap] = {}

    def prepare(self, recipe: Recipe) -> None:
        """Keep all images in memory until their last use."""
        super().prepare(recipe)
        self.workspace.keep_constant(self._events, *self._shared)
        for name in self._shared:
            if self.workspace.in_memory(name) is None:
                self.workspace.hold(name, self.workspace.dataset(name))
        for step in recipe.steps:
            if step.tool == "skyfov":
                for path in step.makes:
                    self.workspace.keep_in_memory(path)
        self._maps = [s for s in recipe.steps if s.tool == "mkexpmap"]

    def run(self, step: Step, console: Console) -> None:
        """Run one step, unless an earlier one did its work."""
        if step.tool == "mkexpmap":
            self._exposure(step, console)
        elif step.tool == "mkinstmap":
            made = load_tool(step.tool).run(bind(step.tool, step.parameters), self.workspace.for_step(console))
            self._instruments[step.makes[0]] = made
        else:
            super().run(step, console)

    def _exposure(self, step: Step, console: Console) -> None:
        """Make the exposure maps of a chip in all bands, where that is not done."""
        if step.makes[0] in self._done:
            return
        common = ("asphistfile", "xygrid", "normalize", "useavgaspect")
        family = [s for s in self._maps if all(s.parameters[k] == step.parameters[k] for k in common)]
        maps = [self._instruments.pop(Path(s.parameters["instmapfile"])) for s in family]
        make_exposure_maps([bind("mkexpmap", s.parameters) for s in family], maps, self.workspace.for_step(console))
        self._done.update(s.makes[0] for s in family)

    def close(self) -> None:
        """Close the input files."""
        self.workspace.close()

    def release(self, path: Path, product: bool) -> None:
        """A file has been used for the last time: write it if it stays, and let go of the memory."""
        if product and self.workspace.in_memory(path) is not None:
            self._write(path)
        self.workspace.forget(path)


def make_exposure_maps(parameters: Sequence[ParameterSet], maps: Sequence[InstrumentMap], ws: Workspace) -> None:
    """Run mkexpmap for several instrument maps of one chip, the geometry computed once.

    Every band comes out as it would alone.

    Parameters
    ----------
    parameters : sequence of ParameterSet
        Of mkexpmap; they differ in instmapfile and outfile alone.
    maps : sequence of InstrumentMap
        Those of instmapfile, with their layers.
    ws : Workspace

    Raises
    ------
    NoDataError
        The grid and the maps do not overlap.
    """
    from ciaopy.coords import FocalPlane, SkyFrame
    from ciaopy.exposure import SkyView, exposure_map
    from ciaopy.response import chosen_geometry, expmap_image, no_overlap, read_histogram, sky_grid

    first = parameters[0]
    name = first["asphistfile"]
    histogram, header = read_histogram(name, ws)
    geometry, _ = chosen_geometry(first["geompar"], header)
    plane = FocalPlane.from_header(header, geometry, name)
    frame = SkyFrame.from_header(header, geometry, name)
    grid = sky_grid(first["xygrid"], frame, ws)
    result = exposure_map(maps, histogram, SkyView(plane, frame), grid, nproc=ws.nproc)
    if result.method == "none":
        raise no_overlap(first["outfile"], first["xygrid"], maps[0].chip)
    for band, par in enumerate(parameters):
        own = ws.read(par["instmapfile"]).header
        image = expmap_image(result, band, header, own, frame, bool(par["normalize"]))
        ws.write(par["outfile"], image, par, par["clobber"])
