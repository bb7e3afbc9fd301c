"""The picture of a moving target: the sky with its track beside the frame in which it stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.plots.sky import SkyPicture, add_colour_bar, add_scale, asinh_scale, draw_picture, sky_axes
from ciaopy.plots.style import MARK, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["moving_target"]


def moving_target(
    sky: SkyPicture, track: tuple[NDArray[np.float64], NDArray[np.float64]], centred: SkyPicture, title: str
) -> Figure:
    """Return two counts images side by side, in the same colours.

    Parameters
    ----------
    sky : SkyPicture
        On the sky.
    track : (x, y), arrays, shape (n,)
        Where the object was, physical coordinates, in order of time.
    centred : SkyPicture
        In the object's frame: offsets from it, without a sky.
    title : str
    """
    figure = new_figure(12.4, 5.8)
    figure.suptitle(title, fontsize=11)
    both = np.concatenate([sky.data.ravel(), centred.data.ravel()])
    drawn: Any = None
    for place, picture, name in ((121, sky, "on the sky"), (122, centred, "in the frame of the object")):
        axes = sky_axes(figure, picture, place)
        drawn = draw_picture(axes, picture, asinh_scale(both))
        axes.set_title(name, fontsize=10)
        if picture is sky:
            add_scale(axes, picture)
            x, y = picture.place(*track)
            axes.plot(x, y, color=MARK, lw=1.0, ls=(0, (1, 5)))
            axes.plot(x[:1], y[:1], "o", color=MARK, ms=5, mfc="none")
            if len(x) > 1:
                axes.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops={"arrowstyle": "->", "color": MARK})
        add_colour_bar(figure, axes, drawn, picture.quantity)
    return figure
