"""One state of the database for a whole scan, read only, and a time limit for each statement; both given back as found.

Outside a transaction the scan begins one of its own: PostgreSQL's REPEATABLE READ READ ONLY, MySQL's and MariaDB's CONSISTENT
SNAPSHOT READ ONLY, SQLite's deferred BEGIN. Nothing is written, no temporary table either, so that it runs on a replica.
In a transaction of the caller's it reads what that transaction sees, in its isolation, and leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from diag_rules.errors import Kind, classify

from ._refused import ScanTimeout
from ._switches import QUERIES, Switches

READ_ONLY = {"psycopg": "read_only", "psycopg2": "readonly"}  # what it is called on the driver's connection
STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock: about a millisecond


@dataclass(slots=True)
class Clock:
    """The time limit of a statement, in seconds; None for no limit.

    Attributes:
        switches: how the connection treats foreign keys, where beginning the transaction has told; else None.
    """

    limit: float | None
    began: float = field(default_factory=monotonic)
    switches: Switches | None = None

    def restart(self) -> None:
        """Begin another statement, or another part of a result."""
        self.began = monotonic()

    def over(self) -> bool:
        """True where the statement has had its time."""
        return self.limit is not None and monotonic() - self.began >= self.limit


@contextmanager
def snapshot(connection: sa.Connection, name: str, limit: float | None) -> Iterator[Clock]:
    """The connection in one state for this block, with *limit* seconds a statement.

    Raises ScanTimeout, naming the subject *name*, for what the database cancels in that time.
    """
    clock = Clock(limit)
    mine = not connection.in_transaction()
    if not mine and _autocommits(connection):
        raise ValueError(
            f"The scan of {name} needs a transaction, and the connection commits each statement by itself: give one"
            " that has begun nothing yet, or none in AUTOCOMMIT."
        )
    try:
        with _transaction(connection, clock, mine=mine), _limited(connection, clock):
            yield clock
    except DBAPIError as error:
        if limit is None or classify(error).kind is not Kind.QUERY_CANCELED:
            raise
        raise ScanTimeout(name, limit) from error


@contextmanager
def _transaction(connection: sa.Connection, clock: Clock, *, mine: bool) -> Iterator[None]:
    if not mine:
        with _savepoint(connection, clock):
            yield
        return
    with _transactional(connection), _reading(connection) as told:
        try:
            _begin(connection, clock, told=told)
            yield
        finally:
            connection.rollback()


@contextmanager
def _savepoint(connection: sa.Connection, clock: Clock) -> Iterator[None]:
    """On PostgreSQL, where a statement that fails would abort the caller's transaction; and what is SET LOCAL ends with it."""
    if connection.dialect.name != "postgresql":
        yield
        return
    savepoint = connection.begin_nested()
    try:
        _set(connection, clock)
        yield
    finally:
        if savepoint.is_active:
            savepoint.rollback()


@contextmanager
def _reading(connection: sa.Connection) -> Iterator[bool]:
    """Tell a PostgreSQL driver of ours that its next BEGIN is of a read-only snapshot; True where that took no round trip."""
    dialect = connection.dialect
    name = READ_ONLY.get(dialect.driver) if dialect.name == "postgresql" and not dialect.is_async else None
    if name is None:
        yield False
        return
    raw: Any = connection.connection.driver_connection
    before = raw.isolation_level, getattr(raw, name)
    dialect.set_isolation_level(raw, "REPEATABLE READ")
    setattr(raw, name, True)
    try:
        yield True
    finally:
        if not raw.closed:
            raw.isolation_level = before[0]
            setattr(raw, name, before[1])


def _begin(connection: sa.Connection, clock: Clock, *, told: bool) -> None:
    """Begin, where the driver has not been *told* how to."""
    name = connection.dialect.name
    if name == "postgresql":
        if not told:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _set(connection, clock)
    elif name in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    elif name == "sqlite":
        _begin_sqlite(connection)


def _begin_sqlite(connection: sa.Connection) -> None:
    """The driver begins no transaction for a SELECT, unless an application has taught it to."""
    raw: Any = connection.connection.dbapi_connection
    if not getattr(raw, "in_transaction", False):
        connection.exec_driver_sql("BEGIN")


@contextmanager
def _transactional(connection: sa.Connection) -> Iterator[None]:
    """Out of AUTOCOMMIT for this block."""
    if not _autocommits(connection):
        yield
        return
    connection.rollback()  # SQLAlchemy has begun to ask
    connection.execution_options(isolation_level="REPEATABLE READ")
    try:
        yield
    finally:
        connection.execution_options(isolation_level="AUTOCOMMIT")


def _autocommits(connection: sa.Connection) -> bool:
    if connection.dialect.name == "sqlite":
        return False  # BEGIN works there all the same
    try:
        raw: Any = connection.connection.dbapi_connection
        return bool(connection.dialect.detect_autocommit_setting(raw))
    except NotImplementedError:
        return False


# time limits


def _limited(connection: sa.Connection, clock: Clock) -> AbstractContextManager[None]:
    """For this block; PostgreSQL's limit is one of the settings that its transaction begins with."""
    name = connection.dialect.name
    if clock.limit is not None and name in ("mysql", "mariadb"):
        return _limited_mysql(connection, clock.limit)
    if clock.limit is not None and name == "sqlite":
        return _limited_sqlite(connection, clock)
    return nullcontext()


def _set(connection: sa.Connection, clock: Clock) -> None:
    """PostgreSQL's settings, LOCAL to a transaction or a savepoint that is rolled back, and its switches, in one round trip."""
    settings = {
        "cursor_tuple_fraction": "1",
        "jit": "off",
    }  # all rows are fetched; compiling takes longer than counting
    if clock.limit is not None:
        settings["statement_timeout"] = str(max(1, round(clock.limit * 1000)))
    wanted = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    row = connection.exec_driver_sql(f"{QUERIES['postgresql']}, {wanted}").one()
    clock.switches = Switches(bool(row[0]), bool(row[1]))


@contextmanager
def _limited_mysql(connection: sa.Connection, limit: float) -> Iterator[None]:
    maria = bool(getattr(connection.dialect, "is_mariadb", False))
    setting = "max_statement_time" if maria else "max_execution_time"  # seconds, milliseconds
    value = f"{limit:.6f}" if maria else str(max(1, round(limit * 1000)))
    before = connection.exec_driver_sql(f"SELECT @@SESSION.{setting}").scalar_one()
    connection.exec_driver_sql(f"SET SESSION {setting} = {value}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SET SESSION {setting} = {before}")


@contextmanager
def _limited_sqlite(connection: sa.Connection, clock: Clock) -> Iterator[None]:
    raw: Any = connection.connection.driver_connection
    if not hasattr(raw, "set_progress_handler"):
        yield
        return
    raw.set_progress_handler(clock.over, STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
