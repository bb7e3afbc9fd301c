"""Every rule has a product that breaks it, and one of the same kind that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from made import GTIS, TSTART, TSTOP, Cards, made, product, write

from ciaopy.conformance import RULES, check, check_folder, kind_names
from ciaopy.conformance.registry import rule_page

HduList = fits.HDUList


def index(header: fits.Header, name: str) -> int:
    return next(n for n in range(1, header["TFIELDS"] + 1) if header[f"TTYPE{n}"].upper() == name)


def key(name: str, value: object, hdu: int | str = "EVENTS") -> Callable[[HduList], None]:
    """Set a keyword, or delete it (None)."""

    def change(h: HduList) -> None:
        if value is None:
            del h[hdu].header[name]
        else:
            h[hdu].header[name] = value

    return change


def column_key(stem: str, name: str, value: object, hdu: str = "EVENTS") -> Cards:
    """Set a keyword of a column, or delete it (None)."""
    return Cards(hdu, lambda header: {f"{stem}{index(header, name)}": value})


def cell(name: str, row: int, value: object, hdu: int | str = "EVENTS") -> Callable[[HduList], None]:
    def change(h: HduList) -> None:
        h[hdu].data[name][row] = value

    return change


def retype(name: str, form: str, hdu: str = "EVENTS") -> Cards:
    """Declare the bytes of a column as another form of the same width."""
    return column_key("TFORM", name, form, hdu)


def drop(name: str, hdu: str = "EVENTS", keep: int = 0) -> Callable[[HduList], None]:
    """Rebuild a table without a column (`keep`: put it at the end instead)."""

    def change(h: HduList) -> None:
        old = h[hdu]
        names = [c for c in old.columns.names if c.upper() != name]
        if keep:
            names.append(next(c for c in old.columns.names if c.upper() == name))
        new = fits.BinTableHDU.from_columns([old.columns[c] for c in names])
        for card in old.header.cards:
            if card.keyword not in new.header and not card.keyword.startswith(("T", "NAXIS")):
                new.header.append(card)
        for k in ("TSTART", "TSTOP", "TELESCOP", "TIMESYS", "TIMEUNIT", "TIMEZERO", "TIMEDEL", "TASSIGN", "TIMEREF"):
            if k in old.header:
                new.header[k] = old.header[k]
        h[h.index_of(hdu)] = new

    return change


def swap(name: str, hdu: int | str, a: int, b: int) -> Callable[[HduList], None]:
    def change(h: HduList) -> None:
        values = h[hdu].data[name]
        values[a], values[b] = values[b].copy(), values[a].copy()

    return change


def without(name: str) -> Callable[[HduList], None]:
    return lambda h: h.pop(h.index_of(name)) and None


def both(*changes: Callable[[HduList], None]) -> Callable[[HduList], None]:
    def change(h: HduList) -> None:
        for one in changes:
            one(h)

    return change


def scale_matrix(h: HduList) -> None:
    for row in h["MATRIX"].data["MATRIX"]:
        row[:] = row * 1.1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3000])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2880] ^= 1
    path.write_bytes(bytes(data))


@dataclass(frozen=True)
class Case:
    rule: str
    kind: str
    change: Callable[[HduList], None] | Cards | None
    severity: str
    word: str
    after: Callable[[Path], None] | None = None
    name: str = ""


CASES = [
    Case("FIT-1", "evt2_acis", None, "error", "truncated", cut),
    Case("FIT-2", "evt2_acis", None, "error", "DATASUM", flip),
    Case("FIT-4", "evt2_acis", key("DATE-OBS", "21/09/99"), "error", "DATE-OBS"),
    Case("FIT-4", "evt2_acis", key("DATE", "2001-13-01T00:00:00", 0), "error", "2001-13"),
    Case("KND-2", "evt2_acis", None, "warning", "says bpix1", name="x_bpix1.fits"),
    Case("HDU-1", "evt2_acis_tg", without("REGION"), "error", "REGION"),
    Case("HDU-1", "rmf", without("EBOUNDS"), "error", "EBOUNDS"),
    Case("KEY-1", "evt2_acis", key("DETNAM", None), "error", "DETNAM"),
    Case("KEY-1", "evt2_acis", key("ASOLFILE", None), "warning", "ASOLFILE"),
    Case("KEY-1", "evt2_acis", key("ORIGIN", None, 0), "note", "ORIGIN"),
    Case("KEY-2", "evt2_acis", key("HDUCLAS1", "IMAGE"), "error", "HDUCLAS1"),
    Case("KEY-2", "evt2_acis", key("MJDREF", 50000.0), "error", "MJDREF"),
    Case("KEY-2", "evt2_acis", key("DATACLAS", "MADEUP"), "warning", "DATACLAS"),
    Case("KEY-3", "evt2_acis", key("FIRSTROW", 1.5), "warning", "FIRSTROW"),
    Case("KEY-3", "evt2_acis", key("CLOCKAPP", 1), "warning", "CLOCKAPP"),
    Case("KEY-4", "evt2_acis", key("OBS_ID", "999", 0), "warning", "OBS_ID"),
    Case("COL-1", "evt2_acis", column_key("TTYPE", "ENERGY", "enrgy"), "error", "enrgy"),
    Case("COL-1", "asol1", drop("DY_ERR", "ASPSOL"), "warning", "DY_ERR"),
    Case("COL-2", "evt2_acis", retype("PI", "1E"), "error", "pi is 1E"),
    Case("COL-3", "evt2_acis", retype("STATUS", "4B"), "error", "status is 4B"),
    Case("COL-4", "evt2_acis", column_key("TUNIT", "ENERGY", "keV"), "error", "keV"),
    Case("COL-4", "evt2_acis", column_key("TUNIT", "ENERGY", None), "warning", "energy"),
    Case("COL-5", "evt2_acis", column_key("TNULL", "PI", -9), "warning", "TNULL -9"),
    Case("COL-5", "evt2_acis", column_key("TNULL", "PI", None), "note", "no TNULL"),
    Case("COL-6", "evt2_acis", column_key("TLMAX", "PHA", 4095), "warning", "36855"),
    Case("COL-7", "evt2_acis", drop("EXPNO", keep=1), "note", "order"),
    Case("COL-8", "evt2_acis", column_key("TTYPE", "PI", "mine"), "note", "mine"),
    Case("COL-9", "evt2_acis", column_key("TTYPE", "PI", "PI"), "note", "spelt pi"),
    Case("WCS-1", "evt2_acis", column_key("TCRVL", "X", None), "error", "TCRVL"),
    Case("WCS-1", "evt2_acis", column_key("TCTYP", "Y", "DEC--SIN"), "error", "DEC--SIN"),
    Case("WCS-1", "img2", key("CDELT1P", None, 0), "error", "CDELT1P"),
    Case("WCS-2", "evt2_acis", column_key("TCRVL", "X", 266.41), "warning", "RA_NOM"),
    Case("WCS-3", "evt2_acis", column_key("TCDLT", "X", 0.492 / 3600), "error", "TCDLT"),
    Case("WCS-3", "image", key("CDELT2", 0.492 / 3600, 0), "error", "CDELT2"),
    Case("WCS-4", "evt2_acis", key("MFORM4", "x,q"), "error", "'q'"),
    Case("WCS-4", "evt2_acis", key("MTYPE1", "chop"), "error", "chip"),
    Case("WCS-4", "evt2_acis", key("MFORM4", "y,x"), "error", "y,x"),
    Case("DSS-1", "evt2_acis", key("DSREF1", ":GTI5"), "error", "GTI5"),
    Case("DSS-2", "evt2_acis", key("DSTYP2", None), "error", "DSVAL2"),
    Case("DSS-2", "evt2_acis", key("DSVAL3", "seven"), "error", "seven"),
    Case("DSS-2", "evt2_acis", key("DSREF1", None), "error", "TABLE without"),
    Case("DSS-3", "evt2_acis", key("2DSVAL1", "TABLE"), "note", "2DSVAL1"),
    Case("DSS-4", "evt2_acis", key("2DSREF1", ":GTI7"), "warning", "no DSREF"),
    Case("DSS-5", "evt2_acis", both(key("DSVAL3", "300:400"), key("2DSVAL3", "300:400")), "error", "energy"),
    Case("DSS-5", "evt2_acis", both(key("DSVAL2", "3:3"), key("2DSVAL2", "7:7")), "error", "component"),
    Case("TIM-1", "evt2_acis", cell("TIME", 11, TSTOP + 2), "error", "TSTART:TSTOP"),
    Case("TIM-1", "evt2_acis", both(cell("TIME", 11, TSTOP + 2), key("TIMESYS", "TDB")), "warning", "row 12"),
    Case("TIM-2", "bpix1_acis", key("TSTART", TSTOP + 1, "BADPIX"), "error", "after TSTOP"),
    Case("TIM-3", "evt2_acis", swap("TIME", "EVENTS", 3, 5), "error", "order"),
    Case("TIM-3", "evt1_acis", swap("TIME", "EVENTS", 3, 5), "warning", "order"),
    Case("TIM-3", "evt2_acis", both(swap("TIME", "EVENTS", 3, 5), key("OBS_ID", "Merged")), "warning", "order"),
    Case("TIM-4", "evt2_acis", cell("TIME", 11, TSTART + 450), "error", "1 of 12"),
    Case("TIM-4", "evt2_hrc", cell("TIME", 11, TSTART + 305), "error", "1 of 12"),
    Case("TIM-4", "evt2_acis", cell("CCD_ID", 4, 5), "error", "no good times of CCD 5"),
    Case("TIM-5", "evt2_acis", key("ONTIME3", 17.0), "error", "ONTIME3"),
    Case("TIM-5", "evt1_acis", key("ONTIME3", 17.0), "warning", "ONTIME3"),
    Case("TIM-5", "evt2_acis", key("ONTIME", 17.0), "error", "no chip"),
    Case("TIM-6", "evt2_acis", both(key("LIVETIME", 17.0), key("EXPOSURE", 17.0)), "error", "DTCOR"),
    Case("TIM-7", "evt2_acis", key("EXPOSURE", 17.0), "error", "LIVETIME"),
    Case("TIM-8", "evt2_acis", key("DATE-OBS", "2001-03-03T09:00:00"), "warning", "from TSTART"),
    Case("TIM-9", "asphist", both(key("DETNAM", "ACIS-3", 1), key("ONTIME3", 17.0, 1)), "warning", "ONTIME3"),
    Case("GTI-1", "evt2_acis", cell("STOP", 0, TSTART - 1, 2), "error", "START is not before STOP"),
    Case("GTI-2", "evt2_acis", both(swap("START", 2, 0, 1), swap("STOP", 2, 0, 1)), "error", "out of order"),
    Case("GTI-2", "flt1_acis", cell("STOP", 0, TSTART + 405, 2), "error", "overlap"),
    Case("LEV-1", "evt2_acis", cell("STATUS", (4, 16), True), "error", "1 of 12"),
    Case("LEV-1", "evt2_hrc", cell("STATUS", (4, 16), True), "note", "1 of 12"),
    Case("LEV-2", "evt2_acis", cell("GRADE", 4, 7), "error", "1 of 12"),
    Case("LEV-3", "evt2_acis", key("STATFILT", None), "note", "STATFILT"),
    Case("RNG-1", "evt2_acis", cell("CCD_ID", 4, 11), "error", "ccd_id"),
    Case("RNG-1", "evt2_acis", cell("X", 4, 9000), "error", "x outside"),
    Case("RNG-1", "evt1_acis", cell("X", 4, 9000), "warning", "x outside"),
    Case("RNG-1", "evt1_acis", cell("ENERGY", 4, -3), "note", "energy"),
    Case("REG-1", "bpix1_acis", cell("SHAPE", 2, "trapeze", 1), "error", "trapeze"),
    Case("REG-2", "bpix1_acis", both(cell("SHAPE", 2, "rectangle", 1), cell("CHIPX", 2, (9, 3), 1)), "error", "upside"),
    Case("REG-3", "bpix1_acis", cell("TIME", 2, TSTOP, 1), "error", "TIME_STOP"),
    Case("ASP-1", "asol1", cell("time", 3, TSTART, 1), "error", "does not rise"),
    Case("ASP-2", "asol1", cell("q_att", 3, (1, 1, 0, 0), 1), "error", "unit length"),
    Case("RSP-1", "garf", cell("ENERG_LO", 3, 99, 1), "error", "not below"),
    Case("RSP-1", "garf", cell("ENERG_LO", 3, 1.26, 1), "warning", "rows 3 and 4"),
    Case("RSP-2", "garf", cell("SPECRESP", 3, -1, 1), "error", "negative"),
    Case("RSP-2", "garf", cell("SPECRESP", 3, np.nan, 1), "error", "not finite"),
    Case("RSP-3", "rmf", scale_matrix, "error", "12 of 12"),
    Case("RSP-4", "rmf", key("DETCHANS", 9, "MATRIX"), "error", "EBOUNDS has 8"),
    Case("RSP-4", "rmf", lambda h: h["MATRIX"].data["F_CHAN"][2].fill(7), "error", "1 of 12"),
    Case("PHA-1", "pha2", key("DETCHANS", 4096, 1), "error", "DETCHANS"),
    Case("PHA-1", "pha2", key("DETCHANS", None, 1), "warning", "no DETCHANS"),
    Case("PHA-1", "pha1", key("DETCHANS", 9, 1), "error", "8 channels"),
    Case("PHA-2", "pha2", cell("BIN_LO", (2, 3), 99, 1), "error", "BIN_LO"),
    Case("PHA-3", "pha2", key("BACKSCAL", 0.0, 1), "error", "BACKSCAL"),
    Case("PHA-3", "pha2", cell("STAT_ERR", (2, 3), 99, 1), "error", "root"),
]
#: Rules with a test of their own below.
ELSEWHERE = {"FIT-3", "KND-1", "COM-1", "COM-2"}


@pytest.mark.parametrize("kind", kind_names())
def test_a_made_product_of_every_kind_conforms(tmp_path, kind):
    report = check(made(kind, tmp_path))
    assert report.kind == kind
    assert report.clean, report.findings


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.rule}-{c.kind}-{c.word}")
def test_a_broken_rule_is_found_and_named(tmp_path, case):
    path = made(case.kind, tmp_path, case.change, case.name)
    if case.after:
        case.after(path)
    found = [f for f in check(path).findings if f.rule == case.rule and f.severity == case.severity]
    assert any(case.word in f.message for f in found), check(path).findings
    kept = check(made(case.kind, tmp_path))
    assert not [f for f in kept.findings if f.rule == case.rule and f.severity == case.severity]


def test_every_rule_is_broken_somewhere():
    assert {c.rule for c in CASES} | ELSEWHERE == set(RULES)


def test_the_page_of_rules_is_current():
    page = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
    assert page.read_text() == rule_page(), "run scripts/make_rules"
    assert all(f"| {rule} |" in page.read_text() for rule in RULES)


def test_severities_are_those_that_the_registry_states():
    for case in CASES:
        assert case.severity in RULES[case.rule].severity, case


def test_no_checksum_is_a_note(tmp_path):
    path = tmp_path / "plain_evt2.fits"
    product("evt2_acis").writeto(path)
    report = check(path)
    assert report.rules("note") == {"FIT-3"}
    assert {f.hdu for f in report.findings} == {"PRIMARY", "EVENTS", "GTI7", "GTI3"}


def test_an_unknown_product_gets_the_generic_rules_only(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("A", "1D", array=[1.0])], name="THING")
    table.header["DATE"] = "21.9.99"
    report = check(write(HduList([fits.PrimaryHDU(), table]), tmp_path / "thing.fits"))
    assert report.kind is None
    assert report.rules("note") == {"KND-1"}
    assert report.rules("error") == {"FIT-4"}


def test_another_mission_is_unknown(tmp_path):
    def rename(h: HduList) -> None:
        for hdu in h:
            hdu.header["TELESCOP"] = "XMM"

    report = check(made("evt2_acis", tmp_path, rename))
    assert report.kind is None
    assert report.ok


def test_companions_are_looked_for_in_a_folder(tmp_path):
    change = both(key("FLTFILE", "a_flt2.fits"), key("BPIXFILE", "../there/a_bpix1.fits"), key("MASKFILE", "NONE"))
    for name in ("PBKFILE", "ASOLFILE", "MTLFILE"):
        change = both(change, key(name, "NONE"))
    made("evt2_acis", tmp_path, change, "a_evt2.fits")
    made("flt2_acis", tmp_path, name="a_flt2.fits.gz")
    report = next(r for r in check_folder(tmp_path) if r.kind == "evt2_acis")
    messages = {f.rule: f.message for f in report.findings}
    assert "a_bpix1.fits is not in" in messages["COM-1"]
    assert "../there/a_bpix1.fits" in messages["COM-2"]
    assert all("flt2" not in m for m in messages.values())


def test_the_fault_of_one_row_is_told_once(tmp_path):
    """A grade, a time or a chip that breaks its own rule is not repeated as outside the subspace."""

    def change(h: HduList) -> None:
        h["EVENTS"].header.update(DSTYP4="grade", DSVAL4="0:0,2:4,6:6")
        h["EVENTS"].header["2DSVAL4"] = "0:0,2:4,6:6"
        h["EVENTS"].data["GRADE"][3] = 7

    assert check(made("evt2_acis", tmp_path, change)).rules("error") == {"LEV-2"}
    assert check(made("evt2_acis", tmp_path, cell("TIME", 11, TSTART + 450))).rules("error") == {"TIM-4"}


def test_good_times_of_a_chip_are_its_own(tmp_path):
    """305 s is good for CCD 3 and not for CCD 7."""
    assert GTIS[3][0][1] > TSTART + 305 > GTIS[7][0][1]
    third = both(cell("TIME", 11, TSTART + 305), cell("CCD_ID", 11, 3))
    seventh = both(cell("TIME", 11, TSTART + 305), cell("CCD_ID", 11, 7))
    assert check(made("evt2_acis", tmp_path, third)).ok
    assert check(made("evt2_acis", tmp_path, seventh)).rules("error") == {"TIM-4"}


def test_a_kind_can_be_forced(tmp_path):
    report = check(made("evt1_acis", tmp_path), "evt2_acis")
    assert report.kind == "evt2_acis"
    assert "KEY-2" in report.rules("error")
