"""What serves an observation, product by product."""

from __future__ import annotations

from made_caldb import Row, header, make_caldb, write_events

from ciaopy.caldb import Caldb
from ciaopy.caldb.lite import PRODUCTS
from ciaopy.caldb.observation import event_files, observation_header, observation_products
from ciaopy.caldb.status import product_status


def test_products_of_an_observation():
    acis = observation_products(header())
    assert {"GEOM", "T_GAIN", "CONTAM", "AXEFFA"} <= acis.keys() and "GREFF" not in acis and "GMAP" not in acis
    grating = observation_products(header(GRATING="HETG"))
    assert {"GREFF", "OSIP"} <= grating.keys() and "TGMASK2" not in grating
    hrc = observation_products(header(INSTRUME="HRC", DETNAM="HRC-S", GRATING="LETG"))
    assert {"GAPLOOKUP", "TGMASK2", "GREFF"} <= hrc.keys() and "CONTAM" not in hrc


def test_without_a_caldb():
    rows = {r.product: r for r in product_status(None, header())}
    assert rows["CONTAM"].source == "lite" and rows["CONTAM"].detail == PRODUCTS["CONTAM"]
    hrc = {r.product: r for r in product_status(None, header(INSTRUME="HRC", DETNAM="HRC-I"))}
    assert (hrc["GMAP"].source, hrc["BADPIX"].source) == ("lite", "none")
    assert (rows["CTI"].source, rows["CTI"].detail) == ("none", "the embedded calibration has none")


def test_with_a_caldb(tmp_path):
    rows = [Row("qeN0006.fits", "QE", cbd=[f"CCD_ID({c})"], hdu=c + 1) for c in range(10)]
    rows += [Row("ctiN0012.fits", "CTI"), Row("t_gain.fits", "T_GAIN", "2024-01-01")]
    rows += [Row(f"badpix{c}.fits", "BADPIX", cbd=[f"CCD_ID({c})"]) for c in range(10)]
    root = make_caldb(tmp_path, acis=rows)
    (root / "data/chandra/acis/cti/ctiN0012.fits").unlink()
    head = header(DETNAM="ACIS-0167")
    found = {r.product: r for r in product_status(Caldb.open({"CALDB": str(root)}), head)}
    assert (found["QE"].source, found["QE"].detail) == ("CALDB", "qeN0006.fits[1-2,7-8]")
    assert found["BADPIX"].detail == "badpix0.fits[1], badpix1.fits[1], badpix6.fits[1], badpix7.fits[1]"
    assert (found["CTI"].source, found["CTI"].detail) == ("missing", "ctiN0012.fits[1]")
    assert (found["T_GAIN"].source, found["T_GAIN"].detail) == ("none", "nothing in the index fits")
    assert found["CONTAM"].source == "lite"


def test_headers_and_event_files(tmp_path):
    path = write_events(tmp_path / "obs/secondary/acisf1_evt1.fits", DETNAM="ACIS-7")
    other = write_events(tmp_path / "obs/primary/acisf1_evt2.fits")
    assert observation_header(f"{path}[EVENTS][ccd_id=7]")["DETNAM"] == "ACIS-7"
    assert event_files(tmp_path / "obs") == [path, other]
