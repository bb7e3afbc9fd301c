"""Headers of a simulated HRC observation, and the files beside its events."""

from __future__ import annotations

from typing import Any

import numpy as np

from ciaopy.coords import AspectSolution
from ciaopy.fits import Column, Header, Image, Table, new_header
from ciaopy.simulation.headers import column, table, utc
from ciaopy.simulation.hrc_setup import LINE_STEP, LIVE, MARGIN, RATE_STEP, START, HrcSetup
from ciaopy.version import __version__

__all__ = [
    "aspect_table", "bad_pixels", "event_header", "good_times", "gti", "header", "masks", "primary", "rates",
    "timeline",
]  # fmt: skip


def header(setup: HrcSetup, name: str, content: str, classes: tuple[str, ...] = ()) -> Header:
    """Return the header of a block: what it is, when, where to, with what."""
    made = new_header()
    start, stop = START, START + setup.duration
    if name != "PRIMARY":
        made["EXTNAME"] = "MASK" if name.startswith("MASK") else name
    for key, value in zip(("HDUCLASS", "HDUCLAS1", "HDUCLAS2"), classes, strict=False):
        made[key] = value
    cards: dict[str, Any] = {
        "HDUNAME": name, "CREATOR": f"simulate - Version ciaopy {__version__}", "CONTENT": content, "ASCDSVER": "10.12",
        "MISSION": "AXAF", "TELESCOP": "CHANDRA", "INSTRUME": "HRC", "DETNAM": setup.detector, "GRATING": setup.grating,
        "DATAMODE": "OBSERVING", "OBS_MODE": "POINTING", "DATACLAS": "SIMULATED", "OBS_ID": str(setup.obsid),
        "OBI_NUM": 0, "OBJECT": setup.target, "TITLE": f"SIMULATION, SEED {setup.seed}", "OBSERVER": "ciaopy simulate",
        "DATE-OBS": utc(start), "DATE-END": utc(stop), "MJD_OBS": 50814.0 + start / 86400.0, "MJDREF": 50814.0,
        "TIMESYS": "TT", "TIMEUNIT": "s", "TIMEZERO": 0.0, "TSTART": start, "TSTOP": stop, "TIMEDEL": 1.5625e-05,
        "TIMEPIXR": 0.5,
        "RADESYS": "ICRS", **{f"SIM_{x}": v for x, v in zip("XYZ", setup.sim, strict=True)},
        "FOC_LEN": 10070.0, "DEFOCUS": 0.0,
        "ASPTYPE": "KALMAN", "RANGELEV": setup.taps.range_level, "WIDTHRES": 2,
    }  # fmt: skip
    pointing = (setup.ra % 360.0, setup.dec, setup.roll % 360.0)
    for kind in ("PNT", "NOM"):
        cards |= {f"{axis}_{kind}": v for axis, v in zip(("RA", "DEC", "ROLL"), pointing, strict=True)}
    cards |= {"RA_TARG": pointing[0], "DEC_TARG": pointing[1]}
    for key, value in cards.items():
        made[key] = value
    made["COMMENT"] = "Simulated by ciaopy simulate: not an observation of Chandra."
    return made


def primary(setup: HrcSetup) -> Image:
    """Return a primary block without pixels."""
    return Image("PRIMARY", None, header(setup, "PRIMARY", "PRIMARY"))


def event_header(setup: HrcSetup) -> Header:
    """Return the header of level-1 events."""
    head = header(setup, "EVENTS", "EVT1", ("OGIP", "EVENTS", "ALL"))
    head["DEGAP"], head["GAINCORF"], head["AMPSFCOR"], head["RAND_SKY"] = "COEFF", "NONE", True, 0.0
    head["ONTIME"], head["DTCOR"] = setup.duration, LIVE
    head["LIVETIME"] = head["EXPOSURE"] = LIVE * setup.duration
    for key, value in (("DSTYP1", "time"), ("DSVAL1", "TABLE"), ("DSFORM1", "D"), ("DSREF1", ":GTI")):
        head[key] = value
    return head


def aspect_table(setup: HrcSetup, aspect: AspectSolution) -> Table:
    """Return the ASPSOL block of asol1."""
    names = ("time", "ra", "dec", "roll", "dy", "dz", "dtheta")
    return table(header(setup, "ASPSOL", "ASPSOLOBI"), [column(n, getattr(aspect, n)) for n in names])


def rates(setup: HrcSetup) -> Table:
    """Return the DTF block of dtf1: a live fraction that waves by 0.3 %."""
    time = np.arange(START - MARGIN, START + setup.duration + MARGIN, RATE_STEP)
    n = len(time)
    factor = LIVE + 0.003 * np.sin(np.arange(n) / 40.0)
    head = header(setup, "DTF", "DTF")
    head["DTF_RLEN"], head["TIMEDEL"] = RATE_STEP, RATE_STEP
    counts = [column(c, np.full(n, 250, np.int32)) for c in ("PROC_EVT_COUNT", "TOTAL_EVT_COUNT", "VALID_EVT_COUNT")]
    return table(
        head, [column("TIME", time, "s"), column("DTF", factor), column("DTF_ERR", np.full(n, 0.003)), *counts]
    )


def bad_pixels(setup: HrcSetup) -> Table:
    """Return the BADPIX block of bpix1: the frames of the plates and a hot spot."""
    width, height = setup.chip_size
    boxes: list[tuple[int, tuple[int, int], tuple[int, int]]] = []
    for plate in setup.plates:
        (left, right), (low, high) = plate.x, plate.y
        inner = (left + 1, right - 1)
        frame = [((1, left), (1, height)), (inner, (1, low)), (inner, (high, height)), ((right, width), (1, height))]
        boxes += [(plate.chip_id, *side) for side in frame]
    boxes.append(setup.hot_spot)
    n = len(boxes)
    parts = [
        Column("CHIP_ID", np.array([b[0] for b in boxes], np.int16)),
        Column("SHAPE", np.full(n, b"RECTANGLE", "S16"), "16A"), Column("COMPONENT", np.ones(n, np.int16)),
        Column("CHIPX", np.array([b[1] for b in boxes], np.int16), "2I"),
        Column("CHIPY", np.array([b[2] for b in boxes], np.int16), "2I"),
        Column("STATUS", np.full(n, 64, np.uint8), "8X"),
    ]  # fmt: skip
    return table(header(setup, "BADPIX", "BADPIX", ("ASC", "REGION", "BADPIX")), parts)


def masks(setup: HrcSetup) -> list[Table]:
    """Return the blocks of msk1, one per plate."""
    made = []
    for plate in setup.plates:
        parts = [
            Column("SHAPE", np.array([b"rectangle"], "S16"), "16A"), Column("COMPONENT", np.zeros(1, np.int16)),
            Column("CHIPX", np.array([plate.x], np.int16), "2I"), Column("CHIPY", np.array([plate.y], np.int16), "2I"),
            Column("SAMP_CYC", np.ones(1, np.int16)), Column("PHAMIN", np.zeros(1, np.int16)),
            Column("PHAMAX", np.full(1, 255, np.int16)),
        ]  # fmt: skip
        head = header(setup, f"MASK{plate.chip_id}", "MSK", ("ASC", "REGION", "MASK"))
        head["CCD_ID"] = plate.chip_id
        made.append(table(head, parts))
    return made


def gti(setup: HrcSetup) -> Table:
    """Return the GTI block: the whole observation."""
    times = np.array([[START, START + setup.duration]])
    head = header(setup, "GTI", "GTI", ("OGIP", "GTI", "STANDARD"))
    return table(head, [column("START", times[:, 0], "s"), column("STOP", times[:, 1], "s")])


def good_times(setup: HrcSetup) -> list[Table]:
    """Return the blocks of flt1: an empty FILTER block and its good times."""
    head = header(setup, "FILTER", "GTI", ("ASC", "FILTER"))
    head["ONTIME"] = setup.duration
    for key, value in (("DSTYP1", "TIME"), ("DSVAL1", "TABLE"), ("DSFORM1", "D"), ("DSREF1", ":GTI")):
        head[key] = value
    return [table(head, [column("TIME", np.zeros(0), "s")]), gti(setup)]


def timeline(setup: HrcSetup) -> list[Table]:
    """Return the blocks of mtl1: time line, the same with the limits evaluated, limits."""
    time = np.arange(START + LINE_STEP / 2, START + setup.duration, LINE_STEP)
    n = len(time)
    limits = ["(DTF:1>=0.0)", "((fabs(IMHVLV-80)<=1)&&(fabs(IMHBLV-87)<=1))"]
    columns = [column("time", time, "s"), column("IMHVLV", np.full(n, 80, np.uint8))]
    columns += [column("IMHBLV", np.full(n, 87, np.uint8)), column("DTF", np.full(n, LIVE))]
    status = Column("limit_status", np.zeros((n, 1), np.uint8), "2X")
    made = []
    for name, parts in (("MTL", columns), ("MTL_S", [*columns, status])):
        head = header(setup, name, "MTL")
        head["TIMEDEL"] = LINE_STEP
        made.append(table(head, parts))
    texts = Column("gti_limits", np.array([t.encode() for t in limits], "S256"), "256A")
    return [*made, table(header(setup, "LIMITS", "LIMITS"), [texts])]
