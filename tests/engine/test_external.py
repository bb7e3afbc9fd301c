"""Suites of external programs: looking for them, calling them, reading what they say."""

import stat

import pytest

from ciaopy.datamodel import Workspace
from ciaopy.engine.backends import choose_backend
from ciaopy.engine.ciao import CIAO
from ciaopy.engine.external import Installation, execute, find_installation
from ciaopy.engine.native import NativeBackend
from ciaopy.engine.sas import SAS, read_sas_log, read_sas_version
from ciaopy.engine.suites import SUITES
from ciaopy.errors import ExternalToolError, SASNotFoundError, UserError


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def sas(tmp_path, monkeypatch):
    """A SAS with one program in each folder, and its calibration files."""
    root, ccf = tmp_path / "sas 20", tmp_path / "ccf"
    program(root / "bin/sas", '#!/bin/sh\necho "sas- release [xmmsas_20211130_0941-20.0.0]"\n')
    program(root / "binextra/lcurve", "#!/bin/sh\n")
    ccf.mkdir()
    (ccf / "a.CCF").touch()
    monkeypatch.setenv("SAS_DIR", str(root))
    monkeypatch.setenv("SAS_CCFPATH", str(ccf))
    return root


def test_without_ciao_the_user_is_told(tmp_path):
    with pytest.raises(UserError, match=r"^tools=ciao needs CIAO: start it .*ASCDS_INSTALL.*--ciao DIR$"):
        find_installation(CIAO)
    with pytest.raises(UserError, match=r"no CIAO installation: it has no folder bin .*--ciao or ASCDS_INSTALL"):
        find_installation(CIAO, tmp_path)


def test_without_sas_the_user_is_told_what_to_set_or_to_give(tmp_path, monkeypatch):
    with pytest.raises(
        SASNotFoundError, match=r"^epchain needs XMM SAS .*SAS_DIR and SAS_CCFPATH.*start at espfilt$"
    ) as e:
        find_installation(SAS, what="epchain")
    assert isinstance(e.value, UserError) and isinstance(e.value, ExternalToolError) and e.value.exit_code == 1


def test_sas_needs_its_calibration_files(sas, tmp_path, monkeypatch):
    assert find_installation(SAS).root == sas
    (tmp_path / "ccf/a.CCF").unlink()
    with pytest.raises(SASNotFoundError, match=r"SAS_CCFPATH=.*ccf: no folder with files in it; tools=sas needs it"):
        find_installation(SAS)
    monkeypatch.setenv("SAS_CCFPATH", str(tmp_path / "none"))
    with pytest.raises(SASNotFoundError, match="no folder with files"):
        find_installation(SAS)
    monkeypatch.delenv("SAS_CCFPATH")
    with pytest.raises(SASNotFoundError, match="set SAS_DIR and SAS_CCFPATH"):
        find_installation(SAS)


def test_the_folder_given_comes_before_the_environment(sas, tmp_path, monkeypatch):
    other = tmp_path / "other"
    (other / "bin").mkdir(parents=True)
    assert find_installation(SAS, other).root == other


def test_programs_are_looked_for_in_all_folders_then_on_the_path(sas, tmp_path, monkeypatch):
    found = Installation(SAS, sas)
    assert found.find("lcurve") == sas / "binextra/lcurve"
    assert found.find("elsewhere") is None
    monkeypatch.setenv("PATH", str(program(tmp_path / "p/elsewhere", "#!/bin/sh\n").parent))
    assert found.require("elsewhere") == tmp_path / "p/elsewhere"
    with pytest.raises(ExternalToolError, match=r"epchain is not in .*sas 20/bin and not on PATH; check the XMM SAS"):
        found.require("epchain")
    assert Installation(CIAO, sas).find("elsewhere") is None, "CIAO's are in its own folders alone"


def test_arguments_and_environment_are_those_of_the_suite(sas, tmp_path, monkeypatch):
    (sas / "param").mkdir()
    (tmp_path / "heasoft/syspfiles").mkdir(parents=True)
    monkeypatch.setenv("HEADAS", str(tmp_path / "heasoft"))
    monkeypatch.setenv("SAS_ODF", "the user's")
    values = {"a": "1", "b": "x y"}
    assert Installation(CIAO, sas).argument_list(sas / "p", values)[1:] == ["a=1", "b=x y", "mode=hl"]
    assert Installation(SAS, sas).argument_list(sas / "p", values)[1:] == ["a=1", "b=x y"]
    ours = Installation(SAS, sas).environment(tmp_path / "own", {"SAS_CCF": "ccf.cif"})
    assert ours["PFILES"] == f"{tmp_path / 'own'};{tmp_path / 'heasoft/syspfiles'}"
    assert (ours["SAS_CCF"], ours["SAS_DIR"], ours["HEADASPROMPT"]) == ("ccf.cif", str(sas), "/dev/null")
    assert "SAS_ODF" not in ours
    ciao = Installation(CIAO, sas).environment(tmp_path / "own")
    assert ciao["PFILES"] == f"{tmp_path / 'own'};{sas / 'param'}" and ciao["SAS_ODF"] == "the user's"


def test_the_version_is_what_the_suite_says(sas):
    assert Installation(SAS, sas).version() == (20, 0, 0)
    assert Installation(CIAO, sas).version() is None
    assert read_sas_version("sas- [22.0.0-9173c7d25-20250127]") == (22, 0, 0)
    assert read_sas_version("no version") is None


def test_sas_marks_its_warnings_and_errors():
    text = (
        "evselect:- Executing\n"
        "** evselect: warning (NoWCS), No WCS information available for image column DETX.\n"
        "** espfilt: error (noCounts), All histo counts are zero! Check your FOV Lightcurve!\n"
        "an error (of no task)\n"
    )
    warning, error = read_sas_log(text)
    assert not warning.is_error and (warning.task, warning.code) == ("evselect", "NoWCS")
    assert error.is_error
    assert str(error) == "noCounts raised by espfilt - All histo counts are zero! Check your FOV Lightcurve!"


def test_output_goes_to_the_log_and_comes_back(tmp_path):
    with (tmp_path / "log").open("w+b") as log:
        log.write(b"before\n")
        words = ["sh", "-c", "pwd; echo oops >&2; cat; exit 3"]
        assert execute(words, {"PATH": "/usr/bin:/bin"}, tmp_path, log) == (3, f"{tmp_path.resolve()}\noops")
    assert (tmp_path / "log").read_text() == f"before\n{tmp_path.resolve()}\noops\n"
    with pytest.raises(ExternalToolError, match="no-such-program cannot be run"):
        execute([str(tmp_path / "no-such-program")], {})


def test_the_back_end_follows_from_the_parameter(sas):
    def native(ws):
        return NativeBackend(ws, keep=False)

    made = [choose_backend(name, Workspace(), {"ciao": sas}, native) for name in ("native", *SUITES)]
    for backend in made:
        backend.close()
    assert [backend.name for backend in made] == ["native", "ciao", "sas"]
