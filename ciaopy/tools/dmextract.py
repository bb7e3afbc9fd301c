"""Extract counts with errors and rates: spectra, light curves, radial profiles and other histograms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import extract, imageprofile, profile
from ciaopy.datamodel import OpenFile, columns_frame, columns_wcs, open_selection, parse, read_block, require_table
from ciaopy.datamodel.images import read_image
from ciaopy.datamodel.regions import axis_regions
from ciaopy.errors import NotAvailableError, UserError
from ciaopy.fits import Dataset, Image, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Selection, VirtualFile, Workspace
    from ciaopy.param import ParameterSet


def run(par: ParameterSet, ws: Workspace) -> None:
    """Bin `infile` as its `[bin ...]` says and write the table that `opt` asks for.

    Raises
    ------
    UserError
        No binning, or one that does not go with `opt`; an image without regions.
    NotAvailableError
        opt pha2, ltc2, generic2; an exposure map without regions, or a background of a spectrum.
    """
    infile, outfile, opt = str(par["infile"]), str(par["outfile"]), str(par["opt"])
    ws.check_output(outfile, bool(par["clobber"]), (infile,))
    if opt not in ("pha1", "ltc1", "generic"):
        raise NotAvailableError(f"dmextract: opt={opt} is not available; run opt={opt[:-1]}1 or generic on each region")
    vfile = parse(infile)
    if vfile.binning is None:
        raise UserError(
            f"{infile}: dmextract needs a binning, such as [bin time=::200], [bin pi] or [bin sky=annulus(...)]"
        )
    for name in ("bkg", "exp", "bkgexp"):
        if _name(par[name]) and not _by_regions(vfile) and (name, opt) != ("bkg", "ltc1"):
            also = ", or opt=ltc1" if name == "bkg" else ""
            raise NotAvailableError(f"dmextract: {name} goes with regions (opt=generic, [bin sky=...]){also}")
    if _name(par["bkgexp"]) and not (_name(par["bkg"]) and _name(par["exp"])):
        raise UserError("dmextract: bkgexp goes with bkg and exp; give these too")
    table = _profile(vfile, par, ws) if _by_regions(vfile) else _histogram(vfile, par, ws)
    content = _with_wmap(table, par, ws) if opt == "pha1" and _name(par["wmap"]) else table
    ws.write(outfile, content, par, bool(par["clobber"]))
    ws.console.say(f"{outfile}: {table.nrows} bins, {int(table['COUNTS'].sum())} counts", 1)


def _name(value: object) -> str:
    text = str(value or "").strip()
    return "" if text.lower() == "none" else text


def _by_regions(vfile: VirtualFile) -> bool:
    return vfile.binning is not None and bool(vfile.binning.axes[0].region or vfile.binning.axes[0].grid)


def _histogram(vfile: VirtualFile, par: ParameterSet, ws: Workspace) -> Table:
    """Return the counts in the bins of one column."""
    method, opt = str(par["error"] or "gaussian").lower(), str(par["opt"])
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        if info.kind == "image":
            raise UserError(f"{vfile.text}: an image needs regions, such as [bin sky=annulus(x,y,0:100:10)]")
        require_table(opened, info)
        selection = open_selection(opened, info, vfile, ws)
        if opt == "ltc1":
            curve = extract.light_curve(selection, method, lambda text: ws.console.warn(f"{vfile.text}: {text}", 0))
            bkg = _name(par["bkg"])
            return profile.with_background(curve, _bins_of(bkg, selection, par, ws)) if bkg else curve
        if opt == "pha1":
            return extract.spectrum(selection, method, float(par["sys_err"] or 0.0))
        return extract.histogram(selection, method)


def _count(vfile: VirtualFile, ws: Workspace) -> tuple[profile.Source, profile.RegionCounts]:
    """Count the events, or sum the image, in the regions of the binning."""
    binning = vfile.binning
    assert binning is not None
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        if info.kind == "image":
            image = read_block(opened, replace(vfile, binning=None), ws)
            assert isinstance(image, Image)
            return imageprofile.image_counts(image, vfile, ws.read)
        require_table(opened, info)
        selection = open_selection(opened, info, vfile, ws)
        if len(binning.axes) != 1:
            raise UserError(f"{vfile.text}: binning by regions takes one vector, such as sky")
        pair = profile.sky_pair(selection)
        sky, frame = columns_wcs(selection.source, pair), columns_frame(selection.source, pair)
        names = selection.source.column(pair[0]).name.upper(), selection.source.column(pair[1]).name.upper()
        found = profile.count_regions(selection, axis_regions(binning.axes[0], frame, ws.read), pair)
        return profile.Source(selection.template().header, selection.subspace, names, sky), found


def _profile(vfile: VirtualFile, par: ParameterSet, ws: Workspace) -> Table:
    """Return the table of counts in regions, with background and exposure map if there are any."""
    source, found = _count(vfile, ws)
    exposure_map = _mean_exposure(_name(par["exp"]), found, ws)
    background = _background(_name(par["bkg"]), par, ws)
    return profile.profile(source, found, str(par["error"] or "gaussian").lower(), background, exposure_map)


def _mean_exposure(name: str, found: profile.RegionCounts, ws: Workspace) -> profile.MeanExposure | None:
    return imageprofile.mean_exposures(read_image(ws, name), found.regions) if name else None


def _background(name: str, par: ParameterSet, ws: Workspace) -> profile.Background | None:
    if not name:
        return None
    vfile = parse(name)
    if not _by_regions(vfile):
        raise UserError(f"{name}: the background needs a region, such as [bin sky=annulus(...)]")
    source, found = _count(vfile, ws)
    error = extract.errors(found.counts, str(par["bkgerror"] or "gaussian").lower())
    norm = 1.0 if par["bkgnorm"] is None else float(par["bkgnorm"])
    seen = _mean_exposure(_name(par["bkgexp"]), found, ws)
    return profile.Background(found.counts, error, found.areas, source.exposure, norm, seen)


def _bins_of(name: str, source: Selection, par: ParameterSet, ws: Workspace) -> profile.Background:
    """Count the background in the bins of a light curve.

    Raises
    ------
    UserError
        It is a number, has a region of no size, or a binning of its own that differs.
    """
    try:
        float(name)
    except ValueError:
        vfile = parse(name)
    else:
        raise UserError(f"dmextract: bkg={name}: a fixed level has no area and no exposure; name an event file")
    if vfile.binning is not None and not _same_bins(vfile, source.vfile):
        raise UserError(f"{name}: the background is counted in the bins of the source; leave out its [bin ...]")
    with OpenFile(vfile, ws) as opened:
        info = opened.find(vfile.block)
        require_table(opened, info)
        found = open_selection(opened, info, replace(vfile, binning=source.vfile.binning), ws)
        counts, live, area = extract.background_curve(source, found, lambda text: ws.console.warn(f"{name}: {text}", 0))
    if not area > 0:
        raise UserError(f"{name}: the region of the background has no area")
    error = extract.errors(counts, str(par["bkgerror"] or "gaussian").lower())
    norm = 1.0 if par["bkgnorm"] is None else float(par["bkgnorm"])
    return profile.Background(counts, error, np.array([area]), live, norm)


def _same_bins(one: VirtualFile, other: VirtualFile) -> bool:
    assert one.binning is not None and other.binning is not None
    plain = [tuple(replace(a, names=tuple(n.lower() for n in a.names), position=0) for a in v.binning.axes)
             for v in (one, other) if v.binning is not None]  # fmt: skip
    return plain[0] == plain[1]


def _with_wmap(table: Table, par: ParameterSet, ws: Workspace) -> Dataset:
    """Return the spectrum with the weight map (`wmap=[energy=300:2000][bin det=8]`) as the primary image."""
    vfile = parse(str(par["infile"]))
    text = vfile.text[: vfile.text.lower().rindex("[bin")] + _name(par["wmap"])
    wanted = parse(text)
    with OpenFile(wanted, ws) as opened:
        image = read_block(opened, wanted, ws)
    if not isinstance(image, Image):
        raise UserError(f"dmextract: wmap={par['wmap']} makes no image; give a binning of two columns, [bin det=8]")
    image.header["HDUNAME"] = ("WMAP", "ASCDM block name")
    image.header["CONTENT"] = "WMAP"
    return Dataset([Image("WMAP", image.data, image.header), table, *table.companions])
