"""One dataset of chandra_repro: the observation, the user's choices, and the names of everything that is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ciaopy.engine import Provenance
from ciaopy.observation import AspectChoice, MovingTarget, Observation, plain_name
from ciaopy.pipelines.repro import files

__all__ = ["Job", "Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The user's choices for one dataset (parameters of chandra_repro).

    `caldb` is False where ciaopy itself does the work and the user has no CALDB (for the HRC: none that bad pixels can
    be made from): the calibration rows of the archive's bad pixel file then stand for the CALDB's list (ACIS), or that
    file itself is used (HRC). `tg_zo_position`, `tg_orders` and `pi_filter` concern gratings,
    `patch_hrc_ssc` HRC. `verbose` is for tools that are told of it.
    """

    badpixel: bool
    process_events: bool
    destreak: bool
    set_ardlib: bool
    check_vf_pha: bool
    pix_adj: str
    tg_zo_position: str
    tg_orders: str
    asol_update: bool
    pi_filter: bool
    patch_hrc_ssc: bool
    cleanup: bool
    clobber: bool
    caldb: bool
    verbose: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One dataset with everything that the step list depends on.

    `was_frozen`: the level-1 events have the columns of sso_freeze.
    """

    obs: Observation
    out: Path
    root: str
    options: Options
    provenance: Provenance
    aspect: AspectChoice
    was_frozen: bool = False

    def file(self, tail: str) -> Path:
        """Return `<out>/<root>_<tail>`; a list or parameter file that only the run needs is hidden from view."""
        hidden = "." if self.options.cleanup and tail in {"bias0.lis", "obs.par"} else ""
        return self.out / f"{hidden}{self.root}_{tail}"

    def copy_of(self, path: Path) -> Path:
        """Return where the copy of an input file goes."""
        return self.out / plain_name(path)

    @property
    def level1(self) -> Path:
        """The level-1 events that processing begins with: the archive's, without what sso_freeze has added."""
        return self.file("unfrozen_evt1.fits") if self.was_frozen else self.obs.events.path

    @property
    def moving(self) -> MovingTarget | None:
        """The ephemerides of a moving target, where new events are made."""
        return self.obs.companions.moving if self.options.process_events else None

    @property
    def freezes(self) -> bool:
        """True where the events are frozen in the frame of a moving target."""
        return self.moving is not None and not self.moving.problem

    def frozen_of(self, events: Path) -> Path | None:
        """Return the name of new events once they are frozen; None for others, and where nothing is frozen."""
        kinds = {self.file("repro_evt1.fits"): "evt1", self.file("evt1a.fits"): "evt1a"}
        return self.file(f"repro_sso_{kinds[events]}.fits") if self.freezes and events in kinds else None

    @property
    def object_aspect(self) -> Path:
        """The aspect solution in the frame of a moving target."""
        return self.file("repro_sso_asol1.fits")

    @property
    def makes_bad_pixels(self) -> bool:
        """True where a new bad pixel file is made."""
        events = self.obs.events
        return self.options.badpixel and not events.continuous and (self.options.caldb or events.instrument == "ACIS")

    @property
    def bad_pixels(self) -> Path:
        """The bad pixel file that later steps use: the new one, else the copy of the archive's."""
        return self.file("repro_bpix1.fits") if self.makes_bad_pixels else self.copy_of(self.obs["bpix1"])

    @property
    def aspect_list(self) -> Path:
        """The list of aspect solutions."""
        return self.file("asol1.lis")

    @property
    def aspect_copies(self) -> tuple[Path, ...]:
        """The copies of the aspect solutions that are used."""
        return tuple(self.copy_of(p) for p in self.aspect.paths)

    @property
    def updates_aspect(self) -> bool:
        """True where old aspect solutions are brought up to date."""
        return self.aspect.kind == "ASPSOL" and self.options.asol_update

    @property
    def clobber(self) -> str:
        """`yes` or `no`, for the tools."""
        return "yes" if self.options.clobber else "no"

    @property
    def new_aspect(self) -> Path:
        """The updated aspect solution."""
        return self.out / f"pcadf{files.obsid(self.obs):05d}_repro_asol1.fits"

    @property
    def pointing(self) -> Path:
        """The parameter file with the updated pointing."""
        return self.out / f"pcadf{files.obsid(self.obs):05d}_repro_obs.par"
