"""A mission of text files, to test the runner with work of milliseconds: number.txt -> doubled -> {plus, minus}."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.batch import checks
from ciaopy.batch.attempt import Job, Made, SkipJobError
from ciaopy.batch.mission import Mission, Stage
from ciaopy.batch.raw import forget_deletion
from ciaopy.batch.records import fingerprint
from ciaopy.errors import CalibrationError, DataError, NoDataError, NotAvailableError, UserError

if TYPE_CHECKING:
    from ciaopy.transfer import Progress


def observation_of(folder: Path) -> str:
    if not (folder / "number.txt").is_file():
        raise UserError(f"{folder}: no number.txt in it")
    return str(int(folder.name))


def listing(folder: Path) -> list[tuple[str, int, int]]:
    found = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in folder.glob("*.txt")]
    return sorted(found)


def prepare(job: Job) -> Made:
    text = (job.folder / "number.txt").read_text().strip()
    made = Made(values={"summary": {"TOY": {"text": text}}, "idents": []})
    if text == "nothing":
        made.skipped = "the file says that there is nothing"
        return made
    idents = [f"{job.obs_id}TOYE{n:03d}" for n in range(1, 1 + (2 if text == "two" else 1))]
    inputs = {"number.txt": fingerprint(job.folder / "number.txt")}
    made.values["idents"] = [
        {
            "name": name,
            "obs_id": job.obs_id,
            "fields": {"instrument": "TOY", "exposure": name[-4:]},
            "inputs": inputs,
            "skip": {"minus": "not of this one"} if text == "skip" else {},
            "size": len(text),
        }
        for name in idents
    ]
    return made


def double(job: Job) -> Made:
    text = (job.folder / "number.txt").read_text().strip()
    if "TOY_TRACE" in os.environ:
        with open(os.environ["TOY_TRACE"], "a") as file:  # noqa: PTH123
            file.write(f"{job.ident} {os.getpid()} {job.threads}\n")
    errors = {"damaged": DataError("number.txt is damaged"), "uncalibrated": CalibrationError("no calibration"),
              "later": NotAvailableError("negative numbers"), "empty": NoDataError("nothing is left"),
              "bug": ZeroDivisionError("division by zero"), "skipped": SkipJobError("no need")}  # fmt: skip
    if text in errors:
        raise errors[text]
    if text == "hang once" and Path(os.environ["TOY_TRACE"]).read_text().count(job.ident) == 1:
        time.sleep(60)
    if text == "hang":
        time.sleep(60)
    if text == "large":
        (job.out / "double.txt").write_bytes(bytes(16 << 20))
    if text == "full":
        raise OSError(28, "No space left on device")
    number = 2 * float(text) if text.replace(".", "").isdigit() else 0.0
    (job.out / "double.txt").write_text(f"{number:g}\n")
    name = f"{job.place}/{job.ident}-double.txt"
    links = {f"{job.place}/links/{job.ident}": name}
    return Made({"double.txt": name}, links, paths={"doubled": name}, values={"number": number})


def plus(job: Job) -> Made:
    number = job.upstream["double"]["number"] + job.parameters["amount"]
    name = f"{job.place}/{job.ident}-plus-{job.parameters['label']}.txt"
    (job.out / "plus.txt").write_text(f"{number:g}\n")
    return Made({"plus.txt": name}, paths={"sum": name}, values={"order": list(job.upstream)})


def minus(job: Job) -> Made:
    (job.out / "minus.txt").write_text(f"{job.upstream['double']['number'] - 1:g}\n")
    name = f"{job.place}/{job.ident}-minus.txt"
    return Made({"minus.txt": name}, paths={"difference": name}, values={"order": list(job.upstream)})


TOY = Mission(
    name="toy",
    stages=(
        Stage("prepare_toy", "toy_mission:prepare", per_observation=True),
        Stage("double", "toy_mission:double", needs=("prepare_toy",), keys=("doubled", "number")),
        Stage(
            "plus",
            "toy_mission:plus",
            needs=("double",),
            parameters=(checks.number("amount", 1), checks.choice("label", "a", ("a", "b"))),
            keys=("sum",),
        ),
        Stage("minus", "toy_mission:minus", needs=("double",), after=("plus",), keys=("difference",)),
    ),
    prepare="prepare_toy",
    observation_of=observation_of,
    listing=listing,
    calibration=lambda: os.environ.get("TOY_CALIBRATION", "toy 1"),
    modules=("toy_mission",),
)


def fetch(job: Job) -> Made:
    """Download: copy number.txt from the folder that TOY_ARCHIVE names."""
    with open(os.environ["TOY_TRACE"], "a") as file:  # noqa: PTH123
        file.write(f"fetch {job.obs_id}\n")
    if job.task["limits"].get("offline"):
        raise FileNotFoundError(f"ObsID {job.obs_id}: no request is allowed")
    job.folder.mkdir(parents=True, exist_ok=True)
    data = (Path(os.environ["TOY_ARCHIVE"]) / job.obs_id / "number.txt").read_bytes()
    (job.folder / "number.txt").write_bytes(data)
    forget_deletion(job.folder)
    text = json.dumps({"files": {"number.txt": {"size": len(data)}}})
    for place in (job.folder, job.out):
        (place / ".ciaopy-download.json").write_text(text)
    return Made({".ciaopy-download.json": f"raw/{job.obs_id}/.ciaopy-download.json"})


def calibrate(mirror: str, folder: Path, observations: Sequence[Path], progress: Progress) -> None:
    """Fetch: note what was asked for; the version of the calibration is the content of a file."""
    progress.start("version", 0, None)
    with open(os.environ["TOY_TRACE"], "a") as file:  # noqa: PTH123
        file.write(f"calibrate {' '.join(p.name for p in observations)}\n".replace(" \n", "\n"))
    if not (folder / "version").exists():
        (folder / "version").write_text(mirror)


def fetched_calibration() -> str:
    return (Path(os.environ["CALDB"]) / "version").read_text() if "CALDB" in os.environ else "none"


FETCHED = replace(
    TOY,
    name="toy_archive",
    stages=(Stage("toy_download", "toy_mission:fetch", per_observation=True, network=True), *TOY.stages),
    download="toy_download",
    calibrate="toy_mission:calibrate",
    calibration=fetched_calibration,
    environment=("CALDB",),
)
