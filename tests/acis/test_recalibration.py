"""A calibrated value is never replaced by a worse one: which columns are computed and which stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ciaopy.acis.observing_mode import ObservingMode
from ciaopy.acis.recalibration import InputState, RequestedSteps, choose_columns
from ciaopy.errors import DataError

FAINT = ObservingMode("FAINT", False, True)
GRADED = ObservingMode("GRADED", False, False)
ALL = frozenset({"phas", "fltgrade", "grade", "pha_ro", "pha", "energy", "pi"})
NO_CALDB = RequestedSteps(True, True, True, True, has_cti=False, has_drift=False, gain="lite")
CALDB = replace(NO_CALDB, has_cti=True, has_drift=True, gain="real")
CORRECTED = InputState(ALL, cti_applied=True, drift_applied=True)
PLAIN = InputState(ALL, cti_applied=False, drift_applied=False)


def test_with_a_caldb_all_is_computed() -> None:
    recipe = choose_columns(FAINT, CALDB, CORRECTED)
    assert (recipe.grades, recipe.pulse_height, recipe.drift) == ("adjusted", "adjusted", True)
    assert (recipe.energy, recipe.channels, recipe.carried) == ("gain", "computed", ())


def test_without_caldb_a_corrected_input_keeps_all_six_columns() -> None:
    recipe = choose_columns(FAINT, NO_CALDB, CORRECTED)
    assert recipe.carried == ("FLTGRADE", "GRADE", "PHA_RO", "PHA", "ENERGY", "PI")
    assert (recipe.grades, recipe.pulse_height, recipe.drift) == ("carried", "carried", False)
    assert (recipe.energy, recipe.channels) == ("carried", "carried")


def test_without_caldb_an_uncorrected_input_is_graded_anew_and_keeps_energy() -> None:
    recipe = choose_columns(FAINT, NO_CALDB, PLAIN)
    assert (recipe.grades, recipe.pulse_height) == ("raw", "sum")
    assert (recipe.energy, recipe.channels, recipe.carried) == ("carried", "computed", ("ENERGY",))


def test_other_channels_are_computed_from_kept_energies() -> None:
    recipe = choose_columns(FAINT, replace(NO_CALDB, standard_channels=False), CORRECTED)
    assert recipe.channels == "computed" and "PI" not in recipe.carried


def test_pulse_heights_with_drift_removed_stay_if_it_cannot_be_removed_again() -> None:
    recipe = choose_columns(FAINT, NO_CALDB, replace(PLAIN, drift_applied=True))
    assert (recipe.grades, recipe.pulse_height, recipe.drift) == ("raw", "carried", False)
    assert recipe.carried == ("PHA", "ENERGY")


def test_a_gain_that_the_user_names_is_used() -> None:
    recipe = choose_columns(FAINT, replace(NO_CALDB, gain="real"), CORRECTED)
    assert recipe.energy == "gain" and recipe.channels == "computed"
    assert recipe.carried == ("FLTGRADE", "GRADE", "PHA_RO", "PHA")


def test_apply_cti_no_takes_the_islands_as_they_are() -> None:
    recipe = choose_columns(FAINT, replace(NO_CALDB, cti=False, drift=False), CORRECTED)
    assert (recipe.grades, recipe.pulse_height, recipe.carried) == ("raw", "sum", ("ENERGY",))


def test_doevtgrade_no_keeps_grades_without_calling_it_a_loss() -> None:
    recipe = choose_columns(FAINT, replace(NO_CALDB, grades=False, energy=False), PLAIN)
    assert (recipe.grades, recipe.pulse_height, recipe.energy, recipe.carried) == ("carried", "carried", "carried", ())


def test_input_without_energy_takes_the_embedded_gain() -> None:
    state = replace(PLAIN, columns=ALL - {"energy", "pi"})
    recipe = choose_columns(FAINT, NO_CALDB, state)
    assert (recipe.energy, recipe.channels, recipe.carried) == ("gain", "computed", ())


def test_drift_goes_on_top_of_kept_pulse_heights_only_if_it_is_not_in_them() -> None:
    wanted = replace(NO_CALDB, has_drift=True)
    assert not choose_columns(FAINT, wanted, CORRECTED).drift
    assert choose_columns(FAINT, wanted, replace(CORRECTED, drift_applied=False)).drift


def test_graded_mode() -> None:
    recipe = choose_columns(GRADED, CALDB, replace(PLAIN, columns=ALL - {"phas"}))
    assert (recipe.grades, recipe.pulse_height) == ("telemetry", "adjusted")
    recipe = choose_columns(GRADED, NO_CALDB, replace(CORRECTED, columns=ALL - {"phas"}))
    assert (recipe.grades, recipe.pulse_height) == ("telemetry", "carried")


@pytest.mark.parametrize(
    ("mode", "missing", "message"),
    [
        (FAINT, {"phas"}, "no column phas"),
        (GRADED, {"fltgrade"}, "no column fltgrade"),
        (GRADED, {"pha", "pha_ro"}, "no column pha"),
    ],
)
def test_columns_that_a_mode_cannot_do_without(mode: ObservingMode, missing: set[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        choose_columns(mode, NO_CALDB, replace(PLAIN, columns=ALL - missing))


def test_no_gain_and_no_energy() -> None:
    with pytest.raises(DataError, match="gainfile=NONE"):
        choose_columns(FAINT, replace(NO_CALDB, gain="none"), replace(PLAIN, columns=ALL - {"energy"}))
