"""Filter an image, or a stack of images, with a statistic of the pixels under a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import filter_images
from ciaopy.datamodel.images import image_like, outside_subspace, pixels, read_images, values
from ciaopy.datamodel.regions import parse_region
from ciaopy.errors import UserError
from ciaopy.fits import Image
from ciaopy.stack import build
from ciaopy.tools.dmimgcalc import with_merged_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

# Statistics that pick one of the values under the mask: the output keeps the type of the input.
PICKED = frozenset({"min", "max", "median", "extreme", "mcv", "rclip", "peak", "ridge", "valley", "plain", "jitter"})


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool; see `ciaopy.analysis.smoothing` for the functions.

    Null pixels and those outside the image's region are skipped. The output is double; where the function picks one
    of the values (min, median, ...) it has the type of the first image.

    Raises
    ------
    UserError
        No image is given.
    """
    names = [name for name in build(par["infile"]) if name]
    if not names:
        raise UserError("infile: no image given")
    function = par["function"]
    mask = parse_region(_mask_text(par), read=ws.read)
    ws.check_output(par["outfile"], par["clobber"], tuple(names))
    images = read_images(ws, names)
    planes = [_with_nan(image) for image in images]
    result = filter_images(planes, function, mask, int(par["numiter"]), int(par["randseed"] or 0), ws.nproc)
    kind = pixels(images[0]).dtype
    picks = function in PICKED or function.startswith("q")
    if picks and (kind.kind == "f" or not np.isnan(result).any()):
        result = result.astype(kind)
    output = with_merged_header(image_like(images[0], result), images, par, ws)
    ws.write(par["outfile"], output, par, par["clobber"])


def _mask_text(par: ParameterSet) -> str:
    """Return the mask; the name of one of the ready-made ones (`box3`) stands for its region."""
    text = str(par["mask"]).strip()
    return str(par[text]) if text in par and "(" not in text and "(" in str(par[text]) else text


def _with_nan(image: Image) -> NDArray[np.float64]:
    data = values(image).astype(np.float64)
    data[outside_subspace(image)] = np.nan
    return data
