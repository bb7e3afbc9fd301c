"""Running tools and step lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.engine.backends import NATIVE, choose_backend
    from ciaopy.engine.external import Suite
    from ciaopy.engine.native import NativeBackend, bind
    from ciaopy.engine.options import RunOptions
    from ciaopy.engine.run import is_available, load_tool, run_tool, unasked
    from ciaopy.engine.runner import Backend, Timing, check_products, run_recipe, show_plan
    from ciaopy.engine.step import Message, Recipe, Step
    from ciaopy.engine.suites import SUITES

__all__ = [
    "NATIVE",
    "SUITES",
    "Backend",
    "Message",
    "NativeBackend",
    "Recipe",
    "RunOptions",
    "Step",
    "Suite",
    "Timing",
    "bind",
    "check_products",
    "choose_backend",
    "is_available",
    "load_tool",
    "run_recipe",
    "run_tool",
    "show_plan",
    "unasked",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "backends": "NATIVE choose_backend",
            "external": "Suite",
            "native": "NativeBackend bind",
            "options": "RunOptions",
            "run": "is_available load_tool run_tool unasked",
            "runner": "Backend Timing check_products run_recipe show_plan",
            "step": "Message Recipe Step",
            "suites": "SUITES",
        },
    )
