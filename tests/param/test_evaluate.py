"""Redirection, environment, commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciaopy.errors import ParameterError, UnknownParamError
from ciaopy.param import Evaluator, ParFile, open_parameters, system_par_dir
from ciaopy.param.evaluate import COMMAND_SWITCH, expand_environment

TEXT = """infile,f,a,"in.fits",,,
copy,s,h,")infile",,,
again,s,h,")copy",,,
n,i,h,")high",0,)high,
high,i,h,7,,,
loop1,s,h,")loop2",,,
loop2,s,h,")loop1",,,
self,s,h,")self",,,
nowhere,s,h,")gone",,,
attribute,s,h,")n.p_min",,,
grey,s,h,")lut.grey",,,
old,s,h,")*lut.grey",,,
nofile,s,h,")nosuch.grey",,,
nopar,s,h,")lut.nosuch",,,
set,pset,h,"lut",,,
through,s,h,")set.grey",,,
cross,s,h,")other.back",,,
command,s,h,"))printf 'a\\nb\\n\\n'",,,
failing,s,h,"))exit 3",,,
tmp,s,h,"${ASCDS_WORK_PATH}/x-${CIAOPY_TEST_A}-${CIAOPY_TEST_UNDEFINED}-$CIAOPY_TEST_A",,,
number,i,h,"${CIAOPY_TEST_A}",,,
mode,s,h,"ql",,,
"""


@pytest.fixture
def evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluator:
    (tmp_path / "lut.par").write_text('grey,s,h,"/lut/grey.lut",,,\n')
    (tmp_path / "other.par").write_text('back,s,h,")t.cross",,,\n')
    (tmp_path / "t.par").write_text(TEXT)
    monkeypatch.setenv("PFILES", str(tmp_path))
    monkeypatch.setenv("CIAOPY_TEST_A", "12")
    return Evaluator(ParFile.read(tmp_path / "t.par"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("copy", "in.fits"),
        ("again", "in.fits"),
        ("n", 7),
        ("grey", "/lut/grey.lut"),
        ("old", "/lut/grey.lut"),
        ("through", "/lut/grey.lut"),
        ("tmp", "/tmp/x-12-${CIAOPY_TEST_UNDEFINED}-$CIAOPY_TEST_A"),
        ("number", 12),
    ],
)
def test_values(evaluator: Evaluator, name: str, value: object) -> None:
    assert evaluator.value(name) == value


@pytest.mark.parametrize(
    ("name", "chain"),
    [("loop1", "loop1 -> loop2 -> loop1"), ("self", "self -> self"), ("cross", "cross -> back -> cross")],
)
def test_a_loop_is_an_error_that_shows_it(evaluator: Evaluator, name: str, chain: str) -> None:
    with pytest.raises(ParameterError, match="loops: ") as caught:
        evaluator.value(name)
    assert str(caught.value).endswith(chain)
    assert "t.par" in str(caught.value) or "other.par" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "t.nowhere refers to gone, and t has no such parameter"),
        ("nopar", "lut.par has no such parameter"),
        ("nofile", "unable to open parameter file for nosuch"),
        ("attribute", "cannot read an attribute"),
    ],
)
def test_a_redirection_that_leads_nowhere(evaluator: Evaluator, name: str, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        evaluator.value(name)
    assert words in str(caught.value)


def test_a_command_is_refused_and_the_switch_is_named(evaluator: Evaluator) -> None:
    with pytest.raises(ParameterError, match=f"may not run programs; set {COMMAND_SWITCH}=yes"):
        evaluator.value("command")


def test_a_command_runs_where_the_user_has_switched_it_on(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMMAND_SWITCH, "yes")
    assert evaluator.value("command") == "a b"
    with pytest.raises(ParameterError, match="the command 'exit 3' failed"):
        evaluator.value("failing")


def test_a_limit_may_be_a_redirection(evaluator: Evaluator) -> None:
    assert evaluator.check_new(evaluator.file["n"], "7") == "7"
    with pytest.raises(ParameterError, match=r"t\.n must be <= 7 but set to 8"):
        evaluator.check_new(evaluator.file["n"], "8")


def test_values_of_the_run_stand_before_stored_ones_in_redirections(tmp_path: Path) -> None:
    (tmp_path / "t.par").write_text(TEXT)
    par = open_parameters(str(tmp_path / "t.par"), ["infile=new.fits", "high=9", "n=9"])
    assert (par["copy"], par["again"], par["n"]) == ("new.fits", "new.fits", 9)


def test_an_undefined_variable_in_a_number_is_an_error(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIAOPY_TEST_A")
    with pytest.raises(ParameterError, match=r"t\.number must be an integer, sent \$\{CIAOPY_TEST_A\}"):
        evaluator.value("number")


def test_attributes_are_raw(evaluator: Evaluator) -> None:
    assert evaluator.attribute("copy.p_value") == ")infile"
    assert evaluator.attribute("n.p_max") == ")high"
    assert evaluator.attribute("n.p_type") == "i"
    assert evaluator.attribute("inf.p_mode") == "a"
    with pytest.raises(UnknownParamError, match="p_nosuch"):
        evaluator.attribute("n.p_nosuch")


def test_a_name_with_a_dot_stands_before_an_attribute(tmp_path: Path) -> None:
    file = ParFile(b'n,i,h,1,,,\nn.p_min,s,h,"mine",,,\n', tmp_path / "t.par")
    assert Evaluator(file).attribute("n.p_min") == "mine"


def test_variables_of_ciao_have_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert expand_environment("${ASCDS_WORK_PATH}/a") == "/tmp/a"
    assert expand_environment("${ASCDS_CALIB}") == str(system_par_dir().parent)
    monkeypatch.setenv("ASCDS_WORK_PATH", "/scratch")
    assert expand_environment("${ASCDS_WORK_PATH}/${ASCDS_WORK_PATH}") == "/scratch//scratch"
    assert expand_environment("${unclosed and ${}") == "${unclosed and ${}"
