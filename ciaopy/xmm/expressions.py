"""Selection expressions of SAS's evselect: text to a tree, with macros from the header and errors that draw a caret.

The language (selectlib): case does not matter; `|| && ! .or. .and. .not.`; `== != < <= > >=` and their Fortran
spellings; `+ - * / % **`; bitwise `& | ^ ~`; `near(a,b,tol)`, `ifthenelse(c,a,b)`, `isnull(column)` and elementary
functions; `x in [lo:hi],(lo:hi),lo:,:hi,v`; `gti(file, TIME)` and `TIME in gti(file)`; `(X,Y) in circle(...)` and
`circle(..., X, Y)`. Precedence is C's, so `FLAG & 1 == 0` means `FLAG & (1 == 0)`: a note points that out.

`#NAME` stands for the text of the keyword NAME of the EVENTS table, in brackets.

Chosen here, because the documents do not say: `/` is a real division, `near` includes its tolerance, `~` inverts 32
bits, and `in` binds as the relational operators do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ciaopy.errors import NotAvailableError, UserError
from ciaopy.messages import caret_message
from ciaopy.xmm.flags import DEFAULT_MACROS

__all__ = ["FUNCTIONS", "SHAPES", "ExpressionError", "Node", "Selection", "expand_macros", "parse_selection"]

MAX_MACRO_DEPTH = 16
MAX_DEPTH = 120

# Function name -> how many arguments it takes (-1: two or more).
FUNCTIONS: dict[str, int] = {
    "abs": 1, "sqrt": 1, "sin": 1, "cos": 1, "tan": 1, "exp": 1, "log": 1, "log10": 1, "floor": 1, "ceil": 1,
    "min": -1, "max": -1, "near": 3, "ifthenelse": 3, "isnull": 1,
}  # fmt: skip
# Shape name -> how many numbers it takes (-1: an even number, six or more).
SHAPES: dict[str, int] = {
    "circle": 3, "annulus": 4, "ellipse": 5, "box": 5, "rotbox": 5, "polygon": -1, "point": 2,
}  # fmt: skip
# In the language, but with a meaning that no document at hand settles or a file format that ciaopy does not read here.
NOT_YET = ("mask", "region", "line", "elliptannulus", "boxannulus")

_SPELLINGS = {
    ".or.": "||", ".and.": "&&", ".not.": "!", ".eq.": "==", ".ne.": "!=", ".lt.": "<", ".le.": "<=", ".gt.": ">",
    ".ge.": ">=",
}  # fmt: skip
_MACRO = re.compile(r"#([A-Za-z_]\w*)")


class ExpressionError(UserError, ValueError):
    """A selection expression cannot be understood; the message draws a caret under the offending character.

    Parameters
    ----------
    problem : str
        What is wrong, in one clause.
    text : str
        The expression, macros replaced.
    position : int
        0-based index of the offending character.
    """

    def __init__(self, problem: str, text: str, position: int) -> None:
        self.problem, self.text, self.position = problem, text, position
        super().__init__(caret_message(problem, text, position, "expression"))


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of a selection.

    Attributes
    ----------
    kind : str
        `number`, `truth`, `column`, `any`, `all`, `unary`, `binary`, `compare`, `intervals`, `gti`, `shape`, `call`.
    operands : tuple of Node
    value : object
        Number, column name (lower case), operator, function or shape name, intervals or file.
    start : int
        Where it begins in the text.
    depth : int
        Levels of nodes below and including this one.
    bracketed : bool
        Whether it stood in brackets.
    """

    kind: str
    operands: tuple[Node, ...] = ()
    value: Any = None
    start: int = 0
    depth: int = 1
    bracketed: bool = False

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.operands))


@dataclass(frozen=True)
class Interval:
    """Limits of one interval; None where there is no limit. `single` means equality with `low`."""

    low: Node | None
    high: Node | None
    includes_low: bool = True
    includes_high: bool = True
    single: bool = False


@dataclass(frozen=True)
class Selection:
    """A parsed expression.

    Attributes
    ----------
    text : str
        The expression with its macros replaced.
    root : Node
    columns : tuple of str
        Lower-case names of the columns that it needs, in order of appearance.
    files : tuple of str
        Good time files, as written (`name.fits:TABLE`).
    notes : tuple of str
        What a user may not have meant.
    """

    text: str
    root: Node
    columns: tuple[str, ...]
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """True where the expression is the word `true`."""
        return self.root.kind == "truth" and bool(self.root.value)


def expand_macros(text: str, header: Mapping[str, Any], instrument: str = "") -> tuple[str, list[str]]:
    """Replace each `#NAME` by the header's keyword NAME in brackets, again until none is left.

    Parameters
    ----------
    text : str
    header : mapping
        Header of the EVENTS table.
    instrument : str
        INSTRUME; chooses the default where the header lacks the keyword.

    Returns
    -------
    text : str
    warnings : list of str
        Defaults that were taken.

    Raises
    ------
    ExpressionError
        A macro is neither in the header nor known, or macros go in a loop (deeper than 16).
    """
    warnings: list[str] = []
    for _ in range(MAX_MACRO_DEPTH):
        found = _MACRO.search(text)
        if found is None:
            return text, warnings
        pieces, end = [], 0
        for match in _MACRO.finditer(text):
            name = match[1].upper()
            value = header.get(name)
            if not isinstance(value, str):
                value = DEFAULT_MACROS.get((instrument.upper(), name))
                if value is None:
                    raise ExpressionError(
                        f"the header has no keyword {name} for the macro #{name}", text, match.start()
                    )
                warnings.append(f"no keyword {name} in the event list: #{name} taken as {value}")
            pieces += [text[end : match.start()], f"({value})"]
            end = match.end()
        text = "".join([*pieces, text[end:]])
    if found := _MACRO.search(text):
        raise ExpressionError(f"macros in a loop: #{found[1].upper()}", text[:200], min(found.start(), 200))
    return text, warnings


@lru_cache(maxsize=1)
def _lark() -> Any:
    import lark

    grammar = (files("ciaopy.xmm") / "selection.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, parser="lalr", lexer="contextual")


def parse_selection(text: str, header: Mapping[str, Any] | None = None, instrument: str = "") -> Selection:
    """Parse a selection expression.

    Parameters
    ----------
    text : str
        Empty means `true`.
    header : mapping, optional
        Header of the EVENTS table, for macros; without it the default macros of all instruments are known.
    instrument : str
        INSTRUME.

    Raises
    ------
    ExpressionError
        The text is not an expression; also a ValueError.
    NotAvailableError
        It uses `mask`, `region` or another construction that ciaopy does not do.
    """
    text = " ".join(text.split()) or "true"
    given = header if header is not None else {name: value for (_, name), value in DEFAULT_MACROS.items()}
    text, notes = expand_macros(text, given, instrument)
    for match in re.finditer(rf"\b({'|'.join(NOT_YET)})\s*\(", text, re.I):
        raise NotAvailableError(caret_message(f"{match[1]}() is not available yet", text, match.start(), "expression"))
    _check_nesting(text)
    builder = _Builder(text)
    root = builder.build(_parse(text))
    columns, gtis = dict.fromkeys(builder.columns), dict.fromkeys(builder.files)
    return Selection(text, root, tuple(columns), tuple(gtis), tuple(dict.fromkeys([*notes, *builder.notes])))


def _parse(text: str) -> Any:
    import lark

    try:
        return _lark().parse(text)
    except lark.exceptions.UnexpectedToken as error:
        at = len(text) if error.token.type == "$END" else int(error.token.start_pos or 0)
        found = "the end" if error.token.type == "$END" else repr(str(error.token))
        raise ExpressionError(f"unexpected {found}", text, at) from None
    except lark.exceptions.UnexpectedCharacters as error:
        at = int(error.pos_in_stream or 0)
        raise ExpressionError(f"unexpected {text[at]!r}", text, at) from None


def _check_nesting(text: str) -> None:
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth > MAX_DEPTH:
            raise ExpressionError(f"brackets nested more than {MAX_DEPTH} deep", text, i)


class _Builder:
    """Turns the parse tree of lark into nodes; notes columns, files and doubtful precedence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: list[str] = []
        self.files: list[str] = []
        self.notes: list[str] = []

    def build(self, tree: Any) -> Node:
        """Return the node of the whole expression; long chains of operators do not recurse."""
        import lark

        done: dict[int, Any] = {}
        for subtree in tree.iter_subtrees():
            children = [done[id(child)] if isinstance(child, lark.Tree) else child for child in subtree.children]
            done[id(subtree)] = getattr(self, f"_{subtree.data}")([c for c in children if c is not None])
        root = done[id(tree)]
        assert isinstance(root, Node)
        return root

    def _fail(self, problem: str, position: int) -> ExpressionError:
        return ExpressionError(problem, self.text, position)

    def _node(self, kind: str, operands: tuple[Node, ...], value: Any, start: int) -> Node:
        depth = 1 + max((n.depth for n in operands), default=0)
        if depth > 3 * MAX_DEPTH:
            raise self._fail(f"nested more than {3 * MAX_DEPTH} deep", start)
        return Node(kind, operands, value, start, depth)

    def _start(self, parts: list[Any]) -> Any:
        return parts[0]

    def _chain(self, kind: str, parts: list[Any]) -> Node:
        nodes = tuple(p for p in parts if isinstance(p, Node))
        return nodes[0] if len(nodes) == 1 else self._node(kind, nodes, None, nodes[0].start)

    def _disjunction(self, parts: list[Any]) -> Node:
        return self._chain("any", parts)

    def _conjunction(self, parts: list[Any]) -> Node:
        return self._chain("all", parts)

    def _binary(self, parts: list[Any]) -> Node:
        left, token, right = parts
        operator = str(token)
        if operator in "&|^" and any(n.kind == "compare" and not n.bracketed for n in (left, right)):
            self.notes.append(
                f"{operator} binds looser than a comparison, as in C: put brackets, as in (FLAG {operator} mask) == 0"
            )
        return self._node("binary", (left, right), operator, left.start)

    def _compare(self, parts: list[Any]) -> Node:
        left, token, right = parts
        operator = _SPELLINGS.get(str(token).lower(), str(token))
        return self._node("compare", (left, right), operator, left.start)

    def _unary(self, parts: list[Any]) -> Node:
        token, operand = parts
        operator = _SPELLINGS.get(str(token).lower(), str(token))
        return self._node("unary", (operand,), operator, token.start_pos)

    def _number(self, parts: list[Any]) -> Node:
        text = str(parts[0]).lower()
        value: float
        if text.startswith("0x"):
            value = int(text, 16)
        else:
            value = int(text) if text.isdecimal() else float(text.replace("d", "e"))
        if isinstance(value, int) and value >= 1 << 62:
            raise self._fail("number too large", parts[0].start_pos)
        return self._node("number", (), value, parts[0].start_pos)

    def _truth(self, parts: list[Any]) -> Node:
        return self._node("truth", (), str(parts[0]).lower() == "true", parts[0].start_pos)

    def _column(self, parts: list[Any]) -> Node:
        name = str(parts[0]).lower()
        self.columns.append(name)
        return self._node("column", (), name, parts[0].start_pos)

    def _bracketed(self, parts: list[Any]) -> Node:
        token, inner = parts
        return Node(inner.kind, inner.operands, inner.value, token.start_pos, inner.depth, True)

    def _pair(self, parts: list[Any]) -> tuple[Any, Node, Node]:
        token, first, second = parts
        return token, first, second

    def _call(self, parts: list[Any]) -> Node:
        name, operands = str(parts[0]).lower(), tuple(parts[2:])
        start = parts[0].start_pos
        if name in SHAPES:
            return self._node("shape", operands, name, start)
        if name not in FUNCTIONS:
            known = ", ".join(sorted({*FUNCTIONS, *SHAPES, "gti"}))
            raise self._fail(f"unknown function {parts[0]}; there are {known}", start)
        wanted = FUNCTIONS[name]
        if len(operands) != wanted and not (wanted < 0 and len(operands) >= 2):
            raise self._fail(f"{name} takes {wanted if wanted > 0 else '2 or more'} arguments", start)
        if name == "isnull" and operands[0].kind != "column":
            raise self._fail("isnull takes a column", start)
        return self._node("call", operands, name, start)

    def _in_shape(self, parts: list[Any]) -> Node:
        (token, first, second), _, shape = parts
        if shape.kind != "shape":
            raise self._fail(f"(x,y) in a region: one of {', '.join(SHAPES)}", shape.start)
        return self._node("shape", (*shape.operands, first, second), shape.value, token.start_pos)

    def _gti_call(self, parts: list[Any]) -> Node:
        token, file, argument = parts
        return self._gti(file, argument, token.start_pos)

    def _in_gti(self, parts: list[Any]) -> Node:
        argument, _, _, file = parts
        return self._gti(file, argument, argument.start)

    def _gti(self, file: Any, argument: Node, start: int) -> Node:
        name = str(file).strip()
        self.files.append(name)
        return self._node("gti", (argument,), name, start)

    def _single(self, parts: list[Any]) -> Interval:
        return Interval(parts[0], parts[0], single=True)

    _single_closed = _single

    def _bare_span(self, parts: list[Any]) -> Interval:
        return self._limits(parts, True, True)

    def _span(self, parts: list[Any]) -> Interval:
        return self._limits(parts[1:-1], parts[0].type == "LSQB", parts[-1].type == "RSQB")

    def _limits(self, parts: list[Any], includes_low: bool, includes_high: bool) -> Interval:
        colon = next(i for i, p in enumerate(parts) if not isinstance(p, Node))
        low = parts[0] if colon else None
        high = parts[colon + 1] if colon + 1 < len(parts) else None
        return Interval(low, high, includes_low, includes_high)

    def _intervals(self, parts: list[Any]) -> list[Interval]:
        return parts

    def _in_intervals(self, parts: list[Any]) -> Node:
        argument, _, intervals = parts
        limits = tuple(n for i in intervals for n in (i.low, i.high) if n is not None)
        deepest = max((n.depth for n in limits), default=0)
        node = self._node("intervals", (argument,), tuple(intervals), argument.start)
        return node if deepest < node.depth else Node("intervals", (argument,), node.value, node.start, deepest + 1)
