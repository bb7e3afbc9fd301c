"""The Chandra mission: its six stages with DAXA's names, parameters and defaults. Declarations only; nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ciaopy.batch import checks
from ciaopy.batch.mission import Facts, Mission, Stage
from ciaopy.batch.oif import find_oif
from ciaopy.errors import DataError, UserError

__all__ = ["BANDS", "CHANDRA", "EFFECTIVE", "PLACES", "covers"]

#: Energy bands of the images, keV: broad, soft, medium, hard and ultrasoft of the Chandra Source Catalog.
BANDS = [[0.5, 7.0], [0.5, 1.2], [1.2, 2.0], [2.0, 7.0], [0.2, 0.5]]
#: Their effective energies, keV.
EFFECTIVE = [2.3, 0.92, 1.56, 3.8, 0.4]
#: Where the files of an observation are, below its folder.
PLACES = ("", "primary", "secondary", "secondary/aspect", "secondary/ephem")
_PIX_ADJ = ("default", "edser", "none", "randomize", "centroid")
_MB = 1 << 20


def observation_of(folder: Path) -> str:
    """Return the ObsID of an observation's folder: its name where that is a number, else what its files say.

    Raises
    ------
    UserError
        It is no folder of an observation.
    DataError
        Its files do not say.
    """
    events = [p for place in PLACES[:3] for p in (folder / place).glob("*evt[12].fits*")]
    inventory = find_oif(folder)
    if not events and inventory is None and not (folder / "primary").is_dir() and not (folder / "secondary").is_dir():
        raise UserError(f"{folder}: no observation in it (no primary/, secondary/, event file or oif.fits)")
    if re.fullmatch(r"\d{1,6}", folder.name):
        return str(int(folder.name))
    from ciaopy.fits import read_header

    if not events and inventory is None:
        raise DataError(f"{folder}: no event file and no oif.fits; its ObsID cannot be found")
    source = inventory if inventory is not None else sorted(events)[0]
    text = str(read_header(source, 1).get("OBS_ID", "")).strip()
    if not text.isdecimal():
        raise DataError(f"{source}: OBS_ID is {text!r}, not a number")
    return str(int(text))


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Return (path below the folder, size, mtime_ns) of the FITS files of an observation, sorted."""
    import os

    found = []
    for place in PLACES:
        try:
            with os.scandir(folder / place) as entries:
                for entry in entries:
                    if entry.name.endswith((".fits", ".fits.gz")) and entry.is_file():
                        status = entry.stat()
                        name = f"{place}/{entry.name}" if place else entry.name
                        found.append((name, status.st_size, status.st_mtime_ns))
        except (FileNotFoundError, NotADirectoryError):
            continue
    return sorted(found)


def calibration() -> str:
    """Return the version of the calibration in use."""
    from ciaopy.caldb import caldb_version

    return caldb_version()


def _check_deflare(values: Mapping[str, Any]) -> None:
    if not values["lc_lo_en"] < values["lc_hi_en"]:
        raise ValueError(f"lc_lo_en={values['lc_lo_en']:g} eV is not below lc_hi_en={values['lc_hi_en']:g} eV")


def _check_cleaning(values: Mapping[str, Any]) -> None:
    low, high = values["lo_en"], values["hi_en"]
    if (low is None) != (high is None):
        raise ValueError("lo_en and hi_en go together: give both or neither")
    if low is not None and not low < high:
        raise ValueError(f"lo_en={low:g} eV is not below hi_en={high:g} eV")


def _check_bands(values: Mapping[str, Any]) -> None:
    bounds, middles = values["en_bounds"], values["effective_ens"]
    if (bounds != BANDS) != (middles != EFFECTIVE):
        raise ValueError("en_bounds and effective_ens go together: change both or neither")
    if len(bounds) != len(middles):
        raise ValueError(f"{len(bounds)} bands in en_bounds, {len(middles)} energies in effective_ens")
    for (low, high), middle in zip(bounds, middles, strict=True):
        if not low <= middle <= high:
            raise ValueError(f"effective_ens: {middle:g} keV is not inside its band {low:g} to {high:g} keV")


def _event_memory(facts: Facts, parameters: Mapping[str, Any]) -> int:
    """Predict the memory of the event stages: a gzipped level-1 row takes a third of its space in memory."""
    return 350 * _MB + 6 * facts.size


def _image_memory(facts: Facts, parameters: Mapping[str, Any]) -> int:
    """Predict the memory of the imaging stages: arrays of float64 over the field of view, five at a time."""
    bin_size = (
        parameters.get("acis_bin_size", 4) if facts.fields.get("instrument") != "HRC" else parameters["hrc_bin_size"]
    )
    side = (5000 if facts.fields.get("instrument") != "HRC" else 30000) / max(float(bin_size), 0.1)
    return 350 * _MB + 3 * facts.size + int(5 * 8 * side * side)


def _repro_disk(facts: Facts, parameters: Mapping[str, Any]) -> int:
    """Estimate the products of chandra_repro: events unpacked, and small files (ACIS, 1e3 and 2e5 events)."""
    return 3 * _MB + int(1.7 * facts.size)


def _pixels(facts: Facts, parameters: Mapping[str, Any]) -> float:
    """Estimate the pixels of an image: of chips whose sides are turned against it, or of a plate of the HRC."""
    if facts.fields.get("instrument") == "HRC":
        return (25000 / max(float(parameters["hrc_bin_size"]), 0.1)) ** 2
    return (
        2.3 * len(facts.fields.get("detector", "012367")) * (1024 / max(float(parameters["acis_bin_size"]), 0.1)) ** 2
    )


def _image_disk(files: int) -> Callable[[Facts, Mapping[str, Any]], int]:
    """Return an estimate of images of 4 bytes for a pixel: so many files for each band."""

    def disk(facts: Facts, parameters: Mapping[str, Any]) -> int:
        bands = 1 if facts.fields.get("instrument") == "HRC" else len(parameters["en_bounds"])
        return int(4 * files * bands * _pixels(facts, parameters))

    return disk


def guess(name: str) -> dict[str, Any]:
    """Return what the name of an event file tells: the instrument."""
    return {"instrument": "HRC"} if Path(name).name.startswith("hrc") else {"instrument": "ACIS"}


def _check_together(
    stages: Mapping[str, Mapping[str, Any]], wanted: frozenset[str], instruments: Callable[[], frozenset[str]]
) -> None:
    """Raise where the cleaned events leave no band of the images; the HRC has but one band, and no energies."""
    low, high = stages["cleaned_chandra_evts"]["lo_en"], stages["cleaned_chandra_evts"]["hi_en"]
    if low is None:
        return
    for name in wanted & {"flux_image", "rate_image"}:
        if any(covers(low / 1e3, high / 1e3, *band) for band in stages[name]["en_bounds"]):
            continue
        if "HRC" not in instruments():
            raise ValueError(
                f"{name}: no band of en_bounds lies within the energies of the cleaned events, {low / 1e3:g} to"
                f" {high / 1e3:g} keV (cleaned_chandra_evts.lo_en, hi_en)"
            )


def covers(low: float, high: float, start: float, stop: float) -> bool:
    """Return True where events of energies low to high fill the band start to stop (all in one unit)."""
    return low <= start and stop <= high


_IMAGES = (
    checks.bands("en_bounds", BANDS),
    checks.effective("effective_ens", EFFECTIVE),
    checks.number("acis_bin_size", 4),
    checks.number("hrc_bin_size", 16),
)
_WORK = "ciaopy.batch.chandra_work"
_IMAGING = "ciaopy.batch.chandra_images"

CHANDRA = Mission(
    name="chandra",
    stages=(
        Stage("download", "ciaopy.batch.chandra_download:download", per_observation=True, keys=("raw",), network=True),
        Stage("prepare_chandra_info", f"{_WORK}:prepare", per_observation=True, memory=lambda f, p: 300 * _MB),
        Stage(
            "chandra_repro",
            f"{_WORK}:reprocess",
            needs=("prepare_chandra_info",),
            parameters=(
                checks.boolean("destreak", True),
                checks.boolean("check_very_faint", False),
                checks.choice("pix_adj", "default", _PIX_ADJ),
                checks.boolean("asol_update", True),
                checks.boolean("grating_pi_filter", True),
            ),
            memory=_event_memory,
            disk=_repro_disk,
            keys=("evt_list", "default_gti", "badpix", "fov_reg", "msk_file", "asol_file", "dead_time_file"),
        ),
        Stage(
            "deflare",
            f"{_WORK}:find_quiet_times",
            needs=("chandra_repro",),
            parameters=(
                checks.choice("method", "sigma", ("sigma", "clean")),
                checks.number("allowed_sigma", 3.0),
                checks.whole("min_length", 3),
                checks.time("time_bin_size", 200.0),
                checks.energy("lc_lo_en", 500),
                checks.energy("lc_hi_en", 7000),
            ),
            check=_check_deflare,
            memory=_event_memory,
            keys=("lightcurve", "flaring_gti"),
        ),
        Stage(
            "cleaned_chandra_evts",
            f"{_WORK}:clean_events",
            needs=("deflare",),
            parameters=(checks.energy("lo_en", None), checks.energy("hi_en", None), checks.grades("allowed_grades")),
            check=_check_cleaning,
            memory=_event_memory,
            disk=lambda f, p: f.size,
            keys=("cleaned_events", "en_key"),
        ),
        Stage(
            "flux_image",
            f"{_IMAGING}:flux_images",
            needs=("cleaned_chandra_evts",),
            parameters=_IMAGES,
            check=_check_bands,
            memory=_image_memory,
            disk=_image_disk(4),
            keys=("en_idents", "image", "weighted_expmap", "fluxmap", "psf"),
        ),
        Stage(
            "rate_image",
            f"{_IMAGING}:rate_images",
            needs=("cleaned_chandra_evts",),
            after=("flux_image",),
            parameters=_IMAGES,
            check=_check_bands,
            memory=_image_memory,
            disk=_image_disk(3),
            keys=("en_idents", "image", "expmap", "ratemap", "psf"),
        ),
    ),
    prepare="prepare_chandra_info",
    download="download",
    observation_of=observation_of,
    listing=listing,
    calibration=calibration,
    modules=(_WORK, _IMAGING),
    calibrate="ciaopy.batch.chandra_calibration:fetch_calibration",
    environment=("CALDB", "CALDBCONFIG", "CALDBALIAS"),
    guess=guess,
    check_together=_check_together,
)
