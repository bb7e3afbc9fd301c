"""Tables of counts in regions (`dmextract opt=generic`): areas, rates, net counts, surface brightness, fluxes.

Where the counts come from, events or an image, is the matter of `count_regions` here and of `imageprofile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis.area import ValidArea
from ciaopy.analysis.extract import Exposure, classify, counts_table, errors, ratio
from ciaopy.datamodel import SkyTransform, vector_columns
from ciaopy.datamodel.filtering import AllOf, Always, InRegion, Rows
from ciaopy.datamodel.regions import Region
from ciaopy.errors import UserError
from ciaopy.fits import Array, Column, Table, Vector

if TYPE_CHECKING:
    from ciaopy.datamodel import Selection, Subspace
    from ciaopy.fits import Header


@dataclass(frozen=True)
class RegionCounts:
    """Counts in regions, with the areas of these in square pixels."""

    regions: list[Region]
    counts: Array
    areas: Array


def count_regions(selection: Selection, regions: list[Region], pair: tuple[str, str]) -> RegionCounts:
    """Count the selected rows in each region; regions may overlap. Areas are those that the filters leave."""
    predicate = selection.predicate
    tests = [InRegion(pair[0], pair[1], r) for r in regions]
    columns = sorted({*pair, *predicate.columns})
    plain = isinstance(predicate, Always)

    def task(rows: Rows, raw: Array | None) -> Array:
        found = []
        for test in tests:
            both = test if plain else AllOf((predicate, test))
            found.append(int(np.count_nonzero(both.mask(rows))))
        return np.array(found, dtype=np.int64)

    total = np.zeros(len(regions), dtype=np.int64)
    for part in selection.opened.scan(selection.info, columns, task):
        total += part
    valid = ValidArea.of(selection.subspace, selection.source, pair)
    areas = np.array([valid.area_within(r) for r in regions])
    return RegionCounts(regions, total.astype(np.int32), areas)


@dataclass(frozen=True)
class Source:
    """What the counts were taken from, for the header and the positions of their table.

    Attributes
    ----------
    header : Header
        Of the selection; becomes that of the table.
    subspace : Subspace
    names : tuple of str
        The two coordinates, such as (`X`, `Y`).
    sky : SkyTransform or None
        From these to the sky.
    """

    header: Header
    subspace: Subspace
    names: tuple[str, str]
    sky: SkyTransform | None

    @property
    def exposure(self) -> float:
        """Live time, s."""
        return Exposure.of(self.subspace, self.header).total


@dataclass(frozen=True)
class MeanExposure:
    """Mean of an exposure map in each region; `has_time` where the map is in cm**2 s, so that no time divides it."""

    mean: Array
    has_time: bool

    @property
    def unit(self) -> str:
        """Unit of the map."""
        return "cm**2 s" if self.has_time else "cm**2"


def profile(
    source: Source,
    found: RegionCounts,
    method: str,
    background: Background | None = None,
    exposure_map: MeanExposure | None = None,
) -> Table:
    """Return the table of counts in regions: positions, shapes, areas, counts, rates, surface brightness, fluxes.

    SUR_BRI is net counts (counts without background) per square pixel. With an exposure map FLUX is net counts over
    MEAN_SRC_EXP and (where the map holds none) the time, SUR_FLUX the same per square pixel.
    """
    error, n = errors(found.counts, method), len(found.regions)
    time = np.full(n, source.exposure)
    columns = _position_columns(source, found.regions) + shape_columns(found.regions)
    columns += [
        Column("COMPONENT", np.arange(1, n + 1, dtype=np.int32), "1J"),
        Column("AREA", found.areas, "1D", "pixel**2"),
        Column("EXPOSURE", time, "1D", "s"),
        Column("COUNTS", found.counts, "", "count"),
        Column("ERR_COUNTS", error, "1D", "count"),
        Column("COUNT_RATE", ratio(found.counts, time), "1D", "count/s"),
        Column("COUNT_RATE_ERR", ratio(error, time), "1D", "count/s"),
    ]
    net, net_error = found.counts.astype(np.float64), error
    if background is not None:
        extra, net, net_error = background.columns(found.counts, error, found.areas, time, exposure_map)
        columns += extra
    columns += [
        Column("SUR_BRI", ratio(net, found.areas), "1D", "count/pixel**2"),
        Column("SUR_BRI_ERR", ratio(net_error, found.areas), "1D", "count/pixel**2"),
    ]
    if exposure_map is not None:
        columns += _flux_columns(exposure_map, net, net_error, found.areas, time)
    table = counts_table("HISTOGRAM", columns, source.header, source.subspace)
    table.vectors = [Vector("sky", source.names)]
    classify(table.header, "HISTOGRAM", "TOTAL")
    return table


def _position_columns(source: Source, regions: list[Region]) -> list[Column]:
    """Return the centres of the first shapes; with RA and Dec where the coordinates have a tangent plane."""
    shapes = [r.shapes[0] for r in regions]
    x = np.array([s.x[0] if s.x else np.nan for s in shapes])
    y = np.array([s.y[0] if s.y else np.nan for s in shapes])
    columns = [Column(name, data, "1D", "pixel") for name, data in zip(source.names, (x, y), strict=True)]
    if source.sky is not None and source.sky.is_known():
        ra, dec = source.sky.pixel_to_sky(x, y)
        columns += [Column("RA", ra, "1D", "deg"), Column("Dec", dec, "1D", "deg")]
    return columns


def _flux_columns(seen: MeanExposure, net: Array, net_error: Array, areas: Array, time: Array) -> list[Column]:
    divisor = seen.mean if seen.has_time else seen.mean * time
    flux, flux_error = ratio(net, divisor), ratio(net_error, divisor)
    unit = "photon/cm**2/s"
    return [
        Column("MEAN_SRC_EXP", seen.mean, "1D", seen.unit, "Mean exposure of the region"),
        Column("FLUX", flux, "1D", unit),
        Column("FLUX_ERR", flux_error, "1D", unit),
        Column("SUR_FLUX", ratio(flux, areas), "1D", f"{unit}/pixel**2"),
        Column("SUR_FLUX_ERR", ratio(flux_error, areas), "1D", f"{unit}/pixel**2"),
    ]


def shape_columns(regions: list[Region]) -> list[Column]:
    """Return SHAPE, R (2) and ROTANG (2); the first shape of a composed region stands for it."""
    names, radii, angles = [], [], []
    for region in regions:
        shape = region.shapes[0]
        sizes = [*shape.radii, np.nan, np.nan][:2]
        turns = [*shape.angles, np.nan, np.nan][:2]
        names.append(shape.kind.capitalize().encode())
        radii.append(sizes)
        angles.append(turns)
    return [
        Column("SHAPE", np.array(names, dtype="S16"), "16A"),
        Column("R", np.array(radii, dtype=np.float64), "2D", "pixel"),
        Column("ROTANG", np.array(angles, dtype=np.float64), "2D", "deg"),
    ]


@dataclass(frozen=True)
class Background:
    """Counts in background regions: one row for all source rows, or as many rows as these.

    Attributes
    ----------
    counts, error, areas : ndarray
        Counts, their errors, square pixels; of length 1 or of that of the source's rows.
    exposure : float or ndarray
        Live time, s; of each bin of a light curve.
    norm : float
        `bkgnorm`.
    exposure_map : MeanExposure or None
    """

    counts: Array
    error: Array
    areas: Array
    exposure: Array | float
    norm: float
    exposure_map: MeanExposure | None = None

    def columns(
        self, counts: Array, error: Array, areas: Array, time: Array, seen: MeanExposure | None = None
    ) -> tuple[list[Column], Array, Array]:
        """Return BG_* and NET_* columns, the net counts and their errors.

        The background is scaled to the area and exposure of each source row, times `norm`; where both sides have an
        exposure map (`seen` is that of the source), by the ratio of the mean exposures too. Maps that hold the time
        take the place of the times. Where the source was seen and the background was not, the net counts are NaN.

        Raises
        ------
        UserError
            The numbers of rows do not match, or the units of the exposure maps.
        """
        n = len(counts)
        if len(self.counts) not in (1, n):
            raise UserError(f"dmextract: {len(self.counts)} background regions for {n} source regions; give one or {n}")
        bg, bg_error, bg_area = (
            np.broadcast_to(a, n).astype(np.float64) for a in (self.counts, self.error, self.areas)
        )
        bg_time = np.broadcast_to(np.asarray(self.exposure, np.float64), n)
        factor = self.norm * ratio(areas, bg_area) * self._exposure_ratio(time, bg_time, seen)
        net, net_error = counts - factor * bg, np.hypot(error, factor * bg_error)
        unknown = (time > 0) & ~((bg_time > 0) & (bg_area > 0))
        net, net_error = (np.where(unknown, np.nan, v) for v in (net, net_error))
        made = [
            ("BG_AREA", bg_area, "pixel**2"), ("BG_EXPOSURE", bg_time, "s"), ("BG_COUNTS", bg, "count"),
            ("BG_ERR", bg_error, "count"), ("BG_RATE", ratio(bg, bg_time), "count/s"),
            ("NORM_BG_COUNTS", factor * bg, "count"), ("NORM_BG_ERR", factor * bg_error, "count"),
            ("NET_COUNTS", net, "count"), ("NET_ERR", net_error, "count"),
            ("NET_RATE", ratio(net, time), "count/s"), ("ERR_RATE", ratio(net_error, time), "count/s"),
        ]  # fmt: skip
        columns = [Column(name, data, "1D", unit) for name, data, unit in made]
        if self.exposure_map is not None:
            mean = np.broadcast_to(self.exposure_map.mean, n).astype(np.float64)
            columns.append(Column("MEAN_BG_EXP", mean, "1D", self.exposure_map.unit, "Mean exposure of the background"))
        return columns, net, net_error

    def _exposure_ratio(self, time: Array, bg_time: Array, seen: MeanExposure | None) -> Array:
        """Return the exposure of the source rows in units of that of the background."""
        if seen is None or self.exposure_map is None:
            return ratio(time, bg_time)
        if seen.has_time != self.exposure_map.has_time:
            raise UserError(
                "dmextract: exp and bkgexp differ in unit: one holds the time, the other does not; use maps of one kind"
            )
        maps = ratio(seen.mean, np.broadcast_to(self.exposure_map.mean, time.shape))
        return maps if seen.has_time else maps * ratio(time, bg_time)


def with_background(curve: Table, background: Background) -> Table:
    """Return a light curve with the BG_* and NET_* columns of a background in the same bins."""
    counts, error, area, live = (curve[n].astype(np.float64) for n in ("counts", "stat_err", "area", "exposure"))
    made, _, _ = background.columns(counts, error, area, live)
    columns = curve.columns | {c.name.lower(): c for c in made}
    return Table(curve.name, columns, curve.header, curve.vectors, curve.companions)


def sky_pair(selection: Selection) -> tuple[str, str]:
    """Return the two columns of a region binning.

    Raises
    ------
    UserError
        They are not there.
    """
    assert selection.vfile.binning is not None
    names = selection.vfile.binning.axes[0].names
    pair = (names[0].lower(), names[1].lower()) if len(names) == 2 else vector_columns(selection.source, names[0])
    if pair is None or not all(n in selection.source for n in pair):
        raise UserError(f"{selection.vfile.text}: block {selection.source.name} has no such pair of columns")
    return pair
