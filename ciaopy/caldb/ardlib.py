"""Detector, mirror and grating strings of the response tools, and the files that `ardlib.par` names for them.

How a response tool uses it::

    detector = parse_detector("ACIS-7;UNIFORM;BPMASK=0x03ffff")     # or HRC-I, HRC-S2, ACIS-S3 ...
    mirror = parse_mirror("HRMA;AREA=1")
    files = Ardlib.read("ardlib.par")
    load("QE", files.value("QE", detector), header, ccd_id=detector.chip)      # None where the string switches it off
    load("AXEFFA", files.value("AXEFFA", mirror), header)

`value` gives a parameter value for `ciaopy.caldb.load`: `CALDB`, `NONE`, or a file. It is `NONE` where a qualifier
says that the product is not to be applied: QE=number or IDEAL for QE (take `detector.efficiency`), UNIFORM or IDEAL for
QEU, CONTAM=NO or IDEAL for CONTAM, BADPIX=NO for BADPIX, AREA=number for AXEFFA (take `mirror.area`, cm2). Pixels
are bad where STATUS has a bit of `detector.bpmask`, any bit where that is None. `spec.help` asks for `help_text(spec)`
instead of work.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import ParameterError

__all__ = ["Ardlib", "ArdlibSpec", "help_text", "parse_detector", "parse_grating", "parse_mirror"]

# Mirror pairs, in the order of the digits of BITMAP and of the names in ardlib.par.
SHELLS = (1, 3, 4, 6)


@dataclass(frozen=True)
class ArdlibSpec:
    """A parsed string.

    Attributes
    ----------
    text : str
        As given.
    element : str
        ACIS-0..9, HRC-I, HRC-S1..3, HRMA, HETG, LETG or NONE.
    chip : int or None
        CCD_ID 0-9 of ACIS, CHIP_ID of the HRC (0 for HRC-I, 1-3 for HRC-S).
    qe : float or None
        A constant that replaces the quantum efficiency.
    uniform, contam, ideal, badpix : bool
        Leave out the QE uniformity; apply the contaminant; QE 1, uniform and clean; apply bad pixels.
    bpmask : int or None
        Status bits that make a pixel bad; None is any.
    time : float or None
        Mission time (s) for what depends on the date, instead of the observation's.
    area : float or None
        A constant that replaces the area of the mirror (cm2), vignetting included.
    shells : tuple of int
        Mirror pairs that count.
    help : bool
        The user asks for the qualifiers.
    """

    text: str
    element: str
    chip: int | None = None
    qe: float | None = None
    uniform: bool = False
    contam: bool = True
    ideal: bool = False
    badpix: bool = True
    bpmask: int | None = None
    time: float | None = None
    area: float | None = None
    shells: tuple[int, ...] = SHELLS
    help: bool = False

    @property
    def instrument(self) -> str:
        """ACIS, HRC, HRMA, HETG, LETG or NONE."""
        return self.element.partition("-")[0]

    @property
    def efficiency(self) -> float | None:
        """The constant quantum efficiency: that of QE=, 1 for IDEAL, None where the product holds."""
        return 1.0 if self.ideal and self.qe is None else self.qe

    @property
    def bitmap(self) -> str:
        """The shells as four digits: 1100 is shells 1 and 3."""
        return "".join("1" if s in self.shells else "0" for s in SHELLS)

    def is_bad(self, status: Any) -> Any:
        """Return whether STATUS words (int or integer array) make pixels bad."""
        return (status if self.bpmask is None else status & self.bpmask) != 0


_Setter = Callable[[ArdlibSpec, str], ArdlibSpec]


def _yes(value: str) -> bool:
    """Return the logical value of a qualifier; a bare one is yes."""
    word = value.lower()
    if word in ("", "yes", "y", "true", "t", "1"):
        return True
    if word in ("no", "n", "false", "f", "0"):
        return False
    raise ValueError("expected yes or no")


def _number(value: str, low: float = -math.inf) -> float:
    number = float(value)
    if not math.isfinite(number) or number < low:
        raise ValueError("expected a number" + (f" of at least {low:g}" if low > -math.inf else ""))
    return number


def _shells(value: str) -> tuple[int, ...]:
    chosen = {int(word) for word in value.split(",")}
    if not chosen or not chosen <= set(SHELLS):
        raise ValueError("expected some of 1,3,4,6")
    return tuple(sorted(chosen))


def _bitmap(value: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[01]{4}", value) or value == "0000":
        raise ValueError("expected four digits 0 or 1, such as 1100 for shells 1 and 3")
    return tuple(s for s, digit in zip(SHELLS, value, strict=True) if digit == "1")


def _mask(value: str) -> int:
    number = int(value, 0)
    if not 0 <= number < 2**32:
        raise ValueError("expected a mask of at most 32 bits, such as 0x03ffff")
    return number


# Qualifier -> (what it does, how it changes the spec).
_COMMON: dict[str, tuple[str, _Setter]] = {"HELP": ("list qualifiers and stop", lambda s, v: replace(s, help=_yes(v)))}
_HRC: dict[str, tuple[str, _Setter]] = {
    "IDEAL": ("quantum efficiency 1, uniform, no contaminant", lambda s, v: replace(s, ideal=_yes(v))),
    "QE": ("QE=number: constant quantum efficiency", lambda s, v: replace(s, qe=_number(v, 0.0))),
    "UNIFORM": ("no variation of the efficiency over the chip", lambda s, v: replace(s, uniform=_yes(v))),
    "BADPIX": ("BADPIX=no: bad pixels count as good", lambda s, v: replace(s, badpix=_yes(v))),
    "BPMASK": ("BPMASK=mask: status bits that make a pixel bad", lambda s, v: replace(s, bpmask=_mask(v))),
    "TIME": ("TIME=seconds: mission time instead of the observation's", lambda s, v: replace(s, time=_number(v))),
} | _COMMON
_ACIS: dict[str, tuple[str, _Setter]] = {
    "CONTAM": ("CONTAM=no: no contaminant", lambda s, v: replace(s, contam=_yes(v))),
} | _HRC
_MIRROR: dict[str, tuple[str, _Setter]] = {
    "AREA": ("AREA=number: constant area in cm2", lambda s, v: replace(s, area=_number(v, 0.0))),
    "SHELL": ("SHELL=1,3,4,6: mirror pairs", lambda s, v: replace(s, shells=_shells(v))),
    "BITMAP": ("BITMAP=1111: mirror pairs 1, 3, 4, 6 as digits", lambda s, v: replace(s, shells=_bitmap(v))),
} | _COMMON
_GRATING = {"SHELL": _MIRROR["SHELL"], "BITMAP": _MIRROR["BITMAP"]} | _COMMON
_ARMS = {"HEG": "HETG", "MEG": "HETG", "LEG": "LETG", "HETG": "HETG", "LETG": "LETG", "NONE": "NONE", "": "NONE"}


def _qualifiers(instrument: str) -> dict[str, tuple[str, _Setter]]:
    return {"ACIS": _ACIS, "HRC": _HRC, "HRMA": _MIRROR}.get(instrument, _GRATING)


def parse_detector(text: str) -> ArdlibSpec:
    """Parse a detector string such as ``ACIS-S3;IDEAL;BPMASK=0x03ffff``.

    Raises
    ------
    ParameterError
        An unknown chip or qualifier, or a value that cannot be understood.
    """
    name = _words(text)[0].upper()
    found = re.fullmatch(r"ACIS-([IS]?)(\d)|(HRC-I)|HRC-S([1-3])", name)
    if found is None or (found[1] == "I" and int(found[2]) > 3) or (found[1] == "S" and int(found[2]) > 5):
        raise ParameterError(
            f"{text}: no detector {name or 'is named'}; there are ACIS-0..9, ACIS-I0..3, ACIS-S0..5, HRC-I, HRC-S1..3"
        )
    if found[2] is not None:
        chip = int(found[2]) + (4 if found[1] == "S" else 0)
        return _apply(ArdlibSpec(text, f"ACIS-{chip}", chip))
    return _apply(ArdlibSpec(text, name, int(found[4] or 0)))


def parse_mirror(text: str) -> ArdlibSpec:
    """Parse a mirror string such as ``HRMA;AREA=1`` or ``HRMA;SHELL=1,3``; a ParameterError as of `parse_detector`."""
    name = _words(text)[0].upper()
    if name != "HRMA":
        raise ParameterError(f"{text}: no mirror {name or 'is named'}; there is HRMA")
    return _apply(ArdlibSpec(text, "HRMA"))


def parse_grating(text: str) -> ArdlibSpec:
    """Parse a grating string: NONE, HETG, LETG, or an arm HEG, MEG, LEG (with its shells).

    Raises
    ------
    ParameterError
        No such grating.
    """
    name = _words(text)[0].upper()
    if name not in _ARMS:
        raise ParameterError(f"{text}: no grating {name}; there are NONE, HETG, LETG, HEG, MEG and LEG")
    shells = {"HEG": (4, 6), "MEG": (1, 3)}.get(name, SHELLS)
    return _apply(ArdlibSpec(text, _ARMS[name], shells=shells))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(";")]


def _apply(spec: ArdlibSpec) -> ArdlibSpec:
    """Return the spec with the qualifiers of its text applied."""
    known = _qualifiers(spec.instrument)
    for word in filter(None, _words(spec.text)[1:]):
        name, _, value = (p.strip() for p in word.partition("="))
        if name.upper() not in known:
            raise ParameterError(f"{spec.text}: no qualifier {name}; {spec.element} has {', '.join(sorted(known))}")
        try:
            spec = known[name.upper()][1](spec, value)
        except ValueError as error:
            raise ParameterError(f"{spec.text}: {word}: {error}") from error
    return spec


def help_text(spec: ArdlibSpec) -> str:
    """Return the qualifiers of an element, one per line."""
    lines = [f"  {name:<8} {text}" for name, (text, _) in sorted(_qualifiers(spec.instrument).items())]
    return "\n".join([f"Qualifiers of {spec.element}, behind semicolons:", *lines])


@dataclass(frozen=True)
class Ardlib:
    """The values of an `ardlib.par` file.

    Attributes
    ----------
    values : dict
        Upper-case parameter name to value.
    path : Path or None
        The file.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None

    @classmethod
    def read(cls, name: str = "ardlib.par") -> Ardlib:
        """Read the user's copy of a parameter file, else the system's.

        Raises
        ------
        ParameterError
            No such file, or it cannot be read.
        """
        from ciaopy.param import locate, read_current

        file = read_current(locate(name.strip() or "ardlib.par"))
        return cls({p.name.upper(): p.default.strip() for p in file}, file.path)

    def value(self, product: str, spec: ArdlibSpec) -> str:
        """Return the parameter value of a product for an element: `CALDB`, `NONE` or a file.

        Parameters
        ----------
        product : str
            QE, QEU, BADPIX, CONTAM for a detector; AXEFFA, VIGNET for the mirror; GREFF for a grating (one shell in
            `spec.shells`, or the first of them), LSFPARM for an arm.
        spec : ArdlibSpec
            The element with its qualifiers.

        Raises
        ------
        ParameterError
            ardlib.par names no such product for the element.
        """
        name = product.strip().upper()
        if _switched_off(name, spec):
            return "NONE"
        key = _parameter(name, spec)
        if key is None:
            raise ParameterError(f"ardlib.par names no {name} for {spec.element}")
        if key not in self.values:
            raise ParameterError(f"{self.path or 'ardlib.par'}: no parameter {key}; `punlearn ardlib` restores it")
        return self._located(self.values[key] or "NONE")

    def _located(self, value: str) -> str:
        """Return a file named without folder with that of ArdlibDataPath, if it is there."""
        plain = file_of(value)
        folder = os.path.expandvars(self.values.get("ARDLIBDATAPATH", ""))
        if plain.upper().startswith(("CALDB", "NONE")) or "/" in plain or not folder:
            return value
        return str(Path(folder) / value) if not Path(plain).exists() and (Path(folder) / plain).exists() else value


def _switched_off(product: str, spec: ArdlibSpec) -> bool:
    """Return whether a qualifier says that the product is not applied."""
    return {
        "QE": spec.efficiency is not None,
        "QEU": spec.ideal or spec.uniform,
        "CONTAM": spec.ideal or not spec.contam,
        "BADPIX": not spec.badpix,
        "AXEFFA": spec.area is not None,
        "VIGNET": spec.area is not None,
    }.get(product, False)


def _parameter(product: str, spec: ArdlibSpec) -> str | None:
    """Return the name of the parameter in ardlib.par, None where there is none."""
    if spec.instrument == "HRMA":
        kind = {"AXEFFA": "EFFAREA", "VIGNET": "VIGNET"}.get(product)
        return f"AXAF_{kind}_FILE_{_stored_bitmap(spec)}" if kind else None
    if spec.instrument in ("HETG", "LETG"):
        kind = {"GREFF": f"{_one_shell(spec)}_FILE", "LSFPARM": f"{spec.bitmap}_LSF_FILE"}.get(product)
        return f"AXAF_{spec.element}_{kind}" if kind else None
    if spec.instrument == "ACIS" and product in ("QE", "QEU", "BADPIX", "CONTAM"):
        return f"AXAF_ACIS{spec.chip}_{product}_FILE"
    if spec.instrument == "HRC" and product in ("QE", "QEU"):
        return f"AXAF_{spec.element}_{product}_FILE"
    if spec.instrument == "HRC" and product == "BADPIX":
        return f"AXAF_{spec.element[:5]}_BADPIX_FILE"
    return None


def _stored_bitmap(spec: ArdlibSpec) -> str:
    """Return the shells as ardlib.par numbers files: single shells or all (a sum of some is made from single ones)."""
    return spec.bitmap if len(spec.shells) == len(SHELLS) else _one_shell(spec)


def _one_shell(spec: ArdlibSpec) -> str:
    return "".join("1" if s == spec.shells[0] else "0" for s in SHELLS)
