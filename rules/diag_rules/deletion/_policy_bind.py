"""A policy meets a schema: every name is looked up once, every condition parsed and typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.types import NullType, TypeEngine

from ._conditions import Node, Now
from ._policy_entries import Relation
from ._policy_errors import PolicyError, nearest
from ._policy_grammar import parse
from ._policy_texts import Texts, check_placeholders, placeholders
from ._schema import ForeignKey, Schema, Table
from ._verdict import RemedyAction

FIXED = ("count", "key", "table", "subject", "relation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One relation entry, bound: whose rows it speaks of.

    Attributes:
        table: the referencing table's key in the schema.
        columns: the referencing columns, or empty for every foreign key of the table.
    """

    entry: Relation
    table: str
    columns: tuple[str, ...]
    constraint: str | None
    node: Node | None

    @property
    def remedy(self) -> RemedyAction:
        """What clears these rows."""
        return self.entry.remedy

    @property
    def automatic(self) -> bool:
        """The safe delete may apply the remedy by itself."""
        return self.entry.automatic

    def condition(self, table: FromClause, now: Now = None) -> ColumnElement[bool] | None:
        """Return the condition on *table*'s rows, never NULL; None where all rows are meant.

        *now* is a datetime, or a callable asked each time the statement runs, or None for the clock (the same).
        """
        return None if self.node is None else self.node.sql(table, now)

    def matches(self, row: Mapping[str, Any], now: Now = None) -> bool:
        """Evaluate the condition on one row that was read; the same answer as ``condition`` gives in SQL."""
        return self.node is None or self.node.test(row, now)

    def covers(self, table: str, columns: Iterable[str], constraint: str | None) -> bool:
        """Return whether the foreign key or ORM reference is one that this clause speaks of."""
        if not same_table(self.table, table):
            return False
        if self.constraint is not None:
            return self.constraint == constraint
        return not self.columns or set(self.columns) == set(columns)


def same_table(one: str, other: str) -> bool:
    """Compare two table keys; one may leave out the schema that the other names."""
    return one == other or (
        ("." in one) != ("." in other) and one.rpartition(".")[2] == other.rpartition(".")[2]
    )


def bind_relation(entry: Relation, schema: Schema, subject: Table, mapper: Mapper[Any] | None) -> Clause:
    """Look up what *entry* names. Raises PolicyError for a name that is not there, with the nearest that is."""
    table, columns = _referencing(entry, schema, mapper)
    _check_columns(table, columns)
    _check_constraint(table, entry.constraint)
    _check_detachable(entry, table, columns)
    check_words(entry.place, subject, name=entry.name, hint=entry.hint, link=entry.link)
    return Clause(
        entry=entry,
        table=table.key,
        columns=columns,
        constraint=entry.constraint,
        node=condition_on(table, entry.when),
    )


def find_table(schema: Schema, name: str) -> Table:
    """Return the table of that name. Raises PolicyError with the nearest name where there is none."""
    found = schema.tables.get(name)
    if found is None:
        alike = [table for key, table in schema.tables.items() if same_table(key, name)]
        if len(alike) != 1:
            raise PolicyError(f"There is no table {name!r}{nearest(name, schema.tables)}")
        found = alike[0]
    return found


def condition_on(table: Table, when: str | None) -> Node | None:
    """Parse *when* against the table's columns and their types; None for None."""
    if when is None:
        return None
    kinds = {name: _type(column.type) for name, column in table.columns.items()}
    return parse(when, kinds, table.key)


def _type(kind: Any) -> TypeEngine[Any]:
    return kind if isinstance(kind, TypeEngine) else NullType()


def check_words(
    place: str, subject: Table, *, name: Texts | None, hint: Texts | None, link: str | None
) -> frozenset[str]:
    """Check the placeholders and return those used. Raises PolicyError for an unknown one."""
    known = {*FIXED, *subject.columns}
    used: frozenset[str] = frozenset()
    if name is not None:
        used |= check_placeholders(name, (), f"The name of {place}")
    if hint is not None:
        used |= check_placeholders(hint, known, f"The hint of {place}")
    if link is not None:
        used |= check_placeholders(
            Texts({"en": {"other": link}}), known - {"relation"}, f"The link of {place}"
        )
    return used


def subject_columns(words: Iterable[Texts | str | None], subject: Table) -> frozenset[str]:
    """Return the columns of the subject that any of the *words* names as a placeholder."""
    used: set[str] = set()
    for text in words:
        if text is not None:
            used.update(placeholders(text) if isinstance(text, str) else text.placeholders())
    return frozenset(used & set(subject.columns) - set(FIXED))


def _referencing(
    entry: Relation, schema: Schema, mapper: Mapper[Any] | None
) -> tuple[Table, tuple[str, ...]]:
    if entry.of is None:
        return find_table(schema, str(entry.table)), entry.columns
    relationship = _relationship(entry.of, mapper)
    pairs = relationship.synchronize_pairs or relationship.local_remote_pairs or []
    referencing = [column for _, column in pairs]
    key = getattr(referencing[0].table, "key", None) if referencing else None
    if key is None:
        raise PolicyError(f"{entry.of} follows no column of a table: name table and columns instead.")
    return find_table(schema, key), tuple(column.name for column in referencing)


def _relationship(of: Any, mapper: Mapper[Any] | None) -> RelationshipProperty[Any]:
    if not isinstance(of, str):
        found = of.property
        if not isinstance(found, RelationshipProperty):
            raise PolicyError(f"{of} is a column: name a relationship, or table and columns.")
        return found
    if mapper is None:
        raise PolicyError(f"of = {of!r} needs mapped classes: name table and columns instead.")
    owner, _, attribute = of.rpartition(".")
    classes = {each.class_.__name__: each for each in mapper.registry.mappers}
    if owner not in classes:
        raise PolicyError(f"There is no mapped class {owner!r}{nearest(owner, classes)}")
    relationships = {str(key): value for key, value in classes[owner].relationships.items()}
    if attribute not in relationships:
        raise PolicyError(f"{owner} has no relationship {attribute!r}{nearest(attribute, relationships)}")
    return relationships[attribute]


def _check_columns(table: Table, columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in table.columns:
            raise PolicyError(f"{table.key} has no column {column!r}{nearest(column, table.columns)}")


def _check_constraint(table: Table, constraint: str | None) -> None:
    names = [key.name for key in table.foreign_keys if key.name]
    # a name that the mapping leaves to the database is not known here, so that it can't be called wrong
    if constraint is not None and constraint not in names and len(names) == len(table.foreign_keys):
        raise PolicyError(f"{table.key} has no foreign key named {constraint!r}{nearest(constraint, names)}")


def _check_detachable(entry: Relation, table: Table, columns: tuple[str, ...]) -> None:
    if entry.remedy is not RemedyAction.DETACH:
        return
    touched = columns or _columns_of(table.foreign_keys, entry.constraint)
    for column in touched:
        if column in table.columns and not table.columns[column].nullable:
            raise PolicyError(
                f"{table.key}.{column} is NOT NULL, so its rows can't be detached: use remedy 'delete'."
            )


def _columns_of(keys: Iterable[ForeignKey], constraint: str | None) -> tuple[str, ...]:
    return tuple(column for key in keys if constraint in (None, key.name) for column in key.columns)
