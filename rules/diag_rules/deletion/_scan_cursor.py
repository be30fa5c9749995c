"""A cursor of PostgreSQL's, declared and read by SQL: every driver has it, and it costs two round trips where a driver's own takes four.

It is not closed, since a scan ends its transaction or goes back to its savepoint, and the cursor goes with that.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa

Query: TypeAlias = sa.Select[Any] | sa.CompoundSelect[Any]
_TOKEN = re.compile(r"%\((\w+)\)s|%%|:")  # of a statement with pyformat parameters
_OPEN = "diag_cursors"  # how many are open, in the connection's info
_declarations: WeakKeyDictionary[Query, dict[str, Declaration | None]] = WeakKeyDictionary()
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """A query as text, its parameters, and what its rows hold.

    Attributes:
        name: of the cursor: another one for each query, since drivers keep statements that were prepared with its columns.
    """

    name: str
    sql: str
    parameters: tuple[sa.BindParameter[Any], ...]
    columns: tuple[sa.ColumnElement[Any], ...]

    @lru_cache(maxsize=256)  # noqa: B019 - of few queries, each some of SQLAlchemy's time to parse
    def statements(self, depth: int, rows: int) -> tuple[sa.TextClause, sa.TextualSelect]:
        """What opens the cursor, and what brings its next *rows*."""
        name = f"{self.name}_{depth}"
        declare = sa.text(f"DECLARE {name} NO SCROLL CURSOR FOR {self.sql}").bindparams(*self.parameters)
        return declare, sa.text(f"FETCH FORWARD {rows} FROM {name}").columns(*self.columns)


def declaration(connection: sa.Connection, query: Query) -> Declaration | None:
    """The declaration of *query*, kept with it; None for another database, and where it can't be told apart from its values."""
    dialect = connection.dialect
    if dialect.name != "postgresql":
        return None
    kept = _declarations.setdefault(query, {})
    if dialect.driver not in kept:
        kept[dialect.driver] = _made(query, cast("Any", type(dialect))(paramstyle="pyformat"))
    return kept[dialect.driver]


def _made(query: Query, dialect: sa.Dialect) -> Declaration | None:
    compiled = query.compile(dialect=dialect)
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None  # IN over a list: its length is known when it is executed
    sql = _TOKEN.sub(_written, str(compiled))
    parameters = (
        sa.bindparam(name, each.effective_value, each.type) for each, name in compiled.bind_names.items()
    )
    name = f"diag_scan_{next(_numbers)}"
    return Declaration(name, sql, tuple(parameters), tuple(query.selected_columns))


def _written(token: re.Match[str]) -> str:
    """The same as `sa.text` wants it; a blank keeps a cast off the parameter's name."""
    if token[1]:
        return f":{token[1]} "
    return "%" if token[0] == "%%" else "\\:"


@contextmanager
def opened(
    connection: sa.Connection, found: Declaration, values: Mapping[str, Any], rows: int
) -> Iterator[sa.TextualSelect]:
    """The cursor is open in this block: yields what fetches its next *rows*."""
    info = connection.info
    depth = info[_OPEN] = info.get(_OPEN, 0) + 1  # a scan may be read within another
    try:
        declare, fetch = found.statements(depth, rows)
        connection.execute(declare, dict(values))
        yield fetch
    finally:
        info[_OPEN] -= 1
