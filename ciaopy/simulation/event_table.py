"""The columns of the event files, from charges: pulse heights, grades, energies, coordinates, status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ciaopy.acis import (
    ASCA_GRADES,
    BadPixelMap,
    EventBlock,
    flag_bad_pixels,
    grade_islands,
    pi_channels,
    round_pulse_heights,
    split_array,
)
from ciaopy.coords import AspectSolution, EventTransform
from ciaopy.fits import Column, Table, Vector
from ciaopy.simulation.charges import Charges
from ciaopy.simulation.headers import Keywords, Names, column, put, table
from ciaopy.simulation.islands import Gain, corner_mean, make_islands
from ciaopy.simulation.photons import View
from ciaopy.simulation.setup import Setup
from ciaopy.simulation.timeline import FIRST_EXPNO, Timeline

if TYPE_CHECKING:
    from ciaopy.fits import Header

VECTORS = (
    ("chip", "chipx,chipy"),
    ("tdet", "tdetx,tdety"),
    ("det", "detx,dety"),
    ("sky", "x,y"),
    ("CPC", "CPCX,CPCY"),
    ("MSC", "PHI,THETA"),
    ("EQPOS", "RA,DEC"),
)

GOOD_GRADES = (0, 2, 3, 4, 6)


def event_columns(
    setup: Setup, timeline: Timeline, charges: Charges, transform: EventTransform, view: View, rng: np.random.Generator
) -> list[Column]:
    """Return the columns of evt1 but STATUS, in the order of the archive; rows as in `charges`.

    Positions are those of the centres of the pixels (PIX_ADJ NONE). There is no charge-transfer loss to correct:
    PHA is the sum of the island as read out, and ENERGY its energy in the embedded gain.
    """
    ccd = np.asarray(setup.chips, np.int16)[charges.order]
    x, y = (np.floor(v + 0.5).astype(np.int16) for v in (charges.x, charges.y))
    time = timeline.time(charges.frame, charges.order)
    gain = Gain()
    islands = make_islands(charges, ccd, 5 if setup.mode == "VFAINT" else 3, gain, rng)
    block = EventBlock(time, ccd, x, y, np.zeros(len(ccd), np.uint64))
    sums = grade_islands(block, islands, split_array(None))
    pha = round_pulse_heights(sums.total)
    energy = gain.energy(ccd, (x, y), pha + rng.uniform(-0.5, 0.5, len(pha))).astype(np.float32)
    position = transform.all(time, ccd, x, y, None)
    limits = view.frame.column_keywords()

    def coordinate(name: str, data: NDArray[np.generic], dtype: type[np.generic], high: float = 1024) -> Column:
        made = column(name, data.astype(dtype), "pixel", low=1, high=int(high))
        made.keys |= {k: (v, "") for k, v in limits.get(name, {}).items()}
        return made

    columns = [
        column("time", time, "s"),
        column("expno", (charges.frame + FIRST_EXPNO).astype(np.int32), low=0),
        column("ccd_id", ccd, low=0, high=9),
        column("node_id", ((x - 1) // 256).astype(np.int16), low=0, high=3),
        coordinate("chipx", x, np.int16),
        coordinate("chipy", y, np.int16),
        coordinate("tdetx", position.tdetx, np.int16, 8192),
        coordinate("tdety", position.tdety, np.int16, 8192),
        *(coordinate(n, getattr(position, n), np.float32, 8192) for n in ("detx", "dety", "x", "y")),
    ]
    heights = [
        column("pha", pha, "adu", low=0, high=36855, null=0),
        column("pha_ro", pha.copy(), "adu", low=0, high=36855),
    ]
    if setup.mode == "GRADED":
        heights.append(column("corn_pha", corner_mean(islands), "adu", low=-4096, high=4095))
    else:
        side = islands.shape[1]
        shape = column("phas", islands, "adu", f"{side * side}I", low=-4096, high=4095)
        shape.keys["TDIM"] = (f"({side},{side})", "")
        heights.insert(0, shape)
    return [
        *columns,
        *heights,
        column("energy", energy, "eV", low=0.0, high=1e6),
        column("pi", pi_channels(energy), "chan", low=1, high=1024, null=0),
        column("fltgrade", sums.fltgrade, low=0, high=255),
        column("grade", ASCA_GRADES[sums.fltgrade], low=0, high=7),
    ]


def status_column(columns: list[Column], bad: BadPixelMap) -> Column:
    """Return STATUS: the bits of bad pixels and their neighbours."""
    data = {c.name: c.data for c in columns}
    n = len(data["time"])
    status = np.zeros(n, np.uint32)
    block = EventBlock(data["time"], data["ccd_id"], data["chipx"], data["chipy"], np.zeros(n, np.uint64))
    flag_bad_pixels(block, bad, status)
    return Column("status", status, "32X")


def event_table(keywords: Keywords, names: Names, columns: list[Column]) -> Table:
    """Return the EVENTS block of evt1, with its GTI blocks as companions."""
    header = keywords.base("EVENTS", "EVT1", ("OGIP", "EVENTS", "ALL"))
    setup = keywords.setup
    files = [(k.upper() + "FILE", names.own(v), "") for k, v in _COMPANIONS.items()]
    put(header, [("ASOLFILE", names.asol1, ""), ("PBKFILE", names.pbk0, ""), *files])
    put(header, [(f"BIASFIL{c}", names.bias0(k), "") for k, c in enumerate(setup.chips)])
    put(header, [*_CALIBRATION, *keywords.readout(), *keywords.exposure(), *keywords.subspace(exposures=True)])
    made = table(header, columns)
    made.vectors = [Vector(name, tuple(form.split(","))) for name, form in VECTORS]
    made.companions = list(keywords.good_time_blocks())
    return made


_COMPANIONS = {"bpix": "bpix1", "mask": "msk1", "mtl": "mtl1", "flt": "flt1", "stat": "stat1"}

_CALIBRATION = [
    ("PIX_ADJ", "NONE", "Subpixel adjustment algorithm"),
    ("SUBPIXFL", "NONE", ""),
    ("RAND_SKY", 0.0, ""),
    ("RAND_PI", 1.0, ""),
    ("TIME_ADJ", "NONE", "time adjustment algorithm"),
    ("CTI_CORR", False, "Charge transfer losses are not simulated"),
    ("CTI_APP", "NNNNNNNNNN", ""),
    ("CTIFILE", "NONE", ""),
    ("TGAINCOR", "F", ""),
    ("TGAINFIL", "NONE", ""),
    ("GAINFILE", "ciaopy-lite-1", "gain of the embedded calibration"),
    ("GRD_FILE", "acisD1996-11-01gradeN0004.fits", ""),
    ("THRFILE", "acisD2005-07-01evtspltN0002.fits", ""),
    ("GEOMFILE", "telD1999-07-23geomN0006.fits", ""),
    ("AIMPFILE", "telD1999-07-23aimptsN0002.fits", ""),
    ("SKYFILE", "telD1999-07-23skyN0002.fits", ""),
    ("TDETFILE", "telD1999-07-23tdetN0001.fits", ""),
    ("SHELLFIL", "telD1999-07-23sgeomN0001.fits", ""),
    ("CORNERS", 2, "num adjacent side pix > threshold to include corner"),
    ("GRADESYS", "ASCA", ""),
    ("CALDBVER", "ciaopy-lite-1", ""),
    ("DY_AVG", 0.0, "[mm] Mean DY during observation"),
    ("DZ_AVG", 0.0, "[mm] Mean DZ during observation"),
    ("DTH_AVG", 0.0, "[deg] Mean DTHETA during observation"),
    ("ACSYS1", "CHIP:AXAF-ACIS-1.0", "reference for chip coord system"),
    ("ACSYS2", "TDET:ACIS-2.2", "reference for tiled detector coord system"),
    ("ACSYS3", "DET:ASC-FP-1.1", "reference for focal plane coord system"),
    ("ACSYS4", "SKY:ASC-FP-1.1", "reference for sky coord system"),
]


def level2(events: Table, keywords: Keywords) -> Table:
    """Return the level-2 table: good grades, no status bits, good times."""
    keep = np.isin(events["grade"], GOOD_GRADES) & (events["status"] == 0)
    inside = np.zeros(events.nrows, bool)
    for ccd, good in keywords.good.items():
        chip = events["ccd_id"] == ccd
        for start, stop in good:
            inside |= chip & (events["time"] >= start) & (events["time"] < stop)
    made = events.take(keep & inside).select([n for n in events.names if n not in ("phas", "corn_pha", "pha_ro")])
    header: Header = events.header.copy()
    header["CONTENT"], header["HDUCLAS2"], header["STATFILT"] = "EVT2", "ACCEPTED", "0" * 32
    made.header = header
    return made


def make_transform(view: View, aspect: AspectSolution) -> EventTransform:
    """Return what turns chip positions into TDET, DET and SKY."""
    return EventTransform(view.plane, view.frame, aspect)
