"""sso_freeze as a command: columns, header, aspect, log, stacks of observations, and everything that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import Ran, run
from moving_helpers import PIXEL_DEG, T0, grid, write_aspect, write_body, write_events, write_orbit

from ciaopy.coords import LIGHT_M_S, AspectSolution, Ephemeris, ObjectTrack, TangentPlane, quaternion
from ciaopy.datamodel import Workspace
from ciaopy.errors import CiaopyError, DataError, NoDataError, OutputExistsError, ParameterError, UserError
from ciaopy.sphere import positions
from ciaopy.tools import sso_freeze

RA, DEC = 123.4, -31.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Events, orbit, object and aspect of one observation."""
    write_events(tmp_path / "evt.fits")
    write_orbit(tmp_path / "orbit.fits")
    write_body(tmp_path / "body.fits")
    write_aspect(tmp_path / "asol.fits")
    return tmp_path


def freeze(
    place: Path, *more: object, infile: str = "evt.fits", orbit: str = "orbit.fits", body: str = "body.fits",
    out: str = "out.fits",
) -> Ran:  # fmt: skip
    """Run the tool on files of a folder; several event files are joined by ;."""
    events = ",".join(f"{place}/{n}" for n in infile.split(";"))
    names = [text if text.startswith("@") else f"{place}/{text}" for text in (orbit, body, out)]
    return run("sso_freeze", events, *names, *more)


def track(place: Path) -> ObjectTrack:
    ws = Workspace()
    return ObjectTrack.of(*(Ephemeris.read(place / f"{n}.fits", ws, n) for n in ("orbit", "body")))


def expected(place: Path, x: Any, y: Any, t: Any, ra: float = RA, dec: float = DEC) -> tuple[Any, Any, Any]:
    """Positions about the object by way of the sky and a tangent plane for each event."""
    seen = TangentPlane(ra, dec, 4096.5, 4096.5, PIXEL_DEG).pixel_to_world(np.asarray(x, float), np.asarray(y, float))
    vector, _ = track(place).at(np.asarray(t, float))
    made = [TangentPlane(float(a), float(d), 4096.5, 4096.5, PIXEL_DEG).world_to_pixel(r, e)
            for a, d, r, e in zip(*positions(vector), *seen, strict=True)]  # fmt: skip
    return *np.array(made).T, np.linalg.norm(vector, axis=1) / 1e3


def table(path: Path, block: str = "EVENTS") -> Any:
    return fits.getdata(path, block)


@pytest.mark.parametrize("streamed", [False, True])
def test_columns_positions_and_all_else_untouched(place, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(sso_freeze, "STREAM_ROWS", 1)
    freeze(place)
    before, after = table(place / "evt.fits"), table(place / "out.fits")
    assert after.names == [*before.names, "ocx", "ocy", "PathLength"]
    for name in before.names:
        assert np.array_equal(before[name], after[name])
    for name, value in zip(
        ("ocx", "ocy", "PathLength"), expected(place, before["x"], before["y"], before["time"]), strict=True
    ):
        assert after[name] == pytest.approx(value, rel=1e-12, abs=1e-7)
    with fits.open(place / "evt.fits") as one, fits.open(place / "out.fits", checksum=True) as two:
        assert [h.name for h in one] == [h.name for h in two]
        assert np.array_equal(one["REGION"].data["SHAPE"], two["REGION"].data["SHAPE"])
        assert np.array_equal(one["GTI"].data["START"], two["GTI"].data["START"])
        h = two["EVENTS"].header
        assert h["ASOLFILE"] == "asol1.fits"
    column = {h[f"TTYPE{i}"]: i for i in range(1, h["TFIELDS"] + 1)}
    for new, old in (("ocx", "x"), ("ocy", "y")):
        for word in ("TCTYP", "TCRVL", "TCRPX", "TCDLT", "TCUNI", "TLMIN", "TLMAX", "TUNIT"):
            assert h[f"{word}{column[new]}"] == h[f"{word}{column[old]}"]
        assert h[f"TFORM{column[new]}"].strip() in ("D", "1D")
    assert h[f"TUNIT{column['PathLength']}"] == "km"
    assert "ocx,ocy" in [h[f"MFORM{i}"] for i in range(1, 5) if f"MFORM{i}" in h]
    assert (h["SSOEPHEM"], h["SCEPHEM"], h["OC_LTCOR"], h["OC_SCALE"]) == ("body.fits", "orbit.fits", False, 0.0)
    ra, dec, km = (v[0] for v in track(place).directions([T0]))
    assert (h["OC_RA"], h["OC_DEC"], h["OC_DIST"]) == pytest.approx((ra, dec, km), rel=1e-12)
    assert any("sso_freeze" in line for line in str(h["HISTORY"]).splitlines())


def test_streamed_and_in_memory_give_the_same_bytes(place, monkeypatch):
    for name, rows in (("one", 1), ("two", 10**9)):
        monkeypatch.setattr(sso_freeze, "STREAM_ROWS", rows)
        freeze(place, infile="evt.fits[EVENTS][ccd_id=7]", out=f"{name}.fits")
        freeze(place, infile="evt.fits[cols time,y,x]", out=f"cols_{name}.fits")
    for pair in (("one", "two"), ("cols_one", "cols_two")):
        a, b = (table(place / f"{n}.fits") for n in pair)
        assert a.tobytes() == b.tobytes()
        assert len(a) > 100
    assert set(table(place / "one.fits")["ccd_id"]) == {7}
    assert table(place / "cols_one.fits").names == ["time", "y", "x", "ocx", "ocy", "PathLength"]


def test_image_of_the_object_has_the_grid_and_wcs_of_the_sky(place):
    """dmcopy [bin ocx=...,ocy=...] carries RA and Dec of the tangent point, where the object is held."""
    freeze(place)
    run("dmcopy", f"{place}/out.fits[EVENTS][bin ocx=3000.5:5000.5:4,ocy=3000.5:5000.5:4]", place / "oc.img")
    run("dmcopy", f"{place}/out.fits[EVENTS][bin x=3000.5:5000.5:4,y=3000.5:5000.5:4]", place / "sky.img")
    oc, sky = (fits.getheader(place / n) for n in ("oc.img", "sky.img"))
    for stem in ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT", "LTV", "CRVAL1P", "CDELT2P"):
        for key in (stem,) if stem.endswith("P") else (f"{stem}1", f"{stem}2"):
            assert oc[key] == sky[key]
    assert (oc["CTYPE1P"], oc["CTYPE2P"]) == ("ocx", "ocy")
    data = table(place / "out.fits")
    inside = np.all([(data[c] >= 3000.5) & (data[c] < 5000.5) for c in ("ocx", "ocy")], axis=0)
    assert fits.getdata(place / "oc.img").sum() == inside.sum()
    run("dmcopy", f"{place}/out.fits[oc=circle(4096.5,4096.5,300)]", place / "near.fits")
    near = np.hypot(data["ocx"] - 4096.5, data["ocy"] - 4096.5) <= 300
    assert len(table(place / "near.fits")) == near.sum() > 0


def test_linear_scale(place):
    freeze(place, "scale=200")
    data, angular = (
        table(place / "out.fits"),
        expected(place, *(table(place / "evt.fits")[c] for c in ("x", "y", "time"))),
    )
    factor = angular[2] * np.radians(PIXEL_DEG) / 200.0
    assert data["ocx"] == pytest.approx(4096.5 + (angular[0] - 4096.5) * factor, abs=1e-4)
    h = fits.getheader(place / "out.fits", "EVENTS")
    column = {h[f"TTYPE{i}"]: i for i in range(1, h["TFIELDS"] + 1)}
    found = [[h[f"{w}{column[n]}"] for w in ("TCTYP", "TCRVL", "TCRPX", "TCDLT", "TCUNI")] for n in ("ocx", "ocy")]
    assert found == [["LINEAR", 0.0, 4096.5, -200.0, "km"], ["LINEAR", 0.0, 4096.5, 200.0, "km"]]
    assert h["OC_SCALE"] == 200.0
    run("dmcopy", f"{place}/out.fits[bin ocx=3000.5:5000.5:4,ocy=3000.5:5000.5:4]", place / "km.img")
    image = fits.getheader(place / "km.img")
    assert (image["CTYPE1"].strip(), image["CDELT1"], image["CDELT2"], image["CUNIT1"]) == (
        "LINEAR",
        -800.0,
        800.0,
        "km",
    )


def test_aspect_in_the_objects_frame(place):
    """The block ocsol: columns and header of the solution, angles and q_att one attitude, the rest as before."""
    freeze(place, f"asolfile={place}/asol.fits", f"ocsolfile={place}/oc.fits")
    old, new = table(place / "asol.fits", "ASPSOL"), table(place / "oc.fits", "ocsol")
    assert new.names == [*old.names, "oc_ra", "oc_dec", "PathLength"]
    for name in ("time", "dy", "dz", "dtheta", "ra_err"):
        assert np.array_equal(old[name], new[name])
    h = fits.getheader(place / "oc.fits", "ocsol")
    assert (h["EXTNAME"], h["CONTENT"], h["OBS_ID"]) == ("ocsol", "ASPSOLOBI", "11")
    q = quaternion(new["ra"], new["dec"], new["roll"])
    assert np.abs(np.abs(np.sum(q * new["q_att"], axis=1)) - 1).max() < 1e-14
    assert np.sum(old["q_att"] * new["q_att"], axis=1).min() > 0.999
    ra, dec, km = track(place).directions(new["time"])
    assert new["oc_ra"] == pytest.approx(ra, abs=1e-10)
    assert new["oc_dec"] == pytest.approx(dec, abs=1e-10)
    assert new["PathLength"] == pytest.approx(km, rel=1e-12)
    # the axis is off the tangent point as it is off the object on the sky
    plane = TangentPlane(RA, DEC, 0.0, 0.0, PIXEL_DEG)
    moved = plane.world_to_pixel(new["ra"], new["dec"])
    there = [TangentPlane(float(a), float(d), 0.0, 0.0, PIXEL_DEG).world_to_pixel(r, e)
             for a, d, r, e in zip(ra, dec, old["ra"], old["dec"], strict=True)]  # fmt: skip
    assert np.abs(np.array(moved).T - there).max() < 1e-6
    assert len(AspectSolution.read(f"{place}/oc.fits")) == len(old)


def test_aspect_files_are_joined_and_records_without_the_object_are_left_out(place):
    for i, part in enumerate(("1000", "2500")):
        run(
            "dmcopy", f"{place}/asol.fits[#row={1 if i == 0 else 901}:{part if i == 0 else 3200}]", place / f"a{i}.fits"
        )
    write_body(place / "half.fits", time=grid()[grid() <= T0 + 600.0])
    freeze(place, f"asolfile={place}/a1.fits,{place}/a0.fits", f"ocsolfile={place}/oc.fits", body="half.fits")
    new = table(place / "oc.fits", "ocsol")
    assert np.all(np.diff(new["time"]) > 0)
    assert len(new) == 3200
    late = new["time"] > T0 + 600.0
    for name in ("ra", "dec", "roll", "oc_ra", "oc_dec", "PathLength"):
        assert np.array_equal(np.isnan(new[name]), late)
    assert np.array_equal(np.isnan(new["q_att"]).all(axis=1), late)
    assert len(AspectSolution.read(f"{place}/oc.fits")) == (~late).sum()


@pytest.mark.parametrize("where", ["object", "orbit"])
def test_events_outside_an_ephemeris(place, where):
    cut = grid()[grid() <= T0 + 300.0]
    (write_body if where == "object" else write_orbit)(place / "half.fits", time=cut)
    names = {"body": "half.fits"} if where == "object" else {"orbit": "half.fits"}
    ran = freeze(place, **names)
    data = table(place / "out.fits")
    late = data["time"] > cut[-1]
    assert 0 < late.sum() < len(data)
    for name in ("ocx", "ocy", "PathLength"):
        assert np.array_equal(np.isnan(data[name]), late)
    lost = data["time"][late]
    text = f"{late.sum()} of 500 events, from {lost.min():.3f} to {lost.max():.3f} s, lie outside"
    assert [text in w for w in ran.warnings] == [True]


def test_light_time(place):
    write_body(place / "true.fits", au=5.0, speed=0.3, PLEPHEM="JPL-DE405")
    write_body(place / "seen.fits", au=5.0, speed=0.3)
    ran = freeze(place, "verbose=1", body="true.fits", out="true_evt.fits")
    assert "true positions (PLEPHEM): the time that light takes is taken out" in ran.out
    assert "no time of light is taken out" in freeze(place, "verbose=1", body="seen.fits", out="seen_evt.fits").out
    a, b = (table(place / f"{n}_evt.fits") for n in ("true", "seen"))
    assert fits.getheader(place / "true_evt.fits", "EVENTS")["OC_LTCOR"] is True
    # of 42 minutes of light the Earth's way alone makes some arcsec; it changes little in an hour
    shift = np.hypot(a["ocx"] - b["ocx"], a["ocy"] - b["ocy"]) * 0.492
    assert shift.min() > 1.0
    assert np.ptp(shift) < 0.1


def test_log(place):
    freeze(place, f"logfile={place}/log.txt")
    lines = (place / "log.txt").read_text().splitlines()
    assert "body.fits" in lines[1]
    assert "orbit.fits" in lines[2]
    start = next(line for line in lines if line.startswith("start")).split()
    data = table(place / "out.fits")
    ra, dec, km = (v[0] for v in track(place).directions([data["time"].min()]))
    assert [float(v) for v in start[1:5]] == pytest.approx([data["time"].min(), ra, dec, km], rel=1e-8)
    assert float(start[5]) == pytest.approx(km * 1e3 / LIGHT_M_S, abs=1e-3)
    assert float(start[6]) == pytest.approx(track(place).speed([data["time"].min()])[0], abs=1e-5)
    assert any(line.startswith("ocx") and f"{data['ocx'].max():.3f}" in line for line in lines)
    assert "start" in freeze(place, "clobber=yes", "verbose=1").out
    assert "start" not in freeze(place, "clobber=yes", "verbose=1", "logfile=NONE").out


def test_several_observations_make_one_table(place):
    """Rows in the order of the stack, each about the object; x, y of the second carried to the first's plane."""
    write_events(place / "two.fits", ra=123.5, dec=-30.95, rows=300, OBS_ID="12")
    ran = freeze(place, "verbose=1", infile="evt.fits;two.fits", body="body.fits")
    one, two, data = (table(place / n) for n in ("evt.fits", "two.fits", "out.fits"))
    assert np.array_equal(data["time"], np.concatenate([one["time"], two["time"]]))
    assert np.array_equal(data["x"][:500], one["x"])
    first = expected(place, one["x"], one["y"], one["time"])
    second = expected(place, two["x"], two["y"], two["time"], 123.5, -30.95)
    assert data["ocx"] == pytest.approx(np.concatenate([first[0], second[0]]), abs=1e-6)
    sky = TangentPlane(123.5, -30.95, 4096.5, 4096.5, PIXEL_DEG).pixel_to_world(two["x"], two["y"])
    assert data["x"][500:] == pytest.approx(
        TangentPlane(RA, DEC, 4096.5, 4096.5, PIXEL_DEG).world_to_pixel(*sky)[0], abs=1e-3
    )
    assert "two.fits: x, y carried to the tangent point of" in ran.out
    h = fits.getheader(place / "out.fits", "EVENTS")
    assert (h["RA_NOM"], h["DEC_NOM"]) == (RA, DEC)
    assert len(fits.getdata(place / "out.fits", "GTI")) == 1
    same = freeze(place, infile="evt.fits;evt.fits", out="twice.fits")
    assert same.warnings == []
    assert np.array_equal(table(place / "twice.fits")["ocx"], np.tile(data["ocx"][:500], 2))


def test_no_events_give_no_rows_and_a_warning(place):
    write_events(place / "none.fits", rows=0)
    ran = freeze(place, infile="none.fits")
    assert len(table(place / "out.fits")) == 0
    assert "ocx" in table(place / "out.fits").names
    assert any("none.fits: no events" in w for w in ran.warnings)
    write_body(place / "early.fits", time=grid()[:50])
    with pytest.raises(NoDataError, match=r"the ephemerides .* miss all events"):
        freeze(place, "clobber=yes", infile="none.fits", body="early.fits")


def test_blank_units_are_taken_as_metres_and_said(place):
    write_body(place / "bare.fits", units=("", ""))
    ran = freeze(place, body="bare.fits")
    assert any("bare.fits: columns without unit" in w for w in ran.warnings)
    freeze(place, out="again.fits")
    assert np.array_equal(table(place / "out.fits")["ocx"], table(place / "again.fits")["ocx"])


def test_timezero_of_the_ephemeris(place):
    """TIMEZERO is added: rows 100 s earlier with TIMEZERO 100 are the same ephemeris."""
    write_body(place / "zero.fits", time=grid())
    with fits.open(place / "zero.fits", mode="update") as hdus:
        hdus[1].data["Time"] -= 100.0
        hdus[1].header["TIMEZERO"] = 100.0
    freeze(place, body="zero.fits")
    freeze(place, out="again.fits")
    assert table(place / "out.fits")["ocx"] == pytest.approx(table(place / "again.fits")["ocx"], abs=1e-6)


def test_events_brought_to_another_tangent_point(place):
    """ocx, ocy stay, held at the new point, so that observations can be merged; the old aspect is refused with them."""
    freeze(place, f"asolfile={place}/asol.fits", f"ocsolfile={place}/oc.fits")
    write_events(place / "two.fits", ra=123.5, dec=-30.95, rows=300)
    freeze(place, infile="two.fits", out="two_out.fits")
    run("reproject_events", place / "two_out.fits", place / "moved.fits", f"match={place}/out.fits", "random=-1")
    h = fits.getheader(place / "moved.fits", "EVENTS")
    column = {h[f"TTYPE{i}"]: i for i in range(1, h["TFIELDS"] + 1)}
    for name, value in (("x", RA), ("y", DEC), ("ocx", RA), ("ocy", DEC)):
        assert h[f"TCRVL{column[name]}"] == pytest.approx(value, abs=1e-9)
    assert np.array_equal(table(place / "moved.fits")["ocx"], table(place / "two_out.fits")["ocx"])
    run("dmmerge", f"{place}/out.fits,{place}/moved.fits", place / "both.fits")
    assert len(table(place / "both.fits")) == 800
    held = fits.getheader(place / "oc.fits", "ocsol")
    assert (held["OC_RANOM"], held["OC_DENOM"]) == (RA, DEC)
    run("asphist", place / "oc.fits", place / "ah.fits", f"{place}/out.fits[ccd_id=7]", "dtffile=", "max_bin=1e6")
    with pytest.raises(DataError, match=r"oc\.fits: the object is held at OC_RANOM=123\.4000000, .* has RA_NOM=123\.5"):
        run("asphist", place / "oc.fits", place / "ah2.fits", f"{place}/two_out.fits", "dtffile=", "max_bin=1e6")


# ---- refused -------------------------------------------------------------------------------------------------------


def frozen_before(place: Path) -> None:
    freeze(place, out="frozen.fits")


def sick(name: str, value: float) -> Any:
    def make(place: Path) -> None:
        with fits.open(place / "body.fits") as hdus:
            hdus[1].data[name][7] = value
            hdus.writeto(place / "sick.fits")

    return make


def early(place: Path) -> None:
    write_body(place / "early.fits", time=grid()[:50])


def events(**keys: Any) -> Any:
    return lambda place: write_events(place / "bad.fits", **keys)


def image(place: Path) -> None:
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(place / "image.fits")


def other_aspect(**keys: Any) -> Any:
    return lambda place: write_aspect(place / "other.fits", **keys)


BOTH = ("asolfile={}/other.fits", "ocsolfile={}/oc.fits")
REFUSED: dict[str, tuple[Any, dict[str, str], tuple[str, ...], type[CiaopyError], str]] = {
    "frozen before": (
        frozen_before,
        {"infile": "frozen.fits"},
        (),
        DataError,
        "has ocx, ocy, PathLength already: it was frozen before",
    ),
    "no event file": (None, {"infile": "nothing.fits"}, (), DataError, "nothing.fits: no such file"),
    "no orbit": (None, {"orbit": "nothing.fits"}, (), DataError, "nothing.fits: no such file"),
    "no object": (None, {"body": "nothing.fits"}, (), DataError, "nothing.fits: no such file"),
    "not finite": (
        sick("Y", np.inf),
        {"body": "sick.fits"},
        (),
        DataError,
        "sick.fits: 1 of 577 rows have no finite Y",
    ),
    "descending": (sick("Time", 0.0), {"body": "sick.fits"}, (), DataError, "sick.fits: times do not increase: row 8"),
    "misses all": (early, {"body": "early.fits"}, (), NoDataError, "the ephemerides .* miss all events"),
    "exchanged": (
        None,
        {"orbit": "body.fits", "body": "orbit.fits"},
        (),
        DataError,
        "body.fits: CONTENT=SSOEPHEM1: not the orbit",
    ),
    "orbit as object": (
        None,
        {"body": "orbit.fits"},
        (),
        DataError,
        "orbit.fits: CONTENT=ORBITEPHEM1: the orbit of the spacecraft",
    ),
    "negative scale": (None, {}, ("scale=-1",), ParameterError, "scale=-1"),
    "ocsolfile alone": (None, {}, ("ocsolfile={}/oc.fits",), ParameterError, "give both"),
    "asolfile alone": (None, {}, ("asolfile={}/asol.fits",), ParameterError, "give both"),
    "ocsolfile in km": (
        None,
        {},
        ("asolfile={}/asol.fits", "ocsolfile={}/oc.fits", "scale=5"),
        ParameterError,
        "ocsolfile goes with scale=0 only",
    ),
    "output is input": (None, {"out": "evt.fits"}, ("clobber=yes",), UserError, "would overwrite the input"),
    "output is orbit": (None, {"out": "orbit.fits"}, ("clobber=yes",), UserError, "would overwrite the input"),
    "two outputs one": (None, {}, ("asolfile={}/asol.fits", "ocsolfile={}/out.fits"), UserError, "different files"),
    "no plane": (
        events(TCTYP3="LINEAR"),
        {"infile": "bad.fits"},
        (),
        DataError,
        "bad.fits: x, y of block EVENTS have no plain tangent plane",
    ),
    "no plane at all": (
        events(TCRVL3=None, TCTYP3=None, TCTYP4=None),
        {"infile": "bad.fits"},
        (),
        DataError,
        "no plain tangent plane",
    ),
    "another telescope": (
        events(INSTRUME="EPIC"),
        {"infile": "bad.fits"},
        (),
        DataError,
        "bad.fits: INSTRUME=EPIC: events of ACIS or HRC",
    ),
    "no instrument": (events(INSTRUME=None), {"infile": "bad.fits"}, (), DataError, "INSTRUME=blank"),
    "x in mm": (
        events(units={"x": "mm"}),
        {"infile": "bad.fits"},
        (),
        DataError,
        "column x has the unit 'mm', not pixel",
    ),
    "time in days": (
        events(units={"time": "d"}),
        {"infile": "bad.fits"},
        (),
        DataError,
        "column time has the unit 'd', not s",
    ),
    "barycentred": (events(TIMEREF="SOLARSYSTEM"), {"infile": "bad.fits"}, (), DataError, "corrected to the Sun"),
    "utc": (
        events(TIMESYS="UTC"),
        {"infile": "bad.fits"},
        (),
        DataError,
        "times do not count as those of .*TIMESYS TT and UTC",
    ),
    "another zero": (events(MJDREF=40000.0), {"infile": "bad.fits"}, (), DataError, "MJDREF 50814 and 40000"),
    "no columns": (None, {"infile": "evt.fits[cols time,ccd_id]"}, (), DataError, "has no column x, y"),
    "no time": (None, {"infile": "evt.fits[cols x,y]"}, (), DataError, "has no column time"),
    "an image": (image, {"infile": "image.fits"}, (), UserError, "image.fits: block .* is not a table"),
    "several with an image": (
        image,
        {"infile": "evt.fits;image.fits"},
        (),
        UserError,
        "image.fits: block .* is an image",
    ),
    "no such rules": (None, {}, ("lookuptab={}/rules.txt",), DataError, "rules.txt: no such table of header rules"),
    "aspect elsewhere": (other_aspect(shift=1e6), {}, BOTH, NoDataError, "does not overlap the events of"),
    "aspect of another": (other_aspect(OBS_ID="99"), {}, BOTH, DataError, "other.fits is of ObsID 99"),
    "aspect in utc": (other_aspect(TIMESYS="UTC"), {}, BOTH, DataError, "other.fits: its times do not count"),
    "aspect no aspect": (
        None,
        {},
        ("asolfile={}/evt.fits", "ocsolfile={}/oc.fits"),
        DataError,
        "not an aspect solution",
    ),
    "no folder": (None, {"out": "deep/out.fits"}, (), UserError, "the folder .* does not exist"),
    "empty stack": (None, {"body": "@nothing.lis"}, (), CiaopyError, "nothing.lis"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_nothing_written(case, place):
    make, names, more, kind, message = REFUSED[case]
    if make is not None:
        make(place)
    before = {p: p.read_bytes() for p in place.iterdir()}
    with pytest.raises(kind, match=message) as caught:
        freeze(place, *(m.format(place) for m in more), **names)
    assert "\n" not in str(caught.value)
    assert {p: p.read_bytes() for p in place.iterdir()} == before


@pytest.mark.parametrize("name", ["out.fits", "oc.fits", "log.txt"])
def test_products_that_exist_are_kept_before_any_work(place, name, monkeypatch):
    (place / name).write_text("mine")
    monkeypatch.setattr(Ephemeris, "read", lambda *a: pytest.fail("work was begun"))
    with pytest.raises(OutputExistsError, match=f"{name}: the file exists; set clobber=yes"):
        freeze(place, f"asolfile={place}/asol.fits", f"ocsolfile={place}/oc.fits", f"logfile={place}/log.txt")
    assert (place / name).read_text() == "mine"
    assert not {"out.fits", "oc.fits", "log.txt"} - {name} & {p.name for p in place.iterdir()}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_failure_at_the_end_takes_the_companions_away(place, streamed, monkeypatch):
    """The events cannot be written: no aspect solution and no log are left either."""
    from ciaopy.datamodel.workspace import Workspace as Real
    from ciaopy.fits.writer import TableWriter

    def fail(*a: Any, **k: Any) -> None:
        raise UserError("out.fits: cannot be written: No space left on device")

    if streamed:
        monkeypatch.setattr(sso_freeze, "STREAM_ROWS", 1)
        monkeypatch.setattr(TableWriter, "close", fail)
    else:
        write = Real.write
        monkeypatch.setattr(
            Real, "write", lambda ws, path, *a: fail() if "out.fits" in str(path) else write(ws, path, *a)
        )
    before = sorted(place.iterdir())
    with pytest.raises(UserError, match="No space left"):
        freeze(place, f"asolfile={place}/asol.fits", f"ocsolfile={place}/oc.fits", f"logfile={place}/log.txt")
    assert [p for p in sorted(place.iterdir()) if not p.name.startswith(".")] == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that not even the superuser may write to")
@pytest.mark.parametrize("streamed", [False, True])
def test_read_only_folder(place, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(sso_freeze, "STREAM_ROWS", 1)
    aspect = (f"asolfile={place}/asol.fits", f"ocsolfile={place}/oc.fits")
    with pytest.raises(UserError, match=r"/proc/out\.fits: cannot be written"):
        run("sso_freeze", place / "evt.fits", place / "orbit.fits", place / "body.fits", "/proc/out.fits", *aspect)
    assert not (place / "oc.fits").exists()
