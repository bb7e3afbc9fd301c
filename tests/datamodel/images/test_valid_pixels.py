"""Random filters on images against numpy: the pixels that count, their sum and mean, on the spot and from the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ciaopy.analysis import statistics
from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.datamodel.images import outside_subspace, pixels
from ciaopy.errors import RegionError, UserError
from ciaopy.fits import Header, Image, write_dataset

Mask = NDArray[np.bool_]


@dataclass
class Grid:
    """A random image and the physical coordinates of its pixels."""

    data: NDArray[np.generic]
    header: Header
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    null: Mask


def make_grid(rng: np.random.Generator) -> Grid:
    """Return an image of a random type, with or without physical coordinates and nulls."""
    shape = tuple(int(n) for n in rng.integers(8, 40, 2))
    dtype = rng.choice(["i2", "i4", "f4", "f8"])
    data = rng.integers(0, 9, shape).astype(dtype)
    header, step, start = Header(), (1.0, 1.0), (0.5, 0.5)
    if rng.random() < 0.6:
        step, start = (float(rng.choice([1, 2, 8, 0.5])),) * 2, (float(rng.integers(0, 4000)) + 0.5, 100.5)
        for i, name in ((1, "x"), (2, "y")):
            header[f"CTYPE{i}P"], header[f"CRPIX{i}P"] = name, 0.5
            header[f"CRVAL{i}P"], header[f"CDELT{i}P"] = start[i - 1], step[i - 1]
        header["MTYPE1"], header["MFORM1"] = "sky", "x,y"
    null = rng.random(shape) < 0.1 if rng.random() < 0.3 else np.zeros(shape, bool)
    if null.any():
        data[null] = np.nan if data.dtype.kind == "f" else -9
        if data.dtype.kind != "f":
            header["BLANK"] = -9
    row, column = np.indices(shape)
    return Grid(data, header, start[0] + (column + 0.5) * step[0], start[1] + (row + 0.5) * step[1], null)


def shape_of(rng: np.random.Generator, g: Grid) -> tuple[str, Mask]:
    """Return the text of a random region and the pixel centres that it holds."""
    x0, y0 = (float(np.round(rng.choice(v.ravel()), 2)) for v in (g.x, g.y))
    size = float(np.ptp(g.x)) or 1.0
    r, s = (float(np.round(v, 3)) for v in np.sort(rng.uniform(0.1, 0.7, 2)) * size)
    far = np.hypot(g.x - x0, g.y - y0)
    kind = rng.choice(["circle", "annulus", "box", "rectangle", "ellipse"])
    if kind == "circle":
        return f"circle({x0},{y0},{s})", far <= s
    if kind == "annulus":
        return f"annulus({x0},{y0},{r},{s})", (far >= r) & (far <= s)
    if kind == "box":
        return f"box({x0},{y0},{s},{r})", (abs(g.x - x0) <= s / 2) & (abs(g.y - y0) <= r / 2)
    if kind == "rectangle":
        return (
            f"rectangle({x0 - r!r},{y0 - s!r},{x0 + r!r},{y0 + s!r})",
            (g.x >= x0 - r) & (g.x <= x0 + r) & (g.y >= y0 - s) & (g.y <= y0 + s),
        )
    return f"ellipse({x0},{y0},{s},{r},0)", ((g.x - x0) / s) ** 2 + ((g.y - y0) / r) ** 2 <= 1


def range_of(rng: np.random.Generator, g: Grid) -> tuple[str, Mask]:
    """Return random ranges of one axis; half-open for physical coordinates, closed for pixel numbers."""
    along = int(rng.integers(2))
    logical = np.indices(g.x.shape)[1 - along] + 1
    at: NDArray[np.generic] = (g.x, g.y)[along]
    name, closed = ("x", "y")[along], False
    if rng.random() < 0.3:
        at, name, closed = logical, f"#{along + 1}", True
    inside, texts = np.zeros(g.x.shape, bool), []
    for _ in range(int(rng.integers(1, 3))):
        lo, hi = np.sort(rng.choice(at.ravel(), 2)).tolist()
        if lo == hi:
            hi += 1
        texts.append(f"{lo}:{hi}")
        inside |= (at >= lo) & ((at <= hi) if closed else (at < hi))
    return f"{name}={','.join(texts)}", inside


def filters_of(rng: np.random.Generator, g: Grid) -> tuple[str, Mask]:
    """Return one to three filters and the pixels that pass all of them."""
    inside, text = np.ones(g.x.shape, bool), ""
    for _ in range(int(rng.integers(1, 4))):
        choose: Callable[[np.random.Generator, Grid], tuple[str, Mask]] = range_of if rng.random() < 0.5 else shape_of
        words, mask = choose(rng, g)
        words = words if choose is range_of else f"sky={words}"
        if rng.random() < 0.3:
            text, inside = f"{text}[exclude {words}]", inside & ~mask
        else:
            text, inside = f"{text}[{words}]", inside & mask
    return text, inside


def assert_statistics(image: Image, values: NDArray[np.generic], total: int, text: str) -> None:
    """Compare dmstat's numbers with those of the values that should count."""
    data, blank = pixels(image), image.header.get("BLANK")
    found = statistics(data, blank if isinstance(blank, int) else None, None, outside_subspace(image))
    assert found.good == values.size, text
    assert found.good + found.null == data.size <= total, text
    if values.size:
        assert found.total == pytest.approx(values.sum(dtype=float)), text
        assert found.mean == pytest.approx(values.mean(dtype=float)), text
        assert (found.minimum, found.maximum) == (values.min(), values.max()), text


@pytest.mark.parametrize("seed", range(10))
def test_filters_leave_the_pixels_that_numpy_leaves(seed: int, tmp_path: Path) -> None:
    rng, ws = np.random.default_rng([12, seed]), Workspace(console=Console(), nproc=1)
    for k in range(50):
        g = make_grid(rng)
        text, inside = filters_of(rng, g)
        options = [o for o in ("full", "null=-7", "null=nan") if rng.random() < 0.25][:2]
        text += f"[opt {','.join(options)}]" if options else ""
        source, copy = tmp_path / f"{k}.fits", tmp_path / f"{k}_out.fits"
        write_dataset(source, [Image("PRIMARY", g.data, g.header)])
        if not inside.any():
            with pytest.raises(UserError, match="no pixel of the image is inside"):
                ws.read(f"{source}{text}")
            continue
        image = ws.read(f"{source}{text}")
        assert isinstance(image, Image)
        values = g.data[inside & ~g.null]
        assert_statistics(image, values, g.data.size, text)
        ws.write(str(copy), image)
        again = Workspace(console=Console(), nproc=1).read(str(copy))
        assert isinstance(again, Image)
        assert_statistics(again, values, g.data.size, f"{text} from the file")


def written(path: Path, data: NDArray[np.generic], **keys: object) -> str:
    header = Header()
    for key, value in keys.items():
        header[key] = value
    write_dataset(path, [Image("PRIMARY", data, header)])
    return str(path)


def read(text: str) -> Image:
    block = Workspace(console=Console(), nproc=1).read(text)
    assert isinstance(block, Image)
    return block


def test_a_mask_keeps_the_size_and_bounds_cut_it(tmp_path: Path) -> None:
    data, mask = np.arange(4800, dtype="i4").reshape(60, 80), np.zeros((60, 80), "i2")
    mask[20:40, 10:50] = 1
    mask[25, 30] = 0
    i, m = written(tmp_path / "i.fits", data), written(tmp_path / "m.fits", mask)
    whole, cut = read(f"{i}[sky=mask({m})]"), read(f"{i}[sky=bounds(mask({m}))]")
    assert np.array_equal(pixels(whole), np.where(mask, data, 0))
    assert np.array_equal(~outside_subspace(whole), mask == 1)
    assert np.array_equal(pixels(cut), data[20:40, 10:50])
    assert pixels(read(f"{i}[sky=bounds(circle(20,30,5))]")).shape == (11, 11)
    both = read(f"{i}[sky=mask({m})*rectangle(1,1,20,60)]")
    assert pixels(both).shape == (60, 20) and (~outside_subspace(both)).sum() == 20 * 10


@pytest.mark.parametrize("text", ["bounds(field())", "bounds(mask({m}))"])
def test_what_has_no_bounds_is_refused(text: str, tmp_path: Path) -> None:
    i = written(tmp_path / "i.fits", np.ones((6, 8), "i4"))
    m = written(tmp_path / "m.fits", np.zeros((6, 8), "i4"))
    with pytest.raises(RegionError, match="it has no bounds"):
        read(f"{i}[sky={text.format(m=m)}]")


def test_binning_sums_the_pixels_that_count(tmp_path: Path) -> None:
    data = np.arange(36, dtype="i2").reshape(6, 6)
    data[0, 0] = -1
    i = written(tmp_path / "i.fits", data, BLANK=-1)
    image = read(f"{i}[exclude #1=3:4][exclude #1=5,#2=1][opt null=-9][bin x=::2,y=::2]")
    expected = [[-9, -9, 5 + 10 + 11], [12 + 13 + 18 + 19, -9, 16 + 17 + 22 + 23]]
    assert pixels(image)[:2].tolist() == expected
    # the bin with a null is unknown; the middle ones are outside
    assert image.header["BLANK"] == -9 and outside_subspace(image).sum() == 3


def test_a_null_value_must_fit(tmp_path: Path) -> None:
    i = written(tmp_path / "i.fits", np.full((6, 8), 5, "u1"))
    for text, message in (("-1", "does not go into pixels"), ("5", "value of pixels inside"), ("x", "not a number")):
        with pytest.raises(UserError, match=message):
            read(f"{i}[sky=circle(4,3,2)][opt null={text}]")
    f = written(tmp_path / "f.fits", np.full((6, 8), np.nan, "f4"))
    with pytest.raises(UserError, match="NaN pixels"):
        read(f"{f}[opt type=i4]")
