"""Rows that lead to subjects, joined from the far end, so that a scan's cost follows what may block and not what is there.

For the planners: a foreign key that may be NULL is asked for its rows that are not, or the join would read the table's
NULLs as well. SQLite has no use for an index at ``IS NOT NULL``, so it gets a range that begins at the column's least
value; and a ``+`` takes the index of the far side away from it, so that it joins in the order that is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators

from ._count import Types
from ._plan import Edge
from ._policy_rules import BoundRule
from ._schema import Schema

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Link:
    """A table, and the (column above, column here) pairs that join it to the one above it, the subject's at first."""

    rows: sa.FromClause
    pairs: Pairs
    nullable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Links from the subject's side down; never empty.

    Attributes:
        sqlite: written for SQLite's planner.
    """

    links: tuple[Link, ...]
    sqlite: bool

    @property
    def first(self) -> Link:
        """The link next to the subject."""
        return self.links[0]

    @property
    def last(self) -> Link:
        """The link whose rows are counted."""
        return self.links[-1]

    def upwards(self, root: sa.FromClause | None = None) -> sa.FromClause:
        """The join from the last link up to the first, and on to *root* where it is given."""
        joined = self.last.rows
        above: list[sa.FromClause] = [link.rows for link in self.links[:-1]]
        for parent, link in zip(reversed(above), reversed(self.links[1:]), strict=True):
            joined = joined.join(parent, self._meets(parent, link))
        return joined if root is None else joined.join(root, self._meets(root, self.first))

    def present(self) -> list[sa.ColumnElement[bool]]:
        """That the last link's references are not NULL, where they could be."""
        names = [here for _, here in self.last.pairs if here in self.last.nullable]
        return [self._there(self.last.rows, name) for name in names]

    def below(self, root: sa.FromClause) -> sa.Select[Any]:
        """SELECT 1 of the rows below one row of *root*, which an outer SELECT names."""
        joined = self.first.rows
        for above, link in zip(self.links, self.links[1:], strict=False):
            joined = joined.join(link.rows, _equal(above.rows, link))
        one: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(joined)
        return one.where(_equal(root, self.first)).correlate(root)

    def _meets(self, parent: sa.FromClause, link: Link) -> sa.ColumnElement[bool]:
        if not self.sqlite:
            return _equal(parent, link)
        return sa.and_(*(named(parent, up) == unindexed(named(link.rows, here)) for up, here in link.pairs))

    def _there(self, rows: sa.FromClause, name: str) -> sa.ColumnElement[bool]:
        column = named(rows, name)
        if not self.sqlite:
            return column.is_not(None)
        again = rows.element.alias() if isinstance(rows, sa.Alias) else rows
        return column >= sa.select(sa.func.min(named(again, name))).scalar_subquery()


def of_edge(schema: Schema, edge: Edge, types: Types) -> Chain:
    """The chain of an edge of a plan."""
    edges = [edge]
    while (above := edges[0].above) is not None:
        edges.insert(0, above)
    links = tuple(
        Link(_table(schema, each, types), each.pairs, _nullable(schema, each.table)) for each in edges
    )
    return Chain(links, schema.dialect == "sqlite")


def of_rule(schema: Schema, rule: BoundRule) -> Chain:
    """The chain of a business rule that has a path."""
    links = tuple(
        Link(
            table.alias(),
            tuple(zip(key.referred_columns, key.columns, strict=True)),
            frozenset(column.name for column in table.columns if column.nullable),
        )
        for key, table in zip(rule.path, rule.tables, strict=True)
    )
    return Chain(links, schema.dialect == "sqlite")


def named(rows: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
    """The column of that name in the database, whatever key the mapping gives it."""
    return next(column for column in rows.columns if column.name == name)


def unindexed(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The column, of no use to an index (SQLite)."""
    return sa.sql.elements.UnaryExpression(
        column, operator=operators.custom_op("+", precedence=15), type_=column.type
    )


def _equal(parent: sa.FromClause, link: Link) -> sa.ColumnElement[bool]:
    # the parent's side first: SQLite compares by the collation of the left one
    return sa.and_(*(named(parent, up) == named(link.rows, here) for up, here in link.pairs))


def _table(schema: Schema, edge: Edge, types: Types) -> sa.FromClause:
    table = schema.tables[edge.table]
    known = types(edge.table)
    columns = (sa.column(name, known.get(name)) for name in table.columns)
    return sa.table(table.name, *columns, schema=table.schema).alias(f"diag_{edge.depth}")


def _nullable(schema: Schema, key: str) -> frozenset[str]:
    return frozenset(name for name, column in schema.tables[key].columns.items() if column.nullable)
