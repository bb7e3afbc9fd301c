"""Sum the images of the observations: one at a time, in order of the observations, whatever made them first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import physical_axis
from ciaopy.errors import DataError
from ciaopy.fits import Image
from ciaopy.pipelines.imaging import RESPONSE_KEYS, flux_unit
from ciaopy.pipelines.mosaic.merge_events import MERGE_RULES, sum_exposures
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

__all__ = ["PSF_METHODS", "Mosaic", "combine_psf", "merge_stack"]

FloatArray = NDArray[np.float64]
Image32 = NDArray[np.float32]
# Pixels of one tile of the stack of PSF maps, all observations together.
TILE_PIXELS = 8_000_000


def _read(path: Path, ws: Workspace) -> Image:
    block = ws.read(str(path))
    if not isinstance(block, Image) or block.data is None:
        raise DataError(f"{path}: no image in it")
    return block


@dataclass
class Mosaic:
    """Makes the mosaic of one band.

    Attributes
    ----------
    par : ParameterSet
        Of the calling tool, for HISTORY.
    ws : Workspace
    """

    par: ParameterSet
    ws: Workspace

    def counts(self, paths: Sequence[Path], target: Path) -> float:
        """Write the sum of counts images; returns the counts. Whole numbers stay whole numbers."""
        total, header, whole = self._sum(paths)
        data: Any = total
        if whole:
            most = float(np.abs(total).max(initial=0.0))
            data = total.astype(np.int32 if most < 2**31 else np.int64)
        self._write(target, "EVENTS_IMAGE", data, header)
        return float(total.sum())

    def exposure(self, paths: Sequence[Path], target: Path) -> None:
        """Write the sum of exposure maps, float32; summed in float64."""
        total, header, _ = self._sum(paths)
        self._write(target, "EXPMAP", total.astype(np.float32), header)

    def flux(self, counts: Path, exposure: Path, target: Path) -> None:
        """Write counts over exposure, float64; 0 where there is no exposure."""
        above, below = _read(counts, self.ws), _read(exposure, self.ws)
        assert above.data is not None and below.data is not None
        divisor = below.data.astype(np.float64)
        flux = np.zeros(divisor.shape)
        np.divide(above.data, divisor, out=flux, where=divisor != 0)
        header = above.header.copy()
        for key in RESPONSE_KEYS[:-1]:
            if key in below.header:
                header[key] = (below.header[key], below.header.comments[key])
        header["BUNIT"] = flux_unit(str(above.header.get("BUNIT", "")), str(below.header.get("BUNIT", "")))
        self._write(target, "PFLUX_IMAGE", flux, header)

    def _sum(self, paths: Sequence[Path]) -> tuple[FloatArray, Header, bool]:
        """Return the sum in float64, the merged header, and whether all images hold whole numbers."""
        total: FloatArray | None = None
        whole, headers = True, []
        for path in paths:
            image = _read(path, self.ws)
            assert image.data is not None
            if total is None:
                total = np.zeros(image.data.shape)
            if image.data.shape != total.shape:
                raise DataError(f"{path}: {image.data.shape} pixels, others have {total.shape}; the grids differ")
            total += image.data
            whole &= image.data.dtype.kind in "iu"
            headers.append(image.header)
        assert total is not None
        return total, merged_header(headers), whole

    def _write(self, target: Path, name: str, data: Any, header: Header) -> None:
        new = header.copy()
        new.remove("HISTORY", ignore_missing=True, remove_all=True)
        new.remove("COMMENT", ignore_missing=True, remove_all=True)
        new.remove("HISTNUM", ignore_missing=True)
        new["HDUNAME"] = (name, "ASCDM block name")
        new.add_comment(f"{self.par.tool} (ciaopy {__version__})")
        self.ws.write(str(target), Image(name, data, new), self.par, clobber=True)


def merged_header(headers: Sequence[Header]) -> Header:
    """Return the header of a sum: what the observations share, sums of exposures, no subspace of one alone."""
    from ciaopy.datamodel import Subspace, merge_headers

    merged, _ = merge_headers(list(headers), MERGE_RULES)
    sum_exposures(merged, headers)
    Subspace().to_header(merged)
    return merged


# --- PSF maps ---------------------------------------------------------------------------------------------------

PSF_METHODS = ("exptime", "expmap", "min", "max", "mean", "median", "mid")


def merge_stack(stack: Image32, method: str, weights: NDArray[Any] | None = None) -> Image32:
    """Combine PSF maps pixel by pixel; NaN (no data) is left out, and comes back where no map has a value.

    Parameters
    ----------
    stack : float32 array, shape (n, ...)
    method : str
        `min`, `max`, `mean`, `median`, `mid` (half of min plus max), or `exptime`, `expmap`: the mean with weights.
    weights : ndarray, shape (n,) or that of `stack`
        For `exptime` and `expmap`; maps without value have none.
    """
    known = np.isfinite(stack)
    out = np.full(stack.shape[1:], np.nan, np.float32)
    if method in ("exptime", "expmap"):
        assert weights is not None
        w = np.asarray(weights, np.float64).reshape((-1,) + (1,) * (stack.ndim - 1)) if weights.ndim == 1 else weights
        share = np.where(known, w, 0.0).astype(np.float64)
        total = share.sum(0)
        above = (share * np.where(known, stack, 0.0)).sum(0)
        np.divide(above, total, out=out, where=total > 0, casting="same_kind")
        return out
    there = known.any(0)
    if not there.any():
        return out
    values = stack[:, there].astype(np.float64)
    functions: dict[str, Callable[[FloatArray], FloatArray]] = {
        "min": lambda v: np.asarray(np.nanmin(v, axis=0)),
        "max": lambda v: np.asarray(np.nanmax(v, axis=0)),
        "mean": lambda v: np.asarray(np.nanmean(v, axis=0)),
        "median": lambda v: np.asarray(np.nanmedian(v, axis=0)),
        "mid": lambda v: np.asarray((np.nanmin(v, axis=0) + np.nanmax(v, axis=0)) / 2),
    }
    out[there] = functions[method](values)
    return out


def combine_psf(
    mosaic: Mosaic, maps: Sequence[Path], exposures: Sequence[Path], target: Path, method: str, work: Path
) -> None:
    """Write the combined PSF map of one band.

    The maps go to a scratch file in `work`, which is read tile by tile: memory does not grow with their number.
    """
    scratch = _Scratch(work, len(maps))
    headers, times = [], []
    for i, (path, exposure) in enumerate(zip(maps, exposures, strict=True)):
        image, like = _read(path, mosaic.ws), _read(exposure, mosaic.ws)
        psf = placed(image, like)
        assert like.data is not None
        scratch.put("psf", i, np.where(like.data > 0, psf, np.float32(np.nan)))
        times.append(image.header.number("EXPOSURE", 0.0))
        headers.append(like.header)
        if method == "expmap":
            scratch.put("exposure", i, like.data)
    shape = scratch["psf"].shape[1:]
    out = np.empty(shape, np.float32)
    rows = max(1, TILE_PIXELS // max(len(maps) * shape[1], 1))
    for first in range(0, shape[0], rows):
        part = slice(first, first + rows)
        weights: NDArray[Any] | None = np.array(times) if method == "exptime" else None
        if method == "expmap":
            weights = np.array(scratch["exposure"][:, part])
        out[part] = merge_stack(np.array(scratch["psf"][:, part]), method, weights)
    scratch.close()
    header = merged_header(headers)
    header["BUNIT"] = (str(_read(maps[0], mosaic.ws).header.get("BUNIT", "arcsec")), "Unit of the PSF size")
    mosaic._write(target, "PSFMAP", out, header)


def placed(image: Image, like: Image) -> Image32:
    """Return a map on the grid of another image, NaN where it has no pixel; its pixels must lie on that grid.

    PSF maps may be cut to the part of the image that has exposure.

    Raises
    ------
    DataError
        The pixels of the two are not the same.
    """
    assert image.data is not None and like.data is not None
    pixels: Image32 = np.asarray(image.data, np.float32)
    if pixels.shape == like.data.shape:
        return pixels
    starts = []
    for axis in (1, 2):
        own, other = physical_axis(image.header, axis), physical_axis(like.header, axis)
        start = float(other.to_logical(own.from_logical(0.5))) - 0.5
        if abs(own.cdelt - other.cdelt) > 1e-9 * abs(other.cdelt) or abs(start - round(start)) > 1e-3:
            raise DataError("the PSF map of an observation has other pixels than its image; make it again")
        starts.append(round(start))
    out = np.full(like.data.shape, np.nan, np.float32)
    ny, nx = len(pixels), pixels[0].size
    x, y = starts
    if x < 0 or y < 0 or x + nx > out[0].size or y + ny > len(out):
        raise DataError("the PSF map of an observation reaches beyond its image; make it again")
    out[y : y + ny, x : x + nx] = pixels
    return out


class _Scratch:
    """Stacks of float32 images on disk."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self._stacks: dict[str, np.memmap[Any, np.dtype[np.float32]]] = {}

    def put(self, name: str, index: int, data: Any) -> None:
        """Store an image."""
        if name not in self._stacks:
            shape = (self.count, *data.shape)
            self._stacks[name] = np.memmap(self.folder / f"{name}.stack", np.float32, "w+", shape=shape)
        if data.shape != self._stacks[name].shape[1:]:
            raise DataError(
                f"{name} image {index + 1}: {data.shape} pixels, others have {self._stacks[name].shape[1:]}"
            )
        self._stacks[name][index] = data
        self._stacks[name].flush()

    def __getitem__(self, name: str) -> np.memmap[Any, np.dtype[np.float32]]:
        return self._stacks[name]

    def close(self) -> None:
        """Delete the files."""
        names = list(self._stacks)
        self._stacks.clear()
        for name in names:
            (self.folder / f"{name}.stack").unlink(missing_ok=True)
