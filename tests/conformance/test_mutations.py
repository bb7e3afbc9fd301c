"""Random changes of good files: the checker says what a slow reference says, and never ends in a traceback."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import content, product, write

from ciaopy.conformance import check
from ciaopy.conformance.columns import form_text
from ciaopy.conformance.layouts import layouts
from ciaopy.fits.reader import FitsFile

KINDS = ("evt2_acis", "evt1_hrc", "bpix1_acis", "asol1", "garf", "pha2", "flt1_acis")
#: Keywords of the layout and of columns, which astropy writes itself.
RESERVED = (
    *("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "TFIELDS", "TTYPE", "TFORM", "TUNIT", "TNULL", "TDIM"),
    *("TLMIN", "TLMAX", "TCTYP", "TCRVL", "TCRPX", "TCDLT", "TCUNI"),
)
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reference(path: Path, kind: str) -> set[tuple[str, str]]:
    """(rule, column) that must be reported, read with astropy and compared one by one."""
    found = set()
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            layout = layouts()[kind].hdus.get(hdu.name)
            if layout is None or not layout.columns:
                continue
            header = hdu.header
            names = {header[f"TTYPE{n}"].upper(): n for n in range(1, header["TFIELDS"] + 1)}
            for column in layout.columns:
                if column.name not in names:
                    if column.need != "o":
                        found.add(("COL-1", column.name))
                    continue
                n = names[column.name]
                form = header[f"TFORM{n}"]
                form = form if form[0].isdigit() or form[0] in "PQ" else f"1{form}"
                if form not in column.tform and not any(f[0] == "*" and f[1] == form[-1] for f in column.tform):
                    found.add(("COL-3" if column.tform[0].endswith("X") else "COL-2", column.name))
                if header.get(f"TUNIT{n}", "") not in column.unit:
                    found.add(("COL-4", column.name))
    return found


def reported(path: Path) -> set[tuple[str, str]]:
    found = set()
    for finding in check(path).findings:
        if finding.rule in ("COL-1", "COL-2", "COL-3", "COL-4"):
            words = finding.message.replace("no column ", "").replace(":", " ").replace(";", " ").split()
            found.add((finding.rule, words[0].upper()))
    return found


@quick
@given(
    kind=st.sampled_from(KINDS),
    position=st.integers(0, 30),
    change=st.sampled_from(["drop", "rename", "retype", "unit", "shift"]),
    data=st.data(),
)
def test_changed_columns_are_found_as_the_reference_finds_them(tmp_path, kind, position, change, data):
    hdus = product(kind)
    table = hdus[1]
    if not len(table.columns):
        return
    column = table.columns[position % len(table.columns)]
    columns = [fits.Column(c.name, c.format, c.unit, array=table.data[c.name]) for c in table.columns]
    at = position % len(columns)
    if change == "drop":
        columns.pop(at)
    elif change == "rename":
        columns[at] = fits.Column("Z" + column.name, column.format, column.unit, array=table.data[column.name])
    elif change == "unit":
        unit = data.draw(st.sampled_from(["keV", "pixel", "s", None]))
        columns[at] = fits.Column(column.name, column.format, unit, array=table.data[column.name])
    elif change == "shift":
        columns.append(columns.pop(at))
    else:
        form = data.draw(st.sampled_from(["1J", "1D", "2E", "8X", "4A"]))
        columns[at] = fits.Column(column.name, form, column.unit)
    new = fits.BinTableHDU.from_columns(columns, nrows=len(table.data))
    for card in table.header.cards:
        if not card.keyword.startswith(RESERVED):
            new.header.append(card)
    hdus[1] = new
    path = write(hdus, tmp_path / "changed.fits")
    assert reported(path) == reference(path, kind)


@quick
@given(kind=st.sampled_from(KINDS), at=st.floats(0, 1), patch=st.binary(min_size=1, max_size=90))
def test_bytes_overwritten_at_random_never_end_in_a_traceback(tmp_path, kind, at, patch):
    raw = bytearray(content(kind))
    start = int(at * (len(raw) - len(patch)))
    raw[start : start + len(patch)] = patch
    path = tmp_path / "changed.fits"
    path.write_bytes(bytes(raw))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check(path)
    changed = bytes(raw) != content(kind)
    assert report.findings or not changed or b"CHECKSUM" not in raw


@quick
@given(kind=st.sampled_from(KINDS), row=st.integers(0, 5000), text=st.text(st.characters(codec="ascii"), max_size=70))
def test_cards_replaced_at_random_never_end_in_a_traceback(tmp_path, kind, row, text):
    raw = bytearray(content(kind))
    starts = [i for i in range(0, len(raw), 80) if raw[i : i + 80].isascii() and raw[i + 8 : i + 10] == b"= "]
    at = starts[row % len(starts)]
    raw[at + 10 : at + 80] = text.encode().ljust(70)[:70]
    path = tmp_path / "changed.fits"
    path.write_bytes(bytes(raw))
    assert check(path).file == str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_form_text_is_the_form_with_its_count(tmp_path, kind):
    path = tmp_path / "a.fits"
    path.write_bytes(content(kind))
    with FitsFile(path) as file, fits.open(path) as hdus:
        for info, hdu in zip(file.hdus[1:], hdus[1:], strict=True):
            assert [form_text(c) for c in info.columns] == [
                hdu.header[f"TFORM{n}"].split("(")[0] for n in range(1, hdu.header["TFIELDS"] + 1)
            ]
