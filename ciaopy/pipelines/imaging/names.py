"""Names of the files that fluximage makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Names", "split_outroot"]


def split_outroot(outroot: str) -> tuple[str, str]:
    """Return folder (blank or with a final slash) and start of the names (blank or with a final underscore).

    `foo` is ("", "foo_"), `foo/` is ("foo/", ""), `foo/bar` is ("foo/", "bar_"), `.` and blank are ("", "").
    """
    text = outroot.strip()
    if text == ".":
        text = ""
    folder, slash, head = text.rpartition("/")
    return folder + slash, head if not head or head.endswith("_") else f"{head}_"


@dataclass(frozen=True)
class Names:
    """File names of one run.

    Attributes
    ----------
    folder, head : str
        From `split_outroot`.
    obsid : str
        Label of the observation.
    clipped : bool
        Pixels of low exposure are dropped: images have `_thresh` in their names.
    """

    folder: str
    head: str
    obsid: str
    clipped: bool

    @property
    def start(self) -> str:
        """What all names begin with."""
        return self.folder + self.head

    def _path(self, tail: str) -> Path:
        return Path(self.start + tail)

    def counts(self, band: str, clipped: bool = False) -> Path:
        """Counts image."""
        return self._path(f"{band}_thresh.img" if clipped else f"{band}.img")

    def exposure(self, band: str, clipped: bool = False) -> Path:
        """Exposure map of all chips."""
        return self._path(f"{band}_thresh.expmap" if clipped else f"{band}.expmap")

    def flux(self, band: str) -> Path:
        """Exposure-corrected image."""
        return self._path(f"{band}_flux.img")

    def psf(self, band: str) -> Path:
        """Map of the PSF size."""
        return self._path(f"{band}_thresh.psfmap" if self.clipped else f"{band}.psfmap")

    def preview(self, name: str) -> Path:
        """Picture."""
        return self._path(f"{name}.png")

    def aspect(self, chip: int) -> Path:
        """Aspect histogram."""
        return self._path(f"{chip}.asphist")

    def instrument(self, chip: int, band: str) -> Path:
        """Instrument map."""
        return self._path(f"{chip}_{band}.instmap")

    def chip_exposure(self, chip: int, band: str) -> Path:
        """Exposure map of one chip."""
        return self._path(f"{chip}_{band}.expmap")

    @property
    def fov(self) -> Path:
        """Field of view; the observation is not named twice."""
        if self.start.endswith(f"{self.obsid}_"):
            return Path(f"{self.start[:-1]}.fov")
        return self._path(f"{self.obsid}.fov")

    @property
    def background_events(self) -> Path:
        """HRC-I: background events on the sky of the observation."""
        return self._path("HRC-I_bkg.fits")

    def background(self, band: str) -> Path:
        """HRC-I: image of the background."""
        return self._path(f"{band}_particle_bgnd.img")

    def unsubtracted(self, band: str) -> Path:
        """HRC-I: counts image before the background is taken off."""
        return self._path(f"{band}_unsubtracted.img")
