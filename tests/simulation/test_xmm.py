"""The simulated XMM-Newton observation: what it holds, and that the native tools find its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xmm_helpers as made
from astropy.io import fits

from ciaopy.datamodel import Gti
from ciaopy.errors import UserError
from ciaopy.simulation import XmmSetup, XmmSimulated, simulate_xmm
from ciaopy.xmm import open_event_list, take_inventory
from ciaopy.xmm.exposure import fit_positions

SETUP = XmmSetup(exposure=12000.0)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> XmmSimulated:
    return simulate_xmm(SETUP, tmp_path_factory.mktemp("xmm") / "obs")


def flares(simulated: XmmSimulated) -> Gti:
    rows = np.loadtxt(simulated.folder / "truth/flares.txt")
    return Gti(rows[:, 0], rows[:, 1])


def test_inventory(simulated: XmmSimulated) -> None:
    found = take_inventory(simulated.folder)
    assert sorted(i[10:] for i in found.event_lists) == ["M1S001", "M1U002", "M2S003", "PNS004"]
    assert set(found.oot_lists) == {"0190010101PNS004"} and found.attitude is not None


def test_same_seed_same_bytes(tmp_path: Path, simulated: XmmSimulated) -> None:
    again = simulate_xmm(SETUP, tmp_path / "again")
    for name, path in simulated.lists.items():
        assert path.read_bytes() == again.lists[name].read_bytes()
    other = simulate_xmm(XmmSetup(exposure=12000.0, seed=2), tmp_path / "other")
    assert other.lists["M2S003MI"].read_bytes() != again.lists["M2S003MI"].read_bytes()


def test_lists_are_consistent(simulated: XmmSimulated) -> None:
    for name, path in simulated.lists.items():
        events = open_event_list(path)
        part = fits.getdata(simulated.folder / "truth" / f"{name}.fits", "TRUTH")["PART"]
        assert events.nrows == len(part) == sum(simulated.counts[name].values())
        ccd = events.ccds[0]
        assert events.gtis[ccd].duration == pytest.approx(events.header[f"ONTIME{ccd:02d}"])
        assert events.frames[ccd].live_time(events.gtis[ccd]) == pytest.approx(
            events.header[f"LIVETI{ccd:02d}"], rel=1e-6
        )
        assert fit_positions(events).det_to_sky.solve() is not None


def test_flares_are_found(simulated: XmmSimulated, tmp_path: Path) -> None:
    for name in ("M2S003MI", "PNS004PI"):
        made.run("xmm_espfilt", eventfile=simulated.lists[name], gtiset=tmp_path / f"{name}.fits", binsize=30)
        table = fits.getdata(tmp_path / f"{name}.fits", "STDGTI")
        quiet, bad = Gti(table["START"], table["STOP"]), flares(simulated)
        good = open_event_list(simulated.lists[name]).central_gti()
        assert (quiet & bad).duration < 0.05 * bad.duration
        assert quiet.duration > 0.9 * (good - bad).duration - 300


def test_anomalous_ccd_is_found(simulated: XmmSimulated, tmp_path: Path) -> None:
    made.run("xmm_emanom", eventfile=simulated.lists["M2S003MI"], logfile=tmp_path / "a.log")
    states = {line.split()[2]: line.split()[-1] for line in (tmp_path / "a.log").read_text().splitlines()}
    assert states["5"] == "B" and all(states[c] == "G" for c in "23467")


def test_sub_exposures_merged_are_one_exposure(simulated: XmmSimulated, tmp_path: Path) -> None:
    pair = [simulated.lists[n] for n in ("M1S001MI", "M1U002MI")]
    made.run("xmm_merge", sets=",".join(map(str, pair)), outset=tmp_path / "m.fits")
    one, two = (open_event_list(p) for p in pair)
    whole = open_event_list(tmp_path / "m.fits")
    assert whole.nrows == one.nrows + two.nrows
    assert whole.ontime(3) == pytest.approx(one.ontime(3) + two.ontime(3))
    assert whole.header["EXPIDSTR"] == "ALL"


def test_source_counts_over_exposure(simulated: XmmSimulated, tmp_path: Path) -> None:
    """The source on axis: its counts over the exposure map, against the simulated rate."""
    grid = {
        "ximagebinsize": 200,
        "yimagebinsize": 200,
        "withxranges": True,
        "ximagemin": 21000,
        "ximagemax": 31000,
        "withyranges": True,
        "yimagemin": 21000,
        "yimagemax": 31000,
    }
    events = simulated.lists["M2S003MI"]
    made.run(
        "xmm_evselect",
        table=events,
        imageset=tmp_path / "i.fits",
        expression="PI in [500:15000] && (FLAG & 0x200000)==0",
        **grid,
    )
    made.run(
        "xmm_eexpmap",
        imageset=tmp_path / "i.fits",
        eventset=events,
        expimageset=tmp_path / "x.fits",
        pimin=500,
        pimax=2000,
    )
    image, exposure = (fits.getdata(tmp_path / n).astype(float) for n in ("i.fits", "x.fits"))
    y, x = np.indices(image.shape)
    centre = (25921 - 20999.5) / 200 - 0.5
    r = np.hypot(x - centre, y - centre)
    sky, ring = r < 2.5, (r > 4) & (r < 9)
    net = image[sky].sum() - image[ring].mean() * sky.sum()
    rate = net / exposure[sky].mean()
    assert rate == pytest.approx(0.10 * (1 - np.exp(-0.5 * (500 / 120) ** 2)), rel=0.08)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"obs_id": "9000000001"}, "not beginning with 9"),
        ({"obs_id": "123"}, "ten digits"),
        ({"exposure": 5.0}, "from 2000"),
        ({"seed": -1}, "seed"),
        ({"quiet_rate": 0.0}, "quiet rate"),
    ],
)
def test_refused_setups(values: dict[str, object], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        XmmSetup(**values)  # type: ignore[arg-type]


def test_full_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="not empty"):
        simulate_xmm(SETUP, tmp_path)


def test_command(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from ciaopy.cli.simulate import command
    from ciaopy.errors import UsageError

    done = CliRunner().invoke(
        command, [str(tmp_path / "o"), "--mission", "xmm", "--exposure", "3000"], standalone_mode=False
    )
    assert done.exit_code == 0 and "PNS004OOEVLI" in done.output and (tmp_path / "o/truth/flares.txt").exists()
    done = CliRunner().invoke(command, [str(tmp_path / "p"), "--mission", "xmm", "--chips", "7"], standalone_mode=False)
    assert isinstance(done.exception, UsageError) and "--chips" in str(done.exception)
