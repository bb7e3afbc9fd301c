"""Which datasets chandra_repro was given: the level-1 event files of a stack of folders, and where products go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.engine import make_folder
from ciaopy.errors import CiaopyError, DataError, UserError
from ciaopy.observation import find_level1
from ciaopy.stack import build as build_stack

if TYPE_CHECKING:
    from ciaopy.console import Console

__all__ = ["ReproInput", "find_inputs"]


@dataclass(frozen=True)
class ReproInput:
    """One level-1 event file to reprocess, and where the products go.

    Attributes
    ----------
    folder, out : Path
        Of the observation; of the products.
    events : Path
    cycle : str
        `e1_` or `e2_` of interleaved exposures, else empty.
    """

    folder: Path
    out: Path
    events: Path
    cycle: str


def find_inputs(
    indir: str, outdir: str, console: Console, make_folders: bool
) -> tuple[list[ReproInput], dict[str, CiaopyError]]:
    """Return all datasets of a stack of folders, and the folders that cannot be used with their errors.

    Parameters
    ----------
    indir, outdir : str
        Parameters of chandra_repro: stacks of folders; a blank outdir is `repro` inside each input folder.
    console : Console
    make_folders : bool
        Make the output folders.

    Raises
    ------
    UserError
        indir is blank or the only folder does not exist, the stacks are of different length, or an output folder
        cannot be made.
    DataError
        The only folder holds no level-1 event file.
    """
    if not indir:
        raise UserError("indir is empty; give the folder of an observation")
    folders = _folders(indir, Path(indir).is_dir())
    one_name = len(folders) == 1 and "," not in outdir and not outdir.startswith("@")
    outs: list[Path | None] = [*_folders(outdir, one_name)] if outdir else [None]
    if len(outs) not in (1, len(folders)):
        raise UserError(f"indir has {len(folders)} folders and outdir {len(outs)}; give one outdir, or one for each")
    if len(outs) == 1:
        outs *= len(folders)
    inputs: list[ReproInput] = []
    failed: dict[str, CiaopyError] = {}
    for folder, out in zip(folders, outs, strict=True):
        try:
            found = _events_of(folder, console, alone=len(folders) == 1)
        except CiaopyError as e:
            if len(folders) == 1:
                raise
            console.say(f"ERROR {folder}: {e}", 0)
            failed[str(folder)] = e
            continue
        target = (out or folder / "repro").absolute()
        if found and make_folders:
            make_folder(target)
        inputs += [ReproInput(folder.absolute(), target, path.absolute(), cycle) for path, cycle in found]
    return inputs, failed


def _events_of(folder: Path, console: Console, alone: bool) -> list[tuple[Path, str]]:
    """Return the event files of a folder and their cycles; nothing, with a message, where others can be processed."""
    if not folder.is_dir():
        if alone:
            raise UserError(f"{folder}: no such folder (parameter indir)")
        console.say(f"Skipping {folder}: it is not a folder", 1)
        return []
    found = find_level1(folder)
    if not found:
        if alone:
            raise DataError(f"{folder}: cannot find a level-1 event file (*evt1.fits*), also not in secondary/")
        console.say(f"Skipping {folder}: cannot find a level-1 event file (*evt1.fits*)", 1)
    return found


def _folders(text: str, one_name: bool) -> list[Path]:
    """Return the folders of a stack; a single name may have blanks in it."""
    return [Path(text).expanduser()] if one_name else [Path(p) for p in build_stack(text)]
