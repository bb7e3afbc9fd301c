"""FITS on disk: the only door."""

from __future__ import annotations

from ciaopy.fits.blocks import Block, Column, Dataset, Image, Table, Vector

__all__ = ["Block", "Column", "Dataset", "Image", "Table", "Vector"]
