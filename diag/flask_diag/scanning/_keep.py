"""Keep what a scan finds in the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import Blocker, Growth, How, RuleTotal, ScanSummary, Verdict, rule_of
from flask_diag._subject import key_text
from flask_diag.store import BlockedSubject, ScanRun, ScanRunning, ShardTotals, StoreError
from flask_diag.store import ScanSummary as Kept
from flask_diag.store._scans import Scans

from ._read import Reading

LEASE = 60.0  # seconds without a sign of life after which a scan may be overtaken
BEAT = 15.0  # seconds between two such signs


class NotKept(Exception):
    """The store could not keep a scan; its cause says why."""


def keep_part(scans: Scans, run: ScanRun, shard: int, found: Reading, lease: float = LEASE) -> bool:
    """Read *found* to its end and keep it as one shard; False where it was kept before.

    Raises:
        ScanFailed: the application's database can't be asked any more.
        NotKept: the store failed, or another scan has taken this one's place.
    """
    subjects = map(blocked_subject, found.verdicts)
    try:
        return scans.record_shard(run, shard, subjects, lambda: totals_of(found), lease=lease)
    except (StoreError, SQLAlchemyError) as error:
        raise NotKept(said(error)) from error


def totals_of(found: Reading) -> ShardTotals:
    """Return what the store keeps of a part besides its subjects."""
    return ShardTotals(subjects=found.subjects, oldest=found.oldest)


def said(error: Exception) -> str:
    """Return an error of the store for people: its sentence, or the class of an error that may quote parameters."""
    if isinstance(error, StoreError):
        return str(error)
    return f"The store can't be written ({type(error).__name__}): `flask diag store status` says more."


def join(
    scans: Scans, subject: str, how: How, parts: tuple[tuple[Any, Any], ...], lease: float = LEASE
) -> ScanRun:
    """Begin a scan in so many parts, or join the one that goes on where it has as many.

    Raises:
        ScanRunning: another goes on that is split in another way.
    """
    try:
        return scans.begin(subject, how, shards=len(parts), parts=parts, lease=lease)
    except ScanRunning:
        found = scans.running(subject, how)
        if found is None or len(found.parts) != len(parts):
            raise
        return found


def blocked_subject(verdict: Verdict) -> BlockedSubject:
    """Return a verdict as the store keeps it."""
    rules: dict[str, int] = {}
    for blocker in verdict.blockers:
        rules[rule_of(blocker)] = rules.get(rule_of(blocker), 0) + blocker.count
    return BlockedSubject(
        key=key_text(verdict.key),
        rules=rules,
        blockers=tuple(map(_blocker, verdict.blockers)),
        outcome=str(verdict.outcome),
    )


def _blocker(blocker: Blocker) -> dict[str, Any]:
    """Return what pages show of a blocker; its link may hold a name, so it is not kept."""
    return {
        "rule": rule_of(blocker),
        "relation": blocker.relation,
        "table": blocker.table,
        "columns": list(blocker.columns),
        "constraint": blocker.constraint,
        "reason": str(blocker.reason),
        "count": blocker.count,
        "capped": blocker.capped,
        "hint": blocker.hint,
        "remedy": str(blocker.remedy.action),
        "automatic": blocker.remedy.automatic,
    }


def growth(summary: ScanSummary, before: Kept | None) -> tuple[Growth, ...]:
    """Return what changed since the scan *before*; nothing where there was none."""
    return () if before is None else summary.since(summary_of(before))


def summary_of(kept: Kept) -> ScanSummary:
    """Return a scan of the store as the rules sum one up."""
    rules = {
        one.rule: RuleTotal(subjects=one.subjects, rows=one.rows, oldest=one.oldest) for one in kept.relations
    }
    return ScanSummary(
        subject=kept.subject,
        how=How(kept.how),
        blocked=kept.blocked,
        uncertain=kept.uncertain,
        rules=rules,
    )


def drained(verdicts: Iterator[Verdict]) -> None:
    """Read the rest, which is seen and not kept."""
    for _ in verdicts:
        pass
