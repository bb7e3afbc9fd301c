"""Make the field-of-view file: one polygon on the sky for each chip, swept by the dither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel import block_without_rows
from ciaopy.datamodel.syntax import split_file
from ciaopy.errors import DataError, NoDataError, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ciaopy.coords import Attitude, FloatArray, FocalPlane, FovPolygon
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool.

    `aspect` blank or `none`: the nominal pointing of the header. `mskfile` blank or `none`: whole chips. A filter on
    ccd_id or chip_id in `infile` selects chips; one on `aspect` selects records, else those of TSTART:TSTOP are used.

    Raises
    ------
    DataError, NoDataError
        No active chip, or a field of view without area.
    """
    from ciaopy.coords import FocalPlane, SkyFrame, fov_polygons, fov_table
    from ciaopy.response import chosen_geometry

    infile, outfile = par["infile"].strip(), par["outfile"].strip()
    header = block_without_rows(infile, ws).header
    ws.check_output(outfile, par["clobber"], (infile, *_given(par["mskfile"])))
    geometry, _ = chosen_geometry(par["geompar"], header)
    plane, frame = FocalPlane.from_header(header, geometry, infile), SkyFrame.from_header(header, geometry, infile)
    corners = _wanted(_corners(par["mskfile"], plane, header, ws), header, plane.detector.id_column)
    if not corners:
        raise NoDataError(f"{infile}: no active chip is left; check the mask file and the filter on the chips")
    attitudes = _attitudes(par["aspect"], par["method"], header, infile, ws)
    polygons = fov_polygons(plane, frame, corners, attitudes)
    if any(p.x.size < 4 for p in polygons):
        raise DataError(f"{infile}: the field of view has no area; check the mask file")
    for p in polygons:
        ws.console.say(f"chip {p.chip_id}: polygon with {p.x.size - 1} vertices", 1)
    if par["kernel"].lower() == "ascii":
        _write_ascii(outfile, polygons, par["clobber"])
    else:
        ws.write(outfile, fov_table(polygons, frame, header), par, par["clobber"])


def _given(text: str) -> tuple[str, ...]:
    """Return the parameter's value as a tuple, empty for a blank or `none`."""
    return () if text.strip().lower() in ("", "none") else (text.strip(),)


def _corners(mskfile: str, plane: FocalPlane, header: Header, ws: Workspace) -> dict[int, FloatArray]:
    from ciaopy.coords import full_chips, mask_corners

    names = _given(mskfile)
    if not names:
        return full_chips(plane.detector, str(header.get("DETNAM", "")))
    return mask_corners(ws.dataset(names[0]).tables("MASK"), plane.detector, names[0])


def _wanted(corners: Mapping[int, FloatArray], header: Header, column: str) -> dict[int, FloatArray]:
    """Return the chips that the data subspace allows."""
    from ciaopy.datamodel import Ranges, Subspace

    allowed = [c[column] for c in Subspace.from_header(header).components if column in c]
    ranges = [r for r in allowed if isinstance(r, Ranges)]
    if not ranges:
        return dict(corners)
    return {chip: box for chip, box in corners.items() if any(r.contains(chip) for r in ranges)}


def _attitudes(aspect: str, method: str, header: Header, infile: str, ws: Workspace) -> Attitude:
    from ciaopy.coords import AspectSolution, Attitude, convexhull_attitudes, keyword_number, minmax_attitudes

    if not _given(aspect):
        ws.console.warn(f"{infile}: no aspect solution given; the field of view is that of the nominal pointing")
        return Attitude.from_header(header, infile)
    from ciaopy.coords import stack_names

    solution = ws.once("aspect solution", aspect, stack_names(aspect), lambda: AspectSolution.read(aspect, ws))
    if "TSTART" in header and "TSTOP" in header:
        start, stop = (keyword_number(header[k], k, infile) for k in ("TSTART", "TSTOP"))
        if not solution.overlaps(start, stop):
            raise NoDataError(
                f"{solution.name}: aspect {solution.time[0]:.2f}..{solution.until[-1]:.2f} s does not overlap {infile} "
                f"({start:.2f}..{stop:.2f} s); give the asol file of this observation"
            )
        solution = solution.between(start, stop)
    return minmax_attitudes(solution) if method == "minmax" else convexhull_attitudes(solution)


def _write_ascii(outfile: str, polygons: list[FovPolygon], clobber: bool) -> None:
    """Write the polygons as CIAO region text in physical coordinates."""
    from ciaopy.fits import AtomicFile

    lines = ["# Region file format: CIAO version 1.0"]
    for p in polygons:
        pairs = ",".join(f"{u:.6f},{v:.6f}" for u, v in zip(p.x[:-1], p.y[:-1], strict=True))
        lines.append(f"polygon({pairs})")
    if split_file(outfile)[1]:
        raise UserError(f"{outfile}: a text region file has no blocks; give a plain name")
    with AtomicFile(outfile, clobber) as file:
        file.write(("\n".join(lines) + "\n").encode())
