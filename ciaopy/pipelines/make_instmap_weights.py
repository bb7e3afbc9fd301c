"""Write the weights of energies for an instrument map, from a spectral model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import ParameterError, UserError

if TYPE_CHECKING:
    from ciaopy.console import Console
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet
    from ciaopy.spectra import Weights


def run(par: ParameterSet, ws: Workspace) -> Weights:
    """Write a two-column text file of energies (keV) and weights, for fluximage and mkinstmap.

    `model` is an expression such as `xsphabs.gal*powlaw1d.pl` with `paramvals` such as `gal.nh=0.1;pl.gamma=1.7`, or
    the name of a file of two columns, energy (keV) and photon/cm2/s/keV. Sherpa evaluates the model where it is
    installed and knows all its parts; otherwise ciaopy's own models do.

    Raises
    ------
    ParameterError
        A parameter is missing or out of range, or the model has no photons.
    NotAvailableError
        A kind of model that neither Sherpa nor ciaopy has here.
    """
    from ciaopy.spectra import energy_edges, model_weights

    outfile = par["outfile"].strip()
    model, values = par["model"].strip(" \"'"), par["paramvals"].strip(" \"';")
    if not model:
        raise ParameterError("model is empty; give a model such as xsphabs.gal*powlaw1d.pl")
    table = Path(file_of(model)).is_file()
    if not values and not table:
        raise ParameterError("paramvals is empty; give the parameters of the model, such as gal.nh=0.1;pl.gamma=1.7")
    edges = energy_edges(par["emin"], par["emax"], par["ewidth"])
    ws.check_output(outfile, par["clobber"], (model,) if table else ())
    source = _table(model, ws) if table else _model(model, values, par, ws.console)
    weights = model_weights(source, edges, f"model={model}")
    _write(outfile, model if table else f"{model} [{values}]", weights, par["clobber"])
    ws.console.say(f"Created: {outfile}", 1)
    ws.console.say(f"  {weights.weight.size} energies from {edges[0]:g} to {edges[-1]:g} keV", 1)
    return weights


def _table(name: str, ws: Workspace) -> Callable[..., Any]:
    """Return the spectrum of a file: its first two columns."""
    from ciaopy.fits import Table
    from ciaopy.spectra import tabulated

    block = ws.read(name)
    if not isinstance(block, Table) or len(block.columns) < 2:
        raise UserError(f"{name}: two columns are needed: energy (keV) and photon/cm2/s/keV")
    energy, density = list(block.columns.values())[:2]
    for column in (energy, density):
        if column.data.dtype.kind not in "fiu" or column.data.ndim != 1:
            raise UserError(f"{name}: column {column.name} is no column of numbers")
    return tabulated(energy.data.astype(np.float64), density.data.astype(np.float64), name)


def _model(model: str, values: str, par: ParameterSet, console: Console) -> Callable[..., Any]:
    """Return the model: Sherpa's where it can make it, else ciaopy's own."""
    from ciaopy.spectra import is_installed, parse_model, sherpa_model

    if is_installed():
        made = sherpa_model(model, values, par["abund"], par["xsect"])
        if made is not None:
            console.say("The model is evaluated by Sherpa.", 1)
            return made  # type: ignore[no-any-return]
    own = parse_model(model, values)
    console.say("The model is evaluated by ciaopy.", 1)
    for note in own.notes:
        console.say(f"  {note}", 1)
    return own


def _write(outfile: str, expression: str, weights: Weights, clobber: bool) -> None:
    from ciaopy.fits import AtomicFile

    keys = (
        ("DATE", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "Date and time of file creation"),
        ("MODELEXPR", expression, "Model expression"),
        ("ENERG_LO", repr(float(weights.edges[0])), "[keV] Lower edge of the first bin"),
        ("ENERG_HI", repr(float(weights.edges[-1])), "[keV] Upper edge of the last bin"),
    )
    lines = ["#TEXT/SIMPLE", "# X WEIGHT", *(f"# {k} = {v} / {c}" for k, v, c in keys)]
    lines += [f"{e!r} {w!r}" for e, w in zip(weights.energy.tolist(), weights.weight.tolist(), strict=True)]
    with AtomicFile(outfile, clobber) as file:
        file.write(("\n".join(lines) + "\n").encode())
