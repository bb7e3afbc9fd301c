"""Virtual-file syntax: what a bracket is, and errors that point at the character."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel import VirtualFile, parse
from ciaopy.datamodel.syntax.terms import All, AnyOf, CompareTerm, FileTerm, RangeTerm, RegionTerm
from ciaopy.errors import UserError, VirtualFileError


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("f.fits", None),
        ("f.fits[EVENTS]", "EVENTS"),
        ("f.fits[2]", 2),
        ("f.fits[GTI 7]", "GTI7"),
        ("f.fits[a=1]", None),
    ],
)
def test_the_first_bracket_may_be_a_block(text: str, block: object) -> None:
    vfile = parse(text)
    assert (vfile.path, vfile.block) == ("f.fits", block)


def test_the_example_of_the_issue() -> None:
    text = "evt2.fits[EVENTS][ccd_id=0:3,energy=500:7000,sky=region(src.reg)-circle(4096,4096,20)]"
    text += "[bin sky=::2][opt type=i4]"
    vfile = parse(text)
    expression = vfile.filters[0].expression
    assert isinstance(expression, All)
    assert [type(p) for p in expression.parts] == [RangeTerm, RangeTerm, RegionTerm]
    assert vfile.binning is not None and vfile.binning.axes[0].step == 2
    assert vfile.options == {"type": "i4"}


def test_a_comma_continues_a_list_until_a_new_name() -> None:
    expression = parse("f[grade=0,2,3,status=0,x=:]").filters[0].expression
    assert isinstance(expression, All)
    assert [(p.name, len(p.items)) for p in expression.parts if isinstance(p, RangeTerm)] == [
        ("grade", 3), ("status", 1), ("x", 1),
    ]  # fmt: skip


def test_the_same_name_twice_is_one_list_if_adjacent() -> None:
    expression = parse("f[pi=1:2,pi=5]").filters[0].expression
    assert isinstance(expression, RangeTerm) and len(expression.items) == 2


def test_branches_files_and_comparisons() -> None:
    either = parse("f[(a=1:2)||(b=3:4,c=5)]").filters[0].expression
    assert isinstance(either, AnyOf) and isinstance(either.parts[1], All)
    gti = parse("f[@g.fits[GTI7],ccd_id=3]").filters[0].expression
    assert isinstance(gti, All) and gti.parts[0] == FileTerm("g.fits[GTI7]", "", 2)
    less = parse("f[pi<5]").filters[0].expression
    assert isinstance(less, CompareTerm) and less.operator == "<"
    assert parse("f[exclude #row=5]").filters[0].exclude


def test_columns_subspace_and_rename() -> None:
    vfile = parse("f[EVENTS][cols a=b,-c,#3,sky,*][subspace -time,- expno][NEW]")
    assert [(c.kind, c.name, c.new) for c in vfile.columns] == [
        ("keep", "b", "a"), ("drop", "c", ""), ("number", "3", ""), ("keep", "sky", ""), ("rest", "", ""),
    ]  # fmt: skip
    assert vfile.subspace[0].delete == ("time", "expno")
    assert vfile.rename == "NEW"


@pytest.mark.parametrize(
    ("spec", "lo", "hi", "step", "count"),
    [
        ("8", None, None, 8, None), ("::8", None, None, 8, None), ("1:9", 1, 9, None, None), ("1:9:2", 1, 9, 2, None),
        (":9:2", None, 9, 2, None), ("1::2", 1, None, 2, None), ("1:9:#4", 1, 9, None, 4),
        ("-1.5e1:2", -15, 2, None, None),
    ],
)  # fmt: skip
def test_binning_specs(spec: str, lo: object, hi: object, step: object, count: object) -> None:
    binning = parse(f"f[bin/f x={spec};w]").binning
    assert binning is not None and (binning.type, binning.weight) == ("r4", "w")
    axis = binning.axes[0]
    assert (axis.lo, axis.hi, axis.step, axis.count) == (lo, hi, step, count)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("f[energy=1:2", 1, "not closed"), ("f[a=1]]", 6, "without"), ("f[a=1]x", 6, "after the closing"),
        ("f[]", 2, "empty"), ("f[a=(]", 4, "cannot be understood"), ("f[a==]", 5, "unexpected end"),
        ("f[bin x=5:1]", 8, "empty"), ("f[bin x=::0]", 8, "positive"), ("f[bin/q x]", 6, "unknown image type"),
        ("[a=1]", 0, "no file name"), ("f[a<1:2]", 4, "wants one value"), ("f[0]", 2, "numbered from 1"),
        ("f[cols a b]", 9, "cannot be understood"),
    ],
)  # fmt: skip
def test_errors_draw_a_caret(text: str, position: int, message: str) -> None:
    with pytest.raises(VirtualFileError, match=message) as caught:
        parse(text)
    assert caught.value.position == position
    assert str(caught.value).splitlines()[-1].index("^") == position + 2


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="ab[]()=:,<>!|@#;'\"0123.-+*e \\bincols", max_size=40))
def test_any_text_is_parsed_or_refused(tail: str) -> None:
    try:
        assert isinstance(parse("f.fits[" + tail), VirtualFile)
    except UserError as error:
        assert not isinstance(error, VirtualFileError) or error.position is not None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30))
def test_random_bytes_are_parsed_or_refused(raw: bytes) -> None:
    try:
        parse("f[" + raw.decode("latin-1") + "]")
    except UserError:
        return
