"""Instrument maps, weights, grids, windows and bad pixels on arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io.fits import Header
from exposure_helpers import CHIP_GRID, HEADER, view

from ciaopy.caldb import lite
from ciaopy.caldb.products import QeuChip, QeUniformity
from ciaopy.coords import Attitude
from ciaopy.errors import DataError, ParameterError, UserError
from ciaopy.exposure import (
    ChipResponse,
    MaskWindow,
    Spectrum,
    bad_pixel_factor,
    instrument_map,
    mask_factor,
    mask_windows,
    parse_pixelgrid,
    parse_xygrid,
)
from ciaopy.fits.blocks import Column, Table

POINTING = Attitude.of(150.0, 40.0, 57.0)


def full_response(**changes: object) -> ChipResponse:
    get = {n: lite.product(n, HEADER, ccd_id=3) for n in ("QE", "QEU", "CONTAM", "DEAD_AREA", "AXEFFA", "VIGNET")}
    parts = {
        "mirror": get["AXEFFA"],
        "vignetting": get["VIGNET"],
        "efficiency": get["QE"],
        "uniformity": get["QEU"],
        "contamination": get["CONTAM"],
        "dead_area": get["DEAD_AREA"],
        "time": 2.26e8,
    }
    return ChipResponse(3, **{**parts, **changes})  # type: ignore[arg-type]


def test_pixel_values_are_the_product_of_the_factors() -> None:
    r = full_response()
    m = instrument_map(r, Spectrum.mono(1.5), view().plane, POINTING, CHIP_GRID)
    for x, y in ((1, 1), (1024, 1024), (500, 3), (77, 800)):
        det = view().plane.chip_to_det(3, float(x), float(y), POINTING)
        theta, _ = view().plane.off_axis(*det)
        phi = r.vignetting.azimuth(det[0] - 4096.5, det[1] - 4096.5)  # type: ignore[union-attr]
        truth = (
            r.mirror.at(1.5)  # type: ignore[union-attr]
            * r.vignetting.at(1.5, theta, phi)  # type: ignore[union-attr]
            * r.efficiency.at(1.5, 3)  # type: ignore[union-attr]
            * r.uniformity.at(1.5, x, y, 3)  # type: ignore[union-attr]
            * r.contamination.transmission(1.5, r.time, x, y, 3)  # type: ignore[union-attr]
            * r.dead_area.at(y, 3)  # type: ignore[union-attr]
        )
        assert m.data[y - 1, x - 1] == pytest.approx(float(truth), rel=5e-4)


def test_weights_are_the_weighted_sum_of_energies() -> None:
    energies, weights = np.array([0.92, 1.5, 2.3, 3.8]), np.array([0.3, 0.4, 0.2, 0.1])
    r = full_response()
    together = instrument_map(r, Spectrum(energies, weights, 0.5, 7.0), view().plane, POINTING, CHIP_GRID).data
    single = sum(
        w * instrument_map(r, Spectrum.mono(e), view().plane, POINTING, CHIP_GRID).data
        for e, w in zip(energies, weights, strict=True)
    )
    np.testing.assert_allclose(together, single, rtol=1e-5)


def test_uniformity_images_keep_their_steps_and_their_energies() -> None:
    blocks = np.ones((2, 4, 4))
    blocks[0, 1, 2], blocks[1, 1, 2] = 0.5, 0.9
    qeu = QeUniformity(source="made", chips={3: QeuChip(np.array([1.0, 3.0]), blocks, 1024, 1024)})
    r = ChipResponse(3, 1.0, uniformity=qeu)
    data = instrument_map(r, Spectrum.mono(2.0), view().plane, POINTING, CHIP_GRID).data
    assert data[300, 600] == pytest.approx(0.7)
    assert data[300, 511] == pytest.approx(1.0)
    assert np.count_nonzero(data < 0.99) == 256 * 256


def test_factor_and_constant_response() -> None:
    factor = np.ones((1024, 1024))
    factor[5] = 0
    data = instrument_map(ChipResponse(3, 1.0), Spectrum.mono(1.0), view().plane, POINTING, CHIP_GRID, factor).data
    np.testing.assert_array_equal(data, factor)


def test_windows_of_a_mask() -> None:
    columns = {
        "SHAPE": np.array([b"rectangle", b"rectangle", b"!rectangle"], "S16"),
        "COMPONENT": np.array([1, 2, 2]),
        "CHIPX": np.array([[2, 1023], [1, 1024], [2, 1023]]),
        "CHIPY": np.array([[101, 200], [1, 1024], [101, 200]]),
        "SAMP_CYC": np.array([1, 0, 1]),
    }
    table = Table("MASK3", {k.lower(): Column(k, v) for k, v in columns.items()}, Header())
    factor = mask_factor(mask_windows(table), CHIP_GRID)
    assert factor.sum() == 1022 * 100
    assert factor[100, 1] == 1
    assert factor[99, 1] == 0
    del table.columns["samp_cyc"]
    with pytest.raises(DataError, match="SAMP_CYC"):
        mask_windows(table)


def test_sampled_windows_and_bad_pixels_on_wide_pixels() -> None:
    grid = parse_pixelgrid("1:1024:#256,1:1024:#256")
    factor = mask_factor([MaskWindow(((1, 10, 1, 1024),), (), 2)], grid)
    np.testing.assert_allclose(factor[0, :4], [0.5, 0.5, 0.25, 0.0])
    bad = bad_pixel_factor(np.array([[3.0, 3.0, 1.0, 1024.0], [2000.0, 2001.0, 1.0, 1.0]]), grid)
    np.testing.assert_allclose(bad[:, 0], 0.75)
    assert (bad[:, 1:] == 1).all()


@pytest.mark.parametrize(
    "text", ["", "1:2:#3", "1:2:#0,1:2:#3", "2:1:#3,1:2:#3", "a:2:#3,1:2:#3", "1:2:#2.5,1:2:#2", "1:9:0,1:2:1"]
)
def test_grids_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ParameterError, match="xygrid"):
        parse_xygrid(text)


def test_grids() -> None:
    grid = parse_xygrid("0.5:8192.5:#1024,10.25:20:2")
    assert (grid.x.count, grid.x.step) == (1024, 8.0)
    assert (grid.y.count, grid.y.high) == (5, 20.25)
    chip = parse_pixelgrid("1:1024:#1024,0.5:1024.5:#512")
    assert (chip.x.low, chip.x.step, chip.y.step) == (0.5, 1.0, 2.0)
    hrc = parse_pixelgrid("1:16384:#512,1:16384:#512")
    assert (hrc.x.low, hrc.x.step) == (0.5, 32.0)


def test_weights_files(tmp_path: Path) -> None:
    path = tmp_path / "w.txt"
    path.write_text("# X WEIGHT\n# ENERG_LO = 0.5 / low\n# ENERG_HI = 7.0\nX WEIGHT\n0.92 0.25\n1.5, 0.75\n")
    s = Spectrum.read(path)
    assert (s.low, s.high, s.total) == (0.5, 7.0, 1.0)
    path.write_text("1.0 0.5\n2.0 0.5\n")
    assert (Spectrum.read(path).low, Spectrum.read(path).high) == (0.5, 2.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no weights"),
        ("1.0 0.5\n2.0\n", "line 2 has no weight"),
        ("1.0 0.5\n2.0 nan\n", "not a number"),
        ("1.0 0.5\n2.0 -0.5\n", "negative"),
        ("2.0 0.5\n1.0 0.5\n", "do not rise"),
        ("1.0 0\n2.0 0\n", "all weights are 0"),
    ],
)
def test_weights_with_holes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        Spectrum.read(path)


def test_weights_file_missing_and_energy_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        Spectrum.read(tmp_path / "no.txt")
    with pytest.raises(ParameterError, match="above 0"):
        Spectrum.mono(0.0)
