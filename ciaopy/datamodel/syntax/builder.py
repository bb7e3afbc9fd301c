"""The brackets of a virtual file, by a lark grammar: what `parse` calls where there are any.

The decision of what a bracket is follows ahelp dmsyntax: a leading keyword (`filter`, `exclude`, `cols`, `bin`, `opt`,
`subspace`, any case) says so; an integer or a bare word in the first bracket is a block, a bare word in the last one a
new block name; everything else is a filter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ciaopy.datamodel.syntax.names import hdu_suffix
from ciaopy.datamodel.syntax.plain import joined_terms, plain_axes, plain_columns, plain_filter
from ciaopy.datamodel.syntax.terms import (
    All,
    AnyOf,
    Axis,
    Binning,
    ColumnItem,
    CompareTerm,
    FileTerm,
    Filter,
    FilterExpression,
    Item,
    RangeTerm,
    RegionTerm,
    SubspaceEdit,
)
from ciaopy.datamodel.syntax.virtualfile import VirtualFile
from ciaopy.errors import VirtualFileError
from ciaopy.filenames import quoted_files

__all__ = ["Builder"]

KEYWORD = re.compile(r"(filter|exclude|columns|column|cols|col|bin|opt|options|option|subspace)(?=[\s/@(-]|$)", re.I)
BLOCK_NUMBER = re.compile(r"\s*\d+\s*$", re.ASCII)
BARE_WORD = re.compile(r"\s*[A-Za-z_][\w.+-]*(?:\s+\d+)?\s*$")
OPTION = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:=\s*(.*?))?\s*$")
SIGNED_SHAPE = re.compile(r"=\s*([-+])\s*[A-Za-z]+\s*\(")
BIN_TYPES = {
    "f": "r4", "r": "r4", "d": "r8", "i": "i4", "s": "i2", "l": "i4",
    "i2": "i2", "i4": "i4", "r4": "r4", "r8": "r8", "f4": "r4", "f8": "r8",
}  # fmt: skip


@lru_cache(maxsize=4)
def _lark(start: str) -> Any:
    import lark

    text = (files("ciaopy.datamodel.syntax") / "grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(text, start=start, parser="lalr", lexer="contextual", propagate_positions=True)


class Builder:
    """Collects the parts of one virtual file."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self.block: str | int | None = None
        self.filters: list[Filter] = []
        self.columns: list[ColumnItem] = []
        self.binning: Binning | None = None
        self.options: dict[str, str] = {}
        self.subspace: list[SubspaceEdit] = []
        self.rename = ""

    def build(self, parts: list[tuple[str, int]]) -> VirtualFile:
        """Return the virtual file whose brackets are `parts`, each with its position in the text."""
        self.path, hdu = hdu_suffix(self.path)
        self.block = None if hdu is None else hdu + 1
        for index, (body, position) in enumerate(parts):
            if self.rename:
                raise VirtualFileError("a new block name must be the last bracket", self.text, position)
            self._part(body, position, first=index == 0)
        return VirtualFile(
            self.path, self.block, tuple(self.filters), tuple(self.columns), self.binning, self.options,
            tuple(self.subspace), self.rename, self.text,
        )  # fmt: skip

    def _part(self, body: str, position: int, first: bool) -> None:
        if not body.strip():
            raise VirtualFileError("the bracket is empty", self.text, position)
        body = quoted_files(body)
        lead = len(body) - len(body.lstrip())
        word = KEYWORD.match(body[lead:])
        if word is None or (word.end() + lead == len(body.rstrip())):
            self._unnamed(body, position, first)
            return
        keyword, rest, at = word[1].lower(), body[lead + word.end() :], position + lead + word.end()
        if keyword in ("filter", "exclude"):
            self.filters.append(Filter(self.expression(rest, at), exclude=keyword == "exclude"))
        elif keyword.startswith("col"):
            self.columns += self._columns(rest, at)
        elif keyword == "bin":
            if self.binning is not None:
                raise VirtualFileError("a second [bin ...]", self.text, at)
            self.binning = self._binning(rest, at)
        elif keyword.startswith("opt"):
            self._options(rest, at)
        else:
            self._subspace(rest, at)

    def _unnamed(self, body: str, position: int, first: bool) -> None:
        if first and self.block is not None and (BLOCK_NUMBER.match(body) or BARE_WORD.match(body)):
            raise VirtualFileError("the number behind the file names the block already", self.text, position)
        if first and BLOCK_NUMBER.match(body):
            self.block = int(body) if len(body) < 20 else 0
            if self.block < 1:
                raise VirtualFileError("blocks are numbered from 1 (the primary)", self.text, position)
        elif BARE_WORD.match(body):
            if first:
                self.block = "".join(body.split())
            else:
                self.rename = body.strip()
        else:
            self.filters.append(Filter(self.expression(body, position)))

    def expression(self, body: str, position: int) -> FilterExpression:
        """Parse a filter expression that starts at `position` of the text."""
        plain = plain_filter(body, position)
        return plain if plain is not None else _FilterReader(self, position).read(self.tree("filter", body, position))

    def tree(self, start: str, body: str, position: int) -> Any:
        """Parse `body` with the grammar; an error points into the whole text."""
        import lark

        try:
            return _lark(start).parse(body)
        except lark.UnexpectedInput as e:
            at = getattr(e, "pos_in_stream", None)
            at = len(body) if at is None or at < 0 else at
            token = getattr(e, "token", None)
            what = "unexpected end" if token is not None and token.type == "$END" else "cannot be understood here"
            at = len(body.rstrip()) if what == "unexpected end" else at
            shape = next((m for m in SIGNED_SHAPE.finditer(body) if m.start() <= at <= m.end()), None)
            if shape is not None:
                hint = "a region cannot begin with + or -; begin with field(), as in field()-circle(x,y,r)"
                raise VirtualFileError(hint, self.text, position + shape.start(1)) from None
            kind = {"filter": "filter", "columns": "column list", "binning": "binning"}[start]
            raise VirtualFileError(f"{kind}: {what}", self.text, position + at) from None

    def _columns(self, body: str, position: int) -> list[ColumnItem]:
        plain = plain_columns(body, position)
        return plain if plain is not None else self._listed_columns(body, position)

    def _listed_columns(self, body: str, position: int) -> list[ColumnItem]:
        found = []
        for node in self.tree("columns", body, position).children:
            names = [str(t) for t in node.children]
            at = position + (node.meta.start_pos if not node.meta.empty else 0)
            match node.data:
                case "renamed":
                    found.append(ColumnItem("keep", names[1], names[0], position=at))
                case "dropped":
                    found.append(ColumnItem("drop", names[0], position=at))
                case "numbered":
                    found.append(ColumnItem("number", names[0], position=at))
                case "rest":
                    found.append(ColumnItem("rest", position=at))
                case "vector_column":
                    found.append(ColumnItem("vector", names[0], components=(names[1], names[2]), position=at))
                case _:
                    found.append(ColumnItem("keep", names[0], position=at))
        return found

    def _binning(self, body: str, position: int) -> Binning:
        type_ = ""
        match_ = re.match(r"\s*/\s*(\w+)", body)
        if match_:
            try:
                type_ = BIN_TYPES[match_[1].lower()]
            except KeyError:
                message = f"unknown image type {match_[1]}; use i2, i4, r4 or r8"
                raise VirtualFileError(message, self.text, position + match_.start(1)) from None
            body, position = body[match_.end() :], position + match_.end()
        axes, _, weight = body.partition(";")
        if weight and not re.fullmatch(r"\s*[A-Za-z_]\w*\s*", weight):
            message = "the weight of a binning must be the name of a column"
            raise VirtualFileError(message, self.text, position + len(axes) + 1)
        plain = plain_axes(axes, position)
        return Binning(plain if plain is not None else self._axes(axes, position), type_, weight.strip())

    def _axes(self, body: str, position: int) -> tuple[Axis, ...]:
        return tuple(self._axis(a, position) for a in self.tree("binning", body, position).children)

    def _axis(self, node: Any, position: int) -> Axis:
        first = node.children[0]
        names, at = tuple(re.findall(r"[A-Za-z_][\w.]*", str(first))), position + (first.start_pos or 0)
        if node.data == "whole_axis":
            return Axis(names, position=at)
        if node.data == "region_axis":
            return Axis(names, region=str(node.children[1]), position=at)
        if node.data == "grid_axis":
            return Axis(names, grid=_file_text(str(node.children[1])), position=at)
        return self._spec(names, node.children[1], position, at)

    def _spec(self, names: tuple[str, ...], spec: Any, position: int, at: int) -> Axis:
        start = position + (0 if spec.meta.empty else spec.meta.start_pos)
        if spec.data == "step_only":
            return Axis(names, step=self._step(str(spec.children[0]), start), position=at)
        fields: list[str] = [""]
        for token in spec.children:
            if token.type == "COLON":
                fields.append("")
            else:
                fields[-1] = str(token)
        lo, hi = (_number(f) if f else None for f in fields[:2])
        if lo is not None and hi is not None and not lo < hi:
            raise VirtualFileError(f"{names[0]}: the range {lo:g}:{hi:g} is empty", self.text, start)
        if spec.data == "limits":
            return Axis(names, lo, hi, position=at)
        if spec.data == "limits_step":
            return Axis(names, lo, hi, step=self._step(fields[2], start), position=at)
        if not re.fullmatch(r"0*[1-9]\d{0,17}", fields[2], re.ASCII):
            raise VirtualFileError("the number of bins must be a whole number, at least 1", self.text, start)
        return Axis(names, lo, hi, count=int(fields[2]), position=at)

    def _step(self, text: str, position: int) -> float:
        step = _number(text)
        if not step > 0:
            raise VirtualFileError("the bin size must be positive", self.text, position)
        return step

    def _options(self, body: str, position: int) -> None:
        for piece in body.split(","):
            found = OPTION.match(piece)
            if found is None:
                raise VirtualFileError("an option is `name=value`", self.text, position)
            self.options[found[1].lower()] = "yes" if found[2] is None else found[2].strip("\"'")
            position += len(piece) + 1

    def _subspace(self, body: str, position: int) -> None:
        if body.lstrip().startswith("-"):
            names = []
            for piece in body.split(","):
                found = re.fullmatch(r"\s*-\s*([A-Za-z_]\w*)\s*", piece)
                if found is None:
                    raise VirtualFileError("expected `-name`", self.text, position)
                names.append(found[1])
                position += len(piece) + 1
            self.subspace.append(SubspaceEdit(delete=tuple(names)))
        else:
            self.subspace.append(SubspaceEdit(expression=self.expression(body, position)))


class _FilterReader:
    """Turns the parse tree of one filter bracket into an `FilterExpression`."""

    def __init__(self, builder: Builder, position: int) -> None:
        self.builder, self.position = builder, position

    def read(self, tree: Any) -> FilterExpression:
        branches = tree.children if tree.data == "any_of" else [tree]
        parts = tuple(self._branch(b) for b in branches)
        return parts[0] if len(parts) == 1 else AnyOf(parts)

    def _branch(self, node: Any) -> FilterExpression:
        if node.data == "group":
            return self.read(node.children[0])
        terms = [self._term(t) for t in node.children if not hasattr(t, "type")]
        joined = joined_terms(terms)
        return joined[0] if len(joined) == 1 else All(tuple(joined))

    def _term(self, node: Any) -> FilterExpression:
        first = node.children[0]
        at = self.position + (first.start_pos or 0) if hasattr(first, "start_pos") else self.position
        match node.data:
            case "region_term":
                names = tuple(re.findall(r"#\d+|#?[A-Za-z_][\w.]*", str(first)))
                region = node.children[1].children[0]
                return RegionTerm(names, str(region), self.position + region.start_pos)
            case "file_term":
                return FileTerm(_file_text(str(first)), "", at)
            case "keyed_file_term":
                return FileTerm(_file_text(str(node.children[1])), str(first), at)
            case "compare_term":
                return self._compare(str(first), str(node.children[1]), self._items(node.children[2]), at)
        return RangeTerm(str(first), self._items(node.children[1]), at)

    def _compare(self, name: str, operator: str, items: tuple[Item, ...], at: int) -> FilterExpression:
        if operator == "==":
            return RangeTerm(name, items, at)
        if operator != "!=" and (len(items) != 1 or not items[0].single):
            raise VirtualFileError(f"'{operator}' wants one value", self.builder.text, items[0].position)
        return CompareTerm(name, operator, items, at)

    def _items(self, node: Any) -> tuple[Item, ...]:
        return tuple(self._item(n) for n in node.children if not hasattr(n, "type"))

    def _item(self, node: Any) -> Item:
        at = self.position + (0 if node.meta.empty else node.meta.start_pos)
        if node.data == "quoted":
            value = str(node.children[0])[1:-1]
            return Item(value, value, single=True, quoted=True, position=at)
        if node.data == "single":
            value = str(node.children[0])
            return Item(value, value, single=True, position=at)
        ends: list[str | None] = [None, None]
        side = 0
        for token in node.children:
            if token.type == "COLON":
                side = 1
            else:
                ends[side] = str(token)
        return Item(ends[0], ends[1], single=False, position=at)


def _file_text(token: str) -> str:
    """Return what stands behind the `@`, without the quotes around the name; brackets may follow."""
    name = token[1:].strip()
    close = name.find(name[0], 1) if name[:1] in {'"', "'"} else -1
    return name[1:close] + name[close + 1 :] if close > 0 else name


def _number(text: str) -> float:
    return float(text.lower().replace("d", "e"))
