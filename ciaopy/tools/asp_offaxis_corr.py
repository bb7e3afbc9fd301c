"""Move the boresight offsets (dy, dz, dtheta) of an aspect solution into its pointing, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import split_file
from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table
    from ciaopy.param import ParameterSet

# BOREVER of an aspect solution whose offsets are in ra, dec, roll.
CORRECTED = 2


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool: the file gets its new content whole or not at all.

    ra, dec, roll, q_att are re-expressed for the new optical axis, dy, dz, dtheta become 0, RA_PNT, DEC_PNT, ROLL_PNT
    the new means, BOREVER 2. A file with BOREVER >= 2 is refused. `instrume` changes nothing (the offsets act on the
    telescope, whatever the detector), but is checked.

    Raises
    ------
    UserError
        A filter on the file, an unknown instrument, or a solution that is corrected already.
    DataError
        The file is no aspect solution.
    """
    from ciaopy.coords import Geometry
    from ciaopy.fits import Dataset, Table

    name = par["infile"].strip()
    if not name:
        raise UserError("infile: no aspect solution given")
    if split_file(name)[1]:
        raise UserError(f"{name}: the file is changed in place; give its plain name")
    instrument = par["instrume"].strip().upper()
    if instrument and not instrument.startswith(("ACIS", "HRC")):
        raise UserError(f"instrume: {par['instrume']} is not an instrument; give acis or hrc")
    dataset = ws.dataset(name)
    blocks = list(dataset.blocks)
    place = next((i for i, b in enumerate(blocks) if isinstance(b, Table) and "dtheta" in b), None)
    if place is None:
        raise DataError(f"{name}: not an aspect solution: no table with columns dy, dz, dtheta")
    table = blocks[place]
    assert isinstance(table, Table)
    boresight = table.header.get("BOREVER", 0)
    if not isinstance(boresight, int):
        raise DataError(f"{name}: keyword BOREVER is {boresight!r}, not a whole number")
    if boresight >= CORRECTED:
        raise UserError(f"{name}: already corrected (BOREVER={boresight}); the correction must be applied only once")
    blocks[place] = corrected(table, Geometry.embedded().detector("ACIS").focal_length, name)
    ws.write(str(dataset.path or name), Dataset(blocks, dataset.path), par, clobber=True)
    ws.console.say(f"{name}: offsets of {table.nrows} records moved into the pointing", 1)


def corrected(table: Table, focal_length: float, name: str = "aspect solution") -> Table:
    """Return the aspect table with its offsets absorbed; the input is not changed.

    Parameters
    ----------
    table : Table
        ASPSOL block.
    focal_length : float
        mm.
    name : str
        For messages.

    Raises
    ------
    DataError
        A column is missing or holds NaN.
    """
    import numpy as np

    from ciaopy.coords import AspectSolution, Attitude, absorb_offsets, quaternion
    from ciaopy.fits import Table

    AspectSolution.from_tables([(name, table)])  # checks columns and values
    old = Attitude.of(*(np.asarray(table[c], float) for c in ("ra", "dec", "roll", "dy", "dz", "dtheta")))
    new = absorb_offsets(old, focal_length)
    result = Table(table.name, dict(table.columns), table.header.copy(), list(table.vectors), list(table.companions))
    for column, values in (("ra", new.ra), ("dec", new.dec), ("roll", new.roll)):
        result[column] = values
    for column in ("dy", "dz", "dtheta"):
        result[column] = np.zeros_like(table[column])
    if "q_att" in table:
        before, after = np.asarray(table["q_att"], float), quaternion(new.ra, new.dec, new.roll)
        opposite = np.sum(before * after, axis=-1, keepdims=True) < 0
        result["q_att"] = np.where(opposite, -after, after)
    mean = AspectSolution.from_tables([(name, result)]).mean()
    for key, value in (("RA_PNT", mean.ra), ("DEC_PNT", mean.dec), ("ROLL_PNT", mean.roll)):
        result.header[key] = float(value)
    result.header["BOREVER"] = (CORRECTED, "Boresight Correction Flag")
    return result
