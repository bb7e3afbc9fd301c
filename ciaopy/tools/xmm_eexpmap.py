"""Make an exposure map of an XMM-Newton EPIC image from its event list, without calibration files; approximate.

`ciaopy xmm_eexpmap imageset=img.fits attitudeset=att.fits eventset=mos1.fits expimageset=exp.fits pimin=500 pimax=2000`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel import TangentTransform, image_wcs
from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.fits import Image, Table, open_fits
from ciaopy.stack import build
from ciaopy.xmm import (
    Affine,
    Subspace,
    eventlist,
    exposure,
    parse_selection,
    requires_zero_flag,
    selected_ccds,
    vignetting,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

# Coordinates of image and events agree to this, degrees (0.0004 arcsec).
WCS_TOLERANCE = 1e-7


def run(par: ParameterSet, ws: Workspace) -> NDArray[np.float32]:
    """Make the map; with several event lists (a stack: sub-exposures of one camera) their maps are added.

    Raises
    ------
    UserError
        Energies or names are wrong.
    DataError
        Image, events or attitude are not as needed, or do not belong together.
    """
    low, high = par["pimin"], par["pimax"]
    if low is None or high is None or not 0 <= low < high:
        raise UserError(f"pimin={low} pimax={high}: need 0 <= pimin < pimax, in eV")
    lists, attitude_name = build(str(par["eventset"])), _name(par["attitudeset"])
    inputs = (str(par["imageset"]), *lists, *([attitude_name] if attitude_name else []))
    ws.check_output(par["expimageset"], par["clobber"], inputs)
    image = _read_image(str(par["imageset"]))
    attitude = _read_attitude(attitude_name) if attitude_name else None
    total = np.zeros(image.data.shape if image.data is not None else (0, 0))
    centre: tuple[float, float] | None = None
    for name in lists:
        events = eventlist.open_event_list(name)
        seconds, centre = _one_map(par, ws, image, events, attitude)
        total += seconds
    if not total.any():
        raise DataError(f"{par['imageset']}: the exposure map is zero everywhere: image and events do not overlap")
    ws.console.warn(f"exposure map: approximate (embedded vignetting law, {vignetting.CALDBVER}); see docs/accuracy.md")
    result = total.astype(np.float32)
    ws.write(par["expimageset"], Image("PRIMARY", result, _header(image, centre)), par, par["clobber"])
    return result


def _name(text: str) -> str:
    return "" if str(text).strip().lower() in ("", "none") else str(text).strip()


def _read_image(name: str) -> Image:
    path, _ = eventlist.split_table_name(name)
    with open_fits(path) as file:
        found = next((h for h in file.hdus if h.kind == "image"), None)
        block = file.read(found) if found is not None else None
    if not isinstance(block, Image) or block.data is None or block.data.ndim != 2:
        raise DataError(f"{path}: no image of two axes; give one made by xmm_evselect or evselect")
    return block


def _read_attitude(name: str) -> Table:
    path, table = eventlist.split_table_name(name)
    with open_fits(path) as file:
        block = file.read(table or "ATTHK", ["TIME", "AHFRA", "AHFDEC", "AHFPA"])
    assert isinstance(block, Table)
    if not block.nrows:
        raise DataError(f"{path}: the attitude table {block.name} is empty")
    return block


def _one_map(
    par: ParameterSet, ws: Workspace, image: Image, events: eventlist.EventList, attitude: Table | None
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the map of one exposure, and the image pixel (1-based) of its optical axis."""
    pixel_to_sky = _pixel_to_sky(image.header, events)
    zero_flag, ccds = _selection_of(image.header, events)
    fits = exposure.fit_positions(events)
    camera = exposure.camera_of(events, fits, zero_flag, ccds, attitude, par["attrebin"] or exposure.DRIFT)
    for ccd in camera.unplaced:
        ws.console.warn(f"{events.path.name}: CCD {ccd} left out of the map: too few events to tell where it lies")
    if events.exposure == "ALL":
        ws.console.warn(
            f"{events.path.name}: a merged list: pixels that were bad in one exposure only are left out; for an "
            f"exact map give the lists before merging as a stack"
        )
    law = vignetting.law(events.instrument, (par["pimin"] + par["pimax"]) / 2000.0) if par["withvignetting"] else None
    assert image.data is not None
    seconds = exposure.exposure_map(camera, pixel_to_sky, image.data.shape, law, ws.nproc)
    axis = np.array(vignetting.OPTICAL_AXIS[events.instrument])
    x, y = camera.pointings[0][1](axis[:1], axis[1:])
    u, v = pixel_to_sky.inverse()(x, y)
    return seconds, (float(u[0]) + 1.0, float(v[0]) + 1.0)


def _pixel_to_sky(header: Any, events: eventlist.EventList) -> Affine:
    """Return image pixel (0-based) to X, Y.

    Raises
    ------
    DataError
        Image and events have other world coordinates.
    """
    sky = image_wcs(header)
    if sky is not None and not isinstance(sky, TangentTransform):
        raise DataError("the image is not a tangent plane with North up (rotation or another projection)")
    rows = []
    for axis, name in ((1, "x"), (2, "y")):
        column = events.template.column(name)
        own = {k: column.key(k) for k in ("TCTYP", "TCRVL", "TCRPX", "TCDLT")}
        if any(v is None for v in own.values()):
            raise DataError(f"{events.path}: column {column.name} has no world coordinates (TCRVL, TCDLT, ...)")
        keys = [f"{k}{axis}" for k in ("CTYPE", "CRVAL", "CRPIX", "CDELT")]
        missing = [k for k in keys if k not in header]
        if missing:
            raise DataError(f"the image has no {missing[0]}; give one made by xmm_evselect or evselect")
        kind, value, pixel, step = (header[k] for k in keys)
        size = float(step) / float(own["TCDLT"])
        if str(kind).strip() != str(own["TCTYP"]).strip() or abs(float(value) - float(own["TCRVL"])) > WCS_TOLERANCE:
            raise DataError(
                f"the image's CTYPE{axis}, CRVAL{axis} ({str(kind).strip()} {value}) are not those of the events "
                f"({own['TCTYP']} {own['TCRVL']}); make the image of this event list"
            )
        if size <= 0:
            raise DataError(f"the image's CDELT{axis} ({step}) has not the sign of the events' {own['TCDLT']}")
        rows.append((float(own["TCRPX"]) + (1.0 - float(pixel)) * size, size))
    (x0, dx), (y0, dy) = rows
    return Affine(np.array([[x0, dx, 0.0], [y0, 0.0, dy]]))


def _selection_of(header: Any, events: eventlist.EventList) -> tuple[bool, set[int] | None]:
    """Tell from subspace and SLCTEXPR of image and events whether FLAG is 0, and which CCDs are admitted."""
    zero, ccds = False, None
    for source in (header, events.header):
        space = Subspace.from_header(source)
        chosen = [space.admitted_ccds()]
        zero |= space.demands_zero_flag()
        text = source.get("SLCTEXPR")
        if isinstance(text, str) and text.strip():
            try:
                selection = parse_selection(text, events.header, events.instrument)
            except CiaopyError:  # SAS's own expression with what is not read here: the subspace has told already
                selection = parse_selection("true")
            zero |= requires_zero_flag(selection)
            chosen.append(selected_ccds(selection))
        for numbers in chosen:
            if numbers is not None:
                ccds = numbers if ccds is None else ccds & numbers
    return zero, ccds


_KEPT = (
    "TELESCOP", "INSTRUME", "DATAMODE", "FILTER", "OBS_MODE", "OBS_ID", "EXP_ID", "EXPIDSTR", "OBJECT", "OBSERVER",
    "SUBMODE", "RA_PNT", "DEC_PNT", "PA_PNT", "RADECSYS", "EQUINOX", "DATE-OBS", "DATE-END", "EXPOSURE", "WCSNAMEL",
    "WCSAXESL",
    *(f"{k}{n}{s}" for n in (1, 2) for k in ("CTYPE", "CRPIX", "CRVAL", "CUNIT", "CDELT") for s in ("", "L")),
    "LTV1", "LTV2", "LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2",
)  # fmt: skip


def _header(image: Image, centre: tuple[float, float] | None) -> Any:
    from ciaopy.fits import new_header

    header = new_header()
    for key in _KEPT:
        if key in image.header:
            header[key] = (image.header[key], image.header.comments[key])
    header["CONTENT"] = ("EPIC EXPOSURE MAP", "Content of file")
    header["BUNIT"] = ("s", "effective exposure")
    if centre is not None:
        header["XCEN"] = (centre[0], "X pixel of the optical axis")
        header["YCEN"] = (centre[1], "Y pixel of the optical axis")
    header["CALDBVER"] = (vignetting.CALDBVER, "embedded vignetting law, approximate")
    return header
