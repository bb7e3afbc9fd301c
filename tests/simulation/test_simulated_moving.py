"""ciaopy simulate --moving: an object on its way, with the ephemerides that tell it."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from ciaopy.cli.main import run_application
from ciaopy.coords import Ephemeris, ObjectTrack, TangentPlane
from ciaopy.datamodel import Workspace
from ciaopy.errors import UserError
from ciaopy.simulation import Motion, Setup, simulate

OPTIONS = {"events": 4000, "chips": (7,), "exposure": 1200.0, "flare": False, "artifacts": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sim")
    simulate(Setup(**OPTIONS, target="9P/Tempel 1", motion=Motion(10.0, 45.0, 0.9)), place / "obs", compress=False)
    return place / "obs"


def track(folder):
    paths = [next((folder / "primary").glob(p)) for p in ("orbit*eph1*", "9p*eph1*")]
    return ObjectTrack.of(*(Ephemeris.read(p, Workspace(), "x") for p in paths))


def test_layout_and_motion(folder):
    """Names, blocks and units of the archive; speed, position angle, place and distance as asked for."""
    names = sorted(p.name for p in (folder / "primary").glob("*eph1*"))
    assert [n.split("f4")[0] for n in names] == ["9ptempel", "orbit"]
    for name, content in zip(names, ("SSOEPHEM1", "ORBITEPHEM1"), strict=True):
        header = fits.getheader(folder / "primary" / name, 1)
        assert (header["CONTENT"], header["TUNIT2"], header["TUNIT5"], header["TIMESYS"]) == (content, "m", "m/s", "TT")
    header = fits.getheader(next((folder / "secondary").glob("*evt1*")), "EVENTS")
    middle = (header["TSTART"] + header["TSTOP"]) / 2
    way = track(folder)
    ra, dec, km = (v[0] for v in way.directions([middle]))
    assert (ra, dec) == pytest.approx((header["RA_NOM"], header["DEC_NOM"]), abs=1e-9)
    assert km * 1e3 / 149597870700.0 == pytest.approx(0.9, rel=1e-6)
    assert way.speed([middle])[0] == pytest.approx(10.0, rel=1e-3)
    plane = TangentPlane(header["RA_NOM"], header["DEC_NOM"], 0.0, 0.0, 1 / 3600)
    x, y = plane.world_to_pixel(*way.directions([middle + 60.0])[:2])
    assert np.degrees(np.arctan2(-x, y)) == pytest.approx(45.0, abs=0.1)


def test_its_photons_are_where_it_is(folder):
    """Means of truth minus place in pieces of time: the point spread averages out."""
    truth = fits.getdata(folder / "truth/truth.fits", 1)
    events = fits.getdata(next((folder / "secondary").glob("*evt1*")), "EVENTS")
    header = fits.getheader(next((folder / "secondary").glob("*evt1*")), "EVENTS")
    mine = (truth["SOURCE"] == 1) & (truth["KIND"] == truth["KIND"][truth["SOURCE"] == 1].min())
    plane = TangentPlane(header["RA_NOM"], header["DEC_NOM"], 4096.5, 4096.5, 0.492 / 3600)
    x, y = plane.world_to_pixel(*track(folder).directions(events["time"][mine].astype(float))[:2])
    off = np.hypot(truth["X_TRUE"][mine] - x, truth["Y_TRUE"][mine] - y)
    assert mine.sum() > 200
    assert np.median(off) < 2.0
    assert np.hypot(np.ptp(x), np.ptp(y)) > 380.0


def test_deterministic_and_else_the_same(folder, tmp_path):
    """Same seed, same bytes; without the motion no ephemerides."""
    for name in ("a", "b"):
        motion = Motion(10.0, 45.0, 0.9) if name == "a" else None
        simulate(Setup(**OPTIONS, target="9P/Tempel 1", motion=motion), tmp_path / name, compress=False)
    for path in sorted(folder.rglob("*.fits")):
        assert path.read_bytes() == (tmp_path / "a" / path.relative_to(folder)).read_bytes()
    assert not list((tmp_path / "b").rglob("*eph1*"))


@pytest.mark.parametrize(
    ("values", "message"),
    [((-1.0, 0.0, 1.0), "speed -1 arcsec/min"), ((200.0, 0.0, 1.0), "speed 200"),
     ((1.0, np.nan, 1.0), "the angle must be a number"),
     ((1.0, 0.0, 0.0), "distance 0 AU"), ((np.nan, 0.0, 1.0), "speed nan")],
)  # fmt: skip
def test_impossible_motions_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        Motion(*values)


def test_what_does_not_go_with_it(tmp_path, capsys):
    with pytest.raises(UserError, match="an object behind the HETG is not simulated"):
        Setup(motion=Motion(1.0, 0.0, 1.0), grating="HETG")
    assert run_application(["simulate", str(tmp_path / "x"), "--detector", "hrc-i", "--moving", "1", "0", "1"]) == 2
    assert "--moving means nothing with --detector hrc-i" in capsys.readouterr().err
    from ciaopy.cli.simulate import command

    assert "--moving SPEED ANGLE AU" in CliRunner().invoke(command, ["--help"]).output
