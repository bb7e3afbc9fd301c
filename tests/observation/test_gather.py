"""Files of an observation: layouts, versions, cycles, what is missing and what does not belong."""

import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.errors import DataError
from ciaopy.observation import choose, find_level1, gather, listing, read_level1, root_name

KEYS = {
    "INSTRUME": "ACIS",
    "DETNAM": "ACIS-01237",
    "DATAMODE": "FAINT",
    "READMODE": "TIMED",
    "DATE-OBS": "2005-01-01T00:00:00",
    "GRATING": "NONE",
    "RA_TARG": 10.0,
    "DEC_TARG": -20.0,
    "OBS_ID": "4321",
    "ASPTYPE": "KALMAN",
}
PRIMARY = ("acisf04321_000N001_bpix1", "acisf04321_000N001_fov1", "pcadf04321_000N001_asol1", "acisf04321N001_evt2")
SECONDARY = (
    "acisf04321_000N001_evt1",
    "acisf04321_000N001_flt1",
    "acisf04321_000N001_msk1",
    "acisf04321_000N001_mtl1",
    "acisf04321_000N001_stat1",
    "acisf221N001_pbk0",
    "acisf220N001_0_bias0",
    "acisf220N001_1_bias0",
)


def make(path, packed=True, name="EVENTS", **keys):
    hdu = fits.BinTableHDU.from_columns([fits.Column("TIME", "D", array=np.arange(3.0))], name=name)
    for k, v in {**KEYS, **keys}.items():
        hdu.header[k] = v
    target = path.with_name(path.name + (".fits.gz" if packed else ".fits"))
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(target, overwrite=True)
    return target


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "4321"
    for folder, names in (("primary", PRIMARY), ("secondary", SECONDARY)):
        (root / folder).mkdir(parents=True)
        for name in names:
            content = "ASPSOLOBI" if "asol" in name else "X"
            make(root / folder / name, CONTENT=content)
    return root


def observe(root, badpixel=True, process_events=True):
    (path, cycle), *_ = find_level1(root)
    return gather(root, read_level1(path, cycle), badpixel, process_events)


def test_archive_layout(tree):
    obs = observe(tree)
    assert obs["flt1"].name == "acisf04321_000N001_flt1.fits.gz"
    assert [p.name[:9] for p in obs.companions.bias] == ["acisf220N"] * 2 and len(obs.companions.aspect_paths) == len(
        obs.companions.fov
    ) == 1
    assert obs.events.ccds == (0, 1, 2, 3, 7) and root_name(obs.events, "") == "acisf04321"


def test_flat_layout(tree, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for p in tree.rglob("*.fits.gz"):
        shutil.copy(p, flat)
    obs = observe(flat)
    assert obs.layout.primary == obs.layout.secondary == flat and obs["evt2"].parent == flat


def test_plain_files_win_over_packed_ones(tree):
    packed = tree / "secondary/acisf04321_000N001_flt1.fits.gz"
    plain = packed.with_suffix("")
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    assert packed not in listing(tree / "secondary") and observe(tree)["flt1"] == plain


def test_folder_names_with_blanks(tree, tmp_path):
    moved = tmp_path / "my data" / "4321"
    moved.parent.mkdir()
    tree.rename(moved)
    assert observe(moved)["msk1"].is_file()


def test_interleaved_exposures_are_two_datasets(tree):
    old = tree / "secondary/acisf04321_000N001_evt1.fits.gz"
    for c in ("e1", "e2"):
        shutil.copy(old, old.with_name(f"acisf04321_000N001_{c}_evt1.fits.gz"))
    old.unlink()
    found = find_level1(tree)
    assert [c for _, c in found] == ["e1_", "e2_"]
    assert [root_name(read_level1(p, c), "") for p, c in found] == ["acisf04321e1", "acisf04321e2"]


def test_two_versions_of_the_events_need_splitobs(tree):
    make(tree / "secondary/acisf04321_001N001_evt1")
    with pytest.raises(DataError, match="splitobs"):
        find_level1(tree)


def test_no_events(tmp_path):
    assert find_level1(tmp_path) == []


@pytest.mark.parametrize("kind", ["bpix1", "flt1", "msk1", "mtl1", "stat1", "pbk0", "bias0", "asol1"])
def test_each_missing_file_is_named(tree, kind):
    for p in tree.rglob(f"*{kind}*"):
        p.unlink()
    with pytest.raises(DataError, match=kind.rstrip("01") if kind == "bias0" else kind):
        observe(tree)


def test_all_problems_are_listed_together(tree):
    for kind in ("flt1", "msk1"):
        for p in tree.rglob(f"*{kind}*"):
            p.unlink()
    make(tree / "secondary/acisf04321_000N002_mtl1")
    with pytest.raises(DataError) as error:
        observe(tree)
    assert all(k in str(error.value) for k in ("flt1", "msk1", "2 files match *mtl1"))


def test_without_badpixel_the_bias_and_parameter_block_are_not_needed(tree):
    for kind in ("pbk0", "bias0"):
        for p in tree.rglob(f"*{kind}*"):
            p.unlink()
    assert observe(tree, badpixel=False).companions.bias == ()


def test_process_events_no_needs_the_archives_level_2_file(tree):
    next(tree.rglob("*evt2*")).unlink()
    with pytest.raises(DataError, match="evt2"):
        observe(tree, process_events=False)


def test_files_of_another_observation_are_refused(tree):
    make(tree / "secondary/acisf04321_000N001_mtl1", OBS_ID="999")
    with pytest.raises(DataError, match=r"mtl1.*ObsID 999.*4321"):
        observe(tree)


def test_a_damaged_file_is_named(tree):
    path = tree / "secondary/acisf04321_000N001_msk1.fits.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="msk1"):
        observe(tree)


def test_missing_keywords_are_named_together(tree):
    path = next(tree.rglob("*evt1*"))
    with fits.open(path, mode="update") as h:
        del h["EVENTS"].header["DATAMODE"], h["EVENTS"].header["READMODE"]
    with pytest.raises(DataError, match=r"DATAMODE.*READMODE"):
        read_level1(path, "")


def test_aspect_choice(tmp_path):
    final = make(tmp_path / "a_asol1", CONTENT="ASPSOLOBI")
    old = [make(tmp_path / f"b{i}_asol1", CONTENT="ASPSOL") for i in range(2)]
    computer = make(tmp_path / "c_osol1", CONTENT="OBCSOL")
    assert choose((final, *old)).paths == (final,) and choose((final, *old)).method == "convexhull"
    assert choose(tuple(old)).kind == "ASPSOL" and choose(tuple(old)).method == "minmax"
    assert choose((computer, *old)).kind == "OBCSOL"
    with pytest.raises(DataError, match="splitobs"):
        choose((final, make(tmp_path / "d_asol1", CONTENT="ASPSOLOBI")))
    with pytest.raises(DataError, match="CONTENT"):
        choose((make(tmp_path / "e_asol1", CONTENT="EVT1"),))


def test_a_name_without_underscore_needs_root(tree):
    path = next(tree.rglob("*evt1*"))
    bare = path.with_name("evt1.fits.gz")
    path.rename(bare)
    events = read_level1(bare, "")
    with pytest.raises(DataError, match="root="):
        root_name(events, "")
    assert root_name(events, "mine") == "mine"
