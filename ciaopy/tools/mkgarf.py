"""Make the effective area of one order of a grating spectrum on one chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import ParameterError

if TYPE_CHECKING:
    from ciaopy.caldb import ArdlibSpec
    from ciaopy.datamodel import Workspace
    from ciaopy.gratings import ChipLight
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run mkgarf.

    `pbkfile` is accepted and not needed: what it would tell about the dead area is in the header.

    Raises
    ------
    ParameterError
        No source position, no such arm, an order that is 0, an energy grid that is none.
    DataError
        An aspect histogram, mask or observation that does not fit.
    CalibrationError
        A product is missing.
    """
    from ciaopy.caldb import Ardlib, parse_detector, parse_mirror
    from ciaopy.coords import FocalPlane, SkyFrame
    from ciaopy.gratings import Dispersion, area_table, arm_named, grating_area, wavelength_edges
    from ciaopy.response import (
        AreaRequest,
        area_notes,
        chip_light,
        chosen_geometry,
        energy_grid,
        is_none,
        lite_note,
        obsfile_header,
        read_histogram,
        response_header,
    )

    outfile, asphist = par["outfile"].strip(), par["asphistfile"].strip()
    ws.check_output(outfile, par["clobber"], (asphist, par["obsfile"]))
    arm, order = arm_named(par["grating_arm"]), int(par["order"] or 0)
    if order == 0:
        raise ParameterError("order=0: the image has no grating area; fluximage and mkinstmap make that of order 0")
    x, y = par["sourcepixelx"], par["sourcepixely"]
    if x is None or y is None:
        raise ParameterError("sourcepixelx, sourcepixely: give the sky position of the zero order (pixels)")
    histogram, own = read_histogram(asphist, ws)
    header = own if is_none(par["obsfile"]) else obsfile_header(par["obsfile"], ws, "obsfile")
    geometry, _ = chosen_geometry(par["geompar"], header)
    plane, frame = FocalPlane.from_header(header, geometry, asphist), SkyFrame.from_header(own, geometry, asphist)
    low, high, grid_name = energy_grid(par["engrid"], ws)
    detector = parse_detector(par["detsubsys"])
    request = AreaRequest(
        detector, parse_mirror(par["mirror"]), par["osipfile"], par["maskfile"], par["dafile"], arm.grating
    )
    light = chip_light(request, plane, header, Ardlib.read(par["ardlibparfile"]), ws)
    bins = wavelength_edges(low, high)
    seen = Dispersion(plane, frame, arm, (float(x), float(y)))
    area = grating_area(seen, order, 0.5 * (bins[0] + bins[1]), light, histogram)
    made = response_header(_keywords(grid_name, asphist, light, detector), arm, order, 0, header)
    for note in area_notes(light, arm, plane.detector.name):
        lite_note(made, note)
        ws.console.at(max(1, ws.console.verbose)).warn(f"mkgarf: {note}")
    ws.write(outfile, area_table((low, high), area, made), par, par["clobber"])
    said = f"{outfile}: {arm.name} order {order:+d} on {detector.element}, largest area {area.specresp.max():.3f} cm2"
    ws.console.say(f"{said}, exposed {100 * float((area.fracexpo > 0).mean()):.0f} % of the grid", 1)


def _keywords(grid: str, asphist: str, light: ChipLight, detector: ArdlibSpec) -> dict[str, object]:
    """Return what the header says of the files behind the area."""
    return {
        "RESPFILE": (grid, "energy grid"),
        "ASPFILE": (asphist.rpartition("/")[2], "aspect histogram"),
        "OSIPFILE": ("none" if light.sorting is None else light.sorting.filename, "order sorting"),
        "DETNAM": (detector.element, "chip of this area"),
    }
