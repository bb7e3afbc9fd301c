"""The rules: identifier, severity, what is wrong, where the rule comes from. `--rules`, the docs and the tests use it.

Sources: FITS 4.0 (the standard), guide (CXC Data Products Guide, event files), OGIP (memos 92-002 and 92-007), files
(survey of about 200 archive and CIAO products of 1999-2024), ciaopy (decided here).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES", "Rule", "rule_page"]


@dataclass(frozen=True)
class Rule:
    """One rule of the conformance check.

    Attributes
    ----------
    id : str
        `COL-1`.
    severity : str
        `error`, `warning`, `note`, or what it depends on.
    summary : str
        What is wrong, in one line.
    source : str
        Where the rule comes from.
    """

    id: str
    severity: str
    summary: str
    source: str


_ALL = (
    Rule("FIT-1", "error", "the file cannot be read: no FITS, cut short, damaged, impossible TFORM", "FITS 4.0"),
    Rule("FIT-2", "error", "CHECKSUM or DATASUM does not hold", "FITS 4.0, files"),
    Rule("FIT-3", "note", "no CHECKSUM or DATASUM", "files"),
    Rule("FIT-4", "error", "DATE, DATE-OBS or DATE-END is not yyyy-mm-ddThh:mm:ss[.s]", "FITS 4.0, files"),
    Rule("KND-1", "note", "the kind of product is not known: generic rules only", "ciaopy"),
    Rule("KND-2", "warning", "the file name says another product than the contents", "ciaopy"),
    Rule("HDU-1", "error", "a required HDU is missing, or is no binary table", "guide, files"),
    Rule("KEY-1", "error core, warning others, note in PRIMARY", "a keyword is missing", "guide, files"),
    Rule(
        "KEY-2",
        "error TELESCOP HDUCLASS HDUCLAS1 HDUCLAS2 CONTENT TIMESYS MJDREF TIMEUNIT, warning others",
        "the value of a keyword is none of those of the kind",
        "files",
    ),
    Rule("KEY-3", "warning", "a keyword has a value of another type", "files"),
    Rule("KEY-4", "warning", "PRIMARY disagrees with the first extension", "files"),
    Rule("COL-1", "error required, warning usual", "a column is missing", "guide, files"),
    Rule("COL-2", "error", "a column has another type or count", "guide, files"),
    Rule("COL-3", "error", "a status column is not of bits, or of another width", "guide, files"),
    Rule("COL-4", "error wrong, warning missing", "a column has another unit", "files"),
    Rule("COL-5", "note absent, warning other", "TNULL differs", "files"),
    Rule("COL-6", "note absent, warning other", "TLMIN, TLMAX differ", "files"),
    Rule("COL-7", "note", "the order of the columns is not CIAO's", "files"),
    Rule("COL-8", "note", "a column that neither guide nor files know", "guide, files"),
    Rule("COL-9", "note", "a column name is spelt in another case than CIAO's", "files"),
    Rule(
        "WCS-1", "error", "the sky or physical coordinates of x and y, or of an image, are incomplete", "guide, files"
    ),
    Rule("WCS-2", "warning", "the reference point of the sky is not RA_NOM, DEC_NOM", "files"),
    Rule("WCS-3", "error", "the sky pixel is off by more than 3 %, or of wrong sign", "files"),
    Rule(
        "WCS-4", "error", "a vector (chip, tdet, det, sky, rd) is not declared, or of a missing column", "guide, files"
    ),
    Rule("DSS-1", "error", "DSREF names a block that is not in the file", "files"),
    Rule("DSS-2", "error", "a DSVAL without DSTYP, TABLE without DSREF, or no range and no region", "files"),
    Rule("DSS-3", "note", "nDSVAL1 = TABLE is written out (CIAO writes nDSREF1 only)", "files"),
    Rule("DSS-4", "warning", "a GTI block that no DSREF names", "files"),
    Rule("DSS-5", "error", "data outside the subspace; ccd_id of a component that is not its GTI's", "ciaopy"),
    Rule("TIM-1", "error TT, warning TDB", "TIME more than 1 s outside TSTART:TSTOP", "guide, files"),
    Rule("TIM-2", "error", "TSTART is after TSTOP", "files"),
    Rule(
        "TIM-3", "error evt2, warning evt1 mtl1 stat1 and merged events", "the rows are not in order of TIME", "files"
    ),
    Rule("TIM-4", "error", "level 2: events outside the good times of their chip", "guide, files"),
    Rule("TIM-5", "error evt2, warning evt1", "ONTIME or ONTIMEn is not the sum of the good times", "guide, files"),
    Rule("TIM-6", "error", "LIVETIME is not ONTIME x DTCOR", "files"),
    Rule("TIM-7", "error", "EXPOSURE is not LIVETIME", "files"),
    Rule("TIM-8", "warning", "DATE-OBS is more than 2 s from TSTART", "files"),
    Rule("TIM-9", "warning", "ONTIME of a product of one chip is not that chip's ONTIMEn", "ciaopy"),
    Rule("GTI-1", "error", "a good time ends before it begins", "files"),
    Rule("GTI-2", "error", "good times overlap or are out of order", "files"),
    Rule("LEV-1", "error ACIS, note HRC", "status bits are set at level 2", "guide, files"),
    Rule("LEV-2", "error", "ACIS level 2: a grade that is not 0, 2, 3, 4, 6", "guide, files"),
    Rule("LEV-3", "note", "no STATFILT at level 2", "files"),
    Rule(
        "RNG-1",
        "error ccd_id node_id chipx chipy grade tg_part, x y at level 2; warning x y at level 1; note others",
        "a value outside TLMIN:TLMAX that is not TNULL",
        "files",
    ),
    Rule("REG-1", "error", "an unknown SHAPE", "files"),
    Rule("REG-2", "error", "a bad pixel or mask rectangle is upside down", "files"),
    Rule("REG-3", "error", "a bad pixel ends (TIME_STOP) before it begins (TIME)", "files"),
    Rule("ASP-1", "error", "the times of an aspect solution do not rise", "files"),
    Rule("ASP-2", "error", "q_att is not of unit length", "files"),
    Rule("RSP-1", "error inverted, warning gaps", "the energy bins of an ARF or RMF", "OGIP 92-002, files"),
    Rule("RSP-2", "error", "SPECRESP is negative or not finite", "files"),
    Rule("RSP-3", "error", "a row of a redistribution matrix adds to more than 1.001", "OGIP 92-002, files"),
    Rule("RSP-4", "error", "DETCHANS is not the rows of EBOUNDS; F_CHAN + N_CHAN beyond the channels", "OGIP 92-002"),
    Rule("PHA-1", "error other, warning missing", "DETCHANS is not the number of channels", "OGIP 92-007, files"),
    Rule("PHA-2", "error", "BIN_LO is not below BIN_HI", "files"),
    Rule("PHA-3", "error", "BACKSCAL or AREASCAL not above 0; POISSERR with other errors", "OGIP 92-007"),
    Rule("COM-1", "note", "in a folder: a companion that the header names is not there", "ciaopy"),
    Rule("COM-2", "note", "a companion is named with a path", "files"),
)

#: Identifier to rule, in the order of the specification.
RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}

_GROUPS = {
    "FIT": "File",
    "KND": "Kind",
    "HDU": "Blocks",
    "KEY": "Keywords",
    "COL": "Columns",
    "WCS": "Coordinates",
    "DSS": "Data subspace",
    "TIM": "Times and exposure",
    "GTI": "Good times",
    "LEV": "Level",
    "RNG": "Limits",
    "REG": "Regions",
    "ASP": "Aspect",
    "RSP": "Responses",
    "PHA": "Spectra",
    "COM": "Companions",
}
_HEAD = """# Rules of `ciaopy check`

Written by `scripts/make_rules` from `ciaopy/conformance/registry.py`. What each kind of product holds stands in
`ciaopy/conformance/products.toml`. Sources: FITS 4.0, the standard; guide, the CXC Data Products Guide; OGIP, memos
92-002 and 92-007; files, a survey of about 200 archive and CIAO products, 1999-2024; ciaopy, decided here. Where guide
and files differ, the files win.
"""


def rule_page() -> str:
    """Return docs/rules.md: every rule in its group, as Markdown tables."""
    lines = [_HEAD]
    for prefix, title in _GROUPS.items():
        rows = [r for r in _ALL if r.id.startswith(prefix)]
        lines += [f"## {title}", "", "| rule | severity | what is wrong | source |", "| --- | --- | --- | --- |"]
        lines += [f"| {r.id} | {r.severity} | {r.summary} | {r.source} |" for r in rows]
        lines.append("")
    return "\n".join(lines)
