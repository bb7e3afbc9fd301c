"""Replace the pixels of an image below or above a threshold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import parse_cut
from ciaopy.datamodel.images import pixels, read_images, values
from ciaopy.errors import UserError
from ciaopy.fits import Image

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool; see `ciaopy.analysis.thresholds` for the rules of `cut`.

    Raises
    ------
    UserError
        `value` does not fit the type of the pixels.
    """
    infile, expfile = par["infile"], par["expfile"].strip()
    names = [infile] if not expfile or expfile.lower() == "none" else [infile, expfile]
    cut = parse_cut(par["cut"])
    ws.check_output(par["outfile"], par["clobber"], tuple(names))
    images = read_images(ws, names, ndim=None)
    data, value = pixels(images[0]).copy(), 0.0 if par["value"] is None else float(par["value"])
    if data.dtype.kind in "iu":
        limits = np.iinfo(data.dtype)
        if not math.isfinite(value) or not limits.min <= value <= limits.max:
            raise UserError(f"value={value:g} does not fit the pixels of {infile} ({data.dtype}); use [opt type=r4]")
        if value != math.trunc(value):
            ws.console.warn(f"value={value:g} is cut to {math.trunc(value)}: the pixels of {infile} are integers")
    replaced = cut.mask(values(images[-1]))
    data[replaced] = data.dtype.type(value)
    ws.console.say(f"{int(replaced.sum())} of {data.size} pixels replaced by {value:g}", 1)
    image = images[0]
    ws.write(par["outfile"], Image(image.name, data, image.header.copy(), image.companions), par, par["clobber"])
