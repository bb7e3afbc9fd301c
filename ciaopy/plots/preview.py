"""Pictures of exposure-corrected images: sky grid, colour bar, sources visible; three bands as colours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.plots.figures import counts_image, new_figure, png
from ciaopy.plots.sky import (
    add_scale,
    brightest,
    picture_of_image,
    sky_axes,
    smoothed,
    softening,
)
from ciaopy.plots.style import IMAGE_COLOURS, arcsec_text, unit_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header, Image

__all__ = ["image_caption", "mono_picture", "stretch", "three_colours", "thumbnail", "write_previews"]

FloatArray = NDArray[np.float64]

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

    with ws.console.task("pictures", len(wanted)) as progress:
        for path, bands in wanted.items():
            progress.show(path.name)
            found = [read_image(ws, str(images[b])) for b in bands]
            title = _title(found[0])
            named = [band_text(image.header, band) for image, band in zip(found, bands, strict=True)]
            figure = (
                mono_picture(found[0], f"{title}, {named[0]}")
                if len(found) == 1
                else three_colours(found, title, named)
            )
            with AtomicFile(path, clobber) as file:
                file.write(png(figure))
            progress.advance()
    return list(wanted)


def _title(image: Image) -> str:
    """Return the object, the ObsID and the instrument of an image."""
    header = image.header
    names = (str(header.get(k, "")).strip() for k in ("OBJECT", "OBS_ID", "INSTRUME"))
    target, obsid, instrument = names
    return ", ".join(t for t in (target, f"ObsID {obsid}" if obsid else "", instrument) if t)


def band_text(header: Header, name: str) -> str:
    """Return the name of a band with the energies of the data subspace: `medium (1.2–2 keV)`."""
    for key in header:
        if not (re.fullmatch(r"DSTYP\d+", key) and str(header[key]).strip().lower() == "energy"):
            continue
        number = key.removeprefix("DSTYP")
        found = re.fullmatch(r"([\d.]+):([\d.]+)", str(header.get(f"DSVAL{number}", "")).strip())
        if found and str(header.get(f"DSUNIT{number}", "")).strip() == "eV":
            return f"{name} ({float(found[1]) / 1e3:g}–{float(found[2]) / 1e3:g} keV)"
    return name


def stretch(data: FloatArray, soft: float, top: float) -> FloatArray:
    """Return 0 to 1: ``asinh(data / soft) / asinh(top / soft)``, cut at both ends."""
    return np.asarray(np.clip(np.arcsinh(np.maximum(data, 0.0) / soft) / np.arcsinh(top / soft), 0.0, 1.0))


def mono_picture(image: Image, title: str) -> Figure:
    """Return a picture of one image with a colour bar in its unit."""
    return counts_image(picture_of_image(image), title, blur=_BLUR_PIXELS)


def three_colours(images: Sequence[Image], title: str, bands: Sequence[str]) -> Figure:
    """Return a picture of three images of one grid as red, green and blue, each on its own scale."""
    pictures = [picture_of_image(image) for image in images]
    planes = []
    for picture in pictures:
        shown = smoothed(picture.data, _BLUR_PIXELS)
        planes.append(stretch(shown, softening(shown), brightest(shown)))
    figure = new_figure(7.6, 7.4)
    axes = sky_axes(figure, pictures[0])
    ny, nx = pictures[0].data.shape
    (x0, y0), (sx, sy) = pictures[0].origin, pictures[0].step
    extent = None if pictures[0].wcs is not None else (x0, x0 + nx * sx, y0, y0 + ny * sy)
    axes.imshow(np.stack(planes, axis=-1), origin="lower", interpolation="nearest", extent=extent)
    add_scale(axes, pictures[0])
    for name, colour, band, place in zip(
        ("red", "green", "blue"), ("#FF6B6B", "#5BE37D", "#7AA7FF"), bands, (0.98, 0.94, 0.90), strict=True
    ):
        axes.text(0.98, place, f"{name}: {band}", color=colour, ha="right", va="top", transform=axes.transAxes)
    axes.set_title(title, fontsize=11)
    return figure


def image_caption(image: Image) -> str:
    """Return what an image shows, how wide it is and where: `3C 273, ObsID 1, ACIS; 16.9′ x 16.9′ about ...`."""
    from ciaopy.datamodel import image_wcs
    from ciaopy.datamodel.images import pixels

    transform = image_wcs(image)
    if transform is None or not transform.is_known():
        return _title(image)
    ny, nx = pixels(image).shape
    size = 3600.0 * transform.scale * transform.logical_scale
    ra, dec = (float(v) for v in transform.logical_to_sky((nx + 1) / 2, (ny + 1) / 2))
    unit = unit_label(str(image.header.get("BUNIT", "")))
    where = f"{arcsec_text(nx * size)} × {arcsec_text(ny * size)} about {ra:.4f}° {dec:+.4f}°"
    return "; ".join(t for t in (_title(image), where, unit) if t)


def thumbnail(image: Image, largest: int = 300) -> bytes:
    """Return an image of two axes without frame, at most `largest` pixels wide, as the bytes of a PNG file."""
    from io import BytesIO

    from matplotlib.image import imsave

    data = picture_of_image(image, largest).data
    out = BytesIO()
    shown = stretch(data, softening(data), brightest(data))
    imsave(out, shown, cmap=IMAGE_COLOURS, vmin=0.0, vmax=1.0, origin="lower", format="png")
    return out.getvalue()
