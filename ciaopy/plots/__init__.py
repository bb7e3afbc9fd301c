"""Pictures: figures of matplotlib, previews of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.plots import figures
    from ciaopy.plots.comparison import comparison_figure
    from ciaopy.plots.flares import FlareStyle, flare_figure, histogram_edges
    from ciaopy.plots.grating_figures import dispersed_image, grating_spectra, order_sorting
    from ciaopy.plots.moving import moving_target
    from ciaopy.plots.preview import image_caption, thumbnail, write_previews
    from ciaopy.plots.sky import SkyPicture, picture_of_events, picture_of_image
    from ciaopy.plots.style import moment, unit_label

__all__ = [
    "FlareStyle",
    "SkyPicture",
    "comparison_figure",
    "dispersed_image",
    "figures",
    "flare_figure",
    "grating_spectra",
    "histogram_edges",
    "image_caption",
    "moment",
    "moving_target",
    "order_sorting",
    "picture_of_events",
    "picture_of_image",
    "thumbnail",
    "unit_label",
    "write_previews",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "comparison": "comparison_figure",
            "flares": "FlareStyle flare_figure histogram_edges",
            "grating_figures": "dispersed_image grating_spectra order_sorting",
            "moving": "moving_target",
            "preview": "image_caption thumbnail write_previews",
            "sky": "SkyPicture picture_of_events picture_of_image",
            "style": "moment unit_label",
            "": "figures",
        },
    )
