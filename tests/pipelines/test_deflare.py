"""deflare as users call it: light curves in, good times and pictures out, events with sources left out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.console import Console
from ciaopy.engine.run import run_tool
from ciaopy.errors import DataError, NoDataError, ParameterError, UserError
from ciaopy.param import open_parameters
from ciaopy.runtool import dmcopy, dmextract

WIDTH = 200.0


def deflare(*arguments: object) -> tuple[Any, str]:
    """Run deflare; return what it returned and what it printed."""
    par = open_parameters("deflare", [*map(str, arguments), "mode=h"], mode="h")
    out = io.StringIO()
    return run_tool(par, Console(1, out, out)), out.getvalue()


def light_curve(path: Path, rates: Any, drop: str = "", **keys: Any) -> str:
    """Write a light curve in the layout of dmextract."""
    n = len(rates)
    start = 5000.0 + WIDTH * np.arange(n)
    values = {
        "TIME": start + WIDTH / 2, "TIME_MIN": start, "TIME_MAX": start + WIDTH, "EXPOSURE": np.full(n, WIDTH * 0.98),
        "COUNT_RATE": np.asarray(rates, float),
    }  # fmt: skip
    columns = [fits.Column(k, "D", array=v) for k, v in values.items() if k not in drop.split()]
    hdu = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    hdu.header.update({"TIMEDEL": WIDTH, "TIMEPIXR": 0.5, "DTCOR": 0.98, "OBS_ID": "99", "OBJECT": "Sky"} | keys)
    hdu.writeto(path)
    return str(path)


def intervals(path: Path) -> list[tuple[float, float]]:
    table = fits.getdata(path, "GTI")
    return list(zip(table["START"].tolist(), table["STOP"].tolist(), strict=True))


RATES = [1.0, 1.03, 0.97, 1.0, 4.0, 6.0, 1.02, 0.98, 1.0, 9.0, 1.0, 8.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("method", ["clean", "sigma"])
def test_good_times(tmp_path, method):
    name = light_curve(tmp_path / "a.lc", RATES)
    gti = tmp_path / "a.gti"
    extra = ["nsigma=2", "minlength=1"] if method == "sigma" else ["mean=1"]
    result, said = deflare(name, gti, method, *extra)
    assert intervals(gti) == [(5000.0, 5800.0), (6200.0, 6800.0), (7000.0, 7200.0), (7400.0, 7800.0)]
    assert list(result.gti) == intervals(gti)
    routine = {"clean": "lc_clean", "sigma": "lc_sigma_clip"}[method]
    assert f"using the {routine} routine" in said
    assert "((time >= 6200.000) && (time < 6800.000)) ; 0.588 ksec, bin 7" in said
    with fits.open(gti) as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "FILTER", "GTI"]
        assert hdus["FILTER"].header["DSVAL1"] == "TABLE" and hdus["FILTER"].header["DSREF1"] == ":GTI"
        keys = hdus["GTI"].header
        assert (keys["CONTENT"], keys["HDUCLAS1"], keys["HDUCLAS2"]) == ("GTI", "GTI", "STANDARD")
        assert hdus["GTI"].columns.units == ["s", "s"]
        assert "TOOL  :deflare" in str(hdus["FILTER"].header["HISTORY"])


def test_short_runs_are_left_out(tmp_path):
    name = light_curve(tmp_path / "a.lc", RATES)
    deflare(name, tmp_path / "a.gti", "sigma", "nsigma=2")
    assert intervals(tmp_path / "a.gti") == [(5000.0, 5800.0), (6200.0, 6800.0)]


def test_output_is_replaced_and_filters_events(tmp_path):
    name = light_curve(tmp_path / "a.lc", RATES)
    (tmp_path / "a.gti").write_text("old")
    deflare(name, tmp_path / "a.gti", "mean=1")
    time = np.arange(4990.0, 8010.0, 7.0)
    events = fits.BinTableHDU.from_columns([fits.Column("time", "D", array=time)], name="EVENTS")
    events.writeto(tmp_path / "evt.fits")
    dmcopy(f"{tmp_path}/evt.fits[@{tmp_path}/a.gti]", str(tmp_path / "out.fits"))
    kept = np.zeros(time.size, bool)
    for start, stop in intervals(tmp_path / "a.gti"):
        kept |= (time >= start) & (time < stop)
    assert fits.getdata(tmp_path / "out.fits")["time"].tolist() == time[kept].tolist()


def test_no_output_file(tmp_path):
    name = light_curve(tmp_path / "a.lc", RATES)
    for outfile in ("none", ""):
        result, _ = deflare(name, f"outfile={outfile}", "mean=1")
        assert result.gti.duration == 2000.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.lc"]


def test_constant_rate(tmp_path):
    name = light_curve(tmp_path / "a.lc", [0.5] * 8)
    for method in ("clean", "sigma"):
        deflare(name, tmp_path / "a.gti", method)
        assert intervals(tmp_path / "a.gti") == [(5000.0, 6600.0)]


def test_names_in_any_case_and_rate(tmp_path):
    name = light_curve(tmp_path / "a.lc", RATES, drop="TIME_MIN TIME_MAX")
    with fits.open(name, mode="update") as hdus:
        hdus[1].columns.change_name("COUNT_RATE", "rate")
        hdus[1].columns.change_name("TIME", "Time")
    deflare(name, tmp_path / "a.gti", "mean=1")
    assert intervals(tmp_path / "a.gti")[0] == (5000.0, 5800.0)
    deflare(name, tmp_path / "a.gti", "sigma", "nsigma=2")
    assert intervals(tmp_path / "a.gti") == [(5100.0, 5700.0), (6300.0, 6700.0)]


def test_refusals(tmp_path):
    good = light_curve(tmp_path / "good.lc", RATES)
    cases = [
        (light_curve(tmp_path / "b.lc", RATES, drop="COUNT_RATE"), [], DataError, "no column COUNT_RATE or RATE"),
        (light_curve(tmp_path / "c.lc", RATES, drop="EXPOSURE"), [], DataError, "no column EXPOSURE"),
        (light_curve(tmp_path / "d.lc", [0, 0, 0]), [], NoDataError, "no bin of the light curve has a rate above 0"),
        (light_curve(tmp_path / "e.lc", [1.0]), [], NoDataError, "a single bin"),
        (light_curve(tmp_path / "f.lc", []), [], NoDataError, "no bins"),
        (light_curve(tmp_path / "g.lc", RATES, drop="TIME"), [], DataError, "no column TIME "),
        (good, ["mean=1", "minfrac=0.9"], NoDataError, "minfrac is 0.9"),
        (good, ["scale=0.5"], ParameterError, "scale=0.5 must be at least 1"),
        (good, ["nsigma=0"], ParameterError, "nsigma=0 must be above 0"),
        (good, ["method=sigma", "minlength=0"], ParameterError, "minlength=0 must be at least 1"),
        (good, ["exclude=auto"], UserError, "needs an event file"),
        (good, ["mean=1", "save=x.png", "good_color=nosuch"], ParameterError, "good_color=nosuch is no colour"),
        (str(tmp_path / "none.lc"), [], DataError, "none.lc"),
        ("", [], UserError, "infile is empty"),
    ]
    for name, extra, error, message in cases:
        out = tmp_path / "out.gti"
        with pytest.raises(error, match=message):
            deflare(f"infile={name}", f"outfile={out}", *[e.replace("x.png", f"{tmp_path}/x.png") for e in extra])
        assert not out.exists()


def test_input_is_not_overwritten(tmp_path):
    name = light_curve(tmp_path / "a.lc", RATES)
    before = Path(name).read_bytes()
    with pytest.raises(UserError, match="would overwrite the input"):
        deflare(name, name, "mean=1")
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize("pattern", ["solid", "nofill", "polkadot"])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_picture(tmp_path, pattern, axis):
    name = light_curve(tmp_path / "a.lc", RATES)
    deflare(name, tmp_path / "a.gti", "mean=1", f"save={tmp_path}/p.png", f"pattern={pattern}", f"rateaxis={axis}")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_picture_of_too_few_good_bins_and_pdf(tmp_path):
    name = light_curve(tmp_path / "a.lc", RATES)
    with pytest.raises(NoDataError, match="minfrac"):
        deflare(name, tmp_path / "a.gti", "mean=1", "minfrac=0.9", f"save={tmp_path}/p")
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")
    assert not (tmp_path / "a.gti").exists()


def test_plot_without_display(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    name = light_curve(tmp_path / "a.lc", RATES)
    _, said = deflare(name, tmp_path / "a.gti", "mean=1", "plot=yes")
    assert "no display" in said


def sky_events(path: Path, seed: int = 1, flare: tuple[float, float] = (14_000.0, 16_000.0)) -> tuple[float, float]:
    """Write events: background 1/s with a flare of 3/s more, and a variable source at (4000, 4200)."""
    rng = np.random.default_rng(seed)
    span = 20_000.0
    t = [rng.uniform(0, span, rng.poisson(span)), rng.uniform(*flare, rng.poisson(3 * (flare[1] - flare[0])))]
    t.append(rng.uniform(2000.0, 6000.0, 8000))
    time = np.concatenate(t)
    x, y = rng.uniform(3600, 4600, (2, time.size))
    x[-8000:], y[-8000:] = rng.normal(4000, 2, 8000), rng.normal(4200, 2, 8000)
    order = np.argsort(time)
    columns = [
        fits.Column("time", "D", unit="s", array=time[order] + 1e8),
        fits.Column("x", "E", array=x[order]),
        fits.Column("y", "E", array=y[order]),
    ]
    events = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    h = events.header
    h.update({"HDUNAME": "EVENTS", "TSTART": 1e8, "TSTOP": 1e8 + span, "DTCOR": 0.98, "MTYPE1": "sky", "MFORM1": "x,y"})
    h.update({"DSTYP1": "time", "DSVAL1": "TABLE", "DSREF1": ":GTI", "DSFORM1": "D", "DSUNIT1": "s"})
    for n, (name, value, step) in enumerate((("RA---TAN", 10.0, -1), ("DEC--TAN", 20.0, 1)), 2):
        h.update({f"TCTYP{n}": name, f"TCRVL{n}": value, f"TCRPX{n}": 4096.5, f"TCDLT{n}": step * 1.36667e-4})
        h.update({f"TLMIN{n}": 0.5, f"TLMAX{n}": 8192.5, f"TCUNI{n}": "deg"})
    gti = fits.BinTableHDU.from_columns(
        [fits.Column("START", "D", array=[1e8]), fits.Column("STOP", "D", array=[1e8 + span])], name="GTI"
    )
    gti.header["HDUNAME"] = "GTI"
    fits.HDUList([fits.PrimaryHDU(), events, gti]).writeto(path)
    return flare


def test_events_in_two_steps_or_one(tmp_path):
    start, stop = sky_events(tmp_path / "evt.fits")
    dmextract(
        f"{tmp_path}/evt.fits[exclude sky=circle(4000,4200,20)][bin time=::200]", str(tmp_path / "a.lc"), opt="ltc1"
    )
    deflare(tmp_path / "a.lc", tmp_path / "a.gti", "sigma")
    (tmp_path / "src.reg").write_text("circle(4000,4200,20)\n")
    result, _ = deflare(tmp_path / "evt.fits", tmp_path / "b.gti", "sigma", f"exclude={tmp_path}/src.reg")
    assert intervals(tmp_path / "a.gti") == intervals(tmp_path / "b.gti")
    quiet = np.arange(0.0, 20_000.0, 10.0)
    good = result.gti.filter(quiet + 1e8)
    flared = (quiet >= start) & (quiet < stop)
    assert not good[flared].any()
    assert good[~flared].mean() > 0.95


def test_auto_leaves_the_source_out(tmp_path):
    sky_events(tmp_path / "evt.fits")
    plain, _ = deflare(tmp_path / "evt.fits", "none", "clean", "mean=1.02", "scale=1.4")
    auto, said = deflare(tmp_path / "evt.fits", "none", "clean", "mean=1.02", "scale=1.4", "exclude=auto")
    assert "1 sources are left out" in said
    source = 1e8 + np.arange(2000.0, 6000.0, 50.0)
    assert plain.gti.filter(source).mean() < 0.2
    assert auto.gti.filter(source).mean() > 0.95


def test_exclude_needs_its_region_file(tmp_path):
    sky_events(tmp_path / "evt.fits")
    with pytest.raises(UserError, match=r"no\.reg: no such region file"):
        deflare(tmp_path / "evt.fits", "none", f"exclude={tmp_path}/no.reg")
    with pytest.raises(ParameterError, match="binlength=0"):
        deflare(tmp_path / "evt.fits", "none", "binlength=0")
    with pytest.raises(NoDataError, match="a single bin"):
        deflare(tmp_path / "evt.fits", "none", "binlength=50000")
