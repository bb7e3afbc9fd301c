"""`ciaopy download_chandra_obsid`: fetch observations from the Chandra archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ciaopy.console import Console
from ciaopy.errors import CiaopyError, DataError, UsageError
from ciaopy.messages import with_list

if TYPE_CHECKING:
    from ciaopy.transfer import Transfers


@click.command("download_chandra_obsid", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("obsids")
@click.argument("types", required=False)
@click.option("--exclude", metavar="TYPES", help="Types of files to leave out.")
@click.option(
    "--mirror", metavar="URL|PATH", multiple=True, help="Where from [default: $CDA_MIRROR_SITE, else the CXC]."
)
@click.option("--outdir", metavar="DIR", default=".", help="Where to [default: here].")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--nproc", type=click.IntRange(1, 4), default=4, show_default=True, help="Files at a time.")
@click.option(
    "--retries",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Connections in a row that bring nothing.",
)
@click.option("--limit-rate", metavar="SIZE", help="Most bytes a second, such as '2 MB'.")
@click.option("--offline", is_flag=True, help="Send no request: tell whether everything is there.")
def command(
    obsids: str,
    types: str | None,
    exclude: str | None,
    mirror: tuple[str, ...],
    outdir: str,
    quiet: bool,
    offline: bool,
    **how: Any,
) -> int:
    """Fetch the files of OBSIDS, or those of some TYPES, into a folder for each.

    Both are lists with commas, or stacks (@list). What is there and right is not fetched again, an interrupted
    transfer goes on, and every file is checked.
    """
    from ciaopy.stack import build
    from ciaopy.transfer import archive_mirrors, fetch_observation, kept_observation, wanted_types

    console = Console(0 if quiet else 1)
    numbers = [w.strip() for w in build(obsids)]
    for word in numbers:
        if not word.isdecimal() or not 1 <= int(word) <= 99999:
            raise UsageError(f"{word!r}: no ObsID; they are numbers from 1 to 65535")
    chosen = wanted_types(build(types) if types else [], build(exclude) if exclude else [])
    mirrors, transfers = archive_mirrors(mirror), _transfers(**how)
    problems = []
    for number in dict.fromkeys(str(int(w)) for w in numbers):
        try:
            folder = Path(outdir) / number
            if offline:
                made = kept_observation(number, folder, chosen)
            else:
                made = fetch_observation(number, folder, mirrors, chosen, transfers)
        except CiaopyError as error:
            problems.append(str(error))
            continue
        there = f", {made.kept} were there" if made.kept else ""
        console.say(f"ObsID {number}: {len(made.files)} files, {made.size / 1e6:.1f} MB transferred{there}")
        for note in made.notes:
            console.warn(note)
    if problems:
        raise DataError(with_list(f"{len(problems)} not fetched", problems))
    return 0


def _transfers(nproc: int, retries: int, limit_rate: str | None) -> Transfers:
    """Return how files are transferred.

    Raises
    ------
    UsageError
        --limit-rate is no size.
    """
    from ciaopy.batch import rate
    from ciaopy.transfer import Pace, Transfers

    try:
        pace = None if limit_rate is None else Pace(rate("--limit-rate", limit_rate))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Transfers(threads=nproc, retries=retries, pace=pace)
