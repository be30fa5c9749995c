"""The error of a wrong policy, and the search for the name that was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE = 0.5  # of difflib's ratio: below it a suggestion would puzzle
_LISTED = 8


class PolicyError(ValueError):
    """A deletion policy is wrong: says the file, the entry, the wrong name and the nearest right one."""

    def within(self, place: str) -> PolicyError:
        """Return this error with the *place* (file, entry) put before its message."""
        return PolicyError(f"{place}: {self}")


def nearest(name: str, options: Iterable[str]) -> str:
    """Return the end of a sentence: ``; did you mean 'x'?``, else the options there are, else a full stop."""
    known = sorted({str(option) for option in options})
    if not known:
        return "."
    best = max(known, key=lambda option: _likeness(name, option))
    if _likeness(name, best) >= _ALIKE:
        return f"; did you mean {best!r}?"
    shown = ", ".join(map(repr, known[:_LISTED])) + (", ..." if len(known) > _LISTED else "")
    return f" (known: {shown})."


def _likeness(name: str, option: str) -> float:
    return SequenceMatcher(None, name.casefold(), option.casefold()).ratio()
