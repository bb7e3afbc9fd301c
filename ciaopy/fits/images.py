"""Image pixels: BITPIX, BSCALE/BZERO and the unsigned conventions, both ways; compressed images and ASCII tables.

Source: FITS standard 4.0, sections 4.4.2 and 5.3 (BSCALE, BZERO, BLANK) and table 11 (unsigned integers).
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.errors import DataError
from ciaopy.fits.blocks import Array
from ciaopy.fits.hdus import HduInfo, finite_number, truncated
from ciaopy.fits.header import card_keyword, encode_cards, make_card
from ciaopy.fits.source import Source, as_bytes

if TYPE_CHECKING:
    from astropy.io.fits import BinTableHDU, CompImageHDU, ImageHDU, TableHDU

__all__ = ["image_layout", "read_pixels", "read_unusual"]

_DISK = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_UNSIGNED = {(8, -128): "i1", (16, 1 << 15): "u2", (32, 1 << 31): "u4", (64, 1 << 63): "u8"}
_LAYOUT = {
    "b1": (8, 0), "u1": (8, 0), "i1": (8, -128), "i2": (16, 0), "u2": (16, 1 << 15), "i4": (32, 0),
    "u4": (32, 1 << 31), "i8": (64, 0), "u8": (64, 1 << 63), "f4": (-32, 0), "f8": (-64, 0),
}  # fmt: skip


def read_pixels(source: Source, info: HduInfo) -> Array:
    """Read the pixels of a plain image HDU.

    Returns
    -------
    ndarray
        Native-endian, slow axis first. Unsigned where BZERO says so; float64 (float32 for 8 and 16 bits) where BSCALE
        and BZERO rescale, with BLANK turned into NaN.

    Raises
    ------
    DataError
        The file ends before the last pixel.
    """
    data = np.empty(info.shape, _DISK[info.bitpix])
    if data.nbytes != info.data_bytes:
        raise DataError(f"{source.path}: {info.describe()}: PCOUNT or GCOUNT of an image is not supported")
    got = source.read_into(info.data_start, as_bytes(data))
    if got < data.nbytes:
        raise DataError(truncated(source, info, info.data_start + data.nbytes))
    scale, zero = image_scale(source, info)
    native = data.dtype.newbyteorder("=")
    pixels = data.byteswap(inplace=True).view(native) if not data.dtype.isnative else data
    return _scaled(pixels, info, scale, zero)


def image_scale(source: Source, info: HduInfo) -> tuple[float, float]:
    """Return BSCALE and BZERO of an image, 1 and 0 where they are missing or undefined."""
    try:
        scale, zero = (finite_number(info.values.get(k), k, d) for k, d in (("BSCALE", 1), ("BZERO", 0)))
    except DataError as problem:
        raise DataError(f"{source.path}: {info.describe()}: {problem}") from None
    return scale, zero


def _scaled(pixels: Array, info: HduInfo, scale: float, zero: float) -> Array:
    if scale == 1 and zero == 0:
        return pixels
    code = _UNSIGNED.get((info.bitpix, int(zero))) if scale == 1 and zero == int(zero) else None
    if code:
        sign = np.array(1, f"u{pixels.itemsize}") << (8 * pixels.itemsize - 1)
        unsigned = pixels.view(f"u{pixels.itemsize}")
        np.bitwise_xor(unsigned, sign, out=unsigned)
        return unsigned.view(code)
    values = pixels.astype("f4" if info.bitpix in (8, 16, -32) else "f8")
    values *= scale
    values += zero
    blank = info.values.get("BLANK")
    if isinstance(blank, int) and info.bitpix > 0:
        values[pixels == blank] = np.nan
    return values


def image_layout(data: Array) -> tuple[int, int, np.dtype[Any]]:
    """Return BITPIX, BZERO (0: none) and the disk dtype that hold an array.

    Raises
    ------
    DataError
        A dtype that no FITS image can hold.
    """
    code = f"{data.dtype.kind}{data.dtype.itemsize}"
    if code not in _LAYOUT:
        raise DataError(f"pixels of type {data.dtype} cannot be stored in a FITS image")
    bitpix, zero = _LAYOUT[code]
    return bitpix, zero, np.dtype(_DISK[bitpix])


def encode_pixels(data: Array, zero: int) -> Array:
    """Return a flat part of an image as it is stored: shifted by BZERO, big-endian."""
    if zero:
        sign = np.array(1, f"u{data.itemsize}") << (8 * data.itemsize - 1)
        shifted = data.view(f"u{data.itemsize}") ^ sign
        data = shifted.view(f"i{data.itemsize}") if data.itemsize > 1 else shifted
    if data.dtype.kind == "b":
        data = data.view("u1")
    return data.astype(data.dtype.newbyteorder(">"))


def read_unusual(source: Source, info: HduInfo) -> CompImageHDU | TableHDU | BinTableHDU | ImageHDU:
    """Return a compressed image or an ASCII table as an astropy HDU, made from the bytes of this one alone.

    Raises
    ------
    DataError
        astropy cannot make sense of it.
    """
    from astropy.io import fits

    body = bytearray(info.end - info.data_start)
    got = source.read_into(info.data_start, memoryview(body))
    if got < info.data_bytes:
        raise DataError(truncated(source, info, info.data_start + info.data_bytes))
    primary = encode_cards([make_card("SIMPLE", True), make_card("BITPIX", 8), make_card("NAXIS", 0)])
    cards = [c for c in info.cards if card_keyword(c) not in ("CHECKSUM", "DATASUM")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hdus = fits.open(io.BytesIO(primary + encode_cards(cards) + bytes(body)), memmap=False)
            hdus[1].data  # noqa: B018  decoded here, where a failure can be named
    except Exception as problem:  # noqa: BLE001  astropy raises many kinds for damaged input
        raise DataError(f"{source.path}: {info.describe()}: {info.unusual} cannot be read: {problem}") from None
    return hdus[1]
