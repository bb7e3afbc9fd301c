"""Find the zero order of a grating observation as the brightest source near the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import DataError, ParameterError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.gratings import ZeroOrder
    from ciaopy.param import ParameterSet
    from ciaopy.response import Field

# What celldetect would do with these is not done here: any other value is refused.
_FIXED = {
    "OBI_srclist_file": "none", "spectrum": "", "psffile": "caldb", "units": "arcsec", "expstk": "none",
    "bkgfile": "none", "snrfile": "none", "cellfile": "none", "bkgvalue": 0.0, "bkgerrvalue": 0.0, "expratio": 0.0,
    "convolve": False, "celldetect_log": False, "xoffset": None, "yoffset": None, "snr_diminution": 1.0,
}  # fmt: skip


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write the table of the zero order found; no row if no source is above snr_thresh.

    Raises
    ------
    ParameterError
        A parameter that only CIAO's celldetect honours, not at its default.
    DataError
        No event table with sky positions; continuous clocking.
    """
    from ciaopy.response import read_field, source_table

    _refuse(par)
    ws.check_output(par["outfile"], par["clobber"], (par["infile"],))
    field = read_field(par, ws)
    if field.clocked:
        raise DataError(f"{field.where}: continuous clocking has no image to search; take tg_findzo or tgdetect2")
    found = detected(par, field)
    ws.write(par["outfile"], source_table(field, found), par, par["clobber"])
    say(par, ws, found, f"above signal to noise {par['snr_thresh']:g} (snr_thresh)")


def detected(par: ParameterSet, field: Field) -> ZeroOrder | None:
    """Return the source that the parameters of tgdetect find."""
    from ciaopy.response import by_centroid

    side = 400.0 if field.instrument == "ACIS" else 1800.0
    box = tuple(_length(par, name, side) for name in ("zo_sz_filt_x", "zo_sz_filt_y"))
    return by_centroid(field, par["snr_thresh"], (box[0], box[1]), par["fixedcell"] or 15)


def say(par: ParameterSet, ws: Workspace, found: ZeroOrder | None, limit: str) -> None:
    """Report what was found."""
    if found is None:
        console = ws.console.at(max(1, ws.console.verbose))  # warnings are shown even with verbose=0, as in CIAO
        console.warn(f"{par['infile']}: no source {limit}; give the position of the zero order (tg_zo_position)")
        return
    ws.console.say(
        f"{par['outfile']}: zero order at x={found.x:.3f} y={found.y:.3f} ({found.method}, {found.counts:.0f} counts, "
        f"signal to noise {found.snr:.0f})",
        1,
    )


def _length(par: ParameterSet, name: str, usual: float) -> float:
    text = str(par[name]).strip()
    try:
        value = usual if text.lower() in ("default", "") else float(text)
    except ValueError:
        raise ParameterError(f"{name}={text}: give a number of sky pixels, or default") from None
    if not value >= 30:
        raise ParameterError(f"{name}={value:g}: the search box needs 30 pixels at least")
    return value


def _refuse(par: ParameterSet) -> None:
    for name, value in _FIXED.items():
        given = par[name]
        same = given.strip().lower() == value if isinstance(value, str) else given == value
        if not same:
            raise ParameterError(
                f"{name}={given}: not honoured here; the zero order is the brightest cell of fixedcell pixels in "
                "the box zo_sz_filt_x, zo_sz_filt_y, and then a clipped centroid"
            )
