"""Images on the sky: what is shown, its axes in right ascension and declination, its colour bar and its scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.plots.style import IMAGE_COLOURS, MARK, arcsec_text, number_text, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

    from ciaopy.fits import Image, Table

__all__ = [
    "SkyPicture", "add_circles", "add_colour_bar", "add_scale", "asinh_scale", "draw_picture", "picture_of_events",
    "picture_of_image", "sky_axes", "smoothed",
]  # fmt: skip

FloatArray = NDArray[np.float64]

#: Longest side of a picture's data, pixels; larger images are averaged in blocks.
LARGEST = 1000
# Lengths of the scale bar, arcsec.
_LENGTHS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000)
_NAMES = {"RA": "Right ascension", "DEC": "Declination", "GLON": "Galactic longitude", "GLAT": "Galactic latitude"}


@dataclass(frozen=True)
class SkyPicture:
    """Pixels to be shown.

    Attributes
    ----------
    data : float64 array, shape (ny, nx)
    quantity : str
        What the pixels are, with the unit: label of the colour bar.
    wcs : astropy.wcs.WCS or None
        Celestial transform of the pixels of `data`; None: there is none.
    origin : tuple of float
        Physical coordinates of the outer corner of the first pixel.
    step : tuple of float
        Size of a pixel in physical coordinates.
    names : tuple of str
        Names of the physical coordinates, with units, for axes without a sky.
    """

    data: FloatArray
    quantity: str
    wcs: Any = None
    origin: tuple[float, float] = (0.5, 0.5)
    step: tuple[float, float] = (1.0, 1.0)
    names: tuple[str, str] = ("x [pixel]", "y [pixel]")

    @property
    def pixel_arcsec(self) -> float | None:
        """Size of a pixel (square root of its area), arcsec; None without a sky."""
        if self.wcs is None:
            return None
        from astropy.wcs.utils import proj_plane_pixel_area

        return 3600.0 * math.sqrt(float(proj_plane_pixel_area(self.wcs)))

    def place(self, x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return where physical coordinates lie on the axes that `sky_axes` makes."""
        at = (np.asarray(v, np.float64) for v in (x, y))
        if self.wcs is None:
            a, b = at
            return a, b
        a, b = ((v - o) / s - 0.5 for v, o, s in zip(at, self.origin, self.step, strict=True))
        return a, b

    def with_data(self, data: FloatArray, quantity: str) -> SkyPicture:
        """Return the same pixels with other values."""
        return replace(self, data=data, quantity=quantity)


def picture_of_image(image: Image, largest: int = LARGEST) -> SkyPicture:
    """Return an image of two axes, in blocks of k x k pixels averaged so that no side is longer than `largest`.

    Pixels that do not fill a block at the upper edges are padded with 0; NaN counts as 0.
    """
    from ciaopy.datamodel import image_wcs, physical_axis
    from ciaopy.datamodel.images import pixels

    data, k = blocked(pixels(image), largest)
    axes = [physical_axis(image.header, i) for i in (1, 2)]
    transform = image_wcs(image)
    wcs = transform.astropy_wcs() if transform is not None and transform.is_known() else None
    picture = SkyPicture(
        data,
        "",
        None if wcs is None else in_blocks(wcs, (0.5, 0.5), (k, k)),
        (float(axes[0].from_logical(0.5)), float(axes[1].from_logical(0.5))),
        (k * axes[0].cdelt, k * axes[1].cdelt),
        (f"{axes[0].name or 'x'} [pixel]", f"{axes[1].name or 'y'} [pixel]"),
    )
    return replace(picture, quantity=image_quantity(image, picture, k))


def image_quantity(image: Image, picture: SkyPicture, k: int) -> str:
    """Return the label of the colour bar: the unit (BUNIT, else count), per pixel of the file."""
    unit = unit_label(str(image.header.get("BUNIT", ""))) or "count"
    size = picture.pixel_arcsec
    return f"{unit} per pixel" + (f" of {arcsec_text(size / k)}" if size else "")


def picture_of_events(events: Table, largest: int = 720, around: Sequence[Table] = ()) -> SkyPicture:
    """Return the counts image of events: a square around all, in whole sky pixels, at most `largest` bins wide.

    Parameters
    ----------
    events : Table
        With X and Y [sky pixel].
    largest : int
    around : sequence of Table, optional
        The square is around these; default: around `events`.
    """
    from ciaopy.datamodel import columns_wcs

    x, y = _positions(events)
    others = [_positions(t) for t in around or (events,)]
    ends = []
    for values in (np.concatenate([p[i] for p in others]) for i in (0, 1)):
        ends.append((float(values.min()), float(values.max())) if values.size else (0.0, 8192.0))
    side = max(high - low for low, high in ends) + 4.0
    step = max(1.0, float(np.ceil(side / largest)))
    n = int(np.ceil(side / step))
    low = [float(np.floor((a + b - n * step) / 2)) + 0.5 for a, b in ends]
    edges = [start + step * np.arange(n + 1) for start in low]
    data = np.histogram2d(y, x, (edges[1], edges[0]))[0]
    transform = columns_wcs(events, ("x", "y"))
    wcs = transform.astropy_wcs() if transform is not None and transform.is_known() else None
    origin = low[0], low[1]
    picture = SkyPicture(
        data,
        "",
        None if wcs is None else in_blocks(wcs, origin, (step, step)),
        origin,
        (step, step),
        ("x [sky pixel]", "y [sky pixel]"),
    )
    size = picture.pixel_arcsec
    return replace(picture, quantity="counts per bin of " + (arcsec_text(size) if size else f"{step:g} pixels"))


def _positions(events: Table) -> tuple[FloatArray, FloatArray]:
    """Return x and y of the events that have both."""
    x, y = (np.asarray(events[c], np.float64) for c in ("x", "y"))
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def in_blocks(wcs: Any, origin: tuple[float, float], step: tuple[float, float]) -> Any:
    """Return the transform of new pixels: the first begins at `origin` of the old, each is `step` old ones wide."""
    new = wcs.deepcopy()
    new.wcs.crpix = [(c - o) / s + 0.5 for c, o, s in zip(wcs.wcs.crpix, origin, step, strict=True)]
    if new.wcs.has_cd():
        new.wcs.cd = wcs.wcs.cd * np.asarray(step)[None, :]
    elif step[0] == step[1]:
        new.wcs.cdelt = wcs.wcs.cdelt * step[0]
    else:
        new.wcs.pc = wcs.wcs.get_pc() * np.asarray(step)[None, :]
    new.wcs.set()
    return new


def blocked(data: NDArray[Any], largest: int = LARGEST) -> tuple[FloatArray, int]:
    """Return the image with blocks of k x k pixels averaged, so that no side is longer than `largest`, and k.

    Pixels that do not fill a block at the upper edges are padded with 0; NaN counts as 0.
    """
    k = max(1, math.ceil(max(data.shape) / largest))
    ny, nx = (-(-n // k) for n in data.shape)
    padded = np.zeros((ny * k, nx * k))
    padded[: data.shape[0], : data.shape[1]] = np.nan_to_num(data)
    return padded.reshape(ny, k, nx, k).mean(axis=(1, 3)), k


def smoothed(data: FloatArray, sigma: float) -> FloatArray:
    """Return the image convolved with a Gaussian of `sigma` pixels, zero outside."""
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


# ---- axes ----------------------------------------------------------------------------------------------------------


def sky_axes(figure: Figure, picture: SkyPicture, place: Any = 111) -> Axes:
    """Return axes for a picture: a grid of right ascension and declination, or pixels where there is no sky.

    Parameters
    ----------
    figure : Figure
    picture : SkyPicture
    place : int or SubplotSpec
        Where in the figure.
    """
    ny, nx = picture.data.shape
    if picture.wcs is None:
        plain = figure.add_subplot(place)
        (x0, y0), (sx, sy) = picture.origin, picture.step
        plain.set(xlim=(x0, x0 + nx * sx), ylim=(y0, y0 + ny * sy), xlabel=picture.names[0], ylabel=picture.names[1])
        plain.set_aspect("equal")
        return plain
    from astropy.visualization.wcsaxes import WCSAxes

    axes: Any = figure.add_subplot(place, axes_class=WCSAxes, wcs=picture.wcs)
    axes.set(xlim=(-0.5, nx - 0.5), ylim=(-0.5, ny - 0.5))
    for number, coordinate in enumerate(axes.coords):
        coordinate.set_axislabel(_axis_label(picture.wcs, number))
        coordinate.set_ticklabel(size=8, exclude_overlapping=True, simplify=False)
        coordinate.set_ticks(color="0.35")
        coordinate.grid(color="white", alpha=0.3, linewidth=0.5)
    made: Axes = axes
    return made


def _axis_label(wcs: Any, number: int) -> str:
    """Return `Right ascension (ICRS)`."""
    name = str(wcs.wcs.ctype[number])[:4].strip("-").upper()
    system = str(wcs.wcs.radesys).strip() if name in ("RA", "DEC") else ""
    return _NAMES.get(name, name) + (f" ({system})" if system else "")


def asinh_scale(data: FloatArray) -> Any:
    """Return the norm of `matplotlib` for images of few bright sources: linear in the background, logarithmic above.

    It is linear below twice the median of the pixels above 0, and ends at their 99.98th percentile.
    """
    from matplotlib.colors import AsinhNorm

    return AsinhNorm(linear_width=softening(data), vmin=0.0, vmax=brightest(data))


def softening(data: FloatArray) -> float:
    """Return the brightness below which the stretch is linear: twice the median of the pixels seen."""
    seen = data[data > 0]
    return 2.0 * float(np.median(seen)) if seen.size else 1.0


def brightest(data: FloatArray) -> float:
    """Return the brightness shown white: the 99.98th percentile of the pixels seen, so that few sources saturate."""
    seen = data[data > 0]
    return float(np.percentile(seen, 99.98)) if seen.size else 1.0


def draw_picture(axes: Axes, picture: SkyPicture, norm: Any = None, cmap: str = IMAGE_COLOURS) -> Any:
    """Draw the pixels on axes of `sky_axes`; returns what `add_colour_bar` needs."""
    ny, nx = picture.data.shape
    (x0, y0), (sx, sy) = picture.origin, picture.step
    extent = None if picture.wcs is not None else (x0, x0 + nx * sx, y0, y0 + ny * sy)
    norm = asinh_scale(picture.data) if norm is None else norm
    return axes.imshow(picture.data, origin="lower", cmap=cmap, norm=norm, interpolation="nearest", extent=extent)


def add_colour_bar(figure: Figure, axes: Axes, drawn: Any, label: str) -> Colorbar:
    """Add a colour bar with ticks at round numbers, evenly spread along it."""
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9, pad=0.02, aspect=35)
    ticks = round_ticks(drawn.norm)
    bar.set_ticks(ticks, labels=[number_text(t) for t in ticks])
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=8)
    bar.set_label(label)
    return bar


def round_ticks(norm: Any, count: int = 6) -> list[float]:
    """Return the lower end and 1, 2, 3 or 5 times powers of ten, about evenly spread along the colours of a norm."""
    low, high = float(norm.vmin), float(norm.vmax)
    ticks = [low]
    if not 0 <= low < high:
        return [low, high] if low < high else ticks
    decade = math.floor(math.log10(high))
    round_ones = [m * 10.0**k for k in range(decade - 6, decade + 1) for m in (1.0, 2.0, 3.0, 5.0)]
    known = [v for v in round_ones if low < v <= high * (1 + 1e-9)]
    for fraction in np.linspace(0.0, 1.0, count + 1)[1:]:
        value = min(known, key=lambda v: abs(float(norm(v)) - fraction), default=low)
        if value > ticks[-1] and float(norm(value) - norm(ticks[-1])) > 0.4 / count:
            ticks.append(value)
    return ticks


def add_scale(axes: Axes, picture: SkyPicture) -> None:
    """Draw a bar of a round length on the sky in the lower left corner; nothing without a sky."""
    size = picture.pixel_arcsec
    if size is None:
        return
    ny, nx = picture.data.shape
    width = 0.2 * nx * size
    length = float(min(_LENGTHS, key=lambda s: abs(math.log(s / width))))
    x, y = 0.04 * nx, 0.035 * ny
    axes.plot([x, x + length / size], [y, y], color="white", lw=2.0, solid_capstyle="butt")
    axes.text(x + 0.5 * length / size, y + 0.008 * ny, arcsec_text(length), color="white", ha="center", va="bottom")


def add_circles(axes: Axes, picture: SkyPicture, circles: ArrayLike) -> None:
    """Draw circles, numbered from 1.

    Parameters
    ----------
    axes : Axes
    picture : SkyPicture
    circles : array, shape (n, 3)
        x, y and radius in physical pixels.
    """
    from matplotlib.patches import Circle

    scale = 1.0 if picture.wcs is None else 1.0 / picture.step[0]
    for number, (x, y, radius) in enumerate(np.reshape(np.asarray(circles, np.float64), (-1, 3)), 1):
        a, b = (float(v) for v in picture.place(x, y))
        axes.add_patch(Circle((a, b), radius * scale, fill=False, color=MARK, lw=1.0))
        axes.annotate(
            str(number), (a + 0.75 * radius * scale, b + 0.75 * radius * scale), color=MARK, fontsize=8,
            xytext=(1, 1), textcoords="offset points",
        )  # fmt: skip
