"""Effective area in the embedded calibration: mirror, ACIS and HRC efficiencies, contaminant, gratings, PSF radius.

Every function takes the header of an observation and the constraints of the request, and returns a product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ciaopy.caldb.lite import tables, when
from ciaopy.caldb.products_area import (
    Contamination,
    ContamLayer,
    DeadArea,
    GratingEfficiency,
    GratingTable,
    MirrorArea,
    PsfRadius,
    QeCurve,
    QeuChip,
    QeUniformity,
    QuantumEfficiency,
    Vignetting,
    VignettingCube,
)
from ciaopy.caldb.products_base import (
    ACIS_CCDS,
    ACIS_SIZE,
    ALL_SHELLS,
    BACK_ILLUMINATED,
    SHELLS,
    FloatArray,
    bracket,
    interpolate,
    multilinear,
)
from ciaopy.errors import CalibrationError

Header = Mapping[str, Any]
Constraints = Mapping[str, Any]

# Spacing of the azimuth grid, degrees: the cosine of the table is reproduced to 5e-5 by linear interpolation.
PHI_STEP = 5.0

# Pieces per interval of the contamination table: column and edge are each linear, their product is not.
TIME_PIECES = 10

# Raw size of the HRC detectors: (x, y) pixels per chip.
HRC_SIZE = {"HRC-I": {0: (16384, 16384)}, "HRC-S": {1: (4096, 16456), 2: (4096, 16456), 3: (4096, 16456)}}

# Column of `hrc_qe.csv` for the filter regions of each HRC-S segment (CALDB qeN0011).
HRC_S_REGIONS = {1: {101: 4, 102: 5}, 2: {201: 2, 202: 3, 203: 2, 204: 3}, 3: {301: 4, 302: 5}}


def detector(product: str, header: Header, constraints: Constraints) -> str:
    """Return `ACIS`, `HRC-I` or `HRC-S` for a request.

    Raises
    ------
    CalibrationError
        The header names neither.
    """
    if "ccd_id" in constraints:
        return "ACIS"
    text = " ".join(str(constraints.get(k.lower(), header.get(k, ""))) for k in ("DETNAM", "INSTRUME")).upper()
    for name in ("HRC-S", "HRC-I", "ACIS"):
        if name in text:
            return name
    raise CalibrationError(
        f"{product}: DETNAM and INSTRUME ({text.strip() or 'missing'}) name no detector; expected ACIS, HRC-I or HRC-S"
    )


def mirror_area(header: Header, constraints: Constraints) -> MirrorArea:
    """Return the on-axis area of the mirror, whole and per shell."""
    t = tables.array("hrma_area.csv")
    area = {ALL_SHELLS: t[:, 1]} | {shell: t[:, 1] * t[:, 2 + k] for k, shell in enumerate(SHELLS)}
    return MirrorArea(
        source=tables.source("hrma_area.csv"), is_lite=True, energy=dict.fromkeys(area, t[:, 0]), area=area
    )


def vignetting(header: Header, constraints: Constraints) -> Vignetting:
    """Return the vignetting: azimuth mean times one harmonic, on a grid of 5 degrees; the whole mirror only."""
    theta = np.array([float(label) for label in tables.labels("vignet.csv")[1:]])
    mean = tables.array("vignet.csv")
    harmonic = tables.array("vignet_phi.csv")
    cos_term = interpolate(theta, harmonic[:, 0], harmonic[:, 1])
    sin_term = interpolate(theta, harmonic[:, 0], harmonic[:, 2])
    phi = np.arange(0.0, 360.0, PHI_STEP)
    angle = np.radians(phi)[:, None]
    factor = 1.0 + cos_term * np.cos(angle) + sin_term * np.sin(angle)
    cube = VignettingCube(mean[:, 0], theta, phi, factor[:, :, None] * mean[:, 1:].T[None])
    return Vignetting(source=tables.source("vignet.csv", "vignet_phi.csv"), is_lite=True, shells={ALL_SHELLS: cube})


def quantum_efficiency(header: Header, constraints: Constraints) -> QuantumEfficiency:
    """Return the efficiency of the ACIS chips or of an HRC at the date of the observation.

    The HRC curves are those of mission start times a ratio that goes linearly in time from 1 at 2000.0 to what ARFs
    of 2020-21 show (`hrc_qe_late.csv`); that law of time is not verified.
    """
    where = detector("QE", header, constraints)
    if where == "ACIS":
        t = tables.array("acis_qe.csv")
        curves = tuple(QeCurve(c, 0, "", t[:, 0], t[:, 1 + c]) for c in ACIS_CCDS)
        return QuantumEfficiency(source=tables.source("acis_qe.csv"), is_lite=True, curves=curves)
    t, late = tables.array("hrc_qe.csv"), tables.array("hrc_qe_late.csv")
    column, end = (1, 2021.69) if where == "HRC-I" else (2, 2020.82)
    share = max((when.year_of("QE", header, constraints) - 2000.0) / (end - 2000.0), 0.0)
    ratio = 1.0 + share * (interpolate(t[:, 0], late[:, 0], late[:, column]) - 1.0)
    if where == "HRC-I":
        curves = (QeCurve(0, 0, "", t[:, 0], t[:, 1] * ratio),)
    else:
        curves = tuple(
            QeCurve(chip, region, "", t[:, 0], t[:, k] * ratio)
            for chip, regions in HRC_S_REGIONS.items()
            for region, k in regions.items()
        )
    return QuantumEfficiency(source=tables.source("hrc_qe.csv", "hrc_qe_late.csv"), is_lite=True, curves=curves)


def qe_uniformity(header: Header, constraints: Constraints) -> QeUniformity:
    """Return one factor per energy for front- and back-illuminated ACIS chips; 1 for the HRC."""
    where = detector("QEU", header, constraints)
    if where != "ACIS":
        one = np.ones((1, 1, 1))
        chips = {c: QeuChip(np.array([1.0]), one, *size) for c, size in HRC_SIZE[where].items()}
        return QeUniformity(source=tables.source("uniform"), is_lite=True, chips=chips)
    t = tables.array("acis_qeu_dead.csv")
    chips = {
        c: QeuChip(t[:, 0], t[:, 2 if c in BACK_ILLUMINATED else 1][:, None, None], ACIS_SIZE, ACIS_SIZE)
        for c in ACIS_CCDS
    }
    return QeUniformity(source=tables.source("acis_qeu_dead.csv"), is_lite=True, chips=chips)


def dead_area(header: Header, constraints: Constraints) -> DeadArea:
    """Return the cosmic-ray loss of the front-illuminated chips."""
    rate = float(tables.constants()["dead_area_per_s"])
    rates = {c: 0.0 if c in BACK_ILLUMINATED else rate for c in ACIS_CCDS}
    return DeadArea(source=tables.source("acis_constants.toml"), is_lite=True, rate=rates)


def _pattern(ccd_id: int) -> FloatArray:
    """Edge pattern of one chip on equal blocks: 64 x 64 on ACIS-I, 128 rows on ACIS-S (a function of chipy alone)."""
    if ccd_id > 3:
        t = tables.array("acis_contam_fxy_s.csv")
        centre = 0.5 + (np.arange(128) + 0.5) * ACIS_SIZE / 128
        return interpolate(centre, t[:, 0], t[:, ccd_id - 3])[:, None]
    t = tables.array("acis_contam_fxy_i.csv")
    t = t[t[:, 0] == ccd_id]
    x = np.array([float(label) for label in tables.labels("acis_contam_fxy_i.csv")[2:]])
    centre = 0.5 + (np.arange(64) + 0.5) * ACIS_SIZE / 64
    return multilinear(t[:, 2:], [bracket(centre[:, None], t[:, 1]), bracket(centre[None, :], x)])


def contamination(header: Header, constraints: Constraints) -> Contamination:
    """Return the contaminant as layers of C, O and F: tau0 = column, tau1 = column times edge excess."""
    t, mu = tables.array("acis_contam_time.csv"), tables.array("acis_contam_mu.csv")
    steps = np.arange(len(t) - 1)[:, None] + np.arange(TIME_PIECES)[None, :] / TIME_PIECES
    year = interpolate(np.append(steps.ravel(), len(t) - 1.0), np.arange(float(len(t))), t[:, 0])
    time = when.time_of_year(year)
    columns = [interpolate(year, t[:, 0], t[:, 1 + k]) for k in range(3)]
    edges = [interpolate(year, t[:, 0], t[:, 4 + k]) for k in range(2)]
    chips = {}
    for ccd in ACIS_CCDS:
        pattern = _pattern(ccd)
        edge = edges[0] if ccd < 4 else edges[1]
        chips[ccd] = tuple(
            ContamLayer(0, 1.0, mu[:, 0], mu[:, 1 + k], time, columns[k], columns[k] * edge, pattern) for k in range(3)
        )
    names = ("acis_contam_time.csv", "acis_contam_mu.csv", "acis_contam_fxy_i.csv", "acis_contam_fxy_s.csv")
    return Contamination(source=tables.source(*names), is_lite=True, chips=chips)


def grating_efficiency(header: Header, constraints: Constraints) -> GratingEfficiency:
    """Return orders -3 to 3 of HETG or -8 to 8 of LETG, relative to the area of the whole mirror.

    Raises
    ------
    CalibrationError
        The GRATING of the header or constraint is neither.
    """
    grating = str(constraints.get("grating", header.get("GRATING", ""))).strip().upper()
    if grating not in ("HETG", "LETG"):
        raise CalibrationError(f"GREFF: GRATING is {grating or 'missing'}; expected HETG or LETG")
    name = f"gratings_{grating.lower()}.csv"
    t = tables.array(name)
    parts = [GratingTable("ALL", ALL_SHELLS, t[:, 0], (0,), t[:, 1:2])]
    for k, part in enumerate(("HEG", "MEG") if grating == "HETG" else ("LEG",)):
        parts.append(GratingTable(part, ALL_SHELLS, t[:, 0], (-1, 1), t[:, 2 + 2 * k : 4 + 2 * k]))
        parts.append(_higher_orders(grating, part))
    return GratingEfficiency(source=tables.source(name), is_lite=True, grating=grating, tables=tuple(parts))


def _higher_orders(grating: str, part: str) -> GratingTable:
    """Return the orders of an arm beyond +-1."""
    name = f"gratings_{grating.lower()}_orders.csv"
    t, names = tables.array(name), tables.labels(name)
    start = f"{part.lower()}_"
    columns = [k for k, n in enumerate(names) if n.startswith(start)]
    orders = tuple(int(names[k].removeprefix(start).replace("m", "-").replace("p", "")) for k in columns)
    return GratingTable(part, ALL_SHELLS, t[:, 0], orders, np.ascontiguousarray(t[:, columns]))


def psf_radius(header: Header, constraints: Constraints) -> PsfRadius:
    """Return the PSF radii on a flat plane, as CALDB REEF; `surface="acis-i"` for the tilted ACIS-I chips."""
    tilted = str(constraints.get("surface", "flat")).lower() == "acis-i"
    name = "psf_radius_acisi.csv" if tilted else "psf_radius.csv"
    first = 3 if tilted else 2
    t = tables.array(name)
    ecf = np.array([float(label.lstrip("r")) / 100.0 for label in tables.labels(name)[first:]])
    energy, theta = np.unique(t[:, 0]), np.unique(t[:, 1])
    order = np.lexsort((t[:, 1], t[:, 0]))
    radius = t[order, first:].reshape(len(energy), len(theta), 1, len(ecf))
    return PsfRadius(
        source=tables.source(name),
        is_lite=True,
        energy=energy,
        theta=theta,
        phi=np.zeros(1),
        ecf=ecf,
        radius=radius,
    )
