"""A simulated HRC-I observation: raw amplifiers whose processing gives the simulated positions, in archive layout.

Point sources and a uniform background; of the events with the largest amplifier scale those that ring; events off the
hyperbola and saturated ones. The truth has the flags that each event must get. Gaps between the taps are closed by
f' = 1.1 f (degapfile=COEFF cfu1=1.1 cfv1=1.1), so that no position is out of reach of the amplifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.lite import product
from ciaopy.coords import AspectSolution, EventTransform, FocalPlane, SkyFrame
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.fits import Dataset, Table, Vector, write_dataset
from ciaopy.hrc import HRC_I, rectangles
from ciaopy.simulation import hrc_companions as files
from ciaopy.simulation.headers import column, table
from ciaopy.simulation.hrc_setup import AREA_X, AREA_Y, ASPECT_STEP, MARGIN, SIM, START, HrcSetup

__all__ = ["HrcSetup", "HrcSimulated", "simulate_hrc"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Kinds of events in the truth.
KINDS = {"background": 0, "source": 1, "off_hyperbola": 2, "saturated": 3}

#: Stretch of the fine position that closes the gaps between taps.
STRETCH = 1.1

_PARTS = (0.02, 0.02)
_STATUS_BITS = {"wide_u": 20, "wide_v": 21}


@dataclass(frozen=True)
class HrcSimulated:
    """What was made: the folder, the setup, the number of events of each kind."""

    folder: Path
    setup: HrcSetup
    kinds: dict[str, int]


@dataclass(frozen=True, eq=False)
class _Amplifiers:
    """Amplifiers of all events along one axis.

    Attributes
    ----------
    taps : three int64 arrays, shape (n,)
        As telemetered.
    third : float64 array, shape (n,)
        The third one without ringing.
    rings, wide : bool arrays, shape (n,)
        The event rings; it has the width bit, by which processing leaves it alone.
    """

    taps: tuple[IntArray, IntArray, IntArray]
    third: FloatArray
    rings: NDArray[np.bool_]
    wide: NDArray[np.bool_]

    @property
    def fine(self) -> FloatArray:
        """Fine position, taps."""
        a1, a2, _ = self.taps
        return (self.third - a1) / (a1 + a2 + self.third)


def simulate_hrc(setup: HrcSetup, folder: Path, clobber: bool = False, compress: bool = True) -> HrcSimulated:
    """Write an observation.

    Parameters
    ----------
    setup : HrcSetup
    folder : Path
        Made if need be; gets `primary`, `secondary` and `truth`.
    clobber : bool
        Replace files in a folder that is not empty.
    compress : bool
        Write `.fits.gz`, as in the archive.

    Raises
    ------
    OutputExistsError
        The folder is not empty, and `clobber` is false.
    UserError
        The folder cannot be made.
    """
    if folder.is_dir() and any(folder.iterdir()) and not clobber:
        raise OutputExistsError(f"{folder}: the folder is not empty; give another, or --clobber to replace its files")
    try:
        for name in ("primary", "secondary", "truth"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"{folder}: the folder cannot be made ({e.strerror})") from e
    plane, frame = FocalPlane.of("HRC-I", SIM), SkyFrame.of(setup.ra % 360.0, setup.dec, setup.roll % 360.0, "HRC-I")
    aspect = _aspect(setup)
    transform = EventTransform(plane, frame, aspect)
    events, truth = _events(setup, transform, aspect)
    root = f"hrcf{setup.obsid:05d}_000N001"
    datasets = {
        f"secondary/{root}_evt1": Dataset([files.primary(setup), events]),
        f"primary/hrcf{setup.obsid:05d}N001_evt2": Dataset([files.primary(setup), _level2(events)]),
        f"primary/pcadf{setup.obsid:05d}_000N001_asol1": Dataset(
            [files.primary(setup), files.aspect_table(setup, aspect)]
        ),
        f"primary/{root}_dtf1": Dataset([files.primary(setup), files.rates(setup)]),
        f"secondary/{root}_bpix1": Dataset([files.primary(setup), files.bad_pixels(setup)]),
        f"secondary/{root}_flt1": Dataset([files.primary(setup), *files.good_times(setup)]),
        f"secondary/{root}_msk1": Dataset([files.primary(setup), files.mask(setup)]),
        f"secondary/{root}_mtl1": Dataset([files.primary(setup), *files.timeline(setup)]),
    }
    for name, dataset in datasets.items():
        blocks = [c for b in dataset.blocks for c in (b, *b.companions)]
        write_dataset(folder / f"{name}.fits{'.gz' if compress else ''}", blocks, clobber=clobber)
    write_dataset(folder / "truth/truth.fits", [files.primary(setup), truth], clobber=clobber)
    counts = np.bincount(truth["kind"], minlength=len(KINDS))
    return HrcSimulated(folder, setup, {name: int(counts[k]) for name, k in KINDS.items()})


def _aspect(setup: HrcSetup) -> AspectSolution:
    """Return the dithered aspect solution: 20 arcsec with the periods of the HRC (POG)."""
    time = np.arange(START - MARGIN, START + setup.duration + MARGIN, ASPECT_STEP)
    swing, phase = 20.0 / 3600.0, 2 * np.pi * (time - START)
    dec = setup.dec + swing * np.sin(phase / 768.57 + 1.1)
    ra = (setup.ra + swing * np.sin(phase / 1086.96 + 0.3) / np.cos(np.deg2rad(dec))) % 360.0
    flat = np.zeros(time.size)
    offsets = (flat + 0.13, flat + 0.21, flat + 0.008)
    return AspectSolution(time, ra, dec, flat + setup.roll % 360.0, *offsets, ("ASPSOLOBI",))


def _events(setup: HrcSetup, transform: EventTransform, aspect: AspectSolution) -> tuple[Table, Table]:
    """Return the EVENTS block and its truth."""
    rng = np.random.default_rng([setup.seed, 14])
    n = setup.events
    time = np.sort(rng.uniform(START, START + setup.duration, n))
    kind, source, chip, sky = _places(setup, transform, aspect, time, rng)
    scale, pha = _scales(kind, rng)
    axes = {}
    coarse = {}
    for axis, place in (("u", chip[0]), ("v", chip[1])):
        raw = place - 1.0
        coarse[axis] = np.floor(raw / 256.0).astype(np.int16)
        fine = (raw / 256.0 - coarse[axis] - 0.5) / STRETCH
        axes[axis] = _amplifiers(axis.upper(), fine, (scale, pha), kind, rng)
    raw, place = (
        [256.0 * (coarse[a] + f * axes[a].fine + 0.5) + o for a in "uv"] for f, o in ((1.0, 0.0), (STRETCH, 1.0))
    )
    total = np.floor(sum(sum(axes[a].taps[:2]) + axes[a].third for a in "uv"))
    status, wanted = _flags(axes, kind)
    whole = [np.floor(p + 0.5) for p in place]
    for chip_id, x_lo, x_hi, y_lo, y_hi in rectangles(files.bad_pixels(setup), "bpix1", HRC_I):
        inside = (whole[0] >= x_lo) & (whole[0] <= x_hi) & (whole[1] >= y_lo) & (whole[1] <= y_hi) & (chip_id == 0)
        status[inside] |= np.uint32(1 << 15)
    events = _event_table(setup, transform, (time, scale, pha, total, status), (coarse, axes), (raw, whole, place))
    truth = [column("KIND", kind), column("SOURCE", source), column("X_TRUE", sky[0], "pixel")]
    truth += [column("Y_TRUE", sky[1], "pixel"), column("FLAGS", wanted.astype(np.int64))]
    header = files.header(setup, "TRUTH", "TRUTH")
    for name, number in KINDS.items():
        header[f"KIND{number}"] = name
    return events, table(header, truth)


def _event_table(
    setup: HrcSetup,
    transform: EventTransform,
    rows: tuple[FloatArray, IntArray, IntArray, FloatArray, NDArray[np.uint32]],
    taps: tuple[dict[str, NDArray[np.int16]], dict[str, _Amplifiers]],
    positions: tuple[list[FloatArray], list[FloatArray], list[FloatArray]],
) -> Table:
    """Return the EVENTS block.

    `rows` is (time, AMP_SF, PHA, SUMAMPS, STATUS), `taps` coarse positions and amplifiers by axis, `positions` raw,
    whole and unrounded chip positions.
    """
    (time, scale, pha, total, status), (coarse, axes), (raw, whole, place) = rows, taps, positions
    n = len(time)
    position = transform.all(time, np.zeros(n, np.int64), place[0], place[1], None)
    values: list[tuple[str, NDArray[np.generic], str, float | None, float | None]] = [
        ("time", time, "s", None, None), ("crsv", coarse["v"], "", 0, 63), ("crsu", coarse["u"], "", 0, 63),
        ("amp_sf", scale.astype(np.int16), "", 0, 3),
        *((f"a{a}{k}", axes[a].taps[k - 1].astype(np.int16), "", 0, 4095) for a in "vu" for k in (1, 2, 3)),
        *((f"raw{x}", np.floor(r + 0.5).astype(np.int32), "pixel", 0, 16383) for x, r in zip("xy", raw, strict=True)),
        *((f"chip{x}", w.astype(np.int16), "pixel", 1, 16384) for x, w in zip("xy", whole, strict=True)),
        ("tdetx", (whole[0] - 1).astype(np.int32), "pixel", 1, 16384),
        ("tdety", whole[1].astype(np.int32), "pixel", 1, 16384),
        *((c, getattr(position, c).astype(np.float32), "pixel", 0.5, 32768.5) for c in ("detx", "dety", "x", "y")),
        ("pha", pha.astype(np.int16), "chan", 0, 255), ("pi", np.minimum(pha, 1023).astype(np.int16), "chan", 0, 1023),
        ("sumamps", total.astype(np.int16), "", 0, 24570), ("chip_id", np.zeros(n, np.int16), "", 0, 0),
        ("status", status, "", None, None),
    ]  # fmt: skip
    world = transform.frame.column_keywords()
    columns = []
    for name, data, unit, low, high in values:
        made = column(name, data, unit, "32X" if name == "status" else "")
        made.keys |= {k: (v, "") for k, v in (("TLMIN", low), ("TLMAX", high)) if v is not None}
        made.keys |= {k: (v, "") for k, v in world.get(name, {}).items()}
        columns.append(made)
    events = table(files.event_header(setup), columns)
    pairs = (
        ("raw", "rawx,rawy"),
        ("chip", "chipx,chipy"),
        ("tdet", "tdetx,tdety"),
        ("det", "detx,dety"),
        ("sky", "x,y"),
    )
    events.vectors = [Vector(name, tuple(form.split(","))) for name, form in (*pairs, ("EQPOS", "RA,DEC"))]
    events.companions = [files.gti(setup)]
    return events


def _places(
    setup: HrcSetup, transform: EventTransform, aspect: AspectSolution, time: FloatArray, rng: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.int16], FloatArray, FloatArray]:
    """Return kind, source (0: none), unrounded chip position (2, n) and the place on the sky (2, n) of every event."""
    n = len(time)
    draw = rng.random(n)
    kind = np.full(n, KINDS["background"], np.int16)
    kind[draw < 0.4] = KINDS["source"]
    kind[draw > 1.0 - sum(_PARTS)] = KINDS["off_hyperbola"]
    kind[draw > 1.0 - _PARTS[1]] = KINDS["saturated"]
    chip = np.stack([rng.uniform(*AREA_X, n), rng.uniform(*AREA_Y, n)])
    k = np.flatnonzero(kind == KINDS["source"])
    source = np.zeros(n, np.int16)
    source[k] = rng.integers(1, setup.sources + 1, len(k))
    radius, angle = rng.uniform(1.0, 8.0, setup.sources), rng.uniform(0, 2 * np.pi, setup.sources)
    radius[0] = 0.0
    pixel = transform.plane.detector.scale
    middle = transform.frame.plane.world_to_pixel(setup.ra, setup.dec)
    sky = np.full((2, n), np.nan)
    for row, turn in ((0, np.cos(angle)), (1, np.sin(angle))):
        centre = float(middle[row]) + 60.0 * radius * turn / pixel
        sky[row, k] = centre[source[k] - 1] + rng.normal(0.0, 0.4 / pixel, len(k))
    found = transform.plane.sky_to_chip(sky[0, k], sky[1, k], aspect.at(time[k]), transform.frame)
    chip[0, k] = np.clip(found.chipx, *AREA_X)
    chip[1, k] = np.clip(found.chipy, *AREA_Y)
    return kind, source, chip, sky


def _scales(kind: NDArray[np.int16], rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return AMP_SF and PHA, off the pulse heights where the scale is in doubt."""
    pha = rng.integers(40, 240, len(kind))
    pha[(pha > 60) & (pha < 70)] = 75
    pha[(pha > 120) & (pha < 135)] = 140
    pha[kind == KINDS["saturated"]] = 230
    return np.where(pha < 65, 1, np.where(pha < 127, 2, 3)), pha


def _amplifiers(
    axis: str,
    fine: FloatArray,
    charge: tuple[IntArray, IntArray],
    kind: NDArray[np.int16],
    rng: np.random.Generator,
) -> _Amplifiers:
    """Return the amplifiers of one axis with the wanted fine positions, on the hyperbola of real events or off it."""
    scale, pha = charge
    c = product("FPTEST", {"DETNAM": "HRC-I"}).axis[axis]  # type: ignore[attr-defined]
    total = 70.0 * pha / np.array([1, 1, 2, 4])[scale] * rng.uniform(0.97, 1.03, len(fine))
    share = c["h"] - c["a"] * np.sqrt(1.0 + (fine / c["b"]) ** 2)
    share = np.where(kind == KINDS["off_hyperbola"], share - 0.09, share)
    third = np.rint(total * (1.0 - share + fine) / 2.0)
    first, middle = np.rint(total * (1.0 - share - fine) / 2.0), np.rint(total * share)
    full = kind == KINDS["saturated"]
    third[full], first[full], middle[full] = 300.0, 300.0, 4095.0
    first, middle, third = (np.clip(a, 0, 4095) for a in (first, middle, third))
    could = (scale == 3) & (first > third)
    raw, third = _rung(axis, first, middle, third, could & (rng.random(len(fine)) < 0.7))
    rings = could & (raw < first) & (raw != third)
    wide = could & ~rings
    raw, third = np.where(rings, raw, np.rint(third)), np.where(rings, third, np.rint(third))
    taps = tuple(a.astype(np.int64) for a in (first, middle, raw))
    return _Amplifiers(taps, third, rings, wide)  # type: ignore[arg-type]


def _rung(
    axis: str, first: FloatArray, middle: FloatArray, third: FloatArray, chosen: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return the third amplifier with ringing, whole, and what is left of it when the ringing is taken off again."""
    c = product("TAPRINGTEST", {"DETNAM": "HRC-I"}).axis[axis]  # type: ignore[attr-defined]
    safe = np.where(chosen, first, 1.0)
    theta = 2 * np.pi * (middle - c["beta"] * ((middle / safe) ** c["gamma"] - 1)) / (c["c"] * middle + c["d"])
    swing = np.where(chosen, (middle + c["b"]) / c["a"] * np.sin(theta), 0.0)
    raw = np.clip(np.rint(third + swing), 0, 4095)
    kept = chosen & (raw - swing > 0) & (raw - swing < 4095)
    return np.where(kept, raw, third), np.where(kept, raw - swing, third)


def _flags(axes: dict[str, _Amplifiers], kind: NDArray[np.int16]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return STATUS of the file, and of it the bits that the kind of event decides: 0-3, 30, 31."""
    wanted, width = np.zeros(len(kind), np.uint32), np.zeros(len(kind), np.uint32)
    for k, axis in enumerate("uv"):
        wanted |= axes[axis].rings.astype(np.uint32) << np.uint32(30 + k)
        width |= axes[axis].wide.astype(np.uint32) << np.uint32(_STATUS_BITS[f"wide_{axis}"])
    wanted |= np.where(kind == KINDS["off_hyperbola"], 3, 0).astype(np.uint32)
    wanted |= np.where(kind == KINDS["saturated"], 15, 0).astype(np.uint32)
    return wanted | width, wanted


def _level2(events: Table) -> Table:
    """Return the events that level 2 keeps."""
    mask = np.uint32(int(HRC_I.status_mask.replace("0", "1").replace("x", "0"), 2))
    made = events.take((events["status"] & mask) == 0)
    made.header = events.header.copy()
    made.header["CONTENT"], made.header["HDUCLAS2"] = "EVT2", "ACCEPTED"
    return made
