"""What chandra_repro tells the user before and after the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.pipelines.repro.registry import builder_of

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.observation import EventFile
    from ciaopy.pipelines.repro.job import Job

__all__ = ["calibration_notice", "conclude", "has_caldb", "introduce"]


def has_caldb() -> bool:
    """Return True where the user has a CALDB."""
    from ciaopy.caldb import Caldb

    return Caldb.open() is not None


def introduce(job: Job, console: Console) -> None:
    """Say what is about to be done, and what for want of calibration will not be."""
    console.say(f"\nProcessing input directory '{job.obs.layout.folder}'")
    events, companions = job.obs.events, job.obs.companions
    console.say(f"using products found in primary {job.obs.layout.primary}", 2)
    console.say(f"using products found in secondary {job.obs.layout.secondary}", 2)
    if not events.kalman:
        console.say("NOTE: no guide stars (ASPTYPE is not KALMAN): the on-board computer's aspect is used.", 0)
    if not job.options.process_events:
        console.say("WARNING: process_events=no: no new event file; the archive's level=2 file is copied.")
    if not job.makes_bad_pixels:
        console.say(f"The archive's bad pixel file is used: {job.copy_of(job.obs['bpix1']).name}")
    listed: dict[str, tuple[Path, ...]] = {k.upper(): (Path(p),) for k, p in companions.files.items()}
    listed |= {"EVT1": (events.path,), "ASOL1": job.aspect.paths, "BIAS0": companions.bias, "FOV1": companions.fov}
    for name, paths in sorted(listed.items()):
        console.say(f"  {name}: {', '.join(str(p) for p in paths)}", 3)
    console.say(f"  cleanup={'yes' if job.options.cleanup else 'no'} clobber={job.clobber} root={job.root}", 3)
    if job.options.process_events:
        for line in calibration_notice(events):
            console.say(line)


def calibration_notice(events: EventFile) -> list[str]:
    """Return what the user should know before a run without a CALDB; nothing where there is one."""
    from ciaopy.caldb import caldb_version

    if has_caldb():
        return []
    made, kept = builder_of(events).carried_over(events)
    return [
        f"No CALDB: the embedded calibration ({caldb_version()}) is used.",
        f"  computed anew: {made}",
        f"  carried over from the archive's own processing: {kept}",
        "  for the full calibration: 'ciaopy caldb fetch' and set CALDB",
    ]


def conclude(job: Job, console: Console) -> None:
    """Say what the user should know at the end."""
    if not job.options.cleanup:
        console.say("WARNING: cleanup=no: intermediate files are kept.")
    if job.options.set_ardlib:
        console.say(
            f"The bad pixel file in ardlib.par is\n  {job.bad_pixels}\nrun 'punlearn ardlib' when you are done."
        )
    report = job.obs.companions.report
    if report is not None:
        console.say(f"The V&V report is\n  {job.copy_of(report)}")
    console.say(f"The data have been reprocessed. The products are in\n  {job.out}")
