"""dmimgfilt: every function against a slow reference, masks, edges, null pixels, stacks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from image_tools_helpers import pixels_of, run, write_image

from ciaopy.analysis.smoothing import filter_images, mask_offsets
from ciaopy.datamodel.regions import parse_region
from ciaopy.errors import RegionError, UserError
from ciaopy.param import open_parameters

RNG = np.random.default_rng(11)
IMAGE = RNG.poisson(1.5, (23, 19)).astype(float)
IMAGE[5, 5] = IMAGE[0, 3] = np.nan


def low(values: np.ndarray) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def common(values: np.ndarray) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def poisson_mean(values: np.ndarray) -> float:
    zeros = (values == 0).sum()
    return ((values == 1).sum() + zeros) / zeros - 1 if zeros else low(values)


REFERENCE: dict[str, Callable[[np.ndarray], float]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "median": low,
    "mode": lambda v: 3 * low(v) - 2 * v.mean(),
    "mid": lambda v: (v.min() + v.max()) / 2,
    "sigma": np.std,
    "extreme": lambda v: v.min() if v.mean() - v.min() < v.max() - v.mean() else v.max(),
    "range": np.ptp,
    "q25": lambda v: np.sort(v)[int(0.25 * len(v))],
    "q90": lambda v: np.sort(v)[int(0.9 * len(v))],
    "mcv": common,
    "sum": np.sum,
    "count": len,
    "olympic": lambda v: np.sort(v)[1:-1].mean(),
    "pmean": poisson_mean,
    "mu3": lambda v: ((v - v.mean()) ** 3).mean(),
    "mu4": lambda v: ((v - v.mean()) ** 4).mean(),
    "rms": lambda v: np.sqrt((v * v).mean()),
    "nslope": lambda v: np.diff(np.sort(v)).min(),
}


def slow(image: np.ndarray, text: str, function: Callable[[np.ndarray], float]) -> np.ndarray:
    dy, dx = mask_offsets(parse_region(text))
    out = np.empty(image.shape)
    for y, x in np.ndindex(image.shape):
        found = [
            image[y + j, x + i]
            for j, i in zip(dy, dx, strict=True)
            if 0 <= y + j < image.shape[0] and 0 <= x + i < image.shape[1]
        ]
        values = np.array([v for v in found if v == v])
        out[y, x] = function(values) if len(values) else np.nan
    return out


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("mask", ["box(0,0,3,3)", "annulus(0,0,1.5,3)"])
def test_functions_against_a_slow_reference(name: str, mask: str) -> None:
    got = filter_images([IMAGE], name, parse_region(mask))
    assert np.allclose(got, slow(IMAGE, mask, REFERENCE[name]), equal_nan=True)


def test_every_function_of_the_parameter_file_runs() -> None:
    names = str(open_parameters("dmimgfilt", ["a", "b", "mean", "c"], query=False).file["function"].min).split("|")
    assert len(names) > 30
    for name in names:
        if name != "qxx":
            result = filter_images([np.nan_to_num(IMAGE)], name, parse_region("box(0,0,3,3)"))
            assert np.isfinite(result).all() or name == "nmode", name


def test_functions_of_the_centre() -> None:
    image = np.zeros((7, 7))
    image[3, 3] = 9.0
    box = parse_region("box(0,0,3,3)")
    assert filter_images([image], "unsharp", box)[3, 3] == 8.0
    assert filter_images([image], "rclip", box)[3, 3] == 0.0
    assert filter_images([image], "peak", box)[3, 3] == 9.0
    assert filter_images([-image], "valley", box)[3, 3] == -9.0
    assert filter_images([image], "ridge", box)[3, 3] == 9.0
    assert filter_images([image], "variance", box)[3, 3] == pytest.approx(np.sqrt(8 * 81 / 9))
    flat = np.full((5, 5), 4.0)
    for name, want in (("plain", 4), ("ridge", 0), ("peak", 0), ("kuwahara", 4), ("locheq", 4), ("3sigmean", 4)):
        assert filter_images([flat], name, box)[2, 2] == want, name


def test_kuwahara_keeps_an_edge_that_the_mean_blurs() -> None:
    image = np.zeros((9, 10))
    image[:, 5:] = 100.0
    box = parse_region("box(0,0,5,5)")
    assert np.array_equal(filter_images([image], "kuwahara", box), image)
    assert not np.array_equal(filter_images([image], "mean", box), image)


def test_three_sigma_mean_drops_an_outlier() -> None:
    image = np.full((9, 9), 5.0)
    image[4, 4] = 1e5
    box = parse_region("box(0,0,5,5)")
    assert filter_images([image], "3sigmean", box)[4, 4] == 5.0
    assert filter_images([image], "3sigmedian", box)[4, 4] == 5.0


def test_iterations_repeat_the_filter() -> None:
    box = parse_region("box(0,0,3,3)")
    once = filter_images([IMAGE], "mean", box)
    assert np.allclose(filter_images([IMAGE], "mean", box, iterations=2), filter_images([once], "mean", box))


def test_jitter_depends_on_seed_and_pixel_only() -> None:
    image, box = RNG.normal(size=(300, 40)), parse_region("box(0,0,3,3)")
    one = filter_images([image], "jitter", box, seed=5, nproc=1)
    assert np.array_equal(one, filter_images([image], "jitter", box, seed=5, nproc=8))
    assert not np.array_equal(one, filter_images([image], "jitter", box, seed=6))
    assert np.isin(one, image).all()
    assert (one != image).mean() > 0.7


def test_eight_threads_agree() -> None:
    image, box = RNG.normal(size=(200, 50)), parse_region("circle(0,0,3)")
    want = filter_images([image], "median", box, nproc=1)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: filter_images([image], "median", box, nproc=1), range(8)):
            assert np.array_equal(got, want)


def test_a_stack_is_combined_pixel_by_pixel(tmp_path: Path) -> None:
    stack = [RNG.integers(0, 9, (6, 8)).astype(np.int16) for _ in range(3)]
    names = [write_image(tmp_path / f"{i}.fits", image) for i, image in enumerate(stack)]
    for function, want in (("max", np.max(stack, 0)), ("median", np.median(stack, 0)), ("mean", np.mean(stack, 0))):
        run("dmimgfilt", ",".join(names), tmp_path / "o.fits", function, "point(0,0)", "clobber=yes")
        got = pixels_of(tmp_path / "o.fits")
        assert np.allclose(got, want)
        assert got.dtype == (">f8" if function == "mean" else ">i2")


def test_the_tool_takes_ready_made_masks(tmp_path: Path) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    run("dmimgfilt", name, tmp_path / "o.fits", "mean", ")bann5_3")
    dy, dx = mask_offsets(parse_region("box(0,0,5,5)-box(0,0,3,3)"))
    assert len(dy) == len(dx) == 16
    assert np.allclose(
        pixels_of(tmp_path / "o.fits"), slow(IMAGE, "box(0,0,5,5)-box(0,0,3,3)", np.mean), equal_nan=True
    )


@pytest.mark.parametrize(
    ("function", "mask", "error", "message"),
    [
        ("mean", "field()", UserError, "not a region of some pixels"),
        ("mean", "circle(0.5,0.5,0.1)", UserError, "no pixel in it"),
        ("mean", "bax(0,0,3,3)", RegionError, "unknown shape"),
        ("qxx", "box(0,0,3,3)", UserError, "unknown"),
    ],
)
def test_refusals(tmp_path: Path, function: str, mask: str, error: type[Exception], message: str) -> None:
    name = write_image(tmp_path / "i.fits", IMAGE)
    with pytest.raises(error, match=message):
        run("dmimgfilt", name, tmp_path / "o.fits", function, mask)
    assert not (tmp_path / "o.fits").exists()
