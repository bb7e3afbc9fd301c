"""No room imports one above it: docs/architecture.md is the order, the sources are read with ast."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ciaopy"


def room_levels() -> dict[str, int]:
    """Level of each room, 0 at the bottom, from the list at the top of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = text.split("\n## ")[0]
    lines = [line[4:] for line in block.splitlines() if re.match(r" {4}\S", line)]
    levels = {}
    for level, line in enumerate(reversed(lines)):
        names = re.match(r"(?:\(?\w+(?:/|\.py)\)?\s?)+", line)
        assert names, line
        for name in re.findall(r"(\w+)(?:/|\.py)", names.group()):
            levels[name] = level
    return levels


def imports(path: Path) -> set[tuple[str, int]]:
    """(module, line) of every import of ciaopy, wherever in the file it stands."""
    found = set()
    package = list(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {(alias.name, node.lineno) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            if module == "ciaopy":
                found |= {(f"ciaopy.{alias.name}", node.lineno) for alias in node.names}
            else:
                found.add((module, node.lineno))
    return {(module, line) for module, line in found if module.split(".")[0] == "ciaopy"}


def room_of(module: str) -> str:
    """`ciaopy.fits.blocks` -> `fits`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


LEVELS = room_levels()
SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def test_the_document_lists_every_room():
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in SOURCES}
    assert rooms <= set(LEVELS), f"docs/architecture.md does not place {sorted(rooms - set(LEVELS))}"
    assert LEVELS["cli"] > LEVELS["pipelines"] > LEVELS["engine"] > LEVELS["tools"] > LEVELS["acis"]
    assert LEVELS["acis"] == LEVELS["exposure"] > LEVELS["datamodel"] > LEVELS["fits"] > LEVELS["errors"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    upward = [
        f"line {line}: {module}"
        for module, line in sorted(imports(path))
        if room_of(module) in LEVELS and LEVELS[room_of(module)] > LEVELS[own]
    ]
    assert not upward, f"{path.relative_to(ROOT)} imports from above: {upward}"


def test_the_check_sees_an_upward_import(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "ciaopy" / "fits" / "bad.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "def f():\n    from ciaopy.cli import main\n    from ciaopy import tools\n    from .. import engine\n"
    )
    assert {room_of(module) for module, _ in imports(path)} == {"cli", "tools", "engine"}
    assert all(LEVELS[room] > LEVELS["fits"] for room in ("cli", "tools", "engine"))
