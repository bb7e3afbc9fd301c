"""FITS header cards as text: read one, write one.

A card image is 80 characters, or several times 80 where a long string goes on in CONTINUE cards. `parse_card` gives
what it says, `format_card` makes one; an image that nobody changes is never written anew, so what was read goes out as
it came in. Sources: FITS standard 4.0, sections 4.1, 4.2 and 4.2.1.2 (CONTINUE), and the HIERARCH convention.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ciaopy.errors import DataError

__all__ = [
    "CARD_CHARS",
    "COMMENTARY",
    "Card",
    "card_key",
    "format_card",
    "format_commentary",
    "group_cards",
    "parse_card",
]

CARD_CHARS = 80
#: Keywords whose cards have text and no value; the empty keyword is one of them.
COMMENTARY = frozenset({"", "COMMENT", "HISTORY", "END"})

_HIERARCH = "HIERARCH "
_STANDARD_KEYWORD = re.compile(r"[A-Z0-9_-]{0,8}\Z")
# A HIERARCH keyword: anything printable but `=`, not beginning or ending with a blank.
_LONG_KEYWORD = re.compile(r"[!-<>-~]([ -<>-~]*[!-<>-~])?\Z")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_NUMBER = r"[+-]? *(?:\d+(?:\.\d*)?|\.\d+)(?:[DEde] *[+-]? *\d+)?"
# A quote within a string is doubled (standard 4.2.1). Where one is not (`'O'Neil'`), the closing quote is the first one
# that a blank, a slash or the end follows: so astropy reads it.
_VALUE = re.compile(
    rf"""\ *(?:
        '(?P<string>(?:''|[\x20-\x26\x28-\x7e])*)'(?=\ *(?:/|$))
      | '(?P<loose>(?:[\x20-\x7e]+?|)\ *?)'(?=$|/|\ )
      | (?P<logical>[TF])
      | (?P<number>{_NUMBER})
      | \(\ *(?P<real>{_NUMBER})\ *,\ *(?P<imag>{_NUMBER})\ *\)
      | (?P<undefined>)
    )\ *(?:/\ *(?P<comment>.*))?$""".replace(_NUMBER, _NUMBER.replace(" ", r"\ ")),
    re.VERBOSE | re.DOTALL,
)
#: Longest piece of a string (quotes doubled) and of a comment that one of a group of CONTINUE cards takes.
_STRING_PIECE, _COMMENT_PIECE = 67, 64


@dataclass(frozen=True, slots=True)
class Card:
    """What one card says.

    Attributes
    ----------
    keyword : str
        In upper case; a HIERARCH card's without that word. Empty for a blank card.
    value : str, bool, int, float, complex or None
        None where the value is undefined. The text of a COMMENT, HISTORY or blank card.
    comment : str
        Empty where there is none.
    number : str
        A real or complex number as it is spelt on the card; empty for all other values.
    problem : str
        What is wrong with the value; empty for a card that can be read. `value` is then the text that stands there.
    """

    keyword: str
    value: Any
    comment: str = ""
    number: str = ""
    problem: str = ""


def card_key(image: str) -> str:
    """Return the keyword of a card image, in upper case."""
    word = image[:8].rstrip().upper()
    if word == "HIERARCH" and image[8:9] == " ":
        name, equals, _ = image[len(_HIERARCH) :].partition("=")
        if equals and name.strip():
            return name.strip().upper()
    return word


def group_cards(images: list[str]) -> list[str]:
    """Join each card with the CONTINUE cards that belong to it.

    Parameters
    ----------
    images : list of str
        Card images of 80 characters.

    Returns
    -------
    list of str
        Images of 80 characters or a multiple. A CONTINUE card that continues no string stays alone.
    """
    groups: list[str] = []
    for image in images:
        if image.startswith("CONTINUE") and image[8:10] != "= " and groups and _goes_on(groups[-1][-CARD_CHARS:]):
            groups[-1] += image
        else:
            groups.append(image)
    return groups


def _goes_on(image: str) -> bool:
    """Tell whether the string of a card ends in `&`, so that the next card may continue it."""
    if "&'" not in image:
        return False
    card = _parse_one(image)
    return isinstance(card.value, str) and card.value.endswith("&") and not card.problem


@lru_cache(maxsize=16384)
def parse_card(image: str) -> Card:
    """Return what a card image says; one that makes no sense comes with its `problem`, never with an exception."""
    if len(image) <= CARD_CHARS:
        return _parse_one(image)
    parts = [_parse_one(image[i : i + CARD_CHARS]) for i in range(0, len(image), CARD_CHARS)]
    text, comments = "", []
    for part in parts:
        if part.problem or not isinstance(part.value, str):
            return Card(parts[0].keyword, image.rstrip(), problem=part.problem or "a continued value is no string")
        text = text.removesuffix("&") + part.value
        comments += [part.comment] if part.comment else []
    # What one card's comment ends in, the next one's goes on with: the blank between two words is kept by the writer.
    return Card(parts[0].keyword, text, " ".join(comment.strip() for comment in comments))


def _parse_one(image: str) -> Card:
    """Return what a card of 80 characters says."""
    keyword = card_key(image)
    if image[:8].rstrip().upper() == "HIERARCH" and keyword != "HIERARCH":
        return _parse_value(keyword, image[len(_HIERARCH) :].partition("=")[2])
    if keyword == "CONTINUE" and image[8:10] != "= ":
        return _parse_value(keyword, image[8:])
    if keyword in COMMENTARY or image[8:10].rstrip() != "=":
        return Card(keyword, image[8:].rstrip())
    return _parse_value(keyword, image[9:])


def _parse_value(keyword: str, text: str) -> Card:
    """Return the card of a keyword from what stands behind its equal sign."""
    found = _VALUE.match(text.rstrip())
    if found is None:
        return Card(keyword, text.strip(), problem=f"{text.strip()!r} is no FITS value")
    comment = (found["comment"] or "").rstrip()
    string = found["string"] if found["string"] is not None else found["loose"]
    if string is not None:
        return Card(keyword, string.replace("''", "'").rstrip(), comment)
    if found["logical"]:
        return Card(keyword, found["logical"] == "T", comment)
    if found["number"]:
        value = _number(found["number"])
        return Card(keyword, value, comment, found["number"] if isinstance(value, float) else "")
    if found["real"]:
        pair = complex(_number(found["real"]), _number(found["imag"]))
        return Card(keyword, pair, comment, f"({found['real']}, {found['imag']})")
    return Card(keyword, None, comment)


def _number(text: str) -> int | float:
    """Return a number of a card: blanks within and `D` exponents are allowed."""
    plain = text.replace(" ", "").upper().replace("D", "E")
    try:
        return int(plain)
    except ValueError:
        return float(plain)


def format_commentary(keyword: str, text: str) -> list[str]:
    """Return the card images of a COMMENT, HISTORY or blank keyword: 72 characters of text on each.

    Raises
    ------
    DataError
        The text has characters outside printable ASCII.
    """
    if _UNPRINTABLE.search(text):
        raise DataError(f"keyword {keyword}: {text!r} cannot be written in a FITS header: it is not printable ASCII")
    width = CARD_CHARS - 8
    pieces = [text[i : i + width] for i in range(0, len(text), width)] or [""]
    return [f"{keyword:8}{piece}".ljust(CARD_CHARS) for piece in pieces]


def format_card(keyword: str, value: Any, comment: str = "", number: str = "") -> str:
    """Return the image of a card: fixed format, long strings continued, a comment that does not fit cut.

    Parameters
    ----------
    keyword : str
        In upper case. One that is no standard keyword (too long, or with other characters) makes a HIERARCH card.
    value : str, bool, int, float, complex, numpy scalar, bytes or None
        Numbers that are not finite have no FITS form: they are written as an undefined value, as None is.
    comment : str
        Characters outside printable ASCII become `?`.
    number : str
        How a real number is to be spelt; empty for the shortest text that reads back as the same number.

    Raises
    ------
    DataError
        The keyword or the value cannot be written in a header.
    """
    head = _head(keyword)
    value = _plain(keyword, value)
    comment = _UNPRINTABLE.sub("?", comment)
    if number and isinstance(value, (float, complex)):
        body = f"{number:>20}"
    else:
        body = _format_value(value)
    if head.startswith(_HIERARCH):
        body = body.strip()
        if len(head) + len(body) == CARD_CHARS + 1:
            head = head[:-3] + "= "
    room = CARD_CHARS - len(head)
    if len(body) > room:
        if not isinstance(value, str):
            raise DataError(f"keyword {keyword}: {value!r} does not fit on a card")
        return _continued(keyword, head, value, comment)
    return (head + body + (f" / {comment}" if comment else ""))[:CARD_CHARS].ljust(CARD_CHARS)


def _head(keyword: str) -> str:
    """Return the part of a card before the value."""
    if _STANDARD_KEYWORD.match(keyword):
        return f"{keyword:8}= "
    if _LONG_KEYWORD.match(keyword) and len(keyword) <= CARD_CHARS - len(_HIERARCH) - 4:
        return f"{_HIERARCH}{keyword} = "
    raise DataError(f"keyword {keyword!r} cannot be written in a FITS header")


def _plain(keyword: str, value: Any) -> Any:
    """Return a value as one of the plain types that a card can hold."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # numpy scalars
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        if _UNPRINTABLE.search(value):
            raise DataError(
                f"keyword {keyword}: {value!r} cannot be written in a FITS header: it is not printable ASCII"
            )
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, complex):
        return value if math.isfinite(value.real) and math.isfinite(value.imag) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    raise DataError(f"keyword {keyword}: {value!r} cannot be written in a FITS header: it is a {type(value).__name__}")


def _format_value(value: Any) -> str:
    """Return the value field, in fixed format where it fits."""
    if value is None:
        return ""
    if isinstance(value, str):
        quoted = "'" + value.replace("'", "''").ljust(8) + "'" if value else "''"
        return quoted.ljust(20) if value else quoted
    if isinstance(value, bool):
        return f"{'T' if value else 'F':>20}"
    if isinstance(value, complex):
        text = f"({_real(value.real)}, {_real(value.imag)})"
        return f"{text:>20}"
    return f"{_real(value) if isinstance(value, float) else value:>20}"


def _real(value: float) -> str:
    return repr(value).replace("e", "E")


def _continued(keyword: str, head: str, value: str, comment: str) -> str:
    """Return a long string on a card and its CONTINUE cards, the comment on further ones."""
    first = _STRING_PIECE + 10 - len(head)
    if first < 2:
        raise DataError(f"keyword {keyword!r}: too long for the value {value!r}")
    pieces = _pieces(value.replace("'", "''"), first, _STRING_PIECE)
    cards = []
    for i, piece in enumerate(pieces):
        more = bool(comment) or i < len(pieces) - 1
        cards.append(f"{'CONTINUE  ' if i else head}'{piece}{'&' if more else ''}'")
    notes = _pieces(comment, _COMMENT_PIECE, _COMMENT_PIECE) if comment else []
    for i, note in enumerate(notes):
        cards.append(f"CONTINUE  '{'&' if i < len(notes) - 1 else ''}' / {note}")
    return "".join(card.ljust(CARD_CHARS) for card in cards)


def _pieces(text: str, first: int, width: int) -> list[str]:
    """Cut text after blanks into pieces of at most `first`, then `width` characters; longer words are cut too.

    A doubled quote is never parted.
    """
    pieces, limit = [], first
    while len(text) > limit:
        cut = text.rfind(" ", 0, limit) + 1 or limit
        while (len(text[:cut]) - len(text[:cut].rstrip("'"))) % 2:
            cut -= 1
        pieces.append(text[:cut])
        text, limit = text[cut:], width
    return [*pieces, text]
