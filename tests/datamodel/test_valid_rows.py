"""Random filters on tables against numpy: rows that count, sums, means, areas; a null is no number anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from image_tools_helpers import run
from numpy.typing import NDArray

from ciaopy.analysis import statistics
from ciaopy.analysis.area import ValidArea
from ciaopy.console import Console
from ciaopy.datamodel import Subspace, Workspace
from ciaopy.datamodel.regions import parse_region
from ciaopy.errors import UserError
from ciaopy.fits import Table

NULL = -5
ROWS = 400


@pytest.fixture(scope="module")
def rows() -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(7)
    pi = rng.integers(-20, 100, ROWS).astype("i2")
    pi[rng.random(ROWS) < 0.2] = NULL
    energy = rng.uniform(0, 10, ROWS).round(1)
    energy[rng.random(ROWS) < 0.1] = np.nan
    x, y = rng.uniform(0.5, 200.5, (2, ROWS)).round(1)
    return {"x": x, "y": y, "pi": pi, "energy": energy, "chip": rng.integers(0, 4, ROWS).astype("i2")}


@pytest.fixture(scope="module")
def table(rows: dict[str, NDArray[np.generic]], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rows") / "t.fits"
    forms = {"f": "D", "i": "I"}
    made = [
        fits.Column(k, forms[v.dtype.kind], array=v, null=NULL if k == "pi" else None, unit="pixel")
        for k, v in rows.items()
    ]
    hdu = fits.BinTableHDU.from_columns(made, name="EVENTS")
    hdu.header.update(
        {"MTYPE1": "sky", "MFORM1": "x,y", "TLMIN1": 0.5, "TLMAX1": 200.5, "TLMIN2": 0.5, "TLMAX2": 200.5}
    )
    hdu.writeto(path)
    return str(path)


def one_filter(rng: np.random.Generator, d: dict[str, NDArray[np.generic]]) -> tuple[str, NDArray[np.bool_], str]:
    """Return a filter, the rows that match it, and its region where it has one."""
    kind = rng.choice(["x", "y", "pi", "energy", "chip", "sky", "sky"])
    if kind == "sky":
        cx, cy = rng.uniform(20, 180, 2).round(1).tolist()
        r, s = np.sort(rng.uniform(5, 90, 2)).round(1).tolist()
        far = np.hypot(d["x"] - cx, d["y"] - cy)
        text, mask = {
            0: (f"circle({cx},{cy},{s})", far <= s),
            1: (f"annulus({cx},{cy},{r},{s})", (far >= r) & (far <= s)),
            2: (f"box({cx},{cy},{s},{r})", (abs(d["x"] - cx) <= s / 2) & (abs(d["y"] - cy) <= r / 2)),
        }[int(rng.integers(3))]
        return f"sky={text}", np.asarray(mask), text
    values, parts, found = d[kind], [], np.zeros(ROWS, bool)
    for _ in range(int(rng.integers(1, 3))):
        lo, hi = np.sort(rng.choice(values[values == values], 2)).tolist()
        hi = hi + 1 if lo == hi else hi
        parts.append(f"{lo}:{hi}")
        found |= (values >= lo) & ((values <= hi) if values.dtype.kind == "i" else (values < hi))
    return f"{kind}={','.join(parts)}", found & ((values != NULL) if kind == "pi" else True), kind


@pytest.mark.parametrize("seed", range(10))
def test_filters_leave_the_rows_that_numpy_leaves(seed: int, table: str, rows: dict[str, NDArray[np.generic]]) -> None:
    """Counts, sums and means of every column; the area that is left, against a fine grid of points."""
    rng, ws = np.random.default_rng([13, seed]), Workspace(console=Console(), nproc=1)
    gx, gy = np.meshgrid(np.arange(400) / 2 + 0.5, np.arange(400) / 2 + 0.5)
    gx, gy = gx + rng.uniform(0, 0.5, gx.shape), gy + rng.uniform(0, 0.5, gy.shape)
    for _ in range(50):
        text, keep, area = "", np.ones(ROWS, bool), np.ones(gx.shape, bool)
        for _ in range(int(rng.integers(1, 4))):
            words, mask, about = one_filter(rng, rows)
            exclude = bool(rng.random() < 0.3)
            keep &= ~mask if exclude else mask
            text += f"[exclude {words}]" if exclude else f"[{words}]"
            inside = np.ones(gx.shape, bool)
            if about in ("x", "y"):
                at, inside = (gx if about == "x" else gy), np.zeros(gx.shape, bool)
                for span in words.partition("=")[2].split(","):
                    lo, hi = map(float, span.split(":"))
                    inside |= (at >= lo) & (at < hi)
            elif "(" in about:
                inside = parse_region(about).inside(gx, gy)
            else:
                continue
            area &= ~inside if exclude else inside
        found = ws.read(f"{table}{text}")
        assert isinstance(found, Table)
        for name, values in rows.items():
            column = found.column(name)
            got = statistics(column.data, column.null)
            good = values[keep & (values == values) & ((values != NULL) if name == "pi" else True)]
            assert (got.good, got.good + got.null) == (good.size, int(keep.sum())), text
            if good.size:
                assert got.total == pytest.approx(good.sum(dtype=float)), text
                assert got.mean == pytest.approx(good.mean(dtype=float)), text
        if not keep.any():
            continue  # filters that contradict each other leave no subspace
        valid = ValidArea.of(Subspace.from_header(found.header, found.companions), found, ("x", "y"))
        left = valid.area_within(parse_region("rectangle(0.5,0.5,200.5,200.5)"))
        assert left == pytest.approx(area.mean() * 4e4, abs=120), text


def test_nulls_do_not_become_numbers(table: str, rows: dict[str, NDArray[np.generic]], tmp_path: Path) -> None:
    out, pi = tmp_path / "o.fits", rows["pi"]
    null = pi == NULL
    run("dmtcalc", table, out, "expression=a=pi*2;half=pi/2;pi=pi+1;flag=(pi>0)", "clobber=yes")
    with fits.open(out) as f:
        d = f[1].data
        assert np.isnan(d["a"][null]).all() and np.array_equal(d["a"][~null], 2 * pi[~null])
        assert np.array_equal(d["half"][~null], pi[~null] / 2) and np.isnan(d["half"][null]).all()
        kept = null | (pi == NULL - 1)  # -6 + 1 would be the null value: then the column is double
        assert np.isnan(d["pi"][null]).all() or (d["pi"][kept] == NULL).all()
    with pytest.raises(UserError, match="null or NaN, which no integer can stand for"):
        run("dmtcalc", table, out, "expression=(long)b=pi*2", "clobber=yes")
    run("dmextract", f"{table}[bin pi=-20:100:1]", tmp_path / "h.fits", "opt=generic")
    counts = fits.getdata(tmp_path / "h.fits")["COUNTS"]
    assert counts.sum() == (~null).sum() and counts[NULL + 20] == 0
    weights = run("dmcopy", f"{table}[bin x=0.5:200.5:200;pi]", tmp_path / "w.fits")
    assert weights and fits.getdata(tmp_path / "w.fits").sum() == pi[~null].sum()
    run("dmcopy", f"{table}[(pi,pi)=circle({NULL},{NULL},3)]", tmp_path / "c.fits")
    near = np.hypot(pi - NULL, pi - NULL) <= 3
    assert len(fits.getdata(tmp_path / "c.fits")) == (near & ~null).sum()
