"""Pictures of what the pipelines do, drawn from their own step lists; and the coordinate systems.

Written to docs/reference/pictures/ when the site is built.
"""

from __future__ import annotations

import importlib
import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from ciaopy.console import Console
from ciaopy.datamodel import Workspace
from ciaopy.param import open_parameters
from ciaopy.pipelines import MODULES
from ciaopy.runtool import chandra_repro
from ciaopy.simulation import Setup, simulate

PRODUCT, MIDDLE, INPUT = "#1b6ca8", "#777777", "#444444"
LONGEST = 34


def short(names: list[str]) -> str:
    """Return names of files, a word for many alike, cut where they are long."""
    kinds = list(dict.fromkeys(re.sub(r"\d{2,}", "N", name) for name in names))
    text = ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
    return text if len(text) <= 2 * LONGEST else text[: 2 * LONGEST - 1] + "…"


def draw(recipe: Any, title: str, path: Path) -> None:
    """Draw the steps of a recipe from top to bottom: what each reads to the left, what it makes to the right."""
    steps = recipe.steps
    figure, axes = plt.subplots(figsize=(13, 0.42 * len(steps) + 0.8))
    axes.set(xlim=(0, 13), ylim=(len(steps) + 0.5, -1))
    axes.axis("off")
    axes.text(6.5, -0.7, title, ha="center", fontsize=13, weight="bold")
    products = set(recipe.products)
    for row, step in enumerate(steps):
        box = {"boxstyle": "round,pad=0.3", "facecolor": "#e8f1f8", "edgecolor": PRODUCT}
        axes.text(6.5, row, step.tool, ha="center", va="center", fontsize=9, bbox=box)
        if step.reads:
            axes.text(4.6, row, short([p.name for p in step.reads]), ha="right", va="center", fontsize=7, color=INPUT)
            axes.annotate("", (5.2, row), (4.7, row), arrowprops={"arrowstyle": "->", "color": INPUT})
        if step.makes:
            stays = any(p in products for p in step.makes)
            axes.annotate("", (8.3, row), (7.8, row), arrowprops={"arrowstyle": "->", "color": INPUT})
            axes.text(
                *(8.4, row, short([p.name for p in step.makes])),
                **{"ha": "left", "va": "center", "fontsize": 7, "color": PRODUCT if stays else MIDDLE},
                weight="bold" if stays else "normal",
            )
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def plans(folder: Path) -> list[tuple[str, Any]]:
    """Return (title, recipe) of the pipelines on small observations made for the purpose."""
    found = []
    setups = {"imaging": Setup(events=3000), "HETG": Setup(events=3000, grating="HETG")}
    for kind, setup in setups.items():
        source = folder / kind
        simulate(setup, source)
        found.append((f"chandra_repro, ACIS {kind}", plan("chandra_repro", [str(source), str(folder / f"{kind}_out")])))
    chandra_repro(str(folder / "imaging"), str(folder / "repro"), verbose=0)
    words = [f"{folder}/repro/", f"{folder}/flux/", "bands=broad,hard", "binsize=32"]
    found.append(("fluximage, two bands", plan("fluximage", words)))
    return found


def plan(name: str, words: list[str]) -> Any:
    """Return the recipe that a command line would run."""
    par = open_parameters(name, [*words, "mode=h", "verbose=0"])
    return next(iter(importlib.import_module(MODULES[name]).plan(par, Workspace(Console()))))


def coordinates(path: Path) -> None:
    """Draw the coordinate systems, from the chip to the sky, and what carries one into the next."""
    systems = (
        ("CHIP", "chipx, chipy\npixels of one CCD, from 1"),
        ("TDET", "tdetx, tdety\nall CCDs laid side by side"),
        ("DET", "detx, dety\nabout the optical axis"),
        ("SKY", "x, y\ntangent plane, North up"),
        ("RA, Dec", "degrees, ICRS"),
    )
    links = (
        "corners of the chips,\nmodule position",
        "mirror axis,\nfocal length",
        "aspect solution:\nra, dec, roll",
        "RA_NOM, DEC_NOM",
    )
    figure, axes = plt.subplots(figsize=(13, 3))
    axes.set(xlim=(0, 13), ylim=(0, 3))
    axes.axis("off")
    for i, (name, text) in enumerate(systems):
        x = 1.2 + 2.65 * i
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#e8f1f8", "edgecolor": PRODUCT}
        axes.text(x, 2.0, name, ha="center", va="center", fontsize=13, weight="bold", bbox=box)
        axes.text(x, 1.15, text, ha="center", va="center", fontsize=8)
        if i < len(links):
            axes.annotate("", (x + 1.95, 2.0), (x + 0.75, 2.0), arrowprops={"arrowstyle": "->", "color": INPUT})
            axes.text(x + 1.33, 2.62, links[i], ha="center", va="center", fontsize=8, color=INPUT)
    text = "MSC (theta, phi): the angle from the optical axis and about it, of the same ray as DET"
    axes.text(6.5, 0.35, text, ha="center", fontsize=8)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def write_pictures(app: Any) -> None:
    """Draw all."""
    folder = Path(app.srcdir) / "reference" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    coordinates(folder / "coordinates.svg")
    with tempfile.TemporaryDirectory() as work:
        for number, (title, recipe) in enumerate(plans(Path(work)), 1):
            draw(recipe, title, folder / f"flow{number}.svg")


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pictures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
