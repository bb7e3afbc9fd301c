"""Add, change or delete header keywords of a file, in place.

`dmhedit evt2.fits none add OBJECT "M31"`, or many edits at once from a file: `dmhedit evt2.fits edits.txt`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel import change_header, typed_value
from ciaopy.errors import DataError, UserError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

DELETE = ("delete", "del")
TEXT_KEYS = ("COMMENT", "HISTORY")
_NAME = re.compile(r"^[A-Za-z0-9_-]+$")
_LINE = re.compile(r"^\s*([^\s=]+)\s*(?:=\s*(.*))?$", re.DOTALL)
_STRING = re.compile(r"^('(?:[^']|'')*'|\"[^\"]*\")\s*(?:/\s*(.*))?$")
_REST = re.compile(r"^(.*?)\s*(?:\s/\s*(.*))?$")


@dataclass(frozen=True)
class Edit:
    """One change of a header; `value` None deletes, an empty `comment` keeps the one there is."""

    key: str
    value: Any = None
    comment: str = ""


def unasked(par: ParameterSet, name: str) -> str | None:
    """Ask for no single edit where there is a file of them, no file where `key` is given, no value to delete."""
    if name == "filelist":
        return "none" if par.given("key") else None
    if name in ("operation", "key", "value") and _has_file(par):
        return ""
    if name == "operation":
        return "add" if par.given("key") and par.given("value") else None
    return "" if name == "value" and str(par["operation"]).strip().lower() in DELETE else None


def _has_file(par: ParameterSet) -> bool:
    return str(par["filelist"] or "").strip().lower() not in ("", "none")


def run(par: ParameterSet, ws: Workspace) -> None:
    """Apply the edits of `filelist`, or the one of `operation`, `key`, `value`, to the header; add HISTORY.

    Raises
    ------
    UserError
        An operation, keyword name or value that is none, a structural keyword, a file that cannot be written.
    DataError
        No such file or block.
    """
    edits = _edits_of_file(str(par["filelist"]).strip()) if _has_file(par) else [_edit_of_parameters(par)]

    def change(header: Header) -> None:
        from ciaopy.fits import add_history

        for edit in edits:
            if edit.value is None and edit.key not in TEXT_KEYS and edit.key not in header:
                ws.console.warn(f"{par['infile']}: no keyword {edit.key} to delete")
            apply(header, edit)
        add_history(header, par.tool, [(n, v) for n, v in par.items() if n != "mode"])

    change_header(str(par["infile"]), ws, change)
    for edit in edits:
        ws.console.say(f"{'deleted' if edit.value is None else 'set'} {edit.key}")


def _edit_of_parameters(par: ParameterSet) -> Edit:
    operation, key = str(par["operation"] or "").strip().lower(), str(par["key"] or "").strip()
    comment, unit = str(par["comment"] or ""), str(par["unit"] or "").strip()
    if operation in DELETE:
        return Edit(_checked(key))
    if operation != "add":
        raise UserError(f"operation={operation or '(empty)'}: give add or delete")
    value = str(par["value"]) if key.upper() in TEXT_KEYS else typed_value(str(par["value"]), str(par["datatype"]))
    return Edit(_checked(key), value, f"[{unit}] {comment}".strip() if unit else comment)


def _checked(key: str) -> str:
    if not _NAME.match(key):
        raise UserError(f"key={key!r} is not a keyword name: use letters, digits, - and _")
    return key.upper() if len(key) <= 8 else key


def _edits_of_file(name: str) -> list[Edit]:
    """Parse a list of edits: `#add` and `#delete` lines begin sections, `KEY = value / [unit] comment` lines follow."""
    from ciaopy.streams import decoded, has_mark, read_bytes

    path = Path(name.removeprefix("@"))
    try:
        data = read_bytes(path)
        lines = (decoded(data, name) if has_mark(data) else data.decode("latin-1")).splitlines()
    except DataError as problem:
        raise UserError(f"the list of edits cannot be read: {problem}") from None
    edits, adding = [], True
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("#"):
            word = text[1:].strip().lower()
            adding = word == "add" if word in ("add", "delete", "del") else adding
        elif text:
            edits.append(_edit_of_line(text, adding, f"{path}: line {number}"))
    if not edits:
        raise UserError(f"{path}: holds no edits; write `#add` and then lines like `OBJECT = 'M31'`")
    return edits


def _edit_of_line(text: str, adding: bool, where: str) -> Edit:
    match = _LINE.match(text)
    if not match or (adding and match[2] is None):
        raise UserError(f"{where}: {text!r} is not of the form KEY = value")
    key = _checked(match[1])
    if not adding:
        return Edit(key)
    if key in TEXT_KEYS:
        return Edit(key, match[2].strip("'"))
    parts = _STRING.match(match[2]) or _REST.match(match[2])
    if parts is None:
        raise UserError(f"{where}: {text!r} is not of the form KEY = value")
    return Edit(key, typed_value(parts[1]), (parts[2] or "").strip())


def apply(header: Header, edit: Edit) -> None:
    """Change a header; names of more than 8 characters go into a DTYPEn, DVALn pair as in CIAO's files."""
    key = edit.key
    if key in TEXT_KEYS:
        if edit.value is None:
            header.remove(key, ignore_missing=True, remove_all=True)
        else:
            header.add_comment(edit.value) if key == "COMMENT" else header.add_history(edit.value)
        return
    if len(key) > 8:
        _apply_long(header, edit)
    elif edit.value is None:
        header.remove(key, ignore_missing=True, remove_all=True)
    else:
        header[key] = (edit.value, edit.comment or (header.comments[key] if key in header else ""))


def _apply_long(header: Header, edit: Edit) -> None:
    taken = {k[5:]: str(header[k]) for k in header if k.startswith("DTYPE") and k[5:].isdecimal()}
    number = next((n for n, name in taken.items() if name.lower() == edit.key.lower()), None)
    if edit.value is None:
        for stem in ("DTYPE", "DVAL", "DFORM", "DUNIT") if number else ():
            header.remove(f"{stem}{number}", ignore_missing=True, remove_all=True)
        return
    number = number or str(max([0, *map(int, taken)]) + 1)
    header[f"DTYPE{number}"] = (edit.key, "DM Keyword: Descriptor name.")
    header[f"DVAL{number}"] = (edit.value, edit.comment or "DM Keyword: Descriptor value.")
