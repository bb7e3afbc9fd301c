"""Add XMM-Newton images or exposure maps that lie on one grid, with weights; out-of-time images of pn subtracted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError, UserError
from ciaopy.fits import Image, open_fits
from ciaopy.stack import build
from ciaopy.xmm import mosaic, split_table_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> NDArray[Any]:
    """Add the images.

    Raises
    ------
    UserError
        The grids differ, or the weights do not fit.
    DataError
        A file is not an image.
    """
    names = build(str(par["imagesets"]))
    ws.check_output(par["mosaicedset"], par["clobber"], tuple(names))
    images = [_read(name) for name in names]
    weights = _weights(str(par["weights"]), images)
    mosaic.check_grids(images, names)
    total = mosaic.weighted_sum(images, weights)
    header = mosaic.mosaic_header(images, [Path(n).name for n in names], weights)
    ws.write(par["mosaicedset"], Image("PRIMARY", total, header), par, par["clobber"])
    ws.console.say(f"{par['mosaicedset']}: {len(images)} images added")
    return total


def _read(name: str) -> Image:
    path, _ = split_table_name(name)
    with open_fits(path) as file:
        found = next((h for h in file.hdus if h.kind == "image"), None)
        block = file.read(found) if found is not None else None
    if not isinstance(block, Image) or block.data is None or block.data.ndim != 2:
        raise DataError(f"{path}: no image of two axes")
    return block


def _weights(text: str, images: list[Image]) -> list[float]:
    """Return the weights: all 1 where none are given; `oot` is minus the out-of-time share of that image's mode."""
    words = text.replace(",", " ").split()
    if not words:
        return [1.0] * len(images)
    if len(words) != len(images):
        raise UserError(f"weights={text}: {len(words)} numbers for {len(images)} images")
    result = []
    for word, image in zip(words, images, strict=True):
        if word.lower() == "oot":
            result.append(-mosaic.out_of_time_share(str(image.header.get("SUBMODE", ""))))
            continue
        try:
            result.append(float(word))
        except ValueError:
            raise UserError(f"weights={text}: {word!r} is neither a number nor oot") from None
    return result
