"""Change a file in place without touching its data: another header for one HDU, or blocks added at the end.

The bytes of everything else are copied as they are to a temporary file, which then takes the old name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import DataError, UserError
from ciaopy.fits.atomic import AtomicFile
from ciaopy.fits.blocks import Block
from ciaopy.fits.checksum import block_sum, checksum_text, fold
from ciaopy.fits.files import open_source
from ciaopy.fits.hdus import HduInfo, HduList, truncated
from ciaopy.fits.header import card_keyword, encode_cards, header_cards, is_structural, make_card
from ciaopy.fits.source import Source
from ciaopy.fits.writer import open_output, write_blocks
from ciaopy.streams import is_stream

if TYPE_CHECKING:
    from ciaopy.fits.keywords import Header

__all__ = ["append_blocks", "edit_header"]

STEP = 4 << 20


def edit_header(
    path: str | os.PathLike[str], hdu: int | str | tuple[str, int], change: Callable[[Header], None], sync: bool = True
) -> None:
    """Change the header of one HDU in place; CHECKSUM and DATASUM are renewed, data and other HDUs keep their bytes.

    Parameters
    ----------
    path : path-like
        The file (`.gz` fallback as for reading; a gzipped file stays gzipped).
    hdu : int, str or (str, int)
        0-based index, block name, or (EXTNAME, EXTVER).
    change : callable
        Gets the whole header, structural keywords included, and changes it.
    sync : bool
        Wait until the bytes are on the disk.

    Raises
    ------
    DataError
        No such file or HDU, or it is damaged.
    UserError
        A structural keyword (NAXIS2, TFORM1, ...) was changed, or the file cannot be written.
    """
    if is_stream(path):
        raise UserError(f"{os.fspath(path)}: is changed in place; a stream cannot be, copy it to a file first")
    source = open_source(path)
    try:
        info = HduList(source).find(hdu)
        header = info.header.copy()
        change(header)
        cards = [c for c in header_cards(header) if card_keyword(c) not in ("CHECKSUM", "DATASUM")]
        _check_structure(source.path, info, cards)
        with open_output(source.path, True, sync) as file:
            _copy(source, 0, info.start, file)
            _write_header(source, info, cards, file)
            _copy(source, info.data_start, None, file)
            source.verify()
    finally:
        source.close()


def _structure(cards: Iterable[str]) -> dict[str, str]:
    """Return the structural cards (bytes 10 to 30: the value) and every TFORM."""
    found = {}
    for card in cards:
        keyword = card_keyword(card)
        if (is_structural(keyword) and keyword not in ("BSCALE", "BZERO", "CHECKSUM", "DATASUM")) or (
            keyword.startswith("TFORM") and keyword[5:].isdecimal()
        ):
            found[keyword] = card[10:].partition("/")[0].strip()
    return found


def _check_structure(path: Path, info: HduInfo, cards: list[str]) -> None:
    before, after = _structure(info.cards), _structure(cards)
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    if changed:
        raise UserError(
            f"{path}: {info.describe()}: {', '.join(changed)} describe how the data are stored and cannot be changed"
        )


def _write_header(source: Source, info: HduInfo, cards: list[str], file: AtomicFile) -> None:
    data = 0
    for offset in range(info.data_start, info.end, STEP):
        piece = bytearray(min(STEP, info.end - offset))
        got = source.read_into(offset, memoryview(piece))
        if offset + got < info.data_start + info.data_bytes and got < len(piece):
            raise DataError(truncated(source, info, info.data_start + info.data_bytes))
        data = fold(data + block_sum(piece))
    tail = make_card("DATASUM", str(data), "data unit checksum")
    blank = encode_cards([*cards, make_card("CHECKSUM", "0" * 16, "HDU checksum"), tail])
    check = checksum_text(fold(block_sum(blank) + data))
    file.write(encode_cards([*cards, make_card("CHECKSUM", check, "HDU checksum"), tail]))


def _copy(source: Source, start: int, stop: int | None, file: AtomicFile) -> None:
    """Copy bytes [start, stop), or to the end."""
    buffer = bytearray(STEP)
    while stop is None or start < stop:
        view = memoryview(buffer)[: STEP if stop is None else min(STEP, stop - start)]
        got = source.read_into(start, view)
        if not got:
            return
        file.write(view[:got])
        start += got


def append_blocks(path: str | os.PathLike[str], blocks: Iterable[Block], sync: bool = True) -> None:
    """Add blocks at the end of a FITS file, in place; the HDUs that are there keep their bytes.

    Raises
    ------
    DataError
        The file is missing or damaged, or a block holds what FITS cannot.
    UserError
        The file cannot be written.
    """
    if is_stream(path):
        raise UserError(f"{os.fspath(path)}: is changed in place; a stream cannot be, copy it to a file first")
    source = open_source(path)
    try:
        end = HduList(source).all()[-1].end
        with open_output(source.path, True, sync) as file:
            _copy(source, 0, end, file)
            source.verify()
            file.write(bytes(-file.position % 2880))
            write_blocks(file, blocks)
    finally:
        source.close()
