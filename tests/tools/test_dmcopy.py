"""dmcopy: files that come out, headers, options, and every way to go wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from image_tools_helpers import run

from ciaopy import __version__
from ciaopy.datamodel import Workspace, copying, read
from ciaopy.errors import CiaopyError, DataError, OutputExistsError, UserError
from ciaopy.fits import Table

C = columns()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def test_a_filtered_copy_reads_everywhere(events: Path, tmp_path: Path) -> None:
    fitsio = pytest.importorskip("fitsio", reason="no wheel of fitsio for this machine")
    out = tmp_path / "out.fits"
    run("dmcopy", f"{events}[energy=500:7000]", out)
    mask = (C["energy"] >= 500) & (C["energy"] < 7000)
    with fits.open(out, checksum=True) as f:
        assert [h.name for h in f] == ["PRIMARY", "EVENTS", "GTI", "GTI"]
        assert np.array_equal(f["EVENTS"].data["time"], C["time"][mask])
        assert np.array_equal(f["EVENTS"].data["phas"], C["phas"][mask])
        header = f["EVENTS"].header
        history = "\n".join(str(v) for v in header["HISTORY"])
    assert np.array_equal(fitsio.read(str(out), ext="EVENTS", columns=["x"])["x"], C["x"][mask])
    assert header["DSTYP3"] == "energy" and header["DSVAL3"] == header["2DSVAL3"] == "500:7000"
    assert "TOOL  :dmcopy" in history and ":infile=" in history and "[energy=500:7000]" in history.replace("\n", "")
    assert str(header["CREATOR"]).startswith("dmcopy") and header["ONTIME"] == 897


def test_a_copy_says_what_ciao_says(events: Path, tmp_path: Path) -> None:
    """Headers as those of event files of chandra_repro, CIAO 4.16: creator kept, plain primary, lean subspace."""
    with fits.open(events, "update") as f:
        f["EVENTS"].header.update({"CREATOR": "acis_process_events - 1", "CONTENT": "EVT1", "CLOCKAPP": True})
        f["EVENTS"].header.update({"ASCDSVER": "10.13", "MJD-OBS": 55000.5, "DETNAM": "ACIS-03", "TITLE": "X"})
    run("dmcopy", f"{events}[pi=20:900,x=:,y=:]", tmp_path / "out.fits")
    with fits.open(tmp_path / "out.fits") as f:
        primary, header = f[0].header, f["EVENTS"].header
    assert header["CREATOR"] == primary["CREATOR"] == "acis_process_events - 1"
    assert header["ASCDSVER"] == primary["ASCDSVER"] == f"ciaopy {__version__}"
    assert primary["MJD-OBS"] == 55000.5 and primary["CLOCKAPP"] is True
    assert not {"CONTENT", "DETNAM", "TITLE", "OBJECT", "OBSERVER", "GRATING"} & set(primary)
    assert [header[k] for k in header if k.startswith("DSTYP")] == ["time", "ccd_id", "pi"]
    assert header["DSVAL1"] == "TABLE" and header["DSUNIT1"] == "s"
    assert "2DSVAL1" not in header and header["2DSREF1"].startswith(":GTI")
    assert [header[f"TFORM{n}"] for n in (1, 2)] == ["1D", "1I"] and not [v for v in header.values() if v == "D "]


@pytest.mark.parametrize(
    "text", ["[energy=500:7000]", "[cols time,sky,en=energy]", "[#row=5:20][cols -phas]", "[bin sky=64]"]
)
def test_twice_is_once(events: Path, tmp_path: Path, text: str) -> None:
    run("dmcopy", f"{events}{text}", tmp_path / "a.fits")
    run("dmcopy", tmp_path / "a.fits", tmp_path / "b.fits")
    if "bin" not in text and "cols" not in text:
        run(
            "dmcopy",
            f"{tmp_path}/a.fits{text}" if "row" not in text else tmp_path / "a.fits",
            tmp_path / "b.fits",
            "clobber=yes",
        )
    a, b = read(tmp_path / "a.fits"), read(tmp_path / "b.fits")
    assert type(a) is type(b)
    volatile = {"DATE", "HISTNUM", "HISTORY", "CHECKSUM", "DATASUM", "COMMENT"}
    assert {k: a.header[k] for k in a.header if k not in volatile} == {
        k: b.header[k] for k in b.header if k not in volatile
    }
    if isinstance(a, Table) and isinstance(b, Table):
        assert a.names == b.names and all(np.array_equal(a[n], b[n], equal_nan=a[n].dtype.kind == "f") for n in a.names)
        assert a.vectors == b.vectors and [c.keys for c in a.columns.values()] == [c.keys for c in b.columns.values()]
    else:
        assert np.array_equal(a.data, b.data)  # type: ignore[union-attr, arg-type]


def test_streaming_gives_the_same_bytes_as_memory(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{events}[energy=500:7000,ccd_id=3]"
    copying.copy(text, str(tmp_path / "memory.fits"), Workspace())
    monkeypatch.setattr(copying, "STREAM_BYTES", 0)
    monkeypatch.setattr("ciaopy.datamodel.opened.SCAN_BYTES", 4096)
    for nproc in (1, 8):
        copying.copy(text, str(tmp_path / "streamed.fits"), Workspace(nproc=nproc), clobber=True)
        a, b = (fits.getdata(tmp_path / n, 1) for n in ("memory.fits", "streamed.fits"))
        assert a.tobytes() == b.tobytes()
    copying.copy(f"{text}[cols time,ra]", str(tmp_path / "some.fits"), Workspace())
    assert fits.getdata(tmp_path / "some.fits", 1).names == ["time", "RA"]


def test_columns_vectors_and_names(events: Path, tmp_path: Path) -> None:
    run("dmcopy", f"{events}[cols time,sky,e=energy]", tmp_path / "o.fits[NEW]")
    with fits.open(tmp_path / "o.fits") as f:
        h = f["NEW"].header
        assert f["NEW"].data.names == ["time", "x", "y", "e"] and h["HDUNAME"] == "NEW"
        assert (h["MFORM1"], h["TCTYP2"], h["TLMAX2"], h["MTYPE2"]) == ("x,y", "RA---TAN", 8192.5, "EQPOS")


def test_option_all_copies_the_rest(events: Path, tmp_path: Path) -> None:
    with fits.open(events, mode="append") as f:
        f.append(fits.ImageHDU(np.ones((3, 3)), name="EXTRA"))
    run("dmcopy", f"{events}[EVENTS][ccd_id=0]", tmp_path / "o.fits", "option=all")
    with fits.open(tmp_path / "o.fits") as f:
        assert sorted(h.header.get("HDUNAME", h.name) for h in f) == ["EVENTS", "EXTRA", "GTI0", "PRIMARY"]
    run("dmcopy", f"{events}[EVENTS][ccd_id=0]", tmp_path / "p.fits")
    with fits.open(tmp_path / "p.fits") as f:
        assert [h.header.get("HDUNAME") for h in f] == ["PRIMARY", "EVENTS", "GTI0"]


def test_no_match_gives_an_empty_table_and_a_warning(events: Path, tmp_path: Path) -> None:
    _, said = run("dmcopy", f"{events}[energy=99999:]", tmp_path / "o.fits")
    assert "no rows match" in said
    with fits.open(tmp_path / "o.fits") as f:
        assert len(f["EVENTS"].data) == 0 and f["EVENTS"].data.names == list(C)
    run("dmcopy", f"{events}[ccd_id=5]", tmp_path / "q.fits")
    assert fits.getheader(tmp_path / "q.fits", 1)["ONTIME"] == 0


def test_subspace_edits(events: Path, tmp_path: Path) -> None:
    run("dmcopy", f"{events}[subspace -time][subspace pi=1:5]", tmp_path / "o.fits")
    h = fits.getheader(tmp_path / "o.fits", 1)
    assert (h["DSTYP1"], h["DSTYP2"], h["DSVAL2"]) == ("ccd_id", "pi", "1:5")
    assert len(fits.getdata(tmp_path / "o.fits", 1)) == 500


def test_the_region_in_the_subspace_has_six_digits(events: Path, tmp_path: Path) -> None:
    run("dmcopy", f"{events}[sky=circle(4072.863123,3945.821234,3.048781)]", tmp_path / "o.fits")
    h = fits.getheader(tmp_path / "o.fits", 1)
    assert (h["DSTYP3"], h["DSVAL3"]) == ("sky(x,y)", "Circle(4072.86,3945.82,3.04878)")


def test_explicit_times_narrow_the_limits(events: Path, tmp_path: Path) -> None:
    run("dmcopy", f"{events}[time=1100:1200]", tmp_path / "o.fits")
    h = fits.getheader(tmp_path / "o.fits", 1)
    assert (h["TSTART"], h["TSTOP"], h["ONTIME"]) == (1100, 1200, 100)
    assert (h["DATE-OBS"], h["DATE-END"]) == ("1998-01-01T00:18:20", "1998-01-01T00:20:00")


def test_text_tables_both_ways(events: Path, tmp_path: Path) -> None:
    for kernel in ("text/simple", "text/tsv", "text/dtf"):
        name = tmp_path / f"{kernel[5:]}.txt"
        run("dmcopy", f"{events}[cols time,ccd_id,energy,name]", f"{name}[opt kernel={kernel}]")
        table = read(name)
        assert isinstance(table, Table) and table.names == ["time", "ccd_id", "energy", "name"]
        assert np.array_equal(table["time"], C["time"]) and np.array_equal(table["name"], C["name"])
        assert np.array_equal(table["energy"].astype("f4"), C["energy"], equal_nan=True)
    some = read(f"{tmp_path}/tsv.txt[ccd_id=3]")
    assert isinstance(some, Table) and some.nrows == (C["ccd_id"] == 3).sum()


def test_inputs_are_not_modified(events: Path, tmp_path: Path) -> None:
    before = events.read_bytes()
    run("dmcopy", f"{events}[@{events}][ccd_id=3]", tmp_path / "o.fits")
    assert events.read_bytes() == before


def failing(tmp_path: Path, error: type[CiaopyError], message: str, *arguments: object) -> None:
    """Run dmcopy, which must fail and leave no new file."""
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(error, match=message):
        run("dmcopy", *arguments)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_existing_output(events: Path, tmp_path: Path) -> None:
    (tmp_path / "o.fits").write_text("mine")
    failing(tmp_path, OutputExistsError, "clobber=yes", events, tmp_path / "o.fits")
    assert (tmp_path / "o.fits").read_text() == "mine"
    run("dmcopy", events, tmp_path / "o.fits", "clobber=yes")


def test_output_onto_input(events: Path, tmp_path: Path) -> None:
    failing(tmp_path, UserError, "overwrite the input", f"{events}[ccd_id=3]", events, "clobber=yes")
    (tmp_path / "link.fits").symlink_to(events)
    failing(tmp_path, UserError, "overwrite the input", events, tmp_path / "link.fits", "clobber=yes")


def test_missing_damaged_and_foreign_files(events: Path, tmp_path: Path) -> None:
    import gzip

    failing(tmp_path, DataError, "no such file", tmp_path / "no.fits", tmp_path / "o.fits")
    raw = events.read_bytes()
    (tmp_path / "cut.fits").write_bytes(raw[: len(raw) // 2])
    failing(tmp_path, DataError, r"cut\.fits.*truncated", f"{tmp_path}/cut.fits[ccd_id=3]", tmp_path / "o.fits")
    packed = bytearray(gzip.compress(raw))
    packed[-6] ^= 0xFF
    (tmp_path / "bad.fits.gz").write_bytes(packed)
    failing(tmp_path, DataError, r"bad\.fits\.gz", f"{tmp_path}/bad.fits.gz[ccd_id=3]", tmp_path / "o.fits")
    (tmp_path / "noise.fits").write_bytes(os.urandom(5000))
    failing(tmp_path, DataError, r"noise\.fits", tmp_path / "noise.fits", tmp_path / "o.fits")


def test_a_folder_that_is_not_there(events: Path, tmp_path: Path) -> None:
    failing(tmp_path, UserError, "does not exist", events, tmp_path / "sub" / "o.fits")
    failing(tmp_path, UserError, "is a folder", events, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(events: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    failing(tmp_path, UserError, "locked", events, locked / "o.fits")


def test_datasets_kept_in_memory(events: Path, tmp_path: Path) -> None:
    ws = Workspace()
    ws.keep_in_memory(tmp_path / "m.fits")
    copying.copy(f"{events}[ccd_id=3]", str(tmp_path / "m.fits"), ws)
    assert ws.exists(tmp_path / "m.fits") and not (tmp_path / "m.fits").exists()
    table = ws.read(f"{tmp_path}/m.fits[energy=500:7000]")
    want = read(f"{events}[ccd_id=3,energy=500:7000]")
    assert isinstance(table, Table) and isinstance(want, Table)
    assert np.array_equal(table["time"], want["time"]) and table.header["DSVAL3"] == "500:7000"
    assert [b.name for b in ws.dataset(tmp_path / "m.fits")] == ["PRIMARY", "EVENTS", "GTI3"]
    with pytest.raises(OutputExistsError, match=r"m\.fits"):
        ws.write(tmp_path / "m.fits", table)
    ws.forget(tmp_path / "m.fits")
    assert not ws.exists(tmp_path / "m.fits")
