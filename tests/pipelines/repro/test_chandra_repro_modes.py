"""chandra_repro on simulated observations: modes, cycles, aspect, stacks, messages, what cannot be processed."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.cli.main import run_application

EVT2 = "acisf90001_repro_evt2.fits"


def simulate(folder: Path, *words: str) -> Path:
    assert run_application(["simulate", str(folder), "--events", "4000", "--seed", "5", *words]) == 0
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("sim") / "obs", "--chips", "378")


@pytest.fixture
def tree(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "obs"))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a gzipped file; the new one is plain, which is quicker to write."""
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(path.with_suffix(""))
    path.unlink()


def set_keys(folder: Path, pattern: str, **keys: Any) -> None:
    def change(hdus: Any) -> None:
        for hdu in hdus:
            hdu.header.update({k: v for k, v in keys.items() if k in hdu.header})

    for path in folder.rglob(pattern):
        edit(path, change)


def repro(*words: object) -> int:
    return run_application(["chandra_repro", *map(str, words), "mode=h", "set_ardlib=no"])


def events(folder: Path, name: str = EVT2) -> tuple[Any, Any]:
    with fits.open(folder / name, checksum=True) as hdus:
        return hdus["EVENTS"].data.copy(), hdus["EVENTS"].header


def test_continuous_clocking(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_keys(tree, "*.fits.gz", READMODE="CONTINUOUS", DATAMODE="CC33_FAINT")
    assert repro(tree, "") == 0
    text = capsys.readouterr().out
    data, header = events(tree / "repro")
    assert {"time_ro", "sky_1d"} <= {n.lower() for n in data.names} and header["PIX_ADJ"] == "NONE"
    assert "RA_TARG and DEC_TARG" in text and "acis_build_badpix" not in text
    assert not list((tree / "repro").glob("*repro_bpix1*"))
    assert len(data) > 0 and any("badpixel=no" in line for line in header["HISTORY"])
    assert header["FLTFILE"] == "acisf90001_repro_flt2.fits"


def test_a_second_run_replaces_products_and_never_an_input(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """clobber=yes is the default, as on the ahelp page; an input in the way of a product is refused before any work."""
    assert repro(tree, "", "verbose=0", "badpixel=no") == 0
    first = (tree / "repro" / EVT2).stat().st_mtime_ns
    assert repro(tree, "", "verbose=0", "badpixel=no") == 0
    assert (tree / "repro" / EVT2).stat().st_mtime_ns > first
    level1 = next(tree.rglob("*evt1.fits.gz"))
    moved = level1.rename(tree / "acisf90001_repro_evt1.fits.gz")
    plain = moved.with_suffix("")
    with fits.open(moved) as hdus:
        hdus.writeto(plain)
    moved.unlink()
    before = plain.read_bytes()
    capsys.readouterr()
    assert repro(tree, tree, "verbose=0", "cleanup=no", "clobber=yes") == 1
    assert "would overwrite an input" in capsys.readouterr().err and plain.read_bytes() == before
    assert not list(tree.glob("*repro_evt2*"))


def test_continuous_clocking_needs_no_bias(tree: Path) -> None:
    set_keys(tree, "*.fits.gz", READMODE="CONTINUOUS", DATAMODE="CC33_FAINT")
    for kind in ("bias0", "pbk0", "stat1"):
        for path in tree.rglob(f"*{kind}*"):
            path.unlink()
    assert repro(tree, "", "verbose=0") == 0
    assert len(events(tree / "repro")[0]) > 0


def test_interleaved_exposures_are_two_datasets_in_one_folder(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in list(tree.rglob("*1.fits.gz")):
        kind = path.name.split("_")[-1]
        if kind.startswith(("evt", "flt", "msk", "mtl", "stat", "bpix", "fov")):
            for cycle in ("e1", "e2"):
                shutil.copy(path, path.with_name(path.name.replace(f"_{kind}", f"_{cycle}_{kind}")))
            path.unlink()
    set_keys(tree, "*_e2_evt1*", EXPTIME=0.4)
    assert repro(tree, "") == 0
    first, header = events(tree / "repro", "acisf90001e1_repro_evt2.fits")
    second, other = events(tree / "repro", "acisf90001e2_repro_evt2.fits")
    assert len(first) == len(second) > 0 and (header["EXPTIME"], other["EXPTIME"]) == (3.2, 0.4)
    names = {p.name for p in (tree / "repro").iterdir()}
    assert {"acisf90001e1_asol1.lis", "acisf90001e2_asol1.lis", "acisf90001_000N001_e1_bpix1.fits"} <= names
    assert capsys.readouterr().out.count("Processing input directory") == 2


def test_on_board_aspect(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No guide stars: aspect from osol1, good times from the limits that do not ask for stars."""
    (tree / "secondary/aspect").mkdir()
    path = next(tree.rglob("*asol1*"))
    path = path.rename(tree / "secondary/aspect" / path.name.replace("asol1", "osol1"))
    edit(path, lambda h: h[1].header.update({"CONTENT": "OBCSOL"}))
    edit(next(tree.rglob("*evt1*")), lambda h: h["EVENTS"].header.update({"ASPTYPE": "OBC"}))
    assert repro(tree, "") == 0
    text = capsys.readouterr().out
    assert "no guide stars" in text and "ks of good time in" in text
    data, header = events(tree / "repro")
    assert len(data) > 0 and header["ASOLFILE"].endswith("osol1.fits")
    shutil.rmtree(tree / "secondary/aspect")
    assert repro(tree, "", "clobber=yes") == 1
    assert "aspect" in capsys.readouterr().err


def test_a_subarray(tmp_path: Path) -> None:
    tree = simulate(tmp_path / "sub", "--chips", "7", "--subarray", "385", "256")
    assert repro(tree, "", "verbose=0") == 0
    data, _ = events(tree / "repro")
    assert data["chipy"].min() >= 385 and data["chipy"].max() <= 640
    fov = fits.getdata(tree / "repro/acisf90001_repro_fov1.fits", 1)
    x, y = (np.array(fov[n][0])[np.isfinite(fov[n][0])] for n in "XY")
    area = 0.5 * abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))
    assert 256 * 1022 < area < 2.0 * 256 * 1022  # the window and the dither around it, not the whole chip


def test_very_faint_events_are_cleaned_only_when_asked(tmp_path: Path) -> None:
    tree = simulate(tmp_path / "vf", "--mode", "vfaint", "--chips", "3")
    assert repro(tree, tmp_path / "a", "verbose=0") == repro(tree, tmp_path / "b", "verbose=0", "check_vf_pha=yes") == 0
    plain, cleaned = events(tmp_path / "a")[0], events(tmp_path / "b")[0]
    assert 0 < len(cleaned) < len(plain) and plain["phas"].shape[1:] == (5, 5)


def test_graded_events_have_no_centroid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = simulate(tmp_path / "gr", "--mode", "graded", "--chips", "3")
    assert repro(tree, "", "pix_adj=centroid") == 0
    assert "pix_adj=none is used" in capsys.readouterr().out
    data, header = events(tree / "repro")
    assert "corn_pha" in {n.lower() for n in data.names} and header["PIX_ADJ"] == "NONE"


@pytest.mark.parametrize("pix_adj", ["edser", "none", "randomize", "centroid"])
def test_pixel_adjustments(tree: Path, pix_adj: str) -> None:
    assert repro(tree, "", f"pix_adj={pix_adj}", "badpixel=no", "verbose=0") == 0
    header = events(tree / "repro")[1]
    assert header["PIX_ADJ"] == pix_adj.upper() and header["RAND_SKY"] == (0.5 if pix_adj == "randomize" else 0.0)
    assert any(f"pix_adj={pix_adj}" in line for line in header["HISTORY"])


def test_lists_are_relative_and_older_ones_are_kept(tree: Path) -> None:
    assert repro(tree, "", "verbose=0") == 0
    name = tree / "repro/acisf90001_asol1.lis"
    assert name.read_text() == "pcadf90001_000N001_asol1.fits\n"
    name.write_text("mine\n")
    assert repro(tree, "", "verbose=0", "clobber=yes") == 0
    older = list((tree / "repro").glob("acisf90001_asol1.lis_*T*"))
    assert [p.read_text() for p in older] == ["mine\n"]


def test_process_events_no_and_badpixel_no_still_make_a_list(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert repro(tree, "", "process_events=no") == 0
    assert "process_events=no" in capsys.readouterr().out
    names = {p.name for p in (tree / "repro").iterdir()}
    assert {"acisf90001_repro_bpix1.fits", "acisf90001N001_evt2.fits"} <= names and EVT2 not in names


def test_messages_grow_with_the_level(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    for level in range(6):
        assert repro(tree, tmp_path / str(level), f"verbose={level}") == 0
        seen.append(capsys.readouterr().out.replace(str(tmp_path / str(level)), "OUT"))
    sizes = [len(text) for text in seen]
    assert sizes[0] == 0 and sizes == sorted(sizes) and sizes[1] < sizes[2] < sizes[3] < sizes[4]
    order = [
        "Processing input directory", "boresight", "Resetting afterglow", "Running destreak", "acis_build_badpix",
        "Running acis_process_events", "Filtering the events", "Applying the good time", "The new level=2 event file",
        "Adding HISTORY", "Creating the field-of-view", "Cleaning up", "The data have been reprocessed",
    ]  # fmt: skip
    places = [seen[1].index(text) for text in order]
    assert places == sorted(places)
    assert ">>> acis_process_events infile=" in seen[2] and ">>>" not in seen[1]
    assert "created OUT/acisf90001_repro_evt2.fits" in seen[2] and "deleted OUT" in seen[2]
    assert "EVT1: " in seen[3] and "EVT1: " not in seen[2] and "status 0" in seen[4] and "status 0" not in seen[3]


def test_two_datasets_may_not_make_the_same_products(tree: Path, tmp_path: Path, capsys: Any) -> None:
    again = shutil.copytree(tree, tmp_path / "again")
    assert repro(f"{tree},{again}", tmp_path / "out") == 1
    assert "would both make" in capsys.readouterr().err and not list((tmp_path / "out").glob("*.fits"))


def test_a_stack_goes_on_without_what_cannot_be_processed(tree: Path, tmp_path: Path, capsys: Any) -> None:
    two, bare = shutil.copytree(tree, tmp_path / "two"), tmp_path / "bare"
    bare.mkdir()
    shutil.copy(next(two.rglob("*evt1*")), two / "secondary/acisf90001_001N002_evt1.fits.gz")
    no_mask = shutil.copytree(tree, tmp_path / "nomask")
    next(no_mask.rglob("*msk1*")).unlink()
    assert repro(f"{two},{bare},{no_mask},{tree},{tmp_path / 'none'}", "") == 1
    out, err = capsys.readouterr()
    assert (tree / "repro" / EVT2).exists() and "2 of 3 datasets" in err
    assert "splitobs" in err and "msk1" in err and "Skipping" in out and "cannot find a level-1" in out


def test_all_skipped_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert repro(f"{tmp_path / 'a'},{tmp_path / 'b'}", "") == 0
    assert "Nothing to process" in capsys.readouterr().out


def test_output_folders_that_cannot_be_used(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for where, match in (
        (tmp_path / "file", "output folder cannot be made"),
        (tmp_path / "no/such/parent", "output folder cannot be made"),
        (tree / "primary", "outdir is an input folder"),
    ):
        before = sorted(p.name for p in tree.rglob("*"))
        assert repro(tree, where) == 1
        assert match in capsys.readouterr().err and sorted(p.name for p in tree.rglob("*")) == before


def test_a_full_disk_leaves_no_damaged_product(tree: Path, tmp_path: Path) -> None:
    """A limit on file sizes stands for the disk: the first file above it fails, as on a full one."""
    code = "from ciaopy.cli.main import main; main()"
    words = [sys.executable, "-c", code, "chandra_repro", str(tree), str(tmp_path / "o"), "mode=h", "badpixel=no"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    done = subprocess.run(words, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    for path in (tmp_path / "o").glob("[!.]*.fits"):
        with fits.open(path, checksum=True) as hdus:
            assert all(len(h.data) == h.header["NAXIS2"] for h in hdus[1:])
    assert not (tmp_path / "o" / EVT2).exists()


def test_plan_makes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_application(["chandra_repro", str(tree), "", "mode=h", "--plan"]) == 0
    text = capsys.readouterr().out
    assert "gti_align" in text and "products:" in text and not (tree / "repro").exists()
