"""The command-line grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.errors import UnknownParamError, UsageError, UserError
from ciaopy.param import ParFile
from ciaopy.param.arguments import parse_arguments, split_at_file

FILE = ParFile(
    b"""infile,f,a,"",,,
outfile,f,a,"",,,
bands,s,h,"",,,
binsize,r,h,,,,
pix_adj,s,h,"",,,
clobber,b,h,no,,,
cleanup,b,h,yes,,,
view,b,h,no,,,
verbose,i,h,0,0,5,
opt-a,s,h,"",,,
mode,s,h,"ql",,,
""",
    Path("t.par"),
)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["a.fits", "b.fits"], {"infile": "a.fits", "outfile": "b.fits"}),
        (["infile=a", "outf=b"], {"infile": "a", "outfile": "b"}),
        (["e.fits[energy=1:2]"], {"infile": "e.fits[energy=1:2]"}),
        (["infile=e.fits[energy=1:2]"], {"infile": "e.fits[energy=1:2]"}),
        (["./a=b.fits"], {"infile": "./a=b.fits"}),
        (["clob+", "view-"], {"clobber": "yes", "view": "no"}),
        (["v+"], {"view": "yes"}),
        (["a-", "verbose+"], {"infile": "a-", "outfile": "verbose+"}),
        (["-"], {"infile": "-"}),
        (["bands="], {"bands": ""}),
        (["n=1"], None),
        (["ver=2", "a.fits"], {"verbose": "2", "infile": "a.fits"}),
        (["outfile=b", "a"], {"outfile": "b", "infile": "a"}),
        (["verbose=1", "verbose=2"], {"verbose": "2"}),
        (["opt-a=x"], {"opt-a": "x"}),
        (["mode=h"], {"mode": "h"}),
        (["--binsize", "2", "a"], {"binsize": "2", "infile": "a"}),
        (["--binsize=2"], {"binsize": "2"}),
        (["--binsize", "-2"], {"binsize": "-2"}),
        (["--pix-adj=none", "--opt-a", "x"], {"pix_adj": "none", "opt-a": "x"}),
        (["--clobber", "a.fits"], {"clobber": "yes", "infile": "a.fits"}),
        (["--clobber", "no"], {"clobber": "no"}),
        (["--clobber=no"], {"clobber": "no"}),
        (["--no-clobber", "yes"], {"clobber": "no", "infile": "yes"}),
        (["--", "--binsize"], {"infile": "--binsize"}),
        ([""], {"infile": ""}),
    ],
)
def test_grammar(words: list[str], values: dict[str, str] | None) -> None:
    if values is None:
        with pytest.raises(UsageError, match="There is no parameter for t that matches 'n'"):
            parse_arguments(FILE, words)
    else:
        assert parse_arguments(FILE, words).values == values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch=1"], "There is no parameter for t that matches 'nosuch'"),
        (["b=1"], "Multiple matches for t parameter 'b', choose from: bands binsize"),
        (["cl+"], "Multiple matches for t parameter 'cl', choose from: clobber cleanup"),
        (["a", "b", "c"], "takes 2 values without a name, and 'c' is one too many"),
        (["--nosuch", "1"], "matches 'nosuch'"),
        (["--no-binsize"], "matches 'no_binsize'"),
        (["--binsize"], "--binsize needs a value"),
        (["--binsize", "--clobber"], "--binsize needs a value"),
        (["a", "infile=b"], "infile is set twice, by position .a. and by name .b."),
        (["n.p_min=2"], "no parameter"),
    ],
)
def test_errors_of_grammar_have_status_2(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_arguments(FILE, words)
    assert caught.value.exit_code == 2


def test_an_unknown_name_is_both_kinds_of_error() -> None:
    with pytest.raises(UnknownParamError, match="nosuch"):
        parse_arguments(FILE, ["nosuch=1"])


def test_attributes_are_for_pset() -> None:
    typed = parse_arguments(FILE, ["verb.p_max=9", "bands.p_value=x"], attributes=True)
    assert typed.attributes == {("verbose", "max"): "9"}
    assert typed.values == {"bands": "x"}
    with pytest.raises(UsageError, match="type of a parameter cannot be changed"):
        parse_arguments(FILE, ["verbose.p_type=s"], attributes=True)


def test_at_file_and_debug_switches() -> None:
    assert split_at_file(["--paramdebug", "@@/p/my.par", "a"]) == ("/p/my.par", ["a"])
    assert split_at_file(["a", "@@b", "--regtestonly"]) == (None, ["a", "@@b"])
    assert split_at_file([]) == (None, [])
    with pytest.raises(UsageError, match="@@ needs"):
        split_at_file(["@@"])


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_words_are_bound_or_refused(words: list[str]) -> None:
    try:
        values = parse_arguments(FILE, words, attributes=True).values
    except UserError:
        return
    assert set(values) <= set(FILE.names)
