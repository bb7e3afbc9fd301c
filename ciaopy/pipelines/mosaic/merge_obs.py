"""Reproject observations to one tangent point, merge their events, and make exposure-corrected mosaics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.engine import check_outputs
from ciaopy.observation import GivenFiles, find_all_companions
from ciaopy.pipelines.imaging import open_events
from ciaopy.pipelines.mosaic.flux_obs import (
    MosaicResult,
    all_names,
    check_grid_and_bands,
    check_mosaic,
    check_parameters,
    given_files,
    make_mosaic,
    make_requests,
)
from ciaopy.pipelines.mosaic.inputs import MosaicInput, find_members
from ciaopy.pipelines.mosaic.reproject_obs import (
    Links,
    Reprojected,
    output_targets,
    reference_point,
    reproject_all,
    warn_of_differences,
)
from ciaopy.sphere import directions, separation
from ciaopy.version import __version__

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet


@dataclass
class MergedMosaic:
    """What a run made: reprojected and merged events, and the mosaic."""

    reprojected: Reprojected
    mosaic: MosaicResult


def run(par: ParameterSet, ws: Workspace) -> MergedMosaic:
    """Run merge_obs: reproject_obs, then flux_obs on its events with the files of the original ones.

    Raises
    ------
    UserError, DataError
        No usable observations, missing files, parameters out of range, products that exist.
    """
    ws.console.say(f"Running merge_obs (ciaopy {__version__})")
    check_parameters(par)
    with output_targets(par["outroot"]) as targets:
        members = find_members(par["infiles"], ws.console, ws, all_columns=True)
        bands = check_grid_and_bands(par, members, ws)
        reprojected = Reprojected(reference_point(par["refcoord"], members, ws), members)
        companions = find_all_companions([m.events for m in members], given_files(par), ws.console, ws)
        requests = make_requests(par, members, companions, bands, targets.start, Path())
        check_outputs(
            [*(targets.events(m) for m in members), targets.merged],
            par["clobber"],
            inputs=[Path(m.events.plain) for m in members],
        )
        check_mosaic(all_names(requests[0], targets.start), requests, par["clobber"])
        summarize(members, ws.console)
        links = Links(par, members, GivenFiles(aspect=par["asolfiles"]), ws, active=False)
        reproject_all(par, targets, reprojected, ws, links, merge=True)
        moved = [
            replace(m, events=open_events(str(path), ws.console, ws), point=reprojected.point)
            for m, path in zip(members, reprojected.events, strict=True)
        ]
        mosaic = make_mosaic(par, ws, moved, companions, targets.start)
    for path in reprojected.products:
        ws.console.say(f"     {path}")
    warn_of_differences(members, ws.console)
    return MergedMosaic(reprojected, mosaic)


def summarize(members: Sequence[MosaicInput], console: Console) -> None:
    """Print a table: ObsID, date, exposure, detector, SIM_Z, temperature (ACIS), place relative to the first."""
    cold = members[0].events.instrument == "ACIS"
    console.say("")
    head = f"{'Obsid':>10} {'Date':<10} {'Exposure':>9} {'Detector':<12} {'SIM_Z':>9}"
    console.say(head + (f" {'FP':>6}" if cold else "") + f" {'Sepn':>7} {'PA':>5}")
    console.say(
        f"{'':>10} {'':<10} {'(ks)':>9} {'':<12} {'(mm)':>9}" + (f" {'(K)':>6}" if cold else "") + f" {'(arcmin)':>7}"
    )
    for member in members:
        line = (
            f"{member.label:>10} {member.events.key('DATE-OBS')[:10]:<10} {member.number('EXPOSURE') / 1000:>9.1f} "
            f"{member.events.detector:<12} {member.number('SIM_Z'):>9.3f}"
        )
        if cold:
            line += f" {member.number('FP_TEMP'):>6.1f}"
        if member is not members[0]:
            apart = float(separation(*members[0].point, *member.point)) * 60
            line += f" {apart:>7.2f} {position_angle(members[0].point, member.point):>5.0f}"
        console.say(line)
    console.say("")


def position_angle(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Return the direction from one position to another, degrees from North through East in [0, 360)."""
    from ciaopy.coords import tangent_axes

    _, east, north = tangent_axes(*start)
    v = directions(*end)
    return float(np.rad2deg(np.arctan2(v @ east, v @ north)) % 360.0)
