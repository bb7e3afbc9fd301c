"""Give events the SKY positions of another tangent point, by their positions or anew from the aspect solution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Array, Table
from ciaopy.observation import reference
from ciaopy.response import check_same_obsid, obsid

if TYPE_CHECKING:
    from ciaopy.coords import AspectSolution, FloatArray, FocalPlane, SkyFrame
    from ciaopy.datamodel import Selection, TangentTransform, Workspace
    from ciaopy.param import ParameterSet

# Streams of random numbers: shifts along x and y, and the aspect record of events without time.
SHIFT_X, SHIFT_Y, RECORD = 11, 12, 13


def run(par: ParameterSet, ws: Workspace) -> int:
    """Reproject the events of `infile` to the tangent point of `match`; returns the number of events.

    Without `aspect` X, Y go to the sky and back (no rounding but that of the columns). With it they are made from DETX,
    DETY and the aspect record in force at TIME; events of files that the solution does not cover at all (backgrounds)
    get a record picked at random, unless OBS_ID says that they are of one observation. `random` above or equal 0 adds a
    shift within half a pixel to each axis; the shift depends on the seed and the event alone, not on the order of
    events.

    Raises
    ------
    UserError, DataError
        `match` has no tangent point, or columns or keywords are missing.
    """
    from ciaopy.datamodel import OpenFile, open_selection, parse, require_table

    infile, outfile = par["infile"].strip(), par["outfile"].strip()
    ws.check_output(outfile, par["clobber"], (infile,))
    vfile = parse(infile)
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        require_table(opened, info)
        selection = open_selection(opened, info, vfile, ws)
        for name in ("sky", "sky(x,y)", "x", "y"):
            selection.subspace.remove(name)
        template = selection.template()
        old = _transform(template, infile)
        target = _target(par, old, ws)
        move = _move(par, selection, template, target, ws)
        shift = Shift(_seed(par["random"])) if par["random"] is not None and par["random"] >= 0 else None
        set_tangent_point(template, target)
        result = _Moved(selection, move, shift)
        written = _write(result, template, outfile, par, ws)
    ws.console.say(f"{outfile}: {written} events, tangent point {target[0]:.7f} {target[1]:.7f}", 1)
    if result.outside:
        console = ws.console.at(max(1, ws.console.verbose))  # warnings are shown even with verbose=0, as in CIAO
        console.warn(f"{infile}: {result.outside} events at times without aspect solution have no position (NaN)")
    return written


def _transform(table: Table, infile: str) -> TangentTransform:
    from ciaopy.datamodel import TangentTransform, table_wcs

    wcs = table_wcs(table)
    if wcs is None:
        raise DataError(f"{infile}: block {table.name} has no SKY column with a tangent point (RA---TAN, DEC--TAN)")
    if not isinstance(wcs, TangentTransform):
        raise DataError(
            f"{infile}: SKY of block {table.name} is not a tangent plane with North up in ICRS (rotation, another "
            "projection or system); such events cannot be reprojected"
        )
    return wcs


def _aspect_name(par: ParameterSet) -> str:
    name: str = par["aspect"].strip()
    return "" if name.lower() == "none" else name


def _target(par: ParameterSet, old: TangentTransform, ws: Workspace) -> tuple[float, float]:
    match = par["match"].strip()
    if match.lower() not in ("", "none"):
        return reference(match, ws)
    if not _aspect_name(par):
        raise UserError("match=none and no aspect solution: nothing would change; give match or aspect")
    return old.crval


def _seed(random: int) -> int:
    """Return the seed: the clock's for 0."""
    import time

    return int(random) or time.time_ns() & 0x7FFFFFFF


class Move(Protocol):
    """Makes new positions for a block of rows."""

    def __call__(self, piece: dict[str, Array], first: int) -> tuple[Array, Array]:
        """Return x, y (float64; NaN where there is none) of the rows, the first of which has number `first`."""


@dataclass(frozen=True)
class FromSky:
    """By the positions: old plane to the sky, and to the new plane."""

    old: TangentTransform
    new: TangentTransform

    def __call__(self, piece: dict[str, Array], first: int) -> tuple[Array, Array]:
        """Return x, y in the new plane."""
        return self.new.sky_to_pixel(*self.old.pixel_to_sky(piece["x"], piece["y"]))


@dataclass(frozen=True)
class FromAspect:
    """By DETX, DETY and the aspect record at TIME, or a random one where `seed` is given."""

    plane: FocalPlane
    frame: SkyFrame
    aspect: AspectSolution
    seed: int | None

    def __call__(self, piece: dict[str, Array], first: int) -> tuple[Array, Array]:
        """Return x, y in the plane of the frame."""
        from ciaopy.kernels import coords as kernels

        n = len(piece["detx"])
        if self.seed is None:
            index = self.aspect.index(piece["time"])
        else:
            index = np.minimum(_random(self.seed, piece, first, RECORD) * len(self.aspect), len(self.aspect) - 1)
            index = index.astype(np.int64)
        x, y = np.empty(n), np.empty(n)
        detx, dety = (np.ascontiguousarray(piece[c], np.float64) for c in ("detx", "dety"))
        kernels.det_to_sky(detx, dety, index, self.aspect.records(self.frame), self.plane.optics, x, y)
        outside = index < 0
        x[outside] = y[outside] = np.nan
        return x, y


@dataclass(frozen=True)
class Shift:
    """Adds a shift in [-0.5, 0.5) pixel to each axis."""

    seed: int

    def __call__(self, piece: dict[str, Array], first: int) -> tuple[FloatArray, FloatArray]:
        """Return the shifts of the rows."""
        dx, dy = (_random(self.seed, piece, first, stream) - 0.5 for stream in (SHIFT_X, SHIFT_Y))
        return dx, dy


def _random(seed: int, piece: dict[str, Array], first: int, stream: int) -> FloatArray:
    """Return numbers in [0, 1) that depend on seed, time, chip and pixel; on the row where there is no time."""
    from ciaopy.events import event_keys, uniform

    n = len(piece["x"])
    if "time" in piece:
        moment = np.ascontiguousarray(piece["time"], np.float64)
    else:
        moment = np.arange(first, first + n, dtype=np.float64)
    zero = np.zeros(n, np.int64)
    chip = piece.get("ccd_id", piece.get("chip_id", zero))
    parts = [
        np.ascontiguousarray(v).astype(np.int64) for v in (chip, piece.get("chipx", zero), piece.get("chipy", zero))
    ]
    return uniform(event_keys(seed, moment, *parts), stream)


def _move(
    par: ParameterSet, selection: Selection, template: Table, target: tuple[float, float], ws: Workspace
) -> FromSky | FromAspect:
    """Return what makes the new positions."""
    name, infile = _aspect_name(par), par["infile"].strip()
    old = _transform(template, infile)
    if not name:
        return FromSky(old, replace(old, crval=target))
    from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame

    missing = [c for c in ("detx", "dety") if c not in template]
    if missing:
        raise DataError(f"{infile}: no column {', '.join(missing)}, of which SKY is made with an aspect solution")
    aspect = AspectSolution.read(name, ws)
    plane = FocalPlane.from_header(template.header, where=infile)
    _check_aspect(template, aspect, infile)
    covered = "time" in template and _covered(selection, aspect)
    if not covered and "time" in template and obsid(template.header):
        raise DataError(
            f"{aspect.name}: the aspect solution covers none of the events of {infile} (ObsID "
            f"{obsid(template.header)}); give that of the observation. A background of many observations, whose events "
            "get records at random, has no number as OBS_ID"
        )
    seed = None if covered else _seed(max(par["random"] or 0, 0))
    if seed is not None:
        ws.console.say(f"{infile}: the aspect solution covers none of the events; records are picked at random", 1)
    return FromAspect(plane, SkyFrame(*target, 0.0, plane.detector), aspect, seed)


def _check_aspect(template: Table, aspect: AspectSolution, infile: str) -> None:
    """Refuse an aspect solution of another observation, or with times of another zero point.

    Raises
    ------
    DataError
    """
    from ciaopy.datamodel import require_one_time

    for name, header in zip(aspect.sources, aspect.headers, strict=True):
        check_same_obsid(name, header, infile, template.header)
        require_one_time([(infile, template.header), (name, header)])


def _covered(selection: Selection, aspect: AspectSolution) -> bool:
    """True if some event lies within the aspect solution, or there are no events."""
    found = rows = False
    for piece in selection.pieces():
        time = piece["time"]
        rows |= time.size > 0
        found = bool((aspect.index(time) >= 0).any())
        if found:
            break
    return found or not rows


def set_tangent_point(template: Table, target: tuple[float, float]) -> None:
    """Write a tangent point into the SKY columns (TCRVL) and the header (RA_NOM, DEC_NOM) of a table, in place."""
    for name, key, value in (("x", "RA_NOM", target[0]), ("y", "DEC_NOM", target[1])):
        # an object that sso_freeze holds still is held at the tangent point
        for column in (template.column(c) for c in (name, f"oc{name}") if c in template):
            for word in ("TCRVL", "TCRV"):
                if word in column.keys and not str(column.key("TCTYP", "")).startswith("LINEAR"):
                    column.keys[word] = (value, column.keys[word][1])
        template.header[key] = (value, template.header.comments[key] if key in template.header else "[deg]")


@dataclass
class _Moved:
    """The pieces of a selection with new positions."""

    selection: Selection
    move: Move
    shift: Shift | None
    outside: int = 0

    def __iter__(self) -> Iterator[dict[str, Array]]:
        first = 0
        for piece in self.selection.pieces():
            x, y = self.move(piece, first)
            self.outside += int(np.count_nonzero(np.isnan(x)))
            if self.shift is not None:
                dx, dy = self.shift(piece, first)
                x, y = x + dx, y + dy
            first += len(x)
            kind = [piece[c].dtype if piece[c].dtype.kind == "f" else np.dtype(np.float32) for c in ("x", "y")]
            yield {**piece, "x": x.astype(kind[0]), "y": y.astype(kind[1])}


def _write(pieces: _Moved, template: Table, outfile: str, par: ParameterSet, ws: Workspace) -> int:
    """Write the events row block by row block, or into memory; return their number."""
    from ciaopy.datamodel import empty_primary, note_tool
    from ciaopy.fits import TableWriter

    for name in ("x", "y"):
        column = template.column(name)
        if column.data.dtype.kind != "f":
            template.columns[name] = replace(column, data=column.data.astype(np.float32), form="")
    if ws.wants_memory(file_of(outfile)):
        parts = list(pieces)
        for name, column in template.columns.items():
            template.columns[name] = column.with_data(
                np.concatenate([p[name] for p in parts]) if parts else column.data
            )
        ws.write(outfile, template, par, par["clobber"])
        return template.nrows
    primary = empty_primary(template.header)
    note_tool(template.header, par)
    note_tool(primary.header, par, history=False)
    path = Path(file_of(outfile))
    with TableWriter(path, template, par["clobber"], before=[primary], nproc=ws.nproc) as writer:
        for piece in pieces:
            columns = {k: c.with_data(piece[k]) for k, c in template.columns.items()}
            writer.append(Table(template.name, columns, template.header, template.vectors))
        return writer.nrows
