"""Run one provocation through one driver, synchronous or not, and hand back what it raised."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import greenlet_spawn

from diag_rules.errors import Category, Kind

ASYNC_DRIVERS = frozenset({"asyncpg", "psycopg_async", "aiomysql", "asyncmy", "aiosqlite"})


@dataclass
class Bench:
    """What a provocation works with.

    Attributes:
        engine: of the driver under test; synchronous to look at, whatever the driver.
        plain: the address for a second, well-known, synchronous driver: somebody else at the same database.
    """

    engine: Engine
    plain: URL
    _others: list[Engine] = field(default_factory=list)

    @contextmanager
    def begun(self) -> Iterator[Connection]:
        """Yield a connection of the driver under test, rolled back at the end."""
        with self.engine.connect() as connection:
            yield connection

    def run(self, *statements: str) -> None:
        """Execute *statements* in one transaction of the driver under test, and roll back."""
        with self.begun() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def commit(self, *statements: str) -> None:
        """Execute *statements* and commit."""
        with self.begun() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            connection.commit()

    def other(self) -> Engine:
        """Return somebody else's engine."""
        engine = create_engine(self.plain, poolclass=NullPool)
        self._others.append(engine)
        return engine

    def elsewhere(self, *statements: str) -> Thread:
        """Start a thread in which somebody else executes *statements*, whatever comes of it, and rolls back."""

        def work() -> None:
            try:
                with self.other().connect() as connection:
                    for statement in statements:
                        connection.execute(text(statement))
            except Exception:  # noqa: BLE001 - whatever it is, it is the result
                return

        thread = Thread(target=work)
        thread.start()
        return thread

    def close(self) -> None:
        """Dispose what was opened."""
        for engine in self._others:
            engine.dispose()


@dataclass(frozen=True)
class Situation:
    """One way to break something, and what it means.

    Attributes:
        provoke: raises the error.
        constraint: the name that the answer must give; None: not asked.
        bare: whether the driver's exception alone, without SQLAlchemy's wrapper, must mean the same.
        drivers: only these; empty for all.
        known: other kinds that are right on drivers which say less.
    """

    name: str
    category: Category
    kind: Kind
    provoke: Callable[[Bench], Any]
    constraint: str | None = None
    bare: bool = True
    drivers: tuple[str, ...] = ()
    known: tuple[Kind, ...] = ()
    servers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def attempt(url: URL, plain: URL, provoke: Callable[[Bench], Any], **options: Any) -> BaseException:
    """Return what *provoke* raises through the driver of *url*; raises AssertionError where it raises nothing."""
    options.setdefault("poolclass", NullPool)
    load(url)
    try:
        if url.drivername.partition("+")[2] in ASYNC_DRIVERS:
            asyncio.run(_attempt_async(url, plain, provoke, options))
        else:
            _attempt(create_engine(url, **options), plain, provoke)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
        return error
    raise AssertionError("nothing was raised")


def load(url: URL) -> None:
    """Import the driver; mariadb 1.1 has an invalid escape in a docstring, which Python warns of once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        if not url.drivername.endswith("_async"):
            url.get_dialect().import_dbapi()


def _attempt(engine: Engine, plain: URL, provoke: Callable[[Bench], Any]) -> None:
    bench = Bench(engine, plain)
    try:
        provoke(bench)
    finally:
        bench.close()
        engine.dispose()


async def _attempt_async(
    url: URL, plain: URL, provoke: Callable[[Bench], Any], options: dict[str, Any]
) -> None:
    name = url.drivername.replace("psycopg_async", "psycopg")
    engine = create_async_engine(url.set(drivername=name), **options)
    try:
        await greenlet_spawn(_attempt_spawned, engine.sync_engine, plain, provoke)
    finally:
        await engine.dispose()


def _attempt_spawned(engine: Engine, plain: URL, provoke: Callable[[Bench], Any]) -> None:
    bench = Bench(engine, plain)
    try:
        provoke(bench)
    finally:
        bench.close()
