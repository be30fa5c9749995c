"""Tables of the model as SQL needs them: columns, what tells rows apart, and the order in which the database meets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ._schema import ForeignKey, Schema, Table

ONLY = "ONLY"


class Raw(sa.types.UserDefinedType[Any]):
    """Values as the driver gave them, and given back as they are.

    A bind without a type of its own takes the column's, where SQLAlchemy would write ``::VARCHAR`` after every string:
    PostgreSQL compares no enum, tid or domain with that, and citext by case.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """No table is made of these."""
        raise NotImplementedError


RAW = Raw()
KEPT = (
    1024  # tables whose columns SQLAlchemy need not set up again: that takes longer than most statements here
)


@dataclass(frozen=True, slots=True)
class Source:
    """A table to select from.

    Attributes:
        identity: the columns that tell its rows apart.
        order: the columns that put them into the database's own order.
        columns: all that a simulation may need: keys, references, unique columns.
        placed: ask for ``tableoid``: its rows may lie in several tables (PostgreSQL).
        only: leave out the tables that inherit from it.
    """

    table: Table
    identity: tuple[str, ...]
    order: tuple[str, ...]
    columns: tuple[str, ...]
    placed: bool
    only: bool

    def clause(self) -> sa.TableClause:
        """The table, ready for a FROM."""
        return _clause(self.table.name, self.table.schema, self._names(), placed=self.placed)

    def alias(self, name: str) -> sa.FromClause:
        """The same under another name."""
        return _alias(name, self.table.name, self.table.schema, self._names(), placed=self.placed)

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.table.columns, *self.identity, *self.order)))


@lru_cache(maxsize=KEPT)
def _clause(name: str, schema: str | None, columns: tuple[str, ...], *, placed: bool) -> sa.TableClause:
    extra: list[sa.ColumnClause[Any]] = [sa.column("tableoid")] if placed else []
    return sa.table(name, *(sa.column(each, RAW) for each in columns), *extra, schema=schema)


@lru_cache(maxsize=KEPT)
def _alias(
    alias: str, name: str, schema: str | None, columns: tuple[str, ...], *, placed: bool
) -> sa.FromClause:
    return _clause(name, schema, columns, placed=placed).alias(alias)


def source(schema: Schema, key: str) -> Source:
    """How to select from the table *key*."""
    table = schema.tables[key]
    home = schema.tables[schema.lineage(key)[-1]]
    below = bool(schema.descendants(home.key))
    return Source(
        table=table,
        identity=_identity(schema, home),
        order=_order(schema, home),
        columns=_interesting(schema, table),
        placed=below and schema.dialect == "postgresql",
        only=schema.dialect == "postgresql" and table.kind == "table" and below,
    )


def _identity(schema: Schema, table: Table) -> tuple[str, ...]:
    if table.rowid is not None:
        return (table.rowid,)
    if table.primary_key:
        return table.primary_key
    for unique in table.uniques:
        if not unique.partial and not any(table.columns[name].nullable for name in unique.columns):
            return unique.columns
    return ("tableoid", "ctid") if schema.dialect == "postgresql" else tuple(table.columns)


def _order(schema: Schema, table: Table) -> tuple[str, ...]:
    if schema.dialect == "postgresql":
        return ("ctid",) if table.kind == "table" else table.primary_key
    return (table.rowid,) if table.rowid is not None else table.primary_key


def order_along(schema: Schema, fk: ForeignKey, below: Source) -> tuple[str, ...]:
    """The columns that put the rows of *below* into the order in which *fk* meets them.

    InnoDB walks the first index that begins with the key; SQLite collects the rows and sorts them by their number.
    """
    if schema.dialect not in ("mysql", "mariadb"):
        return below.order
    width = len(fk.columns)
    for index in below.table.indexes:
        if not index.partial and index.columns[:width] == fk.columns:
            return (*index.columns[width:], *below.order)
    return below.order


def _interesting(schema: Schema, table: Table) -> tuple[str, ...]:
    names: list[str] = list(table.primary_key)
    for key in schema.lineage(table.key):
        above = schema.tables[key]
        for fk in above.foreign_keys:
            names += fk.columns
        for fk in schema.children_of(key):
            names += fk.referred_columns
        for unique in above.uniques:
            names += [] if unique.partial else unique.columns
    return tuple(name for name in dict.fromkeys(names) if name in table.columns)


def select_from(
    clause: sa.FromClause, columns: Sequence[sa.ColumnElement[Any]], *, only: bool
) -> sa.Select[Any]:
    """SELECT *columns* FROM *clause*, without the tables that inherit from it where *only* says so."""
    found = sa.select(*columns)
    return found.with_hint(clause, ONLY, "postgresql") if only else found


def among(
    clause: sa.FromClause, columns: Sequence[str], keys: Sequence[Sequence[Any]], types: Any = None
) -> sa.ColumnElement[bool]:
    """A condition: *columns* equal one of *keys*; *types* bind the values as a mapping would."""
    named: list[sa.ColumnElement[Any]] = [clause.c[name] for name in columns]
    if types is not None:
        named = [sa.type_coerce(column, kind) for column, kind in zip(named, types, strict=True)]
    if len(named) == 1:
        return named[0].in_([key[0] for key in keys])
    return sa.or_(
        *(sa.and_(*(column == value for column, value in zip(named, key, strict=True))) for key in keys)
    )
