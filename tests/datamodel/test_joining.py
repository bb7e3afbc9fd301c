"""What must agree before tables are joined: zero points of times, units, sky planes; one value for null."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run

from ciaopy.datamodel import TimeFrame, require_one_time
from ciaopy.errors import CiaopyError, DataError
from ciaopy.fits import Header


def header(**keys: object) -> Header:
    made = Header()
    for key, value in keys.items():
        made[key] = value
    return made


def events(path: Path, **keys: object) -> str:
    """Write a table of three events."""
    made = [
        fits.Column("time", "D", unit=keys.pop("TUNIT1", "s"), array=[1.0, 2.0, 3.0]),
        fits.Column("x", "E", unit="pixel", array=[10.0, 20.0, 30.0]),
        fits.Column("pi", "I", unit="chan", null=keys.pop("TNULL3", -1), array=np.array([5, -1, 7])),
    ]
    hdu = fits.BinTableHDU.from_columns(made, name="EVENTS")
    hdu.header.update({"MJDREF": 50814.0, "TIMESYS": "TT", "TCTYP2": "RA---TAN", "TCRVL2": 10.0, "TCDLT2": -1e-4})
    hdu.header.update({"TCRPX2": 4096.5, "HDUNAME": "EVENTS", **keys})
    hdu.writeto(path, overwrite=True)
    return str(path)


def test_frames_agree_where_nothing_contradicts() -> None:
    whole = header(MJDREFI=50814, MJDREFF=0.0, TIMESYS="TT", TIMEUNIT="sec")
    require_one_time([("a", whole), ("b", header(MJDREF=50814.0, TIMESYS="tt ", TIMEZERO=0.0)), ("c", header())])
    with pytest.raises(DataError, match=r"c: its times do not count as those of a .*TIMEZERO 0 and 5"):
        require_one_time([("a", whole), ("b", header()), ("c", header(TIMEZERO=5.0))])
    other = TimeFrame.of(header(MJDREFI=50814, MJDREFF=7.428703703703703e-4, TIMESYS="UTC", TIMEUNIT="d"))
    text = TimeFrame.of(whole).difference(other)
    assert [t.split()[0] for t in text.split(", ")] == ["MJDREF", "TIMESYS", "TIMEUNIT"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"MJDREF": 40000.0}, "MJDREF 50814 and 40000"),
        ({"TIMESYS": "UTC"}, "TIMESYS TT and UTC"),
        ({"TIMEZERO": 100.0}, "TIMEZERO 0 and 100"),
        ({"TCRVL2": 10.1}, r"column x is of another sky plane .*TCRVL 10 and 10.1.*reproject_events"),
        ({"TUNIT1": "ms"}, "column time is in ms, in .* in s"),
    ],
)
def test_dmmerge_joins_what_belongs_together(keys: dict[str, object], message: str, tmp_path: Path) -> None:
    a, b = events(tmp_path / "a.fits"), events(tmp_path / "b.fits", **keys)
    with pytest.raises(DataError, match=message):
        run("dmmerge", f"{a},{b}", tmp_path / "m.fits")
    assert not (tmp_path / "m.fits").exists()


def test_dmmerge_brings_nulls_to_one_value(tmp_path: Path) -> None:
    a, b = events(tmp_path / "a.fits"), events(tmp_path / "b.fits", TNULL3=7)
    run("dmmerge", f"{a}[#row=1,2],{b}[#row=1,3]", tmp_path / "m.fits")
    assert fits.getdata(tmp_path / "m.fits").field("pi").tolist() == [5, -1, 5, -1]
    with pytest.raises(DataError, match="pi holds -1, which stands for no value"):
        run("dmmerge", f"{a},{b}", tmp_path / "n.fits")


def test_good_times_of_another_zero_point_are_refused(tmp_path: Path) -> None:
    a = events(tmp_path / "a.fits")
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[1.5]), fits.Column("STOP", "D", array=[9.0])], name="GTI"
    )
    gti.header["MJDREF"] = 40000.0
    gti.writeto(tmp_path / "g.fits")
    with pytest.raises(CiaopyError, match=r"times of .*g\.fits do not count .*MJDREF 50814 and 40000"):
        run("dmcopy", f"{a}[@{tmp_path / 'g.fits'}]", tmp_path / "c.fits")
    _, said = run("dmappend", tmp_path / "g.fits", a)
    assert "MJDREF 50814 and 40000" in said


@pytest.mark.parametrize("words", [("dmpaste",), ("dmjoin", "join=time")])
def test_columns_of_other_times_are_not_put_beside(words: tuple[str, ...], tmp_path: Path) -> None:
    a, b = events(tmp_path / "a.fits"), events(tmp_path / "b.fits", TIMESYS="TDB")
    with pytest.raises(DataError, match="TIMESYS TT and TDB"):
        run(words[0], a, b, tmp_path / "c.fits", *words[1:])
