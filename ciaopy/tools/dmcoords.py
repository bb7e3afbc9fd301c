"""Convert one position between sky, detector, chip, tiled detector, off-axis, image and celestial coordinates."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel import block_without_rows
from ciaopy.errors import DataError, NoDataError, NotAvailableError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ciaopy.coords import Attitude, Observation, Position
    from ciaopy.datamodel import PixelFrame, Workspace
    from ciaopy.param import ParameterSet

OPTIONS = {
    "cel": ("ra", "dec"),
    "sky": ("x", "y"),
    "det": ("detx", "dety"),
    "msc": ("theta", "phi"),
    "tdet": ("tdetx", "tdety"),
    "chip": ("chip_id", "chipx", "chipy"),
    "logical": ("logicalx", "logicaly"),
}
# Result parameters that are plain numbers.
NUMBERS = ("chipx", "chipy", "tdetx", "tdety", "detx", "dety", "x", "y", "theta", "phi")
# Parameters that stand in for header keywords.
OVERRIDES = {"ra_nom": "RA_NOM", "dec_nom": "DEC_NOM", "roll_nom": "ROLL_NOM"}
POINTING = {"ra_asp": "RA_PNT", "dec_asp": "DEC_PNT", "roll_asp": "ROLL_PNT"}


def run(par: ParameterSet, ws: Workspace) -> Position:
    """Run the tool: results go to the coordinate parameters and, from verbose=1, to the screen.

    One attitude holds: the mean of the records of `asolfile` in TSTART:TSTOP; without it the header's RA_PNT, DEC_PNT,
    ROLL_PNT and DY_AVG, DZ_AVG, DTH_AVG.

    Raises
    ------
    NoDataError
        The position is 90 degrees or more from the pointing.
    """
    option = par["option"].strip().lower()
    if option not in OPTIONS:
        _refuse_option(option)
    _refuse_unknown(par)
    given = _inputs(par, option)
    _clear(par, option)
    observation, image = _observation(par, ws)
    position = _solved(observation, image, option, given)
    if not isfinite(position.ra) or not isfinite(position.dec):
        raise NoDataError(
            f"{option} {', '.join(str(v) for v in given.values())}: 90 degrees or more from the nominal pointing, "
            "no sky position; check the pointing of infile and the parameters ra_nom and dec_nom"
        )
    _store(par, position, image)
    for line in report(position, observation, image):
        ws.console.say(line, 1)
    if observation.plane is not None and not position.on_chip:
        ws.console.say("The position is on no chip: chip and tdet are those of the nearest one, continued.", 1)
    return position


def _refuse_option(option: str) -> None:
    known = ", ".join(OPTIONS)
    if not option:
        raise NotAvailableError(f"dmcoords has no interactive mode in ciaopy yet; set option to one of {known}")
    raise ParameterError(f"option: {option} is not a coordinate system; give one of {known}")


def _refuse_unknown(par: ParameterSet) -> None:
    """Refuse parameters that would change the result in a way ciaopy does not know."""
    if par["order"]:
        raise NotAvailableError(f"order={par['order']}: dmcoords does not do grating orders in ciaopy yet")
    if par["displace"].strip():
        raise NotAvailableError("displace: not available in ciaopy yet; give an aspect solution as asolfile")


def _clear(par: ParameterSet, option: str) -> None:
    """Empty the coordinates that are to be found, so that a run that fails leaves none of an earlier position."""
    for name in ("ra", "dec", "chip_id", "logicalx", "logicaly", *NUMBERS):
        if name not in OPTIONS[option]:
            par.put(name, "" if name in ("ra", "dec") else "INDEF")


def _inputs(par: ParameterSet, option: str) -> dict[str, Any]:
    """Return the values of the parameters that the option needs."""
    given = {}
    for name in OPTIONS[option]:
        value = par[name]
        if value is None or (isinstance(value, str) and not value.strip()):
            raise ParameterError(f"{name}: no value; option={option} needs {' and '.join(OPTIONS[option])}")
        if isinstance(value, float) and not isfinite(value):
            raise ParameterError(f"{name}: {value} is not a position; give a finite number")
        given[name] = value
    return given


def _observation(par: ParameterSet, ws: Workspace) -> tuple[Observation, PixelFrame | None]:
    """Return the observation of `infile` and the configuration parameters, and the image's transform if it is one."""
    from ciaopy.coords import FocalPlane, Observation, SkyFrame
    from ciaopy.datamodel import SkyTransform, TangentTransform, image_frame, table_wcs
    from ciaopy.fits import Header, Table
    from ciaopy.response import chosen_geometry

    name = par["infile"].strip()
    header, own, image = Header(), None, None
    if name and name.lower() != "none":
        block = block_without_rows(name, ws)
        header = block.header.copy()
        image = None if isinstance(block, Table) else image_frame(block)
        found = table_wcs(block) if isinstance(block, Table) else image
        own = found if isinstance(found, SkyTransform) else None
    _configure(header, par)
    telescope = str(header.get("TELESCOP", "CHANDRA")).strip().upper()
    if telescope not in ("CHANDRA", "AXAF") and own is not None:
        return Observation(own), image
    if own is not None and not isinstance(own, TangentTransform):
        ws.console.say(f"{name}: not a tangent plane with North up in ICRS: no detector coordinates", 1)
        return Observation(own), image
    where = name or "parameters"
    geometry, _ = chosen_geometry(par["geompar"], header)
    frame, plane = SkyFrame.from_header(header, geometry, where), FocalPlane.from_header(header, geometry, where)
    p = frame.plane
    sky = own if own is not None and not any(par[k].strip() for k in OVERRIDES) else None
    if sky is None:
        sky = TangentTransform(None, (p.ra, p.dec), (p.x0, p.y0), (-p.scale, p.scale))
    return Observation(sky, plane, frame, _attitude(par, header, where, ws)), image


def _configure(header: Any, par: ParameterSet) -> None:
    """Let the configuration parameters stand before the header's keywords."""
    from ciaopy.coords import Geometry, parse_dec, parse_ra

    detector = par["detector"].strip()
    if detector:
        found = Geometry.embedded().detector(detector)
        header["INSTRUME"], header["DETNAM"] = found.name[:4].rstrip("-"), found.name
    for parameter, key in (OVERRIDES | POINTING).items():
        text = par[parameter].strip()
        if text:
            reader = parse_ra if parameter.startswith("ra") else parse_dec if parameter.startswith("dec") else _degrees
            header[key] = reader(text)
    sim = par["sim"].replace(",", " ").replace("(", " ").replace(")", " ").split()
    if sim:
        values = [_degrees(v) for v in sim]
        if len(values) != 3:
            raise ParameterError(f"sim: {par['sim']} is not a position; give three numbers, X Y Z in mm")
        header["SIM_X"], header["SIM_Y"], header["SIM_Z"] = values
    elif detector and "SIM_Z" not in header:
        geometry = Geometry.embedded()
        aimpoint = geometry.aimpoints[geometry.detector(detector).aimpoint]
        header["SIM_X"], header["SIM_Y"], header["SIM_Z"] = aimpoint


def _degrees(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"{text}: not a number") from None


def _attitude(par: ParameterSet, header: Any, where: str, ws: Workspace) -> Attitude:
    """Return the attitude: mean of the aspect solution or of the header, with the *_asp parameters on top."""
    from ciaopy.coords import AspectSolution, Attitude, stack_names

    if not stack_names(par["asolfile"]):
        return Attitude.from_header(header, where)
    solution = AspectSolution.read(par["asolfile"], ws)
    if "TSTART" in header and "TSTOP" in header:
        solution = solution.between(header.number("TSTART"), header.number("TSTOP"))
    mean = solution.mean()
    pointing = {
        axis: header[key] if par[parameter].strip() else getattr(mean, axis)
        for axis, (parameter, key) in zip(("ra", "dec", "roll"), POINTING.items(), strict=True)
    }
    return Attitude.of(pointing["ra"], pointing["dec"], pointing["roll"], mean.dy, mean.dz, mean.dtheta)


def _solved(observation: Observation, image: PixelFrame | None, option: str, given: dict[str, Any]) -> Position:
    from ciaopy.coords import parse_dec, parse_ra

    if option == "cel":
        return observation.from_cel(parse_ra(given["ra"]), parse_dec(given["dec"]))
    if option == "logical":
        x, y = given["logicalx"], given["logicaly"]
        return observation.from_sky(*(image.logical_to_physical(x, y) if image else (x, y)))
    how: dict[str, Callable[..., Position]] = {
        "sky": observation.from_sky,
        "det": observation.from_det,
        "msc": observation.from_msc,
        "tdet": observation.from_tdet,
        "chip": observation.from_chip,
    }
    return how[option](*given.values())


def _logical(position: Position, image: PixelFrame | None) -> tuple[float, float]:
    """Return the image pixel of a position; for tables, the SKY pixel."""
    if image is None:
        return position.x, position.y
    x, y = image.physical_to_logical(position.x, position.y)
    return x, y


def _store(par: ParameterSet, position: Position, image: PixelFrame | None) -> None:
    """Put every coordinate into the parameters; INDEF where it is not known."""
    from ciaopy.coords import format_dec, format_ra

    celfmt = par["celfmt"].strip().lower()
    if celfmt not in ("", "hms", "deg"):
        raise ParameterError(f"celfmt: {par['celfmt']} is not a format; give deg or hms")
    sexagesimal = celfmt != "deg"
    par.put("ra", format_ra(position.ra, 4) if sexagesimal else repr(position.ra))
    par.put("dec", format_dec(position.dec, 3) if sexagesimal else repr(position.dec))
    for name in NUMBERS:
        value = getattr(position, name)
        par.put(name, value if isfinite(value) else "INDEF")
    par.put("chip_id", position.chip_id if position.chip_id >= 0 else "INDEF")
    par.put("logicalx", _logical(position, image)[0])
    par.put("logicaly", _logical(position, image)[1])


def report(position: Position, observation: Observation, image: PixelFrame | None = None) -> list[str]:
    """Return the lines that dmcoords prints.

    Raises
    ------
    DataError
        The direction has no detector position.
    """
    from ciaopy.coords import format_dec, format_ra

    def row(label: str, first: float, second: float) -> str:
        return f"{label:<12} {first:13.2f} {second:15.2f}"

    lines = [
        f"(RA,Dec):      {format_ra(position.ra)}   {format_dec(position.dec)}",
        f"(RA,Dec):    {position.ra:13.5f} {position.dec:15.5f} deg",
    ]
    if observation.plane is not None:
        lines.append(f"THETA,PHI    {position.theta:12.3f}' {position.phi:15.2f} deg")
    lines += [row("(Logical):", *_logical(position, image)), row("SKY(X,Y):", position.x, position.y)]
    if observation.plane is not None:
        if position.chip_id < 0:
            raise DataError("no detector position: the direction is behind the telescope")
        chip = observation.plane.detector.chip(position.chip_id).name
        lines.append(row("DETX,DETY", position.detx, position.dety))
        lines.append(row(f"CHIP {chip}", position.chipx, position.chipy))
        lines.append(row("TDET", position.tdetx, position.tdety))
    return lines


__all__ = ["OPTIONS", "report", "run"]
