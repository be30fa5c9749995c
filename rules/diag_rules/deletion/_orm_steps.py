"""The statements that ``session.delete()`` would send for one subject, in its order."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, aliased

from ._load import Loader
from ._orm import Relation, Step, relations
from ._orm_concrete import family, joined, own_column, told_by_row
from ._orm_order import Flush, processor
from ._probe import Unsure
from ._schema import Schema, Table
from ._simulate import Delete, Null, Statement, Violation
from ._verdict import Reason
from ._world import Row

Key = tuple[Any, ...]
Related = dict["Entity", list["Entity"]]


@dataclass(slots=True, eq=False)
class Entity:
    """One mapped object: a row in each of its mapper's tables.

    Attributes:
        path: the mappers through which it was loaded; eager loading never comes back to one of them.
    """

    mapper: Mapper[Any]
    key: Key
    path: frozenset[Mapper[Any]] = frozenset()
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        """The row in the base table."""
        return next(iter(self.rows.values()))


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


class UnitOfWork:
    """Follows the cascades of one deletion and lists what a flush would send.

    Attributes:
        assumed: names of relationships that are taken as loaded.
        choice: which row a scalar relationship takes where there are several.
        several: the names of those that met several, with the most that one met.
        failures: what stops the ORM before it sends anything.
    """

    def __init__(self, loader: Loader, assumed: frozenset[str] = frozenset(), choice: int = 0) -> None:
        self.loader = loader
        self.assumed = assumed
        self.choice = choice
        self.several: dict[str, int] = {}
        self.failures: list[Violation] = []
        self.passive: dict[str, Relation] = {}
        self._entities: dict[tuple[Mapper[Any], Key], Entity] = {}
        self._deleted: dict[Entity, None] = {}
        self._related: dict[str, Related] = {}
        self._nulls: dict[Entity, dict[str, list[sa.Column[Any]]]] = {}

    def plan(self, mapper: Mapper[Any], key: Key, *, late: bool = False) -> list[Statement]:
        """The statements for the object *key*; *late* chooses otherwise where SQLAlchemy leaves the order open."""
        self._cascade(self._load(mapper, [self._stored(mapper, key)]))
        flush = Flush(list(self._deleted), self._pairs)
        self._updates(flush)
        self._unlinks(flush)
        self._link(flush)
        return flush.statements(self.failures, late=late)

    def _stored(self, mapper: Mapper[Any], key: Key) -> Key:
        """The key as the database returns it: other letters may equal those that were given (citext, a collation)."""
        if all(isinstance(part, (int, uuid.UUID)) for part in key):
            return key
        select = sa.select(*mapper.primary_key).where(_among(mapper.primary_key, [key]))
        found = self.loader.connection.execute(select).first()
        return tuple(found) if found is not None else key

    def _link(self, flush: Flush) -> None:
        """Note the relationships between mappers that take part."""
        part = {entity.mapper for entity in self._deleted} | set(flush.saves) | set(flush.before)
        bases = {mapper.base_mapper for mapper in part}
        for mapper in part:
            for item in self._relations_of(mapper):
                if item.target.base_mapper in bases:
                    flush.items[item.name] = item

    def exists(self, mapper: Mapper[Any], key: Key) -> bool:
        """True where there is an object of that class and key; a row of another class in its table is none."""
        return bool(self._load(mapper, [key]))

    def rows(self) -> list[Row]:
        """Every row that the ORM itself deletes."""
        return [row for entity in self._deleted for row in entity.rows.values()]

    def _cascade(self, roots: Iterable[Entity]) -> None:
        pending = list(roots)
        while pending:
            self._deleted.update(dict.fromkeys(pending))
            found: dict[Entity, None] = {}
            for item, entities in self._by_relation(pending):
                if not item.write_only and item.depends_on_loading and item.name not in self.assumed:
                    self.passive[item.name] = item
                if item.deletes and not item.write_only and item.seen(loaded=item.name in self.assumed):
                    for children in self._follow(item, entities).values():
                        found.update(dict.fromkeys(children))
            pending = [entity for entity in found if entity not in self._deleted]

    def _by_relation(self, entities: Iterable[Entity]) -> Iterator[tuple[Relation, list[Entity]]]:
        grouped: dict[tuple[Mapper[Any], frozenset[Mapper[Any]]], list[Entity]] = defaultdict(list)
        for entity in entities:
            grouped[entity.mapper, entity.path].append(entity)
        for (mapper, path), members in grouped.items():
            for item in self._relations_of(mapper):
                yield (item.not_loaded() if item.comes_back(path) else item), members

    _known: dict[Mapper[Any], tuple[Relation, ...]]

    def _relations_of(self, mapper: Mapper[Any]) -> tuple[Relation, ...]:
        if not hasattr(self, "_known"):
            self._known = {}
        if mapper not in self._known:
            self._known[mapper] = relations(mapper)
        return self._known[mapper]

    # what is nulled, and what is unlinked

    def _updates(self, flush: Flush) -> None:
        """One UPDATE a child and relationship."""
        for item, entities in self._by_relation(list(self._deleted)):
            step = item.step(loaded=item.name in self.assumed)
            if step is Step.REFUSES:
                self._refuse(item, entities)
            elif step in (Step.NULLS, Step.BLANKS_KEY) or (step is Step.DELETES and item.nulls_before):
                kept = flush.before if item.post_update else flush.saves
                own = item.direction == "many_to_one"
                mapper = (item.parent if own else item.target).base_mapper
                for row, columns in self._losing(item, entities):
                    kept[mapper].append(Null(row, tuple(columns), item.name))

    def _refuse(self, item: Relation, entities: Sequence[Entity]) -> None:
        columns = tuple(column.name for column in item.nulled)
        related = [child for children in self._follow(item, entities).values() for child in children]
        for entity in related or entities:
            self.failures.append(
                Violation(Reason.ORM, entity.row, columns, relationship=item.name, early=True)
            )

    def _losing(self, item: Relation, entities: Sequence[Entity]) -> Iterator[tuple[Row, list[str]]]:
        """The rows that lose a reference, with its columns; a key that would be blanked is a failure."""
        related = self._follow(item, entities)
        for parent, children in related.items():
            own = item.direction == "many_to_one"
            for child in [parent] if own and children else children:
                if child in self._deleted and not item.post_update:
                    continue
                yield from self._blank(item, child)

    def _blank(self, item: Relation, child: Entity) -> Iterator[tuple[Row, list[str]]]:
        by_table: dict[str, list[str]] = defaultdict(list)
        nulled = [own_column(item, child.mapper, column) for column in item.nulled]
        for column in nulled:
            by_table[locate(self.loader.schema, column.table).key].append(column.name)
        if any(column.primary_key for column in nulled):
            columns = tuple(column.name for column in nulled)
            self.failures.append(
                Violation(Reason.PRIMARY_KEY, child.row, columns, relationship=item.name, early=True)
            )
            return
        for table, columns_of in by_table.items():
            if table in child.rows:
                yield child.rows[table], columns_of

    def _unlinks(self, flush: Flush) -> None:
        done: set[tuple[Any, Entity, Entity]] = set()
        for item, entities in self._by_relation(list(self._deleted)):
            if item.direction != "many_to_many" or item.write_only:
                continue
            if not item.seen(loaded=item.name in self.assumed):
                continue
            reverses = item.prop._reverse_property  # noqa: SLF001 - the unit of work goes by it, too
            for parent, children in self._follow(item, entities).items():
                for child in children:
                    reverse = any((prop, child, parent) in done for prop in reverses)
                    if not reverse:
                        flush.items[item.name] = item
                        flush.unlinks[processor(item)] += self._unlink(item, parent, child)
                    done.add((item.prop, parent, child))

    def _unlink(self, item: Relation, parent: Entity, child: Entity) -> Iterator[Statement]:
        secondary = item.secondary
        if not isinstance(secondary, sa.Table):
            raise Unsure(f"the secondary of {item.name} is not a table")
        names, values = [], []
        for pairs, entity in (
            (item.prop.synchronize_pairs, parent),
            (item.prop.secondary_synchronize_pairs or (), child),
        ):
            for left, right in pairs:
                names.append(right.name)
                values.append(self._value(entity, left))
        rows = self.loader.rows(locate(self.loader.schema, secondary).key, names, [values])
        if len(rows) > 1 and self.loader.connection.dialect.supports_sane_multi_rowcount:
            self.failures.append(Violation(Reason.ORM, rows[0], tuple(names), relationship=item.name))
        for row in rows:
            yield Delete([row], item.name, expected=True)

    def _value(self, entity: Entity, column: Any) -> Any:
        row = entity.rows[locate(self.loader.schema, column.table).key]
        if column.name not in row.values:
            raise Unsure(f"{column} joins a relationship and is no key")
        return row.values[column.name]

    # reading

    def _pairs(self, item: Relation) -> Related:
        """Who is related to whom, among deleted objects."""
        if not item.seen(loaded=item.name in self.assumed) or item.write_only:
            return {}
        members = [entity for entity in self._deleted if entity.mapper.isa(item.prop.parent)]
        return self._follow(item, members)

    def _follow(self, item: Relation, entities: Sequence[Entity]) -> Related:
        """The objects behind a relationship, by parent."""
        known = self._related.setdefault(item.name, {})
        missing = [entity for entity in entities if entity not in known]
        for entity in missing:
            known[entity] = []
        if missing:
            self._read(item, missing, known)
        return {entity: known[entity] for entity in entities}

    def _read(self, item: Relation, parents: list[Entity], known: Related) -> None:
        parent_by_key = {entity.key: entity for entity in parents}
        path = parents[0].path | {item.target}
        for target in item.concrete or (item.target,):
            found = list(self._linked(item, target, list(parent_by_key)))
            keys = list(dict.fromkeys(key for _, key in found))
            children = {entity.key: entity for entity in self._load(target, keys, path)}
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
        above, below = aliased(item.parent), aliased(target)
        own = [getattr(above, name) for name in _key_names(item.parent)]
        theirs = [getattr(below, name) for name in _key_names(target)]
        select = sa.select(*own, *theirs).select_from(above).order_by(*theirs)
        if item.concrete:
            select = select.join(below, joined(item, above, below, target))
        else:
            select = select.join(getattr(above, item.prop.key).of_type(below))
        for start in range(0, len(parents), 400):
            where = _among(own, parents[start : start + 400])
            for row in self.loader.connection.execute(select.where(where)):
                yield tuple(row[: len(own)]), tuple(row[len(own) :])

    def _load(
        self, mapper: Mapper[Any], keys: Sequence[Key], path: frozenset[Mapper[Any]] | None = None
    ) -> list[Entity]:
        """The objects of those keys, each of its own class, with their rows."""
        base = family(mapper)
        missing = [key for key in keys if (base, key) not in self._entities]
        for actual, members in self._by_class(mapper, missing).items():
            entities = [Entity(actual, key, path or frozenset({mapper})) for key in members]
            for table in actual.tables:
                self._attach(actual, table, entities)
            for entity in entities:
                if entity.rows:
                    self._entities[base, entity.key] = entity
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

    def _attach(self, mapper: Mapper[Any], table: sa.FromClause, entities: list[Entity]) -> None:
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


def _key_names(mapper: Mapper[Any]) -> list[str]:
    return [mapper.get_property_by_column(column).key for column in mapper.primary_key]


def _place(mapper: Mapper[Any], column: sa.Column[Any]) -> int:
    """Where in the mapper's key the value of a table's key column stands."""
    names = _key_names(mapper)
    return names.index(mapper.get_property_by_column(column).key)


def _among(columns: Sequence[Any], keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    if len(columns) == 1:
        found: sa.ColumnElement[bool] = columns[0].in_([key[0] for key in keys])
        return found
    return sa.or_(
        *(sa.and_(*(column == value for column, value in zip(columns, key, strict=True))) for key in keys)
    )
