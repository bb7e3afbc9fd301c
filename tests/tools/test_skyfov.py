"""skyfov: archive polygons through the tool, file layout, filters, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import HEADER, run, write_aspect, write_blocks, write_events, write_mask

from ciaopy.coords import Attitude, FocalPlane, SkyFrame
from ciaopy.datamodel import Workspace
from ciaopy.errors import DataError, NoDataError, OutputExistsError, UserError

FULL = ((2, 1023), (2, 1023), 1)


def vertices(row: Any) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(row["X"])
    return row["X"][good], row["Y"][good]


@pytest.mark.parametrize(("obsid", "method"), [("1230", "minmax"), ("22772", "convexhull"), ("22793", "minmax")])
def test_archive_fov_of_obsid(data: Path, tmp_path: Path, obsid: str, method: str) -> None:
    """The archived polygons of ObsIDs 1230, 22772, 22793 to 0.002 pixel, in the archive's layout."""
    folder = data / "archive" / obsid
    real = next(folder.glob("primary/*fov1*"))  # its header is that of the event file
    aspect, mask = next(folder.glob("primary/*asol1*")), next(folder.glob("secondary/*msk1*"))
    run("skyfov", real, tmp_path / "f.fits", f"aspect={aspect}", f"mskfile={mask}", f"method={method}")
    with fits.open(real) as a, fits.open(tmp_path / "f.fits") as b:
        assert b[1].columns.names == a[1].columns.names
        assert b[1].columns.formats == a[1].columns.formats
        for key in ("TTYPE", "TUNIT", "TCTYP", "TCRPX", "TCRVL", "TCDLT"):
            for i in range(1, 8):
                if f"{key}{i}" in a[1].header and not (key == "TUNIT" and i == 5):
                    want = a[1].header[f"{key}{i}"]
                    same = pytest.approx(want, rel=1e-12) if isinstance(want, float) else want
                    assert b[1].header.get(f"{key}{i}", "") == same, f"{key}{i}"
        for key in ("MTYPE1", "MFORM1", "MTYPE2", "MFORM2", "HDUNAME", "CONTENT", "HDUCLAS1", "HDUCLAS2", "OBS_ID"):
            assert b[1].header[key] == a[1].header[key]
        assert str(b[1].header["CREATOR"]).startswith("skyfov")
        assert any("TOOL  :skyfov" in str(h) for h in b[1].header["HISTORY"])
        assert len(b[1].data) == len(a[1].data)
        for want, got in zip(a[1].data, b[1].data, strict=True):
            assert (got["CCD_ID"], got["COMPONENT"], got["SHAPE"]) == (want["CCD_ID"], want["COMPONENT"], want["SHAPE"])
            (wx, wy), (gx, gy) = vertices(want), vertices(got)
            assert gx.size == wx.size
            assert (gx[0], gy[0]) == (gx[-1], gy[-1])
            d = np.hypot(wx[:, None] - gx, wy[:, None] - gy)
            assert max(d.min(0).max(), d.min(1).max()) < 0.002


def test_other_method_is_another_polygon(data: Path, tmp_path: Path) -> None:
    folder = data / "archive/22772"
    real, aspect = next(folder.glob("primary/*fov1*")), next(folder.glob("primary/*asol1*"))
    run("skyfov", real, tmp_path / "f.fits", f"aspect={aspect}", "method=minmax", "mskfile=none")
    x, _ = vertices(fits.getdata(tmp_path / "f.fits", 1)[0])
    wx, _ = vertices(fits.getdata(real, 1)[0])
    assert x.min() < wx.min() - 1


def test_nominal_pointing_and_whole_chips(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits", DETNAM="ACIS-36")
    ran = run("skyfov", evt, tmp_path / "f.fits", "verbose=1")
    assert "no aspect solution given" in ran.warnings[0]
    assert "chip 3: polygon with 4 vertices" in ran.out
    rows = fits.getdata(tmp_path / "f.fits", 1)
    assert rows["CCD_ID"].tolist() == [3, 6]
    plane, frame = FocalPlane.from_header(HEADER), SkyFrame.from_header(HEADER)
    corners = np.array([(0.5, 0.5), (1024.5, 0.5), (1024.5, 1024.5), (0.5, 1024.5)])
    x, y = plane.chip_to_sky(3, corners[:, 0], corners[:, 1], Attitude.from_header(HEADER), frame)
    gx, gy = vertices(rows[0])
    d = np.hypot(gx[:-1, None] - x, gy[:-1, None] - y)
    assert d.min(0).max() < 1e-9


def test_chip_filter_selects_chips(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits")
    mask = write_mask(tmp_path / "m.fits", {0: FULL, 1: FULL, 2: ((2, 1023), (2, 1023), 0), 3: FULL})
    run("skyfov", evt, tmp_path / "a.fits", f"mskfile={mask}")
    assert fits.getdata(tmp_path / "a.fits", 1)["CCD_ID"].tolist() == [0, 1, 3]
    run("skyfov", f"{evt}[ccd_id=1,3]", tmp_path / "b.fits", f"mskfile={mask}")
    assert fits.getdata(tmp_path / "b.fits", 1)["CCD_ID"].tolist() == [1, 3]
    with pytest.raises(NoDataError, match="no active chip is left"):
        run("skyfov", f"{evt}[ccd_id=2]", tmp_path / "c.fits", f"mskfile={mask}")
    assert not (tmp_path / "c.fits").exists()


def test_records_in_tstart_tstop_only(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits", DETNAM="ACIS-3")
    ra = np.full(120, 150.1)
    ra[:10] = 151.0  # before TSTART
    aspect = write_aspect(tmp_path / "a.fits", ra=ra)
    run("skyfov", evt, tmp_path / "f.fits", f"aspect={aspect}")
    run("skyfov", evt, tmp_path / "g.fits", f"aspect={aspect}[time=1005:1010]")
    f, g = (fits.getdata(tmp_path / n, 1) for n in ("f.fits", "g.fits"))
    np.testing.assert_allclose(vertices(f[0]), vertices(g[0]), atol=1e-6)
    assert np.ptp(vertices(f[0])[0]) < 1500


def test_aspect_filtered_by_the_events_good_times(tmp_path: Path) -> None:
    """`aspect=asol[@evt]`: the records in the GTI of the event file."""
    good = {"DSTYP1": "TIME", "DSVAL1": "TABLE", "DSREF1": ":GTI", "DSFORM1": "D", "DSUNIT1": "s"}
    evt = write_events(tmp_path / "e.fits", DETNAM="ACIS-3")
    with fits.open(evt) as hdus:
        hdus[1].header.update(good)
        gti = fits.BinTableHDU.from_columns(
            [fits.Column("START", "D", array=[1005.0]), fits.Column("STOP", "D", array=[1010.0])], name="GTI"
        )
        gti.header["HDUNAME"] = "GTI"
        fits.HDUList([*hdus, gti]).writeto(tmp_path / "g.fits")
    ra = np.full(120, 150.1)
    ra[80:] = 150.2
    aspect = write_aspect(tmp_path / "a.fits", ra=ra)
    run("skyfov", evt, tmp_path / "all.fits", f"aspect={aspect}")
    run("skyfov", evt, tmp_path / "some.fits", f"aspect={aspect}[@{tmp_path}/g.fits]")
    widths = [np.ptp(vertices(fits.getdata(tmp_path / n, 1)[0])[0]) for n in ("all.fits", "some.fits")]
    assert widths[0] - widths[1] == pytest.approx(0.1 * 3600 / 0.492 * np.cos(np.deg2rad(2.2)), rel=0.01)


def test_stack_of_aspect_files(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits", DETNAM="ACIS-3")
    write_aspect(tmp_path / "a0.fits", n=60)
    write_aspect(tmp_path / "a1.fits", n=60, start=1010.4, dec=2.21)
    (tmp_path / "a.lis").write_text("a0.fits\na1.fits\n")
    run("skyfov", evt, tmp_path / "f.fits", f"aspect=@{tmp_path}/a.lis", "method=convexhull")
    run("skyfov", evt, tmp_path / "g.fits", f"aspect={tmp_path}/a0.fits", "method=convexhull")
    f, g = (vertices(fits.getdata(tmp_path / n, 1)[0])[1] for n in ("f.fits", "g.fits"))
    assert np.ptp(f) - np.ptp(g) == pytest.approx(36 / 0.492, abs=0.1)


def test_text_output(tmp_path: Path) -> None:
    from ciaopy.datamodel.regions import parse_region

    evt = write_events(tmp_path / "e.fits", DETNAM="ACIS-37")
    run("skyfov", evt, tmp_path / "f.fits")
    run("skyfov", evt, tmp_path / "f.reg", "kernel=ascii")
    lines = (tmp_path / "f.reg").read_text().splitlines()
    assert lines[0] == "# Region file format: CIAO version 1.0"
    assert len(lines) == 3
    x, y = vertices(fits.getdata(tmp_path / "f.fits", 1)[0])
    region = parse_region(lines[1])
    assert region.inside(np.array([x[:-1].mean()]), np.array([y[:-1].mean()])).all()
    assert not region.inside(np.array([x.max() + 1]), np.array([y.max() + 1])).any()
    with pytest.raises(OutputExistsError, match=r"f\.reg"):
        run("skyfov", evt, tmp_path / "f.reg", "kernel=ascii")


def test_output_exists(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits")
    run("skyfov", evt, tmp_path / "f.fits")
    before = (tmp_path / "f.fits").read_bytes()
    with pytest.raises(OutputExistsError, match=r"f\.fits.*clobber=yes"):
        run("skyfov", evt, tmp_path / "f.fits")
    assert (tmp_path / "f.fits").read_bytes() == before
    run("skyfov", evt, tmp_path / "f.fits", "clobber=yes")
    with pytest.raises(UserError, match="overwrite the input"):
        run("skyfov", evt, evt, "clobber=yes")


def test_bad_input(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits")
    out = tmp_path / "f.fits"
    with pytest.raises(DataError, match=r"none\.fits"):
        run("skyfov", tmp_path / "none.fits", out)
    with pytest.raises(NoDataError, match=r"aspect 5000.00.*does not overlap .*e\.fits \(1000.00\.\.1020.00 s\)"):
        run("skyfov", evt, out, f"aspect={write_aspect(tmp_path / 'late.fits', start=5000.0)}")
    with pytest.raises(DataError, match="not an aspect solution: block EVENTS lacks ra"):
        run("skyfov", evt, out, f"aspect={evt}")
    with pytest.raises(DataError, match=r"e\.fits: no MASK block"):
        run("skyfov", evt, out, f"mskfile={evt}")
    with pytest.raises(DataError, match="no keyword SIM_Z"):
        run("skyfov", write_events(tmp_path / "n.fits", SIM_Z=None), out)
    with pytest.raises(DataError, match="no keyword RA_NOM"):
        run("skyfov", write_events(tmp_path / "n.fits", RA_NOM=None), out)
    with pytest.raises(DataError, match="unknown detector"):
        run("skyfov", write_events(tmp_path / "n.fits", INSTRUME="EPIC"), out)
    with pytest.raises(UserError, match="infile: no file given"):
        run("skyfov", "", out)
    bad = write_blocks(tmp_path / "m.fits", ("MASK3", {"CCD_ID": 3}, {"SHAPE": np.array([b"rectangle"])}))
    with pytest.raises(DataError, match="block MASK3 has no column CHIPX"):
        run("skyfov", evt, out, f"mskfile={bad}")
    assert not out.exists()


def test_empty_event_file(tmp_path: Path) -> None:
    evt = write_events(tmp_path / "e.fits", n=0, DETNAM="ACIS-3")
    run("skyfov", evt, tmp_path / "f.fits")
    assert len(fits.getdata(tmp_path / "f.fits", 1)) == 1


def test_fov_serves_as_region(tmp_path: Path) -> None:
    """The product can be read back as a table with its vectors and world coordinates."""
    from ciaopy.datamodel.wcs import columns_wcs

    evt = write_events(tmp_path / "e.fits", DETNAM="ACIS-3")
    run("skyfov", evt, tmp_path / "f.fits")
    table = Workspace().read(f"{tmp_path}/f.fits[FOV]")
    assert table.vector("POS").components == ("X", "Y")  # type: ignore[union-attr]
    wcs = columns_wcs(table, ("x", "y"))  # type: ignore[arg-type]
    assert wcs is not None
    assert wcs.pixel_to_sky(4096.5, 4096.5)[1] == pytest.approx(2.2)
