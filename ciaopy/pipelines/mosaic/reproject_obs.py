"""Put observations on one tangent point: reprojected events, links to their files, fields of view, merged events."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ciaopy.console import Console
from ciaopy.datamodel import Range, Workspace, column_range, outwards, set_range
from ciaopy.engine import DatasetTask, bind, check_outputs, load_tool, output_folder, run_many, values
from ciaopy.errors import UserError
from ciaopy.observation import GivenFiles, reference
from ciaopy.pipelines.imaging import split_outroot
from ciaopy.pipelines.mosaic.fov import union_of_fields
from ciaopy.pipelines.mosaic.inputs import SAME_POINT, MosaicInput, find_members, mean_point
from ciaopy.pipelines.mosaic.merge_events import merge_events
from ciaopy.sphere import separation
from ciaopy.stack import join
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.fits import Header
    from ciaopy.param import ParameterSet

T = TypeVar("T")

# Keywords of the event file that name companions, and the endings of the links to them.
LINKS = {"ASOLFILE": "asol", "BPIXFILE": "bpix", "MASKFILE": "mask", "DTFFILE": "dtf"}
# Differences in these make responses of merged events wrong.
TELLING = {
    "RA_NOM": 0.0003, "DEC_NOM": 0.0003, "ROLL_NOM": 1.0, "FP_TEMP": 2.0, "SIM_X": 0.001, "SIM_Y": 0.001, "SIM_Z": 0.1,
    "RAND_PI": 0.05, "EXPTIME": 0.01,
}  # fmt: skip


@dataclass
class Reprojected:
    """What a run made.

    Attributes
    ----------
    point : tuple of float
        RA and Dec of the tangent point, degrees.
    members : list of MosaicInput
        The observations used, in order.
    events, fields : list of Path
        Event file and field of view of each.
    merged : Path or None
    rows : int
        Merged events.
    products : list of Path
        All files, in the order they are listed.
    """

    point: tuple[float, float]
    members: list[MosaicInput]
    events: list[Path] = field(default_factory=list)
    fields: list[Path] = field(default_factory=list)
    merged: Path | None = None
    rows: int = 0
    products: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Targets:
    """File names of a run."""

    start: str

    def events(self, member: MosaicInput) -> Path:
        """Reprojected events."""
        return Path(f"{self.start}{member.label}_reproj_evt.fits")

    def fov(self, member: MosaicInput) -> Path:
        """Field of view."""
        return Path(f"{self.start}{member.label}.fov")

    @property
    def merged(self) -> Path:
        """Merged events."""
        return Path(f"{self.start}merged_evt.fits")

    @property
    def merged_fov(self) -> Path:
        """Field of view of all."""
        return Path(f"{self.start}merged.fov")


def run(par: ParameterSet, ws: Workspace) -> Reprojected:
    """Run reproject_obs.

    Raises
    ------
    UserError, DataError
        No usable observations, no common point, products that exist, files that cannot be read or written.
    """
    ws.console.say(f"Running reproject_obs (ciaopy {__version__})")
    with output_targets(par["outroot"]) as targets:
        members = find_members(par["infiles"], ws.console, ws, all_columns=False)
        result = Reprojected(reference_point(par["refcoord"], members, ws), members)
        wanted = [targets.events(m) for m in members] + [targets.fov(m) for m in members] + [targets.merged_fov]
        wanted += [targets.merged] if par["merge"] else []
        check_outputs(wanted, par["clobber"], inputs=[Path(m.events.plain) for m in members])
        links = Links(par, members, GivenFiles(aspect=par["asolfiles"]), ws)
        reproject_all(par, targets, result, ws, links, merge=par["merge"])
    list_products(result.products, ws.console)
    warn_of_differences(members, ws.console)
    return result


@contextmanager
def output_targets(outroot: str) -> Iterator[Targets]:
    """Give the names for an `outroot`; its folder is made, and taken away again if an error leaves it empty.

    Raises
    ------
    UserError
        It is blank, or the folder cannot be made or written to.
    """
    if not outroot.strip():
        raise UserError("outroot is empty; give the start of the output names, such as mosaic/")
    start, head = split_outroot(outroot)
    with output_folder(Path(start or ".")):
        yield Targets(start + head)


def reference_point(text: str, members: Sequence[MosaicInput], ws: Workspace) -> tuple[float, float]:
    """Return the tangent point that `refcoord` names, the mean of all tangent points where it is blank."""
    if text.strip() and text.strip().lower() != "indef":
        point = reference(text.strip(), ws)
    else:
        point = mean_point([m.point for m in members])
    ws.console.say(f"Tangent point: RA {point[0]:.6f}, Dec {point[1]:.6f} degrees")
    return point


def reproject_all(
    par: ParameterSet, targets: Targets, result: Reprojected, ws: Workspace, links: Links, merge: bool
) -> None:
    """Make the reprojected events of all observations, and the merged ones; fields of view where links are made."""
    members = result.members
    ws.console.say(f"Reprojecting {len(members)} event file{'s' if len(members) > 1 else ''}")

    def move(member: MosaicInput, own: Workspace) -> dict[str, Range]:
        return reproject_one(member, targets.events(member), result.point, own, par["clobber"])

    ranges = for_each(move, members, ws)
    known = [r for r in ranges if r]
    common = {c: (min(r[c][0] for r in known), max(r[c][1] for r in known)) for c in ("x", "y")} if known else {}
    for member, own_range in zip(members, ranges, strict=True):
        finish_events(targets.events(member), common if merge else own_range, links.link(member, targets), par)
    result.events = [targets.events(m) for m in members]
    if links.active:
        for_each(lambda m, own: make_fov(m, targets, links, own), members, ws)
        result.fields = [targets.fov(m) for m in members]
        union_of_fields(result.fields, targets.merged_fov, ws, par)
    result.products = [*result.events, *result.fields, *([targets.merged_fov] if links.active else []), *links.made]
    if merge:
        ws.console.say(f"Merging {len(members)} event file{'s' if len(members) > 1 else ''}")
        dropped = ("pi",) if len({m.pi_range for m in members}) > 1 and members[0].events.instrument == "HRC" else ()
        made = merge_events(
            [str(p) for p in result.events], targets.merged, members[0].events.instrument, ws, par, dropped
        )
        result.merged, result.rows = made.path, made.rows
        if made.report.omitted:
            ws.console.say(f"Keywords that differ and are left out: {', '.join(made.report.omitted)}", 2)
        result.products.insert(0, made.path)


def for_each(
    task: Callable[[MosaicInput, Workspace], T],
    members: Sequence[MosaicInput],
    ws: Workspace,
    workers: int | None = None,
) -> list[T]:
    """Run a task on every observation, `workers` at a time (default: the threads of `ws`); results in their order.

    Raises
    ------
    CiaopyError
        The first, in the order of the observations, when all have ended.
    """
    tasks = [DatasetTask(member.label, lambda own, member=member: task(member, own)) for member in members]  # type: ignore[misc]
    return values(run_many(tasks, ws, workers))


def reproject_one(
    member: MosaicInput, target: Path, point: tuple[float, float], ws: Workspace, clobber: bool
) -> dict[str, Range]:
    """Write the events of one observation at the common point; returns the ranges of x and y."""
    from ciaopy.datamodel import OpenFile, parse

    switch = "yes" if clobber else "no"
    quiet = ws.for_step(ws.console.at(max(ws.console.verbose - 1, 0)))
    if separation(*member.point, *point) <= SAME_POINT:
        values = {"infile": member.name, "outfile": str(target), "clobber": switch}
        load_tool("dmcopy").run(bind("dmcopy", values), quiet)
    else:
        match = f"{point[0]!r} {point[1]!r}"
        values = {"infile": member.name, "outfile": str(target), "match": match, "aspect": "", "clobber": switch}
        load_tool("reproject_events").run(bind("reproject_events", values), quiet)
    with OpenFile(parse(str(target)), ws) as opened:
        found = column_range(opened, opened.find(None), ["x", "y"])
    return {name: outwards(limits) for name, limits in found.items()}


def finish_events(path: Path, ranges: dict[str, Range], names: dict[str, str], par: ParameterSet) -> None:
    """Write the range of X and Y, the names of the linked files and HISTORY into the header of an event file."""
    from ciaopy.fits import add_history, edit_header

    items = [(n, v) for n, v in par.items() if n != "mode"]

    def change(header: Header) -> None:
        set_range(header, ranges)
        for key, value in names.items():
            header[key] = value
        header.add_comment(f"{par.tool} (ciaopy {__version__})")
        add_history(header, par.tool, items)

    edit_header(path, "EVENTS", change)


class Links:
    """Links, or copies, of the files that go with the observations.

    Parameters
    ----------
    par : ParameterSet
        `linkfiles`, if the tool has it.
    members : sequence of MosaicInput
    lists : GivenFiles
        Aspect solutions given by the user.
    ws : Workspace
    active : bool
        Make links, and fields of view beside the events; merge_obs has no use for them.
    """

    def __init__(
        self, par: ParameterSet, members: Sequence[MosaicInput], lists: GivenFiles, ws: Workspace, active: bool = True
    ) -> None:
        from ciaopy.observation import look_up, matched_aspect

        self.symbolic = bool(par.get("linkfiles", True))
        self.active = active
        self.made: list[Path] = []
        self.files: dict[str, dict[str, list[str]]] = {m.label: {} for m in members}
        given = matched_aspect([m.events for m in members], lists.aspect, ws.console) if lists.aspect.strip() else None
        for i, member in enumerate(members):
            for key in LINKS:
                value = member.events.key(key)
                if key == "ASOLFILE" and given is not None:
                    found: list[str] | None = given[i]
                else:
                    found = look_up(value, member.events.folder) if value and value.upper() != "NONE" else []
                if found is None or (not found and key == "ASOLFILE"):
                    ws.console.say(f"ObsID {member.label}: {key} {value or 'is missing'}: no such file found", 1)
                self.files[member.label][key] = [f for f in found or [] if f != "NONE"]

    def aspect(self, member: MosaicInput) -> str:
        """Return the aspect solutions of an observation as a stack; blank if none was found."""
        return join(self.files[member.label]["ASOLFILE"])

    def mask(self, member: MosaicInput) -> str:
        """Return the mask file, or blank."""
        return next(iter(self.files[member.label]["MASKFILE"]), "")

    def link(self, member: MosaicInput, targets: Targets) -> dict[str, str]:
        """Make the links of one observation; returns keyword values, names without folder."""
        names = {}
        for key, ending in LINKS.items():
            found = self.files[member.label][key]
            if not self.active or not found:
                continue
            letters = [""] if len(found) == 1 else [_letter(i) for i in range(len(found))]
            linked = []
            for source, letter in zip(found, letters, strict=True):
                target = Path(f"{targets.start}{member.label}{letter}.{ending}")
                self._place(Path(source), target)
                linked.append(target.name)
            names[key] = join(linked)
        return names

    def _place(self, source: Path, target: Path) -> None:
        """Link or copy a file, gzipped ones under a name that says so; what is there is left."""
        if not source.exists():
            source, target = source.with_name(source.name + ".gz"), target.with_name(target.name + ".gz")
        elif source.name.endswith(".gz"):
            target = target.with_name(target.name + ".gz")
        if target.exists() or target.is_symlink():
            return
        try:
            if self.symbolic:
                target.symlink_to(os.path.relpath(source.resolve(), target.absolute().parent.resolve()))
            else:
                shutil.copyfile(source, target)
        except OSError:
            shutil.copyfile(source, target)
        self.made.append(target)


def _letter(index: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def make_fov(member: MosaicInput, targets: Targets, links: Links, ws: Workspace) -> None:
    """Write the field of view of one observation on the common grid."""
    aspect = links.aspect(member)
    content = _content(aspect, ws) if aspect else ""
    chips = ",".join(str(c) for c in member.events.chips)
    values = {
        "infile": f"{targets.events(member)}[{member.events.chip_column}={chips}]",
        "outfile": str(targets.fov(member)),
        "aspect": aspect,
        "mskfile": links.mask(member),
        "kernel": "FITS",
        "method": "convexhull" if content == "ASPSOLOBI" else "minmax",
        "clobber": "yes",
    }
    load_tool("skyfov").run(bind("skyfov", values), ws.for_step(ws.console.at(max(ws.console.verbose - 1, 0))))


def _content(aspect: str, ws: Workspace) -> str:
    from ciaopy.coords import stack_names

    header: Any = ws.read(f"{stack_names(aspect)[0]}[#row=1:1]").header
    return str(header.get("CONTENT", "")).strip().upper()


def warn_of_differences(members: Sequence[MosaicInput], console: Console) -> None:
    """Say which settings differ between the observations."""
    differing = []
    for key, tolerance in TELLING.items():
        values = [m.number(key, float("nan")) for m in members]
        known = [v for v in values if v == v]
        if known and (max(known) - min(known) > tolerance or len(known) < len(values)):
            differing.append(key)
    if differing:
        console.warn(
            f"the observations differ in {', '.join(differing)}; make no responses (ARF, RMF) from merged events"
        )


def list_products(paths: Sequence[Path], console: Console) -> None:
    """Print the names of the files made."""
    console.say("\nThe following files were created:")
    for path in paths:
        console.say(f"     {path}")
