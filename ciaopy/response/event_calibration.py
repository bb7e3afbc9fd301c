"""Calibration of ACIS events for a tool: which products there are, what stands in for those that are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ciaopy.acis import (
    Calibration,
    CtiTables,
    CurveTables,
    cti_application,
    cti_tables,
    gain_tables,
    split_array,
    time_tables,
)
from ciaopy.caldb import CtiModel, DetGain, GradeImages, GradeTable, Product, SplitThreshold, SubPixel, TimeGain
from ciaopy.errors import CalibrationError

__all__ = ["EventProducts", "load_products", "wanted_product"]

P = TypeVar("P", bound=Product)


@dataclass(eq=False)
class EventProducts:
    """The products of acis_process_events; None for those that are not wanted or not there.

    Attributes
    ----------
    missing : dict of str to str
        Product asked of the CALDB to the reason why there is none.
    gain_named : bool
        The user named the gain (a file or `lite`), so it is used whatever it is.
    """

    split: SplitThreshold | None = None
    grades: GradeTable | None = None
    grade_images: GradeImages | None = None
    cti: CtiModel | None = None
    drift: TimeGain | None = None
    gain: DetGain | None = None
    subpixel: SubPixel | None = None
    missing: dict[str, str] = field(default_factory=dict)
    gain_named: bool = False

    @property
    def lite(self) -> tuple[str, ...]:
        """CALDB names of the products that are the embedded approximation."""
        named = {
            "EVTSPLT": self.split,
            "GRADE": self.grades,
            "DET_GAIN": self.gain,
            "SUBPIX": self.subpixel,
        }
        return tuple(name for name, product in named.items() if product is not None and product.is_lite)

    @property
    def cti_application(self) -> str:
        """CTI_APP of the CTI model."""
        return cti_application(self.cti)

    def tables(self, use_gain: bool) -> Calibration:
        """Return the products as the kernels take them."""
        cti: CtiTables | None = cti_tables(self.cti) if self.cti is not None else None
        drift: CurveTables | None = time_tables(self.drift) if self.drift is not None else None
        epochs = (self.drift.epoch1, self.drift.epoch2) if self.drift is not None else (0.0, 0.0)
        gain = gain_tables(self.gain) if use_gain and self.gain is not None else None
        split = split_array(self.split.adu if self.split is not None else None)
        known = {} if self.grades is None else {"grades": self.grades.grade}
        return Calibration(
            split=split,
            cti=cti,
            grade_images=self.grade_images,
            drift=drift,
            epochs=epochs,
            gain=gain,
            subpixel=self.subpixel,
            **known,
        )


def wanted_product(product: str, value: str, header: Mapping[str, Any], kind: type[P]) -> P | None:
    """Return a product, or None for `NONE`.

    Raises
    ------
    CalibrationError
        There is none, or it cannot be read.
    """
    from ciaopy.caldb import load

    found = load(product, value, header)
    if found is not None and not isinstance(found, kind):
        raise CalibrationError(f"{value}: holds a {type(found).__name__}, not the {product} that is asked for")
    return found


def load_products(values: Mapping[str, str], header: Mapping[str, Any], keeps_cti: bool) -> EventProducts:
    """Return the products that a run needs.

    The gains are looked up for the CTI adjustment of the result, not of the input.

    Parameters
    ----------
    values : mapping of str to str
        CALDB name to parameter value, for the products that are needed: EVTSPLT, GRADE, GRDIMG, CTI, T_GAIN, DET_GAIN,
        SUBPIX. Those left out are None.
    header : mapping
        Header of the observation.
    keeps_cti : bool
        Without a CTI model, the pulse heights stay as the input has them.

    Raises
    ------
    CalibrationError
        A file that was named cannot be read; several files of the CALDB fit equally well; or there is no table of
        thresholds, grades or sub-pixel offsets.
    """
    products = EventProducts(gain_named=not values.get("DET_GAIN", "CALDB").strip().upper().startswith("CALDB"))

    keywords: dict[str, Any] = dict(header)

    def optional(name: str, kind: type[P]) -> P | None:
        value = values.get(name, "NONE").strip()
        try:
            return wanted_product(name, value, keywords, kind)
        except CalibrationError as error:
            if not value.upper().startswith("CALDB"):
                raise
            products.missing[name] = str(error)
            return None

    def needed(name: str, kind: type[P]) -> P | None:
        return wanted_product(name, values.get(name, "NONE"), keywords, kind)

    products.split = needed("EVTSPLT", SplitThreshold)
    products.grades = needed("GRADE", GradeTable)
    products.subpixel = needed("SUBPIX", SubPixel)
    products.cti = optional("CTI", CtiModel)
    products.grade_images = optional("GRDIMG", GradeImages)
    if products.cti is not None and (products.grade_images is not None or "GRDIMG" not in values):
        keywords |= {"CTI_CORR": True, "CTI_APP": products.cti_application}
    elif not keeps_cti:
        keywords |= {"CTI_CORR": False, "CTI_APP": "N" * 10}
    products.gain = optional("DET_GAIN", DetGain)
    products.drift = optional("T_GAIN", TimeGain)
    return products
