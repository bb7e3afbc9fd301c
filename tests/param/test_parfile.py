"""Reading and rewriting parameter files."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ciaopy.errors import ParameterError, UserError
from ciaopy.param import ParFile, list_tools, system_par_dir
from ciaopy.param.evaluate import Evaluator
from ciaopy.param.parfile import FIELDS, escape, split_fields, unescape

PATH = Path("some.par")
TEXT = """# a comment, with "quotes

infile,f,a,"",,,"In"\r
  n , i,h, 3 ,0,5,'N'
m,s,h,'me"an',"mean|median|min",,M
file,fr,a,"a\\"b\\\\c\\d",,,
short,s,h
mode,s,h,"ql",,,"""

blanks = st.text(" \t", max_size=2)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,8}", fullmatch=True)
inner = st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=12)


@st.composite
def text_field(draw: st.DrawFn) -> str:
    style = draw(st.sampled_from(["bare", '"', "'"]))
    if style == "bare":
        return draw(st.from_regex(r"[A-Za-z0-9:|.$)(\[\]{}@ ]{0,8}", fullmatch=True))
    return style + escape(draw(inner), style) + style


@st.composite
def parameter_line(draw: st.DrawFn, name: str) -> str:
    kind = draw(st.sampled_from(["b", "i", "r", "d", "s", "f", "fr", "fw", "pset", "*s", "g"]))
    mode = draw(st.sampled_from(["a", "q", "h", "hl", "ql", "aq"]))
    fields = [name, kind, mode, *draw(st.lists(text_field(), max_size=4))]
    return ",".join(draw(blanks) + field + draw(blanks) for field in fields)


@st.composite
def par_text(draw: st.DrawFn) -> str:
    lines = [draw(parameter_line(name)) for name in draw(st.lists(names, unique=True, max_size=6))]
    others = st.one_of(inner.map(lambda t: "#" + t), blanks)
    for extra in draw(st.lists(others, max_size=4)):
        lines.insert(draw(st.integers(0, len(lines))), extra)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(lines) + draw(st.sampled_from(["", end]))


@given(par_text())
def test_writing_what_was_read_is_the_identity_on_bytes(text: str) -> None:
    data = text.encode()
    assert ParFile(data, PATH).to_bytes() == data


@example(codecs.BOM_UTF8)
@given(st.one_of(st.binary(max_size=300), par_text().map(str.encode).map(lambda b: b.replace(b'"', b"", 1))))
def test_any_bytes_are_a_file_or_an_error_with_file_and_line(data: bytes) -> None:
    try:
        file = ParFile(data, PATH)
    except UserError as error:
        assert "some.par, line " in str(error)
        return
    assert file.to_bytes() == data.removeprefix(codecs.BOM_UTF8)  # a mark is not written back
    evaluator = Evaluator(file)
    for parameter in file:
        try:
            evaluator.value(parameter.name)
        except UserError as error:
            assert parameter.name in str(error) or "some" in str(error)


@given(text=inner, quote=st.sampled_from(['"', "'"]))
def test_escaping_is_undone_by_unescaping(text: str, quote: str) -> None:
    assert unescape(escape(text, quote), quote) == text
    fields, _ = split_fields(f"n,s,h,{quote}{escape(text, quote)}{quote},,,")
    assert fields[3] == (text, True)


@given(par_text(), inner, st.data())
def test_a_changed_value_reads_back_and_nothing_else_changes(text: str, value: str, data: st.DataObject) -> None:
    file = ParFile(text.encode(), PATH)
    if not len(file):
        return
    before = {p.name: [getattr(p, f) for f in FIELDS] for p in file}
    chosen = data.draw(st.sampled_from(list(file)))
    value = value.replace("\0", "").strip(" \t\r")
    file.set(chosen.name, "value", value)
    again = ParFile(file.to_bytes(), PATH)
    after = {p.name: [getattr(p, f) for f in FIELDS] for p in again}
    before[chosen.name][3] = value if again[chosen.name].value is not None else None
    assert after == before
    assert again[chosen.name].default == value
    assert len(text.split("\n")) == len(again.to_bytes().decode().split("\n"))


def test_fields_are_read_with_both_quotes_escapes_and_blanks() -> None:
    file = ParFile(TEXT.encode(), PATH)
    assert file.names == ["infile", "n", "m", "file", "short", "mode"]
    assert (file["n"].type, file["n"].mode, file["n"].value, file["n"].min, file["n"].prompt) == (
        "i",
        "h",
        "3",
        "0",
        "N",
    )
    assert file["m"].value == 'me"an'
    assert file["m"].choices == ("mean", "median", "min")
    assert file["file"].value == 'a"b\\c\\d'
    assert file["short"].value is None
    assert file["short"].default == ""
    assert file["infile"].value == ""
    assert (file["n"].line, file["mode"].line) == (4, 8)
    assert file.mode == "ql"
    assert [p.hidden for p in file] == [False, True, True, False, True, True]


def test_only_the_changed_field_changes_and_quotes_stay() -> None:
    file = ParFile(TEXT.encode(), PATH)
    file.set("m", "value", 'it\'s "so"')
    file.set("n", "value", "4")
    file.set("short", "prompt", "Why?")
    changed = dict(zip(TEXT.split("\n"), file.to_bytes().decode().split("\n"), strict=True))
    different = {old: new for old, new in changed.items() if old != new}
    assert different == {
        "  n , i,h, 3 ,0,5,'N'": "  n , i,h, 4 ,0,5,'N'",
        'm,s,h,\'me"an\',"mean|median|min",,M': 'm,s,h,\'it\\\'s "so"\',"mean|median|min",,M',
        "short,s,h": 'short,s,h,,,,"Why?"',
    }


def test_bare_strings_are_quoted_when_written_and_numbers_are_not() -> None:
    file = ParFile(b"s,s,h,old,,,\nn,i,h,1,,,\nr,r,h,,,,\nb,b,h,no,,,\n", PATH)
    for name, text in (("s", "new"), ("n", "2"), ("r", ")x,y"), ("b", "yes")):
        file.set(name, "value", text)
    assert file.to_bytes() == b's,s,h,"new",,,\nn,i,h,2,,,\nr,r,h,")x,y",,,\nb,b,h,yes,,,\n'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('a,s,h,"unclosed', "missing closing quote of the value"),
        ('a,s,h,"unclosed,,,"x"', "quote"),
        ("a,s,h,'x\",,,", "missing closing quote"),
        ('a,s,h,"x",,,"p" more', "text follows the closing quote of the prompt"),
        ("a,s,h,x,,,p,more", "text after the prompt"),
        ("a,s", "name,type,mode"),
        ("a,z,h,,,,", "unknown type 'z'"),
        ("a,fen,h,,,,", "exists and does not exist"),
        ("a,s,x,,,,", "mode 'x'"),
        ("a,s,,,,,", "mode ''"),
        ("a b,s,h,,,,", "'a b' is not a parameter name"),
        ("ok,s,h,,,,", "ok was already declared on line 2"),
        (b"\xff\xfe,s,h", "not a parameter name"),
    ],
)
def test_a_bad_line_is_named(line: str | bytes, words: str) -> None:
    data = b"# c\nok,s,h,1,,,\n" + (line if isinstance(line, bytes) else line.encode()) + b"\n"
    with pytest.raises(ParameterError, match=r"some\.par, line 3: ") as caught:
        ParFile(data, PATH)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["a\nb", "a\0b"])
def test_a_value_that_no_file_can_hold_is_refused(text: str) -> None:
    file = ParFile(b"s,s,h,x,,,\n", PATH)
    with pytest.raises(ParameterError, match="line break or a NUL"):
        file.set("s", "value", text)
    assert file.to_bytes() == b"s,s,h,x,,,\n"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"cannot read parameter file .*gone\.par"):
        ParFile.read(tmp_path / "gone.par")
    with pytest.raises(ParameterError, match="cannot read parameter file"):
        ParFile.read(tmp_path)


def test_every_system_file_is_sound() -> None:
    assert {"stk_build", "stk_count", "stk_read_num", "stk_where"} <= set(list_tools())
    for tool in list_tools():
        file = ParFile.read(system_par_dir() / f"{tool}.par")
        assert len(file) > 0, tool
