"""Selection expressions: against a slow reader of every value, precedence, spellings, macros, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel import Gti
from ciaopy.errors import NotAvailableError, UserError
from ciaopy.xmm.conditions import requires_zero_flag, selected_ccds, simple_filters, time_condition
from ciaopy.xmm.evaluate import Column, select
from ciaopy.xmm.expressions import ExpressionError, expand_macros, parse_selection
from ciaopy.xmm.flags import mask_text

G = np.random.default_rng(3)
N = 300
COLUMNS = {
    "pi": Column(G.integers(0, 60, N).astype(np.int16)),
    "rawx": Column(G.integers(-4, 12, N).astype(np.int16), 7),
    "flag": Column(G.integers(0, 1 << 32, N, dtype=np.uint32).view(np.int32)),
    "detx": Column(G.integers(-50, 51, N).astype(np.int32)),
    "dety": Column(G.integers(-50, 51, N).astype(np.int32)),
    "time": Column(np.sort(G.uniform(0, 100, N))),
}
GTI = {"g.fits": Gti([10, 50], [30, 60.5])}


def values(row: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        value = column.data[row].item()
        found[name] = None if value == column.null else value & 0xFFFFFFFF if name == "flag" else value
    return found


# A random condition is a text and a function of one row that says whether it holds; None is a null value.
def comparison(draw: Any) -> tuple[str, Any]:
    name = draw(st.sampled_from(["pi", "rawx", "detx"]))
    number = draw(st.integers(-10, 60))
    c, fortran, f = draw(
        st.sampled_from(
            [
                ("==", ".eq.", lambda a, b: a == b),
                ("!=", ".NE.", lambda a, b: a != b),
                ("<", ".lt.", lambda a, b: a < b),
                ("<=", ".Le.", lambda a, b: a <= b),
                (">", ".gt.", lambda a, b: a > b),
                (">=", ".ge.", lambda a, b: a >= b),
            ]
        )
    )
    sign = draw(st.sampled_from([c, f" {c} ", f" {fortran} "]))
    shown = draw(st.sampled_from([name, name.upper()]))
    return f"{shown}{sign}{number}", lambda v: v[name] is not None and f(v[name], number)


def interval(draw: Any) -> tuple[str, Any]:
    pieces, tests = [], []
    for _ in range(draw(st.integers(1, 3))):
        low, high = sorted(draw(st.tuples(st.integers(0, 59), st.integers(0, 59))))
        left, right = draw(st.sampled_from("[(")), draw(st.sampled_from("])"))
        open_low, open_high = draw(st.booleans()), draw(st.booleans())
        if draw(st.booleans()):
            pieces.append(str(low))
            tests.append(lambda x, low=low: x == low)
            continue
        pieces.append(f"{left}{'' if open_low else low}:{'' if open_high else high}{right}")
        tests.append(
            lambda x, a=low, b=high, i=left == "[", j=right == "]", u=open_low, w=open_high: (
                (u or (x >= a if i else x > a)) and (w or (x <= b if j else x < b))
            )
        )
    return f"PI in {','.join(pieces)}", lambda v: any(t(v["pi"]) for t in tests)


def mask(draw: Any) -> tuple[str, Any]:
    bits = draw(st.integers(1, (1 << 32) - 1))
    text = draw(st.sampled_from([hex(bits), str(bits), hex(bits).upper().replace("X", "x")]))
    return f"(FLAG & {text}) == 0", lambda v: v["flag"] & bits == 0


def region(draw: Any) -> tuple[str, Any]:
    x, y, r = draw(st.integers(-40, 40)), draw(st.integers(-40, 40)), draw(st.integers(1, 50))
    form = draw(st.sampled_from(["(DETX,DETY) in circle({},{},{})", "circle({},{},{},DETX,DETY)"]))
    return form.format(x, y, r), lambda v: (v["detx"] - x) ** 2 + (v["dety"] - y) ** 2 <= r * r


def times(draw: Any) -> tuple[str, Any]:
    text = draw(st.sampled_from(["gti(g.fits, TIME)", "TIME in GTI(g.fits)"]))
    return text, lambda v: any(a <= v["time"] < b for a, b in GTI["g.fits"])


@st.composite
def leaf(draw: Any) -> tuple[str, Any, int]:
    return (*draw(st.sampled_from([comparison, interval, mask, region, times]))(draw), 3)


@st.composite
def joined(draw: Any, inner: Any) -> tuple[str, Any, int]:
    """Two conditions joined, with no more brackets than C needs (3: tight, 2: &&, 1: ||)."""
    if draw(st.integers(0, 4)) == 0:
        text, test, _ = draw(inner)
        word = draw(st.sampled_from(["!", ".not. "]))
        return f"{word}({text})", lambda v: not test(v), 3
    (a, f, p), (b, g, q) = draw(inner), draw(inner)
    conjunction = draw(st.booleans())
    level = 2 if conjunction else 1
    a = f"({a})" if p < level else a
    b = f"({b})" if q < level else b
    word = draw(st.sampled_from([" && ", " .and. "] if conjunction else [" || ", " .OR. "]))
    return a + word + b, (lambda v: f(v) and g(v)) if conjunction else (lambda v: f(v) or g(v)), level


@settings(max_examples=120, deadline=None)
@given(st.recursive(leaf(), lambda inner: joined(inner), max_leaves=8))
def test_random_selections_equal_a_row_by_row_reading(case: tuple[str, Any, int]) -> None:
    text, test, _ = case
    got = select(parse_selection(text), COLUMNS, GTI)
    assert got.tolist() == [test(values(i)) for i in range(N)], text


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        ("PI > 3 || PI < 2 && RAWX > 5", "PI > 3 || (PI < 2 && RAWX > 5)"),
        ("PI + 2 * 3 > 10", "(PI + (2 * 3)) > 10"),
        ("PI - 3 - 2 == 5", "((PI - 3) - 2) == 5"),
        ("-PI ** 2 < -9", "(0 - (PI ** 2)) < -9"),
        ("2 ** 3 ** 2 == 512", "true"),
        ("FLAG & 1 == 0", "FLAG & (1 == 0)"),
        ("(FLAG & 3 | 4) > 4", "((FLAG & 3) | 4) > 4"),
        ("PI in 3:5 && RAWX > 2", "(PI in [3:5]) && (RAWX > 2)"),
        ("PI < 20 == 1", "(PI < 20) == 1"),
        ("PI % 7 == 3", "near(PI - 7*floor(PI/7), 3, 0)"),
        ("ifthenelse(PI > 30, RAWX, DETX) > 4", "(PI > 30 && RAWX > 4) || (PI <= 30 && DETX > 4)"),
        ("min(PI, 9, DETX) < 3", "PI < 3 || DETX < 3"),
        ("FLAG .eq. 0 .or. PI.gt.1e1", "FLAG == 0 || PI > 10.0"),
        ("PI.eq.3.or.PI.eq.4", "PI in 3,4"),
        ("(~FLAG & 0x80000000) != 0", "FLAG < 0x80000000"),
        ("box(3,4,10,5,0,DETX,DETY)", "DETX in [-7:13] && DETY in [-1:9]"),
        ("annulus(0,0,10,20,DETX,DETY)", "DETX**2 + DETY**2 >= 100 && DETX*DETX + DETY*DETY <= 400"),
        ("polygon(0,0,10,0,10,10,0,10,DETX,DETY)", "DETX in [0:10] && DETY in [0:10]"),
        ("PI in :", "true"),
        ("TRUE", "1 == 1"),
        ("", "true"),
    ],
)
def test_precedence_and_functions(text: str, equal: str) -> None:
    got, want = (select(parse_selection(t), COLUMNS, GTI) for t in (text, equal))
    assert np.array_equal(got, want)


def test_bit_31_of_flag_counts() -> None:
    flag = {"flag": Column(np.array([-(2**31), 1, 0, -1], np.int32))}
    assert select(parse_selection("(FLAG & 0x80000000) != 0"), flag, {}).tolist() == [True, False, False, True]
    assert select(parse_selection("FLAG > 0x7fffffff"), flag, {}).tolist() == [True, False, False, True]
    assert select(parse_selection("FLAG == 0xffffffff"), flag, {}).tolist() == [False, False, False, True]


def test_null_values_make_a_comparison_false_and_isnull_true() -> None:
    columns = {"x": Column(np.array([-99999999, 5, 7], np.int32), -99999999), "y": Column(np.array([np.nan, 1.0, 2.0]))}
    for text, want in (
        ("X < 6", [False, True, False]),
        ("!(X < 6)", [True, False, True]),
        ("X != 5", [False, False, True]),
        ("X + 1 > 0", [False, True, True]),
        ("X in :", [False, True, True]),
        ("isnull(X)", [True, False, False]),
        ("isnull(Y)", [True, False, False]),
        ("Y == Y", [False, True, True]),
        ("circle(-99999999,0,10,X,Y)", [False, False, False]),
    ):
        assert select(parse_selection(text), columns, {}).tolist() == want, text


def test_near_includes_its_tolerance() -> None:
    assert select(parse_selection("near(PI, 10, 2)"), {"pi": Column(np.arange(7, 14))}, {}).tolist() == [
        False,
        True,
        True,
        True,
        True,
        True,
        False,
    ]


def test_macros_inside_macros() -> None:
    header = {"GOOD": "#ENERGY && #CLEAN", "ENERGY": "PI > 20", "CLEAN": "RAWX < 5 || RAWX > 8"}
    assert expand_macros("#GOOD", header) == ("((PI > 20) && (RAWX < 5 || RAWX > 8))", [])
    got = select(parse_selection("#good", header), COLUMNS, {})
    assert np.array_equal(got, select(parse_selection("PI>20 && (RAWX<5||RAWX>8)"), COLUMNS, {}))


def test_macro_of_the_file_wins_and_a_missing_one_is_said() -> None:
    assert "0x1)" in parse_selection("#XMMEA_EM", {"XMMEA_EM": "(FLAG & 0x1) == 0"}, "EMOS1").text
    found = parse_selection("#XMMEA_EM", {}, "EMOS2")
    assert "0x766ba000" in found.text
    assert "no keyword XMMEA_EM" in found.notes[0]
    assert "0xcfa0000" in parse_selection("#XMMEA_EP", {}, "EPN").text
    with pytest.raises(ExpressionError, match="no keyword XMMEA_EP"):
        parse_selection("#XMMEA_EP", {}, "EMOS1")


def test_macro_loop() -> None:
    with pytest.raises(ExpressionError, match="macros in a loop"):
        parse_selection("#A", {"A": "#B", "B": "#A"})


@pytest.mark.parametrize(
    ("text", "problem", "position"),
    [
        ("PI in [500:2000", "unexpected the end", 15),
        ("PI >> 3", "unexpected '>'", 4),
        ("PI > 3)", r"unexpected '\)'", 6),
        ("PI $ 3", "unexpected", 3),
        ("PI RAWX", "unexpected 'RAWX'", 3),
        ("foo(PI) > 3", "unknown function foo", 0),
        ("near(PI, 3) > 0", "near takes 3 arguments", 0),
        ("isnull(PI + 1)", "isnull takes a column", 0),
        ("(PI, RAWX) in abs(3)", "in a region", 14),
        ("PI == 0x", "unexpected", 7),
    ],
)
def test_errors_draw_a_caret(text: str, problem: str, position: int) -> None:
    with pytest.raises(ExpressionError, match=problem) as caught:
        parse_selection(text)
    lines = str(caught.value).splitlines()
    assert lines[-1].index("^") - 2 == position
    assert isinstance(caught.value, ValueError)


def test_errors_of_values() -> None:
    for text, problem in (
        ("circle(1,2,DETX,DETY)", "circle takes 3 numbers"),
        ("circle(PI,2,3,DETX,DETY)", "a number is needed"),
        ("circle(1,2,-3,DETX,DETY)", "radius must be positive"),
        ("(PI / 2 & 1) == 0", "needs whole numbers"),
    ):
        with pytest.raises(ExpressionError, match=problem):
            select(parse_selection(text), COLUMNS, {})
    with pytest.raises(UserError, match="no column ENERGY"):
        select(parse_selection("ENERGY > 3"), COLUMNS, {})


@pytest.mark.parametrize("text", ["mask(m.fits,1,1,X,Y)", "(X,Y) in region(r.fits)", "line(1,2,3,4,X,Y)"])
def test_what_is_not_done_is_refused(text: str) -> None:
    with pytest.raises(NotAvailableError, match="not available yet"):
        parse_selection(text)


def test_a_doubtful_mask_is_pointed_out() -> None:
    assert "binds looser" in parse_selection("FLAG & 0x1 == 0").notes[0]
    assert not parse_selection("(FLAG & 0x1) == 0").notes
    assert not parse_selection("(PI == 3) & (RAWX == 2)").notes


def test_long_chains_and_deep_brackets() -> None:
    parse_selection(" || ".join(f"PI == {k}" for k in range(3000)))
    with pytest.raises(ExpressionError, match="nested more than"):
        parse_selection("(" * 500 + "PI > 3" + ")" * 500)


# ---------------------------------------------------------------- what a selection says of times and columns
def test_time_conditions() -> None:
    def condition(text: str) -> Gti | None:
        return time_condition(parse_selection(text), GTI)

    assert condition("PI > 3 && RAWX < 2") is None
    assert condition("PI > 3 && GTI(g.fits, TIME)") == GTI["g.fits"]
    assert condition("TIME > 20 && (TIME in [0:55] && PI > 3)") == Gti([20], [55])
    assert condition("gti(g.fits,TIME) && TIME < 20") == Gti([10], [20])
    assert condition("TIME in (0:5),[7:9]") == Gti([0, 7], [5, 9])
    assert condition("TIME < 5 || TIME >= 90") == Gti([-math.inf, 90], [5, math.inf])
    assert condition("!(gti(g.fits,TIME)) && 70 > TIME") == ~GTI["g.fits"] & Gti([-math.inf], [70])


@pytest.mark.parametrize(
    "text", ["PI > 3 || TIME > 5", "TIME - 3 > 7", "!(PI > 2 && TIME > 5)", "PI in 0:TIME", "gti(g.fits,PI)"]
)
def test_times_that_cannot_be_told_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="updateexposure=no"):
        time_condition(parse_selection(text), GTI)


def test_simple_filters() -> None:
    found = simple_filters(
        parse_selection(
            "(FLAG & 0x766ba000) == 0 && PATTERN <= 12 && PI in [500:2000] && FLAG .eq. 0 && PI*2 > 3 && TIME>1"
        )
    )
    assert [tuple(f) for f in found] == [
        ("FLAG", "b000x00xx00x0x000x0xxxxxxxxxxxxx", "X"),
        ("PATTERN", ":12", ""),
        ("PI", "500:2000", ""),
        ("FLAG", "0", ""),
    ]
    assert mask_text(0xFFFFFEFF) == "b" + "0" * 23 + "x" + "0" * 8


def test_ccds_and_zero_flag() -> None:
    assert selected_ccds(parse_selection("PI > 3 && CCDNR in 1,2,5:6 && CCDNR != 2")) == {1, 2, 5, 6}
    assert selected_ccds(parse_selection("CCDNR == 4")) == {4}
    assert selected_ccds(parse_selection("CCDNR == 4 || PI > 3")) is None
    assert requires_zero_flag(parse_selection("#XMMEA_EM && (FLAG .eq. 0)"))
    assert not requires_zero_flag(parse_selection("(FLAG & 0x1) == 0"))
