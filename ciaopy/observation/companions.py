"""The files that go with an event file: which kinds there are, and what an observation is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ciaopy.observation.archive import Layout
from ciaopy.observation.ephemeris_files import MovingTarget
from ciaopy.observation.identity import EventFile

__all__ = ["ASPECT", "BAD_PIXELS", "DEAD_TIME", "MASK", "Companions", "GivenFiles", "Kind", "Observation"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file that the header of the events names, and users give by a parameter.

    Attributes
    ----------
    product : str
        Its name in the archive: `asol1`, `bpix1`, `msk1`, `dtf1`.
    keyword : str
        Of the event header.
    parameter : str
        Of pipelines for one observation.
    text : str
        What messages call it.
    fallback : str
        What stands in where there is none: `NONE`, `CALDB`, or blank where one is needed.
    consequence : str
        What follows where none is used.
    """

    product: str
    keyword: str
    parameter: str
    text: str
    fallback: str = ""
    consequence: str = ""

    @property
    def listed(self) -> str:
        """Parameter of pipelines for several observations."""
        return f"{self.parameter}s"


ASPECT = Kind(product="asol1", keyword="ASOLFILE", parameter="asolfile", text="aspect solution")
BAD_PIXELS = Kind(
    product="bpix1", keyword="BPIXFILE", parameter="badpixfile", text="bad pixel file", fallback="CALDB",
    consequence="the exposure map is too high at bad pixels",
)  # fmt: skip
MASK = Kind(
    product="msk1", keyword="MASKFILE", parameter="maskfile", text="mask file", fallback="NONE",
    consequence="the exposure map may be wrong at the edges",
)  # fmt: skip
DEAD_TIME = Kind(
    product="dtf1", keyword="DTFFILE", parameter="dtffile", text="dead-time file", fallback="NONE",
    consequence="dead time is taken as constant",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GivenFiles:
    """What a user gave for each kind: files or stacks, `NONE`, `CALDB` (bad pixels); blank for the header's names."""

    aspect: str = ""
    bad_pixels: str = ""
    mask: str = ""
    dead_time: str = ""


@dataclass(frozen=True, kw_only=True)
class Companions:
    """Files that go with the events, as tools take them.

    Attributes
    ----------
    aspect : tuple of str
        Aspect solutions: by name, or once read in order of time.
    files : mapping of str to str
        Product (`bpix1`, `msk1`, `dtf1`; from an archive also `flt1`, `mtl1`, `stat1`, `pbk0`, `evt2`) to its file;
        `NONE` or `CALDB` where none is used.
    content : str
        CONTENT of the aspect solutions; blank until they are read.
    spans : (float, float, float)
        Ranges of ra, dec and roll in the aspect solutions, degrees; 0 until they are read.
    bias, fov : tuple of Path
        Bias maps, fields of view of an archive download.
    moving : MovingTarget or None
        The ephemerides of a moving target.
    report : Path or None
        The V&V report.
    """

    aspect: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    content: str = ""
    spans: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bias: tuple[Path, ...] = ()
    fov: tuple[Path, ...] = ()
    moving: MovingTarget | None = None
    report: Path | None = None

    @property
    def bad_pixels(self) -> str:
        """Bad pixel file, `NONE` or `CALDB`."""
        return self.files.get("bpix1", "NONE")

    @property
    def mask(self) -> str:
        """Mask file or `NONE`."""
        return self.files.get("msk1", "NONE")

    @property
    def dead_time(self) -> str:
        """Dead-time file (HRC) or `NONE`."""
        return self.files.get("dtf1", "NONE")

    @property
    def aspect_paths(self) -> tuple[Path, ...]:
        """Aspect solutions of an archive download: names without filters."""
        return tuple(Path(name) for name in self.aspect)

    def most_bins(self, resolution: float) -> int:
        """Return `max_bin` of asphist: 10000, or the next power of two above what the range of the aspect needs."""
        ra, dec, roll = (s * 3600.0 for s in self.spans)
        needed = 1
        for extent, width in ((ra, resolution), (dec, resolution), (roll, 600.0)):
            needed *= max(1, -int(-extent // width) + 1)
        return 10000 if needed <= 10000 else 1 << (needed - 1).bit_length()


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The files of one dataset: one pointing, and one cycle of interleaved exposures.

    Attributes
    ----------
    events : EventFile
    companions : Companions
    layout : Layout
        Folders that they were looked for in.
    """

    events: EventFile
    companions: Companions
    layout: Layout

    def __contains__(self, product: str) -> bool:
        return product in self.companions.files

    def __getitem__(self, product: str) -> Path:
        """Return the file of a product (`flt1`, `msk1`, ...); a KeyError where there is none."""
        return Path(self.companions.files[product])

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of an archive download, each once."""
        found = self.companions
        report = () if found.report is None else (found.report,)
        named = [Path(name) for name in found.files.values() if name not in {"NONE", "CALDB"}]
        ephemerides = () if found.moving is None else (*found.moving.objects, *found.moving.orbits)
        more = (*found.aspect_paths, *found.bias, *found.fov, *ephemerides, *report)
        return tuple(dict.fromkeys([self.events.path, *named, *more]))
