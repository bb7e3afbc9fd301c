"""The path of a virtual file is the same whether all of it is parsed or only its name cut off."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.datamodel.syntax import file_of, parse, split_file

PATHS = st.text(st.characters(codec="utf-8", exclude_characters="[]\0\n\r", exclude_categories=["Cs"]), min_size=1)


@given(PATHS.filter(lambda p: p.strip()), st.sampled_from(["", "[EVENTS]", "[EVENTS][energy=500:7000]", "[bin sky=8]"]))
def test_the_path_is_that_of_the_parser(path: str, brackets: str) -> None:
    assert file_of(path + brackets) == parse(path + brackets).path
    assert split_file(path + brackets) == (path.strip(), brackets)


@pytest.mark.parametrize(
    ("text", "want"), [("a b.fits [EVENTS]", "a b.fits"), ("e.fits[@g.fits[GTI7]]", "e.fits"), ("", "")]
)
def test_what_follows_the_first_bracket_is_no_part_of_the_path(text: str, want: str) -> None:
    assert file_of(text) == want


def test_paths_are_taken_as_they_are() -> None:
    assert file_of(Path("x/evt2.fits")) == "x/evt2.fits"
