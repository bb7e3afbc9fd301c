"""The part of the report that is of a moving target: its track, speed and distance, and it standing still."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.coords import AU_M, TangentPlane
from ciaopy.plots import SkyPicture, moving_target, picture_of_events
from ciaopy.sphere import separation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.fits import Table
    from ciaopy.pipelines.repro.job import Job

__all__ = ["FIGURE", "TITLE", "is_frozen", "moving_figure", "moving_rows"]

#: Name of the figure's file, and what the page calls it.
FIGURE, TITLE = "object", "Moving target"
# Least side of the pictures, arcsec, and pixels along it.
_LEAST_SIDE, _BINS = 60.0, 300
# Points of the track.
_POINTS = 200


def is_frozen(events: Table) -> bool:
    """Return True where events have positions about an object."""
    return "ocx" in events and "ocy" in events


def _track(job: Job, events: Table) -> tuple[NDArray[np.float64], ...]:
    """Return time, RA, Dec and distance (km) of the object during the observation, each shape (n,)."""
    from ciaopy.fits import Table, read_dataset

    aspect = read_dataset(job.object_aspect).block("ocsol")
    assert isinstance(aspect, Table)
    time = np.asarray(aspect["time"], np.float64)
    start, stop = (float(events.header.get(k, d)) for k, d in (("TSTART", time[0]), ("TSTOP", time[-1])))
    rows = np.flatnonzero((time >= start) & (time <= stop) & np.isfinite(aspect["oc_ra"]))
    rows = rows[np.unique(np.linspace(0, max(rows.size - 1, 0), min(_POINTS, rows.size)).astype(int))]
    return (time[rows], *(np.asarray(aspect[c], np.float64)[rows] for c in ("oc_ra", "oc_dec", "PathLength")))


def moving_rows(job: Job, events: Table) -> list[tuple[str, str]]:
    """Return what the page says of the object: ephemerides, motion, speed, distance, light time."""
    header = events.header
    time, ra, dec, distance = _track(job, events)
    lost = int(np.isnan(events["PathLength"]).sum())
    rows = [
        ("Object", str(header.get("OBJECT", ""))),
        ("Ephemeris of the object", str(header.get("SSOEPHEM", ""))),
        ("Ephemeris of the spacecraft", str(header.get("SCEPHEM", ""))),
        ("Time of light", "taken out" if header.get("OC_LTCOR") else "not taken out: apparent positions"),
    ]
    if time.size > 1:
        way = 3600.0 * separation(ra[1:], dec[1:], ra[:-1], dec[:-1])
        speed = way / np.diff(time) * 60.0
        low, high = float(distance.min()), float(distance.max())
        rows += [
            ("Motion on the sky", f"{way.sum():.2f} arcsec in {(time[-1] - time[0]) / 1000:.2f} ks"),
            ("Speed", f"{speed[0]:.4f} arcsec/min at the start, {speed[-1]:.4f} at the end"),
            ("Distance", f"{low:,.0f} to {high:,.0f} km ({low * 1e3 / AU_M:.6f} to {high * 1e3 / AU_M:.6f} AU)"),
        ]
    rows.append(("Events outside the ephemerides", f"{lost:,}"))
    return rows


def moving_figure(job: Job, events: Table) -> Any:
    """Return the figure: the sky about the track, and the same side about the object."""
    from ciaopy.datamodel import TangentTransform, columns_wcs

    wcs = columns_wcs(events, ("x", "y"))
    assert isinstance(wcs, TangentTransform)
    size = 3600.0 * wcs.scale
    _, ra, dec, _ = _track(job, events)
    plane = TangentPlane(*wcs.crval, *wcs.crpix, wcs.scale)
    x, y = plane.world_to_pixel(ra, dec)
    side = max(_LEAST_SIDE, 1.5 * size * float(np.hypot(np.ptp(x), np.ptp(y)))) / size if x.size else _LEAST_SIDE / size
    middle = [float(v.max() + v.min()) / 2 if v.size else 4096.5 for v in (x, y)]
    corners = {
        c: replace(events.column(c), data=m + side * np.array([-0.5, 0.5])) for c, m in zip("xy", middle, strict=True)
    }
    from ciaopy.fits import Table

    around = Table(events.name, corners, events.header)
    sky = picture_of_events(events, _BINS, (around,))
    centred = replace(_centred(events, sky.data.shape[0], sky.step[0], size), quantity=sky.quantity)
    return moving_target(sky, (x, y), centred, f"{job.file('repro_evt2.fits').name}: {events.header.get('OBJECT', '')}")


def _centred(events: Table, bins: int, step: float, size: float) -> SkyPicture:
    """Return the counts about the object, in offsets from it [arcsec]."""
    reference = [float(events.column(c).key("TCRPX")) for c in ("ocx", "ocy")]
    known = np.isfinite(events["ocx"]) & np.isfinite(events["ocy"])
    x, y = (
        (np.asarray(events[c], np.float64)[known] - r) * size for c, r in zip(("ocx", "ocy"), reference, strict=True)
    )
    low = -0.5 * bins * step * size
    edges = low + step * size * np.arange(bins + 1)
    data = np.histogram2d(y, x, (edges, edges))[0]
    names = ("West of the object [arcsec]", "North of the object [arcsec]")
    quantity = f"counts per bin of {step * size:.3g} arcsec"
    return SkyPicture(data, quantity, None, (low, low), (step * size, step * size), names)
