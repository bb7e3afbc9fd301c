"""Rotate, shift and rebin images (dmregrid)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import PhysicalAxis
from ciaopy.errors import UserError

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["BinSpec", "Motion", "parse_bins", "regrid", "regridded_header"]

MAX_PIXELS = 4 * 10**8
ROWS_PER_BLOCK = 32


@dataclass(frozen=True)
class BinSpec:
    """Bins of one axis: `count` bins of size `step` from the edge `low`."""

    low: float
    step: float
    count: int

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, count + 1 of them."""
        return np.asarray(self.low + self.step * np.arange(self.count + 1), dtype=np.float64)


@dataclass(frozen=True)
class Motion:
    """A rotation by `angle` degrees counter-clockwise about a centre, then a shift."""

    angle: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def inverse(self) -> NDArray[np.float64]:
        """Return the 2 x 3 matrix that takes a moved position (x, y, 1) back to where it came from."""
        angle = math.radians(self.angle)
        cos, sin = math.cos(angle), math.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        centre = np.array(self.centre)
        shift = centre - turn @ (centre + np.array(self.offset))
        return np.column_stack([turn, shift])


_SPEC = re.compile(r"\s*([^:#,]+):([^:#,]+)(?::(#?)([^:#,]+))?\s*")


def parse_bins(text: str, logical: bool) -> tuple[BinSpec, BinSpec]:
    """Parse `x0:x1:step,y0:y1:step` or `x0:x1:#n,...`.

    In logical coordinates x0 and x1 are pixel numbers, both included (edges x0-0.5 and x1+0.5); in physical
    coordinates they are the outer edges. A partial last bin is kept whole.

    Raises
    ------
    UserError
        Not of that form, empty, or more than 4e8 pixels.
    """
    parts = text.split(",")
    if len(parts) != 2:
        raise UserError(f"bin={text!r}: expected x0:x1:step,y0:y1:step")
    x, y = (_parse_axis(part, text, 0.5 if logical else 0.0) for part in parts)
    if x.count * y.count > MAX_PIXELS:
        raise UserError(f"bin={text!r}: {x.count} x {y.count} pixels are too many; use larger steps")
    return x, y


def _parse_axis(part: str, text: str, margin: float) -> BinSpec:
    match = _SPEC.fullmatch(part)
    try:
        if match is None:
            raise ValueError
        low, high, step = float(match[1]) - margin, float(match[2]) + margin, float(match[4] or 1.0)
    except ValueError:
        raise UserError(f"bin={text!r}: {part.strip()!r} is not lo:hi:step or lo:hi:#n") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high and step > 0 and math.isfinite(step)):
        raise UserError(f"bin={text!r}: {part.strip()!r} is an empty range")
    if match[3]:
        if step != int(step):
            raise UserError(f"bin={text!r}: the number of bins #{match[4]} is not whole")
        return BinSpec(low, (high - low) / step, int(step))
    return BinSpec(low, step, max(1, math.ceil((high - low) / step - 1e-9)))


def regrid(
    image: NDArray[Any],
    bins: tuple[BinSpec, BinSpec],
    motion: Motion,
    npts: int = 0,
    nproc: int | None = None,
) -> NDArray[np.float64]:
    """Return an image moved and shared out over new bins; what falls inside the bins is conserved.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        The centre of the first pixel is at (1, 1); NaN pixels count as 0.
    bins : tuple of BinSpec
        In the pixel coordinates of the moved image.
    motion : Motion
        In pixel coordinates of the image.
    npts : int
        0 weights with exact areas of overlap; else npts x npts points sample each output pixel.
    """
    from ciaopy.kernels import map_blocks
    from ciaopy.kernels.regrid import regrid_rows

    source = np.ascontiguousarray(np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0))
    affine = motion.inverse()
    affine[:, 2] -= 0.5
    edges = (bins[0].edges, bins[1].edges)

    def task(rows: slice) -> NDArray[np.float64]:
        return regrid_rows(source, edges, affine, npts, rows)

    return np.concatenate(map_blocks(task, bins[1].count, nproc, ROWS_PER_BLOCK))


def regridded_header(
    header: Header, axes: tuple[PhysicalAxis, PhysicalAxis], bins: tuple[BinSpec, BinSpec], motion: Motion
) -> Header:
    """Return a copy of the header with the coordinates of the new grid.

    The sky transform is carried through rotation and shift (as a CD matrix where the image is rotated). Physical
    coordinates cannot be rotated: after a rotation they say what they would be without it.

    Parameters
    ----------
    axes : tuple of PhysicalAxis
        Physical coordinates of the input.
    bins, motion : tuple of BinSpec, Motion
        In the pixel coordinates of the input.
    """
    out = header.copy()
    for number, (axis, spec, shift) in enumerate(zip(axes, bins, motion.offset, strict=True), 1):
        # the outer edge of the first bin, before the shift
        edge = float(axis.from_logical(spec.low - shift))
        step = axis.cdelt * spec.step
        if axis.name:
            out[f"CTYPE{number}P"] = axis.name
        out[f"CRPIX{number}P"], out[f"CRVAL{number}P"], out[f"CDELT{number}P"] = 0.5, edge, step
        out[f"LTV{number}"], out[f"LTM{number}_{number}"] = 0.5 - edge / step, 1.0 / step
    _move_sky(out, header, bins, motion)
    return out


def _move_sky(out: Header, header: Header, bins: tuple[BinSpec, BinSpec], motion: Motion) -> None:
    """Write the world coordinates, in all descriptions of them, of the moved pixels: any projection stays exact.

    Raises
    ------
    UserError
        Distortions, or axes that are coupled to a third one.
    """
    from ciaopy.datamodel import check_movable, linear_matrix, scale_world, world_descriptions

    check_movable(header)
    angle = math.radians(motion.angle)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array(motion.centre)
    steps = np.array([bins[0].step, bins[1].step])
    for a in world_descriptions(header):
        reference = np.array([header.number(f"CRPIX{k}{a}", 0.0) for k in (1, 2)])
        moved = turn @ (reference - centre) + centre + np.array(motion.offset)
        for k in (0, 1):
            out[f"CRPIX{k + 1}{a}"] = float((moved[k] - bins[k].low) / steps[k] + 0.5)
        if motion.angle % 360.0 == 0.0:
            for k in (1, 2):
                scale_world(out, k, float(steps[k - 1]), a)
            continue
        matrix = linear_matrix(header, a) @ turn.T * steps
        for key in [k for k in out if re.fullmatch(rf"(?:CDELT\d|CROTA\d|PC\d_\d|PC00\d00\d|CD\d_\d){a}", k)]:
            out.remove(key)
        for i in (1, 2):
            for j in (1, 2):
                out[f"CD{i}_{j}{a}"] = float(matrix[i - 1, j - 1])
