"""Pictures: figures of matplotlib, previews of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.plots import figures
    from ciaopy.plots.grating_figures import dispersed_image, grating_spectra, order_sorting
    from ciaopy.plots.preview import write_previews

__all__ = [
    "dispersed_image",
    "figures",
    "grating_spectra",
    "order_sorting",
    "write_previews",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "grating_figures": "dispersed_image grating_spectra order_sorting",
            "preview": "write_previews",
            "": "figures",
        },
    )
