"""What XMM-Newton stages declare: parameters and their checks, calls of SAS, names, logs of emanom."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from astropy.units import Quantity, UnitConversionError

from ciaopy.batch.mission import load_mission
from ciaopy.batch.settings import order_stages
from ciaopy.batch.xmm import commands, parse_emanom_out
from ciaopy.batch.xmm.mission import XMM, refuse_download
from ciaopy.batch.xmm.names import energy_tag, product, split_ident
from ciaopy.errors import DataError, NotAvailableError, UserError

STAGES = {s.name: s for s in XMM.stages}


def check(stage: str, name: str, value: Any) -> Any:
    return STAGES[stage].parameter(name).check(f"{stage}.{name}", value)


@pytest.mark.parametrize(
    ("stage", "name", "value", "error"),
    [
        ("cif_build", "analysis_date", "yesterday", ValueError),
        ("epchain", "process_unscheduled", 1, TypeError),
        ("espfilt", "method", "corner", ValueError),
        ("espfilt", "with_smoothing", 51, TypeError),
        ("espfilt", "with_smoothing", Quantity(61, "s"), ValueError),
        ("espfilt", "with_smoothing", Quantity(0.5, "s"), ValueError),
        ("espfilt", "with_binning", Quantity(0.5, "s"), ValueError),
        ("espfilt", "with_binning", Quantity(1, "m"), UnitConversionError),
        ("espfilt", "ratio", True, TypeError),
        ("espfilt", "ratio", 0, ValueError),
        ("espfilt", "filter_lo_en", Quantity(1, "s"), UnitConversionError),
        ("espfilt", "range_scale", 6, ValueError),
        ("espfilt", "range_scale", {"pn": 15}, KeyError),
        ("espfilt", "range_scale", {"pn": 15, "mos": -1}, ValueError),
        ("espfilt", "allowed_sigma", "3", TypeError),
        ("espfilt", "gauss_fit_lims", 3, TypeError),
        ("espfilt", "gauss_fit_lims", ("a", "b"), TypeError),
        ("espfilt", "gauss_fit_lims", (0.1,), ValueError),
        ("espfilt", "gauss_fit_lims", (6, 0.1), ValueError),
        ("espfilt", "gauss_fit_lims", (0.1, 11), ValueError),
        ("cleaned_evt_lists", "pn_filt_expr", 3, TypeError),
        ("cleaned_evt_lists", "pn_filt_expr", [3], TypeError),
        ("cleaned_evt_lists", "mos_filt_expr", "PATTERN <=", ValueError),
        ("cleaned_evt_lists", "filt_mos_anom_state", "yes", TypeError),
        ("cleaned_evt_lists", "acc_mos_anom_states", ("G", "Z"), ValueError),
        ("generate_images_expmaps", "lo_en", Quantity(1, "s"), UnitConversionError),
        ("emchain", "backend", "idl", ValueError),
    ],
)
def test_wrong_values(stage: str, name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="convertible" if error is UnitConversionError else name):
        check(stage, name, value)


@pytest.mark.parametrize(
    ("stage", "values", "problem"),
    [
        ("espfilt", {"filter_lo_en": 9000}, "not below"),
        ("espfilt", {"filter_lo_en": 0.5}, "from 1 to"),
        ("espfilt", {"filter_hi_en": 40000}, "from 2 to"),
        ("cleaned_evt_lists", {"lo_en": 500}, "go together"),
        ("cleaned_evt_lists", {"lo_en": 500, "hi_en": 400}, "not below"),
        ("generate_images_expmaps", {"lo_en": 0.5}, "go together"),
        ("generate_images_expmaps", {"lo_en": [0.5]}, "1 energies in lo_en, 2 in hi_en"),
        ("generate_images_expmaps", {"lo_en": [0.5, 10.0]}, "not below"),
    ],
)
def test_values_that_do_not_go_together(stage: str, values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        STAGES[stage].check({**STAGES[stage].defaults, **values})


def test_right_values() -> None:
    assert check("cif_build", "analysis_date", date(2026, 1, 31)) == "2026-01-31"
    assert check("espfilt", "with_smoothing", Quantity(0.5, "min")) == 30
    assert check("espfilt", "with_binning", False) is False
    assert check("espfilt", "range_scale", None) == {"pn": 15.0, "mos": 6.0}
    assert check("cleaned_evt_lists", "mos_filt_expr", "PATTERN <= 4") == ["PATTERN <= 4"]
    assert check("cleaned_evt_lists", "mos_filt_expr", ("#XMMEA_2", "(X,Y) in region(r.fits)"))
    assert check("cleaned_evt_lists", "acc_mos_anom_states", "G") == ["G"]
    assert check("generate_images_expmaps", "lo_en", Quantity([500, 2000], "eV")) == [0.5, 2.0]
    for stage in XMM.stages:
        stage.check(stage.defaults)


def test_texts_of_the_command_line() -> None:
    def parse(stage: str, name: str, value: Any) -> Any:
        return STAGES[stage].parameter(name).parse(name, value)

    assert parse("espfilt", "range_scale", "pn:10,mos:5") == {"pn": 10.0, "mos": 5.0}
    assert parse("espfilt", "gauss_fit_lims", "0.2,5") == [0.2, 5.0]
    assert parse("espfilt", "with_smoothing", "no") is False
    assert parse("espfilt", "with_smoothing", "30 s") == 30
    assert parse("espfilt", "filter_lo_en", "2500") == 2500
    assert parse("generate_images_expmaps", "lo_en", "0.5,2") == [0.5, 2.0]
    assert parse("cleaned_evt_lists", "acc_mos_anom_states", "G, I") == ["G", "I"]
    assert parse("cleaned_evt_lists", "backend", "native") == "native"
    assert parse("emchain", "backend", "none") is None
    assert parse("cif_build", "analysis_date", "2026-01-31") == "2026-01-31"
    for stage, name, value in (
        ("espfilt", "range_scale", "6"),
        ("espfilt", "gauss_fit_lims", "a"),
        ("cif_build", "analysis_date", "x"),
        ("generate_images_expmaps", "lo_en", "-1"),
    ):
        with pytest.raises(ValueError, match=name):
            parse(stage, name, value)


def test_r9_energies_are_converted_and_named_in_kev() -> None:
    assert check("cleaned_evt_lists", "lo_en", Quantity(0.5, "keV")) == 500
    assert energy_tag(0.5, 2) == "en0.5_2.0keV"
    name = product("0201903501M1S001", "cleanevents", "fits", [energy_tag(0.5, 8)])
    assert name == "obsid0201903501-instM1-subexpS001-en0.5_8.0keV-cleanevents.fits"
    assert product("0201903501PN", "finalevents", "fits") == "obsid0201903501-instPN-subexpALL-finalevents.fits"
    assert split_ident("0201903501M1S001") == ("0201903501", "M1", "S001")
    with pytest.raises(ValueError, match="not an identity"):
        split_ident("4938ACISE001")


def words(call: Any) -> str:
    return " ".join([call.program, *(f"{k}={v}" for k, v in call.parameters.items())])


def test_calls_of_sas() -> None:
    assert words(commands.cifbuild("2004-06-17", "2026-01-31")) == (
        "cifbuild calindexset=ccf.cif withobservationdate=yes observationdate=2004-06-17 analysisdate=2026-01-31 "
        "fullpath=yes"
    )
    first, second = commands.epchain("/odf", "U003", [2, 1, 10], (21, 0, 0))
    assert words(first) == (
        "epchain odf=/odf odfaccess=odf exposure=003 schedule=U ccds=1,2,10 runbackground=N keepintermediate=raw "
        "withoutoftime=Y runradmonfix=N"
    )
    assert words(second).endswith("runatthkgen=N runepframes=N runbadpixfind=N runbadpix=N runradmonfix=N")
    assert "radmonfix" not in words(commands.epchain("/odf", "S003", [1], (21, 1, 0))[0])
    assert words(commands.emchain("/odf", "M2", "S002")) == (
        "emchain odf=/odf instruments=M2 exposures=S002 addtaglenoise=no makeflaregti=no"
    )
    assert words(commands.rgsproc("R1", "S004", "2:angles")) == (
        "rgsproc entrystage=2:angles finalstage=2:angles withinstexpids=true instexpids=R1S004"
    )
    assert words(commands.merge("a", "b", "c")) == "merge set1=a set2=b outset=c"


def test_espfilt_of_every_sas() -> None:
    p = STAGES["espfilt"].defaults
    new = words(commands.espfilt("e.fits", None, p, (22, 0, 0)))
    assert new == (
        "espfilt eventfile=e.fits withoot=no ootfile=dataset method=histogram withsmoothing=yes smooth=51 "
        "withbinning=yes binsize=60 ratio=1.2 elow=2500 ehigh=8500 rangescale=6.0 allowsigma=3.0 keepinterfiles=yes "
        "limits=0.1 6.5"
    )
    assert "withlongnames=yes" in words(commands.espfilt("e.fits", None, p, (20, 0, 0)))
    pn = words(commands.espfilt("e.fits", "o.fits", p | {"with_smoothing": False, "with_binning": 90}, (21, 0, 0)))
    assert (
        "withoot=yes ootfile=o.fits" in pn
        and "rangescale=15.0" in pn
        and "withsmoothing=no" in pn
        and "binsize=90" in pn
    )
    old = words(commands.espfilt("e.fits", None, p | {"method": "ratio"}, (18, 0, 0)))
    assert old.startswith("espfilt eventset=e.fits method=ratio") and "elow" not in old


def test_cleaning_expression() -> None:
    assert commands.cleaning_expression(["#XMMEA_EM", "(PATTERN <= 12)"], (500, 8000), [5, 2], "g.fits") == (
        "#XMMEA_EM && (PATTERN <= 12) && (PI in [500:8000]) && (CCDNR in 1,2,5) && GTI(g.fits, TIME)"
    )
    assert commands.cleaning_expression([], None, None, "") == "true"


def test_r11_emanom_logs_give_the_states_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(
        "emanom 1.0\nMOS1 CCD: 2 Hardness: 6.10 +/- 0.40 Status: G\n  mos1 ccd=3   hardness=4.1 status: i\n"
        "MOS1 CCD: 4 Hardness: - +/- - Status: B\n"
    )
    assert parse_emanom_out(log) == [2, 3]
    assert parse_emanom_out(log, "B") == [4]
    assert parse_emanom_out(str(log), ["G", "B"]) == [2, 4]
    log.write_text(
        "Limit>2.5 CCD=5 Hardness=1.526 Uncertainty=0.149 ****\nLimit>2.5 CCD=2 Hardness=3.1 Uncertainty=0.149\n"
    )
    assert parse_emanom_out(log, ("B",)) == [5] and parse_emanom_out(log) == [2]
    log.write_text("MOS1 CCD: 2 Hardness: 6.10 Status: G\nMOS1 CCD: three\n")
    with pytest.raises(DataError, match="line 2 cannot be read"):
        parse_emanom_out(log)
    with pytest.raises(ValueError, match="'X' is none"):
        parse_emanom_out(log, ("G", "X"))
    with pytest.raises(FileNotFoundError, match="no such log"):
        parse_emanom_out(tmp_path / "none.log")


# ---------------------------------------------------------------- two missions in one survey
def test_missions_are_told_apart() -> None:
    both = load_mission()
    assert both.of("0201903501").name == "xmm_pointed" and both.of("4938").name == "chandra"
    assert both.of_stage("espfilt").name == "xmm_pointed" and both.of_stage("deflare").name == "chandra"
    names = [s.name for s in both.stages]
    assert len(set(names)) == len(names) == len(order_stages(both.stages))
    assert load_mission("xmm_pointed").of("4938").name == "xmm_pointed"


def test_bare_numbers_are_refused_with_the_address(tmp_path: Path) -> None:
    with pytest.raises(NotAvailableError, match=r"nxsa\.esac\.esa\.int"):
        refuse_download("0201903501")
    from ciaopy.batch import Archive

    with pytest.raises(NotAvailableError, match="give the folder"):
        Archive(tmp_path / "s", ["0201903501"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="neither an ODF nor imaging event lists"):
        Archive(tmp_path / "s", [tmp_path / "empty"])
