"""Choose where jobs run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ciaopy.batch.engines.protocol import Engine

__all__ = ["make_engine"]


def make_engine(chosen: Any, slots: int, modules: Sequence[str] = (), workers: int | None = None) -> Engine:
    """Return an engine.

    Parameters
    ----------
    chosen : object
        None or `local`; `dask` (a cluster of `workers` processes is started on this machine); the address or the
        scheduler file of a Dask cluster, one of its clients, or a cluster object.
    slots : int
        Most jobs at once on this machine.
    modules : sequence of str
        What the work imports.
    workers : int, optional
        Processes of a new Dask cluster; default: `slots`.

    Raises
    ------
    UserError
        Dask is not installed, or its scheduler is not reached.
    """
    if chosen is None or chosen == "local":
        from ciaopy.batch.engines.local import LocalEngine

        return LocalEngine(slots, modules)
    from ciaopy.batch.engines.cluster import DaskEngine

    return DaskEngine.connect(chosen, workers or slots, modules)
