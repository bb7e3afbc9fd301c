"""Rotate, shift and rebin a stack of images, and add them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import BinSpec, Motion, parse_bins, regrid, regridded_header
from ciaopy.datamodel import PhysicalAxis, physical_axis
from ciaopy.datamodel.images import image_like, pixels, read_image, values
from ciaopy.errors import UserError
from ciaopy.fits import Image
from ciaopy.stack import build

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

Axes = tuple[PhysicalAxis, PhysicalAxis]


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool; see `ciaopy.analysis.regridding` for the rules.

    Rotation, centre and shift are stacks: one for all images, or one each. The coordinates of the output are those of
    the first image. The output is double, or integer where only whole pixels of integer images were added up.

    Raises
    ------
    UserError
        No image is given.
    """
    names = [name for name in build(par["infile"]) if name]
    if not names:
        raise UserError("infile: no image given")
    logical = par["coord_sys"] == "logical"
    bins = parse_bins(par["bin"], logical)
    motions = _motions(par, len(names))
    ws.check_output(par["outfile"], par["clobber"], tuple(names))
    total, first, header = None, None, None
    for name, motion in zip(names, motions, strict=True):
        image = read_image(ws, name)
        axes = (physical_axis(image.header, 1), physical_axis(image.header, 2))
        grid, moved = (bins, motion) if logical else (_pixel_bins(bins, axes), _pixel_motion(motion, axes))
        part = regrid(values(image), grid, moved, int(par["npts"]), ws.nproc)
        total = part if total is None else total + part
        if first is None:
            first, header = image, regridded_header(image.header, axes, grid, moved)
    assert first is not None and header is not None and total is not None
    if pixels(first).dtype.kind in "iu" and np.array_equal(total, np.rint(total)) and np.abs(total).max() < 2**31:
        total = total.astype(np.int32)
    output = image_like(Image(first.name, first.data, header, first.companions), total)
    ws.write(par["outfile"], output, par, par["clobber"])


def _motions(par: ParameterSet, count: int) -> list[Motion]:
    """Return one motion per image from the stacks of rotations, centres and shifts."""
    columns = [_numbers(par, name, count) for name in ("rotangle", "rotxcenter", "rotycenter", "xoffset", "yoffset")]
    return [Motion(a, (cx, cy), (dx, dy)) for a, cx, cy, dx, dy in zip(*columns, strict=True)]


def _numbers(par: ParameterSet, name: str, count: int) -> list[float]:
    items = [item.strip() for item in build(par[name]) if item.strip()] or ["0"]
    try:
        values = [float(item) for item in items]
    except ValueError:
        raise UserError(f"{name}={par[name]!r}: not a number or a stack of numbers") from None
    if not np.isfinite(values).all():
        raise UserError(f"{name}={par[name]!r}: not finite")
    if len(values) not in (1, count):
        raise UserError(f"{name}: {len(values)} values for {count} images; give one, or one per image")
    return values * count if len(values) == 1 else values


def _pixel_bins(bins: tuple[BinSpec, BinSpec], axes: Axes) -> tuple[BinSpec, BinSpec]:
    """Return physical bins in pixels of an image."""
    if any(axis.cdelt <= 0 for axis in axes):
        raise UserError("coord_sys=physical needs physical axes that ascend; use coord_sys=logical")
    x, y = (
        BinSpec(float(axis.to_logical(spec.low)), spec.step / axis.cdelt, spec.count)
        for axis, spec in zip(axes, bins, strict=True)
    )
    return x, y


def _pixel_motion(motion: Motion, axes: Axes) -> Motion:
    if motion.angle and axes[0].cdelt != axes[1].cdelt:
        raise UserError("rotangle: the pixels of the image are not square; use coord_sys=logical")
    centre = (float(axes[0].to_logical(motion.centre[0])), float(axes[1].to_logical(motion.centre[1])))
    return Motion(motion.angle, centre, (motion.offset[0] / axes[0].cdelt, motion.offset[1] / axes[1].cdelt))
