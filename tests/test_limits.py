"""Limits of the house: sizes of functions and modules, what docstrings say, `match` in tests; sources read with ast.

What may exceed a limit stands below with its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ciaopy"

FUNCTION_LINES = 60
MODULE_LINES = 400

#: Modules that are one noun.
LONG_MODULES = {
    "batch/run.py": "one noun: the run of a survey, its loop and its ends",
    "datamodel/regions/parser.py": "one language: regions, read",
    "fits/hdus.py": "one noun: the HDUs of a file, scanned",
    "caldb/products_area.py": "the products of the effective area, a dataclass each",
    "datamodel/sky.py": "one noun: the sky transform, by formula and by wcslib",
    "datamodel/wcs.py": "one noun: world coordinate keywords, read and moved",
    "datamodel/syntax/expressions.py": "one language: words, tree, types, evaluation",
    "fits/keywords.py": "one card: text, value and comment, both ways",
    "fits/reader.py": "one file opened for reading",
    "fits/writer.py": "one file written in row blocks",
    "pipelines/imaging/fluximage.py": "one command: parameters, checks, job",
    "pipelines/imaging/steps.py": "the steps of one command",
    "pipelines/mosaic/reproject_obs.py": "one command: parameters, checks, work",
    "stack.py": "one language: stacks, read and written",
}

#: Rooms whose docstrings are not swept yet.
UNSWEPT = frozenset({"analysis", "batch", "cli", "conformance", "datamodel", "fits", "gratings", "hrc", "xmm"})
UNSWEPT |= frozenset({"param", "plots", "transfer"})

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
ARRAYS = ("NDArray", "ndarray", "FloatArray", "IntArray", "BoolArray")


def sources(room: Path, but: frozenset[str] = frozenset()) -> list[Path]:
    return sorted(p for p in room.rglob("*.py") if p.relative_to(room).parts[0] not in but)


def public_functions(tree: ast.Module) -> Iterator[FUNCTIONS]:
    """Functions of a module and methods of its public classes whose names have no underscore in front."""
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
    for node in [*tree.body, *(m for c in classes for m in c.body)]:
        if isinstance(node, FUNCTIONS) and not node.name.startswith("_"):
            yield node


def long_functions(path: Path) -> list[str]:
    found = [n for n in ast.walk(ast.parse(path.read_bytes())) if isinstance(n, FUNCTIONS)]
    sizes = [(n.name, (n.end_lineno or n.lineno) - n.lineno + 1) for n in found]
    return [f"{name}: {lines} lines" for name, lines in sizes if lines > FUNCTION_LINES]


def silent_about_errors(path: Path) -> list[str]:
    """Public functions that raise a named error themselves and neither have a section on it nor name it."""
    silent = []
    for function in public_functions(ast.parse(path.read_bytes())):
        calls = [n.exc for n in ast.walk(function) if isinstance(n, ast.Raise) and isinstance(n.exc, ast.Call)]
        names = {c.func.id for c in calls if isinstance(c.func, ast.Name) and c.func.id.endswith("Error")}
        text = ast.get_docstring(function) or ""
        if names and "Raises\n" not in text and not any(name in text for name in names):
            silent.append(f"{function.name}: {', '.join(sorted(names))}")
    return silent


def silent_about_shapes(path: Path) -> list[str]:
    """Public functions that take arrays and say nothing of their shape."""
    silent = []
    for function in public_functions(ast.parse(path.read_bytes())):
        arguments = [*function.args.args, *function.args.kwonlyargs]
        typed = [a.arg for a in arguments if a.annotation and any(w in ast.unparse(a.annotation) for w in ARRAYS)]
        if typed and "shape" not in (ast.get_docstring(function) or "").lower():
            silent.append(f"{function.name}: {', '.join(typed)}")
    return silent


def raises_without_match(path: Path) -> list[str]:
    """Uses of pytest.raises that neither match a text nor keep the error to look at it."""
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        for item in node.items if isinstance(node, ast.With) else []:
            call = item.context_expr
            if not isinstance(call, ast.Call) or ast.unparse(call.func) != "pytest.raises":
                continue
            if item.optional_vars is None and not any(k.arg == "match" for k in call.keywords):
                found.append(f"line {call.lineno}")
    return found


def named(found: dict[Path, list[str]]) -> str:
    return "\n".join(f"{p.relative_to(ROOT)}: {line}" for p, lines in found.items() for line in lines)


def test_functions_fit_a_screen():
    assert not named({p: long_functions(p) for p in sources(PACKAGE, frozenset({"kernels"}))})


def test_modules_are_short_or_one_noun():
    sizes = {str(p.relative_to(PACKAGE)): len(p.read_text().splitlines()) for p in sources(PACKAGE)}
    long = {name for name, lines in sizes.items() if lines > MODULE_LINES}
    assert not long - set(LONG_MODULES), f"too long: {long - set(LONG_MODULES)}"
    assert set(LONG_MODULES) <= set(sizes)


def test_public_functions_say_what_they_raise():
    assert not named({p: silent_about_errors(p) for p in sources(PACKAGE, UNSWEPT)})


def test_array_functions_say_their_shapes():
    assert not named({p: silent_about_shapes(p) for p in sources(PACKAGE, UNSWEPT | {"kernels"})})


def test_every_expected_error_is_looked_at():
    assert not named({p: raises_without_match(p) for p in sources(ROOT / "tests")})


def test_pipelines_import_no_tools():
    def tools(path: Path) -> list[str]:
        imports = [n for n in ast.walk(ast.parse(path.read_bytes())) if isinstance(n, ast.ImportFrom)]
        return [n.module for n in imports if n.module is not None and n.module.startswith("ciaopy.tools")]

    assert not named({p: tools(p) for p in sources(PACKAGE / "pipelines")})


@pytest.mark.parametrize(
    ("text", "check", "expected"),
    [
        ("def f():\n" + "    x = 1\n" * 60, long_functions, ["f: 61 lines"]),
        ("def f():\n" + "    x = 1\n" * 59, long_functions, []),
        ("def f():\n    raise DataError('x')\n", silent_about_errors, ["f: DataError"]),
        ('def f():\n    """DataError for all."""\n    raise DataError("x")\n', silent_about_errors, []),
        ("def _f():\n    raise DataError('x')\n", silent_about_errors, []),
        ("def f(x: NDArray[np.float64]): ...\n", silent_about_shapes, ["f: x"]),
        ('def f(x: NDArray[np.float64]):\n    """Shape (n,)."""\n', silent_about_shapes, []),
        ("with pytest.raises(KeyError):\n    f()\n", raises_without_match, ["line 1"]),
        ("with pytest.raises(KeyError, match='x'):\n    f()\n", raises_without_match, []),
    ],
)
def test_the_checks_see_what_they_look_for(tmp_path, text, check, expected):
    path = tmp_path / "made.py"
    path.write_text(text)
    assert check(path) == expected


def test_test_files_have_names_of_their_own():
    """Two of one name cannot be collected together."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
