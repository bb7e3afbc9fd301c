"""Simulated observations for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from ciaopy.simulation import Setup, Simulated, simulate


@dataclass
class Tree:
    """A simulated observation as astropy sees it."""

    made: Simulated

    def find(self, pattern: str) -> Path:
        return next(iter(sorted(self.made.folder.rglob(pattern))))

    def table(self, pattern: str, block: str | int = 1):
        return fits.getdata(self.find(pattern), block)

    def header(self, pattern: str, block: str | int = 1):
        return fits.getheader(self.find(pattern), block)


def make(folder: Path, **options) -> Tree:
    return Tree(simulate(Setup(**{"events": 20_000, **options}), folder))
