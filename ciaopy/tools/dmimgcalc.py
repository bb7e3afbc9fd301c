"""Do arithmetic on images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ciaopy.analysis import OPERATIONS, combine, evaluate, images_equal
from ciaopy.datamodel import merge_headers
from ciaopy.datamodel.images import check_same_sky, image_like, pixels, read_images, values
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Image
from ciaopy.stack import build
from ciaopy.tools.dmmerge import lookup_rules

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool; see `ciaopy.analysis.image_arithmetic` for the rules.

    Raises
    ------
    DataError
        operation=tst and the images differ: the command ends with status 1; or the images show different sky.
    """
    names = [name for name in build(par["infile"]) if name]
    second = par["infile2"].strip()
    if second and second.lower() != "none":
        names.append(second)
    if not names:
        raise UserError("infile: no image given")
    operation = par["operation"].strip()
    word = operation.lower()
    if word == "tst":
        _compare(names, ws)
        return
    ws.check_output(par["outfile"], par["clobber"], tuple(names))
    images = read_images(ws, names, ndim=None)
    for name, image in zip(names[1:], images[1:], strict=True):
        check_same_sky(names[0], images[0], name, image)
    if word in OPERATIONS:
        if len(images) > 2:
            raise UserError(f"operation={word} takes one or two images, not {len(images)}; use imgout=img1+img2+...")
        other = values(images[1]) if len(images) == 2 else None
        data = combine(values(images[0]), other, word, float(par["weight"]), float(par["weight2"]))
    else:
        data = evaluate(operation, images)
    result = with_merged_header(image_like(images[0], data), images, par, ws)
    ws.write(par["outfile"], result, par, par["clobber"])


def with_merged_header(result: Image, images: Sequence[Image], par: ParameterSet, ws: Workspace) -> Image:
    """Return the image with the headers of all inputs merged by the rules of `lookupTab`, where there are several.

    Coordinates, subspace and companions stay those of the first.
    """
    if len(images) < 2:
        return result
    rules = lookup_rules(str(par["lookupTab"] or ""))
    header, report = merge_headers([result.header, *(image.header for image in images[1:])], rules)
    for key in ("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX"):
        header.remove(key, ignore_missing=True, remove_all=True)
    if report.kept_first:
        ws.console.warn(f"these keywords differ, the value of the first image is kept: {', '.join(report.kept_first)}")
    if report.omitted:
        ws.console.warn(f"these keywords differ and are left out: {', '.join(report.omitted)}")
    return Image(result.name, result.data, header, result.companions)


def _compare(names: list[str], ws: Workspace) -> None:
    if len(names) != 2:
        raise UserError(f"operation=tst compares two images, not {len(names)}")
    first, second = read_images(ws, names, ndim=None)
    count = images_equal(pixels(first), pixels(second))
    if count:
        raise DataError(f"{names[0]} and {names[1]} differ in {count} pixels")
    ws.console.say(f"{names[0]} and {names[1]} are equal", 1)
