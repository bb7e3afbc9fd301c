"""Strings of the response tools and ardlib.par."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.caldb.ardlib import SHELLS, Ardlib, help_text, parse_detector, parse_grating, parse_mirror
from ciaopy.errors import ParameterError
from ciaopy.param import locate, save


@pytest.mark.parametrize(
    ("text", "element", "chip"),
    [
        ("ACIS-7", "ACIS-7", 7),
        ("acis-s3", "ACIS-7", 7),
        ("ACIS-I0", "ACIS-0", 0),
        ("ACIS-S5;", "ACIS-9", 9),
        ("HRC-I", "HRC-I", 0),
        ("HRC-S2", "HRC-S2", 2),
    ],
)
def test_detectors(text, element, chip):
    spec = parse_detector(text)
    assert (spec.element, spec.chip) == (element, chip)
    assert spec.contam and spec.badpix and not spec.ideal and not spec.uniform and not spec.help
    assert spec.efficiency is None and spec.bpmask is None and spec.time is None


def test_qualifiers():
    spec = parse_detector("ACIS-7;IDEAL;UNIFORM;CONTAM=NO;BPMASK=0x03ffff;BADPIX=NO;TIME=82647171.9")
    assert spec.ideal and spec.uniform and not spec.contam and not spec.badpix
    assert (spec.bpmask, spec.time, spec.efficiency) == (0x3FFFF, 82647171.9, 1.0)
    assert parse_detector("ACIS-7; qe = 0.5 ;contam").efficiency == 0.5
    assert parse_detector("ACIS-7;qe=0.5;IDEAL").efficiency == 0.5
    assert not parse_detector("ACIS-7;IDEAL=no").ideal
    assert parse_detector("ACIS-S3;HELP").help


def test_bad_pixel_masks():
    status = np.array([0, 1, 1 << 17, 1 << 20], np.uint32)
    assert list(parse_detector("ACIS-7;BPMASK=0x03ffff").is_bad(status)) == [False, True, True, False]
    assert list(parse_detector("ACIS-7").is_bad(status)) == [False, True, True, True]
    assert not parse_detector("ACIS-7;BPMASK=0").is_bad(1)


def test_mirrors():
    assert parse_mirror("HRMA").shells == SHELLS
    assert parse_mirror("HRMA;area=1").area == 1.0
    assert parse_mirror("hrma;SHELL=6,1").shells == (1, 6)
    assert parse_mirror("HRMA;BITMAP=1100").shells == (1, 3)


@given(st.sets(st.sampled_from(SHELLS), min_size=1))
def test_shells_and_bitmap_agree(shells):
    listed = parse_mirror(f"HRMA;SHELL={','.join(map(str, shells))}")
    assert parse_mirror(f"HRMA;BITMAP={listed.bitmap}").shells == listed.shells == tuple(sorted(shells))


def test_gratings():
    assert parse_grating("NONE").element == parse_grating("").element == "NONE"
    assert (parse_grating("heg").element, parse_grating("HEG").bitmap) == ("HETG", "0011")
    assert parse_grating("MEG").bitmap == "1100"
    assert (parse_grating("LEG").element, parse_grating("LETG").bitmap) == ("LETG", "1111")


@pytest.mark.parametrize(
    ("parse", "text", "problem"),
    [
        (parse_detector, "ACIS-10", "no detector ACIS-10; there are ACIS-0..9"),
        (parse_detector, "ACIS-I4", "no detector ACIS-I4"),
        (parse_detector, "HRC-S", "no detector HRC-S;"),
        (parse_detector, "", "no detector is named"),
        (parse_detector, "ACIS-7;SHINY", "no qualifier SHINY; ACIS-7 has BADPIX, BPMASK, CONTAM"),
        (parse_detector, "HRC-I;CONTAM=NO", "no qualifier CONTAM; HRC-I has"),
        (parse_detector, "ACIS-7;QE=much", "QE=much: could not convert"),
        (parse_detector, "ACIS-7;QE=-1", "expected a number of at least 0"),
        (parse_detector, "ACIS-7;QE", "QE: could not convert"),
        (parse_detector, "ACIS-7;TIME=nan", "expected a number"),
        (parse_detector, "ACIS-7;CONTAM=maybe", "expected yes or no"),
        (parse_detector, "ACIS-7;BPMASK=0x1ffffffff", "at most 32 bits"),
        (parse_mirror, "XRT", "no mirror XRT"),
        (parse_mirror, "HRMA;SHELL=2", "expected some of 1,3,4,6"),
        (parse_mirror, "HRMA;BITMAP=0000", "four digits"),
        (parse_mirror, "HRMA;AREA=-1", "at least 0"),
        (parse_grating, "XTG", "no grating XTG"),
    ],
)
def test_errors(parse, text, problem):
    with pytest.raises(ParameterError, match=problem):
        parse(text)


def test_help_lists_the_qualifiers():
    text = help_text(parse_detector("ACIS-7;HELP"))
    assert text.startswith("Qualifiers of ACIS-7") and "CONTAM=no" in text and "BPMASK=mask" in text
    assert "CONTAM" not in help_text(parse_detector("HRC-I"))
    assert "AREA=number" in help_text(parse_mirror("HRMA"))


def test_values_of_the_system_file():
    files = Ardlib.read()
    chip, hrc, mirror = parse_detector("ACIS-7"), parse_detector("HRC-S2"), parse_mirror("HRMA")
    for product in ("QE", "QEU", "CONTAM", "BADPIX"):
        assert files.value(product, chip) == "CALDB"
    assert files.value("BADPIX", hrc) == files.value("BADPIX", parse_detector("HRC-I")) == "NONE"
    assert files.value("QE", hrc) == files.value("AXEFFA", mirror) == files.value("VIGNET", mirror) == "CALDB"
    assert files.value("AXEFFA", parse_mirror("HRMA;SHELL=3,4")) == "CALDB"
    assert files.value("GREFF", parse_grating("HEG")) == "CALDB"


def test_qualifiers_switch_products_off():
    files = Ardlib.read()

    def off(text, *products):
        spec = parse_detector(text)
        return [p for p in ("QE", "QEU", "CONTAM", "BADPIX") if files.value(p, spec) == "NONE"] == list(products)

    assert off("ACIS-7")
    assert off("ACIS-7;QE=1", "QE")
    assert off("ACIS-7;UNIFORM", "QEU")
    assert off("ACIS-7;CONTAM=NO", "CONTAM")
    assert off("ACIS-7;BADPIX=NO", "BADPIX")
    assert off("ACIS-7;IDEAL", "QE", "QEU", "CONTAM")
    assert files.value("VIGNET", parse_mirror("HRMA;AREA=1")) == "NONE"


def test_the_users_own_values(tmp_path, monkeypatch):
    monkeypatch.setenv("ASCDS_CALIB", str(tmp_path))
    (tmp_path / "qe.fits").touch()
    values = {
        "AXAF_ACIS7_BADPIX_FILE": "/data/bpix1.fits[BADPIX7]",
        "AXAF_ACIS7_QE_FILE": "qe.fits[AXAF_QE8]",
        "AXAF_ACIS7_QEU_FILE": "elsewhere.fits",
        "AXAF_HRC-I_BADPIX_FILE": "bpix.fits[BADPIX]",
        "AXAF_EFFAREA_FILE_1111": "area.fits",
        "AXAF_VIGNET_FILE_0100": "vignet3.fits",
    }
    save(locate("ardlib.par"), {(key, "value"): value for key, value in values.items()})
    files = Ardlib.read("ardlib.par")
    chip = parse_detector("ACIS-S3")
    assert files.value("badpix", chip) == "/data/bpix1.fits[BADPIX7]"
    assert files.value("QE", chip) == f"{tmp_path}/qe.fits[AXAF_QE8]"
    assert files.value("QEU", chip) == "elsewhere.fits"
    assert files.value("BADPIX", parse_detector("HRC-I")) == "bpix.fits[BADPIX]"
    assert files.value("AXEFFA", parse_mirror("HRMA")) == "area.fits"
    assert files.value("VIGNET", parse_mirror("HRMA;SHELL=3")) == "vignet3.fits"
    assert files.value("QE", parse_detector("ACIS-6")) == "CALDB"


def test_products_without_a_parameter():
    with pytest.raises(ParameterError, match=r"ardlib.par names no CONTAM for HRC-I"):
        Ardlib.read().value("CONTAM", parse_detector("HRC-I"))
    with pytest.raises(ParameterError, match="no parameter AXAF_ACIS7_QE_FILE; `punlearn ardlib`"):
        Ardlib({}).value("QE", parse_detector("ACIS-7"))
    with pytest.raises(ParameterError, match="no_such"):
        Ardlib.read("no_such.par")
