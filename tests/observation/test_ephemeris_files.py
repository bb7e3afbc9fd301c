"""Which ephemerides of an archive folder count, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciaopy.observation import moving_target

ORBIT = "orbitf699000000N001_eph1.fits.gz"
GENERAL = ("solarf699000000N001_eph1.fits", "lunarf699000000N001_eph1.fits", "anglesf22772_000N001_eph1.fits.gz")


def chosen(*names: str, target: str = "JUPITER") -> tuple[list[str], list[str], str] | None:
    found = moving_target([Path("primary") / n for n in names], target)
    return None if found is None else ([p.name for p in found.objects], [p.name for p in found.orbits], found.problem)


def test_no_object_is_no_moving_target():
    assert chosen(ORBIT) is None
    assert chosen(ORBIT, *GENERAL, "orbitf699000000N001_eph0.fits") is None
    assert chosen(ORBIT, "acisf00754_evt2.fits", "jupiterf699000000N001_eph0.fits") is None


@pytest.mark.parametrize("target", ["JUPITER", "X-ray dark spot", ""])
def test_one_object_counts_whatever_it_is_called(target):
    name = "jupiterf699000000N001_eph1.fits.gz"
    assert chosen(name, ORBIT, *GENERAL, target=target) == ([name], [ORBIT], "")


def test_newest_version_and_all_starts():
    """Of one start the newest version, by number; of several starts all, in their order."""
    names = [f"marsf{t}N{v:03d}_eph1.fits" for t in ("700900000", "699000000") for v in (2, 1, 10)]
    orbits = [f"orbitf{t}N001_eph1.fits" for t in ("700900000", "699000000")]
    kept = ["marsf699000000N010_eph1.fits", "marsf700900000N010_eph1.fits"]
    assert chosen(*names, *orbits, target="Mars") == (kept, sorted(orbits), "")


@pytest.mark.parametrize(
    ("target", "wanted"),
    [("KOWAL", "kowalf699N001_eph1.fits"), ("Comet C/2001 Q4 (NEAT)", "c2001q4f699N001_eph1.fits"),
     ("(2) Pallas", "pallasf699N001_eph1.fits")],
)  # fmt: skip
def test_object_decides_between_several(target, wanted):
    names = [f"{n}f699N001_eph1.fits" for n in ("kowal", "pallas", "c2001q4")]
    assert chosen(*names, ORBIT, target=target) == ([wanted], [ORBIT], "")


@pytest.mark.parametrize("target", ["VESTA", "KOWAL AND PALLAS", ""])
def test_where_object_does_not_decide_nothing_is_frozen(target):
    found = chosen("kowalf699N001_eph1.fits", "pallasf699N001_eph1.fits", ORBIT, target=target)
    assert found is not None
    assert found[:2] == ([], [])
    assert "ephemerides of 2 objects (kowal, pallas)" in found[2]
    assert repr(target) in found[2]


@pytest.mark.parametrize(
    ("target", "counts"), [("MOON", True), ("Moon ", True), ("MOONLIGHT", False), ("VESTA", False)]
)
def test_the_moon_counts_where_it_was_the_target(target, counts):
    found = chosen(ORBIT, *GENERAL, target=target)
    assert (found is not None) is counts
    if found is not None:
        assert found[0] == ["lunarf699000000N001_eph1.fits"]
    other = chosen(ORBIT, *GENERAL, "moonshadowf699N001_eph1.fits", target=target)
    assert other is not None
    assert other[0] == ["moonshadowf699N001_eph1.fits"]


def test_orbit_is_needed_and_a_predictive_one_does_not_do():
    name = "jupiterf699000000N001_eph1.fits"
    without = chosen(name, *GENERAL)
    predicted = chosen(name, "orbitf699000000N001_eph0.fits")
    assert without is not None and predicted is not None
    assert without[2].startswith("no orbit ephemeris (orbitf*_eph1.fits)")
    assert predicted[2].startswith("only a predictive orbit ephemeris (orbitf699000000N001_eph0.fits)")
    assert without[1] == predicted[1] == []


def test_names_of_other_shapes():
    assert chosen("saturn_eph1.fits", ORBIT, target="SATURN") == (["saturn_eph1.fits"], [ORBIT], "")
    assert chosen("JUPITERf699N001_eph1.fits", ORBIT) == (["JUPITERf699N001_eph1.fits"], [ORBIT], "")
