"""Type I spectra: source and background of a row of a type II file, as fitting programs take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits import Array, Column, Dataset, Table
from ciaopy.gratings.arms import ARMS
from ciaopy.gratings.spectrum_table import type_one

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["SpectrumId", "chips_of_order", "exposure_of_order", "region_rows", "source_and_background", "spectra_of"]

_BACKGROUND_COLUMNS = ("background_up", "background_down", "stat_err")
_BACKGROUND_KEYS = ("BACKSCUP", "BACKSCDN")


@dataclass(frozen=True)
class SpectrumId:
    """What one spectrum is of.

    Attributes
    ----------
    row : int
        Row of the file, from 0.
    part, order, source : int
        TG_PART, TG_M, TG_SRCID.
    """

    row: int
    part: int
    order: int
    source: int

    @property
    def arm(self) -> str:
        """Name of the arm in lower case."""
        return next(a.name.lower() for a in ARMS if a.part == self.part)

    @property
    def label(self) -> str:
        """Arm and order as file names have them: `heg_m1`."""
        return f"{self.arm}_{'m' if self.order < 0 else 'p'}{abs(self.order)}"


def spectra_of(dataset: Dataset, where: str) -> tuple[Table, Table, list[SpectrumId]]:
    """Return SPECTRUM, REGION and the spectra of a type II file.

    Raises
    ------
    DataError
        Not a spectrum file of type II with a REGION block.
    """
    tables = {b.name.upper(): b for b in dataset.blocks if isinstance(b, Table)}
    spectrum, region = tables.get("SPECTRUM"), tables.get("REGION")
    if spectrum is None or any(c not in spectrum for c in ("TG_M", "TG_PART", "COUNTS", "BIN_LO", "BIN_HI")):
        raise DataError(f"{where}: not a grating spectrum file of type II; give the pha2 file of tgextract")
    if region is None:
        raise DataError(f"{where}: no REGION block, which says what was extracted; make the file with tgextract")
    known = {a.part for a in ARMS}
    source = spectrum["TG_SRCID"] if "TG_SRCID" in spectrum else np.ones(spectrum.nrows, int)
    found = []
    for row, (part, order, number) in enumerate(zip(spectrum["TG_PART"], spectrum["TG_M"], source, strict=True)):
        if int(part) not in known or int(order) == 0:
            raise DataError(f"{where}: row {row + 1}: TG_PART={part}, TG_M={order} is no grating spectrum")
        found.append(SpectrumId(row, int(part), int(order), int(number)))
    return spectrum, region, found


def region_rows(region: Table, spectrum: SpectrumId) -> Table:
    """Return the rows of a REGION block that belong to a spectrum."""
    keep = (region["TG_PART"] == spectrum.part) & (region["TG_M"] == spectrum.order)
    if "TG_SRCID" in region:
        keep &= region["TG_SRCID"] == spectrum.source
    return region.take(np.asarray(keep, bool))


def chips_of_order(order: int) -> tuple[int, ...]:
    """Return the ACIS-S chips that an order's light falls on: minus orders 4-7, plus orders 7-9 (ObsID 1597)."""
    return (4, 5, 6, 7) if order < 0 else (7, 8, 9)


def exposure_of_order(header: Mapping[str, Any], order: int) -> dict[str, float]:
    """Return ONTIME, LIVETIME, EXPOSURE (s) of an ACIS order: the mean ONTIMEn of its chips, times DTCOR.

    Empty where the header has no ONTIMEn of these chips or no DTCOR.
    """
    times = [header.get(f"ONTIME{c}") for c in chips_of_order(order)]
    good = [float(t) for t in times if isinstance(t, (int, float)) and t > 0]
    dtcor = header.get("DTCOR")
    if not good or not isinstance(dtcor, (int, float)):
        return {}
    ontime = float(np.mean(good))
    live = ontime * float(dtcor)
    return {"ONTIME": ontime, "LIVETIME": live, "EXPOSURE": live}


def source_and_background(spectrum: Table, one: SpectrumId) -> tuple[Table, Table | None]:
    """Return source and background of a row as type I tables; None without background columns.

    Both keep CHANNEL, COUNTS, BIN_LO, BIN_HI; their errors are Poisson's (POISSERR). The background's COUNTS are
    up + down, its BACKSCAL is BACKSCUP + BACKSCDN.
    """
    whole = type_one(spectrum, one.row)
    header = whole.header
    up, down = (whole.columns.get(n) for n in _BACKGROUND_COLUMNS[:2])
    scale = sum(header.number(k, 0.0) for k in _BACKGROUND_KEYS)
    exposure = exposure_of_order(header, one.order) if str(header.get("INSTRUME", "")).upper() == "ACIS" else {}
    for key, value in exposure.items():
        header[key] = value
    header["POISSERR"], header["SYS_ERR"] = True, 0.0
    for key in _BACKGROUND_KEYS:
        header.remove(key, ignore_missing=True)
    kept = {n: c for n, c in whole.columns.items() if n not in _BACKGROUND_COLUMNS}
    source = Table(whole.name, kept, header)
    if up is None or down is None or not scale > 0:
        return source, None
    counts = up.data.astype(np.int64) + down.data
    columns = dict(kept)
    columns["counts"] = _counts_column(kept["counts"], counts)
    other = header.copy()
    other["BACKSCAL"] = (scale, "BACKSCAL of the background spectrum")
    other["HDUCLAS2"] = "BKG"
    return source, Table(whole.name, columns, other)


def _counts_column(template: Column, counts: Array) -> Column:
    fits = not counts.size or counts.max() <= np.iinfo(np.int16).max
    out = template.with_data(counts.astype(np.int16 if fits else np.int32))
    out.form = "1I" if fits else "1J"
    return out


def names_of(spectra: list[SpectrumId], outroot: str) -> Iterator[tuple[SpectrumId, str]]:
    """Yield each spectrum with the start of its file names: `<outroot>_<arm>_<m|p><n>`, `_s<source>` if several."""
    several = len({s.source for s in spectra}) > 1
    joint = "" if outroot.endswith("/") or not outroot else "_"
    for s in spectra:
        yield s, f"{outroot}{joint}{f's{s.source}_' if several else ''}{s.label}"


def matches(header: Header, spectrum: Header, one: SpectrumId) -> bool:
    """Return True if a response's header is of the same observation, arm, order and (where it says so) source."""

    def text(h: Header, key: str) -> str:
        return str(h.get(key, "")).strip().lstrip("0").upper()

    same = all(text(header, k) == text(spectrum, k) for k in ("OBS_ID", "OBI_NUM") if k in header and k in spectrum)
    continuous = text(spectrum, "READMODE").startswith("CONT")
    same &= (
        continuous
        or "CYCLE" not in header
        or "CYCLE" not in spectrum
        or text(header, "CYCLE") == text(spectrum, "CYCLE")
    )
    number = header.get("TG_SRCID", 0)
    same &= not isinstance(number, int) or number in (0, one.source)
    return bool(same and header.get("TG_M") == one.order and header.get("TG_PART") == one.part)
