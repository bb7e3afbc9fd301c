"""survey.toml, and the values of --set: read, refused with a reason and a line, written back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciaopy.batch.chandra import BANDS, CHANDRA
from ciaopy.batch.quantities import energy_ev, seconds, size_bytes
from ciaopy.batch.settings import read_settings, remember, template
from ciaopy.batch.sources import caldb_folder
from ciaopy.errors import UsageError

STAGES = {s.name: s for s in CHANDRA.stages}


def write(tmp_path, text):
    path = tmp_path / "survey.toml"
    path.write_text(text)
    return path


def test_the_template_says_the_defaults(tmp_path):
    settings = read_settings(write(tmp_path, template(CHANDRA)))
    assert settings.parameters == {s.name: s.defaults for s in CHANDRA.stages}
    assert settings.run == {} and settings.commands == ()
    bare = template(CHANDRA).replace("# ", "")
    assert 'pix_adj = "default"' in bare and "lc_lo_en = 500" in bare


def test_every_kind_of_value(tmp_path):
    text = """
[run]
num_cores = 4
timeout = "2 h"
memory = "8 GB"
[stage.deflare]
lc_lo_en = "0.3 keV"
time_bin_size = "1 ks"
[stage.flux_image]
en_bounds = [[0.5, 2], [2, 7]]
effective_ens = "1.5,3.8"
[stage.cleaned_chandra_evts]
allowed_grades = [0, 4, 2]
"""
    settings = read_settings(write(tmp_path, text))
    assert settings.run == {"num_cores": 4, "timeout": 7200.0, "memory": 8_000_000_000}
    assert settings.parameters["deflare"]["lc_lo_en"] == 300 and settings.parameters["deflare"]["time_bin_size"] == 1000
    assert settings.parameters["flux_image"]["en_bounds"] == [[0.5, 2.0], [2.0, 7.0]]
    assert settings.parameters["cleaned_chandra_evts"]["allowed_grades"] == [0, 2, 4]


def test_where_data_and_calibration_come_from(tmp_path):
    text = """
[download]
mirror = "https://one/, https://two/"
types = ["evt1", "asol"]
concurrency = 2
limit_rate = "2 MB/s"
delete_raw_when_done = true
[caldb]
"""
    settings = read_settings(write(tmp_path, text))
    assert settings.download == {
        "mirror": ["https://one/", "https://two/"],
        "types": ["evt1", "asol"],
        "concurrency": 2,
        "limit_rate": 2_000_000,
        "delete_raw_when_done": True,
    }
    assert settings.caldb == {} and caldb_folder(tmp_path, settings.caldb) == tmp_path / "caldb"
    assert caldb_folder(tmp_path, {"folder": "/data/caldb"}) == Path("/data/caldb")
    assert read_settings(write(tmp_path, template(CHANDRA))).caldb is None


COMMAND = '[[command]]\nname = "spectra"\nargv = ["a", "{ident}"]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 1", "line 1: unknown key 'colour'"),
        ("\n[run]\nspeed = 1", r"line 3: unknown key 'speed' in \[run\]"),
        ("[run]\ntimeout = 'soon'", "line 2: timeout=soon: expected a time"),
        ("[run]\nnum_cores = 0", "line 2: num_cores=0"),
        ("[stage.flatten]\n", "line 1: no stage is called 'flatten'"),
        ("[stage.deflare]\nmethod = 'median'", "line 2: deflare.method=median: it is one of sigma, clean"),
        ("[stage.deflare]\nsigma = 3", "line 2: deflare.sigma: no such parameter"),
        ("[stage.deflare]\nlc_lo_en = 9000", "line 1: deflare: lc_lo_en=9000 eV is not below"),
        ("[stage.flux_image]\nen_bounds = '1:2'", "line 1: flux_image: en_bounds and effective_ens go together"),
        ("mission = 'hubble'", "mission 'hubble'"),
        ("a = = 1", "line 1"),
        (COMMAND.replace("{ident}", "{idnet}"), r"line 3: command 'spectra': unknown placeholder \{idnet\}"),
        (COMMAND.replace("{ident}", "{cleaned_events}"), r"unknown placeholder \{cleaned_events\}"),
        (COMMAND + COMMAND, "line 2: two commands"),
        (COMMAND.replace("spectra", "deflare"), "a command and a stage, are called 'deflare'"),
        (COMMAND.replace("spectra", "not a name"), "needs a name"),
        (COMMAND + "colour = 1", "line 4: unknown key 'colour'"),
        (COMMAND + "products = ['../x']", "not below"),
        (COMMAND + "needs = ['nothing']", "needs 'nothing', which is no stage"),
        (
            COMMAND + 'needs = ["b"]\n' + COMMAND.replace("spectra", "b") + 'needs = ["spectra"]',
            "in a circle: spectra -> b",
        ),
        ('[[command]]\nname = "x"\n', "has no argv"),
        ("[command]\nname = 'x'", "must be a list of tables"),
        ("[download]\nspeed = 1", r"line 2: unknown key 'speed' in \[download\]"),
        ("[download]\nconcurrency = 5", "line 2: concurrency=5: a whole number from 1 to 4"),
        ("[download]\nconcurrency = true", "line 2: concurrency=True"),
        ("[download]\nlimit_rate = 'fast'", "line 2: limit_rate=fast: expected a size"),
        ("[download]\nlimit_rate = 0", "line 2: limit_rate=0: bytes per second above 0"),
        ("[download]\ndelete_raw_when_done = 'yes'", "line 2: delete_raw_when_done='yes': true or false"),
        ("[download]\ntypes = ['evt9']", "line 2: 'evt9': no type of file"),
        ("[download]\nmirror = 3", "line 2: mirror=3: a text, or a list of texts"),
        ("download = 3", r"line 1: download must be a table: \[download\]"),
        ("[caldb]\nfolder = 3", "line 2: folder=3: a text is needed"),
        ("[caldb]\nversion = '4.12'", r"line 2: unknown key 'version' in \[caldb\]"),
    ],
)
def test_what_is_refused(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        read_settings(write(tmp_path, text))


def test_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match="is this a survey"):
        read_settings(tmp_path / "survey.toml")


def test_a_command_has_the_keys_of_what_it_needs(tmp_path):
    text = (
        COMMAND.replace("{ident}", "{cleaned_events}{evt_list}")
        + 'needs = ["cleaned_chandra_evts"]\ntimeout = "20 min"\n'
    )
    one = read_settings(write(tmp_path, text)).commands[0]
    assert one.needs == ("cleaned_chandra_evts",) and one.timeout == 1200.0


def test_remembering_keeps_the_rest_of_the_file(tmp_path):
    text = template(CHANDRA) + COMMAND
    path = write(tmp_path, text)
    new = {"en_bounds": [[0.5, 7.0]], "effective_ens": [2.3], "acis_bin_size": 16, "hrc_bin_size": 16}
    remember(path, STAGES["flux_image"], new)
    settings = read_settings(path)
    assert settings.parameters["flux_image"] == new and len(settings.commands) == 1
    assert settings.parameters["rate_image"]["en_bounds"] == BANDS
    assert len(path.read_text().splitlines()) == len(text.splitlines())
    remember(path, STAGES["flux_image"], STAGES["flux_image"].defaults)
    assert read_settings(path).parameters["flux_image"] == STAGES["flux_image"].defaults


def test_remembering_in_a_bare_file(tmp_path):
    path = write(tmp_path, "[run]\nnum_cores = 2\n" + COMMAND)
    remember(path, STAGES["cleaned_chandra_evts"], {"lo_en": 500, "hi_en": 7000, "allowed_grades": None})
    assert read_settings(path).parameters["cleaned_chandra_evts"]["hi_en"] == 7000
    remember(path, STAGES["cleaned_chandra_evts"], {"lo_en": None, "hi_en": None, "allowed_grades": [0]})
    assert read_settings(path).parameters["cleaned_chandra_evts"] == {
        "lo_en": None,
        "hi_en": None,
        "allowed_grades": [0],
    }
    assert tomllib.loads(path.read_text())["run"] == {"num_cores": 2}


def test_what_cannot_be_changed_is_said(tmp_path):
    path = write(tmp_path, "[stage.flux_image]\nen_bounds = [\n [0.5, 2],\n]\neffective_ens = [1]\n")
    with pytest.raises(UsageError, match="by hand"):
        remember(path, STAGES["flux_image"], {"en_bounds": [[1.0, 2.0]], "effective_ens": [1.5]})


@given(st.floats(1e-3, 1e6))
def test_times_and_sizes(value):
    assert seconds("t", f"{value!r} min") == pytest.approx(60 * value)
    assert seconds("t", value) == value == seconds("t", f"{value!r}")
    assert size_bytes("m", f"{value!r} kB") == int(value * 1000)
    assert energy_ev("e", f"{value!r}keV") == pytest.approx(1000 * value)


@pytest.mark.parametrize("value", ["", "ten", "-3", "0", "3 keV", True, None, "1 2"])
def test_what_is_no_time(value):
    with pytest.raises(ValueError, match="t="):
        seconds("t", value)
