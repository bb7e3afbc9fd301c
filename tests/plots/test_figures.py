"""Light curves, spectra, bad pixels, gratings, flares, comparisons: labels, units, errors and limits of the figures."""

from __future__ import annotations

import numpy as np
import pytest

from ciaopy.analysis import compare_events
from ciaopy.datamodel import Gti
from ciaopy.errors import ParameterError
from ciaopy.fits import Column, Header, Table, Vector
from ciaopy.lightcurve import LightCurve, lc_sigma_clip
from ciaopy.plots import (
    FlareStyle,
    comparison_figure,
    dispersed_image,
    figures,
    flare_figure,
    grating_spectra,
    order_sorting,
    picture_of_events,
)


def luminance(color):
    from matplotlib.colors import to_rgb

    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_a_light_curve_has_rates_with_errors_and_the_good_times():
    edges = 1000.0 + 100.0 * np.arange(5)
    counts = np.array([100, 400, 0, 25])
    figure = figures.light_curve(edges, {"all": counts}, np.array([[1000.0, 1200.0]]), (1000.0, "T0"), "t")
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Time since T0 [ks]", "Rate [count s⁻¹]")
    assert axes.get_xlim() == pytest.approx((0.0, 0.4)) and axes.get_ylim()[0] == 0.0
    bars = axes.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([s[1, 1] - s[0, 1] for s in bars], 2 * np.sqrt(counts) / 100.0)
    assert axes.get_ylim()[1] > 4.2
    shade = next(p for p in axes.patches if p.get_label() == "good times")
    assert shade.get_x() == pytest.approx(0.0) and shade.get_width() == pytest.approx(0.2)
    assert [t.get_text() for t in figure.legends[0].texts] == ["good times", "all"]


@pytest.mark.parametrize("channels", [False, True])
def test_a_spectrum_is_per_energy_or_channel(channels):
    edges = np.array([1.0, 2.0, 4.0, 8.0])
    figure = figures.spectrum(edges, {"level 2": [10, 40, 0]}, "t", channels=channels)
    (axes,) = figure.axes
    wanted = ("PI [channel]", "Counts per channel") if channels else ("Energy [keV]", "Counts keV⁻¹")
    assert (axes.get_xlabel(), axes.get_ylabel()) == wanted
    values = axes.patches[0].get_data().values
    np.testing.assert_allclose(values, [10.0, 20.0, np.nan])
    assert axes.get_xlim() == pytest.approx((0.9, 4.4)), "empty bins at the ends are not shown"
    assert axes.get_yscale() == "log"


def test_an_empty_spectrum_is_drawn():
    (axes,) = figures.spectrum(np.array([1.0, 2.0, 4.0]), {"level 2": [0, 0]}, "t").axes
    assert axes.get_yscale() == "linear"


def test_bad_pixels_are_in_pixels_of_the_chip():
    maps = {3: np.zeros((8, 8), int), 1: np.eye(8, dtype=int)}
    figure = figures.bad_pixels(maps, "b", size=(16384, 8192), chip="chip")
    first, second = figure.axes[:2]
    assert first.get_title() == "chip 1: 8 bad (6e-06 %)" and second.get_title() == "chip 3: 0 bad (0 %)"
    assert first.images[0].get_extent() == [0.5, 16384.5, 0.5, 8192.5]
    assert (first.get_xlabel(), first.get_ylabel()) == ("CHIPX [pixel]", "CHIPY [pixel]")


# ---- gratings


def test_order_sorting_names_axes_and_orders():
    mlam, order = np.array([-5.0, 5.0, 9.0]), np.array([-1, 1, 99])
    figure = order_sorting({"HEG": (mlam, 12.39842 / np.abs(mlam), order)}, "t")
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Order × wavelength mλ [Å]", "Energy [keV]")
    said = [t.get_text() for t in axes.get_legend().texts]
    assert said == ["no order", "with an order", "m = ±1", "m = ±2", "m = ±3"]
    curve = next(line for line in axes.lines if line.get_label() == "m = ±2")
    np.testing.assert_allclose(curve.get_xdata() * curve.get_ydata(), 2 * 12.39842)
    assert len({line.get_linestyle() for line in axes.lines if line.get_label().startswith("m =")}) == 3


def test_order_sorting_of_the_hrc_is_in_channels_and_without_curves():
    mlam = np.array([-5.0, 5.0])
    (axes,) = order_sorting({"LEG": (mlam, np.array([80.0, 120.0]), np.array([-1, 1]))}, "t", channels=True).axes
    assert axes.get_ylabel() == "PI [channel]" and len(axes.lines) == 1


def sky_events(n=400, shift=0.0):
    rng = np.random.default_rng(5)
    keys = [
        {"TCTYP": (k, ""), "TCRVL": (v, ""), "TCRPX": (4096.5, ""), "TCDLT": (s, "")}
        for k, v, s in (("RA---TAN", 10.0, -1.4e-4), ("DEC--TAN", 20.0, 1.4e-4))
    ]
    xy = [rng.normal(4096, 60, n) + shift for _ in keys]
    columns = {c: Column(c, v, "1D", "pixel", "", k) for c, v, k in zip("xy", xy, keys, strict=True)}
    columns["time"] = Column("time", np.arange(n) * 3.2, "1D", "s")
    chip = {"ccd_id": 7, "expno": np.arange(n), "chipx": 1 + np.arange(n) % 1024, "chipy": 5}
    for name, value in chip.items():
        columns[name] = Column(name, np.broadcast_to(np.asarray(value, np.int32), n).copy())
    return Table("EVENTS", columns, Header([("INSTRUME", "ACIS")]), [Vector("SKY", ("x", "y"))])


def test_the_mask_of_a_grating_is_drawn_on_the_sky():
    picture = picture_of_events(sky_events(), 64)
    box = np.array([[4000.0, 4000.0], [4100.0, 4000.0], [4100.0, 4010.0], [4000.0, 4010.0]])
    axes = dispersed_image(picture, [("HEG", box), ("MEG", box + 50)], "t").axes[0]
    assert axes.coords[0].get_axislabel() == "Right ascension (ICRS)"
    assert [t.get_text() for t in axes.get_legend().texts] == ["HEG", "MEG"]
    outline = next(line for line in axes.lines if line.get_label() == "HEG")
    np.testing.assert_allclose(outline.get_xdata()[:4], picture.place(box[:, 0], box[:, 1])[0])


def test_spectra_of_an_arm_share_a_panel():
    edges = np.linspace(1.0, 17.0, 161)
    counts = np.zeros(160)
    counts[80] = 30.0
    figure = grating_spectra({"HEG": {"-1": (edges, counts), "+1": (edges, counts * 2)}}, "t")
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Wavelength [Å]" and axes.get_ylabel() == "Counts per 0.8 Å"
    assert [t.get_text() for t in axes.get_legend().texts] == ["order -1: 30 counts", "order +1: 60 counts"]
    assert axes.get_xlim()[0] < 9.0 < axes.get_xlim()[1] < 11.0


# ---- deflare


def curve(rates, with_error=True):
    n = len(rates)
    time = 5000.0 + 100.0 * np.arange(n)
    rate = np.asarray(rates, float)
    labels = {"OBJECT": "Star", "OBS_ID": "5", "MJDREF": 50814.0, "TIMESYS": "TT"}
    error = np.sqrt(rate / 100.0) if with_error else None
    return LightCurve(
        time + 50, rate, np.full(n, 100.0), time, time + 100, labels=labels, name="x/bg.lc[a=1]", error=error
    )


RATES = [1.0, 1.1, 0.9, 1.0, 1.05, 6.0, 7.0, 1.0, 0.95, 1.02, 1.0, 1.1]


@pytest.mark.parametrize("rate_on_x", [False, True])
def test_the_flare_plot_shows_errors_limits_mean_and_excluded_times(rate_on_x):
    light = curve(RATES)
    found = lc_sigma_clip(light, 2.0, 3)
    gti = Gti([5000.0, 5700.0], [5500.0, 6200.0])
    figure = flare_figure(light, found, gti, FlareStyle(rate_on_x=rate_on_x))
    above, below = figure.axes
    names = ("Time since 1998-01-01 01:23:20 TT [ks]", "Rate [count s⁻¹]")
    assert (above.get_xlabel(), above.get_ylabel()) == (names[::-1] if rate_on_x else names)
    assert below.get_xlabel().startswith("Rate [count s⁻¹]") and below.get_ylabel() == "Number of bins"
    points = {c.get_label(): c for c in above.containers}
    bars = points["good bins"].lines[2][0].get_segments()
    axis = 0 if rate_on_x else 1
    np.testing.assert_allclose([s[1, axis] - s[0, axis] for s in bars], 2 * light.error[found.good])
    levels = sorted({float(np.ravel(line.get_data()[axis])[0]) for line in above.lines if "-" in line.get_linestyle() or
                     line.get_linestyle() == ":"} & {*found.limits, found.mean})  # fmt: skip
    assert levels == pytest.approx(sorted([*found.limits, found.mean]))
    said = [t.get_text() for t in above.get_legend().texts]
    assert {"bad bins", "good bins", "excluded times", f"mean {found.mean:.4g} count s⁻¹"} <= set(said)
    shade = next(p for p in above.patches if p.get_label() == "excluded times")
    box = shade.get_window_extent().transformed(above.transData.inverted())
    ends = (box.ymin, box.ymax) if rate_on_x else (box.xmin, box.xmax)
    assert ends == pytest.approx((0.5, 0.7))
    assert "Star, ObsID 5, bg.lc" in figure.get_suptitle() and "[a=1]" not in figure.get_suptitle()
    good, bad = points["good bins"].lines[0], points["bad bins"].lines[0]
    assert good.get_marker() != bad.get_marker(), "shapes tell them apart, not colours alone"
    assert abs(luminance(good.get_markerfacecolor()) - luminance(bad.get_markerfacecolor())) > 0.2


def test_a_light_curve_without_errors_is_drawn_without():
    light = curve(RATES, with_error=False)
    figure = flare_figure(light, lc_sigma_clip(light, 2.0, 3), None, FlareStyle(good_color="none"))
    assert "excluded times" not in [t.get_text() for t in figure.axes[0].get_legend().texts]


def test_an_unknown_colour_is_refused():
    with pytest.raises(ParameterError, match="exclude_color=mauvish is no colour"):
        FlareStyle(exclude_color="mauvish").check()


def test_errors_are_read_with_their_rates():
    columns = {n: Column(n, np.array([1.0, 2.0])) for n in ("time", "rate", "error")}
    assert LightCurve.from_table(Table("L", columns, Header())).error.tolist() == [1.0, 2.0]
    columns = {n: Column(n, np.array([1.0, 2.0])) for n in ("time", "count_rate", "error")}
    assert LightCurve.from_table(Table("L", columns, Header())).error is None, "not of this rate"


# ---- compare


def test_a_comparison_shows_both_images_and_their_difference():
    a, b = sky_events(), sky_events(shift=3.0)
    figure = comparison_figure(compare_events(a, b), (a, b), ("a.fits", "b.fits"))
    titles = [ax.get_title() for ax in figure.axes]
    assert "A: a.fits" in titles and "B: b.fits" in titles and "400 matched events" in titles
    images = [ax for ax in figure.axes if hasattr(ax, "coords")]
    assert all(ax.coords[1].get_axislabel() == "Declination (ICRS)" for ax in images) and len(images) == 3
    first, second, change = (ax.images[0].get_array() for ax in images)
    np.testing.assert_array_equal(change, second - first)
    bars = [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
    assert any(t.startswith("B − A: counts per bin of") for t in bars)
    assert "Identical values [%]" in [ax.get_xlabel() for ax in figure.axes]


def test_lists_without_positions_have_columns_only():
    table = sky_events()
    bare = table.select([n for n in table.columns if n not in "xy"])
    figure = comparison_figure(compare_events(bare, bare), (bare, bare), ("a", "b"))
    assert len(figure.axes) == 1
