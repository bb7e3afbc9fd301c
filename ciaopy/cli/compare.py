"""`ciaopy compare A B`: two event files of one observation, event by event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ciaopy.console import Console
from ciaopy.errors import DataError, OutputExistsError

if TYPE_CHECKING:
    from ciaopy.analysis import Comparison
    from ciaopy.fits import Table


@click.command("compare", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("a")
@click.argument("b")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON (- for the screen, nothing else).")
@click.option("--png", "png_file", metavar="FILE", help="Draw differences and the two counts images.")
@click.option("--clobber", is_flag=True, help="Replace FILEs that exist.")
def command(a: str, b: str, json_file: str | None, png_file: str | None, clobber: bool) -> int:
    """Compare the event files A and B (virtual files accepted).

    Events are matched on what no processing rewrites (chip, exposure, chip position; time for HRC). For every column
    in both: the share of identical values, and the median, 99th percentile and largest absolute difference. Exit
    status 0 whether or not they differ.
    """
    from ciaopy.analysis import compare_events

    console = Console()
    for name in (json_file, png_file):
        if name and name != "-" and Path(name).exists() and not clobber:
            raise OutputExistsError(f"{name}: the file exists; use --clobber to replace it")
    first, second = _events(a, console), _events(b, console)
    result = compare_events(first, second)
    if json_file == "-":
        console.output(json.dumps(result.to_dict(), indent=1, default=str))
    else:
        for line in report(result, a, b, _image_line(first, second)):
            console.output(line)
    if json_file and json_file != "-":
        Path(json_file).write_text(json.dumps({"a": a, "b": b, **result.to_dict()}, indent=1, default=str) + "\n")
    if png_file:
        _draw(result, first, second, (a, b), Path(png_file))
    return 0


def _events(name: str, console: Console) -> Table:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Table

    block = Workspace(console).read(name)
    if not isinstance(block, Table):
        raise DataError(f"{name}: not an event file: the block {block.name} is no table")
    return block


def report(result: Comparison, a: str, b: str, image_line: str = "") -> list[str]:
    """Return the lines that `ciaopy compare` prints."""
    lines = [
        f"A: {a}: {result.events[0]} events",
        f"B: {b}: {result.events[1]} events",
        f"matched on {', '.join(result.key)}: {result.matched}"
        f" (only in A {result.events[0] - result.matched}, only in B {result.events[1] - result.matched})",
        "",
        f"{'column':<12} {'identical':>10} {'median':>12} {'99 %':>12} {'largest':>12}  unit",
    ]
    for c in result.columns:
        lines.append(
            f"{c.name:<12} {100 * c.identical:>9.4f}% {c.median:>12.6g} {c.p99:>12.6g} {c.largest:>12.6g}  {c.unit}"
        )
    for label, names in zip("AB", result.only, strict=True):
        if names:
            lines.append(f"only in {label}: {', '.join(names)}")
    lines += ["", image_line] if image_line else [""]
    if result.cards:
        lines.append(f"{len(result.cards)} header keywords differ:")
        lines += [f"  {k:<8} {_show(x)}  |  {_show(y)}" for k, (x, y) in result.cards.items()]
    else:
        lines.append("header keywords: all equal")
    lines.append("the events are identical" if result.identical else "the event lists differ")
    return lines


def _show(value: object) -> str:
    return "(absent)" if value is None else str(value)


def _image_line(a: Table, b: Table) -> str:
    from ciaopy.analysis import counts_images

    images = counts_images(a, b)
    if images is None:
        return ""
    change = abs(images[0] - images[1])
    bins = int((change > 0).sum())
    return f"counts image: {int(change.sum())} counts differ, in {bins} of {change.size} bins, at most {change.max()}"


def _draw(result: Comparison, a: Table, b: Table, names: tuple[str, str], path: Path) -> None:
    """Draw the counts images, their difference and the identical share per column into a PNG."""
    import numpy as np
    from matplotlib.figure import Figure

    from ciaopy.analysis import counts_images

    figure = Figure(figsize=(12, 8), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    images = counts_images(a, b, 256)
    if images is not None:
        top = max(1.0, float(np.quantile(images[0], 0.999)))
        for axes, image, name in zip(panels, images, names, strict=False):
            axes.imshow(np.arcsinh(image / top * 10), origin="lower", cmap="magma")
            axes.set_title(Path(name).name, fontsize=9)
        change = images[1] - images[0]
        limit = max(1, int(abs(change).max()))
        shown = panels[2].imshow(change, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(shown, ax=panels[2], label="B - A [counts]")
        panels[2].set_title("difference of the counts images", fontsize=9)
    columns = [c.name for c in result.columns]
    panels[3].barh(columns, [100 * c.identical for c in result.columns], color="tab:blue")
    panels[3].invert_yaxis()
    panels[3].set_xlabel("identical [%]")
    panels[3].set_xlim(0, 100)
    panels[3].set_title(f"{result.matched} matched events", fontsize=9)
    figure.savefig(path, dpi=110, format="png")
