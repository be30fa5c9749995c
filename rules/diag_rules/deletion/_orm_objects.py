"""Mapped objects as a session would load them: each with its rows, and with what its relationships lead to."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, aliased

from ._load import Loader
from ._orm import Relation
from ._orm_concrete import family, joined, told_by_row
from ._probe import Unsure
from ._schema import Schema, Table
from ._world import Row

Key = tuple[Any, ...]
Related = dict["Entity", list["Entity"]]


@dataclass(frozen=True, slots=True)
class Way:
    """How an object was loaded; eager loading never comes back to a mapper on its way, or stops at its join_depth.

    Attributes:
        path: the mappers through which it was loaded, from the parent of the last lazy load on.
        query: those of them in the same query: what is joined stops at these.
        chain: those of its query and of the subqueries that led to it: what takes another subquery stops at these.
        asked: the mapper that the query was for; the object may be of a subclass.
        subqueried: a subquery has part in the path.
        first: that query is what the caller asked for; no relationship has led here.
    """

    path: tuple[Mapper[Any], ...]
    query: tuple[Mapper[Any], ...]
    chain: tuple[Mapper[Any], ...]
    asked: Mapper[Any]
    subqueried: bool = False
    first: bool = False

    @classmethod
    def of_query(cls, mapper: Mapper[Any]) -> Way:
        """The way to what a query for *mapper* finds."""
        return cls((mapper,), (mapper,), (mapper,), mapper, first=True)

    def stops(self, item: Relation) -> bool:
        """True where *item* is not loaded eagerly here, though it is elsewhere. Raises Unsure."""
        behind = self._behind(item)
        if not item.loads_with(self.asked, first=self.first) or item.too_deep(len(behind) - 1):
            return True
        found = {
            item.comes_back(way) for way in ((self.path, self.query) if self._mixed(item) else (behind,))
        }
        if len(found) > 1:
            raise Unsure(f"eager loading goes in a circle and takes subqueries, and may stop at {item.name}")
        return found.pop()

    def _mixed(self, item: Relation) -> bool:
        """True where subqueries have part in the way: what they look back at differs from case to case."""
        return self.subqueried or item.subqueried

    def _behind(self, item: Relation) -> tuple[Mapper[Any], ...]:
        """The mappers that count for that kind of loading."""
        if item.joined:
            return self.query
        return self.chain if item.subqueried and len(self.chain) > 1 else self.path

    def loads(self, item: Relation) -> bool:
        """True where an object that came this way has *item* loaded."""
        return item.loaded and not self.stops(item)

    def as_loaded(self, item: Relation) -> Relation:
        """*item* as an object has it that came this way."""
        return item.not_loaded() if self.stops(item) else item

    def by(self, item: Relation, parent: Mapper[Any]) -> Way:
        """The way to what *item* leads to, from an object of the mapper *parent* that came this way."""
        target = (item.target,)
        if item.dynamic:
            return Way.of_query(item.target)
        if not self.loads(item):
            return Way((parent, *target), target, target, item.target)
        query = self.query + target if item.joined else target
        chain = self.chain + target if item.joined or item.subqueried else target
        return Way(self.path + target, query, chain, item.target, self.subqueried or item.subqueried)


@dataclass(slots=True, eq=False)
class Entity:
    """One mapped object: a row in each of its mapper's tables.

    Attributes:
        again: the ways on which queries met it later.
        rows: by table, the base's first.
        places: by table, when a flush comes to it; it deletes in the reverse order.
    """

    mapper: Mapper[Any]
    key: Key
    way: Way
    again: set[Way] = field(default_factory=set)
    rows: dict[str, Row] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        """The row in the base table."""
        return next(iter(self.rows.values()))

    def may_load(self, item: Relation) -> bool:
        """True where *item* was not loaded with the object, but may be by a query that met it again."""
        return not self.way.loads(item) and any(way.loads(item) for way in self.again)


def locate(schema: Schema, table: sa.Table) -> Table:
    """The table of the database that a mapped table means. Raises Unsure where there is none."""
    key = schema.key(table.name, table.schema)
    found = schema.tables.get(key)
    if found is None:
        alike = [each for name, each in schema.tables.items() if name.lower() == key.lower()]
        if not alike:
            raise Unsure(f"the mapped table {key} does not exist in this database")
        found = alike[0]
    return found


class Objects:
    """The objects of one session.

    Attributes:
        choice: which row a scalar relationship takes where there are several.
        several: the names of those that met several, with the most that one met.
    """

    def __init__(self, loader: Loader, choice: int = 0) -> None:
        self.loader = loader
        self.choice = choice
        self.several: dict[str, int] = {}
        self._entities: dict[tuple[Mapper[Any], Key], Entity] = {}
        self._related: dict[str, Related] = {}

    @property
    def all(self) -> list[Entity]:
        """Every object that was loaded."""
        return list(self._entities.values())

    def stored(self, mapper: Mapper[Any], key: Key) -> Key:
        """The key as the database returns it: other letters may equal those that were given (citext, a collation)."""
        if all(isinstance(part, (int, uuid.UUID)) for part in key):
            return key
        select = sa.select(*mapper.primary_key).where(_among(mapper.primary_key, [key]))
        found = self.loader.connection.execute(select).first()
        return tuple(found) if found is not None else key

    def exists(self, mapper: Mapper[Any], key: Key) -> bool:
        """True where there is an object of that class and key; a row of another class in its table is none."""
        return bool(self.load(mapper, [key]))

    def follow(self, item: Relation, entities: Sequence[Entity]) -> Related:
        """The objects behind a relationship, by parent. Raises Unsure."""
        known = self._related.setdefault(item.name, {})
        missing = [entity for entity in entities if entity not in known]
        for entity in missing:
            known[entity] = []
        if missing:
            self._read(item, missing, known)
        return {entity: known[entity] for entity in entities}

    def _read(self, item: Relation, parents: list[Entity], known: Related) -> None:
        parent_by_key = {entity.key: entity for entity in parents}
        way = parents[0].way.by(item, parents[0].mapper)
        for target in item.concrete or (item.target,):
            found = list(self._linked(item, target, list(parent_by_key)))
            keys = list(dict.fromkeys(key for _, key in found))
            for entity in self._held(target, keys) if item.queries else ():
                entity.again.add(way)
            children = {entity.key: entity for entity in self.load(target, keys, way)}
            for parent, child in found:
                siblings = known[parent_by_key[parent]]
                if child in children and children[child] not in siblings:
                    siblings.append(children[child])
        for entity in () if item.uselist else parents:
            known[entity] = self._chosen(item, known[entity])

    def _chosen(self, item: Relation, siblings: list[Entity]) -> list[Entity]:
        """The one that a scalar relationship loads: where there are more, the database's own order decides."""
        if len(siblings) < 2:
            return siblings
        self.several[item.name] = max(self.several.get(item.name, 0), len(siblings))
        return [siblings[self.choice % len(siblings)]]

    def _linked(self, item: Relation, target: Mapper[Any], parents: list[Key]) -> Iterator[tuple[Key, Key]]:
        """The key of the parent and the key of the target, of every two that the relationship joins."""
        if item.deletes or item.direction != "many_to_one":
            self._refuse_collations(item, parents)
        own, select = _linking(item, target)
        for start in range(0, len(parents), 400):
            where = _among(own, parents[start : start + 400])
            for row in self.loader.connection.execute(select.where(where)):
                yield tuple(row[: len(own)]), tuple(row[len(own) :])

    def _refuse_collations(self, item: Relation, parents: Sequence[Key]) -> None:
        """Raises Unsure where rows are joined by one column's collation and not by the other's: loaders differ in it."""
        used = {
            self._collation(column) or "binary" for pair in item.prop.local_remote_pairs for column in pair
        }
        if len(used) > 1 and len({self._meetings(item, parents, collation) for collation in used}) > 1:
            raise Unsure(
                f"{item.name} joins columns that compare letters in two ways, and rows by one of them"
            )

    def _meetings(self, item: Relation, parents: Sequence[Key], collation: str) -> int:
        """How many rows *item* joins to *parents* where its columns compare by *collation*."""
        sides: dict[tuple[Any, int], Any] = {}
        select = sa.select(sa.func.count())
        for pair in item.prop.local_remote_pairs:
            one, other = (
                sides.setdefault((column.table, side), column.table.alias()).c[column.key]
                for side, column in enumerate(pair)
            )
            text = any(isinstance(column.type, sa.String) for column in pair)
            select = select.where((sa.collate(one, collation) if text else one) == other)
        key = item.parent.primary_key
        own = [sides[column.table, 0].c[column.key] for column in key if (column.table, 0) in sides]
        if len(own) == len(key):
            select = select.where(_among(own, parents))
        return self.loader.connection.scalar(select) or 0

    def _collation(self, column: Any) -> str | None:
        if not isinstance(column.table, sa.Table):  # of concrete classes' union
            return None
        found = locate(self.loader.schema, column.table).columns.get(column.name)
        return found.collation if found is not None else None

    def load(self, mapper: Mapper[Any], keys: Sequence[Key], way: Way | None = None) -> list[Entity]:
        """The objects of those keys, each of its own class, with their rows. Raises Unsure."""
        base = family(mapper)
        missing = [key for key in keys if (base, key) not in self._entities]
        for actual, members in self._by_class(mapper, missing).items():
            entities = [Entity(actual, key, way or Way.of_query(mapper)) for key in members]
            for place, table in tables_of(actual):
                self._attach(actual, table, place, entities)
            for entity in entities:
                if entity.rows:
                    self._entities[base, entity.key] = entity
        return self._held(mapper, keys)

    def _held(self, mapper: Mapper[Any], keys: Sequence[Key]) -> list[Entity]:
        """Those of *keys* that were loaded."""
        base = family(mapper)
        return [self._entities[base, key] for key in keys if (base, key) in self._entities]

    def _by_class(self, mapper: Mapper[Any], keys: Sequence[Key]) -> dict[Mapper[Any], list[Key]]:
        if not told_by_row(mapper) or mapper.polymorphic_on is None or not keys:
            return {mapper: list(keys)} if keys else {}
        columns = list(mapper.primary_key)
        select = sa.select(*columns, mapper.polymorphic_on).select_from(mapper.persist_selectable)
        found: dict[Mapper[Any], list[Key]] = defaultdict(list)
        for start in range(0, len(keys), 400):
            where = _among(columns, keys[start : start + 400])
            for row in self.loader.connection.execute(select.where(where)):
                actual = mapper.polymorphic_map.get(row[-1], mapper)
                if actual.isa(mapper):
                    found[actual].append(tuple(row[:-1]))
        return found

    def _attach(self, mapper: Mapper[Any], table: sa.FromClause, place: int, entities: list[Entity]) -> None:
        if not isinstance(table, sa.Table):
            raise Unsure(f"{mapper.class_.__name__} is mapped to {table}, which is no table")
        columns = list(table.primary_key.columns)
        places = [_place(mapper, column) for column in columns]
        where = locate(self.loader.schema, table)
        by_values = {tuple(entity.key[place] for place in places): entity for entity in entities}
        names = [column.name for column in columns]
        for values, entity in by_values.items():
            rows = self.loader.rows(where.key, names, [values], [column.type for column in columns])
            if rows:
                entity.rows[where.key] = rows[0]
                entity.places[where.key] = place


def tables_of(mapper: Mapper[Any]) -> list[tuple[int, sa.FromClause]]:
    """The tables of *mapper* in the order in which a flush fills those of its hierarchy, each with its place there."""
    every = mapper.base_mapper._sorted_tables  # noqa: SLF001 - Mapper.tables has those of a third level in another order
    return [(place, table) for place, table in enumerate(every) if table in mapper.tables]


def whole(
    mapper: Mapper[Any], schema: Schema, table: str, keys: Sequence[Key]
) -> list[tuple[str, list[Key]]]:
    """Rows of *table* with what else their objects have in the tables of base classes (joined inheritance), theirs last.

    A subclass's row alone would leave half an object behind, which no session can load. *keys* are primary keys.
    """
    for each in mapper.registry.mappers:
        own = each.local_table
        if each.inherits is None or each.concrete or not isinstance(own, sa.Table):
            continue
        if own is not each.inherits.local_table and schema.key(own.name, own.schema) == table:
            above = [part for _, part in tables_of(each) if isinstance(part, sa.Table) and part is not own]
            return [
                (table, list(keys)),
                *((locate(schema, part).key, _keys_in(each, own, part, keys)) for part in reversed(above)),
            ]
    return [(table, list(keys))]


@lru_cache(maxsize=256)
def _linking(item: Relation, target: Mapper[Any]) -> tuple[list[Any], sa.Select[Any]]:
    """The key columns of the parent, and those with the target's key, for every two that *item* joins.

    Kept, since SQLAlchemy takes longer to put it together than most databases to answer it.
    """
    above, below = aliased(item.parent), aliased(target)
    own = [getattr(above, name) for name in _key_names(item.parent)]
    theirs = [getattr(below, name) for name in _key_names(target)]
    select = sa.select(*own, *theirs).select_from(above).order_by(*theirs)
    if item.concrete:
        return own, select.join(below, joined(item, above, below, target))
    return own, select.join(getattr(above, item.prop.key).of_type(below))


def _key_names(mapper: Mapper[Any]) -> list[str]:
    return [mapper.get_property_by_column(column).key for column in mapper.primary_key]


def _place(mapper: Mapper[Any], column: sa.Column[Any]) -> int:
    """Where in the mapper's key the value of a table's key column stands."""
    names = _key_names(mapper)
    return names.index(mapper.get_property_by_column(column).key)


def _keys_in(mapper: Mapper[Any], own: sa.Table, base: sa.Table, keys: Sequence[Key]) -> list[Key]:
    """The primary keys in *base* of the objects that have *keys* in their own table."""
    names = [mapper.get_property_by_column(column).key for column in own.primary_key]
    places = [names.index(mapper.get_property_by_column(column).key) for column in base.primary_key]
    return [tuple(key[place] for place in places) for key in keys]


def _among(columns: Sequence[Any], keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    if len(columns) == 1:
        found: sa.ColumnElement[bool] = columns[0].in_([key[0] for key in keys])
        return found
    return sa.or_(
        *(sa.and_(*(column == value for column, value in zip(columns, key, strict=True))) for key in keys)
    )
