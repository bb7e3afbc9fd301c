"""`ciaopy compare A B`: two event files of one observation, event by event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ciaopy.console import Console
from ciaopy.documents import document, to_json
from ciaopy.errors import DataError, OutputExistsError

if TYPE_CHECKING:
    from ciaopy.analysis import Comparison
    from ciaopy.fits import Table


@click.command("compare", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("a")
@click.argument("b")
@click.option(
    "--json", "json_file", metavar="[=FILE]", is_flag=False, flag_value="-",
    help="Write JSON for programs (docs/json.md): the screen, where FILE is - or missing.",
)  # fmt: skip
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
        console.output(to_json(document("compare", {"a": a, "b": b, **result.to_dict()})))
    else:
        for line in report(result, a, b, _image_line(first, second)):
            console.output(line)
    if json_file and json_file != "-":
        Path(json_file).write_text(to_json(document("compare", {"a": a, "b": b, **result.to_dict()})) + "\n")
    if png_file:
        from ciaopy.plots import comparison_figure, figures

        figure = comparison_figure(result, (first, second), (Path(a).name, Path(b).name))
        Path(png_file).write_bytes(figures.png(figure))
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
