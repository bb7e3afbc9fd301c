"""The README, executed block by block, in order, in a folder with the observations that it speaks of.

Every indented block is run as it stands, by bash or by Python, or is named here with the reason why it is not: a new
block that is neither fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

from ciaopy.simulation import Setup, simulate

README = Path(__file__).resolve().parent.parent / "README.md"
PROGRAMS = Path(sys.executable).parent

#: First line of a block to why it is not run here.
NOT_HERE = {
    "python3 -m pip install . && ciaopy demo": "installed by .ci/run; the demo by tests/cli/test_demo.py",
    "python3 -m pip install '.[test]' && python3 -m pytest": "this is it",
    "ciaopy batch init survey 0201903501 0302420101": "an archive's folders; tests/batch runs the commands",
    "ciaopy batch init survey @obsids.lis": "hours for a survey; tests/batch runs the commands",
    "ciaopy batch run survey --set flux_image.en_bounds=0.5:2,2:7 --set flux_image.effective_ens=1,3.8 --num-cores 8 "
    '--timeout "2 h"': "goes on with that survey",
    "from ciaopy.batch import Archive, prepare_chandra_info, chandra_repro, deflare, cleaned_chandra_evts, flux_image, "
    "rate_image": "downloads two observations",
    "chandra_repro 18676 '' report=yes": "an archive's planet; tests/pipelines/repro/test_moving_target.py has one",
    "ciaopy sso_freeze evt2.fits orbitf_eph1.fits jupiterf_eph1.fits out.fits asolfile=asol1.fits "
    "ocsolfile=jupiter_asol1.fits": "an archive's ephemerides; tests/tools/test_sso_freeze.py has some",
    'cluster = SLURMCluster(cores=8, processes=1, memory="32GB", walltime="12:00:00",': "needs a Slurm cluster",
}
#: First line of a block to the observations that it needs and the ones before it have not made.
QUICK = {
    "chandra_repro indir=1838 outdir=1838/repro": ("1838",),
    "ciaopy list": ("products",),
    "ciaopy shims ~/ciaopy-bin": (),
    "ciaopy check acisf01838_repro_evt2.fits 1838/repro/": (),
    "from ciaopy.batch import Archive": (),
    "plist fluximage                     # all parameters, hidden ones in brackets": (),
    "from ciaopy.runtool import dmcopy, fluximage": ("products",),
    "import astropy.table, numpy, ciaopy": (),
    'chandra_repro indir=1838 outdir=""': (),
    "ciaopy compare 1838/repro/acisf01838_repro_evt2.fits 1838/primary/acisf01838N004_evt2.fits.gz": (),
    "fluximage repro/ out/ bands=csc,0.5:7:2.3 binsize=4 psfecf=0.9 preview=yes": (),
    "from ciaopy.runtool import fluximage": (),
}
XMM = {"ciaopy xmm_inventory 0201903501": ("xmm",)}
GRATINGS = {"ciaopy chandra_repro 14392 14392/repro": ("14392",)}
MOSAIC: dict[str, tuple[str, ...]] = {
    r"printf '150.12 2.21 4e-4\n150.17 2.24 2e-4\n150.06 2.26 2e-4\n' > sources.txt": (),
    "evt=1003/primary/acisf01003N001_evt2.fits.gz": (),
    "ciaopy merge_obs 1001,1002,1003/primary/clean_evt2.fits mosaic/ bands=csc binsize=4 psfecf=0.9": (),
    'ciaopy make_instmap_weights w.txt model="xsphabs.gal*powlaw1d.pl" paramvals="gal.nh=0.02;pl.gamma=1.7" emin=0.5 '
    "emax=7 ewidth=0.1": (),
}


def blocks() -> dict[str, str]:
    """Return the indented blocks of the README by their first lines, in order."""
    found = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", README.read_text(), re.MULTILINE)
    texts = [re.sub(r"^ {4}", "", piece, flags=re.MULTILINE).strip("\n") for piece in found]
    return {text.splitlines()[0]: text for text in texts if text}


def test_every_block_is_run_or_named() -> None:
    known = [*NOT_HERE, *QUICK, *XMM, *GRATINGS, *MOSAIC]
    assert len(known) == len(set(known))
    assert set(blocks()) == set(known), "a block of README.md is new or has changed: say here how it is run"


def prepare(what: str, place: Path) -> None:
    """Make what a block takes for granted."""
    if what == "1838":
        options = {"events": 4000, "chips": (3, 7), "exposure": 3000.0, "seed": 3}
        simulate(Setup(obsid=1838, **options), place / "1838")  # type: ignore[arg-type]
        events = next((place / "1838/primary").glob("*evt2*"))
        events.rename(events.with_name("acisf01838N004_evt2.fits.gz"))
    elif what == "products":  # a user works in the folder of the products
        for path in (place / "1838/repro").iterdir():
            shutil.copy(path, place)
        shutil.copytree(place / "1838/repro", place / "repro", dirs_exist_ok=True)
        shutil.copy(place / "acisf01838_repro_evt2.fits", place / "evt2.fits")
    elif what == "14392":
        options = {"events": 30_000, "grating": "HETG", "seed": 3, "ra": 83.8517, "dec": -5.4025}
        simulate(Setup(obsid=14392, **options), place / "14392")  # type: ignore[arg-type]
    elif what == "xmm":
        command = ["ciaopy", "simulate", "0201903501", "--mission", "xmm", "--seed", "2"]
        assert shell(" ".join(command), place).returncode == 0
        events = sorted((place / "0201903501").rglob("*M1*EVLI*")) or sorted((place / "0201903501").rglob("*mos1*"))
        shutil.copy(events[0], place / "mos1.fits")
        attitude = sorted((place / "0201903501").rglob("*ATT*")) or sorted((place / "0201903501").rglob("*att*"))
        shutil.copy(attitude[0], place / "att.fits")


def shell(text: str, place: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(place / "home")}
    (place / "home").mkdir(exist_ok=True)
    words = ["bash", "-euo", "pipefail", "-c", text]
    if text.startswith(("from ", "import ")):
        words = [sys.executable, "-c", text]
    return subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)


def execute(names: dict[str, tuple[str, ...]], place: Path) -> None:
    """Run blocks in the order of the README."""
    for first, text in blocks().items():
        if first not in names:
            continue
        for what in names[first]:
            prepare(what, place)
        done = shell(text, place)
        assert done.returncode == 0, (
            f"{text}\n\nended with {done.returncode}:\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        )


@pytest.mark.slow
def test_one_observation(tmp_path: Path) -> None:
    """The first steps, checks, parameters, Python, chandra_repro and fluximage."""
    execute(QUICK, tmp_path)
    assert fits.getdata(tmp_path / "images/soft_flux.img").any() and list((tmp_path / "out").glob("*.png"))
    assert fits.getheader(tmp_path / "hard.fits", 1)["HDUNAME"] == "EVENTS"
    assert fits.getdata(tmp_path / "broad.fits").sum() > 0 and (tmp_path / "home/ciaopy-bin/dmcopy").exists()


@pytest.mark.slow
def test_xmm(tmp_path: Path) -> None:
    execute(XMM, tmp_path)
    assert fits.getdata(tmp_path / "exp.fits").max() > 0


@pytest.mark.slow
def test_gratings(tmp_path: Path) -> None:
    execute(GRATINGS, tmp_path)
    spectra = {p.name for p in (tmp_path / "14392/repro/tg").iterdir()}
    assert {"acisf14392_repro_meg_m1.pha", "acisf14392_repro_meg_m1.arf", "acisf14392_repro_heg_p2.arf"} <= spectra


@pytest.mark.slow
def test_mosaic(tmp_path: Path) -> None:
    execute(MOSAIC, tmp_path)
    for image in ("mosaic/soft_flux.img", "weighted/band1_flux.img"):
        assert fits.getdata(tmp_path / image).any()
    assert (tmp_path / "flare.png").is_file()
