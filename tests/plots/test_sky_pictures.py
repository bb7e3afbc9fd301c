"""Images on the sky: where pixels come to lie, what axes and colour bars say."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from ciaopy.datamodel import Workspace
from ciaopy.fits import Column, Header, Image, Table, Vector
from ciaopy.plots import figures, picture_of_events, picture_of_image, unit_label
from ciaopy.plots.preview import band_text, image_caption, mono_picture, three_colours, write_previews
from ciaopy.plots.sky import blocked, round_ticks, smoothed
from ciaopy.plots.style import arcsec_text, moment, number_text

SCALE = 0.492 / 3600.0
PNG = b"\x89PNG\r\n\x1a\n"


def events(x, y, **cards):
    keys = [
        {"TCTYP": (kind, ""), "TCRVL": (value, ""), "TCRPX": (4096.5, ""), "TCDLT": (step, "")}
        for kind, value, step in (("RA---TAN", 150.1, -SCALE), ("DEC--TAN", -30.2, SCALE))
    ]
    columns = {
        n: Column(n, np.asarray(v, float), "1D", "pixel", "", k) for n, v, k in zip("xy", (x, y), keys, strict=True)
    }
    header = Header([("OBJECT", "Target"), ("OBS_ID", "17"), *cards.items()])
    return Table("EVENTS", columns, header, [Vector("SKY", ("x", "y"))])


def image(shape=(300, 400), bin_=4, **cards):
    header = Header(
        [
            ("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", 150.1), ("CRVAL2", -30.2), ("CRPIX1", 200.5),
            ("CRPIX2", 150.5), ("CDELT1", -bin_ * SCALE), ("CDELT2", bin_ * SCALE), ("CUNIT1", "deg"),
            ("CUNIT2", "deg"), ("OBJECT", "G1"), ("OBS_ID", "754"), ("INSTRUME", "ACIS"),
        ]
    )  # fmt: skip
    header.update(cards)
    data = np.random.default_rng(1).poisson(0.5, shape).astype(np.float64)
    data[140:150, 200:210] += 80
    return Image("IMAGE", data, header)


def labels_of(axes):
    return [c.get_axislabel() for c in axes.coords]


def test_an_event_lies_in_the_picture_where_its_sky_position_says():
    table = events([4000.0, 4200.0, 5300.0], [3900.0, 4000.0, 4100.0])
    picture = picture_of_events(table, 100)
    rows, columns = np.nonzero(picture.data)
    assert picture.data.sum() == 3
    sky = WCS(naxis=2)
    sky.wcs.ctype, sky.wcs.crval, sky.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.1, -30.2], [4096.5, 4096.5]
    sky.wcs.cdelt = [-SCALE, SCALE]
    ra, dec = sky.wcs_pix2world(table["x"], table["y"], 1)
    u, v = picture.wcs.wcs_world2pix(ra, dec, 0)
    assert sorted(zip(np.rint(v), np.rint(u), strict=True)) == sorted(zip(rows, columns, strict=True))
    np.testing.assert_allclose(picture.place(table["x"], table["y"]), (u, v), atol=1e-6)
    assert picture.pixel_arcsec == pytest.approx(0.492 * picture.step[0])
    assert picture.quantity == f"counts per bin of {arcsec_text(picture.pixel_arcsec)}"


def test_pictures_of_two_lists_share_a_grid():
    a, b = events([10.0, 50.0], [10.0, 20.0]), events([100.0], [90.0])
    one, two = (picture_of_events(t, 64, (a, b)) for t in (a, b))
    assert (one.origin, one.step, one.data.shape) == (two.origin, two.step, two.data.shape)
    assert one.data.sum() == 2 and two.data.sum() == 1


def test_no_events_and_no_sky_have_pictures():
    empty = picture_of_events(events([], []), 50)
    assert empty.data.sum() == 0
    plain = Table("EVENTS", {n: Column(n, np.array([3.0, 9.0])) for n in "xy"}, Header())
    picture = picture_of_events(plain)
    axes = figures.counts_image(picture, "t").axes[0]
    assert picture.wcs is None and picture.pixel_arcsec is None
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x [sky pixel]", "y [sky pixel]")
    assert axes.get_xlim()[0] < 3 < 9 < axes.get_xlim()[1]


@pytest.mark.parametrize("largest", [1000, 100, 57])
def test_blocks_keep_every_position(largest):
    whole = image()
    picture = picture_of_image(whole, largest)
    k = -(-400 // largest)
    assert picture.data.shape == (-(-300 // k), -(-400 // k))
    ra, dec = whole.wcs.wcs_pix2world([205.0, 20.0], [145.0, 30.0], 1)
    u, v = picture.wcs.wcs_world2pix(ra, dec, 0)
    np.testing.assert_allclose(u, (np.array([205.0, 20.0]) - 0.5) / k - 0.5, atol=1e-7)
    np.testing.assert_allclose(v, (np.array([145.0, 30.0]) - 0.5) / k - 0.5, atol=1e-7)
    assert picture.pixel_arcsec == pytest.approx(4 * 0.492 * k)


def test_a_rotated_image_keeps_its_rotation():
    angle = np.deg2rad(30)
    matrix = {"PC1_1": np.cos(angle), "PC1_2": -np.sin(angle), "PC2_1": np.sin(angle), "PC2_2": np.cos(angle)}
    whole = image(**matrix)
    picture = picture_of_image(whole, 100)
    ra, dec = whole.wcs.wcs_pix2world(77.0, 211.0, 1)
    u, v = picture.wcs.wcs_world2pix(ra, dec, 0)
    assert (u, v) == pytest.approx(((77 - 0.5) / 4 - 0.5, (211 - 0.5) / 4 - 0.5), abs=1e-7)


def test_the_picture_of_a_flux_image_says_what_it_shows():
    cards = {"BUNIT": "photon/cm**2/s", "DSTYP1": "energy", "DSVAL1": "1200:2000", "DSUNIT1": "eV"}
    figure = mono_picture(image(**cards), "title")
    axes, bar = figure.axes
    assert labels_of(axes) == ["Right ascension (ICRS)", "Declination (ICRS)"]
    assert bar.get_ylabel() == "photon cm⁻² s⁻¹ per pixel of 1.97″, smoothed"
    assert axes.get_xlim() == (-0.5, 399.5) and axes.get_ylim() == (-0.5, 299.5)
    bar_lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
    length = np.ptp(bar_lines[0].get_xdata()) * 4 * 0.492
    assert axes.texts[0].get_text() == arcsec_text(round(length)) == "2′"


def test_galactic_images_have_galactic_labels():
    axes = mono_picture(image(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN"), "t").axes[0]
    assert labels_of(axes) == ["Galactic longitude", "Galactic latitude"]


def test_three_colours_say_which_band_is_which(tmp_path):
    axes = three_colours([image()] * 3, "t", ("soft", "medium", "hard")).axes[0]
    said = [t.get_text() for t in axes.texts]
    assert said[-3:] == ["red: soft", "green: medium", "blue: hard"]
    image().write(tmp_path / "a.img")
    written = write_previews({tmp_path / "a.png": ("one",)}, {"one": tmp_path / "a.img"}, Workspace(), False)
    assert written[0].read_bytes().startswith(PNG)


def test_circles_are_where_the_sources_are():
    table = events([4000.0, 4200.0], [3900.0, 4000.0])
    picture = picture_of_events(table, 50)
    axes = figures.counts_image(picture, "t", [(4000.0, 3900.0, 40.0)]).axes[0]
    (circle,) = axes.patches
    at = [float(v) for v in picture.place(4000.0, 3900.0)]
    assert circle.center == pytest.approx(at) and circle.radius == pytest.approx(40.0 / picture.step[0])


def test_captions_and_bands():
    assert image_caption(image(BUNIT="count")) == "G1, ObsID 754, ACIS; 13.1′ × 9.84′ about 150.1000° -30.2000°; count"
    header = Header([("DSTYP1", "time"), ("DSTYP2", "energy"), ("DSVAL2", "500.0:1200.0"), ("DSUNIT2", "eV")])
    assert band_text(header, "soft") == "soft (0.5–1.2 keV)" and band_text(Header(), "soft") == "soft"


def test_smoothing_keeps_counts_and_blocks_keep_the_mean():
    data = np.zeros((41, 41))
    data[20, 20] = 7.0
    assert smoothed(data, 1.5).sum() == pytest.approx(7.0)
    small, k = blocked(np.arange(16.0).reshape(4, 4), 2)
    assert k == 2 and small.tolist() == [[2.5, 4.5], [10.5, 12.5]]


@pytest.mark.parametrize(("low", "high"), [(0.0, 130.0), (0.0, 2.3e-6), (0.0, 7.0), (0.0, 1.0)])
def test_ticks_of_a_colour_bar_are_round_and_spread(low, high):
    from matplotlib.colors import AsinhNorm

    norm = AsinhNorm(linear_width=high / 50, vmin=low, vmax=high)
    ticks = round_ticks(norm)
    assert ticks[0] == low and ticks == sorted(set(ticks)) and 4 <= len(ticks) <= 8 and ticks[-1] <= high * 1.000001
    assert {f"{t:.0e}"[0] for t in ticks[1:]} <= set("1235")
    assert np.max(np.diff([*norm(ticks), 1.0])) < 0.4


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("photon/cm**2/s", "photon cm⁻² s⁻¹"), ("/cm**2 /s", "cm⁻² s⁻¹"), ("cm**2 s", "cm² s"), ("count", "count"),
        ("photon cm-2 s-1", "photon cm⁻² s⁻¹"), ("erg/cm^2/s", "erg cm⁻² s⁻¹"), ("10**3 m", "10**3 m"), ("", ""),
    ],
)  # fmt: skip
def test_units_as_people_write_them(text, wanted):
    assert unit_label(text) == wanted


def test_numbers_angles_and_dates():
    assert [number_text(v) for v in (0.0, 0.5, 120.0, 1e-7, 2e-8, 3e5)] == [
        "0", "0.5", "120", "$10^{-7}$", r"$2\times10^{-8}$", r"$3\times10^{5}$",
    ]  # fmt: skip
    assert [arcsec_text(v) for v in (0.492, 120.0, 3600.0)] == ["0.492″", "2′", "1°"]
    clock = {"MJDREF": 50814.0, "TIMESYS": "TT"}
    assert moment(0.0, clock) == "1998-01-01 00:00:00 TT"
    assert moment(82648371.0, {"MJDREFI": 50814, "MJDREFF": 0.0}) == "2000-08-14 13:52:51"
    assert moment(12.4, {}) == "time 12 s"
