"""Pictures of exposure-corrected images: sky grid, colour bar, sources visible; three bands as colours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ciaopy.datamodel import SkyTransform, Workspace
    from ciaopy.fits import Image

__all__ = ["mono_picture", "smoothed", "stretch", "three_colours", "write_previews"]

FloatArray = NDArray[np.float64]

#: Longest side of the picture's data, pixels; larger images are summed into blocks.
LARGEST = 1000
# Spacings of sky grid lines, arcsec.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_BLUR_PIXELS = 1.0


def write_previews(
    wanted: Mapping[Path, tuple[str, ...]], images: Mapping[str, Path], ws: Workspace, clobber: bool
) -> list[Path]:
    """Write pictures of images.

    Parameters
    ----------
    wanted : mapping of Path to tuple of str
        Picture to the bands that it shows: one, or red, green and blue.
    images : mapping of str to Path
        Band to image file.
    ws : Workspace
    clobber : bool

    Returns
    -------
    list of Path
    """
    from ciaopy.datamodel.images import read_image
    from ciaopy.fits import AtomicFile
    from ciaopy.plots.figures import png

    for path, bands in wanted.items():
        found = [read_image(ws, str(images[b])) for b in bands]
        title = f"{found[0].header.get('OBJECT', '')}  ObsID {found[0].header.get('OBS_ID', '')}  {', '.join(bands)}"
        figure = mono_picture(found[0], title) if len(found) == 1 else three_colours(found, title)
        with AtomicFile(path, clobber) as file:
            file.write(png(figure))
    return list(wanted)


def blocked(data: NDArray[Any], largest: int = LARGEST) -> tuple[FloatArray, int]:
    """Return the image with blocks of k x k pixels averaged, so that no side is longer than `largest`, and k.

    Pixels that do not fill a block at the upper edges are padded with 0; NaN counts as 0.
    """
    k = max(1, math.ceil(max(data.shape) / largest))
    ny, nx = (-(-n // k) for n in data.shape)
    padded = np.zeros((ny * k, nx * k))
    padded[: data.shape[0], : data.shape[1]] = np.nan_to_num(data)
    return padded.reshape(ny, k, nx, k).mean(axis=(1, 3)), k


def smoothed(data: FloatArray, sigma: float = _BLUR_PIXELS) -> FloatArray:
    """Return the image convolved with a Gaussian, zero outside."""
    reach = max(1, math.ceil(3 * sigma))
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    profile /= profile.sum()
    for axis in (0, 1):
        padding = [(reach, reach) if k == axis else (0, 0) for k in (0, 1)]
        padded = np.pad(data, padding)
        n = data.shape[axis]
        data = sum(
            (
                w * padded[tuple(slice(i, i + n) if k == axis else slice(None) for k in (0, 1))]
                for i, w in enumerate(profile)
            ),
            np.zeros_like(data),
        )
    return data


def softening(data: FloatArray) -> float:
    """Return the brightness below which the stretch is linear: three times the median of the pixels seen."""
    seen = data[data > 0]
    return 3.0 * float(np.median(seen)) if seen.size else 1.0


def brightest(data: FloatArray) -> float:
    """Return the brightness shown white: the 99.98th percentile of the pixels seen, so that few sources saturate."""
    seen = data[data > 0]
    return float(np.percentile(seen, 99.98)) if seen.size else 1.0


def stretch(data: FloatArray, soft: float, top: float) -> FloatArray:
    """Return 0 to 1: ``asinh(data / soft) / asinh(top / soft)``, cut at both ends."""
    return np.asarray(np.clip(np.arcsinh(np.maximum(data, 0.0) / soft) / np.arcsinh(top / soft), 0.0, 1.0))


def mono_picture(image: Image, title: str) -> Figure:
    """Return a picture of one image with a colour bar in its unit."""
    from matplotlib.colors import AsinhNorm

    from ciaopy.datamodel.images import pixels
    from ciaopy.plots.figures import new_figure

    data, k = blocked(pixels(image))
    shown = smoothed(data)
    figure = new_figure(8.6, 7.6)
    axes = figure.subplots()
    norm = AsinhNorm(linear_width=softening(shown), vmin=0.0, vmax=brightest(shown))
    drawn = axes.imshow(
        shown, origin="lower", cmap="inferno", norm=norm, interpolation="nearest", extent=_extent(data, k)
    )
    bar = figure.colorbar(drawn, ax=axes, shrink=0.85)
    bar.set_label(str(image.header.get("BUNIT", "")).strip() or "counts")
    _finish(axes, image, title)
    return figure


def three_colours(images: list[Image], title: str) -> Figure:
    """Return a picture of three images of one grid as red, green and blue, each on its own scale."""
    from ciaopy.datamodel.images import pixels
    from ciaopy.plots.figures import new_figure

    planes, k, data = [], 1, np.zeros((1, 1))
    for image in images:
        data, k = blocked(pixels(image))
        shown = smoothed(data)
        planes.append(stretch(shown, softening(shown), brightest(shown)))
    figure = new_figure(7.9, 7.6)
    axes = figure.subplots()
    axes.imshow(np.stack(planes, axis=-1), origin="lower", interpolation="nearest", extent=_extent(data, k))
    _finish(axes, images[0], title)
    return figure


def _extent(data: FloatArray, k: int) -> tuple[float, float, float, float]:
    """Return the edges in image pixels (centre of the first is 1)."""
    return 0.5, 0.5 + k * data.shape[1], 0.5, 0.5 + k * data.shape[0]


def _finish(axes: Axes, image: Image, title: str) -> None:
    """Draw the sky grid, the limits and the title."""
    from ciaopy.datamodel import image_wcs
    from ciaopy.datamodel.images import pixels

    ny, nx = pixels(image).shape
    axes.set_xlim(0.5, nx + 0.5)
    axes.set_ylim(0.5, ny + 0.5)
    axes.set_facecolor("black")
    axes.set_title(title, fontsize=10)
    transform = image_wcs(image)
    if transform is None or not transform.is_known():
        axes.set_xlabel("pixel")
        axes.set_ylabel("pixel")
        return
    _sky_grid(axes, transform, nx, ny)


def _sky_grid(axes: Axes, transform: SkyTransform, nx: int, ny: int) -> None:
    """Draw lines of equal RA and Dec, their values where they meet the lower and the left edge."""
    sky, pixel = transform.logical_to_sky, transform.sky_to_logical
    u, v = np.meshgrid(np.linspace(0.5, nx + 0.5, 21), np.linspace(0.5, ny + 0.5, 21))
    ra, dec = sky(u, v)
    centre = float(sky((nx + 1) / 2, (ny + 1) / 2)[0])
    ra = centre + (ra - centre + 180.0) % 360.0 - 180.0
    dec_step = _spacing((float(dec.max()) - float(dec.min())) * 3600.0) / 3600.0
    ra_step = _spacing((float(ra.max()) - float(ra.min())) * 3600.0 / 15.0) * 15.0 / 3600.0
    along_dec = np.linspace(float(dec.min()), float(dec.max()), 60)
    along_ra = np.linspace(float(ra.min()), float(ra.max()), 60)
    ticks: tuple[list[float], list[str]] = ([], [])
    for value in _multiples(float(ra.min()), float(ra.max()), ra_step):
        x, y = pixel(np.full_like(along_dec, value), along_dec)
        axes.plot(x, y, color="white", lw=0.4, alpha=0.45)
        if (place := _crossing(y, x, nx)) is not None:
            ticks[0].append(place)
            ticks[1].append(_sexagesimal(value / 15.0 % 24.0, "hms", ra_step / 15.0))
    axes.set_xticks(ticks[0], ticks[1], fontsize=7)
    ticks = ([], [])
    for value in _multiples(float(dec.min()), float(dec.max()), dec_step):
        x, y = pixel(along_ra, np.full_like(along_ra, value))
        axes.plot(x, y, color="white", lw=0.4, alpha=0.45)
        if (place := _crossing(x, y, ny)) is not None:
            ticks[0].append(place)
            ticks[1].append(_sexagesimal(value, "°'\"", dec_step))
    axes.set_yticks(ticks[0], ticks[1], fontsize=7)
    axes.set_xlabel("right ascension")
    axes.set_ylabel("declination")


def _spacing(arcsec: float) -> float:
    """Return a round spacing that gives about five lines."""
    return float(min(_STEPS, key=lambda s: abs(math.log(s * 5.0 / max(arcsec, 1e-6)))))


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _crossing(across: FloatArray, along: FloatArray, size: int) -> float | None:
    """Return where a line meets the edge at 0.5 of `across`, in `along`; None where that is off the picture."""
    order = np.argsort(across)
    if not across[order[0]] <= 0.5 <= across[order[-1]]:
        return None
    place = float(np.interp(0.5, across[order], along[order]))
    return place if 0.5 <= place <= size + 0.5 else None


def _sexagesimal(value: float, signs: str, step: float) -> str:
    """Return `15h13m`, with seconds where the spacing (same unit as the value) needs them."""
    total = round(abs(value) * 3600.0)
    whole, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{'-' if value < 0 else ''}{whole}{signs[0]}{minutes:02d}{signs[1]}"
    return text if round(step * 3600.0) % 60 == 0 else f"{text}{seconds:02d}{signs[2]}"
