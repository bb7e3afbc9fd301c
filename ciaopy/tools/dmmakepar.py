"""Write the keywords of a header as a parameter file.

`dmmakepar evt1.fits obs.par`
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel import full_header, value_text
from ciaopy.fits import column_keyword, is_structural

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

_OWN = re.compile(
    r"^(|COMMENT|HISTORY|HISTNUM|CONTINUE|LONGSTRN|EXTNAME|EXTVER|HDUNAME|M(TYPE|FORM)\d+|\d*DS(TYP|VAL|REF|FORM|UNIT)\d+)$"
)


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write `output`: one hidden parameter per keyword, with type, value and comment.

    Structural, naming, column, subspace, comment and history keywords are left out. With `template` only its
    names are written.

    Raises
    ------
    UserError, DataError
        No such file or block; the output exists, or cannot be written.
    """
    from ciaopy.fits import AtomicFile

    output = Path(str(par["output"]))
    ws.check_output(output, bool(par["clobber"]), (str(par["input"]),))
    header = full_header(str(par["input"]), ws)
    wanted = _template_names(str(par["template"] or ""))
    lines, seen = [], set[str]()
    for card in header.cards:
        key = card.keyword
        if is_structural(key) or column_keyword(key) or _OWN.match(key) or key in seen:
            continue
        seen.add(key)
        if wanted is None or key.lower() in wanted:
            lines.append(_line(_cased(key, str(par["case"])), card.value, str(card.comment)))
    lines.append('mode,s,h,"ql",,,')
    with AtomicFile(output, bool(par["clobber"])) as file:
        file.write(("\n".join(lines) + "\n").encode("latin-1", "replace"))
    ws.console.say(f"{output}: {len(lines) - 1} keywords")


def _template_names(template: str) -> set[str] | None:
    from ciaopy.param import ParFile

    if not template.strip():
        return None
    return {p.name.lower() for p in ParFile.read(Path(template))}


def _cased(key: str, case: str) -> str:
    return key.upper() if case == "upper" else key.lower() if case == "lower" else key


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _line(name: str, value: Any, comment: str) -> str:
    """Return the line of one parameter."""
    kind = {bool: "b", int: "i", float: "r"}.get(type(value), "s")
    if kind == "i" and not -(2**31) <= int(value) < 2**31:
        kind = "r"
    text = ("yes" if value else "no") if kind == "b" else value_text(value)
    return f"{name},{kind},h,{_quoted(text) if kind == 's' else text},,,{_quoted(comment)}"
