"""The statements that ``session.delete()`` would send for one subject, in its order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from ._load import Loader
from ._orm import Relation, Step, circles, reached, relations
from ._orm_actions import name, processor
from ._orm_concrete import written_columns
from ._orm_objects import Entity, Key, Objects, Related, Way, locate
from ._orm_order import Flush
from ._probe import Unsure
from ._simulate import Delete, Null, Statement, Violation
from ._verdict import Reason
from ._world import Row


class UnitOfWork:
    """Follows the cascades of one deletion and lists what a flush would send.

    Attributes:
        assumed: names of relationships that are taken as loaded.
        failures: what stops the ORM before it sends anything.
        leaves_open: post_update writes rows, which a plan that is late may do otherwise.
    """

    def __init__(self, loader: Loader, assumed: frozenset[str] = frozenset(), choice: int = 0) -> None:
        self.loader = loader
        self.assumed = assumed
        self._objects = Objects(loader, choice)
        self.failures: list[Violation] = []
        self.leaves_open = False
        self.passive: dict[str, Relation] = {}
        self._deleted: dict[Entity, None] = {}
        self._losers: dict[Mapper[Any], set[tuple[Mapper[Any], int]]] = defaultdict(set)

    def twin(self) -> UnitOfWork:
        """Another for the same objects, which are not read again."""
        other = UnitOfWork(self.loader, self.assumed)
        other._objects = self._objects
        return other

    @property
    def several(self) -> dict[str, int]:
        """The names of scalar relationships that met several rows, with the most that one met."""
        return self._objects.several

    @property
    def met_again(self) -> list[str]:
        """The names of passive relationships that an object was loaded without, and that a later query may have loaded."""
        return [
            name
            for name, item in self.passive.items()
            if any(entity.may_load(each) for entity in self._deleted for each in self._same(item, entity))
        ]

    def _same(self, item: Relation, entity: Entity) -> Iterator[Relation]:
        """*item* as the mapper of *entity* has it, if it has it."""
        return (each for each in self._relations_of(entity.mapper) if each.name == item.name)

    def plan(self, mapper: Mapper[Any], key: Key, *, late: bool = False) -> list[Statement]:
        """The statements for the object *key*; *late* chooses otherwise where SQLAlchemy leaves the order open."""
        self._cascade(self._objects.load(mapper, [self._objects.stored(mapper, key)]))
        flush = Flush(list(self._deleted), self._pairs)
        self._updates(flush, late=late)
        for kept in (*flush.saves, *flush.before):
            if any(map(circles, kept.self_and_descendants)):
                raise Unsure(f"{kept.class_.__name__} loads objects of its own class eagerly")
        self._unlinks(flush)
        self._link(flush, late=late)
        self._refuse_unloadable(flush)
        self.leaves_open = bool(flush.before)
        return flush.statements(self.failures, late=late)

    def _link(self, flush: Flush, *, late: bool) -> None:
        """Note the relationships by which the flush sorts: those in which it finds anything, and those between its mappers.

        Where chance has it meet the other mapper, a plan that is *late* leaves the relationship out.
        """
        part = {entity.mapper for entity in self._deleted} | set(flush.saves) | set(flush.before)
        bases = {mapper.base_mapper for mapper in part}
        for mapper in part:
            for item in self._relations_of(mapper):
                within = item.target.base_mapper in bases and not item.turns_back
                met = self._meets(item, mapper) if within else False
                if self._active(item, mapper) or met or (met is None and not late):
                    flush.items[item.name] = item

    def _meets(self, item: Relation, mapper: Mapper[Any]) -> bool | None:
        """True where the flush knows objects of the target's class when it comes to the relationship; None: by chance.

        Those to delete it knows from the start, others once a relationship before this one has lost them. Of a class of
        which it has none, but some of the same hierarchy, it knows once it has looked for them.
        """
        deleted = {entity.mapper for entity in self._deleted}
        if mapper not in deleted or item.target in deleted:
            return True
        losing = self._losers.get(item.target.base_mapper, set())
        if any(own is mapper and place < item.place for own, place in losing):
            return True
        related = item.target.base_mapper in {each.base_mapper for each in deleted}
        return None if related or any(own is not mapper for own, _ in losing) else False

    def _active(self, item: Relation, mapper: Mapper[Any]) -> bool:
        """True where a flush finds anything in the relationship, or a many-to-one that is known to be empty."""
        members = [entity for entity in self._deleted if entity.mapper is mapper]
        loaded = item.name in self.assumed or any(entity.way.loads(item) for entity in members)
        if not loaded and item.passive:
            return False
        related = self._objects.follow(item, members)
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
                if (found or item.name in flush.items) and len(members) > found:
                    self._refuse(item, members)

    def sent(self, statements: Iterable[Statement]) -> Iterator[tuple[Mapper[Any], str]]:
        """Whose objects these statements delete or update."""
        owners = {row: entity.mapper for entity in self._objects.all for row in entity.rows.values()}
        for statement in statements:
            gone = isinstance(statement, Delete)
            rows = statement.rows if isinstance(statement, Delete) else [statement.row]
            yield from ((owners[row], "DELETE" if gone else "UPDATE") for row in rows if row in owners)

    def rows(self) -> list[Row]:
        """Every row that the ORM itself deletes."""
        return [row for entity in self._deleted for row in entity.rows.values()]

    def _cascade(self, roots: Iterable[Entity]) -> None:
        pending = list(roots)
        mappers = {entity.mapper for entity in pending}
        going = cache(lambda: {each.base_mapper for mapper in mappers for each in reached(mapper)})
        while pending:
            self._deleted.update(dict.fromkeys(pending))
            self._meet(pending, going)
            found: dict[Entity, None] = {}
            for item, entities in self._by_relation(pending):
                turns = item.depends_on_loading or item.spares_loading
                if not item.write_only and turns and item.name not in self.assumed:
                    self.passive[item.name] = item
                if item.deletes and not item.write_only and item.seen(loaded=item.name in self.assumed):
                    for children in self._objects.follow(item, entities).values():
                        found.update(dict.fromkeys(children))
            pending = [entity for entity in found if entity not in self._deleted]

    def _meet(self, entities: Iterable[Entity], going: Callable[[], AbstractSet[Mapper[Any]]]) -> None:
        """Load what comes along with these, of the hierarchies *going*: an object has what it was first loaded with.

        *going* is asked only where something is loaded eagerly.
        """
        pending, met = list(entities), set(entities)
        while pending:
            found: dict[Entity, None] = {}
            for item, members in self._by_relation(pending):
                if item.loaded and not item.write_only and item.target.base_mapper in going():
                    for children in self._objects.follow(item, members).values():
                        found.update(dict.fromkeys(children))
            pending = [entity for entity in found if entity not in met]
            met.update(pending)

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
        related = self._objects.follow(item, entities)
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
                    child for children in self._objects.follow(item, entities).values() for child in children
                )
        return found

    def _refuse(self, item: Relation, entities: Sequence[Entity]) -> None:
        columns = tuple(column.name for column in item.nulled)
        related = [child for children in self._objects.follow(item, entities).values() for child in children]
        for entity in related or entities:
            self.failures.append(
                Violation(Reason.ORM, entity.row, columns, relationship=item.name, early=True)
            )

    def _losing(self, item: Relation, entities: Sequence[Entity]) -> Iterator[tuple[Row, list[str]]]:
        """The rows that lose a reference, with its columns; a key that would be blanked is a failure."""
        related = self._objects.follow(item, entities)
        for parent, children in related.items():
            own = item.direction == "many_to_one"
            for child in [parent] if own and children else children:
                if child in self._deleted and not item.post_update:
                    continue
                yield from self._blank(item, child)

    def _blank(self, item: Relation, child: Entity) -> Iterator[tuple[Row, list[str]]]:
        by_table: dict[str, list[str]] = defaultdict(list)
        nulled = [each for column in item.nulled for each in written_columns(item, child.mapper, column)]
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
            for parent, children in self._objects.follow(item, entities).items():
                for child in children:
                    reverse = any((prop, child, parent) in done for prop in reverses)
                    if not reverse:
                        flush.items[item.name] = item
                        flush.unlinks[processor(item), parent] += self._unlink(item, parent, child)
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
        if not rows and counted:
            # the join compares letters as the other table does, and finds what no value of ours does
            self.failures.append(Violation(Reason.ORM, parent.row, (), relationship=item.name))
        elif len(rows) > 1 and counted and not (item.loaded and item.repeats):
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
        return self._objects.follow(
            item, [each for each in of_class if each.way.as_loaded(item).seen(loaded=loaded)]
        )
