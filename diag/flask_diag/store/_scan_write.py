"""Scans as they are written: one at a time, each shard once, and never by one that was overtaken."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from ._database import Database
from ._entry import clean
from ._errors import ScanIncomplete, ScanOvertaken, ScanRunning
from ._lease import give_back, held_until, take
from ._scan_claims import forget_claims, lease_name
from ._scan_read import summary_of
from ._tables import blocked, blocked_rule, scan, scan_relation, scan_shard
from ._values import BlockedSubject, ScanRun, ScanSummary, ShardTotals

CHUNK = 1_000  # subjects a transaction
LEASE = 300.0  # seconds after which a scan that shows no sign of life may be overtaken
RUNNING, FINISHED, FAILED, OVERTAKEN = "running", "finished", "failed", "overtaken"
_NUMBER = re.compile(r"-?\d{1,18}")
_MAX_SORT, _MAX_RULE, _MAX_KEY = 220, 200, 200

Clock = Callable[[], datetime]
Totals = ShardTotals | Callable[[], ShardTotals]
Parts = Sequence[tuple[Any, Any]]


def now() -> datetime:
    """Return the moment."""
    return datetime.now(UTC)


def begin(  # noqa: PLR0913, PLR0917 what a scan is
    database: Database,
    app: str,
    subject: str,
    how: str,
    shards: int,
    lease: float,
    clock: Clock = now,
    parts: Parts = (),
) -> ScanRun:
    """Begin a scan; one that stopped without a word is overtaken when its lease has run out.

    Raises:
        ScanRunning: another goes on.
    """
    owner, at = uuid.uuid4().hex, clock()
    same = (scan.c.app == app, scan.c.subject == subject, scan.c.how == how, scan.c.state == RUNNING)
    with database.write() as connection:
        if not take(connection, lease_name(app, subject, how), owner, at, lease):
            raise _running(connection, lease_name(app, subject, how), same, at)
        connection.execute(update(scan).where(*same).values(state=OVERTAKEN, finished=at))
        row = {"app": app, "subject": subject, "how": how, "state": RUNNING, "owner": owner, "shards": shards}
        row["parts"] = json.dumps(parts)
        zero = {"started": at, "subjects": 0, "blocked": 0, "uncertain": 0, "rows_kept": 1}
        key = connection.execute(insert(scan).values({**row, **zero})).inserted_primary_key
        number: int = key[0] if key is not None else 0
    return ScanRun(
        id=number, subject=subject, how=how, owner=owner, shards=shards, started=at, parts=tuple(parts)
    )


def _running(connection: Connection, name: str, same: tuple[Any, ...], at: datetime) -> ScanRunning:
    found = connection.execute(select(scan.c.id, scan.c.started).where(*same)).first()
    number, started = found if found is not None else (0, at)
    return ScanRunning(number, started, held_until(connection, name) or at)


def renew(database: Database, app: str, run: ScanRun, lease: float, clock: Clock = now) -> None:
    """Say that the scan goes on; raises ScanOvertaken."""
    with database.write() as connection:
        hold(connection, app, run, lease, clock)


def record_shard(  # noqa: PLR0913, PLR0917 what a shard is
    database: Database,
    app: str,
    run: ScanRun,
    shard: int,
    subjects: Iterable[BlockedSubject],
    totals: Totals,
    lease: float,
    clock: Clock = now,
) -> bool:
    """Keep the result of one shard, in chunks; False where it is kept already, so that doing it again is harmless.

    Raises:
        ScanOvertaken: the scan is over, or another has taken its place.
        ValueError: the scan has no such shard.
    """
    if not 0 <= shard < run.shards:
        raise ValueError(f"Shard {shard} of scan {run.id}: it has the shards 0 to {run.shards - 1}.")
    attempt, counted = uuid.uuid4().hex, _Counted()
    try:
        for chunk in _chunks(subjects):
            with database.write() as connection:
                hold(connection, app, run, lease, clock)
                _put(connection, run, shard, attempt, chunk, counted)
        with database.write() as connection:
            hold(connection, app, run, lease, clock)
            told = totals if isinstance(totals, ShardTotals) else totals()
            kept = not _is_done(connection, run, shard)
            if kept:
                _mark_done(connection, run, shard, attempt, told, counted, clock())
    except BaseException:
        _take_back(database, run, attempt)
        raise
    if not kept:
        _take_back(database, run, attempt)
    return kept


def finish(database: Database, app: str, run: ScanRun, clock: Clock = now) -> ScanSummary:
    """End a scan whose shards are all kept, and return what it found.

    Raises:
        ScanIncomplete: some are not.
        ScanOvertaken: it is over already, or another has taken its place.
    """
    with database.write() as connection:
        hold(connection, app, run, LEASE, clock)
        done = set(
            connection.execute(select(scan_shard.c.shard).where(scan_shard.c.scan == run.id)).scalars()
        )
        missing = tuple(sorted(set(range(run.shards)) - done))
        if missing:
            raise ScanIncomplete(run.id, missing)
        for table in (blocked_rule, blocked):  # what attempts have left that were killed
            good = select(scan_shard.c.attempt).where(scan_shard.c.scan == run.id)
            connection.execute(delete(table).where(table.c.scan == run.id, table.c.attempt.not_in(good)))
        summed = [func.sum(scan_shard.c[name]) for name in ("subjects", "blocked", "uncertain")]
        sums = connection.execute(select(*summed).where(scan_shard.c.scan == run.id)).one()
        values = {
            name: int(value) for name, value in zip(("subjects", "blocked", "uncertain"), sums, strict=True)
        }
        _end(connection, app, run, FINISHED, clock(), values)
        found = summary_of(connection, run.id)
    if found is None:
        raise ScanOvertaken(f"Scan {run.id} is gone from the store.")
    return found


def fail(database: Database, app: str, run: ScanRun, clock: Clock = now) -> None:
    """Give a scan up, so that the next may begin; nothing happens where it is over."""
    with database.write() as connection:
        _end(connection, app, run, FAILED, clock(), {})


def _end(  # noqa: PLR0913, PLR0917 what an end is
    connection: Connection, app: str, run: ScanRun, state: str, at: datetime, values: dict[str, int]
) -> None:
    mine = (scan.c.id == run.id, scan.c.owner == run.owner, scan.c.state == RUNNING)
    connection.execute(update(scan).where(*mine).values(state=state, finished=at, **values))
    give_back(connection, lease_name(app, run.subject, run.how), run.owner)
    forget_claims(connection, run)


class _Counted:
    """What was seen of a shard's rows."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.subjects: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()


def _chunks(subjects: Iterable[BlockedSubject]) -> Iterator[list[BlockedSubject]]:
    waiting = iter(subjects)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk


def hold(connection: Connection, app: str, run: ScanRun, lease: float, clock: Clock) -> None:
    """Lock the scan's row and keep its lease; raises ScanOvertaken where it is no more the one that runs."""
    mine = (scan.c.id == run.id, scan.c.owner == run.owner, scan.c.state == RUNNING)
    if connection.execute(update(scan).where(*mine).values(owner=run.owner)).rowcount != 1:
        raise ScanOvertaken(
            f"Scan {run.id} is over, or another has taken its place: its late results are not kept."
        )
    take(connection, lease_name(app, run.subject, run.how), run.owner, clock(), lease)


def _put(  # noqa: PLR0913, PLR0917 what a row is made from
    connection: Connection,
    run: ScanRun,
    shard: int,
    attempt: str,
    chunk: list[BlockedSubject],
    counted: _Counted,
) -> None:
    place = {"scan": run.id, "shard": shard, "attempt": attempt}
    rows, rules = [], []
    for found in chunk:
        sort = found.sort or sort_of(found.key)
        key, blockers = clean(found.key, _MAX_KEY), json.dumps(list(found.blockers))
        counted.outcomes[found.outcome] += 1
        rows.append(
            {
                **place,
                "sort": sort,
                "subject_key": key,
                "outcome": found.outcome,
                "row_count": found.rows,
                "blockers": blockers,
            }
        )
        for name, count in found.rules.items():
            rule = clean(name, _MAX_RULE)
            counted.subjects[rule] += 1
            counted.rows[rule] += count
            rules.append({**place, "sort": sort, "rule": rule, "row_count": count})
    connection.execute(insert(blocked), rows)
    if rules:
        connection.execute(insert(blocked_rule), rules)


def _is_done(connection: Connection, run: ScanRun, shard: int) -> bool:
    asked = select(scan_shard.c.shard).where(scan_shard.c.scan == run.id, scan_shard.c.shard == shard)
    return connection.execute(asked).first() is not None


def _mark_done(  # noqa: PLR0913, PLR0917 what a shard is
    connection: Connection,
    run: ScanRun,
    shard: int,
    attempt: str,
    told: ShardTotals,
    counted: _Counted,
    at: datetime,
) -> None:
    numbers = {
        "subjects": told.subjects,
        **{name: counted.outcomes[name] for name in ("blocked", "uncertain")},
    }
    row = {"scan": run.id, "shard": shard, "attempt": attempt, "finished": at, **numbers}
    connection.execute(insert(scan_shard).values(row))
    relations = [
        {
            "scan": run.id,
            "shard": shard,
            "rule": rule,
            "subjects": count,
            "row_count": counted.rows[rule],
            "oldest": told.oldest.get(rule),
        }
        for rule, count in counted.subjects.items()
    ]
    if relations:
        connection.execute(insert(scan_relation), relations)


def _take_back(database: Database, run: ScanRun, attempt: str) -> None:
    """Delete the rows of an attempt that does not count."""
    tables: tuple[Table, ...] = (blocked_rule, blocked)
    with database.write() as connection:
        for table in tables:
            connection.execute(delete(table).where(table.c.scan == run.id, table.c.attempt == attempt))


def sort_of(key: str) -> str:
    """Return text that sorts as keys do: numbers by their value, before words; at most 220 characters."""
    text = ",".join(_sortable(part) for part in clean(key, 10_000).split(","))
    if len(text) <= _MAX_SORT:
        return text
    mark = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return text[: _MAX_SORT - len(mark) - 1] + "~" + mark


def _sortable(part: str) -> str:
    if not _NUMBER.fullmatch(part):
        return part
    number = int(part)
    return f"1{number:019d}" if number >= 0 else f"0{10**19 + number:019d}"
