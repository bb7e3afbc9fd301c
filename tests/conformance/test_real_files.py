"""No false alarm: real archive and CIAO products, and calibration files, have no error but those listed here."""

from __future__ import annotations

import pytest

from ciaopy.conformance import check

pytestmark = pytest.mark.data

#: Real files at hand with a genuine fault: the header was edited without a new CHECKSUM.
FAULTY = {"acismeg1D1999-07-22rmfN0002.fits.gz": {"FIT-2"}}
FOLDERS = ("archive", "caldb", "evt", "obs/754", "obs/2886", "xmm", "gratings/*[0-9]")
KINDS = {
    "evt/*evt2*": {"evt2_acis", "evt2_acis_tg"},
    "gratings/1[34]*/*evt2*": {"evt2_acis_tg"},
    "gratings/1011/*evt1a*": {"evt1a_hrc"},
    "obs/2886/*/*evt1*": {"evt1_hrc"},
    "obs/2886/*/*evt2*": {"evt2_hrc"},
    "obs/754/*/*evt1*": {"evt1_acis"},
    "archive/*/*/*_bpix1*": {"bpix1_acis", "bpix1_hrc"},
    "archive/*/*/*_msk1*": {"msk1_acis", "msk1_hrc"},
    "archive/*/*/*_mtl1*": {"mtl1_acis", "mtl1_hrc"},
    "archive/*/*/*flt1*": {"flt1_acis", "flt1_hrc"},
    "archive/*/*/*_fov1*": {"fov1_acis", "fov1_hrc"},
    "archive/*/*/aspect/*osol1*": {"asol1"},
    "archive/*/*/aspect/*aqual1*": {"aqual1"},
    "archive/*/*/*_img2*": {"img2"},
    "archive/*/*/*bias0*": {"bias0_acis"},
    "gratings/*/*garf*": {"garf"},
    "gratings/*/*pha2*": {"pha2"},
    "gratings/*/*_ah?.*": {"asphist"},
    "gratings/*rmf*": {"rmf"},
    "xmm/*/*/*.fits*": {None},
    "caldb/chandra/*/*.fits": {None},
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_real_file_has_an_error(data, folder):
    paths = sorted(p for top in data.glob(folder) for p in top.rglob("*.fits*"))
    assert paths
    found = {p.name: [f for f in check(p).findings if f.severity == "error"] for p in paths}
    assert not {name: errors for name, errors in found.items() if errors}


def test_real_files_with_a_stale_checksum(data):
    for name, rules in FAULTY.items():
        report = check(data / "gratings" / name)
        assert report.rules("error") == rules
        assert "changed after it was written" in report.findings[0].message


@pytest.mark.parametrize("pattern", KINDS)
def test_real_files_are_taken_for_what_they_are(data, pattern):
    paths = sorted(data.glob(pattern))
    assert paths
    assert {check(p).kind for p in paths} <= KINDS[pattern]


def test_files_of_chandra_repro_have_no_warning(data):
    """Ten products of CIAO 4.16, 1999 to 2024."""
    for path in sorted((data / "evt").glob("*evt2*")):
        assert check(path).clean, check(path).findings
