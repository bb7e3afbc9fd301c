"""Which aspect solution a reprocessing uses, and the boresight update of old ones (chandra_repro)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ciaopy.errors import DataError

KINDS = ("ASPSOLOBI", "OBCSOL", "ASPSOL")


@dataclass(frozen=True)
class AspectChoice:
    """The aspect solution to use.

    Attributes
    ----------
    kind : str
        CONTENT of the files: ASPSOLOBI, OBCSOL or ASPSOL.
    paths : tuple of Path
        In time order.
    unused : tuple of Path
        Files found and left out.
    """

    kind: str
    paths: tuple[Path, ...]
    unused: tuple[Path, ...] = ()

    @property
    def method(self) -> str:
        """How skyfov follows it: `convexhull` for one ASPSOLOBI file, else `minmax`."""
        return "convexhull" if self.kind == "ASPSOLOBI" and len(self.paths) == 1 else "minmax"


def choose(paths: tuple[Path, ...]) -> AspectChoice:
    """Choose by CONTENT: one ASPSOLOBI, else all OBCSOL, else all ASPSOL.

    Raises
    ------
    DataError
        Several ASPSOLOBI files, or a CONTENT that is none of them.
    """
    from ciaopy.fits import read_header

    groups: dict[str, list[Path]] = {}
    for path in paths:
        content = str(read_header(path, 1).get("CONTENT", "")).strip().upper()
        groups.setdefault(content, []).append(path)
    unknown = [p for c, found in groups.items() if c not in KINDS for p in found]
    if unknown and not any(k in groups for k in KINDS):
        raise DataError(f"{unknown[0]}: CONTENT is none of {', '.join(KINDS)}; not an aspect solution of the archive")
    final = groups.get("ASPSOLOBI", [])
    if len(final) > 1:
        names = ", ".join(p.name for p in final)
        raise DataError(f"{len(final)} final aspect solutions (ASPSOLOBI): {names}; run splitobs on the folder first")
    kind = next(k for k in KINDS if k in groups)
    chosen = tuple(groups[kind])
    return AspectChoice(kind, chosen, tuple(p for p in paths if p not in chosen))
