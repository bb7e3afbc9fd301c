"""Source spectra: what weights the energies of an instrument map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciaopy.faces import lazy_face

if TYPE_CHECKING:
    from ciaopy.spectra.absorption import cross_section, transmission
    from ciaopy.spectra.components import BUILT_IN, Component, Parameter
    from ciaopy.spectra.expression import SpectralModel, parse_model
    from ciaopy.spectra.weights import Weights, energy_edges, model_weights, tabulated
    from ciaopy.spectra.with_sherpa import is_installed, sherpa_model

__all__ = [
    "BUILT_IN",
    "Component",
    "Parameter",
    "SpectralModel",
    "Weights",
    "cross_section",
    "energy_edges",
    "is_installed",
    "model_weights",
    "parse_model",
    "sherpa_model",
    "tabulated",
    "transmission",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "absorption": "cross_section transmission",
            "components": "BUILT_IN Component Parameter",
            "expression": "SpectralModel parse_model",
            "weights": "Weights energy_edges model_weights tabulated",
            "with_sherpa": "is_installed sherpa_model",
        },
    )
