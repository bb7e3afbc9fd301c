"""Standard input and output, FIFOs, devices, byte-order marks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from datamodel_helpers import columns, write_events
from image_tools_helpers import run

from ciaopy import streams
from ciaopy.errors import DataError, UserError

C = columns()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    streams.forget_streams()
    yield
    streams.forget_streams()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    write_events(tmp_path / "evt.fits")
    return tmp_path / "evt.fits"


def _tool(*words: object) -> list[str]:
    return [sys.executable, "-P", "-m", "ciaopy.cli", *map(str, words)]


def test_tools_are_chained(events: Path, tmp_path: Path) -> None:
    """Messages go to the error stream, so that what comes through the pipe is a file and nothing else."""
    with subprocess.Popen(
        _tool("dmcopy", f"{events}[pi>500]", "-", "verbose=2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as first:  # fmt: skip
        second = subprocess.run(
            _tool("dmcopy", "-[EVENTS][cols pi]", "-[opt kernel=text/raw]"),
            stdin=first.stdout, capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        said = first.stderr.read().decode() if first.stderr else ""
    assert second.returncode == 0, second.stderr
    assert [int(v) for v in second.stdout.split()] == C["pi"][C["pi"] > 500].tolist()
    assert "rows" in said and not (tmp_path / "-").exists()


def test_nothing_is_sent_to_a_closed_output(events: Path, tmp_path: Path) -> None:
    words = " ".join(_tool("dmcopy", events, "-"))
    done = subprocess.run(f"{words} >&-", shell=True, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1 and "standard output is closed" in done.stderr


def test_the_output_is_the_file_that_a_name_would_get(events: Path, tmp_path: Path, capfdbinary) -> None:
    run("dmcopy", f"{events}[energy=500:7000]", tmp_path / "o.fits")
    capfdbinary.readouterr()
    run("dmcopy", f"{events}[energy=500:7000]", "-")
    (tmp_path / "piped.fits").write_bytes(capfdbinary.readouterr().out)
    with fits.open(tmp_path / "o.fits", checksum=True) as a, fits.open(tmp_path / "piped.fits", checksum=True) as b:
        assert np.array_equal(a[1].data, b[1].data) and [h.name for h in a] == [h.name for h in b]


def _write_later(fifo: Path, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=lambda: fifo.write_bytes(data))
    thread.start()
    return thread


@pytest.mark.parametrize("packed", [False, True])
def test_a_fifo_is_read_to_its_end(events: Path, tmp_path: Path, packed: bool) -> None:
    import gzip

    fifo = tmp_path / "ff"
    os.mkfifo(fifo)
    data = gzip.compress(events.read_bytes()) if packed else events.read_bytes()
    writer = _write_later(fifo, data)
    run("dmcopy", f"{fifo}[pi=0:100]", tmp_path / "o.fits")
    writer.join()
    assert np.array_equal(fits.getdata(tmp_path / "o.fits", 1)["pi"], C["pi"][(C["pi"] >= 0) & (C["pi"] <= 100)])


def test_regions_tables_and_times_through_fifos(events: Path, tmp_path: Path) -> None:
    for name, text, query, want in (
        ("r", "circle(4100,4100,20)\n", "sky=region({})", np.hypot(C["x"] - 4100, C["y"] - 4100) <= 20),
        ("t", "1100 1200\n", "@{}", (C["time"] >= 1100) & (C["time"] < 1200)),
    ):
        fifo = tmp_path / name
        os.mkfifo(fifo)
        writer = _write_later(fifo, text.encode())
        run("dmcopy", f"{events}[{query.format(fifo)}]", tmp_path / f"{name}.fits")
        writer.join()
        assert len(fits.getdata(tmp_path / f"{name}.fits", 1)) == want.sum()


def test_what_is_no_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WRITER_SECONDS", 0.1)
    os.mkfifo(tmp_path / "ff")
    for name, message in (
        (tmp_path / "ff", "ff: is a FIFO that nobody writes to"), ("/dev/null", "/dev/null: is a device"),
        (tmp_path, "is a folder"), (tmp_path / "none", "no such file"), ("a\0b", "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=message):
            streams.open_input(name)
    with pytest.raises(DataError, match="ff: is a FIFO"):
        run("dmlist", tmp_path / "ff", "blocks")
    with pytest.raises(DataError, match="is a device"):
        run("dmkeypar", "/dev/zero", "INSTRUME")


def test_a_silent_writer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SILENCE_SECONDS", 0.1)
    os.mkfifo(tmp_path / "ff")
    fd = os.open(tmp_path / "ff", os.O_RDWR)
    try:
        with pytest.raises(DataError, match=r"nothing came through this FIFO for 0\.1 s"):
            streams.read_bytes(tmp_path / "ff")
    finally:
        os.close(fd)


def test_a_stream_is_not_changed_in_place(tmp_path: Path) -> None:
    from ciaopy.fits import edit_header

    with pytest.raises(UserError, match="changed in place"):
        edit_header("-", 0, lambda header: None)
    os.mkfifo(tmp_path / "ff")
    with pytest.raises(UserError, match="changed in place"):
        edit_header(tmp_path / "ff", 0, lambda header: None)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(events: Path, tmp_path: Path, encoding: str) -> None:
    """Editors of Windows begin text files with one; it is no part of the first word."""
    (tmp_path / "r.reg").write_text("circle(4100,4100,20)\r\n", encoding=encoding)
    (tmp_path / "t.txt").write_text("# a b\n1 2\n3 4\n", encoding=encoding)
    (tmp_path / "e.txt").write_text("a=pi+1\n", encoding=encoding)
    (tmp_path / "f.txt").write_text("pi=0:100\n", encoding=encoding)
    (tmp_path / "h.lis").write_text("OBJECT = 'M 31'\n", encoding=encoding)
    inside = np.hypot(C["x"] - 4100, C["y"] - 4100) <= 20
    run("dmcopy", f"{events}[sky=region({tmp_path}/r.reg)]", tmp_path / "o.fits")
    assert len(fits.getdata(tmp_path / "o.fits", 1)) == inside.sum()
    run("dmextract", f"{events}[bin sky=@{tmp_path}/r.reg]", tmp_path / "p.fits", "opt=generic")
    assert fits.getdata(tmp_path / "p.fits", 1)["COUNTS"].tolist() == [inside.sum()]
    _, said = run("dmlist", f"{tmp_path}/t.txt", "cols")
    assert re.search(r"1 +a\b", said)
    run("dmtcalc", events, tmp_path / "q.fits", f"expression=@{tmp_path}/e.txt")
    good = C["pi"] >= 0  # -1 is the null value
    assert np.array_equal(fits.getdata(tmp_path / "q.fits", 1)["a"][good], C["pi"][good] + 1)
    run("dmcopy", f"{events}[@{tmp_path}/f.txt]", tmp_path / "s.fits")
    assert len(fits.getdata(tmp_path / "s.fits", 1)) == ((C["pi"] >= 0) & (C["pi"] <= 100)).sum()
    run("dmhedit", f"{events}[EVENTS]", f"{tmp_path}/h.lis", "operation=add", "key=none", "value=0")
    assert fits.getheader(events, 1)["OBJECT"] == "M 31"


def test_a_stack_with_a_byte_order_mark(tmp_path: Path) -> None:
    from ciaopy.stack import build

    (tmp_path / "s.lis").write_text("/a/x.fits\n/a/y.fits\n", encoding="utf-8-sig")
    assert build(f"@{tmp_path}/s.lis") == ["/a/x.fits", "/a/y.fits"]
