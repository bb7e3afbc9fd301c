"""reproject_events: positions on the sky stay where they are, with and without the aspect solution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from image_tools_helpers import run, write_image

from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame
from ciaopy.errors import DataError, UserError
from ciaopy.observation import position

SCALE = 0.492 / 3600


def made_events(path: Path, ra: float = 228.5, dec: float = -59.1, rows: int = 2000, **keys: Any) -> str:
    """Write ACIS events with SKY positions, a region in the subspace, and one GTI."""
    rng = np.random.default_rng(7)
    values = {
        "time": ("D", np.sort(rng.uniform(1e8, 1e8 + 1000, rows))),
        "ccd_id": ("I", rng.integers(0, 4, rows)),
        "chipx": ("I", rng.integers(2, 1023, rows)),
        "chipy": ("I", rng.integers(2, 1023, rows)),
        "detx": ("E", rng.uniform(3000, 5000, rows)),
        "dety": ("E", rng.uniform(3000, 5000, rows)),
        "x": ("E", rng.uniform(2500, 5500, rows)),
        "y": ("E", rng.uniform(2500, 5500, rows)),
        "energy": ("E", rng.uniform(500, 7000, rows)),
    }
    events = fits.BinTableHDU.from_columns([fits.Column(n, f, array=v) for n, (f, v) in values.items()], name="EVENTS")
    h = events.header
    h.update({"HDUNAME": "EVENTS", "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "DETNAM": "ACIS-0123", "OBS_ID": "11"})
    h.update({"RA_NOM": ra, "DEC_NOM": dec, "ROLL_NOM": 30.0, "SIM_X": -0.7, "SIM_Y": 0.0, "SIM_Z": -190.0})
    h.update(
        {"MTYPE1": "sky", "MFORM1": "x,y", "MTYPE2": "EQPOS", "MFORM2": "RA,DEC", "TSTART": 1e8, "TSTOP": 1e8 + 1e3}
    )
    h.update({"DSTYP1": "time", "DSVAL1": "TABLE", "DSREF1": ":GTI", "DSFORM1": "D", "DSUNIT1": "s"})
    h.update({"DSTYP2": "sky(x,y)", "DSVAL2": "Circle(4000,4000,3000)", "DSFORM2": "D"})
    for n, kind, value, sign in ((7, "RA---TAN", ra, -1), (8, "DEC--TAN", dec, 1)):
        h.update({f"TCTYP{n}": kind, f"TCRVL{n}": value, f"TCRPX{n}": 4096.5, f"TCDLT{n}": sign * SCALE})
        h.update({f"TCUNI{n}": "deg", f"TLMIN{n}": 0.5, f"TLMAX{n}": 8192.5})
    h.update(keys)
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[1e8]), fits.Column("STOP", "D", array=[1e8 + 1000])], name="GTI"
    )
    gti.header["HDUNAME"] = "GTI"
    fits.HDUList([fits.PrimaryHDU(), events, gti]).writeto(path, overwrite=True)
    return str(path)


def world(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """RA, Dec of every event, by astropy.wcs from the keywords of the file."""
    with fits.open(path) as hdus:
        events = next(h for h in hdus if h.name == "EVENTS")
        n = [c.lower() for c in events.columns.names].index("x") + 1
        wcs = WCS(naxis=2)
        keys = [{k: events.header[f"{k}{i}"] for k in ("TCTYP", "TCRVL", "TCRPX", "TCDLT")} for i in (n, n + 1)]
        wcs.wcs.ctype = [k["TCTYP"] for k in keys]
        wcs.wcs.crval = [k["TCRVL"] for k in keys]
        wcs.wcs.crpix = [k["TCRPX"] for k in keys]
        wcs.wcs.cdelt = [k["TCDLT"] for k in keys]
        return wcs.all_pix2world(events.data["x"].astype(float), events.data["y"].astype(float), 1)


def separation(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Distances in SKY pixels."""
    da = np.deg2rad((a[0] - b[0] + 180) % 360 - 180) * np.cos(np.deg2rad(a[1]))
    return np.hypot(da, np.deg2rad(a[1] - b[1])) / np.deg2rad(SCALE)


@pytest.mark.parametrize("target", [(228.9, -59.0), (228.5, -58.2), (230.0, -60.0)])
def test_sky_positions_stay(tmp_path, target):
    name = made_events(tmp_path / "a.fits")
    run("reproject_events", name, tmp_path / "b.fits", f"match={target[0]} {target[1]}")
    assert separation(world(name), world(tmp_path / "b.fits")).max() < 0.001
    old, new = fits.getdata(name, "EVENTS"), fits.getdata(tmp_path / "b.fits", "EVENTS")
    for column in ("time", "ccd_id", "detx", "energy"):
        assert np.array_equal(old[column], new[column])
    header = fits.getheader(tmp_path / "b.fits", "EVENTS")
    assert (header["RA_NOM"], header["DEC_NOM"], header["ROLL_NOM"]) == (*target, 30.0)
    assert "sky(x,y)" not in [header[k] for k in header if k.startswith("DSTYP")]
    assert header["DSREF1"] == ":GTI" and fits.getdata(tmp_path / "b.fits", "GTI")["START"][0] == 1e8


@pytest.mark.parametrize(("ra", "dec"), [(359.99, 20.0), (0.01, -89.7), (120.0, 89.9), (180.0, 0.0)])
def test_across_zero_and_at_the_poles(tmp_path, ra, dec):
    name = made_events(tmp_path / "a.fits", ra, dec)
    run("reproject_events", name, tmp_path / "b.fits", f"match={(ra + 0.1) % 360} {dec - 0.1}")
    assert separation(world(name), world(tmp_path / "b.fits")).max() < 0.001


def test_match_files_and_filters(tmp_path):
    name, other = made_events(tmp_path / "a.fits"), made_events(tmp_path / "o.fits", 229.0, -59.3)
    image = write_image(tmp_path / "i.fits", np.zeros((4, 4)), CRVAL1=229.0, CRVAL2=-59.3)
    for match in (other, f"{other}[EVENTS][energy=500:600]", image, "15:16:00.0 -59:18:00", "229.0,-59.3"):
        run("reproject_events", f"{name}[ccd_id=2]", tmp_path / "b.fits", f"match={match}", "clobber=yes")
        header = fits.getheader(tmp_path / "b.fits", "EVENTS")
        assert (header["RA_NOM"], header["DEC_NOM"]) == pytest.approx((229.0, -59.3), abs=1e-12)
        assert set(fits.getdata(tmp_path / "b.fits", "EVENTS")["ccd_id"]) == {2}


def test_same_point_changes_nothing(tmp_path):
    name = made_events(tmp_path / "a.fits")
    run("reproject_events", name, tmp_path / "b.fits", f"match={name}")
    old, new = fits.getdata(name, "EVENTS"), fits.getdata(tmp_path / "b.fits", "EVENTS")
    assert np.abs(old["x"] - new["x"]).max() < 6e-4 and np.abs(old["y"] - new["y"]).max() < 6e-4


def test_random_is_keyed_by_event(tmp_path):
    name = made_events(tmp_path / "a.fits")

    def shifted(infile: str, seed: int) -> np.ndarray:
        run("reproject_events", infile, tmp_path / "b.fits", f"match={name}", f"random={seed}", "clobber=yes")
        return fits.getdata(tmp_path / "b.fits", "EVENTS").copy()

    plain, one, again = shifted(name, -1), shifted(name, 5), shifted(name, 5)
    assert np.array_equal(one["x"], again["x"])
    assert not np.array_equal(one["x"], shifted(name, 6)["x"])
    dx, dy = one["x"] - plain["x"], one["y"] - plain["y"]
    for d in (dx, dy):
        assert np.abs(d).max() <= 0.501 and abs(d.mean()) < 0.03 and d.std() == pytest.approx(12**-0.5, abs=0.02)
    assert abs(np.corrcoef(dx, dy)[0, 1]) < 0.1
    part = shifted(f"{name}[ccd_id=1]", 5)
    assert np.array_equal(part["x"], one["x"][one["ccd_id"] == 1])


def test_refusals(tmp_path):
    name = made_events(tmp_path / "a.fits")
    out = tmp_path / "b.fits"
    bare = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=[1.0])], name="EVENTS")
    bare.writeto(tmp_path / "bare.fits")
    image = write_image(tmp_path / "i.fits", np.zeros((4, 4)))
    cases = [
        ([name, out, "none"], UserError, "nothing would change"),
        ([name, out, "nosuch.fits"], UserError, "neither a position"),
        ([name, out, "10 95"], UserError, "not a position"),
        ([tmp_path / "bare.fits", out, "10 20"], DataError, "no SKY column with a tangent point"),
        ([name, out, tmp_path / "bare.fits"], DataError, "no tangent point"),
        ([image, out, "10 20"], UserError, "not a table"),
        ([name, name, "10 20", "clobber=yes"], UserError, "would overwrite the input"),
        ([name, out, "10 20", f"aspect={name}"], DataError, "not an aspect solution"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            run("reproject_events", *arguments)
        assert not out.exists()


def test_no_events(tmp_path):
    name = made_events(tmp_path / "a.fits")
    run("reproject_events", f"{name}[energy=9e9:]", tmp_path / "b.fits", "match=229 -59")
    assert len(fits.getdata(tmp_path / "b.fits", "EVENTS")) == 0


def aspect_file(path: Path, start: float = 1e8 - 10, n: int = 5000) -> str:
    """Write an aspect solution with dither."""
    t = start + 0.256 * np.arange(n)
    zero = np.zeros(n)
    values = {
        "time": t, "ra": 228.6 + 0.003 * np.sin(t / 100), "dec": -59.05 + 0.002 * np.cos(t / 130),
        "roll": 31.0 + 0.01 * np.sin(t / 90), "dy": zero, "dz": zero, "dtheta": zero,
    }  # fmt: skip
    hdu = fits.BinTableHDU.from_columns([fits.Column(k, "D", array=v) for k, v in values.items()], name="ASPSOL")
    hdu.header["CONTENT"] = "ASPSOL"
    hdu.writeto(path)
    return str(path)


def test_with_aspect(tmp_path):
    name, asol = made_events(tmp_path / "a.fits"), aspect_file(tmp_path / "asol.fits")
    run("reproject_events", name, tmp_path / "b.fits", "match=228.7 -59.2", f"aspect={asol}")
    old, new = fits.getdata(name, "EVENTS"), fits.getdata(tmp_path / "b.fits", "EVENTS")
    plane = FocalPlane.from_header(fits.getheader(name, "EVENTS"))
    attitude = AspectSolution.read(asol).at(old["time"].astype(float))
    frame = SkyFrame.of(228.7, -59.2, 0.0, "ACIS")
    x, y = plane.det_to_sky(old["detx"].astype(float), old["dety"].astype(float), attitude, frame)
    assert np.abs(new["x"] - x).max() < 6e-4 and np.abs(new["y"] - y).max() < 6e-4
    run("reproject_events", name, tmp_path / "c.fits", "match=none", f"aspect={asol}")
    assert separation(world(tmp_path / "b.fits"), world(tmp_path / "c.fits")).max() < 0.002


def test_events_outside_the_aspect(tmp_path):
    name = made_events(tmp_path / "a.fits")
    asol = aspect_file(tmp_path / "asol.fits", n=2000)  # ends 502 s after the first event
    _, said = run("reproject_events", name, tmp_path / "b.fits", "match=none", f"aspect={asol}")
    data = fits.getdata(tmp_path / "b.fits", "EVENTS")
    late = data["time"] > 1e8 - 10 + 0.256 * 2000
    assert np.isnan(data["x"]).tolist() == late.tolist()
    assert f"{late.sum()} events at times without aspect solution" in said


def test_background_events_take_random_records(tmp_path):
    """Events at other times (blank sky, HRC-I background) are spread over the aspect solution."""
    name = made_events(tmp_path / "a.fits", OBS_ID="Merged")
    asol = aspect_file(tmp_path / "asol.fits", start=5e8)
    _, said = run(
        "reproject_events", name, tmp_path / "b.fits", "match=none", f"aspect={asol}", "random=3", "verbose=1"
    )
    assert "at random" in said
    data = fits.getdata(tmp_path / "b.fits", "EVENTS")
    assert np.isfinite(data["x"]).all()
    run("reproject_events", name, tmp_path / "c.fits", "match=none", f"aspect={asol}", "random=3", "verbose=1")
    assert np.array_equal(data["x"], fits.getdata(tmp_path / "c.fits", "EVENTS")["x"])
    run("reproject_events", f"{name}[cols ccd_id,detx,dety,sky]", tmp_path / "d.fits", "match=none", f"aspect={asol}")
    assert np.isfinite(fits.getdata(tmp_path / "d.fits", "EVENTS")["x"]).all()


@pytest.mark.parametrize(
    ("start", "keys", "message"),
    [
        (5e8, {}, "covers none of the events"),
        (1e8 - 10, {"OBS_ID": "012"}, "is of ObsID 12, .* of ObsID 11"),
        (1e8 - 10, {"MJDREF": 40000.0}, "MJDREF 50814 and 40000"),
    ],
)
def test_an_aspect_solution_of_another_observation_is_refused(tmp_path, start, keys, message):
    name, asol = made_events(tmp_path / "a.fits", MJDREF=50814.0), aspect_file(tmp_path / "asol.fits", start=start)
    with fits.open(asol, mode="update") as f:
        f[1].header.update(keys)
    with pytest.raises(DataError, match=message):
        run("reproject_events", name, tmp_path / "b.fits", "match=none", f"aspect={asol}")
    assert not (tmp_path / "b.fits").exists()


def test_simulated_truth(data, tmp_path):
    """MARX ACIS-I grid: SKY from DET and aspect at another tangent point, against the simulation's own positions."""
    obs = data / "obs" / "marx_acisi_grid"
    truth = fits.getdata(obs / "truth" / "truth.fits.gz")
    evt, asol = next((obs / "secondary").glob("*evt1*")), next((obs / "primary").glob("*asol1*"))
    header = fits.getheader(evt, "EVENTS")
    run("reproject_events", evt, tmp_path / "a.fits", f"match={evt}", f"aspect={asol}")
    new = fits.getdata(tmp_path / "a.fits", "EVENTS")
    mine = [c.upper() for c in truth.names]
    assert len(new) == len(truth) and "X" in mine and header["RA_NOM"]
    offset = np.hypot(new["x"] - truth["X"], new["y"] - truth["Y"])
    known = np.isfinite(offset)
    assert np.median(offset[known]) < 1.5  # DET of the file is MARX's own, within its pixel


@given(st.floats(0, 359.99), st.floats(-89.99, 89.99))
def test_positions_in_degrees(ra, dec):
    assert position(f"{ra!r} {dec!r}") == (ra % 360, dec)


MINUTES = st.integers(0, 59)
SECONDS = st.integers(0, 59_999).map(lambda n: n / 1000)


@given(st.integers(0, 23), MINUTES, SECONDS, st.sampled_from(["", "+", "-"]), st.integers(0, 89), MINUTES, SECONDS)
def test_sexagesimal_positions(h, m, s, sign, d, dm, ds):
    found = position(f"{h:02d}:{m:02d}:{s:06.3f} {sign}{d:02d}:{dm:02d}:{ds:06.3f}")
    assert found is not None
    assert found[0] == pytest.approx(15 * (h + m / 60 + s / 3600), abs=1e-9)
    assert found[1] == pytest.approx((-1 if sign == "-" else 1) * (d + dm / 60 + ds / 3600), abs=1e-9)


def test_what_is_no_position():
    assert position("evt.fits") is None and position("1 2 3") is None and position("") is None
    assert position("12:70:00 10") is None
    assert position("-10 20") == (350.0, 20.0)
