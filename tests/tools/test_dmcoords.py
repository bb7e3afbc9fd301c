"""dmcoords: every system in and out, formats, configuration, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import HEADER, run, write_aspect, write_events
from hypothesis import given
from hypothesis import strategies as st
from made_caldb import Row, make_caldb

from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.coords.angles import format_dec, format_ra, parse_dec, parse_ra
from ciaopy.errors import CiaopyError, DataError, NoDataError, NotAvailableError, ParameterError, UserError
from ciaopy.param import open_parameters

SYSTEMS = {
    "cel": ("ra", "dec"),
    "sky": ("x", "y"),
    "det": ("detx", "dety"),
    "msc": ("theta", "phi"),
    "tdet": ("tdetx", "tdety"),
    "chip": ("chip_id", "chipx", "chipy"),
    "logical": ("logicalx", "logicaly"),
}
ALL = [p for names in SYSTEMS.values() for p in names]


def test_every_system_gives_the_same_position(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits", DY_AVG=0.1, DZ_AVG=-0.2, DTH_AVG=0.01)
    first = run("dmcoords", evt, "option=chip", "chip_id=3", "chipx=300.25", "chipy=700.5", "celfmt=deg").par
    values = {name: first[name] for name in ALL}
    plane, frame = FocalPlane.from_header(HEADER), SkyFrame.from_header(HEADER)
    attitude = Attitude.of(150.1, 2.2, 57.9, 0.1, -0.2, 0.01)
    x, y = map(float, plane.chip_to_sky(3, 300.25, 700.5, attitude, frame))
    det = [float(v) for v in plane.chip_to_det(3, 300.25, 700.5, attitude)]
    world = [float(v) for v in frame.plane.pixel_to_world(x, y)]
    assert (values["x"], values["y"]) == pytest.approx((x, y), abs=1e-8)
    assert [values["detx"], values["dety"]] == pytest.approx(det, abs=1e-8)
    assert (values["tdetx"], values["tdety"]) == pytest.approx((5132 - 700.5, 3061 + 300.25))
    assert [float(values["ra"]), float(values["dec"])] == pytest.approx(world, abs=1e-10)
    for option, names in SYSTEMS.items():
        par = run("dmcoords", evt, f"option={option}", "celfmt=deg", *(f"{n}={values[n]}" for n in names)).par
        for name in ALL:
            assert float(par[name]) == pytest.approx(float(values[name]), abs=1e-6), (option, name)


def test_results_are_saved(tmp_path: Path) -> None:
    run("dmcoords", write_events(tmp_path / "e.fits"), "option=sky", "x=4096.5", "y=4096.5")
    again = open_parameters("dmcoords", [], query=False)
    assert again["ra"] == "10:00:24.0000"
    assert again["dec"] == "+02:12:00.000"
    assert again["theta"] == pytest.approx(0.0, abs=1e-9)
    assert (again["detx"], again["dety"]) == pytest.approx((4096.5, 4096.5))


def test_report(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits")
    ran = run("dmcoords", evt, "opt=cel", "ra=10:00:24", "dec=2:12:00", "verbose=1")
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["(RA,Dec):", "10:00:24.000", "+02:12:00.00"]
    assert lines[1] == ["(RA,Dec):", "150.10000", "2.20000", "deg"]
    assert lines[2][:2] == ["THETA,PHI", "0.000'"]
    assert lines[3] == ["(Logical):", "4096.50", "4096.50"]
    assert lines[4] == ["SKY(X,Y):", "4096.50", "4096.50"]
    assert lines[5] == ["DETX,DETY", "4096.50", "4096.50"]
    assert lines[6][:2] == ["CHIP", "ACIS-I3"]
    assert lines[7][0] == "TDET"
    assert run("dmcoords", evt, "opt=sky", "x=1", "y=1", "verbose=0").out == ""


def test_real_event_of_28229(tmp_path: Path) -> None:
    """CHIP (198, 451) of CCD 7 is DET (4073.8401, 4177.4922), TDET (4115, 2153) in the archive file."""
    evt = write_events(tmp_path / "e.fits", SIM_X=-0.68282252473, SIM_Y=0.0, SIM_Z=-190.14006604987)
    par = run("dmcoords", evt, "opt=chip", "chip_id=7", "chipx=198", "chipy=451").par
    assert (par["detx"], par["dety"]) == pytest.approx((4073.8401, 4177.4922), abs=3e-4)
    assert (par["tdetx"], par["tdety"]) == (4115.0, 2153.0)


def test_aspect_solution_gives_mean_pointing(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits")
    ra = np.full(120, 150.1)
    ra[:10] = 155.0  # before TSTART: must not count
    asol = write_aspect(tmp_path / "a.fits", ra=ra, dec=2.3, dy=0.5)
    par = run("dmcoords", evt, f"asolfile={asol}", "opt=det", "detx=4096.5", "dety=4096.5", "celfmt=deg").par
    assert float(par["ra"]) == pytest.approx(150.1, abs=1e-9)
    assert float(par["dec"]) == pytest.approx(2.3, abs=1e-9)
    plane = FocalPlane.from_header(HEADER)
    chip = plane.det_to_chip(4096.5, 4096.5, Attitude.of(0, 0, 0, 0.5))
    assert par["chipx"] == pytest.approx(float(chip.chipx), abs=1e-6)
    par = run(
        "dmcoords", evt, f"asolfile={asol}", "dec_asp=2.4", "opt=det", "detx=4096.5", "dety=4096.5", "celfmt=deg"
    ).par
    assert float(par["dec"]) == pytest.approx(2.4, abs=1e-9)


def test_image(tmp_path: Path) -> None:
    header = fits.Header(HEADER.items())
    for key, value in {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.1, "CRVAL2": 2.2, "CRPIX1": 10.5, "CRPIX2": 20.5,
        "CDELT1": -8 * 0.492 / 3600, "CDELT2": 8 * 0.492 / 3600, "CTYPE1P": "x", "CTYPE2P": "y", "CRPIX1P": 0.5,
        "CRPIX2P": 0.5, "CRVAL1P": 4016.5, "CRVAL2P": 3936.5, "CDELT1P": 8.0, "CDELT2P": 8.0,
    }.items():  # fmt: skip
        header[key] = value
    fits.PrimaryHDU(np.zeros((40, 20), np.int16), header).writeto(tmp_path / "i.fits")
    par = run("dmcoords", tmp_path / "i.fits", "opt=logical", "logicalx=10.5", "logicaly=20.5", "celfmt=deg").par
    assert (par["x"], par["y"]) == pytest.approx((4096.5, 4096.5))
    assert (float(par["ra"]), float(par["dec"])) == pytest.approx((150.1, 2.2))
    par = run("dmcoords", tmp_path / "i.fits", "opt=sky", "x=4016.5", "y=3936.5").par
    assert (par["logicalx"], par["logicaly"]) == pytest.approx((0.5, 0.5))


def test_other_telescope_has_sky_only(tmp_path: Path) -> None:
    header = fits.Header({"TELESCOP": "ROSAT", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}.items())
    for i, (value, step) in enumerate(((10.0, -0.01), (20.0, 0.01)), 1):
        header[f"CRVAL{i}"], header[f"CRPIX{i}"], header[f"CDELT{i}"] = value, 5.0, step
    fits.PrimaryHDU(np.zeros((9, 9)), header).writeto(tmp_path / "r.fits")
    ran = run("dmcoords", tmp_path / "r.fits", "opt=cel", "ra=10", "dec=20", "verbose=1")
    assert (ran.par["x"], ran.par["y"]) == pytest.approx((5.0, 5.0))
    assert ran.par["detx"] is None
    assert ran.par["chip_id"] is None
    assert "TDET" not in ran.out
    with pytest.raises(DataError, match="not of a Chandra detector"):
        run("dmcoords", tmp_path / "r.fits", "opt=det", "detx=1", "dety=1")


def test_configuration_without_file() -> None:
    settings = ["none", "detector=ACIS", "sim=-0.68426746699586 0 -190.13252310", "ra_nom=10:00:00", "dec_nom=-30"]
    par = run("dmcoords", *settings, "roll_nom=20", "opt=det", "detx=4096.5", "dety=4096.5", "celfmt=deg").par
    assert (float(par["ra"]), float(par["dec"])) == pytest.approx((150.0, -30.0))
    assert par["chip_id"] == 7
    assert (par["chipx"], par["chipy"]) == pytest.approx((220.75, 531.79), abs=0.06)
    par = run(
        "dmcoords", "none", "detector=HRC-I", "ra_nom=1", "dec_nom=2", "roll_nom=3", "opt=sky", "x=16384.5", "y=16384.5"
    ).par
    assert par["chip_id"] == 0


def test_off_chip_position_is_told(tmp_path: Path) -> None:
    ran = run(
        "dmcoords", write_events(tmp_path / "e.fits"), "opt=chip", "chip_id=3", "chipx=1030", "chipy=5", "verbose=1"
    )
    assert "on no chip" in ran.out


def test_hrc_s(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits", INSTRUME="HRC", DETNAM="HRC-S", SIM_X=-1.43, SIM_Z=250.456)
    par = run("dmcoords", evt, "opt=tdet", "tdetx=2000", "tdety=20444").par
    assert (par["chip_id"], par["chipx"], par["chipy"]) == (2, 2000.0, 4000.0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), NotAvailableError, "no interactive mode"),
        (("option=galactic",), ParameterError, "option: galactic is not a coordinate system; give one of cel, sky"),
        (("option=sky", "x=1"), ParameterError, "y: no value; option=sky needs x and y"),
        (("option=cel", "ra=1"), ParameterError, "dec: no value"),
        (("option=cel", "ra=abc", "dec=1"), UserError, "abc: not a right ascension"),
        (("option=cel", "ra=1", "dec=91"), UserError, "91: a declination lies between"),
        (("option=cel", "ra=330.1", "dec=-2.2"), NoDataError, "more than 90 degrees from the pointing"),
        (("option=tdet", "tdetx=1", "tdety=1"), NoDataError, "TDET 1, 1 is on no chip of ACIS"),
        (("option=msc", "theta=5400", "phi=0"), NoDataError, "90 degrees or more off axis"),
        (("option=sky", "x=1", "y=1", "celfmt=gal"), ParameterError, "celfmt: gal is not a format"),
        (("option=sky", "x=1", "y=1", "order=1"), NotAvailableError, "order=1"),
        (("option=sky", "x=1", "y=1", "displace=1,2,3"), NotAvailableError, "displace"),
        (("option=sky", "x=1", "y=1", "sim=1 2"), ParameterError, "sim: 1 2 is not a position"),
        (("option=sky", "x=1", "y=1", "sim=a b c"), ParameterError, "a: not a number"),
        (("option=sky", "x=1", "y=1", "detector=EPIC"), DataError, "unknown detector 'EPIC'"),
        (("option=chip", "chip_id=12", "chipx=1", "chipy=1"), ParameterError, "chip_id"),
    ],
)
def test_bad_values(tmp_path: Path, arguments: tuple[str, ...], error: type[CiaopyError], message: str) -> None:
    with pytest.raises(error, match=message):
        run("dmcoords", write_events(tmp_path / "e.fits"), *arguments)


def test_bad_files(tmp_path: Path) -> None:
    where = ("opt=sky", "x=1", "y=1")
    with pytest.raises(DataError, match=r"no\.fits"):
        run("dmcoords", tmp_path / "no.fits", *where)
    with pytest.raises(DataError, match="no keyword SIM_X"):
        run("dmcoords", write_events(tmp_path / "s.fits", SIM_X=None), *where)
    with pytest.raises(DataError, match="no keyword DEC_NOM"):
        run("dmcoords", write_events(tmp_path / "r.fits", DEC_NOM=None), *where)
    with pytest.raises(DataError, match="unknown detector"):
        run("dmcoords", write_events(tmp_path / "d.fits", INSTRUME="MECS"), *where)
    evt = write_events(tmp_path / "e.fits")
    with pytest.raises(NoDataError, match="does not overlap the times"):
        run("dmcoords", evt, f"asolfile={write_aspect(tmp_path / 'a.fits', start=9000.0)}", *where)
    with pytest.raises(DataError, match="HRC-I has no chip 5"):
        run("dmcoords", evt, "detector=HRC-I", "opt=chip", "chip_id=5", "chipx=1", "chipy=1")


@given(st.floats(0, 359.9999999))
def test_ra_text_round_trip(ra: float) -> None:
    text = format_ra(ra, 4)
    assert (parse_ra(text) - ra + 180) % 360 - 180 == pytest.approx(0.0, abs=15 * 0.5e-4 / 3600 * 1.01)
    assert not text.startswith("24")
    assert ":60" not in text


@given(st.floats(-90, 90))
def test_dec_text_round_trip(dec: float) -> None:
    text = format_dec(dec, 3)
    assert parse_dec(text) == pytest.approx(dec, abs=0.51e-3 / 3600)
    assert ":60" not in text


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("150.1", 150.1), ("10:00:24", 150.1), ("10h00m24s", 150.1), ("10 0 24.0", 150.1), ("150d06m00s", 150.1),
        ("-0.5", 359.5), ("1e2", 100.0), ("150.1d", 150.1), ("23:59:59.99999", 359.99999995833),
    ],
)  # fmt: skip
def test_ra_forms(text: str, want: float) -> None:
    assert parse_ra(text) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize(("text", "want"), [("-0:30:00", -0.5), ("+2d12m", 2.2), ("-5 23 28", -5.391111111)])
def test_dec_forms(text: str, want: float) -> None:
    assert parse_dec(text) == pytest.approx(want, abs=1e-8)


def test_rounding_never_prints_sixty() -> None:
    assert format_ra(359.99999999) == "00:00:00.000"
    assert format_dec(-0.99999999) == "-01:00:00.00"
    assert format_dec(89.9999999) == "+90:00:00.00"


@pytest.mark.parametrize("text", ["nan", "inf"])
def test_numbers_that_are_no_position(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParameterError, match=r"x: (nan|inf)"):
        run("dmcoords", write_events(tmp_path / "e.fits"), "option=sky", f"x={text}", "y=1")


def test_chip_far_from_the_nominal_pointing(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits")
    with pytest.raises(NoDataError, match="90 degrees or more from the nominal pointing"):
        run("dmcoords", evt, "option=chip", "chip_id=3", "chipx=1", "chipy=1", "ra_nom=330", "dec_nom=-2")


@pytest.mark.parametrize("tool", ["dmcoords", "skyfov"])
def test_geometry_of_the_caldb_is_used(tool: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chips moved by 1 mm in the CALDB's GEOM file move every position."""
    evt, folder = write_events(tmp_path / "e.fits"), tmp_path / "caldb"

    def place(name: str) -> tuple[float, float]:
        if tool == "dmcoords":
            par = run(tool, evt, "option=chip", "chip_id=3", "chipx=300", "chipy=700").par
            return par["x"], par["y"]
        run(tool, evt, tmp_path / name)
        fov = fits.getdata(tmp_path / name, 1)
        return float(np.nanmean(fov["X"])), float(np.nanmean(fov["Y"]))

    plain = place("plain.fits")
    rows = [Row("geom.fits", "GEOM", instrument="DEFAULT"), Row("aim.fits", "AIMPTS", instrument="DEFAULT")]
    make_caldb(folder, default=rows)
    real = data / "caldb/chandra/default"
    (folder / rows[1].folder("default") / "aim.fits").write_bytes(
        (real / "telD1999-07-23aimptsN0002.fits").read_bytes()
    )
    with fits.open(real / "telD1999-07-23geomN0006.fits") as f:
        f["INSTRUMENTS"].data["ORIGIN"][0] += (0.0, 1.0, 0.0)
        f.writeto(folder / rows[0].folder("default") / "geom.fits", overwrite=True)
    monkeypatch.setenv("CALDB", str(folder))
    moved = place("moved.fits")
    shift = np.hypot(moved[0] - plain[0], moved[1] - plain[1])
    assert shift == pytest.approx(1.0 / 0.0239, rel=0.02)
