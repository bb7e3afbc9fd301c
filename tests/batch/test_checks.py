"""Arguments of the stage functions: DAXA's defaults, and the error of every wrong one."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from astropy.units import Quantity, UnitConversionError

import ciaopy.batch as batch
from ciaopy.batch import Archive, NoDependencyProcessError
from ciaopy.batch.arguments import Common
from ciaopy.batch.chandra import CHANDRA
from ciaopy.batch.mission import default_cores

Q = Quantity
STAGES = {s.name: s for s in CHANDRA.stages}
KEV = {"en_bounds", "effective_ens"}


def test_the_face():
    assert sorted(batch.__all__) == dir(batch)
    for name in batch.__all__:
        assert getattr(batch, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'chandra_refrob'"):
        batch.chandra_refrob


@pytest.mark.parametrize("name", [s.name for s in CHANDRA.stages if s.name != "download"])
def test_functions_and_declarations_agree(name):
    given = inspect.signature(getattr(batch, name)).parameters
    names = list(given)
    declared = [p.name for p in STAGES[name].parameters]
    assert names[0] == ("archive" if name == "prepare_chandra_info" else "obs_archive")
    assert names[1 : 1 + len(declared)] == declared
    assert names[1 + len(declared) :] == ["num_cores", "disable_progress", "timeout", "engine", "retries", "memory",
                                          "threads", "force", "only"]  # fmt: skip
    for parameter in STAGES[name].parameters:
        assert parameter.check(parameter.name, given[parameter.name].default) == parameter.default


def test_default_cores():
    assert 1 <= default_cores() <= max(1, __import__("os").cpu_count())


@pytest.mark.parametrize(
    ("stage", "name", "value", "error"),
    [
        ("chandra_repro", "destreak", "yes", TypeError),
        ("chandra_repro", "check_very_faint", 1, TypeError),
        ("chandra_repro", "pix_adj", "best", ValueError),
        ("chandra_repro", "pix_adj", 3, TypeError),
        ("deflare", "min_length", 3.0, TypeError),
        ("deflare", "min_length", True, TypeError),
        ("deflare", "min_length", 0, ValueError),
        ("deflare", "allowed_sigma", "3", TypeError),
        ("deflare", "allowed_sigma", 0, ValueError),
        ("deflare", "allowed_sigma", float("nan"), ValueError),
        ("deflare", "time_bin_size", 200, TypeError),
        ("deflare", "time_bin_size", Q(200, "eV"), UnitConversionError),
        ("deflare", "time_bin_size", Q(0, "s"), ValueError),
        ("deflare", "lc_lo_en", Q(5, "s"), UnitConversionError),
        ("deflare", "lc_lo_en", Q([1, 2], "keV"), ValueError),
        ("cleaned_chandra_evts", "lo_en", 500, TypeError),
        ("cleaned_chandra_evts", "lo_en", Q(-1, "keV"), ValueError),
        ("cleaned_chandra_evts", "allowed_grades", [6.5], ValueError),
        ("cleaned_chandra_evts", "allowed_grades", ["0"], ValueError),
        ("cleaned_chandra_evts", "allowed_grades", [8], ValueError),
        ("cleaned_chandra_evts", "allowed_grades", [], ValueError),
        ("cleaned_chandra_evts", "allowed_grades", "0,2", TypeError),
        ("flux_image", "en_bounds", Q(1, "keV"), ValueError),
        ("flux_image", "en_bounds", Q([1, 2], "keV"), ValueError),
        ("flux_image", "en_bounds", Q([[2, 1]], "keV"), ValueError),
        ("flux_image", "en_bounds", Q([[1, 2]], "s"), UnitConversionError),
        ("flux_image", "en_bounds", [[1, 2]], TypeError),
        ("flux_image", "effective_ens", Q([[1]], "keV"), ValueError),
        ("flux_image", "acis_bin_size", "4", TypeError),
        ("flux_image", "acis_bin_size", -4, ValueError),
        ("rate_image", "hrc_bin_size", True, TypeError),
    ],
)
def test_wrong_values(stage, name, value, error):
    with pytest.raises(error, match=r"."):
        STAGES[stage].parameter(name).check(name, value)


@pytest.mark.parametrize(
    ("stage", "values", "words"),
    [
        ("deflare", {"lc_lo_en": 8000}, "not below"),
        ("cleaned_chandra_evts", {"lo_en": 500}, "go together"),
        ("cleaned_chandra_evts", {"lo_en": 2000, "hi_en": 500}, "not below"),
        ("flux_image", {"en_bounds": [[1.0, 2.0]]}, "go together"),
        ("flux_image", {"effective_ens": [1.0]}, "go together"),
        ("flux_image", {"en_bounds": [[1.0, 2.0]], "effective_ens": [1.5, 1.6]}, "1 bands in en_bounds, 2 energies"),
        ("rate_image", {"en_bounds": [[1.0, 2.0]], "effective_ens": [5.0]}, "not inside its band"),
    ],
)
def test_values_that_do_not_go_together(stage, values, words):
    with pytest.raises(ValueError, match=words):
        STAGES[stage].check({**STAGES[stage].defaults, **values})


def test_units_are_converted_without_rounding_noise():
    check = STAGES["flux_image"].parameter("en_bounds").check
    assert check("b", Q([[500, 7000], [300, 1200]], "eV")) == [[0.5, 7.0], [0.3, 1.2]]
    assert STAGES["deflare"].parameter("lc_lo_en").check("e", Q(0.3, "keV")) == 300
    assert STAGES["deflare"].parameter("time_bin_size").check("t", Q(1, "min")) == 60
    assert STAGES["cleaned_chandra_evts"].parameter("allowed_grades").check("g", (6, 0, 0)) == [0, 6]
    assert np.asarray(check("b", Q(np.array([[0.5, 7.0]]), "keV"))).shape == (1, 2)


@pytest.mark.parametrize(
    ("stage", "name", "text", "value"),
    [
        ("chandra_repro", "destreak", "no", False),
        ("chandra_repro", "pix_adj", "none", "none"),
        ("deflare", "allowed_sigma", "2.5", 2.5),
        ("deflare", "min_length", "5", 5),
        ("deflare", "time_bin_size", "5 min", 300),
        ("deflare", "lc_lo_en", "500", 500),
        ("cleaned_chandra_evts", "lo_en", "0.5 keV", 500),
        ("cleaned_chandra_evts", "lo_en", "none", None),
        ("cleaned_chandra_evts", "allowed_grades", "0,2,3,4", [0, 2, 3, 4]),
        ("flux_image", "en_bounds", "0.5:7,2:7", [[0.5, 7.0], [2.0, 7.0]]),
        ("flux_image", "effective_ens", "2.3,3.8", [2.3, 3.8]),
        ("flux_image", "acis_bin_size", "16", 16),
    ],
)
def test_texts(stage, name, text, value):
    assert STAGES[stage].parameter(name).parse(name, text) == value


@pytest.mark.parametrize(
    ("stage", "name", "text"),
    [("chandra_repro", "destreak", "perhaps"), ("deflare", "min_length", "2.5"), ("deflare", "time_bin_size", "5 keV"),
     ("deflare", "lc_lo_en", "5 s"), ("cleaned_chandra_evts", "allowed_grades", "0,9"),
     ("flux_image", "en_bounds", "1-2"),
     ("flux_image", "en_bounds", "1:2:3"), ("flux_image", "effective_ens", "a"), ("flux_image", "acis_bin_size", "0")],
)  # fmt: skip
def test_wrong_texts(stage, name, text):
    with pytest.raises(ValueError, match=name):
        STAGES[stage].parameter(name).parse(name, text)


@pytest.mark.parametrize(
    ("values", "error"),
    [({"num_cores": 0}, ValueError), ({"num_cores": 2.0}, TypeError), ({"disable_progress": 1}, TypeError),
     ({"timeout": 30}, TypeError), ({"timeout": Q(3, "keV")}, UnitConversionError),
     ({"timeout": Q(0, "s")}, ValueError),
     ({"retries": -1}, ValueError), ({"threads": 0}, ValueError), ({"memory": Q(1, "s")}, UnitConversionError),
     ({"memory": -5}, ValueError), ({"only": "101"}, TypeError)],
)  # fmt: skip
def test_wrong_common_arguments(values, error):
    with pytest.raises(error, match=r"."):
        Common(**values)


def test_memory_and_time_in_any_unit():
    common = Common(memory=Q(2, "kilobyte"), timeout=Q(2, "min"))
    assert (common.bytes(), common.seconds()) == (2000, 120.0)


def test_an_archive_is_needed_and_an_order():
    with pytest.raises(TypeError, match="should be an Archive"):
        batch.chandra_repro("folder")
    with pytest.raises(TypeError, match="unexpected keyword"):
        batch.chandra_repro("folder", nonsense=1)
    with pytest.raises(TypeError, match="should be an Archive"):
        batch.full_process_chandra("folder")


def test_a_stage_before_the_one_that_it_needs(tmp_path):
    archive = Archive(tmp_path / "survey")
    with pytest.raises(NoDependencyProcessError, match=r"deflare needs chandra_repro.*call chandra_repro"):
        batch.deflare(archive)
    with pytest.raises(ValueError, match="go together"):
        batch.cleaned_chandra_evts(archive, lo_en=Q(1, "keV"))
    assert archive.status() == {} and archive.obs_ids == []
