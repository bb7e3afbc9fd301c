"""Find calibration files: `Caldb` asks the indexes of `$CALDB`, `resolve` understands parameter values.

::

    caldb = Caldb.open()                                  # None where $CALDB is not set
    caldb.find("QE", header, ccd_id=7).path
    resolve("DET_GAIN", "CALDB(CCD_ID=3)", header)        # CalFile, LiteFile or None
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ciaopy.caldb.config import ConfigEntry, config_path, read_config
from ciaopy.caldb.index import CalIndex, CalRow, read_index
from ciaopy.caldb.select import Request, Selection, make_request, select_rows
from ciaopy.caldb.value import parse_value
from ciaopy.errors import CalibrationError

__all__ = ["CalFile", "Caldb", "LiteFile", "resolve"]

_MOST_LISTED = 6


@dataclass(frozen=True)
class CalFile:
    """A calibration file that was found or named.

    Attributes
    ----------
    product : str
        CALDB name.
    path : Path
        The file. A query does not look whether it is there: see `exists`.
    hdu : int, str or None
        0-based HDU number (CAL_XNO) or block name; None where several HDUs of the file serve.
    rows : tuple of CalRow
        The rows of the index behind it; empty for a file that was named.
    """

    product: str
    path: Path
    hdu: int | str | None = None
    rows: tuple[CalRow, ...] = ()

    def __str__(self) -> str:
        return str(self.path) if self.hdu is None else f"{self.path}[{self.hdu}]"

    @property
    def exists(self) -> bool:
        """True if the file, or the same with `.gz`, is there."""
        return self.path.is_file() or self.path.with_name(self.path.name + ".gz").is_file()


@dataclass(frozen=True)
class LiteFile:
    """A product of the embedded calibration.

    Attributes
    ----------
    product : str
        CALDB name.
    warning : str
        What to tell the user; empty if the embedded calibration was asked for.
    """

    product: str
    warning: str = ""


@dataclass(frozen=True)
class Caldb:
    """A calibration database on disk.

    Attributes
    ----------
    root : Path
        `$CALDB`.
    config : Path
        The configuration file.
    entries : tuple of ConfigEntry
        Its lines.
    """

    root: Path
    config: Path
    entries: tuple[ConfigEntry, ...]

    @classmethod
    def open(cls, environ: Mapping[str, str] | None = None) -> Caldb | None:
        """Return the database that `$CALDB` (and `$CALDBCONFIG`) name, None where CALDB is not set.

        Indexes are read when a query needs them.

        Parameters
        ----------
        environ : mapping, optional
            Default: the process's environment.

        Raises
        ------
        CalibrationError
            The folder or its configuration file is missing or unreadable.
        """
        variables = os.environ if environ is None else environ
        text = variables.get("CALDB", "").strip()
        if not text:
            return None
        root = Path(text)
        if not root.is_dir():
            raise CalibrationError(
                f"{root}: no such folder (environment variable CALDB); set CALDB to the folder that holds data/ and "
                "software/, or unset it to use the embedded calibration"
            )
        config = config_path(root, variables)
        return cls(root, config, read_config(config, root, variables))

    def indexes(self, telescope: str = "CHANDRA", instrument: str = "") -> list[tuple[ConfigEntry, CalIndex]]:
        """Return the indexes for an instrument (default: all), its own and DEFAULT, as far as they are there.

        A partial database may have none for the instrument.

        Raises
        ------
        CalibrationError
            The database has no index at all, or one is damaged.
        """
        wanted = [
            e
            for e in self.entries
            if e.telescope == telescope and e.is_used and (not instrument or e.instrument in (instrument, "DEFAULT"))
        ]
        there = list(dict.fromkeys(e for e in wanted if e.index.is_file()))
        if not there and not any(e.index.is_file() for e in self.entries):
            listed = ", ".join(dict.fromkeys(str(e.index) for e in self.entries if e.is_used))
            raise CalibrationError(f"{self.root}: no calibration index ({listed}); install the CALDB again")
        return [(e, read_index(e.index)) for e in there]

    def products(self, header: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of all products in the indexes for an observation, sorted."""
        telescope, instrument = _mission(header)
        return tuple(sorted({p for _, index in self.indexes(telescope, instrument) for p in index.products}))

    def search(self, product: str, header: Mapping[str, Any], **constraints: Any) -> list[CalFile]:
        """Return every HDU that serves, one `CalFile` each, in the order of the index.

        There are several where the product has one per chip or shell and the constraints do not say which, or where
        files fit equally well. Parameters and errors are those of `find`; nothing found is an empty list.
        """
        chosen, _, roots = self._select(product, header, constraints)
        found: dict[tuple[Path, int], CalFile] = {}
        for row in chosen.rows:
            path = _path(row, roots[row.index])
            known = found.get((path, row.hdu))
            rows = (*known.rows, row) if known is not None else (row,)
            found[path, row.hdu] = CalFile(row.product, path, row.hdu, rows)
        return list(found.values())

    def allneeded(self, product: str, header: Mapping[str, Any], **constraints: Any) -> tuple[str, ...]:
        """Return the names of the conditions that the observation does not settle and that would narrow the choice."""
        return self._select(product, header, constraints)[0].needed

    def find(self, product: str, header: Mapping[str, Any], **constraints: Any) -> CalFile:
        """Return the file that serves an observation.

        Parameters
        ----------
        product : str
            CALDB name (CAL_CNAM), in any case.
        header : mapping
            Header of the observation: DATE-OBS (or TSTART), INSTRUME, DETNAM, and what boundary conditions ask for
            (GRATING, DATAMODE, FP_TEMP, CTI_APP, SIM_Z ...).
        **constraints
            Values that the header lacks, or that replace its own: ``ccd_id=3``; a list or a text with commas offers
            several; `detector` is DETNAM; `date` and `time` (mission seconds) replace the start of the observation.

        Returns
        -------
        CalFile
            Its `hdu` is None where several HDUs of one file serve.

        Raises
        ------
        CalibrationError
            Nothing serves (the message says why), several files serve equally well (it lists them), or the index is
            damaged.
        """
        found = self.try_find(product, header, **constraints)
        if found is None:
            raise CalibrationError(f"{self.why_not(product, header, **constraints)}; {_advice(product)}")
        return found

    def try_find(self, product: str, header: Mapping[str, Any], **constraints: Any) -> CalFile | None:
        """Return what `find` does, None where nothing serves; several files are still an error.

        Raises
        ------
        CalibrationError
            Several files serve.
        """
        chosen, request, roots = self._select(product, header, constraints)
        if not chosen.rows:
            return None
        places = dict.fromkeys((_path(row, roots[row.index]), row.hdu) for row in chosen.rows)
        files = list(dict.fromkeys(path for path, _ in places))
        if len(files) > 1:
            raise CalibrationError(_ambiguous(request, list(places), chosen.needed))
        hdus = [hdu for _, hdu in places]
        return CalFile(request.product, files[0], hdus[0] if len(hdus) == 1 else None, tuple(chosen.rows))

    def why_not(self, product: str, header: Mapping[str, Any], **constraints: Any) -> str:
        """Return one sentence on why nothing serves."""
        chosen, request, roots = self._select(product, header, constraints)
        where = f"{self.root}: no {request.product} for {request.describe()}"
        if not roots:
            return f"{where}: there is no index for that"
        if not chosen.reasons:
            return f"{where}: the index has no such product"
        return f"{where}: " + "; ".join(f"{n} rows {text}" for text, n in chosen.reasons.items())

    def _select(
        self, product: str, header: Mapping[str, Any], constraints: Mapping[str, Any]
    ) -> tuple[Selection, Request, dict[str, Path]]:
        request = make_request(product, header, constraints)
        found = self.indexes(request.one("TELESCOP"), request.one("INSTRUME"))
        roots = {str(index.path): entry.root for entry, index in found}
        return select_rows([index for _, index in found], request), request, roots


def _mission(header: Mapping[str, Any]) -> tuple[str, str]:
    return str(header.get("TELESCOP") or "CHANDRA").strip().upper(), str(header.get("INSTRUME") or "").strip().upper()


def _path(row: CalRow, root: Path) -> Path:
    return root / row.folder.strip("/ ") / row.file


def _ambiguous(request: Request, places: list[tuple[Path, int]], needed: tuple[str, ...]) -> str:
    """Return the message on several files that fit."""
    listed = "; ".join(f"{path}[{hdu}]" for path, hdu in places[:_MOST_LISTED])
    more = f" and {len(places) - _MOST_LISTED} more" if len(places) > _MOST_LISTED else ""
    fit = "fit" if needed else "fit equally well"
    advice = f"say which {', '.join(needed)}, or name a file" if needed else "name one of the files"
    return f"{request.product} for {request.describe()}: several calibration files {fit}: {listed}{more}; {advice}"


def _advice(product: str) -> str:
    return (
        f"get it with `ciaopy caldb fetch`, set CALDB to a complete Chandra CALDB, or name a file for {product.upper()}"
    )


def resolve(product: str, value: str, header: Mapping[str, Any], **constraints: Any) -> CalFile | LiteFile | None:
    """Return what a parameter value means for an observation.

    A path comes before `$CALDB`, and `$CALDB` before the embedded calibration, which stands in where the value is
    `CALDB` and there is no database, or nothing in it serves; its `warning` then says so.

    Parameters
    ----------
    product : str
        CALDB name.
    value : str
        `CALDB`, `CALDB(NAME=value,...)`, `NONE` (or empty), `lite`, a path, or `path[block]`; a number in the brackets
        is that of the HDU, 0 for the primary, as `ciaopy caldb find` prints it.
    header : mapping
        Header of the observation.
    **constraints
        As of `Caldb.find`; those in the value win.

    Returns
    -------
    CalFile, LiteFile or None
        None for `NONE`.

    Raises
    ------
    CalibrationError
        No such file; nothing anywhere; several files fit equally well; a damaged index; a malformed value.
    """
    from ciaopy.caldb import lite

    parsed = parse_value(value)
    name = product.strip().upper()
    if parsed.kind == "none":
        return None
    if parsed.kind == "lite":
        if not lite.has(name):
            lite.product(name, header, **constraints)
        return LiteFile(name)
    if parsed.kind == "file":
        return _named(name, parsed.path, parsed.block)
    asked = {**{k.lower(): v for k, v in constraints.items()}, **{k.lower(): v for k, v in parsed.constraints.items()}}
    caldb = Caldb.open()
    if caldb is None:
        return _embedded(name, "CALDB is not set", asked)
    found = caldb.try_find(name, header, **asked)
    if found is None:
        return _embedded(name, caldb.why_not(name, header, **asked), asked)
    if not found.exists:
        raise CalibrationError(
            f"{found.path}: in the index of the CALDB, but not there; get it with `ciaopy caldb fetch`, or name a file "
            f"for {name}"
        )
    return found


def _named(product: str, path: str, block: str | int | None) -> CalFile:
    found = CalFile(product, Path(path), block)
    if not found.exists:
        raise CalibrationError(f"{path}: no such calibration file ({product})")
    return found


def _embedded(product: str, reason: str, constraints: Mapping[str, Any]) -> LiteFile:
    """Return the embedded product, or the error that says what is missing."""
    from ciaopy.caldb import lite

    if lite.has(product):
        return LiteFile(product, f"{product}: {reason}; the embedded calibration ({lite.CALDBVER}) is used")
    detail = ", ".join(f"{k.upper()}={v}" for k, v in constraints.items())
    asked = f"{product} ({detail})" if detail else product
    raise CalibrationError(
        f"{asked}: no calibration file: {reason}, and the embedded calibration ({lite.CALDBVER}) has none; "
        f"{_advice(product)}"
    )
