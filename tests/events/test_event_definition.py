"""Event definitions and data modes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.acis.observing_mode import ObservingMode
from ciaopy.errors import DataError, ParameterError
from ciaopy.events.event_definition import PAIRS, parse_event_definition

STDLEV1 = (
    "{d:time,l:expno,s:ccd_id,s:node_id,s:chip,s:tdet,f:det,f:sky,s:phas,l:pha,l:pha_ro,f:energy,l:pi,s:fltgrade,"
    "s:grade,x:status}"
)


def test_standard_level_1() -> None:
    columns = parse_event_definition(STDLEV1)
    names = "time expno ccd_id node_id chipx chipy tdetx tdety detx dety x y phas pha pha_ro energy pi fltgrade grade"
    assert " ".join(c.name for c in columns) == names + " status"
    assert " ".join(c.form for c in columns) == "D J I I I I I I E E E E I J J E J I I 32X"
    assert columns[-1].is_bits and columns[-1].dtype == np.uint32


def test_blanks_and_case_do_not_matter() -> None:
    assert parse_event_definition(" { D:Time , f:SKY } ") == parse_event_definition("{d:time,f:sky}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{q:time}", "unknown type 'q'"),
        ("{time}", "not of the form type:name"),
        ("{d:}", "not of the form type:name"),
        ("{}", "not of the form type:name"),
        ("d:time", "write {type:name"),
        ("", "write {type:name"),
        ("{d:time,,s:chip}", "not of the form type:name"),
        ("{s:chip,s:chipx}", "chipx is named twice"),
    ],
)
def test_bad_definitions(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_event_definition(text)


@given(st.lists(st.tuples(st.sampled_from("dflisx"), st.sampled_from([*PAIRS, "time", "pha", "tg_m"])), min_size=1,
                unique_by=lambda c: c[1]))  # fmt: skip
def test_any_definition_keeps_order_and_types(items: list[tuple[str, str]]) -> None:
    columns = parse_event_definition("{" + ",".join(f"{t}:{n}" for t, n in items) + "}")
    expected = [(name, letter) for letter, item in items for name in PAIRS.get(item, (item,))]
    assert [(c.name, c.letter) for c in columns] == expected


@pytest.mark.parametrize(
    ("mode", "continuous", "islands"),
    [
        ("FAINT", False, True),
        ("VFAINT", False, True),
        ("FAINT_BIAS", False, True),
        ("GRADED", False, False),
        ("CC33_FAINT", True, True),
        ("CC33_GRADED", True, False),
    ],
)
def test_data_modes(mode: str, continuous: bool, islands: bool) -> None:
    readmode = "CONTINUOUS" if continuous else "TIMED"
    found = ObservingMode.of_header({"DATAMODE": f" {mode.lower()} ", "READMODE": readmode}, "evt")
    assert (found.name, found.continuous, found.islands) == (mode, continuous, islands)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "evt.fits: no keyword DATAMODE"),
        ({"DATAMODE": "RAW"}, "unknown DATAMODE 'RAW'"),
        ({"DATAMODE": "FAINT", "READMODE": "CONTINUOUS"}, "READMODE CONTINUOUS does not go with DATAMODE FAINT"),
    ],
)
def test_unknown_modes(header: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ObservingMode.of_header(header, "evt.fits")
