"""Names that are nearly right."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean a or b?)` for the names that are spelt nearly like `word`; empty where there is none."""
    import difflib

    names = {name.lower(): name for name in known}
    alike = difflib.get_close_matches(word.lower(), names, 3, 0.6)
    return f" (did you mean {' or '.join(names[name] for name in alike)}?)" if alike else ""
