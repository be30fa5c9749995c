"""The statements that ``session.delete()`` would send for one subject, in its order."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, aliased

from ._load import Loader
from ._orm import Relation, Step, circles, relations
from ._orm_concrete import family, joined, own_column, told_by_row
from ._orm_order import Flush, name, processor
from ._probe import Unsure
from ._schema import Schema, Table
from ._simulate import Delete, Null, Statement, Violation
from ._verdict import Reason
from ._world import Row

Key = tuple[Any, ...]
Related = dict["Entity", list["Entity"]]


@dataclass(frozen=True, slots=True)
class Way:
    """How an object was loaded; eager loading never comes back to a mapper on its way.

    Attributes:
        path: the mappers through which it was loaded, back to the last lazy load and its parent.
        query: those of them in the same query: what is joined stops at these.
        asked: the mapper that the query was for; the object may be of a subclass.
    """

    path: frozenset[Mapper[Any]]
    query: frozenset[Mapper[Any]]
    asked: Mapper[Any]

    @classmethod
    def first(cls, mapper: Mapper[Any]) -> Way:
        """The way to what a query for *mapper* finds."""
        own = frozenset({mapper})
        return cls(own, own, mapper)

    def stops(self, item: Relation) -> bool:
        """True where *item* is not loaded eagerly here, though it is elsewhere."""
        return item.comes_back(self.query if item.joined else self.path) or not item.joins(self.asked)

    def loads(self, item: Relation) -> bool:
        """True where an object that came this way has *item* loaded."""
        return item.loaded and not self.stops(item)

    def as_loaded(self, item: Relation) -> Relation:
        """*item* as an object has it that came this way."""
        return item.not_loaded() if self.stops(item) else item

    def by(self, item: Relation, parent: Mapper[Any]) -> Way:
        """The way to what *item* leads to, from an object of the mapper *parent* that came this way."""
        target = frozenset({item.target})
        if not self.loads(item):
            return Way(target | {parent}, target, item.target)
        return Way(self.path | target, self.query | target if item.joined else target, item.target)


@dataclass(slots=True, eq=False)
class Entity:
    """One mapped object: a row in each of its mapper's tables.

    Attributes:
        rows: by table, the base's first.
        places: by table, when a flush comes to it; it deletes in the reverse order.
    """

    mapper: Mapper[Any]
    key: Key
    way: Way
    rows: dict[str, Row] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

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
        self._losers: dict[Mapper[Any], set[tuple[Mapper[Any], int]]] = defaultdict(set)

    def plan(self, mapper: Mapper[Any], key: Key, *, late: bool = False) -> list[Statement]:
        """The statements for the object *key*; *late* chooses otherwise where SQLAlchemy leaves the order open."""
        self._cascade(self._load(mapper, [self._stored(mapper, key)]))
        flush = Flush(list(self._deleted), self._pairs)
        self._updates(flush, late=late)
        for kept in (*flush.saves, *flush.before):
            if any(map(circles, kept.self_and_descendants)):
                raise Unsure(f'{kept.class_.__name__} loads objects of its own class by lazy="immediate"')
        self._unlinks(flush)
        self._link(flush)
        self._refuse_unloadable(flush)
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
                if item.target.base_mapper in bases and self._taking_part(item, mapper):
                    flush.items[item.name] = item

    def _taking_part(self, item: Relation, mapper: Mapper[Any]) -> bool:
        """True where the flush sorts by that relationship."""
        return self._active(item, mapper) or (not item.turns_back and self._meets(item, mapper) is not False)

    def _meets(self, item: Relation, mapper: Mapper[Any]) -> bool | None:
        """True where the flush knows objects of the target's class when it comes to the relationship; None: by chance.

        Those to delete it knows from the start, others once a relationship before this one has lost them.
        """
        deleted = {entity.mapper for entity in self._deleted}
        if mapper not in deleted or item.target.base_mapper in {each.base_mapper for each in deleted}:
            return True
        losing = self._losers.get(item.target.base_mapper, set())
        if any(own is mapper and place < item.place for own, place in losing):
            return True
        return None if any(own is not mapper for own, _ in losing) else False

    def _active(self, item: Relation, mapper: Mapper[Any]) -> bool:
        """True where a flush finds anything in the relationship, or a many-to-one that is known to be empty."""
        members = [entity for entity in self._deleted if entity.mapper is mapper]
        loaded = item.name in self.assumed or any(entity.way.loads(item) for entity in members)
        if not loaded and item.passive:
            return False
        related = self._follow(item, members)
        if item.direction != "many_to_one":
            return any(related.values())
        if loaded or item.deletes or not item.by_key:
            return bool(related)
        present = self._present(item)
        return any(not found or set(found) & present for found in related.values())

    def _refuse_unloadable(self, flush: Flush) -> None:
        """A many-to-one with lazy="raise" raises where objects are sorted one by one, unless it was looked at before.

        Raises Unsure where objects of several classes inherit it.
        """
        cyclic = flush.cyclic()
        for mapper in {
            entity.mapper for entity in self._deleted if name(entity.mapper.base_mapper) in cyclic
        }:
            members = [entity for entity in self._deleted if entity.mapper is mapper]
            for item in self._relations_of(mapper):
                if not item.raises or item.deletes or item.passive or item.name in self.assumed:
                    continue
                if (
                    len({entity.mapper for entity in self._deleted if entity.mapper.isa(item.prop.parent)})
                    > 1
                ):
                    raise Unsure(
                        f'{item.name} has lazy="raise", and a flush of several classes may look it up'
                    )
                found = self._active(item, mapper)
                if item.name in flush.items and not found and self._meets(item, mapper) is None:
                    raise Unsure(
                        f'{item.name} has lazy="raise", and chance decides whether a flush looks it up'
                    )
                if (found or item.name in flush.items) and len(members) > found:
                    self._refuse(item, members)

    def exists(self, mapper: Mapper[Any], key: Key) -> bool:
        """True where there is an object of that class and key; a row of another class in its table is none."""
        return bool(self._load(mapper, [key]))

    def sent(self, statements: Iterable[Statement]) -> Iterator[tuple[Mapper[Any], str]]:
        """Whose objects these statements delete or update."""
        owners = {row: entity.mapper for entity in self._entities.values() for row in entity.rows.values()}
        for statement in statements:
            gone = isinstance(statement, Delete)
            rows = statement.rows if isinstance(statement, Delete) else [statement.row]
            yield from ((owners[row], "DELETE" if gone else "UPDATE") for row in rows if row in owners)

    def rows(self) -> list[Row]:
        """Every row that the ORM itself deletes."""
        return [row for entity in self._deleted for row in entity.rows.values()]

    def _cascade(self, roots: Iterable[Entity]) -> None:
        pending = list(roots)
        while pending:
            self._deleted.update(dict.fromkeys(pending))
            found: dict[Entity, None] = {}
            for item, entities in self._by_relation(pending):
                turns = item.depends_on_loading or item.spares_loading
                if not item.write_only and turns and item.name not in self.assumed:
                    self.passive[item.name] = item
                if item.deletes and not item.write_only and item.seen(loaded=item.name in self.assumed):
                    for children in self._follow(item, entities).values():
                        found.update(dict.fromkeys(children))
            pending = [entity for entity in found if entity not in self._deleted]

    def _by_relation(self, entities: Iterable[Entity]) -> Iterator[tuple[Relation, list[Entity]]]:
        grouped: dict[tuple[Mapper[Any], Way], list[Entity]] = defaultdict(list)
        for entity in entities:
            grouped[entity.mapper, entity.way].append(entity)
        for (mapper, way), members in grouped.items():
            for item in self._relations_of(mapper):
                yield way.as_loaded(item), members

    _known: dict[Mapper[Any], tuple[Relation, ...]]

    def _relations_of(self, mapper: Mapper[Any]) -> tuple[Relation, ...]:
        if not hasattr(self, "_known"):
            self._known = {}
        if mapper not in self._known:
            self._known[mapper] = relations(mapper)
        return self._known[mapper]

    # what is nulled, and what is unlinked

    def _updates(self, flush: Flush, *, late: bool) -> None:
        """One UPDATE a child and relationship."""
        for item, members in self._by_relation(list(self._deleted)):
            entities = self._met(item, members, late=late) if item.spares_loading else members
            step = item.step(loaded=item.name in self.assumed)
            if step is Step.REFUSES:
                self._refuse(item, entities)
            elif step in (Step.NULLS, Step.BLANKS_KEY) or (step is Step.DELETES and item.nulls_before):
                kept = flush.before if item.post_update else flush.saves
                own = item.direction == "many_to_one"
                mapper = (item.parent if own else item.target).base_mapper
                lost = [Null(row, tuple(columns), item.name) for row, columns in self._losing(item, entities)]
                if lost and not own:
                    self._losers[mapper].add((item.parent, item.place))
                if lost:
                    kept[mapper] += lost

    def _met(self, item: Relation, entities: list[Entity], *, late: bool) -> list[Entity]:
        """The objects whose many-to-one is known without a SELECT, as post_update demands.

        One such object, or one that refers to nothing, and those that happen to be looked at later are nulled, too.
        """
        related = self._follow(item, entities)
        present = self._present(item)
        met = [entity for entity in entities if set(related[entity]) & present]
        open_ = met or any(not related[entity] for entity in entities)
        return entities if item.name in self.assumed or (late and open_) else met

    def _present(self, before: Relation) -> set[Entity]:
        """The objects that a fresh session holds when it comes to that relationship."""
        found = set(self._deleted)
        for item, entities in self._by_relation(list(self._deleted)):
            loaded = item.name in self.assumed
            early = item.loaded or item.deletes or loaded
            if item.parent is before.parent and item.place > before.place and not early:
                continue
            if (
                item.seen(loaded=loaded)
                and not item.write_only
                and (early or item.direction != "many_to_one")
            ):
                found.update(
                    child for children in self._follow(item, entities).values() for child in children
                )
        return found

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
        counted = self.loader.connection.dialect.supports_sane_multi_rowcount
        if len(rows) > 1 and counted and not (item.loaded and item.repeats):
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
        if item.write_only:
            return {}
        of_class = (entity for entity in self._deleted if entity.mapper.isa(item.prop.parent))
        loaded = item.name in self.assumed
        return self._follow(item, [each for each in of_class if each.way.as_loaded(item).seen(loaded=loaded)])

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
        way = parents[0].way.by(item, parents[0].mapper)
        for target in item.concrete or (item.target,):
            found = list(self._linked(item, target, list(parent_by_key)))
            keys = list(dict.fromkeys(key for _, key in found))
            children = {entity.key: entity for entity in self._load(target, keys, way)}
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
            select = select.where(sa.collate(one, collation) == other)
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

    def _load(self, mapper: Mapper[Any], keys: Sequence[Key], way: Way | None = None) -> list[Entity]:
        """The objects of those keys, each of its own class, with their rows."""
        base = family(mapper)
        missing = [key for key in keys if (base, key) not in self._entities]
        for actual, members in self._by_class(mapper, missing).items():
            entities = [Entity(actual, key, way or Way.first(mapper)) for key in members]
            for place, table in tables_of(actual):
                self._attach(actual, table, place, entities)
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


def _among(columns: Sequence[Any], keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    if len(columns) == 1:
        found: sa.ColumnElement[bool] = columns[0].in_([key[0] for key in keys])
        return found
    return sa.or_(
        *(sa.and_(*(column == value for column, value in zip(columns, key, strict=True))) for key in keys)
    )
