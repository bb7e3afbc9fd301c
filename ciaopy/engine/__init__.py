"""Running tools and step lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.engine.backends import NATIVE, choose_backend
    from ciaopy.engine.external import Installation, LogLine, Suite, find_installation
    from ciaopy.engine.external_job import Call, Job, JobResult, run_job
    from ciaopy.engine.external_steps import ExternalBackend
    from ciaopy.engine.many import DatasetTask, Outcome, run_many, values
    from ciaopy.engine.native import NativeBackend, bind
    from ciaopy.engine.options import RunOptions
    from ciaopy.engine.outputs import Provenance, check_outputs, make_folder, output_folder, recorded_parameters
    from ciaopy.engine.run import is_available, load_tool, module_name, result_parameters, run_tool, unasked
    from ciaopy.engine.runner import Backend, Timing, check_products, run_recipe, show_plan
    from ciaopy.engine.step import Message, Recipe, Step
    from ciaopy.engine.suites import SUITES
    from ciaopy.engine.threads import thread_count

__all__ = [
    "NATIVE",
    "SUITES",
    "Backend",
    "Call",
    "DatasetTask",
    "ExternalBackend",
    "Installation",
    "Job",
    "JobResult",
    "LogLine",
    "Message",
    "NativeBackend",
    "Outcome",
    "Provenance",
    "Recipe",
    "RunOptions",
    "Step",
    "Suite",
    "Timing",
    "bind",
    "check_outputs",
    "check_products",
    "choose_backend",
    "find_installation",
    "is_available",
    "load_tool",
    "make_folder",
    "module_name",
    "output_folder",
    "recorded_parameters",
    "result_parameters",
    "run_job",
    "run_many",
    "run_recipe",
    "run_tool",
    "show_plan",
    "thread_count",
    "unasked",
    "values",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "backends": "NATIVE choose_backend",
            "external": "Installation LogLine Suite find_installation",
            "external_job": "Call Job JobResult run_job",
            "external_steps": "ExternalBackend",
            "many": "DatasetTask Outcome run_many values",
            "native": "NativeBackend bind",
            "options": "RunOptions",
            "outputs": "Provenance check_outputs make_folder output_folder recorded_parameters",
            "run": "is_available load_tool module_name result_parameters run_tool unasked",
            "runner": "Backend Timing check_products run_recipe show_plan",
            "step": "Message Recipe Step",
            "suites": "SUITES",
            "threads": "thread_count",
        },
    )
