"""HRC pulse-height tests in the embedded calibration: constants that reproduce the archive's events exactly."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ciaopy.caldb.lite import tables
from ciaopy.caldb.lite.area import detector
from ciaopy.caldb.products_hrc import AmpScale, FlatnessTest, HyperbolicTest, SaturationTest, TapRing
from ciaopy.errors import CalibrationError

Header = Mapping[str, Any]
Constraints = Mapping[str, Any]

TABLE = "hrc_events.toml"


@cache
def _constants() -> dict[str, Any]:
    return tomllib.loads(tables.text(TABLE))


def _of_detector(product: str, header: Header, constraints: Constraints) -> dict[str, Any]:
    where = detector(product, header, constraints)
    if where not in _constants():
        raise CalibrationError(f"{product} is a product of the HRC, and this is an ACIS observation")
    found: dict[str, Any] = _constants()[where]
    return found


def _axes(values: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {axis: {name: float(pair[k]) for name, pair in values.items()} for k, axis in enumerate("UV")}


def tap_ring(header: Header, constraints: Constraints) -> TapRing:
    """Return the ringing correction; its thresholds are 0, so it serves WIDTHRES 2 alone."""
    values = _of_detector("TAPRINGTEST", header, constraints)["ring"]
    axes = {axis: c | {"threshold": 0.0, "offset": 0.0} for axis, c in _axes(values).items()}
    return TapRing(source=tables.source(TABLE), is_lite=True, axis=axes)


def hyperbolic(header: Header, constraints: Constraints) -> HyperbolicTest:
    """Return the hyperbolic test."""
    values = _of_detector("FPTEST", header, constraints)["hyperbolic"]
    return HyperbolicTest(source=tables.source(TABLE), is_lite=True, axis=_axes(values))


def amp_scale(header: Header, constraints: Constraints) -> AmpScale:
    """Return the correction of the amplifier scale: one row, RANGELEV 115 (HRC-I) or 125 (HRC-S), +-5."""
    row = _of_detector("AMP_SF_COR", header, constraints)["amp_scale"]
    return AmpScale(source=tables.source(TABLE), is_lite=True, **{k: np.array([float(v)]) for k, v in row.items()})


def saturation(header: Header, constraints: Constraints) -> SaturationTest:
    """Return the saturation test."""
    _of_detector("SATTEST", header, constraints)
    known = _constants()["saturation"]
    return SaturationTest(
        source=tables.source(TABLE),
        is_lite=True,
        ntaps=np.array(known["ntaps"], np.int32),
        lower=np.array(known["lower"], np.float64),
        upper=np.array(known["upper"], np.float64),
    )


def flatness(header: Header, constraints: Constraints) -> FlatnessTest:
    """Return the flatness test."""
    _of_detector("EFTEST", header, constraints)
    return FlatnessTest(source=tables.source(TABLE), is_lite=True, limit=float(_constants()["flatness"]["limit"]))
