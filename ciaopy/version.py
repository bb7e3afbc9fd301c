"""The version of ciaopy: the bottom of the house, so that every room can name it in its products."""

from __future__ import annotations

__version__ = "0.1.0"
