"""What a file really holds, by astropy and cfitsio: whoever reads something else with status 0 reads garbage."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
from astropy.io import fits

#: What a plain reading of a block is compared in: the commands, with FILE and BLOCK to be put in.
QUESTIONS = ("dmcopy", "dmlist", "dmstat", "dmkeypar")


#: Columns with nulls, which are left out of sums and are numbers to the two readers.
NULLED = ("pi", "s")


def by_astropy(path: Path) -> list[Any]:
    """Return, for every HDU, None, an array, or the list of (name, column)."""
    with fits.open(path, memmap=False) as hdus:
        return [_hdu(h) for h in hdus]


def _hdu(hdu: Any) -> Any:
    if hdu.data is None:
        return None
    if isinstance(hdu, fits.BinTableHDU) and not isinstance(hdu, fits.CompImageHDU):
        return [(str(hdu.columns.names[i]), np.asarray(hdu.data.field(i))) for i in range(len(hdu.columns))]
    return np.asarray(hdu.data)


def by_cfitsio(path: Path) -> list[Any]:
    """The same, by cfitsio."""
    with fitsio.FITS(str(path)) as hdus:
        return [
            (h.read() if h.has_data() else None)
            if h.get_exttype() == "IMAGE_HDU"
            else [(name, rows[name]) for rows in [h.read()] for name in rows.dtype.names]
            for h in hdus
        ]


def readings(path: Path) -> list[list[Any]]:
    """What the two readers make of a file; nothing of one that refuses it."""
    found = []
    for reader in (by_astropy, by_cfitsio):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(reader(path))
            except Exception:  # noqa: BLE001  their refusal is their verdict
                continue
    return found


def same(one: Any, two: Any) -> bool:
    """Same numbers; texts, logicals, bits, complex and variable columns are spelt differently and left out."""
    if one is None or two is None:
        return (one is None or one.size == 0) and (two is None or two.size == 0)
    if {one.dtype.kind, two.dtype.kind} & set("SUbOcVB"):
        return True
    if one.size != two.size:
        return False
    with np.errstate(all="ignore"):
        return bool(np.array_equal(one.ravel().astype("f8"), two.ravel().astype("f8"), equal_nan=True))


def agree(one: list[Any], two: list[Any]) -> bool:
    """Same blocks, with the same columns that both name."""
    one, two = ([b for b in blocks if b is not None and not _is_empty(b)] for blocks in (one, two))
    if len(one) != len(two):
        return False
    for a, b in zip(one, two, strict=True):
        if isinstance(a, list) != isinstance(b, list):
            return False
        if not isinstance(a, list):
            if not same(a, b):
                return False
            continue
        names = {name.strip().lower(): values for name, values in b}
        for name, values in a:
            other = names.get(name.strip().lower())
            if other is not None and not same(values, other):
                return False
    return True


def _is_empty(block: Any) -> bool:
    return block.size == 0 if not isinstance(block, list) else False


def wrong_copy(source: Path, copy: Path) -> str:
    """Say what is wrong with the copy of a whole file, "" where a reader agrees, or none reads it."""
    ours = readings(copy)
    if not ours:
        return "a copy that nobody reads"
    theirs = readings(source)
    if not theirs:
        return "read alone"
    return "" if any(agree(a, b) for a in ours for b in theirs) else "another copy"


def wrong_statistics(source: Path, block: int, column: str, text: str) -> str:
    """Compare what dmstat printed of one numeric column, without nulls, with numpy."""
    found = re.search(r"sum:[ \t]+(\S+)", text)
    good = re.search(r"good:[ \t]+(\S+)", text)
    sums = []
    for blocks in readings(source):
        values = dict(blocks[block]).get(column) if block < len(blocks) and isinstance(blocks[block], list) else None
        if values is None or values.dtype.kind not in "iuf" or values.ndim != 1 or column in NULLED:
            return ""
        with np.errstate(all="ignore"):
            sums.append(float(np.nansum(values.astype("f8"))))
    if not sums:
        return "read alone"
    if not found or not good:
        blank = good and (good[1] == "0" or not all(map(np.isfinite, sums)))
        return "" if blank else "no sum"
    mine = float(found[1])
    return "" if any(np.isclose(mine, s, rtol=1e-5, atol=1e-9) or mine == s for s in sums) else f"sum {mine} not {sums}"


def wrong_keyword(source: Path, block: int, key: str, text: str) -> str:
    """Compare what dmkeypar printed of a keyword with astropy's value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(source, memmap=False) as hdus:
                value = hdus[block].header[key]
        except Exception:  # noqa: BLE001  its refusal is its verdict
            return ""
    said = text.strip()
    if isinstance(value, bool):
        return "" if said.lower() in {"true", "false", "yes", "no", "t", "f"} else f"{said!r} not {value!r}"
    if isinstance(value, (int, float)):
        try:
            return "" if np.isclose(float(said), value, rtol=1e-9, equal_nan=True) else f"{said!r} not {value!r}"
        except ValueError:
            return f"{said!r} not {value!r}"
    return "" if not isinstance(value, str) or said == value.strip() else f"{said!r} not {value!r}"
