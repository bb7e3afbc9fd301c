"""Where jobs run: this machine, a Dask cluster, the tasks of a job array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.batch.engines.array import ArrayOptions, array_script
    from ciaopy.batch.engines.choice import make_engine
    from ciaopy.batch.engines.local import LocalEngine
    from ciaopy.batch.engines.protocol import Engine, EngineLostError, Task

__all__ = ["ArrayOptions", "Engine", "EngineLostError", "LocalEngine", "Task", "array_script", "make_engine"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "array": "ArrayOptions array_script",
            "choice": "make_engine",
            "local": "LocalEngine",
            "protocol": "Engine EngineLostError Task",
        },
    )
