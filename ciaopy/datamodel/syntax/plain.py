"""The common forms of brackets, read without the grammar: it takes longer to load than a small tool to run.

Each function returns what the grammar gives for the same text, or None for everything that is not of the plainest form:
names, numbers and words, ranges, one simple shape, without blanks, quotes or nesting. Whatever is doubtful or wrong is
left to the grammar, so that there is one judge of it and one set of messages.
"""

from __future__ import annotations

import re

from ciaopy.datamodel.syntax.terms import All, Axis, ColumnItem, FileTerm, FilterExpression, Item, RangeTerm, RegionTerm

__all__ = ["joined_terms", "plain_axes", "plain_columns", "plain_filter"]

_WORD = r"[\w.+-]+"
_KEY = re.compile(r"([A-Za-z_][\w.]*|#row)=", re.ASCII)
_REGION = re.compile(r"[A-Za-z]+\([\w.,+-]*\)(?=,|$)", re.ASCII)
_FILE = re.compile(r"@[\w./+-]+", re.ASCII)
_ITEM = re.compile(rf"({_WORD})?(:)?({_WORD})?(?=,|$)", re.ASCII)
_COLUMN = re.compile(r"-?[A-Za-z_][\w.]*", re.ASCII)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_AXIS = re.compile(
    rf"(?P<name>[A-Za-z_][\w.]*)="
    rf"(?:(?P<step>{_NUMBER})|(?P<lo>{_NUMBER})?:(?P<hi>{_NUMBER})?(?::(?:#(?P<count>\d+)|(?P<width>{_NUMBER})))?)",
    re.ASCII,
)


def plain_filter(body: str, position: int) -> FilterExpression | None:
    """Read `name=items,name=items`, `name=shape(numbers)` and `@file`.

    Parameters
    ----------
    body : str
        Inside of the bracket.
    position : int
        0-based index of `body` in the text of the virtual file.
    """
    if _FILE.fullmatch(body):
        return FileTerm(body[1:], "", position)
    terms: list[FilterExpression] = []
    at = 0
    while True:
        key = _KEY.match(body, at)
        if key is None:
            return None
        region = _REGION.match(body, key.end())
        if region is not None:
            if key[1].startswith("#"):
                return None
            terms.append(RegionTerm((key[1],), region[0], position + region.start()))
            at = region.end()
        else:
            items, at = _items(body, key.end(), position)
            if not items:
                return None
            terms.append(RangeTerm(key[1], items, position + key.start()))
        if at == len(body):
            break
        at += 1
    joined = joined_terms(terms)
    return joined[0] if len(joined) == 1 else All(tuple(joined))


def _items(body: str, at: int, position: int) -> tuple[tuple[Item, ...], int]:
    """Read a list of values and ranges; return it (empty where it is not plain) and where it ends."""
    items: list[Item] = []
    while True:
        found = _ITEM.match(body, at)
        if found is None or found.end() == at or (found[3] and not found[2]):
            return (), at
        if found[2]:
            items.append(Item(found[1], found[3], single=False, position=position + at))
        else:
            items.append(Item(found[1], found[1], single=True, position=position + at))
        at = found.end()
        if at == len(body) or _KEY.match(body, at + 1):
            return tuple(items), at
        at += 1


def plain_columns(body: str, position: int) -> list[ColumnItem] | None:
    """Read `a,b,-c`; blanks may stand at the ends."""
    items, at = [], position + len(body) - len(body.lstrip())
    for word in body.strip().split(","):
        if not _COLUMN.fullmatch(word):
            return None
        kind = "drop" if word.startswith("-") else "keep"
        items.append(ColumnItem(kind, word.removeprefix("-"), position=at))
        at += len(word) + 1
    return items


def plain_axes(body: str, position: int) -> tuple[Axis, ...] | None:
    """Read `name=step` and `name=lo:hi:step` (`#count`), several with commas; blanks may stand at the ends."""
    axes, at = [], position + len(body) - len(body.lstrip())
    for word in body.strip().split(","):
        found = _AXIS.fullmatch(word)
        if found is None or len(found["count"] or "") > 18:
            return None
        lo, hi = (None if found[name] is None else float(found[name]) for name in ("lo", "hi"))
        size = found["step"] or found["width"]
        step = None if size is None else float(size)
        count = None if found["count"] is None else int(found["count"])
        if (lo is not None and hi is not None and not lo < hi) or (step is not None and not step > 0) or count == 0:
            return None
        axes.append(Axis((found["name"],), lo, hi, step=step, count=count, position=at))
        at += len(word) + 1
    return tuple(axes)


def joined_terms(terms: list[FilterExpression]) -> list[FilterExpression]:
    """Join neighbouring range terms of one name (`a=1:2,a=5`) into one list: OR, as in CIAO."""
    out: list[FilterExpression] = []
    for term in terms:
        last = out[-1] if out else None
        if isinstance(term, RangeTerm) and isinstance(last, RangeTerm) and term.name.lower() == last.name.lower():
            out[-1] = RangeTerm(last.name, last.items + term.items, last.position)
        else:
            out.append(term)
    return out
