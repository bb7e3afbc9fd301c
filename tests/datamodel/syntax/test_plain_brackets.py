"""Brackets of the plainest form are read without the grammar, and mean what the grammar says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ciaopy.datamodel.syntax import builder, plain
from ciaopy.errors import VirtualFileError

name = st.sampled_from(["x", "energy", "Energy", "CCD_ID", "sky", "#row", "#1", "a.b", "_z", "circle", "1e5"])
value = st.sampled_from(
    ["1", "-2.5", "+3", "1e5", "1.5d-3", "xx01x", "abc", "", "a b", "0x1F", ".5", "nan", "'q'", "a=b"]
)
item = st.one_of(value, st.builds("{}:{}".format, value, value), st.builds("{}:{}:{}".format, value, value, value))
shape = st.sampled_from(
    ["circle(1,2,3)", "box(1,2,3,4,-5)", "circle(1 ,2,3)", "!circle(1,2,3)", "field()", "circle(1:2:3,4,5')",
     "circle(1,2,3)-box(1,2,3,4)", "region(a.reg)", "region(a[1])", "circle (1,2,3)", "circle(1,2,3",
     "annulus(1,2,3d,4d)"]
)  # fmt: skip
operator = st.sampled_from(["=", "=", "=", "=", ">", "!=", "==", " = ", ""])
items = st.lists(item, min_size=1, max_size=3).map(",".join)
term = st.builds("{}{}{}".format, name, operator, items | shape)
separator = st.sampled_from([",", ",", ",", " , ", "||", ",,", ""])
filters = st.builds(
    lambda a, rest: a + "".join(s + t for s, t in rest), term, st.lists(st.tuples(separator, term), max_size=3)
)
number = st.sampled_from(["1", "0.5", "-3", "+8", "1e2", "1d2", ".5", "5.", "0", "#64", "#0", "", "x", "8192.5"])
spec = st.one_of(
    number, st.builds("{}:{}".format, number, number), st.builds("{}:{}:{}".format, number, number, number)
)
axes = st.lists(st.builds("{}={}".format, name, spec) | name, min_size=1, max_size=3).map(", ".join) | st.lists(
    st.builds("{}={}".format, name, spec), min_size=1, max_size=3
).map(",".join)
columns = st.lists(
    st.sampled_from(["a", "-b", "c1", "sky", "d=e", "#3", "*", "v(x,y)", " f", "1g", "", "p.q"]), min_size=1
)


def result(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except VirtualFileError as problem:
        return str(problem)


def by_grammar(body: str) -> Any:
    made = builder.Builder("file[" + body + "]", "file")
    return builder._FilterReader(made, 5).read(made.tree("filter", body, 5))


files = st.lists(
    st.sampled_from(["@", "@", "a/b.fits", "/x-1", "-", "[GTI]", " ", "'", "+1", ",", "a=1"]), min_size=1, max_size=4
)


@given(filters | files.map("".join))
@example("energy=500:7000,ccd_id=3,5:7,sky=circle(1,2,3)")
@example("a=1:2,A=5,b=:3,c=4:")
def test_filters_mean_what_the_grammar_says(body):
    found = plain.plain_filter(body, 5)
    if found is not None:
        assert found == result(by_grammar, body)


@given(axes)
@example("sky=8")
@example("x=3500:4500:#64,y=:10")
def test_axes_mean_what_the_grammar_says(body):
    found = plain.plain_axes(" " + body, 5)
    if found is not None:
        assert found == result(builder.Builder("file[ " + body + "]", "file")._axes, " " + body, 5)


@given(columns)
def test_columns_mean_what_the_grammar_says(words):
    body = " " + ",".join(words)
    found = plain.plain_columns(body, 5)
    if found is not None:
        assert found == result(builder.Builder("file[" + body + "]", "file")._listed_columns, body, 5)


@pytest.mark.parametrize(
    "body",
    ["@/a/o-1/flt2.fits",
     "energy=500:7000", "ccd_id=3", "ccd_id=1:3,7", "grade=0,2:4,6", "sky=circle(4096,4096,200)", "#row=1:5",
     "status=xxxx0000", "time=:5", "energy=500:7000,sky=box(1,2,3,4,5),ccd_id=7"],
)  # fmt: skip
def test_the_common_forms_are_plain(body):
    assert plain.plain_filter(body, 0) is not None
    assert not re.search(r"\s", body)


@pytest.mark.parametrize(
    "body", ["energy>5", "a=1||b=2", "@file[GTI7]", "a='b'", "(x,y)=circle(1,2,3)", "a=", "a=1,,b=2", "a==3"]
)
def test_all_else_is_left_to_the_grammar(body):
    assert plain.plain_filter(body, 0) is None
