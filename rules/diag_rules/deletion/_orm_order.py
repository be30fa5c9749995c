"""In which order the unit of work sends its statements.

It sorts whole mappers and relationships by their dependencies, level by level, and by name within a level; where that
graph has a cycle (a self-reference is one), it sorts object by object.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``orm/unitofwork.py``, ``orm/dependency.py`` (per_property_dependencies),
``util/topological.py``.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.orm import Mapper

from ._simulate import Delete, Null, Statement, Violation
from ._verdict import Reason

if TYPE_CHECKING:
    from ._orm import Relation
    from ._orm_objects import Entity, Related

Node = TypeVar("Node")
Edges = set[tuple[Node, Node]]
Action = tuple[str, str]  # as SQLAlchemy's sort_key: kind of action, name of the mapper or relationship


@dataclass(slots=True)
class Flush:
    """What one flush has to do.

    Attributes:
        deleted: the objects that go, in the order in which they were found.
        saves: UPDATEs by the base mapper of their rows.
        before: UPDATEs of post_update, which come before the deletions of the mapper whose relationship it is.
        unlinks: deletions of secondary rows by relationship.
        items: the relationships that link mappers of this flush.
        pairs: who is related to whom by a relationship, among the deleted.
    """

    deleted: list[Entity]
    pairs: Callable[[Relation], Related]
    items: dict[str, Relation] = field(default_factory=dict)
    saves: dict[Mapper[Any], list[Statement]] = field(default_factory=lambda: defaultdict(list))
    before: dict[Mapper[Any], list[Statement]] = field(default_factory=lambda: defaultdict(list))
    unlinks: dict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))

    def statements(self, failures: list[Violation], *, late: bool) -> list[Statement]:
        """All statements in order; *late* chooses otherwise where the unit of work leaves it open.

        A cycle among objects is a failure: CircularDependencyError.
        """
        groups = self._groups()
        ordered = levels(sorted(self._actions(groups)), self._edges(groups))
        if ordered is not None:
            return [statement for action in ordered for statement in self._of(action, groups)]
        return list(self._object_by_object(groups, failures, late=late))

    def cyclic(self) -> set[str]:
        """The names of the mappers whose objects are sorted one by one."""
        reach = _reachability(self._edges(self._groups()))
        return {what for kind, what in reach if kind != "ProcessAll" and (kind, what) in reach[kind, what]}

    @classmethod
    def among(cls, items: Iterable[Relation]) -> Flush:
        """One in which every one of *items* takes part, whatever the rows."""
        found = cls([], lambda _: {})
        for item in items:
            found.items[item.name] = item
            for mapper in (item.parent, item.target):
                found.saves[mapper.base_mapper] = []
        return found

    def _groups(self) -> dict[str, list[Entity]]:
        return _by_mapper(self.deleted)

    def _mappers(self, groups: dict[str, list[Entity]]) -> set[str]:
        return {*groups, *map(name, self.saves), *map(name, self.before)}

    def _actions(self, groups: dict[str, list[Entity]]) -> Iterator[Action]:
        for mapper in self._mappers(groups):
            yield "DeleteAll", mapper
            yield "SaveUpdateAll", mapper
            yield "PostUpdateAll", mapper
        for item in self.items.values():
            yield "ProcessAll", processor(item)

    def _edges(self, groups: dict[str, list[Entity]]) -> Edges[Action]:
        mappers = self._mappers(groups)
        found: Edges[Action] = {(("SaveUpdateAll", each), ("DeleteAll", each)) for each in mappers}
        for item in self.items.values():
            found |= set(_dependencies(item))
        known = set(self._actions(groups))
        return {(first, second) for first, second in found if first in known and second in known}

    def _of(self, action: Action, groups: dict[str, list[Entity]]) -> list[Statement]:
        kind, what = action
        if kind == "DeleteAll":
            return _deletes(sorted(groups.get(what, ()), key=by_key))
        if kind == "ProcessAll":
            return self.unlinks.get(what, [])
        source = self.saves if kind == "SaveUpdateAll" else self.before
        return [item for mapper, found in source.items() if name(mapper) == what for item in found]

    def _object_by_object(
        self, groups: dict[str, list[Entity]], failures: list[Violation], *, late: bool
    ) -> Iterator[Statement]:
        entities = sorted(self.deleted, key=by_key)
        sequence = tiers(entities, self._object_edges(groups))  # as far as they go, statements are sent
        sorted_out = {entity for tier in sequence for entity in tier}
        circle = [entity for entity in entities if entity not in sorted_out]
        failures += [Violation(Reason.ORM, entity.row, ()) for entity in circle]
        unsent = self._overtaken() if late else set()
        for found in (self.unlinks, self.before, self.saves):
            for statements in found.values():
                yield from (item for item in statements if id(item) not in unsent)
        for tier in (*sequence, circle):
            for _, members in sorted(_by_mapper(tier).items(), reverse=late):
                yield from _deletes(members)

    def _overtaken(self) -> set[int]:
        """The UPDATEs of post_update, by identity, that may not be sent: those of rows that stay.

        Object by object, nothing puts their step behind the one that finds their rows: chance decides.
        """
        cyclic = self.cyclic()
        going = {row for entity in self.deleted for row in entity.rows.values()}
        loose = {
            item.name
            for item in self.items.values()
            if item.post_update
            and item.direction == "one_to_many"
            and name(item.parent.base_mapper) in cyclic
        }
        updates = (each for statements in self.before.values() for each in statements)
        return {
            id(each)
            for each in updates
            if isinstance(each, Null) and each.relationship in loose and each.row not in going
        }

    def _object_edges(self, groups: dict[str, list[Entity]]) -> Edges[Entity]:
        """Pairs of objects, and whole mappers against each other where they are on no common cycle."""
        found: Edges[Entity] = set()
        mappers: Edges[str] = set()
        members = set(self.deleted)
        for item in self.items.values():
            if item.direction == "many_to_many" or item.post_update:
                continue
            own, target = name(item.parent.base_mapper), name(item.target.base_mapper)
            children_first = item.direction == "one_to_many"
            mappers.add((target, own) if children_first else (own, target))
            for parent, children in self.pairs(item).items():
                pairs = ((child, parent) for child in children if child in members)
                found |= set(pairs) if children_first else {(last, first) for first, last in pairs}
        reach = _reachability(mappers)
        for first_group, second_group in mappers:
            if first_group not in reach.get(second_group, set()):
                found |= {(one, two) for one in groups[first_group] for two in groups[second_group]}
        return found


def _by_mapper(entities: Iterable[Entity]) -> dict[str, list[Entity]]:
    found: dict[str, list[Entity]] = defaultdict(list)
    for entity in entities:
        found[name(entity.mapper.base_mapper)].append(entity)
    return found


def name(mapper: Mapper[Any]) -> str:
    """The mapper's name as SQLAlchemy sorts by it."""
    return f"{mapper.class_.__module__}.{mapper.class_.__name__}"


def processor(item: Relation) -> str:
    """The relationship's name as SQLAlchemy sorts by it."""
    return f"{name(item.prop.parent)}_{item.prop.key}"


def _dependencies(item: Relation) -> Iterator[tuple[Action, Action]]:
    """What comes before what because of one relationship, as far as deletion goes."""
    process = ("ProcessAll", processor(item))
    own, target = name(item.parent.base_mapper), name(item.target.base_mapper)
    if item.direction == "many_to_many":
        first: tuple[Action, ...] = (process,)
        then: tuple[Action, ...] = tuple(
            (kind, mapper) for mapper in (own, target) for kind in ("DeleteAll", "SaveUpdateAll")
        )
    elif item.post_update:
        nulled = target if item.direction == "one_to_many" else own
        yield process, ("PostUpdateAll", nulled)
        first, then = (("PostUpdateAll", nulled),), (("DeleteAll", own), ("DeleteAll", target))
    elif item.direction == "one_to_many":
        first = (process, ("SaveUpdateAll", own))
        then = (("SaveUpdateAll", target), ("DeleteAll", target))
        yield ("SaveUpdateAll", target), ("DeleteAll", own)
        yield ("DeleteAll", target), ("DeleteAll", own)
    else:
        first = (("SaveUpdateAll", own), ("DeleteAll", own))
        then = (("DeleteAll", target),)
        yield ("SaveUpdateAll", target), ("SaveUpdateAll", own)
    yield from ((before, after) for before in first for after in then)


def _deletes(entities: Iterable[Entity]) -> list[Statement]:
    """Table by table, the subclass's first; one statement a row, as an executemany sends them."""
    tables: dict[tuple[int, str], list[Entity]] = defaultdict(list)
    for entity in entities:
        for table, place in entity.places.items():
            tables[place, table].append(entity)
    return [
        Delete([entity.rows[table]], expected=entity.mapper.version_id_col is not None)
        for (_, table), found in sorted(tables.items(), reverse=True)
        for entity in found
    ]


def by_key(entity: Entity) -> tuple[str, tuple[Any, ...]]:
    """Sorts objects as a flush does: by mapper, then by key."""
    parts = (part.name if isinstance(part, enum.Enum) else part for part in entity.key)
    return name(entity.mapper.base_mapper), tuple(parts)


def _reachability(edges: Edges[Node]) -> dict[Node, set[Node]]:
    following: dict[Node, set[Node]] = defaultdict(set)
    for first, second in edges:
        following[first].add(second)
    found: dict[Node, set[Node]] = {}
    for start in list(following):
        seen: set[Node] = set()
        pending = [start]
        while pending:
            for after in following.get(pending.pop(), ()):
                if after not in seen:
                    seen.add(after)
                    pending.append(after)
        found[start] = seen
    return found


def levels(nodes: list[Node], before: Edges[Node]) -> list[Node] | None:
    """The nodes, tier after tier; None for a cycle."""
    found = [node for tier in tiers(nodes, before) for node in tier]
    return found if len(found) == len(nodes) else None


def tiers(nodes: list[Node], before: Edges[Node]) -> list[list[Node]]:
    """The nodes, those together that are free at the same time, in the given order; without those held by a cycle."""
    waiting: dict[Node, int] = dict.fromkeys(nodes, 0)
    following: dict[Node, list[Node]] = defaultdict(list)
    for first, second in before:
        if first in waiting and second in waiting:
            waiting[second] += 1
            following[first].append(second)
    found: list[list[Node]] = []
    done: set[Node] = set()
    while ready := [node for node in nodes if not waiting[node] and node not in done]:
        found.append(ready)
        done.update(ready)
        for after in (after for node in ready for after in following[node]):
            waiting[after] -= 1
    return found
