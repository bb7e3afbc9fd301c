"""A simulated HRC-I observation is what processing makes of its amplifiers."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from hrc_helpers import status_words
from numpy.testing import assert_array_equal

from ciaopy.cli.main import run_application
from ciaopy.errors import OutputExistsError, UserError
from ciaopy.simulation import HrcSetup, simulate_hrc


@pytest.fixture(scope="module")
def observation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hrc") / "obs"
    made = simulate_hrc(HrcSetup(events=20_000, seed=3), folder, compress=False)
    assert sum(made.kinds.values()) == 20_000 and min(made.kinds.values()) > 200
    return folder


def one(folder, pattern):
    return next(folder.glob(pattern))


def test_processing_gives_the_simulated_events(observation, tmp_path):
    from ciaopy.runtool import make_tool

    events = one(observation, "secondary/*evt1*")
    make_tool("hrc_process_events")(
        infile=str(events), outfile=str(tmp_path / "o.fits"), acaofffile=str(one(observation, "primary/*asol1*")),
        badpixfile=str(one(observation, "secondary/*bpix1*")), badfile="NONE", degapfile="COEFF", cfu1=1.1, cfv1=1.1,
        gainfile="NONE",
    )  # fmt: skip
    a, o = (fits.getdata(p, "EVENTS") for p in (events, tmp_path / "o.fits"))
    for name in (n for n in a.names if n != "status"):
        assert_array_equal(o[name], a[name], err_msg=name)
    flags = fits.getdata(observation / "truth/truth.fits", 1)["FLAGS"].astype(np.uint32)
    assert_array_equal(status_words(o) & np.uint32(0xC000003F), flags)
    assert 1000 < (flags >> 30 & 1).sum() < 10_000


def test_same_seed_same_bytes(observation, tmp_path):
    simulate_hrc(HrcSetup(events=20_000, seed=3), tmp_path / "again", compress=False)
    first, second = (one(f, "secondary/*evt1*").read_bytes() for f in (observation, tmp_path / "again"))
    assert first == second
    with pytest.raises(OutputExistsError, match="not empty"):
        simulate_hrc(HrcSetup(events=20_000), tmp_path / "again")
    with pytest.raises(UserError, match="from 1000 to"):
        HrcSetup(events=10)


def test_the_demo_reduces_it(tmp_path, capsys):
    assert run_application(["demo", str(tmp_path / "d"), "--detector", "hrc-i", "--events", "5000"]) == 0
    said = capsys.readouterr().out
    assert "all ok" in said and "flags of ringing and tests" in said


def test_the_command_refuses_options_of_the_acis(tmp_path, capsys):
    out = str(tmp_path / "s")
    assert run_application(["simulate", out, "--detector", "hrc-i", "--events", "2000", "--no-gzip"]) == 0
    assert "HRC-I, 1000 s" in capsys.readouterr().out
    assert run_application(["simulate", str(tmp_path / "t"), "--detector", "hrc-i", "--mode", "VFAINT"]) == 2
    assert "--mode means nothing with --detector hrc-i" in capsys.readouterr().err


def test_compare_matches_events_whose_chip_positions_differ(observation, tmp_path, capsys):
    events = one(observation, "secondary/*evt1*")
    with fits.open(events) as f:
        f["EVENTS"].data["chipx"] += 1
        f["EVENTS"].data["pi"][:5] += 2
        f.writeto(tmp_path / "moved.fits")
    run_application(["compare", str(events), str(tmp_path / "moved.fits")])
    said = capsys.readouterr().out
    assert "20000" in said and "chipx" in said
