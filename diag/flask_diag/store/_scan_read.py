"""Scans as they are read: summaries, and pages of blocked subjects."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.sql import ColumnElement

from ._tables import blocked, blocked_rule, scan, scan_relation, scan_shard
from ._values import BlockedSubject, Page, RelationTotal, ScanSummary

MAX_PAGE = 500
ORDERS = ("key", "rows")


def latest(
    connection: Connection, app: str, subject: str, how: str, before: int | None = None
) -> ScanSummary | None:
    """Return the last finished scan of *subject*, or the last one before the scan *before*; None without any."""
    asked = (
        select(scan.c.id)
        .where(scan.c.app == app, scan.c.subject == subject, scan.c.how == how, scan.c.state == "finished")
        .order_by(scan.c.id.desc())
        .limit(1)
    )
    if before is not None:
        asked = asked.where(scan.c.id < before)
    found = connection.execute(asked).scalar()
    return None if found is None else summary_of(connection, found)


def summary_of(connection: Connection, number: int) -> ScanSummary | None:
    """Return a finished scan, or None."""
    found = connection.execute(select(scan).where(scan.c.id == number, scan.c.state == "finished")).first()
    if found is None:
        return None
    return ScanSummary(
        id=found.id,
        subject=found.subject,
        how=found.how,
        started=found.started,
        finished=found.finished,
        subjects=found.subjects,
        blocked=found.blocked,
        uncertain=found.uncertain,
        relations=_relations(connection, number),
        rows_kept=bool(found.rows_kept),
    )


def _relations(connection: Connection, number: int) -> tuple[RelationTotal, ...]:
    subjects, rows = func.sum(scan_relation.c.subjects), func.sum(scan_relation.c.row_count)
    asked = (
        select(scan_relation.c.rule, subjects, rows, func.min(scan_relation.c.oldest))
        .where(scan_relation.c.scan == number)
        .group_by(scan_relation.c.rule)
        .order_by(subjects.desc(), scan_relation.c.rule)
    )
    return tuple(
        RelationTotal(rule=rule, subjects=int(count), rows=int(number_of_rows), oldest=oldest)
        for rule, count, number_of_rows, oldest in connection.execute(asked)
    )


def done(connection: Connection, number: int) -> tuple[int, ...]:
    """Return the shards of a scan that are kept, in order."""
    asked = select(scan_shard.c.shard).where(scan_shard.c.scan == number).order_by(scan_shard.c.shard)
    return tuple(connection.execute(asked).scalars())


def blocked_page(  # noqa: PLR0913, PLR0917 what is asked for
    connection: Connection, number: int, rule: str | None, order: str, after: str | None, limit: int
) -> Page[BlockedSubject]:
    """Return a page of the subjects that a scan found; see `Scans.blocked`."""
    if order not in ORDERS or not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"order={order!r}, limit={limit}: give {' or '.join(ORDERS)}, and 1 to {MAX_PAGE}.")
    table = blocked if rule is None else blocked_rule
    asked = _of_scan(number, rule)
    if after is not None:
        asked = asked.where(_after(table, order, after))
    asked = asked.order_by(
        *((table.c.row_count.desc(), table.c.sort) if order == "rows" else (table.c.sort,))
    )
    rows = connection.execute(asked.limit(limit + 1)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        _with_rules(connection, number, rows[:limit]), None if last is None else f"{last.of_rule}:{last.sort}"
    )


def blocked_one(connection: Connection, number: int, sort: str) -> BlockedSubject | None:
    """Return what a scan found of one subject, or None: it was deletable, or not there."""
    rows = connection.execute(_of_scan(number, None).where(blocked.c.sort == sort)).all()
    found = _with_rules(connection, number, rows[:1])
    return found[0] if found else None


def _of_scan(number: int, rule: str | None) -> Select[Any]:
    columns = (blocked.c.subject_key, blocked.c.outcome, blocked.c.blockers, blocked.c.sort)
    if rule is None:
        return select(*columns, blocked.c.row_count.label("of_rule")).where(blocked.c.scan == number)
    same = [blocked.c[name] == blocked_rule.c[name] for name in ("scan", "sort", "attempt")]
    return (
        select(*columns, blocked_rule.c.row_count.label("of_rule"))
        .join_from(blocked_rule, blocked, and_(*same))
        .where(blocked_rule.c.scan == number, blocked_rule.c.rule == rule)
    )


def _after(table: Any, order: str, cursor: str) -> ColumnElement[bool]:
    rows, colon, sort = cursor.partition(":")
    if not colon or not rows.isdecimal():
        raise ValueError(f"after={cursor[:80]!r} is no place in a scan: give Page.next.")
    if order == "key":
        later: ColumnElement[bool] = table.c.sort > sort
        return later
    return or_(table.c.row_count < int(rows), and_(table.c.row_count == int(rows), table.c.sort > sort))


def _with_rules(connection: Connection, number: int, rows: Any) -> tuple[BlockedSubject, ...]:
    """Return subjects with the rows of each rule, read for the whole page at once."""
    if not rows:
        return ()
    rules: dict[str, dict[str, int]] = {row.sort: {} for row in rows}
    asked = select(blocked_rule.c.sort, blocked_rule.c.rule, blocked_rule.c.row_count).where(
        blocked_rule.c.scan == number, blocked_rule.c.sort.in_(rules)
    )
    for sort, rule, count in connection.execute(asked):
        rules[sort][rule] = count
    return tuple(_subject(row, rules[row.sort]) for row in rows)


def _subject(row: Row[Any], rules: dict[str, int]) -> BlockedSubject:
    return BlockedSubject(
        key=row.subject_key,
        outcome=row.outcome,
        rules=rules,
        blockers=tuple(json.loads(row.blockers)),
        sort=row.sort,
    )
