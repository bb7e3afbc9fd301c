"""XMM-Newton surveys with the functions of DAXA's `process.xmm`, on SAS where it is installed, else on event lists.

The names are looked up when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.batch.xmm.assemble import (
        cleaned_evt_lists,
        cleaned_rgs_event_lists,
        emchain,
        epchain,
        merge_subexposures,
        rgs_angles,
        rgs_events,
    )
    from ciaopy.batch.xmm.check import emanom, parse_emanom_out
    from ciaopy.batch.xmm.clean import espfilt
    from ciaopy.batch.xmm.generate import generate_images_expmaps
    from ciaopy.batch.xmm.setup import cif_build, odf_ingest, parse_odf_sum, prepare_xmm_info
    from ciaopy.batch.xmm.simplified import full_process_xmm
    from ciaopy.batch.xmm.stage import (
        NoValidMissionsError,
        SASInputInvalidError,
        SASNotFoundError,
        SASVersionError,
    )

__all__ = [
    "NoValidMissionsError",
    "SASInputInvalidError",
    "SASNotFoundError",
    "SASVersionError",
    "cif_build",
    "cleaned_evt_lists",
    "cleaned_rgs_event_lists",
    "emanom",
    "emchain",
    "epchain",
    "espfilt",
    "full_process_xmm",
    "generate_images_expmaps",
    "merge_subexposures",
    "odf_ingest",
    "parse_emanom_out",
    "parse_odf_sum",
    "prepare_xmm_info",
    "rgs_angles",
    "rgs_events",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "assemble": "cleaned_evt_lists cleaned_rgs_event_lists emchain epchain merge_subexposures "
            "rgs_angles rgs_events",
            "check": "emanom parse_emanom_out",
            "clean": "espfilt",
            "generate": "generate_images_expmaps",
            "setup": "cif_build odf_ingest parse_odf_sum prepare_xmm_info",
            "simplified": "full_process_xmm",
            "stage": "NoValidMissionsError SASInputInvalidError SASNotFoundError SASVersionError",
        },
    )
