"""The good times that level-1 events bring along, made to fit before those of flt2 are applied.

Level 2 has the good times common to the events and to flt2 (the data model's rule), and events of no others. In the
archive the events' own good times are whole exposures and hold those of flt2: ONTIME7 of ObsID 1230 is 14749.780 s in
the header of evt1 (kept by bpix1 of CIAO 4.6 and by the GTI blocks of flt1), one exposure more than flt1 brought to
whole exposures (14746.539 s). So level 2 ends where flt2 does, as all event files of CIAO 4.16 at hand do. Events whose
own good times cut an exposure (copies of flt1's, or a cut by the user) are brought to that form here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.datamodel import Component, Gti, Ranges, Subspace, TimeTable, update_livetime
from ciaopy.fits import Block, Dataset, Table

if TYPE_CHECKING:
    from pathlib import Path

    from ciaopy.acis import Exposures
    from ciaopy.datamodel import Workspace

__all__ = ["settle_good_times"]

Mask = NDArray[np.bool_]


def settle_good_times(ws: Workspace, events: Path, level1: Path, statistics: Path | None) -> None:
    """Bring the events' own good times to whole exposures, and drop events outside them.

    An exposure is good or not as a whole: all its events have one TIME, its middle. Where level 1 holds events of the
    chip between two of its good times (before the first, after the last), it was not filtered there, and an exposure
    that they cut is good, as `gti_align` has it for flt1. Where it holds none it was, and the exposure is good if its
    middle is.

    Parameters
    ----------
    ws : Workspace
    events : Path
        Level-1 events filtered on grade and status; changed in place, where there is something to change.
    level1 : Path
        All level-1 events, with the same good times.
    statistics : Path, optional
        Exposures (stat1) of timed ACIS data.
    """
    from ciaopy.acis import read_exposures

    dataset = ws.dataset(events)
    table = next((b for b in dataset.blocks if isinstance(b, Table) and "time" in b), None)
    if table is None:
        return
    before = Subspace.from_header(table.header, _tables(dataset))
    if not any(isinstance(c.get("time"), TimeTable) for c in before.components):
        return
    after = before
    if statistics is not None:
        stat = ws.read(statistics)
        if isinstance(stat, Table):
            every = next(b for b in ws.dataset(level1).blocks if isinstance(b, Table) and "time" in b)
            after = _aligned(before, read_exposures(stat), every)
    keep = inside(table, after)
    if after is before and keep.all():
        return
    dropped = int(len(keep) - keep.sum())
    ws.console.say(f"{events.name}: {dropped} of {len(keep)} events lie outside their own good times", 2)
    ws.write(events, _rewritten(dataset, table if keep.all() else table.take(keep), before, after), clobber=True)


def inside(table: Table, subspace: Subspace) -> Mask:
    """Tell which rows lie in the good times of a component of the subspace that has their chip."""
    time = np.asarray(table["time"], np.float64)
    chip = _chips(table)
    found = np.zeros(len(time), bool)
    for component in subspace.components:
        times, chips = component.get("time"), component.get("ccd_id")
        good = times.gti.filter(time) if isinstance(times, TimeTable) else np.ones(len(time), bool)
        if chip is not None and isinstance(chips, Ranges):
            mine = np.zeros(len(time), bool)
            for low, high in chips.spans:
                mine |= _between(chip, low, high)
            good &= mine
        found |= good
    return found


def _chip_of(component: Component) -> float | int | None:
    """Return the chip of a component that has one only."""
    chips = component.get("ccd_id")
    spans = chips.spans if isinstance(chips, Ranges) else ()
    return spans[0][0] if len(spans) == 1 and spans[0][0] == spans[0][1] else None


def _between(chip: NDArray[Any], low: float | None, high: float | None) -> Mask:
    """Tell which chips lie in a range, ends included; whole ends are compared in the type of the chips."""
    low, high = (int(v) if v is not None and float(v).is_integer() else v for v in (low, high))
    found = np.ones(len(chip), bool)
    if low is not None:
        found &= chip >= low
    if high is not None:
        found &= chip <= high
    return found


def _chips(table: Table) -> NDArray[Any] | None:
    """Return the chip of each row of events that have one."""
    return table["ccd_id"] if "ccd_id" in table.columns else None


def _tables(dataset: Dataset) -> list[Block]:
    return [*dataset.blocks, *(c for b in dataset.blocks for c in b.companions)]


def _unfiltered(gti: Gti, time: NDArray[np.float64]) -> tuple[Mask, Mask]:
    """Tell before which intervals, and after which, there are times outside all of them."""
    gap = np.searchsorted(gti.start, time[~gti.filter(time)], side="right")
    found = np.bincount(gap, minlength=len(gti) + 1) > 0
    return found[:-1], found[1:]


def _aligned(subspace: Subspace, exposures: dict[int, Exposures], level1: Table) -> Subspace:
    """Return the subspace with times of whole exposures, one component per chip; itself where they are already."""
    from ciaopy.acis import whole_exposures

    time = np.asarray(level1["time"], np.float64)
    chip = _chips(level1)
    changed, components = False, []
    for component in subspace.components:
        times, chips = component.get("time"), component.get("ccd_id")
        if not isinstance(times, TimeTable):  # nothing is said of time
            components.append(component)
            continue
        for ccd in [c for c in exposures if not isinstance(chips, Ranges) or chips.contains(c)]:
            outward = _unfiltered(times.gti, time[chip == ccd] if chip is not None else time)
            start, stop = whole_exposures(times.gti.start, times.gti.stop, exposures[ccd], outward)
            gti = Gti(start, stop)
            changed = changed or gti != times.gti
            own = times.table if _chip_of(component) == ccd else None
            settled = times if gti == times.gti else TimeTable(f"GTI{ccd}", gti, own)
            components.append({**component, "ccd_id": Ranges(((ccd, ccd),)), "time": settled})
    if not changed:
        return subspace
    return Subspace(list(subspace.descriptors), components)


def _rewritten(dataset: Dataset, table: Table, before: Subspace, after: Subspace) -> Dataset:
    """Return the dataset with the rows kept, their subspace, and its blocks of good times in place of the old ones."""
    header = table.header.copy()
    update_livetime(header, before, after)
    times = after.to_header(header)
    new = Table(table.name, table.columns, header, table.vectors, [])
    old = {t.name.lower() for t in before.tables()}
    blocks: list[Block] = []
    for block in dataset.blocks:
        if isinstance(block, Table) and block.name == table.name:
            blocks += [new, *times]
        elif block.name.lower() not in old:
            blocks.append(block)
    return Dataset(blocks, dataset.path)
