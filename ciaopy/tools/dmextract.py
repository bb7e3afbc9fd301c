"""Extract counts with errors and rates: spectra, light curves, radial profiles and other histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.datamodel import extract
from ciaopy.datamodel.api import read_block
from ciaopy.datamodel.opened import Opened
from ciaopy.datamodel.parser import parse
from ciaopy.datamodel.regionstack import axis_regions
from ciaopy.datamodel.selection import Selection, open_selection, require_table
from ciaopy.datamodel.wcs import columns_wcs
from ciaopy.errors import NotAvailableError, UserError
from ciaopy.fits.blocks import Dataset, Image, Table

if TYPE_CHECKING:
    from ciaopy.datamodel.workspace import Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Bin `infile` as its `[bin ...]` says and write the table that `opt` asks for.

    Raises
    ------
    UserError
        No binning, or one that does not go with `opt`.
    NotAvailableError
        opt pha2, ltc2, generic2; exposure maps; a background for spectra.
    """
    infile, outfile, opt = str(par["infile"]), str(par["outfile"]), str(par["opt"])
    ws.check_output(outfile, bool(par["clobber"]), (infile,))
    for name in ("exp", "bkgexp"):
        if _name(par[name]):
            raise NotAvailableError(
                f"dmextract: {name} (exposure map) is not available; divide by the map with dmimgcalc"
            )
    if opt not in ("pha1", "ltc1", "generic"):
        raise NotAvailableError(f"dmextract: opt={opt} is not available; run opt={opt[:-1]}1 or generic on each region")
    vfile = parse(infile)
    if vfile.binning is None:
        raise UserError(
            f"{infile}: dmextract needs a binning, such as [bin time=::200], [bin pi] or [bin sky=annulus(...)]"
        )
    method = str(par["error"] or "gaussian").lower()
    with Opened(vfile, ws) as opened:
        info = opened.find(vfile.block)
        require_table(opened, info)
        selection = open_selection(opened, info, vfile, ws)
        axis = vfile.binning.axes[0]
        if _name(par["bkg"]) and (opt == "pha1" or not (axis.region or axis.grid)):
            raise NotAvailableError(
                "dmextract: bkg goes with regions (opt=generic, [bin sky=...]); extract it on its own"
            )
        if axis.region or axis.grid:
            table = _regions(selection, par, ws, method)
        elif opt == "ltc1":
            table = extract.light_curve(selection, method)
        elif opt == "pha1":
            table = extract.spectrum(selection, method, float(par["sys_err"] or 0.0))
        else:
            table = extract.histogram(selection, method)
    content = _with_wmap(table, par, ws) if opt == "pha1" and _name(par["wmap"]) else table
    ws.write(outfile, content, par, bool(par["clobber"]))
    ws.console.say(f"{outfile}: {table.nrows} bins, {int(table['COUNTS'].sum())} counts", 1)


def _name(value: object) -> str:
    text = str(value or "").strip()
    return "" if text.lower() == "none" else text


def _count(selection: Selection) -> extract.RegionCounts:
    binning = selection.vfile.binning
    assert binning is not None
    if len(binning.axes) != 1:
        raise UserError(f"{selection.vfile.text}: binning by regions takes one vector, such as sky")
    pair = extract.sky_pair(selection)
    regions = axis_regions(binning.axes[0], columns_wcs(selection.source, pair))
    return extract.count_regions(selection, regions, pair)


def _regions(selection: Selection, par: ParameterSet, ws: Workspace, method: str) -> Table:
    """Return the table of counts in regions, with the background if there is one."""
    background = None
    name = _name(par["bkg"])
    if name:
        vfile = parse(name)
        if vfile.binning is None or not (vfile.binning.axes[0].region or vfile.binning.axes[0].grid):
            raise UserError(f"{name}: the background needs a region, such as [bin sky=annulus(...)]")
        with Opened(vfile, ws) as opened:
            info = opened.find(vfile.block)
            require_table(opened, info)
            other = open_selection(opened, info, vfile, ws)
            found = _count(other)
            error = extract.errors(found.counts, str(par["bkgerror"] or "gaussian").lower())
            exposure = extract.Exposure.of(other, other.template().header).total
            norm = 1.0 if par["bkgnorm"] is None else float(par["bkgnorm"])
            background = extract.Background(found.counts, error, found.areas, exposure, norm)
    return extract.profile(selection, _count(selection), method, background)


def _with_wmap(table: Table, par: ParameterSet, ws: Workspace) -> Dataset:
    """Return the spectrum with the weight map (`wmap=[energy=300:2000][bin det=8]`) as the primary image."""
    vfile = parse(str(par["infile"]))
    text = vfile.text[: vfile.text.lower().rindex("[bin")] + _name(par["wmap"])
    wanted = parse(text)
    with Opened(wanted, ws) as opened:
        image = read_block(opened, wanted, ws)
    if not isinstance(image, Image):
        raise UserError(f"dmextract: wmap={par['wmap']} makes no image; give a binning of two columns, [bin det=8]")
    image.header["HDUNAME"] = ("WMAP", "ASCDM block name")
    image.header["CONTENT"] = "WMAP"
    return Dataset([Image("WMAP", image.data, image.header), table, *table.companions])
