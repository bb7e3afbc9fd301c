"""Spectra: integrals against closed forms, cross-sections, expressions, weights."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.errors import DataError, NotAvailableError, ParameterError
from ciaopy.spectra import BUILT_IN, cross_section, energy_edges, model_weights, parse_model, transmission
from ciaopy.spectra.components import bessel_k0
from ciaopy.spectra.expression import parse_values
from ciaopy.spectra.weights import tabulated

EDGES = np.linspace(0.3, 9.0, 200)
LO, HI = EDGES[:-1], EDGES[1:]


def integral(density, lo=LO, hi=HI, n=400):
    """Slow reference: the midpoint rule."""
    e = lo[:, None] + (hi - lo)[:, None] * (np.arange(n) + 0.5) / n
    return density(e).mean(1) * (hi - lo)


def test_cross_sections():
    """Values of the published fit, by hand, on both sides of edges."""
    assert cross_section(1.0) == pytest.approx((120.6 + 169.3 - 47.7) * 1e-24)
    assert cross_section(0.5) == pytest.approx((71.4 + 66.8 * 0.5 - 51.4 * 0.25) / 0.125 * 1e-24)
    jump = cross_section(np.array([0.5319, 0.5321]))
    assert jump[1] / jump[0] == pytest.approx(1.7, abs=0.1)  # oxygen
    assert np.all(np.diff(np.log(cross_section(np.linspace(0.9, 1.3, 50)))) < 0)
    assert transmission(1.0, 1.0) == pytest.approx(np.exp(-2.422))
    assert transmission(2.0, 0.0) == 1.0
    assert cross_section(20.0) == pytest.approx(cross_section(10.0) / 8)


@pytest.mark.parametrize(
    ("text", "values", "density"),
    [
        ("powlaw1d.p", "p.gamma=1.7;p.ampl=3;p.ref=2", lambda e: 3 * (e / 2) ** -1.7),
        ("powlaw1d.p", "p.gamma=1", lambda e: 1 / e),
        ("xspowerlaw.p", "p.PhoIndex=2.2;p.norm=4", lambda e: 4 * e**-2.2),
        ("bbody.b", "b.kT=0.4;b.ampl=2", lambda e: 2 * e**2 / np.expm1(e / 0.4)),
        ("xsbbody.b", "b.kT=0.4", lambda e: 8.0525 / 0.4**4 * e**2 / np.expm1(e / 0.4)),
        ("gauss1d.g", "g.fwhm=0.3;g.pos=6.4;g.ampl=5", lambda e: 5 * np.exp(-4 * np.log(2) * ((e - 6.4) / 0.3) ** 2)),
        (
            "xsgaussian.g",
            "g.LineE=2;g.Sigma=0.5",
            lambda e: np.exp(-(((e - 2) / 0.5) ** 2) / 2) / (0.5 * np.sqrt(2 * np.pi)),
        ),
    ],
)
def test_integrals(text, values, density):
    assert parse_model(text, values)(LO, HI) == pytest.approx(integral(density), rel=2e-5)


def test_bessel_k0():
    """Abramowitz & Stegun, table 9.8: exp(x) K0(x)."""
    table = {0.1: 2.6823261, 0.5: 1.5241094, 1.0: 1.1444631, 2.0: 0.8415682, 5.0: 0.5478076, 10.0: 0.3916319}
    for x, value in table.items():
        assert bessel_k0(np.array([x]))[0] == pytest.approx(value, rel=2e-7)


def test_bremsstrahlung_limits():
    """Steep cut-off above kT, and E^-1 times a logarithm below."""
    model = parse_model("xsbremss.t", "t.kT=2")
    e = np.array([1.0, 1.001, 40.0, 40.01])
    rate = model(e[:-1], e[1:]) / np.diff(e)
    u = 40.005 / 2
    assert rate[2] == pytest.approx(3.02e-15 / np.sqrt(2) * np.sqrt(3 / np.pi / u) * np.exp(-u) / 40.005, rel=0.02)
    assert model(LO, HI).min() > 0


def test_a_narrow_line_goes_into_one_bin():
    flux = parse_model("xsgaussian.g", "g.linee=2;g.sigma=0;g.norm=7")(LO, HI)
    assert flux.sum() == 7 and np.count_nonzero(flux) == 1
    assert LO[flux > 0] <= 2 < HI[flux > 0]


def test_expressions():
    absorbed = parse_model("xsphabs.gal * (powlaw1d.pl + 2*xsgaussian.fe)", "gal.nH=0.3; pl.gamma=1.8; fe.norm=1e-2")
    by_hand = parse_model("xswabs.a*powlaw1d.b", "a.nh=1e-30")(LO, HI)
    plain = parse_model("powlaw1d.b")(LO, HI)
    assert by_hand == pytest.approx(plain)
    parts = [parse_model(*p)(LO, HI) for p in (("powlaw1d.pl", "pl.gamma=1.8"), ("xsgaussian.fe", "fe.norm=1e-2"))]
    factor = integral(lambda e: transmission(e, 0.3)) / (HI - LO)
    assert absorbed(LO, HI) == pytest.approx(factor * (parts[0] + 2 * parts[1]), rel=0.06)  # bins with edges
    assert np.median(absorbed(LO, HI) / (factor * (parts[0] + 2 * parts[1]))) == pytest.approx(1, abs=1e-6)
    assert absorbed.notes == [f"xsphabs: {BUILT_IN['xsphabs'].note}"]


@pytest.mark.parametrize(
    ("text", "values", "error", "message"),
    [
        ("xsapec.a", "", NotAvailableError, "no xsapec of its own"),
        ("powlaw1d", "", ParameterError, "is not kind.name"),
        ("powlaw1d.a +", "", ParameterError, "is no model expression"),
        ("__import__('os').system('true')", "", ParameterError, "is not kind.name"),
        ("powlaw1d.a ** 2", "", ParameterError, "is not kind.name"),
        ("3", "", ParameterError, "no component"),
        ("powlaw1d.a/0", "", ParameterError, "divides by 0"),
        ("powlaw1d.a*bbody.a", "", ParameterError, "a is a powlaw1d and a bbody"),
        ("xswabs.a", "a.nh=1", ParameterError, "only factors"),
        ("powlaw1d.a", "b.gamma=1", ParameterError, "no component b"),
        ("powlaw1d.a", "a.index=1", ParameterError, "has no parameter index; it has gamma, ref, ampl"),
        ("powlaw1d.a", "a.gamma", ParameterError, "is not component.parameter=number"),
        ("powlaw1d.a", "a.gamma=x", ParameterError, "is not component.parameter=number"),
        ("powlaw1d.a", "a.gamma=nan", ParameterError, "is not component.parameter=number"),
        ("bbody.a", "a.kt=-1", ParameterError, "a.kt=-1 is below"),
    ],
)
def test_refusals(text, values, error, message):
    with pytest.raises(error, match=message):
        parse_model(text, values)


def test_edges():
    assert energy_edges(0.5, 7.0, 0.25) == pytest.approx(np.linspace(0.5, 7, 27))
    assert energy_edges(1, 3, 0.6) == pytest.approx([1, 1.6, 2.2, 2.8, 3.4])  # goes beyond emax, as Sherpa's grids do
    assert energy_edges(0.5, 2.0, 0.1).size == 16  # 0.5 + 15 * 0.1 is 2.0
    for arguments, message in [
        ((None, 7, 0.1), "emin must be a number"),
        ((0.5, None, None), "emax, ewidth must be"),
        ((7, 0.5, 0.1), "must be below"),
        ((0.5, 7, 0), "must be above 0"),
        ((0.5, 7, 8), "is more than"),
        ((0.5, 7, 6.5), "single bin"),
        ((0, 7, 1), "above 0 keV"),
        ((0.1, 10, 1e-9), "choose a larger one"),
    ]:
        with pytest.raises(ParameterError, match=message):
            energy_edges(*arguments)


@given(st.floats(-1, 4), st.floats(0, 5), st.floats(0.02, 1.0))
def test_weights_sum_to_one_and_do_not_depend_on_the_norm(gamma, nh, width):
    edges = energy_edges(0.5, 7.0, width)
    w = [
        model_weights(parse_model("xswabs.a*powlaw1d.p", f"a.nh={nh};p.gamma={gamma};p.ampl={n}"), edges).weight
        for n in (1, 1e-5)
    ]
    assert w[0].sum() == pytest.approx(1, abs=1e-12) and (w[0] >= 0).all()
    assert w[0] == pytest.approx(w[1], rel=1e-9)


def test_bad_fluxes():
    edges = energy_edges(1, 2, 0.1)
    for model, message in [
        (lambda lo, hi: -lo, "negative at 1 keV"),
        (lambda lo, hi: 0 * lo, "no photons"),
        (lambda lo, hi: lo * np.nan, "not a number"),
    ]:
        with pytest.raises(ParameterError, match=message):
            model_weights(model, edges)


def test_tables():
    model = tabulated(np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.0, 2.0]), "t")
    lo, hi = np.array([0.0, 1.0, 1.5, 2.0, 3.5]), np.array([1.0, 1.5, 2.0, 3.5, 9.0])
    assert model(lo, hi) == pytest.approx([0, 0.25, 0.75, 3.0, 1.0])
    for e, f, message in [
        ([1.0], [1.0], "1 rows"),
        ([1.0, np.nan], [1, 1], "not a number"),
        ([2.0, 1.0], [1, 1], "do not ascend"),
        ([1.0, 2.0], [1, -1], "negative"),
    ]:
        with pytest.raises(DataError, match=message):
            tabulated(np.array(e), np.array(f, float), "t")


def test_values_as_text():
    assert parse_values(" A.Nh = 1e-2 ;; b.x=-3;") == {("a", "nh"): 0.01, ("b", "x"): -3.0}


def test_through_sherpa(monkeypatch):
    """The adapter, against a stand-in with Sherpa's functions."""
    from ciaopy.spectra import with_sherpa

    class Model:
        def __init__(self, kind, name):
            self.pars = [SimpleNamespace(name="nH" if kind == "xsapec" else "gamma", val=1.0)]
            self.kind = kind

        def __call__(self, lo, hi):
            return np.full(lo.shape, self.pars[0].val)

        def __mul__(self, other):
            return lambda lo, hi: self(lo, hi) * other(lo, hi)

    calls = []
    ui = ModuleType("sherpa.astro.ui")
    ui.list_models = lambda what: ["xsapec", "powlaw1d"]
    ui.create_model_component = Model
    ui.set_xsabund = lambda name: calls.append(name)
    ui.set_xsxsect = lambda name: calls.append(name)
    astro, sherpa = ModuleType("sherpa.astro"), ModuleType("sherpa")
    astro.ui, sherpa.astro = ui, astro
    for name, module in (("sherpa", sherpa), ("sherpa.astro", astro), ("sherpa.astro.ui", ui)):
        monkeypatch.setitem(sys.modules, name, module)
    model = with_sherpa.sherpa_model("xsapec.a*powlaw1d.p", "a.nh=3;p.gamma=2", "wilm", "vern")
    assert model(LO, HI).tolist() == [6.0] * LO.size and calls == ["wilm", "vern"]
    assert with_sherpa.sherpa_model("xsnone.a*powlaw1d.p", "", "wilm", "vern") is None
    with pytest.raises(ParameterError, match="a has no parameter kt"):
        with_sherpa.sherpa_model("xsapec.a", "a.kt=3", "wilm", "vern")
