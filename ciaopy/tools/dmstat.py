"""Compute statistics of table columns and images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ciaopy.analysis import Clipping, Statistics, image_centroid, statistics
from ciaopy.datamodel import physical_axis
from ciaopy.datamodel.images import outside_subspace, pixels
from ciaopy.errors import UserError
from ciaopy.fits import Column, Image, Table

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
        if index < 0:
            return ""
        if not self.shape:
            return str(index + 1)
        position = [float(p) + 1.0 for p in reversed(np.unravel_index(index, self.shape))]
        if self.physical_of is not None:
            header = self.physical_of.header
            position = [float(physical_axis(header, k).from_logical(p)) for k, p in enumerate(position, 1)]
        return f"( {' '.join(_text(p) for p in position)} )"


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run the tool: results are printed (verbose > 0) and stored in the `out_*` parameters, joined by commas.

    Raises
    ------
    UserError
        `nsigma` is out of range, or the block holds no numbers.
    """
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
            raise UserError(f"{infile}: block {block.name} has no column of numbers; it has {', '.join(block.names)}")
    for name, texts in _results(reports, par).items():
        par.put(f"out_{name}", ",".join(texts))
    for report in reports:
        _print(report, par, ws)


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
        null = column.key("TNULL")
        null = null if isinstance(null, int) else None
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


def _print(report: Report, par: ParameterSet, ws: Workspace) -> None:
    say, values = ws.console.say, report.values
    say(f"{report.name}[{report.unit}]" if report.unit else report.name)
    rows = [
        ("min", f"{_text(values.minimum)} \t@:\t{report.place(values.minimum_at)}"),
        ("max", f"{_text(values.maximum)} \t@:\t{report.place(values.maximum_at)}"),
    ]
    if "cntrd_log" in report.centroid:
        rows += [
            ("cntrd[log]", f"( {report.centroid['cntrd_log']} )"),
            ("cntrd[phys]", f"( {report.centroid['cntrd_phys']} )"),
            ("sigma_cntrd", f"( {report.centroid['sigma_cntrd']} )"),
        ]
    rows.append(("mean", _text(values.mean)))
    if par["median"]:
        rows.append(("median", _text(values.median)))
    if par["sigma"]:
        rows.append(("sigma", _text(values.sigma)))
    rows += [("sum", _text(values.total)), ("good", str(values.good)), ("null", str(values.null))]
    for label, text in rows:
        say(f"{label:>9}:\t{text}")
    if par["clip"] and not values.converged:
        ws.console.warn(f"{report.name}: clipping did not converge in {par['maxiter']} iterations")
    say()
