"""Boundary conditions: every form of the specification, and generated ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.caldb.boundary import NumberRange, parse_condition
from ciaopy.errors import CalibrationError


@pytest.mark.parametrize(
    ("text", "accepted", "refused"),
    [
        ("CCD_ID(0)", [0, "0", 0.0, " 0 "], [1, "1", "zero", "", True]),
        ("CCD_ID(0-9)", range(10), [-1, 10, 9.01]),
        ("CCD_ID(0-3,5,7)", [0, 3, 5, 7], [4, 6, 8]),
        ("FP_TEMP(151.16-164.16)K", [151.16, 153.4, 164.16, "153.4"], [151.15, 164.17, math.nan, math.inf]),
        ("FP_TEMP(151.16-164.16)K /", [153.4], [170.0]),
        ("SIM_Z(-5.0-3.0)mm", [-5, 0, 3], [-5.1, 3.1]),
        ("SIM_Z(-250.5--100)", [-250.5, -233.6, -100], [-99.9, 100, -251]),
        ("ENERGY(1e-1-2.5E+1)keV", [0.1, 25], [0.09, 26]),
        ("SHELL(1000)", ["1000", 1000], ["0100", 1001]),
        ("SHELL(0100)", ["0100", 100], ["1000"]),
        ("DATAMODE(GRADED,FAINT,VFAINT,CC33_FAINT,FAINT_BIAS,RAW)", ["faint", "CC33_FAINT"], ["CC33_GRADED", "FAIN"]),
        ("DETNAM(HRC-S)", ["HRC-S", "hrc-s"], ["HRC-I"]),
        ("CTI_APP(PPPPPBPBPP)", ["PPPPPBPBPP"], ["NNNNNNNNNN", "PPPPPBPBP"]),
        ("CTI_APP(P?????????)", ["PPPPPBPBPP", "PNNNNNNNNN"], ["NNNNNNNNNN", "PP"]),
        ("CTI_CORR(YES)", [True, "T", "yes", "TRUE"], [False, "F", "NO", 1]),
        ("CTI_CORR(NO)", [False, "no", "F"], [True, "YES", 0]),
        ("CTI_CORR(YES,NO)", [False, True], []),
        ("GRATING(NONE)", ["NONE"], ["HETG"]),
        ("GRATTYPE( HEG , MEG )", ["HEG", "meg"], ["LEG"]),
        ("DATE(2000-01-29)", ["2000-01-29"], [2000, "2000"]),
        ("X([a])", ["[A]"], ["A"]),
    ],
)
def test_values(text, accepted, refused):
    condition = parse_condition(text)
    assert all(condition.accepts(v) for v in accepted)
    assert not any(condition.accepts(v) for v in refused)


@pytest.mark.parametrize("text", ["", "   ", "NONE", "none", "CTI_CORR(DEPRECATED)"])
def test_no_condition(text):
    assert parse_condition(text) is None


def test_parts():
    condition = parse_condition(" fp_temp(151.16-164.16,-3)K ")
    assert (condition.name, condition.unit) == ("FP_TEMP", "K")
    assert condition.alternatives == (NumberRange(151.16, 164.16), NumberRange(-3, -3))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("CCD_ID", "not of the form"),
        ("CCD_ID(0", "not of the form"),
        ("CCD_ID 0)", "not of the form"),
        ("(0)", "not of the form"),
        ("CCD_ID(0)FP_TEMP(1-2)", "not of the form"),
        ("CCD_ID((0))", "not of the form"),
        ("CCD_ID()", "empty value"),
        ("CCD_ID(0,,2)", "empty value"),
        ("FP_TEMP(164-151)K", "ends before it begins"),
    ],
)
def test_malformed(text, problem):
    with pytest.raises(CalibrationError, match=problem):
        parse_condition(text)


numbers = st.one_of(
    st.integers(-(10**6), 10**6).map(float),
    st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda v: float(f"{v:.6g}")),
)
words = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True).filter(lambda w: w not in ("DEPRECATED", "NONE"))
ranges = st.tuples(numbers, numbers).map(sorted).map(tuple)
alternatives = st.lists(st.one_of(numbers, words, ranges), min_size=1, max_size=6)


def written(value, digits="r"):
    """One alternative as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"{value[0]!r}-{value[1]!r}"
    return repr(value)


@given(words, alternatives, st.sampled_from(["", "K", "mm", "keV"]), st.sampled_from([",", ", ", " ,"]))
def test_generated_expressions(name, values, unit, comma):
    condition = parse_condition(f"{name}({comma.join(map(written, values))}){unit}")
    assert (condition.name, condition.unit, len(condition.alternatives)) == (name, unit, len(values))
    for value in values:
        low, high = value if isinstance(value, tuple) else (value, value)
        assert condition.accepts(low) and condition.accepts(high)
    limits = [v if isinstance(v, tuple) else (v, v) for v in values if not isinstance(v, str)]
    outside = max([high for _, high in limits], default=0.0) * 2 + 1e10
    assert not condition.accepts(outside)
    for probe in (0.0, 1.5, -2e5):
        assert condition.accepts(probe) == any(low <= probe <= high for low, high in limits)


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_an_error(text):
    try:
        condition = parse_condition(text)
    except CalibrationError:
        return
    if condition is not None:
        assert condition.alternatives
        condition.accepts("X")
        condition.accepts(3)
