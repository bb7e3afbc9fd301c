"""Ephemerides: interpolation against exact orbits and real files, joins, gaps, and what is refused."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from moving_helpers import AU_M, T0, ephemeris_table, grid, kepler, orbit, straight, write_body

from ciaopy.coords import Ephemeris
from ciaopy.datamodel import Workspace
from ciaopy.errors import DataError, NoDataError
from ciaopy.fits import Table


def read(*paths: object) -> Ephemeris:
    return Ephemeris.read([str(p) for p in paths], Workspace(), "scephemfile")


def made(table: Table, name: str = "e.fits") -> Ephemeris:
    return Ephemeris.from_tables([(name, table)])


def far(time: np.ndarray) -> np.ndarray:
    """Times away from perigee."""
    return time[np.linalg.norm(kepler(time)[0], axis=1) > 6e7]


def test_cubic_follows_an_exact_orbit():
    """On 300 s the cubic is good to three centimetres, but worse at perigee (h^4/384 of the fourth derivative)."""
    rng = np.random.default_rng(3)
    times = rng.uniform(grid()[0], grid()[-1], 4000)
    place, speed = orbit().at(times)
    true, rate = kepler(times)
    away = np.isin(times, far(times))
    assert np.linalg.norm(place - true, axis=1)[away].max() < 0.03
    assert np.linalg.norm(speed - rate, axis=1)[away].max() < 1e-3
    assert np.linalg.norm(place - true, axis=1).max() < 50.0


def test_without_velocities_a_spline_stands_in():
    time = grid()
    place, _ = made(ephemeris_table(time, kepler(time)[0])).at(far(time[5:-5] + 150.0))
    assert np.linalg.norm(place - kepler(far(time[5:-5] + 150.0))[0], axis=1).max() < 1.0


@pytest.mark.parametrize("rows", [2, 3, 4, 9])
def test_spline_of_few_rows_is_exact_for_a_polynomial(rows):
    """Two rows give a line, three a parabola, more a cubic."""
    time = T0 + np.arange(rows) * 100.0
    s = (time - T0) / 100.0
    order = min(rows - 1, 3)
    place = np.column_stack([1e9 + 1e5 * s**order, 2e9 - 3e5 * s, 5e8 + 0 * s])
    found, rate = made(ephemeris_table(time, place)).at([T0 + 50.0])
    assert found[0] == pytest.approx([1e9 + 1e5 * 0.5**order, 2e9 - 1.5e5, 5e8], abs=1e-4)
    assert rate[0, 0] == pytest.approx(1e5 * order * 0.5 ** (order - 1) / 100.0, rel=1e-9)


@pytest.mark.parametrize(("unit", "factor"), [("m", 1.0), ("km", 1e3), ("AU", AU_M), ("", 1.0)])
def test_units_and_case_of_names(unit, factor, tmp_path):
    time = grid()
    place, speed = straight(time, 10.0, 20.0, 1.0, 2.0, 0.0)
    speeds = {"m": "m/s", "km": "km s-1", "AU": "AU/day", "": ""}
    parts = {"AU": AU_M / 86400}.get(unit, factor)
    names = ("TIME", "x", "Y", "z", "VX", "vy", "Vz")
    table = ephemeris_table(time, place / factor, speed / parts, units=(unit, speeds[unit]), names=names)
    table.write(tmp_path / "a.fits")
    found = read(tmp_path / "a.fits")
    assert found.unitless is (unit == "")
    assert found.at([T0 + 100.0])[0] == pytest.approx(straight([T0 + 100.0], 10.0, 20.0, 1.0, 2.0, 0.0)[0], rel=1e-12)


def test_gzip_and_blocks_of_any_name(tmp_path):
    plain = write_body(tmp_path / "a.fits", name="COMET")
    with gzip.open(tmp_path / "b.fits.gz", "wb") as out, plain.open("rb") as source:
        shutil.copyfileobj(source, out)
    with fits.open(plain) as hdus:
        other = fits.BinTableHDU.from_columns([fits.Column("NOTE", "4A", array=np.array(["x"]))], name="NOTES")
        fits.HDUList([hdus[0], other, hdus[1]]).writeto(tmp_path / "c.fits")
    one, two, three = (read(tmp_path / n) for n in ("a.fits", "b.fits.gz", "c.fits"))
    assert np.array_equal(one.knots, two.knots)
    assert np.array_equal(one.knots, three.knots)
    assert read(f"{tmp_path}/c.fits[COMET]").content == "COMET1"


def test_no_extrapolation_and_ends_included():
    ephemeris = orbit()
    first, last = ephemeris.span
    assert ephemeris.covers([first - 1e-3, first, last, last + 1e-3]).tolist() == [False, True, True, False]
    assert np.isfinite(ephemeris.at([first, last])[0]).all()
    assert np.isnan(ephemeris.at([first - 1e-3, last + 1e-3, np.nan])[0]).all()
    assert ephemeris.at([first])[0] == pytest.approx(kepler([first])[0], rel=1e-12)


def test_gaps_are_not_spanned():
    """Missing rows are bridged up to three steps; beyond, there is no position between the rows at the ends."""
    time = grid()
    short, long = np.r_[0:100, 102:577], np.r_[0:100, 110:577]
    for rows, covered in ((short, True), (long, False)):
        part = orbit(time[rows])
        hole = np.array([time[99] + 1.0, time[101]])
        assert part.covers(hole).tolist() == [covered, covered]
        assert np.isfinite(part.at(hole)[0]).all() == covered
        assert part.covers(time[rows]).all()
    spline = made(ephemeris_table(time[long], kepler(time[long])[0]))
    assert not spline.covers([time[101]])[0]
    inside = far(time[130:-6] + 150.0)
    assert np.linalg.norm(spline.at(inside)[0] - kepler(inside)[0], axis=1).max() < 1.0


def test_files_are_joined_in_time_and_the_later_one_counts():
    time = grid()
    early, late = time[:300], time[250:]
    place, speed = kepler(late)
    tables = [("a", ephemeris_table(early, *kepler(early))), ("b", ephemeris_table(late, place + 1000.0, speed))]
    joined = Ephemeris.from_tables(tables)
    assert joined.sources == ("a", "b")
    assert np.all(np.diff(joined.time) > 0)
    assert len(joined.time) == len(time)
    assert joined.at([time[249]])[0] == pytest.approx(kepler([time[249]])[0], abs=1e-3)
    assert joined.at([time[250]])[0] == pytest.approx(kepler([time[250]])[0] + 1000.0, abs=1e-3)
    first = Ephemeris.from_tables(tables[::-1])
    assert first.at([time[260]])[0] == pytest.approx(kepler([time[260]])[0], abs=1e-3)
    assert joined.covers(time + 1.0)[:-1].all()


def test_joined_files_of_different_steps_keep_theirs():
    """A file with a row every 2 hours has no gaps for being joined to one with 300 s."""
    coarse, fine = T0 + np.arange(30) * 7200.0, T0 - 86400.0 + np.arange(289) * 300.0
    tables = [(str(t.size), ephemeris_table(t, *straight(t, 1.0, 2.0, 1.0, 1.0, 5.0))) for t in (fine, coarse)]
    joined = Ephemeris.from_tables(tables)
    assert joined.covers(np.linspace(fine[0], coarse[-1], 500)).all()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one row": ({"rows": slice(0, 1)}, "1 rows: an ephemeris needs two at least"),
    "descending": ({"order": -1}, "times do not increase: row 2"),
    "double": ({"double": True}, "times do not increase: row 12"),
    "position not finite": ({"sick": 1}, "1 of 577 rows have no finite X"),
    "velocity not finite": ({"sick": 4}, "1 of 577 rows have no finite Vx"),
    "time not finite": ({"sick": 0}, "1 of 577 rows have no finite Time"),
    "feet": ({"units": ("ft", "m/s")}, "column X has the unit 'ft', not a length"),
    "knots": ({"units": ("m", "kn")}, "column Vx has the unit 'kn', not a speed"),
    "mixed units": ({"units": ("m", "km/s")}, "velocities are not the change of the positions"),
    "some velocities": ({"drop": "vy"}, "velocities are not complete: .* only vx, vz"),
    "no positions": ({"drop": "z"}, "not an ephemeris: no block has the columns Time, X, Y, Z"),
    "ecliptic": ({"RADECSYS": "ECLIPTIC"}, "RADECSYS=ECLIPTIC, EQUINOX=2000.0: vectors are needed in FK5"),
    "of 1950": ({"RADECSYS": "FK5", "EQUINOX": 1950.0}, "EQUINOX=1950"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused(case, tmp_path):
    change, message = BAD[case]
    keys = {k: v for k, v in change.items() if k.isupper() or k == "units"}
    time = grid()
    table = ephemeris_table(time, *straight(time, 5.0, 6.0, 0.5, 3.0, 1.0), **keys)
    table = table.take(change.get("rows", slice(None)))
    table = table.take(slice(None, None, change.get("order", 1)))
    if "sick" in change:
        name = ("Time", "X", "Y", "Z", "Vx")[change["sick"]]
        data = table[name].copy()
        data[7] = np.nan
        table[name] = data
    if "double" in change:
        table["time"] = np.where(np.arange(577) == 11, time[10], time)
    if "drop" in change:
        del table.columns[change["drop"]]
    table.write(tmp_path / "bad.fits")
    with pytest.raises(DataError, match=rf"bad\.fits: .*{message}"):
        read(tmp_path / "bad.fits")


def test_an_image_and_nothing_are_refused(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "i.fits")
    with pytest.raises(DataError, match=r"not an ephemeris: .* it has no table"):
        read(tmp_path / "i.fits")
    with pytest.raises(NoDataError, match="scephemfile: no ephemeris file given"):
        read()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"PLEPHEM": "JPL-DE405"}, "b has true positions .*, a apparent ones: they cannot be joined"),
     ({"CONTENT": "LUNAREPHEM1"}, "of different bodies or kinds"),
     ({"MJDREF": 40000}, "its times do not count as those of a .MJDREF 50814 and 40000"),
     ({"TIMESYS": "UTC"}, "TIMESYS TT and UTC")],
)  # fmt: skip
def test_files_that_do_not_go_together_are_refused(change, message):
    time = grid()
    tables = [
        (n, ephemeris_table(time, *straight(time, 5.0, 6.0, 0.5, 3.0, 1.0), **k)) for n, k in (("a", {}), ("b", change))
    ]
    with pytest.raises(DataError, match=message):
        Ephemeris.from_tables(tables)


@pytest.mark.parametrize(
    ("factor", "content", "message"),
    [(1.0, "SOLAREPHEM1", "CONTENT=SOLAREPHEM1: not the orbit of the spacecraft"),
     (100.0, "", "not the orbit of the spacecraft: it reaches .* km from the Earth"),
     (1e-3, "", "the spacecraft would be .* km from the Earth's centre, below the surface")],
)  # fmt: skip
def test_what_is_no_orbit_is_refused(factor, content, message):
    time = grid()
    place, speed = kepler(time)
    with pytest.raises(DataError, match=message):
        made(ephemeris_table(time, place * factor, speed * factor, CONTENT=content)).check_spacecraft()


def test_what_is_no_object_is_refused():
    with pytest.raises(DataError, match="CONTENT=ORBITEPHEM1: the orbit of the spacecraft, no object"):
        orbit().check_object()
    time = grid()
    place, speed = kepler(time)
    with pytest.raises(DataError, match=r"the object would be .* below the surface"):
        made(ephemeris_table(time, place * 1e-3, speed * 1e-3)).check_object()


# ---- real files ----------------------------------------------------------------------------------------------------


def ephemeris_files(data: Path) -> list[Path]:
    return sorted((data / "archive").glob("*/*/orbit*")) + sorted((data / "archive").glob("*/*/ephem/[sl]*eph1*"))


def test_real_files_are_read(data):
    files = ephemeris_files(data)
    assert len(files) >= 7
    for path in files:
        found = read(path)
        assert np.array_equal(np.unique(np.diff(found.time).round(6)), [300.0])
        assert np.all(found.until[:-1] == found.time[1:])
        assert found.geometric is not path.name.startswith("orbit")
        (found.check_spacecraft if path.name.startswith("orbit") else found.check_object)()


def test_every_second_row_of_a_real_orbit(data):
    """ObsID 1230, 22772, 22793: the median error of 600 s steps is 0.01 m, at perigee a hundred metres or two."""
    for path in [p for p in ephemeris_files(data) if p.name.startswith("orbit")]:
        whole = read(path)
        with fits.open(path) as hdus:
            table = hdus[1].data
            place, speed = (
                np.column_stack([table[c][::2] for c in n]).astype(float) for n in (("X", "Y", "Z"), ("Vx", "Vy", "Vz"))
            )
            half = made(ephemeris_table(table["Time"][::2].astype(float), place, speed))
        left = whole.time[1:-1:2]
        miss = np.linalg.norm(half.at(left)[0] - whole.knots[1:-1:2, 1:4], axis=1)
        assert np.median(miss) < 0.02
        assert miss.max() < 400.0


def test_the_real_sun_against_astropy(data):
    """solarf of 22772 and 22793: 0.01 arcsec from astropy's built-in Sun, geometric, geocentric."""
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    for path in [p for p in ephemeris_files(data) if p.name.startswith("solar")]:
        found = read(path)
        t = np.linspace(*found.span, 40)
        epoch = Time(50814.0 + t / 86400.0, format="mjd", scale="tt")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("astropy.utils.iers.conf.auto_download", False)
            true = (get_body_barycentric("sun", epoch) - get_body_barycentric("earth", epoch)).xyz.to_value("m").T
        place = found.at(t)[0]
        off = np.linalg.norm(np.cross(place, true), axis=1) / np.sum(true * true, axis=1)
        assert np.degrees(off).max() * 3600 < 0.02
        assert np.linalg.norm(place, axis=1) / np.linalg.norm(true, axis=1) == pytest.approx(1.0, abs=2e-6)
