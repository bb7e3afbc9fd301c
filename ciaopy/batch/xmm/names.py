"""Identities and file names of XMM-Newton products, DAXA's but for consistent energies (docs/differences.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["energy_tag", "product", "split_ident"]

_IDENT = re.compile(r"(\d{10})(PN|M1|M2|R1|R2)([SU]\d{3})?$")


def split_ident(ident: str) -> tuple[str, str, str]:
    """Return (ObsID, instrument, exposure) of an identity; the exposure may be empty.

    Raises
    ------
    ValueError
        It is none.
    """
    match = _IDENT.match(ident)
    if match is None:
        raise ValueError(f"{ident}: not an identity such as 0201903501M1S001")
    return match[1], match[2], match[3] or ""


def energy_tag(low_kev: float, high_kev: float) -> str:
    """Return `en0.5_2.0keV`: energies as Python floats, keV."""
    return f"en{float(low_kev)}_{float(high_kev)}keV"


def product(ident: str, kind: str, ending: str, tags: Sequence[str] = ()) -> str:
    """Return the name of a product: obsid..-inst..-subexp..[-en..]-kind.ending; without exposure the word ALL."""
    obs_id, instrument, exposure = split_ident(ident)
    return "-".join(
        [f"obsid{obs_id}", f"inst{instrument}", f"subexp{exposure or 'ALL'}", *filter(None, tags), kind]
    ) + (f".{ending}")
