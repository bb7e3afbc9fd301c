"""The whole pass over events: independence of blocks and threads, real data, unusual rows, continuous clocking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from ciaopy.acis import continuous_clocking as cc
from ciaopy.acis.bad_pixels import BadPixelRows
from ciaopy.acis.event_block import EventBlock
from ciaopy.acis.event_status import BadPixelMap
from ciaopy.acis.gain import gain_tables, time_tables
from ciaopy.acis.observing_mode import ObservingMode
from ciaopy.acis.process import process_events
from ciaopy.acis.processing import Calibration, ObservingSetup, ProcessedEvents, ProcessingOptions
from ciaopy.acis.recalibration import ColumnPlan
from ciaopy.caldb.products_acis import DetGain, TimeGain
from ciaopy.caldb.products_base import ChipCurves, ChipRegions
from ciaopy.coords import AspectSolution, Attitude, EventTransform, FocalPlane, SkyFrame
from ciaopy.errors import DataError
from ciaopy.events.event_definition import parse_event_definition

Columns = dict[str, NDArray[Any]]
FAINT = ObservingMode("FAINT", False, True)
LEVEL1 = parse_event_definition(
    "{d:time,l:expno,s:ccd_id,s:node_id,s:chip,s:tdet,f:det,f:sky,s:phas,l:pha,l:pha_ro,f:energy,l:pi,s:fltgrade,"
    "s:grade,x:status}"
)
COMPUTED = ColumnPlan("raw", "sum", True, "gain", "computed")


def events(n: int) -> Columns:
    rng = np.random.default_rng(n)
    phas = rng.integers(-5, 60, (n, 3, 3)).astype(np.int16)
    phas[:, 1, 1] = rng.integers(40, 3000, n)
    return {
        "time": 1000.0 + np.sort(rng.uniform(0, 2000, n)),
        "expno": np.sort(rng.integers(0, 600, n)).astype(np.int32),
        "ccd_id": rng.integers(0, 10, n).astype(np.int16),
        "chipx": rng.integers(1, 1025, n).astype(np.int16),
        "chipy": rng.integers(1, 1025, n).astype(np.int16),
        "phas": phas,
        "status": (rng.integers(0, 2, n) << 6).astype(np.uint32),
    }


def whole_chip(y: dict[str, list[float]], x: list[float]) -> dict[int, ChipCurves]:
    region = ChipRegions.from_limits(np.array([[1, 1024, 1, 1024]]))
    arrays = {k: np.array([v], float) for k, v in y.items()}
    return {c: ChipCurves(region, np.array([len(x)], np.int32), np.array([x], float), arrays) for c in range(10)}


def calibration() -> Calibration:
    from ciaopy.caldb import lite

    gain = DetGain(source="test", chips=whole_chip({"energy": [0.0, 420.0, 16000.0]}, [0.0, 100.0, 4000.0]))
    drift = TimeGain(source="test", chips=whole_chip({"shift1": [0.0, 9.0], "shift2": [1.0, 30.0]}, [0.0, 4000.0]),
                     epoch1=0.0, epoch2=5000.0)  # fmt: skip
    return Calibration(
        gain=gain_tables(gain),
        drift=time_tables(drift),
        epochs=(0.0, 5000.0),
        subpixel=lite.product("SUBPIX", {"INSTRUME": "ACIS"}),  # type: ignore[arg-type]
    )


def aspect(start: float = 990.0, stop: float = 3010.0) -> AspectSolution:
    time = np.arange(start, stop, 0.25625)
    u = time / 700.0
    zero = np.zeros_like(time)
    return AspectSolution(time, 150.0 + 2e-3 * np.sin(u), 2.0 + 2e-3 * np.cos(u), 57.0 + zero, zero, zero, zero)


def transform(start: float = 990.0, stop: float = 3010.0) -> EventTransform:
    plane = FocalPlane.of("ACIS", (-0.68426747, 0.0, -190.1325231))
    return EventTransform(plane, SkyFrame.of(150.0, 2.0, 57.0, "ACIS"), aspect(start, stop))


def pixels() -> BadPixelMap:
    n = 400
    rng = np.random.default_rng(1)
    x, y = rng.integers(1, 1025, (2, n))
    stop = np.where(rng.random(n) < 0.5, 0.0, 2000.0)
    status = np.full(n, (1 << 15) | 1, np.uint32)
    rows, chips = BadPixelRows(x, x + 3, y, y + 2, np.full(n, 1200.0), stop, status), rng.integers(0, 10, n)
    return BadPixelMap.build({c: rows.take(chips == c) for c in range(10)}, 1000.0, 3000.0)


def run(columns: Columns, threads: tuple[int, int] = (1, 65536), **changes: Any) -> ProcessedEvents:
    seen = ObservingSetup(mode=FAINT, transform=transform(), pixels=pixels())
    options = ProcessingOptions(plan=changes.pop("plan", COMPUTED), **changes)
    return process_events(columns, LEVEL1, calibration(), seen, options, threads)


@pytest.fixture(scope="module")
def reference() -> tuple[Columns, ProcessedEvents]:
    columns = events(20011)
    return columns, run(columns)


@pytest.mark.parametrize("threads", [(1, 1000), (2, 4096), (8, 777), (8, 1), (2, 65536)])
@pytest.mark.parametrize("method", ["EDSER", "RANDOMIZE"])
def test_blocks_and_threads_change_no_bit(threads: tuple[int, int], method: str) -> None:
    columns = events(3001)
    expected, found = run(columns, pix_adj=method), run(columns, threads, pix_adj=method)
    assert found.counts == expected.counts
    for name, values in expected.columns.items():
        assert values.tobytes() == found.columns[name].tobytes(), name


def test_order_of_events_does_not_matter(reference: tuple[Columns, ProcessedEvents]) -> None:
    columns, expected = reference
    order = np.random.default_rng(5).permutation(len(columns["time"]))
    found = run({k: v[order] for k, v in columns.items()})
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(values[order], found.columns[name], err_msg=name)


def test_the_seed_changes_energies_only(reference: tuple[Columns, ProcessedEvents]) -> None:
    columns, expected = reference
    found = run(columns, rand_seed=2).columns
    assert np.mean(found["energy"] != expected.columns["energy"]) > 0.99
    for name in ("pha", "fltgrade", "grade", "status", "tdetx", "time"):
        np.testing.assert_array_equal(found[name], expected.columns[name])


def test_inputs_are_not_modified(reference: tuple[Columns, ProcessedEvents]) -> None:
    columns = events(500)
    copies = {k: v.copy() for k, v in columns.items()}
    for v in columns.values():
        v.flags.writeable = False
    run(columns)
    for name, values in columns.items():
        np.testing.assert_array_equal(values, copies[name])


def test_columns_have_the_types_asked_for(reference: tuple[Columns, ProcessedEvents]) -> None:
    for column in LEVEL1:
        assert reference[1].columns[column.name].dtype == column.dtype
    assert list(reference[1].columns) == [c.name for c in LEVEL1]


def test_drift_is_taken_off_the_read_out_sum(reference: tuple[Columns, ProcessedEvents]) -> None:
    columns, done = reference
    phase = columns["time"] / 5000.0
    read_out = done.columns["pha_ro"].astype(float)
    first, second = 9.0 * read_out / 4000.0, 1.0 + 29.0 * read_out / 4000.0
    inside = (read_out > 0) & (read_out < 4000)
    expected = np.floor(read_out - first - (second - first) * phase + 0.5)
    np.testing.assert_array_equal(done.columns["pha"][inside], expected[inside])
    assert np.array_equal(done.columns["node_id"], (columns["chipx"] - 1) // 256)


def test_status_of_the_input_is_kept(reference: tuple[Columns, ProcessedEvents]) -> None:
    columns, done = reference
    np.testing.assert_array_equal(done.columns["status"] & (1 << 6), columns["status"])


def test_no_events() -> None:
    done = run(events(0))
    assert all(len(v) == 0 for v in done.columns.values())
    assert done.columns["phas"].shape == (0, 3, 3)


def test_unknown_times_give_no_position_and_are_counted() -> None:
    columns = events(100)
    columns["time"][[3, 50]] = np.nan
    done = run(columns)
    assert done.counts.outside == 2
    assert np.flatnonzero(np.isnan(done.columns["x"])).tolist() == [3, 50]
    assert np.isfinite(done.columns["energy"]).all()
    assert (done.columns["tdetx"] != 9999).all()


def test_events_outside_the_aspect_solution_are_kept() -> None:
    columns = events(1000)
    seen = ObservingSetup(mode=FAINT, transform=transform(990.0, 2000.0))
    done = process_events(columns, LEVEL1, calibration(), seen, ProcessingOptions(plan=COMPUTED))
    lost = np.isnan(done.columns["x"])
    assert len(lost) == 1000 and 300 < lost.sum() < 700
    assert done.counts.outside == lost.sum()
    assert np.all(columns["time"][lost] > 1999.0)


def test_unknown_chips_and_pixels_off_the_chip() -> None:
    columns = events(4)
    columns["ccd_id"][0], columns["ccd_id"][1], columns["chipx"][2] = -1, 10, 0
    done = run(columns)
    assert (done.columns["status"] & 1).tolist() == [1, 1, 1, 0]
    assert np.isnan(done.columns["x"]).tolist() == [True, True, False, False]
    assert (done.columns["tdetx"] == 9999).tolist() == [True, True, False, False]
    assert (done.columns["pi"] == 0).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("stop", "missing"), [("none", "tdetx"), ("chip", "tdetx"), ("tdet", "detx"), ("det", "x"), ("tan", "x")]
)
def test_stop_leaves_later_coordinates_to_the_input(stop: str, missing: str) -> None:
    columns = events(50)
    with pytest.raises(DataError, match=f"column {missing} of the event definition is neither in the input nor"):
        run(columns, stop=stop)
    columns |= {n: np.full(50, 7.0, np.float32) for n in ("tdetx", "tdety", "detx", "dety", "x", "y")}
    assert np.all(run(columns, stop=stop).columns[missing] == 7)


def test_column_that_nobody_knows() -> None:
    with pytest.raises(DataError, match="column tg_m of the event definition is neither"):
        process_events(
            events(5),
            parse_event_definition("{s:tg_m}"),
            Calibration(),
            ObservingSetup(mode=FAINT),
            ProcessingOptions(plan=COMPUTED),
        )


def test_other_columns_of_the_input_go_along() -> None:
    columns = events(5) | {"tg_m": np.arange(5, dtype=np.int16), "tg_lam": np.linspace(0, np.nan, 5)}
    columns["tg_lam"] = np.array([1.4, 1.6, np.nan, -2.6, 1e9])
    options = ProcessingOptions(plan=ColumnPlan("raw", "sum", False, "carried", "absent"), pix_adj="NONE")
    wanted = parse_event_definition("{s:tg_m,s:tg_lam}")
    done = process_events(columns, wanted, Calibration(), ObservingSetup(mode=FAINT), options)
    assert done.columns["tg_m"].tolist() == [0, 1, 2, 3, 4]
    assert done.columns["tg_lam"].tolist() == [1, 2, 0, -3, 32767]


def test_edser_without_energies() -> None:
    plan = ColumnPlan("raw", "sum", False, "absent", "absent")
    sky, seen = parse_event_definition("{f:sky}"), ObservingSetup(mode=FAINT, transform=transform())
    with pytest.raises(DataError, match="pix_adj=EDSER needs the columns fltgrade and energy"):
        process_events(events(5), sky, calibration(), seen, ProcessingOptions(plan=plan))


@pytest.mark.parametrize("method", ["EDSER", "CENTROID", "RANDOMIZE", "NONE"])
def test_shifts_move_sky_by_less_than_a_pixel_and_never_tdet(
    method: str, reference: tuple[Columns, ProcessedEvents]
) -> None:
    found = run(reference[0], pix_adj=method).columns
    centre = run(reference[0], pix_adj="NONE").columns
    distance = np.hypot(found["x"] - centre["x"], found["y"] - centre["y"])
    assert distance.max() < 0.75
    assert (distance.max() > 0.3) == (method != "NONE")
    np.testing.assert_array_equal(found["tdetx"], centre["tdetx"])
    np.testing.assert_array_equal(found["chipx"], reference[0]["chipx"])


@pytest.mark.data
def test_754_level_1_columns_are_reproduced(data: Path) -> None:
    """Real events, CTI off: FLTGRADE, GRADE, PHA, TDET exact; SKY unbiased, scattered as the archived +-0.5 pixel."""
    folder = data / "obs/754"
    with fits.open(folder / "secondary/acisf00754_000N004_evt1.fits.gz") as f:
        header = f["EVENTS"].header
        old = {n.lower(): f["EVENTS"].data[n] for n in f["EVENTS"].data.names if n != "status"}
        columns = {n: np.ascontiguousarray(v).astype(v.dtype.newbyteorder("=")) for n, v in old.items()}
    with fits.open(folder / "primary/pcadf00754_000N001_asol1.fits.gz") as f:
        record = f[1].data
        solution = AspectSolution(*(np.ascontiguousarray(record[n], np.float64) for n in
                                    ("time", "ra", "dec", "roll", "dy", "dz", "dtheta")))  # fmt: skip
    place = EventTransform(FocalPlane.from_header(header), SkyFrame.from_header(header), solution)
    plan = ColumnPlan("raw", "sum", False, "carried", "computed")
    done = process_events(
        columns,
        LEVEL1,
        Calibration(),
        ObservingSetup(mode=FAINT, transform=place),
        ProcessingOptions(plan=plan, pix_adj="NONE"),
        (2, 65536),
    )
    for name in ("time", "expno", "tdetx", "tdety", "pha", "pha_ro", "fltgrade", "grade", "energy"):
        np.testing.assert_array_equal(done.columns[name], columns[name], err_msg=name)
    assert done.counts.outside == 0
    assert np.mean(done.columns["pi"] == columns["pi"]) > 0.99999
    for axis in "xy":
        shift = done.columns[axis].astype(float) - columns[axis]
        assert abs(shift.mean()) < 0.001
        assert shift.std() == pytest.approx(12**-0.5, abs=0.002)


def test_graded_events_are_adjusted_through_the_image_of_their_grade() -> None:
    """A pulse height that the telemetry gives is scaled as the mean island of its grade is."""
    from ciaopy.acis.cti import adjust_islands, cti_tables
    from ciaopy.caldb.products_acis import CtiChip, CtiModel, GradeImages

    pha = [0.0, 4000.0]
    curves = whole_chip({"volume_y": [0.0, 300.0], "fraction_y": [0.4, 0.4]}, pha)[3]
    traps = np.repeat(np.linspace(0, 0.3, 1024, dtype=np.float32)[:, None], 1024, axis=1)
    model = CtiModel(source="test", reference_temperature=153.0,
                     chips={3: CtiChip(None, traps, curves, np.zeros(1), np.zeros(1))})  # fmt: skip
    image = np.zeros((256, 1, 3, 3))
    image[:, 0, 1, 1], image[:, 0, 0, 1] = 0.75, 0.25
    images = GradeImages(source="test", image=image, pha=np.zeros(1))
    columns = events(200)
    columns["ccd_id"][:] = 3
    columns |= {"fltgrade": np.full(200, 2, np.int16), "pha": columns["phas"][:, 1, 1].astype(np.int32)}
    del columns["phas"]
    definition = parse_event_definition("{l:pha,l:pha_ro,s:fltgrade,s:grade,x:status}")
    plan = ColumnPlan("telemetry", "adjusted", False, "absent", "absent")
    known = Calibration(cti=cti_tables(model), grade_images=images)
    graded = ObservingSetup(mode=ObservingMode("GRADED", False, False))
    done = process_events(columns, definition, known, graded, ProcessingOptions(plan=plan)).columns
    np.testing.assert_array_equal(done["pha_ro"], columns["pha"])
    assert (done["grade"] == 2).all()
    raised = done["pha"] - done["pha_ro"]
    assert raised[columns["chipy"] > 900].min() > 0
    assert raised[columns["chipy"] < 20].max() <= 1
    i = int(np.argmax(raised))
    island = (image[2, 0] * columns["pha"][i]).reshape(1, 9)
    one = {k: v[i : i + 1] for k, v in columns.items()}
    block = EventBlock(one["time"], one["ccd_id"], one["chipx"], one["chipy"], np.zeros(1, np.uint64))
    expected = adjust_islands(block, cti_tables(model), island, known.split)[0].sum()
    assert done["pha"][i] == np.floor(expected + 0.5)


CC_FAINT = ObservingMode("CC33_FAINT", True, True)


def clocked(**changes: Any) -> tuple[Columns, ProcessedEvents]:
    columns = events(300)
    columns["ccd_id"][:] = 7
    columns |= changes.pop("more", {})
    place = transform()
    source = changes.pop("source", (4096.5, 4096.5))
    seen = ObservingSetup(mode=CC_FAINT, transform=place, row_time=0.00285, source=source, roll_nom=57.0)
    definition = parse_event_definition("{d:time,d:time_ro,s:chip,f:det,f:sky,f:sky_1d,s:grade}")
    options = ProcessingOptions(plan=ColumnPlan("raw", "sum", False, "absent", "absent"), pix_adj="NONE", **changes)
    return columns, process_events(columns, definition, calibration(), seen, options)


def test_continuous_clocking_puts_events_on_the_row_of_the_target() -> None:
    columns, done = clocked()
    place = transform()
    row = cc.source_rows(
        place.plane, place.frame, place.aspect, (4096.5, 4096.5), columns["time"], columns["ccd_id"]
    ).chipy
    assert 400 < row.min() < row.max() < 700
    np.testing.assert_array_equal(done.columns["time_ro"], columns["time"])
    np.testing.assert_allclose(done.columns["time"], columns["time"] - (row + 1028) * 0.00285, atol=1e-6)
    np.testing.assert_array_equal(done.columns["chipy"], columns["chipy"])
    expected = place(done.columns["time"], columns["ccd_id"], columns["chipx"], row)
    np.testing.assert_allclose(done.columns["x"], expected.x, atol=1e-3)
    assert done.counts.off_chip == 0


def test_continuous_clocking_starts_from_the_read_out_time() -> None:
    first, done = clocked()
    again = first | {"time_ro": first["time"], "time": np.zeros(300)}
    _, repeated = clocked(more=again)
    np.testing.assert_array_equal(done.columns["time"], repeated.columns["time"])


def test_sky_1d_is_preserved_along_the_columns_of_the_chip() -> None:
    done = clocked()[1]
    place = transform()
    e = place.plane.column_direction(57.0, 7)
    assert np.hypot(*e) == pytest.approx(1.0)
    along = (done.columns["x"] - 4096.5) * e[0] + (done.columns["y"] - 4096.5) * e[1]
    np.testing.assert_allclose(done.columns["sky_1d"], 4096.5 + along, atol=2e-3)
    one = place.plane.chip_to_sky(
        [7, 7, 7], [300, 300, 301], [100, 900, 100], Attitude.of(150.0, 2.0, 57.0), place.frame
    )
    value = one[0] * e[0] + one[1] * e[1]
    assert abs(value[1] - value[0]) < 0.6  # 800 rows; the chip is turned by 0.03 degrees
    assert value[2] - value[0] == pytest.approx(1.0, abs=0.01)


def test_target_off_the_chip_is_counted_and_kept_on_its_edge() -> None:
    _, done = clocked(source=(4096.5, 7000.0))
    assert done.counts.off_chip == 300
    assert np.isfinite(done.columns["x"]).all()


def test_grating_rows_replace_the_target() -> None:
    rows = np.full(300, 480.0, np.float32)
    columns, done = clocked(more={"chipy_tg": rows})
    np.testing.assert_allclose(done.columns["time"], columns["time"] - (480 + 1028) * 0.00285, atol=1e-6)
