"""Several runs of fluximage into one outroot, and headers that agree between the files of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application
from ciaopy.simulation import Setup, simulate

GRID = ("CTYPE1P", "CRPIX1P", "CRVAL1P", "CDELT1P", "CRPIX2P", "CRVAL2P", "CDELT2P", "LTV1", "LTV2", "LTM1_1", "LTM2_2",
        "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "CTYPE1", "CTYPE2")  # fmt: skip


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sim") / "obs"
    simulate(Setup(events=3000, mode="GRADED", chips=(2, 3), seed=4, exposure=3000.0), folder, compress=False)
    return next(folder.rglob("*evt1.fits"))


def flux(*words: object) -> int:
    return run_application(["fluximage", *map(str, words), "mode=h"])


def header(path: Path) -> Any:
    with fits.open(path) as hdus:
        return next(b for b in hdus if b.data is not None and b.data.ndim == 2).header.copy()


def test_bands_one_by_one_share_the_field_of_view(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Example 5 of the ahelp page: another band into the same outroot keeps the field of view that is there."""
    root = tmp_path / "sim"
    assert flux(events, root, "bands=soft") == 0
    fov = next(tmp_path.glob("*.fov"))
    before = fov.read_bytes()
    capsys.readouterr()
    assert flux(events, root, "bands=hard") == 0
    assert f"is kept: {fov}" in capsys.readouterr().out and fov.read_bytes() == before
    assert {"sim_soft_flux.img", "sim_hard_flux.img"} <= {p.name for p in tmp_path.iterdir()}
    assert header(tmp_path / "sim_soft_thresh.img")["NAXIS1"] == header(tmp_path / "sim_hard_thresh.img")["NAXIS1"]
    assert flux(events, root, "bands=hard") == 1
    assert "sim_hard_flux.img" in capsys.readouterr().err, "products themselves are not replaced"


@pytest.mark.parametrize("change", ["polygons", "observation", "text"])
def test_another_field_of_view_is_not_kept(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    root = tmp_path / "sim"
    assert flux(events, root, "bands=soft", "binsize=32") == 0
    fov = next(tmp_path.glob("*.fov"))
    if change == "text":
        fov.write_text("not a field of view")
    else:
        with fits.open(fov, mode="update") as hdus:
            if change == "polygons":
                hdus[1].data["X"] += np.float64(5)
            else:
                hdus[1].header["OBS_ID"] = "1"
    before = fov.read_bytes()
    capsys.readouterr()
    assert flux(events, root, "bands=hard", "binsize=32") == 1
    assert fov.name in capsys.readouterr().err and fov.read_bytes() == before
    assert not (tmp_path / "sim_hard_flux.img").exists()


@pytest.mark.parametrize(
    "grid", ["binsize=13.3", "xygrid=2500:5500:57.7,3000:5000:61.3", "xygrid=2500:5500:#53,3000:5000:#37"]
)
def test_headers_agree_to_the_last_digit(
    events: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], grid: str
) -> None:
    """Scales that are no sums of powers of two: image, map, flux and PSF map have one grid; units on all of them."""
    assert flux(events, tmp_path / "sim", "bands=soft", "psfecf=0.9", "cleanup=no", grid) == 0
    images = sorted(p for p in tmp_path.iterdir() if p.suffix in {".img", ".expmap", ".psfmap"})
    assert len(images) == 8
    grids = {tuple((k, repr(header(p)[k])) for k in GRID) for p in images}
    assert len(grids) == 1
    said = capfd.readouterr()
    assert "keywords differ" not in said.out + said.err
    units = {p.name: header(p)["BUNIT"] for p in images}
    assert {v for k, v in units.items() if k.endswith(("soft.img", "thresh.img"))} == {"count"}
    assert {v for k, v in units.items() if k.endswith(".expmap")} == {"cm**2 s"}
    assert (units["sim_soft_flux.img"], units["sim_soft_thresh.psfmap"]) == ("photon/cm2/s", "arcsec")


@pytest.mark.parametrize("bands", ["7:0.5:2.3", "soft,2:2:2", "7.0:2:1"])
def test_a_reversed_band_is_refused_before_any_work(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], bands: str
) -> None:
    assert flux(events, tmp_path / "new" / "x", f"bands={bands}") == 1
    assert "the lower limit is not below the upper one" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
