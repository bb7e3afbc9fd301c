"""Bin the aspect solution into a histogram of offsets and time, for exposure maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ciaopy.errors import NoDataError, UserError

if TYPE_CHECKING:
    from ciaopy.coords import AspectSolution
    from ciaopy.datamodel import Gti, Workspace
    from ciaopy.fits import Header, Table
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool.

    `evtfile` gives the good times (those of one chip with `[ccd_id=7]`) and the nominal pointing. The durations are
    live times: times DTCOR of the header, or the fractions of `dtffile`. They sum up to LIVETIME of the chip.
    """
    from ciaopy.coords import AspectSolution, SkyFrame
    from ciaopy.datamodel import require_one_time
    from ciaopy.exposure import AspectOffsets, histogram_table
    from ciaopy.response import check_held_at, check_same_obsid, chosen_geometry, live_fraction

    outfile, events = par["outfile"].strip(), _stack(par["evtfile"], "evtfile")
    ws.check_output(outfile, par["clobber"], (*_stack(par["infile"], "infile"), *events))
    header, gti, chip, blocks = _observation(events, ws)
    geometry, _ = chosen_geometry(par["geompar"], header)
    frame = SkyFrame.from_header(header, geometry, events[0])
    aspect = str(par["infile"])
    names = _stack(aspect, "infile")
    solution = ws.once("aspect solution", aspect, names, lambda: AspectSolution.read(aspect, ws))
    for name, own in zip(solution.sources, solution.headers, strict=True):
        check_same_obsid(name, own, events[0], header)
        check_held_at(name, own, events[0], header)
        require_one_time([(events[0], header), (name, own)])
    live = live_fraction(par["dtffile"], header, events[0], ws)
    resolution = (float(par["res_xy"] or 0.0), float(par["res_roll"] or 0.0))
    where = (aspect, frame.ra_nom, frame.dec_nom, frame.roll_nom, frame.detector.name, par["geompar"])
    offsets = ws.once("aspect offsets", where, names, lambda: AspectOffsets.of(solution, frame))
    histogram = offsets.histogram(gti, live, resolution, float(par["max_bin"] or 0.0))
    covered = float(gti.overlap(solution.time, solution.until).sum())
    if covered < 0.99 * gti.duration:
        ws.console.warn(
            f"{solution.name}: the aspect solution covers {covered:.1f} s of {gti.duration:.1f} s of good time; "
            "the exposure is that of the covered part"
        )
    ws.console.say(f"{len(histogram)} bins, {histogram.total:.3f} s", 1)
    table = histogram_table(histogram, header, chip, _aspect_keys(solution, header))
    table.header["ONTIME"] = (covered, "[s] Sum of GTIs")
    if blocks:
        keys = {"DSTYP1": "TIME", "DSVAL1": "TABLE", "DSFORM1": "D", "DSUNIT1": "s", "DSREF1": f":{blocks[0].name}"}
        for key, value in keys.items():
            table.header[key] = value
    table.companions.extend(blocks)
    ws.write(outfile, table, par, par["clobber"])


def _aspect_keys(solution: AspectSolution, header: Header) -> dict[str, tuple[Any, str]]:
    """Return what the histogram says of the aspect solution behind it: keyword to value and comment."""
    stated = [h.get("DTASPSOL") for h in solution.headers]
    step = next((float(v) for v in stated if isinstance(v, (int, float)) and v > 0), float(solution.step))
    kinds = [str(h.get("ASPTYPE") or "").strip() for h in (*solution.headers, header)]
    return {
        "CENTER": (next((k for k in kinds if k), "UNKNOWN"), "centring of the aspect solution"),
        "DTASPSOL": (step, "[s] time between records"),
    }


def _stack(text: str, parameter: str) -> list[str]:
    from ciaopy import stack as stacks

    names = [str(n) for n in stacks.build(text)] if text.strip() else []
    if not names or names[0].lower() == "none":
        raise UserError(f"{parameter}: no file given")
    return names


def _observation(events: list[str], ws: Workspace) -> tuple[Header, Gti, int | None, list[Table]]:
    """Return header, good times, chip (None: not one) and GTI blocks of the event files.

    Raises
    ------
    NoDataError
        No good time.
    """
    from ciaopy.datamodel import Gti, Subspace, block_without_rows, chip_times
    from ciaopy.fits import Table
    from ciaopy.response import own_keywords_removed

    gti, chips, blocks, headers = Gti(), set(), [], []
    for name in events:
        block = block_without_rows(name, ws, "evtfile")
        tables = [b for b in block.companions if isinstance(b, Table)]
        times = chip_times(Subspace.from_header(block.header, tables))
        if len(times) > 1:
            ws.console.warn(f"{name}: good times of {len(times)} chips are joined; choose one with [ccd_id=...]")
        found = Gti.union(times.values())
        if not len(found):
            raise NoDataError(f"{name}: no good time intervals (GTI) for these chips; check the file and its filters")
        gti |= found
        chips |= set(times)
        blocks += [b for b in tables if "start" in b and "stop" in b]
        headers.append(own_keywords_removed(block.header))
    return headers[0], gti, chips.pop() if len(chips) == 1 else None, blocks[:1] if len(events) == 1 else []
