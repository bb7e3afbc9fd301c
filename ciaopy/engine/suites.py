"""The suites of external programs that ciaopy knows."""

from __future__ import annotations

from collections.abc import Mapping

from ciaopy.engine.ciao import CIAO
from ciaopy.engine.external import Suite
from ciaopy.engine.sas import SAS

__all__ = ["SUITES"]

#: By what `tools` and options call them.
SUITES: Mapping[str, Suite] = {suite.name: suite for suite in (CIAO, SAS)}
