"""Many observations at once: archive, ledger, supervised jobs, engines.

The functions have the names and parameters of DAXA's `process.chandra`; `ciaopy batch` does the same from a shell.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ciaopy.batch.archive import Archive, NoDependencyProcessError
    from ciaopy.batch.assemble import chandra_repro, cleaned_chandra_evts
    from ciaopy.batch.clean import deflare
    from ciaopy.batch.generate import flux_image, rate_image
    from ciaopy.batch.oif import parse_oif
    from ciaopy.batch.setup import prepare_chandra_info
    from ciaopy.batch.simplified import full_process_chandra

__all__ = [
    "Archive",
    "NoDependencyProcessError",
    "chandra_repro",
    "cleaned_chandra_evts",
    "deflare",
    "flux_image",
    "full_process_chandra",
    "parse_oif",
    "prepare_chandra_info",
    "rate_image",
]

_HOMES = {
    "Archive": "archive",
    "NoDependencyProcessError": "archive",
    "chandra_repro": "assemble",
    "cleaned_chandra_evts": "assemble",
    "deflare": "clean",
    "flux_image": "generate",
    "full_process_chandra": "simplified",
    "parse_oif": "oif",
    "prepare_chandra_info": "setup",
    "rate_image": "generate",
}


def __getattr__(name: str) -> Any:
    """Import a name of this room on first use."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"ciaopy.batch.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ciaopy.batch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
