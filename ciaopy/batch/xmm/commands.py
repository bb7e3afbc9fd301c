"""The calls of SAS programs, as parameters in order; nothing is run here, and no shell ever sees them.

Parameters and their order are those of DAXA's calls and of the headers of archived products (0201903501).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ciaopy.engine import Call

__all__ = [
    "IMAGE_GRID",
    "cifbuild",
    "cleaning_expression",
    "eexpmap",
    "emanom",
    "emchain",
    "epchain",
    "espfilt",
    "evselect_image",
    "evselect_list",
    "merge",
    "odfingest",
    "rgsproc",
]

# Grid of the archived images: bins of 87 units of 0.05 arcsec.
IMAGE_GRID = {
    "xcolumn": "X", "ycolumn": "Y", "imagebinning": "binSize", "ximagebinsize": "87", "yimagebinsize": "87",
    "squarepixels": "yes", "withxranges": "yes", "ximagemin": "3649", "ximagemax": "48106", "withyranges": "yes",
    "yimagemin": "3649", "yimagemax": "48106",
}  # fmt: skip
# Widths that stand for True.
SMOOTH, BIN = 51, 60


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def number(value: float) -> str:
    """Return a number without a needless fraction."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def cifbuild(observation_date: str, analysis_date: str) -> Call:
    """Return the call that makes the index of calibration files; dates YYYY-mm-dd."""
    return Call(
        "cifbuild",
        {
            "calindexset": "ccf.cif",
            "withobservationdate": "yes",
            "observationdate": observation_date,
            "analysisdate": analysis_date,
            "fullpath": "yes",
        },
    )


def odfingest(odf: str, out: str) -> Call:
    """Return the call that makes the summary file."""
    return Call("odfingest", {"odfdir": odf, "outdir": out, "withodfdir": "yes"})


def epchain(odf: str, exposure: str, ccds: Sequence[int], version: tuple[int, ...]) -> tuple[Call, Call]:
    """Return the two calls of the pn chain: out-of-time events first, then the normal ones, in the same folder."""
    first = {
        "odf": odf,
        "odfaccess": "odf",
        "exposure": exposure[1:],
        "schedule": exposure[0],
        "ccds": ",".join(str(c) for c in sorted(ccds)),
    }
    # the package of 21.0.0 lacks radmonfix
    extra = {"runradmonfix": "N"} if version == (21, 0, 0) else {}
    late = {"runatthkgen": "N", "runepframes": "N", "runbadpixfind": "N", "runbadpix": "N"}
    early = {"runbackground": "N", "keepintermediate": "raw", "withoutoftime": "Y"}
    return Call("epchain", {**first, **early, **extra}), Call("epchain", {**first, **late, **extra})


def emchain(odf: str, instrument: str, exposure: str) -> Call:
    """Return the call of the MOS chain for one sub-exposure."""
    return Call(
        "emchain",
        {"odf": odf, "instruments": instrument, "exposures": exposure, "addtaglenoise": "no", "makeflaregti": "no"},
    )


def rgsproc(instrument: str, exposure: str, stage: str) -> Call:
    """Return one stage of the RGS chain: 1:events, 2:angles or 3:filter."""
    return Call(
        "rgsproc",
        {"entrystage": stage, "finalstage": stage, "withinstexpids": "true", "instexpids": f"{instrument}{exposure}"},
    )


def emanom(events: str) -> Call:
    """Return the call that judges the CCDs of a MOS exposure."""
    return Call("emanom", {"eventfile": events, "keepcorner": "no"})


def espfilt(events: str, oot: str | None, p: Mapping[str, Any], version: tuple[int, ...]) -> Call:
    """Return the call of the flare search.

    Parameters
    ----------
    events, oot : str, str or None
        The list, and the out-of-time list of pn.
    p : mapping
        Parameters of the stage.
    version : tuple of int
        Of SAS: before 20 the parameters have other names; 20.0.0 has long names of products.
    """
    smooth, bins = p["with_smoothing"], p["with_binning"]
    common = {
        "method": p["method"],
        "withsmoothing": _yes(smooth is not False),
        "smooth": number(SMOOTH if isinstance(smooth, bool) else smooth),
        "withbinning": _yes(bins is not False),
        "binsize": number(BIN if isinstance(bins, bool) else bins),
        "ratio": repr(float(p["ratio"])),
    }
    if version < (20,):
        return Call("espfilt", {"eventset": events, **common})
    low, high = p["gauss_fit_lims"]
    return Call(
        "espfilt",
        {
            "eventfile": events,
            "withoot": _yes(oot is not None),
            "ootfile": oot or "dataset",
            **common,
            **({"withlongnames": "yes"} if version == (20, 0, 0) else {}),
            "elow": number(round(p["filter_lo_en"])),
            "ehigh": number(round(p["filter_hi_en"])),
            "rangescale": repr(float(p["range_scale"]["pn" if oot is not None else "mos"])),
            "allowsigma": repr(float(p["allowed_sigma"])),
            "keepinterfiles": "yes",
            "limits": f"{low:g} {high:g}",
        },
    )


def cleaning_expression(
    parts: Sequence[str], energies: tuple[float, float] | None, ccds: Sequence[int] | None, gti: str
) -> str:
    """Return the selection of clean events.

    Parameters
    ----------
    parts : sequence of str
        The user's conditions.
    energies : (float, float) or None
        eV; whole ones are written.
    ccds : sequence of int or None
        CCDs that are accepted; CCD 1 is among them always.
    gti : str
        Plain name of the file of good times.
    """
    words = list(parts)
    if energies is not None:
        words.append(f"(PI in [{round(energies[0])}:{round(energies[1])}])")
    if ccds is not None:
        words.append(f"(CCDNR in {','.join(str(c) for c in sorted({1, *ccds}))})")
    if gti:
        words.append(f"GTI({gti}, TIME)")
    return " && ".join(words) or "true"


def evselect_list(table: str, out: str, expression: str) -> Call:
    """Return the call that writes a filtered list."""
    return Call("evselect", {"table": table, "filteredset": out, "expression": expression, "updateexposure": "yes"})


def merge(first: str, second: str, out: str) -> Call:
    """Return the call that merges two lists."""
    return Call("merge", {"set1": first, "set2": second, "outset": out})


def evselect_image(table: str, out: str, expression: str) -> Call:
    """Return the call that makes an image."""
    ends = {"withimageset": "yes", "withimagedatatype": "yes", "imagedatatype": "Real64"}
    return Call("evselect", {"table": table, "expression": expression, "imageset": out, **IMAGE_GRID, **ends})


def eexpmap(image: str, attitude: str, events: str, out: str, low_ev: float, high_ev: float) -> Call:
    """Return the call that makes an exposure map."""
    return Call(
        "eexpmap",
        {
            "imageset": image,
            "attitudeset": attitude,
            "eventset": events,
            "expimageset": out,
            "withdetcoords": "no",
            "withvignetting": "yes",
            "usefastpixelization": "no",
            "usedlimap": "no",
            "attrebin": "4",
            "pimin": str(round(low_ev)),
            "pimax": str(round(high_ev)),
        },
    )
