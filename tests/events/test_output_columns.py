"""Columns of event processing: types, nulls, what is carried over."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.errors import DataError
from ciaopy.events.event_definition import parse_event_definition
from ciaopy.events.output_columns import OutputColumns, as_type

DEFINITION = parse_event_definition("{d:time,s:pha,s:phas,f:energy,x:status}")
INPUT = {
    "time": np.arange(4.0),
    "pha": np.array([1, 2, 3, 4], np.int16),
    "phas": np.arange(36).reshape(4, 3, 3),
    "status": np.array([0, 1, 0, 2], np.uint32),
}


def output(computed=("pha", "energy")):
    return OutputColumns(INPUT, DEFINITION, computed, 4, "give the level-1 event file", nulls={"pha": -1})


def test_columns_have_order_types_and_cells_of_the_definition():
    made = output()
    assert list(made.arrays) == ["time", "pha", "phas", "energy", "status"]
    assert [a.dtype.name for a in made.arrays.values()] == ["float64", "int16", "int16", "float32", "uint32"]
    assert made.arrays["phas"].shape == (4, 3, 3) and made.carried == {"time", "phas", "status"}


@pytest.mark.parametrize("blocks", [[slice(0, 4)], [slice(2, 4), slice(0, 1), slice(1, 2)]])
def test_blocks_in_any_order_give_the_same(blocks):
    made, pha = output(), np.array([1.4, 1.5, np.nan, 1e9])
    for rows in blocks:
        made.store("pha", rows, pha[rows])
        made.store("nothing", rows, pha[rows])
        made.store("time", rows, pha[rows])  # carried over: left alone
        made.carry(rows)
    assert made.arrays["pha"].tolist() == [1, 2, -1, 32767]
    assert all((made.arrays[n] == INPUT[n]).all() for n in ("time", "phas", "status"))


def test_a_column_of_the_type_wanted_is_shared_and_others_are_copies():
    made = output()
    assert made.arrays["time"] is INPUT["time"] and made.arrays["status"] is INPUT["status"]
    assert not np.shares_memory(made.arrays["phas"], INPUT["phas"])  # int64 there


def test_a_column_that_nobody_gives_is_refused_by_name():
    with pytest.raises(DataError, match=r"column energy of the event definition .* give the level-1 event file"):
        output(computed=("pha",))


@given(st.lists(st.floats(-40000, 40000), max_size=20))
def test_numbers_become_the_nearest_integer_within_the_limits(values):
    made = as_type(np.array(values, float), np.dtype(np.int16))
    inside = np.clip(values, -32768, 32767)
    assert made.dtype == np.int16 and (np.abs(made - inside) <= 0.5).all()
