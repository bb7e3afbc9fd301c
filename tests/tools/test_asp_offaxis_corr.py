"""asp_offaxis_corr: sky positions stay, offsets vanish, once only, in place and whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import HEADER, run, write_aspect, write_blocks

from ciaopy.coords import AspectSolution, FocalPlane, SkyFrame, quaternion, quaternion_matrix
from ciaopy.errors import DataError, UserError

T = np.arange(120)


def dithered(path: Path) -> Path:
    return write_aspect(
        path,
        ra=150.1 + 0.002 * np.sin(T / 9),
        dec=2.2 + 0.002 * np.cos(T / 7),
        roll=57.9 + 1e-3 * T / 120,
        dy=0.77 + 1e-4 * T,
        dz=0.87 + 1e-4 * T,
        dtheta=-0.01 + 1e-5 * T,
    )


def test_sky_of_every_chip_position_stays(tmp_path: Path) -> None:
    path = dithered(tmp_path / "a.fits")
    old = AspectSolution.read(path)
    run("asp_offaxis_corr", path, "acis")
    new = AspectSolution.read(path)
    assert not (new.dy.any() or new.dz.any() or new.dtheta.any())
    assert np.abs(new.ra - old.ra).max() > 1e-3
    rng = np.random.default_rng(2)
    n = 500
    chip, cx, cy = rng.integers(0, 4, n), rng.uniform(1, 1024, n), rng.uniform(1, 1024, n)
    t = rng.uniform(old.time[0], old.time[-1], n)
    plane, frame = FocalPlane.from_header(HEADER), SkyFrame.from_header(HEADER)
    before = np.array(plane.chip_to_sky(chip, cx, cy, old.at(t), frame))
    after = np.array(plane.chip_to_sky(chip, cx, cy, new.at(t), frame))
    assert np.abs(after - before).max() < 0.012  # of 48 pixels that the offsets amount to
    assert np.sqrt(np.mean((after - before) ** 2)) < 0.004


def test_real_hrc_s_22793(data: Path, tmp_path: Path) -> None:
    """dy 0.78 mm, dz 0.9 mm: chip positions stay within 0.03 HRC pixel; q_att follows ra, dec, roll."""
    source = next((data / "archive/22793/primary").glob("*asol1*"))
    path = tmp_path / source.name
    shutil.copy(source, path)
    old = AspectSolution.read(path)
    run("asp_offaxis_corr", path, "hrc")
    new = AspectSolution.read(path)
    header = fits.getheader(path, 1)
    assert header["BOREVER"] == 2
    mean = new.mean()
    want = [float(v) for v in (mean.ra, mean.dec, mean.roll)]
    assert [header[k] for k in ("RA_PNT", "DEC_PNT", "ROLL_PNT")] == pytest.approx(want)
    assert any("TOOL  :asp_offaxis_corr" in str(h) for h in header["HISTORY"])
    plane = FocalPlane.of("HRC-S")
    frame = SkyFrame.of(header["RA_NOM"], header["DEC_NOM"], 0.0, "HRC-S")
    for x, y in ((2200.0, 8976.0), (1500.0, 12000.0)):
        before = np.array(plane.chip_to_sky(2, x, y, old.attitudes(), frame))
        after = np.array(plane.chip_to_sky(2, x, y, new.attitudes(), frame))
        assert np.abs(after - before).max() < 0.03
    t = fits.getdata(path, 1)
    matrix = quaternion_matrix(np.asarray(t["q_att"], float))
    expected = quaternion_matrix(quaternion(*(t[k].astype(float) for k in ("ra", "dec", "roll"))))
    np.testing.assert_allclose(matrix, expected, atol=1e-14)
    q_old = np.asarray(fits.getdata(source, 1)["q_att"], float)
    assert (np.sum(q_old * t["q_att"], axis=-1) > 0.99).all()  # no jump of sign
    assert t.names == fits.getdata(source, 1).names


def test_twice_is_refused(tmp_path: Path) -> None:
    path = dithered(tmp_path / "a.fits")
    run("asp_offaxis_corr", path, "acis")
    content = path.read_bytes()
    with pytest.raises(UserError, match=r"a\.fits: already corrected \(BOREVER=2\)"):
        run("asp_offaxis_corr", path, "acis")
    assert path.read_bytes() == content


def test_earlier_boresight_version_is_accepted(tmp_path: Path) -> None:
    path = write_aspect(tmp_path / "a.fits", {"BOREVER": 1}, dy=0.5)
    run("asp_offaxis_corr", path, "acis")
    assert fits.getheader(path, 1)["BOREVER"] == 2


def test_nothing_changes_when_it_fails(tmp_path: Path) -> None:
    columns = {k: np.zeros(5) for k in ("time", "ra", "dec", "roll", "dy", "dz", "dtheta")}
    columns["time"] = np.arange(5.0)
    columns["dec"][2] = np.nan
    path = write_blocks(tmp_path / "n.fits", ("ASPSOL", {}, columns))
    content = path.read_bytes()
    with pytest.raises(DataError, match=r"n\.fits: 1 of 5 records have no finite dec"):
        run("asp_offaxis_corr", path, "acis")
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["n.fits"]


def test_bad_input(tmp_path: Path) -> None:
    path = dithered(tmp_path / "a.fits")
    with pytest.raises(UserError, match="changed in place"):
        run("asp_offaxis_corr", f"{path}[time=1000:1001]", "acis")
    with pytest.raises(UserError, match="instrume: epic is not an instrument"):
        run("asp_offaxis_corr", path, "epic")
    with pytest.raises(UserError, match="no aspect solution given"):
        run("asp_offaxis_corr", "", "acis")
    other = write_blocks(tmp_path / "x.fits", ("X", {}, {"time": np.arange(3.0)}))
    with pytest.raises(DataError, match="not an aspect solution"):
        run("asp_offaxis_corr", other, "acis")
    odd = write_aspect(tmp_path / "odd.fits", {"BOREVER": "new"})
    with pytest.raises(DataError, match="BOREVER is 'new'"):
        run("asp_offaxis_corr", odd, "acis")
