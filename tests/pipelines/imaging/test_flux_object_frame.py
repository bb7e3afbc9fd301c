"""fluximage frame=object: image and map on one grid in the frame of a moving object, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import run

from ciaopy.errors import DataError, UserError
from ciaopy.simulation import Motion, Setup, simulate

EVT2, ASPECT = "acisf90001_repro_evt2.fits", "acisf90001_repro_sso_asol1.fits"
GRID = "xygrid=3696.5:4496.5:#200,3696.5:4496.5:#200"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frozen level-2 events of an object that crosses 2.5 arcmin, with its aspect solution, in the names of a run."""
    place = tmp_path_factory.mktemp("frame")
    setup = Setup(
        events=20_000, chips=(7,), exposure=1500.0, motion=Motion(6.0, 100.0, 0.7), flare=False, artifacts=False
    )
    simulate(setup, place / "obs", compress=False)
    primary = place / "obs/primary"
    orbit, thing, asol, evt2 = (next(primary.glob(p)) for p in ("orbit*", "sim*eph1*", "*asol1*", "*evt2*"))
    out = primary / "acisf90001_repro_evt2.fits"
    more = (f"asolfile={asol}", f"ocsolfile={primary}/acisf90001_repro_sso_asol1.fits")
    run("sso_freeze", evt2, orbit, thing, out, *more)
    return primary


def flux(folder: Path, out: Path, *more: object, events: str = "acisf90001_repro_evt2.fits") -> None:
    fixed = ("bands=broad", GRID, "badpixfile=NONE", "maskfile=NONE", "units=time", "expmapthresh=0", "nproc=1")
    run("fluximage", f"{folder}/{events}", out, *fixed, *more)


def test_counts_and_map_follow_the_object(folder, tmp_path):
    """Its light is in one place, on the grid of the map; the stars' is not; all counts are there."""
    flux(folder, tmp_path / "o_", "frame=object")
    flux(folder, tmp_path / "s_")
    events = fits.getdata(folder / "acisf90001_repro_evt2.fits", "EVENTS")
    band = (events["energy"] >= 500) & (events["energy"] < 7000)
    inside = band & np.all([(events[c] >= 3696.5) & (events[c] < 4496.5) for c in ("ocx", "ocy")], axis=0)
    moving, still = (fits.getdata(tmp_path / f"{n}_broad.img") for n in "os")
    assert moving.sum() == inside.sum()
    assert moving[99:101, 99:101].sum() > 4 * still[99:101, 99:101].sum()
    heads = [fits.getheader(tmp_path / n) for n in ("o_broad.img", "o_broad.expmap", "s_broad.img")]
    for key in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CTYPE1", "CRVAL1P", "CDELT2P"):
        assert heads[0][key] == heads[1][key] == heads[2][key]
    assert fits.getdata(tmp_path / "o_broad.expmap").max() == pytest.approx(events_time(folder), rel=0.02)
    told = ["frame=object" in "".join(str(c) for c in h["HISTORY"]).replace(" ", "") for h in (heads[0], heads[2])]
    assert told == [True, False]


def events_time(folder: Path) -> float:
    return float(fits.getheader(folder / "acisf90001_repro_evt2.fits", "EVENTS")["LIVETIME"])


def test_filters_on_the_objects_frame_go_along(folder, tmp_path):
    flux(folder, tmp_path / "f_", "frame=object", events="acisf90001_repro_evt2.fits[oc=circle(4096.5,4096.5,60)]")
    events = fits.getdata(folder / "acisf90001_repro_evt2.fits", "EVENTS")
    near = np.hypot(events["ocx"] - 4096.5, events["ocy"] - 4096.5) <= 60
    near &= (events["energy"] >= 500) & (events["energy"] < 7000)
    assert fits.getdata(tmp_path / "f_broad.img").sum() == near.sum() > 50


REFUSED = {
    "sky filter": (
        "acisf90001_repro_evt2.fits[sky=circle(4096,4096,300)]",
        ("frame=object",),
        UserError,
        "filtered on sky",
    ),
    "not frozen": ("*N001_evt2.fits", ("frame=object", "asolfile={}/" + ASPECT), DataError, "run sso_freeze first"),
    "sky aspect": (
        EVT2,
        ("frame=object", "asolfile={}/pcadf90001_000N001_asol1.fits"),
        UserError,
        "the aspect on the sky",
    ),
    "object aspect": (EVT2, ("asolfile={}/" + ASPECT,), UserError, "set frame=object"),
    "psf map": (EVT2, ("frame=object", "psfecf=0.5"), UserError, "no PSF map"),
    "ciao": (EVT2, ("frame=object", "tools=ciao"), UserError, "set tools=native"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, folder, tmp_path):
    events, more, kind, message = REFUSED[case]
    name = next(folder.glob(events)).name if "*" in events else events
    with pytest.raises(kind, match=message):
        flux(folder, tmp_path / "x_", *(m.format(folder) for m in more), events=name)
    assert not list(tmp_path.iterdir())


def test_aspect_beside_the_events_is_needed(folder, tmp_path):
    shutil.copy(folder / "acisf90001_repro_evt2.fits", tmp_path)
    with pytest.raises(UserError, match=r"no acisf90001_\*_sso_asol1.fits beside .*; set asolfile"):
        flux(tmp_path, tmp_path / "x_", "frame=object")


def test_scale_in_km_is_refused(folder, tmp_path):
    orbit, thing, evt2 = (next(folder.glob(p)) for p in ("orbit*", "sim*eph1*", "*N001_evt2*"))
    run("sso_freeze", evt2, orbit, thing, tmp_path / "km.fits", "scale=300")
    with pytest.raises(DataError, match="ocx, ocy are no angles"):
        flux(
            tmp_path,
            tmp_path / "x_",
            "frame=object",
            f"asolfile={folder}/acisf90001_repro_sso_asol1.fits",
            events="km.fits",
        )
