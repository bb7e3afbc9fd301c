"""The manual: pages are whole, agree with the parameter files, and every example runs (marked slow)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import manual_helpers
import pytest

from ciaopy.cli import catalog, run
from ciaopy.cli.main import run_application
from ciaopy.cli.manual import GROUNDS, NO_RUN, SECTIONS, find_page, manual_text, page_folder, read_page
from ciaopy.cli.manual.markdown import to_roff
from ciaopy.errors import DataError
from ciaopy.param import ParFile, system_par_dir

PAGES = sorted(path.stem for path in page_folder().glob("*.md"))
PAGE = """# tool

## Description

Text.

## Parameters

### infile, outfile

Both.

### s1_x to s3_x

Three.

## Examples

### One

```console
$ tool a \\
    b
an answer
$ tool c
```

### Another

```console norun it needs the network
$ tool d
```

## See also

`other`
"""


def parameters_of(name: str) -> ParFile:
    return ParFile.read(system_par_dir() / f"{name}.par")


def test_a_page_is_taken_apart():
    page = read_page(PAGE, "tool.md")
    assert page.name == "tool" and list(page.sections) == ["Description", "Parameters", "Examples", "See also"]
    assert list(page.parameters) == ["infile", "outfile", "s1_x", "s2_x", "s3_x"]
    assert page.parameters["s2_x"] == "Three."
    one, other = page.examples
    assert one.commands == ("tool a b", "tool c") and one.ground == "demo"
    assert other.ground == NO_RUN and other.reason == "it needs the network"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# tool\n", "", "no title"),
        ("## See also", "## Examples", "two sections Examples"),
        ("console norun it needs the network", "console norun", "norun REASON"),
        ("console norun it", "console nowhere it", "one of demo"),
        ("s1_x to s3_x", "s1_x to t3_x", "must differ in one number"),
    ],
)
def test_a_page_that_is_wrong_is_refused(old, new, said):
    with pytest.raises(DataError, match=said):
        read_page(PAGE.replace(old, new), "tool.md")


def test_a_heading_in_a_fence_is_none():
    page = read_page("# a\n\n## Description\n\n```\n## no section\n# not a title\n```\n", "a.md")
    assert list(page.sections) == ["Description"] and page.name == "a"


def test_every_tool_has_a_page():
    missing = [tool.name for tool in catalog.all_tools() if tool.implemented and tool.name not in PAGES]
    assert not missing
    assert not [name for name in PAGES if not run.is_tool(name)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(name):
    page = find_page(name)
    assert page.name == name
    expected = [title for title in SECTIONS if title in page.sections or "CIAO" not in title]
    titles = [title for title in page.sections if title != "Differences from SAS"]
    assert titles == expected, f"sections, or their order: {titles}"
    assert all(len(text.split()) > 1 for title, text in page.sections.items() if title != "See also")
    declared = {p.name for p in parameters_of(name)} - {"mode"}
    assert set(page.parameters) == declared, "parameters described and declared"
    assert all(len(text.split()) >= 4 for text in page.parameters.values()), "parameters in prose"
    assert 2 <= len(page.examples) <= 12
    assert all(example.commands or example.script for example in page.examples)
    words = [command.split()[0] for e in page.examples for command in e.commands]
    assert name in words or any(f"{name}(" in e.text or f" {name} " in e.text for e in page.examples)
    known = {*run.tool_names(), *run.parameter_commands(), "ciaopy", *run.SUBCOMMANDS}
    strangers = set(re.findall(r"`(\w+)`", page.sections["See also"])) - known
    assert not strangers, f"see also: {strangers}"
    assert to_roff(manual_text(catalog.find_tool(name), parameters_of(name), page))


def test_few_examples_are_not_run():
    pages = [find_page(name) for name in PAGES]
    skipped = [(p.name, e.title) for p in pages for e in p.examples if e.ground == NO_RUN]
    whole = sum(len(p.examples) for p in pages)
    assert len(skipped) <= 0.1 * whole, skipped


def test_help_shows_the_page(capfd):
    assert run_application(["help", "dmcopy"]) == 0
    text = capfd.readouterr().out
    assert all(word in text for word in ("ERRORS", "zsh: no matches found", "HIDDEN PARAMETERS"))
    assert run_application(["help", "dmcopy", "--section", "exam", "--markdown"]) == 0
    text = capfd.readouterr().out
    assert text.startswith("## Examples") and "## Files" not in text
    assert run_application(["help"]) == 0
    assert "dmcopy" in capfd.readouterr().out


def test_commands_are_not_broken_over_lines(capfd):
    """They are copied from the screen."""
    assert run_application(["help", "dmcopy", "--section", "examples"]) == 0
    lines = [line.strip() for line in capfd.readouterr().out.splitlines()]
    for example in find_page("dmcopy").examples:
        for command in example.commands:
            assert f"$ {command}" in lines


@pytest.mark.parametrize(
    ("words", "said"), [(["help", "dmcpy"], "dmcopy"), (["help", "dmcopy", "--section", "nothing"], "Description")]
)
def test_help_on_what_there_is_not(words, said, capfd):
    assert run_application(words) == 2
    assert said in capfd.readouterr().err


def test_a_man_page_refuses_what_it_cannot_show():
    with pytest.raises(DataError, match="image"):
        to_roff("![a picture](picture.png)")
    with pytest.raises(DataError, match="html"):
        to_roff("<div>\n</div>")


@pytest.mark.parametrize(
    ("line", "shell"),
    [
        ('dmcopy "a.fits[x>1]" b.fits', False),
        ("dmstat a*.img", True),
        ("dmlist a.fits cols | head", True),
        ("ciaopy check a.fits", False),
        ('dmcopy "a.fits[bin $(pget get_sky_limits dmfilter)]" b.img', True),
        ("dmlist 'a.fits[$x]' cols", False),
        ("ls out", True),
        ("dmtcalc a b expression='x=y*2'", False),
    ],
)
def test_what_needs_a_shell(line, shell):
    assert manual_helpers.needs_shell(line) is shell


@pytest.fixture(scope="session")
def example_grounds(tmp_path_factory):
    """Folder of the grounds: $CIAOPY_EXAMPLE_GROUNDS keeps them from one run to the next."""
    kept = os.environ.get("CIAOPY_EXAMPLE_GROUNDS")
    return Path(kept) if kept else tmp_path_factory.mktemp("grounds")


@pytest.fixture(scope="session")
def example_shims(tmp_path_factory):
    return manual_helpers.make_shims(tmp_path_factory.mktemp("shims") / "bin")


def test_grounds_are_those_of_the_manual():
    assert set(manual_helpers.GROUNDS) == set(GROUNDS)
    for name, command in GROUNDS.items():
        assert set(command.split()[1:]) - {"ciaopy-demo"} <= set(manual_helpers.GROUNDS[name].split())


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_examples_of_a_page_run(name, example_grounds, example_shims, tmp_path, monkeypatch, capfd):
    (tmp_path / "par").mkdir()
    monkeypatch.setenv("PFILES", f"{tmp_path / 'par'};{system_par_dir()}")
    copies: dict[str, Path] = {}
    for example in find_page(name).examples:
        if example.ground == NO_RUN:
            continue
        if example.ground not in copies:
            ground = manual_helpers.make_ground(example.ground, example_grounds)
            copies[example.ground] = manual_helpers.copy_ground(ground, tmp_path / example.ground)
        monkeypatch.chdir(copies[example.ground])
        for line in example.commands:
            status, said = manual_helpers.run_line(line, example_shims)
            assert status == 0, f"{example.title}: {line}\n{said}{''.join(capfd.readouterr())}"
        if example.script:
            status, said = manual_helpers.run_script(example.script)
            assert status == 0, f"{example.title}:\n{said}"
