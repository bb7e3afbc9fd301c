"""Model expressions such as `xsphabs.gal * (powlaw1d.pl + xsgaussian.fe)`: products and sums of named components."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ciaopy.errors import NotAvailableError, ParameterError
from ciaopy.spectra.components import BUILT_IN, Component

__all__ = ["SpectralModel", "component_names", "expression_tree", "fold", "parse_model", "parse_values"]

FloatArray = NDArray[np.float64]

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class SpectralModel:
    """A model expression with the values of its parameters.

    Attributes
    ----------
    text : str
        The expression.
    components : dict
        Name given to each component, lower case, to its kind.
    values : dict
        Name of a component to its parameters' values.
    """

    text: str
    components: dict[str, Component]
    values: dict[str, dict[str, float]]

    def __call__(self, lo: FloatArray, hi: FloatArray) -> FloatArray:
        """Return photon/cm2/s in bins with edges `lo`, `hi` (keV, shape (n,), adjacent)."""

        def leaf(kind: str, name: str) -> FloatArray:
            return self.components[name].evaluate(lo, hi, self.values[name])

        return np.asarray(fold(expression_tree(self.text), leaf), np.float64) + np.zeros(lo.shape)

    @property
    def notes(self) -> list[str]:
        """How the kinds of model used differ from those of Sherpa and XSPEC."""
        return [f"{c.name}: {c.note}" for c in dict.fromkeys(self.components.values()) if c.note]


def expression_tree(text: str) -> ast.expr:
    """Return the parsed expression, for `fold`.

    Raises
    ------
    ParameterError
        The text is no expression.
    """
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ParameterError(
            f"model={text!r} is no model expression; write kind.name joined by + and *, such as xsphabs.gal*powlaw1d.pl"
        ) from None


def fold(node: ast.expr, leaf: Callable[[str, str], Any]) -> Any:
    """Evaluate a parsed expression; `leaf(kind, name)`, lower case, gives the value of a component.

    Raises
    ------
    ParameterError
        Anything but numbers, components, `+ - * /` and parentheses.
    """
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](fold(node.left, leaf), fold(node.right, leaf))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = fold(node.operand, leaf)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return leaf(node.value.id.lower(), node.attr.lower())
    raise ParameterError(f"model: {ast.unparse(node)!r} is not kind.name, a number, or these joined by + - * /")


def component_names(text: str) -> dict[str, str]:
    """Return the components of an expression: name to kind, lower case, in order.

    Raises
    ------
    ParameterError
        The text is no expression, has no component, or gives one name to two kinds.
    """
    found: dict[str, str] = {}

    def leaf(kind: str, name: str) -> float:
        if found.setdefault(name, kind) != kind:
            raise ParameterError(f"model={text}: {name} is a {found[name]} and a {kind}; give them different names")
        return 1.0

    try:
        fold(expression_tree(text), leaf)
    except ZeroDivisionError:
        raise ParameterError(f"model={text}: divides by 0") from None
    if not found:
        raise ParameterError(f"model={text}: no component; write kind.name, such as powlaw1d.pl")
    return found


def parse_values(text: str) -> dict[tuple[str, str], float]:
    """Return parameter values of `gal.nh=0.1;pl.gamma=1.7` by (component, parameter), lower case.

    Raises
    ------
    ParameterError
        An entry is not `component.parameter=number`.
    """
    values: dict[tuple[str, str], float] = {}
    for entry in text.split(";"):
        if not entry.strip():
            continue
        name, equals, number = entry.partition("=")
        component, dot, parameter = name.strip().lower().partition(".")
        try:
            value = float(number)
        except ValueError:
            value = np.nan
        if not (equals and dot and component and parameter and np.isfinite(value)):
            raise ParameterError(f"paramvals: {entry.strip()!r} is not component.parameter=number")
        values[component, parameter] = value
    return values


def parse_model(text: str, paramvals: str = "") -> SpectralModel:
    """Make a model of built-in components.

    Parameters
    ----------
    text : str
        Expression; names in any case.
    paramvals : str
        `component.parameter=value;...`; other parameters keep Sherpa's defaults.

    Raises
    ------
    NotAvailableError
        A kind of model that ciaopy does not have; the message lists those it has.
    ParameterError
        Not an expression, an unknown parameter, a value out of range.
    """
    kinds = component_names(text)
    unknown = [k for k in kinds.values() if k not in BUILT_IN]
    if unknown:
        raise NotAvailableError(
            f"model={text}: ciaopy has no {', '.join(unknown)} of its own (it has {', '.join(BUILT_IN)}); "
            "install sherpa for more, or give a two-column file of the spectrum as model"
        )
    components = {name: BUILT_IN[kind] for name, kind in kinds.items()}
    if not any(c.additive for c in components.values()):
        raise ParameterError(f"model={text}: only factors, nothing that emits; multiply by a model such as powlaw1d.pl")
    values = {n: {p.name: p.default for p in c.parameters} for n, c in components.items()}
    for (name, parameter), value in parse_values(paramvals).items():
        if name not in components:
            raise ParameterError(f"paramvals: no component {name} in {text}; it has {', '.join(components)}")
        known = {p.name: p for p in components[name].parameters}
        if parameter not in known:
            raise ParameterError(f"paramvals: {kinds[name]} has no parameter {parameter}; it has {', '.join(known)}")
        if value < known[parameter].minimum:
            raise ParameterError(f"paramvals: {name}.{parameter}={value:g} is below {known[parameter].minimum:g}")
        values[name][parameter] = value
    return SpectralModel(text, components, values)
