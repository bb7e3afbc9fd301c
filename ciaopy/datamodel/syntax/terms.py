"""What the brackets of a virtual file say: plain values, as parsed, before any file is opened.

Numbers stay text here, because their meaning depends on the column: `status=0010` is a bit pattern, `name=0010` a
string, `pi=0010` the number 10. They are bound to the columns of a block by `filtering` and `binning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Item:
    """One element of a list: a value (`lo == hi`, `single`) or a range `lo:hi`, either end open (None).

    `position` is the 0-based index into the text of the whole virtual file, for messages.
    """

    lo: str | None
    hi: str | None
    single: bool
    quoted: bool = False
    position: int = 0


@dataclass(frozen=True)
class RangeTerm:
    """`name=items`: a row is kept if one of the items holds. `#row` is the 1-based row number of the input block."""

    name: str
    items: tuple[Item, ...]
    position: int = 0


@dataclass(frozen=True)
class CompareTerm:
    """`name<value` and its like; `operator` is one of < > <= >= != (`==` is a `RangeTerm`)."""

    name: str
    operator: str
    items: tuple[Item, ...]
    position: int = 0


@dataclass(frozen=True)
class RegionTerm:
    """`sky=circle(...)` or `(x,y)=...`; `names` has one name (a vector) or two (its columns); `text` is the region."""

    names: tuple[str, ...]
    text: str
    position: int = 0


@dataclass(frozen=True)
class FileTerm:
    """`@file[...]`: the good times (or the filters) that the file holds. `name` is set in `[time=@file]`."""

    path: str
    name: str = ""
    position: int = 0


Term: TypeAlias = RangeTerm | CompareTerm | RegionTerm | FileTerm


@dataclass(frozen=True)
class All:
    """Every part holds (comma)."""

    parts: tuple[FilterExpression, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds (`||`)."""

    parts: tuple[FilterExpression, ...]


FilterExpression: TypeAlias = Term | All | AnyOf


@dataclass(frozen=True)
class Filter:
    """One filter bracket; `exclude` keeps what does not match."""

    expression: FilterExpression
    exclude: bool = False


@dataclass(frozen=True)
class ColumnItem:
    """One element of `[cols ...]`.

    `kind` is `keep` (name), `drop` (`-name`), `number` (`#3`), `rest` (`*`) or `vector` (`sky(x,y)`). `new` is the name
    in the output where it differs.
    """

    kind: str
    name: str = ""
    new: str = ""
    components: tuple[str, ...] = ()
    position: int = 0


@dataclass(frozen=True)
class Axis:
    """One axis of `[bin ...]`: the column, vector or pair, and how to cut it.

    Exactly one of `grid` (a file whose grid is matched, or a stack of regions), `region`, `count` and `step` may be
    set; limits left out are None.
    """

    names: tuple[str, ...]
    lo: float | None = None
    hi: float | None = None
    step: float | None = None
    count: int | None = None
    region: str = ""
    grid: str = ""
    position: int = 0


@dataclass(frozen=True)
class Binning:
    """`[bin/type axes;weight]`."""

    axes: tuple[Axis, ...]
    type: str = ""
    weight: str = ""


@dataclass(frozen=True)
class SubspaceEdit:
    """`[subspace -a,-b]` (names to delete) or `[subspace x=1:5]` (an expression to set)."""

    delete: tuple[str, ...] = ()
    expression: FilterExpression | None = None
