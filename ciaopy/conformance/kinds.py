"""Which kind of product a file is, from its contents: block names, CONTENT, HDUCLAS3, INSTRUME, columns."""

from __future__ import annotations

from collections.abc import Iterator

from ciaopy.conformance.findings import NOTE, WARNING, Finding
from ciaopy.conformance.layouts import IMAGE
from ciaopy.conformance.product import Part, Product

__all__ = ["identify", "kind_rules"]

#: Extension name to kind; `*`: followed by the detector.
EXTENSIONS = {
    "BADPIX": "bpix1*",
    "MASK": "msk1*",
    "MTL": "mtl1*",
    "FOV": "fov1*",
    "EXPSTATS": "stat1_acis",
    "PBK": "pbk0_acis",
    "ASPOFF": "aoff1_acis",
    "ALIGN": "soff1_acis",
    "SRCLIST": "src2_acis",
    "DTF": "dtf1_hrc",
    "DTFSTATS": "dtfstat1_hrc",
    "ASPSOL": "asol1",
    "ASPQUAL": "aqual1",
    "ASPHIST": "asphist",
    "SPECRESP": "garf",
    "MATRIX": "rmf",
    "SPECRESP MATRIX": "rmf",
}
#: CONTENT of a primary image to kind.
IMAGES = {"BIAS0": "bias0_acis", "HIRESIMG": "img2", "LORESIMG": "img2", "INSTMAP": "instmap", "EXPMAP": "expmap"}
LEVELS = {"EVT1": "evt1", "EVT2": "evt2", "TGEVT1": "evt1a"}
GRATING_COLUMNS = {"TG_R", "TG_D", "TG_M", "TG_LAM", "TG_MLAM", "TG_PART"}
#: Word of a file name (`_evt2.fits`) to the kinds, without detector, that it may be.
_WORDS = """
    evt1 evt1a evt2 bpix1 msk1 mtl1 flt1 fov1 stat1 pbk0 bias0 aoff1 soff1 src2 dtf1 dtfstat1 asol1 aqual1 asphist img2
    pha1 pha2 garf rmf instmap expmap
"""
NAMES = {
    **{word: {word} for word in _WORDS.split()},
    "osol1": {"asol1"},
    "flt2": {"flt2", "flt1"},
    "evt0": set(),
}
SUFFIXES = (".gz", ".fits", ".fit")


def identify(parts: list[Part]) -> str | None:
    """Return the kind of a file, None where it is not known.

    The name of the file plays no part. Files of other missions are not known.
    """
    telescopes = {p.text("TELESCOP").upper() for p in parts} - {""}
    if telescopes and not telescopes & {"CHANDRA", "AXAF"}:
        return None
    for part in parts[1:]:
        kind = _extension(part, parts)
        if kind is not None:
            return kind
    first = parts[0]
    content = first.text("CONTENT").upper()
    if first.info.kind == "image" and content in IMAGES:
        return IMAGES[content]
    if first.info.kind == "image" and len(first.info.shape) == 2 and first.text("HDUCLAS1").upper() == "EVENTS":
        return IMAGE
    return None


def _detector(part: Part, parts: list[Part]) -> str | None:
    """Return `acis` or `hrc`; where INSTRUME says neither, the chip column decides."""
    for one in (part, parts[0]):
        instrument = one.text("INSTRUME").upper()
        if instrument in ("ACIS", "HRC"):
            return instrument.lower()
    if "CCD_ID" in part.columns:
        return "acis"
    return "hrc" if "CHIP_ID" in part.columns else None


def _extension(part: Part, parts: list[Part]) -> str | None:
    """Return the kind that one extension tells."""
    name = part.extname if part.extname in EXTENSIONS else part.extname.rstrip("0123456789")
    if name == "EVENTS":
        return _events(part, parts)
    if name == "FILTER":
        return _filter(part, parts)
    if name == "SPECTRUM":
        return "pha2" if _is_type_two(part) else "pha1"
    kind = EXTENSIONS.get(name)
    if kind is None or not kind.endswith("*"):
        return kind
    detector = _detector(part, parts)
    return f"{kind[:-1]}_{detector}" if detector else None


def _events(part: Part, parts: list[Part]) -> str | None:
    detector = _detector(part, parts)
    if detector is None:
        return None
    resolved = part.text("HDUCLAS3").upper() == "RESOLVED" or len(GRATING_COLUMNS & set(part.columns)) > 2
    level = LEVELS.get(part.text("CONTENT").upper())
    if level is None:
        level = "evt2" if part.text("HDUCLAS2").upper() == "ACCEPTED" else "evt1a" if resolved else "evt1"
    return f"{level}_{detector}" + ("_tg" if level == "evt2" and resolved else "")


def _filter(part: Part, parts: list[Part]) -> str | None:
    """Good times: the file of gti_align has a bare FILTER block."""
    if not (part.text("CONTENT") or part.text("HDUCLAS1") or part.text("INSTRUME")):
        return "flt2_acis"
    detector = _detector(part, parts)
    return f"flt1_{detector}" if detector else None


def _is_type_two(part: Part) -> bool:
    counts = part.columns.get("COUNTS") or part.columns.get("RATE")
    vector = counts is not None and (counts.form.is_variable or counts.form.repeat > 1)
    return vector or "SPEC_NUM" in part.columns


def kind_rules(product: Product) -> Iterator[Finding]:
    """Check KND-1 (unknown) and KND-2 (the name says another product)."""
    if product.kind is None:
        yield Finding("KND-1", NOTE, "", "the kind of product is not known; generic rules only")
        return
    name = product.file.path.name.lower()
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    word = name.rpartition("_")[2]
    if word in NAMES and product.base not in NAMES[word]:
        yield Finding("KND-2", WARNING, "", f"the name says {word}, the contents are {product.kind}")
