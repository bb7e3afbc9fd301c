"""The grammar of region text: CIAO expressions, and the lines of ASCII region files of CIAO and ds9."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from ciaopy.datamodel.regions.coordinates import SYSTEMS, Frame, SkyMapping
from ciaopy.datamodel.regions.region import Region
from ciaopy.datamodel.regions.shapes import KINDS, Shape
from ciaopy.errors import RegionError

__all__ = ["OPERATORS", "Include", "closing_parenthesis", "parse_expression", "parse_lines"]

# Shape names; capitals are the letters that may not be left out.
_NAMES = (
    ("CIRcle", "circle"),
    ("ANNULUS", "annulus"),
    ("ELLipse", "ellipse"),
    ("BOX", "box"),
    ("ROTBOX", "rotbox"),
    ("RECTangle", "rectangle"),
    ("POLYgon", "polygon"),
    ("PIE", "pie"),
    ("SECTor", "sector"),
    ("POInt", "point"),
    ("FIELD", "field"),
    ("LINE", "line"),
    ("TEXT", "text"),
    ("PANDA", "panda"),
    ("EPANDA", "epanda"),
    ("BPANDA", "bpanda"),
)
_UNSUPPORTED = ("ELLIPTANNulus", "DIAmond", "RHOmbus", "ROTDIA", "ROTRECTangle")
# ds9 annotations: they mark no area
_ANNOTATIONS = ("vector", "ruler", "compass", "projection", "segment", "composite")
_FOREIGN_SYSTEMS = ("amplifier", "detector", "linear", *(f"wcs{c}" for c in "abcdefghijklmnopqrstuvwxyz"))
_DIRECTIVE = re.compile(r"(?:global|tile)\b", re.IGNORECASE)
_QUOTED = re.compile(r"(?<=[,(\s])\"[^\"]*\"|\{[^{}]*\}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
OPERATORS = {"+": "|", "|": "|", "||": "|", "*": "&", "&": "&", "&&": "&", "-": "-"}
_MAX_DEPTH = 30
_MAX_ANNULI = 10_000

Include = Callable[[str], Region]


def parse_expression(text: str, wcs: SkyMapping | None, include: Include) -> Region:
    """Parse one region expression; see `parse_region`, which also takes the content of a file.

    Parameters
    ----------
    text : str
    wcs : SkyMapping or None
        For sky coordinates and sizes.
    include : callable
        Returns the region of the file that `region(FILE)` names.

    Raises
    ------
    RegionError
        The text cannot be understood, has no shapes, or begins with an exclusion.
    """
    return _combine(_Expression(text.strip(), Frame(wcs=wcs), include).terms(), text)


def parse_lines(text: str, wcs: SkyMapping | None, include: Include) -> Region:
    """Parse the content of an ASCII region file: one shape or expression per line or `;`, all joined by OR.

    A line that begins with `-`, `*` or `&` is combined with the shape (component) before it. Coordinate systems of
    ds9 (`physical`, `image`, `fk5`, `icrs`, `fk4`, `galactic`, `ecliptic`) hold until the next one; `global` lines,
    comments and annotations are skipped. In a sky system plain coordinates and sizes are degrees.

    Raises
    ------
    RegionError
        As `parse_expression`; the message gives the line.
    """
    frame = Frame(wcs=wcs)
    terms: list[tuple[str, Region]] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            for statement in _statements(line):
                word = statement.lower()
                if word in SYSTEMS:
                    frame = frame.with_system(word)
                elif word in _FOREIGN_SYSTEMS:
                    raise RegionError(f"region: the coordinate system {word} is not supported; use physical or fk5")
                elif not _DIRECTIVE.match(word) and not word.startswith(_ANNOTATIONS):
                    terms += _statement_terms(statement, frame, include, is_first=not terms)
        except RegionError as error:
            raise RegionError(f"line {number}: {error}") from None
    return _combine(terms, text)


def _statements(line: str) -> list[str]:
    """Return the statements of a line, without comments and quoted text."""
    code = _QUOTED.sub('""', line).split("#", 1)[0]
    parts = (part.strip().removesuffix("||").strip() for part in code.split(";"))
    return [part for part in parts if part]


def _statement_terms(statement: str, frame: Frame, include: Include, *, is_first: bool) -> list[tuple[str, Region]]:
    """Return the terms of one statement; the operator of the first joins it to the statement before."""
    operator = "|"
    if statement[0] in "+-*&|":
        operator, statement = OPERATORS[statement[0]], statement[1:].lstrip()
        if is_first and operator != "|":
            raise RegionError(_EXCLUSION_FIRST)
    elif statement[0] == "!":
        raise RegionError(
            "region: a line that begins with ! is ambiguous; write -shape to exclude it from the one before"
        )
    terms = _Expression(statement, frame, include).terms()
    return [(operator, terms[0][1]), *terms[1:]]


_EXCLUSION_FIRST = "region: it begins with an exclusion; begin with field(), as in field()-circle(x,y,r)"


def _combine(terms: list[tuple[str, Region]], text: str) -> Region:
    """Join terms left to right, AND before OR."""
    if not terms:
        shown = text.strip().splitlines()
        raise RegionError(f"region: no shapes in it{': ' + shown[0][:60] if shown else ''}")
    groups: list[Region] = []
    for operator, term in terms:
        if operator == "|":
            groups.append(term)
        else:
            groups[-1] = groups[-1] & term if operator == "&" else groups[-1] - term
    return Region(tuple(component for group in groups for component in group.components))


class _Expression:
    """Recursive descent over one region expression."""

    def __init__(self, text: str, frame: Frame, include: Include, depth: int = 0) -> None:
        self.text, self.frame, self.include, self.depth = text, frame, include, depth
        self.position = 0
        if depth > _MAX_DEPTH:
            raise RegionError(f"region: more than {_MAX_DEPTH} nested parentheses")

    def terms(self) -> list[tuple[str, Region]]:
        """Return every (operator, term); the first operator is `|`.

        Raises
        ------
        RegionError
            Anything that is not an expression.
        """
        if not self.text:
            raise RegionError("region: no shapes in it")
        if self.text[0] == "-":
            raise RegionError(_EXCLUSION_FIRST)
        found = [("|", self._term())]
        while self._skip_blanks():
            symbol = self.text[self.position]
            if symbol in OPERATORS:
                double = self.text[self.position : self.position + 2]
                self.position += 2 if double in ("||", "&&") else 1
                self._skip_blanks()
            found.append((OPERATORS.get(symbol, "|"), self._term()))
        return found

    def _skip_blanks(self) -> bool:
        """Move to the next character that is not blank; return whether there is one."""
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        return self.position < len(self.text)

    def _fail(self, problem: str) -> RegionError:
        rest = self.text[self.position : self.position + 40]
        return RegionError(f"region: {problem} at {rest!r}" if rest else f"region: {problem} at its end")

    def _term(self) -> Region:
        negations = 0
        while self._skip_blanks() and self.text[self.position] == "!":
            self.position += 1
            negations += 1
        term = self._positive_term()
        return ~term if negations % 2 else term

    def _positive_term(self) -> Region:
        if self.text[self.position : self.position + 1] == "(":
            return self._nested(self._parenthesised())
        word = _WORD.match(self.text, self.position)
        if word is None:
            raise self._fail("expected a shape")
        name = word[0].lower()
        kind = _shape_name(name)
        self.position = word.end()
        if self._skip_blanks() and self.text[self.position] == "(":
            content = self._parenthesised()
        elif kind is not None:
            content, self.position = self.text[self.position :], len(self.text)
        else:
            content = ""
        if name == "region":
            return self.include(content.strip())
        if name == "bounds":
            return _rectangle_around(self._nested(content))
        if name == "mask":
            raise RegionError("region: mask(file) has a meaning only in a filter, as in [sky=mask(file)]")
        if kind is None:
            raise RegionError(_unknown_shape(name))
        return _make(kind, _arguments(content), self.frame)

    def _nested(self, content: str) -> Region:
        inner = _Expression(content.strip(), self.frame, self.include, self.depth + 1)
        return _combine(inner.terms(), content)

    def _parenthesised(self) -> str:
        """Return what stands between the parenthesis here and its partner, and move behind it."""
        start = self.position
        end = closing_parenthesis(self.text, start)
        self.position = end + 1
        return self.text[start + 1 : end]


def closing_parenthesis(text: str, start: int) -> int:
    """Return where the parenthesis that opens at `start` closes.

    Raises
    ------
    RegionError
        Nowhere.
    """
    level = 0
    for i in range(start, len(text)):
        level += {"(": 1, ")": -1}.get(text[i], 0)
        if level == 0:
            return i
    raise RegionError(f"region: a parenthesis that is not closed at {text[start : start + 40]!r}")


def _shape_name(name: str) -> str | None:
    for pattern, kind in _NAMES:
        least = sum(c.isupper() for c in pattern)
        if len(name) >= least and pattern.lower().startswith(name):
            return kind
    return None


def _unknown_shape(name: str) -> str:
    for pattern in _UNSUPPORTED:
        least = sum(c.isupper() for c in pattern)
        if len(name) >= least and pattern.lower().startswith(name):
            return f"region: {pattern.lower()} shapes are not supported; use a polygon"
    return f"region: unknown shape {name[:40]}; the shapes are {', '.join(KINDS)}"


def _arguments(content: str) -> list[str]:
    content = _QUOTED.sub('""', content).strip()
    return re.split(r"\s*,\s*|\s+", content) if content else []


def _rectangle_around(region: Region) -> Region:
    box = region.bounds
    if box.is_empty or not box.is_finite:
        raise RegionError(f"region: bounds() needs a region of finite size, not {region}")
    return Region.from_shape(Shape("rectangle", (box.xlo, box.xhi), (box.ylo, box.yhi)))


# Counts of numbers that each name accepts in text; None: see `_make`.
_COUNTS: dict[str, tuple[int, ...]] = {
    "circle": (3,),
    "ellipse": (5,),
    "box": (4, 5),
    "rotbox": (5,),
    "rectangle": (4,),
    "line": (4,),
    "pie": (6,),
    "panda": (8,),
    "epanda": (11,),
    "bpanda": (11,),
    "sector": (4,),
    "point": (2,),
    "text": (2, 3),
    "field": (0,),
}


def _make(kind: str, arguments: list[str], frame: Frame) -> Region:
    """Build the region of one shape from its arguments as typed."""
    if kind in ("annulus", "ellipse", "box") and any("=" in a for a in arguments):
        arguments = _divided(kind, arguments)
    count = len(arguments)
    if kind in ("ellipse", "box") and count > 5:
        return _nested_annuli(kind, arguments, frame)
    counts = _COUNTS.get(kind)
    if counts is not None and count not in counts:
        wanted = " or ".join(map(str, counts))
        raise RegionError(f"region: {kind} takes {wanted} numbers, not {count}")
    if kind == "polygon" and (count < 6 or count % 2):
        raise RegionError(f"region: polygon takes the x and y of 3 or more vertices, not {count} numbers")
    if kind == "annulus" and count < 4:
        raise RegionError(f"region: annulus takes a centre and 2 or more radii, not {count} numbers")
    if kind == "field":
        return Region.from_shape(Shape("field"))
    if kind in ("epanda", "bpanda"):
        return _turned_panda(kind, arguments, frame)
    if kind in ("polygon", "rectangle", "line"):
        return Region.from_shape(_from_vertices(kind, arguments, frame))
    x, y = frame.position(arguments[0], arguments[1])
    return Region(tuple((s,) for s in _centred(kind, (x,), (y,), arguments[2:], frame)))


def _divided(kind: str, arguments: list[str]) -> list[str]:
    """Return the arguments with the `n=3` of ds9 replaced by the sizes in between, evenly spaced.

    Raises
    ------
    RegionError
        Another word than n, no whole number above 0, not two sizes, or sizes in different units.
    """
    found = [re.fullmatch(r"n=(\d+)", a, re.IGNORECASE) for a in arguments]
    number = next((m for m in found if m), None)
    plain = [a for a, m in zip(arguments, found, strict=True) if m is None]
    width = 1 if kind == "annulus" else 2
    turns = plain[2 + 2 * width :]
    if number is None or int(number[1]) < 1 or len(turns) > width - 1 or len(plain) < 2 + 2 * width:
        raise RegionError(
            f"region: {kind}({','.join(arguments)}): with n=, give the inner and the outer sizes, and n > 0"
        )
    count, sizes = int(number[1]), plain[2 : 2 + 2 * width]
    parts = [re.fullmatch(r"([-+.\deE]+?)(d|p|i|r|''|\"|')?", s) for s in sizes]
    if None in parts or len({m[2] for m in parts if m}) > 1 or count > _MAX_ANNULI:
        raise RegionError(f"region: {kind} with n= needs two sizes of one unit, and n of at most {_MAX_ANNULI}")
    numbers = [float(m[1]) for m in parts if m]
    unit = (parts[0][2] if parts[0] else "") or ""
    steps = [
        f"{a + (b - a) * k / count!r}{unit}"
        for k in range(count + 1)
        for a, b in zip(numbers[:width], numbers[width:], strict=True)
    ]
    return [*plain[:2], *steps, *turns]


def _nested_annuli(kind: str, arguments: list[str], frame: Frame) -> Region:
    """Return the elliptical or box annuli of ds9: a centre, pairs of sizes from the inside out, and an angle."""
    sizes, turn = arguments[2:], "0"
    if len(sizes) % 2:
        sizes, turn = sizes[:-1], sizes[-1]
    inner = [_make(kind, [*arguments[:2], *sizes[i : i + 2], turn], frame) for i in range(0, len(sizes), 2)]
    return _rings(kind, inner)


def _rings(kind: str, nested: list[Region]) -> Region:
    for small, large in pairwise(nested):
        (a, b), (c, d) = small.shapes[0].radii, large.shapes[0].radii
        if a > c or b > d:
            raise RegionError(f"region: {kind}: the sizes of annuli must grow; {a:g},{b:g} is followed by {c:g},{d:g}")
    return Region(tuple(c for small, large in pairwise(nested) for c in (large - small).components))


def _turned_panda(kind: str, arguments: list[str], frame: Frame) -> Region:
    """Return the `epanda` or `bpanda` of ds9: x, y, two angles, their number, four sizes, their number, a rotation.

    The angles count from the turned axes of the shape, so that its rotation turns its spokes as well.
    """
    shape = "ellipse" if kind == "epanda" else "box"
    first, last = (frame.angle(a) - frame.angle("0") for a in arguments[2:4])
    rings = _nested_annuli(shape, [*arguments[:2], *arguments[5:9], arguments[10]], frame)
    if abs(last - first) >= 360.0:
        return rings
    centre = rings.shapes[0]
    turn = frame.angle(arguments[10])
    return rings & Region.from_shape(Shape("sector", centre.x, centre.y, (), (first + turn, last + turn)))


def _from_vertices(kind: str, arguments: list[str], frame: Frame) -> Shape:
    if kind != "polygon":
        frame.check_upright(kind, arguments[0])
    points = [frame.position(*arguments[i : i + 2]) for i in range(0, len(arguments), 2)]
    if kind == "polygon" and len(points) > 3 and points[0] == points[-1]:
        del points[-1]
    # CIAO's line is the rectangle between its ends
    name = "rectangle" if kind == "line" else kind
    return Shape(name, tuple(p[0] for p in points), tuple(p[1] for p in points))


def _centred(kind: str, x: tuple[float], y: tuple[float], rest: list[str], frame: Frame) -> list[Shape]:
    """Return the shapes (several for an annulus of many radii) around a centre."""
    centre = (x[0], y[0])
    match kind:
        case "point" | "text":
            return [Shape("point", x, y)]
        case "circle":
            return [Shape("circle", x, y, (frame.size(rest[0], centre),))]
        case "annulus":
            radii = [frame.size(r, centre) for r in rest]
            return [Shape("annulus", x, y, pair) for pair in pairwise(radii)]
        case "sector":
            return [Shape("sector", x, y, (), (frame.angle(rest[0]), frame.angle(rest[1])))]
        case "panda":
            rest = [rest[3], rest[4], rest[0], rest[1]]
    sizes = (frame.size(rest[0], centre), frame.size(rest[1], centre))
    angles = tuple(frame.angle(a) for a in rest[2:])
    if kind == "box" and not angles:
        angles = (frame.turn,)
    if kind in ("pie", "panda"):
        return [Shape("pie", x, y, sizes, angles)]
    if kind == "box":
        return [Shape("rotbox", x, y, sizes, angles) if any(angles) else Shape("box", x, y, sizes)]
    return [Shape(kind, x, y, sizes, angles)]
