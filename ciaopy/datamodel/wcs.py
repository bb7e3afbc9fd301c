"""Transforms between pixels and the sky, from the keywords of a table's columns or of an image.

What a transform does is in `ciaopy.datamodel.sky`. Here the keywords are collected: those of a pixel list (TCTYPn,
TCRVLn, TPCn_k, TCn_k, ... and the short forms TCTYn, TCRVn, ...) and those of an image, in all families of the FITS
standard (section 8 and table 22); and moved along when an image is cut or binned.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ciaopy.datamodel.sky import DISTORTIONS, Cards, PixelFrame, SkyTransform, is_latitude, sky_transform
from ciaopy.errors import DataError, UserError
from ciaopy.fits import Header, Image, Table

if TYPE_CHECKING:
    from ciaopy.fits import Column, Vector

F64 = NDArray[np.float64]

#: Keywords of a pixel list without column number, long and short form, and what they are in an image.
COLUMN_WORDS = (
    ("TCTYP", "TCTY", "CTYPE"),
    ("TCUNI", "TCUN", "CUNIT"),
    ("TCRVL", "TCRV", "CRVAL"),
    ("TCRPX", "TCRP", "CRPIX"),
    ("TCDLT", "TCDE", "CDELT"),
    ("TCROT", "TCROT", "CROTA"),
)
#: The same for keywords of the whole transform, which may stand on either column.
SHARED_WORDS = (("LONP", "LONPOLE"), ("LATP", "LATPOLE"), ("EQUI", "EQUINOX"), ("RADE", "RADESYS"))
_MATRIX = {"TPC": "PC", "TP": "PC", "TCD": "CD", "TC": "CD"}
_PARAMETER = {"TPV": "PV", "TV": "PV", "TPS": "PS", "TS": "PS"}
_IMAGE_WORD = re.compile(
    r"(?:CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)[12]|(?:PC|CD)[12]_\d|(?:PV|PS)[12]_\d+|LONPOLE|LATPOLE|RADESYS|EQUINOX"
)
_OLD_PC = re.compile(r"PC00(\d)00(\d)")


def vector_columns(table: Table, name: str) -> tuple[str, str] | None:
    """Return the two columns of a vector (`sky`), lower case, or None where it is not a pair of columns."""
    vector = table.vector(name)
    if vector is None or len(vector.components) != 2 or not all(c in table for c in vector.components):
        return None
    return vector.components[0].lower(), vector.components[1].lower()


def table_wcs(table: Table, name: str = "sky") -> SkyTransform | None:
    """Return the transform of a vector column, or None where its columns carry no celestial tangent plane.

    Parameters
    ----------
    table : Table
        TCTYP, TCRVL, TCRPX and TCDLT are taken from the columns' keys.
    name : str
        A vector (`sky`, `det`).
    """
    pair = vector_columns(table, name)
    return None if pair is None else columns_wcs(table, pair)


def columns_wcs(table: Table, pair: tuple[str, str]) -> SkyTransform | None:
    """Return the transform of two columns (of an `AxisTable`: of two axes of its image), or None; see `table_wcs`."""
    if isinstance(table, AxisTable):
        return table.sky(pair)
    cards, problem = column_cards(table, pair)
    _add_system(cards, table.header)
    return sky_transform(cards, f"block {table.name}", None, problem)


def columns_frame(table: Table, pair: tuple[str, str]) -> PixelFrame:
    """Return what regions on two columns need: the transform to the sky where there is one, and image pixels."""
    if isinstance(table, AxisTable):
        return table.frame(pair)
    return columns_wcs(table, pair) or PixelFrame()


def column_cards(table: Table, names: Sequence[str]) -> tuple[Cards, str]:
    """Return the world coordinate keywords of columns as those of an image with these axes, in column values.

    Parameters
    ----------
    table : Table
    names : sequence of str
        The columns, axis 1 first.

    Returns
    -------
    cards : dict
        CTYPE1, CRVAL1, PC1_2, ..., and what the columns say of LONPOLE, LATPOLE, EQUINOX and RADESYS.
    problem : str
        Why the axes make no transform (they are coupled to another column), or empty.
    """
    cards: Cards = {}
    lower = [n.lower() for n in names]
    problem = ""
    for i, column in enumerate((table.column(n) for n in names), 1):
        for long, short, image in COLUMN_WORDS:
            value = column.key(long)
            value = column.key(short) if value is None else value
            if value is not None:
                cards[f"{image}{i}"] = value
        for word, image in SHARED_WORDS:
            if column.key(word) is not None:
                cards.setdefault(image, column.key(word))
        for stem, (value, _) in column.keys.items():
            head, _, other = stem.partition("_")
            if head in _PARAMETER and other.isdecimal():
                cards[f"{_PARAMETER[head]}{i}_{other}"] = value
            elif head in _MATRIX and other.removeprefix("@") in lower:
                cards[f"{_MATRIX[head]}{i}_{lower.index(other.removeprefix('@')) + 1}"] = value
            elif head in _MATRIX and other and value != 0:
                problem = f"{stem.replace('_@', ' with ')} of column {column.name} couples it to another column"
    return cards, problem


def clear_world(column: Column, keep: Collection[str]) -> None:
    """Remove the keywords of a column's world coordinates but those to `keep` (TCRVL ...), in place."""
    words = {w for pair in COLUMN_WORDS for w in pair[:2]} | {w for w, _ in SHARED_WORDS}
    for stem in list(column.keys):
        if stem in keep:
            continue
        if stem in words or ("_" in stem and stem.partition("_")[0] in _MATRIX.keys() | _PARAMETER.keys()):
            del column.keys[stem]


def _add_system(cards: Cards, header: Header) -> None:
    """Add RADESYS and EQUINOX of a header (or their old names RADECSYS, EPOCH) where the cards have none."""
    for key, old in (("RADESYS", "RADECSYS"), ("EQUINOX", "EPOCH")):
        value = header.get(key)
        value = header.get(old) if value is None else value
        if value is not None and key not in cards:
            cards[key] = value


@dataclass
class AxisTable(Table):
    """The axes of an image as columns without rows, to which filters are bound.

    Attributes
    ----------
    image : Header
        Of the image.
    numbers : dict
        Lower-case names of the columns (`x`, `#1`) with the axis, from 1.
    """

    image: Header = field(default_factory=Header)
    numbers: dict[str, int] = field(default_factory=dict)

    def frame(self, pair: tuple[str, str]) -> PixelFrame:
        """Return what regions on two axes need."""
        if [self.numbers.get(n) for n in pair] != [1, 2]:
            return PixelFrame()
        logical = [n.startswith("#") for n in pair]
        if any(logical) and not all(logical):
            return PixelFrame()
        return image_frame(self.image, self.name, logical=all(logical))

    def sky(self, pair: tuple[str, str]) -> SkyTransform | None:
        """Return the transform of two axes, or None."""
        frame = self.frame(pair)
        return frame if isinstance(frame, SkyTransform) else None


@dataclass(frozen=True)
class PhysicalAxis:
    """Physical coordinate of one image axis: ``value = crval + (pixel - crpix) * cdelt``, pixels 1-based.

    `name` is the coordinate (`x`); empty where the image has none.
    """

    name: str
    crval: float
    crpix: float
    cdelt: float

    def from_logical(self, pixel: ArrayLike) -> F64:
        """Return physical values of 1-based pixel coordinates."""
        return np.asarray(self.crval + (np.asarray(pixel, np.float64) - self.crpix) * self.cdelt)

    def to_logical(self, value: ArrayLike) -> F64:
        """Return 1-based pixel coordinates of physical values."""
        return np.asarray((np.asarray(value, np.float64) - self.crval) / self.cdelt + self.crpix)


def physical_axis(header: Header, axis: int) -> PhysicalAxis:
    """Return the physical coordinate of image axis 1, 2, ...: CTYPEnP and its like, else LTV/LTM, else pixels."""
    name = str(header.get(f"CTYPE{axis}P", "")).strip()
    if f"CDELT{axis}P" in header:
        values = [header.number(f"{k}{axis}P", d) for k, d in (("CRVAL", 0.0), ("CRPIX", 0.0), ("CDELT", 1.0))]
        return PhysicalAxis(name, *values)
    if f"LTM{axis}_{axis}" in header:
        step = 1.0 / header.number(f"LTM{axis}_{axis}")
        return PhysicalAxis(name, 0.0, header.number(f"LTV{axis}", 0.0), step)
    return PhysicalAxis(name, 0.0, 0.0, 1.0)


def image_frame(image: Image | Header, name: str = "image", *, logical: bool = False) -> PixelFrame:
    """Return what regions on an image need: its image pixels and, where there is one, the transform to the sky.

    Parameters
    ----------
    image : Image or Header
    name : str
        For messages, where a header is given.
    logical : bool
        The coordinates of the regions are image pixels, not physical ones.
    """
    header = image if isinstance(image, Header) else image.header
    name = name if isinstance(image, Header) else image.name
    axes = [PhysicalAxis("", 0.0, 0.0, 1.0)] * 2 if logical else [physical_axis(header, i) for i in (1, 2)]
    offsets = [a.crval - a.crpix * a.cdelt for a in axes]
    to_physical = (offsets[0], axes[0].cdelt, offsets[1], axes[1].cdelt)
    cards, problem = image_cards(header)
    return sky_transform(cards, f"image {name}", to_physical, problem) or PixelFrame(to_physical)


def image_wcs(image: Image | Header) -> SkyTransform | None:
    """Return the transform from physical pixels of an image to the sky, or None where its axes are not on the sky.

    All keyword families and projections of the FITS standard are known; what is not is refused when positions are
    asked for.
    """
    frame = image_frame(image)
    return frame if isinstance(frame, SkyTransform) else None


def image_cards(header: Header) -> tuple[Cards, str]:
    """Return the world coordinate keywords of axes 1 and 2, and why they make no transform (or an empty text)."""
    cards: Cards = {}
    problem = ""
    for key in header:
        old = _OLD_PC.fullmatch(key)
        name = f"PC{old[1]}_{old[2]}" if old else key
        if not _IMAGE_WORD.fullmatch(name):
            continue
        if re.fullmatch(r"(PC|CD)\d_[03-9]", name):
            problem = f"{key} couples them to another axis" if header[key] != 0 else problem
            continue
        cards[name] = header[key]
    for key in DISTORTIONS:
        if key in header:
            problem = f"distortions ({key}) are not known"
    if any(str(cards.get(f"CTYPE{i}", "")).strip().upper().endswith("-SIP") for i in (1, 2)):
        problem = "distortions (SIP) are not known"
    _add_system(cards, header)
    return cards, problem


# ---- moving the keywords with the pixels ---------------------------------------------------------------------------


def move_axis(header: Header, i: int, edge: float, factor: float) -> None:
    """Write all coordinates of image axis i anew, in place: new pixel p is old pixel ``edge + (p - 0.5) * factor``.

    So `edge` is the outer edge of the first new pixel in old pixels (1-based, pixel centre = integer), and `factor` the
    size of the new pixels. Physical coordinates, the world coordinates in all keyword families and their alternates
    (CRPIX1A ...) follow.

    Raises
    ------
    UserError
        Keywords of distortions that cannot follow.
    """
    if f"LTV{i}" in header or f"LTM{i}_{i}" in header or f"CDELT{i}P" in header or edge != 0.5 or factor != 1:
        axis = physical_axis(header, i)
        low, step = float(axis.from_logical(edge)), axis.cdelt * factor
        if axis.name or f"CDELT{i}P" in header:
            header[f"CRVAL{i}P"], header[f"CRPIX{i}P"], header[f"CDELT{i}P"] = low, 0.5, step
            header[f"WCSTY{i}P"] = "PHYSICAL"
        header[f"LTV{i}"], header[f"LTM{i}_{i}"] = 0.5 - low / step, 1.0 / step
    move_world(header, i, edge, factor)


def move_world(header: Header, i: int, edge: float, factor: float) -> None:
    """Write the world coordinates of image axis i anew, in place; as `move_axis`, without the physical ones."""
    if edge != 0.5 or factor != 1:
        check_movable(header, shift_only=factor == 1)
        for a in world_descriptions(header):
            if any(f"{stem}{i}{a}" in header for stem in ("CTYPE", "CRVAL", "CRPIX", "CDELT")):
                header[f"CRPIX{i}{a}"] = (header.number(f"CRPIX{i}{a}", 0.0) - edge) / factor + 0.5
            if factor != 1:
                scale_world(header, i, factor, a)


def check_movable(header: Header, *, shift_only: bool = False) -> None:
    """Refuse distortions that cannot follow the pixels; SIP polynomials follow a shift.

    Raises
    ------
    UserError
        The image has such keywords.
    """
    for key in DISTORTIONS:
        if key in header and not (shift_only and key in ("A_ORDER", "B_ORDER")):
            raise UserError(
                f"the image has distortions ({key}) that cannot follow its pixels; remove the keywords with dmhedit"
            )


def world_descriptions(header: Header) -> list[str]:
    """Return the letters of the world coordinate descriptions that a header has: `` (the first), `A`, `B` ..."""
    pattern = re.compile(r"(?:CTYPE\d|CRVAL\d|CRPIX\d|CDELT\d|CD\d_\d|PC\d_\d|PC00\d00\d|CROTA\d)([A-OQ-Z]?)")
    return sorted({m[1] for key in header if (m := pattern.fullmatch(key))})


def scale_world(header: Header, i: int, factor: float, alternate: str = "") -> None:
    """Write the matrix keywords of a header whose pixels on axis i are `factor` times as large, in place."""
    _rename_old_pc(header)
    cdelt = f"CDELT{i}{alternate}"
    turned = any(header.get(f"CROTA{k}", 0) for k in (1, 2)) and not alternate
    if turned:
        _rotation_to_matrix(header)
    has_cd = any(re.fullmatch(rf"CD\d_\d{alternate}", key) for key in header)
    if cdelt in header or not has_cd:
        header[cdelt] = header.number(cdelt, 1.0) * factor
    for key in list(header):
        if (found := re.fullmatch(rf"PC(\d)_(\d){alternate}", key)) and found[1] != found[2]:
            if int(found[2]) == i:
                header[key] = header.number(key) * factor
            elif int(found[1]) == i:
                header[key] = header.number(key) / factor
        elif re.fullmatch(rf"CD\d_{i}{alternate}", key):
            header[key] = header.number(key) * factor


def _rename_old_pc(header: Header) -> None:
    """Turn PC001002 of old drafts into PC1_2."""
    for key in [k for k in header if _OLD_PC.fullmatch(k)]:
        found = _OLD_PC.fullmatch(key)
        assert found is not None
        header[f"PC{found[1]}_{found[2]}"] = header[key]
        header.remove(key)


def _rotation_to_matrix(header: Header) -> None:
    """Turn CROTA, which cannot follow pixels that are not square, into a PC matrix (Paper II, equation 189)."""
    if not any(re.fullmatch(r"(?:PC|CD)\d_\d", key) for key in header):
        matrix, delta = linear_matrix(header), [header.number(f"CDELT{k}", 1.0) for k in (1, 2)]
        for j in (1, 2):
            for k in (1, 2):
                header[f"PC{j}_{k}"] = float(matrix[j - 1, k - 1] / delta[j - 1])
    for k in (1, 2):
        header.remove(f"CROTA{k}", ignore_missing=True)


def linear_matrix(header: Header, alternate: str = "") -> F64:
    """Return the matrix [world units per pixel] of axes 1 and 2, of the family that counts: PC, else CD, else CROTA.

    Raises
    ------
    DataError
        A keyword is not a number.
    """
    families = {f: any(re.fullmatch(rf"{f}\d_\d{alternate}", k) for k in header) for f in ("PC", "CD")}
    try:
        if families["CD"] and not families["PC"]:
            return np.array([[header.number(f"CD{j}_{k}{alternate}", 0.0) for k in (1, 2)] for j in (1, 2)])
        delta = np.array([header.number(f"CDELT{k}{alternate}", 1.0) for k in (1, 2)])
        if families["PC"]:
            pc = [[header.number(f"PC{j}_{k}{alternate}", float(j == k)) for k in (1, 2)] for j in (1, 2)]
            return np.asarray(delta[:, None] * np.array(pc))
        swapped = str(header.get("CTYPE1", "")).strip().upper()[:4] in ("DEC-", "GLAT", "ELAT", "SLAT")
        angle = 0.0 if alternate else math.radians(header.number("CROTA1" if swapped else "CROTA2", 0.0))
    except (TypeError, ValueError):
        raise DataError("the header's CDELT, CD, PC or CROTA is not a number") from None
    if swapped:
        angle = -angle
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray(turn * delta[None, :])


def world_vector(table: Table, pair: tuple[str, str]) -> Vector | None:
    """Return the vector of world coordinates (`EQPOS`: RA,DEC; `MSC`: PHI,THETA) that belongs to a pair of columns.

    Its component names are those of TCNAM (TCNA), or begin TCTYP.
    """
    names = []
    for column in (table.column(c) for c in pair):
        named = column.key("TCNAM") or column.key("TCNA")
        names.append(str(named or str(column.key("TCTYP") or column.key("TCTY") or "").split("-")[0]).strip().upper())
    if not all(names):
        return None
    return next((v for v in table.vectors if [c.upper() for c in v.components] == names), None)


@dataclass(frozen=True)
class WorldColumn:
    """A coordinate on the sky that is computed from two columns (or image axes).

    Attributes
    ----------
    name : str
        As the block has it (`RA`, `GLON`).
    transform : SkyTransform
    pair : tuple of str
        The columns it is made of, lower case.
    latitude : bool
        The second coordinate.
    own : bool
        The block's own system; else ICRS.
    """

    name: str
    transform: SkyTransform
    pair: tuple[str, str]
    latitude: bool
    own: bool

    def check(self) -> None:
        """Refuse a coordinate that cannot be computed, or would be mistaken.

        Raises
        ------
        DataError
            The projection or system is not known; or RA and Dec are not ICRS (FK5 J2000).
        """
        self.transform.check_equatorial(self.name)

    def values(self, x: ArrayLike, y: ArrayLike) -> F64:
        """Return the coordinate, degrees, of values of the two columns."""
        compute = self.transform.pixel_to_own if self.own else self.transform.pixel_to_sky
        return compute(x, y)[int(self.latitude)]


def world_columns(table: Table, pair: tuple[str, str]) -> list[WorldColumn]:
    """Return the coordinates on the sky that two columns give: the block's own, and RA and Dec; empty for none."""
    transform = columns_wcs(table, pair)
    if transform is None:
        return []
    vector = world_vector(table, pair)
    longitude, latitude = transform.names
    if vector is None:
        own = [(longitude, False), (latitude, True)]
    else:
        types = [str(_key(table.column(c), "TCTYP", "TCTY") or "") for c in pair]
        own = [(name, is_latitude(t)) for name, t in zip(vector.components, types, strict=True)]
    found = [WorldColumn(name, transform, pair, second, True) for name, second in own]
    if longitude != "RA":
        found += [WorldColumn("RA", transform, pair, False, False), WorldColumn("DEC", transform, pair, True, False)]
    return found


def _key(column: Column, long: str, short: str) -> Any:
    value = column.key(long)
    return column.key(short) if value is None else value
