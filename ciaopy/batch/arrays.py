"""Job arrays: what each index does, and doing it without the ledger.

A task of an array writes records beside the products, as every attempt does, and nothing else; `collect` takes them
into the ledger afterwards. What has a valid record is not done again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ciaopy.batch.calibrate import own_calibration
from ciaopy.batch.engines import ArrayOptions, LocalEngine, array_script
from ciaopy.batch.launching import (
    Wishes,
    due_jobs,
    first_calibration,
    make_request,
    run_options,
    settled_request,
)
from ciaopy.batch.ledger import Ledger
from ciaopy.batch.progress import make_progress
from ciaopy.batch.records import read_record
from ciaopy.batch.run import Run, Supervisor
from ciaopy.batch.survey import Survey
from ciaopy.errors import DataError, UsageError
from ciaopy.messages import reason

__all__ = ["run_task", "write_array"]


def write_array(survey: Survey, options: ArrayOptions, chunk: int = 1) -> tuple[Path, int]:
    """Write slurm/array.sh and slurm/tasks.json for the observations that have something to do.

    Parameters
    ----------
    survey : Survey
    options : ArrayOptions
    chunk : int
        Observations for each index.

    Returns
    -------
    path, int
        The script, and the number of indexes; no script is written for none.
    """
    with survey.ledger() as ledger:
        rows = ledger.observations()
    due = {job.obs_id for job in due_jobs(survey, Wishes())}
    chosen = [{k: r[k] for k in ("obs_id", "folder", "source")} for r in rows if r["obs_id"] in due]
    lots = [chosen[i : i + chunk] for i in range(0, len(chosen), chunk)]
    folder = survey.folder / "slurm"
    folder.mkdir(exist_ok=True)
    script = folder / "array.sh"
    (folder / "tasks.json").write_text(json.dumps({"tasks": lots}, indent=1) + "\n")
    if lots:
        script.write_text(array_script(survey.folder, len(lots), options))
        script.chmod(0o755)
    else:
        script.unlink(missing_ok=True)
    return script, len(lots)


def run_task(survey: Survey, index: int, wishes: Wishes) -> Run:
    """Run everything that is due for the observations of one index; the ledger is neither read nor written.

    Raises
    ------
    DataError
        There is no tasks.json, or it is damaged.
    UsageError
        There is no such index.
    """
    path = survey.folder / "slurm" / "tasks.json"
    try:
        lots: list[list[dict[str, Any]]] = json.loads(path.read_bytes())["tasks"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: cannot be read ({reason(error)}); write it with ciaopy batch slurm {survey.folder}"
        ) from error
    if not 0 <= index < len(lots):
        raise UsageError(f"index {index}: {path} has 0 to {len(lots) - 1}")
    settings = survey.settings()
    with own_calibration(survey, settings), Ledger.in_memory() as ledger:
        first_calibration(survey, settings, wishes)
        request = settled_request(survey, settings, make_request(settings, wishes), True)
        options = run_options(settings, wishes)
        for row in lots[index]:
            ledger.add_observation(row["obs_id"], row["folder"], row["source"])
            name = settings.mission.of(row["obs_id"]).name
            place = survey.folder / "processed_data" / name / row["obs_id"] / "records"
            found = [r for p in sorted(place.glob("*.json")) if (r := read_record(p)) is not None]
            for record in sorted(found, key=lambda r: (r.get("ended") or 0.0, r["attempt"])):
                ledger.take(record)
        engine = LocalEngine(max(options.num_cores // (options.threads or 1), 1), settings.mission.modules, "array")
        progress = wishes.progress if wishes.progress is not None else make_progress(False)
        return Supervisor(survey, settings, request, options, engine, progress).run_with(ledger)
