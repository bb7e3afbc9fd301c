"""Where the indexes of a calibration database are: `$CALDB`, `$CALDBCONFIG` and the file `caldb.config`.

A line of `caldb.config` is ``MISSION INSTRUMENT device folder index-file device folder ...`` in words separated by
blanks; `#` begins a comment. A device is the word CALDB (the root), or the name of an environment variable. Words after
the seventh (the place of `key.config`) are not needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ciaopy.errors import CalibrationError
from ciaopy.messages import reason

__all__ = ["ConfigEntry", "config_path", "read_config"]

# Indexes of spacecraft telemetry and planning: nothing in them serves event processing.
_UNUSED = frozenset({"EPHIN", "PCAD", "SIM", "PIMMS"})


@dataclass(frozen=True)
class ConfigEntry:
    """One line of `caldb.config`.

    Attributes
    ----------
    telescope, instrument : str
        Upper case; instrument DEFAULT holds mirror, gratings and geometry.
    index : Path
        The index file.
    root : Path
        Folder that CAL_DIR of its rows starts from.
    """

    telescope: str
    instrument: str
    index: Path
    root: Path

    @property
    def is_used(self) -> bool:
        """False for the indexes that no tool of ciaopy asks."""
        return self.instrument not in _UNUSED


def config_path(root: Path, environ: Mapping[str, str]) -> Path:
    """Return the configuration file: `$CALDBCONFIG`, else software/tools/caldb.config below the root."""
    named = environ.get("CALDBCONFIG", "").strip()
    return Path(named) if named else root / "software" / "tools" / "caldb.config"


def read_config(path: Path, root: Path, environ: Mapping[str, str] | None = None) -> tuple[ConfigEntry, ...]:
    """Read `caldb.config`.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        What the device CALDB stands for.
    environ : mapping, optional
        Environment in which other devices are looked up; default: the process's own.

    Raises
    ------
    CalibrationError
        The file is missing, no text, has a line with fewer than five words, names an unknown device, or is empty.
    """
    variables = os.environ if environ is None else environ
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise CalibrationError(
            f"{path}: no such configuration file of the CALDB; set CALDB to the folder that holds software/tools/, "
            "or CALDBCONFIG to the file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path}: cannot be read as the configuration of the CALDB: {reason(error)}") from error
    entries = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) < 5:
            raise CalibrationError(
                f"{path}: line {number} has {len(words)} words, expected at least 5 (mission, instrument, CALDB, "
                f"folder, index): {line.strip()}"
            )
        index = _device(words[2], root, variables, path, number) / words[3] / words[4]
        data = _device(words[5], root, variables, path, number) if len(words) > 5 else root
        entries.append(ConfigEntry(words[0].upper(), words[1].upper(), index, data))
    if not entries:
        raise CalibrationError(f"{path}: no mission in this configuration of the CALDB; install the CALDB again")
    return tuple(entries)


def _device(word: str, root: Path, environ: Mapping[str, str], path: Path, number: int) -> Path:
    """Return the folder that a device word stands for."""
    name = word.lstrip("$")
    if name.upper() == "CALDB":
        return root
    if name in environ:
        return Path(environ[name])
    if Path(word).is_absolute():
        return Path(word)
    raise CalibrationError(
        f"{path}: line {number}: {word} is neither CALDB nor an environment variable; define it or correct the line"
    )
