"""In which order the unit of work deletes: by mapper where their graph has no cycle, by object where it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.orm import Mapper

from ._simulate import Delete, Statement, Violation
from ._verdict import Reason

if TYPE_CHECKING:
    from ._orm import Relation
    from ._orm_steps import Entity, Related

Node = TypeVar("Node")
Before = set[tuple[Node, Node]]


class Ordering:
    """Sorts the deletions of one flush.

    The unit of work puts whole mappers in order, children first; only mappers on a cycle are sorted object by object.
    """

    def __init__(
        self,
        entities: list[Entity],
        relations: Callable[[Mapper[Any]], tuple[Relation, ...]],
        pairs: Callable[[Relation], Related],
    ) -> None:
        self._entities = entities
        self._relations = relations
        self._pairs = pairs
        self._groups: dict[Mapper[Any], list[Entity]] = defaultdict(list)
        for entity in entities:
            self._groups[entity.mapper.base_mapper].append(entity)

    def deletes(self, failures: list[Violation], *, backwards: bool) -> list[Statement]:
        """The DELETE statements; a cycle among objects is a failure (CircularDependencyError)."""
        edges, items = self._mapper_order()
        groups = sorted(self._groups, key=lambda mapper: mapper.class_.__name__, reverse=backwards)
        order = topological(groups, edges)
        if order is not None:
            found = [self._group(sorted(self._groups[group], key=_by_key)) for group in order]
            return [statement for part in found for statement in part]
        entities = sorted(self._entities, key=_by_key)
        sequence = topological(entities, self._object_order(items, edges))
        if sequence is None:
            failures += [Violation(Reason.ORM, entity.row, ()) for entity in entities]
            sequence = entities
        return [statement for entity in sequence for statement in self._group([entity])]

    def _mapper_order(self) -> tuple[Before[Mapper[Any]], list[Relation]]:
        edges: Before[Mapper[Any]] = set()
        items: dict[str, Relation] = {}
        for mapper in {entity.mapper for entity in self._entities}:
            for item in self._relations(mapper):
                target = item.target.base_mapper
                if item.direction == "many_to_many" or item.post_update or target not in self._groups:
                    continue
                items[item.name] = item
                own = mapper.base_mapper
                edges.add((target, own) if item.direction == "one_to_many" else (own, target))
        return edges, list(items.values())

    def _object_order(self, items: Iterable[Relation], edges: Before[Mapper[Any]]) -> Before[Entity]:
        """Pairs of objects, and whole mappers against each other where they are on no common cycle."""
        found: Before[Entity] = set()
        for item in items:
            for parent, children in self._pairs(item).items():
                for child in children:
                    if child is not parent and child in self._entities:
                        found.add((child, parent) if item.direction == "one_to_many" else (parent, child))
        reach = _reachability(edges)
        for first, second in edges:
            if first not in reach.get(second, set()):
                found |= {(one, two) for one in self._groups[first] for two in self._groups[second]}
        return found

    def _group(self, entities: list[Entity]) -> list[Statement]:
        """Table by table, the subclass's first; one statement a row, as an executemany sends them."""
        tables: dict[str, list[Entity]] = defaultdict(list)
        for entity in entities:
            for table in entity.rows:
                tables[table].append(entity)
        return [
            Delete([entity.rows[table]], expected=entity.mapper.version_id_col is not None)
            for table in reversed(list(tables))
            for entity in tables[table]
        ]


def _by_key(entity: Entity) -> tuple[str, int]:
    return entity.mapper.base_mapper.class_.__name__, entity.row.number


def _reachability(edges: Before[Node]) -> dict[Node, set[Node]]:
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


def topological(nodes: list[Node], before: Before[Node]) -> list[Node] | None:
    """The nodes, each after all that must come before it, else in the given order; None where there is a cycle."""
    waiting: dict[Node, int] = dict.fromkeys(nodes, 0)
    following: dict[Node, list[Node]] = defaultdict(list)
    for first, second in before:
        if first in waiting and second in waiting:
            waiting[second] += 1
            following[first].append(second)
    found: list[Node] = []
    ready = [node for node in nodes if not waiting[node]]
    while ready:
        node = ready.pop(0)
        found.append(node)
        for after in following[node]:
            waiting[after] -= 1
            if not waiting[after]:
                ready.append(after)
    return found if len(found) == len(nodes) else None
