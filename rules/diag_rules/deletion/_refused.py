"""What the engine raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._verdict import Verdict


class UnknownSubject(LookupError):
    """No such subject: it never existed, it is gone already, or our role may not see it."""

    def __init__(self, subject: str, key: Any) -> None:
        super().__init__(f"There is no {subject} with the key {key!r}: it is gone, or it never was.")
        self.subject = subject
        self.key = key


class DeletionRefused(Exception):
    """The safe delete changed nothing.

    Attributes:
        verdict: why.
    """

    def __init__(self, verdict: Verdict) -> None:
        reasons = [blocker.hint for blocker in verdict.blockers] or list(verdict.uncertain_because)
        super().__init__(
            f"{verdict.subject} {verdict.key!r} was not deleted ({verdict.outcome}): {'; '.join(reasons)}"
        )
        self.verdict = verdict
