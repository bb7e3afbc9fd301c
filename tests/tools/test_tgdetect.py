"""tgdetect, tg_findzo and tgdetect2 on simulated event files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import HEADER, run

from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.errors import DataError, ParameterError
from ciaopy.gratings import arm_named
from ciaopy.gratings.zero_order import unit

AT = (4090.3, 4077.6)


def write_field(path: Path, core: int, streak: int = 0, arm: int = 0, hole: float = 0.0, **keys: object) -> Path:
    """Write events of a core (hollow inside `hole` pixels), a read-out streak and the MEG arm."""
    rng = np.random.default_rng(11)
    header = HEADER | keys
    plane, frame = FocalPlane.from_header(header), SkyFrame.from_header(header)
    attitude = Attitude.from_header(header)
    r, phi = rng.rayleigh(0.8, core), rng.uniform(0, 2 * np.pi, core)
    keep = r >= hole
    x, y = [AT[0] + r[keep] * np.cos(phi[keep])], [AT[1] + r[keep] * np.sin(phi[keep])]
    if streak:
        place = plane.sky_to_chip(*AT, attitude, frame)
        rows = rng.uniform(1, 1024, streak)
        sx, sy = plane.chip_to_sky(place.chip_id, place.chipx + rng.normal(0, 0.8, streak), rows, attitude, frame)
        x.append(sx)
        y.append(sy)
    if arm:
        axis = unit(-header["ROLL_NOM"] - arm_named("MEG").angle("ACIS"))
        along, across = rng.uniform(-1500, 1500, arm), rng.normal(0, 1.0, arm)
        x.append(AT[0] + along * axis[0] - across * axis[1])
        y.append(AT[1] + along * axis[1] + across * axis[0])
    flat = rng.uniform(3700, 4500, (2, 3000))
    columns = [fits.Column(n, "E", array=np.concatenate([*v, f])) for n, v, f in (("x", x, flat[0]), ("y", y, flat[1]))]
    hdu = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    hdu.header.update(header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def position(path: Path) -> tuple[float, str]:
    """Distance of the source found from the truth (pixels), and the method."""
    table, header = fits.getdata(path, "SRCLIST"), fits.getheader(path, "SRCLIST")
    assert len(table) == 1
    plane = SkyFrame.from_header(HEADER).plane
    assert np.allclose(plane.world_to_pixel(table["RA"][0], table["DEC"][0]), (table["X"][0], table["Y"][0]))
    return float(np.hypot(table["X"][0] - AT[0], table["Y"][0] - AT[1])), header["TGMETHOD"]


@pytest.mark.parametrize(
    ("name", "method", "field"),
    [
        ("bright", "tg_findzo", {"core": 40_000, "streak": 800, "arm": 6000}),
        ("usual", "tgdetect", {"core": 4000, "ONTIME": 50_000.0}),
        ("hollow", "tg_findzo", {"core": 9000, "hole": 1.1, "streak": 800, "arm": 6000, "ONTIME": 1e6}),
        ("no core", "tg_findzo", {"core": 0, "streak": 800, "arm": 6000}),
        ("bright without lines", "tgdetect", {"core": 40_000}),
    ],
)
def test_the_position_is_found(tmp_path, name, method, field):
    write_field(tmp_path / "evt.fits", **field)
    run("tgdetect2", tmp_path / "evt.fits", tmp_path / "src.fits")
    distance, used = position(tmp_path / "src.fits")
    assert distance < 0.2 and used == method


def test_hrc_takes_the_image(tmp_path):
    keys = {"INSTRUME": "HRC", "DETNAM": "HRC-S", "GRATING": "LETG", "SIM_X": -1.43, "SIM_Z": 250.456}
    path = write_field(tmp_path / "evt.fits", 4000)
    with fits.open(path, mode="update") as hdus:
        hdus["EVENTS"].header.update(keys)
        for axis in ("x", "y"):
            hdus["EVENTS"].data[axis] = 32768.5 + 3.7329 * (hdus["EVENTS"].data[axis] - 4096.5)
    run("tgdetect", infile=path, outfile=tmp_path / "src.fits")
    table = fits.getdata(tmp_path / "src.fits", "SRCLIST")
    want = [32768.5 + 3.7329 * (v - 4096.5) for v in AT]
    assert np.hypot(table["X"][0] - want[0], table["Y"][0] - want[1]) < 0.5
    with pytest.raises(DataError, match="no read-out streak"):
        run("tg_findzo", path, tmp_path / "s.fits")


def test_nothing_found_is_an_empty_table(tmp_path):
    write_field(tmp_path / "evt.fits", 60)
    for tool in ("tgdetect", "tg_findzo", "tgdetect2"):
        text = run(tool, infile=tmp_path / "evt.fits", outfile=tmp_path / f"{tool}.fits")
        assert len(fits.getdata(tmp_path / f"{tool}.fits", "SRCLIST")) == 0 and "tg_zo_position" in text
    run("tgdetect", infile=tmp_path / "evt.fits", outfile=tmp_path / "low.fits", snr_thresh=5)
    assert position(tmp_path / "low.fits")[0] < 0.5


def test_bad_input(tmp_path):
    write_field(tmp_path / "evt.fits", 4000)
    with pytest.raises(ParameterError, match="zo_pos_x=here"):
        run("tgdetect2", tmp_path / "evt.fits", tmp_path / "s.fits", zo_pos_x="here")
    with pytest.raises(ParameterError, match=r"zo_pos_y=-50.*outside the sky"):
        run("tgdetect2", tmp_path / "evt.fits", tmp_path / "s.fits", zo_pos_y=-50)
    with pytest.raises(ParameterError, match=r"bkgvalue=2.0: not honoured"):
        run("tgdetect", infile=tmp_path / "evt.fits", outfile=tmp_path / "s.fits", bkgvalue=2)
    with pytest.raises(ParameterError, match="zo_sz_filt_x=3"):
        run("tgdetect", infile=tmp_path / "evt.fits", outfile=tmp_path / "s.fits", zo_sz_filt_x="3")
    with pytest.raises(DataError, match="on no chip"):
        run("tg_findzo", tmp_path / "evt.fits", tmp_path / "s.fits", zo_pos_x=500, zo_pos_y=8000)
    write_field(tmp_path / "cc.fits", 4000, READMODE="CONTINUOUS")
    with pytest.raises(DataError, match="continuous clocking has no image"):
        run("tgdetect", infile=tmp_path / "cc.fits", outfile=tmp_path / "s.fits")
