"""What a header says of its observation."""

import io

import pytest
from astropy.io.fits import Header

from ciaopy.console import Console
from ciaopy.errors import DataError
from ciaopy.observation.identity import EventFile, ObsId, bare_obsid, check_identity


@pytest.mark.parametrize(
    ("keys", "label"),
    [
        ({"OBS_ID": "754"}, "754"),
        ({"OBS_ID": "1842", "CYCLE": "P", "TIMEDELB": 3.2}, "1842e1"),
        ({"OBS_ID": "1842", "CYCLE": "S", "TIMEDELB": 3.2}, "1842e2"),
        ({"OBS_ID": "1842", "CYCLE": "P", "TIMEDELB": 0.0}, "1842"),  # not interleaved
        ({"OBS_ID": "1842", "CYCLE": "Q", "TIMEDELB": 3.2}, "1842"),
        ({"OBS_ID": "3057", "OBI_NUM": 2}, "3057_002"),
        ({"OBS_ID": "754", "OBI_NUM": 2}, "754"),  # one pointing
        ({"OBS_ID": "3057", "OBI_NUM": True}, "3057"),
        ({}, ""),
    ],
)
def test_label(keys, label):
    assert str(ObsId.of(Header(keys))) == label


def test_bare_number():
    assert (bare_obsid("00433"), bare_obsid("0"), bare_obsid("433")) == ("433", "0", "433")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "e.fits: no OBS_ID in its header"),
        ({"OBS_ID": "Merged"}, "merged events have no exposure map"),
        ({"OBS_ID": "3057"}, "ObsID 3057 has several pointings, and the header lacks OBI_NUM"),
    ],
)
def test_a_header_that_names_no_observation_is_refused(keys, message):
    with pytest.raises(DataError, match=message):
        check_identity(Header(keys), "e.fits", Console(0))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"OBS_ID": "754", "CYCLE": "Q"}, "CYCLE=Q is not P or S"),
        ({"OBS_ID": "3057", "OBI_NUM": -1}, "OBI_NUM=-1 is no number of a pointing"),
    ],
)
def test_what_is_ignored_is_warned_of(keys, message):
    err = io.StringIO()
    check_identity(Header(keys), "e.fits", Console(1, io.StringIO(), err))
    assert message in err.getvalue()


def test_modes_of_an_event_file(tmp_path):
    cc = EventFile(
        name="x/evt1.fits[ccd_id=7]",
        header=Header(
            {"INSTRUME": "ACIS", "DETNAM": "ACIS-456789", "READMODE": "CONTINUOUS", "DATAMODE": "CC33_GRADED"}
        ),
    )
    assert cc.continuous and cc.graded and cc.kalman and cc.grating == "NONE" and cc.ccds == (4, 5, 6, 7, 8, 9)
    assert (cc.plain, cc.folder.name, cc.chip_column, cc.arcsec) == ("x/evt1.fits", "x", "ccd_id", 0.492)
    hrc = EventFile(name="evt1.fits", header=Header({"INSTRUME": "HRC", "DETNAM": "HRC-S", "ASPTYPE": "OBC"}))
    assert not hrc.continuous and not hrc.kalman and hrc.ccds == () and hrc.chip_column == "chip_id"
    bracket = tmp_path / "evt[1].fits"
    bracket.touch()
    assert EventFile(name=str(bracket), header=Header()).path == bracket
