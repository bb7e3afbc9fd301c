"""report=yes of chandra_repro: the page, its figures, and when it cannot be made."""

from __future__ import annotations

import base64
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application
from ciaopy.pipelines.repro.report import observed
from ciaopy.simulation import Setup, simulate

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def observation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "obs"
    simulate(Setup(events=12_000, chips=(7, 8), exposure=1500.0, target="A <B> & C"), folder)
    return folder


def repro(observation, out, *words):
    fixed = ["set_ardlib=no", "verbose=0", "mode=h", "report=yes"]
    return run_application(["chandra_repro", f"indir={observation}", f"outdir={out}", *fixed, *words])


class Page(HTMLParser):
    """Text, images and open tags of a page."""

    def __init__(self):
        super().__init__()
        self.text, self.images, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_stands_alone_and_tells_the_run(observation, tmp_path):
    assert repro(observation, tmp_path / "r") == 0
    html = (tmp_path / "r/acisf90001_repro_report.html").read_text()
    page = Page()
    page.feed(html)
    text = "".join(page.text)
    assert page.open == []
    assert "A <B> & C" in text and "ciaopy-lite-1" in text and "acis_process_events" in text and "pix_adj" in text
    assert not re.search(r"(?:src|href)=['\"](?!data:)", html)
    assert len(page.images) == 4
    assert re.search(r"DEC_PNT[+-]?\d+\.\d{5}° \([+-]\d\d°\d\d′\d\d\.\d″\)", text)
    for source, name in zip(page.images, ("image", "lightcurve", "spectrum", "badpix"), strict=True):
        beside = (tmp_path / f"r/acisf90001_repro_{name}.png").read_bytes()
        assert beside.startswith(PNG) and base64.b64decode(source.partition("base64,")[2]) == beside
    events = fits.getheader(tmp_path / "r/acisf90001_repro_evt2.fits", "EVENTS")["NAXIS2"]
    assert "12,000" in text and f"{events:,}" in text
    with fits.open(tmp_path / "r/acisf90001_repro_evt2.fits") as h:
        good = next(b.data for b in h if b.name.startswith("GTI") and b.header["CCD_ID"] == 8)
    assert f"{len(good)} intervals, {np.sum(good['STOP'] - good['START']):.2f} s" in text


def test_numbers_have_sensible_digits_and_units():
    rows = {
        "RA_PNT": (228.47367561996, "228.47368° (15h13m53.68s)"),
        "DEC_PNT": (-59.139010585, "-59.13901° (-59°08′20.4″)"),
        "DEC_TARG": (-0.00001, "-0.00001° (-00°00′00.0″)"),
        "RA_TARG": (359.9999999, "360.00000° (00h00m00.00s)"),
        "ROLL_PNT": (257.86334, "257.863°"),
        "EXPOSURE": (18940.290788, "18,940.3 s (18.94 ks)"),
        "DTCOR": (0.98733739, "0.98734"),
        "OBS_ID": ("754", "754"),
        "DETNAM": ("ACIS-012", "ACIS-012"),
    }
    assert {name: observed(name, value) for name, (value, _) in rows.items()} == {n: t for n, (_, t) in rows.items()}


def test_a_second_report_needs_clobber(observation, tmp_path, capsys):
    assert repro(observation, tmp_path / "r") == 0
    for path in (tmp_path / "r").glob("*"):
        if path.suffix in (".fits", ".lis"):
            path.unlink()
    before = {p.name for p in (tmp_path / "r").iterdir()}
    assert repro(observation, tmp_path / "r", "clobber=no") == 1
    assert "report.html" in capsys.readouterr().err
    assert {p.name for p in (tmp_path / "r").iterdir()} == before, "refused before any work"
    assert repro(observation, tmp_path / "r", "clobber=yes") == 0


def test_an_observation_without_good_time_has_a_report(observation, tmp_path):
    """Zero level-2 events: the figures are empty, the page is there."""
    copy = tmp_path / "obs"
    shutil.copytree(observation, copy)
    path = next(copy.glob("secondary/*flt1*"))
    with fits.open(path) as h:
        blocks = fits.HDUList([b.copy() for b in h])
        for b in blocks[2:]:
            b.data["START"] = b.data["STOP"] - 1e-4
    blocks.writeto(path, overwrite=True)
    assert repro(copy, tmp_path / "r") == 0
    assert fits.getheader(tmp_path / "r/acisf90001_repro_evt2.fits", "EVENTS")["NAXIS2"] <= 20
    assert (tmp_path / "r/acisf90001_repro_report.html").is_file()
