"""Response files of grating spectra: SPECRESP, MATRIX and EBOUNDS blocks, and sums of effective areas.

Layout of the gARFs of ObsIDs 1597, 16375, 24781 and of acismeg1D1999-07-22rmfN0002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import DataError
from ciaopy.fits import Column, Table
from ciaopy.gratings.area import ArmArea
from ciaopy.gratings.arms import HC_KEV_ANGSTROM
from ciaopy.gratings.line_shape import ResponseMatrix

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["added_areas", "area_table", "bounds_table", "matrix_table", "wavelength_edges"]

FloatArray = NDArray[np.float64]


def wavelength_edges(energy_low: FloatArray, energy_high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return BIN_LO, BIN_HI (Angstrom) of energy bins (keV)."""
    return HC_KEV_ANGSTROM / energy_high, HC_KEV_ANGSTROM / energy_low


def _column(name: str, data: Any, form: str, unit: str, comment: str, limits: tuple[Any, Any] | None = None) -> Column:
    keys = {k: (v, "") for k, v in zip(("TLMIN", "TLMAX"), limits, strict=True)} if limits else {}
    return Column(name, data, form, unit, comment, keys)


def area_table(energy: tuple[FloatArray, FloatArray], area: ArmArea, header: Header) -> Table:
    """Return the SPECRESP table.

    Parameters
    ----------
    energy : (float64 array, float64 array)
        ENERG_LO, ENERG_HI, keV, ascending.
    area : ArmArea
    header : Header
        Keywords of the observation and the response; a copy is completed.
    """
    low, high = wavelength_edges(*energy)
    single = [np.asarray(v, np.float32) for v in (*energy, area.specresp, low, high, area.fracexpo, area.phafrac)]
    names = (
        ("ENERG_LO", "keV", "Energy", (0.0, 20.0)),
        ("ENERG_HI", "keV", "Energy", (0.0, 20.0)),
        ("SPECRESP", "cm**2", "Effective Area", None),
        ("BIN_LO", "angstrom", "Wavelength", None),
        ("BIN_HI", "angstrom", "Wavelength", None),
        ("FRACEXPO", "", "Share of the exposure on good pixels", (0.0, 1.0)),
        ("PHAFRAC", "", "Share of the pulse heights in the window", (0.0, 1.0)),
    )
    columns = {
        n.lower(): _column(n, v, "1E", unit, comment, limits)
        for (n, unit, comment, limits), v in zip(names, single, strict=True)
    }
    out = header.copy()
    out.update(
        {
            "EXTNAME": "SPECRESP", "HDUNAME": "SPECRESP", "CONTENT": "SPECRESP", "HDUCLASS": "OGIP",
            "HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP", "HDUVERS": "1.1.0", "HDUVERS1": "1.0.0",
            "HDUVERS2": "1.1.0", "ARFVERSN": "1992a", "FILTER": "", "GROUPING": 0, "QUALITY": 0,
        }
    )  # fmt: skip
    return Table("SPECRESP", columns, out)


def added_areas(tables: list[tuple[str, Table]]) -> Table:
    """Return the sum of effective areas of parts of one detector: SPECRESP and FRACEXPO add up.

    PHAFRAC is the mean over the parts, weighted with FRACEXPO. The header is that of the last one.

    Raises
    ------
    DataError
        No table; columns missing; energy grids that differ.
    """
    if not tables:
        raise DataError("no effective area to add")
    first_name, first = tables[0]
    total: dict[str, FloatArray] = {}
    phase = None
    for name, table in tables:
        missing = [c for c in ("ENERG_LO", "ENERG_HI", "SPECRESP") if c not in table]
        if missing:
            raise DataError(f"{name}: not an effective area: block {table.name} has no column {', '.join(missing)}")
        same = table.nrows == first.nrows and all(
            np.allclose(table[c], first[c], rtol=1e-6, atol=0) for c in ("ENERG_LO", "ENERG_HI")
        )
        if not same:
            raise DataError(f"{name}: another energy grid than that of {first_name}; make them on the same engrid")
        for c in ("SPECRESP", "FRACEXPO"):
            if c in table:
                total[c] = total.get(c, np.zeros(first.nrows)) + np.asarray(table[c], np.float64)
        if "PHAFRAC" in table and "FRACEXPO" in table:
            weighted = np.asarray(table["PHAFRAC"], np.float64) * table["FRACEXPO"]
            phase = weighted if phase is None else phase + weighted
    last = tables[-1][1]
    columns = dict(last.columns)
    for c, values in total.items():
        if c.lower() in columns:
            columns[c.lower()] = columns[c.lower()].with_data(values.astype(np.float32))
    if phase is not None and "phafrac" in columns:
        share = np.divide(phase, total["FRACEXPO"], out=np.ones_like(phase), where=total["FRACEXPO"] > 0)
        columns["phafrac"] = columns["phafrac"].with_data(share.astype(np.float32))
    return Table(last.name, columns, last.header.copy(), list(last.vectors))


def matrix_table(
    energy: tuple[FloatArray, FloatArray], matrix: ResponseMatrix, threshold: float, header: Header
) -> Table:
    """Return the MATRIX table; `energy` as for `area_table`, `threshold` for LO_THRES."""
    n = len(matrix.rows)

    rows = np.empty(n, object)
    rows[:] = matrix.rows
    longest = max((r.size for r in matrix.rows), default=1)
    columns = [
        _column("ENERG_LO", np.asarray(energy[0], np.float32), "1E", "keV", "Lower energy bin edge"),
        _column("ENERG_HI", np.asarray(energy[1], np.float32), "1E", "keV", "Upper energy bin edge"),
        _column("N_GRP", np.ones(n, np.int16), "1I", "", "Number of channel groups"),
        _column("F_CHAN", matrix.first.astype(np.int16), "1I", "", "First channel of the group", (1, n)),
        _column("N_CHAN", np.array([r.size for r in matrix.rows], np.int16), "1I", "", "Channels in the group"),
        _column("MATRIX", rows, f"PE({longest})", "", "Redistribution"),
    ]
    out = header.copy()
    out.update(
        {
            "EXTNAME": "MATRIX", "HDUNAME": "MATRIX", "CONTENT": "RESP", "HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE",
            "HDUCLAS2": "RSP_MATRIX", "HDUCLAS3": "REDIST", "HDUVERS": "1.3.0", "HDUVERS1": "1.0.0",
            "HDUVERS2": "1.2.0", "RMFVERSN": "1992a", "CHANTYPE": "PI", "DETCHANS": n, "FILTER": "",
            "LO_THRES": float(threshold), "NUMGRP": n, "NUMELT": int(sum(r.size for r in matrix.rows)),
        }
    )  # fmt: skip
    return Table("MATRIX", {c.name.lower(): c for c in columns}, out)


def bounds_table(energy: tuple[FloatArray, FloatArray], header: Header) -> Table:
    """Return the EBOUNDS table: channel k has the energies of row k."""
    n = energy[0].size
    columns = [
        _column("CHANNEL", np.arange(1, n + 1, dtype=np.int16), "1I", "", "Channel", (1, n)),
        _column("E_MIN", np.asarray(energy[0], np.float32), "1E", "keV", "Lower energy"),
        _column("E_MAX", np.asarray(energy[1], np.float32), "1E", "keV", "Upper energy"),
    ]
    out = header.copy()
    out.update(
        {
            "EXTNAME": "EBOUNDS", "HDUNAME": "EBOUNDS", "CONTENT": "RESP", "HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE",
            "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0", "HDUVERS1": "1.0.0", "HDUVERS2": "1.2.0",
            "RMFVERSN": "1992a", "CHANTYPE": "PI", "DETCHANS": n, "FILTER": "",
        }
    )  # fmt: skip
    return Table("EBOUNDS", {c.name.lower(): c for c in columns}, out)
