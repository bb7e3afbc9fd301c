"""What can be asked of the simulator."""

from __future__ import annotations

import pytest

from ciaopy.errors import UserError
from ciaopy.simulation import Setup, Source
from ciaopy.simulation.setup import parse_chips, read_sources


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"events": 10}, "events 10"),
        ({"exposure": 3.0}, "exposure 3"),
        ({"mode": "CC33_FAINT"}, "CC33_FAINT"),
        ({"chips": ()}, "1 to 6"),
        ({"chips": (0, 1, 2, 3, 4, 5, 6)}, "1 to 6"),
        ({"chips": (3, 3)}, "different"),
        ({"chips": (10,)}, "0 to 9"),
        ({"dec": 89.0}, "85 degrees"),
        ({"roll": float("nan")}, "numbers"),
        ({"obsid": 0}, "obsid"),
        ({"dither": (-1.0, 0.0)}, "dither"),
        ({"date": "yesterday"}, "2012-06-01"),
        ({"date": "1980-01-01"}, "Chandra dates"),
        ({"psf": "square"}, "psf square"),
        ({"subarray": (1000, 256)}, "subarray"),
        ({"subarray": (1, 8)}, "32 rows"),
    ],
)
def test_what_cannot_be_simulated_is_named(options, text):
    with pytest.raises(UserError, match=text):
        Setup(**options)


def test_frame_times_are_those_of_the_proposers_guide():
    assert Setup().timedel == pytest.approx(3.24104)
    assert Setup(chips=(7,), subarray=(449, 128)).frame_exposure == pytest.approx(0.5, abs=0.11)
    assert Setup(chips=(7,), subarray=(257, 512)).frame_exposure == pytest.approx(1.5, abs=0.11)


def test_aimpoint_follows_the_array():
    assert Setup(chips=(3, 0, 1, 2, 6)).sim_position[2] == pytest.approx(-233.59, abs=0.01)
    assert Setup(chips=(7, 6, 5)).sim_position[2] == pytest.approx(-190.13, abs=0.01)


@pytest.mark.parametrize("text", ["235678", "2,3,5,6,7,8", "ACIS-235678", "8 7 6 5 3 2"])
def test_chips_are_read_in_any_writing(text):
    assert parse_chips(text) == (7, 3, 2, 5, 6, 8)


def test_chips_that_are_none():
    with pytest.raises(UserError, match="S3"):
        parse_chips("S3")


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.7, 3.0])
def test_band_fluxes_add_up(gamma):
    source = Source(1.0, 2.0, 3e-5, gamma)
    assert source.band_flux(0.5, 7.0) == pytest.approx(3e-5)
    assert sum(source.band_flux(*b) for b in ((0.5, 1.2), (1.2, 2.0), (2.0, 7.0))) == pytest.approx(3e-5)


def test_source_lists(tmp_path):
    path = tmp_path / "s.txt"
    path.write_text("# my sources\n150.1 2.2 1e-4\n150.2, 2.3, 2e-4, 2.0  # the other\n")
    assert read_sources(path) == (Source(150.1, 2.2, 1e-4), Source(150.2, 2.3, 2e-4, 2.0))
    path.write_text("150.1 2.2\n")
    with pytest.raises(UserError, match="line 1"):
        read_sources(path)
    path.write_text("# nothing\n")
    with pytest.raises(UserError, match="no sources"):
        read_sources(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_sources(tmp_path / "absent")
