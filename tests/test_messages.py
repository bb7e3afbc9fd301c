"""One line says it all; carets and lists follow."""

from __future__ import annotations

import urllib.error

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.errors import VirtualFileError
from ciaopy.messages import caret_message, enumerated, reason, with_list


def test_the_first_line_names_text_problem_and_place():
    lines = caret_message("unexpected ]", "a.fits[x=]", 9).splitlines()
    assert lines[0] == "a.fits[x=]: unexpected ], at ']'"
    assert lines[1] == "  a.fits[x=]" and lines[2] == " " * 11 + "^"
    assert caret_message("odd", "x", 1).splitlines()[0] == "x: odd, at its end"
    assert caret_message("empty", "", 0, "expression") == "expression: empty"
    assert str(VirtualFileError("odd", "a[b]")) == "a[b]: odd"


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=400), st.data())
def test_the_caret_stands_under_its_character_in_short_lines(text, data):
    place = data.draw(st.integers(0, len(text) - 1))
    first, shown, caret = caret_message("odd", text, place).split("\n")
    assert shown[caret.index("^")] == text[place]
    assert max(len(shown), len(caret)) <= 130 and len(first) <= 170


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(2, "No such file or directory", "a"), "No such file or directory"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (ValueError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_reasons_have_no_numbers_and_no_second_line(error, text):
    assert reason(error) == text


def test_lists_are_cut_and_their_first_item_is_in_the_first_line():
    assert enumerated(["a", "b"]) == "a, b"
    assert enumerated([str(k) for k in range(30)], 3) == "0, 1, 2 and 27 more"
    assert with_list("x", ["one"]) == "x: one"
    assert with_list("x", ["one\n  more", "two"]) == "x: one (and 1 more)\n  - one\n      more\n  - two"
