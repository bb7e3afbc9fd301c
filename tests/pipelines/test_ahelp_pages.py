"""The examples of CIAO's help pages of chandra_repro and fluximage, one after the other, as a user types them.

The observations are simulated under the names of the pages (1838, 1839, 1843, 6202). What the pages promise is checked:
names of files, messages, which runs are equal. ENTER answers the prompts.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application
from ciaopy.simulation import Setup, simulate

Run = Callable[..., None]


def observation(place: Path, obsid: int, **options: Any) -> Path:
    simulate(Setup(obsid=obsid, **{"events": 2500, "exposure": 2000.0, "seed": obsid, **options}), place / str(obsid))
    return place / str(obsid)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as typed; it must succeed."""

    def typed(*words: object) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n\n\n\n"))
        assert run_application([str(w) for w in words]) == 0, words

    return typed


def image(path: str | Path) -> Any:
    with fits.open(path) as hdus:
        return next(b for b in hdus if b.data is not None and b.data.ndim == 2).data.copy()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data")
    for obsid in (1838, 1839):
        observation(place, obsid, chips=(3, 7))
    return place


@pytest.fixture(scope="module")
def acis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1843 with its repro folder, and what the later examples call evt2.fits, beside its companions."""
    folder = observation(tmp_path_factory.mktemp("acis"), 1843, chips=(2, 3, 7), mode="GRADED")
    words = ["chandra_repro", f"indir={folder}", f"outdir={folder}/repro", "set_ardlib=no", "verbose=0", "mode=h"]
    assert run_application(words) == 0
    for path in (folder / "repro").iterdir():
        shutil.copy(path, folder)
    shutil.copy(folder / "repro/acisf01843_repro_evt2.fits", folder / "evt2.fits")
    return folder


class TestChandraRepro:
    """https://cxc.harvard.edu/ciao/ahelp/chandra_repro.html"""

    @pytest.fixture
    def here(self, both: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """In /data/1838; nothing of another example is left."""
        monkeypatch.chdir(both / "1838")
        yield both / "1838"
        for folder in (*both.glob("*/repro"), *both.glob("*/new")):
            shutil.rmtree(folder)

    def test_1_and_2_the_current_folder_said_or_silent(
        self, here: Path, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("chandra_repro")
        assert "acis_process_events" in capsys.readouterr().out
        names = {p.name for p in (here / "repro").iterdir()}
        assert {f"acisf01838_repro_{kind}.fits" for kind in ("evt2", "bpix1", "flt2", "fov1")} <= names
        assert "acisf01838_asol1.lis" in names and not [n for n in names if "evt1" in n]
        run("chandra_repro", "verbose=0")
        said = capsys.readouterr().out
        assert "reprocess" not in said.lower().replace("(blank: repro inside the input folder)", "")

    def test_3_a_new_folder_with_the_intermediates(self, here: Path, run: Run) -> None:
        run("chandra_repro", f"indir={here}", f"outdir={here}/new", "cleanup=no")
        names = {p.name for p in (here / "new").iterdir()}
        assert {"acisf01838_reset_evt1.fits", "acisf01838_repro_evt1.fits", "acisf01838_repro_evt2.fits"} <= names

    def test_4_ardlib_is_left_alone(self, here: Path, run: Run, private_home: Path) -> None:
        run("chandra_repro", "set_ardlib=no")
        assert not list(private_home.rglob("ardlib.par"))

    def test_5_messages_in_their_order_and_the_record_of_the_caldb(
        self, here: Path, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("chandra_repro", "verbose=1", "mode=h")
        said = capsys.readouterr().out
        steps = (
            "Resetting afterglow status bits",
            "acis_build_badpix and acis_find_afterglow",
            "acis_process_events",
            "grade and status",
            "good time intervals",
            "repro/acisf01838_repro_evt2.fits",
            "HISTORY",
            "bad pixel file in",
            "Cleaning up",
            "punlearn ardlib",
            "have been reprocessed",
        )
        places = [said.find(s, said.find("Resetting")) for s in steps]
        assert -1 not in places and places == sorted(places), dict(zip(steps, places, strict=True))
        run("dmlist", "repro/acisf01838_repro_evt2.fits", "header")
        lines = [s for s in capsys.readouterr().out.splitlines() if "chandra_repro was run" in s]
        assert [s.split()[1] for s in lines] == ["COMMENT", "HISTORY"]
        assert "PARM  :value=chandra_repro was run with CALDB" in lines[1]

    @pytest.mark.parametrize("stack", ["1838,1839", "*"])
    def test_6_and_7_several_observations(
        self, here: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stack: str
    ) -> None:
        monkeypatch.chdir(here.parent)
        run("chandra_repro", f"indir={stack}" if "," in stack else stack, "outdir=")
        said = capsys.readouterr()
        assert "ardlib" in said.out + said.err
        for obsid in ("1838", "1839"):
            assert (here.parent / obsid / "repro" / f"acisf0{obsid}_repro_evt2.fits").is_file()


@pytest.mark.slow
class TestFluximage:
    """https://cxc.harvard.edu/ciao/ahelp/fluximage.html"""

    @pytest.fixture
    def here(self, acis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder of its own for every example, with the files of `acis`."""
        shutil.copytree(acis, tmp_path / "1843")
        monkeypatch.chdir(tmp_path / "1843")
        return tmp_path / "1843"

    def test_1_to_3_a_folder_a_file_and_smaller_pixels(
        self, here: Path, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("fluximage", ".", "fluxed/")
        assert "repro/acisf01843_repro_evt2.fits" in capsys.readouterr().out
        first = image("fluxed/broad_flux.img")
        run("fluximage", "repro/acisf01843_repro_evt2.fits", "again/")
        assert np.array_equal(image("again/broad_flux.img"), first)
        for cycle in ("e1", "e2"):
            run("fluximage", "repro/acisf01843_repro_evt2.fits", f"out/{cycle}")
        assert Path("out/e1_broad_flux.img").is_file() and Path("out/e2_broad_flux.img").is_file()
        run("fluximage", "repro/", "fluxed/", "binsize=4", "clobber+")
        assert abs(image("fluxed/broad_flux.img").shape[0] - 2 * first.shape[0]) <= 2

    def test_4_a_filter_is_like_a_filtered_file(self, here: Path, run: Run) -> None:
        run("fluximage", "evt2.fits[ccd_id<4]", "acisi/", "binsize=2")
        first = image("acisi/broad_flux.img")
        run("dmcopy", "evt2.fits[ccd_id<4]", "acisi.evt")
        run("fluximage", "acisi.evt", "acisi/", "binsize=2", "clobber=yes")
        assert np.array_equal(image("acisi/broad_flux.img"), first) and first.any()

    def test_5_bands_at_once_and_one_by_one(self, here: Path, run: Run) -> None:
        run("fluximage", "evt2.fits", "at_once", "bands=csc,broad")
        for band in ("soft", "medium", "hard", "broad"):
            run("fluximage", "evt2.fits", "fimg", f"bands={band}")
        for band in ("soft", "medium", "hard", "broad"):
            assert np.array_equal(image(f"fimg_{band}_flux.img"), image(f"at_once_{band}_flux.img")), band
        assert Path("fimg_1843.fov").is_file()

    def test_6_and_7_weights(self, here: Path, run: Run) -> None:
        model = ["xsphabs.gal*powlaw1d.pl", "paramvals=gal.nh=0.45;pl.gamma=1.7", "emin=0.5", "emax=7", "ewidth=0.25"]
        run("make_instmap_weights", "wgts.txt", *model)
        run("fluximage", "evt2.fits", "fimg/", "bands=wgts.txt")
        assert image("fimg/band1_flux.img").any()
        shutil.copy("wgts.txt", "wgt1.dat")
        shutil.copy("wgts.txt", "wgt2.dat")
        run("fluximage", "evt2.fits", "fimg", "bands=csc,0.5:7:3,wgt1.dat,wgt2.dat")
        labels = ("soft", "medium", "hard", "0.5-7", "band1", "band2")
        assert all(Path(f"fimg_{label}_flux.img").is_file() for label in labels)

    def test_8_and_9_the_hrc(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
        shutil.copytree(data / "obs/marx_hrci", tmp_path / "6202")
        monkeypatch.chdir(tmp_path / "6202")
        run("chandra_repro", "indir=.", "outdir=repro", "set_ardlib=no", "verbose=0")
        run("fluximage", "repro/", "fluxed/")
        assert image("fluxed/wide_flux.img").any()
        run("pset", "fluximage", "background=none")
        events = next(Path("repro").glob("*repro_evt2.fits"))
        run("fluximage", events, "fluxed2/")
        run("fluximage", events, "fluxed/", "bands=30:200:1.1", "bin=64")
        assert Path("fluxed/30-200_flux.img").is_file()

    def test_10_and_11_grids(self, here: Path, run: Run) -> None:
        run("fluximage", "evt2.fits[ccd_id<4]", "acisi/", "cleanup=no")
        run("fluximage", "evt2.fits", "fi_", "bands=csc", "xygrid=acisi/broad.img")
        assert image("fi_soft_flux.img").shape == image("acisi/broad.img").shape
        run("pset", "fluximage", "xygrid=3428.5:5476.5:2,3874.5:4898.5:2")
        run("fluximage", "evt2.fits", "zoom")
        assert image("zoom_broad_flux.img").shape == (512, 1024)

    def test_12_and_13_processors_change_nothing(self, here: Path, run: Run) -> None:
        run("fluximage", "repro/", "one/", "parallel=no")
        run("fluximage", "repro/", "many/", "nproc=-1")
        assert np.array_equal(image("one/broad_flux.img"), image("many/broad_flux.img"))

    def test_14_to_16_bad_pixels_bands_and_companions(
        self, here: Path, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("fluximage", "evt2.fits", "fimg", "badpixfile=caldb")
        assert image("fimg_broad_flux.img").any()
        run("fluximage", "evt2.fits", "fimg", "bands=0.5:6:2", "parallel=no")
        assert Path("fimg_0.5-6_flux.img").is_file()
        shutil.copy("acisf01843_repro_bpix1.fits" if Path("acisf01843_repro_bpix1.fits").exists() else
                    next(here.glob("*bpix1.fits")), "bpix1.fits")  # fmt: skip
        Path("asol.lis").write_text("".join(f"{p.name}\n" for p in sorted(here.glob("*asol1.fits"))))
        run("fluximage", "evt2.fits", "out", "badpixfile=bpix1.fits", "asolfile=@asol.lis")
        assert image("out_broad_flux.img").any()

    def test_17_and_18_a_box_and_exposure_times(self, here: Path, run: Run) -> None:
        run("fluximage", "evt2.fits[sky=box(4096,4096,600,600)]", "acisi/", "binsize=0.25")
        assert abs(max(image("acisi/broad_flux.img").shape) - 2400) <= 4
        run("fluximage", "evt2.fits", "qlook_", "units=time")
        with fits.open("qlook_broad_flux.img") as hdus:
            assert next(b for b in hdus if b.data is not None).header["BUNIT"] == "count/s"
