"""Split a grating spectrum file into source and background spectra that name their responses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ciaopy.errors import DataError
from ciaopy.fits import Block, Dataset, Table

if TYPE_CHECKING:
    from ciaopy.datamodel import Workspace
    from ciaopy.fits import Header
    from ciaopy.gratings import SpectrumId
    from ciaopy.param import ParameterSet

# What follows `grid(` in RESPFILE, up to a block in brackets or the end.
_GRID = re.compile(r"grid\(([^\[)]+)", re.IGNORECASE)


def run(par: ParameterSet, ws: Workspace) -> None:
    """Write `<outroot>_<arm>_<m|p><n>.pha` and `..._bkg.pha` for every row of the type II file `infile`.

    Raises
    ------
    OutputExistsError
        A product exists and clobber=no; decided before any is written.
    DataError
        Not a type II file of tgextract; a response file that cannot be read; an area and a matrix on different grids,
        or a matrix of another number of channels than the spectrum.
    """
    from ciaopy.gratings import names_of, source_and_background, spectra_of

    infile = par["infile"].strip()
    spectrum, region, spectra = spectra_of(ws.dataset(infile), infile)
    named = list(names_of(spectra, par["outroot"].strip()))
    for _, root in named:
        for suffix in (".pha", "_bkg.pha"):
            ws.check_output(root + suffix, par["clobber"], (infile,))
    responses = _responses(par, ws)
    for one, _ in named:
        _check_grids(*_match(responses, spectrum.header, one), spectrum["COUNTS"].shape[1], ws)
    for one, root in named:
        source, background = source_and_background(spectrum, one)
        arf, rmf = _match(responses, spectrum.header, one)
        folder = Path(root).absolute().parent
        keys = {
            "BACKFILE": f"{Path(root).name}_bkg.pha" if background is not None else "NONE",
            "ANCRFILE": _name(arf, folder),
            "RESPFILE": _name(rmf, folder),
        }
        for key, value in keys.items():
            source.header[key] = value
        _write(f"{root}.pha", source, region, one, par, ws)
        if background is not None:
            for key in keys:
                background.header[key] = "NONE"
            _write(f"{root}_bkg.pha", background, None, one, par, ws)
    found = sum(_match(responses, spectrum.header, one)[0] is not None for one, _ in named)
    ws.console.say(f"{infile}: {len(named)} spectra of type I, {found} with responses", 1)


def _write(path: str, table: Table, region: Table | None, one: SpectrumId, par: ParameterSet, ws: Workspace) -> None:
    from ciaopy.datamodel import empty_primary
    from ciaopy.gratings import region_rows

    blocks: list[Block] = [empty_primary(table.header), table]
    ws.write(path, Dataset(blocks + ([region_rows(region, one)] if region is not None else [])), par, par["clobber"])


def _responses(par: ParameterSet, ws: Workspace) -> list[tuple[Path, Header, Path | None]]:
    """Return every effective area with its header and its response matrix; matrices alone with themselves."""
    arfs, rmfs = (_stack(par[name]) for name in ("arffile", "rmffile"))
    found = []
    used = set()
    for name in arfs:
        header = _first_table(name, "SPECRESP", ws).header
        match = _GRID.search(str(header.get("RESPFILE", "")))
        rmf = Path(name).parent / Path(match.group(1).strip()).name if match else None
        rmf = rmf if rmf is not None and rmf.exists() else next((Path(r) for r in rmfs if _same_stem(r, name)), None)
        used.add(str(rmf))
        found.append((Path(name), header, rmf))
    return found


def _check_grids(arf: Path | None, rmf: Path | None, channels: int, ws: Workspace) -> None:
    """Refuse an area and a matrix that a fitting program cannot put together, or a matrix that is not the spectrum's.

    Raises
    ------
    DataError
        Different energies; another number of channels.
    """
    if rmf is None or not ws.exists(str(rmf)):
        return
    import numpy as np

    tables = ws.dataset(str(rmf)).tables("MATRIX") or ws.dataset(str(rmf)).tables("SPECRESP MATRIX")
    if not tables:
        raise DataError(f"{rmf}: no MATRIX block in it; give response matrices of mkgrmf or mktgresp")
    matrix = tables[0]
    detchans = matrix.header.get("DETCHANS", channels)
    if detchans != channels:
        raise DataError(
            f"{rmf}: {detchans} channels, and the spectrum has {channels}; make it with mktgresp for this file"
        )
    if arf is None:
        return
    area = _first_table(str(arf), "SPECRESP", ws)
    same = area.nrows == matrix.nrows and all(
        np.allclose(area[c], matrix[c], rtol=1e-5, atol=0) for c in ("ENERG_LO", "ENERG_HI")
    )
    if not same:
        raise DataError(f"{arf} and {rmf.name}: different energy grids; make both with mktgresp, or on one engrid")


def _same_stem(a: str, b: str) -> bool:
    return Path(a).stem == Path(b).stem


def _stack(text: str) -> list[str]:
    from ciaopy.stack import build

    if text.strip().lower() in ("", "none"):
        return []
    return [n for n in build(text) if n.strip() and n.strip().lower() != "none" and "*" not in n]


def _first_table(name: str, block: str, ws: Workspace) -> Table:
    tables = ws.dataset(name).tables(block)
    if not tables:
        raise DataError(f"{name}: no {block} table in it; give effective areas of mkgarf or mktgresp")
    return tables[0]


def _match(
    responses: list[tuple[Path, Header, Path | None]], header: Header, one: SpectrumId
) -> tuple[Path | None, Path | None]:
    from ciaopy.gratings import matches

    for arf, made, rmf in responses:
        if matches(made, header, one):
            return arf, rmf
    return None, None


def _name(path: Path | None, folder: Path) -> str:
    """Return a file's name for a keyword: without folder where it stands beside the spectrum."""
    if path is None:
        return "NONE"
    return path.name if path.absolute().parent == folder else str(path)
