"""FLAG of EPIC event lists: bits, masks, the selections named in headers, and masks as the data subspace writes them.

Bits and their names are those of the XMMEA_n keywords of real MOS event lists (0201903501, SAS 14). Bit 31 is used and
the column is a signed 32-bit integer: masks work on uint32.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "BITS",
    "CORNERS_AND_FOV",
    "DEFAULT_MACROS",
    "FIELD_OF_VIEW",
    "OUT_OF_FOV",
    "instrument_code",
    "is_mos",
    "mask_text",
]

BITS: Mapping[int, str] = MappingProxyType({
    0: "DIAGONAL", 1: "CLOSE_TO_CCD_BORDER", 5: "CLOSE_TO_ONBOARD_BADPIX", 6: "CLOSE_TO_BRIGHTPIX",
    8: "CLOSE_TO_DEADPIX", 9: "CLOSE_TO_BADCOL", 10: "CLOSE_TO_BADROW", 11: "IN_SPOILED_FRAME", 13: "ON_BADOFFSET",
    15: "FLICKERING", 16: "OUT_OF_FOV", 17: "IN_BAD_FRAME", 19: "COSMIC_RAY", 21: "ON_BADPIX",
    22: "REJECTED_BY_GATTI", 25: "OUT_OF_CCD_WINDOW", 26: "OUTSIDE_THRESHOLDS", 28: "ON_BADROW", 29: "BAD_E3E4",
    30: "UNDERSHOOT",
})  # fmt: skip

OUT_OF_FOV = 1 << 16
# Events in the field of view: XMMEA_EM of the real lists; the pn mask in wide use (SAS documents).
FIELD_OF_VIEW: Mapping[str, int] = MappingProxyType({"EMOS1": 0x766BA000, "EMOS2": 0x766BA000, "EPN": 0xFB0000})
# The same without bit 16 (field of view and corners); pn: XMMEA_EP of SAS 14.
CORNERS_AND_FOV: Mapping[str, int] = MappingProxyType({"EMOS1": 0x766AA000, "EMOS2": 0x766AA000, "EPN": 0xCFA0000})

_MOS_MACROS = {"XMMEA_EM": "(FLAG & 0x766ba000) == 0", "XMMEA_SM": "(FLAG & 0xfffffeff) == 0"}
# (INSTRUME, keyword) -> expression, where an event list lacks the keyword.
DEFAULT_MACROS: Mapping[tuple[str, str], str] = MappingProxyType(
    {(inst, name): text for inst in ("EMOS1", "EMOS2") for name, text in _MOS_MACROS.items()}
    | {("EPN", "XMMEA_EP"): "(FLAG & 0xcfa0000) == 0"}
)

_CODES = {"EMOS1": "M1", "EMOS2": "M2", "EPN": "PN"}


def is_mos(instrument: str) -> bool:
    """Tell whether INSTRUME is a MOS camera."""
    return instrument.upper() in ("EMOS1", "EMOS2")


def instrument_code(instrument: str) -> str:
    """Return M1, M2 or PN for INSTRUME; empty for anything else."""
    return _CODES.get(instrument.strip().upper(), "")


def mask_text(mask: int) -> str:
    """Return `(FLAG & mask) == 0` as DSVALn writes it: `b`, then 0 for each bit of the mask and x for every other.

    The most significant bit comes first; leading x are left out, as in the header of 0201903501: 0x766ba000 gives
    b000x00xx00x0x000x0xxxxxxxxxxxxx.
    """
    return "b" + "".join("0" if mask >> bit & 1 else "x" for bit in range(31, -1, -1)).lstrip("x")
