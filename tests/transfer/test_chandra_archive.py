"""Observations fetched from a server on this machine that drops, refuses, redirects and lies."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ciaopy.errors import DataError, UsageError, UserError
from ciaopy.transfer import (
    MissingFilesError,
    NotThereError,
    Pace,
    Transfers,
    archive_mirrors,
    chandra_archive,
    downloads,
    fetch_observation,
    kept_observation,
    wanted_types,
)
from ciaopy.transfer.chandra_archive import TYPES, type_of
from ciaopy.transfer.checks import check_file, member_sizes
from ciaopy.transfer.footprints import find_observations, parse_answer, position_of, separation
from ciaopy.transfer.listing import names_on_page

OBS = "cdaftp/byobsid/4/754"
EVT1 = "secondary/acisf00754_000N004_evt1.fits.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    """Folders as pages, files with Range; `server.tricks` maps a part of a path to what goes wrong, and how often."""

    def log_message(self, *words: object) -> None:
        return None

    def do_HEAD(self) -> None:
        self.answer(False)

    def do_GET(self) -> None:
        self.answer(True)

    def answer(self, body: bool) -> None:
        server = self.server
        server.log.append((self.command, self.path, self.headers.get("Range")))
        path = server.root / self.path.lstrip("/")
        trick = next((k for k in server.tricks if k in self.path), None) if body else None
        what = ""
        if trick is not None and server.tricks[trick][1] > 0:
            what = server.tricks[trick][0]
            server.tricks[trick] = (what, server.tricks[trick][1] - 1)
        if what.isdigit():
            self.send_response(int(what))
            if what == "503":
                self.send_header("Retry-After", "1")
            if what == "302":
                self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path.is_dir():
            names = [p.name + "/" * p.is_dir() for p in sorted(path.iterdir())]
            links = "".join(f'<a href="{n}">{n}</a>\n' for n in names)
            data = (
                f'<a href="?C=N">Name</a><a href="/x/">Parent Directory</a><a href="http://a/b">b</a>{links}'.encode()
            )
        elif path.is_file():
            data = path.read_bytes()
        else:
            self.send_error(404)
            return
        if what == "page":
            data = b"<html>please log in</html>"
        start = 0
        if self.headers.get("Range") and what != "whole":
            start = int(self.headers["Range"][6:].split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()[:8]}"')
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        rest = data[start:]
        if body:
            self.wfile.write(rest[:1000] if what in ("drop", "whole") else rest)
            self.close_connection = True


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.root, one.log, one.tricks = tmp_path / "http", [], {}
    make_observation(one.root / OBS)
    threading.Thread(target=one.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("CDA_MIRROR_SITE", f"http://127.0.0.1:{one.server_port}/cdaftp/")
    monkeypatch.setattr(downloads, "_pause", lambda attempt: 0.0)
    yield one
    one.shutdown()
    one.server_close()


def table(rows: int, checksum: bool = True) -> bytes:
    import io

    columns = [fits.Column("TIME", "D", array=np.random.default_rng(rows).random(rows))]
    block = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="EVENTS")])
    out = io.BytesIO()
    block.writeto(out, checksum=checksum)
    return out.getvalue()


def make_observation(folder: Path) -> None:
    contents = {
        EVT1: table(2000),
        "primary/pcadf00754_asol1.fits.gz": table(900),
        "primary/acisf00754N004_evt2.fits.gz": table(300),
    }
    members = []
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(gzip.compress(data))
        members.append((name.removesuffix(".gz"), round(len(data) / 1024)))
    columns = [fits.Column("MEMBER_LOCATION", "64A", array=[m[0] for m in members]),
               fits.Column("MEMBER_SIZE", "J", array=[m[1] for m in members])]  # fmt: skip
    fits.BinTableHDU.from_columns(columns, name="GROUPING").writeto(folder / "oif.fits")
    (folder / "00README").write_text("read me\n")


def fetched(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name[0] != "."}


def test_all_files_and_nothing_again(server, tmp_path):
    out = tmp_path / "754"
    made = fetch_observation("754", out, archive_mirrors())
    assert fetched(out) == fetched(server.root / OBS) and len(made.files) == 5 and not made.notes
    told = json.loads((out / ".ciaopy-download.json").read_text())
    assert told["complete"] and told["files"][EVT1]["sha256"] == hashlib.sha256((out / EVT1).read_bytes()).hexdigest()
    server.log.clear()
    again = fetch_observation("754", out, archive_mirrors())
    assert (again.size, again.kept) == (0, 5)
    assert not [p for m, p, _ in server.log if m == "GET" and not p.endswith("/")]


def test_connections_that_drop_are_continued(server, tmp_path):
    server.tricks = {"evt1": ("drop", 7)}
    fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert fetched(tmp_path / "754") == fetched(server.root / OBS)
    ranges = [r for _, p, r in server.log if "evt1" in p]
    assert ranges[:4] == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]


def test_a_server_that_ignores_range(server, tmp_path):
    server.tricks = {"evt1": ("whole", 2)}
    fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert fetched(tmp_path / "754") == fetched(server.root / OBS)


def test_a_transfer_left_by_an_earlier_run_goes_on(server, tmp_path):
    part = tmp_path / "754" / f"{EVT1}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes((server.root / OBS / EVT1).read_bytes()[:5000])
    fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert [r for _, p, r in server.log if "evt1" in p] == ["bytes=5000-"]
    assert fetched(tmp_path / "754") == fetched(server.root / OBS)


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.tricks = {"evt1": ("503", 1), "asol1": ("500", 2)}
    fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert fetched(tmp_path / "754") == fetched(server.root / OBS)


@pytest.mark.parametrize(
    ("trick", "words"),
    [("403", "HTTP 403"), ("404", "HTTP 404"), ("page", "no whole|ends too early|incorrect header|no FITS"),
     ("500", "HTTP 500"), ("302", "HTTP 302")],
)  # fmt: skip
def test_one_file_fails_and_the_others_come(server, tmp_path, trick, words):
    server.tricks = {"evt1": (trick, 99)}
    with pytest.raises(DataError, match=rf"1 files could not be fetched: {EVT1}: .*({words})"):
        fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert set(fetched(server.root / OBS)) - set(fetched(tmp_path / "754")) == {EVT1}
    assert json.loads((tmp_path / "754/.ciaopy-download.json").read_text())["complete"] is False


def damage_gzip(data: bytes) -> bytes:
    return data[:-200]


def damage_sum(data: bytes) -> bytes:
    plain = bytearray(gzip.decompress(data))
    plain[-2880 * 3] ^= 1
    return gzip.compress(bytes(plain))


def shorten(data: bytes) -> bytes:
    return gzip.compress(table(1000))


@pytest.mark.parametrize(
    ("damage", "words"),
    [(damage_gzip, "ends too early"), (damage_sum, "DATASUM of HDU 1"), (shorten, "the inventory says"),
     (lambda d: d + b"rubbish", "incorrect header"), (lambda d: gzip.compress(b"<html>"), "no FITS file")],
)  # fmt: skip
def test_damage_at_the_source(server, tmp_path, damage, words):
    path = server.root / OBS / EVT1
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"damaged at the source: .*{words}"):
        fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert not list((tmp_path / "754/secondary").glob("*.fits.gz"))
    assert (tmp_path / "754/primary/pcadf00754_asol1.fits.gz").is_file()


def test_a_file_that_was_altered_here_is_fetched_again(server, tmp_path):
    fetch_observation("754", tmp_path / "754", archive_mirrors())
    path = tmp_path / "754" / EVT1
    path.write_bytes(damage_sum(path.read_bytes()))
    fetch_observation("754", tmp_path / "754", archive_mirrors())
    assert fetched(tmp_path / "754") == fetched(server.root / OBS)


def test_types_and_exclusions(server, tmp_path):
    fetch_observation("754", tmp_path / "a", archive_mirrors(), wanted_types(["evt2", "asol"]))
    assert sorted(Path(n).name for n in fetched(tmp_path / "a")) == [
        "acisf00754N004_evt2.fits.gz",
        "pcadf00754_asol1.fits.gz",
    ]
    fetch_observation("754", tmp_path / "b", archive_mirrors(), wanted_types([], ["evt1", "readme"]))
    assert (
        EVT1 not in fetched(tmp_path / "b")
        and "oif.fits" in fetched(tmp_path / "b")
        and len(fetched(tmp_path / "b")) == 3
    )
    with pytest.raises(DataError, match="no file of these types"):
        fetch_observation("754", tmp_path / "c", archive_mirrors(), wanted_types(["pha2"]))
    with pytest.raises(UsageError, match=r"'evt9': no type of file; there is .*asol"):
        wanted_types(["evt9"])


def test_without_a_request_what_is_here_is_told(server, tmp_path):
    out = tmp_path / "754"
    with pytest.raises(MissingFilesError, match="not fetched to its end"):
        kept_observation("754", out)
    fetch_observation("754", out, archive_mirrors(), wanted_types(["evt1", "asol"]))
    server.log.clear()
    assert kept_observation("754", out, wanted_types(["evt1"])).kept == 1
    with pytest.raises(MissingFilesError, match="no request is allowed: evt2"):
        kept_observation("754", out, wanted_types(["evt1", "evt2"]))
    fetch_observation("754", out, archive_mirrors(), wanted_types(["evt2"]))
    assert kept_observation("754", out, wanted_types(["evt1", "evt2"])).kept == 2
    fetch_observation("754", out, archive_mirrors())
    server.log.clear()
    assert kept_observation("754", out).kept == 5 and not server.log
    (out / EVT1).touch()
    assert kept_observation("754", out).kept == 5
    (out / EVT1).write_bytes(damage_sum((out / EVT1).read_bytes()))
    (out / "oif.fits").unlink()
    with pytest.raises(MissingFilesError, match=rf"2 of 5 files are not here, or are altered, .*oif.fits, {EVT1}"):
        kept_observation("754", out)
    assert not server.log


def test_a_number_of_connections_and_a_pace(server, tmp_path):
    server.tricks = {"asol1": ("500", 99)}
    waited: list[float] = []
    how = Transfers(threads=2, retries=2, pace=Pace(1e6, sleep=waited.append))
    with pytest.raises(DataError, match=r"asol1.*HTTP 500"):
        fetch_observation("754", tmp_path / "754", archive_mirrors(), None, how)
    assert len([p for m, p, _ in server.log if "asol1" in p and m == "GET"]) == 2
    assert how.pace is not None and how.pace._until > 0


def test_another_mirror_helps(server, tmp_path):
    mirrors = archive_mirrors(["http://127.0.0.1:9/", str(server.root / "cdaftp")])
    fetch_observation("754", tmp_path / "754", mirrors)
    assert fetched(tmp_path / "754") == fetched(server.root / OBS)


def test_what_is_not_there(server, tmp_path):
    with pytest.raises(NotThereError, match=r"ObsID 12345: not public, or there is none: .*HTTP 404"):
        fetch_observation("12345", tmp_path / "12345", archive_mirrors())
    with pytest.raises(NotThereError, match="no such folder"):
        fetch_observation("12345", tmp_path / "12345", archive_mirrors([str(server.root)]))
    with pytest.raises(DataError, match="the archive is not reached"):
        fetch_observation("754", tmp_path / "x", archive_mirrors(["http://127.0.0.1:9/"]))
    for wrong in ("ftp://cxc.harvard.edu/", str(tmp_path / "nowhere")):
        with pytest.raises(UserError, match="a mirror is"):
            archive_mirrors([wrong])
    assert not list(tmp_path.glob("12345"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("acisf00754_000N004_evt1.fits.gz", "evt1"), ("acisf1_000N3_evt1a.fits.gz", "evt1a"),
     ("oif.fits", "oif"), ("00README", "readme"),
     ("acisf1N2_cntr_img2.jpg", "cntr_img"), ("acisf1_000N2_bpix1.fits.gz", "bpix"),
     ("pcadf1_000N1_asol1.fits.gz", "asol"),
     ("axaff00754N002_VV001_vv2.pdf.gz", "vv"), ("orbitf1_eph1.fits.gz", "eph1"), ("something.else", "")],
)  # fmt: skip
def test_types_by_name(name, kind):
    assert type_of(name) == kind and (not kind or kind in TYPES)


def test_links_that_are_no_entries():
    page = """<a href="?C=M;O=A">Last modified</a><a href="/pub/">Parent Directory</a><a href='sub/'>sub/</a>
      <a href="a%20b.fits">a b.fits</a><a href="very_long_name_evt1.fits.gz">very_long_name_evt1..&gt;</a>
      <a href="../etc">../etc</a>
      <a href="x/y">x/y</a><a href="other.fits">click here</a><a href="a&amp;b">a&amp;b</a>"""
    assert names_on_page(page) == ["sub/", "a b.fits", "very_long_name_evt1.fits.gz", "a&b"]


def test_real_inventories_and_blank_sums(data):
    sizes = member_sizes(data / "archive/22772/oif.fits")
    assert len(sizes) >= 18
    checked = 0
    for path in sorted((data / "archive/22772").rglob("*.fits*")):
        notes: list[str] = []
        assert check_file(path, path.name, sizes.get(path.name.removesuffix(".gz")), notes) == ""
        checked += 1
    assert checked > 5


ANSWER = b"""<?xml version="1.0"?><VOTABLE version="1.1" xmlns="http://www.ivoa.net/xml/VOTable/v1.1"><RESOURCE><TABLE>
<FIELD name="ObsId" datatype="int"/><FIELD name="Instrument" datatype="char" arraysize="*"/>
<FIELD name="Grating" datatype="char" arraysize="*"/><FIELD name="Exposure" datatype="float"/>
<FIELD name="RA" datatype="double"/><FIELD name="Dec" datatype="double"/>
<DATA><TABLEDATA><TR><TD>9</TD><TD>ACIS-S</TD><TD>HETG</TD><TD>5</TD><TD>83.7</TD><TD>22.1</TD></TR>
<TR><TD>754</TD><TD>ACIS-I</TD><TD>NONE</TD><TD>20</TD><TD>83.63</TD><TD>22.01</TD></TR>
<TR><TD>754</TD><TD>ACIS-I</TD><TD>NONE</TD><TD>20</TD><TD>83.63</TD><TD>22.01</TD></TR>
</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""


@pytest.mark.parametrize(
    ("grating", "numbers"), [("all", [754, 9]), ("none", [754]), ("hetg", [9]), ("letg", []), ("any", [9])]
)
def test_observations_found(grating, numbers):
    found = parse_answer(ANSWER, 83.63, 22.01, grating)
    assert [f.obs_id for f in found] == numbers
    assert all(f.separation == pytest.approx(6.65679 if f.obs_id == 9 else 0.0, abs=1e-4) for f in found)


def test_answers_that_are_none(monkeypatch):
    with pytest.raises(DataError, match="is no table"):
        parse_answer(b"<html>busy</html>", 0.0, 0.0, "all")
    with pytest.raises(DataError, match="has no column ra"):
        parse_answer(ANSWER.replace(b'"RA"', b'"R"'), 0.0, 0.0, "all")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("CIAOPY_FOOTPRINT_URL", "http://127.0.0.1:9/footprints")
    with pytest.raises(DataError, match="no answer"):
        find_observations(1.0, 2.0, 3.0)


def test_positions():
    assert position_of(["83.63", "22.01"]) == pytest.approx((83.63, 22.01))
    assert position_of(["05:34:31.2", "+22:00:36"]) == pytest.approx((83.63, 22.01))
    with pytest.raises(UserError, match="no position"):
        position_of(["here", "there"])
    assert separation(0.0, 0.0, 0.0, np.radians(1.0)) == pytest.approx(60.0)


def test_positions_of_observations(tmp_path, monkeypatch):
    text = "# catalogue\nSEQ_NUM\tOBSID\tRA\tDEC\n6N\t4N\t11S\t12S\n1\t754\t05:34:31.20\t+22:00:36.0\n"
    monkeypatch.setattr("ciaopy.transfer.footprints._ask", lambda address: text.encode())
    assert position_of(["754"]) == pytest.approx((83.63, 22.01))
    with pytest.raises(UserError, match="not in the archive's catalogue"):
        position_of(["755"])


def test_the_order_of_types_is_that_of_the_archive_script():
    assert chandra_archive.TYPES[:4] == ("oif", "vv", "bpix", "fov") and len(set(TYPES)) == 33
