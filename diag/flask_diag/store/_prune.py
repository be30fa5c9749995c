"""Retention: what is too old, or too much, goes in small steps that hold no lock for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, or_, select
from sqlalchemy.sql import ColumnElement

from . import _tables as tables
from ._database import Database
from ._lease import give_back, take
from ._types import microseconds

STEP = 1_000  # rows a transaction
FULL_SCANS = 2  # finished scans of a subject whose blocked subjects are kept, for what changed since the last
_LEASE, _LEASE_SECONDS = "prune", 300.0


def prune(  # noqa: PLR0913 each is by keyword
    database: Database,
    app: str,
    holder: str,
    now: datetime,
    *,
    days: float,
    rows: int,
    goes_on: Callable[[], bool],
) -> int:
    """Delete what is older than *days*, and the oldest incidents above *rows*; return how many rows went.

    Nothing is done while another *holder* is at it. *goes_on* is asked before each step; False leaves the rest for later.

    Raises:
        StoreSchemaError, SQLAlchemyError: the store can't be written.
    """
    with database.write() as connection:
        if not take(connection, _LEASE, holder, now, _LEASE_SECONDS):
            return 0
    gone = 0
    try:
        for table, old in _old(now - timedelta(days=days)):
            gone += _delete(database, table, old, goes_on)
        gone += _above(database, rows, goes_on)
        gone += _scan_rows(database, app, goes_on)
    finally:
        with database.write() as connection:
            give_back(connection, _LEASE, holder)
    return gone


def _old(before: datetime) -> list[tuple[Table, ColumnElement[bool]]]:
    """Return what is too old in each table; running outages and scans stay."""
    scans = select(tables.scan.c.id).where(_scans_before(before))
    return [
        (tables.incident, tables.incident.c.bucket < microseconds(before) // 1_000_000),
        (tables.outage, tables.outage.c.last_seen < before),
        (tables.writer, tables.writer.c.seen < before),
        *((table, table.c.scan.in_(scans)) for table in _OF_SCANS),
        (tables.scan, _scans_before(before)),
    ]


def _scans_before(before: datetime) -> ColumnElement[bool]:
    return and_(tables.scan.c.started < before, tables.scan.c.state != "running")


_OF_SCANS = (tables.blocked_rule, tables.blocked, tables.scan_relation, tables.scan_shard)


def _delete(database: Database, table: Table, old: ColumnElement[bool], goes_on: Callable[[], bool]) -> int:
    gone = 0
    while goes_on():
        with database.write() as connection:
            step = _step(connection, table, old, STEP)
        gone += step
        if step < STEP:
            break
    return gone


def _step(connection: Connection, table: Table, old: ColumnElement[bool], limit: int) -> int:
    """Delete up to *limit* rows, the oldest first, by their keys: no database but MySQL limits a DELETE."""
    keys = list(table.primary_key.columns)
    found = connection.execute(select(*keys).where(old).order_by(*keys).limit(limit)).all()
    if not found:
        return 0
    condition: ColumnElement[bool]
    if len(keys) == 1:
        condition = keys[0].in_([row[0] for row in found])
    else:  # up to the last one, in the order of the key
        condition = and_(old, _up_to(keys, found[-1]))
    return connection.execute(delete(table).where(condition)).rowcount


def _up_to(keys: Sequence[ColumnElement[Any]], last: Sequence[Any]) -> ColumnElement[bool]:
    """Return ``(a, b) <= last``, spelt so that every database uses the key's index for it."""
    head, *rest = keys
    if not rest:
        least: ColumnElement[bool] = head <= last[0]
        return least
    return and_(head <= last[0], or_(head < last[0], _up_to(rest, last[1:])))


def _above(database: Database, rows: int, goes_on: Callable[[], bool]) -> int:
    """Delete the oldest incidents above *rows*."""
    gone = 0
    with database.read() as connection:
        count: int = connection.execute(select(func.count()).select_from(tables.incident)).scalar_one()
    while count - gone > rows and goes_on():
        with database.write() as connection:
            everything = tables.incident.c.bucket >= 0
            step = _step(connection, tables.incident, everything, min(STEP, count - gone - rows))
        gone += step
        if not step:
            break
    return gone


def _scan_rows(database: Database, app: str, goes_on: Callable[[], bool]) -> int:
    """Delete the blocked subjects of all but the last scans, whose totals stay."""
    gone = 0
    with database.read() as connection:
        spent = _spent(connection, app)
    for scan in spent:
        for table in (tables.blocked_rule, tables.blocked):
            gone += _delete(database, table, table.c.scan == scan, goes_on)
        if goes_on():
            with database.write() as connection:
                connection.execute(tables.scan.update().where(tables.scan.c.id == scan).values(rows_kept=0))
    return gone


def _spent(connection: Connection, app: str) -> list[int]:
    """Return the scans whose blocked subjects nobody asks for any more."""
    seen: dict[tuple[str, str], int] = {}
    spent = []
    runs = (
        select(tables.scan.c.id, tables.scan.c.subject, tables.scan.c.how, tables.scan.c.state)
        .where(tables.scan.c.app == app, tables.scan.c.rows_kept == 1, tables.scan.c.state != "running")
        .order_by(tables.scan.c.id.desc())
    )
    for scan, subject, how, state in connection.execute(runs):
        done = seen.get((subject, how), 0)
        if state == "finished" and done < FULL_SCANS:
            seen[subject, how] = done + 1
        else:
            spent.append(scan)
    return spent
