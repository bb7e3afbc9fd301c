"""Pipelines: what to do, in order. A family is a folder; `MODULES` lists the commands among its modules."""

from __future__ import annotations

__all__ = ["MODULES"]

#: Module of every pipeline that a user can call: each has `run`.
MODULES = {
    "chandra_repro": "ciaopy.pipelines.repro.chandra_repro",
    "deflare": "ciaopy.pipelines.deflare",
    "flux_obs": "ciaopy.pipelines.mosaic.flux_obs",
    "fluximage": "ciaopy.pipelines.imaging.fluximage",
    "make_instmap_weights": "ciaopy.pipelines.make_instmap_weights",
    "merge_obs": "ciaopy.pipelines.mosaic.merge_obs",
    "reproject_obs": "ciaopy.pipelines.mosaic.reproject_obs",
    "splitobs": "ciaopy.pipelines.repro.splitobs",
}
