"""Reading and rewriting one `.par` file.

A line holds `name,type,mode[,value[,min[,max[,prompt]]]]`; value, min, max and prompt may be quoted with `"` or `'`.
Comment lines, order, quoting and line ends survive rewriting: a changed field replaces only its own characters.
Format: CIAO `ahelp parameter`; quoting rules as in the IRAF family of parameter files.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from ciaopy.errors import ParameterError

FIELDS = ("name", "type", "mode", "value", "min", "max", "prompt")
TEXT_FIELDS = FIELDS[3:]
MODE_LETTERS = frozenset("aqhl")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")
_FILE_TYPE = re.compile(r"f[rwen]*\Z")
_OTHER_TYPE = re.compile(r"(?:b|i|r|d|s|pset|struct|\*.+|g[a-z]*)\Z")
_BLANKS = " \t"


class Parameter:
    """One parameter as its file declares it; the texts are raw (no redirection, no environment).

    Attributes
    ----------
    name, type, mode : str
        As in the file. `type` keeps its letters (`fr`, `*s`); see `kind`.
    value : str or None
        Stored text; None where the field is bare and empty (undefined).
    min, max : str
        Range or enumeration text, "" where absent.
    prompt : str
        What the user is asked.
    line : int
        1-based line number in the file.
    """

    __slots__ = ("line", "max", "min", "mode", "name", "prompt", "type", "value")

    def __init__(self, name: str, type_: str, mode: str, texts: list[str | None], line: int) -> None:
        self.name, self.type, self.mode, self.line = name, type_, mode, line
        self.value = texts[0]
        self.min, self.max, self.prompt = (text or "" for text in texts[1:])

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, {self.type!r}, {self.mode!r}, {self.value!r})"

    @property
    def kind(self) -> str:
        """One of `b`, `i`, `r`, `s`, `f`: how the value is converted (`d` is `r`; lists and psets are strings)."""
        if self.type in {"b", "i", "r"}:
            return self.type
        if self.type == "d":
            return "r"
        return "f" if self.type.startswith("f") else "s"

    @property
    def default(self) -> str:
        """Stored text, "" where undefined; in a system file this is the default."""
        return self.value or ""

    @property
    def choices(self) -> tuple[str, ...]:
        """Items of the enumeration, () where there is none."""
        for text in (self.min, self.max):
            if "|" in text:
                return tuple(dict.fromkeys(item.strip() for item in text.split("|")))
        if self.kind == "s" and self.min.strip() and not self.min.lstrip().startswith(")"):
            return (self.min.strip(),)
        return ()

    @property
    def minimum(self) -> str:
        """Lower bound text (inclusive), "" for none or an enumeration."""
        return "" if self.choices else self.min.strip()

    @property
    def maximum(self) -> str:
        """Upper bound text (inclusive), "" for none or an enumeration."""
        return "" if self.choices else self.max.strip()

    @property
    def hidden(self) -> bool:
        """True for parameters that are neither asked for nor filled by position."""
        return "h" in self.mode


class _Line:
    """One line of the file: its text, its line end, and for a parameter where each field sits."""

    __slots__ = ("end", "parameter", "spans", "text")

    def __init__(self, text: str, end: str) -> None:
        self.text, self.end = text, end
        self.parameter: Parameter | None = None
        self.spans: list[tuple[int, int]] = []


class ParFile:
    """The parameters of one file in file order, and the text around them.

    Parameters
    ----------
    data : bytes
        Content of the file.
    path : Path
        For messages.

    Attributes
    ----------
    tool : str
        Name of the tool: the file name without its extension, until the reader knows better.

    Raises
    ------
    ParameterError
        A line is malformed, a type is unknown, or a name comes twice; the message names file and line.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        self.path = path
        self.tool = path.stem
        self._lines: list[_Line] = []
        self._by_name: dict[str, _Line] = {}
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
        pieces = text.split("\n")
        for number, piece in enumerate(pieces, 1):
            end = "\n" if number < len(pieces) else ""
            if end and piece.endswith("\r"):
                piece, end = piece[:-1], "\r\n"
            line = _Line(piece, end)
            self._parse(line, number)
            self._lines.append(line)

    @classmethod
    def read(cls, path: Path) -> ParFile:
        """Read `path`; a file that cannot be opened is a `ParameterError`."""
        try:
            return cls(path.read_bytes(), path)
        except OSError as error:
            raise ParameterError(f"cannot read parameter file {path}: {error.strerror or error}") from error

    def _parse(self, line: _Line, number: int) -> None:
        stripped = line.text.strip(_BLANKS + "\r\f\v")
        if not stripped or stripped.startswith("#"):
            return
        try:
            fields, line.spans = split_fields(line.text)
            parameter = _make_parameter(fields, number)
        except ValueError as error:
            raise ParameterError(f"{self.path}, line {number}: {error}") from error
        if parameter.name in self._by_name:
            first = self[parameter.name].line
            raise ParameterError(f"{self.path}, line {number}: {parameter.name} was already declared on line {first}")
        line.parameter = parameter
        self._by_name[parameter.name] = line

    def __iter__(self) -> Iterator[Parameter]:
        return (line.parameter for line in self._lines if line.parameter is not None)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Parameter:
        parameter = self._by_name[name].parameter
        if parameter is None:
            raise KeyError(name)
        return parameter

    @property
    def names(self) -> list[str]:
        """Parameter names in file order."""
        return list(self._by_name)

    @property
    def mode(self) -> str:
        """Value of the special parameter `mode`, `ql` where it is missing or empty."""
        value = self["mode"].default.strip() if "mode" in self else ""
        return value or "ql"

    def set(self, name: str, field: str, text: str | None) -> None:
        """Replace one field (`value`, `min`, `max`, `prompt` or `mode`) of a parameter.

        The text must be valid already (`ciaopy.param.values`); None makes the field undefined.

        Raises
        ------
        ParameterError
            The text holds a line break or a NUL, which no parameter file can hold, or is no mode.
        """
        line, parameter = self._by_name[name], self[name]
        if text is not None and any(c in text for c in "\n\0"):
            raise ParameterError(f"{self.tool}.{name}: {field} must not contain a line break or a NUL character")
        if field == "mode":
            if not text or not MODE_LETTERS.issuperset(text):
                raise ParameterError(f"{self.tool}.{name}: mode {text!r} is not made of the letters a, q, h, l")
            written = text
        else:
            written = self._quoted(line, parameter, field, text)
        index = FIELDS.index(field)
        if index >= len(line.spans):
            missing = index - len(line.spans) + 1
            line.text = line.text.rstrip(_BLANKS + "\r") + "," * missing
            line.spans += [(len(line.text), len(line.text))] * missing
        start, end = line.spans[index]
        line.text = line.text[:start] + written + line.text[end:]
        number = parameter.line
        fields, line.spans = split_fields(line.text)
        line.parameter = _make_parameter(fields, number)

    @staticmethod
    def _quoted(line: _Line, parameter: Parameter, field: str, text: str | None) -> str:
        """Text as written: the field's own quotes, else `"` for strings, file names, prompts and what needs them."""
        index = FIELDS.index(field)
        old = line.text[slice(*line.spans[index])] if index < len(line.spans) else ""
        if text is None:
            return ""
        quote = old[:1] if old[:1] in {'"', "'"} else ""
        if not quote:
            is_text = field == "prompt" or (field == "value" and parameter.kind in {"s", "f"})
            if is_text or re.search(r"[,\"'\s#]", text):
                quote = '"'
        return quote + escape(text, quote) + quote if quote else text

    def to_bytes(self) -> bytes:
        """Return the file as it would be written; without changes, exactly the bytes that were read."""
        text = "".join(line.text + line.end for line in self._lines)
        return text.encode("utf-8", "surrogateescape")

    def copy(self, path: Path | None = None) -> ParFile:
        """Return an independent copy, optionally to live at another path."""
        other = ParFile(self.to_bytes(), path or self.path)
        other.tool = self.tool
        return other


def _make_parameter(fields: list[tuple[str, bool]], number: int) -> Parameter:
    """Check name, type and mode and build the parameter; ValueError says what is wrong."""
    if len(fields) < 3:
        raise ValueError("a parameter needs at least name,type,mode")
    name, type_, mode = (text.strip(_BLANKS) for text, _ in fields[:3])
    if not NAME.match(name):
        raise ValueError(f"{name!r} is not a parameter name")
    if _FILE_TYPE.match(type_):
        if {"e", "n"} <= set(type_):
            raise ValueError(f"{name}: type {type_!r} asks for a file that exists and does not exist")
    elif not _OTHER_TYPE.match(type_):
        raise ValueError(f"{name}: unknown type {type_!r}")
    if not mode or not MODE_LETTERS.issuperset(mode):
        raise ValueError(f"{name}: mode {mode!r} is not made of the letters a, q, h, l")
    texts: list[str | None] = [text if quoted or text else None for text, quoted in fields[3:]]
    texts += [None] * (4 - len(texts))
    return Parameter(name, type_, mode, texts, number)


def split_fields(text: str) -> tuple[list[tuple[str, bool]], list[tuple[int, int]]]:
    """Cut a parameter line at its commas.

    Returns
    -------
    fields : list of (str, bool)
        Up to seven texts, quotes and escapes removed, and whether the field was quoted.
    spans : list of (int, int)
        Where each stands in `text`, quotes included, blanks around it not.

    Raises
    ------
    ValueError
        A quote is not closed, or text follows a closing quote or the seventh field.
    """
    fields: list[tuple[str, bool]] = []
    spans: list[tuple[int, int]] = []
    at, end = 0, len(text)
    while True:
        field = FIELDS[len(fields)]
        while at < end and text[at] in _BLANKS:
            at += 1
        start = at
        quoted = field in TEXT_FIELDS and at < end and text[at] in "\"'"
        if quoted:
            at = _closing_quote(text, at, field) + 1
            fields.append((unescape(text[start + 1 : at - 1], text[start]), True))
            spans.append((start, at))
            while at < end and text[at] in _BLANKS + "\r":
                at += 1
            if at < end and text[at] != ",":
                rest = text[at : at + 20]
                raise ValueError(f"a quote is missing, or text follows the closing quote of the {field}: {rest!r}")
        else:
            comma = text.find(",", at)
            at = comma if comma >= 0 else end
            bare = text[start:at].rstrip(_BLANKS + "\r")
            fields.append((bare, False))
            spans.append((start, start + len(bare)))
        if at >= end:
            return fields, spans
        at += 1
        if len(fields) == len(FIELDS):
            if text[at:].strip(_BLANKS + "\r,"):
                raise ValueError(f"text after the prompt: {text[at : at + 20]!r}")
            return fields, spans


def _closing_quote(text: str, start: int, field: str) -> int:
    """Index of the quote that closes the one at `start`."""
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == text[start]:
            return at
        at += 1
    raise ValueError(f"missing closing quote of the {field}")


def unescape(text: str, quote: str) -> str:
    """Undo `\\\\` and the escaped quote; every other backslash stays."""
    if "\\" not in text:
        return text
    return re.sub(r"\\([\\" + quote + r"])", r"\1", text)


def escape(text: str, quote: str) -> str:
    """Write `text` for inside quotes, escaping as few backslashes as possible so that other readers agree."""
    out = []
    for i, char in enumerate(text):
        following = text[i + 1] if i + 1 < len(text) else quote
        if char == quote or (char == "\\" and following in {"\\", quote}):
            out.append("\\")
        out.append(char)
    return "".join(out)
