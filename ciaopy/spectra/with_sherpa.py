"""Models through Sherpa, where it is installed: all that it knows, XSPEC's with the abundances asked for."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import ParameterError
from ciaopy.spectra.expression import component_names, expression_tree, fold, parse_values

__all__ = ["is_installed", "sherpa_model"]

FloatArray = NDArray[np.float64]


def is_installed() -> bool:
    """True where Sherpa can be imported."""
    return importlib.util.find_spec("sherpa") is not None


def sherpa_model(text: str, paramvals: str, abund: str, xsect: str) -> Any | None:
    """Return the model that Sherpa makes of an expression; None where it lacks one of the kinds (no XSPEC).

    Parameters
    ----------
    text, paramvals : str
        See `expression.parse_model`.
    abund, xsect : str
        XSPEC's tables of abundances and cross-sections.

    Raises
    ------
    ParameterError
        An unknown parameter, or a value that Sherpa refuses.
    """
    from sherpa.astro import ui

    kinds = component_names(text)
    known = set(ui.list_models("all"))
    if not set(kinds.values()) <= known:
        return None
    if any(kind.startswith("xs") for kind in kinds.values()):
        ui.set_xsabund(abund)
        ui.set_xsxsect(xsect)
    made = {name: ui.create_model_component(kind, name) for name, kind in kinds.items()}
    for (name, parameter), value in parse_values(paramvals).items():
        if name not in made:
            raise ParameterError(f"paramvals: no component {name} in {text}; it has {', '.join(made)}")
        _set(made[name], name, parameter, value)
    return fold(expression_tree(text), lambda kind, name: made[name])


def _set(component: Any, name: str, parameter: str, value: float) -> None:
    known = {p.name.lower(): p for p in component.pars}
    if parameter not in known:
        raise ParameterError(f"paramvals: {name} has no parameter {parameter}; it has {', '.join(known)}")
    try:
        known[parameter].val = value
    except Exception as problem:  # Sherpa's own errors share no base class with a stable import path
        raise ParameterError(f"paramvals: {name}.{parameter}={value:g}: {problem}") from problem
