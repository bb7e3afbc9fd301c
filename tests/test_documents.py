"""JSON documents: always valid, whatever the values."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.documents import document, plain, to_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@given(values)
def test_every_value_gives_strict_json(value: object) -> None:
    text = to_json(document("t", {"value": value}))
    assert text.isascii()
    again = json.loads(text, parse_constant=refuse)
    assert next(iter(again)) == "schema" and again["schema"] == "ciaopy/t/1" and "value" in again


def test_numbers_and_arrays_become_plain() -> None:
    found = plain(
        {"a": np.float32(0.5), "b": np.array([1, 2]), "c": math.nan, "d": np.array([np.inf, 1.0]), "e": b"x  "}
    )
    assert found == {"a": 0.5, "b": [1, 2], "c": None, "d": [None, 1.0], "e": "x"}
    assert plain((True, np.bool_(False), Path("a"), complex(1, 2))) == [True, False, "a", "(1+2j)"]
