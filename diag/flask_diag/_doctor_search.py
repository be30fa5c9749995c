"""Is the search by name fast? On PostgreSQL a large table needs an index of the names in lower case, or each search reads all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Column, Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ._state import State
from ._verdicts import asked, own_connection

LARGE = 100_000  # rows: a search that reads them all takes some 0.2 seconds
_ROWS = text(
    "SELECT CASE WHEN reltuples >= 0 THEN reltuples ELSE pg_relation_size(oid) / 100 END "
    "FROM pg_class WHERE oid = to_regclass(:name)"
)
_INDEXES = text(
    "SELECT pg_get_indexdef(indexrelid, 1, true), opcname LIKE '%\\_pattern\\_ops' "
    "OR CASE WHEN coll.collname = 'default' THEN db.datcollate ELSE coll.collname END IN ('C', 'POSIX', 'ucs_basic') "
    "FROM pg_index JOIN pg_opclass ON pg_opclass.oid = indclass[0] JOIN pg_database db ON db.datname = current_database() "
    "LEFT JOIN pg_collation coll ON coll.oid = indcollation[0] "
    "WHERE indrelid = to_regclass(:name) AND indisvalid AND indpred IS NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unindexed:
    """A column that people search by, without an index that the search can use.

    Attributes:
        rows: about how many the table has.
        create: the statement that makes the index.
    """

    table: str
    column: str
    rows: int
    create: str


def unindexed(state: State) -> tuple[Unindexed, ...]:
    """Return the searched columns of a large table that lack their index; none where the database can't be asked."""
    engine = state.engine()
    if state.subject is None or engine.dialect.name != "postgresql":
        return ()

    def ask() -> tuple[Unindexed, ...]:
        with own_connection(engine, state.settings.check_timeout) as connection:
            return _unindexed(connection, state.subject.lookups if state.subject else ())

    try:
        return asked(ask, engine)
    except (SQLAlchemyError, OSError):  # the database's own check says so
        return ()


def _unindexed(connection: Connection, columns: tuple[Column[object], ...]) -> tuple[Unindexed, ...]:
    preparer = connection.dialect.identifier_preparer
    found = []
    for column in columns:
        name = preparer.format_table(column.table)
        rows = connection.execute(_ROWS, {"name": name}).scalar() or 0
        if rows < LARGE or _has_index(connection, name, column.name):
            continue
        index = preparer.quote(f"ix_{column.table.name}_lower_{column.name}")
        create = f"CREATE INDEX CONCURRENTLY {index} ON {name} (lower({preparer.quote(column.name)}) text_pattern_ops)"
        found.append(Unindexed(table=name, column=column.name, rows=int(rows), create=create))
    return tuple(found)


def _has_index(connection: Connection, table: str, column: str) -> bool:
    """Tell whether an index of *table* begins with the lower-case *column*, sorted as a prefix needs it."""
    indexes = connection.execute(_INDEXES, {"name": table})
    return any(by_prefix and _plain(first) == f"lower{column}" for first, by_prefix in indexes)


def _plain(expression: str) -> str:
    """Return ``lower((name)::text)`` as ``lowername``."""
    return re.sub(r"::[a-z ]+|[()\"]", "", expression)
