"""`ciaopy simulate` as users type it."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application


def test_an_observation_with_options(tmp_path, capsys):
    words = ["simulate", str(tmp_path / "o"), "--events", "5e3", "--mode", "graded", "--chips", "78", "--seed", "4"]
    more = ["--exposure", "900", "--no-flare", "--subarray", "257", "512", "--target", "MY STAR", "--obsid", "123"]
    assert run_application([*words, *more, "--pointing", "10", "-20", "30", "--no-gzip"]) == 0
    text = capsys.readouterr().out
    assert "5000 events" in text and "ACIS-78 GRADED" in text and "flare" not in text
    with fits.open(tmp_path / "o/secondary/acisf00123_000N001_evt1.fits") as h:
        header, events = h["EVENTS"].header, h["EVENTS"].data
    assert len(events) == 5000 and "phas" not in events.names and "corn_pha" in events.names
    assert (header["OBJECT"], header["RA_NOM"], header["DEC_NOM"], header["NROWS"]) == ("MY STAR", 10.0, -20.0, 512)
    assert events["chipy"].min() >= 258 and events["chipy"].max() <= 767


def test_sources_of_a_file(tmp_path):
    (tmp_path / "s.txt").write_text("150.12 2.21 5e-4 1.5\n")
    words = ["--events", "4000", "--chips", "7", "--exposure", "500", "--sources", str(tmp_path / "s.txt")]
    assert run_application(["simulate", str(tmp_path / "o"), *words]) == 0
    row = np.loadtxt(tmp_path / "o/truth/sources.txt")
    assert row[1] == pytest.approx(150.12) and row[3] == 1.5 and row[4] == pytest.approx(5e-4)


@pytest.mark.parametrize(
    ("words", "text", "status"),
    [
        (["--events", "12.5"], "whole number", 2),
        (["--events", "many"], "whole number", 2),
        (["--events", "nan"], "whole number", 2),
        (["--events", "5"], "events 5", 1),
        (["--chips", "abc"], "chips", 1),
        (["--mode", "CC"], "CC", 2),
        (["--seed", "-1"], "seed", 2),
        (["--sources", "absent.txt"], "absent.txt", 1),
        (["--subarray", "1", "5"], "32 rows", 1),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(tmp_path, capsys, words, text, status):
    assert run_application(["simulate", str(tmp_path / "o"), *words]) == status
    err = capsys.readouterr().err
    assert text in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_a_folder_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    assert run_application(["simulate", str(tmp_path)]) == 1
    assert "not empty" in capsys.readouterr().err


def test_help_tells_the_options(capsys):
    assert run_application(["simulate", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(option in text for option in ("--events", "--mode", "--subarray", "--no-flare", "truth"))
