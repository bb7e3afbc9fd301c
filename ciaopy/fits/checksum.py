"""CHECKSUM and DATASUM: 32-bit ones'-complement sums, taken while the bytes are written.

Source: FITS standard 4.0, section 4.4.2.7 and appendix J.
"""

from __future__ import annotations

import numpy as np

from ciaopy.fits.blocks import Array

__all__ = ["block_sum", "checksum_text", "fold"]

# Characters between the digits and letters that the ASCII form avoids.
_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")
# Bytes summed at a time: the byte-swapped copy stays in the cache.
_PIECE = 1 << 18


def fold(total: int) -> int:
    """Return a sum of 32-bit words with its carries added back (ones' complement)."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def block_sum(data: bytes | bytearray | memoryview | Array, phase: int = 0) -> int:
    """Return the folded sum of big-endian 32-bit words of some bytes.

    Parameters
    ----------
    data : bytes-like
        Any number of bytes; missing ones at the end count as zero.
    phase : int
        Position of the first byte in its word, 0 to 3.
    """
    raw = np.frombuffer(data, np.uint8)
    head = min((4 - phase) % 4, len(raw))
    total = sum(int(b) << (8 * (3 - phase - i)) for i, b in enumerate(raw[:head]))
    raw = raw[head:]
    whole = len(raw) // 4 * 4
    total += sum(int(b) << (8 * (3 - i)) for i, b in enumerate(raw[whole:]))
    words = raw[:whole].view("<u4")
    for start in range(0, len(words), _PIECE // 4):
        total += int(words[start : start + _PIECE // 4].byteswap().sum(dtype=np.uint64))
    return fold(total)


def checksum_text(total: int) -> str:
    """Return the 16 characters of CHECKSUM that make the sum of the whole HDU -0.

    Parameters
    ----------
    total : int
        Folded sum of the HDU with CHECKSUM set to sixteen zeros.
    """
    value = 0xFFFFFFFF - total
    columns = []
    for byte in value.to_bytes(4, "big"):
        quarter, rest = divmod(byte, 4)
        quad = [quarter + 48] * 4
        quad[0] += rest
        while any(c in _PUNCTUATION for c in quad):
            for i in (0, 2):
                if quad[i] in _PUNCTUATION or quad[i + 1] in _PUNCTUATION:
                    quad[i] += 1
                    quad[i + 1] -= 1
        columns.append(quad)
    text = "".join(chr(columns[j][i]) for i in range(4) for j in range(4))
    return text[-1] + text[:-1]
