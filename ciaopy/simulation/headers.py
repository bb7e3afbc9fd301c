"""Keywords and names that the files of one observation share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.coords import AspectSolution
from ciaopy.fits import Column, Image, Table, new_header
from ciaopy.simulation.setup import ROWS, TRANSFER, Setup
from ciaopy.simulation.timeline import FIRST_EXPNO, FloatArray, Timeline
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.fits import Header

MJDREF = 50814.0

#: What stands in every file.
NOTE = "Simulated by ciaopy simulate: not an observation of Chandra."

#: Focal plane temperature, K.
FP_TEMP = 153.5


@dataclass(frozen=True)
class Names:
    """File names, as in archive downloads, without `.gz`."""

    setup: Setup
    timeline: Timeline

    def own(self, kind: str) -> str:
        """Return the name of `evt1`, `bpix1`, `fov1`, `flt1`, `msk1`, `mtl1`, `stat1`."""
        return f"acisf{self.setup.obsid:05d}_000N001_{kind}.fits"

    @property
    def evt2(self) -> str:
        """Level-2 events."""
        return f"acisf{self.setup.obsid:05d}N001_evt2.fits"

    @property
    def asol1(self) -> str:
        """Aspect solution."""
        return f"pcadf{self.setup.obsid:05d}_000N001_asol1.fits"

    @property
    def pbk0(self) -> str:
        """Parameter block."""
        return f"acisf{int(self.timeline.start):09d}N001_pbk0.fits"

    def bias0(self, order: int) -> str:
        """Bias map of the chip in that place of the front-end processors."""
        return f"acisf{int(self.timeline.tstart):09d}N001_{order}_bias0.fits"


def utc(seconds: float) -> str:
    """Return a mission time as an ISO date."""
    moment = datetime(1998, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds))
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def dates(start: float, stop: float) -> list[tuple[str, Any, str]]:
    """Return DATE-OBS and DATE-END of a file with times of its own, s (MET)."""
    return [("DATE-OBS", utc(start), "Observation start date"), ("DATE-END", utc(stop), "Observation end date")]


def readout_flags() -> list[tuple[str, Any, str]]:
    """Return what says that nothing is randomised or corrected."""
    return [("RAND_SKY", 0.0, ""), ("RAND_PI", 0.0, ""), ("CTI_CORR", False, ""), ("CTI_APP", "NNNNNNNNNN", "")]


def put(header: Header, cards: Iterable[tuple[str, Any, str]]) -> Header:
    """Set keywords with their comments; returns the header."""
    for key, value, comment in cards:
        header[key] = (value, comment)
    return header


class Keywords:
    """The keywords of one observation.

    Parameters
    ----------
    setup : Setup
    timeline : Timeline
    aspect : AspectSolution
    """

    def __init__(self, setup: Setup, timeline: Timeline, aspect: AspectSolution) -> None:
        self.setup, self.timeline = setup, timeline
        mean = aspect.mean()
        self._pointing = (float(mean.ra), float(mean.dec), float(mean.roll))
        self._btimnull = float(aspect.time[0])
        self._btimrate = aspect.step
        self.good = {c: timeline.good_times(k) for k, c in enumerate(setup.chips)}

    def base(self, name: str, content: str, classes: tuple[str, ...] = ()) -> Header:
        """Return the header of a block: what it is, when, where to, with what."""
        header = new_header()
        if name != "PRIMARY":
            header["EXTNAME"] = name.rstrip("0123456789") or name
        put(header, [("HDUNAME", name, "ASCDM block name"), ("ORIGIN", "ciaopy", "Source of FITS file")])
        put(header, [("CREATOR", f"simulate - Version ciaopy {__version__}", "tool that created this output")])
        put(header, [("ASCDSVER", "10.12.2", "Processing system revision"), ("REVISION", 1, "Processing version")])
        put(header, [("CONTENT", content, "What data product")])
        for key, value in zip(("HDUCLASS", "HDUCLAS1", "HDUCLAS2", "HDUCLAS3"), classes, strict=False):
            header[key] = value
        put(header, [*self._times(), *self._instrument()])
        header["COMMENT"] = NOTE
        return header

    def _times(self) -> list[tuple[str, Any, str]]:
        t = self.timeline
        return [
            ("DATE", utc(t.tstop + 86400.0), "Date and time of file creation"),
            ("DATE-OBS", utc(t.tstart), "Observation start date"),
            ("DATE-END", utc(t.tstop), "Observation end date"),
            ("MJD-OBS", MJDREF + t.tstart / 86400.0, "Modified Julian date of observation"),
            ("TIMESYS", "TT", "Time system"),
            ("MJDREF", MJDREF, "[d] MJD zero point for times"),
            ("TIMEZERO", 0.0, "[s] Clock correction"),
            ("TIMEUNIT", "s", "Time unit"),
            ("BTIMNULL", self._btimnull, "Basic Time offset (s)"),
            ("BTIMRATE", self._btimrate, "Basic Time clock rate (s / VCDUcount)"),
            ("BTIMDRFT", 0.0, "Basic Time clock drift (s / VCDUcount^2)"),
            ("BTIMCORR", 0.0, "Correction applied to Basic Time rate (s)"),
            ("TIMEREF", "LOCAL", "Time reference (barycenter/local)"),
            ("TASSIGN", "SATELLITE", "Time assigned by clock"),
            ("CLOCKAPP", True, "Clock correction applied"),
            ("TIERRELA", 1e-9, "Clock rate error"),
            ("TIERABSO", 5e-5, "Clock precision"),
            ("TIMVERSN", "ASC-FITS-2", "Timing system definition"),
            ("TSTART", t.tstart, "[s] Observation start time (MET)"),
            ("TSTOP", t.tstop, "[s] Observation end time (MET)"),
            ("OBS_MODE", "POINTING", "Observation mode"),
            ("TIMEPIXR", 0.5, "Time stamp reference as bin fraction"),
            ("DATACLAS", "SIMULATED", "Observed or simulated"),
            ("RADESYS", "ICRS", "Equatorial system"),
            ("TIMEDEL", self.setup.timedel, "[s] Time resolution of data"),
        ]

    def _instrument(self) -> list[tuple[str, Any, str]]:
        s, p = self.setup, self._pointing
        nominal = (s.ra % 360.0, s.dec, s.roll % 360.0)
        cards: list[tuple[str, Any, str]] = [("MISSION", "AXAF", "Mission"), ("TELESCOP", "CHANDRA", "Telescope")]
        names = ("focus pos", "orthogonal axis pos", "translation stage pos")
        triple = zip("XYZ", s.sim_position, names, strict=True)
        cards += [(f"SIM_{axis}", value, f"[mm] SIM {text}") for axis, value, text in triple]
        cards += [("FOC_LEN", 10070.0, "[mm] HRMA focal length"), ("INSTRUME", "ACIS", "Instrument")]
        cards += [("GRATING", s.grating, "Grating"), ("DETNAM", s.detnam, "Detector")]
        for kind, text, values in (("PNT", "Pointing", p), ("NOM", "Nominal", nominal)):
            for axis, value in zip(("RA", "DEC", "ROLL"), values, strict=True):
                cards.append((f"{axis}_{kind}", value, f"[deg] {text} {axis}"))
        cards += [("RA_TARG", nominal[0], "[deg] Target RA"), ("DEC_TARG", s.dec, "[deg] Target Dec")]
        cards += [("DEFOCUS", 0.0, "[mm] SIM defocus"), ("READMODE", "TIMED", "Read mode")]
        cards += [("DATAMODE", s.mode, "Data mode"), ("CYCLE", "P", "Exposures: Prim/Second/Both")]
        cards += [("TITLE", f"SIMULATION, SEED {s.seed}", "Title"), ("OBSERVER", "ciaopy simulate", "Observer")]
        cards += [("OBJECT", s.target, "Source name"), ("DS_IDENT", f"ciaopy/{s.obsid:05d}", "Dataset identifier")]
        cards += [("OBS_ID", str(s.obsid), "Observation id"), ("OBI_NUM", 0, "Obi number")]
        cards += [("SEQ_NUM", "999999", "Sequence number"), ("FLSHTIME", 0.0, "[s]"), ("ASPTYPE", "KALMAN", "Aspect")]
        cards.append(("FP_TEMP", FP_TEMP, "[K] Focal Plane Temperature"))
        return cards

    def primary(self) -> Image:
        """Return a primary block without pixels."""
        header = self.base("PRIMARY", "PRIMARY")
        for key in ("DETNAM", "GRATING", "DATAMODE", "READMODE", "TIMEDEL", "CONTENT"):
            del header[key]
        return Image("PRIMARY", None, header)

    def good_time_blocks(self) -> list[Table]:
        """Return the GTI blocks of the chips, in the order of the front-end processors."""
        return [self._good_time_block(c, good) for c, good in self.good.items()]

    def _good_time_block(self, ccd: int, good: FloatArray) -> Table:
        header = self.base(f"GTI{ccd}", "GTI", ("OGIP", "GTI", "STANDARD"))
        header["EXTVER"], header["CCD_ID"] = ccd, ccd
        return table(header, [column("START", good[:, 0], "s"), column("STOP", good[:, 1], "s")])

    def exposure(self) -> list[tuple[str, Any, str]]:
        """Return ONTIME, LIVETIME, EXPOSURE and DTCOR; those without number are of the first chip."""
        on = {c: float((g[:, 1] - g[:, 0]).sum()) for c, g in self.good.items()}
        dtcor = self.setup.frame_exposure / self.setup.timedel
        cards: list[tuple[str, Any, str]] = []
        for name, stem, factor, text in (
            ("ONTIME", "ONTIME", 1.0, "Sum of GTIs"),
            ("LIVETIME", "LIVTIME", dtcor, "Livetime"),
            ("EXPOSURE", "EXPOSUR", dtcor, "Exposure time"),
        ):
            cards.append((name, on[self.setup.chips[0]] * factor, f"[s] {text}"))
            cards += [(f"{stem}{c}", v * factor, f"[s] {text}") for c, v in on.items()]
        return [*cards, ("DTCOR", dtcor, "Dead time correction")]

    def subspace(self, exposures: bool) -> list[tuple[str, Any, str]]:
        """Return the data subspace: one component per chip with its good times."""
        last = FIRST_EXPNO + self.timeline.nframes - 1
        cards: list[tuple[str, Any, str]] = []
        for k, ccd in enumerate(self.setup.chips):
            mark = str(k + 1) if k else ""
            if not k:
                cards += [("DSTYP1", "time", ""), ("DSFORM1", "D", ""), ("DSUNIT1", "s", "")]
                cards += [("DSTYP2", "ccd_id", ""), ("DSFORM2", "I", "")]
                cards += [("DSTYP3", "expno", ""), ("DSFORM3", "J", "")] if exposures else []
            cards += [(f"{mark}DSVAL1", "TABLE", ""), (f"{mark}DSREF1", f":GTI{ccd}", "")]
            cards.append((f"{mark}DSVAL2", f"{ccd}:{ccd}", ""))
            if exposures:
                cards.append((f"{mark}DSVAL3", f"{FIRST_EXPNO}:{last}", ""))
        return cards

    def readout(self) -> list[tuple[str, Any, str]]:
        """Return how the chips were read out."""
        s = self.setup
        first, rows = s.window
        return [
            ("RUN_ID", 1, "Science run index"),
            ("FSW_VERS", 60, "ACIS flight software version number"),
            ("TIMEDELA", s.timedel, "[s] Duration of primary exposure"),
            ("TIMEDELB", 0.0, "[s] Duration of secondary exposure"),
            ("EXPTIME", s.frame_exposure, "[s]"),
            ("DTYCYCLE", 0, ""),
            ("FIRSTROW", first, "Index of first row of CCD (sub)array readout"),
            ("NROWS", rows, "Number of rows in (sub)array readout"),
            ("FLSHTIMA", 0.0, "[s]"),
            ("FLSHTIMB", 0.0, "[s]"),
            ("OCLKPAIR", 8, ""),
            ("ORC_MODE", 0, ""),
            ("SUM_2X2", 0, ""),
            ("FEP_CCD", "".join(str(c) for c in s.chips).ljust(6, "x"), "CCD to FEP, FEP 0 first"),
        ]


def table(header: Header, columns: Iterable[Column]) -> Table:
    """Return a table block named by its HDUNAME."""
    return Table(str(header["HDUNAME"]), {c.name.lower(): c for c in columns}, header)


def column(name: str, data: Any, unit: str = "", form: str = "", **limits: Any) -> Column:
    """Return a column; `low` and `high` become TLMIN and TLMAX."""
    keys = {k: (limits[n], "") for n, k in (("low", "TLMIN"), ("high", "TLMAX"), ("null", "TNULL")) if n in limits}
    return Column(name, np.ascontiguousarray(data), form, unit, "", keys)


__all__ = ["FP_TEMP", "ROWS", "TRANSFER", "Keywords", "Names", "column", "dates", "put", "readout_flags", "table"]
