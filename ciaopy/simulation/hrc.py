"""A simulated HRC observation: raw amplifiers whose processing gives the simulated positions, in archive layout.

Point sources or one source behind the LETG (`hrc_light`), a uniform background; of the events with the
largest amplifier scale those that ring; events off the hyperbola and saturated ones. The truth has the flags that each
event must get. Gaps between the taps are closed by f' = 1.1 f (degapfile=COEFF cfu1=1.1 cfv1=1.1), so that no position
is out of reach of the amplifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ciaopy.caldb.lite import product
from ciaopy.coords import AspectSolution, Attitude, EventTransform, FocalPlane, SkyFrame
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.fits import Dataset, Table, Vector, write_dataset
from ciaopy.gratings import GratingMask, arms_of, mask_table, source_mask
from ciaopy.hrc import chip_of_taps, rectangles
from ciaopy.simulation import hrc_companions as files
from ciaopy.simulation.headers import column, table
from ciaopy.simulation.hrc_light import HRC_LINES, KINDS, DispersedSource, HrcLight, hrc_light
from ciaopy.simulation.hrc_setup import ASPECT_STEP, MARGIN, START, HrcSetup

__all__ = ["HrcSetup", "HrcSimulated", "simulate_hrc"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Stretch of the fine position that closes the gaps between taps.
STRETCH = 1.1

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


def simulate_hrc(setup: HrcSetup, folder: str | Path, clobber: bool = False, compress: bool = True) -> HrcSimulated:
    """Write an observation.

    Parameters
    ----------
    setup : HrcSetup
    folder : str or Path
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
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()) and not clobber:
        raise OutputExistsError(f"{folder}: the folder is not empty; give another, or --clobber to replace its files")
    try:
        for name in ("primary", "secondary", "truth"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"{folder}: the folder cannot be made ({e.strerror})") from e
    plane = FocalPlane.of(setup.detector, setup.sim)
    frame = SkyFrame.of(setup.ra % 360.0, setup.dec, setup.roll % 360.0, setup.detector)
    aspect = _aspect(setup)
    transform = EventTransform(plane, frame, aspect)
    events, truth = _events(setup, transform, aspect)
    root = f"hrcf{setup.obsid:05d}_000N001"
    datasets = {
        f"secondary/{root}_evt1": Dataset([files.primary(setup), events]),
        f"primary/hrcf{setup.obsid:05d}N001_evt2": Dataset(
            [files.primary(setup), *_level2(setup, events, plane, frame)]
        ),
        f"primary/pcadf{setup.obsid:05d}_000N001_asol1": Dataset(
            [files.primary(setup), files.aspect_table(setup, aspect)]
        ),
        f"primary/{root}_dtf1": Dataset([files.primary(setup), files.rates(setup)]),
        f"secondary/{root}_bpix1": Dataset([files.primary(setup), files.bad_pixels(setup)]),
        f"secondary/{root}_flt1": Dataset([files.primary(setup), *files.good_times(setup)]),
        f"secondary/{root}_msk1": Dataset([files.primary(setup), *files.masks(setup)]),
        f"secondary/{root}_mtl1": Dataset([files.primary(setup), *files.timeline(setup)]),
    }
    for name, dataset in datasets.items():
        blocks = [c for b in dataset.blocks for c in (b, *b.companions)]
        write_dataset(folder / f"{name}.fits{'.gz' if compress else ''}", blocks, clobber=clobber)
    write_dataset(folder / "truth/truth.fits", [files.primary(setup), truth], clobber=clobber)
    if setup.grating != "NONE":
        _write_source(folder / "truth", setup)
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
    light = hrc_light(setup, transform, aspect, time, rng)
    scale, pha = _scales(light.kind, rng)
    axes = {}
    coarse = {}
    offsets = {a: np.array(getattr(setup.taps, f"offset_{x}"))[light.chip_id] for a, x in (("u", "x"), ("v", "y"))}
    for axis, place in (("u", light.chip[0]), ("v", light.chip[1])):
        raw = place - offsets[axis]
        coarse[axis] = np.floor(raw / 256.0).astype(np.int16)
        fine = (raw / 256.0 - coarse[axis] - 0.5) / STRETCH
        axes[axis] = _amplifiers((setup.detector, axis.upper()), fine, (scale, pha), light.kind, rng)
    raw = [256.0 * (coarse[a] + axes[a].fine + 0.5) for a in "uv"]
    place = [256.0 * (coarse[a] + STRETCH * axes[a].fine + 0.5) + offsets[a] for a in "uv"]
    total = np.floor(sum(sum(axes[a].taps[:2]) + axes[a].third for a in "uv"))
    status, wanted = _flags(axes, light.kind)
    whole = [np.floor(p + 0.5) for p in place]
    ids = chip_of_taps(setup.taps, coarse["v"]).astype(np.int64)
    for chip, x_lo, x_hi, y_lo, y_hi in rectangles(files.bad_pixels(setup), "bpix1", setup.taps):
        inside = (whole[0] >= x_lo) & (whole[0] <= x_hi) & (whole[1] >= y_lo) & (whole[1] <= y_hi) & (ids == chip)
        status[inside] |= np.uint32(1 << 15)
    events = _event_table(setup, transform, (time, scale, pha, total, status), (coarse, axes), (raw, whole, place), ids)
    return events, _truth(setup, light, wanted)


def _truth(setup: HrcSetup, light: HrcLight, flags: NDArray[np.uint32]) -> Table:
    """Return what every row of evt1 is."""
    columns = [column("KIND", light.kind), column("SOURCE", light.source), column("X_TRUE", light.sky[0], "pixel")]
    columns += [column("Y_TRUE", light.sky[1], "pixel"), column("FLAGS", flags.astype(np.int64))]
    if setup.grating != "NONE":
        columns += [column("PART", light.part), column("ORDER", light.order)]
        columns.append(column("LAMBDA", light.wavelength, "angstrom"))
    header = files.header(setup, "TRUTH", "TRUTH")
    for name, number in KINDS.items():
        header[f"KIND{number}"] = name
    return table(header, columns)


def _write_source(folder: Path, setup: HrcSetup) -> None:
    """Write source.txt and lines.txt, the spectrum of the source behind the grating."""
    source = DispersedSource(setup)
    place = f"{setup.ra % 360.0:.7f} {setup.dec:.7f} {source.density:.6e}"
    (folder / "source.txt").write_text(f"# ra dec photons/cm2/s/A (2 to 175 A)\n{place}\n")
    lines = [f"1 {lam:.4f} {source.line:.6e}" for lam in HRC_LINES]
    (folder / "lines.txt").write_text("\n".join(["# source wavelength_A photons/cm2/s", *lines]) + "\n")


def _event_table(
    setup: HrcSetup,
    transform: EventTransform,
    rows: tuple[FloatArray, IntArray, IntArray, FloatArray, NDArray[np.uint32]],
    taps: tuple[dict[str, NDArray[np.int16]], dict[str, _Amplifiers]],
    positions: tuple[list[FloatArray], list[FloatArray], list[FloatArray]],
    ids: IntArray,
) -> Table:
    """Return the EVENTS block.

    `rows` is (time, AMP_SF, PHA, SUMAMPS, STATUS), `taps` coarse positions and amplifiers by axis, `positions` raw,
    whole and unrounded chip positions, `ids` CHIP_ID.
    """
    (time, scale, pha, total, status), (coarse, axes), (raw, whole, place) = rows, taps, positions
    position = transform.all(time, ids, place[0], place[1], None)
    plane, taps_of = transform.plane.detector, setup.taps
    size = [c - 1 for c in taps_of.raw_size]
    ranges = {"x": plane.tdetx_range, "y": plane.tdety_range}
    values: list[tuple[str, NDArray[np.generic], str, float | None, float | None]] = [
        ("time", time, "s", None, None), ("crsv", coarse["v"], "", 0, taps_of.taps[1] - 1),
        ("crsu", coarse["u"], "", 0, taps_of.taps[0] - 1),
        ("amp_sf", scale.astype(np.int16), "", 0, 3),
        *((f"a{a}{k}", axes[a].taps[k - 1].astype(np.int16), "", 0, 4095) for a in "vu" for k in (1, 2, 3)),
        *((f"raw{'xy'[k]}", np.floor(r + 0.5).astype(np.int32), "pixel", 0, size[k]) for k, r in enumerate(raw)),
        *((f"chip{'xy'[k]}", w.astype(np.int16), "pixel", 1, plane.chips[0].size[k]) for k, w in enumerate(whole)),
        *((f"tdet{x}", getattr(position, f"tdet{x}").astype(np.int32), "pixel", *ranges[x]) for x in "xy"),
        *((c, getattr(position, c).astype(np.float32), "pixel", *plane.det_range) for c in ("detx", "dety", "x", "y")),
        ("pha", pha.astype(np.int16), "chan", 0, 255), ("pi", np.minimum(pha, 1023).astype(np.int16), "chan", 0, 1023),
        ("sumamps", total.astype(np.int16), "", 0, 24570),
        ("chip_id", ids.astype(np.int16), "", taps_of.chips[0], taps_of.chips[-1]),
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


def _scales(kind: NDArray[np.int16], rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return AMP_SF and PHA, off the pulse heights where the scale is in doubt."""
    pha = rng.integers(40, 240, len(kind))
    pha[(pha > 60) & (pha < 70)] = 75
    pha[(pha > 120) & (pha < 135)] = 140
    pha[kind == KINDS["saturated"]] = 230
    return np.where(pha < 65, 1, np.where(pha < 127, 2, 3)), pha


def _amplifiers(
    of: tuple[str, str],
    fine: FloatArray,
    charge: tuple[IntArray, IntArray],
    kind: NDArray[np.int16],
    rng: np.random.Generator,
) -> _Amplifiers:
    """Return the amplifiers of `of` (detector, axis) with the wanted fine positions, on the hyperbola or off it."""
    scale, pha = charge
    c = product("FPTEST", {"DETNAM": of[0]}).axis[of[1]]  # type: ignore[attr-defined]
    total = 70.0 * pha / np.array([1, 1, 2, 4])[scale] * rng.uniform(0.97, 1.03, len(fine))
    share = c["h"] - c["a"] * np.sqrt(1.0 + (fine / c["b"]) ** 2)
    share = np.where(kind == KINDS["off_hyperbola"], share - 0.09, share)
    third = np.rint(total * (1.0 - share + fine) / 2.0)
    first, middle = np.rint(total * (1.0 - share - fine) / 2.0), np.rint(total * share)
    full = kind == KINDS["saturated"]
    third[full], first[full], middle[full] = 300.0, 300.0, 4095.0
    first, middle, third = (np.clip(a, 0, 4095) for a in (first, middle, third))
    could = (scale == 3) & (first > third)
    raw, third = _rung(of, first, middle, third, could & (rng.random(len(fine)) < 0.7))
    rings = could & (raw < first) & (raw != third)
    wide = could & ~rings
    raw, third = np.where(rings, raw, np.rint(third)), np.where(rings, third, np.rint(third))
    taps = tuple(a.astype(np.int64) for a in (first, middle, raw))
    return _Amplifiers(taps, third, rings, wide)  # type: ignore[arg-type]


def _rung(
    of: tuple[str, str], first: FloatArray, middle: FloatArray, third: FloatArray, chosen: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return the third amplifier with ringing, whole, and what is left of it when the ringing is taken off again."""
    c = product("TAPRINGTEST", {"DETNAM": of[0]}).axis[of[1]]  # type: ignore[attr-defined]
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


def _level2(setup: HrcSetup, events: Table, plane: FocalPlane, frame: SkyFrame) -> list[Table]:
    """Return the events that level 2 keeps, and behind a grating the mask of zero order and arm."""
    mask = np.uint32(int(setup.taps.status_mask.replace("0", "1").replace("x", "0"), 2))
    made = events.take((events["status"] & mask) == 0)
    made.header = events.header.copy()
    made.header["CONTENT"], made.header["HDUCLAS2"] = "EVT2", "ACCEPTED"
    if setup.grating == "NONE":
        return [made]
    x, y = frame.plane.world_to_pixel(setup.ra, setup.dec)
    sight = (plane, frame, Attitude.of(setup.ra, setup.dec, setup.roll))
    source = source_mask(1, (float(x), float(y)), arms_of(setup.grating), sight)
    return [made, mask_table(GratingMask((source,)), setup.grating, files.header(setup, "REGION", "TGMASK1"))]
