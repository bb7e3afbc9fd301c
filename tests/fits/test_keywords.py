"""`Header`: the same edits on one of ours and one of astropy's leave the same keywords."""

from __future__ import annotations

import copy

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.errors import DataError
from ciaopy.fits import Header, Image, as_header

START = [
    ("A", 1, "first"),
    ("B", "two", ""),
    ("HISTORY", "h1"),
    ("C", 3.5, "[s] third"),
    ("COMMENT", "c1"),
    ("HISTORY", "h2"),
]
NAMES = st.sampled_from(["A", "B", "C", "D", "E", "LONGNAME"])
VALUES = st.one_of(
    st.integers(-99, 99),
    st.booleans(),
    st.floats(-1e3, 1e3).map(lambda x: round(x, 6)),
    st.sampled_from(["x", "it's", ""]),
)
EDITS = st.one_of(
    st.tuples(st.just("set"), NAMES, VALUES),
    st.tuples(st.just("both"), NAMES, VALUES, st.sampled_from(["", "note"])),
    st.tuples(st.just("comment"), NAMES, st.sampled_from(["", "other"])),
    st.tuples(st.just("remove"), NAMES | st.just("HISTORY"), st.booleans()),
    st.tuples(st.just("history"), st.sampled_from(["h", "x" * 100])),
    st.tuples(st.just("note"), st.sampled_from(["n", "y" * 100])),
    st.tuples(st.just("before"), NAMES, VALUES),
)


def both() -> tuple[Header, fits.Header]:
    theirs = fits.Header()
    for card in START:
        theirs.append(card, end=True)
    return Header(START), theirs


def edit(header: Header | fits.Header, step: tuple) -> None:
    """One edit, on either kind of header."""
    kind, *rest = step
    if kind == "set":
        header[rest[0]] = rest[1]
    elif kind == "both":
        header[rest[0]] = (rest[1], rest[2])
    elif kind == "comment" and rest[0] in header:
        header.comments[rest[0]] = rest[1]
    elif kind == "remove":
        header.remove(rest[0], ignore_missing=True, remove_all=rest[1])
    elif kind == "history":
        header.add_history(rest[0])
    elif kind == "note":
        header.add_comment(rest[0])
    elif kind == "before" and "C" in header and rest[0] not in header:
        header.set(rest[0], rest[1], before="C")


@settings(max_examples=300, deadline=None)
@given(st.lists(EDITS, max_size=12))
def test_edits_do_what_they_do_to_a_header_of_astropy(steps):
    ours, theirs = both()
    for step in steps:
        edit(ours, step)
        edit(theirs, step)
    assert ours.images == [str(card) for card in theirs.cards]
    assert ours.keys() == list(theirs.keys())
    assert Header.from_astropy(theirs) == ours
    assert [c.image for c in ours.to_astropy().cards] == ours.images


def test_a_copy_is_independent_and_equal():
    ours, _ = both()
    for new in (ours.copy(), copy.deepcopy(ours)):
        assert new == ours
        new["A"] = 5
        del new["HISTORY"]
        assert ours["A"] == 1 and ours["HISTORY"] == ["h1", "h2"] and "HISTORY" not in new


def test_spelling_stays_where_the_value_stays():
    card = "TIMEDEL = 3.24104E+00          / [s] time resolution".ljust(80)
    header = Header.from_cards([card])
    header["TIMEDEL"] = 3.24104
    assert header.images == [card]
    header.comments["TIMEDEL"] = "new"
    assert header.image("TIMEDEL") == "TIMEDEL =          3.24104E+00 / new".ljust(80)
    header["TIMEDEL"] = 1
    assert header.image("TIMEDEL") == f"TIMEDEL = {1:>20} / new".ljust(80)


def test_repeated_keywords_positions_and_missing_ones():
    header = Header([("GTI", 1), ("GTI", 2)])
    assert header["GTI"] == 1 and header["GTI", 1] == 2 and header[1] == 2 and header[-1] == 2
    assert ("GTI", 1) in header and ("GTI", 2) not in header and "gti" in header and 5 not in header
    assert header.count("GTI") == 2 and header.index(("GTI", 1)) == 1
    header["GTI", 1] = 7
    assert header.values() == [1, 7]
    with pytest.raises(KeyError, match="NONE"):
        _ = header["NONE"]
    with pytest.raises(KeyError, match="GTI"):
        header["GTI", 2] = 1
    with pytest.raises(KeyError, match="HISTORY"):
        _ = header["HISTORY"]
    with pytest.raises(KeyError, match="NONE"):
        header.remove("NONE")
    del header["GTI"]
    assert len(header) == 0 and header.get("GTI", 9) == 9


def test_insert_rename_update():
    header = Header([("A", 1), ("B", 2)])
    header.insert("B", ("AB", 1.5))
    header.insert("B", ("BC", True), after=True)
    header.rename_keyword("A", "Z")
    header.update({"B": 3, "NEW": ("text", "why")})
    header.update(Header([("Z", 9, "c")]))
    assert header.items() == [("Z", 9), ("AB", 1.5), ("B", 3), ("BC", True), ("NEW", "text")]
    assert header.comments["NEW"] == "why" and header.comments["Z"] == "c"
    with pytest.raises(DataError, match="B: is there already"):
        header.rename_keyword("Z", "B")


def test_hierarch_keywords_keep_their_spelling():
    header = Header()
    header["HIERARCH ESO Det Name"] = "x"
    assert header.images == ["HIERARCH ESO Det Name = 'x       '".ljust(80)]
    assert header["eso det name"] == "x" and "HIERARCH ESO DET NAME" in header


def test_blocks_take_headers_of_astropy():
    theirs = fits.Header([("EXPOSURE", 10.0, "[s]")])
    image = Image("X", None, theirs)
    assert isinstance(image.header, Header) and image.header["EXPOSURE"] == 10.0
    assert as_header(image.header) is image.header
    theirs["EXPOSURE"] = 11.0
    assert image.header["EXPOSURE"] == 10.0


def test_looking_finds_the_same_with_and_without_an_index() -> None:
    header = Header([("A", 1), ("B", 2), ("A", 3), ("C", 4)])
    for _ in range(30):  # the first few looks go through the cards, the others through an index
        assert "A" in header and "D" not in header
        assert header.count("A") == 2 and header["A", 1] == 3 and header.index("C") == 3
    header.remove("A")
    for _ in range(30):
        assert header["A"] == 3 and header.index("B") == 0 and header.index("A") == 1
    header.set("B", 5, before="C")
    for _ in range(30):
        assert [header[k] for k in ("A", "B", "C")] == [3, 5, 4] and header.index("B") == 1
