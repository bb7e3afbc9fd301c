"""Extract the spectra of a resolved grating observation, with their background, arm by arm and order by order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ciaopy.datamodel.syntax import file_of
from ciaopy.errors import CalibrationError, DataError, ParameterError
from ciaopy.fits import Dataset, Table
from ciaopy.response import header_grating, kept_header, order_list, zero_orders

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.gratings import Arm, CrossWindows, ExtractionRegions, Polygon, SpectrumRow, WavelengthGrid
    from ciaopy.param import ParameterSet

_COLUMNS = ("tg_srcid", "tg_part", "tg_m", "tg_lam", "tg_d")


def run(par: ParameterSet, ws: Workspace) -> None:
    """Run tgextract: a file of type II, or one of type I for each spectrum.

    Raises
    ------
    ParameterError
        Orders, grids or windows that make no sense; a parameter that cannot be honoured.
    DataError
        Events without grating columns or REGION block; a region file of another detector or without a needed shape.
    """
    infile = par["infile"].strip()
    header = _event_header(infile, ws)
    rows, region_file = _planned_rows(par, infile, header, ws)
    outputs = _outputs(par, rows)
    for path in outputs:
        ws.check_output(path, par["clobber"], (infile,))
    rows = _counted(rows, infile, par, ws)
    background = bool(par["extract_background"])
    out = kept_header(header)
    for key, name in (("ANCRFILE", "ancrfile"), ("RESPFILE", "respfile"), ("BACKFILE", "backfile")):
        out[key] = PurePath(par[name].strip() or "none").name
    _write(par, ws, outputs, rows, out, region_file)
    total = sum(int(r.counts[0].sum()) for r in rows)
    ws.console.say(f"{par['outfile']}: {len(rows)} spectra, {total} counts{'' if background else ', no background'}", 1)


def _event_header(infile: str, ws: Workspace) -> Header:
    from ciaopy.datamodel import block_without_rows

    table = block_without_rows(infile, ws)
    missing = [c for c in _COLUMNS if not isinstance(table, Table) or c not in table]
    if missing:
        raise DataError(f"{infile}: no column {', '.join(missing)}; give events that went through tg_resolve_events")
    return table.header


def _planned_rows(par: ParameterSet, infile: str, header: Header, ws: Workspace) -> tuple[tuple[SpectrumRow, ...], str]:
    """Return the spectra to make, in CIAO's order, without counts; and the name for INREGION."""
    from ciaopy.coords import Geometry
    from ciaopy.gratings import SpectrumRow, arms_of, default_orders

    _refuse_inert(par)
    detector = Geometry.embedded().detector_of(header, infile).name
    arms = arms_of(header_grating(par["tg_part_list"], header), infile)
    zero = zero_orders(ws.dataset(file_of(infile)), infile)
    windows = _windows(par, arms[0].grating)
    regions = _regions(par, header, detector, ws)
    rows: list[SpectrumRow] = []
    for source in _sources(par, zero):
        for arm in arms:
            grid = _grid(par, arm, detector)
            for order in sorted(_orders(par, default_orders(arm, detector))):
                polygons = _polygons(par, regions, arm, order)
                rows.append(SpectrumRow(arm, order, source, zero[source], grid, windows, polygons))
    return tuple(rows), "none" if regions is None else regions.source


def _refuse_inert(par: ParameterSet) -> None:
    if par["bin_units"] != "angstrom":
        raise ParameterError(f"bin_units={par['bin_units']}: grids are made in angstrom only; give wavelengths")
    if par["rowid"].strip():
        raise ParameterError("rowid: rows of region files are told apart by SOURCE, BACKGROUND_UP, BACKGROUND_DOWN")


def _sources(par: ParameterSet, zero: dict[int, tuple[float, float]]) -> list[int]:
    text = par["tg_srcid_list"].strip().lower()
    if text in ("all", "", "header_value"):
        return list(zero)
    try:
        wanted = [int(v) for v in text.replace(",", " ").split()]
    except ValueError:
        raise ParameterError(f"tg_srcid_list={text}: give source numbers such as 1,2, or all") from None
    missing = [n for n in wanted if n not in zero]
    if missing:
        raise ParameterError(
            f"tg_srcid_list={text}: no source {missing[0]} in the mask; it has {', '.join(map(str, zero))}"
        )
    return wanted


def _orders(par: ParameterSet, usual: tuple[int, ...]) -> list[int]:
    text = par["tg_order_list"].strip()
    return list(usual) if text.lower() in ("default", "") else order_list(text, "tg_order_list")


def _number(par: ParameterSet, name: str, unset: str) -> float | None:
    text = par[name].strip()
    if text.lower() in (unset, ""):
        return None
    try:
        return float(text)
    except ValueError:
        raise ParameterError(f"{name}={text}: give a number, or {unset}") from None


def _grid(par: ParameterSet, arm: Arm, detector: str) -> WavelengthGrid:
    from ciaopy.gratings import chosen_grid, default_grid

    name = arm.name.lower()
    low, high, width, bins = (
        _number(par, f"{part}_{name}", "compute") for part in ("min_bin", "max_bin", "bin_size", "num_bins")
    )
    if bins is not None and bins != round(bins):
        raise ParameterError(f"num_bins_{name}={bins:g}: give a whole number")
    return chosen_grid(default_grid(arm, detector), low, high, width, None if bins is None else int(bins), arm.name)


def _windows(par: ParameterSet, grating: str) -> CrossWindows:
    from ciaopy.gratings import CrossWindows, default_windows

    usual = default_windows(grating)

    def window(low: str, high: str, default: tuple[float, float]) -> tuple[float, float]:
        found = [_number(par, low, "default"), _number(par, high, "default")]
        a, b = (d if f is None else f for f, d in zip(found, default, strict=True))
        if not a < b:
            raise ParameterError(f"{low}={a:g}, {high}={b:g}: the first must be below the second (deg)")
        return a, b

    source = window("min_tg_d", "max_tg_d", usual.source)
    # the background begins where the source ends, unless told otherwise
    up = window("min_upbkg_tg_d", "max_upbkg_tg_d", (source[1], max(usual.up[1], 2 * source[1] - source[0])))
    down = window("min_downbkg_tg_d", "max_downbkg_tg_d", (min(usual.down[0], 2 * source[0] - source[1]), source[0]))
    return CrossWindows(source, up, down)


def _regions(par: ParameterSet, header: Header, detector: str, ws: Workspace) -> ExtractionRegions | None:
    """Return the polygons of `inregion_file`; None for `none`."""
    value = par["inregion_file"].strip()
    if value.lower() in ("", "none"):
        return None
    if value.upper().startswith("CALDB") or value.lower() == "lite":
        from ciaopy.caldb import GratingRegions, load
        from ciaopy.gratings import regions_of_product

        product = load("TGMASK2", value, header)
        if not isinstance(product, GratingRegions):
            raise CalibrationError(f"inregion_file={value}: no extraction regions")
        return regions_of_product(product)
    from ciaopy.gratings import regions_of_table

    dataset = ws.dataset(value)
    table = next((b for b in dataset.blocks if isinstance(b, Table) and "shape" in b), None)
    if table is None:
        raise DataError(f"inregion_file={value}: no table with a column SHAPE; give a region file of grating spectra")
    _check_detector(table.header, header, detector, value)
    return regions_of_table(table, PurePath(file_of(value)).name)


def _check_detector(regions: Header, events: Header, detector: str, where: str) -> None:
    made = str(regions.get("DETNAM", regions.get("INSTRUME", ""))).strip().upper()
    grating = str(regions.get("GRATING", "")).strip().upper()
    other = made and not (detector.startswith(made[:5]) or made.startswith(detector))
    mine = str(events.get("GRATING", "")).strip().upper()
    if other or (grating not in ("", "NONE") and mine and grating != mine):
        raise DataError(
            f"{where}: a region file of {grating or 'no grating'}/{made or 'no detector'}, and the events are of "
            f"{mine}/{detector}; give one of the same detector, or inregion_file=none"
        )


def _polygons(par: ParameterSet, regions: ExtractionRegions | None, arm: Arm, order: int) -> tuple[Polygon, ...]:
    from ciaopy.gratings import KINDS

    if regions is None:
        return ()
    found = [regions.find(kind, arm.part, order) for kind in KINDS]
    needed = 3 if par["extract_background"] else 1
    missing = [k for k, p in zip(KINDS[:needed], found, strict=False) if p is None]
    if missing:
        raise DataError(
            f"{regions.source}: no shape {missing[0]} for {arm.name} order {order:+d}; "
            "give another inregion_file, or none"
        )
    source = found[0]
    return tuple(p or source for p in found if p is not None or source is not None)  # type: ignore[misc]


def _outputs(par: ParameterSet, rows: tuple[SpectrumRow, ...]) -> list[str]:
    """Return the names of the files: one of type II; of type I, one per spectrum, `outfile` itself for a single one."""
    name = par["outfile"].strip()
    if par["outfile_type"] == "pha_typeII" or len(rows) == 1:
        return [name]
    path = Path(name)
    several = len({r.source for r in rows}) > 1
    return [
        str(path.with_name(f"{path.stem}{f'_s{r.source}' if several else ''}_{label(r)}{path.suffix or '.pha'}"))
        for r in rows
    ]


def label(row: SpectrumRow) -> str:
    """Return the arm and order as file names have them: `heg_m1`."""
    return f"{row.arm.name.lower()}_{'m' if row.order < 0 else 'p'}{abs(row.order)}"


def _counted(rows: tuple[SpectrumRow, ...], infile: str, par: ParameterSet, ws: Workspace) -> tuple[SpectrumRow, ...]:
    """Return the spectra with their counts."""
    from ciaopy.gratings import extract

    table = ws.read(f"{infile}[cols {','.join(_COLUMNS)}]")
    assert isinstance(table, Table)
    counts = extract({c: table[c] for c in _COLUMNS}, rows, par["extract_background"], ws.nproc)
    if not any(c.any() for c in counts):
        ws.console.at(max(1, ws.console.verbose)).warn(
            f"{infile}: no events in any arm and order asked for; the spectra are empty"
        )
    return tuple(replace(r, counts=c) for r, c in zip(rows, counts, strict=True))


def _write(
    par: ParameterSet,
    ws: Workspace,
    outputs: list[str],
    rows: tuple[SpectrumRow, ...],
    header: Header,
    region_file: str,
) -> None:
    from ciaopy.datamodel import empty_primary
    from ciaopy.gratings import region_table, spectrum_table, type_one

    background = bool(par["extract_background"])
    second = spectrum_table(rows, header, background, region_file) if par["outfile_type"] == "pha_typeII" else None
    for k, path in enumerate(outputs):
        mine = rows if second is not None else rows[k : k + 1]
        spectrum = second or type_one(spectrum_table(mine, header, background, region_file), 0)
        region = region_table(mine, header, background)
        ws.write(path, Dataset([empty_primary(spectrum.header), spectrum, region]), par, par["clobber"])
