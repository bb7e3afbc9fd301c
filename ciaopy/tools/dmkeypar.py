"""Get the value of a header keyword into the parameter file, and print it.

`dmkeypar evt2.fits EXPOSURE echo+`
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ciaopy.datamodel import full_header, split_unit, value_text
from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> Any:
    """Store value, type, unit and comment of `keyword`; with `echo` print the value; return it.

    With row filters in `infile`, or where the header lacks the keyword, a column of that name gives its first value
    (`dtf1.fits[#row=1]`). With `exist` the answer yes or no is printed and a missing keyword is no error.

    Raises
    ------
    DataError
        No such keyword, file or block.
    """
    infile, keyword, asked = str(par["infile"]), str(par["keyword"]).strip(), par.given("exist") and bool(par["exist"])
    found = _look_up(infile, keyword, ws)
    par.put("exist", found is not None)
    if found is None:
        _store(par, None, "")
        if not asked:
            raise DataError(f"{infile}: no keyword {keyword.upper()}; `dmlist {infile} header` shows those there are")
        ws.console.output("no")
        return None
    value, comment = found
    _store(par, value, comment)
    if par["echo"]:
        ws.console.output(value_text(value))
    elif asked:
        ws.console.output("yes")
    return value


def _look_up(infile: str, keyword: str, ws: Workspace) -> tuple[Any, str] | None:
    from ciaopy.datamodel import OpenFile, parse

    if not keyword:
        return None
    vfile = parse(infile)
    filtered = not vfile.is_plain
    if not filtered:
        with OpenFile(vfile, ws) as opened:
            found = opened.keyword(opened.find(vfile.block), keyword)
        if found is not None:
            return found
    header = full_header(infile, ws)
    if not filtered and keyword in header:
        return header[keyword], str(header.comments[keyword])
    import numpy as np

    from ciaopy.fits import Table

    block = ws.read(infile)
    if isinstance(block, Table) and keyword in block and block.nrows:
        column = block.column(keyword)
        first = column.data[0]
        if np.ndim(first) == 0:
            value = first.decode("latin-1") if isinstance(first, bytes) else first.item()
            return value, f"[{column.unit}] {column.comment}" if column.unit else column.comment
    return (header[keyword], str(header.comments[keyword])) if keyword in header else None


def _store(par: ParameterSet, value: Any, comment: str) -> None:
    """Put the results into the parameters."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {bool: "boolean", int: "integer", float: "real", str: "string"}
    unit, text = split_unit(comment)
    par.put("value", value_text(value))
    par.put("sval", value_text(value))
    par.put("rval", float(value) if number else None)
    par.put("ival", int(value) if number and math.isfinite(value) else None)
    par.put("bval", bool(value) if isinstance(value, int | float) else False)
    par.put("datatype", kinds.get(type(value), "null"))
    par.put("unit", unit)
    par.put("comment", text)
