"""What a check finds: one `Finding` per departure, a `Report` per file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

__all__ = ["ERROR", "LEVELS", "NOTE", "WARNING", "Finding", "Report"]

ERROR, WARNING, NOTE = "error", "warning", "note"
#: Most severe first.
LEVELS = (ERROR, WARNING, NOTE)


@dataclass(frozen=True)
class Finding:
    """One departure of a file from what its kind should be.

    Attributes
    ----------
    rule : str
        Identifier in `ciaopy.conformance.RULES` (`COL-1`).
    severity : str
        `error`, `warning` or `note`.
    hdu : str
        Block name (HDUNAME, else EXTNAME, else `PRIMARY`); empty for the file as a whole.
    message : str
        What was found and what was expected.
    """

    rule: str
    severity: str
    hdu: str
    message: str


@dataclass(frozen=True)
class Report:
    """What a check of one file found.

    Attributes
    ----------
    file : str
        Path as given.
    kind : str or None
        Kind of product (`evt2_acis`); None where it is not known.
    findings : tuple of Finding
        Most severe first, then in the order of the rules and the HDUs.
    """

    file: str
    kind: str | None
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        """Return the number of findings of one severity."""
        return sum(f.severity == severity for f in self.findings)

    @property
    def ok(self) -> bool:
        """True where no finding is an error."""
        return not self.count(ERROR)

    @property
    def clean(self) -> bool:
        """True where no finding is an error or a warning."""
        return self.ok and not self.count(WARNING)

    def rules(self, severity: str) -> set[str]:
        """Return the identifiers of the rules broken at one severity."""
        return {f.rule for f in self.findings if f.severity == severity}

    def at_level(self, level: str) -> Report:
        """Return the report without the findings less severe than `level`."""
        shown = LEVELS[: LEVELS.index(level) + 1]
        return Report(self.file, self.kind, tuple(f for f in self.findings if f.severity in shown))

    def summary(self) -> str:
        """Return `conforms`, or `1 error, 2 warnings`; notes are counted where there is nothing worse."""
        numbers = Counter(f.severity for f in self.findings)
        parts = [f"{numbers[s]} {s}{'s' * (numbers[s] != 1)}" for s in (ERROR, WARNING) if numbers[s]]
        return ", ".join(parts) or "conforms"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        rows = [{"rule": f.rule, "severity": f.severity, "hdu": f.hdu, "message": f.message} for f in self.findings]
        return {"file": self.file, "kind": self.kind, "findings": rows}
