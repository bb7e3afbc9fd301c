"""Compute statistics of table columns and images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import Clipping, Statistics, image_centroid, statistics
from ciaopy.datamodel import physical_axis, vector_columns
from ciaopy.datamodel.images import outside_subspace, pixels
from ciaopy.errors import UserError
from ciaopy.fits import Column, Image, Table
from ciaopy.messages import enumerated

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.param import ParameterSet

RESULTS = (
    *("columns", "min", "min_loc", "max", "max_loc", "mean", "median", "sigma", "sum", "good", "null", "cnvrgd"),
    *("cntrd_log", "cntrd_phys", "sigma_cntrd"),
)


@dataclass
class Report:
    """Statistics of one column, or of one element of an array column, or of an image."""

    name: str
    unit: str
    values: Statistics
    shape: tuple[int, ...] = ()
    centroid: dict[str, str] = field(default_factory=dict)
    physical_of: Image | None = None

    def place(self, index: int) -> str:
        """Return where a value is: the 1-based row, or the pixel as `( x y )`."""
        position = self.position(index)
        if position is None:
            return ""
        return f"( {' '.join(map(_text, position))} )" if isinstance(position, list) else str(position)

    def position(self, index: int) -> int | list[float] | None:
        """Return where a value is: the 1-based row, or the physical pixel x, y; None for nowhere."""
        if index < 0:
            return None
        if not self.shape:
            return index + 1
        position = [float(p) + 1.0 for p in reversed(np.unravel_index(index, self.shape))]
        if self.physical_of is not None:
            header = self.physical_of.header
            position = [float(physical_axis(header, k).from_logical(p)) for k, p in enumerate(position, 1)]
        return position


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool: results are printed (verbose > 0) and stored in the `out_*` parameters, joined by commas.

    Raises
    ------
    UserError
        `nsigma` is out of range, or the block holds no numbers.
    """
    block, reports = _measured(par, ws)
    if isinstance(block, Image):
        _print(reports, par, ws)
        return
    for together in _in_vectors(block, reports):
        pair = [r.name.lower() for r in together]
        names = [v.name for v in block.vectors if list(vector_columns(block, v.name) or ()) == pair]
        _print(together, par, ws, names[0] if names else "")


def document(par: ParameterSet, ws: Workspace) -> dict[str, object]:
    """Return the results for `--json`; they are stored in the `out_*` parameters as well.

    Raises
    ------
    UserError
        As `run`.
    """
    block, reports = _measured(par, ws)
    return {
        "infile": par["infile"],
        "block": block.name,
        "kind": "image" if isinstance(block, Image) else "table",
        "results": [_described(r, par) for r in reports],
    }


def _described(report: Report, par: ParameterSet) -> dict[str, object]:
    """Return one report as values; what was not asked for is left out."""
    v = report.values
    found: dict[str, object] = {
        "name": report.name, "unit": report.unit, "min": v.minimum, "min_at": report.position(v.minimum_at),
        "max": v.maximum, "max_at": report.position(v.maximum_at), "mean": v.mean,
    }  # fmt: skip
    if par["median"]:
        found["median"] = v.median
    if par["sigma"]:
        found["sigma"] = v.sigma
    found |= {"sum": v.total, "good": v.good, "null": v.null, "converged": bool(v.converged)}
    names = {"cntrd_log": "centroid_logical", "cntrd_phys": "centroid_physical", "sigma_cntrd": "centroid_sigma"}
    if report.centroid:
        found |= {long: [float(t) for t in report.centroid[k].split()] for k, long in names.items()}
    return found


def _measured(par: ParameterSet, ws: Workspace) -> tuple[Table | Image, list[Report]]:
    """Read the block, compute, and store the results in the `out_*` parameters."""
    for name in RESULTS:
        par.put(f"out_{name}", "")
    infile = par["infile"]
    clipping = Clipping(float(par["nsigma"]), int(par["maxiter"])) if par["clip"] else None
    if clipping and clipping.nsigma <= 0:
        raise UserError(f"nsigma={clipping.nsigma:g}: must be above 0")
    block = ws.read(infile)
    if isinstance(block, Image):
        if block.data is None or not block.data.size:
            raise UserError(f"{infile}: block {block.name} has no pixels")
        reports = [_image_report(block, clipping, par["centroid"])]
    else:
        reports = list(_column_reports(block, clipping, ws))
        if not reports:
            raise UserError(f"{infile}: block {block.name} has no column of numbers; it has {enumerated(block.names)}")
    for name, texts in _results(reports, par).items():
        par.put(f"out_{name}", ",".join(texts))
    return block, reports


def _image_report(image: Image, clipping: Clipping | None, centroid: bool) -> Report:
    data = pixels(image)
    blank = image.header.get("BLANK")
    null = blank if isinstance(blank, int) else None
    values = statistics(data, null, clipping, outside_subspace(image))
    unit = str(image.header.get("BUNIT", "")).strip()
    report = Report(image.name, unit, values, data.shape, physical_of=image)
    if centroid and values.good:
        logical, spread = image_centroid(data, values.used)
        axes = [physical_axis(image.header, k) for k in range(1, data.ndim + 1)]
        physical = [float(axis.from_logical(c)) for axis, c in zip(axes, logical, strict=True)]
        steps = [abs(axis.cdelt) for axis in axes]
        report.centroid = {
            "cntrd_log": " ".join(map(_text, logical)),
            "cntrd_phys": " ".join(map(_text, physical)),
            "sigma_cntrd": " ".join(_text(s * step) for s, step in zip(spread, steps, strict=True)),
        }
    return report


def _column_reports(table: Table, clipping: Clipping | None, ws: Workspace) -> Iterator[Report]:
    """Yield a report per numeric column, per element for arrays; text, bits and variable-length arrays are skipped."""
    for column in table.columns.values():
        if column.data.dtype.kind not in "iufb" or column.form.upper().endswith("X"):
            ws.console.say(f"column {column.name} is skipped: it does not hold numbers", 2)
            continue
        null = column.null
        if column.data.ndim == 1:
            yield Report(column.name, column.unit, statistics(column.data, null, clipping))
            continue
        flat = column.data.reshape(len(column.data), -1) if len(column.data) else _empty_elements(column)
        for k in range(flat.shape[1]):
            yield Report(f"{column.name}[{k + 1}]", column.unit, statistics(flat[:, k], null, clipping))


def _empty_elements(column: Column) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.empty((0, int(np.prod(column.data.shape[1:]))))


def _text(value: float) -> str:
    """Return a number with the digits that dmstat prints (11 significant)."""
    return "" if value != value else f"{value:.11g}"


def _results(reports: list[Report], par: ParameterSet) -> dict[str, list[str]]:
    """Return the texts of every out_ parameter, a list over columns."""
    texts: dict[str, list[str]] = {
        "columns": [r.name for r in reports],
        "min": [_text(r.values.minimum) for r in reports],
        "min_loc": [_stored_place(r, r.values.minimum_at) for r in reports],
        "max": [_text(r.values.maximum) for r in reports],
        "max_loc": [_stored_place(r, r.values.maximum_at) for r in reports],
        "mean": [_text(r.values.mean) for r in reports],
        "sum": [_text(r.values.total) for r in reports],
        "good": [str(r.values.good) for r in reports],
        "null": [str(r.values.null) for r in reports],
        "cnvrgd": [str(int(r.values.converged)) for r in reports],
    }
    if par["median"]:
        texts["median"] = [_text(r.values.median) for r in reports]
    if par["sigma"]:
        texts["sigma"] = [_text(r.values.sigma) for r in reports]
    for name in ("cntrd_log", "cntrd_phys", "sigma_cntrd"):
        texts[name] = [r.centroid[name].replace(" ", ",") for r in reports if name in r.centroid]
    return texts


def _stored_place(report: Report, index: int) -> str:
    return report.place(index).strip("( )").replace(" ", ",")


def _in_vectors(table: Table, reports: list[Report]) -> Iterator[list[Report]]:
    """Yield what is printed together: the two columns of a vector, where the first stands, and single columns."""
    known = {r.name.lower(): r for r in reports}
    done: set[str] = set()
    for report in reports:
        if report.name.lower() in done:
            continue
        pairs = (vector_columns(table, v.name) for v in table.vectors)
        pair = next((p for p in pairs if p and report.name.lower() in p and set(p) <= set(known) - done), None)
        together = [known[name] for name in pair] if pair is not None else [report]
        done |= {r.name.lower() for r in together}
        yield together


def _print(reports: list[Report], par: ParameterSet, ws: Workspace, name: str = "") -> None:
    """Print one block of lines; of a vector called `name`, the values of its columns in brackets."""
    say, first = ws.console.say, reports[0]

    def line(texts: list[str]) -> str:
        return texts[0] if len(reports) == 1 else f"( {' '.join(texts)} )"

    title = f"{name}({', '.join(r.name for r in reports)})" if name else first.name
    say(f"{title}[{first.unit}]" if first.unit else title)
    every = [r.values for r in reports]
    rows = [
        (
            "min",
            f"{line([_text(v.minimum) for v in every])} \t@:\t{line([r.place(r.values.minimum_at) for r in reports])}",
        ),
        (
            "max",
            f"{line([_text(v.maximum) for v in every])} \t@:\t{line([r.place(r.values.maximum_at) for r in reports])}",
        ),
    ]
    if "cntrd_log" in first.centroid:
        rows += [
            ("cntrd[log]", f"( {first.centroid['cntrd_log']} )"),
            ("cntrd[phys]", f"( {first.centroid['cntrd_phys']} )"),
            ("sigma_cntrd", f"( {first.centroid['sigma_cntrd']} )"),
        ]
    rows.append(("mean", line([_text(v.mean) for v in every])))
    if par["median"]:
        rows.append(("median", line([_text(v.median) for v in every])))
    if par["sigma"]:
        rows.append(("sigma", line([_text(v.sigma) for v in every])))
    rows += [
        ("sum", line([_text(v.total) for v in every])),
        ("good", line([str(v.good) for v in every])),
        ("null", line([str(v.null) for v in every])),
    ]
    for label, text in rows:
        say(f"{label:>9}:\t{text}")
    for report in reports:
        if par["clip"] and not report.values.converged:
            ws.console.warn(f"{report.name}: clipping did not converge in {par['maxiter']} iterations")
    say()
