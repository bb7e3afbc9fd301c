"""What all pictures share: colours that the colour-blind tell apart, figures, units and dates as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BLACK", "BLUE", "COLOURS", "GREEN", "GREY", "IMAGE_COLOURS", "MARK", "ORANGE", "VERMILION", "arcsec_text",
    "moment", "new_figure", "number_text", "png", "unit_label",
]  # fmt: skip

# Okabe & Ito, https://jfly.uni-koeln.de/color/ : eight colours for all kinds of colour vision.
BLUE, VERMILION, GREEN, ORANGE, BLACK, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#000000", "#999999"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, "#CC79A7", "#56B4E9")
#: Perceptually uniform, rising in lightness: it reads in grey as well.
IMAGE_COLOURS = "inferno"
#: Of marks upon `IMAGE_COLOURS`.
MARK = "#7FE3FF"
DPI = 110

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FACTOR = re.compile(r"([A-Za-z]+)(?:\s*(?:\*\*|\^)?\s*\(?([+-]?\d+)\)?)?")
# MJD 0; of no time zone: the header says the time system.
_EPOCH = datetime(1858, 11, 17)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png", metadata={"Software": "ciaopy"})
    return buffer.getvalue()


def unit_label(text: str) -> str:
    """Return a unit of a FITS header as it is printed: `photon/cm**2/s` gives `photon cm⁻² s⁻¹`.

    What is no product of powers comes back as it is.
    """
    out, rest, sign = [], text.strip(), 1
    while rest:
        if rest[0] in "/ *.":
            sign = -1 if rest[0] == "/" else sign if rest[0] == " " else 1
            rest = rest[1:]
            continue
        found = _FACTOR.match(rest)
        if found is None:
            return text.strip()
        power = sign * int(found[2] or 1)
        out.append(found[1] + ("" if power == 1 else str(power).translate(_SUPERSCRIPT)))
        rest, sign = rest[found.end() :], 1
    return " ".join(out)


def number_text(value: float) -> str:
    """Return a number for an axis: one or two digits, powers of ten outside 0.01 to 10000."""
    if value == 0.0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.3g}"
    exponent = math.floor(math.log10(abs(value)))
    mantissa = f"{value / 10.0**exponent:.2g}"
    power = f"10^{{{exponent}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa}\times{power}$"


def arcsec_text(arcsec: float) -> str:
    """Return an angle in the unit that suits it: `0.5″`, `2′`, `1°`."""
    for size, sign in ((3600.0, "°"), (60.0, "′")):
        if arcsec >= size:
            return f"{arcsec / size:.3g}{sign}"
    return f"{arcsec:.3g}″"


def moment(seconds: float, header: Mapping[str, Any]) -> str:
    """Return the date of a mission time, `2000-08-14 13:32:51 TT`; `time 82648371 s` where the header has no MJDREF.

    Parameters
    ----------
    seconds : float
        Of the clock that `header` describes (MJDREF, or MJDREFI and MJDREFF; TIMESYS, TIMEZERO), s.
    header : mapping
    """
    from ciaopy.datamodel import TimeFrame

    frame = TimeFrame.of(header)
    if frame.zero_mjd is None or frame.unit != "s" or not math.isfinite(seconds):
        return f"time {seconds:.0f} s"
    date = _EPOCH + timedelta(days=frame.zero_mjd, seconds=round(seconds + frame.offset_s))
    return f"{date:%Y-%m-%d %H:%M:%S} {frame.system}".strip()
