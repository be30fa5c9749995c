"""Ask for verdicts on connections of our own, within a time limit, and never at the host's cost.

A verdict for an answer is asked after the transaction that failed. Its connection comes from the host's pool,
is rolled back before it goes back (a pool may be set to commit on return), and is never one that the host
has in use.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool, SingletonThreadPool, StaticPool

from diag_rules.deletion import How, UnknownSubject, Verdict, use_language

from ._aside import aside
from ._deleting import Deletion
from ._guard import guarded, quiet
from ._state import State, rules_in

T = TypeVar("T")

MAX_AT_ONCE = 4  # verdicts that answers may wait for in one process; the rest are answered without blockers
_deadline: ContextVar[float] = ContextVar("diag_deadline", default=math.inf)
_slots = threading.BoundedSemaphore(MAX_AT_ONCE)


def verdict(state: State, key: Any, how: How, language: str = "en") -> Verdict:
    """Return the verdict on the subject with *key*, waiting for the database as long as it takes.

    Raises:
        RuntimeError: the application named no subject.
        UnknownSubject: no subject has this key.
        SQLAlchemyError: the database can't be asked.
    """
    with own_connection(state.engine(), state.settings.check_timeout) as connection:
        return verdict_by(connection, state, key, how, language)


def verdict_by(connection: Connection, state: State, key: Any, how: How, language: str = "en") -> Verdict:
    """Return the same by a connection that is open."""
    with use_language(language):
        return rules_in(state).check(connection, key, how.value, cap=state.settings.check_cap)


def verdict_of(state: State, deletion: Deletion, argument: str | None, language: str) -> Verdict | None:
    """Return what blocks a deletion that failed, or None where that can't be said in time.

    Of several subjects in one flush it is the first that is blocked. *argument* is the route's, for a
    statement that does not tell its key.
    """

    def ask() -> Verdict | None:
        last = None
        for key in deletion.keys or _found(state, argument):
            with guarded("asking what blocks a deletion", but=TooLate):
                last = verdict(state, key, deletion.how, language)
                if last.blockers:
                    return last
        return last

    return within(state.settings.check_timeout, ask, state.engine())


def _found(state: State, argument: str | None) -> tuple[Any, ...]:
    if argument is None or state.subject is None:
        return ()
    with own_connection(state.engine(), state.settings.check_timeout) as connection:
        try:
            return (state.subject.find(connection, argument)[0],)
        except UnknownSubject:
            return ()


@contextmanager
def own_connection(engine: Engine, seconds: float) -> Iterator[Connection]:
    """Yield a connection whose errors are ours, whose statements end in time, and that leaves nothing behind."""
    with quiet(), usable(engine) as own, own.connect() as connection:
        if time.monotonic() > _deadline.get():
            raise TooLate
        _end_abandoned(connection)
        try:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000) or 1}")
            yield connection
        finally:
            if not connection.invalidated:
                connection.rollback()


@contextmanager
def usable(engine: Engine) -> Iterator[Engine]:
    """Yield *engine*, or, for one of asyncio, another to the same address: its connections live on the host's loop."""
    if not engine.dialect.is_async:
        yield engine
        return
    # imported here: it needs greenlet, which only async applications have
    from sqlalchemy.ext.asyncio import create_async_engine

    own = create_async_engine(engine.url, poolclass=NullPool).sync_engine
    try:
        yield own
    finally:
        own.dispose()


def asked(ask: Callable[[], T], engine: Engine) -> T:
    """Return what *ask* answers, on an event loop of its own where the engine is one of asyncio."""
    if not engine.dialect.is_async:
        return ask()
    from sqlalchemy.util.concurrency import greenlet_spawn

    return asyncio.run(greenlet_spawn(ask))


def _end_abandoned(connection: Connection) -> None:
    """End what a COMMIT that failed has left open: SQLite keeps that transaction, and the pool does not know."""
    if connection.dialect.name == "sqlite" and not isinstance(connection.engine.pool, StaticPool):
        raw = connection.connection
        if getattr(raw.driver_connection, "in_transaction", False):
            raw.rollback()


class TooLate(Exception):
    """Nobody waits for the answer any more: the connection goes back unused."""


def within(seconds: float, ask: Callable[[], T], engine: Engine) -> T | None:
    """Return what *ask* answers within *seconds*, or None: too late, too many at once, or it raised.

    A thread waits in the caller's place, since a pool's queue and a silent server have time limits of their own.
    Where the pool gives a thread its own database, or all threads one connection, the caller asks itself, and
    only while nobody uses that connection.
    """
    if isinstance(engine.pool, StaticPool | SingletonThreadPool):
        return _here(ask, engine)
    deadline = time.monotonic() + seconds

    def work() -> T | None:
        _deadline.set(deadline)
        with suppress(TooLate), guarded("asking the database for a verdict", but=TooLate):
            return asked(ask, engine)
        return None

    if not _slots.acquire(timeout=seconds):
        return None
    try:
        found = aside(work, _slots.release)
    except RuntimeError:
        _slots.release()
        return None
    return found.answer() if found.within(deadline - time.monotonic()) else None


def _here(ask: Callable[[], T], engine: Engine) -> T | None:
    with guarded("asking the database for a verdict"):
        if not _in_use(engine):
            return ask()
    return None


def unused(engine: Engine) -> bool:
    """Tell whether *engine* may be asked from here: not where the host uses the only connection of its pool."""
    return not (isinstance(engine.pool, StaticPool | SingletonThreadPool) and _in_use(engine))


def _in_use(engine: Engine) -> bool:
    """Tell whether the one connection of an in-memory SQLite is within a transaction of the host.

    A StaticPool is only looked at: handing its connection out and back would roll the host's transaction back.
    A SingletonThreadPool counts the hand-outs of a thread, so that of the host goes on.
    """
    if isinstance(engine.pool, StaticPool):
        return bool(getattr(engine.pool.connection.driver_connection, "in_transaction", False))
    with quiet(), closing(engine.raw_connection()) as raw:
        return bool(getattr(raw.driver_connection, "in_transaction", False))
