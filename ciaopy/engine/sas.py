"""SAS, the XMM-Newton Science Analysis System, as a suite of external programs."""

from __future__ import annotations

import re

from ciaopy.engine.external import LogLine, Suite
from ciaopy.errors import SASNotFoundError

__all__ = ["SAS", "read_sas_log", "read_sas_version"]

# `** evselect: warning (NoWCS), No WCS information ...`: how SAS tasks mark warnings and errors.
_MARKED = re.compile(r"^\*\*\s+(?P<task>[^\s:]+):\s+(?P<kind>warning|error)\s+\((?P<code>[^)]*)\),?\s*(?P<text>.*)$")
# `...[xmmsas_20211130_0941-20.0.0]`, `...[22.0.0-9173c7d25-20250127]`: the answer of `sas --version`.
_VERSION = re.compile(r"\[(?:xmmsas_\d+_\d+-)?(\d+(?:\.\d+)+)[^\]]*\]")


def read_sas_log(text: str) -> list[LogLine]:
    """Return the warnings and errors in the output of SAS tasks, in order."""
    found = (_MARKED.match(line.strip()) for line in text.splitlines())
    return [LogLine(m["kind"] == "error", m["task"], m["code"], m["text"].strip()) for m in found if m]


def read_sas_version(text: str) -> tuple[int, ...] | None:
    """Return the version in the answer of `sas --version`, None where there is none: (20, 0, 0)."""
    found = _VERSION.search(text)
    return tuple(int(part) for part in found[1].split(".")) if found else None


SAS = Suite(
    name="sas",
    title="XMM SAS",
    root_variable="SAS_DIR",
    folders=("bin", "binextra"),
    on_path=True,
    parameter_folders=("$HEADAS/syspfiles",),
    needed=("SAS_CCFPATH",),
    private=("SAS_ODF", "SAS_CCF"),
    fixed={"HEADASNOQUERY": "", "HEADASPROMPT": "/dev/null"},
    when_missing=(
        "{what} needs XMM SAS and its calibration files (CCF): set SAS_DIR and SAS_CCFPATH "
        "(https://www.cosmos.esa.int/web/xmm-newton/sas), or give event lists (PPS) and start at espfilt"
    ),
    missing_error=SASNotFoundError,
    read_log=read_sas_log,
    version_words=("sas", "--version"),
    read_version=read_sas_version,
)
