"""`Header`: the keywords of one HDU, in order, kept as the card text that was read until somebody changes one.

Making one costs a list of texts; a copy costs that list once more; a value is parsed when it is asked for. Indexing and
editing follow `astropy.io.fits.Header`, so that code written for that works here; `to_astropy` gives one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ciaopy.errors import DataError
from ciaopy.fits.cards import (
    CARD_CHARS,
    COMMENTARY,
    Card,
    card_key,
    format_card,
    format_commentary,
    group_cards,
    parse_card,
)

if TYPE_CHECKING:
    import astropy.io.fits

__all__ = ["Commentary", "Header", "KeywordComments", "as_header"]

Key = str | int | tuple[str, int]
# Looking through a header a few times is cheaper than an index of it, which a change may make useless.
LOOKS_WITHOUT_INDEX = 8


class Commentary(Sequence[str]):
    """The texts of all HISTORY, COMMENT or blank cards of a header, in order; `str` puts one on a line."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._lines[index]

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Iterable) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "\n".join(self._lines)

    __repr__ = __str__


class KeywordComments:
    """The comments of a header, by keyword: `header.comments["EXPOSURE"] = "[s] ..."`."""

    def __init__(self, header: Header) -> None:
        self._header = header

    def __getitem__(self, key: Key) -> str:
        return self._header.card(key).comment

    def __setitem__(self, key: Key, comment: str) -> None:
        self._header.set_comment(key, comment)


class Header(Mapping[str, Any]):
    """Keywords, values and comments of one HDU.

    A keyword is looked up without regard to case, the first card of several with that keyword is meant
    (`header["KEY", 1]` is the second); a number gives the card at that position. `header["HISTORY"]` and
    `header["COMMENT"]` give all texts.

    Parameters
    ----------
    cards : iterable
        Tuples (keyword, value) or (keyword, value, comment), or `Card`.
    """

    __slots__ = ("_images", "_index", "_keys", "_looks", "source")

    def __init__(self, cards: Iterable[Card | tuple[Any, ...]] = ()) -> None:
        self._images: list[str] = []
        self._keys: list[str] | None = []
        self._index: dict[str, list[int]] | None = None
        self._looks = 0
        #: The file that it was read from, for messages; empty for a new one.
        self.source = ""
        self.extend(cards)

    @classmethod
    def from_cards(cls, images: Iterable[str]) -> Header:
        """Return the header of card images (80 characters each, no END); they are kept as they are."""
        new = cls()
        new._images = group_cards([image.ljust(CARD_CHARS)[:CARD_CHARS] for image in images])
        new._keys = None
        return new

    @classmethod
    def from_astropy(cls, header: astropy.io.fits.Header | Mapping[str, Any]) -> Header:
        """Return the header of an astropy header, card by card.

        Raises
        ------
        DataError
            A card cannot be written.
        """
        import warnings

        from astropy.io.fits.verify import VerifyError

        if not hasattr(header, "cards"):
            return cls(header.items())
        images: list[str] = []
        for card in header.cards:
            try:
                modified = card._modified or not card._image
                value = card.value
                if modified and card.keyword in COMMENTARY:
                    images += format_commentary(card.keyword, str(value))
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    image = format_card(card.keyword, _known(value), card.comment) if modified else str(card)
            except (VerifyError, ValueError) as problem:
                raise DataError(f"keyword {card.keyword}: cannot be written in a FITS header: {problem}") from None
            images += [image[i : i + CARD_CHARS] for i in range(0, len(image), CARD_CHARS)]
        return cls.from_cards(images)

    def to_astropy(self) -> astropy.io.fits.Header:
        """Return an `astropy.io.fits.Header` of the same cards."""
        from astropy.io.fits import Header as AstropyHeader

        return AstropyHeader.fromstring("".join(self._images))

    # ---- looking

    @property
    def images(self) -> list[str]:
        """The card images of 80 characters each, CONTINUE cards after the one they continue, without END."""
        return [image[i : i + CARD_CHARS] for image in self._images for i in range(0, len(image), CARD_CHARS)]

    @property
    def cards(self) -> list[Card]:
        """What every card says, in order.

        A card whose value makes no sense has a `problem` and its text as value.
        """
        return [parse_card(image) for image in self._images]

    @property
    def comments(self) -> KeywordComments:
        """The comments, to be read and set by keyword."""
        return KeywordComments(self)

    def card(self, key: Key) -> Card:
        """Return the card of a keyword, of (keyword, n), or at a position.

        Raises
        ------
        KeyError, IndexError
            There is none.
        """
        return parse_card(self._images[self._position(key)])

    def image(self, key: Key) -> str:
        """Return the image of a card: 80 characters or, continued, a multiple.

        Raises
        ------
        KeyError, IndexError
            There is none.
        """
        return self._images[self._position(key)]

    def __getitem__(self, key: Key) -> Any:
        if isinstance(key, str) and _normal(key) in COMMENTARY:
            places = self._places(_normal(key))
            if not places:
                raise KeyError(f"Keyword {key!r} not found.")
            return Commentary([parse_card(self._images[i]).value for i in places])
        card = self.card(key)
        if card.problem:
            raise self._wrong(f"keyword {card.keyword}: {card.problem}")
        return card.value

    def _wrong(self, problem: str) -> DataError:
        where = f"{self.source}: " if self.source else ""
        return DataError(f"{where}{problem}; mend the header, for example with dmhedit")

    def number(self, key: str, default: float | None = None) -> float:
        """Return the value of a keyword that must be a finite number.

        Parameters
        ----------
        key : str
        default : float, optional
            What a keyword that is missing or undefined stands for.

        Returns
        -------
        float

        Raises
        ------
        KeyError
            There is no such keyword, and no default.
        DataError
            It is a text, a logical, NaN or infinite.
        """
        if default is not None and (key not in self or self[key] is None):
            return float(default)
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self._wrong(f"keyword {key} = {value!r} is not a number")
        return float(value)

    def get(self, key: Key, default: Any = None) -> Any:
        """Return a value, or `default` where there is no such keyword."""
        return self[key] if key in self else default  # noqa: SIM401

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return bool(self._places(_normal(key)))
        if isinstance(key, int):
            return -len(self) <= key < len(self)
        return isinstance(key, tuple) and 0 <= key[1] < len(self._places(_normal(key[0])))

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._keywords()))

    def keys(self) -> list[str]:  # type: ignore[override]
        """Return the keyword of every card, in order; repeated ones as often as they stand there."""
        return list(self._keywords())

    def values(self) -> list[Any]:  # type: ignore[override]
        """Return the value of every card, in order."""
        return [self[i] for i in range(len(self))]

    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override]
        """Return (keyword, value) of every card, in order."""
        return list(zip(self.keys(), self.values(), strict=True))

    def count(self, key: str) -> int:
        """Return how many cards a keyword has."""
        return len(self._places(_normal(key)))

    def index(self, key: Key) -> int:
        """Return the position of a card.

        Raises
        ------
        KeyError, IndexError
            There is none.
        """
        return self._position(key)

    def __eq__(self, other: object) -> bool:
        return self._images == other._images if isinstance(other, Header) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "\n".join(image.rstrip() for image in self.images)

    def __repr__(self) -> str:
        from ciaopy.fits.display import header_line

        return header_line(self)

    def _repr_html_(self) -> str:
        """Return the header as a notebook shows it: a table of keywords, values and comments."""
        from ciaopy.fits.display import header_html

        return header_html(self)

    def tostring(self, sep: str = "") -> str:
        """Return all card images, `sep` between them."""
        return sep.join(self.images)

    # ---- changing

    def copy(self) -> Header:
        """Return an independent copy."""
        new = Header.__new__(Header)
        new._images = self._images.copy()
        new._keys = None if self._keys is None else self._keys.copy()
        new._forget_index()
        new.source = self.source
        return new

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> Header:
        return self.copy()

    def __setitem__(self, key: Key, value: Any) -> None:
        if isinstance(value, tuple):
            self.set(key, *value)
        else:
            self.set(key, value)

    def set(
        self,
        key: Key,
        value: Any = None,
        comment: str | None = None,
        before: Key | None = None,
        after: Key | None = None,
    ) -> None:
        """Give a keyword a value; a new one is put after the others, or `before` or `after` a certain one.

        After the others is: a value after the last card that has one, a text after the last one of its kind.

        Parameters
        ----------
        key : str, int or (str, int)
            A COMMENT, HISTORY or blank keyword gains a card.
        value : str, bool, int, float, complex or None
        comment : str, optional
            None keeps the one there is.
        before, after : str, int or (str, int), optional
            Where the card is to stand; one that is there already is moved.

        Raises
        ------
        DataError
            The keyword or the value cannot be written in a header.
        """
        if isinstance(key, str) and _normal(key) in COMMENTARY:
            at = self._end(_normal(key)) if before is None and after is None else self._target(before, after)
            self._put(at, format_commentary(_normal(key), str(value)))
            return
        if key in self:
            i = self._position(key)
            old = parse_card(self._images[i])
            image = _changed(self._images[i], old, value, comment)
            if before is None and after is None:
                self._images[i] = image
                return
            self._delete(i)
        elif isinstance(key, str):
            image = format_card(_spelt(key), value, comment or "")
        else:
            raise KeyError(key)
        new = before is None and after is None
        self._put(self._end(card_key(image)) if new else self._target(before, after), [image])

    def set_comment(self, key: Key, comment: str) -> None:
        """Give a keyword that is there another comment.

        Raises
        ------
        KeyError, IndexError
            There is none.
        """
        i = self._position(key)
        self._images[i] = _changed(self._images[i], parse_card(self._images[i]), _KEEP, comment)

    def append(self, card: Card | tuple[Any, ...]) -> None:
        """Add a card at the end, whether its keyword is there already or not.

        Raises
        ------
        DataError
            The card cannot be written in a header.
        """
        self._put(len(self._images), _images_of(card))

    def extend(self, cards: Iterable[Card | tuple[Any, ...]]) -> None:
        """Add cards at the end.

        Raises
        ------
        DataError
            A card cannot be written in a header.
        """
        for card in cards:
            self.append(card)

    def insert(self, key: Key, card: Card | tuple[Any, ...], after: bool = False) -> None:
        """Add a card before (or `after`) another one.

        Raises
        ------
        KeyError, IndexError
            There is no card to stand beside.
        DataError
            The card cannot be written in a header.
        """
        at = key if isinstance(key, int) and not 0 <= key < len(self) else self._position(key)
        self._put(at + after, _images_of(card))

    def update(self, other: Header | Mapping[str, Any] | Iterable[tuple[Any, ...]]) -> None:
        """Set the keywords of another header, of a mapping, or of tuples.

        Raises
        ------
        DataError
            A keyword or value cannot be written in a header.
        """
        if isinstance(other, Header):
            for card in other.cards:
                self.set(card.keyword, card.value, card.comment)
            return
        for key, *rest in other.items() if isinstance(other, Mapping) else other:
            self[key] = tuple(rest) if len(rest) > 1 else rest[0]

    def add_history(self, text: str) -> None:
        """Add HISTORY cards at the end."""
        self.set("HISTORY", text)

    def add_comment(self, text: str) -> None:
        """Add COMMENT cards at the end."""
        self.set("COMMENT", text)

    def __delitem__(self, key: Key) -> None:
        if isinstance(key, str):
            self.remove(key, remove_all=True)
        else:
            self._delete(self._position(key))

    def remove(self, key: Key, ignore_missing: bool = False, remove_all: bool = False) -> None:
        """Take the first card of a keyword away, or all of them.

        Raises
        ------
        KeyError
            There is none, and `ignore_missing` is False.
        """
        if key not in self:
            if ignore_missing:
                return
            raise KeyError(f"Keyword {key!r} not found.")
        if not (remove_all and isinstance(key, str)):
            self._delete(self._position(key))
            return
        gone = set(self._places(_normal(key)))
        keys = self._keywords()
        self._images = [image for i, image in enumerate(self._images) if i not in gone]
        self._keys = [word for i, word in enumerate(keys) if i not in gone]
        self._forget_index()

    def rename_keyword(self, old: str, new: str) -> None:
        """Give the first card of a keyword another one.

        Raises
        ------
        KeyError
            There is no such card.
        DataError
            `new` is there already, or cannot be written.
        """
        if new in self:
            raise DataError(f"keyword {new}: is there already")
        i = self._position(old)
        card = parse_card(self._images[i])
        self._delete(i)
        self._put(i, [format_card(_spelt(new), card.value, card.comment, card.number)])

    # ---- within

    def _keywords(self) -> list[str]:
        if self._keys is None:
            self._keys = [card_key(image) for image in self._images]
        return self._keys

    def _forget_index(self) -> None:
        self._index, self._looks = None, 0

    def _places(self, keyword: str) -> list[int]:
        if self._index is None:
            self._looks += 1
            if self._looks <= LOOKS_WITHOUT_INDEX:
                words = self._keywords()
                return [i for i, word in enumerate(words) if word == keyword] if keyword in words else []
            index: dict[str, list[int]] = {}
            for i, word in enumerate(self._keywords()):
                index.setdefault(word, []).append(i)
            self._index = index
        return self._index.get(keyword, [])

    def _position(self, key: Key) -> int:
        if isinstance(key, int):
            return range(len(self._images))[key]
        name, which = (key, 0) if isinstance(key, str) else key
        places = self._places(_normal(name))
        if not 0 <= which < len(places):
            raise KeyError(f"Keyword {name!r} not found.")
        return places[which]

    def _target(self, before: Key | None, after: Key | None) -> int:
        if before is not None:
            return self._position(before)
        return len(self._images) if after is None else self._position(after) + 1

    def _end(self, keyword: str) -> int:
        """Return where a new card belongs: values stand before the texts that close a header."""
        keys = self._keywords()
        if keyword in COMMENTARY and self._places(keyword):
            return self._places(keyword)[-1] + 1
        passed = {""} if keyword in COMMENTARY else COMMENTARY
        end = len(keys)
        while end and keys[end - 1] in passed:
            end -= 1
        return end

    def _put(self, at: int, images: list[str]) -> None:
        at = range(len(self._images) + 1)[at] if at < 0 else min(at, len(self._images))
        keys = self._keywords()
        words = [card_key(image) for image in images]
        if at == len(keys) and self._index is not None:
            for i, word in enumerate(words, at):
                self._index.setdefault(word, []).append(i)
        else:
            self._forget_index()
        self._images[at:at], keys[at:at] = images, words

    def _delete(self, at: int) -> None:
        keys = self._keywords()
        del self._images[at], keys[at]
        self._forget_index()


def as_header(header: Header | astropy.io.fits.Header | Mapping[str, Any]) -> Header:
    """Return a header as it is, or the one made of astropy's or of a mapping.

    Raises
    ------
    DataError
        A card cannot be written.
    """
    return header if isinstance(header, Header) else Header.from_astropy(header)


class _Keep:
    """The value of a card that only gets another comment."""


_KEEP = _Keep()


def _normal(key: str) -> str:
    word = key.strip().upper()
    return word[len("HIERARCH ") :].strip() if word.startswith("HIERARCH ") else word


def _spelt(key: str) -> str:
    """Return a keyword as it is to be written: a HIERARCH one keeps its small letters."""
    word = key.strip()
    bare = word[len("HIERARCH ") :].strip() if word.upper().startswith("HIERARCH ") else word
    return bare.upper() if len(bare) <= 8 and " " not in bare else bare


def _known(value: Any) -> Any:
    """Return a value of astropy's, its `Undefined` as None."""
    return None if type(value).__name__ == "Undefined" else value


def _images_of(card: Card | tuple[Any, ...]) -> list[str]:
    """Return the images of a card given as such, or as (keyword, value[, comment])."""
    if isinstance(card, Card):
        keyword, value, comment, number = card.keyword, card.value, card.comment, card.number
    else:
        keyword, value, comment, number = _spelt(card[0]), card[1], card[2] if len(card) > 2 else "", ""
    if keyword in COMMENTARY:
        return format_commentary(keyword, str(value))
    return [format_card(keyword, value, comment or "", number)]


def _changed(image: str, old: Card, value: Any, comment: str | None) -> str:
    """Return the image of a card with another value or comment: the same image where nothing differs."""
    same = value is _KEEP or (not old.problem and _same(old.value, value))
    note = old.comment if comment is None else comment
    if same and note == old.comment:
        return image
    return format_card(old.keyword, old.value if same else value, note, old.number if same else "")


def _same(old: Any, new: Any) -> bool:
    """Tell whether a new value is the one that stands there, so that its spelling can stay."""
    if hasattr(new, "item") and getattr(new, "ndim", 1) == 0:
        new = new.item()
    if isinstance(new, str):
        return isinstance(old, str) and new.rstrip() == old
    return type(old) is type(new) and bool(old == new)
