"""Put the values of a parameter file into a header, as keywords, in place.

`dmreadpar obs.par "evt2.fits[EVENTS]" clobber+`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel import change_header
from ciaopy.errors import UserError
from ciaopy.tools.dmhedit import Edit, apply
from ciaopy.tools.dmmakepar import _cased, _template_names

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet, ParFile


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write one keyword per parameter of `input`; those that exist are replaced with `clobber`, else kept.

    Parameters without a value (INDEF, or an empty number) are passed over. With `template` only its names are written.

    Raises
    ------
    UserError, DataError
        A file that cannot be read, a block that is not there, a value that is not of its declared type.
    """
    from ciaopy.param import ParFile

    source = Path(str(par["input"]))
    edits = _edits(ParFile.read(source), str(par["case"]), str(par["template"] or ""), source)
    kept: list[str] = []

    def change(header: Header) -> None:
        from ciaopy.fits import add_history

        for edit in edits:
            if edit.key in header and not par["clobber"]:
                kept.append(edit.key)
            else:
                apply(header, edit)
        add_history(header, par.tool, [(n, v) for n, v in par.items() if n != "mode"])

    change_header(str(par["output"]), ws, change)
    if kept:
        ws.console.warn(f"{par['output']}: kept as they were: {', '.join(kept)}; set clobber=yes to replace them")


def _edits(file: ParFile, case: str, template: str, source: Path) -> list[Edit]:
    from ciaopy.fits import column_keyword, is_structural

    wanted, edits = _template_names(template), []
    for parameter in file:
        name = parameter.name
        if name.lower() == "mode" or (wanted is not None and name.lower() not in wanted):
            continue
        if is_structural(name.upper()) or column_keyword(name.upper()):
            continue
        value = _value(parameter.kind[:1], (parameter.value or "").strip(), f"{source}: {name}")
        if value is not None:
            key = _cased(name, case) if len(name) > 8 else name.upper()
            edits.append(Edit(key, value, parameter.prompt or ""))
    return edits


def _value(kind: str, text: str, where: str) -> Any:
    if kind not in "bir":
        return text
    if text in ("", "INDEF"):
        return None
    try:
        if kind == "b":
            return {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}[text.lower()]
        return int(text) if kind == "i" else float(text)
    except (ValueError, KeyError):
        raise UserError(f"{where}: {text!r} is not of the declared type {kind}") from None
