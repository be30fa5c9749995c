"""The steps of a flush, which comes before which, and in which order that puts them.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``orm/dependency.py`` (per_property_dependencies), ``util/topological.py``.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.orm import Mapper

if TYPE_CHECKING:
    from ._orm import Relation
    from ._orm_objects import Entity
    from ._world import Row

Node = TypeVar("Node")
Edges = set[tuple[Node, Node]]


class Kind(enum.IntEnum):
    """The steps of a flush, in the order of their names, by which SQLAlchemy sorts a level."""

    DELETE = 0
    POST_UPDATE = 1
    PROCESS = 2
    SAVE = 3


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a flush.

    Attributes:
        name: of the mapper or relationship.
        deleting: it is about objects that are deleted; of two steps that differ in this alone.
        entity: the only object, where the step is taken apart.
        row: the same of a step that saves.
    """

    kind: Kind
    name: str
    deleting: bool = False
    entity: Entity | None = None
    row: Row | None = None

    @property
    def sort_key(self) -> tuple[Kind, str, bool]:
        """As SQLAlchemy sorts steps that are free at the same time."""
        return self.kind, self.name, self.deleting


def dependencies(item: Relation) -> Iterator[tuple[Action, Action]]:
    """What comes before what because of one relationship, for whole mappers."""
    after_save, before_delete = process(item, deleting=False), process(item)
    own, target = name(item.parent.base_mapper), name(item.target.base_mapper)
    saves, deletes = Action(Kind.SAVE, own), Action(Kind.DELETE, own)
    target_saves, target_deletes = Action(Kind.SAVE, target), Action(Kind.DELETE, target)
    yield saves, deletes
    yield target_saves, target_deletes
    if item.direction == "many_to_many":
        yield saves, after_save
        yield target_saves, after_save
        yield after_save, target_deletes
        yield from ((before_delete, then) for then in (saves, deletes, target_saves, target_deletes))
    elif item.post_update:
        staying, going = (Action(Kind.POST_UPDATE, updated(item), deleting=each) for each in (False, True))
        yield saves, after_save
        yield target_saves, after_save
        yield after_save, staying
        yield before_delete, going
        yield going, deletes
        yield going, target_deletes
        if item.direction == "one_to_many":
            yield target_saves, before_delete
            yield before_delete, staying
            yield staying, deletes
        else:
            yield after_save, going
    elif item.direction == "one_to_many":
        yield saves, after_save
        yield from ((after_save, then) for then in (target_saves, target_deletes))
        yield from ((before_delete, then) for then in (target_saves, target_deletes))
        yield from ((first, deletes) for first in (target_saves, target_deletes))
    else:
        yield target_saves, after_save
        yield after_save, saves
        yield saves, target_deletes
        yield deletes, target_deletes


def deletion(mapper: Mapper[Any]) -> Action:
    """The step that deletes all objects of the mapper's hierarchy."""
    return Action(Kind.DELETE, name(mapper.base_mapper))


def process(item: Relation, parent: Entity | None = None, *, deleting: bool = True) -> Action:
    """The step that looks through a relationship of all objects, or of *parent*."""
    return Action(Kind.PROCESS, processor(item), deleting=deleting, entity=parent)


def updated(item: Relation) -> str:
    """The name of the mapper whose rows post_update writes."""
    return name((item.target if item.direction == "one_to_many" else item.parent).base_mapper)


def name(mapper: Mapper[Any]) -> str:
    """The mapper's name as SQLAlchemy sorts by it."""
    return f"{mapper.class_.__module__}.{mapper.class_.__name__}"


def processor(item: Relation) -> str:
    """The relationship's name as SQLAlchemy sorts by it."""
    return f"{name(item.prop.parent)}_{item.prop.key}"


def on_cycles(edges: Edges[Node]) -> set[Node]:
    """The nodes that lead back to themselves."""
    following: dict[Node, set[Node]] = defaultdict(set)
    for first, second in edges:
        following[first].add(second)
    found: set[Node] = set()
    for start in list(following):
        seen: set[Node] = set()
        pending = [start]
        while pending:
            for after in following.get(pending.pop(), ()):
                if after not in seen:
                    seen.add(after)
                    pending.append(after)
        if start in seen:
            found.add(start)
    return found


def tiers(
    nodes: Collection[Node],
    before: Edges[Node],
    silent: Collection[Node] = (),
    delayed: Collection[Node] = (),
) -> list[list[Node]]:
    """The nodes, those together that are free at the same time, in the given order; without those held by a cycle.

    *silent* nodes only pass on what they wait for: they take no level of their own. *delayed* ones wait until nothing else
    is free.
    """
    waiting: dict[Node, int] = dict.fromkeys((*nodes, *silent), 0)
    following: dict[Node, list[Node]] = defaultdict(list)
    for first, second in before:
        if first in waiting and second in waiting:
            waiting[second] += 1
            following[first].append(second)
    place = {node: number for number, node in enumerate(nodes)}
    found: list[list[Node]] = []
    free = [node for node in nodes if not waiting[node]]
    while free:
        now = [node for node in free if node not in delayed] or free
        found.append(now)
        freed = [node for node in free if node in delayed] if now is not free else []
        pending = list(now)
        while pending:
            for after in following[pending.pop()]:
                waiting[after] -= 1
                if not waiting[after]:
                    (freed if after in place else pending).append(after)
        free = sorted(freed, key=place.__getitem__)
    return found
