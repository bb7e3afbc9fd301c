"""The check of one file, of a folder, of many: every rule in turn, most severe finding first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ciaopy.conformance.columns import column_rules
from ciaopy.conformance.files import checksum_rules, companion_rules, date_rules, hdu_rules
from ciaopy.conformance.findings import ERROR, LEVELS, Finding, Report
from ciaopy.conformance.keywords import agreement_rules, keyword_rules
from ciaopy.conformance.kinds import identify, kind_rules
from ciaopy.conformance.layouts import kind_names
from ciaopy.conformance.levels import level_row_rules, level_rules, range_row_rules
from ciaopy.conformance.product import Part, Product
from ciaopy.conformance.regions import aspect_row_rules, region_row_rules
from ciaopy.conformance.registry import RULES
from ciaopy.conformance.responses import (
    response_row_rules,
    response_rules,
    spectrum_row_rules,
    spectrum_rules,
)
from ciaopy.conformance.rows import RowRule, run_row_rules
from ciaopy.conformance.subspace import gti_reference_rules, subspace_row_rules, subspace_rules
from ciaopy.conformance.times import exposure_rules, gti_rules, header_time_rules, time_row_rules
from ciaopy.conformance.wcs import image_wcs_rules, table_wcs_rules, vector_rules
from ciaopy.errors import DataError, UsageError
from ciaopy.fits import FitsFile

__all__ = ["check", "check_folder", "find_products"]

#: What a folder is searched for.
PATTERNS = (".fits", ".fits.gz", ".img", ".expmap", ".instmap", ".asphist", ".fov", ".pha", ".arf", ".rmf")


def check(path: str | os.PathLike[str], kind: str | None = None) -> Report:
    """Check one file against what its kind should be. Nothing is written.

    Parameters
    ----------
    path : path-like
        A FITS file; `.gz` as well.
    kind : str, optional
        Take the file for this kind (`evt2_acis`); default: found from the contents.

    Returns
    -------
    Report
        A file that is there and cannot be read gives FIT-1.

    Raises
    ------
    DataError
        No such file.
    UsageError
        Unknown kind.
    """
    return _check(Path(path), kind, None, set())


def check_folder(folder: str | os.PathLike[str], kind: str | None = None) -> Iterator[Report]:
    """Check every FITS file below a folder, in name order; the companions that headers name are looked for there.

    Raises
    ------
    DataError
        No such folder, or no FITS file in it.
    """
    place = Path(folder)
    paths = find_products(place)
    if not paths:
        raise DataError(f"{place}: no FITS files in this folder ({', '.join('*' + p for p in PATTERNS)})")
    names = {path.name.removesuffix(".gz") for path in place.rglob("*")}
    for path in paths:
        yield _check(path, kind, place, names)


def find_products(folder: Path) -> list[Path]:
    """Return the files below a folder that a check looks at, in name order."""
    return sorted(p for p in folder.rglob("*") if p.name.endswith(PATTERNS) and p.is_file())


def _check(path: Path, kind: str | None, folder: Path | None, names: set[str]) -> Report:
    if kind is not None and kind not in kind_names():
        raise UsageError(f"no kind {kind}; the kinds are {', '.join(kind_names())}")
    if not path.exists() and not path.with_name(path.name + ".gz").exists():
        raise DataError(f"{path}: no such file")
    try:
        file = FitsFile(path, 1)
    except DataError as problem:
        return Report(str(path), kind, (_unreadable(path, problem),))
    with file:
        parts: list[Part] = []
        damage: DataError | None = None
        try:
            for info in file.scan():
                parts.append(Part(info))
        except DataError as problem:
            damage = problem
        product = Product(file, parts)
        product.set_kind(kind or (identify(parts) if parts else None))
        found = _findings(product, folder, names) if damage is None else [_unreadable(path, damage)]
    return Report(str(path), product.kind, tuple(sorted(found, key=_rank)))


def _unreadable(path: Path, problem: DataError) -> Finding:
    """Return FIT-1 for an error of the reader, without the path, which the report says already."""
    return Finding("FIT-1", ERROR, "", str(problem).removeprefix(f"{path}: ").removeprefix(f"{path}.gz: "))


def _rank(finding: Finding) -> tuple[int, int]:
    return LEVELS.index(finding.severity), list(RULES).index(finding.rule)


def _findings(product: Product, folder: Path | None, names: set[str]) -> list[Finding]:
    """Run every rule; where the data cannot be read, that alone is reported."""
    found: list[Finding] = []
    try:
        for part in product.parts:
            found += checksum_rules(product.file, part)
        found += kind_rules(product)
        found += hdu_rules(product)
        found += agreement_rules(product)
        for part in product.parts:
            found += _header_findings(product, part)
        if product.kind is not None:
            found += gti_reference_rules(product)
            for gti in product.gtis:
                found += gti_rules(gti)
            for part in product.tables:
                found += run_row_rules(product.file, part, _row_rules(product, part))
    except DataError as problem:
        return [_unreadable(product.file.path, problem)]
    if folder is not None:
        found += companion_rules(product, folder, names)
    return found


def _header_findings(product: Product, part: Part) -> Iterable[Finding]:
    """Run the rules that need no rows on one HDU."""
    yield from date_rules(product, part)
    if product.kind is None:
        return
    yield from keyword_rules(part)
    yield from column_rules(part)
    yield from table_wcs_rules(product, part)
    yield from image_wcs_rules(product, part)
    yield from vector_rules(product, part)
    yield from subspace_rules(product, part)
    yield from header_time_rules(part)
    yield from exposure_rules(product, part)
    yield from level_rules(product, part)
    yield from response_rules(product, part)
    yield from spectrum_rules(product, part)


def _row_rules(product: Product, part: Part) -> Iterator[RowRule]:
    """Return the rules that look at the rows of one table."""
    levels = list(level_row_rules(product, part))
    judged = {name for rule in levels for name in rule.columns} | {"TIME"}
    yield from levels
    yield from time_row_rules(product, part)
    yield from range_row_rules(product, part)
    yield from subspace_row_rules(product, part, judged)
    yield from region_row_rules(product, part)
    yield from aspect_row_rules(product, part)
    yield from response_row_rules(product, part)
    yield from spectrum_row_rules(product, part)
