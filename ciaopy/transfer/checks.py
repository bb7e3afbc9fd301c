"""Is a fetched file what it should be? Size, gzip to its end, FITS structure, sums of the data."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ciaopy.errors import CiaopyError

__all__ = ["check_file", "member_sizes", "wrong_sums"]

_BLOCK = 2880
_PIECE = 1 << 20
_KIB = 1024


def member_sizes(inventory: Path) -> dict[str, int]:
    """Return {file name without .gz: uncompressed size in KiB} of the members of an oif.fits.

    The size is rounded, or rounded up (all 59 members of ObsIDs 1230, 22772 and 22793 are within 1).
    """
    from ciaopy.fits import Table, open_fits

    with open_fits(inventory) as file:
        for info in file.hdus:
            if info.kind != "table":
                continue
            block = file.read(info)
            if isinstance(block, Table) and "MEMBER_LOCATION" in block and "MEMBER_SIZE" in block:
                places = [
                    v.decode("ascii", "replace") if isinstance(v, bytes) else str(v) for v in block["MEMBER_LOCATION"]
                ]
                return {Path(p.strip()).name: int(s) for p, s in zip(places, block["MEMBER_SIZE"], strict=True)}
    return {}


def check_file(path: Path, name: str, kib: int | None, notes: list[str]) -> str:
    """Return what is wrong with a file; empty where nothing is.

    Parameters
    ----------
    path : Path
        Where it lies for now.
    name : str
        What it is called: tells gzip and FITS.
    kib : int or None
        Uncompressed size according to the inventory.
    notes : list of str
        Gets what is odd and does no harm.
    """
    try:
        if name.endswith(".gz"):
            size, head = _inflate(path)
        else:
            size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(80)
    except (OSError, zlib.error, ValueError) as error:
        return str(error)
    plain = name.removesuffix(".gz")
    if not size:
        return "it is empty"
    if plain.endswith(".fits"):
        if not head.startswith(b"SIMPLE  ="):
            return "it is no FITS file (an error page?)"
        if size % _BLOCK:
            return f"{size} bytes are no whole number of FITS blocks"
    if kib is not None and abs(size / _KIB - kib) > 1.0:
        return f"{size} bytes uncompressed, the inventory says {kib} KiB"
    if plain.endswith(".fits"):
        return _sums(path, name, notes)
    return ""


def _inflate(path: Path) -> tuple[int, bytes]:
    """Read a gzipped file to its end; return the size of its content and the content's first bytes.

    Raises
    ------
    ValueError, zlib.error
        It is cut, damaged, or something follows it.
    """
    size, head = 0, b""
    machine = zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            while piece:
                if machine.eof:
                    if not piece.strip(b"\0"):
                        break
                    machine = zlib.decompressobj(wbits=31)
                out = machine.decompress(piece)
                head = head or out[:80]
                size += len(out)
                piece = machine.unused_data
    if not machine.eof:
        raise ValueError("the gzip file ends too early")
    return size, head


def _sums(path: Path, name: str, notes: list[str]) -> str:
    """Return which HDU has not the DATASUM that it states; a blank or missing one states nothing.

    oif.fits is not judged: its sums are wrong in the archive (ObsIDs 22772, 22793).
    """
    try:
        wrong = wrong_sums(path, name.endswith(".gz"))
    except CiaopyError as error:
        return str(error)
    if wrong and name.startswith("oif."):
        notes.append(f"{name}: DATASUM of HDU {', '.join(map(str, wrong))} is not that of the data")
        return ""
    return f"DATASUM of HDU {', '.join(map(str, wrong))} is not that of the data" if wrong else ""


def wrong_sums(path: Path, packed: bool) -> list[int]:
    """Return the 0-based numbers of the HDUs whose DATASUM is not that of their data; blank ones state nothing.

    Raises
    ------
    DataError
        It is no whole FITS file.
    """
    from ciaopy.fits import block_sum, fold, open_fits

    with open_fits(path) as file:
        spans = [(h.index, str(h.header.get("DATASUM", "")).strip(), h.data_start, h.end) for h in file.hdus]
    wrong = []
    with gzip.open(path) if packed else path.open("rb") as stream:
        for index, stated, start, end in spans:
            if not stated.isdecimal():
                continue
            stream.seek(start)
            total, left = 0, end - start
            while left and (piece := stream.read(min(left, _PIECE))):
                total, left = fold(total + block_sum(piece)), left - len(piece)
            if left or total != int(stated):
                wrong.append(index)
    return wrong
