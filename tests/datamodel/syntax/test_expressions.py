"""The expression language: against numpy on generated expressions, C's precedence, errors with a caret."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel.syntax import Expression, parse_assignments, parse_expression
from ciaopy.errors import UserError

A = np.array([1.0, -2.5, 0.0, 7.0, np.nan])
B = np.array([2.0, 3.0, 0.5, -1.0, 4.0])
N = np.array([1, 2, 3, -4, 5], dtype=np.int16)
VALUES = {"a": A, "B": B, "n": N}

# A generated expression: (text, value by numpy).
Pair = tuple[str, object]
leaves = st.one_of(
    st.sampled_from([("a", A), ("b", B), ("n", N.astype(np.int64)), ("#pi", np.pi)]),
    st.floats(0, 100).map(lambda v: (repr(round(v, 3)), round(v, 3))),
    # Whole numbers are integers, as in C: there is no minus zero of them, and a/-0 is a/0. Twelve of 20 fit 64 bits.
    st.integers(0, 20).map(lambda v: (str(v), v)),
)


def extend(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def binary(args: tuple[str, Pair, Pair]) -> Pair:
        op, (s, x), (t, y) = args
        value = {
            "+": lambda: np.add(x, y),
            "-": lambda: np.subtract(x, y),
            "*": lambda: np.multiply(x, y),
            "/": lambda: np.true_divide(x, y),
            "<": lambda: np.less(x, y) * 1,
            ">=": lambda: np.greater_equal(x, y) * 1,
            "&&": lambda: (np.not_equal(x, 0) & np.not_equal(y, 0)) * 1,
            "||": lambda: (np.not_equal(x, 0) | np.not_equal(y, 0)) * 1,
        }[op]()
        return f"({s}{op} {t})", value

    operators = st.sampled_from(["+", "-", "*", "/", "<", ">=", "&&", "||"])
    functions = st.sampled_from([("sin", np.sin), ("fabs", np.abs), ("exp", np.exp), ("floor", np.floor)])
    return st.one_of(
        st.tuples(operators, inner, inner).map(binary),
        st.tuples(functions, inner).map(lambda p: (f"{p[0][0]}({p[1][0]})", p[0][1](p[1][1]))),
        inner.map(lambda p: (f"-{p[0]}", np.negative(p[1]))),
        st.tuples(inner, inner, inner).map(
            lambda p: (f"({p[0][0]} ? {p[1][0]} : {p[2][0]})", np.where(np.not_equal(p[0][1], 0), p[1][1], p[2][1]))
        ),
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(deadline=None, max_examples=200)
@given(st.recursive(leaves, extend, max_leaves=12))
def test_generated_expressions_agree_with_numpy(pair: Pair) -> None:
    text, want = pair
    got = parse_expression(text).evaluate(VALUES)
    assert np.allclose(np.broadcast_to(got, A.shape), np.broadcast_to(want, A.shape), rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2+3*4", 14),
        ("2*3+4", 10),
        ("10-4-3", 3),
        ("16/4/2", 2),
        ("1/-0", np.inf),
        ("1/-0.0", -np.inf),
        ("2^3^2", 512),
        ("2**3", 8),
        ("-2^2", -4),
        ("2^-1", 0.5),
        ("7/2", 3.5),
        ("7%4", 3),
        ("-7%4", -3),
        ("1<2==1", 1),
        ("6&3|8", 10),
        ("1<<4>>2", 4),
        ("!0+1", 2),
        ("~0", -1),
        ("1||0&&0", 1),
        ("0?1:0?2:3", 3),
        ("if 1>2 then 5 else if 1 then 6 else 7", 6),
        ("(1>0)+(2>0)", 2),
        ("0x1F", 31),
        ("1.5e2", 150),
        ("round(2.5)", 3),
        ("min(3,1,2)", 1),
        ("max(1,2)", 2),
        ("atan2(1,1)*4/#pi", 1),
        ("sind(30)", 0.5),
        ("(int)2.9", 2),
        ("(long)-2.9", -2),
        ("(short)1e9", 32767),
        ("(int)#nan", 0),
        ("'abc'=='abc '", 1),
        ("\"a\"!='b'", 1),
        ("9**999", np.inf),
    ],
)
def test_precedence_and_functions(text: str, want: float) -> None:
    assert float(parse_expression(text).evaluate({})) == pytest.approx(want)


def test_types() -> None:
    single = A.astype(np.float32)
    assert parse_expression("a*2+1.5").evaluate({"a": single}).dtype == np.float32
    assert parse_expression("(double)a*2").evaluate({"a": single}).dtype == np.float64
    assert parse_expression("n*40000").evaluate(VALUES).tolist() == (N.astype(int) * 40000).tolist()
    assert parse_expression("n>1").evaluate(VALUES).dtype == bool
    assert parse_expression("-(n>1)").evaluate(VALUES).tolist() == [0, -1, -1, 0, -1]
    assert parse_expression("mode=='TIMED'").evaluate({"MODE": np.array([b"TIMED ", b"CC"])}).tolist() == [True, False]


def test_elements_count_from_0() -> None:
    phas, image = np.arange(18).reshape(2, 9), np.arange(24).reshape(2, 3, 4)
    assert parse_expression("phas[5]*2").evaluate({"phas": phas}).tolist() == [10, 28]
    assert parse_expression("0.5*(phas[0]+phas[8])").evaluate({"phas": phas}).tolist() == [4, 13]
    assert parse_expression("i[3, 1]").evaluate({"i": image}).tolist() == image[:, 1, 3].tolist()
    for text in ("phas[9]", "phas[0,0]", "a[0]"):
        with pytest.raises(UserError, match="no element"):
            parse_expression(text).evaluate({"phas": phas, "a": A})


@pytest.mark.parametrize(("text", "value"), [("6d2", 600.0), ("1.5D-1", 0.15), (".5d+1*2", 10.0), ("0xd1", 209)])
def test_numbers_of_fortran(text: str, value: float) -> None:
    assert parse_expression(text).evaluate({}) == value


def test_a_text_contains_another() -> None:
    names = np.array([b"LETG  ", b"HETG", b"NONE"])
    assert parse_expression("grating ~= 'ETG'").evaluate({"grating": names}).tolist() == [True, True, False]
    assert parse_expression("!('ACIS-S' ~= 'HRC')").evaluate({}).item() is True
    assert parse_expression("~n==-2").evaluate({"n": N}).tolist() == (N == 1).tolist()
    with pytest.raises(UserError, match="no text"):
        parse_expression("n ~= 'x'").evaluate({"n": N})


def test_running_means() -> None:
    rate = np.array([1.0, 2, 3, np.nan, 5])
    assert parse_expression("rate:3").evaluate({"rate": rate}).tolist() == [1.5, 2, 2.5, 4, 5]
    assert parse_expression("rate:3>2 ? (rate:3) : 0").evaluate({"rate": rate}).tolist() == [0, 0, 2.5, 4, 5]
    assert parse_expression("rate>2 ? (rate:3) : 0").evaluate({"rate": rate}).tolist() == [0, 0, 2.5, 0, 5]
    assert parse_expression("n>1?n:2").evaluate({"n": N}).tolist() == np.where(N > 1, N, 2).tolist()
    assert np.array_equal(parse_expression("rate:1").evaluate({"rate": rate}), rate, equal_nan=True)
    for text in ("rate:0", "rate:x", "rate:1.5"):
        with pytest.raises(UserError, match="smooth"):
            parse_expression(text)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(1, 40))
def test_a_running_mean_is_the_mean_of_its_neighbours(values: list[float], width: int) -> None:
    found = parse_expression(f"v:{width}").evaluate({"v": np.array(values)})
    before, after = (width - 1) // 2, width // 2
    slow = [np.mean(values[max(i - before, 0) : i + after + 1]) for i in range(len(values))]
    assert np.allclose(found, slow, atol=1e-6)


def test_lists_of_assignments() -> None:
    found = parse_assignments("a=max(x,y)+p[0]; (float)b='u,v'==t, c = status==X1F,X2T, status=X3F, X4T\nd=2,")
    assert [(a.name, a.expression.text, a.bits) for a in found] == [
        ("a", "max(x,y)+p[0]", ()),
        ("b", "'u,v'==t", ()),
        ("c", "((status__bit1 == 0) && (status__bit2 == 1))", ()),
        ("status", "status", ((3, False), (4, True))),
        ("d", "2", ()),
    ]
    for text, message in (("a=1,2", "name=expression"), ("(short)s=X1F", "no type"), (",;", "empty")):
        with pytest.raises(UserError, match=message):
            parse_assignments(text)


def test_names_are_listed_once_in_order() -> None:
    expression = parse_expression("Y + sin(x)*y - #row + #pi")
    assert expression.names == ("y", "x", "#row")
    with pytest.raises(UserError, match="no #row"):
        expression.evaluate({"x": A, "y": B})


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("1+", 2),
        ("a b", 2),
        ("a $ b", 2),
        ("(1", 2),
        ("1 ? 2", 5),
        ("foo(1)", 0),
        ("sin(1,2)", 0),
        ("a[x]", 2),
        ("1 +* 2", 3),
    ],
)
def test_errors_draw_a_caret(text: str, position: int) -> None:
    with pytest.raises(UserError) as caught:
        parse_expression(text)
    lines = str(caught.value).splitlines()
    assert lines[1] == f"  {text}"
    assert lines[2] == "  " + " " * position + "^"


def test_bad_operands_are_user_errors() -> None:
    for text, values in (
        ("'x'+1", {}),
        ("~a", {"a": A}),
        ("a<<1", {"a": A}),
        ("a=='x'", {"a": A}),
        ("a+b", {"a": A, "b": B[:2]}),
        ("s*2", {"s": np.array([b"x"])}),
    ):
        with pytest.raises(UserError, match="expression"):
            parse_expression(text).evaluate(values)


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('x')", "().__class__", "a.b", "lambda x: 1", "[1 for x in y]", "open('f')", "`ls`"],
)
def test_python_is_not_spoken(text: str) -> None:
    with pytest.raises(UserError, match=r"\^"):
        parse_expression(text)


def test_depth_is_limited_and_length_is_not() -> None:
    for text in ("(" * 500 + "1" + ")" * 500, "2^" * 500 + "2", "1?" * 500 + "1" + ":1" * 500):
        with pytest.raises(UserError, match="nested"):
            parse_expression(text)
    assert parse_expression("+".join(["a"] * 5000)).evaluate({"a": np.array([1])}).tolist() == [5000]
    assert float(parse_expression("-" * 4000 + "1").evaluate({})) == 1


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=40), st.text("ab12.+-*/^()<>=!&|?:,[]# 'sincos", max_size=40)))
def test_any_text_parses_or_is_a_user_error(text: str) -> None:
    try:
        expression = parse_expression(text)
        expression.evaluate(dict.fromkeys(expression.names, B))
    except UserError:
        return
    assert isinstance(expression, Expression)


def test_assignments() -> None:
    first, second = parse_assignments("rsq=x^2+y^2; (float)half = x/2\n")
    assert (first.name, first.dtype, first.expression.names) == ("rsq", None, ("x", "y"))
    assert (second.name, second.dtype) == ("half", np.float32)
    for text, message in (
        ("", "empty"),
        ("x==1", "expected name"),
        ("(blob)x=1", "unknown type"),
        ("3=x", "expected name"),
    ):
        with pytest.raises(UserError, match=message):
            parse_assignments(text)
