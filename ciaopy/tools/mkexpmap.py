"""Make an exposure map: an instrument map moved over the sky with the aspect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
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
    _check_pair(names, header, own, instmap.chip)
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


def _check_pair(names: tuple[str, str], histogram: Header, instmap: Header, chip: int) -> None:
    """Refuse an instrument map of another observation or chip than the histogram's.

    Raises
    ------
    DataError
    """
    from ciaopy.errors import DataError
    from ciaopy.response import check_same_obsid

    check_same_obsid(names[1], instmap, names[0], histogram)
    own = histogram.get("CCD_ID")
    if isinstance(own, int) and own != chip:
        raise DataError(
            f"{names[1]} is of chip {chip}, {names[0]} has the good times of chip {own}; "
            f"make the histogram with asphist and [ccd_id={chip}]"
        )
