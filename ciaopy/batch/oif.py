"""The inventory of an archived observation: `oif.fits`, or what its folder shows where there is none."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciaopy.errors import DataError

if TYPE_CHECKING:
    from ciaopy.fits import Header

__all__ = ["MEMBER_KINDS", "find_oif", "members_of", "parse_oif", "summarise_folder"]

#: Part of a file name -> MEMBER_CONTENT, as the inventories of ObsIDs 1230, 22772 and 22793 spell them.
MEMBER_KINDS = (
    (r"evt1\.fits", "EVT1"), (r"evt2\.fits", "EVT2"), (r"asol1\.fits", "ASPSOLOBI"), (r"osol1\.fits", "OBCSOL"),
    (r"bpix1\.fits", "BADPIX"), (r"fov1\.fits", "FOV"), (r"flt1\.fits", "GTI"), (r"msk1\.fits", "MSK"),
    (r"mtl1\.fits", "mtl"), (r"dtfstat1\.fits", "DTFSTATS"), (r"stat1\.fits", "EXPSTATS"), (r"pbk0\.fits", "PBK"),
    (r"bias[01]\.fits", "BIAS0"), (r"dtf1\.fits", "DTF"), (r"aqual1\.fits", "ASPQUAL"), (r"aoff1\.fits", "ASPOFFS"),
    (r"soff1\.fits", "ALIGNMOFFS"), (r"cntr_img2\.fits", "HIRESIMG"), (r"full_img2\.fits", "LORESIMG"),
    (r"src2\.fits", "SRC"), (r"pha2\.fits", "PHA2"), (r"^orbit.*eph1\.fits", "ORBITEPHEM1"),
    (r"^angles.*eph1\.fits", "ANGLEEPHEM"), (r"^lunar.*eph1\.fits", "LUNAREPHEM1"),
    (r"^solar.*eph1\.fits", "SOLAREPHEM1"),
)  # fmt: skip
_KEYWORDS = (
    "SEQ_NUM", "DETNAM", "GRATING", "OBS_MODE", "DATAMODE", "RA_NOM", "DEC_NOM", "ROLL_NOM", "SIM_X", "SIM_Y", "SIM_Z",
    "INSTRUME",
)  # fmt: skip
_INTERVAL = re.compile(r"_(\d{3})N")


def parse_oif(oif_path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Return what the inventory of an observation says of it.

    Parameters
    ----------
    oif_path : path
        `oif.fits`, or gzipped.

    Returns
    -------
    dict
        INSTRUME to a dictionary with the keys SEQUENCE, DETECTOR, GRATING (False for NONE), OBS_MODE, MODE,
        RA_NOM, DEC_NOM, ROLL_NOM [deg], SCIENCE_INST_MODULE_X, _Y, _Z [mm], GRATING_NAME, active (level 1 and 2 events
        and an aspect solution are members), alt_exp_mode (interleaved exposures), sub_exp (several OBIs), sub_exp_ids
        and file_content_counts. Plain Python types.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DataError
        It is not FITS, or lacks the table or a keyword, which is named.
    """
    path = Path(oif_path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such inventory; it is the file oif.fits of an observation")
    header, members = _read(path)
    return summary_of(header, members, str(path))


def members_of(oif_path: Path) -> list[tuple[str, str, int | None]]:
    """Return (MEMBER_LOCATION, MEMBER_CONTENT, MEMBER_SIZE in KiB or None) of every member; errors as `parse_oif`."""
    return _read(oif_path)[1]


def find_oif(folder: Path) -> Path | None:
    """Return the inventory of a folder, None where there is none."""
    return next((p for n in ("oif.fits", "oif.fits.gz") if (p := folder / n).is_file()), None)


def _read(path: Path) -> tuple[Header, list[tuple[str, str, int | None]]]:
    from ciaopy.fits import Table, open_fits

    with open_fits(path) as file:
        tables = [h for h in file.hdus if h.kind == "table"]
        if not tables:
            raise DataError(f"{path}: no table GROUPING in it; take oif.fits from the archive again")
        block = file.read(tables[0])
    names = {"MEMBER_LOCATION", "MEMBER_CONTENT"}
    if not isinstance(block, Table) or any(n not in block for n in names):
        raise DataError(f"{path}: its table has no columns MEMBER_LOCATION and MEMBER_CONTENT; it is no inventory")
    sizes = [int(s) for s in block["MEMBER_SIZE"]] if "MEMBER_SIZE" in block else [None] * block.nrows
    rows = zip(block["MEMBER_LOCATION"], block["MEMBER_CONTENT"], sizes, strict=True)
    return block.header, [(_text(place), _text(content), size) for place, content, size in rows]


def _text(value: object) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()


def summary_of(
    header: Mapping[str, Any], members: Sequence[tuple[str, str, int | None]], source: str
) -> dict[str, dict[str, Any]]:
    """Return the dictionary of `parse_oif` from a header and a list of members.

    Raises
    ------
    DataError
        Keywords are missing.
    """
    missing = [k for k in _KEYWORDS if k not in header]
    if missing:
        raise DataError(f"{source}: no keyword {', '.join(missing)}; take it from the archive again")
    counts = dict(Counter(content for _, content, _ in members))
    locations = [place for place, _, _ in members]
    level1 = [place for place, content, _ in members if content == "EVT1"]
    interleaved = len(level1) > 1 and all(any(f"_{e}_" in p for p in locations) for e in ("e1", "e2"))
    several = len(level1) > 1 and not interleaved
    grating = str(header["GRATING"]).strip()
    aspect = "ASPSOL" in counts or "ASPSOLOBI" in counts
    return {
        str(header["INSTRUME"]).strip(): {
            "SEQUENCE": str(header["SEQ_NUM"]).strip(),
            "DETECTOR": str(header["DETNAM"]).strip().rpartition("-")[2],
            "GRATING": grating != "NONE",
            "OBS_MODE": str(header["OBS_MODE"]).strip(),
            "MODE": str(header["DATAMODE"]).strip(),
            **{k: _number(header, k, source) for k in ("RA_NOM", "DEC_NOM", "ROLL_NOM")},
            **{f"SCIENCE_INST_MODULE_{a}": _number(header, f"SIM_{a}", source) for a in "XYZ"},
            "GRATING_NAME": "" if grating == "NONE" else grating,
            "active": "EVT2" in counts and "EVT1" in counts and aspect,
            "alt_exp_mode": interleaved,
            "sub_exp": several,
            "sub_exp_ids": _intervals(level1, source) if several else ["E001"],
            "file_content_counts": counts,
        }
    }


def _number(header: Mapping[str, Any], keyword: str, source: str) -> float:
    try:
        return float(header[keyword])
    except (TypeError, ValueError) as error:
        raise DataError(f"{source}: {keyword} is {header[keyword]!r}, not a number") from error


def _intervals(level1: Sequence[str], source: str) -> list[str]:
    """Return `Ennn` of each interval, sorted."""
    found = [_INTERVAL.search(Path(place).name) for place in level1]
    if None in found:
        raise DataError(f"{source}: several level-1 event files, and no interval (_nnnN) in a name")
    return sorted({f"E{m[1]}" for m in found if m})


def summarise_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the dictionary of `parse_oif` for a folder without inventory: members by file name, header of evt1.

    Raises
    ------
    DataError
        No event file is there, or its header lacks keywords.
    """
    from ciaopy.fits import read_header

    members = folder_members(folder)
    events = [p for kind in ("EVT1", "EVT2") for p, content, _ in members if content == kind]
    if not events:
        raise DataError(f"{folder}: no event file (evt1 or evt2) and no oif.fits in it; it is no observation's folder")
    header = read_header(folder / events[0], "EVENTS")
    defaults = {"SEQ_NUM": "", "OBS_MODE": "POINTING", "GRATING": "NONE"}
    full: dict[str, Any] = {k: header.get(k, defaults.get(k)) for k in (*_KEYWORDS, *defaults)}
    return summary_of({k: v for k, v in full.items() if v is not None}, members, str(folder / events[0]))


def folder_members(folder: Path) -> list[tuple[str, str, int | None]]:
    """Return (path below the folder, MEMBER_CONTENT, None) of the files of an observation, by name."""
    found: list[tuple[str, str, int | None]] = []
    for place in (folder, folder / "primary", folder / "secondary", folder / "secondary" / "aspect",
                  folder / "secondary" / "ephem"):  # fmt: skip
        names = sorted(p.name for p in place.iterdir() if p.is_file()) if place.is_dir() else []
        for name in names:
            if name.endswith(".gz") and name[:-3] in names:
                continue
            kind = next((k for pattern, k in MEMBER_KINDS if re.search(pattern, name)), None)
            if kind is not None:
                found.append((str((place / name).relative_to(folder)), kind, None))
    return found
