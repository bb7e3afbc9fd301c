"""No room imports one above it: docs/architecture.md is the order, the sources are read with ast."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import ciaopy

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


# ---- circles -------------------------------------------------------------------------------------------------------


def module_name(path: Path) -> str:
    """`ciaopy/fits/__init__.py` -> `ciaopy.fits`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_typing_only(node: ast.AST) -> bool:
    """Tell whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def from_imports(tree: ast.AST, *, typing_only: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of the absolute imports that run, or of those for type checkers; name "" for `import x`."""
    for child in ast.iter_child_nodes(tree):
        if is_typing_only(child):
            assert isinstance(child, ast.If)
            for statement in child.body if typing_only else child.orelse:
                yield from from_imports(ast.Module([statement], []))
        elif not typing_only and isinstance(child, ast.ImportFrom):
            assert not child.level, "relative imports are not used"
            yield from ((child.module or "", alias.name) for alias in child.names)
        elif not typing_only and isinstance(child, ast.Import):
            yield from ((alias.name, "") for alias in child.names)
        else:
            yield from from_imports(child, typing_only=typing_only)


def import_graph(trees: dict[str, ast.AST], packages: set[str]) -> dict[str, set[str]]:
    """Return for each module those that it imports: itself, or through the lazy name of a face."""
    lazy = {
        face: {name: module for module, name in from_imports(trees[face], typing_only=True)}
        for face in packages
        if face in trees
    }
    graph: dict[str, set[str]] = {}
    for module, tree in trees.items():
        found = set()
        for source, name in from_imports(tree):
            if f"{source}.{name}" in trees:
                found.add(f"{source}.{name}")
                continue
            found.add(source)
            while source in lazy and name in lazy[source]:
                source = lazy[source][name]
                found.add(source)
        graph[module] = (found & trees.keys()) - {module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other: what is left when ends are cut off again and again."""
    left = {node: set(targets) for node, targets in graph.items()}
    while True:
        targeted = set().union(*left.values()) if left else set()
        ends = {node for node, targets in left.items() if not targets or node not in targeted}
        if not ends:
            return [sorted(left)] if left else []
        left = {node: targets - ends for node, targets in left.items() if node not in ends}


TREES: dict[str, ast.AST] = {module_name(p): ast.parse(p.read_bytes()) for p in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = {module_name(p) for p in PACKAGE.rglob("__init__.py")}


def test_no_modules_import_each_other_in_a_circle():
    assert circles(import_graph(TREES, PACKAGES)) == []


def test_the_check_sees_a_circle_through_functions_and_faces():
    trees = {
        "ciaopy": ast.parse(""),
        "ciaopy.a": ast.parse("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ciaopy.a.one import f\n"),
        "ciaopy.a.one": ast.parse("def f():\n    from ciaopy.b import g\n    g()\n"),
        "ciaopy.b": ast.parse("def g():\n    from ciaopy.a import f\n    f()\n"),
        "ciaopy.c": ast.parse("if TYPE_CHECKING:\n    from ciaopy.d import h\n"),
        "ciaopy.d": ast.parse("from ciaopy.c import h\n"),
    }
    assert circles(import_graph(trees, {"ciaopy", "ciaopy.a"})) == [["ciaopy.a.one", "ciaopy.b"]]


# ---- faces ---------------------------------------------------------------------------------------------------------

#: Packages whose modules are entered by name, and why.
ENTERED_BY_MODULE = {
    "ciaopy.cli": "the program on top; nobody imports it but its own entry point",
    "ciaopy.kernels": "a module is a family of compiled functions with short names (`inside`), its own face",
    "ciaopy.tools": "a module is a tool; the engine finds it by the tool's name",
}


def all_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of all imports, those for type checkers included."""
    yield from from_imports(tree)
    yield from from_imports(tree, typing_only=True)


def past_the_face(module: str, trees: dict[str, ast.AST], packages: set[str]) -> list[str]:
    """Return the modules that a module imports although they stand in another house: not its own, nor one around it."""
    own = module if module in packages else module.rpartition(".")[0]
    found = []
    for source, name in all_imports(trees[module]):
        target = f"{source}.{name}" if f"{source}.{name}" in trees else source
        if target not in trees or target in packages:
            continue
        house = target.rpartition(".")[0]
        is_exported = target == f"{source}.{name}" and name in exported(trees[source])
        if module in packages and house.startswith(f"{own}."):
            continue  # the face of a house may show what is in its own rooms
        if own != house and not own.startswith(f"{house}.") and house not in ENTERED_BY_MODULE and not is_exported:
            found.append(target)
    return found


def exported(tree: ast.AST) -> list[str]:
    """Return `__all__` of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


@pytest.mark.parametrize("module", sorted(TREES))
def test_rooms_are_entered_by_their_faces(module):
    assert past_the_face(module, TREES, PACKAGES) == []


def test_the_check_sees_who_comes_in_by_the_window():
    text = "def f():\n    from ciaopy.fits.rows import decode\n    from ciaopy.kernels.regions import inside\n"
    trees = {**TREES, "ciaopy.datamodel.made_up": ast.parse(text + "    from ciaopy.datamodel.gti import Gti\n")}
    assert past_the_face("ciaopy.datamodel.made_up", trees, PACKAGES) == ["ciaopy.fits.rows"]


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_face_exports_what_its_all_says(package):
    face, names = import_module(package), exported(TREES[package])
    assert sorted(names) == sorted(set(names))
    homes = {name: module for module, name in from_imports(TREES[package], typing_only=True)}
    for name in names:
        home = homes.get(name)
        value = getattr(face, name)
        if home is not None:
            assert value is getattr(import_module(home), name), f"{package}.{name} is not that of {home}"
    for name in homes:
        assert name in names or not homes[name].startswith("ciaopy"), f"{package}: {name} is not in __all__"


def test_dir_lists_the_public_names():
    assert set(ciaopy.__all__) <= set(dir(ciaopy))
    assert {"Image", "Table", "read"} <= set(ciaopy.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = ciaopy.nothing
