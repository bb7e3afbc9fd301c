"""Types, enumerations, ranges and canonical texts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.errors import ParameterError, UnknownParamError
from ciaopy.param import Evaluator, Parameter, ParFile
from ciaopy.param.values import convert, match_name, parse_integer, parse_real, to_text


def declared(kind: str, low: str = "", high: str = "", value: str = "") -> Parameter:
    return ParFile(f"p,{kind},h,{value},{low},{high},\n".encode(), Path("t.par"))["p"]


def checked(text: str, kind: str, low: str = "", high: str = "", value: str = "") -> str:
    file = ParFile(f"p,{kind},h,{value},{low},{high},\n".encode(), Path("t.par"))
    return Evaluator(file).check(file["p"], text)[0]


@pytest.mark.parametrize("word", ["yes", "y", "true", "t", "on", "1", "YES", "True", " y "])
def test_words_of_yes(word: str) -> None:
    assert convert(declared("b"), word, "t.p") is True
    assert checked(word, "b") == "yes"


@pytest.mark.parametrize("word", ["no", "n", "false", "f", "off", "0", "NO"])
def test_words_of_no(word: str) -> None:
    assert convert(declared("b"), word, "t.p") is False
    assert checked(word, "b") == "no"


@pytest.mark.parametrize(
    ("text", "number"), [("3", 3), ("+3", 3), ("-12", -12), ("0x1F", 31), ("-0x10", -16), (" 7 ", 7)]
)
def test_integers(text: str, number: int) -> None:
    assert convert(declared("i"), text, "t.p") == number


@pytest.mark.parametrize("text", ["2.0", "1e3", "two", "1_000", "0x", "--1", "1 2", "٣"])
def test_texts_that_are_no_integers(text: str) -> None:
    with pytest.raises(ParameterError, match=r"t\.p must be an integer, sent "):
        convert(declared("i"), text, "t.p")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("-1e-3", -1e-3), ("1D3", 1000.0), ("Inf", math.inf),
        ("-inf", -math.inf), ("12:30:00", 12.5), ("-0:30:36", -0.51), ("10:30", 10.5), ("3", 3.0),
    ],
)  # fmt: skip
def test_reals(text: str, number: float) -> None:
    value = convert(declared("r"), text, "t.p")
    assert isinstance(value, float)
    assert value == pytest.approx(number, abs=1e-15)


def test_nan_is_a_real() -> None:
    value = convert(declared("d"), "NaN", "t.p")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["two", "1e", "1.2.3", "12:60:00", "1:2:61", "0x10", "1_0.0", "1,5"])
def test_texts_that_are_no_reals(text: str) -> None:
    with pytest.raises(ParameterError, match=r"t\.p must be a float, sent "):
        convert(declared("r"), text, "t.p")


@pytest.mark.parametrize("kind", ["i", "r"])
@pytest.mark.parametrize("text", ["INDEF", "indef", "", "  "])
def test_undefined_numbers_are_none_and_pass_every_range(kind: str, text: str) -> None:
    assert convert(declared(kind), text, "t.p") is None
    assert checked(text, kind, "0", "5") == ("INDEF" if text.strip() else "")


def test_bad_boolean() -> None:
    with pytest.raises(ParameterError, match=r"t\.p should be a boolean, not 'maybe'"):
        checked("maybe", "b")


@pytest.mark.parametrize(
    ("text", "low", "high", "message"),
    [
        ("-1", "0", "5", "t.p must be >= 0 but set to -1"),
        ("6", "0", "5", "t.p must be <= 5 but set to 6"),
        ("6", "", "5", "t.p must be <= 5 but set to 6"),
        ("nan", "0", "", "t.p must be >= 0 but set to nan"),
        ("0.4", "0.5", "", "t.p must be >= 0.5 but set to 0.4"),
    ],
)
def test_ranges(text: str, low: str, high: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        checked(text, "r", low, high)
    assert str(caught.value) == message


@given(st.integers(), st.integers(), st.integers())
def test_a_range_is_inclusive(value: int, low: int, high: int) -> None:
    try:
        assert checked(str(value), "i", str(low), str(high)) == str(value)
        assert low <= value <= high
    except ParameterError:
        assert not low <= value <= high


@pytest.mark.parametrize(
    ("items", "text", "expected"),
    [
        ("mean|median|min", "median", "median"),
        ("mean|median|min", "med", "median"),
        ("mean | median | min", "median ", "median"),
        ("none|NONE", "none", "none"),
        ("FITS|fits|ASCII|ascii", "f", "fits"),
        ("a|ab", "a", "a"),
    ],
)
def test_enumerations_complete_a_unique_prefix(items: str, text: str, expected: str) -> None:
    assert checked(text, "s", items) == expected
    assert checked(text, "s", "", items) == expected


@pytest.mark.parametrize("text", ["me", "m", "Median", "x", "medians", ""])
def test_enumerations_refuse_the_rest(text: str) -> None:
    with pytest.raises(ParameterError, match="must be one of: mean median min") as caught:
        checked(text, "s", "mean|median|min", value="mean")
    assert str(caught.value.in_lines).endswith("must be one of:\n  mean median min")  # type: ignore[attr-defined]


def test_an_empty_value_passes_where_the_file_leaves_it_empty() -> None:
    assert checked("", "s", "a|b") == ""


def test_numeric_enumerations_compare_numbers() -> None:
    assert checked("2.0", "r", "1|2|4") == "2.0"
    assert checked("0x4", "i", "1|2|4") == "0x4"
    with pytest.raises(ParameterError, match="must be one of: 1 2 4"):
        checked("3", "i", "1|2|4")


def test_a_string_with_a_lower_limit_has_one_choice() -> None:
    assert checked("only", "s", "only") == "only"
    with pytest.raises(ParameterError, match="must be one of: only"):
        checked("other", "s", "only")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("s", None, ""), ("f", None, ""), ("i", None, "INDEF"), ("r", None, "INDEF"), ("b", True, "yes"),
        ("b", False, "no"), ("i", 4.0, "4"), ("r", 0.1, "0.1"), ("r", 1e-20, "1e-20"), ("s", ["a", "b"], "a,b"),
        ("f", ("a.fits", "b.fits"), "a.fits,b.fits"), ("f", Path("x/y"), "x/y"), ("i", np.int16(5), "5"),
        ("r", np.float64(2.5), "2.5"), ("b", np.bool_(True), "yes"), ("r", math.nan, "NaN"), ("r", -math.inf, "-Inf"),
        ("s", b"abc", "abc"),
    ],
)  # fmt: skip
def test_texts_of_python_values(kind: str, value: object, text: str) -> None:
    assert to_text(declared(kind), value, "t.p") == text


@given(st.floats(allow_nan=False))
def test_a_real_survives_the_file(value: float) -> None:
    assert parse_real(to_text(declared("r"), value, "t.p")) == value


@given(st.integers())
def test_an_integer_survives_the_file(value: int) -> None:
    assert parse_integer(to_text(declared("i"), value, "t.p")) == value


@pytest.mark.parametrize("value", [object(), {"a": 1}, 1j, np.arange(3)])
def test_values_of_no_type(value: object) -> None:
    with pytest.raises(ParameterError, match=r"t\.p cannot be set to a"):
        to_text(declared("s"), value, "t.p")


def test_none_is_no_boolean() -> None:
    with pytest.raises(ParameterError, match=r"t\.p should be a boolean, not 'None'"):
        to_text(declared("b"), None, "t.p")


def test_names_match_exactly_or_by_a_unique_prefix() -> None:
    names = ["mode", "model", "bands", "binsize"]
    assert match_name("t", names, "mode") == "mode"
    assert match_name("t", names, "ba") == "bands"
    with pytest.raises(UnknownParamError, match="There is no parameter for t that matches 'x'"):
        match_name("t", names, "x")
    with pytest.raises(UnknownParamError, match="Multiple matches for t parameter 'b', choose from: bands binsize"):
        match_name("t", names, "b")
