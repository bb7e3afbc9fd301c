"""Which tools there are: their parameter files, their modules, their one-line descriptions.

No tool is imported to find out: it is implemented if `ciaopy/tools/NAME.py` is there or `ciaopy.pipelines.MODULES`
has it, and its description is the first line of that module's docstring, read from the source. What has only a
parameter file is described in `descriptions.toml`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ciaopy.param import ParFile, list_tools, system_par_dir
from ciaopy.pipelines import MODULES

PACKAGE = Path(__file__).resolve().parent.parent

#: What the parameter `tools` holds for ciaopy's own tools.
NATIVE = "native"
#: Parameter files that belong to no tool.
PLAIN_FILES = frozenset({"ardlib", "geom"})


@dataclass(frozen=True)
class Tool:
    """One name that has a parameter file.

    Attributes
    ----------
    name : str
        Name of the tool and of its parameter file.
    kind : str
        'pipeline', 'tool', 'not yet' (CIAO has it, ciaopy does not) or 'file' (parameters of no tool: ardlib, geom).
    summary : str
        One line without a final stop.
    """

    name: str
    kind: str
    summary: str

    @property
    def implemented(self) -> bool:
        """True if ciaopy does the work itself."""
        return self.kind in {"pipeline", "tool"}


def tool_names() -> list[str]:
    """Return every name with a parameter file, sorted."""
    return list_tools()


def module_path(name: str) -> Path | None:
    """Return the source of the module that implements `name`, None for a tool that is not there yet."""
    if name in MODULES:
        return PACKAGE.joinpath(*MODULES[name].split(".")[1:]).with_suffix(".py")
    path = PACKAGE / "tools" / f"{name}.py"
    return path if path.is_file() else None


@dataclass(frozen=True)
class Offer:
    """What a tool's command line takes besides parameters and the flags of all tools.

    Attributes
    ----------
    plan : bool
        `--plan`: its module declares `plan(par, ws)`.
    suites : tuple of str
        `--NAME DIR` for each: its parameter `tools` may be that suite.
    json : bool
        `--json`: its module declares `document(par, ws)`.
    """

    plan: bool = False
    suites: tuple[str, ...] = ()
    json: bool = False


def offer(name: str) -> Offer:
    """Return what a tool offers, from its module's source and its parameter file; the module is not imported."""
    path = module_path(name)
    if path is None:
        return Offer()
    if name not in MODULES:
        return Offer(json=b"\ndef document(" in path.read_bytes())
    body = ast.parse(path.read_bytes()).body
    parameters = {p.name: p for p in ParFile.read(system_par_dir() / f"{name}.par")}
    choices = parameters["tools"].choices if "tools" in parameters else ()
    suites = tuple(choice for choice in choices if choice != NATIVE)
    return Offer(any(isinstance(node, ast.FunctionDef) and node.name == "plan" for node in body), suites)


def has_parameter_file(name: str) -> bool:
    """True if there is a system parameter file of this name."""
    return "/" not in name and (system_par_dir() / f"{name}.par").is_file()


def find_tool(name: str) -> Tool:
    """Return what is known of one name that has a parameter file."""
    listed = _listed()
    if name in PLAIN_FILES:
        return Tool(name, "file", listed["files"][name])
    path = module_path(name)
    if path is None:
        return Tool(name, "not yet", listed["tools"].get(name, ""))
    kind = "pipeline" if name in MODULES else "tool"
    return Tool(name, kind, docstring_summary(path) or listed["tools"].get(name, ""))


def all_tools() -> list[Tool]:
    """Return all names with a parameter file, sorted by name."""
    return [find_tool(name) for name in tool_names()]


def docstring_summary(path: Path) -> str:
    """Return the first line of a module's docstring, without the tool's name before it and the final stop.

    Parameters
    ----------
    path : Path
        Python source; it is parsed, never run.
    """
    text = ast.get_docstring(ast.parse(path.read_bytes()), clean=True) or ""
    return clean_summary(text, path.stem)


def clean_summary(docstring: str, name: str) -> str:
    """Return a docstring's first paragraph as one line: no `NAME:` in front, no stop at the end, a capital letter."""
    line = " ".join(docstring.strip().split("\n\n")[0].split())
    for start in (f"{name}: ", f"`{name}`: ", f"{name} - "):
        line = line.removeprefix(start)
    line = line.split(". ")[0].rstrip(".")
    return line[:1].upper() + line[1:]


@lru_cache(maxsize=1)
def _listed() -> dict[str, dict[str, str]]:
    """Tables `tools` and `files` of descriptions.toml."""
    import tomllib

    with (PACKAGE / "cli" / "descriptions.toml").open("rb") as stream:
        tables = tomllib.load(stream)
    return {"tools": tables["tools"], "files": tables["files"]}
