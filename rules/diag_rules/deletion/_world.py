"""Rows and the references among them: what a simulation of a deletion works on.

A world holds every row that a deletion may remove or change, and every row that refers to one of those. It is read
once and then played with in memory; `reset` makes it as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ._schema import Check, ForeignKey, Schema, Unique
from ._verdict import Reason

Changes = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Row:
    """One row.

    Attributes:
        table: key of the table that holds it: the partition, not the partitioned table.
        home: key of the table that counts it: the partitioned table.
        identity: what tells it from its table's other rows.
        number: its place in the order in which it was read.
        values: the columns that were read.
        links: the row that each foreign key points to, as far as that row is in the world; a key that is absent
            points nowhere or outside.
        orphaned: foreign keys that pointed nowhere from the start.
        alive: False once deleted.
        changes: the columns that were written, with their new values.
        cause: the foreign key and the row by which it was reached, for the path from the subject.
    """

    table: str
    home: str
    identity: tuple[Any, ...]
    number: int
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[ForeignKey, Row] = field(default_factory=dict)
    orphaned: frozenset[ForeignKey] = frozenset()
    alive: bool = True
    changes: dict[str, Any] = field(default_factory=dict)
    cause: Row | None = None


class Probe(Protocol):
    """What a world asks the database while it is played with."""

    def find(self, table: str, columns: tuple[str, ...], key: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The identities of the rows with that key; NULL equals NULL."""

    def broken_checks(self, row: Row) -> Iterable[tuple[Reason, Check]]:
        """The CHECK and NOT NULL constraints that the row breaks with its changes."""

    def clashes(self, row: Row, unique: Unique, changed: Sequence[Row], gone: Sequence[Row]) -> bool:
        """True where the changed row meets another in *unique*. Raises Unsure where that can't be evaluated."""

    def constant(self, table: str, column: str) -> Any:
        """The value of a column's default. Raises Unsure where it is no constant."""


class World:
    """Rows by identity, and by the rows that they refer to."""

    def __init__(self, schema: Schema, probe: Probe) -> None:
        self.schema = schema
        self._probe = probe
        self.rows: dict[tuple[str, tuple[Any, ...]], Row] = {}
        self._children: dict[tuple[ForeignKey, int], dict[Row, None]] = {}
        self._sealed: dict[Row, tuple[dict[ForeignKey, Row], frozenset[ForeignKey]]] = {}
        self._referring: dict[str, tuple[ForeignKey, ...]] = {}

    def add(self, table: str, home: str, identity: tuple[Any, ...], values: dict[str, Any]) -> Row:
        """The row of that identity, made where it is new."""
        row = self.rows.get((home, identity))
        if row is None:
            row = Row(table, home, identity, len(self.rows), values)
            self.rows[home, identity] = row
        return row

    def link(self, fk: ForeignKey, child: Row, parent: Row) -> None:
        """Note that *child* refers to *parent*."""
        child.links[fk] = parent
        self._children.setdefault((fk, id(parent)), {})[child] = None  # it may come back

    def sealed(self) -> World:
        """The world, with its rows as they are now kept for `reset`."""
        self._sealed = {row: (dict(row.links), row.orphaned) for row in self.rows.values()}
        return self

    def reset(self) -> None:
        """Make every row as it was when the world was sealed."""
        for row, (links, orphaned) in self._sealed.items():
            row.alive = True
            row.links = dict(links)
            row.orphaned = orphaned
            row.changes.clear()
            row.cause = None

    def referring(self, row: Row) -> tuple[ForeignKey, ...]:
        """The foreign keys that act when *row* goes, in the database's order."""
        found = self._referring.get(row.table)
        if found is None:
            lineage = self.schema.lineage(row.table)
            keys = [fk for table in lineage for fk in self.schema.children_of(table) if fk.enforced]
            found = tuple(sorted(keys, key=lambda fk: fk.order))
            self._referring[row.table] = found
        return found

    def own_keys(self, row: Row) -> Iterator[ForeignKey]:
        """The foreign keys that *row* itself is held to."""
        for table in self.schema.lineage(row.table):
            yield from self.schema.tables[table].foreign_keys

    def children(self, fk: ForeignKey, parent: Row) -> list[Row]:
        """The living rows that refer to *parent* by *fk*, in the database's order."""
        found = self._children.get((fk, id(parent)), ())
        return [child for child in found if child.alive and child.links.get(fk) is parent]

    def value(self, row: Row, column: str) -> Any:
        """The column's value now."""
        return row.changes[column] if column in row.changes else row.values.get(column)

    def differs(self, row: Row, column: str, value: Any) -> bool:
        """True where the column is not *value*; a column that was not read joins rows, so it is not NULL."""
        read = column in row.changes or column in row.values
        return not read or bool(self.value(row, column) != value)

    def default(self, row: Row, columns: Iterable[str]) -> dict[str, Any]:
        """The defaults of the columns."""
        return {name: self._probe.constant(row.table, name) for name in columns}

    def values(self, row: Row, columns: Iterable[str]) -> tuple[Any, ...]:
        """The columns' values now."""
        return tuple(self.value(row, column) for column in columns)

    def points_to(self, fk: ForeignKey, row: Row) -> Row | Literal[False] | None:
        """The row that *row*'s present key refers to: None where it refers to nothing, False where that is missing."""
        key = self.values(row, fk.columns)
        if None in key or fk.broken:
            return None
        for identity in self._probe.find(fk.referred, fk.referred_columns, key):
            found = self.rows.get((self.home(fk.referred), identity))
            if found is None:
                return None  # a row that the deletion does not touch
            if found.alive and not any(column in found.changes for column in fk.referred_columns):
                return found
        return self._renamed(fk, key) or False

    def _renamed(self, fk: ForeignKey, key: tuple[Any, ...]) -> Row | None:
        """The living row that has been given *key* by the deletion itself: no SELECT finds it by that."""
        home = self.home(fk.referred)
        written = frozenset(fk.referred_columns)
        for row in self.rows.values():
            renamed = row.home == home and not written.isdisjoint(row.changes)
            if renamed and row.alive and self.values(row, fk.referred_columns) == key:
                return row
        return None

    def broken_checks(self, row: Row) -> Iterable[tuple[Reason, Check]]:
        """The CHECK constraints that *row* breaks as it is now, and NOT NULL of what is computed."""
        table = self.schema.tables[row.table]
        generated = any(column.generated for column in table.columns.values())
        read = (column for check in table.checks for column in check.columns)
        if not generated and not any(column in row.changes for column in read):
            return ()
        return self._probe.broken_checks(row)

    def unique_conflict(self, row: Row, unique: Unique) -> bool:
        """True where another living row has the same key as *row* has now."""
        if unique.exclusion and None in self.values(row, unique.columns):
            return False
        computed = any(self.schema.tables[row.table].columns[name].generated for name in unique.columns)
        if unique.partial or computed:
            return self._clashes(row, unique)
        key = self.values(row, unique.columns)
        if None in key and unique.nulls_distinct:
            return False
        others = (other for other in self.rows.values() if other is not row and other.table == row.table)
        if any(other.alive and self.values(other, unique.columns) == key for other in others):
            return True
        home = self.home(row.table)
        found = self._probe.find(row.table, unique.columns, key)
        return any((home, identity) not in self.rows for identity in found)

    def _clashes(self, row: Row, unique: Unique) -> bool:
        siblings = [other for other in self.rows.values() if other.table == row.table and other is not row]
        changed = [other for other in siblings if other.alive and other.changes]
        gone = [other for other in siblings if not other.alive]
        return self._probe.clashes(row, unique, changed, gone)

    def home(self, table: str) -> str:
        """The table that counts the rows of *table*: the outermost partitioned table."""
        return self.schema.lineage(table)[-1]
