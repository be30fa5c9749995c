"""What the store answers with: frozen values, moments aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which a database served nobody, over all replicas.

    Attributes:
        ended: the first contact after it; None while it lasts.
        kinds: the kinds of its incidents, sorted.
        count: its incidents, over all replicas.
        replicas: processes that saw it.
        assumed: True where nobody saw its end: every process that saw it is gone, so that it is taken to have
            ended with its last incident.
    """

    bind: str
    started: datetime
    ended: datetime | None
    kinds: tuple[str, ...] = ()
    count: int = 0
    replicas: int = 1
    assumed: bool = False

    def overlaps(self, since: datetime, until: datetime) -> bool:
        """Tell whether it was out at any moment from *since* to *until*."""
        return self.started <= until and (self.ended is None or self.ended >= since)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIncident:
    """Incidents of one sort within one time bucket.

    Attributes:
        id: what a page can name it by.
        bucket: the start of the time bucket.
        code: the database's own code, or None.
        broke: the constraint, or ``table.columns``, or None.
        count: how many there were.
        request_id: of the last of them, or None.
        sentry_event_id: of the last of them that Sentry got, or None.
        outage: the outage of its database at that time, or None; only told by `history`.
    """

    id: str
    bucket: datetime
    app: str
    bind: str
    category: str
    kind: str
    code: str | None
    broke: str | None
    endpoint: str | None
    subject: str | None
    subject_key: str | None
    deletion_of: str | None
    count: int
    first_seen: datetime
    last_seen: datetime
    request_id: str | None
    sentry_event_id: str | None
    outage: Outage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Which incidents; None means all.

    Attributes:
        broke: the constraint, or ``table.columns``.
        subject_key: one, or any of several: a route may name a subject by its name, where another has its key.
        since: incidents from this moment on, to the bucket.
        until: incidents before this moment, to the bucket.
    """

    category: str | None = None
    kind: str | None = None
    bind: str | None = None
    endpoint: str | None = None
    broke: str | None = None
    subject: str | None = None
    subject_key: str | tuple[str, ...] | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the answers.

    Attributes:
        next: what to ask for the following ones with, or None at the end.
    """

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What one subject met, the latest first, and the outages of that time.

    Attributes:
        key: the first of those that were asked for.
        outages: those that any of the incidents fell into, the latest first.
        more: True where there are older incidents than *incidents*.
    """

    subject: str
    key: str
    incidents: tuple[StoredIncident, ...] = ()
    outages: tuple[Outage, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Incidents of one category and kind from *start* on, for the length that was asked for.

    Attributes:
        broke: the constraint, or ``table.columns``, where totals were asked for by it; else None.
    """

    start: datetime
    category: str
    kind: str
    count: int
    broke: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """One of the most frequent values of a field."""

    value: str
    count: int
    last_seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """How the store is.

    Attributes:
        url: without a password.
        schema: what its schema is: ``current``, ``empty``, ``old``, ``foreign``, or ``unreachable``.
        version: its schema's version, or None.
        oldest: the oldest incident's bucket, or None.
        written: incidents written by the processes that are remembered.
        dropped: incidents that they had to drop.
        lost: incidents that were in the memory of processes when they were killed.
        queued: incidents in the memory of this process.
        message: what is wrong and the way out, or empty.
    """

    url: str
    schema: str
    version: str | None = None
    incidents: int = 0
    oldest: datetime | None = None
    writers: int = 0
    written: int = 0
    dropped: int = 0
    lost: int = 0
    queued: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRun:
    """A scan that was begun.

    Attributes:
        id: a later scan has a higher one.
        owner: a token that its shards have to show; secret from nobody, but at random.
        shards: into how many parts it is split.
        parts: of each part the key after which it begins and the one up to which it goes, as JSON can hold them; None: no
            end on that side. Empty where whoever began the scan does all of it.
    """

    id: int
    subject: str
    how: str
    owner: str
    shards: int
    started: datetime
    parts: tuple[tuple[Any, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedSubject:
    """A subject that a scan found blocked, or uncertain.

    Attributes:
        key: as text (``42``, ``7,de``).
        outcome: ``blocked`` or ``uncertain``.
        rules: the rows that block it, by rule.
        blockers: each as JSON can hold it.
        sort: text that sorts as the keys do; by default made from *key*.
    """

    key: str
    rules: Mapping[str, int]
    blockers: Sequence[Mapping[str, Any]] = ()
    outcome: str = "blocked"
    sort: str = ""

    @property
    def rows(self) -> int:
        """The rows that block it, in all."""
        return sum(self.rules.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationTotal:
    """What one rule blocks.

    Attributes:
        rule: as metrics name it.
        subjects: subjects that it blocks.
        rows: rows that block them.
        oldest: the oldest of these rows, or None where that is not known.
    """

    rule: str
    subjects: int
    rows: int
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTotals:
    """What one shard looked at. Blocked subjects and rules are counted from its rows.

    Attributes:
        subjects: how many it looked at.
        oldest: the oldest blocking row by rule, where that is known.
    """

    subjects: int
    oldest: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """A finished scan.

    Attributes:
        relations: the rule that blocks most subjects first.
        rows_kept: False where only the totals are left.
    """

    id: int
    subject: str
    how: str
    started: datetime
    finished: datetime
    subjects: int
    blocked: int
    uncertain: int
    relations: tuple[RelationTotal, ...] = ()
    rows_kept: bool = True

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished - self.started).total_seconds()
