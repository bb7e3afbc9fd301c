"""Make an exposure map: an instrument map moved over the sky with the aspect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool.

    Raises
    ------
    NoDataError
        The grid and the map do not overlap.
    """
    from ciaopy.coords import FocalPlane, SkyFrame
    from ciaopy.exposure import SkyView, exposure_map
    from ciaopy.response import chosen_geometry, expmap_image, no_overlap, read_histogram, read_instrument_map, sky_grid

    outfile, names = par["outfile"].strip(), (par["asphistfile"].strip(), par["instmapfile"].strip())
    ws.check_output(outfile, par["clobber"], names)
    histogram, header = read_histogram(names[0], ws)
    geometry, _ = chosen_geometry(par["geompar"], header)
    plane = FocalPlane.from_header(header, geometry, names[0])
    frame = SkyFrame.from_header(header, geometry, names[0])
    instmap, own = read_instrument_map(names[1], plane.detector, ws)
    grid = sky_grid(par["xygrid"], frame, ws)
    if par["useavgaspect"]:
        histogram = histogram.mean()
    result = exposure_map([instmap], histogram, SkyView(plane, frame), grid, nproc=ws.nproc)
    if result.method == "none":
        raise no_overlap(outfile, par["xygrid"], instmap.chip)
    ways = {"gather": "gathered for every sky pixel", "shift": "summed by displacements in the chip's plane"}
    ws.console.say(f"chip {instmap.chip}: {len(histogram)} aspect bins {ways[result.method]}", 1)
    image = expmap_image(result, 0, header, own, frame, bool(par["normalize"]))
    ws.write(outfile, image, par, par["clobber"])
