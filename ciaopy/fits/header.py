"""FITS headers as text: cards, values, padding, and the split into structural, column and ordinary keywords.

`ciaopy.fits.Header` is the header type of the whole package: it keeps the 80-character cards as they were read. The few
keywords that say how the bytes of an HDU are laid out are parsed here. Source: FITS standard 4.0, section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ciaopy.fits.cards import format_card, parse_card
from ciaopy.fits.keywords import Header, as_header

__all__ = [
    "BLOCK_BYTES",
    "CARD_BYTES",
    "card_keyword",
    "card_value",
    "column_keyword",
    "encode_cards",
    "header_cards",
    "is_structural",
    "make_card",
    "make_header",
    "named_stem",
    "new_header",
    "numbered_keyword",
    "padded",
    "split_cards",
]

BLOCK_BYTES = 2880
CARD_BYTES = 80

_STRUCTURAL_WORDS = "SIMPLE XTENSION BITPIX NAXIS EXTEND PCOUNT GCOUNT TFIELDS THEAP CHECKSUM DATASUM BSCALE BZERO END"
STRUCTURAL = frozenset(_STRUCTURAL_WORDS.split())
# Keywords of the BINTABLE extension (standard 7.3), of its world coordinates (standard 8, CIAO's short names) and of
# the registered conventions for limits and sorting.
_COLUMN_WORDS = """
    TTYPE TFORM TUNIT TSCAL TZERO TNULL TDISP TDIM TBCOL TLMIN TLMAX TDMIN TDMAX TDBIN TALEN TRPOS
    TCTYP TCTY TCUNI TCUN TCRVL TCRV TCRPX TCRP TCDLT TCDE TCROT TCNAM TCNA LONP LATP EQUI RADE TWCS WCSN
"""
COLUMN_STEMS = frozenset(_COLUMN_WORDS.split())

# Elements of the matrix of a pixel list, TPCn_k (column n, column k), and parameters of its projection, TPVn_m.
MATRIX_STEMS = ("TPC", "TP", "TCD", "TC")
_SHORT_STEMS = {"TPC": "TP", "TCD": "TC", "TPV": "TV", "TPS": "TS"}
_INDEXED = re.compile(r"^(TPC|TP|TCD|TC|TPV|TV|TPS|TS)([1-9][0-9]{0,2})_([0-9]{1,3})$")
_NUMBERED = re.compile(r"^([A-Z]+?)([1-9][0-9]{0,2})$")
_NAXIS_N = re.compile(r"^NAXIS[1-9][0-9]{0,2}$")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def padded(nbytes: int) -> int:
    """Return `nbytes` rounded up to whole FITS blocks of 2880 bytes."""
    return -(-nbytes // BLOCK_BYTES) * BLOCK_BYTES


def card_keyword(card: str) -> str:
    """Return the keyword of a card image, without blanks, in upper case."""
    return card[:8].rstrip().upper()


def card_value(card: str) -> tuple[Any, str]:
    """Return (value, comment) of a card image of 80 characters, as `parse_card` reads it.

    What is no FITS value comes back as the text that stands there; an undefined one is None.
    """
    parsed = parse_card(card.ljust(CARD_BYTES)[:CARD_BYTES])
    return parsed.value, parsed.comment


def is_structural(keyword: str) -> bool:
    """Tell whether a keyword says how the bytes of the HDU are laid out (and is written anew on output)."""
    return keyword in STRUCTURAL or bool(_NAXIS_N.match(keyword))


def column_keyword(keyword: str) -> tuple[str, int] | None:
    """Split a per-column keyword into stem and column number (`TLMIN12` -> `TLMIN`, 12); None for any other.

    Keywords of two numbers keep the second in the stem (`TPV3_1` -> `TPV_1`, 3; `TPC3_4` -> `TPC_4`, 3).
    """
    match = _NUMBERED.match(keyword)
    if match and match[1] in COLUMN_STEMS:
        return match[1], int(match[2])
    indexed = _INDEXED.match(keyword)
    return (f"{indexed[1]}_{int(indexed[3])}", int(indexed[2])) if indexed else None


def named_stem(stem: str, names: Sequence[str]) -> str:
    """Return a stem whose second number is a column's with the column's name instead (`TPC_4` -> `TPC_@y`).

    Columns may then be dropped, renamed and put in another order. A stem of another kind comes back as it is.
    """
    head, _, number = stem.partition("_")
    if head not in MATRIX_STEMS or not number.isdecimal() or not 1 <= int(number) <= len(names):
        return stem
    return f"{head}_@{names[int(number) - 1].lower()}"


def numbered_keyword(stem: str, number: int, names: Sequence[str]) -> str | None:
    """Return the keyword of column `number` (from 1): the reverse of `column_keyword` and `named_stem`.

    None where the other column of a matrix element is not among `names` (lower case).
    """
    head, mark, other = stem.partition("_")
    if mark and other.startswith("@"):
        if other[1:] not in names:
            return None
        other = str(names.index(other[1:]) + 1)
    keyword = f"{head}{number}{mark}{other}"
    if len(keyword) > 8 and head in _SHORT_STEMS:
        keyword = f"{_SHORT_STEMS[head]}{number}_{other}"
    return keyword


def split_cards(text: str) -> list[str]:
    """Cut header text into its card images, up to but without END."""
    cards = [text[i : i + CARD_BYTES] for i in range(0, len(text), CARD_BYTES)]
    for i, card in enumerate(cards):
        if card_keyword(card) == "END" and card[8:10] != "= ":
            return cards[:i]
    return cards


def make_header(cards: Iterable[str], source: str = "") -> Header:
    """Return the `Header` of card images; characters outside printable ASCII become `?`. `source` is the file."""
    header = Header.from_cards(_UNPRINTABLE.sub("?", card) if not card.isascii() else card for card in cards)
    header.source = source
    return header


def new_header() -> Header:
    """Return an empty header."""
    return Header()


def make_card(keyword: str, value: Any, comment: str = "") -> str:
    """Return the card image(s) of one keyword; long strings are continued with CONTINUE.

    A comment that does not fit is cut. Non-finite numbers have no FITS form and give an undefined value.

    Raises
    ------
    DataError
        The keyword or the value cannot be written in a header.
    """
    return format_card(keyword, value, comment or "")


def header_cards(header: Header) -> list[str]:
    """Return the card images of a header, 80 characters each, long strings continued."""
    return as_header(header).images


def encode_cards(cards: Sequence[str], reserve: int = 0) -> bytes:
    """Return the bytes of a header: the cards, END, blanks up to a whole block.

    Parameters
    ----------
    cards : sequence of str
        Card images without END; each a multiple of 80 characters once padded.
    reserve : int
        Least length in bytes; the space left is blank cards before END.
    """
    text = "".join(card.ljust(-(-len(card) // CARD_BYTES) * CARD_BYTES) for card in cards)
    if padded(len(text) + CARD_BYTES) < reserve:
        text = text.ljust(reserve - CARD_BYTES)
    text += "END".ljust(CARD_BYTES)
    return _UNPRINTABLE.sub("?", text.ljust(padded(len(text)))).encode("ascii")
