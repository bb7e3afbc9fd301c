"""flux_image and rate_image: images, exposure maps, flux and rate maps, PSF maps, in the child that makes them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ciaopy.batch.attempt import Job, Made, SkipJobError
from ciaopy.batch.chandra import covers
from ciaopy.batch.chandra_common import begin, is_hrc, kev, notes_of, product_name, run_step
from ciaopy.console import Console
from ciaopy.errors import DataError

__all__ = ["flux_images", "rate_images"]

#: The energies of the HRC's single band as they stand in file names, keV.
_WIDE = (0.06, 10.0)
#: Fraction of the light inside the sizes of the PSF map. (DAXA asks for all of it, a radius without use.)
_PSF_FRACTION = "0.9"


def flux_images(job: Job) -> Made:
    """Make images, weighted exposure maps, flux maps and PSF maps."""
    console = begin(job)
    made = Made()
    bands = _bands(job, made)
    _fluximage(job, bands, "default", True, console)
    kinds = (("image", "_thresh.img", "images"), ("weightedexpmap", "_thresh.expmap", "images"),
             ("fluxmap", "_flux.img", "images"), ("psfmap", "_thresh.psfmap", "misc"))  # fmt: skip
    keys = {"weightedexpmap": "weighted_expmap", "psfmap": "psf"}
    _collect(job, bands, kinds, keys, made)
    made.notes += notes_of(console)
    return made


def rate_images(job: Job) -> Made:
    """Make images, exposure maps in s, rate maps and PSF maps; what flux_image has made of the same is shared."""
    console = begin(job)
    made = Made()
    bands = _bands(job, made)
    flux = job.upstream.get("flux_image", {})
    shared = _shared(job, bands, flux)
    _fluximage(job, bands, "time", len(shared) < len(bands), console)
    for label, tag in bands.items():
        if tag in shared:
            _share(job, label, *shared[tag])
    kinds = (("rateimage", "_thresh.img", "images"), ("expmap", "_thresh.expmap", "images"),
             ("ratemap", "_flux.img", "images"), ("ratepsfmap", "_thresh.psfmap", "misc"))  # fmt: skip
    keys = {"rateimage": "image", "ratepsfmap": "psf"}
    _collect(job, bands, kinds, keys, made)
    for tag in bands.values():
        if tag not in flux.get("en_idents", ()):
            _publish_plain(job, tag, made)
    made.notes += notes_of(console)
    return made


def _bands(job: Job, made: Made) -> dict[str, str]:
    """Return {band as fluximage names it: tag of file names}; bands outside the cleaned events are left out.

    Raises
    ------
    SkipJobError
        None is left.
    """
    if is_hrc(job):
        return {"wide": f"-en{kev(_WIDE[0])}_{kev(_WIDE[1])}keV"}
    cut = re.match(r"en([\d.]+)_([\d.]+)keV", str(job.upstream["cleaned_chandra_evts"].get("en_key") or ""))
    low, high = (float(cut[1]), float(cut[2])) if cut else (0.0, float("inf"))
    found, left_out = {}, []
    for (start, stop), middle in zip(job.parameters["en_bounds"], job.parameters["effective_ens"], strict=True):
        tag = f"-en{kev(start)}_{kev(stop)}keV"
        if not covers(low, high, start, stop):
            left_out.append(tag.removeprefix("-en"))
        else:
            found[f"{start:.9g}:{stop:.9g}:{middle:.9g}"] = tag
    if left_out:
        made.values["skipped_bands"] = left_out
        made.notes.append(f"bands left out, the cleaned events end before them: {', '.join(left_out)}")
    if not found:
        raise SkipJobError(f"no band lies within the energies of the cleaned events, {low:g} to {high:g} keV")
    return found


def _bin_size(job: Job) -> Any:
    return job.parameters["hrc_bin_size" if is_hrc(job) else "acis_bin_size"]


def _fluximage(job: Job, bands: Mapping[str, str], units: str, psf: bool, console: Console) -> None:
    (job.out / "made").mkdir()
    values: dict[str, object] = {
        "infile": job.upstream["cleaned_chandra_evts"]["cleaned_events"],
        "outroot": f"{job.out}/made/",
        "bands": ",".join(bands),
        "binsize": repr(_bin_size(job)),
        "units": units,
        "background": "default",
        "tmpdir": job.out.parent / "tmp",
        "clobber": True,
        "nproc": job.threads,
        "mode": "h",
    }
    if psf:
        values["psfecf"] = _PSF_FRACTION
    run_step("fluximage", values, job, console)


def _label(band: str) -> str:
    """Return the part of fluximage's file names that stands for a band."""
    return band if ":" not in band else "-".join(band.split(":")[:2])


def _collect(
    job: Job, bands: Mapping[str, str], kinds: Sequence[tuple[str, str, str]], keys: Mapping[str, str], made: Made
) -> None:
    """Enter the files of each band under DAXA's names."""
    made.values["en_idents"] = list(bands.values())
    made.values["bin_size"] = _bin_size(job)
    for kind, tail, folder in kinds:
        paths = []
        for band, tag in bands.items():
            source = f"made/{_label(band)}{tail}"
            goal = f"{job.place}/{folder}/{product_name(job, kind, tag)}"
            made.products[source] = goal
            paths.append(goal)
        made.paths[keys.get(kind, kind)] = paths


def _shared(job: Job, bands: Mapping[str, str], flux: Mapping[str, Any]) -> dict[str, tuple[Path, Path]]:
    """Return {tag: (image, PSF map)} of flux_image for the bands that it has made with the same pixels."""
    if flux.get("bin_size") != _bin_size(job):
        return {}
    made = zip(flux.get("en_idents", ()), flux.get("image", ()), flux.get("psf", ()), strict=True)
    wanted = set(bands.values())
    return {t: (Path(i), Path(p)) for t, i, p in made if t in wanted and Path(i).is_file() and Path(p).is_file()}


def _share(job: Job, band: str, image: Path, psf: Path) -> None:
    """Take the image and the PSF map of flux_image for a band; the rate is that image over the exposure."""
    import numpy as np

    from ciaopy.fits import Image, read_dataset, write_dataset

    start = f"{job.out}/made/{_label(band)}"
    own, counts, exposure = (_first_image(p) for p in (f"{start}_thresh.img", image, f"{start}_thresh.expmap"))
    if own.data is None or counts.data is None or exposure.data is None or own.data.shape != counts.data.shape:
        raise DataError(f"{image}: not of the pixels that it was made with; run flux_image again")
    there = exposure.data > 0
    rates = read_dataset(f"{start}_flux.img")
    for number, block in enumerate(rates.blocks):
        if isinstance(block, Image) and block.data is not None:
            new = np.zeros(block.data.shape, block.data.dtype)
            np.divide(counts.data, exposure.data, out=new, where=there, casting="unsafe")
            rates.blocks[number] = Image(block.name, new, block.header)
            break
    write_dataset(f"{start}_flux.img", rates.blocks, clobber=True)
    for source, goal in ((image, f"{start}_thresh.img"), (psf, f"{start}_thresh.psfmap")):
        _hard_link(source, Path(goal))


def _first_image(path: str | Path) -> Any:
    from ciaopy.fits import Image, read_dataset

    for block in read_dataset(path).blocks:
        if isinstance(block, Image) and block.data is not None:
            return block
    raise DataError(f"{path}: no image in it")


def _hard_link(source: Path, goal: Path) -> None:
    """Let two names stand for one file; a copy where that is not possible."""
    goal.unlink(missing_ok=True)
    try:
        goal.hardlink_to(source)
    except OSError:
        shutil.copy2(source, goal)


def _publish_plain(job: Job, tag: str, made: Made) -> None:
    """Enter image and PSF map of a band under their plain names as well: flux_image has made none."""
    for kind, plain, folder in (("rateimage", "image", "images"), ("ratepsfmap", "psfmap", "misc")):
        own = f"{job.place}/{folder}/{product_name(job, kind, tag)}"
        source = next(s for s, goal in made.products.items() if goal == own)
        copy = f"{source}.plain.fits"
        _hard_link(job.out / source, job.out / copy)
        goal = f"{job.place}/{folder}/{product_name(job, plain, tag)}"
        made.products[copy] = goal
        made.shared.add(goal)
