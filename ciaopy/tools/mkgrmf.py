"""Make the response matrix of one order of a grating spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.errors import ParameterError

if TYPE_CHECKING:
    from ciaopy.coords import FloatArray
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Dataset
    from ciaopy.gratings import Arm
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run mkgrmf.

    The channels are those of the spectrum in `regionfile` (a pha2 file) or of CIAO's default grid; energies and
    channels are the same bins. The rows sum up to the share of the light within the extraction width.

    Raises
    ------
    ParameterError
        No arm, order 0, different grids for energies and channels, or a grid that is none.
    DataError
        A region file without the order, or an observation of another grating.
    CalibrationError
        A line spread function that is missing or cannot be read.
    """
    from ciaopy.caldb import Ardlib
    from ciaopy.datamodel import empty_primary
    from ciaopy.fits import Dataset
    from ciaopy.gratings import arm_named, bounds_table, matrix_table
    from ciaopy.response import line_spread, lite_note, made_matrix, obsfile_header, plain_matrix, response_header

    outfile = par["outfile"].strip()
    ws.check_output(outfile, par["clobber"], (par["regionfile"], par["obsfile"]))
    if par["grating_arm"].strip().upper() in ("NONE", ""):
        raise ParameterError("grating_arm: give HEG, MEG or LEG; a matrix without a grating is made by mkacisrmf")
    arm, order = arm_named(par["grating_arm"]), int(par["order"] or 0)
    if order == 0:
        raise ParameterError("order=0: the image has no grating matrix; give an order such as 1 or -1")
    header = obsfile_header(par["obsfile"], ws, "obsfile")
    low, high, width = _grid(par, arm, order, ws)
    threshold = float(par["threshold"])
    if par["diagonalrmf"]:
        out = plain_matrix((low, high))
    else:
        spread = line_spread(arm, order, header, Ardlib.read(par["ardlibparfile"]))
        out = made_matrix(arm, order, (low, high), width, threshold, spread)
    keys = {"ORDER": (order, "Diffraction order"), "LSFMODEL": (out.model, "line shape")}
    made = response_header(keys, arm, order, int(par["srcid"] or 1), header)
    if out.note:
        lite_note(made, out.note)
        ws.console.at(max(1, ws.console.verbose)).warn(f"mkgrmf: {out.note}")
    tables = [matrix_table(out.energy, out.matrix, threshold, made), bounds_table(out.energy, made)]
    blocks: Dataset = Dataset([empty_primary(made), *tables])
    ws.write(outfile, blocks, par, par["clobber"])
    ws.console.say(f"{outfile}: {arm.name} order {order:+d}, {low.size} channels", 1)


def _grid(par: ParameterSet, arm: Arm, order: int, ws: Workspace) -> tuple[FloatArray, FloatArray, float]:
    """Return BIN_LO, BIN_HI (Angstrom, descending) of the channels, and half the width across the dispersion (deg)."""
    from ciaopy.gratings import default_windows
    from ciaopy.response import (
        extraction_half_width,
        is_collapsed,
        obsfile_header,
        parsed_wavelengths,
        spectrum_channels,
    )

    grids = [par[n].strip() for n in ("wvgrid_arf", "wvgrid_chan")]
    header = obsfile_header(par["obsfile"], ws, "obsfile")
    half = float("inf") if is_collapsed(header) else default_windows(arm.grating).source[1]
    name = par["regionfile"].strip()
    found = None
    if name.lower() not in ("", "none"):
        dataset = ws.dataset(name)
        half = extraction_half_width(dataset, arm, order, half)
        found = spectrum_channels(dataset, arm, order)
    asked = {g for g in grids if g.lower() != "compute"}
    if len(asked) > 1 or (asked and "compute" in {g.lower() for g in grids}):
        raise ParameterError(
            f"wvgrid_arf={grids[0]}, wvgrid_chan={grids[1]}: energies and channels are made on one grid; "
            "give the same value twice"
        )
    if asked:
        return (*parsed_wavelengths(asked.pop()), half)
    if found is None:
        from ciaopy.gratings import default_grid

        instrument = str(header.get("INSTRUME", "ACIS")).strip().upper()
        found = default_grid(arm, instrument).channels(order)
    return (*found, half)
