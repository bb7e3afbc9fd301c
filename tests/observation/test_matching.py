"""Which files go with which of several observations, without files: the rule on headers."""

import pytest
from astropy.io.fits import Header

from ciaopy.observation.companions import ASPECT, MASK
from ciaopy.observation.identity import EventFile
from ciaopy.observation.matching import is_of


def events(**keys):
    return EventFile(name="evt2.fits", header=Header({"OBS_ID": "433", **keys}))


@pytest.mark.parametrize(
    ("keys", "kind", "expected"),
    [
        ({"OBS_ID": "00433", "CYCLE": "P"}, MASK, True),
        ({"OBS_ID": "433", "CYCLE": "S"}, MASK, False),
        ({"OBS_ID": "433", "CYCLE": "S"}, ASPECT, True),  # both cycles share it
        ({"OBS_ID": "434", "CYCLE": "P"}, MASK, False),
    ],
)
def test_cycle_of_interleaved_exposures(keys, kind, expected):
    assert is_of(Header(keys), events(CYCLE="P", TIMEDELB=3.2), kind) is expected


def test_pointing_counts_where_the_observation_has_several():
    second = events(OBI_NUM=2)
    assert not is_of(Header({"OBS_ID": "433", "OBI_NUM": 1}), second, MASK)
    assert is_of(Header({"OBS_ID": "433", "OBI_NUM": 2}), second, MASK)
    assert is_of(Header({"OBS_ID": "433"}), second, MASK)  # an older file that does not say
    one = EventFile(name="evt2.fits", header=Header({"OBS_ID": "1842", "OBI_NUM": 0}))
    assert is_of(Header({"OBS_ID": "1842", "OBI_NUM": 1}), one, MASK)
