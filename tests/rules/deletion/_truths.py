"""The truth: what really deleting does, in a transaction that is rolled back."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Session

from rules.deletion._graphs import Graph

FAILURES = (exc.SQLAlchemyError, AssertionError, RecursionError)
VERSION = "v"  # an UPDATE of the ORM counts it up, which is no loss
MOST_SECONDS = (
    4.0  # of the processor, for one deletion among a few dozen rows: more is eager loading that never ends
)
Snapshot = dict[str, dict[int, dict[str, Any]]]


@dataclass(frozen=True)
class Truth:
    """What really deleting did.

    Attributes:
        error: the first line of what refused, or None.
        gone: rows that went, by table.
        lost: columns of other rows that were written, by table and column.
    """

    error: str | None
    gone: Counter[str] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)


def delete_row(engine: sa.Engine, found: Graph, table: str, key: int, before: Sequence[str] = ()) -> Truth:
    """Delete one row by SQL, and take it all back; after the statements *before*, only the error is told."""
    with engine.connect() as connection:

        def delete() -> None:
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE id = {key}")

        return _tried(connection, found, delete, before, effects=not before)


def delete_object(
    engine: sa.Engine,
    found: Graph,
    cls: type,
    key: int,
    before: Sequence[str] = (),
    *,
    load: Callable[[Session], object] | None = None,
) -> Truth:
    """Delete one object by a session that has loaded nothing else, or what *load* loads: then only the error is told."""
    with (
        engine.connect() as connection,
        Session(connection, join_transaction_mode="rollback_only", autoflush=False) as session,
    ):

        def delete() -> None:
            with ending():
                held = load(session) if load is not None else None
                session.delete(session.get_one(cls, key))
                session.flush()
                del held

        return _tried(connection, found, delete, before, effects=not before and load is None)


@contextmanager
def ending() -> Iterator[None]:
    """RecursionError where this block never ends: objects that load each other at once may do so for ever."""

    def stop(*_: Any) -> NoReturn:
        raise RecursionError("eager loading never ends")

    before = signal.signal(signal.SIGVTALRM, stop)
    # and again: a callback of the garbage collector may swallow the first
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _tried(
    connection: sa.Connection,
    found: Graph,
    action: Callable[[], None],
    before: Sequence[str],
    *,
    effects: bool,
) -> Truth:
    if found.dialect == "sqlite" and not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr] # connected
        connection.exec_driver_sql("BEGIN")
    for sql in before:
        connection.exec_driver_sql(sql)
    first = snapshot(connection, found) if effects else {}
    try:
        action()
        if found.dialect == "postgresql":
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        if found.dialect == "sqlite" and dangles_at_commit(connection):
            return Truth("deferred foreign key")
        return compared(first, snapshot(connection, found)) if effects else Truth(None)
    except FAILURES as error:
        return Truth(f"{type(error).__name__}: {error}".split("\n", 1)[0])
    finally:
        connection.rollback()


def dangles_at_commit(connection: sa.Connection) -> bool:
    """True where SQLite's COMMIT would fail; all rows were sound before."""
    return connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None


def snapshot(connection: sa.Connection, found: Graph) -> Snapshot:
    return {
        table: {
            row["id"]: dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
        }
        for table in found.tables
    }


def compared(first: Snapshot, last: Snapshot) -> Truth:
    gone: Counter[str] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    for table, rows in first.items():
        for key, row in rows.items():
            now = last[table].get(key)
            if now is None:
                gone[table] += 1
            else:
                lost.update((table, name) for name in row if row[name] != now[name] and name != VERSION)
    return Truth(None, gone, lost)
