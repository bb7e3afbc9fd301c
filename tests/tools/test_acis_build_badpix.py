"""acis_build_badpix as a command: the real files of ObsID 1230, subarrays, user lists, files that do not belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from acis_events_helpers import START, write_bad_pixels, write_events
from astropy.io import fits
from bad_pixel_helpers import (
    STOP,
    as_list,
    bad_pixel_hdu,
    one_pixel,
    read_all,
    save,
    table,
    write_bias,
    write_block,
)
from image_tools_helpers import run

from ciaopy.acis.bad_pixels import BadPixelRows
from ciaopy.errors import CiaopyError, DataError, OutputExistsError, ParameterError, UserError

FIRST = "00000000000000120021100020022222"
SECOND = "00000000000000122221100020022222"
MEDIAN, BAD, PARITY, NEIGHBOUR = 1 << 16, 1 << 3, 1 << 4, 1 << 8


class Bench:
    """A small observation of CCDs 0 to 3 and the tool."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "bpix.fits"
        self.given: dict[str, Any] = {
            "pbkfile": write_block(folder / "pbk0.fits"),
            "biasfile": write_bias(folder / "bias0.fits"),
            "obsfile": write_events(folder / "evt1.fits", {"time": np.array([START])}),
            "calibfile": "none",
            "berrfile": "none",
            "outfile": self.out,
            "verbose": 1,
            "mode": "h",
        }

    def __call__(self, **values: Any) -> dict[int, set[tuple[int, ...]]]:
        """Return, for each CCD, the set of (x, y, status) of all pixels of the product."""
        self.text = run("acis_build_badpix", *(f"{k}={v}" for k, v in (self.given | values).items()))[1]
        pixels: dict[int, set[tuple[int, ...]]] = {}
        for ccd, rows in read_all(self.out).items():
            pixels[ccd] = {
                (x, y, s)
                for x0, x1, y0, y1, _, _, s in as_list(rows)
                for x in range(x0, x1 + 1)
                for y in range(y0, y1 + 1)
            }
        return pixels

    def fails(self, error: type[CiaopyError], match: str, **values: Any) -> None:
        with pytest.raises(error, match=match):
            self(**values)
        assert not self.out.exists()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.data
def test_the_files_of_obsid_1230_row_by_row(data: Path, tmp_path: Path) -> None:
    """Both passes of chandra_repro on the archive's bias maps; afterglows and calibration columns from the product."""
    folder = data / "archive/1230"
    real = read_all(folder / "repro/acisf01230_repro_bpix1.fits.gz")
    calibration, glow = {}, {}
    for ccd, rows in real.items():
        listed = rows.status & np.uint32(0b111 | 0b11 << 11 | 1 << 17)
        began = np.full(len(rows), rows.time.min())
        calibration[ccd] = BadPixelRows(rows.x_lo, rows.x_hi, rows.y_lo, rows.y_hi, began, rows.time_stop, listed)
        hot = rows.status & np.uint32(0b11 << 14)
        glow[ccd] = BadPixelRows(rows.x_lo, rows.x_hi, rows.y_lo, rows.y_hi, rows.time, rows.time_stop, hot)
    save(tmp_path / "cal.fits", *(bad_pixel_hdu(c, r, OBS_ID="1230") for c, r in calibration.items()))
    (tmp_path / "bias.lis").write_text("".join(f"{p}\n" for p in sorted((folder / "secondary").glob("*bias0*"))))
    block = next((folder / "secondary").glob("*pbk0*"))
    stat = next((folder / "secondary").glob("*stat1*"))
    run("dmmakepar", f"{stat}[EXPSTATS]", tmp_path / "obs.par")
    common = [f"pbkfile={block}", "berrfile=none", f"obsfile={tmp_path / 'obs.par'}", "mode=h"]
    run(
        "acis_build_badpix", *common, f"calibfile={tmp_path / 'cal.fits'}", f"biasfile=@{tmp_path / 'bias.lis'}",
        f"outfile={tmp_path / 'abb.fits'}", f"bitflag={FIRST}",
    )  # fmt: skip
    with fits.open(tmp_path / "abb.fits") as hdus:
        blocks = [b.copy() for b in hdus[1:]]
        extra = [bad_pixel_hdu(c, glow[c], OBS_ID="1230") for c in sorted(real)]
        save(tmp_path / "aglow.fits", *blocks, *extra)
    run(
        "acis_build_badpix", *common, f"calibfile={tmp_path / 'aglow.fits'}", "biasfile=NONE", "procbias=no",
        f"outfile={tmp_path / 'bpix.fits'}", f"bitflag={SECOND}",
    )  # fmt: skip
    made = read_all(tmp_path / "bpix.fits")
    assert sorted(made) == [2, 3, 5, 6, 7, 8]
    for ccd, rows in real.items():
        assert as_list(made[ccd]) == as_list(rows), ccd


def test_bias_pixels_their_neighbours_and_times(bench: Bench) -> None:
    made = bench()
    core = {(50, 20, MEDIAN), (100, 20, BAD), (150, 20, PARITY)}
    assert core <= made[3] and len(made[3]) == 27 and {s for *_, s in made[3] - core} == {NEIGHBOUR}
    assert made[0] == made[1] == made[2] == set()
    rows = read_all(bench.out)[3]
    assert set(rows.time) == {START} and set(rows.time_stop) == {STOP}
    assert "no bias map (biasfile) of CCD 0, 1, 2" in bench.text


def test_layout_of_the_product(bench: Bench) -> None:
    bench()
    with fits.open(bench.out) as hdus:
        assert [b.header["HDUNAME"] for b in hdus[1:]] == [f"BADPIX{c}" for c in range(4)]
        header = hdus[4].header
        assert hdus[4].columns.names == ["SHAPE", "COMPONENT", "CHIPX", "CHIPY", "TIME", "TIME_STOP", "STATUS"]
        assert (header["CCD_ID"], header["OBS_ID"], header["CONTENT"]) == (3, "99001", "BADPIX")
        assert any("acis_build_badpix" in line for line in header["HISTORY"])


@pytest.mark.data
def test_headers_are_those_of_ciao(data: Path, tmp_path: Path) -> None:
    """ObsID 1230, CIAO 4.6: which keywords, the rows of the chip, the times of the science run in PRIMARY."""
    folder = data / "archive/1230"
    obs, pbk = folder / "secondary/acisf01230_000N003_stat1.fits.gz", next(folder.glob("repro/*pbk0*"))
    with fits.open(obs) as hdus:
        hdus["EXPSTATS"].header.update(GAINFILE="x", CTIFILE="x", ONTIME7=1.0, BIASFIL7="x", ACSYS1="x", STARTBEP=1.5e9)
        hdus.writeto(tmp_path / "obs.fits")
    words = ("biasfile=none", "procbias=no", "calibfile=none", "mode=h", f"bitflag={FIRST}")
    run(
        "acis_build_badpix",
        f"pbkfile={pbk}",
        f"obsfile={tmp_path / 'obs.fits'}",
        f"outfile={tmp_path / 'b.fits'}",
        *words,
    )
    with fits.open(tmp_path / "b.fits") as made, fits.open(next(folder.glob("repro/*repro_bpix1*"))) as real:
        other = {"COMMENT", "HISTORY", "MJD-OBS", "ASCDSVER", "LONGSTRN"}
        assert not set(made[0].header) - set(real[0].header) - other
        for key in ("DATE-OBS", "DATE-END"):
            assert made[0].header[key] == real[0].header[key]
        for key in ("TSTART", "TSTOP", "STARTMJF", "STOPMNF"):
            assert made[0].header[key] == pytest.approx(real[0].header[key], rel=1e-13)
        for name in ("BADPIX2", "BADPIX8"):
            ours = next(h.header for h in made if h.header.get("HDUNAME") == name)
            theirs = next(h.header for h in real if h.header.get("HDUNAME") == name)
            assert not set(ours) - set(theirs) - other - {"CALDBVER", "RADECSYS"}
            same = ("FEP_ID", "STARTROW", "ROWCNT", "STARTBEP", "STOPBEP", "CCD_ID", "EXTVER", "TLMIN2", "TLMAX2")
            assert {k: ours[k] for k in same} == {k: theirs[k] for k in same}
            assert isinstance(ours["STARTBEP"], int)


def test_a_subarray_bias_map_counts_from_its_first_row(bench: Bench) -> None:
    sub = write_bias(bench.folder / "sub.fits", rows=128, STARTROW=448, ROWCNT=127)
    assert (50, 468, MEDIAN) in bench(biasfile=sub)[3]


def test_a_calibration_file_is_kept_and_its_boundaries_do_not_spread(bench: Bench) -> None:
    rows = [(3, 7, 9, 0.0, 0.0, 1), (3, 256, 500, 0.0, 0.0, 1 << 12)]
    made = bench(calibfile=write_bad_pixels(bench.folder / "cal.fits", rows), procbias="no")
    assert (7, 9, 1) in made[3] and (256, 500, 1 << 12) in made[3] and len(made[3]) == 10


def test_a_user_list_adds_pixels(bench: Bench) -> None:
    text = bench.folder / "mine.txt"
    text.write_text("# ccd x x y y [bit]\n\n2 10 10 20 20\n2, 500 500, 1 1024, 1  # a column\n")
    made = bench(usrfile=text, procbias="no")
    assert (10, 20, 1) in made[2] and (500, 1024, 2 | NEIGHBOUR) in made[2] and (501, 7, NEIGHBOUR) in made[2]


@pytest.mark.parametrize(
    "line", ["2 10 10 20", "2 10 10 20 x", "11 1 1 1 1", "2 1 2000 1 1", "2 -1 5 1 1", "2 1 1 1 1 32", "2 1 1 1 1 1 1"]
)
def test_a_user_list_with_a_bad_line_names_the_line(bench: Bench, line: str) -> None:
    text = bench.folder / "mine.txt"
    text.write_text(f"# mine\n{line}\n")
    bench.fails(UserError, r"mine.txt, line 2: write ccd_id x_lo", usrfile=text)


def test_parity_errors(bench: Bench) -> None:
    x = np.array([10, 20, 30, *range(100, 112), 2000])
    columns = [
        fits.Column("CCD_ID", "I", array=np.full(len(x), 3)),
        fits.Column("EXPNO", "J", array=np.array([1, 1, 2, *[7] * 12, 3])),
        fits.Column("CCDX", "J", array=x),
        fits.Column("CCDY", "J", array=np.full(len(x), 600)),
    ]
    berr = save(bench.folder / "berr.fits", table("BERR", columns))
    made = bench(berrfile=berr, procbias="no", bitflag="0" * 27 + "10000")
    assert made[3] == {(10, 600, PARITY), (20, 600, PARITY), (30, 600, PARITY)}
    assert len(bench(berrfile=berr, procbias="no", bitflag="0" * 27 + "10000", maxerr=20, clobber="yes")[3]) == 15


def test_a_parity_file_without_pixels_is_an_error(bench: Bench) -> None:
    berr = save(bench.folder / "berr.fits", table("BERR", [fits.Column("CCD_ID", "I", array=[3])]))
    bench.fails(DataError, "no column CCDX", berrfile=berr)


def test_bias_maps_can_be_written(bench: Bench) -> None:
    bench(writebias="yes", outbias=bench.folder / "b")
    assert fits.getdata(bench.folder / "b_3_bias.fits")[19, 49] == 320
    bench.out.unlink()
    bench.fails(UserError, "outbias", writebias="yes")


def test_bias_maps_of_other_chips_and_second_ones_are_left_out(bench: Bench) -> None:
    other, again = write_bias(bench.folder / "o.fits", ccd=8), write_bias(bench.folder / "a.fits", rows=1024)
    made = bench(biasfile=f"{bench.given['biasfile']},{other},{again}")
    assert sorted(made) == [0, 1, 2, 3] and len(made[3]) == 27
    assert "CCD 8 is not in the parameter block" in bench.text and "a second bias map of CCD 3" in bench.text


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("bias", r"bias.fits is of ObsID 5, .*evt1.fits of ObsID 99001"),
        ("block", r"block.fits is of ObsID 5, .*evt1.fits of ObsID 99001"),
        ("list", r"list.fits is of ObsID 5, .*evt1.fits of ObsID 99001"),
        ("chip", r"list.fits: bad pixels of CCD 7, none of a CCD that was on"),
    ],
)
def test_files_of_another_observation_or_chip_are_refused(bench: Bench, name: str, match: str) -> None:
    folder = bench.folder
    given = {
        "bias": lambda: {"biasfile": write_bias(folder / "bias.fits", OBS_ID="5")},
        "block": lambda: {"pbkfile": write_block(folder / "block.fits", OBS_ID="00005")},
        "list": lambda: {"calibfile": write_bad_pixels(folder / "list.fits", [(3, 1, 1, 0.0, 0.0, 1)], obsid="5")},
        "chip": lambda: {"calibfile": save(folder / "list.fits", bad_pixel_hdu(7, one_pixel((1, 1, 1))))},
    }[name]()
    bench.fails(DataError, match, **given)


def test_bad_input(bench: Bench) -> None:
    folder = bench.folder
    bench.fails(ParameterError, "32 digits", bitflag="012")
    bench.fails(UserError, "pbkfile", pbkfile="none")
    no_ccd = save(folder / "x.fits", table("PBK", [fits.Column("FEP_ID", "I", array=[0])]))
    bench.fails(DataError, "no table with a CCD_ID column", pbkfile=no_ccd)
    bench.fails(DataError, "names no CCD", pbkfile=write_block(folder / "y.fits", ()))
    timeless = save(folder / "z.fits", table("PBK", [fits.Column("CCD_ID", "I", array=[3])]))
    bench.fails(DataError, "TSTART", pbkfile=timeless)
    bench.fails(DataError, "bias map without keyword CCD_ID", biasfile=write_bias(folder / "nochip.fits", ccd=None))
    bench.fails(DataError, "not a bias map: its first block is no image", biasfile=bench.given["pbkfile"])
    long = write_bias(folder / "long.fits", rows=600, STARTROW=500)
    bench.fails(DataError, "rows to 1100: not a bias map of a CCD", biasfile=long)
    bench.fails(DataError, "no block with CHIPX", calibfile=bench.given["pbkfile"])
    bench.fails(UserError, "no such file", obsfile=folder / "none.par")
    bench.fails(UserError, "usrfile", usrfile=folder / "none.txt")
    bench()
    with pytest.raises(OutputExistsError, match="clobber"):
        bench()
