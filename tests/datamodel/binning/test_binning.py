"""Binning tables and images: counts, edges, types, coordinates, limits, errors."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from datamodel_helpers import columns, write_events
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.datamodel import Workspace, read
from ciaopy.datamodel.sky import TangentTransform
from ciaopy.datamodel.wcs import image_wcs, table_wcs
from ciaopy.errors import UserError, VirtualFileError
from ciaopy.fits import Image, Table
from ciaopy.kernels.binning import add_counts, add_weights, axis_index, new_index

C = columns()
X, Y = C["x"].astype(float), C["y"].astype(float)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("binning") / "evt.fits"
    write_events(path)
    return path


def image(text: str) -> Image:
    block = read(text)
    assert isinstance(block, Image) and block.data is not None
    return block


def test_the_example_of_the_specification(tmp_path: Path) -> None:
    rows = np.array([(1, 2.1), (2.8, 1.2), (2.5, 1.3), (3.6, 2), (2, 2.2)])
    cols = [fits.Column("A", "D", array=rows[:, 0]), fits.Column("B", "D", array=rows[:, 1])]
    fits.BinTableHDU.from_columns(cols, name="T").writeto(tmp_path / "t.fits")
    made = image(f"{tmp_path}/t.fits[bin A=0.5:3.5:1,B=0.5:3.5:1]")
    assert made.data is not None and made.data.tolist() == [[0, 0, 2], [1, 1, 0], [0, 0, 0]]


@settings(max_examples=30, deadline=None)
@given(
    lo=st.floats(3900, 4100), width=st.floats(1, 300), step=st.floats(0.5, 60),
)  # fmt: skip
def test_counts_are_conserved_and_in_the_right_bin(events: Path, lo: float, width: float, step: float) -> None:
    made = image(f"{events}[bin x={lo!r}:{lo + width!r}:{step!r}]")
    assert made.data is not None
    n = len(made.data)
    assert n == max(1, int(np.ceil(width / step * (1 - 1e-9) - 1e-9))) or abs(width / step - round(width / step)) < 1e-6
    k = np.floor((X - lo) / step)
    want = np.bincount(k[(k >= 0) & (k < n)].astype(int), minlength=n)
    assert np.array_equal(made.data, want)


def test_two_axes_agree_with_numpy_and_carry_coordinates(events: Path) -> None:
    made = image(f"{events}[bin x=4000:4200:4,y=4000:4200:4]")
    want, _, _ = np.histogram2d(Y, X, bins=50, range=[[4000, 4200]] * 2)
    assert np.array_equal(made.data, want) and made.data is not None and made.data.dtype == np.int16
    h = made.header
    assert (h["CRVAL1P"], h["CRPIX1P"], h["CDELT1P"], h["CTYPE1P"]) == (4000, 0.5, 4, "x")
    assert (h["LTV1"], h["LTM1_1"]) == (0.5 - 1000, 0.25)
    assert (h["MTYPE1"], h["MFORM1"], h["MTYPE2"], h["MFORM2"]) == ("sky", "x,y", "EQPOS", "RA,DEC")
    assert h["HDUNAME"] == "EVENTS_IMAGE" and "EXTNAME" not in h
    table = read(f"{events}")
    assert isinstance(table, Table)
    sky, again = table_wcs(table, "sky"), image_wcs(made)
    assert sky is not None and again is not None
    assert np.allclose(sky.pixel_to_sky(4123, 4011), again.pixel_to_sky(4123, 4011), rtol=0, atol=1e-12)
    for key in ("DATE-OBS", "DATE-END", "MJDREF"):  # astropy has remarks on these
        del h[key]
    ra, dec = WCS(h).celestial.all_pix2world([[31.25, 3.25]], 1)[0]
    assert np.allclose(sky.pixel_to_sky(4123, 4011), (ra, dec), rtol=0, atol=1e-10)


def test_transforms_round_trip_and_agree_with_astropy(events: Path) -> None:
    table = read(f"{events}")
    assert isinstance(table, Table)
    sky = table_wcs(table)
    assert isinstance(sky, TangentTransform)
    x, y = np.array([0.5, 4096.5, 8192]), np.array([8000.0, 4096.5, 1.0])
    back = sky.sky_to_pixel(*sky.pixel_to_sky(x, y))
    assert np.allclose(back, (x, y), rtol=0, atol=1e-7)
    other = WCS(naxis=2)
    other.wcs.crpix, other.wcs.crval = sky.crpix, sky.crval
    other.wcs.cdelt, other.wcs.ctype = sky.step, ["RA---TAN", "DEC--TAN"]
    assert np.allclose(np.transpose(sky.pixel_to_sky(x, y)), other.all_pix2world(np.transpose([x, y]), 1), atol=1e-10)
    assert np.isnan(sky.sky_to_pixel(sky.crval[0] + 180, -sky.crval[1])[0])


def test_integer_axes_are_inclusive(events: Path) -> None:
    made = image(f"{events}[bin pi=1:1024]")
    assert made.data is not None and len(made.data) == 1024
    assert (made.header["CRVAL1P"], made.header["CDELT1P"]) == (0.5, 1)
    assert np.array_equal(made.data, np.bincount(C["pi"][C["pi"] > 0], minlength=1025)[1:1025])
    assert len(image(f"{events}[bin pi=1:1024:2]").data) == 512  # type: ignore[arg-type]
    assert image(f"{events}[bin pi=0.5:1024.5:#16]").header["CDELT1P"] == 64


def test_limits_left_out(events: Path) -> None:
    assert image(f"{events}[bin sky=64]").data.shape == (128, 128)  # type: ignore[union-attr]
    box = image(f"{events}[sky=circle(4100.25,4100,20)][bin sky=1]")
    assert (box.header["CRVAL1P"], box.header["CRVAL2P"]) == (4080.25, 4080) and box.data.shape == (40, 40)  # type: ignore[union-attr]
    assert box.data.sum() == ((X - 4100.25) ** 2 + (Y - 4100) ** 2 <= 400).sum()  # type: ignore[union-attr]
    full = image(f"{events}[sky=circle(4100.25,4100,20)][bin sky=64][opt full]")
    assert full.data.shape == (128, 128)  # type: ignore[union-attr]
    assert image(f"{events}[x=4010.5:4020.5][bin x=::1]").header["CRVAL1P"] == 4010.5
    times = image(f"{events}[bin time=::100]")
    assert times.header["CRVAL1P"] == 1000 and len(times.data) == 10  # type: ignore[arg-type]
    energy = image(f"{events}[bin energy=::1000]")
    assert energy.data.sum() == np.isfinite(C["energy"]).sum()  # type: ignore[union-attr]


def test_weights_types_and_cubes(events: Path) -> None:
    weighted = image(f"{events}[energy=0:][bin x=4000:4200:50;energy]")
    good = np.isfinite(C["energy"])
    want, _ = np.histogram(X[good], bins=4, range=(4000, 4200), weights=C["energy"][good])
    assert weighted.data is not None and weighted.data.dtype == np.float32 and np.allclose(weighted.data, want)
    for name, kind in (("i4", np.int32), ("r4", np.float32), ("r8", np.float64)):
        assert image(f"{events}[bin x=4000:4200:50][opt type={name}]").data.dtype == kind  # type: ignore[union-attr]
    assert image(f"{events}[bin/f x=4000:4200:50]").data.dtype == np.float32  # type: ignore[union-attr]
    cube = image(f"{events}[bin x=4000:4200:50,y=4000:4200:100,ccd_id=0:3:1]")
    want3, _ = np.histogramdd(
        np.transpose([C["ccd_id"], Y, X]), (np.arange(-0.5, 4), [4000, 4100, 4200], np.arange(4000, 4201, 50))
    )
    assert np.array_equal(cube.data, want3)  # type: ignore[arg-type]


def test_counts_beyond_i2_are_promoted(tmp_path: Path) -> None:
    fits.BinTableHDU.from_columns([fits.Column("A", "D", array=np.zeros(40000))]).writeto(tmp_path / "t.fits")
    made = image(f"{tmp_path}/t.fits[bin A=-1:1:2]")
    assert made.data is not None and made.data.dtype == np.int32 and made.data[0] == 40000


def test_a_grid_can_be_matched(events: Path, tmp_path: Path) -> None:
    first = image(f"{events}[bin x=4003:4103:4,y=4007:4057:2]")
    Workspace().write(tmp_path / "grid.fits", first)
    for axes in (f"sky=@{tmp_path}/grid.fits", f"(x,y)=@{tmp_path}/grid.fits"):
        again = image(f"{events}[bin {axes}]")
        assert np.array_equal(first.data, again.data) and again.header["CRVAL2P"] == 4007  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[bin x=::0.0001,y=::0.0001]", UserError, r"pixels \(.* GB.*larger bin size"),
        ("[bin x=4000:4200:1e-5,y=4000:4200:1e-5][opt mem=0.1]", UserError, "opt mem=MB"),
        ("[bin nosuch]", VirtualFileError, "no column nosuch; it has"),
        ("[bin name]", VirtualFileError, "not a column of numbers"),
        ("[bin x;name]", VirtualFileError, "weight name"),
        ("[bin x=4:5,x=6:7]", VirtualFileError, "twice"),
        ("[bin sky=circle(1,2,3)]", VirtualFileError, "dmextract"),
        ("[bin x][opt type=q9]", UserError, "unknown image type"),
        ("[#row=0:0][bin energy]", VirtualFileError, "give the range"),
    ],
)
def test_bad_binnings_are_clear_errors(events: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(f"{events}{text}")


def test_memory_asked_for_never_lowers_the_limit(events: Path) -> None:
    assert np.array_equal(image(f"{events}[bin sky=8][opt mem=0.001]").data, image(f"{events}[bin sky=8]").data)  # type: ignore[arg-type]


def test_the_subspace_of_an_image_lists_every_column(events: Path) -> None:
    h = image(f"{events}[energy=500:7000][bin sky=64]").header
    names = {str(h[f"DSTYP{n}"]): str(h[f"DSVAL{n}"]) for n in range(1, 10) if f"DSTYP{n}" in h}
    assert names == {"time": "TABLE", "ccd_id": "3:3", "energy": "500:7000", "pi": "0:1024"}


def test_images_are_cut_by_physical_coordinates(events: Path, tmp_path: Path) -> None:
    Workspace().write(tmp_path / "i.fits", image(f"{events}[bin x=4000:4200:2,y=4000:4200:2]"))
    whole = image(f"{tmp_path}/i.fits").data
    assert whole is not None
    part = image(f"{tmp_path}/i.fits[x=4010:4030,y=4050:4060]")
    assert np.array_equal(part.data, whole[25:30, 5:15])  # type: ignore[arg-type]
    assert (part.header["CRVAL1P"], part.header["CRVAL2P"], part.header["LTV1"]) == (4010, 4050, 0.5 - 2005)
    assert np.array_equal(image(f"{tmp_path}/i.fits[#1=6:15,#2=26:30]").data, whole[25:30, 5:15])  # type: ignore[arg-type]
    centre = 4001 + 2 * np.arange(100)
    inside = (centre[None, :] - 4100) ** 2 + (centre[:, None] - 4100) ** 2 <= 900
    full = image(f"{tmp_path}/i.fits[sky=circle(4100,4100,30)][opt full,null=-1]")
    assert np.array_equal(full.data, np.where(inside, whole, -1))  # type: ignore[arg-type]
    cut = image(f"{tmp_path}/i.fits[sky=circle(4100,4100,30)]")
    assert cut.data.shape == (30, 30) and cut.data.sum() == whole[inside].sum()  # type: ignore[union-attr]
    ring = image(f"{tmp_path}/i.fits[exclude sky=circle(4100,4100,30)]")
    assert ring.data.shape == whole.shape and ring.data.sum() == whole[~inside].sum()  # type: ignore[union-attr]
    nan = image(f"{tmp_path}/i.fits[sky=circle(4100,4100,30)][opt null=NaN,full]")
    assert np.isnan(nan.data).sum() == (~inside).sum()  # type: ignore[arg-type]


def test_images_are_rebinned_by_sums(events: Path, tmp_path: Path) -> None:
    Workspace().write(tmp_path / "i.fits", image(f"{events}[bin x=4000:4200:2,y=4000:4200:2]"))
    for text in ("[bin sky=4]", "[bin x=::4,y=::4]", "[bin sky=::4]"):
        made = image(f"{tmp_path}/i.fits{text}")
        want = image(f"{events}[bin x=4000:4200:4,y=4000:4200:4]")
        assert np.array_equal(made.data, want.data)  # type: ignore[arg-type]
        for key in ("CRVAL1P", "CDELT1P", "LTV1", "LTM1_1", "CRPIX1", "CDELT1", "CRPIX2"):
            assert made.header[key] == pytest.approx(want.header[key])
    with pytest.raises(VirtualFileError, match="no axis energy"):
        image(f"{tmp_path}/i.fits[bin energy=2]")
    with pytest.raises(UserError, match="needs a table"):
        image(f"{tmp_path}/i.fits[cols x]")
    with pytest.raises(UserError, match="no pixel"):
        image(f"{tmp_path}/i.fits[sky=circle(1,1,2)]")


def test_kernels_from_eight_threads_are_identical() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.uniform(-1, 11, 200_000), rng.uniform(0, 1, 200_000)

    def work(_: int) -> tuple[np.ndarray, np.ndarray]:
        index = new_index(len(values), values > 0.5)
        axis_index(values, 0.0, 0.1, 100, 1, index)
        counts, sums = np.zeros(100, np.int32), np.zeros(100)
        add_counts(counts, index)
        add_weights(sums, index, weights)
        return counts, sums

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    want, _ = np.histogram(values[values > 0.5], bins=100, range=(0, 10))
    assert abs(results[0][0] - want).sum() <= 2
    assert all(np.array_equal(a, results[0][0]) and np.array_equal(b, results[0][1]) for a, b in results)


def test_kernel_wrappers_check() -> None:
    with pytest.raises(ValueError, match="no such axis"):
        axis_index(np.zeros(3), 0.0, 0.0, 1, 1, new_index(3))
    with pytest.raises(ValueError, match="values for"):
        axis_index(np.zeros(2), 0.0, 1.0, 1, 1, new_index(3))
    with pytest.raises(ValueError, match="outside"):
        add_counts(np.zeros(2, np.int32), np.array([5]))


@pytest.mark.data
def test_layout_of_a_real_image(data: Path) -> None:
    """ObsID 1230: an image made by CIAO has the coordinates and subspace that its own header says."""
    made = image(f"{data}/archive/1230/primary/acisf01230N003_cntr_img2.fits.gz")
    h = made.header
    sky = image_wcs(made)
    assert sky is not None and sky.crpix == pytest.approx((4096.5, 4096.5))
    part = image(f"{data}/archive/1230/primary/acisf01230N003_cntr_img2.fits.gz[sky=circle(4000,4000,20)]")
    assert part.header["LTV1"] == pytest.approx(0.5 - part.header["CRVAL1P"])
    assert part.header["CRVAL1P"] == pytest.approx(h["CRVAL1P"] + round(part.header["CRVAL1P"] - h["CRVAL1P"]))
    again = image_wcs(part)
    assert again is not None and again.crpix == pytest.approx((4096.5, 4096.5))


def test_few_rows_and_many_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(11)
    values = [rng.uniform(-5, 25, 5000).astype(t) for t in ("f4", "f8", "i2")]
    values[0][::97], values[1][::89], values[1][5] = np.nan, np.inf, 1e300
    values[0][:4] = [0, 20, np.nextafter(np.float32(20), np.float32(0)), -1e-30]
    weights, mask = rng.normal(size=5000), rng.random(5000) < 0.7
    results = []
    for few in (0, 10**6):
        monkeypatch.setattr("ciaopy.kernels.binning.FEW_ROWS", few)
        index = new_index(5000, mask)
        for axis, (lo, step, count, stride) in zip(
            values, [(0, 0.1, 200, 1), (-1, 3, 7, 200), (-4.5, 2, 5, 1400)], strict=True
        ):
            axis_index(axis, lo, step, count, stride, index)
        counts, sums = np.zeros(7000, np.int32), np.zeros(7000)
        add_counts(counts, index)
        add_weights(sums, index, weights)
        results.append((index, counts, sums))
    assert counts.sum() > 300
    for few, many in zip(*results, strict=True):
        assert np.array_equal(few, many)


def test_binning_a_small_file_needs_no_numba(events: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from ciaopy.cli.run import run_command; "
        f"run_command('dmcopy', ['{events}[energy=500:7000][bin sky=64]', '{tmp_path}/i.fits']); "
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] and (tmp_path / "i.fits").is_file()
