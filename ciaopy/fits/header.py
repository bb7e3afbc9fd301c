"""FITS headers as text: cards, values, padding, and the split into structural, column and ordinary keywords.

`astropy.io.fits.Header` is the header type of the whole package; it is made lazily from the 80-character cards, so a
header with a thousand HISTORY records costs next to nothing until somebody asks for it. The few keywords that say how
the bytes of an HDU are laid out are parsed here, without astropy. Source: FITS standard 4.0, section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from astropy.io.fits import Header

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
    "new_header",
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
    TCTYP TCTY TCUNI TCUN TCRVL TCRV TCRPX TCRP TCDLT TCDE TCROT TCNAM TCNA LONP LATP
"""
COLUMN_STEMS = frozenset(_COLUMN_WORDS.split())

_NUMBERED = re.compile(r"^([A-Z]+?)([1-9][0-9]{0,2})$")
_NAXIS_N = re.compile(r"^NAXIS[1-9][0-9]{0,2}$")
_STRING = re.compile(r"\s*'((?:[^']|'')*)'\s*(?:/\s*(.*))?$")
_OTHER = re.compile(r"\s*([^/]*?)\s*(?:/\s*(.*))?$")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def padded(nbytes: int) -> int:
    """Return `nbytes` rounded up to whole FITS blocks of 2880 bytes."""
    return -(-nbytes // BLOCK_BYTES) * BLOCK_BYTES


def card_keyword(card: str) -> str:
    """Return the keyword of a card image, without blanks, in upper case."""
    return card[:8].rstrip().upper()


def card_value(card: str) -> tuple[Any, str]:
    """Return (value, comment) of an ordinary card image.

    Strings lose their trailing blanks, `T` and `F` become bool, numbers int or float (`D` exponents too); an empty
    value gives None. What is none of these comes back as the text that stands there.
    """
    if card[8:10] != "= ":
        return None, card[8:].strip()
    body = card[10:].rstrip()
    match = _STRING.match(body)
    if match:
        return match[1].replace("''", "'").rstrip(), (match[2] or "").strip()
    match = _OTHER.match(body)
    text, comment = (match[1], (match[2] or "").strip()) if match else (body.strip(), "")
    return _number(text), comment


def _number(text: str) -> Any:
    if text in ("T", "F"):
        return text == "T"
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text.upper().replace("D", "E"))
    except ValueError:
        return text


def is_structural(keyword: str) -> bool:
    """Tell whether a keyword says how the bytes of the HDU are laid out (and is written anew on output)."""
    return keyword in STRUCTURAL or bool(_NAXIS_N.match(keyword))


def column_keyword(keyword: str) -> tuple[str, int] | None:
    """Split a per-column keyword into stem and column number (`TLMIN12` -> `TLMIN`, 12); None for any other."""
    match = _NUMBERED.match(keyword)
    if match and match[1] in COLUMN_STEMS:
        return match[1], int(match[2])
    return None


def split_cards(text: str) -> list[str]:
    """Cut header text into its card images, up to but without END."""
    cards = [text[i : i + CARD_BYTES] for i in range(0, len(text), CARD_BYTES)]
    for i, card in enumerate(cards):
        if card_keyword(card) == "END" and card[8:10] != "= ":
            return cards[:i]
    return cards


def make_header(cards: Iterable[str]) -> Header:
    """Return an `astropy.io.fits.Header` of card images; characters outside printable ASCII become `?`."""
    from astropy.io.fits import Header

    text = _UNPRINTABLE.sub("?", "".join(card.ljust(CARD_BYTES)[:CARD_BYTES] for card in cards))
    header: Header = Header.fromstring(text)
    return header


def new_header() -> Header:
    """Return an empty header."""
    from astropy.io.fits import Header

    return Header()


def make_card(keyword: str, value: Any, comment: str = "") -> str:
    """Return the card image(s) of one keyword; long strings are continued with CONTINUE.

    A comment that does not fit is cut. Non-finite numbers have no FITS form and give an undefined value.

    Raises
    ------
    DataError
        The keyword or the value cannot be written in a header.
    """
    import warnings

    import numpy as np
    from astropy.io.fits import Card
    from astropy.io.fits.verify import VerifyError, VerifyWarning

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, float) and not np.isfinite(value):
        value = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VerifyWarning)
            return _exact(Card(keyword, value, _UNPRINTABLE.sub("?", comment) or None))
    except (ValueError, TypeError, VerifyError) as problem:
        raise DataError(f"keyword {keyword}: {value!r} cannot be written in a FITS header: {problem}") from None


def _exact(card: Any) -> str:
    """Return the image of an astropy card; reals that need more than the 20 columns of fixed format get them."""
    image = str(card)
    full = len(image) == CARD_BYTES and " " not in image[10:30] and isinstance(card.value, float)
    if full and card_value(image)[0] != card.value:
        text = f"{image[:10]}{card.value!r}".upper() + (f" / {card.comment}" if card.comment else "")
        image = text[:CARD_BYTES].ljust(CARD_BYTES)
    return image


def header_cards(header: Header) -> list[str]:
    """Return the card images of an astropy header, long strings continued, comments cut to fit.

    Raises
    ------
    DataError
        A card cannot be written; the message names its keyword.
    """
    import warnings

    from astropy.io.fits.verify import VerifyError, VerifyWarning

    images: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)
        for card in header.cards:
            try:
                image = _exact(card)
            except (ValueError, VerifyError) as problem:
                raise DataError(f"keyword {card.keyword}: cannot be written in a FITS header: {problem}") from None
            images += [image[i : i + CARD_BYTES] for i in range(0, len(image), CARD_BYTES)]
    return images


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
