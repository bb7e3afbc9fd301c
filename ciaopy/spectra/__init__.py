"""Source spectra: what weights the energies of an instrument map."""

from __future__ import annotations

from ciaopy.spectra.absorption import cross_section, transmission
from ciaopy.spectra.components import BUILT_IN, Component, Parameter
from ciaopy.spectra.expression import SpectralModel, parse_model
from ciaopy.spectra.weights import Weights, energy_edges, model_weights

__all__ = [
    "BUILT_IN",
    "Component",
    "Parameter",
    "SpectralModel",
    "Weights",
    "cross_section",
    "energy_edges",
    "model_weights",
    "parse_model",
    "transmission",
]
