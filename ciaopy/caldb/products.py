"""The calibration products: what `ciaopy.caldb.load` hands out, wherever the numbers came from.

CALDB readers (`ciaopy.caldb.readers`) and the embedded calibration (`ciaopy.caldb.lite`) both make these, so nothing
downstream needs to know which; `source`, `filename` and `is_lite` tell for headers and warnings.

====================  ==================================  ====================================================
class                 CALDB name                          for
====================  ==================================  ====================================================
`SplitThreshold`      EVTSPLT                             adu by CCD and node
`GradeTable`          GRADE                               flight grade to ASCA grade
`GradeImages`         GRDIMG                              3x3 images for graded mode
`CtiModel`            CTI                                 trap maps, volumes, trailing, temperature
`TimeGain`            T_GAIN                              PHA shift between two epochs
`DetGain`             DET_GAIN                            PHA to eV
`SubPixel`            SUBPIX                              EDSER offsets
`BadPixelList`        BADPIX                              ACIS and HRC
`QuantumEfficiency`   QE                                  ACIS and HRC
`QeUniformity`        QEU                                 ACIS and HRC
`Contamination`       CONTAM                              transmission of the ACIS filters
`DeadArea`            DEAD_AREA                           cosmic-ray losses
`MirrorArea`          AXEFFA                              cm2 on axis, per shell
`Vignetting`          VIGNET                              relative area off axis
`GratingEfficiency`   GREFF                               orders of HETG and LETG
`LineSpread`          LSFPARM                             line shapes of an arm and order
`PsfRadius`           REEF                                radius of an enclosed fraction
`OrderSorting`        OSIP                                grating order windows
`GratingRegions`      TGMASK2, TGPIMASK2                  polygons on grating coordinates
`HrcGainImage`        GMAP                                PI of HRC-I (and early HRC-S)
`HrcGainTime`         T_GMAP                              PI with time
`Degap`               DEGAP                               fine-position coefficients
`AmpScale`            AMP_SF_COR                          amplifier scale
`TapRing`             TAPRINGTEST                         third-amplifier ringing
`HyperbolicTest`      FPTEST                              event shape
`FlatnessTest`        EFTEST                              event shape
`SaturationTest`      SATTEST                             ADC limits
`CalibrationFile`     GEOM AIMPTS TDET SKY SGEOM BKGRND   identified only
====================  ==================================  ====================================================
"""

from __future__ import annotations

from ciaopy.caldb.products_acis import (
    BadPixelList,
    CtiChip,
    CtiModel,
    DetGain,
    GradeImages,
    GradeTable,
    SplitThreshold,
    SubPixel,
    TimeGain,
)
from ciaopy.caldb.products_area import (
    Contamination,
    ContamLayer,
    DeadArea,
    GratingEfficiency,
    GratingTable,
    MirrorArea,
    PsfRadius,
    QeCurve,
    QeuChip,
    QeUniformity,
    QuantumEfficiency,
    Vignetting,
    VignettingCube,
)
from ciaopy.caldb.products_base import ALL_SHELLS, SHELLS, ChipCurves, ChipRegions, Product
from ciaopy.caldb.products_gratings import LineSpread
from ciaopy.caldb.products_hrc import (
    AmpScale,
    CalibrationFile,
    Degap,
    FlatnessTest,
    GratingRegions,
    HrcGainImage,
    HrcGainTime,
    HyperbolicTest,
    OrderSorting,
    RegionShape,
    SaturationTest,
    TapRing,
)

__all__ = [
    "ALL_SHELLS",
    "SHELLS",
    "AmpScale",
    "BadPixelList",
    "CalibrationFile",
    "ChipCurves",
    "ChipRegions",
    "ContamLayer",
    "Contamination",
    "CtiChip",
    "CtiModel",
    "DeadArea",
    "Degap",
    "DetGain",
    "FlatnessTest",
    "GradeImages",
    "GradeTable",
    "GratingEfficiency",
    "GratingRegions",
    "GratingTable",
    "HrcGainImage",
    "HrcGainTime",
    "HyperbolicTest",
    "LineSpread",
    "MirrorArea",
    "OrderSorting",
    "Product",
    "PsfRadius",
    "QeCurve",
    "QeUniformity",
    "QeuChip",
    "QuantumEfficiency",
    "RegionShape",
    "SaturationTest",
    "SplitThreshold",
    "SubPixel",
    "TapRing",
    "TimeGain",
    "Vignetting",
    "VignettingCube",
]
