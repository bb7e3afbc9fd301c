"""Fetching from a mirror: a server on localhost with faults, and a folder."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from made_caldb import Row, header, make_caldb, write_version

from ciaopy.caldb import Caldb
from ciaopy.caldb.fetch import default_folder, fetch_files, is_partial
from ciaopy.errors import CalibrationError, UserError
from ciaopy.transfer import downloads as transfers
from ciaopy.transfer.downloads import Silent, download, open_mirror

QE = "data/chandra/acis/qe/qeN0006.fits"


@dataclass
class Server:
    """A mirror whose faults a test chooses; `log` has (path, Range) of every request."""

    root: Path
    url: str = ""
    cut_after: int | None = None
    cuts: int = 0
    wrong_size: int = 0
    ignore_range: bool = False
    failing: int = 0
    body: bytes | None = None
    log: list[tuple[str, str]] = field(default_factory=list)


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            """Keep the test's output clean."""

        def do_GET(self) -> None:
            name, extent = unquote(self.path).lstrip("/"), self.headers.get("Range", "")
            server.log.append((name, extent))
            path = server.root / name
            if server.failing:
                server.failing -= 1
                self.send_error(503)
                return
            if not path.is_file():
                self.send_error(404)
                return
            whole = path.read_bytes() if server.body is None else server.body
            start = int(extent[6:-1]) if extent and not server.ignore_range else 0
            if start >= len(whole):
                self.send_error(416)
                return
            part = whole[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part) + server.wrong_size))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
            self.end_headers()
            if server.cut_after is not None and server.cuts and name.endswith(".fits"):
                server.cuts -= 1
                part = part[: server.cut_after]
            self.wfile.write(part)

    return Handler


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(transfers, "_pause", lambda attempt: 0.0)
    monkeypatch.setattr(transfers, "_TIMEOUT_S", 5.0)
    monkeypatch.setenv("no_proxy", "*")
    rows = [Row("qeN0006.fits", "QE", cbd=[f"CCD_ID({c})"], hdu=c + 1) for c in range(10)]
    rows += [Row(f"badpix{c}.fits", "BADPIX", cbd=[f"CCD_ID({c})"]) for c in range(10)]
    rows += [Row(f"gain{a[0]}.fits", "DET_GAIN", cbd=[f"CTI_APP({a})"]) for a in ("PPPPPBPBPP", "NNNNNNNNNN")]
    rows += [Row("ctiN0001.fits", "CTI", quality=5), Row("ctiN0002.fits", "CTI", "2020-01-01")]
    tel = [Row("vig.fits", "VIGNET", instrument="TEL"), Row("greff.fits", "GREFF", instrument="TEL")]
    root = make_caldb(tmp_path / "mirror", acis=rows, default=tel, hrc=[Row("h.fits", "QE", instrument="HRC")])
    (root / "data/chandra/acis/key.config").write_text("keys\n")
    write_version(root)
    made = Server(root)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(made))
    made.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    http.shutdown()
    http.server_close()
    thread.join()


def get(server, target, **more):
    return download(open_mirror(server.url), QE, target, Silent(), **more)


def same(server, target):
    return target.read_bytes() == (server.root / QE).read_bytes() and not list(target.parent.glob("*.part"))


# ---- one file


def test_a_file_arrives_whole(server, tmp_path):
    target = tmp_path / "new/folder/qe.fits"
    assert get(server, target) == (server.root / QE).stat().st_size
    assert same(server, target)


def test_a_cut_connection_is_continued(server, tmp_path):
    server.cut_after, server.cuts = 3000, 2
    target = tmp_path / "qe.fits"
    get(server, target)
    assert same(server, target)
    assert [extent for _, extent in server.log] == ["", "bytes=3000-", "bytes=6000-"]


def test_connections_that_bring_nothing_are_an_error_and_the_next_run_continues(server, tmp_path):
    server.cut_after, server.cuts = 0, 10**6
    target = tmp_path / "qe.fits"
    (tmp_path / "qe.fits.part").write_bytes((server.root / QE).read_bytes()[:400])
    with pytest.raises(CalibrationError, match=r"qeN0006.fits: cannot be fetched: .*what has arrived is kept"):
        get(server, target)
    assert not target.exists() and (tmp_path / "qe.fits.part").stat().st_size == 400
    server.cuts = 0
    server.log.clear()
    get(server, target)
    assert same(server, target) and server.log == [(QE, "bytes=400-")]


def test_without_resume_the_rest_of_another_run_is_dropped(server, tmp_path):
    (tmp_path / "qe.fits.part").write_bytes(b"old")
    get(server, tmp_path / "qe.fits", resume=False)
    assert same(server, tmp_path / "qe.fits") and server.log == [(QE, "")]


def test_a_server_without_ranges(server, tmp_path):
    server.ignore_range = True
    (tmp_path / "qe.fits.part").write_bytes(b"x" * 500)
    get(server, tmp_path / "qe.fits")
    assert same(server, tmp_path / "qe.fits")


def test_a_rest_that_is_too_long_is_dropped(server, tmp_path):
    (tmp_path / "qe.fits.part").write_bytes(b"x" * 10**6)
    get(server, tmp_path / "qe.fits")
    assert same(server, tmp_path / "qe.fits")


@pytest.mark.parametrize("wrong", [2880, 7])
def test_wrong_size(server, tmp_path, wrong):
    server.wrong_size = wrong
    with pytest.raises(CalibrationError, match="cannot be fetched"):
        get(server, tmp_path / "qe.fits")
    assert not (tmp_path / "qe.fits").exists()


def test_not_found(server, tmp_path):
    with pytest.raises(
        CalibrationError, match=r"http://127.0.0.1:\d+/no/such.fits: not there; check --mirror: HTTP 404"
    ):
        download(open_mirror(server.url), "no/such.fits", tmp_path / "a.fits", Silent())
    assert len(server.log) == 1 and not list(tmp_path.glob("a.fits*"))


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.failing = 2
    get(server, tmp_path / "qe.fits")
    assert same(server, tmp_path / "qe.fits") and len(server.log) == 3
    server.failing = 100
    with pytest.raises(CalibrationError, match="HTTP 503"):
        get(server, tmp_path / "b.fits")


@pytest.mark.parametrize("body", [b"<html>log in first</html>", b"SIMPLE  = cut at the source", b"\0" * 2880])
def test_an_error_page_is_no_calibration_file(server, tmp_path, body):
    server.body = body
    with pytest.raises(CalibrationError, match=r"what came \(\d+ bytes\) is no whole calibration file"):
        get(server, tmp_path / "qe.fits")
    assert not list(tmp_path.glob("qe.fits*"))


def test_no_server(tmp_path, monkeypatch):
    monkeypatch.setattr(transfers, "_pause", lambda attempt: 0.0)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(CalibrationError, match=r"http://127.0.0.1:9/a.fits: cannot be fetched: .*refused"):
        download(open_mirror("http://127.0.0.1:9"), "a.fits", tmp_path / "a.fits", Silent())


class FullDisk:
    """A file that takes no more."""

    def __init__(self, stream, room):
        self.stream, self.room = stream, room

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.stream.close()

    def write(self, data):
        if len(data) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.stream.write(data)


def test_no_space(server, tmp_path, monkeypatch):
    opened = Path.open

    def full(self, mode="r", *rest, **more):
        stream = opened(self, mode, *rest, **more)
        return FullDisk(stream, 100) if self.suffix == ".part" and mode != "rb" else stream

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"qe.fits.*[Nn]o space left.*free some space"):
        get(server, tmp_path / "qe.fits")
    assert not (tmp_path / "qe.fits").exists() and len(server.log) == 1


def test_mirrors(tmp_path):
    with pytest.raises(CalibrationError, match="nowhere: no such folder"):
        open_mirror(str(tmp_path / "nowhere"))
    with pytest.raises(CalibrationError, match="a mirror is an https:// or http:// address"):
        open_mirror("ftp://example.org/caldb")
    assert open_mirror("https://example.org/a/").where("b c.fits") == "https://example.org/a/b%20c.fits"


# ---- a database


def data_files(folder):
    return sorted(p.name for p in (folder / "data").rglob("*.fits"))


def test_what_an_observation_needs(server, tmp_path):
    folder = tmp_path / "caldb"
    report = fetch_files(open_mirror(server.url), folder, [header(CTI_APP="N" * 10, DETNAM="ACIS-67")], False)
    # Its chips only, both gains (the run decides on the CTI), nothing superseded or later, no grating, no HRC.
    assert data_files(folder) == [
        "badpix6.fits",
        "badpix7.fits",
        "gainN.fits",
        "gainP.fits",
        "qeN0006.fits",
        "vig.fits",
    ]
    assert "CTI" in report.without and "QE" not in report.without
    assert (folder / "data/chandra/acis/key.config").read_text() == "keys\n"
    assert not (folder / "data/chandra/hrc").exists()
    assert is_partial(folder) and not is_partial(server.root)
    assert report.size == sum((folder / name).stat().st_size for name in report.fetched)
    found = Caldb.open({"CALDB": str(folder)}).find("QE", header(), ccd_id=7)
    assert found.path == folder / QE and found.exists


def test_files_that_are_there_are_left_alone(server, tmp_path):
    mirror, folder = open_mirror(server.url), tmp_path / "caldb"
    fetch_files(mirror, folder, [header()], False)
    (folder / QE).unlink()
    (folder / "data/chandra/default/vignet/vig.fits").rename(folder / "data/chandra/default/vignet/vig.fits.gz")
    server.log.clear()
    report = fetch_files(mirror, folder, [header()], False)
    assert [n for n in report.fetched if n.startswith("data") and n.endswith(".fits")] == [QE]
    assert len(report.present) == 7
    assert any(name.endswith("acis/caldb.indx") for name, _ in server.log)


def test_everything(server, tmp_path):
    report = fetch_files(open_mirror(str(server.root)), tmp_path / "all", [], True)
    names = data_files(tmp_path / "all")
    assert "ctiN0002.fits" in names and "h.fits" in names and "greff.fits" in names and "ctiN0001.fits" not in names
    assert report.fetched.count(QE) == 1


def test_a_folder_as_mirror_needs_no_version_file(server, tmp_path):
    (server.root / "docs/chandra/caldb_version/caldb_version.fits").unlink()
    fetch_files(open_mirror(str(server.root)), tmp_path / "caldb", [header()], False)
    assert (tmp_path / "caldb" / QE).read_bytes() == (server.root / QE).read_bytes()


def test_a_mirror_without_configuration(server, tmp_path):
    (server.root / "software/tools/caldb.config").unlink()
    with pytest.raises(CalibrationError, match=r"caldb.config: not there; check --mirror"):
        fetch_files(open_mirror(server.url), tmp_path / "caldb", [header()], False)


def test_an_index_cannot_name_files_outside(server, tmp_path):
    make_caldb(server.root, acis=[Row("../../../../../../escaped.fits", "QE")], files=False)
    with pytest.raises(CalibrationError, match="a file outside the database"):
        fetch_files(open_mirror(server.url), tmp_path / "deep/er/caldb", [header()], False)
    assert not list(tmp_path.rglob("escaped.fits"))


def test_default_folder(tmp_path):
    assert default_folder({"CALDB": str(tmp_path)}) == tmp_path
    assert default_folder({}).name == "caldb"
