"""`ciaopy check FILE|FOLDER...`: is a Chandra product what its kind should be?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ciaopy.conformance import LEVELS, NOTE, RULES
from ciaopy.console import Console, shown
from ciaopy.errors import DataError, UsageError

if TYPE_CHECKING:
    from ciaopy.conformance import Finding, Report

FAILED = 1
_NUMBERED = re.compile(r"(.*?)(\d+)$")


@click.command("check", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, metavar="FILE|FOLDER...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list: file, kind, findings.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@click.option("--level", type=click.Choice(LEVELS), default=NOTE, help="The least severe findings to show. [note]")
@click.option("--kind", metavar="KIND", help="Take every file for this kind of product (evt2_acis, bpix1_acis, ...).")
@click.option("--rules", is_flag=True, help="List the rules, with severity and source.")
def command(files: tuple[str, ...], as_json: bool, strict: bool, level: str, kind: str | None, rules: bool) -> int:
    """Check Chandra products: columns, types, units, limits, keywords, coordinates, good times, responses, check sums.

    The kind of a product is found from its contents. A folder means every FITS file below it. Nothing is written.
    Exit status: 0 no error; 1 an error (with --strict a warning) or a file that cannot be read; 2 usage.
    """
    console = Console()
    if rules:
        console.output(rule_list())
        return 0
    if not files:
        raise UsageError("check: no file given; try `ciaopy check --help`")
    reports: list[Report] = []
    absent = []
    with shown(console, "check"), console.task("files", len(files) if len(files) > 1 else None) as progress:
        for name in files:
            progress.show(name)
            try:
                for report in _reports(name, kind):
                    reports.append(report)
                    if not as_json:
                        console.output("\n".join(text_lines(report.at_level(level))))
            except DataError as problem:
                absent.append(str(problem))
            progress.advance()
    if as_json:
        console.output(json.dumps([r.at_level(level).to_dict() for r in reports], indent=1))
    if absent:
        raise DataError("; ".join(absent))
    return 0 if all(r.clean if strict else r.ok for r in reports) else FAILED


def _reports(name: str, kind: str | None) -> Iterator[Report]:
    from ciaopy.conformance import check, check_folder

    if Path(name).is_dir():
        yield from check_folder(name, kind)
    else:
        yield check(name, kind)


def faulty_files(folders: Iterable[Path]) -> tuple[int, list[str]]:
    """Check all products in folders; return how many there are, and the lines of those with an error.

    Parameters
    ----------
    folders : iterable of Path
        Those that are not there are passed over.
    """
    from ciaopy.conformance import ERROR, check_folder

    reports = [report for folder in folders if folder.is_dir() for report in check_folder(folder)]
    lines = [line for r in reports if not r.ok for line in text_lines(r.at_level(ERROR))]
    return len(reports), lines


def rule_list() -> str:
    """Return every rule: identifier, what is wrong, severity, source."""
    width = max(len(rule.summary) for rule in RULES.values())
    return "\n".join(f"{r.id}  {r.summary:<{width}}  {r.severity} [{r.source}]" for r in RULES.values())


def text_lines(report: Report) -> list[str]:
    """Return the lines of one report: the verdict, then a line per finding; equal ones of several HDUs joined."""
    lines = [f"{report.file}: {report.kind or 'unknown kind'}: {report.summary()}"]
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault((finding.rule, finding.severity, finding.message), []).append(finding)
    for (rule, severity, message), found in groups.items():
        place = join_names([f.hdu for f in found])
        lines.append(f"  {rule} {severity:<7} {place + ': ' if place else ''}{message}")
    return lines


def join_names(names: Sequence[str]) -> str:
    """Return block names as one text: `GTI0-GTI3, GTI7`."""
    runs: list[list[str]] = []
    for name in dict.fromkeys(names):
        if runs and _follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(_run_text(run) for run in runs)


def _follows(a: str, b: str) -> bool:
    first, second = _NUMBERED.match(a), _NUMBERED.match(b)
    return bool(first and second and first[1] == second[1] and int(second[2]) == int(first[2]) + 1)


def _run_text(run: Iterable[str]) -> str:
    names = list(run)
    return names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}" if len(names) > 2 else ", ".join(names)
