"""The areas and matrices of a whole grating spectrum file: every arm, order and source."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.caldb import Ardlib, ArdlibSpec, parse_detector, parse_mirror
from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame
from ciaopy.datamodel import Gti, Subspace, block_without_rows, chip_times
from ciaopy.errors import DataError, NoDataError
from ciaopy.exposure import AspectHistogram, LiveFraction, aspect_histogram
from ciaopy.fits import Dataset, Header, Table
from ciaopy.gratings import (
    Arm,
    ArmArea,
    ChipLight,
    Dispersion,
    added_areas,
    area_table,
    bounds_table,
    default_windows,
    grating_area,
    matrix_table,
)
from ciaopy.response.grating_matrix import (
    MadeMatrix,
    extraction_half_width,
    line_spread,
    made_matrix,
    plain_matrix,
    spectrum_channels,
)
from ciaopy.response.grating_response import AreaRequest, area_notes, chip_light, lite_note, response_header

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace

__all__ = [
    "ChipExposure",
    "Instrument",
    "ResponsePair",
    "SpectrumOrder",
    "chip_exposures",
    "chips_for",
    "response_pairs",
]

THRESHOLD = 1e-6


@dataclass(frozen=True)
class SpectrumOrder:
    """One spectrum to make responses for."""

    arm: Arm
    order: int
    source: int
    zero: tuple[float, float]
    root: str

    @property
    def area_file(self) -> Path:
        """Name of the effective area."""
        return Path(f"{self.root}.arf")

    @property
    def matrix_file(self) -> Path:
        """Name of the response matrix."""
        return Path(f"{self.root}.rmf")


@dataclass(frozen=True, eq=False)
class ChipExposure:
    """One chip and how long the telescope stood at each offset while it was on."""

    chip: int
    histogram: AspectHistogram
    name: str


@dataclass(frozen=True, eq=False)
class Instrument:
    """What all responses of a file share.

    Attributes
    ----------
    plane, frame : FocalPlane, SkyFrame
    header : Header
        Of the level-2 events.
    ardlib : Ardlib
        With the bad pixel file of the observation.
    maskfile, osipfile, dafile : str
    exposures : mapping of int to ChipExposure
        By chip.
    """

    plane: FocalPlane
    frame: SkyFrame
    header: Header
    ardlib: Ardlib
    maskfile: str
    osipfile: str
    dafile: str
    exposures: Mapping[int, ChipExposure]

    def spec(self, chip: int) -> ArdlibSpec:
        """Return the detector string of a chip."""
        name = self.plane.detector.name
        return parse_detector(f"ACIS-{chip}" if name == "ACIS" else name if name == "HRC-I" else f"HRC-S{chip}")


@dataclass(frozen=True, eq=False)
class ResponsePair:
    """An area and a matrix, ready to be written, and what is to be said of them."""

    of: SpectrumOrder
    area: Table
    matrix: tuple[Table, Table]
    notes: tuple[str, ...]


def chips_for(detector: str, chips: tuple[int, ...], order: int) -> tuple[int, ...]:
    """Return the chips that an order may fall on: minus 0-8, plus 0-3 and 6-9 of ACIS; of HRC-S 2 with 3 or 1."""
    if detector == "ACIS":
        allowed = range(9) if order < 0 else (0, 1, 2, 3, 6, 7, 8, 9)
        return tuple(c for c in chips if c in allowed)
    if detector == "HRC-I":
        return (0,)
    return (2, 3) if order < 0 else (2, 1)


def chip_exposures(
    events: str, chips: tuple[int, ...], aspect: AspectSolution, frame: SkyFrame, live: LiveFraction, ws: Workspace
) -> dict[int, ChipExposure]:
    """Return the aspect histogram of every chip, over its own good times.

    Raises
    ------
    NoDataError
        No chip has good time with an aspect solution.
    """
    block = block_without_rows(events, ws, "evtfile")
    tables = [b for b in block.companions if isinstance(b, Table)]
    times = chip_times(Subspace.from_header(block.header, tables))
    everywhere = Gti.union(times.values())
    out, done = {}, {}
    for chip in chips:
        gti = times.get(chip, everywhere if frame.detector.name != "ACIS" or not times else Gti())
        if not len(gti):
            continue
        key = gti.start.tobytes() + gti.stop.tobytes()
        if key not in done:
            done[key] = aspect_histogram(aspect, gti, frame, live, max_bin=1 << 24)
        out[chip] = ChipExposure(chip, done[key], f"{Path(events).name}[ccd_id={chip}]")
    if not out:
        raise NoDataError(f"{events}: no chip has good time; check the file")
    return out


def response_pairs(
    wanted: list[SpectrumOrder], spectra: Dataset, instrument: Instrument, ws: Workspace, nproc: int
) -> list[ResponsePair]:
    """Return area and matrix of every spectrum asked for, made in `nproc` threads.

    Raises
    ------
    DataError
        The file has no spectra.
    """
    lights = _Lights(instrument, ws)
    for one in wanted:  # calibration is read before the threads start
        for chip in _lit_chips(instrument, one.order):
            lights.of(chip, one)

    def make(one: SpectrumOrder) -> ResponsePair:
        bins = spectrum_channels(spectra, one.arm, one.order)
        if bins is None:
            raise DataError(f"{spectra.path}: no SPECTRUM block with BIN_LO, BIN_HI; give the pha2 file of tgextract")
        half = extraction_half_width(spectra, one.arm, one.order, default_windows(one.arm.grating).source[1])
        if _is_diagonal(instrument, one.arm):
            return _pair(one, plain_matrix(bins), instrument, lights)
        spread = line_spread(one.arm, one.order, instrument.header, instrument.ardlib)
        return _pair(one, made_matrix(one.arm, one.order, bins, half, THRESHOLD, spread), instrument, lights)

    if nproc <= 1 or len(wanted) <= 1:
        return [make(one) for one in wanted]
    with ThreadPoolExecutor(min(nproc, len(wanted))) as pool:
        return list(pool.map(make, wanted))


def _is_diagonal(instrument: Instrument, arm: Arm) -> bool:
    """Return True for HETG on HRC-I, whose line shapes nobody has measured."""
    return instrument.plane.detector.name == "HRC-I" and arm.grating == "HETG"


def _lit_chips(instrument: Instrument, order: int) -> list[int]:
    chips = chips_for(instrument.plane.detector.name, tuple(instrument.exposures), order)
    found = [c for c in chips if c in instrument.exposures]
    if not found:
        raise DataError(f"order {order:+d}: none of the chips that it falls on was on; leave it out of orders")
    return found


class _Lights:
    """What lies before each chip, loaded once."""

    def __init__(self, instrument: Instrument, ws: Workspace) -> None:
        self.instrument, self.ws = instrument, ws
        self._made: dict[tuple[int, str, str], ChipLight] = {}

    def of(self, chip: int, one: SpectrumOrder) -> ChipLight:
        """Return the light of a chip; no order sorting for an order that may fall on the imaging array (as CIAO)."""
        own = self.instrument
        imaging = own.plane.detector.name == "ACIS" and any(c < 4 for c in _lit_chips(own, one.order))
        osip = "none" if imaging or own.plane.detector.name != "ACIS" else own.osipfile
        key = (chip, osip, one.arm.grating)
        if key not in self._made:
            request = AreaRequest(own.spec(chip), parse_mirror("HRMA"), osip, own.maskfile, own.dafile, one.arm.grating)
            self._made[key] = chip_light(request, own.plane, own.header, own.ardlib, self.ws)
        return self._made[key]


def _pair(one: SpectrumOrder, made: MadeMatrix, instrument: Instrument, lights: _Lights) -> ResponsePair:
    from ciaopy.gratings import wavelength_edges

    energy = made.energy
    low, high = wavelength_edges(*energy)
    spectrum = Dispersion(instrument.plane, instrument.frame, one.arm, one.zero)
    tables: list[tuple[str, Table]] = []
    notes: list[str] = []
    for chip in _lit_chips(instrument, one.order):
        last = lights.of(chip, one)
        notes += area_notes(last, one.arm, instrument.plane.detector.name)
        exposure = instrument.exposures[chip]
        area: ArmArea = grating_area(spectrum, one.order, 0.5 * (low + high), last, exposure.histogram)
        keys = {
            "RESPFILE": (f"grid({one.matrix_file.name})", "RMF file (energy grid)"),
            "ASPFILE": (exposure.name, "aspect histogram of"),
            "OSIPFILE": ("none" if last.sorting is None else last.sorting.filename, "order sorting"),
            "DETNAM": (instrument.spec(chip).element, "last chip added"),
        }
        tables.append((f"chip {chip}", area_table(energy, area, _header(keys, one, instrument))))
    total = added_areas(tables)
    for note in dict.fromkeys(notes):
        lite_note(total.header, note)
    about: dict[str, object] = {"ORDER": (one.order, "Diffraction order"), "LSFMODEL": (made.model, "line shape")}
    header = _header(about, one, instrument)
    if made.note:
        lite_note(header, made.note)
        notes.append(made.note)
    matrix = (matrix_table(energy, made.matrix, THRESHOLD, header), bounds_table(energy, header))
    return ResponsePair(one, total, matrix, tuple(dict.fromkeys(notes)))


def _header(keys: Mapping[str, object], one: SpectrumOrder, instrument: Instrument) -> Header:
    return response_header(keys, one.arm, one.order, one.source, instrument.header)


def with_bad_pixels(ardlib: Ardlib, badpix: str) -> Ardlib:
    """Return the library with the bad pixel file of an observation for every chip; `CALDB` leaves it as it is."""
    if badpix.strip().upper() in ("", "CALDB"):
        return ardlib
    keys = [k for k in ardlib.values if k.startswith("AXAF_") and k.endswith("_BADPIX_FILE")]
    return replace(ardlib, values={**ardlib.values, **dict.fromkeys(keys, badpix)})
