"""A page of the site for every tool: its manual, as `ciaopy help` shows it, and a list of them all.

Written to docs/reference/tools/ when the site is built.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ciaopy.cli import catalog
from ciaopy.cli.manual import find_page, manual_text
from ciaopy.param import ParFile, system_par_dir

#: Families in the list: title to the starts of names.
FAMILIES = {
    "Pipelines": ("chandra_repro", "fluximage", "merge_obs", "reproject_obs", "flux_obs", "deflare", "splitobs"),
    "Data Model": ("dm",),
    "ACIS": ("acis_", "destreak"),
    "HRC": ("hrc_", "patch_hrc"),
    "Gratings": ("tg", "mkg", "mktg"),
    "XMM-Newton": ("xmm_",),
    "Stacks": ("stk_",),
}
OTHERS = "Aspect, coordinates, exposure maps and more"


def family(name: str) -> str:
    """Return the family of a tool."""
    return next((title for title, starts in FAMILIES.items() if name.startswith(starts)), OTHERS)


def write_if_changed(path: Path, text: str) -> None:
    """Write a page; one that is as it was keeps its time, so that Sphinx leaves it alone."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def linked(text: str, names: set[str]) -> str:
    """Make links of the names in the last section."""
    head, mark, tail = text.rpartition("\n## See also\n")
    return head + mark + re.sub(r"`(\w+)`", lambda m: f"[`{m[1]}`]({m[1]}.md)" if m[1] in names else m[0], tail)


def write_pages(app: Any) -> None:
    """Write the pages and the list."""
    folder = Path(app.srcdir) / "reference" / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    tools = [tool for tool in catalog.all_tools() if find_page(tool.name)]
    names = {tool.name for tool in tools}
    groups: dict[str, list[catalog.Tool]] = {title: [] for title in (*FAMILIES, OTHERS)}
    for tool in tools:
        parameters = ParFile.read(system_par_dir() / f"{tool.name}.par")
        text = manual_text(tool, parameters, find_page(tool.name))
        write_if_changed(folder / f"{tool.name}.md", linked(text, names))
        groups[family(tool.name)].append(tool)
    lines = ["# Tools", "", "Each page is what `ciaopy help NAME` shows.", ""]
    for title, members in groups.items():
        if members:
            rows = [f"| [{tool.name}]({tool.name}.md) | {tool.summary} |" for tool in members]
            lines += [f"## {title}", "", "| tool | |", "|---|---|", *rows, ""]
    lines += ["```{toctree}", ":hidden:", "", *sorted(names), "```", ""]
    write_if_changed(folder / "index.md", "\n".join(lines))
    for path in folder.glob("*.md"):
        if path.stem not in {*names, "index"}:
            path.unlink()


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
