"""The rows of a scan, as the database brings them: in parts, never all at once."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any

import sqlalchemy as sa

from ._scan_cursor import Declaration, Query, declaration, opened
from ._scan_snapshot import Clock

PART = 5_000  # rows: each part is a round trip
IN_MEMORY = 1 << 20  # bytes of a spool before it goes to a file
Part = Sequence[Any]  # of rows, which are tuples


def stream(
    connection: sa.Connection,
    statement: Query,
    values: Mapping[str, Any],
    clock: Clock,
) -> Iterator[Part]:
    """The rows in parts, from a cursor of the server's where there is one.

    On MySQL and MariaDB the connection serves nothing else while rows are left, and a reader who stops to think is cut off:
    there they are put aside first, in a file without a name once they are many.
    """
    found = declaration(connection, statement)
    if found is not None:
        return _by_cursor(connection, found, values, clock)
    parts = _fetched(connection, statement, values, clock)
    return _spooled(parts) if connection.dialect.name in ("mysql", "mariadb") else parts


def _by_cursor(
    connection: sa.Connection, found: Declaration, values: Mapping[str, Any], clock: Clock
) -> Iterator[Part]:
    clock.restart()
    with opened(connection, found, values, PART) as fetch:
        part: Part = connection.execute(fetch).all()
        while len(part) == PART:
            yield part
            clock.restart()
            part = connection.execute(fetch).all()
        yield part  # a short one is the last: nobody has to ask for more


def _fetched(
    connection: sa.Connection,
    statement: Query,
    values: Mapping[str, Any],
    clock: Clock,
) -> Iterator[Part]:
    clock.restart()
    options = {"stream_results": True, "yield_per": PART}
    result = connection.execute(statement, dict(values), execution_options=options)
    try:
        part: Part = result.fetchmany(PART)
        while len(part) == PART:
            yield part
            clock.restart()
            part = result.fetchmany(PART)
        yield part  # a short one is the last: nobody has to ask for more
    finally:
        result.close()


def _spooled(parts: Iterator[Part]) -> Iterator[Part]:
    with SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        count = 0
        for part in parts:
            pickle.dump([tuple(row) for row in part], spool, pickle.HIGHEST_PROTOCOL)
            count += 1
        spool.seek(0)
        for _ in range(count):
            yield pickle.load(spool)  # noqa: S301 - what was written above
