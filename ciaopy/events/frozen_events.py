"""One event file in the frame of a moving object: what is checked, added, and said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.coords import LIGHT_M_S, ObjectTrack
from ciaopy.datamodel.filtering import Always, Rows
from ciaopy.errors import DataError, NoDataError
from ciaopy.events.object_frame import OBJECT_COLUMNS, Frozen, ObjectFrame, sky_plane
from ciaopy.fits import Array, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Selection
    from ciaopy.fits import Header

__all__ = ["FrozenEvents"]


@dataclass
class FrozenEvents:
    """One event file and what came of it.

    Attributes
    ----------
    infile : str
        Its name, for messages.
    template : Table
        Its table before anything is added; rows do not matter.
    frame : ObjectFrame
    found : Frozen
        What the rows were, as they are gone through.
    """

    infile: str
    template: Table
    frame: ObjectFrame
    found: Frozen = field(default_factory=Frozen)

    @classmethod
    def of(cls, infile: str, template: Table, track: ObjectTrack, scale: float) -> FrozenEvents:
        """Check the columns of an event table.

        Parameters
        ----------
        infile : str
        template : Table
        track : ObjectTrack
            In the clock of the events.
        scale : float
            km per pixel; 0: angular.

        Raises
        ------
        DataError
            It has the new columns already; or see `sky_plane`.
        """
        there = [c for c in OBJECT_COLUMNS if c in template]
        if there:
            raise DataError(
                f"{infile}: block {template.name} has {', '.join(there)} already: it was frozen before; give the "
                "events without these columns"
            )
        pair, sky = sky_plane(template, infile)
        kept = Table(template.name, dict(template.columns), template.header, list(template.vectors))
        return cls(infile, kept, ObjectFrame(track, pair, sky, scale))

    @property
    def span(self) -> tuple[float, float]:
        """Time range [s] of the events that have a position; of the header where there are no events.

        Raises
        ------
        NoDataError
            No event has one.
        """
        found, header = self.found, self.template.header
        if found.rows > found.outside:
            return found.first, found.last
        start, stop = self.frame.track.span
        low, high = found.lost_first, found.lost_last
        if not found.rows:
            low, high = (float(header.get(k, e)) for k, e in (("TSTART", start), ("TSTOP", stop)))
            if low <= stop and high >= start:
                return max(low, start), min(high, stop)
        raise NoDataError(
            f"{self.infile}: the ephemerides ({start:.2f}..{stop:.2f} s) miss all events ({low:.2f}..{high:.2f} s); "
            "give the ephemeris files of this observation"
        )

    def write_place(self, header: Header) -> None:
        """Write the object's place at the middle of TSTART, TSTOP into their header, in place.

        Raises
        ------
        NoDataError
            No event has a position.
        """
        start, stop = self.span
        numbers = [float(v) for v in (header.get("TSTART"), header.get("TSTOP")) if isinstance(v, int | float)]
        middle = sum(numbers) / 2 if len(numbers) == 2 else (start + stop) / 2
        if not self.frame.track.covers([middle])[0]:
            middle = start
        ra, dec, length = (float(v[0]) for v in self.frame.track.directions([middle]))
        header["OC_RA"] = (ra, "[deg] RA of the object at mid-observation")
        header["OC_DEC"] = (dec, "[deg] Dec of the object at mid-observation")
        header["OC_DIST"] = (length, "[km] its distance from Chandra then")

    def places(self, title: str = "") -> list[str]:
        """Return lines of a log: the object at the start, in the middle and at the end of the events.

        Parameters
        ----------
        title : str
            Names the ephemerides.
        """
        track, found = self.frame.track, self.found
        start, stop = self.span
        times = [start, (start + stop) / 2, stop]
        ra, dec, length = track.directions(times)
        speed = track.speed(times)
        lines = [
            f"events      {self.infile}: {found.rows}, {found.outside} of them outside the ephemerides",
            *title.splitlines(),
            f"{'':8}{'time [s]':>17}{'RA [deg]':>15}{'Dec [deg]':>15}{'distance [km]':>18}{'light [s]':>12}"
            f"{'speed [arcsec/min]':>21}",
        ]
        for i, name in enumerate(("start", "middle", "end")):
            light = length[i] * 1e3 / LIGHT_M_S
            lines.append(
                f"{name:8}{times[i]:17.3f}{ra[i]:15.8f}{dec[i]:15.8f}{length[i]:18.1f}{light:12.3f}{speed[i]:21.6f}"
            )
        if np.isfinite(found.low).all():
            for axis, name in enumerate(OBJECT_COLUMNS[:2]):
                lines.append(f"{name:8}{found.low[axis]:17.3f} .. {found.high[axis]:.3f} pixel")
        return lines

    def warnings(self) -> Iterator[str]:
        """Yield what the user should know of events without a position."""
        found = self.found
        if not found.rows:
            yield f"{self.infile}: no events; the output has the columns and no rows"
        if found.outside:
            yield (
                f"{self.infile}: {found.outside} of {found.rows} events, from {found.lost_first:.3f} to "
                f"{found.lost_last:.3f} s, lie outside the ephemerides: their ocx, ocy, PathLength are NaN"
            )

    def freeze(self, table: Table, nproc: int) -> None:
        """Add the columns to a table in memory, in place."""
        values, found = self.frame.table_positions(table, nproc)
        self.found.add(found)
        self.frame.add_columns(table, values)

    def raw_rows(self, selection: Selection) -> Iterator[Array]:
        """Yield the rows of a selection that `copies_rows` with the columns added: uint8 (n, row_bytes + 24)."""
        columns = {c: self.template.column(c) for c in ("time", *self.frame.pair)}
        predicate = selection.predicate

        def task(rows: Rows, raw: Array | None) -> tuple[Array, Frozen]:
            assert raw is not None
            if not isinstance(predicate, Always):
                keep = np.flatnonzero(predicate.mask(rows))
                rows, raw = rows.take(keep), raw[keep]
            values, found = self.frame.positions({n: c.with_data(rows.columns[n]).values for n, c in columns.items()})
            width = raw.shape[1]
            made = np.empty((len(raw), width + 8 * len(values)), np.uint8)
            made[:, :width] = raw
            for i, data in enumerate(values):
                place = np.ndarray(len(data), ">f8", made, width + 8 * i, (made.strides[0],))
                place[:] = data
            return made, found

        needs = sorted({*columns, *predicate.columns})
        for made, found in selection.opened.scan(selection.info, needs, task, raw=True):
            self.found.add(found)
            yield made

    def pieces(self, selection: Selection) -> Iterator[Table]:
        """Yield the rows of a selection with the columns added, as tables."""
        like = self.template
        for piece in selection.pieces():
            columns = {k: c.with_data(piece[k]) for k, c in like.columns.items()}
            part = Table(like.name, columns, like.header, list(like.vectors))
            self.freeze(part, 1)
            yield part

    def carry(self, table: Table, first: FrozenEvents) -> bool:
        """Carry x, y of a table to the tangent plane of another file, in place; tell whether anything was to be done.

        Raises
        ------
        DataError
            The pixels are of another size, or the columns of another name.
        """
        old, new = self.frame.sky, first.frame.sky
        if self.frame.pair != first.frame.pair or not np.allclose((*old.step, *old.crpix), (*new.step, *new.crpix)):
            raise DataError(f"{self.infile}: its sky pixels are not those of {first.infile}; freeze them one by one")
        if old.crval == new.crval:
            return False
        x, y = new.sky_to_pixel(*old.pixel_to_sky(*(table.column(c).values for c in self.frame.pair)))
        for name, values in zip(self.frame.pair, (x, y), strict=True):
            column, keys = table.column(name), dict(first.template.column(name).keys)
            if column.data.dtype.kind == "f":
                table.columns[name] = replace(column, data=values.astype(column.data.dtype), keys=keys)
            else:
                keys.pop("TNULL", None)
                table.columns[name] = replace(column, data=values.astype(np.float32), form="", keys=keys)
        for name, source in zip(OBJECT_COLUMNS[:2], self.frame.pair, strict=True):
            if name in table and not self.frame.scale:
                for word in ("TCRVL", "TCRV"):
                    if word in table.column(name).keys:
                        table.column(name).keys[word] = first.template.column(source).keys[word]
        for key in ("RA_NOM", "DEC_NOM"):
            if key in first.template.header:
                table.header[key] = first.template.header[key]
        return True
