"""What a simulation asks the database: who has a key, what a default is, and whether a changed row would pass its checks.

A changed row is evaluated by the database itself: the row is selected with its new values in place, generated columns are
computed from those, and CHECK, NOT NULL and unique expressions are applied to the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ._metadata import mentions
from ._schema import Check, Column, Schema, Table, Unique
from ._tables import Source, among, select_from, source
from ._verdict import Reason
from ._world import Row

COMPUTED = re.compile(r"\w\s*\(")  # a call of a function; literals, casts and signs have none
Identity = tuple[Any, ...]


class Unsure(Exception):
    """What the simulation can't know; the message is the reason."""


class DatabaseProbe:
    """Answers from one connection, each question asked once."""

    def __init__(self, connection: sa.Connection, schema: Schema) -> None:
        self._connection = connection
        self._schema = schema
        self._sources: dict[str, Source] = {}
        self._found: dict[Any, list[Identity]] = {}
        self._checked: dict[Any, list[tuple[Reason, Check]]] = {}
        self._constants: dict[tuple[str, str], Any] = {}

    def source(self, key: str) -> Source:
        """How to select from the table *key*."""
        found = self._sources.get(key)
        if found is None:
            found = self._sources[key] = source(self._schema, key)
        return found

    def find(self, table: str, columns: tuple[str, ...], key: tuple[Any, ...]) -> list[Identity]:
        """The identities of the rows with that key; NULL equals NULL."""
        memo = (table, columns, key)
        if memo not in self._found:
            src = self.source(table)
            clause = src.clause()
            select = select_from(clause, [clause.c[name] for name in src.identity], only=src.only)
            terms = (
                clause.c[name].is_(None) if value is None else clause.c[name] == value
                for name, value in zip(columns, key, strict=True)
            )
            self._found[memo] = [tuple(row) for row in self._connection.execute(select.where(*terms))]
        return self._found[memo]

    def constant(self, table: str, column: str) -> Any:
        """The value of a column's default, as the database computes it; None where there is none."""
        text = self._schema.tables[table].columns[column].default
        if text is None:
            return None
        if COMPUTED.search(text):
            raise Unsure(f"the default of {table}.{column} is computed: {text}")
        if (table, column) not in self._constants:
            self._constants[table, column] = self._connection.scalar(sa.select(sa.literal_column(text)))
        return self._constants[table, column]

    def broken_checks(self, row: Row) -> list[tuple[Reason, Check]]:
        """The CHECK and NOT NULL constraints that the row breaks with its changes."""
        changes = tuple(sorted((name, repr(value)) for name, value in row.changes.items()))
        memo = (row.home, row.identity, changes)
        if memo not in self._checked:
            self._checked[memo] = self._evaluate_checks(row)
        return self._checked[memo]

    def _evaluate_checks(self, row: Row) -> list[tuple[Reason, Check]]:
        table = self._schema.tables[row.table]
        touched = affected(table, row.changes)
        checks = [(Reason.CHECK, check) for check in table.checks if touched & set(check.columns)]
        checks += [
            (Reason.NOT_NULL, Check(name=None, sql=f"{self._quote(name)} IS NOT NULL", columns=(name,)))
            for name in sorted(touched)
            if table.columns[name].generated and not table.columns[name].nullable
        ]
        if not checks:
            return []
        verdicts = [
            sa.case((sa.not_(sa.literal_column(f"({check.sql})")), 0), else_=1) for _, check in checks
        ]
        version = self._version(table, [row.identity], row)
        found = self._connection.execute(sa.select(*verdicts).select_from(version)).first()
        return [check for check, holds in zip(checks, found or (), strict=False) if not holds]

    def clashes(self, row: Row, unique: Unique, changed: Sequence[Row], gone: Sequence[Row]) -> bool:
        """True where the changed row meets another in *unique*: one of those *changed* too, or one of all others.

        Raises Unsure where the texts of the index are not known.
        """
        table = self._schema.tables[row.table]
        terms = unique.terms or tuple(map(self._quote, unique.columns))
        if unique.exclusion or (unique.partial and not unique.terms):
            raise Unsure(f"{unique.name} on {table.key} compares what this engine can't evaluate")
        new = self._compared(self._version(table, [row.identity], row), unique, terms).subquery("new_row")
        src = self.source(table.key)
        clause = src.clause()
        out = [other.identity for other in (row, *changed, *gone)]
        rest = sa.select(clause).where(sa.not_(among(clause, src.identity, out)))
        others = [self._compared(rest.subquery(table.name), unique, terms)]
        others += [
            self._compared(self._version(table, [other.identity], other), unique, terms) for other in changed
        ]
        old = sa.union_all(*others).subquery("old_row")
        same = sa.and_(*(_equal(old.c[name], new.c[name], unique) for name in new.c.keys()))  # noqa: SIM118 - c is no dict
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(new.join(old, same)).limit(1)
        return self._connection.execute(found).first() is not None

    def _compared(self, rows: sa.FromClause, unique: Unique, terms: Iterable[str]) -> sa.Select[Any]:
        columns: list[sa.ColumnElement[Any]] = [
            sa.literal_column(f"({term})").label(f"t{place}") for place, term in enumerate(terms)
        ]
        select = sa.select(*columns).select_from(rows)
        return select.where(sa.literal_column(f"({unique.where})")) if unique.where else select

    def _version(self, table: Table, identities: Sequence[Identity], row: Row) -> sa.Subquery:
        """The row as it would be, under the table's own name."""
        src = self.source(table.key)
        clause = src.clause()
        changed = [_changed(clause, table.columns[name], row) for name in table.columns]
        plain = sa.select(*changed).where(among(clause, src.identity, identities)).subquery(table.name)
        formulas = {
            name: table.columns[name].formula
            for name in affected(table, row.changes)
            if table.columns[name].generated and table.columns[name].formula
        }
        if not formulas:
            return plain
        columns: list[sa.ColumnElement[Any]] = [
            sa.literal_column(f"({formulas[name]})").label(name) if name in formulas else plain.c[name]
            for name in table.columns
        ]
        return sa.select(*columns).select_from(plain).subquery(table.name)

    def _quote(self, name: str) -> str:
        return self._connection.dialect.identifier_preparer.quote(name)


def _equal(old: Any, new: Any, unique: Unique) -> sa.ColumnElement[bool]:
    equal: sa.ColumnElement[bool] = old == new if unique.nulls_distinct else old.is_not_distinct_from(new)
    return equal


def _changed(clause: sa.FromClause, column: Column, row: Row) -> sa.ColumnElement[Any]:
    here: sa.ColumnElement[Any] = clause.c[column.name]
    if column.name not in row.changes:
        return here
    never: sa.ColumnElement[bool] = sa.literal_column("1 = 0")
    value = row.changes[column.name]
    if value is None:
        return sa.case((never, here)).label(column.name)  # a NULL of the column's own type
    return sa.case((never, here), else_=sa.literal(value, here.type)).label(column.name)


def affected(table: Table, changed: Iterable[str]) -> set[str]:
    """The changed columns, and those that are computed from them."""
    found = set(changed)
    for column in table.columns.values():
        texts = column.formula
        if column.generated and (texts is None or any(mentions(texts, name) for name in found)):
            found.add(column.name)
    return found
