"""mkinstmap as users call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from coords_tools_helpers import run
from exposure_tools_helpers import events, image

from ciaopy.errors import CiaopyError, DataError, ParameterError, UserError

GRID = "pixelgrid=1:1024:#1024,1:1024:#1024"


def made(tmp_path: Path, *arguments: str) -> tuple[np.ndarray, fits.Header]:
    evt = tmp_path / "evt.fits"
    if not evt.exists():
        events(evt)
    base = {
        "obsfile": str(evt),
        "detsubsys": "ACIS-3;BADPIX=no",
        "grating": "NONE",
        "maskfile": "NONE",
        "monoenergy": "1.5",
    }
    given = base | dict(a.split("=", 1) for a in arguments)
    out = tmp_path / "i.fits"
    run("mkinstmap", f"outfile={out}", GRID, "clobber=yes", *(f"{k}={v}" for k, v in given.items()))
    return image(out)


def bad_pixels(path: Path, chip: int = 3) -> Path:
    columns = [
        fits.Column("SHAPE", "16A", array=np.array(["point", "rectangle"])),
        fits.Column("CHIPX", "2I", array=[[10, 0], [100, 100]]),
        fits.Column("CHIPY", "2I", array=[[20, 0], [1, 1024]]),
        fits.Column("STATUS", "32X", array=np.eye(32, dtype=bool)[[31, 11]]),
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name=f"BADPIX{chip}")
    hdu.header["CCD_ID"] = chip
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def test_header_and_value(tmp_path: Path) -> None:
    data, header = made(tmp_path)
    assert data.shape == (1024, 1024)
    assert 300 < data.max() < 700
    assert header["BUNIT"] == "cm**2"
    assert (header["ENERG_LO"], header["ENERG_HI"], header["WGTFILE"]) == (1.5, 1.5, "NONE")
    assert (header["CTYPE1P"], header["CRVAL1P"], header["CDELT1P"]) == ("CHIPX", 0.5, 1.0)
    assert header["CALDBVER"].startswith("ciaopy-lite")


def test_the_times_are_those_of_the_chip(tmp_path: Path) -> None:
    """Of a chip that lost frames they differ from those of the aim point."""
    evt = events(tmp_path / "e.fits")
    with fits.open(evt, "update") as hdus:
        hdus["EVENTS"].header.update(ONTIME=2000.0, ONTIME3=1990.0, LIVTIME3=1950.2, EXPOSUR3=1950.2)
    _, header = made(tmp_path, f"obsfile={evt}")
    assert (header["ONTIME"], header["LIVETIME"], header["EXPOSURE"]) == (1990.0, 1950.2, 1950.2)


def test_ideal_is_one(tmp_path: Path) -> None:
    data, _ = made(tmp_path, "detsubsys=ACIS-3;IDEAL;BADPIX=no", "mirror=HRMA;AREA=1", "dafile=NONE")
    np.testing.assert_array_equal(data, 1.0)


def test_weights(tmp_path: Path) -> None:
    w = tmp_path / "w.txt"
    w.write_text("# ENERG_LO = 0.5\n# ENERG_HI = 7.0\n0.92 0.3\n3.8 0.7\n")
    data, header = made(tmp_path, f"spectrumfile={w}")
    single = [made(tmp_path, f"monoenergy={e}")[0] for e in (0.92, 3.8)]
    np.testing.assert_allclose(data, 0.3 * single[0] + 0.7 * single[1], rtol=1e-4)
    assert (header["ENERG_LO"], header["ENERG_HI"], header["WGTFILE"]) == (0.5, 7.0, "w.txt")


def test_grating_takes_off_light(tmp_path: Path) -> None:
    plain, with_grating = made(tmp_path)[0], made(tmp_path, "grating=HETG")[0]
    assert 0.02 < np.median(with_grating / plain) < 0.6


def test_bad_pixels_by_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def name(value: str) -> None:
        system = (Path(__file__).parents[2] / "params/ardlib.par").read_text()
        old = 'AXAF_ACIS3_BADPIX_FILE,f,a,"CALDB"'
        assert old in system
        (tmp_path / "ardlib.par").write_text(system.replace(old, old.replace("CALDB", value)))

    monkeypatch.setenv("PFILES", f"{tmp_path}")
    name(f"{bad_pixels(tmp_path / 'b.fits')}[BADPIX3]")
    data, _ = made(tmp_path, "detsubsys=ACIS-3;BPMASK=0x03ffff")
    assert data[19, 9] == 0
    assert data[:, 99].any()  # bit 20 is not in the mask
    data, _ = made(tmp_path, "detsubsys=ACIS-3")
    assert not data[:, 99].any()
    name(f"{bad_pixels(tmp_path / 'b.fits', 2)}[BADPIX2]")
    with pytest.raises(DataError, match="is of chip 2, not 3"):
        made(tmp_path, "detsubsys=ACIS-3")
    name(f"{tmp_path / 'b.fits'}[BADPIX3]")
    with pytest.raises(CiaopyError, match="BADPIX3"):
        made(tmp_path, "detsubsys=ACIS-3")


def test_mask(tmp_path: Path, data: Path) -> None:
    mask = next((data / "obs/754/secondary").glob("*msk1*"))
    values, _ = made(tmp_path, f"maskfile={mask}")
    assert not values[0].any()
    assert not values[:, 1023].any()
    assert values[1:1023, 1:1023].all()
    with pytest.raises(CiaopyError, match="MASK4"):
        made(tmp_path, f"maskfile={mask}", "detsubsys=ACIS-4;BADPIX=no")


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ("detsubsys=ACIS-12", ParameterError, "ACIS-12"),
        ("detsubsys=ACIS-3;BPMASK=zz", ParameterError, "BPMASK"),
        ("detsubsys=HRC-I", DataError, "made with ACIS"),
        ("mirror=XRT", ParameterError, "no mirror"),
        ("obsfile=no.fits", UserError, "no such file"),
        ("maskfile=no.fits", UserError, "no such file"),
        ("spectrumfile=no.txt", UserError, "cannot be read"),
    ],
)
def test_bad_input(tmp_path: Path, argument: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        made(tmp_path, argument)
    assert not (tmp_path / "i.fits").exists()
