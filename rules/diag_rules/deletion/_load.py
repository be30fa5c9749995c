"""Read a world: the rows that a deletion may reach, level by level, each level one statement a foreign key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ._probe import DatabaseProbe, Unsure
from ._schema import Action, ForeignKey, Schema
from ._tables import Source, among, order_along, select_from
from ._world import Row, World

CHUNK = 400
Reached = tuple[Row, frozenset[str] | None]  # the columns that the row loses; None: it may be deleted


class TooManyRows(Unsure):
    """The deletion reaches more rows than a simulation may hold."""


class Loader:
    """Reads rows into a world and follows their references.

    Attributes:
        limit: how many rows the world may hold.
    """

    def __init__(
        self, connection: sa.Connection, schema: Schema, limit: int, *, enforced: bool = True
    ) -> None:
        self.connection = connection
        self.schema = schema
        self.limit = limit
        self.enforced = enforced
        self.probe = DatabaseProbe(connection, schema)
        self.world = World(schema, self.probe)
        self._oids: dict[int, str] | None = None
        self._expanded: set[tuple[ForeignKey, int]] = set()
        self._followed: set[Reached] = set()
        self._examined: set[tuple[ForeignKey, int]] = set()

    # rows

    def source(self, key: str) -> Source:
        """How to select from the table *key*."""
        return self.probe.source(key)

    def rows(
        self, key: str, columns: Sequence[str], keys: Iterable[Sequence[Any]], types: Any = None
    ) -> list[Row]:
        """The rows of the table *key* whose *columns* equal one of *keys*; with what inherits from it."""
        src = self.source(key)
        clause = src.clause()
        found = []
        for part in _chunks(keys):
            select = sa.select(*self._wanted(src, clause)).where(among(clause, columns, part, types))
            ordered = select.order_by(*(clause.c[name] for name in src.order))
            found += [self._add(src, row) for row in self.connection.execute(ordered)]
        return found

    def _wanted(self, src: Source, clause: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        place = [clause.c.tableoid] if src.placed else []
        return [*place, *(clause.c[name] for name in src.identity), *(clause.c[name] for name in src.columns)]

    def _add(self, src: Source, found: Sequence[Any]) -> Row:
        values = list(found)
        table = self._table_of(values.pop(0)) if src.placed else src.table.key
        identity = tuple(values[: len(src.identity)])
        named = dict(zip(src.columns, values[len(src.identity) :], strict=True))
        row = self.world.add(table, self.world.home(table), identity, named)
        if len(self.world.rows) > self.limit:
            table, count = Counter(row.home for row in self.world.rows.values()).most_common(1)[0]
            raise TooManyRows(
                f"the deletion reaches more than {self.limit} rows in an order that matters, {count} of them in {table},"
                f" and no more are played through: delete rows of {table} in batches first, then check again"
            )
        return row

    def _table_of(self, oid: int) -> str:
        if self._oids is None:
            rows = self.connection.exec_driver_sql(
                "SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'f')"
            )
            self._oids = {row[0]: self.schema.key(row[2], row[1]) for row in rows}
        return self._oids[oid]

    # references

    def follow(self, condemned: Iterable[Row]) -> None:
        """Read all that refers to rows that may be deleted, and all that follows by cascades, to the end."""
        self.follow_changes((row, None) for row in condemned)

    def follow_changes(self, reached: Iterable[Reached]) -> None:
        """The same for rows that lose only some columns."""
        pending = list(reached)
        while pending:
            fresh = [item for item in dict.fromkeys(pending) if item not in self._followed]
            self._followed.update(fresh)
            pending = list(self._next(fresh))

    def _next(self, reached: Iterable[Reached]) -> Iterator[Reached]:
        grouped: dict[ForeignKey, list[Reached]] = defaultdict(list)
        for row, columns in reached:
            for fk in self._acting(row):
                if columns is None or columns & set(fk.referred_columns):
                    grouped[fk].append((row, columns))
        for fk, items in grouped.items():
            self._read_children(fk, [row for row, _ in items])
            for parent, columns in items:
                action = fk.ondelete if columns is None else fk.onupdate
                for child in self.world.children(fk, parent):
                    yield from _fate(action, fk, child, deleted=columns is None)

    def _acting(self, row: Row) -> tuple[ForeignKey, ...]:
        if not self.enforced:
            return ()
        return tuple(fk for fk in self.world.referring(row) if self.schema.tables[fk.table].readable)

    def _read_children(self, fk: ForeignKey, parents: list[Row]) -> None:
        fresh = [row for row in parents if (fk, id(row)) not in self._expanded]
        self._expanded.update((fk, id(row)) for row in fresh)
        for child, parent in self._children(fk, fresh):
            self.world.link(fk, child, parent)

    def _children(self, fk: ForeignKey, parents: list[Row]) -> Iterator[tuple[Row, Row]]:
        above, below = self.source(fk.referred), self.source(fk.table)
        parent, child = above.alias("p"), below.alias("c")
        pairs = zip(fk.referred_columns, fk.columns, strict=True)
        # the parent's side first: SQLite compares by the collation of the left one
        on = sa.and_(*(parent.c[left] == child.c[right] for left, right in pairs))
        known = {row.identity: row for row in parents}
        for part in _chunks(known):
            columns = [*(parent.c[name] for name in above.identity), *self._wanted(below, child)]
            select = select_from(child, columns, only=below.only).select_from(parent.join(child, on))
            if above.only:
                select = select.with_hint(parent, "ONLY", "postgresql")
            select = select.where(among(parent, above.identity, part))
            select = select.order_by(*(child.c[name] for name in order_along(self.schema, fk, below)))
            width = len(above.identity)
            for found in self.connection.execute(select):
                yield self._add(below, found[width:]), known[tuple(found[:width])]

    def mark_orphans(self, rows: Iterable[Row]) -> None:
        """Note which rows point nowhere already: SQLite counts them, and a vanishing one hides a new one."""
        grouped: dict[ForeignKey, list[Row]] = defaultdict(list)
        for row in rows:
            for fk in self.world.own_keys(row):
                if fk.enforced and fk.referred in self.schema.tables and not fk.broken:
                    grouped[fk].append(row)
        for fk, children in grouped.items():
            fresh = [row for row in children if (fk, id(row)) not in self._examined]
            self._examined.update((fk, id(row)) for row in fresh)
            for row in self._orphans(fk, fresh):
                row.orphaned = row.orphaned | {fk}

    def _orphans(self, fk: ForeignKey, rows: list[Row]) -> Iterator[Row]:
        src = self.source(fk.table)
        child, parent = src.alias("c"), self.source(fk.referred).alias("p")
        on = sa.and_(
            *(parent.c[a] == child.c[b] for a, b in zip(fk.referred_columns, fk.columns, strict=True))
        )
        present = sa.exists(sa.select(sa.literal_column("1")).select_from(parent).where(on))
        known = {row.identity: row for row in rows}
        for part in _chunks(known):
            select = sa.select(*(child.c[name] for name in src.identity)).where(
                among(child, src.identity, part)
            )
            select = select.where(~present, *(child.c[name].is_not(None) for name in fk.columns))
            for found in self.connection.execute(select):
                yield known[tuple(found)]


def _fate(action: Action, fk: ForeignKey, child: Row, *, deleted: bool) -> Iterator[Reached]:
    if action is Action.CASCADE:
        yield child, None if deleted else frozenset(fk.columns)
    elif action in (Action.SET_NULL, Action.SET_DEFAULT):
        yield child, frozenset(fk.touched if deleted else fk.columns)


def _chunks(keys: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    found = list(keys)
    for start in range(0, len(found), CHUNK):
        yield found[start : start + CHUNK]
