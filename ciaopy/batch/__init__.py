"""Many observations at once: archive, ledger, supervised jobs, engines.

The functions have the names and parameters of DAXA's `process.chandra`; `ciaopy batch` does the same from a shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.batch.archive import Archive
    from ciaopy.batch.arrays import run_task, write_array
    from ciaopy.batch.assemble import chandra_repro, cleaned_chandra_evts
    from ciaopy.batch.attempt import CAUSES
    from ciaopy.batch.calls import NoDependencyProcessError
    from ciaopy.batch.clean import deflare
    from ciaopy.batch.engines import ArrayOptions
    from ciaopy.batch.generate import flux_image, rate_image
    from ciaopy.batch.launching import Wishes, due_jobs, launch, set_parameters
    from ciaopy.batch.oif import parse_oif
    from ciaopy.batch.progress import Progress
    from ciaopy.batch.quantities import seconds, size_bytes
    from ciaopy.batch.recovery import collect
    from ciaopy.batch.report import failures, status_json, status_text, summary_text, write_csv, write_html
    from ciaopy.batch.run import Run
    from ciaopy.batch.setup import prepare_chandra_info
    from ciaopy.batch.simplified import full_process_chandra
    from ciaopy.batch.sources import rate
    from ciaopy.batch.survey import Survey

__all__ = [
    "CAUSES",
    "Archive",
    "ArrayOptions",
    "NoDependencyProcessError",
    "Progress",
    "Run",
    "Survey",
    "Wishes",
    "chandra_repro",
    "cleaned_chandra_evts",
    "collect",
    "deflare",
    "due_jobs",
    "failures",
    "flux_image",
    "full_process_chandra",
    "launch",
    "parse_oif",
    "prepare_chandra_info",
    "rate",
    "rate_image",
    "run_task",
    "seconds",
    "set_parameters",
    "size_bytes",
    "status_json",
    "status_text",
    "summary_text",
    "write_array",
    "write_csv",
    "write_html",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "archive": "Archive",
            "arrays": "run_task write_array",
            "assemble": "chandra_repro cleaned_chandra_evts",
            "attempt": "CAUSES",
            "calls": "NoDependencyProcessError",
            "clean": "deflare",
            "engines": "ArrayOptions",
            "generate": "flux_image rate_image",
            "launching": "Wishes due_jobs launch set_parameters",
            "oif": "parse_oif",
            "progress": "Progress",
            "quantities": "seconds size_bytes",
            "recovery": "collect",
            "report": "failures status_json status_text summary_text write_csv write_html",
            "run": "Run",
            "setup": "prepare_chandra_info",
            "simplified": "full_process_chandra",
            "sources": "rate",
            "survey": "Survey",
        },
    )
