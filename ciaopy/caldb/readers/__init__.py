"""Readers of CALDB files: one module per product, each `read(file) -> Product`.

A reader finds its columns by name, in any case and with any of the usual spellings of limits; what is not there is a
`CalibrationError` with the file, the HDU and the columns seen. Real CALDB files decided the layout where there are
some (docs/accuracy.md says which); elsewhere it is that of the specification, and the docstring says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.caldb.readers.access import CalibrationSource

__all__ = ["READERS", "CalibrationSource"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(__name__, {"access": "CalibrationSource"})

# CALDB name -> module of this package that reads it.
READERS: dict[str, str] = {
    "GEOM": "identify",
    "AIMPTS": "identify",
    "TDET": "identify",
    "SKY": "identify",
    "SGEOM": "identify",
    "BKGRND": "identify",
    "GRADE": "grade",
    "EVTSPLT": "evtsplt",
    "DET_GAIN": "det_gain",
    "T_GAIN": "t_gain",
    "CTI": "cti",
    "SUBPIX": "subpix",
    "GRDIMG": "grdimg",
    "BADPIX": "badpix",
    "QE": "qe",
    "QEU": "qeu",
    "CONTAM": "contam",
    "DEAD_AREA": "dead_area",
    "AXEFFA": "axeffa",
    "VIGNET": "vignet",
    "REEF": "reef",
    "GREFF": "greff",
    "OSIP": "osip",
    "LSFPARM": "lsfparm",
    "GMAP": "gmap",
    "T_GMAP": "t_gmap",
    "DEGAP": "degap",
    "GAPLOOKUP": "gaplookup",
    "AMP_SF_COR": "amp_sf_cor",
    "TAPRINGTEST": "tapringtest",
    "FPTEST": "fptest",
    "EFTEST": "eftest",
    "SATTEST": "sattest",
    "TGMASK2": "tgmask",
    "TGPIMASK2": "tgmask",
}
