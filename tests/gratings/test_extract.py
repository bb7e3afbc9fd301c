"""Spectra of resolved events: grids, windows, polygons; type I and type II; splitting."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from gratings_helpers import make_mask, resolve, run, write_aspect, write_level_1
from hypothesis import given, settings
from hypothesis import strategies as st

from ciaopy.errors import DataError, OutputExistsError, ParameterError, UserError
from ciaopy.gratings import arm_named
from ciaopy.gratings.extract import SpectrumRow, default_windows, extract
from ciaopy.gratings.grid import WavelengthGrid, chosen_grid, default_grid
from ciaopy.kernels.grating_spectra import channel_of, in_polygon

ZERO = (4085.0, 4101.0)


@pytest.fixture(scope="module")
def observation(tmp_path_factory):
    """A small resolved HETG observation and its spectra."""
    folder = tmp_path_factory.mktemp("spectra")
    aspect = write_aspect(folder / "asol1.fits")
    write_level_1(folder / "evt1.fits", aspect, ZERO, 6000)
    make_mask(folder / "evt1.fits", folder / "mask.fits", ZERO)
    resolve(folder / "evt1.fits", folder / "evt2.fits", folder / "mask.fits", aspect)
    run("tgextract", folder / "evt2.fits", folder / "pha2.fits")
    return folder


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 50), st.integers(1, 500), st.floats(1e-3, 1.0), st.integers(1, 9), st.floats(0.0, 1.0))
def test_channel_of_a_wavelength(low, bins, width, order, u):
    """The bin of `channel_of` holds the wavelength, low edge included; edges themselves open a bin."""
    edges = WavelengthGrid(low, width, bins).edges(order)
    lam = edges[0] + u * (edges[-1] - edges[0])
    k = channel_of(lam, edges, bins)
    assert k == np.searchsorted(edges, lam, side="right") - 1 or (lam >= edges[-1] and k == -1)
    assert (
        all(channel_of(e, edges, bins) == i for i, e in enumerate(edges[:-1]))
        and channel_of(edges[-1], edges, bins) == -1
    )
    assert channel_of(np.nan, edges, bins) == -1


def test_channels_descend_and_orders_divide():
    grid = default_grid(arm_named("MEG"), "ACIS")
    low, high = grid.channels(-3)
    assert (np.diff(low) < 0).all() and np.allclose(high[1:], low[:-1], rtol=0, atol=1e-9)
    assert (high[0], low[-1]) == pytest.approx((41.96 / 3, 1 / 3)) and grid.bins == 8192


def test_chosen_grids():
    usual = default_grid(arm_named("HEG"), "ACIS")
    assert chosen_grid(usual, None, None, None, None, "HEG") is not None
    assert chosen_grid(usual, 2.0, 4.0, None, 200, "HEG") == WavelengthGrid(2.0, 0.01, 200)
    assert chosen_grid(usual, None, 11.0, 0.1, None, "HEG").bins == 100
    with pytest.raises(ParameterError, match="leave one of the four at compute"):
        chosen_grid(usual, 1.0, 5.0, 0.1, 7, "HEG")
    with pytest.raises(ParameterError, match="must be above 0"):
        chosen_grid(usual, -1.0, None, None, None, "HEG")


def test_polygons():
    """A concave polygon, by the sides of its edges."""
    shape = np.array([[0.0, 0], [4, 0], [4, 4], [2, 1], [0, 4]])
    for x, y, inside in ((1, 0.5, True), (2, 2, False), (3.8, 3, True), (0.2, 3, True), (5, 1, False), (2, 0.9, True)):
        assert in_polygon(x, y, shape, 5) is inside


def test_windows_and_background_scales():
    windows = default_windows("HETG")
    assert windows.scale(1) == windows.scale(2) == pytest.approx(4.0188284, abs=1e-7)
    half = windows.source[1]
    arm = arm_named("MEG")
    row = SpectrumRow(arm, 1, 1, ZERO, WavelengthGrid(1.0, 1.0, 20), windows)
    tg_d = np.array([0.0, half, -half, np.nextafter(half, 1), 0.006, 0.0061, -0.006, -0.0059, 0.0])
    n = len(tg_d)
    columns = {
        "tg_srcid": np.ones(n),
        "tg_part": np.full(n, 2),
        "tg_m": np.ones(n),
        "tg_lam": np.full(n, 5.5),
        "tg_d": tg_d,
    }
    columns["tg_lam"][-1] = np.nan
    counts = extract(columns, (row,))[0]
    assert counts[:, 20 - 5].tolist() == [3, 2, 2] and counts.sum() == 7
    assert extract(columns, (row,), background=False)[0].sum(axis=1).tolist() == [3, 0, 0]
    assert extract({k: v[:0] for k, v in columns.items()}, (row,))[0].sum() == 0 and extract(columns, ()) == []


def test_threads_give_the_same_counts():
    rng = np.random.default_rng(1)
    n = 2_200_000
    columns = {
        "tg_srcid": np.ones(n, np.int16), "tg_part": rng.integers(1, 3, n).astype(np.int16),
        "tg_m": rng.integers(-3, 4, n).astype(np.int16), "tg_lam": rng.uniform(0, 25, n).astype(np.float32),
        "tg_d": rng.normal(0, 2e-3, n).astype(np.float32),
    }  # fmt: skip
    rows = tuple(
        SpectrumRow(a, m, 1, ZERO, default_grid(a, "ACIS"), default_windows("HETG"))
        for a in (arm_named("HEG"), arm_named("MEG")) for m in (-1, 1, 2)
    )  # fmt: skip
    one, two = extract(columns, rows, nproc=1), extract(columns, rows, nproc=3)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    k = (columns["tg_part"] == 2) & (columns["tg_m"] == -1) & (np.abs(columns["tg_d"].astype(float)) <= 0.00066388885)
    assert np.array_equal(one[3][0][::-1], np.histogram(columns["tg_lam"][k].astype(float), rows[3].grid.edges(-1))[0])


def test_layout(observation):
    with fits.open(observation / "pha2.fits") as hdus:
        p, header, region = hdus["SPECTRUM"].data, hdus["SPECTRUM"].header, hdus["REGION"].data
        assert list(zip(p["TG_PART"], p["TG_M"], strict=True)) == [
            (a, m) for a in (1, 2) for m in (-3, -2, -1, 1, 2, 3)
        ]
        assert p["X"][0] == pytest.approx(ZERO[0]) and header["DETCHANS"] == 8192 and header["HDUCLAS4"] == "TYPE:II"
        assert len(region) == 36 and set(region["SHAPE"]) == {"box"}
        assert p["COUNTS"].sum() > 1500


def test_sum_of_type_one_is_type_two(observation, tmp_path):
    """The same events as single files, by tgextract, dmtype2split and tgsplit."""
    run("tgextract", observation / "evt2.fits", tmp_path / "one.pha", outfile_type="pha_typeI", tg_order_list="-1,1")
    run("dmtype2split", f"{observation / 'pha2.fits'}[#row=3]", tmp_path / "row.pha")
    run("tgsplit", observation / "pha2.fits", "", "", tmp_path / "t")
    second = fits.getdata(observation / "pha2.fits", "SPECTRUM")
    for part, arm in ((1, "heg"), (2, "meg")):
        for order, label in ((-1, "m1"), (1, "p1")):
            row = second[(second["TG_PART"] == part) & (second["TG_M"] == order)]
            for name in (f"one_{arm}_{label}.pha", f"t_{arm}_{label}.pha"):
                with fits.open(tmp_path / name) as hdus:
                    one, header = hdus["SPECTRUM"].data, hdus["SPECTRUM"].header
                    assert np.array_equal(one["COUNTS"], row["COUNTS"][0]) and np.array_equal(
                        one["BIN_LO"], row["BIN_LO"][0]
                    )
                    assert (header["TG_M"], header["TG_PART"], header["HDUCLAS4"]) == (order, part, "TYPE:I")
                    assert set(hdus["REGION"].data["TG_M"]) == {order}
    assert np.array_equal(fits.getdata(tmp_path / "row.pha")["COUNTS"], second["COUNTS"][2])
    assert len(list(tmp_path.glob("t_*.pha"))) == 24


def test_split_background_and_exposure(observation, tmp_path):
    run("tgsplit", observation / "pha2.fits", "", "", tmp_path / "t")
    second = fits.getdata(observation / "pha2.fits", "SPECTRUM")[2]
    with fits.open(tmp_path / "t_heg_m1.pha") as s, fits.open(tmp_path / "t_heg_m1_bkg.pha") as b:
        source, back = s["SPECTRUM"].header, b["SPECTRUM"].header
        assert np.array_equal(b["SPECTRUM"].data["COUNTS"], second["BACKGROUND_UP"] + second["BACKGROUND_DOWN"])
        assert back["BACKSCAL"] / source["BACKSCAL"] == pytest.approx(8.0376568, rel=1e-6)
        assert source["BACKFILE"] == "t_heg_m1_bkg.pha" and back["BACKFILE"] == source["ANCRFILE"] == "NONE"
        assert s["SPECTRUM"].columns.names == ["CHANNEL", "COUNTS", "BIN_LO", "BIN_HI"] == b["SPECTRUM"].columns.names
        assert source["POISSERR"] and "BACKSCUP" not in source
        # minus orders fall on chips 4-7: ONTIMEn is 1000 - n in this observation
        assert source["ONTIME"] == 1000 - 5.5 and source["EXPOSURE"] == pytest.approx((1000 - 5.5) * 0.987)
        plus = fits.getheader(tmp_path / "t_heg_p1.pha", "SPECTRUM")
        assert plus["ONTIME"] == 1000 - 8


def test_letg_regions(data, tmp_path):
    """The polygons of the embedded TGMASK2 give the REGION block of ObsID 24781 (CIAO 4.12)."""
    want = fits.getdata(data / "gratings" / "24781" / "24781_pha2.fits.gz", "REGION")
    zero = (32600.0, 32900.0)
    from gratings_helpers import LETG_HRC

    aspect = write_aspect(tmp_path / "asol1.fits")
    write_level_1(tmp_path / "evt1.fits", aspect, zero, 400, **LETG_HRC)
    mask = make_mask(tmp_path / "evt1.fits", tmp_path / "mask.fits", zero)
    layout = "{d:time,f:rd,f:sky,s:tg_m,f:tg_lam,f:tg_mlam,s:tg_srcid,s:tg_part,s:tg_smap}"
    resolve(tmp_path / "evt1.fits", tmp_path / "evt2.fits", mask, aspect, eventdef=layout)
    run("tgextract", tmp_path / "evt2.fits", tmp_path / "pha2.fits", inregion_file="CALDB")
    with fits.open(tmp_path / "pha2.fits") as hdus:
        have, header, p = hdus["REGION"].data, hdus["SPECTRUM"].header, hdus["SPECTRUM"].data
        for name in ("TG_LAM", "TG_D"):
            assert np.allclose(have[name], want[name], rtol=1e-5, atol=1e-7)
        assert header["BACKSCUP"] == header["BACKSCDN"] == 5.0 and header["DETCHANS"] == 16384
        assert p["TG_M"].tolist() == [-1, 1] and p["COUNTS"].sum() > 150
    # the spectrum's own REGION block is a region file, too
    run("tgextract", tmp_path / "evt2.fits", tmp_path / "again.fits", inregion_file=f"{tmp_path / 'pha2.fits'}[REGION]")
    again = fits.getdata(tmp_path / "again.fits", "SPECTRUM")
    assert abs(int(again["COUNTS"].sum()) - int(p["COUNTS"].sum())) <= 2


def test_bad_requests(observation, tmp_path):
    events, out = observation / "evt2.fits", tmp_path / "x.fits"
    for text, match in (
        ("1,2.5", r"'2\.5' is not a whole number"),
        ("0", "order 0 is the image"),
        ("63", "orders go to 62"),
    ):
        with pytest.raises(ParameterError, match=match):
            run("tgextract", events, out, tg_order_list=text)
    with pytest.raises(ParameterError, match="bin_units=keV"):
        run("tgextract", events, out, bin_units="keV")
    with pytest.raises(ParameterError, match="no source 3"):
        run("tgextract", events, out, tg_srcid_list="3")
    with pytest.raises(ParameterError, match=r"min_tg_d=0\.1"):
        run("tgextract", events, out, min_tg_d="0.1")
    with pytest.raises(DataError, match=r"no column tg_srcid.*tg_resolve_events"):
        run("tgextract", observation / "evt1.fits", out)
    with fits.open(events) as hdus:
        fits.HDUList([h.copy() for h in hdus if h.name != "REGION"]).writeto(tmp_path / "bare.fits")
        region = hdus["REGION"].copy()
    with pytest.raises(DataError, match="no REGION block"):
        run("tgextract", tmp_path / "bare.fits", out)
    with pytest.raises(OutputExistsError, match="clobber=yes"):
        run("tgextract", events, observation / "pha2.fits")
    region.header["INSTRUME"], region.header["DETNAM"], region.header["GRATING"] = "HRC", "HRC-S", "LETG"
    fits.HDUList([fits.PrimaryHDU(), region]).writeto(tmp_path / "letg.fits")
    with pytest.raises(DataError, match=r"a region file of LETG/HRC-S, and the events are of HETG/ACIS"):
        run("tgextract", events, out, inregion_file=tmp_path / "letg.fits")
    assert not out.exists()


def test_bad_splits(observation, tmp_path):
    with fits.open(observation / "pha2.fits") as hdus:
        fits.HDUList([h.copy() for h in hdus if h.name != "REGION"]).writeto(tmp_path / "bare.fits")
    with pytest.raises(DataError, match="no REGION block"):
        run("tgsplit", tmp_path / "bare.fits", "", "", tmp_path / "t")
    with pytest.raises(DataError, match="not a grating spectrum file"):
        run("tgsplit", observation / "evt2.fits", "", "", tmp_path / "t")
    with pytest.raises(UserError, match=r"names 1 files and .* has 12 rows"):
        run("dmtype2split", observation / "pha2.fits", tmp_path / "t.pha")
    (tmp_path / "t_meg_p3_bkg.pha").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"t_meg_p3_bkg\.pha"):
        run("tgsplit", observation / "pha2.fits", "", "", tmp_path / "t")
    assert [p.name for p in tmp_path.glob("t_*")] == ["t_meg_p3_bkg.pha"]


@pytest.mark.parametrize(
    ("stretch", "channels", "match"),
    [
        (1.01, 8192, r"a\.arf and a\.rmf: different energy grids"),
        (1.0, 4096, r"a\.rmf: 4096 channels, and the spectrum has 8192"),
    ],
)
def test_responses_that_do_not_go_together(observation, tmp_path, stretch, channels, match):
    """An area and a matrix on different grids, a matrix of other channels: refused before any spectrum is written."""
    low, high = (12.39842 / e for e in default_grid(arm_named("MEG"), "ACIS").channels(-1)[::-1])
    for name, block, energy, more in (
        ("a.arf", "SPECRESP", low * stretch, {"RESPFILE": "grid(a.rmf)"}),
        ("a.rmf", "MATRIX", low, {"DETCHANS": channels}),
    ):
        columns = [fits.Column("ENERG_LO", "E", array=energy), fits.Column("ENERG_HI", "E", array=high)]
        hdu = fits.BinTableHDU.from_columns([*columns, fits.Column("SPECRESP", "E", array=0 * low)], name=block)
        hdu.header.update({"TG_M": -1, "TG_PART": 2, **more})
        hdu.writeto(tmp_path / name)
    with pytest.raises(DataError, match=match):
        run("tgsplit", observation / "pha2.fits", tmp_path / "a.arf", tmp_path / "a.rmf", tmp_path / "t")
    assert not list(tmp_path.glob("t_*"))


def test_empty_spectra_are_valid(observation, tmp_path):
    run("tgextract", f"{observation / 'evt2.fits'}[tg_part=99]", tmp_path / "pha2.fits")
    p = fits.getdata(tmp_path / "pha2.fits", "SPECTRUM")
    assert p["COUNTS"].shape == (12, 8192) and p["COUNTS"].sum() == 0 and np.allclose(p["STAT_ERR"], 1 + np.sqrt(0.75))


def test_real_spectra(data, tmp_path):
    """Counts of the cut-out events of ObsID 14392 never exceed the archive's PHA2, bin by bin."""
    run("tgextract", data / "gratings/14392/14392_evt2.fits.gz", tmp_path / "pha2.fits")
    have = fits.getdata(tmp_path / "pha2.fits", "SPECTRUM")
    want = fits.getdata(data / "gratings/14392/14392_pha2.fits.gz", "SPECTRUM")
    assert (have["COUNTS"] <= want["COUNTS"]).all() and np.allclose(have["BIN_LO"], want["BIN_LO"], rtol=0, atol=1e-9)
    assert have["COUNTS"].sum(axis=1).tolist() == [36, 61, 188, 145, 55, 37, 46, 56, 154, 162, 43, 49]
