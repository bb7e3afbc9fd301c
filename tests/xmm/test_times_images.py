"""Good times, live times, images and coordinates of real MOS lists (0201903501) and of made ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xmm_helpers as made
from astropy.io import fits

from ciaopy.datamodel import Gti
from ciaopy.errors import DataError, NoDataError, OutputExistsError, UserError
from ciaopy.fits import Column, new_header
from ciaopy.xmm.eventlist import open_event_list, read_gti
from ciaopy.xmm.images import make_axis
from ciaopy.xmm.subspace import Subspace
from ciaopy.xmm.times import Frames, central_ccd

OBS = "0201903501"
GRID: dict[str, Any] = {
    "imagebinning": "binSize",
    "ximagebinsize": 87,
    "yimagebinsize": 87,
    "withxranges": True,
    "ximagemin": 3649,
    "ximagemax": 48106,
    "withyranges": True,
    "yimagemin": 3649,
    "yimagemax": 48106,
}


def real(data: Path, number: int) -> Path:
    return data / f"xmm/{OBS}/events/mos{number}S00{number}_clean_evts.fits.gz"


def archived(data: Path, name: str) -> Path:
    return data / f"xmm/{OBS}/images/{OBS}{name}.fits.gz"


@pytest.mark.parametrize("number", [1, 2])
def test_archived_images_to_the_pixel(data: Path, tmp_path: Path, number: int) -> None:
    """0201903501, both MOS, both bands; header, exposure and good times too."""
    for low, high, band in ((500, 2000, "0.50-2.00"), (2000, 10000, "2.00-10.00")):
        out = tmp_path / f"{low}.fits"
        expression = f"#XMMEA_EM && (PATTERN <= 12) && (FLAG .eq. 0) && PI in [{low}:{high}]"
        made.run("xmm_evselect", table=real(data, number), imageset=out, expression=expression, **GRID)
        with fits.open(out) as got, fits.open(archived(data, f"_mos{number}_exp1-{band}keVimg")) as want:
            assert got[0].data.dtype == want[0].data.dtype
            assert np.array_equal(got[0].data, want[0].data)
            keys = "CRPIX1 CRPIX2 CRVAL1 CRVAL2 CDELT1 CDELT2 CRPIX1L CRVAL1L CDELT1L CRVAL2L CDELT2L LTV1 LTV2 LTM1_1"
            for key in [*keys.split(), "EXPOSURE", *(f"ONTIME{c:02d}" for c in range(1, 8))]:
                assert got[0].header[key] == pytest.approx(want[0].header[key], rel=1e-12), key
            for key in ("CTYPE1", "CTYPE2", "CUNIT1", "CTYPE1L", "WCSNAMEL", "HDUCLAS1", "HDUCLAS2"):
                assert got[0].header[key].strip() == want[0].header[key].strip()
            assert [h.name for h in got[1:]] == [h.name for h in want[1:]]
            for one, other in zip(got[1:], want[1:], strict=True):
                assert np.array_equal(one.data["START"], other.data["START"])


@pytest.mark.parametrize("number", [1, 2])
def test_archived_times_of_every_ccd(data: Path, number: int) -> None:
    """ONTIMEnn exactly and LIVETInn to 1e-4 s, from the good times and frames in the files."""
    events = open_event_list(real(data, number))
    assert events.ccds == list(range(1, 8))
    for ccd in events.ccds:
        assert events.gtis[ccd].duration == pytest.approx(events.header[f"ONTIME{ccd:02d}"], abs=1e-5)
        assert events.frames[ccd].live_time(events.gtis[ccd]) == pytest.approx(
            events.header[f"LIVETI{ccd:02d}"], abs=1e-4
        )
    assert events.header["ONTIME"] == events.header["ONTIME01"]
    assert events.header["LIVETIME"] == events.header["LIVETI01"]


def test_archived_subspace_round_trip(data: Path) -> None:
    header = open_event_list(real(data, 1)).header
    space = Subspace.from_header(header)
    assert space.gti_names() == {c: f"GTI{c - 1:03d}06" for c in range(1, 8)}
    assert space.demands_zero_flag()
    assert space.admitted_ccds() == set(range(1, 8))
    again = new_header()
    space.to_header(again)
    assert {k: v for k, v in header.items() if "DS" in k[:4] and k[-1].isdigit()} == dict(again.items())


def test_time_filter_of_a_real_list(data: Path, tmp_path: Path) -> None:
    """0201903501 MOS1: rows, frames, ONTIMEnn and LIVETInn after a time cut."""
    events = open_event_list(real(data, 1))
    start, stop = float(events.gtis[1].start[2]) + 33.3, float(events.gtis[1].stop[-3]) - 21.7
    middle = (start + stop) / 2
    cut = Gti([start, middle + 51.1], [middle - 100.2, stop])
    made.write_gti(tmp_path / "g.fits", list(cut))
    out = tmp_path / "cut.fits"
    made.run(
        "xmm_evselect", table=real(data, 1), filteredset=out, expression=f"PI > 200 && GTI({tmp_path}/g.fits,TIME)"
    )
    found = open_event_list(out)
    whole = fits.getdata(real(data, 1), "EVENTS")
    want = whole[(whole["PI"] > 200) & cut.filter(whole["TIME"])]
    got = fits.getdata(out, "EVENTS")
    assert all(np.array_equal(got[n], want[n]) for n in whole.names)
    for ccd in events.ccds:
        both = events.gtis[ccd] & cut
        assert found.gtis[ccd] == both
        assert found.header[f"ONTIME{ccd:02d}"] == pytest.approx(both.duration, abs=1e-6)
        frames = events.frames[ccd]
        slow = sum(
            d * f
            for t, d, f in zip(frames.time, frames.duration, frames.fraction, strict=True)
            if any(a <= t - d / 2 and t + d / 2 <= b for a, b in both)
        )
        assert found.header[f"LIVETI{ccd:02d}"] == pytest.approx(slow, abs=1e-6)
        assert len(found.frames[ccd].time) == int(both.filter(frames.time).sum())
    names = [b.name for b in found.others]
    assert {"OFFSETS", "BADPIX04", "CALINDEX", "STDGTI03", "GTI00606"} <= set(names)
    assert "GTI(" in found.header["SLCTEXPR"]
    assert found.primary.header["XPROC0"] == events.primary.header["XPROC0"]


def test_merged_halves_are_the_whole(data: Path, tmp_path: Path) -> None:
    events = open_event_list(real(data, 2))
    middle = float(np.mean([events.gtis[1].start[0], events.gtis[1].stop[-1]]))
    for name, expression in (("a", f"TIME < {middle!r}"), ("b", f"TIME >= {middle!r}")):
        made.run("xmm_evselect", table=real(data, 2), filteredset=tmp_path / f"{name}.fits", expression=expression)
    made.run("xmm_merge", sets=f"{tmp_path}/b.fits,{tmp_path}/a.fits", outset=tmp_path / "ab.fits")
    merged = open_event_list(tmp_path / "ab.fits")
    parts = [open_event_list(tmp_path / f"{n}.fits") for n in "ab"]
    time = fits.getdata(real(data, 2), "EVENTS")["TIME"]
    assert np.array_equal(fits.getdata(tmp_path / "ab.fits", "EVENTS")["TIME"], np.sort(time, kind="stable"))
    for ccd in events.ccds:
        assert merged.gtis[ccd].duration == pytest.approx(events.gtis[ccd].duration, abs=1e-6)
        assert np.array_equal(merged.frames[ccd].time, np.sort(events.frames[ccd].time))
        for stem in ("ONTIME", "LIVETI"):
            key = f"{stem}{ccd:02d}"
            assert merged.header[key] == pytest.approx(sum(p.header[key] for p in parts), abs=1e-6)
    assert len([b for b in merged.others if b.name == "BADPIX03"]) == 1


def test_live_time_takes_whole_frames_only() -> None:
    frames = Frames(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 1.0), np.full(4, 0.5))
    assert frames.live_time(Gti([0.5], [2.5])) == 1.0
    assert frames.live_time(Gti([0.6], [2.5])) == 0.5
    assert frames.live_time(Gti([0.5, 2.5], [2.0, 4.5])) == 1.5
    assert frames.live_time(Gti()) == 0.0
    assert frames.kept(Gti([0.5], [2.0])).tolist() == [True, False, False, False]
    assert Frames(*[np.zeros(0)] * 3).mean_fraction == 0.0


def test_central_ccd() -> None:
    assert central_ccd("EMOS1", {1: 5.0, 2: 9.0}) == 1
    assert central_ccd("EPN", {1: 5.0, 4: 9.0, 5: 9.0}) == 4


def column(dtype: str, **keys: Any) -> Column:
    return Column("X", np.zeros(0, dtype), "", "", "", {k: (v, "") for k, v in keys.items()})


def test_axes() -> None:
    axis = make_axis(column("i4"), 87.0, None, (3649.0, 48106.0))
    assert (axis.edge, axis.count) == (3648.5, 512)
    assert make_axis(column("i4"), 1.0, None, (5.0, 5.9)).count == 1
    assert make_axis(column("f8"), 2.0, None, (0.0, 10.0)).edge == 0.0
    sized = make_axis(column("i4"), None, 10, (1.0, 100.0))
    assert (sized.size, sized.edge, sized.count) == (10.0, 0.5, 10)
    assert make_axis(column("i4", TLMIN=1, TLMAX=600), 1.0, None, None).count == 600
    for limits, size, count, problem in (
        ((5.0, 4.0), 1.0, None, "must be below"),
        ((5.0, 9.0), 0.0, None, "bin size"),
        ((5.0, 9.0), None, 0, "image size"),
        (None, 1.0, None, "no TLMIN and TLMAX"),
    ):
        with pytest.raises(UserError, match=problem):
            make_axis(column("i4"), size, count, limits)


def rows(n: int = 500, seed: int = 1) -> dict[str, Any]:
    g = np.random.default_rng(seed)
    return {
        "TIME": np.sort(made.T0 + g.uniform(0, 20000, n)),
        "PI": g.integers(200, 9000, n),
        "CCDNR": g.integers(1, 8, n),
        "X": g.integers(1, 51841, n),
        "Y": g.integers(1, 51841, n),
    }


def test_image_of_one_pixel_and_by_number(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows())
    common: dict[str, Any] = {"table": source, "withxranges": True, "withyranges": True, "ximagemin": 1, "yimagemin": 1}
    made.run(
        "xmm_evselect",
        imageset=tmp_path / "one.fits",
        ximagemax=51840,
        yimagemax=51840,
        ximagebinsize=51840,
        yimagebinsize=51840,
        **common,
    )
    assert fits.getdata(tmp_path / "one.fits").tolist() == [[500.0]]
    made.run(
        "xmm_evselect",
        imageset=tmp_path / "n.fits",
        imagebinning="imageSize",
        ximagesize=8,
        yimagesize=4,
        ximagemax=51840,
        yimagemax=51840,
        imagedatatype="Int32",
        **common,
    )
    image = fits.getdata(tmp_path / "n.fits")
    assert image.shape == (4, 8) and image.dtype == ">i4" and image.sum() == 500
    made.run(
        "xmm_evselect",
        imageset=tmp_path / "sq.fits",
        imagebinning="imageSize",
        ximagesize=8,
        yimagesize=4,
        ximagemax=51840,
        yimagemax=51840,
        squarepixels=True,
        imagedatatype="Real32",
        **common,
    )
    assert fits.getdata(tmp_path / "sq.fits").shape == (4, 4)
    with pytest.raises(UserError, match="must be below"):
        made.run("xmm_evselect", imageset=tmp_path / "r.fits", ximagemax=0, yimagemax=5, **common)


def test_light_curve(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows())
    made.run("xmm_evselect", table=source, rateset=tmp_path / "r.fits", timebinsize=1000, expression="PI > 300")
    rate, header = fits.getdata(tmp_path / "r.fits", "RATE", header=True)
    time, pi = (fits.getdata(source, "EVENTS")[n] for n in ("TIME", "PI"))
    assert np.allclose(rate["RATE"] * 1000, np.histogram(time[pi > 300], made.T0 + 1000.0 * np.arange(21))[0])
    assert rate["TIME"][0] == made.T0 + 500
    assert header["TIMEDEL"] == 1000.0
    made.run("xmm_evselect", table=source, rateset=tmp_path / "c.fits", timebinsize=500, makeratecolumn=False)
    assert fits.getdata(tmp_path / "c.fits", "RATE")["COUNTS"].sum() == 500
    with pytest.raises(UserError, match="timebinsize"):
        made.run("xmm_evselect", table=source, rateset=tmp_path / "d.fits", timebinsize=0)


def test_or_with_time_keeps_times_only_if_asked(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows())
    expression = f"PI > 5000 || TIME < {made.T0 + 100}"
    with pytest.raises(UserError, match="updateexposure=no"):
        made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits", expression=expression)
    made.run(
        "xmm_evselect",
        table=source,
        filteredset=tmp_path / "o.fits",
        expression=expression,
        updateexposure=False,
        filterexposure=False,
    )
    assert fits.getheader(tmp_path / "o.fits", "EVENTS")["ONTIME01"] == 20000.0


def test_made_list_without_subspace_gets_one(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows())
    made.run(
        "xmm_evselect",
        table=f"{source}[EVENTS]",
        filteredset=tmp_path / "o.fits",
        expression=f"TIME >= {made.T0 + 5000} && PI in [300:400]",
    )
    found = open_event_list(tmp_path / "o.fits")
    assert found.subspace.gti_names()[3] == "GTI00202"
    assert found.gtis[3] == Gti([made.T0 + 5000], [made.T0 + 20000])
    assert found.header["DSTYP3"] == "PI" and found.header["DSVAL3"] == "300:400"
    # a second cut goes on from there
    made.run(
        "xmm_evselect",
        table=tmp_path / "o.fits",
        filteredset=tmp_path / "p.fits",
        expression=f"TIME < {made.T0 + 6000}",
    )
    assert open_event_list(tmp_path / "p.fits").gtis[3] == Gti([made.T0 + 5000], [made.T0 + 6000])


# ---------------------------------------------------------------- bad input
def test_refused_lists(tmp_path: Path) -> None:
    for name, kind, problem in (
        ("timing", {"DATAMODE": "TIMING"}, "only imaging"),
        ("slew", {"OBS_MODE": "SLEW"}, "a slew"),
        ("chandra", {"TELESCOP": "CHANDRA"}, "an XMM-Newton event list"),
        ("rgs", {"INSTRUME": "RGS1"}, "EPIC lists"),
    ):
        path = made.event_list(tmp_path / f"{name}.fits", rows(10), header=kind)
        with pytest.raises(DataError, match=problem):
            open_event_list(path)
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "none.fits")
    with pytest.raises(DataError, match="no table EVENTS"):
        open_event_list(tmp_path / "none.fits")
    with pytest.raises(UserError, match="EVENTS is needed"):
        open_event_list(f"{path}:EXPOSU01")
    (tmp_path / "cut.fits.gz").write_bytes(b"\x1f\x8b" + b"x" * 200)
    with pytest.raises(DataError, match=r"cut\.fits"):
        open_event_list(tmp_path / "cut.fits.gz")


@pytest.mark.parametrize(
    ("without", "expression", "problem"),
    [
        (["STDGTI"], "TIME > 2e8", "no good times"),
        (["EXPOSU"], "TIME > 2e8", "no table EXPOSU01"),
    ],
)
def test_lists_without_tables_of_time(tmp_path: Path, without: list[str], expression: str, problem: str) -> None:
    source = made.event_list(tmp_path / "e.fits", rows(), without=without)
    with pytest.raises(DataError, match=problem):
        made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits", expression=expression)
    assert not (tmp_path / "o.fits").exists()
    made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits", expression="PI > 300")
    assert len(fits.getdata(tmp_path / "o.fits", "EVENTS"))


def test_ccd_without_good_times(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows(), ccds=[1, 2, 3, 4, 5, 7])
    with pytest.raises(DataError, match="CCD 6 has events and no good times"):
        made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits", expression="TIME > 2e8")
    assert not (tmp_path / "o.fits").exists()
    made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits", expression="TIME > 2e8 && CCDNR != 6")


def test_no_good_time_left(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows())
    with pytest.raises(NoDataError, match="no good time left"):
        made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits", expression="TIME < 5")


def test_no_events_and_null_positions(tmp_path: Path) -> None:
    empty = made.event_list(tmp_path / "e.fits", {"TIME": np.zeros(0)})
    made.run("xmm_evselect", table=empty, filteredset=tmp_path / "o.fits", imageset=tmp_path / "i.fits", **GRID)
    assert len(fits.getdata(tmp_path / "o.fits", "EVENTS")) == 0
    assert fits.getdata(tmp_path / "i.fits").sum() == 0
    nowhere = made.event_list(
        tmp_path / "n.fits", rows() | {"X": np.full(500, made.NULL), "Y": np.full(500, made.NULL)}
    )
    made.run("xmm_evselect", table=nowhere, imageset=tmp_path / "j.fits", **GRID)
    assert fits.getdata(tmp_path / "j.fits").sum() == 0


def test_good_time_files(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows())
    events = open_event_list(source)
    unsorted = made.write_gti(tmp_path / "u.fits", [(50, 60), (10, 30), (25, 40)])
    assert read_gti(f"{unsorted}:STDGTI", events) == Gti([10, 50], [40, 60])
    assert read_gti(f"{unsorted}[STDGTI]") == Gti([10, 50], [40, 60])
    other = made.write_gti(tmp_path / "m.fits", [(1, 2)], MJDREF=51544.0)
    with pytest.raises(DataError, match="MJDREF 51544"):
        read_gti(str(other), events)
    with pytest.raises(DataError, match="no such file"):
        read_gti(str(tmp_path / "none.fits"))
    with pytest.raises(DataError, match="no table with columns START and STOP"):
        fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "p.fits")
        read_gti(str(tmp_path / "p.fits"))
    with pytest.raises(DataError, match="no START and STOP"):
        read_gti(f"{source}:EXPOSU01")
    with pytest.raises(DataError, match="NaN"):
        read_gti(str(made.write_gti(tmp_path / "nan.fits", [(1, np.nan)])))


def test_outputs_are_checked_first(tmp_path: Path) -> None:
    source = made.event_list(tmp_path / "e.fits", rows(10))
    with pytest.raises(UserError, match="no output asked for"):
        made.run("xmm_evselect", table=source)
    with pytest.raises(UserError, match="two outputs of one name"):
        made.run("xmm_evselect", table=source, imageset="a.fits", rateset="a.fits")
    with pytest.raises(UserError, match="overwrite the input"):
        made.run("xmm_evselect", table=source, filteredset=source, clobber=True)
    (tmp_path / "o.fits").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"o\.fits"):
        made.run("xmm_evselect", table=source, filteredset=tmp_path / "o.fits")
    assert (tmp_path / "o.fits").read_bytes() == b"mine"
    with pytest.raises(UserError, match="xcolumn=Q"):
        made.run("xmm_evselect", table=source, imageset=tmp_path / "i.fits", xcolumn="Q")


def test_names_with_blanks_quotes_and_brackets(tmp_path: Path) -> None:
    folder = tmp_path / "a 'b', (c) [d]"
    folder.mkdir()
    source = made.event_list(folder / "e v.fits", rows())
    assert open_event_list(source).nrows == 500
    made.run("xmm_evselect", table=f"{source}:EVENTS", filteredset=tmp_path / "o.fits", expression="PI > 300")
    assert read_gti(f"{source}[STDGTI02]").duration == 20000.0


def test_ccd_numbers_with_a_node() -> None:
    from ciaopy.xmm.eventlist import ccd_of

    assert ccd_of([1, 7, 11, 17], "EMOS2").tolist() == [1, 7, 1, 7]
    assert ccd_of([1, 11, 12], "EPN").tolist() == [1, 11, 12]
