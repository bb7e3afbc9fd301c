"""Stacks: the conformance table (made by running the stack library 4.18), files, grids, the object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy import stack
from ciaopy.errors import StackError
from ciaopy.stack import BlankStackError, Stack, build, expand, expand_numbered, join, split_items


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a1.fits", "a2.fits", "a10.fits", "B.fits", "sub/x1.fits", "sub/x2.fits"):
        (tmp_path / name).touch()
    (tmp_path / "sub/l2.lis").write_text("x1.fits\nx2.fits\n")
    (tmp_path / "l3.lis").write_text("@sub/l2.lis\nz.fits\n")
    (tmp_path / "sub/l4.lis").write_text("@l2.lis\nz.fits\n")
    (tmp_path / "n1").write_text("@n2\n@+n2\n")
    (tmp_path / "n2").write_text("@n3\nb\n")
    (tmp_path / "n3").write_text("leaf\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_public_names() -> None:
    assert all(hasattr(stack, name) for name in stack.__all__)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", [""]),
        ("  ", [""]),
        (",; ", [""]),
        ("a,b c;d", ["a", "b", "c", "d"]),
        ("a,,b", ["a", "b"]),
        ("\ta\tb\n c", ["a\tb", "c"]),
        ("a*.fits", ["a1.fits", "a10.fits", "a2.fits"]),
        ("*.fits", ["B.fits", "a1.fits", "a10.fits", "a2.fits"]),
        ("a?.fits[energy=500:7000]", ["a1.fits[energy=500:7000]", "a2.fits[energy=500:7000]"]),
        ("**2.fits", ["a2.fits"]),
        ("nomatch*.fits", ["nomatch*.fits"]),
        ("a1.fits[sky=circle(1,2,3),energy=1:2],b.fits", ["a1.fits[sky=circle(1,2,3),energy=1:2]", "b.fits"]),
        ("@sub/l2.lis", ["sub/x1.fits", "sub/x2.fits"]),
        ("@-sub/l2.lis", ["x1.fits", "x2.fits"]),
        ("@sub/l2.lis[energy=500:7000]", ["sub/x1.fits[energy=500:7000]", "sub/x2.fits[energy=500:7000]"]),
        ("@l3.lis", ["@sub/l2.lis", "z.fits"]),
        ("@+l3.lis", ["sub/x1.fits", "sub/x2.fits", "z.fits"]),
        ("@+l3.lis[e]", ["sub/x1.fits[e]", "sub/x2.fits[e]", "z.fits[e]"]),
        ("@+sub/l4.lis", ["sub/x1.fits", "sub/x2.fits", "sub/z.fits"]),
        ("@+-sub/l4.lis", ["z.fits"]),
        ("@+n1", ["@n3", "b", "leaf", "b"]),
        ("a,@sub/l2.lis,b", ["a", "sub/x1.fits", "sub/x2.fits", "b"]),
        ("f[ccd_id=igrid(0:3:1)]", [f"f[ccd_id={i}]" for i in range(4)]),
        ("img_lgrid(0.5:2:0.5)_.fits", [f"img_{x}_.fits" for x in ("0.5", "1", "1.5", "2")]),
        (
            "[sky=rgrid(1:5:2,1:3:1)]",
            [f"[sky=rectangle({c})]" for c in ("1,1,3,2", "1,2,3,3", "3,1,5,2", "3,2,5,3")],
        ),
        (
            "pgrid(4096,4096,0:10:5,0:360:90)",
            [f"pie(4096,4096,{r},{r + 5},{a},{a + 90})" for r in (0, 5) for a in (0, 90, 180, 270)],
        ),
        ("e[energy=lgrid(500:2000:500):]", [f"e[energy={e}:]" for e in (500, 1000, 1500, 2000)]),
        ("lgrid( 1:3:1 )", ["1", "2", "3"]),
        ("lgrid(0:1:0.1)", ["0", *(f"0.{i}" for i in range(1, 10))]),
        ("igrid(3:3:1)", ["3"]),
        ("lgrid(3:1:1)", [""]),
        ("a,lgrid(3:1:1)", ["a"]),
        ("lgrid(1:3:-1)", [""]),
        ("lgrid(1:5)", ["lgrid(1:5)"]),
        ("lgrid(1,3,1)", ["lgrid(1,3,1)"]),
        ("igrid(1:3:1)igrid(1:2:1)", ["1igrid(1:2:1)", "2igrid(1:2:1)", "3igrid(1:2:1)"]),
        ("sub/", ["sub/"]),
        ("nosub/", ["nosub/"]),
        ("{a,b},c", ["{a,b}", "c"]),
        ("(a,b),c", ["(a,b)", "c"]),
        ("<a,b>,c", ["<a,b>,c"]),
        ("a]b,c", ["a]b,c"]),
        ("[a,b c", ["[a,b c"]),
        (r"a\ b", ["a b"]),
        (r"a\,b", ["a,b"]),
        (r"a\\b", [r"a\b"]),
        ('"a b",c', ['"a', 'b"', "c"]),
        ("none,NONE,-,.,~,$HOME", ["none", "NONE", "-", ".", "~", "$HOME"]),
    ],
)
def test_conformance(folder: Path, text: str, entries: list[str]) -> None:
    assert expand(text, report=lambda message: None) == entries


def test_an_absolute_stack_file(folder: Path) -> None:
    assert expand(f"@{folder}/sub/l2.lis") == [f"{folder}/sub/x1.fits", f"{folder}/sub/x2.fits"]


def test_records_of_a_stack_file(folder: Path) -> None:
    (folder / "sub/r.lis").write_bytes(
        b"  # comment\n\n  x, y z \r\n!free.fits\n/abs.fits\nfirst \\  \n second\nx*.fits\nq[a b]\n\tt\nlast\\"
    )
    assert expand("@sub/r.lis") == [
        "sub/x, y z", "free.fits", "/abs.fits", "sub/first second", "sub/x1.fits", "sub/x2.fits", "sub/q[a b]",
        "sub/\tt", "sub/last",
    ]  # fmt: skip
    assert expand("@sub/r.lis", prefix=False)[0] == "x, y z"


def test_an_empty_stack_file(folder: Path) -> None:
    (folder / "empty").write_text("# nothing\n\n")
    assert expand("@empty") == [""]
    with pytest.raises(BlankStackError, match="Stack has only 1 element and it is blank"):
        build("@empty")


@pytest.mark.parametrize("text", ["@nofile", "@@l3.lis", "@", "@-+sub/l2.lis", "@ sub/l2.lis", "@sub", "a,@nofile"])
def test_a_missing_stack_file_is_named(folder: Path, text: str) -> None:
    with pytest.raises(StackError, match=r"Cannot build stack from string '.*': can not open stack '") as caught:
        build(text)
    assert isinstance(caught.value, OSError)
    assert text in str(caught.value)


def test_a_missing_nested_file_is_reported_and_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    assert expand("@+-sub/l4.lis", report=told.append) == ["z.fits"]
    assert len(told) == 1
    assert "can not open stack 'l2.lis'" in told[0]
    expand("@+-sub/l4.lis")
    assert "l2.lis" in caplog.text


def test_a_stack_file_that_includes_itself_is_an_error(folder: Path) -> None:
    (folder / "me").write_text("@+me\n")
    (folder / "p1").write_text("a\n@+sub/../p2\n")
    (folder / "p2").write_text("@+./p1\n")
    for name in ("me", "p1"):
        with pytest.raises(StackError, match="includes itself"):
            build(f"@+{name}")
    assert build("@me") == ["@+me"]


def test_stack_files_nested_too_deeply(folder: Path) -> None:
    for i in range(stack.MAX_DEPTH + 2):
        (folder / f"d{i}").write_text(f"@+d{i + 1}\n")
    with pytest.raises(StackError, match="nested more than 100 deep"):
        build("@+d0")


@pytest.mark.parametrize("text", ["lgrid(0:1:0)", "lgrid(16777216:16777220:0.5)", "igrid(0:9e9:1)", "lgrid(0:1e39:1)"])
def test_grids_without_end(text: str) -> None:
    with pytest.raises(StackError, match=r"the grid in "):
        build(text)
    with pytest.raises(StackError, match="more than 1000000"):
        build("rgrid(0:2000:1,0:2000:1)")


@given(st.integers(-50, 50), st.integers(0, 40), st.sampled_from([0.1, 0.25, 0.3, 1.0, 7.0]))
def test_grids_add_in_float32(low: int, width: int, step: float) -> None:
    expected, x = [], np.float32(low)
    while x <= np.float32(low + width):
        expected.append(f"{x:g}")
        x = np.float32(x + np.float32(step))
    assert expand(f"lgrid({low}:{low + width}:{step})") == expected


def test_errors_of_build(folder: Path) -> None:
    for bad in (None, 3, ["a"]):
        with pytest.raises(StackError, match=r"Could not parse arguments\."):
            build(bad)  # type: ignore[arg-type]
    with pytest.raises(StackError, match=r"Empty stack string\."):
        build("")
    with pytest.raises(ValueError, match="Stack has only 1 element and it is blank"):
        build(" ")
    assert build(b"a,b") == ["a", "b"]


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from(list("ab@+-*?[](){}<>,; \\\t\n!#:.0189eE\0é\udc80\ud800")) | st.characters(), max_size=30)
)
def test_stacks_never_crash(text: str) -> None:
    try:
        entries = build(text)
    except StackError:
        return
    assert entries
    assert all(isinstance(entry, str) for entry in entries)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from("rpli"),
    st.lists(st.one_of(st.floats(allow_nan=True), st.integers(-5, 5)).map(str), min_size=1, max_size=8),
    st.data(),
)
def test_grids_never_crash(kind: str, numbers: list[str], data: st.DataObject) -> None:
    joined = "".join(n + data.draw(st.sampled_from([":", ","])) for n in numbers)
    try:
        assert expand(f"{kind}grid({joined[:-1]})")
    except StackError as error:
        assert "grid" in str(error)


@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1), min_size=1))
def test_escaped_items_come_back(items: list[str]) -> None:
    text = ",".join("".join("\\" + char for char in item) for item in items)
    assert split_items(text) == items


PIECES = (
    st.sampled_from(list("ab@+-*?[](){}<>,;: '\"\\\t\n\r!#.01é\udc80"))
    | st.sampled_from(["igrid(0:3:1)", "**", "a.fits[energy=1:2,sky=circle(1,2,3)]", "[^a]"])
    | st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])
)
NAMES = st.lists(PIECES, min_size=1).map("".join).filter(str.strip)


@settings(max_examples=400, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_build_undoes_join(names: list[str]) -> None:
    assert build(join(names)) == names


@pytest.mark.parametrize(
    "name",
    [
        "a b/evt.fits",
        "a,b;c",
        "@list",
        "x*.fits",
        "q[1].fits",
        "a]b",
        "(",
        "back\\slash\\",
        "!a",
        "'\"",
        "é\n",
        "lgrid(0:1:1)",
    ],
)
def test_join_takes_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x1.fits").touch()  # what the pattern would find
    (tmp_path / "q1.fits").touch()
    assert build(join([name])) == [name]
    assert build(join([name, "b", tmp_path / name])) == [name, "b", str(tmp_path / name)]


def test_join_leaves_plain_names_and_filters_as_they_are() -> None:
    names = ["a.fits", "/b/c-1_2.fits[EVENTS][energy=500:7000,ccd_id=0:3][bin sky=8]", "d+e.fits.gz"]
    assert join(names) == ",".join(names)
    assert join([]) == ""
    with pytest.raises(StackError, match="a blank name"):
        join(["a", " "])


def test_a_pattern_may_have_escaped_characters(tmp_path: Path) -> None:
    for name in ("a b1.fits", "a b2.fits", "a[1.fits", "a[2.fits"):
        (tmp_path / name).touch()
    assert build(f"{tmp_path}/a\\ b?.fits") == [f"{tmp_path}/a b1.fits", f"{tmp_path}/a b2.fits"]
    assert build(f"{tmp_path}/a\\[?.fits") == [f"{tmp_path}/a[1.fits", f"{tmp_path}/a[2.fits"]
    assert build(f"{tmp_path}/a\\?*") == [f"{tmp_path}/a?*"]


def test_characters_that_no_name_has_are_refused() -> None:
    with pytest.raises(StackError, match="no file name has"):
        build("a\udb80b")


def test_expand_numbered() -> None:
    told: list[str] = []
    assert expand_numbered("foo#.fits", 11) == [f"foo{i:02d}.fits" for i in range(1, 12)]
    assert expand_numbered("a#b#", 2) == ["a1b#", "a2b#"]
    assert expand_numbered("foo", 3, report=told.append) == ["foo"]
    assert expand_numbered("f#", 0, report=told.append) == ["f1"]
    assert [word in message for word, message in zip(("no #", "at least 1"), told, strict=True)] == [True, True]


def test_the_object() -> None:
    told: list[str] = []
    entries = Stack("a,b,c", report=told.append)
    assert (len(entries), entries.current, list(entries)) == (3, 0, ["a", "b", "c"])
    assert [entries.read_next() for _ in range(5)] == ["a", "b", "c", None, None]
    assert entries.current == 3
    assert (entries.read_num(2), entries.read_num(4), entries.read_num(0)) == ("b", None, None)
    assert told == ["stack entries start from 1"]
    assert [(entries.set_current(n), entries.current) for n in (2, 9, 0)] == [(0, 2), (1, 3), (-1, 1)]
    entries.rewind()
    assert entries.read_next() == "a"
    assert (entries.change_num(4, "x"), entries.change_num(0, "  first"), entries.change_num(3, "last")) == (-1, 0, 0)
    assert entries.entries == ["first", "b", "last"]
    assert (entries.delete_num(-1), entries.delete_num(4), entries.delete_num(0), entries.delete_num(2)) == (
        -1,
        -1,
        0,
        0,
    )
    assert entries.entries == ["b"]
    entries.append("x y")
    entries.append("")
    assert entries.entries == ["b", "x", "y", ""]
    assert "   2 :x:" in entries.describe()
    assert Stack().entries == [""]
