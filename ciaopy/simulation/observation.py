"""A whole simulated observation, in the layout of an archive download, with its truth beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.coords import AspectSolution, Attitude, EventPositions, FocalPlane, SkyFrame
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.fits import Dataset
from ciaopy.gratings import HC_KEV_ANGSTROM
from ciaopy.simulation import companions
from ciaopy.simulation.charges import KINDS, Charges, join
from ciaopy.simulation.detector import Chip, bad_pixel_map, make_chip
from ciaopy.simulation.event_table import event_columns, event_table, level2, make_transform, status_column
from ciaopy.simulation.headers import Keywords, Names, column, table
from ciaopy.simulation.moving import MovingTarget
from ciaopy.simulation.photons import (
    Response,
    View,
    default_sources,
    grating_source,
    off_axis_angle,
    source_charges,
)
from ciaopy.simulation.setup import BANDS, Setup, Source
from ciaopy.simulation.timeline import Timeline, make_aspect, make_timeline
from ciaopy.simulation.troubles import Trouble, background, living, troubles

if TYPE_CHECKING:
    from ciaopy.fits import Block, Table

__all__ = ["Simulated", "make_view", "simulate"]

# Streams of random numbers, one for each part of the work.
_TIMELINE, _CHIPS, _PLACES, _SOURCES, _TROUBLES, _BACKGROUND, _ORDER, _ISLANDS, _ASPECT = range(9)


@dataclass(frozen=True)
class Simulated:
    """What was made.

    Attributes
    ----------
    folder : Path
        The observation: `primary`, `secondary` and `truth`.
    setup : Setup
        As asked for, with the sources that were used.
    kinds : dict of str to int
        Events of each kind.
    counts : tuple of int
        Events of each source, those that were read out of time included.
    troubles : tuple of Trouble
    duration : float
        Length of the observation, s.
    """

    folder: Path
    setup: Setup
    kinds: dict[str, int]
    counts: tuple[int, ...]
    troubles: tuple[Trouble, ...]
    duration: float


@dataclass(frozen=True)
class _World:
    """What does not depend on the events."""

    setup: Setup
    timeline: Timeline
    aspect: AspectSolution
    view: View
    chips: dict[int, Chip]
    target: MovingTarget | None = None


def simulate(setup: Setup, folder: str | Path, clobber: bool = False, compress: bool = True) -> Simulated:
    """Write an observation.

    Parameters
    ----------
    setup : Setup
    folder : str or Path
        Made if need be; gets `primary`, `secondary` and `truth`.
    clobber : bool
        Replace files in a folder that is not empty.
    compress : bool
        Write `.fits.gz`, as in the archive.

    Returns
    -------
    Simulated
        The folder, and what was put into it.

    Raises
    ------
    OutputExistsError
        The folder is not empty, and `clobber` is false.
    UserError
        The folder cannot be made, or the sources have more photons than there are to be events.
    """
    folder = Path(folder)
    _make_folders(folder, clobber)
    world = _make_world(setup)
    sources = setup.sources
    if sources is None and setup.grating != "NONE":
        sources = (grating_source(setup, world.timeline, world.view),)
    elif sources is None:
        sources = default_sources(setup, world.timeline, world.view, _generator(setup, _PLACES))
    charges, listed = _all_charges(world, sources)
    keywords = Keywords(setup, world.timeline, world.aspect)
    names = Names(setup, world.timeline)
    transform = make_transform(world.view, world.aspect)
    columns = event_columns(setup, world.timeline, charges, transform, world.view, _generator(setup, _ISLANDS))
    bad = bad_pixel_map(world.chips, world.timeline.tstart, world.timeline.tstop)
    events = event_table(keywords, names, [*columns, status_column(columns, bad)])
    writer = _Writer(folder, clobber, compress)
    writer.write("secondary", names.own("evt1"), Dataset([keywords.primary(), events]))
    blocks: list[Block] = [keywords.primary(), level2(events, keywords)]
    if setup.grating != "NONE":
        blocks.append(_region(world, sources, keywords))
    writer.write("primary", names.evt2, Dataset(blocks))
    _write_companions(world, keywords, names, charges, writer)
    counts = tuple(int(n) for n in np.bincount(charges.source, minlength=len(sources) + 1)[1:])
    position = transform.all(events["time"], events["ccd_id"], charges.x, charges.y, None)
    writer.write("truth", "truth.fits", _truth(keywords, charges, position), compress=False)
    _write_lists(folder / "truth", world, sources, counts, listed)
    kinds = np.bincount(charges.kind, minlength=len(KINDS))
    named = {name: int(kinds[number]) for name, number in KINDS.items()}
    return Simulated(folder, setup, named, counts, tuple(listed), world.timeline.stop - world.timeline.start)


def _generator(setup: Setup, stream: int) -> np.random.Generator:
    return np.random.default_rng([setup.seed, stream])


def _make_folders(folder: Path, clobber: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not clobber:
        raise OutputExistsError(f"{folder}: the folder is not empty; give another, or --clobber to replace its files")
    try:
        for name in ("primary", "secondary", "truth"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"{folder}: the folder cannot be made ({e.strerror})") from e


def _make_world(setup: Setup) -> _World:
    timeline = make_timeline(setup, _generator(setup, _TIMELINE))
    aspect = make_aspect(setup, timeline, _generator(setup, _ASPECT))
    middle = timeline.time(np.arange(timeline.nframes), np.zeros(timeline.nframes, np.int64))
    view = make_view(setup, aspect.at(middle))
    target = None
    if setup.motion is not None:
        target = MovingTarget(setup.motion, setup.ra % 360.0, setup.dec, timeline.tstart, timeline.tstop)
        view = replace(view, moving=target.positions(view.frame.plane, middle))
    rng = _generator(setup, _CHIPS)
    chips = {c: make_chip(setup, timeline, c, rng) for c in setup.chips}
    return _World(setup, timeline, aspect, view, chips, target)


def make_view(setup: Setup, attitudes: Attitude | None = None) -> View:
    """Return the way from the sky to the chips; without attitudes of the frames, for the nominal pointing."""
    plane = FocalPlane.of("ACIS", setup.sim_position)
    frame = SkyFrame.of(setup.ra % 360.0, setup.dec, setup.roll % 360.0, "ACIS")
    nominal = Attitude.of(setup.ra, setup.dec, setup.roll)
    return View(plane, frame, nominal if attitudes is None else attitudes)


def _all_charges(world: _World, sources: tuple[Source, ...]) -> tuple[Charges, list[Trouble]]:
    """Return all events in the order of the file: by frame, then by front-end processor."""
    setup, timeline, chips = world.setup, world.timeline, world.chips
    light = source_charges(setup, timeline, world.view, sources, _generator(setup, _SOURCES))
    light = light.take(living(setup, chips, light) & timeline.alive[light.order, light.frame])
    parts = [light]
    listed: list[Trouble] = []
    if setup.artifacts:
        marks, listed = troubles(setup, timeline, chips, light, _generator(setup, _TROUBLES))
        parts.append(marks.take(living(setup, chips, marks)))
    rest = setup.events - sum(len(p) for p in parts)
    if rest < 0:
        raise UserError(
            f"the sources alone make {len(light)} events in {timeline.stop - timeline.start:.0f} s, and {setup.events} "
            "were asked for; raise --events, or shorten --exposure"
        )
    parts.append(background(setup, timeline, chips, rest, _generator(setup, _BACKGROUND)))
    charges = join(parts)
    chance = _generator(setup, _ORDER).random(len(charges))
    return charges.take(np.lexsort((chance, charges.order, charges.frame))), listed


class _Writer:
    def __init__(self, folder: Path, clobber: bool, compress: bool) -> None:
        self._folder, self._clobber, self._compress = folder, clobber, compress

    def write(self, part: str, name: str, dataset: Dataset, compress: bool = True) -> None:
        """Write one file into a part of the observation."""
        from ciaopy.fits import write_dataset

        tail = ".gz" if compress and self._compress else ""
        blocks = [c for b in dataset.blocks for c in (b, *b.companions)]
        write_dataset(self._folder / part / (name + tail), blocks, clobber=self._clobber)


def _write_companions(world: _World, keywords: Keywords, names: Names, charges: Charges, writer: _Writer) -> None:
    shape = world.timeline.alive.shape
    sent = np.bincount(charges.order * shape[1] + charges.frame, minlength=shape[0] * shape[1]).reshape(shape)
    masks = companions.mask_dataset(keywords)
    fov = companions.field_of_view_dataset(keywords, world.view, world.aspect, masks)
    writer.write("primary", names.asol1, companions.aspect_dataset(keywords, world.aspect))
    writer.write("primary", names.own("bpix1"), companions.bad_pixel_dataset(keywords, world.chips))
    writer.write("primary", names.own("fov1"), fov)
    writer.write("secondary", names.own("flt1"), companions.filter_dataset(keywords))
    writer.write("secondary", names.own("msk1"), masks)
    writer.write("secondary", names.own("mtl1"), companions.timeline_dataset(keywords))
    writer.write("secondary", names.own("stat1"), companions.statistics_dataset(keywords, sent))
    writer.write("secondary", names.pbk0, companions.parameter_block_dataset(keywords))
    for name, dataset in world.target.files(keywords) if world.target is not None else ():
        writer.write("primary", name, dataset)
    for order, ccd in enumerate(world.setup.chips):
        writer.write("secondary", names.bias0(order), companions.bias_dataset(keywords, order, world.chips[ccd]))


def _truth(keywords: Keywords, charges: Charges, position: EventPositions) -> Dataset:
    """Return the truth of every row of evt1: what it is, where the charge fell, its energy."""
    header = keywords.base("TRUTH", "TRUTH")
    for name, number in KINDS.items():
        header[f"KIND{number}"] = name
    columns = [
        column("KIND", charges.kind),
        column("SOURCE", charges.source),
        column("CHIPX_TRUE", charges.x, "pixel"),
        column("CHIPY_TRUE", charges.y, "pixel"),
        column("X_TRUE", position.x, "pixel"),
        column("Y_TRUE", position.y, "pixel"),
        column("ENERGY_TRUE", charges.energy * 1000.0, "eV"),
    ]
    if keywords.setup.grating != "NONE":
        columns += [column("PART", charges.part), column("ORDER", charges.diffraction)]
        columns.append(column("LAMBDA", HC_KEV_ANGSTROM / np.maximum(charges.energy, 1e-3), "angstrom"))
    made: Table = table(header, columns)
    return Dataset([keywords.primary(), made])


def _region(world: _World, sources: tuple[Source, ...], keywords: Keywords) -> Table:
    """Return the REGION block that an archive's level-2 file has: zero order and arms of the first source."""
    from ciaopy.gratings import GratingMask, arms_of, mask_table, source_mask

    view, setup = world.view, world.setup
    x, y = view.frame.plane.world_to_pixel(sources[0].ra, sources[0].dec)
    sight = (view.plane, view.frame, view.nominal(setup))
    made = source_mask(1, (float(x), float(y)), arms_of(setup.grating), sight)
    return mask_table(GratingMask((made,)), setup.grating, keywords.base("REGION", "TGMASK1"))


def _write_lists(
    folder: Path, world: _World, sources: tuple[Source, ...], counts: tuple[int, ...], listed: list[Trouble]
) -> None:
    """Write sources.txt and troubles.txt."""
    response = Response.of(world.setup)
    head = " ".join(f"flux_{band}" for band in BANDS)
    lines = [
        "# fluxes in photons/cm2/s, bands in keV: " + ", ".join(f"{b} {lo}-{hi}" for b, (lo, hi) in BANDS.items()),
        f"# number ra dec gamma {head} theta_arcmin r50_arcsec events",
    ]
    for number, (source, count) in enumerate(zip(sources, counts, strict=True), 1):
        theta = off_axis_angle(source, world.setup, world.view)
        flux = " ".join(f"{source.band_flux(*limits):.6e}" for limits in BANDS.values())
        lines.append(
            f"{number} {source.ra % 360.0:.7f} {source.dec:.7f} {source.gamma:.4f} {flux} {theta:.4f} "
            f"{response.half_light(theta):.4f} {count}"
        )
    (folder / "sources.txt").write_text("\n".join(lines) + "\n")
    if world.setup.grating != "NONE":
        listed_lines = [f"{n} {lam:.4f} {f:.6e}" for n, s in enumerate(sources, 1) for lam, f in s.lines]
        (folder / "lines.txt").write_text("\n".join(["# source wavelength_A photons/cm2/s", *listed_lines]) + "\n")
    marks = [f"{t.kind} {t.ccd_id} {t.chipx} {t.chipy} {t.expno} {t.events}" for t in listed]
    (folder / "troubles.txt").write_text("\n".join(["# kind ccd_id chipx chipy first_expno events", *marks]) + "\n")
