"""`classify` beside oslo.db's exception filters and an empty ``handle_error`` hook, in one run.

Rounds are interleaved and the minimum of each is kept, so that other work on the machine hits all alike. Figures are
microseconds for one error; ratios are what to look at.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from timeit import timeit
from typing import Any

from sqlalchemy import Engine, ExceptionContext, create_engine, event, text

from diag_rules.errors import classify

ROUNDS = 40
CALLS = 500
STATEMENTS = {
    "foreign key": "INSERT INTO child (parent_id) VALUES (9)",
    "unique": "INSERT INTO parent (id, name) VALUES (1, 'a'), (1, 'b')",
    "not null": "INSERT INTO parent (name) VALUES (NULL)",
    "undefined table": "SELECT * FROM nowhere",
}


def _engine() -> Engine:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
            "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent)",
        ):
            connection.execute(text(statement))
    event.listen(engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA foreign_keys = ON"))
    return engine


def _fail(engine: Engine, statement: str) -> BaseException:
    """Return what *statement* raises on *engine*."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        try:
            connection.execute(text(statement))
        except Exception as error:  # noqa: BLE001 - oslo.db raises classes of its own
            return error
    raise AssertionError(statement)


def _contexts(statement: str) -> tuple[BaseException, Any]:
    """Return the error of *statement* and the context that SQLAlchemy hands to a hook."""
    engine = _engine()
    kept: list[Any] = []
    event.listen(engine, "handle_error", kept.append)
    return _fail(engine, statement), kept[0]


def _quietly(handler: Callable[[Any], Any], context: Any) -> Callable[[], None]:
    def call() -> None:
        with suppress(Exception):  # the filters answer by raising
            handler(context)

    return call


def interleaved(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the minimum of each call in microseconds, over rounds that take turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            best[name] = min(best[name], timeit(call, number=CALLS) / CALLS * 1e6)
    return best


def _alone(handler: Callable[[Any], Any]) -> None:
    print(
        "one call, without the database                classify   oslo.db   empty hook   classify / oslo.db"
    )
    for name, statement in STATEMENTS.items():
        error, context = _contexts(statement)
        calls: dict[str, Callable[[], Any]] = {
            "ours": partial(classify, error),
            "oslo": _quietly(handler, context),
            "empty": partial(_empty, context),
        }
        best = interleaved(calls)
        ratio = best["ours"] / best["oslo"]
        print(f"  {name:42} {best['ours']:9.2f} {best['oslo']:9.2f} {best['empty']:12.2f} {ratio:20.2f}")


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
    connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    prepared = text(statement)

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
    _alone(exc_filters.handler)
    _in_the_engine(exc_filters.register_engine)
    _import_time()


if __name__ == "__main__":
    main()
