"""Which Chandra observations there are at a position: the footprint service of the archive."""

from __future__ import annotations

import io
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from ciaopy.errors import DataError, UserError
from ciaopy.messages import reason
from ciaopy.version import __version__

__all__ = ["Found", "find_observations", "position_of"]

#: The service that CIAO's find_chandra_obsid asks; $CIAOPY_FOOTPRINT_URL takes its place.
FOOTPRINT_URL = "https://cda.cfa.harvard.edu/fps-dbdal-rest/jax-rs/main/footprints"
#: Details of one observation; $CIAOPY_OCAT_URL takes its place.
OCAT_URL = "https://cda.harvard.edu/srservices/ocatDetails.do"
INSTRUMENTS = {
    "all": (), "acis": ("ACIS-I", "ACIS-S"), "hrc": ("HRC-I", "HRC-S"), "acisi": ("ACIS-I",), "aciss": ("ACIS-S",),
    "hrci": ("HRC-I",), "hrcs": ("HRC-S",),
}  # fmt: skip
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Found:
    """One observation.

    Attributes
    ----------
    obs_id : int
    separation : float
        Of its pointing from the position asked for, arcmin.
    instrument, grating : str
    exposure : float
        ks.
    date, observer, target : str
    """

    obs_id: int
    separation: float
    instrument: str
    grating: str
    exposure: float
    date: str
    observer: str
    target: str


def find_observations(
    ra: float, dec: float, radius: float, instrument: str = "all", grating: str = "all"
) -> list[Found]:
    """Return the public observations whose footprint comes within a radius of a position, by separation.

    Parameters
    ----------
    ra, dec : float
        deg, ICRS.
    radius : float
        arcmin; 0 for those that cover the position.
    instrument : str
        all, acis, hrc, acisi, aciss, hrci or hrcs.
    grating : str
        all, none, letg, hetg, or any (of the two).

    Raises
    ------
    DataError
        The service is not reached, or does not answer as it should.
    """
    question = {"strict": "1", "POS": f"{ra:.8f},{dec:.8f}", "SIZE": f"{radius / 60:.8f}"}
    if INSTRUMENTS[instrument]:
        question["INST"] = ",".join(INSTRUMENTS[instrument])
    address = os.environ.get("CIAOPY_FOOTPRINT_URL") or FOOTPRINT_URL
    return parse_answer(_ask(f"{address}?{urlencode(question, safe=',')}"), ra, dec, grating)


def _ask(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": f"ciaopy/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            answer: bytes = reply.read()
    except (OSError, ValueError) as error:
        raise DataError(f"{address}: no answer ({reason(error)}); is there a network?") from error
    return answer


def parse_answer(text: bytes, ra: float, dec: float, grating: str) -> list[Found]:
    """Return the observations of an answer, each once; the service cannot be asked for gratings."""
    import warnings

    import numpy as np
    from astropy.io.votable import parse_single_table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = parse_single_table(io.BytesIO(text)).to_table()
    except Exception as error:
        raise DataError(f"the archive's answer is no table: {str(error).splitlines()[0][:200]}") from error
    columns = {n.lower(): n for n in table.colnames}
    missing = [n for n in ("obsid", "instrument", "grating", "exposure", "ra", "dec") if n not in columns]
    if missing:
        if not len(table):
            return []
        raise DataError(f"the archive's answer has no column {', '.join(missing)}, but {', '.join(table.colnames)}")

    def text_of(row: object, name: str) -> str:
        return str(row[columns[name]]).strip() if name in columns else ""  # type: ignore[index]

    found: dict[int, Found] = {}
    for row in table:
        own = text_of(row, "grating").upper()
        if grating != "all" and own not in {"none": ("NONE",), "any": ("HETG", "LETG")}.get(
            grating, (grating.upper(),)
        ):
            continue
        number = int(row[columns["obsid"]])
        there = np.radians([float(row[columns["ra"]]), float(row[columns["dec"]])])
        found.setdefault(
            number,
            Found(number, separation(np.radians(ra), np.radians(dec), *there), text_of(row, "instrument"), own,
                  float(row[columns["exposure"]]), text_of(row, "obs_date"), text_of(row, "pi_last_name"),
                  text_of(row, "target_name")),
        )  # fmt: skip
    return sorted(found.values(), key=lambda f: (f.separation, f.obs_id))


def separation(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    """Return the angle between two directions (rad), arcmin; haversine, exact for small angles."""
    from math import asin, cos, degrees, sin, sqrt

    half = sin((dec2 - dec1) / 2) ** 2 + cos(dec1) * cos(dec2) * sin((ra2 - ra1) / 2) ** 2
    return 60.0 * degrees(2.0 * asin(min(1.0, sqrt(half))))


def position_of(words: Sequence[str]) -> tuple[float, float]:
    """Return RA and Dec (deg) of what a user types: a position, an ObsID, or the name of a source.

    Raises
    ------
    UserError
        It is none of these.
    DataError
        A service is not reached.
    """
    from astropy import units
    from astropy.coordinates import SkyCoord, name_resolve

    try:
        if len(words) == 2:
            plain = all(_is_number(w) for w in words)
            place = SkyCoord(*words, unit=(units.deg if plain else units.hourangle, units.deg))
        elif words[0].isdecimal() and 1 <= int(words[0]) <= 65535:
            return _position_of_obsid(int(words[0]))
        else:
            place = SkyCoord.from_name(words[0])
    except name_resolve.NameResolveError as error:
        what = "no such source is known, or no name server is reached"
        raise UserError(f"{words[0]}: {what}; give RA and Dec") from error
    except ValueError as error:
        raise UserError(
            f"{' '.join(words)}: no position ({error}); give RA and Dec in degrees or sexagesimal"
        ) from error
    return float(place.ra.deg), float(place.dec.deg)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _position_of_obsid(number: int) -> tuple[float, float]:
    """Return where an observation points, from the table of two lines that the catalogue answers with."""
    from astropy import units
    from astropy.coordinates import SkyCoord

    address = f"{os.environ.get('CIAOPY_OCAT_URL') or OCAT_URL}?obsid={number}&format=text"
    lines = [q.split("\t") for q in _ask(address).decode("utf-8", "replace").splitlines() if q and q[0] != "#"]
    for row in lines[1:]:
        told = {k.strip().upper(): v.strip() for k, v in zip(lines[0], row, strict=False)}
        if told.get("OBSID", told.get("OBS ID", "")) == str(number) and "RA" in told:
            place = SkyCoord(told["RA"], told.get("DEC", ""), unit=(units.hourangle, units.deg))
            return float(place.ra.deg), float(place.dec.deg)
    raise UserError(f"ObsID {number}: not in the archive's catalogue")
