"""Where parameter files are found, copied to, refreshed from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ciaopy.errors import ParameterError
from ciaopy.param import Location, SearchPath, find_par, list_tools, locate, read_current, restore, save, system_par_dir
from ciaopy.param.search import writable_path

OLD = 'infile,f,a,"",,,"In"\nn,i,h,3,0,5,"N"\nmode,s,h,"ql",,,\n'


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """User and system folder, the latter with t.par, named by PFILES."""
    user, system = tmp_path / "u", tmp_path / "s"
    user.mkdir()
    system.mkdir()
    (system / "t.par").write_text(OLD)
    monkeypatch.setenv("PFILES", f"{user};{system}")
    return user, system


def set_value(tool: str, name: str, text: str) -> Path:
    return save(locate(tool), {(name, "value"): text})


def test_without_variables_the_home_folder_and_the_package_serve(private_home: Path) -> None:
    search = SearchPath.from_environ()
    assert search.user == (private_home / "cxcds_param4",)
    assert search.system == (system_par_dir(),)
    assert find_par("stk_build") == system_par_dir() / "stk_build.par"
    before = (system_par_dir() / "stk_build.par").read_bytes()
    assert set_value("stk_build", "verbose", "3") == private_home / "cxcds_param4" / "stk_build.par"
    assert find_par("stk_build") == private_home / "cxcds_param4" / "stk_build.par"
    assert (system_par_dir() / "stk_build.par").read_bytes() == before


@pytest.mark.parametrize(
    ("environ", "user", "system"),
    [
        ({"PFILES": "/u;/s"}, ["/u"], ["/s"]),
        ({"PFILES": "/u1:/u2,/u3 /u4;/s1:/s2"}, ["/u1", "/u2", "/u3", "/u4"], ["/s1", "/s2"]),
        ({"PFILES": "/both"}, ["/both"], ["/both"]),
        ({"PFILES": ";/s"}, [], ["/s"]),
        ({"UPARM": "/up/"}, ["/up"], ["/up"]),
        ({"PFILES": "/u;/s", "PDIRS": "/p;/q", "UPARM": "/up/"}, ["/p", "/u", "/up"], ["/q", "/s", "/up"]),
    ],
)
def test_variables(environ: dict[str, str], user: list[str], system: list[str]) -> None:
    search = SearchPath.from_environ(environ)
    assert [str(p) for p in search.user] == user
    assert [str(p) for p in search.system] == [*system, str(system_par_dir())]
    assert not search.create_user


def test_a_folder_with_blanks_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my files"
    folder.mkdir()
    assert SearchPath.from_environ({"PFILES": f"{folder};/s"}).user == (folder,)


def test_the_package_helps_out_where_pfiles_lacks_a_tool(folders: tuple[Path, Path]) -> None:
    assert find_par("stk_count") == system_par_dir() / "stk_count.par"
    assert set_value("stk_count", "echo", "yes") == folders[0] / "stk_count.par"


def test_user_copy_stands_before_the_system_file(folders: tuple[Path, Path]) -> None:
    user, system = folders
    assert find_par("t") == system / "t.par"
    assert find_par("t.par") == system / "t.par"
    set_value("t", "n", "4")
    assert find_par("t") == user / "t.par"
    assert read_current(locate("t"))["n"].value == "4"
    assert (system / "t.par").read_text() == OLD


def test_paths_with_and_without_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.par").write_text(OLD)
    assert find_par(str(tmp_path / "my.par")) == tmp_path / "my.par"
    assert find_par(str(tmp_path / "my")) == tmp_path / "my.par"
    monkeypatch.chdir(tmp_path)
    assert find_par("my.par") == Path("my.par")
    assert find_par("./my") == Path("my.par")
    assert find_par("my") == Path("my.par")
    (tmp_path / "odd.pax").write_text(OLD)
    monkeypatch.setenv("PFEXTN", "pax")
    assert find_par("odd") == Path("odd.pax")


@pytest.mark.parametrize("name", ["nosuchtool", "nosuchtool.par", "/no/such/path.par", "", "a\0b"])
def test_unknown_tools_are_named(name: str, folders: tuple[Path, Path]) -> None:
    with pytest.raises(ParameterError) as caught:
        find_par(name)
    assert (name in str(caught.value)) or name == "a\0b"
    if name == "nosuchtool":
        assert all(str(folder) in str(caught.value) for folder in folders)


def test_a_system_file_with_other_parameters_is_merged_with_the_users_values(folders: tuple[Path, Path]) -> None:
    user, system = folders
    (user / "t.par").write_text(
        '# mine\ninfile,f,a,"mine.fits",,,"In"\nn,i,h,5,0,5,"N"\nm,s,h,"x",,,\ngone,b,h,yes,,,\nmode,s,h,"hl",,,\n'
    )
    new = '# new\ninfile,f,a,"",,,"Input"\nn,i,h,3,0,4,"N"\nm,i,h,1,,,\nextra,b,h,no,,,\nmode,s,h,"ql",,,\n'
    (system / "t.par").write_text(new)
    os.utime(system / "t.par", (1, 1))
    merged = read_current(locate("t"))
    assert merged.names == ["infile", "n", "m", "extra", "mode"]
    values = {p.name: p.value for p in merged}
    assert values == {"infile": "mine.fits", "n": "3", "m": "1", "extra": "no", "mode": "hl"}
    assert "gone" in (user / "t.par").read_text()
    set_value("t", "extra", "yes")
    written = (user / "t.par").read_text()
    assert written == new.replace('a,""', 'a,"mine.fits"').replace("no", "yes").replace("ql", "hl")


def test_new_limits_count_when_the_system_file_is_newer(folders: tuple[Path, Path]) -> None:
    user, system = folders
    (user / "t.par").write_text(OLD.replace("3,0,5", "5,0,5"))
    (system / "t.par").write_text(OLD.replace("3,0,5", "3,0,4"))
    os.utime(user / "t.par", (1000, 1000))
    os.utime(system / "t.par", (500, 500))
    assert read_current(locate("t"))["n"].value == "5"
    os.utime(system / "t.par", (2000, 2000))
    assert read_current(locate("t"))["n"].value == "3"


def test_punlearn_restores_even_a_damaged_copy(folders: tuple[Path, Path]) -> None:
    user, _ = folders
    (user / "t.par").write_text('infile,f,a,"unclosed\n')
    with pytest.raises(ParameterError, match=r"u/t\.par, line 1"):
        read_current(locate("t"))
    restore(locate("t"))
    assert (user / "t.par").read_text() == OLD


def test_punlearn_without_a_system_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "only.par").write_text(OLD)
    with pytest.raises(ParameterError, match="no system parameter file for only"):
        restore(locate(str(tmp_path / "only.par")))


def test_a_user_folder_that_is_absent_or_no_folder_or_read_only(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, system = folders
    for folder in (user / "absent", system / "t.par"):
        monkeypatch.setenv("PFILES", f"{folder};{system}")
        with pytest.raises(ParameterError, match=r"no folder of the user part of PFILES can be written to") as caught:
            set_value("t", "n", "4")
        assert str(folder) in str(caught.value)
    monkeypatch.setenv("PFILES", f";{system}")
    with pytest.raises(ParameterError, match="PFILES names no user folder"):
        set_value("t", "n", "4")
    monkeypatch.setenv("PFILES", f"{user};{system}")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ParameterError, match="can be written to"):
        set_value("t", "n", "4")
    (user / "t.par").write_text(OLD)
    with pytest.raises(ParameterError, match="its folder is read-only"):
        set_value("t", "n", "4")
    assert (user / "t.par").read_text() == OLD


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder where nobody can make files")
def test_a_folder_that_refuses_files(tmp_path: Path) -> None:
    location = Location("t", Path("/proc/self/t.par"), None)
    with pytest.raises(ParameterError, match=r"read-only|cannot lock /proc/self"):
        save(location, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(folders: tuple[Path, Path]) -> None:
    user, _ = folders
    user.chmod(0o500)
    try:
        with pytest.raises(ParameterError, match="can be written to"):
            set_value("t", "n", "4")
    finally:
        user.chmod(0o700)


def test_the_first_writable_user_folder_gets_the_copy(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, system = folders
    monkeypatch.setenv("PFILES", f"{user / 'absent'}:{user};{system}")
    assert writable_path(locate("t")) == user / "t.par"


def test_a_read_only_copy_becomes_writable_and_links_stay(folders: tuple[Path, Path]) -> None:
    user, system = folders
    (system / "t.par").chmod(0o444)
    target = set_value("t", "n", "4")
    assert target.stat().st_mode & 0o200
    real = user.parent / "real.par"
    real.write_text(OLD)
    (user / "link.par").symlink_to(real)
    save(locate(str(user / "link.par")), {("n", "value"): "2"})
    assert (user / "link.par").is_symlink()
    assert "n,i,h,2,0,5" in real.read_text()


def test_list_tools_is_sorted_and_has_the_stack_tools() -> None:
    tools = list_tools()
    assert tools == sorted(tools)
    assert {"stk_build", "stk_count"} <= set(tools)
