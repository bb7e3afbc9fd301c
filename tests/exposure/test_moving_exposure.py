"""Exposure in the frame of a moving object: a uniform sky is flat, roll may cross 0; histograms that are too fine."""

from __future__ import annotations

import numpy as np
import pytest
from exposure_helpers import CHIP_GRID, HEADER
from moving_helpers import PIXEL_DEG, T0, body, orbit

from ciaopy.coords import AspectSolution, Attitude, FocalPlane, ObjectTrack, SkyFrame, object_centred_attitudes
from ciaopy.datamodel import Gti, TangentTransform
from ciaopy.errors import UserError
from ciaopy.events import ObjectFrame
from ciaopy.exposure import InstrumentMap, SkyView, aspect_histogram, exposure_map, parse_xygrid

SPAN = 3000.0


def scene(dec: float, roll: float, speed: float) -> tuple[SkyView, AspectSolution, AspectSolution, ObjectTrack]:
    """A dithering telescope that stares while an object crosses; its aspect on the sky and in the object's frame."""
    header = HEADER | {"RA_NOM": 0.001, "DEC_NOM": dec, "ROLL_NOM": roll}
    frame = SkyFrame.from_header(header)
    time = T0 - SPAN / 2 + np.arange(0.0, SPAN, 0.5)
    phase = 2 * np.pi * (time - time[0])
    ra = (0.001 + 8 / 3600 * np.sin(phase / 1000.0) / np.cos(np.radians(dec))) % 360.0
    at = Attitude.of(ra, dec + 8 / 3600 * np.sin(phase / 707.0), roll % 360.0)
    track = ObjectTrack.of(orbit(), body(0.001, dec, 1.0, speed, 37.0))
    new = object_centred_attitudes(track, time, at, (0.001, dec))
    zero = np.zeros(time.size)
    sky, centred = (AspectSolution(time, a.ra, a.dec, a.roll, zero, zero.copy(), zero.copy()) for a in (at, new))
    return SkyView(FocalPlane.from_header(header), frame), sky, centred, track


@pytest.mark.parametrize(("dec", "roll"), [(-30.0, 57.0), (80.0, 0.02)])
def test_uniform_sky_is_flat_in_the_objects_frame(dec, roll):
    """An object that crosses 5 arcmin: counts over exposure scatter as Poisson says, and not more.

    Events are uniform on a chip and in time; their sky positions come from the aspect, ocx, ocy from these.
    """
    view, sky, centred, track = scene(dec, roll, 6.0)
    n = 300_000
    rng = np.random.default_rng(11)
    time = rng.uniform(T0 - SPAN / 2, T0 + SPAN / 2, n)
    chipx, chipy = (rng.uniform(0.5, 1024.5, n) for _ in range(2))
    x, y = view.plane.chip_to_sky(np.full(n, 3), chipx, chipy, sky.at(time), view.frame)
    wcs = TangentTransform(None, (0.001, dec), (4096.5, 4096.5), (-PIXEL_DEG, PIXEL_DEG))
    (ocx, ocy, _), found = ObjectFrame(track, ("x", "y"), wcs).positions({"time": time, "x": x, "y": y})
    assert found.outside == 0
    low = [float(np.floor(v.min() / 16) * 16) + 0.5 for v in (ocx, ocy)]
    count = [int(np.ceil((v.max() - a) / 16)) for v, a in zip((ocx, ocy), low, strict=True)]
    edges = [a + 16.0 * np.arange(k + 1) for a, k in zip(low, count, strict=True)]
    assert edges[0][-1] - edges[0][0] > 1024 + 400
    counts = np.histogram2d(ocy, ocx, bins=edges[::-1])[0]
    grid = parse_xygrid(",".join(f"{a}:{e[-1]}:#{k}" for a, e, k in zip(low, edges, count, strict=True)))
    gti = Gti([T0 - SPAN / 2], [T0 + SPAN / 2])
    histogram = aspect_histogram(centred, gti, view.frame, resolution=(3.0, 600.0), max_bin=1e6)
    assert histogram.total == pytest.approx(SPAN, rel=1e-3)
    made = exposure_map([InstrumentMap(3, CHIP_GRID, np.ones((1024, 1024), np.float32))], histogram, view, grid)
    assert made.method in ("shift", "gather")
    exposure = np.zeros(counts.shape)
    part = made.data[0]
    exposure[made.first_row : made.first_row + part.shape[0], made.first_column : made.first_column + part.shape[1]] = (
        part
    )
    expected = exposure * (n / exposure.sum())
    used = expected > 20.0
    assert used.sum() > 1500
    chi2 = float(((counts - expected)[used] ** 2 / expected[used]).sum()) / used.sum()
    assert chi2 == pytest.approx(1.0, abs=4 * np.sqrt(2 / used.sum()))
    # the steep flanks too: what is seen for part of the time only
    flank = used & (exposure < 0.6 * exposure.max())
    assert flank.sum() > 300
    assert counts[flank].sum() == pytest.approx(expected[flank].sum(), rel=4 / np.sqrt(expected[flank].sum()))
    assert counts[expected == 0].sum() == 0


def test_too_fine_a_histogram_names_what_to_change():
    """60 arcsec/min: the offsets spread over 50 arcmin; the message names max_bin and res_xy."""
    view, _, centred, _ = scene(-30.0, 57.0, 60.0)
    gti = Gti([T0 - SPAN / 2], [T0 + SPAN / 2])
    with pytest.raises(UserError, match=r"max_bin.*res_xy|res_xy.*max_bin"):
        aspect_histogram(centred, gti, view.frame)
    assert len(aspect_histogram(centred, gti, view.frame, None, (8.0, 600.0), 1e6)) < 4000
