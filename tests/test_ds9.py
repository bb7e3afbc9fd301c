"""SAOImage ds9 reads the products: sky coordinates of an event file and of an image, by its own arithmetic."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ciaopy.cli.main import run_application

pytestmark = [
    pytest.mark.ds9,
    pytest.mark.data,
    pytest.mark.skipif(
        not (shutil.which("ds9") and shutil.which("Xvfb")),
        reason="ds9 or Xvfb is not installed (Debian: saods9, xvfb)",
    ),
]
# PSR B1509-58 in the sky pixels of ObsID 754, from the archive's own positions
PULSAR = (4072.34, 4127.38)


@contextlib.contextmanager
def screen() -> Iterator[dict[str, str]]:
    """Run a virtual X server; yields the environment of its clients."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x900x24"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        yield {**os.environ, "DISPLAY": f":{number}", "XPA_METHOD": "local"}
    finally:
        server.terminate()
        server.wait()


def show(path: str, folder: Path, *words: str) -> None:
    """Open a file in ds9, give it more commands, and let it end."""
    with screen() as environment:
        environment["HOME"] = str(folder)
        done = subprocess.run(
            ["ds9", path, *words, "-exit"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    data: Path = request.getfixturevalue("data")
    folder = tmp_path_factory.mktemp("ds9")
    words = [f"indir={data / 'obs/754'}", f"outdir={folder}", "badpixel=no", "set_ardlib=no", "verbose=0", "mode=h"]
    assert run_application(["chandra_repro", *words]) == 0
    evt2 = next(folder.glob("*evt2.fits"))
    binned = f"{evt2}[EVENTS][bin x=3900:4300:2,y=3900:4300:2]"
    assert run_application(["dmcopy", binned, str(folder / "img.fits"), "mode=h"]) == 0
    return folder


def region_in_sky(folder: Path, source: str, name: str) -> tuple[float, float]:
    """Return the RA and Dec that ds9 finds for a circle given in physical coordinates at the pulsar."""
    given, made = folder / f"{name}_in.reg", folder / f"{name}_out.reg"
    given.write_text(f"physical\ncircle({PULSAR[0]},{PULSAR[1]},5)\n")
    shot = folder / f"{name}.png"
    show(
        source, folder, "-scale", "log", "-regions", "load", str(given), "-regions", "system", "wcs",
        "-regions", "sky", "icrs", "-regions", "skyformat", "degrees", "-regions", "save", str(made),
        "-zoom", "to", "fit", "-export", "png", str(shot),
    )  # fmt: skip
    assert shot.stat().st_size > 2000
    line = next(text for text in made.read_text().splitlines() if text.startswith("circle("))
    ra, dec = line.removeprefix("circle(").split(",")[:2]
    return float(ra), float(dec)


def expected(path: Path) -> tuple[float, float]:
    """Return RA and Dec of the pulsar from the columns' keywords, by astropy."""
    header = fits.getheader(path, "EVENTS")
    number = {header[f"TTYPE{k}"]: k for k in range(1, header["TFIELDS"] + 1)}
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    for i, name in enumerate("xy"):
        k = number[name]
        wcs.wcs.crpix[i], wcs.wcs.crval[i] = header[f"TCRPX{k}"], header[f"TCRVL{k}"]
        wcs.wcs.cdelt[i] = header[f"TCDLT{k}"]
    ra, dec = wcs.all_pix2world([PULSAR], 1)[0]
    return float(ra), float(dec)


@pytest.mark.parametrize("kind", ["events", "image"])
def test_sky_coordinates(products: Path, kind: str) -> None:
    evt2 = next(products.glob("*evt2.fits"))
    source = f"{evt2}[EVENTS]" if kind == "events" else str(products / "img.fits")
    start = time.perf_counter()
    ra, dec = region_in_sky(products, source, kind)
    wanted = expected(evt2)
    offset = np.hypot((ra - wanted[0]) * np.cos(np.radians(dec)), dec - wanted[1]) * 3600
    assert offset < 0.02, (ra, dec, wanted, time.perf_counter() - start)
