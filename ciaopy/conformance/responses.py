"""Rules on responses and spectra: energy bins, effective areas, redistribution, channels (OGIP 92-002, 92-007)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ciaopy.conformance.findings import ERROR, WARNING, Finding
from ciaopy.conformance.product import Part, Product
from ciaopy.conformance.rows import BadRows, Columns, RowRule, flat, share
from ciaopy.fits import Array

__all__ = ["response_row_rules", "response_rules", "spectrum_row_rules", "spectrum_rules"]

#: Neighbouring edges of 4-byte reals agree to this.
EDGE_ACCURACY = 1e-5
MOST_IN_A_ROW = 1.001
NUMBER_FORMS = "BIJKED"


def response_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check the channels of a redistribution matrix against EBOUNDS (RSP-4)."""
    if product.kind != "rmf" or part.layout is None or part.layout.name != "MATRIX":
        return
    bounds = product.named("EBOUNDS")
    channels = part.keys.get("DETCHANS")
    if bounds and isinstance(channels, int) and channels != bounds[0].info.nrows:
        yield part.find("RSP-4", ERROR, f"DETCHANS is {channels}, EBOUNDS has {bounds[0].info.nrows} rows")


def response_row_rules(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the tests of RSP-1 to RSP-4 on the rows of an ARF or RMF."""
    if product.kind not in ("garf", "rmf") or part.layout is None or part.layout.name not in ("SPECRESP", "MATRIX"):
        return
    if part.scalar("ENERG_LO") is not None and part.scalar("ENERG_HI") is not None:
        yield EnergyBins(part)
    if product.kind == "garf" and part.scalar("SPECRESP") is not None:
        test = "SPECRESP is negative or not finite"
        yield BadRows(
            part, "RSP-2", ERROR, ("SPECRESP",), lambda r: ~(_finite(r["SPECRESP"]) & (r["SPECRESP"] >= 0)), test
        )
    if product.kind != "rmf":
        return
    matrix = part.columns.get("MATRIX")
    if matrix is not None and _has_numbers(part, "MATRIX") and part.text("HDUCLAS3").upper() == "REDIST":
        text = f"MATRIX adds to more than {MOST_IN_A_ROW}"
        yield BadRows(part, "RSP-3", ERROR, ("MATRIX",), _too_much, text)
    if all(_has_numbers(part, name) for name in ("F_CHAN", "N_CHAN")):
        yield from _channels(product, part)


def _has_numbers(part: Part, name: str) -> bool:
    column = part.columns.get(name)
    return (
        column is not None and (column.form.element if column.form.is_variable else column.form.letter) in NUMBER_FORMS
    )


def _finite(values: Array) -> Array:
    return np.asarray(np.isfinite(values))


def _channels(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the test of F_CHAN + N_CHAN, where the number and the first of the channels are known."""
    channels = part.keys.get("DETCHANS")
    column = part.columns["F_CHAN"]
    first = column.keys.get("TLMIN", (None,))[0]
    if first is None and product.named("EBOUNDS"):
        bounds = product.named("EBOUNDS")[0].columns.get("CHANNEL")
        first = bounds.keys.get("TLMIN", (None,))[0] if bounds is not None else None
    # OGIP 92-002: the first channel is 1 unless TLMIN of F_CHAN says otherwise.
    start = first if isinstance(first, int) and not isinstance(first, bool) else 1
    if isinstance(channels, int) and not isinstance(channels, bool):
        test = _Channels(start, start + channels)
        text = f"F_CHAN, N_CHAN outside the channels {start}:{start + channels - 1}"
        yield BadRows(part, "RSP-4", ERROR, ("F_CHAN", "N_CHAN"), test, text)


@dataclass(frozen=True)
class _Channels:
    """Rows with a group of channels outside [first, end)."""

    first: int
    end: int

    def __call__(self, rows: Columns) -> Array:
        bad = np.zeros(len(rows["F_CHAN"]), bool)
        for i, (first, count) in enumerate(zip(rows["F_CHAN"], rows["N_CHAN"], strict=True)):
            starts, counts = np.atleast_1d(first).astype(np.int64), np.atleast_1d(count).astype(np.int64)
            n = min(len(starts), len(counts))
            used = counts[:n] > 0
            starts, ends = starts[:n][used], (starts[:n] + counts[:n])[used]
            bad[i] = bool((starts < self.first).any() or (ends > self.end).any())
        return bad


def _too_much(rows: Columns) -> Array:
    totals = [float(np.sum(np.asarray(row, np.float64))) for row in rows["MATRIX"]]
    return ~(np.asarray(totals) <= MOST_IN_A_ROW)


@dataclass
class EnergyBins:
    """RSP-1: every bin has ENERG_LO < ENERG_HI, and neighbours share an edge, whichever way the energies run."""

    part: Part
    columns: tuple[str, ...] = ("ENERG_LO", "ENERG_HI")
    inverted: int = 0
    gaps: int = 0
    seen: int = 0
    first: str = ""
    first_gap: str = ""
    last: tuple[float, float] | None = None

    def see(self, rows: Columns) -> None:
        """Look at the next bins."""
        low, high = (rows[name].astype(np.float64) for name in self.columns)
        bad = ~(low < high)
        if bad.any() and not self.inverted:
            k = int(np.argmax(bad))
            self.first = f"row {self.seen + k + 1}: {low[k]:.8g} to {high[k]:.8g}"
        self.inverted += int(bad.sum())
        if self.last is not None:
            low, high = (np.concatenate([[edge], values]) for edge, values in zip(self.last, (low, high), strict=True))
        apart = ~(_near(high[:-1], low[1:]) | _near(low[:-1], high[1:]))
        if apart.any() and not self.gaps:
            k = int(np.argmax(apart)) + self.seen + 1 - (self.last is not None)
            self.first_gap = f"between rows {k} and {k + 1}"
        self.gaps += int(apart.sum())
        self.seen += len(rows["ENERG_LO"])
        self.last = (float(low[-1]), float(high[-1])) if len(low) else self.last

    def findings(self) -> Iterator[Finding]:
        """Report inverted bins, and gaps where no bin is inverted."""
        if self.inverted:
            message = f"{share(self.inverted, self.seen)}: ENERG_LO is not below ENERG_HI ({self.first})"
            yield self.part.find("RSP-1", ERROR, message)
        elif self.gaps:
            message = f"{self.gaps} gaps or overlaps of the energy bins (first: {self.first_gap})"
            yield self.part.find("RSP-1", WARNING, message)


def _near(a: Array, b: Array) -> Array:
    return np.asarray(np.abs(a - b) <= EDGE_ACCURACY * np.maximum(np.abs(a), np.abs(b)))


def spectrum_rules(product: Product, part: Part) -> Iterator[Finding]:
    """Check PHA-1 and the scalings of PHA-3 of a spectrum."""
    if not _is_spectrum(product, part):
        return
    channels = _channel_count(product, part)
    found = part.keys.get("DETCHANS")
    if found is None:
        yield part.find("PHA-1", WARNING, "no DETCHANS")
    elif channels is not None and found != channels:
        yield part.find("PHA-1", ERROR, f"DETCHANS is {found}, the table has {channels} channels")
    for name in ("BACKSCAL", "AREASCAL"):
        value = part.real(name)
        if value is not None and not value > 0:
            yield part.find("PHA-3", ERROR, f"{name} is {value:g}, not above 0")


def _is_spectrum(product: Product, part: Part) -> bool:
    return product.base in ("pha1", "pha2") and part.layout is not None and part.layout.name == "SPECTRUM"


def _channel_count(product: Product, part: Part) -> int | None:
    """Return the number of channels: the rows of type I, the length of the arrays of type II."""
    if product.base == "pha1":
        return part.info.nrows
    counts = part.columns.get("COUNTS") or part.columns.get("CHANNEL") or part.columns.get("RATE")
    if counts is None or counts.form.is_variable:
        return None
    return counts.form.repeat


def spectrum_row_rules(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the tests of PHA-2 and PHA-3 on the rows of a spectrum."""
    if not _is_spectrum(product, part):
        return
    if _alike(part, "BIN_LO", "BIN_HI"):
        yield BadRows(part, "PHA-2", ERROR, ("BIN_LO", "BIN_HI"), _bad_bins, "BIN_LO is not below BIN_HI")
    if part.keys.get("POISSERR") is True and _alike(part, "COUNTS", "STAT_ERR"):
        text = "POISSERR is T, STAT_ERR is not the root of the counts"
        yield BadRows(part, "PHA-3", ERROR, ("COUNTS", "STAT_ERR"), _not_poisson, text)


def _alike(part: Part, *names: str) -> bool:
    """True where the columns are there, of numbers, and of one fixed count."""
    columns = [part.columns.get(name) for name in names]
    forms = [c.form for c in columns if c is not None and c.form.letter in NUMBER_FORMS and c.form.repeat]
    return len(forms) == len(names) and len({form.repeat for form in forms}) == 1


def _bad_bins(rows: Columns) -> Array:
    return np.asarray((~(flat(rows["BIN_LO"]) < flat(rows["BIN_HI"]))).any(axis=1))


def _not_poisson(rows: Columns) -> Array:
    counts, error = (flat(rows[name]).astype(np.float64) for name in ("COUNTS", "STAT_ERR"))
    root = np.sqrt(np.maximum(counts, 0))
    return np.asarray((np.abs(error - root) > 1e-3 * np.maximum(root, 1)).any(axis=1))
