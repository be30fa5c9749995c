"""The store's own engine: never the application's, with time limits of its own, safe across a fork."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from flask_diag._guard import logger, quiet

from ._errors import StoreSchemaError
from ._mend import set_aside
from ._schema import CURRENT, EMPTY, schema_of, told, upgrade

WRITE_SECONDS, READ_SECONDS, CONNECT_SECONDS = 30, 5, 5
SUPPORTED = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_WRITES = "diag_store_writes"


class Database:
    """Where the store is.

    Args:
        url: SQLite in a file, PostgreSQL or MariaDB (MySQL).
        own_file: the SQLite file is nobody's but ours, so that it may be moved aside where it is corrupt.

    Raises:
        ValueError: *url* is no address, of another database, or of a driver that is not installed.
    """

    def __init__(self, url: str | URL, *, own_file: bool = False) -> None:
        self.url, self._own_file = _checked(url), own_file
        self.dialect = SUPPORTED[self.url.get_backend_name()]
        self.path = Path(self.url.database or "") if self.dialect == "sqlite" else None
        try:
            self._engine = _engine(self.url, self.dialect)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"DIAG_STORE_URL has the driver {self.url.get_driver_name()}, and no module {error.name} is installed: "
                "install it, or name another driver, such as postgresql+psycopg or mysql+pymysql."
            ) from error
        self._known = False  # that the schema is the one we write

    @property
    def engine(self) -> Engine:
        """The engine itself."""
        return self._engine

    @property
    def writable(self) -> bool:
        """False where our user can't write the file of a SQLite store, or make it; of a server it is not known."""
        if self.path is None:
            return True
        if os.access(self.path, os.F_OK):
            return self.path.is_file() and os.access(self.path, os.W_OK)
        folder = next(each for each in self.path.absolute().parents if os.access(each, os.F_OK))
        return folder.is_dir() and os.access(folder, os.W_OK)

    @contextmanager
    def write(self, *, any_schema: bool = False) -> Iterator[Connection]:
        """Yield a connection in a transaction that is committed at the end.

        Raises:
            StoreSchemaError: the schema is not ours; never with *any_schema*.
            SQLAlchemyError: the store can't be written.
        """
        if not any_schema:
            self._prepare()
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that only reads; raises as `write` does."""
        self._prepare()
        with self._transaction(writes=False) as connection:
            yield connection

    def upgrade(self) -> None:
        """Make or upgrade the schema; several processes may do so at once.

        Raises:
            StoreSchemaError: the schema is of a newer version, or not ours.
            SQLAlchemyError: the store can't be written.
        """
        self._make_file()
        with self._transaction(writes=True) as connection:
            upgrade(connection)
        self._known = True

    def schema(self) -> tuple[str, str | None]:
        """Return what the schema is, and its version; raises SQLAlchemyError."""
        if self.path is not None and not self.path.exists():
            return EMPTY, None
        with self._transaction(writes=False) as connection:
            return schema_of(connection)

    def mend(self) -> None:
        """Move a corrupt file of our own aside; the next `write` makes another. Raises OSError."""
        if self._own_file and self.path is not None and (target := set_aside(self.path)) is not None:
            self._known = False
            logger.error(
                "The incident store %s was corrupt: it is now %s, and a new one is begun.",
                self.path,
                target.name,
            )

    def forget(self) -> None:
        """Leave the connections to the parent: called in the child of a fork."""
        self._engine.dispose(close=False)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _prepare(self) -> None:
        """Make sure of the schema once, and again after each failure; an empty SQLite file gets one by itself."""
        if self._known and (self.path is None or self.path.exists()):
            return
        state, version = self.schema()
        if state == EMPTY and self.path is not None:
            self.upgrade()
        elif state != CURRENT:
            raise StoreSchemaError(told(state, version, self.url))
        self._known = True

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        pool = self._engine.pool
        try:
            with quiet(), self._begun(writes=writes) as connection:
                yield connection
                connection.commit()
        except Exception:
            self._known = False  # the file may be gone, or the server another one
            raise
        finally:
            if (
                pool is not self._engine.pool
            ):  # closed meanwhile: nobody else would close what went back to it
                pool.dispose()

    def _begun(self, *, writes: bool, again: bool = True) -> Connection:
        """Return a connection in a transaction with time limits. One that broke in the pool shows it then, and is replaced *again*."""
        connection = self._engine.connect().execution_options(**{_WRITES: writes})
        try:
            connection.begin()
            _limit(connection, WRITE_SECONDS if writes else READ_SECONDS)
        except BaseException as error:
            connection.close()
            if again and isinstance(error, DBAPIError) and error.connection_invalidated:
                return self._begun(writes=writes, again=False)
            raise
        return connection

    def _make_file(self) -> None:
        """Make the file of a SQLite store, for its owner's eyes only, with its folder."""
        if self.path is not None and not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                with closing(sqlite3.connect(self.path, timeout=CONNECT_SECONDS)) as raw:
                    raw.execute(
                        "PRAGMA journal_mode = WAL"
                    )  # kept in the file; pages can read while we write


def _checked(given: str | URL) -> URL:
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise ValueError(
            "DIAG_STORE_URL is no address of a database: give one such as postgresql+psycopg://user@host/diag, or None."
        ) from None
    if url.get_backend_name() not in SUPPORTED:
        raise ValueError(
            f"DIAG_STORE_URL is of {url.get_backend_name()}: the store is kept in SQLite, PostgreSQL or MariaDB."
        )
    try:
        is_async = url.get_dialect().is_async
    except NoSuchModuleError:
        raise ValueError(
            f"DIAG_STORE_URL has the driver {url.get_driver_name()}, which SQLAlchemy does not know: give another, such as "
            "postgresql+psycopg or mysql+pymysql."
        ) from None
    if is_async:
        raise ValueError(
            f"DIAG_STORE_URL has the asynchronous driver {url.drivername}: give a synchronous one, such as "
            "postgresql+psycopg or mysql+pymysql."
        )
    if url.get_backend_name() == "sqlite" and (url.database or "").startswith("file:"):
        raise ValueError(
            "DIAG_STORE_URL is a URI of SQLite: give the path itself, sqlite:////var/lib/shop/store.sqlite."
        )
    if url.get_backend_name() == "sqlite" and (url.database or ":memory:") == ":memory:":
        raise ValueError(
            "DIAG_STORE_URL is a SQLite in memory, which each thread would have of its own: give a file."
        )
    return url


def _engine(url: URL, dialect: str) -> Engine:
    if dialect == "sqlite":  # a connection for each batch: none is open when the process forks
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": CONNECT_SECONDS})
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    return create_engine(
        url,
        pool_size=2,
        max_overflow=3,
        pool_timeout=CONNECT_SECONDS,
        pool_recycle=1800,
        connect_args=_limits_of(url),
    )


def _limits_of(url: URL) -> dict[str, Any]:
    """Return the driver's own time limits, in seconds: a silent server must not hold us for ever."""
    match url.get_driver_name():
        case "psycopg" | "psycopg2":
            return {
                "connect_timeout": CONNECT_SECONDS,
                "keepalives_idle": 30,
                "application_name": "flask-diag store",
            }
        case "pymysql":
            return {
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": WRITE_SECONDS,
                "write_timeout": WRITE_SECONDS,
            }
        case "mysqldb":
            return {"connect_timeout": CONNECT_SECONDS, "read_timeout": WRITE_SECONDS}
        case "pg8000":
            return {"timeout": WRITE_SECONDS}
        case _:
            return {}


def _limit(connection: Connection, seconds: int) -> None:
    """Limit the transaction's statements; in the transaction, since a pooler hands the session to others."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {seconds * 1000}")
    elif connection.dialect.name in {"mysql", "mariadb"}:
        connection.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout = {seconds}")


def _sqlite_connected(connection: sqlite3.Connection, _record: Any) -> None:
    """Let SQLAlchemy begin transactions, and trust the log of a WAL to be on the disk in time."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = NORMAL")


def _sqlite_begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes then is refused, not made to wait."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
