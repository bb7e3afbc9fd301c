"""CIAO as a suite of external programs."""

from __future__ import annotations

from ciaopy.engine.external import Suite

__all__ = ["CIAO"]

CIAO = Suite(
    name="ciao",
    title="CIAO",
    root_variable="ASCDS_INSTALL",
    folders=("bin", "contrib/bin"),
    last_words=("mode=hl",),
    parameter_folders=("$ASCDS_INSTALL/param", "$ASCDS_INSTALL/contrib/param"),
    when_missing="{what} needs CIAO: start it (so that ASCDS_INSTALL is set) or name its folder by --ciao DIR",
)
