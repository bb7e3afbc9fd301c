"""Event lists compared event by event."""

import json

import numpy as np
import pytest
from astropy.io.fits import Header

from ciaopy.analysis.compare import compare_events, compare_headers, counts_images, match_events
from ciaopy.errors import DataError
from ciaopy.fits.blocks import Column, Table


def events(n=2000, seed=1, **changes):
    rng = np.random.default_rng(seed)
    data = {
        "time": np.sort(rng.uniform(1e8, 1e8 + 1e4, n)),
        "ccd_id": rng.integers(0, 4, n).astype(np.int16),
        "expno": np.sort(rng.integers(1, 3000, n)).astype(np.int32),
        "chipx": rng.integers(1, 1025, n).astype(np.int16),
        "chipy": rng.integers(1, 1025, n).astype(np.int16),
        "x": rng.normal(4096, 300, n).astype(np.float32),
        "y": rng.normal(4096, 300, n).astype(np.float32),
        "status": rng.integers(0, 4, n).astype(np.uint32),
    }
    data.update(changes)
    forms = {"status": "32X"}
    header = Header([("OBS_ID", "7"), ("ONTIME", 1000.0)])
    return Table("EVENTS", {k: Column(k, v, forms.get(k, "")) for k, v in data.items()}, header)


def test_a_list_is_identical_to_itself():
    a = events()
    r = compare_events(a, a)
    assert r.identical and r.matched == 2000 and not r.cards


def test_order_and_missing_events_do_not_disturb_the_match():
    a = events()
    keep = np.random.default_rng(2).permutation(2000)[:1500]
    r = compare_events(a, a.take(keep))
    assert r.matched == 1500 and all(c.identical == 1 for c in r.columns) and not r.identical


def test_differences_are_measured_in_the_columns_unit():
    a = events()
    shifted = events(x=a["x"] + np.float32(0.25), status=a["status"] ^ np.uint32(1))
    r = {c.name: c for c in compare_events(a, shifted).columns}
    assert r["x"].identical == 0 and r["x"].median == pytest.approx(0.25, abs=1e-3)
    assert r["status"].identical == 0 and r["y"].identical == 1


def test_nan_equals_nan_and_differs_from_a_number():
    a = events()
    x = a["x"].copy()
    x[:10] = np.nan
    assert compare_events(events(x=x), events(x=x)).identical
    column = next(c for c in compare_events(a, events(x=x)).columns if c.name == "x")
    assert column.identical == pytest.approx(0.995) and np.isinf(column.largest)


def test_repeated_keys_are_paired_one_to_one():
    a = events(
        6,
        ccd_id=np.zeros(6, np.int16),
        expno=np.ones(6, np.int32),
        chipx=np.ones(6, np.int16),
        chipy=np.ones(6, np.int16),
    )
    i, j = match_events(a, a.take(slice(0, 4)), ("ccd_id", "expno", "chipx", "chipy"))
    assert i.tolist() == j.tolist() == [0, 1, 2, 3]


def test_hrc_is_matched_on_time_and_position():
    a = events()
    a.columns["chip_id"] = Column("chip_id", a["ccd_id"])
    del a.columns["ccd_id"], a.columns["expno"]
    r = compare_events(a, a.take(slice(None, None, -1)))
    assert r.key == ("chip_id", "chipx", "chipy", "time") and r.identical


def test_nothing_to_match_on_is_an_error():
    a = events()
    with pytest.raises(DataError, match="cannot be matched"):
        compare_events(a, a.select(["x", "y"]))


def test_headers_leave_out_what_every_run_changes():
    a, b = (
        Header([("A", 1.0), ("DATE", "x"), ("S", "t ")]),
        Header([("A", 1.0 + 1e-15), ("DATE", "y"), ("S", "t"), ("B", 2)]),
    )
    assert compare_headers(a, b) == {"B": (None, 2)}


def test_empty_lists_compare():
    a = events().take(slice(0, 0))
    assert compare_events(a, a).identical and compare_events(a, events()).matched == 0
    assert counts_images(a, a)[0].sum() == 0


@pytest.mark.data
def test_the_command_on_a_real_file(data, tmp_path, capsys):
    from ciaopy.cli.main import run_application

    path = next((data / "evt").glob("*_evt2.fits*"))
    out, png = tmp_path / "r.json", tmp_path / "r.png"
    assert run_application(["compare", str(path), str(path), "--json", str(out), "--png", str(png)]) == 0
    assert "identical" in capsys.readouterr().out
    assert json.loads(out.read_text())["identical"] is True and png.stat().st_size > 10000
    assert run_application(["compare", str(path), str(path), "--json", str(out)]) == 1
