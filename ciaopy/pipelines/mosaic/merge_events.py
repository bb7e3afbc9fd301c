"""Merge the events of several observations into one file, row block by row block."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.datamodel import (
    PER_CHIP,
    MergeReport,
    OpenFile,
    Selection,
    merge_tables,
    open_selection,
    parse,
    require_table,
)
from ciaopy.errors import DataError
from ciaopy.fits import Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

__all__ = ["MERGE_RULES", "merge_events"]

_MERGED = (
    "OBS_ID DS_IDENT SEQ_NUM OBJECT OBSERVER TITLE ASPTYPE GRATING OBS_MODE DATAMODE MISSION TELESCOP INSTRUME DETNAM"
)
_DROPPED = (
    "BTIMNULL BTIMRATE BTIMDRFT BTIMCORR OBI_NUM CYCLE CHECKSUM DATASUM STARTMJF STARTMNF STARTOBT STOPMJF STOPMNF"
)
_OMITTED = {
    "RA_NOM": 0.0003, "DEC_NOM": 0.0003, "RA_PNT": 0.0003, "DEC_PNT": 0.0003, "ROLL_NOM": 1.0, "ROLL_PNT": 1.0,
    "RA_TARG": 0.0003, "DEC_TARG": 0.0003, "FOC_LEN": 1.0, "FP_TEMP": 2.0, "RAND_SKY": 0.05, "RAND_PI": 0.05,
    "RAND_TG": 0.05, "SIM_X": 0.001, "SIM_Y": 0.001, "SIM_Z": 0.1, "EXPTIME": 0.0, "DEFOCUS": 0.001,
}  # fmt: skip
FILES = (
    "ASOLFILE", "BPIXFILE", "MASKFILE", "DTFFILE", "FLTFILE", "PBKFILE", "MTLFILE", "THRFILE", "GAINFILE", "CTIFILE",
    "TGAINFIL", "GRD_FILE", "BIASFIL0", "GEOMFILE", "SKYFILE", "TDETFILE", "SHELLFIL", "AIMPFILE", "SUBPIXFL",
    "AMPSFFIL", "FLATFILE", "HYPFILE", "LIMFILE", "SATFILE", "OSIPFILE",
)  # fmt: skip

#: How keywords of several observations become one: what names an observation is `Merged`, what differs is left out.
MERGE_RULES = {
    **dict.fromkeys(_MERGED.split(), "merge-Merged"),
    **dict.fromkeys(_DROPPED.split(), "skip"),
    **{k: f"warnomit-{t}" for k, t in _OMITTED.items()},
    **dict.fromkeys(FILES, "merge-Merged"),
    **dict.fromkeys(("TIERRELA", "TIERABSO", "TIMEDEL"), "calcmax"),
}
# Subspace entries that mean nothing for merged events.
COUNTERS = {
    "ACIS": ("expno",),
    "HRC": ("clkticks", "av1", "au1", "mjf", "mnf", "endmnf", "sub_mjf"),
}


@dataclass(frozen=True)
class MergedEvents:
    """What was written: rows, and the keywords that differed."""

    path: Path
    rows: int
    report: MergeReport


def merge_events(
    names: Sequence[str], target: Path, instrument: str, ws: Workspace, par: ParameterSet, dropped: Sequence[str] = ()
) -> MergedEvents:
    """Merge event files with the same tangent point: common columns in the order of the first, rows in order of files.

    PHAS (ACIS) and `dropped` are left out. Rows are streamed: memory does not grow with the number of files or events.

    Parameters
    ----------
    names : sequence of str
        Virtual files.
    target : Path
    instrument : str
        ACIS or HRC.
    ws : Workspace
    par : ParameterSet
        Of the calling tool, for HISTORY and `clobber`.
    dropped : sequence of str
        Columns to leave out.

    Raises
    ------
    UserError, DataError
        Columns cannot be joined, or a file cannot be read.
    """
    from ciaopy.datamodel import empty_primary, note_tool
    from ciaopy.fits import TableWriter

    left_out = (*dropped, *(("phas",) if instrument == "ACIS" else ()))
    templates = []
    for name in names:
        with ExitStack() as stack:
            templates.append(_select(name, (*COUNTERS[instrument], *left_out), stack, ws).template())
    listed = ",".join(f"-{c}" for c in left_out if c in templates[0])
    merged, report = merge_tables(templates, listed, MERGE_RULES, names)
    sum_exposures(merged.header, [t.header for t in templates])
    merged.header.remove("HISTORY", ignore_missing=True, remove_all=True)
    primary = empty_primary(merged.header)
    note_tool(merged.header, par)
    note_tool(primary.header, par, history=False)
    with TableWriter(target, merged, par["clobber"], before=[primary], nproc=ws.nproc) as writer:
        for name in names:
            with ExitStack() as stack:
                selection = _select(name, (), stack, ws)
                _check_nulls(merged, selection.source, name)
                for piece in selection.pieces():
                    columns = {
                        k: c.with_data(piece[k].astype(c.data.dtype, copy=False)) for k, c in merged.columns.items()
                    }
                    writer.append(Table(merged.name, columns, merged.header, merged.vectors))
        return MergedEvents(target, writer.nrows, report)


def _select(name: str, forgotten: Sequence[str], stack: ExitStack, ws: Workspace) -> Selection:
    """Open a file; entries of its subspace are dropped."""
    vfile = parse(name)
    opened = stack.enter_context(OpenFile(vfile, ws))
    info = opened.find(vfile.block)
    require_table(opened, info)
    selection = open_selection(opened, info, vfile, ws)
    for entry in forgotten:
        selection.subspace.remove(entry)
    return selection


def _check_nulls(merged: Table, source: Table, name: str) -> None:
    """Raise where a column of a file has another value for null than the merged one: rows are streamed as they are.

    Raises
    ------
    DataError
    """
    for key, column in merged.columns.items():
        own, common = source.column(key).key("TNULL"), column.key("TNULL")
        if isinstance(own, int) and isinstance(common, int) and own != common:
            raise DataError(
                f"{name}: column {column.name} has null value (TNULL) {own}, another file {common}; "
                "process the observations alike, with chandra_repro"
            )


def sum_exposures(merged: Header, headers: Sequence[Header]) -> None:
    """Write the sums of ONTIME, LIVETIME, EXPOSURE and their per-chip forms, and the mean live fraction."""
    keys = dict.fromkeys(k for h in headers for k in h if k in ("ONTIME", "LIVETIME", "EXPOSURE") or PER_CHIP.match(k))
    for key in keys:
        comment = next(h.comments[key] for h in headers if key in h)
        merged[key] = (float(sum(h.number(key) for h in headers if key in h)), comment)
    if "DTCOR" in merged and merged.get("ONTIME") and "LIVETIME" in merged:
        merged["DTCOR"] = merged["LIVETIME"] / merged["ONTIME"]
