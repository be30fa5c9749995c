"""Business rules, bound: a condition on the subject, or on rows that lead to it by foreign keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause

from ._conditions import Node, Now
from ._hints import Described, placeholder_words, speaking_language
from ._policy_bind import check_words, condition_on, find_table
from ._policy_entries import BusinessRule
from ._policy_errors import PolicyError
from ._policy_texts import Texts, fill_link
from ._schema import ForeignKey, Schema, Table
from ._verdict import Remedy, RemedyAction


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRule:
    """A business rule that knows its tables.

    Attributes:
        path: the foreign keys from the subject down to the table *over*; empty for a rule on the subject itself.
    """

    entry: BusinessRule
    node: Node | None
    path: tuple[ForeignKey, ...]
    tables: tuple[sa.Table, ...]

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.entry.name

    @property
    def blocks(self) -> bool:
        """True forbids the deletion, False only warns."""
        return self.entry.blocks

    @property
    def hint(self) -> Texts:
        """The hint, not yet filled in; ``describe`` fills it."""
        texts: Texts = self.entry.hint
        return texts

    def condition(self, subject: FromClause, now: Now = None) -> ColumnElement[bool]:
        """Return whether the rule applies to the row of *subject*, never NULL. *now* as in ``Clause.condition``."""
        if not self.path:
            return self.node.sql(subject, now) if self.node is not None else sa.true()
        if self.entry.at_least == 1:
            return sa.exists(self._rows(subject, now, sa.literal_column("1")))
        return self.count(subject, now) >= self.entry.at_least

    def count(self, subject: FromClause, now: Now = None) -> ColumnElement[int]:
        """Return the number of rows that the rule finds for the row of *subject*; 1 or 0 for a rule on the subject."""
        if not self.path:
            return sa.case((self.condition(subject, now), 1), else_=0)
        return self._rows(subject, now, sa.func.count()).scalar_subquery()

    def describe(
        self, count: int, key: Any, values: Mapping[str, Any], locale: str | None = None
    ) -> Described:
        """Put the rule into words for a subject with that *key*; *values* are its columns, as far as they were read."""
        known = placeholder_words(count, key, values, table=self.entry.over or "")
        language = speaking_language(locale)
        try:
            hint = self.hint.render(language, count, {**known, "relation": self.name})
        except KeyError:  # a column of the subject that nobody read
            hint = self.name
        link = fill_link(self.entry.link, known) if self.entry.link else None
        return Described(hint=hint, relation=self.name, remedy=Remedy(action=RemedyAction.MANUAL, link=link))

    def _rows(self, subject: FromClause, now: Now, what: ColumnElement[Any]) -> sa.Select[Any]:
        aliases = [table.alias() for table in self.tables]
        parents = [subject, *aliases]
        select = sa.select(what).select_from(*aliases).correlate(subject)
        for key, parent, child in zip(self.path, parents, aliases, strict=False):
            pairs = zip(key.referred_columns, key.columns, strict=True)
            # the parent's side first: SQLite compares by the collation of the left one
            select = select.where(*(parent.c[above] == child.c[below] for above, below in pairs))
        return select if self.node is None else select.where(self.node.sql(aliases[-1], now))


def bind_rule(entry: BusinessRule, schema: Schema, subject: Table) -> BoundRule:
    """Look up what *entry* names. Raises PolicyError for a wrong name, or tables that no foreign key joins."""
    over = find_table(schema, entry.over) if entry.over is not None else None
    path = _path(schema, subject, over, entry) if over is not None else ()
    check_words(entry.name, subject, name=None, hint=entry.hint, link=entry.link)
    return BoundRule(
        entry=entry,
        node=condition_on(over or subject, entry.when),
        path=path,
        tables=tuple(_columns(schema.tables[key.table]) for key in path),
    )


def _path(schema: Schema, subject: Table, over: Table, entry: BusinessRule) -> tuple[ForeignKey, ...]:
    """Return the shortest chain of foreign keys. Raises PolicyError where there is none, or several as short."""
    found = [
        path for path in _paths(schema, subject.key, over.key) if not entry.columns or _ends_on(path, entry)
    ]
    if not found:
        what = f"{over.key}({', '.join(entry.columns)})" if entry.columns else over.key
        raise PolicyError(
            f"No foreign key leads from {what} to {subject.key}, directly or through other tables."
        )
    shortest = [path for path in found if len(path) == len(found[0])]
    if len(shortest) > 1:
        choices = " or ".join(sorted({f"columns = {list(path[-1].columns)}" for path in shortest}))
        raise PolicyError(
            f"Several foreign keys lead from {over.key} to {subject.key}: say which with {choices}."
        )
    return shortest[0]


def _ends_on(path: tuple[ForeignKey, ...], entry: BusinessRule) -> bool:
    return set(path[-1].columns) == set(entry.columns)


def _paths(schema: Schema, start: str, goal: str) -> Iterator[tuple[ForeignKey, ...]]:
    """Yield chains of foreign keys from *start* down to *goal*, shortest first, no table twice."""
    level: list[tuple[ForeignKey, ...]] = [()]
    seen = {start}
    while level:
        longer = [
            (*path, key) for path in level for key in schema.children_of(path[-1].table if path else start)
        ]
        yield from (path for path in longer if path[-1].table == goal)
        level = [path for path in longer if path[-1].table not in seen | {goal}]
        seen |= {path[-1].table for path in level}


def _columns(table: Table) -> sa.Table:
    """Return the table as SQLAlchemy needs it for a query: columns, types, nullability."""
    columns = [
        sa.Column(column.name, column.type, nullable=column.nullable) for column in table.columns.values()
    ]
    return sa.Table(table.name, sa.MetaData(), *columns, schema=table.schema)
