"""HISTORY of jobs that work in a folder of their own."""

from __future__ import annotations

import pytest

from ciaopy.fits import Header, add_history, parse_history, record_places


@pytest.fixture
def places():
    record_places({"/s/work/x1/out": "processed/1", "/s/work/x1": "", "/s/": ""}, ("nproc",), "/s/work/x1/tmp")
    yield
    record_places({})


def test_places_are_those_where_files_will_lie(places):
    header = Header()
    items = [("infile", "/s/raw/a.fits"), ("outfile", "/s/work/x1/out/b.fits"), ("nproc", 2),
             ("table", "/s/work/x1/tmp/random_name/rules.txt")]  # fmt: skip
    add_history(header, "tool", items, "2020-01-01T00:00:00")
    told = parse_history(header)[0].items
    assert told == [("infile", "raw/a.fits"), ("outfile", "processed/1/b.fits"), ("table", "rules.txt")]


def test_without_places_nothing_is_changed():
    header = Header()
    add_history(header, "tool", [("nproc", 2), ("infile", "/s/work/x1/out/b.fits")], "2020-01-01T00:00:00")
    assert parse_history(header)[0].items == [("nproc", "2"), ("infile", "/s/work/x1/out/b.fits")]
