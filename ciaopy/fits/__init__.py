"""FITS on disk: the only door.

Names are looked up when first used: what reads headers alone loads no numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ciaopy.faces import lazy_face
from ciaopy.fits.outlets import connect_outlets

if TYPE_CHECKING:
    from os import PathLike

    from ciaopy.fits.atomic import AtomicFile, check_output, write_error
    from ciaopy.fits.blocks import Array, Block, Column, Dataset, Image, Table, Vector
    from ciaopy.fits.cards import Card, parse_card
    from ciaopy.fits.checksum import block_sum, fold
    from ciaopy.fits.convert import from_astropy, image_to_astropy, image_to_wcs, table_to_astropy
    from ciaopy.fits.edit import append_blocks, edit_header
    from ciaopy.fits.files import being_read, find_file
    from ciaopy.fits.hdus import ColumnInfo, HduInfo
    from ciaopy.fits.header import card_value, column_keyword, is_structural, new_header
    from ciaopy.fits.history import HistoryEntry, add_history, parse_history, record_places
    from ciaopy.fits.keywords import Header, as_header
    from ciaopy.fits.reader import FitsFile, open_fits, read_dataset, read_header
    from ciaopy.fits.rows import decode, row_dtype
    from ciaopy.fits.writer import TableWriter, write_dataset

__all__ = [
    "Array",
    "AtomicFile",
    "Block",
    "Card",
    "Column",
    "ColumnInfo",
    "Dataset",
    "FitsFile",
    "HduInfo",
    "Header",
    "HistoryEntry",
    "Image",
    "Table",
    "TableWriter",
    "Vector",
    "add_history",
    "append_blocks",
    "as_header",
    "being_read",
    "block_sum",
    "card_value",
    "check_output",
    "column_keyword",
    "decode",
    "edit_header",
    "find_file",
    "fold",
    "from_astropy",
    "image_to_astropy",
    "image_to_wcs",
    "is_structural",
    "new_header",
    "open_fits",
    "parse_card",
    "parse_history",
    "read_dataset",
    "read_header",
    "record_places",
    "row_dtype",
    "table_to_astropy",
    "write_dataset",
    "write_error",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "atomic": "AtomicFile check_output write_error",
            "blocks": "Array Block Column Dataset Image Table Vector",
            "cards": "Card parse_card",
            "checksum": "block_sum fold",
            "convert": "from_astropy image_to_astropy image_to_wcs table_to_astropy",
            "edit": "append_blocks edit_header",
            "files": "being_read find_file",
            "hdus": "ColumnInfo HduInfo",
            "header": "card_value column_keyword is_structural new_header",
            "history": "HistoryEntry add_history parse_history record_places",
            "keywords": "Header as_header",
            "reader": "FitsFile open_fits read_dataset read_header",
            "rows": "decode row_dtype",
            "writer": "TableWriter write_dataset",
        },
    )


# ---- what blocks call


def _write(path: str | PathLike[str], block: Block, clobber: bool) -> None:
    from ciaopy.fits.writer import write_dataset

    write_dataset(path, block, clobber)


def _to_astropy(block: Block) -> Any:
    from ciaopy.fits.blocks import Table
    from ciaopy.fits.convert import image_to_astropy, table_to_astropy

    return table_to_astropy(block) if isinstance(block, Table) else image_to_astropy(block)


def _wcs(image: Image) -> Any:
    from ciaopy.fits.convert import image_to_wcs

    return image_to_wcs(image)


connect_outlets(_write, _to_astropy, _wcs)
