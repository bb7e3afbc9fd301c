"""Make effective areas and response matrices for all spectra of a grating observation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import DataError, ParameterError

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Dataset, Header
    from ciaopy.observation import Companions
    from ciaopy.param import ParameterSet
    from ciaopy.response import Instrument, SpectrumOrder


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write `<outroot>_<arm>_<m|p><n>.arf` and `.rmf` for every arm and source of `infile` and the orders asked for.

    Raises
    ------
    OutputExistsError
        A product exists and clobber=no; decided before any work.
    UserError, DataError
        Files, orders or grids that do not fit.
    CalibrationError
        A product is missing.
    """
    from ciaopy.datamodel import empty_primary
    from ciaopy.fits import Dataset
    from ciaopy.response import response_pairs

    infile, evtfile = par["infile"].strip(), par["evtfile"].strip()
    for name in ("wvgrid_arf", "wvgrid_chan"):
        if par[name].strip().lower() != "compute":
            raise ParameterError(f"{name}={par[name]}: responses are made on the grids of {infile}; leave compute")
    spectra = ws.dataset(infile)
    header = _event_header(evtfile, ws)
    wanted = _wanted(par, spectra, header)
    for one in wanted:
        for path in (one.area_file, one.matrix_file):
            ws.check_output(path, par["clobber"], (infile, evtfile))
    instrument = _instrument(par, evtfile, header, ws)
    nproc = 1 if not par["parallel"] else par["nproc"] or ws.nproc
    pairs = response_pairs(wanted, spectra, instrument, ws, nproc)
    for pair in pairs:
        blocks = Dataset([empty_primary(pair.matrix[0].header), *pair.matrix])
        ws.write(pair.of.matrix_file, blocks, par, par["clobber"])
        ws.write(pair.of.area_file, pair.area, par, par["clobber"])
    console = ws.console.at(max(1, ws.console.verbose))
    for note in dict.fromkeys(n for p in pairs for n in p.notes):
        console.warn(f"mktgresp: {note}")
    ws.console.say(f"{par['outroot']}: {len(pairs)} effective areas and response matrices", 1)


def _event_header(evtfile: str, ws: Workspace) -> Header:
    from ciaopy.datamodel import block_without_rows

    return block_without_rows(evtfile, ws, "evtfile").header


def _wanted(par: ParameterSet, spectra: Dataset, header: Header) -> list[SpectrumOrder]:
    """Return the responses to make: arms, sources and zero orders of the spectrum file, times the orders asked for."""
    from ciaopy.gratings import SpectrumId, arm_named, names_of, spectra_of
    from ciaopy.response import SpectrumOrder, order_list

    infile = par["infile"].strip()
    spectrum, _, rows = spectra_of(spectra, infile)
    text = par["orders"].strip()
    orders = _usual_orders(header) if text.lower() in ("", "indef", "default") else order_list(text, "orders")
    zero: dict[tuple[int, int], tuple[float, float]] = {}
    for row in rows:
        at = (float(spectrum["X"][row.row]), float(spectrum["Y"][row.row])) if "X" in spectrum else None
        if at is None:
            raise DataError(f"{infile}: no columns X, Y (the zero orders); make the file with tgextract")
        zero.setdefault((row.part, row.source), at)
    ids = [SpectrumId(0, part, order, source) for part, source in zero for order in orders]
    return [
        SpectrumOrder(arm_named(one.arm), one.order, one.source, zero[one.part, one.source], root)
        for one, root in names_of(ids, par["outroot"].strip())
    ]


def _usual_orders(header: Header) -> list[int]:
    grating, detector = (str(header.get(k, "")).strip().upper() for k in ("GRATING", "DETNAM"))
    if grating == "LETG" and detector.startswith("HRC-S"):
        return [*range(-8, 0), *range(1, 9)]
    return [-1, 1]


def _instrument(par: ParameterSet, evtfile: str, header: Header, ws: Workspace) -> Instrument:
    from ciaopy.caldb import Ardlib
    from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame
    from ciaopy.response import Instrument, chip_exposures, live_fraction, with_bad_pixels

    plane, frame = FocalPlane.from_header(header, where=evtfile), SkyFrame.from_header(header, where=evtfile)
    found = _companions(par, evtfile, header, ws)
    aspect = AspectSolution.read([Path(name) for name in found.aspect], ws)  # names, not stacks: blanks stay
    detnam = str(header.get("DETNAM", "")).strip().upper()
    acis = plane.detector.name == "ACIS"
    chips = tuple(int(c) for c in detnam.partition("-")[2] if c.isdecimal()) if acis else ()
    chips = chips or tuple(c.id for c in plane.detector.chips)
    dead_time = "" if found.dead_time == "NONE" else found.dead_time
    live = live_fraction(dead_time, header, evtfile, ws)
    exposures = chip_exposures(evtfile, chips, aspect, frame, live, ws)
    ardlib = with_bad_pixels(Ardlib.read(), found.bad_pixels)
    return Instrument(plane, frame, header, ardlib, found.mask, par["osipfile"], par["dafile"], exposures)


def _companions(par: ParameterSet, evtfile: str, header: Header, ws: Workspace) -> Companions:
    from ciaopy.observation import EventFile, GivenFiles, find_companions

    given = GivenFiles(
        aspect=par["asolfile"], bad_pixels=par["bpixfile"], mask=par["mskfile"], dead_time=par["dtffile"]
    )
    return find_companions(EventFile(name=evtfile, header=header), given, ws.console, ws)
