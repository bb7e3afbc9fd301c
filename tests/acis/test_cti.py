"""CTI adjustment against a forward model written independently of the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ciaopy.acis.cti import CtiRules, adjust_islands, cti_application, cti_tables
from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.pulse_height import split_array
from ciaopy.caldb.products_acis import CtiChip, CtiModel
from ciaopy.caldb.products_base import ChipCurves, ChipRegions

PHA = np.array([0.0, 50.0, 200.0, 1000.0, 4000.0])
VOLUME = 0.6 * PHA**0.65
FRACTION = np.array([0.6, 0.6, 0.5, 0.4, 0.3])
SPLIT = 13.0
FloatArray = NDArray[np.float64]


def model(serial: bool = True, warm: float = 0.0, strength: float = 1.0) -> CtiModel:
    """A trap map like a real one: losses grow with the number of transfers, with 20% scatter from pixel to pixel."""
    rng = np.random.default_rng(4)
    row = np.arange(1, 1025)[:, None] / 1024.0
    parallel = (0.35 * row * rng.uniform(0.8, 1.2, (1024, 1024)) * strength).astype(np.float32)
    column = ((np.arange(1024) % 256) / 256.0)[None, :]
    serial_map = (0.12 * column * rng.uniform(0.8, 1.2, (1024, 1024)) * strength).astype(np.float32)
    region = ChipRegions.from_limits(np.array([[1, 1024, 1, 1024]]))
    y = {"volume_x": VOLUME, "volume_y": VOLUME, "fraction_x": FRACTION, "fraction_y": FRACTION}
    curves = ChipCurves(region, np.array([5], np.int32), PHA[None, :], {k: v[None, :] for k, v in y.items()})
    slope = np.array([warm])
    chips = {3: CtiChip(None, parallel, curves, slope, slope)}
    if serial:
        chips[7] = CtiChip(serial_map, parallel, curves, slope, slope)
    return CtiModel(source="test", chips=chips, reference_temperature=153.0)


def lose(charge: FloatArray, traps: FloatArray, upstream: list[int]) -> FloatArray:
    """Forward model of one direction for one island of 9 pixels: what is read out of `charge`."""
    volume = np.interp(charge, PHA, VOLUME)
    before = np.array([volume[p] if p >= 0 else 0.0 for p in upstream])
    lost = np.where(charge >= SPLIT, traps * np.maximum(volume - before, 0.0), 0.0)
    released = lost * np.interp(charge, PHA, FRACTION)
    return charge - lost + np.array([released[p] if p >= 0 else 0.0 for p in upstream])


BELOW = [-1, -1, -1, 0, 1, 2, 3, 4, 5]
LEFT = [-1, 0, 1, -1, 3, 4, -1, 6, 7]
RIGHT = [1, 2, -1, 4, 5, -1, 7, 8, -1]


def read_out(chip: CtiChip, charge: FloatArray, x: int, y: int, factor: float = 1.0) -> FloatArray:
    """Parallel transfer, then serial transfer (nodes 0 and 2 towards low chipx)."""
    rows, columns = np.repeat(np.arange(y - 2, y + 1), 3), np.tile(np.arange(x - 2, x + 1), 3)
    assert chip.trap_y is not None
    out = lose(charge, factor * chip.trap_y[rows, columns].astype(float), BELOW)
    if chip.trap_x is not None:
        toward_low = ((x - 1) // 256) % 2 == 0
        out = lose(out, factor * chip.trap_x[rows, columns].astype(float), LEFT if toward_low else RIGHT)
    return out


def events(n: int, ccd: int) -> tuple[EventBlock, FloatArray]:
    """Events away from node boundaries, with islands of one to four pixels and noise below the threshold."""
    rng = np.random.default_rng(n + ccd)
    x = rng.integers(0, 4, n) * 256 + rng.integers(4, 253, n)
    y = rng.integers(4, 1021, n)
    charge = rng.uniform(-5, 5, (n, 9))
    charge[:, 4] = rng.uniform(60, 3000, n)
    for k in (1, 3, 5, 7, 0, 8):
        chosen = rng.random(n) < 0.25
        charge[chosen, k] = np.maximum(charge[chosen, 4] * rng.uniform(0.05, 0.45, int(chosen.sum())), 20.0)
    ids, cx, cy = (v.astype(np.int16) for v in (np.full(n, ccd), x, y))
    return EventBlock(np.zeros(n), ids, cx, cy, np.zeros(n, np.uint64)), charge


def recovered(ccd: int, warm: float = 0.0) -> FloatArray:
    n = 4000
    cti = model(warm=warm)
    block, charge = events(n, ccd)
    temperature = np.full(n, 156.0)
    factor = 1.0 + warm * 3.0
    seen = np.array(
        [
            read_out(cti.chips[ccd], q, int(x), int(y), factor)
            for q, x, y in zip(charge, block.chipx, block.chipy, strict=True)
        ]
    )
    assert np.abs(seen - charge).max() > 10.0
    found, status = adjust_islands(block, cti_tables(cti), seen, split_array(None), temperature)
    assert not status.any()
    return np.abs(found - charge)


@pytest.mark.parametrize("ccd", [3, 7])
def test_adjustment_recovers_the_island(ccd: int) -> None:
    """Parallel losses alone (CCD 3), serial and parallel (CCD 7): below 0.2 adu for 99.9% of events."""
    worst = recovered(ccd).max(axis=1)
    assert np.mean(worst < 0.2) >= 0.999
    assert np.median(worst) < 0.02


def test_losses_follow_the_temperature() -> None:
    assert np.mean(recovered(7, warm=0.05).max(axis=1) < 0.2) >= 0.999


def test_without_temperature_the_reference_holds() -> None:
    block, charge = events(50, 3)
    tables = cti_tables(model(warm=0.05))
    plain, _ = adjust_islands(block, tables, charge, split_array(None))
    at_reference, _ = adjust_islands(block, tables, charge, split_array(None), np.full(50, 153.0))
    unknown, _ = adjust_islands(block, tables, charge, split_array(None), np.full(50, np.nan))
    np.testing.assert_array_equal(plain, at_reference)
    np.testing.assert_array_equal(plain, unknown)


@pytest.mark.parametrize("ccd", [3, 7])
def test_events_do_not_depend_on_their_neighbours(ccd: int) -> None:
    """Look-ups are made for several events at a time: each comes out the same alone, in another order, in a block."""
    block, charge = events(150, ccd)
    tables, split = cti_tables(model()), split_array(None)
    whole, status = adjust_islands(block, tables, charge, split)
    order = np.random.default_rng(6).permutation(150)
    mixed = EventBlock(*(v[order] for v in (block.time, block.ccd_id, block.chipx, block.chipy, block.keys)))
    found, bits = adjust_islands(mixed, tables, charge[order], split)
    np.testing.assert_array_equal(found, whole[order])
    np.testing.assert_array_equal(bits, status[order])
    for i in (0, 63, 64, 149):
        np.testing.assert_array_equal(
            adjust_islands(block.rows(slice(i, i + 1)), tables, charge[i : i + 1], split)[0][0], whole[i]
        )


def test_no_traps_no_change() -> None:
    block, charge = events(100, 7)
    found, status = adjust_islands(block, cti_tables(model(strength=0.0)), charge, split_array(None))
    np.testing.assert_array_equal(found, charge)
    assert not status.any()


def test_chips_without_model_and_pixels_below_the_threshold_stay() -> None:
    block, charge = events(100, 5)
    found, _ = adjust_islands(block, cti_tables(model()), charge, split_array(None))
    np.testing.assert_array_equal(found, charge)
    block, charge = events(200, 3)
    quiet = np.minimum(charge, 12.9)
    found, _ = adjust_islands(block, cti_tables(model()), quiet, split_array(None))
    np.testing.assert_array_equal(found, quiet)


def test_islands_that_do_not_settle_get_bit_20() -> None:
    block, charge = events(200, 7)
    tables = cti_tables(model(strength=3.0))
    _, status = adjust_islands(block, tables, charge, split_array(None), rules=CtiRules(1, 0.1))
    assert np.mean(status == 1 << 20) > 0.9
    _, settled = adjust_islands(block, tables, charge, split_array(None), rules=CtiRules(20, 0.1))
    assert np.mean(settled == 0) > 0.99


def test_islands_at_the_edge_of_the_chip() -> None:
    ids, x, y = (np.array(v, np.int16) for v in ([7, 7], [1, 1024], [1, 1024]))
    block = EventBlock(np.zeros(2), ids, x, y, np.zeros(2, np.uint64))
    found, status = adjust_islands(block, cti_tables(model()), np.full((2, 9), 100.0), split_array(None))
    assert np.isfinite(found).all()
    assert not status.any()


def test_no_events_and_large_islands() -> None:
    empty = EventBlock(np.zeros(0), *(np.zeros(0, np.int16),) * 3, np.zeros(0, np.uint64))
    found, status = adjust_islands(empty, cti_tables(model()), np.zeros((0, 3, 3)), split_array(None))
    assert found.shape == (0, 9) and status.shape == (0,)
    block, charge = events(30, 3)
    large = np.zeros((30, 5, 5))
    large[:, 1:4, 1:4] = charge.reshape(-1, 3, 3)
    small, _ = adjust_islands(block, cti_tables(model()), charge, split_array(None))
    inner, _ = adjust_islands(block, cti_tables(model()), large, split_array(None))
    np.testing.assert_array_equal(small, inner)


def test_application_string() -> None:
    assert cti_application(model()) == "NNNPNNNBNN"
    assert cti_application(None) == "N" * 10
