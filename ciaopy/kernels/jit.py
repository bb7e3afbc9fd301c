"""The compiler of kernels: numba's `njit`, which says when it has work to do.

The first use of a kernel after an installation compiles it and keeps the result on disk; that takes a second or more
each, and a user who watches should know why. What is on disk already is loaded in silence.
"""

from __future__ import annotations

from numba import njit
from numba.core import event

from ciaopy.kernels import announce_compilation

__all__ = ["njit"]


class _Listener(event.Listener):  # type: ignore[misc]
    def on_start(self, event):
        """A kernel is not on disk: it is compiled now."""
        announce_compilation()

    def on_end(self, event):
        """Nothing is left to say."""


event.register("numba:compile", _Listener())
