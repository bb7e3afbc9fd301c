"""Make the mask of a grating observation: the zero order and the arms of each source on the sky."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ciaopy.errors import DataError, ParameterError, UserError
from ciaopy.fits import Table
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.coords import Detector
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.gratings import Arm, GratingMask, MaskSizes
    from ciaopy.param import ParameterSet

_LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class _Position:
    """One source: number, SKY position, and sizes that the user gave, as `source_mask` takes them."""

    number: int
    x: float
    y: float
    given: Mapping[str, float] = field(default_factory=dict)


def run(par: ParameterSet, ws: Workspace) -> None:
    """Make the REGION block of the sources of `input_pos_tab`, or of the sX_* parameters with use_user_pars=yes.

    Raises
    ------
    UserError, ParameterError
        No position, one outside the sky, or a parameter that cannot be honoured.
    DataError
        No grating in the header, or a table of positions without usable columns.
    """
    from ciaopy.coords import Attitude, FocalPlane, SkyFrame
    from ciaopy.gratings import GratingMask, arms_of, mask_table, source_mask
    from ciaopy.response import chosen_geometry, header_grating, is_collapsed, own_keywords_removed

    infile = par["infile"].strip()
    ws.check_output(par["outfile"], par["clobber"], (infile,))
    header = _observation(par, infile, ws)
    grating = header_grating(par["grating_obs"], header)
    arms = arms_of(grating, infile)
    geometry, _ = chosen_geometry(par["geompar"], header)
    plane, frame = FocalPlane.from_header(header, geometry, infile), SkyFrame.from_header(header, geometry, infile)
    sizes = _sizes(par, arms)
    view = (plane, frame, Attitude.from_header(header, infile))
    sources = [
        source_mask(p.number, (p.x, p.y), arms, view, sizes, p.given, is_collapsed(header))
        for p in _positions(par, plane.detector, ws)
    ]
    mask = GratingMask(tuple(sources))
    table = mask_table(mask, arms[0].grating, own_keywords_removed(header))
    table.header["WPSF"] = (_psf_source(par), "sizes of the zero order")
    table.header["GRATING"] = arms[0].grating
    ws.write(par["outfile"], table, par, par["clobber"])
    _report(mask, par, ws)


def _observation(par: ParameterSet, infile: str, ws: Workspace) -> Header:
    from ciaopy.datamodel import block_without_rows
    from ciaopy.response import header_with_detector

    table = block_without_rows(infile, ws)
    return header_with_detector(par["detector"], table.header)


def _psf_source(par: ParameterSet) -> str:
    from ciaopy.caldb.lite import tables

    value = str(par["input_psf_tab"]).strip()
    if value.upper() not in ("CALDB", "NONE", "") and value.lower() != "lite":
        raise ParameterError(
            f"input_psf_tab={value}: tables of the point spread function cannot be read yet (their layout is unknown); "
            "leave CALDB, which takes the sizes measured on archive masks, or give sA_zero_rad and sA_width_*"
        )
    return tables.source("zero_order_size.csv")


def _sizes(par: ParameterSet, arms: tuple[Arm, ...]) -> MaskSizes:
    from ciaopy.gratings import MaskSizes

    _psf_source(par)
    name = arms[0].grating.lower()
    usual = {"hetg": 0.56, "letg": 1.1}[name]
    if par[f"r_astig_max_{name}"] != usual:
        raise ParameterError(
            f"r_astig_max_{name}: only {usual} is known, the value for which the widths were measured; "
            "give the widths with sA_width_heg, sA_width_meg or sA_width_leg"
        )
    return MaskSizes(par["radius_factor_zero"], par[f"width_factor_{name}"], par[f"r_mask_max_{name}"])


def _positions(par: ParameterSet, detector: Detector, ws: Workspace) -> list[_Position]:
    if par["use_user_pars"]:
        found = _from_parameters(par)
    else:
        name = par["input_pos_tab"].strip()
        if name.lower() in ("", "none"):
            raise UserError(
                "input_pos_tab: no table of positions given; give one, or use_user_pars=yes with sA_zero_x, sA_zero_y"
            )
        found = _from_table(name, ws)
    low, high = detector.det_range
    for p in found:
        if not (low <= p.x <= high and low <= p.y <= high):
            raise UserError(
                f"source {p.number}: the zero order at x={p.x:g}, y={p.y:g} lies outside the sky of {detector.name} "
                f"({low:g} to {high:g} pixels)"
            )
    numbers = [p.number for p in found]
    if len(set(numbers)) != len(numbers):
        raise UserError(f"two sources have the same number ({', '.join(map(str, numbers))}); number them differently")
    return found


def _from_parameters(par: ParameterSet) -> list[_Position]:
    letters = _LETTERS[: _LETTERS.index(str(par["last_source_toread"]).strip().upper()) + 1]

    def size(name: str) -> float:
        value = par[name]
        return float(value) if value is not None else 0.0

    out = []
    for letter in letters:
        x, y = par[f"s{letter}_zero_x"], par[f"s{letter}_zero_y"]
        if x is None or y is None:
            raise ParameterError(f"s{letter}_zero_x, s{letter}_zero_y: give the position of source {letter} (pixels)")
        names = {"radius": "zero_rad", "HEG": "width_heg", "MEG": "width_meg", "LEG": "width_leg"}
        given = {key: size(f"s{letter}_{name}") for key, name in names.items()}
        out.append(_Position(int(par[f"s{letter}_id"]), float(x), float(y), given))
    return out


def _from_table(name: str, ws: Workspace) -> list[_Position]:
    """Read a table of positions: columns X, Y (pixels), and TG_SRCID or SRCID where there is one."""
    table = ws.read(name)
    if not isinstance(table, Table) or "x" not in table or "y" not in table:
        seen = enumerated(table.names) if isinstance(table, Table) else "an image"
        raise DataError(f"{name}: a table of positions needs columns X and Y (sky pixels); it has {seen}")
    if not table.nrows:
        raise DataError(f"{name}: no source in the table of positions; give tg_zo_position or sA_zero_x, sA_zero_y")
    ids = next((table[c] for c in ("tg_srcid", "srcid", "component") if c in table), range(1, table.nrows + 1))
    if table.nrows > len(_LETTERS):
        raise DataError(f"{name}: {table.nrows} sources; a mask holds {len(_LETTERS)}; choose them with a filter")
    try:
        return [_Position(int(n), float(x), float(y)) for n, x, y in zip(ids, table["x"], table["y"], strict=True)]
    except (TypeError, ValueError):
        raise DataError(f"{name}: X, Y or the source number is not a plain number column") from None


def _report(mask: GratingMask, par: ParameterSet, ws: Workspace) -> None:
    for s in mask.sources:
        arms = ", ".join(f"{b.arm.name} {b.length:.0f} x {b.width:.1f}" for b in s.boxes)
        ws.console.say(
            f"{par['outfile']}: source {s.number} at {s.x:.2f}, {s.y:.2f}, radius {s.radius:.1f} pixels; {arms}", 1
        )
