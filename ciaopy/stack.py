"""Stacks: lists of strings written as one text, `a.fits,b*.fits @list.lis[energy=500:7000] e[ccd_id=igrid(0:3:1)]`.

`build` is the function of CIAO's `stk` module, `join` its inverse, `Stack` the object of its library (indices from 1),
`expand` the bare rule without errors for blank stacks. Rules: CIAO `ahelp stack`; details were pinned on the stack
library 4.18.

Known differences: no length limits; lines may end in CR LF; a stack file that includes itself is an error; a grid that
would never end, or holds more than a million entries, is an error; a character behind a backslash is itself, never
part of a pattern, of a grid, or the `@` of a stack file, so that every file name can be written.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator

from ciaopy.errors import DataError, StackError
from ciaopy.filenames import path_end

__all__ = ["BlankStackError", "Stack", "build", "expand", "expand_numbered", "join", "quote"]

#: Grids longer than this are taken for a mistake.
MAX_GRID = 1_000_000
#: Stack files that open each other with `@+` may go this deep.
MAX_DEPTH = 100
_SEPARATORS = " ,;"
_OPENING = {"[": "]", "(": ")", "{": "}"}
_CLOSING = {end: start for start, end in _OPENING.items()}
# Characters that mean something in an item; behind a backslash they are moved out of the way until the entry is done,
# to code points (high surrogates) that no text and no file name has.
_SPECIAL = "\\ ,;\n\t\r@*?[](){}<>"
_MARKS = {char: chr(0xDB80 + ord(char)) for char in _SPECIAL}
_MARK = str.maketrans(_MARKS)
_PLAIN = str.maketrans({mark: char for char, mark in _MARKS.items()})
_GLOB = str.maketrans({_MARKS[char]: f"[{char}]" for char in "*?["})

Report = Callable[[str], None]


class BlankStackError(StackError, ValueError):
    """The stack has no entry, or a single blank one."""


def build(text: str | bytes) -> list[str]:
    """Return the entries of a stack.

    Parameters
    ----------
    text : str or bytes
        Value of a parameter.

    Returns
    -------
    list of str
        At least one entry; a single entry is not blank.

    Raises
    ------
    StackError
        `text` is no text or empty, or a stack file is missing or includes itself.
    BlankStackError
        Nothing but blanks or separators, or an empty stack file (also a ValueError).
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if not isinstance(text, str):
        raise StackError("Could not parse arguments.")
    if not text:
        raise StackError("Empty stack string.")
    entries = expand(text)
    if not entries:
        raise BlankStackError("Stack has 0 elements")
    if len(entries) == 1 and not entries[0].strip():
        raise BlankStackError("Stack has only 1 element and it is blank")
    return entries


def join(entries: Iterable[str | os.PathLike[str]]) -> str:
    """Return the text of which `build` makes these entries again.

    Parameters
    ----------
    entries : iterable of str or path-like
        Names of files, or virtual files; none gives an empty text.

    Raises
    ------
    StackError
        An entry is blank.
    """
    return ",".join(quote(entry) for entry in entries)


def quote(entry: str | os.PathLike[str]) -> str:
    """Return an entry as it must stand in a stack; unchanged where nothing in it would be taken for something else.

    Raises
    ------
    StackError
        The entry is blank.
    """
    text = os.fspath(entry)
    if not text.strip():
        raise StackError("a blank name cannot stand in a stack")
    name = text.partition("[")[0]
    is_plain = "\\" not in text and "grid(" not in text and not text.startswith("@") and not set("*?") & set(name)
    if is_plain and _marked_items(f"{text},-") == [text, "-"]:
        return text
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def expand(text: str, *, prefix: bool = True, report: Report | None = None) -> list[str]:
    """Return the entries of a stack; empty or blank text gives one empty string.

    Parameters
    ----------
    text : str
        Value of a parameter.
    prefix : bool
        Put the folder of a stack file before its entries.
    report : callable, optional
        Told of nested stack files that cannot be read; default: the logger `ciaopy.stack`.

    Raises
    ------
    StackError
        A stack file cannot be read or includes itself, or a grid would never end.
    """
    return _Builder(text, prefix, report or _log).entries() or [""]


def expand_numbered(text: str, count: int, *, report: Report | None = None) -> list[str]:
    """Replace the first `#` by 1..count, padded with zeros, and return the entries of all.

    `expand_numbered("foo#.fits", 11)` is `foo01.fits` ... `foo11.fits`. Without `#` the text is built once; a count
    below 1 is taken as 1; both are reported.
    """
    report = report or _log
    if count < 1:
        report(f"the number of stack entries must be at least 1, not {count}")
        count = 1
    if "#" not in text:
        report(f"no # in '{text}' to put numbers in")
        return expand(text, report=report)
    width = len(str(count))
    return [e for i in range(1, count + 1) for e in expand(text.replace("#", f"{i:0{width}d}", 1), report=report)]


def _log(message: str) -> None:
    import logging

    logging.getLogger("ciaopy.stack").warning("%s", message)


def split_items(text: str) -> list[str]:
    """Cut a stack at blanks, commas and semicolons outside brackets; a backslash takes the next character literally.

    `<` opens a bracket that nothing closes, and a closing bracket without its opening one keeps the rest together, as
    in the original.
    """
    return [item.translate(_PLAIN) for item in _marked_items(text)]


def _marked_items(text: str) -> list[str]:
    """Return the items of a stack, characters behind a backslash marked.

    Raises
    ------
    StackError
        The text has one of the marks in it.
    """
    if any("\udb80" <= char <= "\udbff" for char in text):
        raise StackError(f"{text!a}: it holds characters that no file name has")
    items: list[str] = []
    item = ""
    depth = dict.fromkeys("[({<", 0)
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        is_open = any(depth.values())
        if char == "\\":
            item += text[at : at + 1].translate(_MARK)
            at += 1
        elif not is_open and (char in _SEPARATORS or char == "\n"):
            items.append(item)
            item = ""
        else:
            if char in _OPENING:
                depth[char] += 1
            elif char in _CLOSING:
                depth[_CLOSING[char]] -= 1
            elif char == "<" and not is_open:
                depth["<"] = 1
            item += char
    items.append(item)
    return [kept for kept in (item.strip("\t\n\r") for item in items) if kept]


class _Builder:
    """One text on its way to entries: items, then stack files and patterns, then grids."""

    def __init__(self, text: str, prefix: bool, report: Report) -> None:
        self.text, self.prefix, self.report = text, prefix, report

    def entries(self) -> list[str]:
        """All entries in order, grids expanded."""
        raw: list[str] = []
        for item in [self.text] if _is_one_name(self.text) else _marked_items(self.text):
            raw += self._stack_file(item, "", []) if item.startswith("@") else _glob_item(item)
        entries = [entry for text in raw for entry in (expand_grid(text) if not text.startswith("@") else [text])]
        return [entry.translate(_PLAIN) for entry in entries]

    def _stack_file(self, reference: str, folder: str, parents: list[str]) -> list[str]:
        """Entries of `@[+][-]name[filter]`; `folder` stands before the name."""
        rest = reference[1:]
        recurse = rest.startswith("+")
        rest = rest.removeprefix("+")
        keep_names = rest.startswith("-")
        rest = rest.removeprefix("-")
        cut = path_end(rest) if "[" in rest else rest.find("<")
        name, appended = (rest, "") if cut < 0 else (rest[:cut], rest[cut:])
        name = name.translate(_PLAIN)
        if not name.startswith("/"):
            name = folder + name
        real = _real_path(name)
        if real in parents:
            raise self._failure(f"stack file '{name}' includes itself")
        if len(parents) >= MAX_DEPTH:
            raise self._failure(f"stack files are nested more than {MAX_DEPTH} deep at '{name}'")
        own_folder = "" if keep_names or not self.prefix else name[: name.rfind("/") + 1]
        found: list[str] = []
        for record in self._records(name):
            if record.startswith("@") and recurse:
                found += self._nested(record, own_folder, [*parents, real])
            elif record.startswith("@"):
                found.append(record)
            else:
                found += _glob(_prefixed(record, own_folder))
        return [entry + appended for entry in found or [""]]

    def _nested(self, record: str, folder: str, parents: list[str]) -> list[str]:
        """Entries of a stack file named in another; one that cannot be read is reported and left out."""
        try:
            return self._stack_file(record, folder, parents)
        except _UnreadableError as error:
            self.report(str(error))
            return []

    def _records(self, name: str) -> Iterator[str]:
        """Lines of a stack file: continued lines joined, blanks cut, comments and blank lines left out."""
        try:
            lines = _content(name).decode("utf-8", "surrogateescape").split("\n")
        except (OSError, ValueError, DataError) as error:
            reason = getattr(error, "strerror", None) or error
            raise self._failure(f"can not open stack '{name}': {reason}", _UnreadableError) from error
        joined = ""
        for line in lines:
            line = joined + line.rstrip(" \r")
            joined = ""
            if line.endswith("\\"):
                joined = line[:-1].rstrip(" ")
                continue
            yield from _record(line)
        yield from _record(joined)

    def _failure(self, why: str, kind: type[StackError] = StackError) -> StackError:
        return kind(f"Cannot build stack from string '{self.text}': {why}")


def _content(name: str) -> bytes:
    """Return the bytes of a stack file, or of a stream, without a byte-order mark."""
    from ciaopy.streams import is_stream, read_bytes

    if is_stream(name):
        return read_bytes(name)
    with open(name, "rb") as stream:  # noqa: PTH123 - a name may end in a blank or a slash, kept as typed
        return stream.read().removeprefix(b"\xef\xbb\xbf")


def _real_path(name: str) -> str:
    """Name by which a stack file is recognised when it comes again; a name that no file can have stays as it is."""
    try:
        return os.path.realpath(name)
    except ValueError:
        return name


class _UnreadableError(StackError):
    """A stack file cannot be opened: fatal unless it is named in another stack file."""


def _record(line: str) -> Iterator[str]:
    record = line.strip(" ")
    if record and not record.startswith("#"):
        yield record


def _exists(name: str) -> bool:
    try:
        return os.path.lexists(name)
    except ValueError:  # a NUL byte
        return False


def _is_one_name(text: str) -> bool:
    """True where a text with separators in it is the name of a file or folder that exists, filters behind it or not.

    `my obs, part 1/evt2.fits[ccd_id=3]` is one file where there is one, `a.fits,b.fits` two as ever. Several such
    names, and names of files to come, need the backslash.
    """
    start = re.match(r"@?\+?-?", text)
    name = text[start.end() :] if start is not None else text
    end = path_end(name)
    path, rest = name[:end].strip(), name[end:].strip()
    if not (set(_SEPARATORS) & set(path)) or "\\" in path or not (_exists(path) or _exists(path + ".gz")):
        return False
    depth = 0
    for char in rest:
        depth += {"[": 1, "]": -1}.get(char, 0)
        if depth == 0 and char != "]" and not char.isspace():
            return False
    return depth == 0


def _prefixed(record: str, folder: str) -> str:
    """Put the folder of the stack file before a record, unless that is absolute or marked with `!`."""
    if record.startswith("!"):
        return record[1:]
    return record if record.startswith("/") else folder + record


def _glob_item(item: str) -> list[str]:
    """Expand the pattern before the first `[` of an item and put the rest behind each name."""
    cut = path_end(item)
    if cut == len(item):
        return _glob(item)
    return [name + item[cut:] for name in _glob(item[:cut])]


def _glob(pattern: str) -> list[str]:
    """File names that match, in byte order; the pattern itself where there are none."""
    if not any(char in pattern for char in "*?[") or _exists(pattern.translate(_PLAIN)):
        return [pattern]
    try:
        pattern_text = re.sub(r"\*{2,}", "*", pattern).translate(_GLOB).translate(_PLAIN)
        found = glob.glob(pattern_text.replace("[^", "[!"))  # noqa: PTH207 - names as typed, not Path
    except (OSError, ValueError, re.error, RecursionError):
        found = []
    return sorted(found, key=os.fsencode) or [pattern]


# --- grids ---------------------------------------------------------------------------------------------------------

_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
_RANGE = ":".join([_NUMBER] * 3)
_GRIDS = {
    "rgrid": re.compile(r"rgrid\(" + _RANGE + "," + _RANGE + r"\)"),
    "pgrid": re.compile(r"pgrid\(" + _NUMBER + "," + _NUMBER + "," + _RANGE + "," + _RANGE + r"\)"),
    "lgrid": re.compile(r"lgrid\(" + _RANGE + r"\)"),
    "igrid": re.compile(r"igrid\(" + _RANGE + r"\)"),
}


def expand_grid(entry: str) -> list[str]:
    """Expand the first grid of an entry, looking for `rgrid`, `pgrid`, `lgrid`, `igrid` in that order.

    Sums run in float32 as in the original, so `lgrid(0:1:0.1)` ends at 0.9; numbers are written with `%g`. A malformed
    grid leaves the entry as it is; one whose lower limit is above the upper one, or with a negative step, gives none.

    Raises
    ------
    StackError
        The grid would never end or holds more than `MAX_GRID` entries.
    """
    if "grid(" not in entry:
        return [entry]
    for name, pattern in _GRIDS.items():
        match = pattern.search(entry)
        if match is not None:
            before, after = entry[: match.start()], entry[match.end() :]
            return [before + text + after for text in _grid_texts(name, [float(g) for g in match.groups()], entry)]
    return [entry]


def _grid_texts(name: str, numbers: list[float], entry: str) -> list[str]:
    """Replacement texts of one grid."""
    if name in {"lgrid", "igrid"}:
        low, high, step = numbers
        steps = _steps(low, high, step, entry)
        return [f"{x:g}" if name == "lgrid" else str(int(x)) for x in steps]
    centre, (lo1, hi1, d1, lo2, hi2, d2) = numbers[:-6], numbers[-6:]
    first = _steps(lo1, hi1, d1, entry, cells=True)
    second = _steps(lo2, hi2, d2, entry, cells=True)
    if len(first) * len(second) > MAX_GRID:
        raise StackError(f"the grid in '{entry}' has more than {MAX_GRID} entries")
    texts = []
    for a in first:
        for b in second:
            if name == "rgrid":
                texts.append(f"rectangle({a:g},{b:g},{_add(a, d1):g},{_add(b, d2):g})")
            else:
                place = ",".join(f"{c:g}" for c in centre)
                texts.append(f"pie({place},{a:g},{_add(a, d1):g},{b:g},{_add(b, d2):g})")
    return texts


def _add(a: float, b: float) -> float:
    """Sum in float32."""
    from numpy import errstate, float32

    with errstate(all="ignore"):
        return float(float32(a) + float32(b))


def _steps(low: float, high: float, step: float, entry: str, cells: bool = False) -> list[float]:
    """Values low, low+step, ... up to high, in float32; for `cells` the last is at most high-step."""
    from numpy import errstate, float32, isfinite

    found: list[float] = []
    with errstate(all="ignore"):
        x, last, width = float32(low), float32(high), float32(step)
        last = last - width if cells else last
        if not (isfinite(x) and isfinite(last) and isfinite(width)):
            raise StackError(f"the grid in '{entry}' holds numbers that are too large")
        while x <= last and width >= 0:
            found.append(float(x))
            following = x + width
            if following == x or len(found) > MAX_GRID:
                raise StackError(f"the grid in '{entry}' never ends or has more than {MAX_GRID} entries")
            x = following
    return found


class Stack:
    """A stack with a position, as tools use it; entries count from 1, `current` is 0 before the first read.

    Parameters
    ----------
    text : str
        Value of a parameter; empty text gives one empty entry.
    prefix : bool
        Put the folder of a stack file before its entries.
    report : callable, optional
        Told of what is wrong but not fatal; default: the logger `ciaopy.stack`.
    """

    def __init__(self, text: str = "", *, prefix: bool = True, report: Report | None = None) -> None:
        self._report = report or _log
        self.entries = expand(text, prefix=prefix, report=self._report)
        self.current = 0

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.entries))

    def rewind(self) -> None:
        """Go back before the first entry."""
        self.current = 0

    def read_next(self) -> str | None:
        """Return the next entry, None at the end."""
        if self.current >= len(self.entries):
            return None
        self.current += 1
        return self.entries[self.current - 1]

    def read_num(self, number: int) -> str | None:
        """Return entry `number` without moving; None beyond the end, and below 1 with a report."""
        if number < 1:
            self._report("stack entries start from 1")
            return None
        return self.entries[number - 1] if number <= len(self.entries) else None

    def set_current(self, number: int) -> int:
        """Move to an entry, or to the nearest there is; returns 0, 1 (beyond the end) or -1 (below 1)."""
        self.current = max(1, min(number, len(self.entries)))
        return 1 if number > len(self.entries) else -1 if number < 1 else 0

    def change_num(self, number: int, text: str) -> int:
        """Replace an entry (below 1: the first), leading blanks cut; returns 0, or -1 beyond the end."""
        if number > len(self.entries):
            return -1
        self.entries[max(number, 1) - 1] = text.lstrip()
        return 0

    def delete_num(self, number: int) -> int:
        """Remove an entry (0: the first); returns 0, or -1 for one that does not exist."""
        if number < 0 or number > len(self.entries):
            return -1
        del self.entries[max(number, 1) - 1]
        self.current = min(self.current, len(self.entries))
        return 0

    def append(self, text: str, *, prefix: bool = True) -> None:
        """Add the entries of another text; empty text adds one empty entry."""
        self.entries += expand(text, prefix=prefix, report=self._report)

    def describe(self) -> str:
        """Return position, size and numbered entries as text."""
        rule = "------"
        rows = [f"{i:4d} :{entry}:" for i, entry in enumerate(self.entries, 1)]
        head = [rule, f"Stack position: {self.current}", f"Stack size: {len(self.entries)}"]
        return "\n".join([*head, f"Stack allocated: {len(self.entries)}", "Stack entries:", *rows, rule])
