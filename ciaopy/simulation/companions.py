"""The other files of an observation: aspect, good times, masks, time line, statistics, parameter block, bias, fov."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.acis import bad_pixel_table
from ciaopy.coords import AspectSolution, convexhull_attitudes, fov_polygons, mask_corners, quaternion
from ciaopy.fits import Column, Dataset, Image, Table, Vector
from ciaopy.simulation.detector import Chip
from ciaopy.simulation.headers import FP_TEMP, ROWS, Keywords, column, dates, put, readout_flags, table
from ciaopy.simulation.islands import THRESHOLD
from ciaopy.simulation.photons import View
from ciaopy.simulation.setup import BACK_ILLUMINATED
from ciaopy.simulation.timeline import ASPECT_STEP, FIRST_EXPNO, MTL_STEP, FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLIT_ADU = 13
HIGHEST_PHA = 3269


def aspect_dataset(keywords: Keywords, aspect: AspectSolution) -> Dataset:
    """Return asol1: one ASPSOLOBI."""
    header = keywords.base("ASPSOL", "ASPSOLOBI", ("ASC", "TEMPORALDATA", "ASPSOL"))
    stop = float(aspect.time[-1] + ASPECT_STEP)
    own: list[tuple[str, Any, str]] = [
        ("INSTRUME", "PCAD", ""),
        ("DETNAM", "", ""),
        ("TIMEPIXR", 0.0, ""),
        ("TIMEDEL", ASPECT_STEP, ""),
        ("DTASPSOL", ASPECT_STEP, "[s]"),
        ("TSTART", float(aspect.time[0]), ""),
        ("TSTOP", stop, ""),
        ("ONTIME", stop - float(aspect.time[0]), "[s]"),
        ("ASPALG", "EGAUSS", ""),
        ("NUMFID", 3, ""),
        ("BOREVER", 2, ""),
        ("ACSYS1", "SKY:ASC-FP-1.1", ""),
        ("BIASTYPE", "NONE", ""),
        ("CALDBVER", "NONE", ""),
        ("PITCHAMP", float(np.ptp(aspect.dec)) / 2, "[deg] Amplitude of the dither"),
        ("YAWAMP", float(np.ptp(aspect.ra) * np.cos(np.radians(aspect.dec[0]))) / 2, "[deg] Amplitude of the dither"),
        *dates(float(aspect.time[0]), stop),
    ]
    put(header, own)
    n = len(aspect)
    columns = [column("time", aspect.time, "s")]
    columns += [column(c, getattr(aspect, c), "deg") for c in ("ra", "dec", "roll")]
    columns += [column(c, np.full(n, 1e-5, np.float32), "deg") for c in ("ra_err", "dec_err", "roll_err")]
    units = (("dy", "mm"), ("dz", "mm"), ("dtheta", "deg"))
    columns += [column(c, getattr(aspect, c).astype(np.float32), unit) for c, unit in units]
    columns += [column(f"{c}_err", np.full(n, 1e-5, np.float32), unit) for c, unit in units]
    q = quaternion(aspect.ra, aspect.dec, aspect.roll)
    columns.append(column("q_att", np.where(q[:, 3:] < 0, -q, q)))
    axes = ("roll_bias", "pitch_bias", "yaw_bias")
    columns += [column(c, np.zeros(n, np.float32), "deg/s") for c in (*axes, *(f"{a}_err" for a in axes))]
    primary = keywords.primary()
    span = [("TSTART", float(aspect.time[0]), "[s]"), ("TSTOP", stop, "[s]")]
    put(primary.header, [("INSTRUME", "PCAD", ""), *span, *dates(float(aspect.time[0]), stop)])
    return Dataset([primary, table(header, columns)])


def filter_dataset(keywords: Keywords) -> Dataset:
    """Return flt1: an empty FILTER block whose data subspace holds the good times."""
    header = keywords.base("FILTER", "GTI", ("ASC", "FILTER"))
    put(header, [("ADM_TIME", 0.0, "[s]"), *readout_flags(), *keywords.exposure(), *keywords.subspace(exposures=False)])
    made = Table("FILTER", {}, header, [], list(keywords.good_time_blocks()))
    return Dataset([keywords.primary(), made])


def mask_dataset(keywords: Keywords) -> Dataset:
    """Return msk1: per chip the rectangle that sends events, and the rest of the chip."""
    setup = keywords.setup
    first, rows = setup.window
    x = np.array([[2, 1023], [1, 1024], [2, 1023]], np.int16)
    y = np.array([[first + 1, first + rows - 2], [1, ROWS], [first + 1, first + rows - 2]], np.int16)
    blocks: list[Image | Table] = [keywords.primary()]
    for ccd in sorted(setup.chips):
        least = THRESHOLD[ccd in BACK_ILLUMINATED] + 1
        header = keywords.base(f"MASK{ccd}", "MSK", ("ASC", "REGION", "MASK"))
        own: list[tuple[str, Any, str]] = [("EXTVER", ccd, ""), ("CCD_ID", ccd, "")]
        own += [("FEP_ID", setup.chips.index(ccd), ""), ("FIRSTROW", first, ""), ("LASTROW", first + rows - 1, "")]
        put(header, [*own, ("PHAMIN", least, ""), ("PHARANGE", HIGHEST_PHA - least, ""), ("DTYCYCLE", 0, "")])
        put(header, [("CONVERS", "NONE", ""), ("PBLOCK", 1, ""), ("WIND_ID", 1, ""), keywords.exposure()[0]])
        columns = [
            column("SHAPE", np.array([b"rectangle", b"rectangle", b"!rectangle"], "S16")),
            column("COMPONENT", np.array([1, 2, 2], np.int16), low=0, high=36),
            column("CHIPX", x, "pixel", low=1, high=ROWS),
            column("CHIPY", y, "pixel", low=1, high=ROWS),
            column("SAMP_CYC", np.array([1, 0, 1], np.int16), low=0, high=255),
            column("PHAMIN", np.full(3, least, np.int16), "adu", low=0, high=4095),
            column("PHAMAX", np.full(3, HIGHEST_PHA, np.int16), "adu"),
        ]
        made = table(header, columns)
        made.vectors = [Vector("CHIP", ("CHIPX", "CHIPY"))]
        blocks.append(made)
    return Dataset(blocks)


def bad_pixel_dataset(keywords: Keywords, chips: dict[int, Chip]) -> Dataset:
    """Return bpix1."""
    base = keywords.base("BADPIX", "BADPIX")
    first, rows = keywords.setup.window
    run = [("STARTROW", first - 1, ""), ("ROWCNT", rows - 1, ""), ("BPIXFILE", "NONE", "")]
    blocks: list[Image | Table] = [keywords.primary()]
    for ccd in sorted(chips):
        header = put(base.copy(), [*run, ("FEP_ID", keywords.setup.chips.index(ccd), "")])
        blocks.append(bad_pixel_table(ccd, chips[ccd].bad, header))
    return Dataset(blocks)


# Name, unit and value of the columns of a mission time line that do not change here (layout of ObsID 1230).
_STEADY = (
    ("Point_SunLimbAng", "deg", 120.0),
    ("Point_MoonLimbAng", "deg", 60.0),
    ("Point_EarthLimbAng", "deg", 130.0),
    ("Point_RamVectorAng", "deg", 110.0),
    ("Dist_SatEarth", "m", 1.4e8),
    *(
        (name, "Hz / cm**2 / sr", 0.0)
        for name in ["SCP4", "SCP8", "SCH4", "SCH8", "SCE150", "SCE300", "SCE1300", "SCE3000"]
    ),
    *((name, "Hz / cm**2 / sr", 0.0) for name in ["SCINT", "SCP25", "SCP41", "SCH25", "SCH41"]),
    ("img_diam_rms", "arcsec", 0.2),
    ("img_roll_rms", "arcsec", 6.0),
    ("target_offset", "arcsec", 7.0),
    ("rw_speed_bad", "", 0.0),
    ("HRMA_CAPGRAD0", "K", 0.03),
    ("HRMA_CAPGRAD1", "K", -0.02),
    ("HRMA_CAPTEMP", "K", 294.2),
    ("HRMA_FRWDTEMP", "K", 295.1),
    ("HRMA_AFTTEMP", "K", 290.6),
    ("HRMA_TEMP", "K", 294.0),
    ("OBA_PERIGRAD0", "K", 1.03),
    ("OBA_PERIGRAD1", "K", 0.03),
    ("THR_PIX", "", 15000.0),
    ("EVTSENT", "", 10.0),
    ("FP_TEMP", "", FP_TEMP),
    ("COUNT_RATE", "", 10.0),
)

# The limits that decide on good time; the texts are those of archive files. The first two of the bits below are named.
_LIMITS = (
    "(img_diam_rms:1<=0.5)",
    "(img_roll_rms:1<=40.0)",
    "(fabs(Point_SunLimbAng:1)>=45.0)",
    "(fabs(Point_EarthLimbAng:1)>=20.0)",
    '(((READMODE:1=="TIMED")&&(EXPNO:1>2))||((READMODE:1=="CONTINUOUS")&&(EXPNO:1>3)))',
    "(MOVING:1==F)",
    "(AOFF_GAP:1==0)",
    "((0<=asp_sol_status:1)&&(asp_sol_status:1<256))",
    '(ASPTYPE:1!="OBC")',
)
_EXPNO_LIMIT, _GAP_LIMIT = 4, 6


def timeline_dataset(keywords: Keywords) -> Dataset:
    """Return mtl1: the mission time line, the same with the limits evaluated, and the limits."""
    timeline, setup = keywords.timeline, keywords.setup
    time = timeline.mtl_time
    early, gap = timeline.mtl_bad()
    n = len(time)
    expno = np.where(early, 2, FIRST_EXPNO + (time - timeline.start) // setup.timedel).astype(np.int32)
    columns = [column("time", time, "s"), *(column(k, np.full(n, v), unit) for k, unit, v in _STEADY)]
    columns += [column("asp_sol_status", np.zeros(n, np.int16)), column("EXPNO", expno)]
    columns += [_text("DETNAM", setup.detnam, n, 11), _text("DATAMODE", setup.mode, n, 24)]
    columns += [
        _text("READMODE", "TIMED", n, 14),
        _text("GRATING", setup.grating, n, 7),
        _text("ASPTYPE", "KALMAN", n, 6),
    ]
    columns += [column("MOVING", np.zeros(n, bool)), column("AOFF_GAP", gap.astype(np.int16))]
    bits = np.zeros((n, 16), np.uint8)
    bits[early, _EXPNO_LIMIT] = 1
    bits[gap, _GAP_LIMIT] = 1
    packed = np.packbits(bits, axis=1)
    status = Column("limit_status", packed, f"{len(_LIMITS)}X")
    blocks: list[Image | Table] = [keywords.primary()]
    for name, more in (("MTL", []), ("MTL_S", [status])):
        smoothed = ("SMOOTHED",) if more else ()
        header = keywords.base(name, "mtl", ("OGIP", "TEMPORALDATA", "TSI", *smoothed))
        put(header, [("TIMEDEL", MTL_STEP, ""), ("MTL_RLEN", MTL_STEP, "[s]"), ("CALDBVER", "NONE", "")])
        blocks.append(table(header, [*columns, *more]))
    texts = np.array([t.encode() for t in _LIMITS], "S256")
    blocks.append(table(keywords.base("LIMITS", "LIMITS"), [column("gti_limits", texts)]))
    return Dataset(blocks)


def _text(name: str, value: str, n: int, width: int) -> Column:
    return column(name, np.full(n, value.encode(), f"S{width}"))


def statistics_dataset(keywords: Keywords, sent: NDArray[np.int64]) -> Dataset:
    """Return stat1.

    Parameters
    ----------
    keywords : Keywords
    sent : int64 array, shape (nchip, nframes)
        Events of each exposure.
    """
    timeline, setup = keywords.timeline, keywords.setup
    order, frame = np.nonzero(timeline.alive)
    row = np.lexsort((order, frame))
    order, frame = order[row], frame[row]
    n = len(frame)
    zero = np.zeros(n, np.int32)
    columns = [
        column("TIME", timeline.time(frame, order), "s"),
        column("CCD_ID", np.asarray(setup.chips, np.int16)[order], low=0, high=9),
        column("EXPTIME", np.full(n, setup.frame_exposure, np.float32), "s"),
        column("EXPNO", (frame + FIRST_EXPNO).astype(np.int32), low=0),
        column("EVTSENT", sent[order, frame].astype(np.int32), low=0),
        column("THR_PIX", np.full(n, 15000, np.int32), low=0, high=1048576),
        *(column(c, zero.copy(), low=0) for c in ("DROP_AMP", "DROP_POS", "DROP_GRD", "BERR_SUM")),
        column("OVRCLOCK", np.tile(np.array([900, 645, 501, 824], np.int16), (n, 1)), "adu"),
    ]
    header = keywords.base("EXPSTATS", "EXPSTATS", ("ASC", "TEMPORALDATA", "EXPOSURES"))
    put(header, [keywords.exposure()[0], ("SORT", "TIME", "")])
    blocks: list[Image | Table] = [keywords.primary(), table(header, columns)]
    blocks += [_dropped(keywords, k, ccd) for k, ccd in enumerate(setup.chips)]
    return Dataset(blocks)


def _dropped(keywords: Keywords, order: int, ccd: int) -> Table:
    """Return the DROPEXP block of a chip: the exposure before the first, and those that were lost."""
    timeline = keywords.timeline
    frame = np.concatenate([[-1], np.flatnonzero(~timeline.alive[order])]).astype(np.int64)
    n = len(frame)
    header = keywords.base(f"DROPEXP{ccd}", "DROPEXP", ("ASC", "TEMPORALDATA", "EXPOSURES"))
    put(header, [("EXTVER", ccd, ""), ("CCD_ID", ccd, ""), ("FEP_ID", order, "")])
    columns = [
        column("TIME", timeline.time(frame, np.full(n, order)), "s"),
        column("EXPNO", (frame + FIRST_EXPNO).astype(np.int32)),
        column("MISEVT", np.zeros(n, np.int16)),
        column("MISEXP", np.ones(n, np.int16)),
    ]
    return table(header, columns)


def parameter_block_dataset(keywords: Keywords) -> Dataset:
    """Return pbk0."""
    setup, timeline = keywords.setup, keywords.timeline
    ccd = np.asarray(setup.chips, np.int16)
    back = np.isin(ccd, BACK_ILLUMINATED)
    events = np.where(back, THRESHOLD[True], THRESHOLD[False]).astype(np.int16)
    four = (1, 4)
    columns = [
        column("CCD_ID", ccd, low=0, high=9),
        column("FEP_ID", np.arange(len(ccd), dtype=np.int16), low=0, high=5),
        column("VIDRESP", np.zeros(len(ccd), np.int16)),
        column("EVT_THR", np.tile(events[:, None], four), "adu"),
        column("SPL_THR", np.full((len(ccd), 4), SPLIT_ADU, np.int16), "adu"),
        column("BCMPSLOT", np.zeros(len(ccd), np.int16), low=0, high=255),
        column("BIASALG", np.ones(len(ccd), np.int16), low=0, high=255),
        *(column(f"BIASARG{k}", np.zeros(len(ccd), np.int16), low=-32768, high=32767) for k in range(5)),
        column("VID_OFF", np.zeros((len(ccd), 4), np.int16), low=0, high=4095),
    ]
    header = keywords.base("PBK", "PBK", ("ASC", "CONFIG", "PARAMBLOCK"))
    first, rows = setup.window
    put(header, [*keywords.readout(), ("STARTROW", first - 1, ""), ("ROWCNT", rows - 1, "")])
    start, stop = float(np.floor(timeline.start)), float(np.ceil(timeline.stop))
    span = [("TSTART", start, "[s]"), ("TSTOP", stop, "[s]"), *dates(start, stop)]
    put(header, [*span, *((key, 0, "") for key in _PBK_ZEROS.split()), ("PHARANGE", 65535, ""), ("WIND_ID", 1, "")])
    primary = keywords.primary()
    put(primary.header, span)
    return Dataset([primary, table(header, columns)])


#: Settings of the instrument that are off here.
_PBK_ZEROS = """
    BEP_MODE BIAS_CAL DEALOAD EXPTIMEA EXPTIMEB EXP_SKIP FEPLOAD FEP_MODE HISTCNT NOBADCOL NOBADPIX PBLOCK PHAMIN
    RCMPSLOT SENDBIAS
"""


def bias_dataset(keywords: Keywords, order: int, chip: Chip) -> Dataset:
    """Return the bias map of one chip: the primary image."""
    header = keywords.base("BIAS", "BIAS0", ("ASC", "IMAGE", "BIAS"))
    own: list[tuple[str, Any, str]] = [("CCD_ID", keywords.setup.chips[order], ""), ("FEP_ID", order, "")]
    own += [("STARTROW", 0, ""), ("ROWCNT", ROWS - 1, ""), ("CCDNODES", 4, ""), ("ORC_MODE", 0, "")]
    own += [("SUM2X2", 0, ""), ("BIASALG", 1, "")]
    own += [(f"INITOCL{n}", v, "") for n, v in zip("ABCD", (900, 645, 501, 824), strict=True)]
    return Dataset([Image("BIAS", chip.bias, put(header, own))])


def field_of_view_dataset(keywords: Keywords, view: View, aspect: AspectSolution, masks: Dataset) -> Dataset:
    """Return fov1: the polygons of all chips on the sky, by the rules of `skyfov`."""
    from ciaopy.coords import fov_table

    corners: dict[int, FloatArray] = mask_corners(masks.tables("MASK"), view.plane.detector)
    during = aspect.between(keywords.timeline.tstart, keywords.timeline.tstop)
    polygons = fov_polygons(view.plane, view.frame, corners, convexhull_attitudes(during))
    header = put(keywords.base("EVENTS", "EVT1"), [*keywords.exposure(), *readout_flags()])
    return Dataset([keywords.primary(), fov_table(polygons, view.frame, header)])
