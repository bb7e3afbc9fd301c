"""The focal plane: chips in space, focal length, aimpoints, coordinate systems.

The tables come from the package (`Geometry.embedded`) or from CALDB files (`Geometry.from_files`). A detector at its
SIM position is a `ciaopy.coords.focalplane.FocalPlane`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import CalibrationError, CiaopyError, DataError
from ciaopy.kernels.coords import CHIP_WIDTH

if TYPE_CHECKING:
    from ciaopy.fits import Table

FloatArray: TypeAlias = NDArray[np.float64]
Vector3: TypeAlias = tuple[float, float, float]

# TDET kinds: (xx, xy, yx, yy) of TDETX = x0 + xx CHIPX + xy CHIPY, TDETY = y0 + yx CHIPX + yy CHIPY
TDET_KINDS = {"s": (1, 0, 0, 1), "p": (0, 1, -1, 0), "m": (0, -1, 1, 0)}

CORNERS = ("ll", "lr", "ur", "ul")


@dataclass(frozen=True)
class Chip:
    """One CCD or microchannel plate.

    Attributes
    ----------
    id : int
        CCD_ID or CHIP_ID.
    name : str
        `ACIS-I0` ... `HRC-S3`.
    size : (int, int)
        Pixels along CHIPX and CHIPY; pixel centres are 1 .. size.
    ll, lr, ur, ul : (float, float, float)
        Corners in the LSI frame, mm: (0.5, 0.5), (size + 0.5, 0.5), both, (0.5, size + 0.5).
    tdet : (str, int, int)
        Kind (`TDET_KINDS`) and constants x0, y0 of the tiled detector coordinates.
    """

    id: int
    name: str
    size: tuple[int, int]
    ll: Vector3
    lr: Vector3
    ur: Vector3
    ul: Vector3
    tdet: tuple[str, int, int]

    def axes(self) -> tuple[FloatArray, FloatArray]:
        """Return the unit vectors along CHIPX and CHIPY in the LSI frame."""
        ll = np.array(self.ll)
        e1, e2 = np.array(self.lr) - ll, np.array(self.ul) - ll
        return e1 / np.linalg.norm(e1), e2 / np.linalg.norm(e2)


@dataclass(frozen=True)
class Detector:
    """ACIS, HRC-I or HRC-S: its chips and its coordinate systems.

    Attributes
    ----------
    name : str
        `ACIS`, `HRC-I` or `HRC-S`.
    chips : tuple of Chip
        In order of id.
    origin : (float, float, float)
        STT = LSI + origin, mm.
    pixel : float
        Physical pixel, mm: the fixed nominal size with which CIAO walks along the chip edges.
    aimpoint : str
        Name of the default aimpoint.
    chip_system, tdet_system, det_system : str
        Names of the pixel systems, as in the ACSYS keywords.
    scale : float
        DET and SKY pixel, arcsec.
    ref : float
        Reference pixel of DET and SKY (both axes).
    det_range, tdetx_range, tdety_range : (float, float)
        Legal ranges (TLMIN, TLMAX).
    focal_length : float
        mm.
    """

    name: str
    chips: tuple[Chip, ...]
    origin: Vector3
    pixel: float
    aimpoint: str
    chip_system: str
    tdet_system: str
    det_system: str
    scale: float
    ref: float
    det_range: tuple[float, float]
    tdetx_range: tuple[int, int]
    tdety_range: tuple[int, int]
    focal_length: float

    @property
    def scale_rad(self) -> float:
        """DET and SKY pixel, radian."""
        return float(np.deg2rad(self.scale / 3600.0))

    @property
    def id_column(self) -> str:
        """Column of event files that names the chip: `ccd_id` for ACIS, `chip_id` for HRC."""
        return "ccd_id" if self.name == "ACIS" else "chip_id"

    def chip(self, chip_id: int) -> Chip:
        """Return a chip by its id.

        Raises
        ------
        DataError
            The detector has no such chip.
        """
        for chip in self.chips:
            if chip.id == chip_id:
                return chip
        raise DataError(f"{self.name} has no chip {chip_id}; its chips are {', '.join(str(c.id) for c in self.chips)}")

    def chip_table(self, sim: Vector3 = (0.0, 0.0, 0.0), origin: bool = True) -> FloatArray:
        """Return the chips as the kernels take them (see `ciaopy.kernels.coords`).

        LSI = LL + (chipx - 0.5) p e1 + (chipy - 0.5) p e2 with e1, e2 the unit vectors along the edges and p the fixed
        nominal pixel; STF = LSI + ORIGIN + SIM. (With the pixel implied by the corners instead, DET of ObsID 28229
        would be off by up to 0.07 pixel.)

        Parameters
        ----------
        sim : (float, float, float)
            SIM_X, SIM_Y, SIM_Z, mm.
        origin : bool
            False leaves out the instrument's origin, which gives LSI.

        Returns
        -------
        ndarray, shape (largest id + 1, 9), float64
            NaN for ids that do not exist.
        """
        table = np.full((max(c.id for c in self.chips) + 1, CHIP_WIDTH), np.nan)
        shift = np.array(sim) + (np.array(self.origin) if origin else 0.0)
        for chip in self.chips:
            e1, e2 = chip.axes()
            table[chip.id] = np.concatenate([np.array(chip.ll) + shift, e1 * self.pixel, e2 * self.pixel])
        return table

    def size_table(self) -> FloatArray:
        """Return the chip sizes in pixels, shape (largest id + 1, 2), NaN for ids that do not exist."""
        table = np.full((max(c.id for c in self.chips) + 1, 2), np.nan)
        for chip in self.chips:
            table[chip.id] = chip.size
        return table

    def tdet_table(self) -> FloatArray:
        """Return x0, y0, xx, xy, yx, yy of TDET by chip id, shape (largest id + 1, 6); NaN for missing ids."""
        table = np.full((max(c.id for c in self.chips) + 1, 6), np.nan)
        for chip in self.chips:
            kind, x0, y0 = chip.tdet
            table[chip.id] = (x0, y0, *TDET_KINDS[kind])
        return table


@dataclass(frozen=True)
class Geometry:
    """All detectors of the focal plane.

    Attributes
    ----------
    detectors : mapping of str to Detector
        By name.
    aimpoints : mapping of str to (float, float, float)
        Nominal SIM positions, mm, by name (`AI2`, `AS1`, `HI1`, `HS1`, ...).
    source : str
        Where the numbers came from.
    """

    detectors: Mapping[str, Detector]
    aimpoints: Mapping[str, Vector3]
    source: str

    @classmethod
    def embedded(cls) -> Geometry:
        """Return the geometry that comes with the package (CALDB geomN0006 and aimptsN0002)."""
        return _embedded()

    @classmethod
    def from_files(cls, geom: str | Path, aimpts: str | Path | None = None) -> Geometry:
        """Read CALDB GEOM and AIMPTS files.

        Corners, origins, focal length and pixel sizes are those of the files; what they do not hold (TDET constants,
        scales of DET and SKY) is that of `embedded`.

        Raises
        ------
        CalibrationError
            A file cannot be read, or lacks a table, a column or a chip.
        """
        base = _embedded()
        tables = _calibration_tables(Path(geom))
        instruments = next((t for t in tables if t.name.upper().startswith("INSTRUMENTS")), None)
        if instruments is None:
            names = ", ".join(t.name for t in tables)
            raise CalibrationError(f"{geom}: no INSTRUMENTS table; it has {names or 'no tables'}; is it a GEOM file?")
        detectors = {n: _detector_from_tables(d, instruments, tables, geom) for n, d in base.detectors.items()}
        aimpoints = base.aimpoints if aimpts is None else _aimpoints(Path(aimpts))
        source = str(geom) if aimpts is None else f"{geom}, {aimpts}"
        return replace(base, detectors=detectors, aimpoints=aimpoints, source=source)

    def detector(self, name: str) -> Detector:
        """Return a detector by name: `ACIS` (also `ACIS-S`, `ACIS-7`, `ACIS-0123`), `HRC-I`, `HRC-S`.

        Raises
        ------
        DataError
            Unknown detector.
        """
        key = name.strip().upper()
        if key.startswith("ACIS"):
            key = "ACIS"
        elif key.startswith(("HRC-I", "HRC-S")):
            key = key[:5]
        if key not in self.detectors:
            raise DataError(f"unknown detector {name!r}; ciaopy knows {', '.join(self.detectors)}")
        return self.detectors[key]

    def detector_of(self, header: Mapping[str, Any], where: str = "header") -> Detector:
        """Return the detector named by INSTRUME and DETNAM of a header.

        Raises
        ------
        DataError
            INSTRUME or (for HRC) DETNAM is missing or unknown.
        """
        instrument = str(header.get("INSTRUME", "")).strip().upper()
        detnam = str(header.get("DETNAM", "")).strip().upper()
        if not (detnam or instrument == "ACIS"):
            raise DataError(f"{where}: no INSTRUME/DETNAM keywords to tell the detector by")
        try:
            found = self.detector("ACIS" if instrument == "ACIS" else detnam)
            if instrument and not found.name.startswith(instrument):
                raise DataError("INSTRUME and DETNAM disagree")
            return found
        except DataError:
            known = ", ".join(self.detectors)
            raise DataError(
                f"{where}: unknown detector INSTRUME={instrument!r} DETNAM={detnam!r}; ciaopy knows {known}"
            ) from None


def _corners(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _triple(raw[k]) for k in CORNERS}


def _triple(values: Any) -> Vector3:
    x, y, z = (float(v) for v in values)
    return x, y, z


@cache
def _embedded() -> Geometry:
    text = resources.files("ciaopy.coords").joinpath("data/geometry.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    detectors = {}
    for name, d in raw["detector"].items():
        chips = tuple(
            Chip(id=c["id"], name=c["name"], size=tuple(c["size"]), tdet=tuple(c["tdet"]), **_corners(c))
            for c in d["chip"]
        )
        detectors[name] = Detector(
            name,
            chips,
            _triple(d["origin"]),
            d["pixel"],
            d["aimpoint"],
            d["chip_system"],
            d["tdet_system"],
            d["det_system"],
            d["scale"],
            d["ref"],
            tuple(d["det_range"]),
            tuple(d["tdetx_range"]),
            tuple(d["tdety_range"]),
            raw["focal_length"],
        )
    aimpoints = {k: _triple(v) for k, v in raw["aimpoint"].items()}
    return Geometry(detectors, aimpoints, "embedded (telD1999-07-23geomN0006, telD1999-07-23aimptsN0002)")


def _calibration_tables(path: Path) -> list[Table]:
    from ciaopy.fits import Table, read_dataset

    try:
        return [b for b in read_dataset(path).blocks if isinstance(b, Table)]
    except CiaopyError as e:
        raise CalibrationError(f"{path}: cannot be read as a calibration file: {e}") from e


def _column(table: Table, name: str, path: object) -> NDArray[Any]:
    try:
        return table[name]
    except DataError as e:
        raise CalibrationError(f"{path}: {e}") from e


def _text(values: NDArray[Any]) -> list[str]:
    return [(v.decode("ascii", "replace") if isinstance(v, bytes) else str(v)).strip().upper() for v in values]


def _detector_from_tables(old: Detector, instruments: Table, tables: list[Table], path: object) -> Detector:
    names = _text(_column(instruments, "INSTRUMENT", path))
    if old.name not in names:
        raise CalibrationError(f"{path}: INSTRUMENTS has no row {old.name}; it has {', '.join(names)}")
    row = names.index(old.name)
    table = next(
        (
            t
            for t in tables
            if t.name.upper().startswith("INSTGEOM") and str(t.header.get("INSTRUME", "")).strip().upper() == old.name
        ),
        None,
    )
    if table is None:
        raise CalibrationError(f"{path}: no INSTGEOM table with INSTRUME={old.name}")
    ids = [int(i) for i in _column(table, "CHIP_ID", path)]
    chips = []
    for chip in old.chips:
        if chip.id not in ids:
            raise CalibrationError(f"{path}: table {table.name} has no chip {chip.id} of {old.name}; it has {ids}")
        i = ids.index(chip.id)
        nx, ny = (int(n) for n in _column(table, "SIZE", path)[i])
        corners = _corners({k: _column(table, k.upper(), path)[i] for k in CORNERS})
        chips.append(replace(chip, size=(nx, ny), **corners))
    aimpoint = old.aimpoint
    if "AIMPOINT_NAME" in instruments:
        aimpoint = _text(instruments["AIMPOINT_NAME"])[row]
    return replace(
        old,
        chips=tuple(chips),
        origin=_triple(_column(instruments, "ORIGIN", path)[row]),
        pixel=table.header.number("XSCALE", old.pixel),
        aimpoint=aimpoint,
        focal_length=instruments.header.number("FOCLEN", old.focal_length),
    )


def _aimpoints(path: Path) -> dict[str, Vector3]:
    for table in _calibration_tables(path):
        if table.name.upper().startswith("AIMPOINTS"):
            names = _text(_column(table, "AIMPOINT_NAME", path))
            return dict(zip(names, map(_triple, _column(table, "AIMPOINT", path)), strict=True))
    raise CalibrationError(f"{path}: no AIMPOINTS table; is it an AIMPTS file?")
