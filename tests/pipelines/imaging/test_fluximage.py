"""fluximage on the real events of ObsID 754 and on simulated ones, as a user runs it."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ciaopy import runtool
from ciaopy.cli.main import run_application
from ciaopy.conformance import check_folder
from ciaopy.errors import DataError, NoDataError, UserError
from ciaopy.pipelines.imaging.headers import flux_unit
from ciaopy.pipelines.imaging.steps import hrc_i_pixels

EVT = "acisf00754N004_evt2.fits"
FIELD = "xygrid=3900.5:4300.5:#50,3900.5:4300.5:#50"


def image(path):
    with fits.open(path) as h:
        block = next(b for b in h if b.data is not None and b.data.ndim == 2)
        return block.data.copy(), block.header.copy()


@pytest.fixture(scope="module")
def tree(tmp_path_factory, request):
    """A copy of the observation, events unzipped: read faster, often."""
    data = request.getfixturevalue("data")
    target = tmp_path_factory.mktemp("obs")
    shutil.copytree(data / "obs/754/primary", target / "primary")
    (target / "secondary").mkdir()
    for path in (data / "obs/754/secondary").glob("*msk1*"):
        shutil.copy(path, target / "secondary")
    packed = next((target / "primary").glob("*evt2*"))
    with fits.open(packed) as h:
        h.writeto(target / "primary" / EVT)
    packed.unlink()
    return target


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flux(*words):
    return run_application(["fluximage", *map(str, words), "mode=h"])


def fails(capsys, *words):
    assert flux(*words) == 1
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def full(tree, tmp_path_factory):
    """Three bands with everything kept."""
    os.environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    out = tmp_path_factory.mktemp("run") / "o"
    words = ("bands=soft,hard,broad", "cleanup=no", "psfecf=0.5", "verbose=0", FIELD)
    assert flux(f"infile={tree}", f"outroot={out}/", *words) == 0
    return out


@pytest.mark.data
class TestImages:
    def test_names(self, full):
        names = {p.name for p in full.iterdir()}
        kinds = (".img", ".expmap", "_thresh.img", "_thresh.expmap", "_flux.img", "_thresh.psfmap")
        assert {f"{b}{k}" for b in ("soft", "hard", "broad") for k in kinds} | {"754.fov", "1.asphist"} <= names
        assert {"1_soft.instmap", "1_soft.expmap"} <= names and not [n for n in names if n.startswith(".")]

    def test_counts_are_the_events_of_the_band(self, full, tree):
        events = fits.getdata(tree / "primary" / EVT, "EVENTS")
        inside = (events["x"] >= 3900.5) & (events["x"] < 4300.5) & (events["y"] >= 3900.5) & (events["y"] < 4300.5)
        for band, low, high in (("soft", 500, 1200), ("hard", 2000, 7000)):
            keep = inside & (events["energy"] >= low) & (events["energy"] < high)
            expected = np.histogram2d(events["y"][keep], events["x"][keep], 50, [[3900.5, 4300.5]] * 2)[0]
            counts, header = image(full / f"{band}.img")
            assert np.array_equal(counts, expected)
            assert (header["ENERGYLO"], header["ENERGYHI"]) == (low / 1000, high / 1000)

    def test_good_times_survive_binning(self, full):
        """The counts image keeps the time of its subspace and the good times of every chip, as archive images do."""
        for name in ("broad.img", "broad_flux.img"):
            with fits.open(full / name) as hdus:
                header = hdus[0].header
                assert header["DSTYP1"] == "time" and header["DSUNIT1"] == "s"
                chips = [h.header["CCD_ID"] for h in hdus if h.name == "GTI"]
                assert len(chips) == len(set(chips)) == 4
                ontime = {c: (h.data["STOP"] - h.data["START"]).sum() for c, h in zip(chips, hdus[1:], strict=True)}
            assert all(header[f"ONTIME{c}"] == pytest.approx(t, abs=1e-3) for c, t in ontime.items())

    def test_every_product_conforms(self, full):
        reports = list(check_folder(full))
        assert len(reports) > 8 and not [f for r in reports for f in r.findings if f.severity == "error"]

    def test_a_band_alone_is_the_same_and_warns_once(self, full, tree, here, capfd):
        assert flux(tree, "alone/", "bands=soft", FIELD) == 0
        for kind in (".expmap", ".img", "_flux.img"):
            name = f"soft_thresh{kind}" if kind != "_flux.img" else "soft_flux.img"
            alone, company = image(here / "alone" / name)[0], image(full / name)[0]
            assert alone.max() > 0 and np.array_equal(alone, company, equal_nan=True)
        assert capfd.readouterr().err.count("embedded approximate calibration") <= 1

    def test_the_map_is_the_sum_of_its_chips(self, full):
        chips = sorted(p for p in full.glob("[0-9]_broad.expmap"))
        total, header = image(full / "broad.expmap")
        assert np.allclose(sum(image(p)[0].astype(float) for p in chips), total, rtol=1e-6)
        assert header["BUNIT"].replace("sec", "s") == "cm**2 s" and header["DETNAM"] == "ACIS-012379"

    def test_threshold_and_flux(self, full):
        for band in ("soft", "broad"):
            exposure, clipped = (image(full / f"{band}{k}")[0] for k in (".expmap", "_thresh.expmap"))
            counts, kept = (image(full / f"{band}{k}")[0] for k in (".img", "_thresh.img"))
            low = exposure < 0.015 * exposure.max()
            assert not clipped[low].any() and not kept[low].any()
            assert np.array_equal(clipped[~low], exposure[~low]) and np.array_equal(kept[~low], counts[~low])
            fluxed, header = image(full / f"{band}_flux.img")
            seen = clipped > 0
            assert np.allclose(fluxed[seen], kept[seen] / clipped[seen]) and not fluxed[~seen].any()
            assert header["BUNIT"] == "photon/cm2/s" and fluxed.dtype.kind == "f"

    def test_the_pulsar_is_where_the_sky_says(self, full):
        counts, header = image(full / "broad.img")
        row, column = np.unravel_index(counts.argmax(), counts.shape)
        ra, dec = WCS(header, fix=False).celestial.wcs_pix2world([[column + 1, row + 1]], 1)[0]
        # B1509-58: 15 13 55.6, -59 08 09
        assert abs(ra - 228.4817) * np.cos(np.radians(dec)) * 3600 < 6 and abs(dec + 59.1358) * 3600 < 6

    def test_psf_radii(self, full):
        soft, hard = (image(full / f"{b}_thresh.psfmap")[0] for b in ("soft", "hard"))
        assert 0.2 < np.nanmin(soft) < 1 and np.nanmedian(hard) > 0
        assert np.isnan(soft[image(full / "soft_thresh.expmap")[0] == 0]).all()

    def test_history_of_every_file(self, full):
        for path in full.iterdir():
            with fits.open(path) as h:
                texts = [str(b.header.get("HISTORY", "")) for b in h]
            found = sum("TOOL  :fluximage" in t.replace("\n", "") for t in texts)
            assert found >= 1, path.name
            recorded = "".join(texts)
            assert recorded.count("TOOL  :fluximage") == 1 and "bands=soft,hard,broad" in recorded, path.name
            assert "binsize=INDEF" in recorded


@pytest.mark.data
class TestRuns:
    def test_time_and_area(self, tree, here):
        events = f"{tree}/primary/{EVT}"
        assert flux(events, "tm", "units=time", "expmapthresh=none", "verbose=0", FIELD) == 0
        assert flux(events, "ar", "units=area", "expmapthresh=none", "verbose=0", FIELD) == 0
        time, th = image("tm_broad.expmap")
        area, ah = image("ar_broad.expmap")
        live = fits.getheader(events, "EVENTS")["LIVETIME"]
        assert time.max() == pytest.approx(live, rel=0.01) and th["BUNIT"].strip() == "s"
        assert 250 < area.max() < 480 and ah["BUNIT"].strip() == "cm**2"
        assert image("tm_broad_flux.img")[1]["BUNIT"] == "count/s"
        assert sorted(p.name for p in here.iterdir()) == sorted(
            f"{k}_{n}" for k in ("tm", "ar") for n in ("broad.img", "broad.expmap", "broad_flux.img", "754.fov")
        )

    def test_number_of_threads_and_company_do_not_matter(self, tree, here):
        events = f"{tree}/primary/{EVT}"
        assert flux(events, "a", "bands=soft,hard", "parallel=no", "verbose=0", FIELD) == 0
        assert flux(events, "b", "bands=hard,soft", "nproc=2", "verbose=0", FIELD) == 0
        for band in ("soft", "hard"):
            assert np.array_equal(image(f"a_{band}_flux.img")[0], image(f"b_{band}_flux.img")[0])

    def test_weights_are_the_weighted_sum(self, tree, here):
        (here / "w.txt").write_text("# ENERG_LO = 0.5\n# ENERG_HI = 7.0\n0.92 0.4\n2.3 0.6\n")
        words = ("bands=w.txt,0.5:7:0.92,0.51:7:2.3", "expmapthresh=", "verbose=0", FIELD)
        assert flux(f"{tree}/primary/{EVT}", "w", *words) == 0
        both, soft, hard = (image(f"w_{k}.expmap")[0] for k in ("band1", "0.5-7", "0.51-7"))
        assert np.allclose(both, 0.4 * soft + 0.6 * hard, rtol=2e-3, atol=1e-3 * both.max())

    def test_a_region_makes_a_small_image(self, tree, here, capsys):
        assert flux(f"{tree}/primary/{EVT}[sky=circle(4096,4096,40)]", "c", "binsize=1") == 0
        counts, _ = image("c_broad_thresh.img")
        assert counts.shape == (81, 81) or counts.shape == (80, 80) or max(counts.shape) <= 82
        text = capsys.readouterr().out
        assert "ACIS broad band" in text and "aspect histogram" in text and "c_broad_flux.img" in text

    def test_one_chip(self, tree, here):
        assert (
            flux(f"{tree}/primary/{EVT}[ccd_id=3,energy=500:7000]", "c", "binsize=16", "cleanup=no", "verbose=0") == 0
        )
        assert sorted(p.name for p in here.glob("*.instmap")) == ["c_3_broad.instmap"]
        one, total = image("c_3_broad.expmap")[0], image("c_broad.expmap")[0]
        assert np.array_equal(one, total)

    def test_the_grid_of_an_image(self, tree, here, full):
        assert flux(f"{tree}/primary/{EVT}", "g", f"xygrid={full}/soft.img", "verbose=0") == 0
        old, new = image(full / "broad.expmap"), image(here / "g_broad_thresh.expmap")
        keep = new[0] > 0
        assert old[0].shape == new[0].shape and np.allclose(old[0][keep], new[0][keep], rtol=2e-3)

    def test_the_plan_runs_nothing(self, tree, here, capsys):
        words = ["fluximage", f"{tree}/primary/{EVT}", "o/", "bands=csc", FIELD, "mode=h", "--plan"]
        assert run_application(words) == 0
        text = capsys.readouterr().out
        assert text.count("  mkexpmap ") == 3 * text.count("  asphist ") and "o/soft_flux.img" in text
        assert not list(here.iterdir())

    def test_pictures(self, tree, here):
        assert flux(f"{tree}/primary/{EVT}", "p", "bands=csc", "preview=yes", "verbose=0", FIELD) == 0
        made = {p.name: p.read_bytes() for p in here.glob("*.png")}
        assert set(made) == {f"p_{b}_flux.png" for b in ("soft", "medium", "hard", "csc")}
        assert all(b.startswith(b"\x89PNG") and len(b) > 20_000 for b in made.values())

    def test_from_python(self, tree, here):
        text = runtool.fluximage(f"{tree}/primary/{EVT}", "py", bands="soft", xygrid=FIELD.partition("=")[2])
        result = runtool.fluximage.last_result
        assert "soft" in text and result.flux["soft"].is_file() and result.fov.is_file()
        assert "py_soft_flux.img" in repr(result) and all(p.is_file() for p in result.products)

    def test_clobber_replaces_and_inputs_stay(self, tree, here):
        before = (tree / "primary" / EVT).stat().st_mtime_ns
        for clobber in ("no", "yes"):
            words = ("bands=soft", f"clobber={clobber}", "verbose=0", FIELD)
            assert flux(f"{tree}/primary/{EVT}", "o", *words) == 0
        assert (tree / "primary" / EVT).stat().st_mtime_ns == before

    def test_simulated_interleaved_layout_and_empty_bad_pixels(self, data, here):
        events = data / "obs/marx_aciss_multi/secondary/acisf90002_000N001_evt1.fits.gz"
        assert flux(f"{events}[ccd_id=7]", "m", "binsize=32", "verbose=0") == 0
        exposure = image("m_broad_thresh.expmap")[0]
        live = fits.getheader(events, "EVENTS")["LIVETIME"]
        assert 300 < exposure.max() / live < 800

    def test_hrc(self, data, here):
        assert flux(data / "obs/2886", "h", "verbose=0", "binsize=128") == 0
        counts, header = image("h_wide_thresh.img")
        assert counts.sum() > 0 and "PILO" not in header
        assert image("h_wide_thresh.expmap")[0].max() > 0


@pytest.mark.data
class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "match"),
        [
            (("bands=purple",), "purple"),
            (("bands=0.5:20:2",), "out of range"),
            (("bands=0.5:2:1,0.5:2:1.5",), "two bands"),
            (("xygrid=1:100:#10,1:100:#10",), "no events inside xygrid"),
            (("xygrid=1:100",), "xygrid"),
            (("binsize=0",), "binsize"),
            (("binsize=-1",), "binsize"),
            (("asolfile=none",), "asolfile=none"),
            (("asolfile=no.fits",), "no such file"),
            (("maskfile=no.fits",), "no such mask file"),
            (("badpixfile=no.fits",), "badpixfile"),
            (("psfecf=0",), "psfecf"),
            (("psfecf=1.5",), "psfecf"),
            (("units=counts",), "units"),
            (("expmapthresh=much",), "much"),
            (("tmpdir=/no/such/dir",), "tmpdir"),
            (("nproc=0",), "nproc=0"),
            (("outroot=no/such/dir/x",), "output folder"),
            (("outroot=",), ""),
        ],
    )
    def test_parameters(self, tree, here, capsys, words, match):
        if words == ("outroot=",):
            (here / "754.fov").write_text("")
            match = "754.fov exists in"
        text = fails(
            capsys, f"infile={tree}/primary/{EVT}", *(("outroot=zz",) if "outroot" not in words[0] else ()), *words
        )
        assert match in text and "Traceback" not in text and not list(here.glob("zz*"))

    def test_no_input(self, here, capsys):
        assert "infile is empty" in fails(capsys, "infile=", "outroot=o")
        assert "no event file" in fails(capsys, "infile=nothing/", "outroot=o")

    def test_blank_bands(self, tree, here, capsys):
        assert "bands is empty" in fails(capsys, tree, "o", "bands=")

    def test_several_event_files(self, tree, here, capsys):
        (here / "d").mkdir()
        for n in "12":
            (here / "d" / f"evt{n}.fits").symlink_to(tree / "primary" / EVT)
        text = fails(capsys, "d", "o")
        assert "2 event files" in text and "evt1.fits" in text and "evt2.fits" in text

    def test_an_image_is_no_event_file(self, full, here, capsys):
        assert flux(full / "soft.img", "o") == 1
        both = capsys.readouterr()
        assert "image" in both.out and "no event file" in both.err

    def test_no_rows(self, tree, here, capsys):
        assert "no events" in fails(capsys, f"{tree}/primary/{EVT}[energy=90000:95000]", "o")

    def test_filters_beside_the_field_of_view(self, tree, here, capsys):
        edited(tree, here, lambda h: None, lambda t: t["x"].__setitem__(slice(None), 8000.0))
        assert "do not overlap" in fails(capsys, "evt.fits[x=7990:8010]", "o", *companions(tree))

    @pytest.mark.parametrize(
        ("key", "value", "match"),
        [
            ("INSTRUME", None, "INSTRUME"),
            ("TSTOP", None, "TSTOP"),
            ("INSTRUME", "EPIC", "EPIC"),
            ("OBS_ID", None, "OBS_ID"),
            ("OBS_ID", "Merged", "merged"),
            ("OBS_ID", "1431", "OBI_NUM"),
            ("OBS_ID", "755", "755"),
            ("ASOLFILE", None, "ASOLFILE"),
            ("ASOLFILE", "pcad_away.fits", "pcad_away.fits"),
        ],
    )
    def test_headers(self, tree, here, capsys, key, value, match):
        def edit(header):
            header.remove("OBI_NUM", ignore_missing=True)
            if value is None:
                header.remove(key)
            else:
                header[key] = value

        edited(tree, here, edit)
        given = companions(tree)[1:] if key == "ASOLFILE" else companions(tree)
        text = fails(capsys, "evt.fits", "o", FIELD, *given)
        assert match in text and "bug" not in text and not list(here.glob("o*"))

    def test_missing_companions_of_the_header_are_told(self, tree, here, capsys):
        edited(tree, here, lambda h: h.update(BPIXFILE="away.fits", MASKFILE="NONE"))
        assert flux("evt.fits", "o", FIELD, *companions(tree)[:1], "bands=soft") == 0
        text = capsys.readouterr().err
        assert "away.fits" in text and "CALDB" in text and "no mask file" in text

    @pytest.mark.parametrize(
        ("edit", "match"),
        [
            (lambda h: h[1].header.remove("CONTENT"), "no CONTENT"),
            (lambda h: h[1].header.update(CONTENT="ASPHIST"), "ASPHIST"),
            (lambda h: h[1].header.update(TTYPE2="right"), "ra"),
        ],
    )
    def test_aspect_solutions(self, tree, here, capsys, edit, match):
        with fits.open(next((tree / "primary").glob("*asol1*"))) as h:
            edit(h)
            h.writeto("asol.fits")
        text = fails(capsys, f"{tree}/primary/{EVT}", "o", "asolfile=asol.fits", FIELD)
        assert match in text and "asol.fits" in text

    @pytest.mark.parametrize("key", ["DETNAM", "GRATING", "TSTART"])
    def test_keywords_that_an_observation_needs(self, tree, here, capsys, key):
        edited(tree, here, lambda h: h.remove(key))
        text = fails(capsys, "evt.fits", "o", FIELD, *companions(tree))
        assert key in text and "evt.fits" in text and "bug" not in text and not list(here.glob("o*"))

    @pytest.mark.parametrize(
        ("folder", "kind", "par"), [("primary", "bpix1", "badpixfile"), ("secondary", "msk1", "maskfile")]
    )
    def test_a_cycle_that_is_none(self, tree, here, capsys, folder, kind, par):
        with fits.open(next((tree / folder).glob(f"*{kind}*"))) as h:
            for b in h[1:]:
                b.header["CYCLE"] = "Q"
            h.writeto("odd.fits")
        text = fails(capsys, f"{tree}/primary/{EVT}", "o", f"{par}=odd.fits", FIELD)
        assert "CYCLE" in text and "Q" in text and "odd.fits" in text and not list(here.glob("o_*"))

    def test_good_times_of_no_chip(self, tree, here, capsys):
        with fits.open(tree / "primary" / EVT) as h:
            h["EVENTS"].data = h["EVENTS"].data[::50].copy()
            for b in h[1:]:
                if b.name.startswith("GTI"):
                    b.header.remove("CCD_ID", ignore_missing=True)
            h.writeto("evt.fits")
        text = fails(capsys, "evt.fits", "o", FIELD, *companions(tree))
        assert "CCD_ID" in text and "GTI" in text and "evt.fits" in text and not list(here.glob("o*"))

    def test_events_without_a_sky(self, tree, here, capsys):
        edited(tree, here, lambda h: None)
        whole = (here / "evt.fits").read_bytes()
        assert whole.count(b"RA---TAN") == 1
        (here / "evt.fits").write_bytes(whole.replace(b"RA---TAN", b"RA---XYZ"))
        text = fails(capsys, "evt.fits", "o", FIELD, *companions(tree))
        assert "evt.fits" in text and "RA---TAN" in text and not list(here.glob("o*"))

    def test_an_output_that_cannot_be_replaced(self, tree, here, capsys, monkeypatch):
        (here / "o_broad_flux.img").write_text("old")
        access = os.access
        monkeypatch.setattr(os, "access", lambda p, m: Path(p).name != "o_broad_flux.img" and access(p, m))
        text = fails(capsys, f"{tree}/primary/{EVT}", "o", FIELD, "clobber=yes")
        assert "o_broad_flux.img" in text and "cannot be replaced" in text
        assert (here / "o_broad_flux.img").read_text() == "old"

    def test_an_output_folder_that_cannot_be_written(self, tree, here, capsys, monkeypatch):
        (here / "shut").mkdir()
        access = os.access
        monkeypatch.setattr(os, "access", lambda p, m: Path(p).name != "shut" and access(p, m))
        text = fails(capsys, f"{tree}/primary/{EVT}", "shut/", FIELD)
        assert "shut: the output folder cannot be written to" in text and not list((here / "shut").iterdir())

    def test_aspect_solutions_of_two_kinds(self, tree, here, capsys):
        source = next((tree / "primary").glob("*asol1*"))
        for name, content in (("a.fits", "ASPSOL"), ("b.fits", "ASPSOLOBI")):
            with fits.open(source) as h:
                h[1].header["CONTENT"] = content
                h.writeto(name)
        assert "different kinds" in fails(capsys, f"{tree}/primary/{EVT}", "o", "asolfile=a.fits,b.fits", FIELD)

    def test_a_bad_pixel_file_of_another_observation(self, tree, here, capsys):
        with fits.open(next((tree / "primary").glob("*bpix1*"))) as h:
            for b in h[1:]:
                b.header["OBS_ID"] = "1230"
            h.writeto("bpix.fits")
        text = fails(capsys, f"{tree}/primary/{EVT}", "o", "badpixfile=bpix.fits", FIELD)
        assert "1230" in text and "754" in text

    def test_a_stale_intermediate(self, tree, here, capsys):
        (here / "o_1_broad.expmap").write_text("old")
        text = fails(capsys, f"{tree}/primary/{EVT}", "o", FIELD)
        assert "o_1_broad.expmap" in text and [p.name for p in here.iterdir()] == ["o_1_broad.expmap"]

    def test_no_space(self, tree, here, capsys, monkeypatch):
        import ciaopy.fits

        def full_disk(path, *args, **kwargs):
            raise DataError(f"{path}: No space left on device")

        monkeypatch.setattr(ciaopy.fits, "write_dataset", full_disk, raising=False)
        assert "No space" in fails(capsys, f"{tree}/primary/{EVT}", "o", "bands=soft", FIELD)
        assert not list(here.iterdir())


def edited(tree, here, edit, rows=None):
    """Write evt.fits: the events with a changed header and, in every tenth row, changed values."""
    with fits.open(tree / "primary" / EVT) as h:
        events = h["EVENTS"]
        events.data = events.data[::20].copy()
        edit(events.header)
        if rows is not None:
            rows(events.data)
        h.writeto(here / "evt.fits")


def companions(tree):
    asol, bpix = (next((tree / "primary").glob(f"*{k}*")) for k in ("asol1", "bpix1"))
    mask = next((tree / "secondary").glob("*msk1*"))
    return f"asolfile={asol}", f"badpixfile={bpix}", f"maskfile={mask}"


def test_merged_pixels_of_hrc_i_maps():
    wanted = {0.5: 16384, 1: 16384, 2: 8192, 3: 8192, 8: 2048, 10: 2048, 16: 1024, 20: 1024, 24: 1024, 32: 512, 33: 512}
    assert {b: hrc_i_pixels(b) for b in wanted} == wanted
    assert hrc_i_pixels(64) == 256 and hrc_i_pixels(100) == 256


@pytest.mark.parametrize(
    ("counts", "exposure", "unit"),
    [
        ("", "cm**2 s", "photon/cm2/s"),
        ("count", "cm**2 sec", "photon/cm2/s"),
        ("", "cm**2", "photon/cm2"),
        ("count", "s", "count/s"),
        ("", "cm2 s", "count/(cm2 s)"),
        ("adu", "cm**2 s", "adu/(cm**2 s)"),
        ("s", "s", ""),
        ("count", "", "count"),
    ],
)
def test_units(counts, exposure, unit):
    assert flux_unit(counts, exposure) == unit


def test_errors_are_of_the_tree():
    assert issubclass(NoDataError, DataError) and not issubclass(UserError, DataError)


@pytest.mark.data
def test_on_ciao_tools_the_same_steps_are_called(tree, here, capfd):
    """A folder that looks like CIAO, with programs that call ciaopy's tools, makes the same images."""
    root = here / "ciao"
    (root / "bin").mkdir(parents=True)
    called = here / "called.txt"
    for tool in ("asphist", "skyfov", "mkinstmap", "mkexpmap", "dmimgcalc", "dmimgthresh", "dmcopy"):
        program = root / "bin" / tool
        program.write_text(
            f"#!/bin/sh\necho {tool} >> '{called}'\nexec '{sys.executable}' -m ciaopy.cli {tool} \"$@\"\n"
        )
        program.chmod(0o755)
    events = f"{tree}/primary/{EVT}[ccd_id=1:2]"
    words = ("bands=soft", "expmapthresh=1.5%", "verbose=0", FIELD)
    command = [
        sys.executable,
        "-m",
        "ciaopy.cli",
        "fluximage",
        events,
        "c",
        *words,
        "tools=ciao",
        "mode=h",
        "--ciao",
        root,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=here, check=False)
    assert done.returncode == 0, done.stderr
    assert flux(events, "n", *words) == 0
    assert called.read_text().split().count("mkexpmap") == 2
    for tail in ("soft_thresh.img", "soft_thresh.expmap", "soft_flux.img"):
        a, b = image(f"c_{tail}"), image(f"n_{tail}")
        assert np.allclose(a[0], b[0], rtol=1e-6) and a[1].get("BUNIT") == b[1].get("BUNIT")
    assert not list(here.glob("c_*instmap"))


@pytest.mark.data
def test_the_example_of_the_notebook_runs(tree, here):
    docs = Path(__file__).resolve().parents[3] / "docs"
    asol = next((tree / "primary").glob("*asol1*"))
    words = [sys.executable, docs / "fluximage_example.py", tree / "primary" / EVT, here, asol]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, cwd=here, check=False)
    assert done.returncode == 0, done.stderr
    assert "photons/cm2/s" in done.stdout and "chip 3 saw" in done.stdout


def test_the_notebook_is_the_script_and_has_its_pictures():
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    root = Path(__file__).resolve().parents[3]
    loader = SourceFileLoader("make_notebook", str(root / "scripts" / "make_notebook"))
    maker = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(maker)
    made = json.loads((root / "docs" / "fluximage.ipynb").read_text())["cells"]
    wanted = list(maker.cells((root / "docs" / "fluximage_example.py").read_text()))
    assert [(c["cell_type"], c["source"]) for c in made] == wanted, "run scripts/make_notebook"
    data = [o["data"] for c in made for o in c.get("outputs", []) if o["output_type"] == "display_data"]
    pictures = [d["image/png"] for d in data if "image/png" in d]
    assert len(pictures) == 2 and all(base64.b64decode(p).startswith(b"\x89PNG") for p in pictures)
    assert "Table EVENTS" in data[0]["text/html"]
