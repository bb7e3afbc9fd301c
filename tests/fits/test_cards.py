"""Header cards against astropy and the standard: what is read, what is written, what goes through unharmed."""

from __future__ import annotations

import math
import warnings

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.errors import DataError
from ciaopy.fits import Card, Header, open_fits, parse_card
from ciaopy.fits.cards import format_card, format_commentary, group_cards

PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
KEYWORDS = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True).filter(
    lambda k: k not in {"COMMENT", "HISTORY", "CONTINUE", "END", "HIERARCH", "XTENSION", "SIMPLE"}
)
LONG_KEYWORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_ .-]{7,28}[A-Za-z0-9]", fullmatch=True)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.complex_numbers(allow_nan=False, allow_infinity=False, max_magnitude=1e6).map(
        lambda z: complex(round(z.real, 3), round(z.imag, 3))
    ),
    st.text(PRINTABLE, max_size=200),
)
COMMENTS = st.text(PRINTABLE, max_size=100).map(str.strip)


def astropy_card(image: str) -> tuple[str, object, str]:
    """(keyword, value, comment) as astropy reads them, its undefined value as None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        card = fits.Header.fromstring(image).cards[0]
        value = card.value
        return card.keyword, None if type(value).__name__ == "Undefined" else value, card.comment


@settings(max_examples=500, deadline=None)
@given(KEYWORDS | LONG_KEYWORDS, VALUES, COMMENTS)
def test_what_is_written_reads_back_here_and_in_astropy(keyword, value, comment):
    try:
        image = format_card(keyword, value, comment)
    except DataError:
        assert len(keyword) > 8  # only a long keyword can leave too little room
        return
    assert len(image) % 80 == 0 and image.isascii()
    ours = parse_card(image)
    text = value.rstrip() if isinstance(value, str) else value
    assert ours.keyword == keyword.upper() and ours.value == text and not ours.problem
    assert type(ours.value) is type(text)
    if isinstance(value, float):
        assert math.copysign(1, ours.value) == math.copysign(1, value)
    assert ours.comment == comment or (len(image) == 80 and comment.startswith(ours.comment)) or len(image) > 80
    if not isinstance(value, complex):
        name, theirs, _ = astropy_card(image)
        assert name.upper() == keyword.upper() and theirs == text


@settings(max_examples=500, deadline=None)
@given(KEYWORDS, st.text(PRINTABLE, max_size=70))
def test_any_card_reads_as_astropy_reads_it_or_is_a_problem_for_both(keyword, rest):
    image = f"{keyword:8}= {rest}".ljust(80)
    ours = parse_card(image)
    try:
        theirs = astropy_card(image)
    except (fits.VerifyError, ValueError):
        assert ours.problem
        return
    if ours.problem:
        pytest.fail(f"{image!r} is no problem for astropy: {theirs}")
    assert (ours.keyword, ours.value, ours.comment) == theirs


@pytest.mark.parametrize(
    ("image", "card"),
    [
        ("EXPOSURE= 1.5D3 / [s]", Card("EXPOSURE", 1500.0, "[s]", "1.5D3")),
        ("OBJECT  = 'O''Neil  ' / it's", Card("OBJECT", "O'Neil", "it's")),
        ("BLANKVAL=                    / nothing", Card("BLANKVAL", None, "nothing")),
        ("NOVALUE   text", Card("NOVALUE", "  text")),
        ("HIERARCH ESO DET = 7 / c", Card("ESO DET", 7, "c")),
        ("ZPAIR   = (1.0, -2.0)", Card("ZPAIR", 1 - 2j, "", "(1.0, -2.0)")),
        ("lower   = 007", Card("LOWER", 7)),
        ("HISTORY = looks like a value", Card("HISTORY", "= looks like a value")),
    ],
)
def test_forms_of_cards(image, card):
    assert parse_card(image.ljust(80)) == card


@pytest.mark.parametrize("text", ["NaN", "INF", "-inf", "12 34", "'open", "1.0.0", "nonsense"])
def test_a_value_that_is_none_names_itself(text):
    header = Header.from_cards([f"EXPOSURE= {text}"])
    assert header.cards[0].problem
    with pytest.raises(DataError, match=r"EXPOSURE.*no FITS value"):
        _ = header["EXPOSURE"]
    assert header.images == [f"EXPOSURE= {text}".ljust(80)]  # it still goes through as it is


def test_what_a_header_cannot_hold_is_refused_by_name():
    with pytest.raises(DataError, match=r"BAD.*printable ASCII"):
        format_card("BAD", "caf\u00e9")
    with pytest.raises(DataError, match=r"BAD.*list"):
        format_card("BAD", [1])
    with pytest.raises(DataError, match="keyword 'NO=KEY'"):
        format_card("NO=KEY", 1)
    with pytest.raises(DataError, match=r"HISTORY.*printable"):
        format_commentary("HISTORY", "tab\t")


def test_numbers_that_are_not_finite_are_undefined():
    assert parse_card(format_card("X", math.nan)).value is None
    assert parse_card(format_card("X", -math.inf, "c")) == Card("X", None, "c")


def test_continued_strings_are_one_card_and_quotes_are_not_parted():
    text = "'" * 150 + " word" * 30
    image = format_card("LONG", text, "a comment " * 20)
    assert len(image) > 400 and parse_card(image).value == text
    pieces = [image[i : i + 80] for i in range(0, len(image), 80)]
    assert group_cards(pieces) == [image]
    assert group_cards(["HISTORY x&'".ljust(80), pieces[1]]) == ["HISTORY x&'".ljust(80), pieces[1]]


@pytest.mark.parametrize("pattern", ["obs/**/*.fits*", "archive/**/*.fits*", "caldb/**/*.fits*", "gratings/**/*.fits*"])
def test_every_card_of_real_files_is_read_as_astropy_reads_it(data, pattern):
    read = 0
    for path in sorted(data.glob(pattern)):
        with open_fits(path) as file:
            groups = [info.cards for info in file.hdus]
        for cards in groups:
            header = Header.from_cards(cards)
            theirs = fits.Header.fromstring("".join(cards))
            assert header.images == [card.ljust(80) for card in cards], path
            assert len(header) == len(theirs)
            for ours, card in zip(header.cards, theirs.cards, strict=True):
                value = None if type(card.value).__name__ == "Undefined" else card.value
                assert (ours.keyword, ours.comment) == (card.keyword, card.comment), path
                assert ours.value == value or ours.value == str(value).rstrip(), path
                read += 1
    assert read > 1000
