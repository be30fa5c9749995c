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
        reasons = [*(blocker.hint for blocker in verdict.blockers), *verdict.uncertain_because]
        super().__init__(
            f"{verdict.subject} {verdict.key!r} was not deleted ({verdict.outcome}): {'; '.join(reasons)}"
        )
        self.verdict = verdict


class LockDenied(Exception):
    """The database lets our role not lock the subject, so the safe delete changed nothing.

    Attributes:
        table: the table whose row could not be locked.
    """

    def __init__(self, subject: str, table: str) -> None:
        super().__init__(
            f"A safe delete of {subject} first locks its row of {table} (SELECT ... FOR UPDATE), and the database does not"
            f" let our role: GRANT UPDATE ON {table} to it beside SELECT and DELETE; on one column is enough for PostgreSQL."
        )
        self.table = table


class ScanTimeout(Exception):
    """A statement of a scan took longer than it may. What came before it stands: go on after the last key.

    Attributes:
        limit: seconds.
    """

    def __init__(self, subject: str, limit: float) -> None:
        super().__init__(
            f"A statement of the scan of {subject} took longer than {limit:g} s, and the database ended it: give a longer"
            " timeout, or scan a range of keys at a time (after=, until=)."
        )
        self.subject = subject
        self.limit = limit
