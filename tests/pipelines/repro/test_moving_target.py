"""chandra_repro for planets and comets: frozen events, the aspect in the object's frame, and what goes wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from moving_helpers import ephemeris_table, kepler, straight

from ciaopy.cli.main import run_application
from ciaopy.coords import Ephemeris, ObjectTrack, TangentPlane
from ciaopy.datamodel import Workspace
from ciaopy.simulation import HrcSetup, Motion, Setup, simulate, simulate_hrc
from ciaopy.sphere import positions

EVT2, ASPECT = "acisf90001_repro_evt2.fits", "acisf90001_repro_sso_asol1.fits"


@pytest.fixture(scope="module")
def observation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An object that moves by 1000 arcsec/h across the field, among sources that stand still."""
    folder = tmp_path_factory.mktemp("moving") / "obs"
    setup = Setup(
        events=8000, chips=(7,), exposure=1500.0, target="COMET K1", motion=Motion(16.0, 120.0, 0.5), flare=False,
        artifacts=False,
    )  # fmt: skip
    simulate(setup, folder, compress=False)
    return folder


@pytest.fixture
def mine(observation: Path, tmp_path: Path) -> Path:
    """A copy of its own, to be changed."""
    shutil.copytree(observation, tmp_path / "obs")
    return tmp_path / "obs"


def repro(folder: Path, out: Path, *words: str) -> int:
    fixed = ["badpixel=no", "set_ardlib=no", "mode=h"]
    return run_application(["chandra_repro", f"indir={folder}", f"outdir={out}", *fixed, *words])


@pytest.fixture(scope="module")
def frozen(observation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frozen") / "out"
    assert repro(observation, out, "verbose=0") == 0
    return out


def test_the_object_is_sharp_and_the_stars_trail(frozen, observation):
    events = fits.getdata(frozen / EVT2, "EVENTS")
    assert list(events.names[-3:]) == ["ocx", "ocy", "PathLength"]
    near = np.hypot(events["ocx"] - 4096.5, events["ocy"] - 4096.5) < 4
    assert near.sum() > 300
    assert np.hypot(events["ocx"][near].std(), events["ocy"][near].std()) < 2.0
    assert np.hypot(events["x"][near].std(), events["y"][near].std()) > 150.0
    # a star's events lie along the opposite of the object's way
    truth = fits.getdata(observation / "truth/truth.fits", 1)
    star = TangentPlane(150.12, 2.21, 4096.5, 4096.5, 0.492 / 3600)
    ra, dec = np.loadtxt(observation / "truth/sources.txt", usecols=(1, 2))[1]
    x, y = star.world_to_pixel(ra, dec)
    its = np.hypot(events["x"] - x, events["y"] - y) < 6
    assert its.sum() > 30
    assert (truth["SOURCE"] == 2).sum() > 30
    slope = (
        np.polyfit(events["time"][its], events["ocx"][its], 1)[0],
        np.polyfit(events["time"][its], events["ocy"][its], 1)[0],
    )
    way = np.radians(120.0)
    assert slope[0] == pytest.approx(16.0 / 60 / 0.492 * np.sin(way), rel=0.02)
    assert slope[1] == pytest.approx(-16.0 / 60 / 0.492 * np.cos(way), rel=0.02)


def test_products(frozen):
    names = {p.name for p in frozen.iterdir()}
    assert {EVT2, ASPECT} <= names
    assert not [n for n in names if "sso_evt1" in n or "tmp_asol" in n]
    assert not [n for n in names if "eph1" in n]
    header = fits.getheader(frozen / EVT2, "EVENTS")
    assert header["ASOLFILE"].startswith("pcadf90001")
    assert header["SSOEPHEM"].startswith("cometk")
    assert not [v for k, v in header.items() if k.startswith("DSTYP") and v.lower() in ("ocx", "ocy", "pathlength")]
    assert any("sso_freeze" in str(v) for v in header["HISTORY"])
    assert fits.getdata(frozen / ASPECT, "ocsol").names[-3:] == ["oc_ra", "oc_dec", "PathLength"]


def test_products_conform(frozen, conforms):
    conforms(frozen / EVT2, frozen / ASPECT)


def test_plan_shows_the_steps(observation, tmp_path, capsys):
    assert repro(observation, tmp_path / "out", "--plan") == 0
    lines = [line.split(None, 1)[1] for line in capsys.readouterr().out.splitlines() if line[:3].strip().isdigit()]
    at = next(i for i, line in enumerate(lines) if line.startswith("sso_freeze"))
    assert lines[at - 1].startswith("dmmerge infile=@")
    assert "acisf90001_repro_sso_evt1.fits[EVENTS][grade=0,2,3,4,6" in lines[at + 1]
    for word in ("scephemfile=", "ssoephemfile=", "asolfile=", "ocsolfile=", "clobber=yes", "verbose=1"):
        assert word in lines[at]
    assert not (tmp_path / "out").exists()


def test_clobber_no_is_decided_before_any_work(observation, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ASPECT).write_text("mine")
    assert repro(observation, tmp_path / "out", "clobber=no") == 1
    assert ASPECT in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out").iterdir()] == [ASPECT]


def without_orbit(folder: Path) -> None:
    next((folder / "primary").glob("orbit*")).unlink()


def predictive(folder: Path) -> None:
    path = next((folder / "primary").glob("orbit*"))
    path.rename(path.with_name(path.name.replace("eph1", "eph0")))


def too_early(folder: Path) -> None:
    path = next((folder / "primary").glob("comet*"))
    with fits.open(path) as hdus:
        hdus[1].data = hdus[1].data[:100]
        hdus.writeto(path, overwrite=True)


def damaged(folder: Path) -> None:
    next((folder / "primary").glob("comet*")).write_bytes(b"no FITS at all")


def two_objects(folder: Path) -> None:
    path = next((folder / "primary").glob("comet*"))
    for name in ("vesta", "ceres"):
        shutil.copy(path, path.with_name(f"{name}f454000000N001_eph1.fits"))
    path.unlink()


TROUBLE: dict[str, tuple[Any, str]] = {
    "no orbit": (without_orbit, "no orbit ephemeris"),
    "predictive": (predictive, "only a predictive orbit ephemeris"),
    "misses": (too_early, "sso_freeze: .*miss all events .*the ephemeris files"),
    "damaged": (damaged, "sso_freeze: .*eph1.fits"),
    "two": (two_objects, "ephemerides of 2 objects .ceres, vesta., and OBJECT='COMET K1' does not decide"),
}


@pytest.mark.parametrize("case", TROUBLE)
def test_failures_are_warnings_and_leave_nothing(case, mine, tmp_path, capsys):
    """Status 0, un-frozen events, a warning that says why; what an earlier run left of frozen files is gone."""
    change, message = TROUBLE[case]
    change(mine)
    out = tmp_path / "out"
    out.mkdir()
    if case in ("misses", "damaged"):
        for name in ("acisf90001_repro_sso_evt1.fits", ASPECT):
            (out / name).write_text("of an earlier run")
    assert repro(mine, out, "verbose=0", "clobber=yes") == 0
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if "not frozen" in line]
    assert len(lines) == 1
    assert re.search(message, lines[0])
    assert lines[0].startswith("WARNING: ")
    assert "ocx" not in fits.getdata(out / EVT2, "EVENTS").names
    assert not [p for p in out.iterdir() if "sso" in p.name or "tmp_asol" in p.name]


def test_events_frozen_before_are_frozen_anew(mine, frozen, tmp_path, capsys):
    """evt1 with ocx, ocy of someone: dropped, made anew, said; without ephemerides dropped for good."""
    path = next((mine / "secondary").glob("*evt1*"))
    with fits.open(path) as hdus:
        n = len(hdus["EVENTS"].data)
        old = hdus["EVENTS"]
        more = [fits.Column(c, "D", array=np.full(n, 7.0)) for c in ("ocx", "ocy", "PathLength")]
        new = fits.BinTableHDU.from_columns(old.columns + fits.ColDefs(more), header=old.header, name="EVENTS")
        new.header["OC_RA"] = 7.0
        hdus[hdus.index_of("EVENTS")] = new
        hdus.writeto(path, overwrite=True)
    assert repro(mine, tmp_path / "out", "cleanup=no") == 0
    assert "has ocx, ocy already (sso_freeze): the columns are dropped and made anew" in capsys.readouterr().out
    again, first = (fits.getdata(p / EVT2, "EVENTS") for p in (tmp_path / "out", frozen))
    assert again.names == first.names
    assert np.array_equal(again["ocx"], first["ocx"])
    assert "ocx" not in fits.getdata(tmp_path / "out/acisf90001_reset_evt1.fits", "EVENTS").names
    for eph in (mine / "primary").glob("*eph1*"):
        eph.unlink()
    assert repro(mine, tmp_path / "bare") == 0
    bare = fits.getheader(tmp_path / "bare" / EVT2, "EVENTS")
    assert "OC_RA" not in bare
    assert "ocx" not in fits.getdata(tmp_path / "bare" / EVT2, "EVENTS").names


def test_a_flat_folder_with_the_general_ephemerides_is_no_moving_target(mine, tmp_path, capsys):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in [p for place in ("primary", "secondary") for p in (mine / place).iterdir()]:
        shutil.copy(path, flat)
    comet = next(flat.glob("comet*"))
    for name in ("solarf454000000N001", "lunarf454000000N001", "anglesf90001_000N001"):
        shutil.copy(comet, flat / f"{name}_eph1.fits")
    comet.unlink()
    assert repro(flat, tmp_path / "out") == 0
    text = "".join(capsys.readouterr())
    assert "sso_freeze" not in text and "frozen" not in text
    assert "ocx" not in fits.getdata(tmp_path / "out" / EVT2, "EVENTS").names


# ---- other instruments ---------------------------------------------------------------------------------------------


def add_ephemerides(folder: Path, header: Any, au: float = 1.0, speed: float = 2.0) -> tuple[Path, Path]:
    """Write an orbit and an object that stands at the nominal pointing in the middle of the observation."""
    middle = (header["TSTART"] + header["TSTOP"]) / 2
    time = np.arange(header["TSTART"] - 9000.0, header["TSTOP"] + 9000.0, 300.0)
    names = [folder / f"{n}f{int(time[0]):09d}N001_eph1.fits" for n in ("orbit", "vesta")]
    keys = {"MJDREF": header["MJDREF"]}
    ephemeris_table(time, *kepler(time), name="ORBITEPHEM", **keys).write(names[0])
    ephemeris_table(time, *straight(time, header["RA_NOM"], header["DEC_NOM"], au, speed, 30.0, middle), **keys).write(
        names[1]
    )
    return names[0], names[1]


def expected(events: Any, header: Any, files: tuple[Path, Path], reference: float, pixel: float) -> np.ndarray:
    track = ObjectTrack.of(*(Ephemeris.read(p, Workspace(), "x") for p in files))
    sky = TangentPlane(header["RA_NOM"], header["DEC_NOM"], reference, reference, pixel)
    seen = sky.pixel_to_world(events["x"].astype(float), events["y"].astype(float))
    there = positions(track.at(events["time"].astype(float))[0])
    return np.array(
        [TangentPlane(float(a), float(d), reference, reference, pixel).world_to_pixel(r, e)
         for a, d, r, e in zip(*there, *seen, strict=True)]
    )  # fmt: skip


def test_hrc(tmp_path):
    simulate_hrc(HrcSetup(events=3000, target="VESTA"), tmp_path / "obs")
    header = fits.getheader(next((tmp_path / "obs/secondary").glob("*evt1*")), "EVENTS")
    files = add_ephemerides(tmp_path / "obs/primary", header)
    assert repro(tmp_path / "obs", tmp_path / "out", "verbose=0") == 0
    path = next((tmp_path / "out").glob("*repro_evt2.fits"))
    events = fits.getdata(path, "EVENTS")
    found = expected(events, fits.getheader(path, "EVENTS"), files, 16384.5, 0.1318 / 3600)
    assert np.abs(found[:, 0] - events["ocx"]).max() < 1e-3
    assert np.abs(found[:, 1] - events["ocy"]).max() < 1e-3
    assert len(list((tmp_path / "out").glob("*_repro_sso_asol1.fits"))) == 1


@pytest.mark.slow
def test_gratings_keep_the_region_and_evt1a_is_not_frozen(data, tmp_path):
    shutil.copytree(data / "gratings/sim_letg", tmp_path / "obs")
    header = fits.getheader(next((tmp_path / "obs/secondary").glob("*evt1*")), "EVENTS")
    files = add_ephemerides(tmp_path / "obs/primary", header)
    assert repro(tmp_path / "obs", tmp_path / "out", "verbose=0", "tg_orders=none") == 0
    path = next((tmp_path / "out").glob("*repro_evt2.fits"))
    with fits.open(path) as hdus:
        events = hdus["EVENTS"].data
        assert hdus[-1].name == "REGION"
        assert {"tg_mlam", "ocx"} <= {n.lower() for n in events.names}
    found = expected(events, fits.getheader(path, "EVENTS"), files, 4096.5, 0.492 / 3600)
    assert np.abs(found[:, 0] - events["ocx"]).max() < 1e-3
    assert "ocx" not in fits.getdata(next((tmp_path / "out").glob("*_evt1a.fits")), "EVENTS").names


def test_plan_with_a_grating(data, tmp_path, capsys):
    """sso_freeze comes after the orders are sorted, on evt1a; the REGION block is that of the file before."""
    shutil.copytree(data / "gratings/sim_letg", tmp_path / "obs")
    header = fits.getheader(next((tmp_path / "obs/secondary").glob("*evt1*")), "EVENTS")
    add_ephemerides(tmp_path / "obs/primary", header)
    assert repro(tmp_path / "obs", tmp_path / "out", "--plan") == 0
    lines = [line.split(None, 1)[1] for line in capsys.readouterr().out.splitlines() if line[:3].strip().isdigit()]
    tools = [line.split()[0] for line in lines]
    assert tools.index("tg_resolve_events") < tools.index("sso_freeze") < tools.index("tgextract")
    at = tools.index("sso_freeze")
    assert "_evt1a.fits " in lines[at]
    assert "_repro_sso_evt1a.fits[EVENTS][grade" in lines[at + 1]
    assert "_evt1a.fits[REGION]" in lines[tools.index("dmappend")]
    assert "sso" not in lines[tools.index("dmappend")]


# ---- report --------------------------------------------------------------------------------------------------------


def test_report_shows_the_object_standing_still(observation, mine, tmp_path):
    """The page has a section with track, speed, distance and light time; where freezing failed it has none."""
    assert repro(observation, tmp_path / "out", "report=yes", "verbose=0") == 0
    page = (tmp_path / "out/acisf90001_repro_report.html").read_text()
    text = re.sub(r"<[^>]*>", " ", page[page.index("<h2>Moving target") : page.index("<h2>Events")])
    speeds = [float(v) for v in re.findall(r"([\d.]+)(?: arcsec/min| at the end)", text)]
    assert speeds == pytest.approx([16.0, 16.0], rel=0.02)
    way = re.search(r"([\d.]+) arcsec in ([\d.]+) ks", text)
    assert way is not None
    assert float(way[1]) == pytest.approx(float(way[2]) * 1000 / 60 * 16.0, rel=0.01)
    assert "not taken out: apparent positions" in text
    assert "0.499" in text or "0.500" in text
    assert "Order sorting" not in page
    assert (tmp_path / "out/acisf90001_repro_object.png").stat().st_size > 10_000
    too_early(mine)
    assert repro(mine, tmp_path / "bare", "report=yes", "verbose=0") == 0
    page = (tmp_path / "bare/acisf90001_repro_report.html").read_text()
    assert "Moving target" not in page
    assert "the events are not frozen" in page
    assert not (tmp_path / "bare/acisf90001_repro_object.png").exists()


def test_picture_about_the_object(frozen, observation):
    """All of the object's light is within 4 arcsec of the middle of the picture in its frame."""
    from ciaopy.fits import Table, read_dataset
    from ciaopy.pipelines.repro.moving_report import _centred

    events = read_dataset(frozen / EVT2).block("EVENTS")
    assert isinstance(events, Table)
    picture = _centred(events, 100, 2.0, 0.492)
    assert picture.origin == pytest.approx((-49.2, -49.2))
    middle = picture.data[46:54, 46:54].sum()
    assert middle > 300
    assert middle > 0.8 * picture.data[30:70, 30:70].sum()
