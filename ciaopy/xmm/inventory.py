"""What a folder of an XMM-Newton observation holds: ODF, event lists, attitude, summary, recognised by content.

Files lie in the folder or one level down, plain or gzipped. Event lists are known by their headers, never by their
names; only that a pn list is the out-of-time one is told by its name, since its header does not say so.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciaopy.errors import DataError, UserError
from ciaopy.fits import open_fits
from ciaopy.xmm.flags import instrument_code
from ciaopy.xmm.summary import Summary, read_summary

__all__ = ["Inventory", "ListInfo", "take_inventory"]

_CONSTITUENT = re.compile(r"(\d{4})_(\d{10})_\w+\.(?:FIT|FITS|ASC)(?:\.gz)?$", re.I)
_FITS = re.compile(r"\.(?:fits?|ftz|fit)(?:\.gz)?$", re.I)
_OUT_OF_TIME = re.compile(r"OOEVLI|oot", re.I)
_CCD = re.compile(r"EXPOSU(\d\d)$")


@dataclass(frozen=True)
class ListInfo:
    """An event list, by its header.

    Attributes
    ----------
    path : Path
    obs_id, instrument, exposure : str
        Ten digits; M1, M2 or PN; such as S001.
    out_of_time : bool
    mode, filter_name, start, creator : str
        SUBMODE, FILTER, DATE-OBS, and the SAS that made it.
    ccds : tuple of int
        CCDs that have a table EXPOSUnn.
    """

    path: Path
    obs_id: str
    instrument: str
    exposure: str
    out_of_time: bool
    mode: str
    filter_name: str
    start: str
    creator: str
    ccds: tuple[int, ...]

    @property
    def ident(self) -> str:
        """Identity: ObsID, instrument, exposure."""
        return f"{self.obs_id}{self.instrument}{self.exposure}"


@dataclass
class Inventory:
    """What was found.

    Attributes
    ----------
    folder : Path
    obs_id, revolution, start : str
        Empty where nothing says.
    summary : dict or None
        As `parse_odf_sum`: of the summary file, else of the headers; None where neither is there.
    sum_path : Path or None
    odf : list of Path
        Constituents and the ASCII summary.
    event_lists, oot_lists : dict of str to ListInfo
        By identity.
    attitude : Path or None
    """

    folder: Path
    obs_id: str = ""
    revolution: str = ""
    start: str = ""
    summary: dict[str, Any] | None = None
    sum_path: Path | None = None
    odf: list[Path] = field(default_factory=list)
    event_lists: dict[str, ListInfo] = field(default_factory=dict)
    oot_lists: dict[str, ListInfo] = field(default_factory=dict)
    attitude: Path | None = None

    @property
    def has_odf(self) -> bool:
        """Whether raw constituents and their ASCII summary are there."""
        return any(p.name.upper().removesuffix(".GZ").endswith("SUM.ASC") for p in self.odf)


def take_inventory(folder: str | os.PathLike[str]) -> Inventory:
    """Look through a folder.

    Raises
    ------
    UserError
        The folder is missing, or holds two lists of one exposure or lists of two observations.
    DataError
        A summary file that is there cannot be read.
    """
    place = Path(folder)
    if not place.is_dir():
        raise UserError(f"{place}: no such folder; give the folder of an XMM-Newton observation")
    found = Inventory(place)
    summaries: list[Path] = []
    for path in _files(place):
        if path.name.upper().endswith("SUM.SAS"):
            summaries.append(path)
        elif match := _CONSTITUENT.fullmatch(path.name):
            found.odf.append(path)
            found.revolution, found.obs_id = match[1], match[2]
        elif _FITS.search(path.name):
            _look_inside(path, found)
    _check_one_observation(found)
    _read_summary(found, summaries)
    if found.summary is None and found.event_lists:
        found.summary = _summary_of_lists(list(found.event_lists.values()))
        found.start = min(i.start for i in found.event_lists.values())
    return found


def _files(folder: Path) -> list[Path]:
    try:
        direct = sorted(folder.iterdir())
        below = [p for d in direct if d.is_dir() and not d.name.startswith(".") for p in sorted(d.iterdir())]
    except OSError as error:
        raise UserError(f"{folder}: cannot be looked through: {error.strerror}") from None
    return [p for p in [*direct, *below] if p.is_file()]


def _look_inside(path: Path, found: Inventory) -> None:
    """Recognise an event list or an attitude file; anything else is left alone."""
    try:
        with open_fits(path) as file:
            hdus = file.hdus
            names = [h.name.upper() for h in hdus]
            if "ATTHK" in names and found.attitude is None:
                found.attitude = path
                return
            if "EVENTS" not in names:
                return
            header = hdus[names.index("EVENTS")].header
            primary = hdus[0].header
    except DataError:
        # a damaged file that is no event list is no concern of ours; one that is will be missed by its stage
        return
    info = _list_info(path, header, primary, names)
    if info is None:
        return
    lists = found.oot_lists if info.out_of_time else found.event_lists
    if info.ident in lists:
        raise UserError(
            f"{path} and {lists[info.ident].path}: two event lists of one exposure "
            f"({info.ident}); leave one in the folder"
        )
    lists[info.ident] = info


def _list_info(path: Path, header: Any, primary: Any, names: list[str]) -> ListInfo | None:
    text = {
        k: str(header.get(k, primary.get(k, ""))).strip()
        for k in ("TELESCOP", "INSTRUME", "DATAMODE", "OBS_ID", "EXPIDSTR", "SUBMODE", "FILTER", "DATE-OBS", "OBS_MODE")
    }
    code = instrument_code(text["INSTRUME"])
    if text["TELESCOP"].upper() != "XMM" or text["DATAMODE"].upper() != "IMAGING" or not code:
        return None
    if not re.fullmatch(r"\d{10}", text["OBS_ID"]) or not re.fullmatch(r"[SU]\d{3}", text["EXPIDSTR"]):
        return None
    ccds = tuple(int(m[1]) for m in map(_CCD.fullmatch, names) if m)
    return ListInfo(
        path,
        text["OBS_ID"],
        code,
        text["EXPIDSTR"],
        code == "PN" and bool(_OUT_OF_TIME.search(path.name)),
        text["SUBMODE"],
        text["FILTER"],
        text["DATE-OBS"],
        str(primary.get("CREATOR", header.get("CREATOR", ""))).strip(),
        ccds,
    )


def _check_one_observation(found: Inventory) -> None:
    lists = [*found.event_lists.values(), *found.oot_lists.values()]
    others = {i.obs_id: i.path for i in lists}
    if found.obs_id:
        others.setdefault(found.obs_id, found.odf[-1])
    if len(others) > 1:
        (one, first), (two, second) = list(others.items())[:2]
        raise UserError(
            f"{found.folder}: files of two observations, {one} ({first.name}) and {two} ({second.name}); "
            f"give each its own folder"
        )
    found.obs_id = next(iter(others), "")


def _read_summary(found: Inventory, paths: list[Path]) -> None:
    if not paths:
        return
    if len(paths) > 1:
        raise UserError(f"{paths[0]} and {paths[1]}: two summary files; leave one in the folder")
    summary: Summary = read_summary(paths[0], found.obs_id or None)
    if found.obs_id and summary.obs_id and summary.obs_id != found.obs_id:
        raise UserError(f"{paths[0]}: is the summary of {summary.obs_id}, but the folder holds {found.obs_id}")
    found.summary, found.sum_path = summary.instruments, paths[0]
    found.obs_id = found.obs_id or summary.obs_id
    found.revolution = found.revolution or summary.revolution
    found.start = summary.start


def _summary_of_lists(lists: list[ListInfo]) -> dict[str, Any]:
    """Return the same dictionary as a summary file gives, from the headers of event lists."""
    summary: dict[str, Any] = {}
    for info in sorted(lists, key=lambda i: (i.instrument, i.exposure)):
        entry = summary.setdefault(info.instrument, {"active": True, "num_exp": 0, "exposures": {}})
        entry["num_exp"] += 1
        entry["exposures"][info.exposure] = {
            "scheduled": info.exposure.startswith("S"),
            "type": "SCIENCE",
            "mode": info.mode or None,
            "filter": info.filter_name or None,
            "ccd_modes": dict.fromkeys(info.ccds, "Imaging"),
        }
    return summary
