"""`ciaopy demo`, end to end, with a CALDB in the environment, and where it falls short."""

from __future__ import annotations

import pytest

from ciaopy.cli import demo, previews
from ciaopy.cli.main import run_application
from ciaopy.simulation.check import FluxRow

PNG = b"\x89PNG\r\n\x1a\n"


def test_the_demo_from_end_to_end(tmp_path, monkeypatch, capsys, private_home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALDB", "/nowhere")
    assert run_application(["demo", "--events", "20000"]) == 0
    text = capsys.readouterr()
    folder = tmp_path / "ciaopy-demo"
    assert "all ok" in text.out and "SHORT" not in text.out and "embedded calibration" in text.out
    assert text.out.count("\nok ") >= 7
    assert list((folder / "repro").glob("*_repro_evt2.fits")) and list((folder / "repro").glob("*_repro_bpix1.fits"))
    pictures = sorted(folder.glob("*.png"))
    assert [p.name for p in pictures] == ["demo_image.png", "demo_lightcurve.png", "demo_spectrum.png"]
    assert all(p.read_bytes().startswith(PNG) for p in pictures)
    assert str(pictures[0].relative_to(tmp_path)) in text.out
    assert not list(private_home.rglob("*.par")), "the demo leaves the user's parameter files alone"
    assert list((folder).rglob("*_flux.img")) or not demo._has_fluximage()
    assert run_application(["demo", "--events", "20000"]) == 1
    assert "--clobber" in capsys.readouterr().err


def test_the_demo_tells_where_it_falls_short(tmp_path, monkeypatch, capsys):
    real = demo._read

    def loses_events(*what):
        t = real(*what)
        return demo._Tables(t.level1, t.simulated2, t.truth, t.level2.take(slice(None, None, 2)), t.sources)

    monkeypatch.setattr(demo, "_read", loses_events)
    monkeypatch.setattr(previews, "write_previews", lambda *a: [])
    assert run_application(["demo", str(tmp_path / "d"), "--events", "6000", "--no-images"]) == 1
    assert "SHORT: good events kept" in capsys.readouterr().out


def test_the_table_of_fluxes_marks_what_disagrees():
    rows = [FluxRow(1, "soft", 1.0e-5, 4e-7, 1.02e-5), FluxRow(2, "hard", 3.0e-5, 4e-7, 1.0e-5)]
    lines = demo.flux_table(rows)
    assert "SHORT" not in lines[1] and "0.980" in lines[1] and "SHORT" in lines[2]
    assert not demo._flux_check(rows).passed
    assert not demo._flux_check([]).passed and demo._flux_check([rows[0]] * 3).passed


@pytest.mark.parametrize("words", [["--events", "10"], ["--seed", "-2"], ["--verbose", "9"]])
def test_wrong_options_are_usage_errors(words, tmp_path, capsys):
    assert run_application(["demo", str(tmp_path / "d"), *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
